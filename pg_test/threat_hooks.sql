-- Run as authenticator. A hook that fails, lies or is aimed at by a client gives nobody anything.
\set ON_ERROR_STOP 0
select tap.plan(57);
select fixture.join('hope') as hope \gset

-- claims: what goes wrong mints nothing
create temp table faulty (hook text, what text);
insert into faulty values
    ('deployment.fail', 'a hook that raises'), ('deployment.raise', 'or does so on purpose'), ('deployment.give_null', 'that gives null'), ('deployment.give_list', 'or a list'),
    ('deployment.grow', 'or too much'), ('deployment.take_over', 'that takes on another role'), ('deployment.read_users', 'that reads what is not its owner''s'),
    ('deployment.returns_text', 'of another type'), ('deployment.note_event', 'or for another purpose'), ('deployment.none', 'that is not there'),
    ('gone.hook', 'in no schema');
grant select on faulty to public;
select fixture.living_sessions('hope') as before \gset
set role anon;
select tap.is(fixture.with_hook('custom_claims_hook', hook, $$ select auth.sign_in('hope@example.com', 'seven green sailing boats') $$),
              '38000 hook_failed', what)
  from faulty;
select tap.is(fixture.living_sessions('hope'), :before::bigint, 'none of which has left a session');
select tap.is(fixture.with_hook('custom_claims_hook', 'deployment.fail', $$ select auth.sign_in('hope@example.com', 'seven green sailing boats') $$, 'message'),
              'a hook of this deployment failed', 'what the client is told is one text');

-- a refresh, a switch and a code fail the same way, and can be tried again
select fixture.configure('custom_claims_hook', '') \gset
select refresh_token as refresh, access_token as token from auth.sign_in('hope@example.com', 'seven green sailing boats') \gset
select fixture.challenged_link('hope') as link \gset
select auth_code as code from auth.follow_link(:'link') \gset
select fixture.configure('custom_claims_hook', 'deployment.fail') \gset
select tap.is(fixture.refusal(format('select auth.refresh(%L)', :'refresh')), '38000 hook_failed', 'a refresh');
select tap.is(fixture.refusal(format('select auth.exchange_code(%L, ''dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'')', :'code')),
              '38000 hook_failed', 'a code');
