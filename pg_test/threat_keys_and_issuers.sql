-- Run as authenticator. No user reads keys, makes an issuer trusted, or does what the operator does;
-- and nothing that a user puts in front of our names changes what our functions do.
\set ON_ERROR_STOP 0
select token as alice from fixture.token where name = 'alice' \gset
select id as bob_id from fixture.person where name = 'bob' \gset
select tap.plan(6);

create temp table attempt (statement text, state text);
grant all on attempt to public;

begin;
select auth.authenticate(:'alice');
insert into attempt
select statement, fixture.refusal(statement)
  from unnest(array[
      'select * from auth.signing_key',
      'select * from auth.secret',
      'select * from auth.trusted_issuer',
      'select * from auth.external_identity',
      'update auth.trusted_issuer set allowed_roles = ''{service_role}''',
      'insert into auth.external_identity (issuer, subject, user_id) values (''x'', ''y'', gen_random_uuid())',
      'select auth.stage_signing_key()',
      'select auth.rotate_signing_key()',
      'select auth.revoke_signing_key(''known'')',
      'select auth.import_signing_key(repeat(''x'', 40), ''HS256'')',
      'select auth.prune_signing_keys()',
      'select auth.make_signing_key(''ES256'')',
      'select auth.activate_signing_key(''known'')',
      'select auth.next_signing_key(''ES256'')',
      'select auth.read_signing_key(repeat(''x'', 40), ''HS256'', null, true)',
      'select * from auth.signing_keys()',
      'select auth.rotate_master_key(''/etc/passwd'')',
      'select auth.reseal(''x'', ''y'', ''/etc/passwd'')',
      'select auth.trust_issuer(''x'', ''{}'', ''*'')',
      'select auth.update_jwks(''x'', ''{}'')',
      'select auth.distrust_issuer(''x'')',
      'select * from auth.trusted_issuers()',
      'select auth.adopt_identity(''x'', ''y'', ''bob@example.com'')',
      'select auth.verify_external(''x'')',
      'select auth.admin_create_user(''x@example.com'')',
      'select auth.admin_list_users()',
      'select auth.admin_end_sessions(gen_random_uuid())',
      'select auth.ban_user(gen_random_uuid())']) as attack (statement);
commit;
select tap.is_empty('select statement, state from attempt where state not like ''42501%''', 'each of these is refused');
select tap.is((select count(*)::int from attempt), 28, 'all of them were tried');

-- A user's own objects in front of ours.
create function pg_temp.uid() returns uuid language sql as 'select null::uuid';
create temp table api_key (id uuid, user_id uuid, key_hash bytea);
create temp table external_identity (issuer text, subject text, user_id uuid);
grant all on api_key, external_identity to public;
begin;
select auth.authenticate(:'alice');
set local search_path = pg_temp, public;
select name as seen from auth.my_api_keys() \gset
select count(*) as mine from auth.my_identities() \gset
select key as fresh from auth.create_api_key('in front') \gset
commit;
select tap.is((select count(*)::int from pg_temp.api_key), 0, 'nothing is written to a table that only has the name');
select tap.is('' || :'mine', '0', 'and nothing read from one');

begin;
select auth.authenticate(:'fresh');
select auth.email() as holder \gset
commit;
select tap.is('' || :'holder', 'alice@example.com', 'the key was made for who asked');
select tap.is(fixture.refusal($$ select auth.authenticate('eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4In0.') $$), '28000 token_algorithm_unknown',
              'a token without a signature is refused before its issuer is looked for');
select * from tap.finish();
