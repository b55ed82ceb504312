-- Run as authenticator: nobody but the superuser sets cost, policy or claim paths.
\set ON_ERROR_STOP 0
select tap.plan(25);
select tap.is(fixture.refusal('set ' || name || ' = ' || value), '42501 ', name || ' can not be set')
  from (values ('pg_gatehouse.bcrypt_cost', '10'), ('pg_gatehouse.hash_niceness', '0'), ('pg_gatehouse.password_algorithm', 'argon2id'),
               ('pg_gatehouse.password_min_length', '6'), ('pg_gatehouse.password_min_score', '0'),
               ('pg_gatehouse.issuer', '''x'''), ('pg_gatehouse.audience', '''x'''),
               ('pg_gatehouse.access_token_ttl', '86400'), ('pg_gatehouse.tenant_claim', '''x'''),
               ('pg_gatehouse.role_claim', '''x'''), ('pg_gatehouse.permissions_claim', '''x'''),
               ('pg_gatehouse.session_lifetime', '''400d'''), ('pg_gatehouse.session_idle_timeout', '''400d'''),
               ('pg_gatehouse.refresh_reuse_interval', '''5min'''), ('pg_gatehouse.single_session_per_user', 'off'),
               ('pg_gatehouse.password_change_requires', 'session'),
               ('pg_gatehouse.sign_up', 'on'), ('pg_gatehouse.anonymous_sign_ins', 'on'),
               ('pg_gatehouse.before_sign_up_hook', '''x.y'''), ('pg_gatehouse.custom_claims_hook', '''x.y'''),
               ('pg_gatehouse.event_hook', '''x.y'''),
               ('pg_gatehouse.client_address_header', '''x'''), ('pg_gatehouse.trust_request_claims', 'on')) as setting (name, value);
select tap.is(fixture.refusal('set pg_gatehouse.master_key_file = ''/etc/passwd'''), '55P02 ', 'the master key file is for the configuration file');
-- From 16 on, DETAIL names the role that may.
select tap.matches(fixture.refusal('show pg_gatehouse.master_key_file'), '^42501 ', 'and not even its path is shown');
select * from tap.finish();
