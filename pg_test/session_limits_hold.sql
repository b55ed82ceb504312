-- How long sessions live, and what ends them at once.
select tap.plan(34);
create function pg_temp.sign_in(out access text, out refresh text) language sql as
$$ select access_token, refresh_token from auth.sign_in('lena@example.com', 'seven green sailing boats') $$;
create function pg_temp.claims(token text) returns jsonb language sql as 'select claims from auth.jwt_decode_unverified(token)';
select status from auth.sign_up('lena@example.com', 'seven green sailing boats', '{}', 'acme') \gset

-- Idle.
set pg_gatehouse.session_idle_timeout = '1h';
select * from pg_temp.sign_in() \gset
select fixture.let_time_pass('lena', '59 min');
select refresh_token as refresh, status from auth.refresh(:'refresh') \gset
select tap.is('' || :'status', 'ok', 'a session that is used stays');
select fixture.let_time_pass('lena', '59 min');
select refresh_token as refresh, status, access_token as access from auth.refresh(:'refresh') \gset
select tap.is('' || :'status', 'ok', 'each refresh counts as use');
select fixture.let_time_pass('lena', '61 min');
select tap.is((auth.refresh(:'refresh')).status, 'session_expired', 'an idle session ends');
set pg_gatehouse.session_idle_timeout = '2min';
select tap.ok(expires_at < now() + interval '2min 5s', 'no access token outlives the idle timeout')
  from auth.sign_in('lena@example.com', 'seven green sailing boats');
reset pg_gatehouse.session_idle_timeout;
select tap.is((auth.refresh(:'refresh')).status, 'session_expired', 'for good');
select tap.is(fixture.authenticates(:'access'), 'token_revoked', 'and its access tokens with it');

-- Absolute.
set pg_gatehouse.session_lifetime = '2h';
select * from pg_temp.sign_in() \gset
select tap.is(expires_at - created_at < interval '2h 1s' and expires_at - created_at > interval '1h 59min', true, 'a session is given an end')
  from auth.session order by created_at desc limit 1;
select fixture.let_time_pass('lena', '1h 50min');
select status, refresh_token as refresh, access_token as access, expires_at < now() + interval '11 min' as shorter from auth.refresh(:'refresh') \gset
select tap.is('' || :'status', 'ok', 'until then it is refreshed');
select tap.ok(:'shorter', 'and no access token outlives it');
select tap.is(fixture.authenticates(:'access'), 'accepted', 'and authenticates');
select fixture.let_time_pass('lena', '11 min');
select tap.is(fixture.authenticates(:'access'), 'token_revoked', 'authenticating looks at the end of the session as well');
select tap.is((auth.refresh(:'refresh')).status, 'session_expired', 'then it has expired');
select * from pg_temp.sign_in() \gset
set pg_gatehouse.session_lifetime = '5min';
select fixture.let_time_pass('lena', '6 min');
select tap.is((auth.refresh(:'refresh')).status, 'session_expired', 'a shorter setting holds for sessions that are there already');
reset pg_gatehouse.session_lifetime;

-- A tenant's own.
begin;
alter table auth.tenant add column if not exists session_lifetime interval;
alter table auth.tenant add column if not exists session_idle_timeout interval;
update auth.tenant set session_lifetime = '40 min', session_idle_timeout = '20 min' where slug = 'acme';
select * from pg_temp.sign_in() \gset
select tap.cmp_ok(expires_at - created_at, '<', interval '41 min', 'a tenant''s lifetime wins') from auth.session order by created_at desc limit 1;
select fixture.let_time_pass('lena', '19 min');
select refresh_token as refresh, status from auth.refresh(:'refresh') \gset
select tap.is('' || :'status', 'ok', 'within a tenant''s idle timeout');
select fixture.let_time_pass('lena', '20 min 1s');
select tap.is((auth.refresh(:'refresh')).status, 'session_expired', 'and beyond it');
rollback;

