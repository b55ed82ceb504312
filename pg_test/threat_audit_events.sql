-- Run as authenticator. Nobody reads, forges, changes or outlives the audit.
\set ON_ERROR_STOP 0
select token as alice from fixture.token where name = 'alice' \gset
select id as alice_id, tenant_id as acme from fixture.person where name = 'alice' \gset
select tenant_id as globex from fixture.person where name = 'bob' \gset
select tap.plan(20);

-- tables, internals and settings
select tap.matches(fixture.refusal(statement), '^42501 ', statement)
  from unnest(array[
    'select from auth.audit_event', 'select from auth.audit_event_default', 'insert into auth.audit_event (event, outcome) values (''x'', ''success'')',
    'update auth.audit_chain set position = 0', 'delete from auth.audit_anchor', 'select auth.record_event(''x'', ''failure'')',
    'select auth.note_event(''{"outcome": "failure"}'')', 'select auth.seal_audit()', 'select * from auth.verify_audit()', 'select auth.maintain_audit()',
    'select auth.revoke_session_always(gen_random_uuid(), ''x'')', 'set pg_gatehouse.audit_log = off', 'set pg_gatehouse.audit_retention = 1']) as statement;

-- whose events are read is decided by the sealed claims alone
select tap.is(fixture.refusal('select * from auth.my_events()'), '42501 ', 'the login role has no events');
begin;
select set_config('request.jwt.claims', jsonb_build_object('sub', :'alice_id', 'tenant_id', :'acme', 'permissions', '{*:*}'::text[])::text, true);
set local role authenticated;
select tap.is(fixture.refusal('select * from auth.my_events()'), '42501 not_authenticated', 'forged claims show nothing');
select tap.is(fixture.refusal('select * from auth.tenant_events()'), '42501 permission_denied', 'forged permissions show nothing');
rollback;
select fixture.enter('reader', 'acme', 'member') as member \gset
begin;
select auth.authenticate(:'member');
select tap.is(fixture.refusal('select * from auth.tenant_events()'), '42501 permission_denied', 'members need audit:read');
select tap.cmp_ok((select count(*) from auth.my_events()), '>', 0::bigint, 'users see their own');
rollback;
begin;
select auth.authenticate((select token from fixture.token where name = 'bob'));
select tap.cmp_ok((select count(*) from auth.tenant_events()), '>', 0::bigint, 'audit:read shows the active tenant''s');
select tap.is((select count(*) from auth.tenant_events() where user_id = :'alice_id'), 0::bigint, 'and no other''s');
rollback;
select * from tap.finish();
