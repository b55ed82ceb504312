-- Run as authenticator. The last owner can not leave, be demoted, suspended or removed.
\set ON_ERROR_STOP 0
select tap.plan(11);
select fixture.id('bob') as bob_id, token as bob from fixture.token where name = 'bob' \gset

begin;
select auth.authenticate(:'bob');
select fixture.refusal('select auth.leave_tenant()') as leave,
       fixture.refusal(format('select auth.revoke_role(%L, %L)', :'bob_id', 'owner')) as demote,
       fixture.refusal(format('select auth.remove_member(%L)', :'bob_id')) as remove,
       fixture.refusal(format('select auth.suspend_member(%L)', :'bob_id')) as suspend \gset
commit;
select tap.is(code, '42501 last_owner', what) from (values (:'leave', 'leave'), (:'demote', 'be demoted'), (:'remove', 'be removed'), (:'suspend', 'be suspended')) as t (code, what);

-- an admin is no owner, and a suspended owner is none
select fixture.enter('ada', 'globex', 'admin') as ada, fixture.enter('otto', 'globex', 'owner') as otto \gset
begin;
select auth.authenticate(:'bob');
select auth.suspend_member(fixture.id('otto'));
select fixture.refusal('select auth.leave_tenant()') as leave \gset
select auth.resume_member(fixture.id('otto'));
commit;
select tap.is('' || :'leave', '42501 last_owner', 'a suspended owner does not count');

-- with a second one
begin;
select auth.authenticate(:'bob');
select auth.revoke_role(:'bob_id', 'owner') as left_over \gset
select fixture.refusal(format('select auth.grant_role(%L, %L)', :'bob_id', 'owner')) as again,
       fixture.refusal(format('select auth.grant_role(%L, %L)', :'bob_id', 'viewer')) as viewer \gset
commit;
select tap.is('' || :'left_over', '{}', 'one of two owners may step down');
select tap.is('' || :'again', '42501 permission_missing', 'and can not come back, in the same transaction');
select tap.is('' || :'viewer', '42501 permission_missing', 'or be anything else: what the token says does not count');
begin;
select auth.authenticate(:'otto');
select fixture.refusal('select auth.leave_tenant()') as leave \gset
select auth.grant_role(:'bob_id', 'owner') as held \gset
select fixture.refusal('select auth.leave_tenant()') as leave_now \gset
commit;
select tap.is('' || :'leave', '42501 last_owner', 'the other one is the last now');
select tap.is('' || :'held', '{owner}', 'until they make a new one');
select tap.is('' || :'leave_now', 'accepted', 'and may leave then');
select * from tap.finish();
