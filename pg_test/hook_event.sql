-- The deployment's function is told of what has happened, in its transaction, and is a part of it.
begin;
select tap.plan(11);
select fixture.join('eva') as eva \gset
delete from deployment.noted;
set local pg_gatehouse.event_hook = 'deployment.note_event';

select status from auth.sign_in('eva@example.com', 'seven green sailing boats') \gset
select tap.results_eq($$ select what ->> 'event', what ->> 'outcome', (what ->> 'user_id')::uuid, what #>> '{detail,method}', by_whom from deployment.noted $$,
                      $$ values ('sign_in', 'success', fixture.id('eva'), 'password', 'hook_owner') $$, 'of a sign-in, as its owner');
select tap.bag_eq($$ select jsonb_object_keys(what) from deployment.noted $$,
                  $$ select unnest(array['at', 'event', 'outcome', 'user_id', 'tenant_id', 'session_id', 'ip', 'user_agent', 'detail']) $$, 'all there is to tell');
select tap.is((select (what ->> 'at')::timestamptz from deployment.noted), (select at from auth.audit_event where event = 'sign_in' and user_id = fixture.id('eva') order by id desc limit 1),
              'which is what the audit has');

delete from deployment.noted;
select status from auth.sign_in('eva@example.com', 'wrong') \gset
select tap.is((select count(*) from deployment.noted), 0::bigint, 'not of a failure, which outlives the transaction');

savepoint undone;
select status from auth.sign_in('eva@example.com', 'seven green sailing boats') \gset
select tap.is((select count(*) from deployment.noted), 1::bigint, 'what it writes');
rollback to undone;
select tap.is((select count(*) from deployment.noted), 0::bigint, 'goes with the transaction');

set local pg_gatehouse.event_hook = 'deployment.note_and_sign_up';
select status from auth.sign_in('eva@example.com', 'seven green sailing boats') \gset
select tap.is((select string_agg(what ->> 'event', ' ') from deployment.noted), 'sign_in', 'what it does itself is not told in turn');
select tap.is((select count(*) from auth.audit_event where event = 'throttle_reset'), 1::bigint, 'but recorded');

set local pg_gatehouse.event_hook = 'deployment.fail_event';
select tap.is(fixture.refusal($$ select auth.sign_in('eva@example.com', 'seven green sailing boats') $$), '38000 hook_failed', 'when it fails, so does what happened');
select tap.is(fixture.refusal($$ select auth.sign_in('eva@example.com', 'wrong') $$), 'accepted', 'a refusal is a refusal all the same');
set local pg_gatehouse.event_hook = 'deployment.note_event';
select status from auth.sign_in('eva@example.com', 'seven green sailing boats') \gset
select tap.is('' || :'status', 'ok', 'and it is told again after it failed');
select * from tap.finish();
rollback;
