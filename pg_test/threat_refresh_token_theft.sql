-- Run as authenticator. What a stolen refresh token is good for, and what stands in front of it.
\set ON_ERROR_STOP 0
set role anon;
select tap.plan(39);

-- Thief and user take turns: neither keeps access, whoever comes first.
select access_token as a, refresh_token as stolen from auth.sign_up('theo@example.com', 'seven green sailing boats') \gset
select access_token as users, refresh_token as users_next from auth.refresh(:'stolen') \gset
select fixture.let_time_pass('theo', '11 seconds');
select status from auth.refresh(:'stolen') \gset
select tap.is('' || :'status', 'refresh_token_already_used', 'the thief comes second');
select tap.is((auth.refresh(:'users_next')).status, 'refresh_token_already_used', 'the user must sign in again, and so learns of it');
select tap.is(fixture.authenticates(:'users'), 'token_revoked', 'no access token is left');

select refresh_token as stolen from auth.sign_in('theo@example.com', 'seven green sailing boats') \gset
select access_token as thiefs, refresh_token as thiefs_next from auth.refresh(:'stolen') \gset
select fixture.let_time_pass('theo', '11 seconds');
select status from auth.refresh(:'stolen') \gset
select tap.is('' || :'status', 'refresh_token_already_used', 'the thief comes first, and the user reports it unknowingly');
select tap.is(fixture.authenticates(:'thiefs'), 'token_revoked', 'which ends the thief''s access token');
select tap.is((auth.refresh(:'thiefs_next')).status, 'refresh_token_already_used', 'and refresh token');

-- Each brings the token before the unused one, for ever: the pattern that an exception for it would never notice.
select refresh_token as shared from auth.sign_in('theo@example.com', 'seven green sailing boats') \gset
select refresh_token as next from auth.refresh(:'shared') \gset
select fixture.let_time_pass('theo', '11 seconds');
select (auth.refresh(:'shared')).status as thief, (auth.refresh(:'next')).status as victim \gset
select tap.is('' || :'thief' || ' ' || :'victim', 'refresh_token_already_used refresh_token_already_used', 'taking turns is noticed at the first turn');

-- A reuse that is undone with a savepoint is noticed within the transaction already.
select refresh_token as s0 from auth.sign_in('theo@example.com', 'seven green sailing boats') \gset
select refresh_token as s1 from auth.refresh(:'s0') \gset
select fixture.let_time_pass('theo', '11 seconds');
begin;
select (auth.refresh(:'s0')).status as reuse, (auth.refresh(:'s1')).status as after \gset
commit;
select tap.is('' || :'reuse' || ' ' || :'after', 'refresh_token_already_used refresh_token_already_used', 'in one transaction');

-- Names in front of ours.
create temp table refresh_token (id uuid, session_id uuid, parent_id uuid, token_hash bytea, created_at timestamptz, used_at timestamptz);
create temp table session (id uuid, user_id uuid);
create function pg_temp.clock_timestamp() returns timestamptz language sql as $$ select '1970-01-01'::timestamptz $$;
create function pg_temp.gen_random_uuid() returns uuid language sql as $$ select '00000000-0000-4000-8000-000000000001'::uuid $$;
create function pg_temp.wrong(timestamptz, timestamptz) returns boolean language sql as 'select true';
create operator pg_temp.> (leftarg = timestamptz, rightarg = timestamptz, function = pg_temp.wrong);
select refresh_token as s0 from auth.sign_in('theo@example.com', 'seven green sailing boats') \gset
set search_path = pg_temp, pg_catalog;
select access_token as a1, refresh_token as s1 from auth.refresh(:'s0') \gset
select fixture.let_time_pass('theo', '11 seconds');
select status from auth.refresh(:'s0') \gset
reset search_path;
select tap.is('' || :'status', 'refresh_token_already_used', 'temporary tables, functions and operators change nothing');
select tap.is(fixture.authenticates(:'a1'), 'token_revoked', 'nor do they bring a session back');

-- The functions inside are nobody's to call.
set role authenticated;
select tap.is(fixture.refusal('select auth.' || call), '42501 ', call)
  from (values ('mint_session_token(gen_random_uuid(), null)'), ('new_refresh_token()'), ('refresh_token_hash(''x'')'),
               ('next_refresh_token(''x'', gen_random_uuid())'), ('begin_refresh_chain(gen_random_uuid())'),
               ('follow_refresh_chain(''x'', gen_random_uuid())'), ('new_token_id()'),
               ('remember_token_id(''{}'', gen_random_uuid())'), ('revoke_session_always(gen_random_uuid(), ''x'')'),
               ('end_sessions_of(gen_random_uuid(), null, ''x'')'), ('session_limits(null)'), ('require_session()'),
               ('prune_sessions()'), ('open_session(null, null, ''x'')'), ('issue_access_token(null, null, null)'),
               ('rotate_refresh_token(''x'', null)'), ('refuse_refresh(''x'', null, null)'), ('password_refusal(null, ''x'', null)'),
               ('update_refusal(null, ''x'', null, null, null, null, null)')) as t (call);
select tap.ok(not has_function_privilege(r, p.oid, 'execute'), r || ' can not call ' || p.proname)
  from (values ('anon'), ('service_role')) as role (r), pg_proc as p
 where pronamespace = 'auth'::regnamespace
   and proname in ('mint_session_token', 'open_session', 'issue_access_token', 'next_refresh_token', 'revoke_session_always')
 order by 1;
select * from tap.finish();
