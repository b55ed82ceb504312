-- Run as authenticator. Anonymous users: what they are, what they are not let do, and how they cease
-- to be anonymous.
\set ON_ERROR_STOP 0
select tap.plan(36);
\set password '''seven green sailing boats'''
set role anon;
select tap.is((auth.sign_in_anonymously()).status, 'anonymous_provider_disabled', 'there are none unless the operator says so');
select fixture.configure('anonymous_sign_ins', 'on') \gset
select fixture.configure('sign_up', 'off') \gset
select tap.is((auth.sign_in_anonymously()).status, 'signup_disabled', 'nor where nobody may sign up');
select tap.is((auth.sign_up('ann@example.com', :password)).status, 'signup_disabled', 'which holds for everybody');
select tap.is((auth.request_otp('ann.by.mail@example.com')).status, 'ok', 'by mail, too, where the answer tells nothing');
select tap.is(fixture.mail('ann.by.mail@example.com', 'magic_link'), null, 'but no mail leaves');
select fixture.configure('sign_up', 'on') \gset

select status, access_token as token, refresh_token as refresh, "user" from auth.sign_in_anonymously('{"name": "Nobody"}') \gset
select tap.is('' || :'status', 'ok', 'they are signed in');
select tap.is(:'user'::jsonb - '{id,aud,role,created_at,updated_at,last_sign_in_at}'::text[],
              '{"email": "", "phone": "", "is_anonymous": true, "identities": [], "app_metadata": {}, "user_metadata": {"name": "Nobody"}}', 'as users without an address');
select tap.is((auth.refresh(:'refresh')).status, 'ok', 'and refresh like others');
select tap.is((auth.sign_in_anonymously(metadata)).status, 'validation_failed', 'with an object for metadata')
  from unnest(array['[]', to_jsonb(repeat('x', 10)), jsonb_build_object('x', repeat(md5(random()::text), 1000))]) as metadata;
reset role;

-- what they may not
create function pg_temp.as_user(token text, statement text) returns text language plpgsql as $$
declare
    result text;
    detail text;
begin
    perform auth.authenticate(token);
    execute statement into result;
    return result;
exception when others then
    get stacked diagnostics detail = pg_exception_detail;
    return sqlstate || ' ' || detail;
end
$$;
grant execute on function pg_temp.as_user(text, text) to public;
begin; select pg_temp.as_user(:'token', 'select auth.jwt() ->> ''is_anonymous'' || auth.role()') as r \gset
rollback;
select tap.is('' || :'r', 'trueauthenticated', 'the token says what they are');
begin; select pg_temp.as_user(:'token', 'select auth.create_tenant(''mine'', ''Mine'')') as r \gset
rollback;
select tap.is('' || :'r', '42501 anonymous_user', 'they make no tenant');
begin; select pg_temp.as_user(:'token', 'select auth.create_api_key(''mine'')') as r \gset
rollback;
select tap.is('' || :'r', '42501 anonymous_user', 'and no key that outlasts them');
begin; select pg_temp.as_user(:'token', format('select (auth.accept_invitation(%L)).status', fixture.invite('ann@example.com', 'member', 'acme'))) as r \gset
rollback;
select tap.is('' || :'r', 'invite_not_found', 'they take up nobody''s invitation');
begin; select pg_temp.as_user(:'token', format('select (auth.update_user(%L)).status', :password)) as r \gset
rollback;
select tap.is('' || :'r', 'validation_failed', 'nor have they a password without an address');
begin; select pg_temp.as_user(:'token', 'select (auth.reauthenticate()).status') as r \gset
rollback;
select tap.is('' || :'r', 'validation_failed', 'or a code by mail');

-- tenants
select fixture.tenant_for_strangers() \gset
set role anon;
select status, access_token as member from auth.sign_in_anonymously('{}', 'open-to-all') \gset
reset role;
begin; select pg_temp.as_user(:'member', 'select auth.has_role(''member'')::text || (auth.jwt() ->> ''tenant_slug'')') as r \gset
rollback;
select tap.is('' || :'r', 'trueopen-to-all', 'they join a tenant that is open to all');
set role anon;
select tap.is((auth.sign_in_anonymously('{}', tenant)).status, 'signup_disabled', 'and no other: ' || tenant)
  from unnest(array['open-to-some', 'open-to-none', 'no-such-tenant']) as tenant;