-- One session for each user.
select * from pg_temp.sign_in() \gset
set pg_gatehouse.single_session_per_user = on;
select access as second, refresh as second_refresh from pg_temp.sign_in() \gset
reset pg_gatehouse.single_session_per_user;
select tap.is(fixture.authenticates(:'access'), 'token_revoked', 'where one session is allowed, a sign-in ends the others');
select tap.is((auth.refresh(:'refresh')).status, 'session_not_found', 'with their refresh tokens');
select tap.is(fixture.authenticates(:'second'), 'accepted', 'and opens its own');

-- What ends access ends it at the next authenticate and at the next refresh.
update auth."user" set banned_until = 'infinity' where email = 'lena@example.com';
select tap.is(fixture.authenticates(:'second'), 'token_revoked', 'a ban ends access tokens');
select tap.is((auth.refresh(:'second_refresh')).status, 'session_not_found', 'and refresh tokens');
update auth."user" set banned_until = null where email = 'lena@example.com';
select tap.is((auth.refresh(:'second_refresh')).status, 'session_not_found', 'which the end of the ban does not bring back');
select * from pg_temp.sign_in() \gset
alter table auth."user" disable trigger end_sessions;
update auth."user" set banned_until = 'infinity' where email = 'lena@example.com';
select tap.is((auth.refresh(:'refresh')).status, 'user_banned', 'refresh looks at the ban itself');
update auth."user" set banned_until = null where email = 'lena@example.com';
alter table auth."user" enable trigger end_sessions;

begin;
update auth.tenant set suspended_at = now() where slug = 'acme';
select tap.is(fixture.authenticates(:'access'), 'token_revoked', 'a suspended tenant ends access tokens');
-- Refused, or a token that names no tenant.
select tap.ok(coalesce(pg_temp.claims(access_token) ->> 'tenant_id', '') = '', 'and no refresh leads into it') from auth.refresh(:'refresh');
rollback;
begin;
delete from auth.membership using auth."user" where "user".id = user_id and email = 'lena@example.com';
select tap.is(status || coalesce(pg_temp.claims(access_token) ->> 'tenant_id', ' none'), 'ok none', 'who is no member is refreshed in no tenant')
  from auth.refresh(:'refresh');
rollback;
select tap.isnt(pg_temp.claims(access_token) ->> 'tenant_id', null, 'and a member in the tenant') from auth.refresh(:'refresh');
begin;
delete from auth."user" where email = 'lena@example.com';
select tap.is(fixture.authenticates(:'access'), 'token_revoked', 'a deleted user has no access');
select tap.is((auth.refresh(:'refresh')).status, 'refresh_token_not_found', 'and no refresh token');
rollback;

-- Another access token of the same session.
select s.id as session, s.user_id, s.tenant_id as tenant from auth.session as s join auth.refresh_token on session_id = s.id
 where token_hash = auth.refresh_token_hash(:'refresh') \gset
select status, access_token as minted, refresh_token is null as none from auth.mint_session_token(:'session', :'tenant') \gset
select tap.is(status, 'ok', 'a session mints access tokens') from (values (:'status')) as t (status);
select tap.is(fixture.authenticates(:'minted'), 'accepted', 'that authenticate');
select access_token as fresh, refresh_token as new_refresh from auth.mint_session_token(:'session', null, true) \gset
select tap.is((auth.refresh(:'refresh')).status || ' ' || fixture.authenticates(:'fresh'), 'refresh_token_already_used accepted',
              'a new chain takes the place of the old, which within the window harms nobody');
select tap.is((auth.refresh(:'new_refresh')).status, 'ok', 'and is followed');
begin;
savepoint before;
select access_token as lost from auth.mint_session_token(:'session', :'tenant') \gset
rollback to before;
commit;
select tap.is(fixture.authenticates(:'lost'), 'token_revoked', 'a token minted for a switch that was rolled back does not authenticate');
select * from tap.finish();
