-- Run as authenticator. Users see, name and end their own sessions, and nobody else's.
\set ON_ERROR_STOP 0
set role anon;
select tap.plan(33);
select access_token as one, refresh_token as one_refresh, "user" ->> 'id' as owen from auth.sign_up('owen@example.com', 'seven green sailing boats') \gset
select access_token as two, refresh_token as two_refresh from auth.sign_in('owen@example.com', 'seven green sailing boats') \gset
select access_token as three, refresh_token as three_refresh from auth.sign_in('owen@example.com', 'seven green sailing boats') \gset
select access_token as other, "user" ->> 'id' as olga from auth.sign_up('olga@example.com', 'seven green sailing boats') \gset

begin;
select auth.authenticate(:'one');
select auth.update_session('  Owen''s "phone" ☎  ');
select count(*) as n, count(*) filter (where current) as current, max(device_name) filter (where current) as name,
       bool_and(created_at <= refreshed_at and expires_at > now() + interval '29 days') as times, auth.session_id() as one_id
  from auth.my_sessions() \gset
select fixture.refusal('select auth.update_session(repeat(''x'', 101))') as long_name,
       fixture.refusal($$ select auth.update_session(E'a\nb') $$) as bad_name \gset
select auth.update_session(null);
select max(device_name) is null as unnamed from auth.my_sessions() where current \gset
select auth.update_session('Laptop');
commit;
select tap.is('' || :'n', '3', 'a user sees all own sessions');
select tap.is('' || :'current', '1', 'one of which is asking');
select tap.is('' || :'name', 'Owen''s "phone" ☎', 'its device can be named');
select tap.ok(:'times', 'with the times');
select tap.is('' || :'long_name', '22023 device_name_invalid', 'a name has 100 characters at most');
select tap.is('' || :'bad_name', '22023 device_name_invalid', 'and no control characters');
select tap.ok(:'unnamed', 'and can be taken away');

begin;
select auth.authenticate(:'other');
select auth.end_session(:'one_id') as ended, auth.end_session(gen_random_uuid()) as nothing, auth.end_session(null) is true as nobody,
       count(*) as n from auth.my_sessions() \gset
commit;
select tap.is('' || :'ended' || :'nothing' || :'nobody', 'fff', 'nobody ends a session of others');
select tap.is('' || :'n', '1', 'or sees one');
select tap.is(fixture.authenticates(:'one'), 'accepted', 'which lives on');

begin;
select auth.authenticate(:'two');
select id as one_id from auth.my_sessions() where device_name = 'Laptop' \gset
select auth.end_session(:'one_id') as ended, auth.end_session(:'one_id') as again, count(*) as n from auth.my_sessions() \gset
commit;
select tap.is('' || :'ended', 't', 'one''s own session can be ended from another');
select tap.is('' || :'again', 'f', 'once');
select tap.is(fixture.authenticates(:'one'), 'token_revoked', 'and its access token is refused at once');
select tap.is((auth.refresh(:'one_refresh')).status, 'session_not_found', 'with its refresh token');
select tap.is(fixture.authenticates(:'two'), 'accepted', 'the others live on');

begin;
select auth.authenticate(:'two');
select auth.sign_out('others') as ended \gset
commit;
select tap.is('' || :'ended', '1', 'signing the others out');
select tap.is(fixture.authenticates(:'three'), 'token_revoked', 'ends the others');
select tap.is(fixture.authenticates(:'two'), 'accepted', 'and not this one');
begin;
select auth.authenticate(:'two');
select auth.sign_out('others') as ended \gset
select fixture.refusal('select auth.sign_out(''everywhere'')') as scope, fixture.refusal('select auth.sign_out(null)') as no_scope \gset
select auth.sign_out('local') as local, auth.uid() = :'owen' as still \gset
commit;
select tap.is('' || :'ended', '0', 'which may be none');
select tap.is('' || :'scope', '22023 scope_unknown', 'another scope is an error');
select tap.is('' || :'no_scope', '22023 scope_unknown', 'so is none');
select tap.is('' || :'local' || :'still', '1t', 'signing out here');
select tap.is(fixture.authenticates(:'two'), 'token_revoked', 'ends this session');
select tap.is((auth.refresh(:'two_refresh')).status, 'session_not_found', 'with its refresh token');

select access_token as one from auth.sign_in('owen@example.com', 'seven green sailing boats') \gset
select access_token as two from auth.sign_in('owen@example.com', 'seven green sailing boats') \gset
begin;
select auth.authenticate(:'one');
select auth.sign_out() as ended \gset
commit;
select tap.is('' || :'ended', '2', 'signing out means everywhere');
select tap.is(fixture.authenticates(:'one') || ' ' || fixture.authenticates(:'two'), 'token_revoked token_revoked', 'and ends all');
select tap.is(fixture.authenticates(:'other'), 'accepted', 'but nobody else');

-- Without a session of this database there is nothing to manage.
select fixture.sign(jsonb_build_object('sub', :'olga')) as api \gset
begin;
select auth.authenticate(:'api');
select fixture.refusal('select auth.sign_out()') as s1, fixture.refusal('select * from auth.my_sessions()') as s2,
       fixture.refusal('select auth.update_session(null)') as s3,
       fixture.refusal('select auth.update_user(user_metadata => ''{}'')') as s4 \gset
commit;
select tap.is(state, '42501 session_required', 'a token without a session manages none')
  from (values (:'s1'), (:'s2'), (:'s3'), (:'s4')) as t (state);
select tap.is(fixture.refusal('select auth.sign_out()'), '42501 ', 'anon has no session');
set role authenticated;
select tap.is(fixture.refusal('select auth.sign_out()'), '42501 not_authenticated', 'a role alone is nobody');
select * from tap.finish();
