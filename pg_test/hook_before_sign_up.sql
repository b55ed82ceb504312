-- Run as authenticator. The deployment's function is asked about everybody who is to become a user,
-- however they come, and its answer tells nothing of who is one already.
\set ON_ERROR_STOP 0
select tap.plan(24);
select fixture.configure('before_sign_up_hook', 'deployment.judge'), fixture.configure('anonymous_sign_ins', 'on') \gset
set role anon;
\set password '''seven green sailing boats'''

select status, message, "user" is null as nobody from auth.sign_up('ada@evil.example', :password) \gset
select tap.is(:'status' || ': ' || :'message', 'hook_rejected: Only addresses of example.com', 'it refuses in its own words');
select tap.ok(:'nobody', 'and nobody is made');
select tap.is((auth.sign_in('ada@evil.example', :password)).status, 'invalid_credentials', 'who could sign in');
select status, "user" -> 'app_metadata' ->> 'source' as source, "user" -> 'user_metadata' as about, "user" ->> 'email' as email
  from auth.sign_up('ada@example.com', :password, '{"name": "Ada", "dropped": 1}') \gset
select tap.is(:'status' || ' ' || :'source', 'ok password', 'it gives app_metadata');
select tap.is(:'about'::jsonb, '{"name": "Ada"}', 'changes user_metadata');
select tap.is('' || :'email', 'ada@example.com', 'and no address');

-- by mail
select status from auth.request_otp('otto@evil.example') \gset
select tap.is('' || :'status', 'ok', 'asking for a mail tells nothing');
select fixture.mail('otto@evil.example', 'magic_link') ->> 'token' as link \gset
select status, message from auth.verify_link(:'link') \gset
select tap.is(:'status' || ': ' || :'message', 'hook_rejected: Only addresses of example.com', 'bringing it back does');
select tap.is((auth.verify_link(:'link')).status, 'otp_expired', 'once');
select status from auth.request_otp('otto@example.com', user_metadata => '{"name": "Otto"}') \gset
select fixture.mail('otto@example.com', 'magic_link') ->> 'token' as link \gset
select status, "user" -> 'app_metadata' ->> 'source' as source, "user" -> 'user_metadata' ->> 'name' as name from auth.verify_link(:'link') \gset
select tap.is(:'status' || ' ' || :'source' || ' ' || :'name', 'ok otp Otto', 'a newcomer by mail');
select fixture.forget_notes() \gset
select status from auth.request_otp('otto@example.com') \gset
select fixture.mail('otto@example.com', 'magic_link') ->> 'token' as link \gset
select (auth.verify_link(:'link')).status as status \gset
select tap.is(:'status' || ' ' || (select count(*) from deployment.noted), 'ok 0', 'who is there already is not asked about');

-- anonymous, invited, of a link that the operator hands over
select status, "user" -> 'app_metadata' ->> 'source' as source from auth.sign_in_anonymously() \gset
select tap.is(:'status' || ' ' || :'source', 'ok anonymous', 'an anonymous user');
reset role;
select status, source from fixture.invited('ivy@example.com') \gset
select tap.is(:'status' || ' ' || :'source', 'ok invite', 'an invited one');
select status from fixture.invited('ivy@evil.example') \gset
select tap.is('' || :'status', 'hook_rejected', 'and one who is not wanted');
select tap.is(fixture.linked(kind, 'lee.' || kind || '@example.com'), 'ok ' || source, kind || ' by a link')
  from (values ('signup', 'password'), ('magiclink', 'otp')) as made (kind, source);
select tap.is(fixture.linked('signup', 'lee@evil.example'), 'hook_rejected ', 'or not');

-- null is a refusal, anything else a fault
set role anon;
select fixture.configure('before_sign_up_hook', 'deployment.give_null') \gset
select status, message from auth.sign_up('nils@example.com', :password) \gset
select tap.is(:'status' || ': ' || :'message', 'hook_rejected: Sign-up was refused', 'null refuses');
select tap.is(fixture.with_hook('before_sign_up_hook', hook, $$ select auth.sign_up('nils@example.com', 'seven green sailing boats') $$), '38000 hook_failed', hook)
  from unnest(array['deployment.give_list', 'deployment.fail', 'deployment.none']) as hook;
select fixture.configure('before_sign_up_hook', 'deployment.judge') \gset

-- with confirmation: a taken address and a new one are told apart by nothing
select fixture.configure('autoconfirm', 'off') \gset
select "user" - '{id,identities}'::text[] as known from auth.sign_up('ada@example.com', :password, '{"name": "X"}') \gset
select "user" - '{id,identities}'::text[] as fresh from auth.sign_up('new.ada@example.com', :password, '{"name": "X"}') \gset
select tap.is(fixture.shape(:'known'), fixture.shape(:'fresh'), 'both answers have the same members');
select tap.is(:'known'::jsonb #>> '{app_metadata,source}', :'fresh'::jsonb #>> '{app_metadata,source}', 'and the same metadata');
select tap.is((auth.sign_up('ada@evil.example', :password)).status, 'hook_rejected', 'a refusal comes before either');
select * from tap.finish();
