-- Own password and metadata. Run as the superuser, who turns the settings; each call is sealed.
select tap.plan(33);
select access_token as a, refresh_token as r from auth.sign_up('uma@example.com', 'seven green sailing boats', '{"name": "Uma", "old": 1}', 'acme') \gset
select access_token as b, refresh_token as rb from auth.sign_in('uma@example.com', 'seven green sailing boats') \gset
select claims ->> 'sub' as uma, claims ->> 'session_id' as session from auth.jwt_decode_unverified(:'a') \gset
\set password '''nine quiet mountain roads'''

-- Metadata.
begin;
select auth.authenticate(:'a');
select status, "user" -> 'user_metadata' as metadata from auth.update_user(user_metadata => '{"old": null, "new": {"a": null}}') \gset
select (auth.update_user(user_metadata => '[]')).status as s1, (auth.update_user(user_metadata => '"x"')).status as s2,
       (auth.update_user(user_metadata => 'null')).status as s3,
       (auth.update_user(user_metadata => jsonb_build_object('x', (select string_agg(md5(i::text), '') from generate_series(1, 600) as i)))).status as s4,
       (auth.update_user()).status as s5 \gset
commit;
select tap.is(:'metadata'::jsonb, '{"name": "Uma", "new": {"a": null}}', 'metadata is merged member by member, null takes one away');
select tap.is('' || :'s1' || ' ' || :'s2' || ' ' || :'s3', 'validation_failed validation_failed validation_failed', 'it stays an object');
select tap.is('' || :'s4', 'validation_failed', 'of at most 16 KiB');
select tap.is('' || :'s5', 'ok', 'nothing asked for, nothing done');
select tap.is(auth.merge_user_metadata('{"a": {"b": 1}}', '{"a": {"c": 2}}'), '{"a": {"c": 2}}', 'members of members are replaced');

-- What a new password must be.
begin;
select auth.authenticate(:'a');
select (auth.update_user('')).status as s1, (auth.update_user('short')).status as s2,
       (auth.update_user('seven green sailing boats')).status as s3, (auth.update_user('uma@example.com')).status as s4,
       (auth.update_user(:password, user_metadata => '[]')).status as s5, (auth.update_user(:password, 'no address')).status as s6,
       (auth.update_user(:password, 'two@at@example.com')).status as s7,
       (auth.update_user(:password, ' UMA@example.com')).status as s8, count(*) as n from auth.my_sessions() \gset
rollback;
select tap.is('' || :'s1', 'validation_failed', 'no empty password');
select tap.is('' || :'s2', 'weak_password', 'no weak one');
select tap.is('' || :'s3', 'same_password', 'not the same one');
select tap.is('' || :'s4', 'weak_password', 'not one''s own address');
select tap.is('' || :'s5' || ' ' || :'s6', 'validation_failed validation_failed', 'a wrong part refuses the whole');
select tap.is('' || :'s7', 'validation_failed', 'also where the new address is none');
select tap.is('' || :'s8', 'ok', 'one''s own address is no change');
begin;
alter table auth.tenant add column if not exists password_min_length integer;
update auth.tenant set password_min_length = 40 where slug = 'acme';
select auth.authenticate(:'a');
select status, reasons[1] as reason from auth.update_user(:password) \gset
rollback;
select tap.is('' || :'status', 'weak_password', 'a tenant may ask for more');
select tap.matches('' || :'reason', '40', 'and says how much');

-- It ends the other sessions.
begin;
select auth.authenticate(:'a');
select status, access_token is null as none, "user" ->> 'email' as email from auth.update_user(:password) \gset
commit;
select tap.is('' || :'status' || ' ' || :'email', 'ok uma@example.com', 'a user changes the password');
select tap.is(fixture.authenticates(:'b'), 'token_revoked', 'which ends the access tokens of other sessions');
select tap.is((auth.refresh(:'rb')).status, 'session_not_found', 'and their refresh tokens');
select tap.is(fixture.authenticates(:'a'), 'accepted', 'not the one that did it');
select tap.is((auth.sign_in('uma@example.com', 'seven green sailing boats')).status, 'invalid_credentials', 'the old password is gone');
select tap.is((auth.sign_in('uma@example.com', :password)).status, 'ok', 'the new one counts');

-- What must be shown for it.
\set third '''five little paper lanterns'''
update auth.session set amr = '[{"method": "password", "timestamp": 1000000000}]' where id = :'session';
begin;
select auth.authenticate(:'a');
select (auth.update_user(:third)).status as s1, (auth.update_user(:third, current_password => 'wrong')).status as s2,
       (auth.update_user(:third, nonce => '123456')).status as s3, (auth.update_user(:third, current_password => '')).status as s4,
       (auth.update_user(user_metadata => '{"still": true}')).status as s5 \gset
commit;
select tap.is('' || :'s1', 'reauthentication_needed', 'long after the sign-in the session does not suffice');
select tap.is('' || :'s2' || ' ' || :'s4', 'invalid_credentials invalid_credentials', 'nor does a wrong password');
select tap.is('' || :'s3', 'reauthentication_not_valid', 'nor a made-up code');
select tap.is('' || :'s5', 'ok', 'it does for the rest');
select tap.is(fixture.authenticates(:'a'), 'accepted', 'and nothing is lost');
begin;
select auth.authenticate(:'a');
select (auth.update_user(:third, current_password => :password)).status as s1 \gset
rollback;
select tap.is('' || :'s1', 'ok', 'the current password does');
set pg_gatehouse.password_change_requires = 'session';
begin;
select auth.authenticate(:'a');
select (auth.update_user(:third)).status as s1, (auth.update_user(:third, current_password => 'wrong')).status as s2 \gset
rollback;
select tap.is('' || :'s1', 'ok', 'where the operator says so, the session does');
select tap.is('' || :'s2', 'invalid_credentials', 'but a wrong password is wrong');
set pg_gatehouse.password_change_requires = 'current_password';
update auth.session set amr = jsonb_build_array(jsonb_build_object('method', 'password', 'timestamp', extract(epoch from now())::bigint))
 where id = :'session';
begin;
select auth.authenticate(:'a');
select (auth.update_user(:third)).status as s1 \gset
rollback;
select tap.is('' || :'s1', 'reauthentication_needed', 'or always the password, however fresh the session');
update auth.session set amr = amr || jsonb_build_object('method', 'recovery', 'timestamp', extract(epoch from now())::bigint)
 where id = :'session';
begin;
select auth.authenticate(:'a');
select (auth.update_user(:third)).status as s1 \gset
rollback;
select tap.is('' || :'s1', 'ok', 'unless the user came by a mailed code');
reset pg_gatehouse.password_change_requires;

select tap.is((select string_agg(distinct detail ->> 'reason', ' ') from auth.audit_event
                where event = 'user_updated' and outcome = 'failure' and detail ->> 'reason' in ('invalid_credentials', 'reauthentication_needed')),
              'invalid_credentials reauthentication_needed', 'refusals are recorded');
select tap.is(count(*)::int, 1, 'and so is the change') from auth.audit_event
 where event = 'password_changed' and user_id = :'uma';
select tap.ok(count(*) = 0, 'without what was in it') from auth.audit_event
 where detail::text ~ 'sailing boats|mountain roads|paper lanterns|gatehouse_rt_';
select * from tap.finish();