select status, access_token as islander, "user" ->> 'id' as islander_id from auth.sign_in_anonymously('{}', 'open-island') \gset
reset role;
select tap.is(fixture.pool(:'islander_id'), 'open-island', 'in an isolated one they are of its pool');

-- with an address that counts at once
begin; select pg_temp.as_user(:'token', 'select (auth.update_user(email => ''alice@example.com'')).status') as r \gset
commit;
select tap.is('' || :'r', 'email_exists', 'an address that is taken is none for them');
select fixture.let_proofs_age(:'user'::jsonb ->> 'id', '2 days') \gset
begin; select pg_temp.as_user(:'token', format('select (u).status || ((u)."user" ->> ''is_anonymous'') || ((u)."user" ->> ''id'') from auth.update_user(%L, ''Ann@example.com'') as u', :password)) as r \gset
commit;
select tap.is('' || :'r', 'okfalse' || (:'user'::jsonb ->> 'id'), 'with one of their own and a password they are the same user, and no longer anonymous');
set role anon;
select status, "user" ->> 'id' as id, "user" #>> '{identities,0,provider}' as provider from auth.sign_in('ann@example.com', :password) \gset
select tap.is(:'status' || ' ' || :'id' || ' ' || :'provider', 'ok ' || (:'user'::jsonb ->> 'id') || ' email', 'who signs in like any other');
select access_token as token from auth.sign_in('ann@example.com', :password) \gset
reset role;
begin; select pg_temp.as_user(:'token', 'select auth.jwt() ->> ''is_anonymous''') as r \gset
rollback;
select tap.is('' || :'r', 'false', 'and whose tokens say so');

-- with one that is to be proved
select fixture.configure('autoconfirm', 'off') \gset
begin; select pg_temp.as_user(:'member', format('select (u).status || ((u)."user" ->> ''is_anonymous'') || ((u)."user" ->> ''new_email'') || ((u)."user" ->> ''email'') from auth.update_user(%L, ''bea@example.com'') as u', :password)) as r \gset
commit;
select tap.is('' || :'r', 'oktruebea@example.com', 'until it is proved they stay anonymous');
select tap.is(fixture.mail('bea@example.com', 'email_change_current'), null, 'there is no old address to ask');
set role anon;
select tap.is((auth.sign_in('bea@example.com', :password)).status, 'invalid_credentials', 'nor do they sign in with the new one');
select fixture.mail('bea@example.com', 'email_change_new') ->> 'token' as link \gset
select status, "user" ->> 'is_anonymous' as anonymous, "user" ->> 'new_email' is null as done from auth.verify_link(:'link', 'email_change') \gset
select tap.is(:'status' || ' ' || :'anonymous' || ' ' || :'done', 'ok false t', 'its link ends that');
select tap.is((auth.sign_in('bea@example.com', :password)).status, 'ok', 'and the password counts');
reset role;

-- by the operator
set role anon;
select "user" ->> 'id' as cleo from auth.sign_in_anonymously() \gset
reset role;
select fixture.operate(format('select auth.admin_update_user(%L, email => ''cleo@example.com'') ->> ''is_anonymous''', :'cleo')) as before,
       fixture.operate(format('select auth.admin_update_user(%L, email_confirm => true) ->> ''is_anonymous''', :'cleo')) as after \gset
select tap.is(:'before' || ' ' || :'after', 'true false', 'an address that the operator confirms ends it as well');

-- in the end
select fixture.let_sessions_end(:'islander_id', '31 days') \gset
select fixture.pruned() as pruned \gset
select tap.is('' || :'pruned', '1', 'whoever nobody can come back as is deleted');
select tap.is(fixture.pool(:'islander_id'), null, 'for good');
select tap.is(fixture.pool(:'user'::jsonb ->> 'id'), 'shared', 'but nobody else');
set role anon;
select tap.is(fixture.refusal('select auth.prune_anonymous_users()'), '42501 ', 'which the operator does');
select * from tap.finish();