select fixture.configure('custom_claims_hook', '') \gset
select tap.is((auth.refresh(:'refresh')).status, 'ok', 'is good once the hook is mended');
select tap.is((auth.exchange_code(:'code', 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk')).status, 'ok', 'so is the code');

-- claims: a careless hook that copies what users say of themselves
select fixture.configure('custom_claims_hook', 'deployment.add_whatever_they_say') \gset
reset role;
create temp table lie (said jsonb, answer text);
insert into lie (said)
select jsonb_build_object(name, value)
  from (values ('role', '"service_role"'::jsonb), ('sub', to_jsonb(fixture.id('alice'))), ('tenant_id', to_jsonb(fixture.tenant('globex'))),
               ('permissions', '["*:*"]'), ('roles', '["owner"]'), ('aal', '"aal2"'), ('amr', '[{"method": "totp", "timestamp": 1}]'),
               ('exp', '9999999999'), ('iat', '1'), ('nbf', '0'), ('iss', '"https://idp.example"'), ('aud', '"other"'),
               ('jti', to_jsonb(gen_random_uuid())), ('session_id', to_jsonb(gen_random_uuid())), ('tenant_slug', '"globex"'),
               ('is_anonymous', 'true'), ('email', '"alice@example.com"'), ('app_metadata', '{"permissions": ["*:*"]}')) as said (name, value);
update lie set answer = fixture.says('hope', said);
select tap.is(answer, '38000 hook_failed', 'a user who says ' || said::text) from lie;
select tap.is(fixture.says('hope', '{"favourite": "blue", "admin": true}'), 'ok', 'what means nothing here is added as it is');
-- Found by a claim path, were the claim itself not there.
select fixture.says('hope', jsonb_build_object('app_metadata.tenant_id', fixture.tenant('acme'), 'app_metadata.permissions', '["*:*"]'::jsonb)) \gset
select access_token as token from fixture.let_in('hope') \gset
begin;
select auth.authenticate(:'token');
select coalesce(auth.tenant_id()::text, 'none') as tenant, auth.has_permission('x:y') as permitted \gset
commit;
select tap.is(:'tenant' || ' ' || :'permitted', 'none f', 'nor does a name that a claim path has');
select fixture.says('hope', '{}') \gset

-- a client's path, its functions and its temporary objects take no part
select fixture.configure('custom_claims_hook', 'deployment.add_plan') \gset
set role authenticated;
create function attack.lower(text) returns text language sql as $$ select 'stolen' $$;
create function attack.jsonb_build_object(variadic text[]) returns jsonb language sql as $$ select '{"plan": "stolen"}'::jsonb $$;
reset role;
create temp table noted (what jsonb);
create temp table allowed (domain text);
insert into allowed values ('evil.example');
grant all on noted, allowed to public;
set role anon;
begin;
set local search_path = pg_temp, attack, deployment, pg_catalog;
select access_token as token from auth.sign_in('hope@example.com', 'seven green sailing boats') \gset
commit;
reset role;
begin;
select auth.authenticate(:'token');
select auth.jwt() ->> 'plan' as plan, auth.role() as role \gset
commit;
select tap.is(:'plan' || ' ' || :'role', 'gold authenticated', 'a client''s functions are not found by it');
select tap.results_eq($$ select distinct by_whom, path from deployment.noted $$, $$ values ('hook_owner', 'pg_catalog, pg_temp') $$,
                      'it runs as its owner, under a path of ours');
select tap.is((select count(*) from noted), 0::bigint, 'a temporary table in front of its own stays empty');
select fixture.configure('custom_claims_hook', '') \gset

-- nor does a hook's owner get the rights of whoever calls
set role anon;
select fixture.configure('custom_claims_hook', 'deployment.poison') \gset
select tap.is((auth.sign_in('hope@example.com', 'seven green sailing boats')).status, 'ok', 'a hook that changes settings');
select tap.is(fixture.noted('poisoned'), 0::bigint, 'changes none for the functions that called it');
select tap.isnt(current_setting('search_path'), 'poisoned, pg_catalog', 'nor for the client');
select tap.is(fixture.with_hook('custom_claims_hook', 'deployment.wait_for_commit', $$ select auth.sign_in('hope@example.com', 'seven green sailing boats') $$),
              '38000 hook_failed', 'it leaves nothing to run at the commit, as the client');
select tap.is(fixture.noted('at commit'), 0::bigint, 'which has not run');
select tap.is(fixture.with_hook('custom_claims_hook', 'deployment.leave_table', $$ select auth.sign_in('hope@example.com', 'seven green sailing boats') $$),
              '38000 hook_failed', 'nor a table in front of the client''s');
reset role;

-- who names a hook, and which
select tap.is(fixture.refusal('set pg_gatehouse.custom_claims_hook = ''attack.lower'''), '42501 ', 'a client names none');
select tap.is(fixture.refusal(format('select fixture.configure(''custom_claims_hook'', %L)', name)), '22023 A hook is named schema.function, both in lower case and without quotes; empty for none.', name)
  from unnest(array['add_plan', 'pg_temp.add_plan', 'deployment.add_plan; drop table deployment.noted']) as name;
-- The operator's function is gone, and a client makes one in its place.
set role authenticated;
create function attack.claims(claims jsonb) returns jsonb language sql as $$ select claims || '{"plan": "platinum"}' $$;
reset role;
set role anon;
select tap.is(fixture.with_hook('custom_claims_hook', 'attack.claims', $$ select auth.sign_in('hope@example.com', 'seven green sailing boats') $$),
              '38000 hook_failed', 'a function of a role that clients have is no hook');

reset role;
-- what calls them is closed
select tap.ok(not has_function_privilege(role, f, 'execute'), role || ' can not call ' || f)
  from unnest(array['authenticated', 'service_role']) as role,
       unnest(array['auth.call_custom_claims_hook(jsonb)', 'auth.call_before_sign_up_hook(jsonb)', 'auth.call_event_hook(jsonb)']) as f;
select * from tap.finish();
