-- Run as authenticator. A user of one tenant gets nowhere in another.
\set ON_ERROR_STOP 0
select tap.plan(25);
select token as alice from fixture.token where name = 'alice' \gset
select fixture.tenant('globex') as globex, fixture.id('bob') as bob_id, fixture.id('alice') as alice_id, '00000000-0000-4000-8000-000000000000' as nowhere \gset
select fixture.invite('zoe@example.com', 'member', 'globex') as invitation \gset

create temp table attempt (statement text, wanted text, got text, nowhere text);
grant all on attempt to authenticated;
insert into attempt (statement, wanted) select statement, '42501 tenant_not_active' from unnest(array[
    'select * from auth.tenant_members(%L)', 'select * from auth.tenant_roles(%L)', 'select * from auth.pending_invitations(%L)',
    'select auth.invite(''x@example.com'', ''member'', %L)', 'select auth.create_role(''x'', ''{}'', tenant => %L)', 'select auth.update_role(''member'', ''{}'', tenant => %L)',
    'select auth.delete_role(''member'', %L)', 'select auth.grant_role(auth.uid(), ''owner'', %L)', 'select auth.revoke_role(auth.uid(), ''owner'', %L)',
    'select auth.remove_member(auth.uid(), %L)', 'select auth.suspend_member(auth.uid(), %L)', 'select auth.resume_member(auth.uid(), %L)',
    'select auth.update_tenant(''{}'', %L)', 'select auth.delete_tenant(''globex'', %L)', 'select auth.revoke_invitation(auth.uid(), %L)']) as statement;
begin;
select auth.authenticate(:'alice');
update attempt set got = fixture.refusal(format(statement, :'globex')), nowhere = fixture.refusal(format(statement, :'nowhere'));
select status as s1, message as m1, coalesce(access_token, 'none') as t1 from auth.switch_tenant(:'globex') \gset
select status as s2, message as m2 from auth.switch_tenant(:'nowhere') \gset
select status as s3 from auth.switch_tenant(null) \gset
select fixture.refusal(format('select auth.grant_role(%L, ''owner'')', :'bob_id')) as bob \gset
select status as s4 from auth.accept_invitation(:'invitation') \gset
select fixture.refusal($$ select auth.suspend_tenant(auth.tenant_id()) $$) as suspend, fixture.refusal($$ select auth.resume_tenant(auth.tenant_id()) $$) as resume,
       fixture.refusal($$ select auth.set_role_template('member', '{*:*}') $$) as template \gset
select count(*) as seen from auth.tenant_members() where email like 'bob%' \gset
commit;
select tap.is(got, wanted, statement) from attempt;
select tap.is_empty('select from attempt where got <> nowhere', 'and each answers as for a tenant that is none');
select tap.is(:'s1' || ' ' || :'t1', 'tenant_not_found none', 'switching to another''s tenant');
select tap.is(:'s1' || :'m1', :'s2' || :'m2', 'answers as for a tenant that is none');
select tap.is('' || :'s3', 'tenant_not_found', 'and for null');
select tap.is('' || :'bob', '22023 member_not_found', 'nobody is pulled into a tenant');
select tap.is('' || :'s4', 'invite_not_found', 'another''s invitation');
select tap.is('' || :'seen', '0', 'nobody of another tenant is seen');
select tap.matches(code, '^42501', 'what is the operator''s') from unnest(array[:'suspend', :'resume', :'template']) as code;
select * from tap.finish();
