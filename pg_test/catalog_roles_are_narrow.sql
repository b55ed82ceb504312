-- The roles of the contract, section 1.
begin;
select tap.plan(8);
select tap.is(
    (select string_agg(concat_ws(' ', rolname, case when rolcanlogin then 'login' end, case when rolinherit then 'inherit' end,
                                 case when rolbypassrls then 'bypassrls' end, case when rolsuper then 'superuser' end),
                       ', ' order by rolname)
       from pg_roles
      where rolname in ('anon', 'authenticated', 'service_role', 'authenticator', 'service_authenticator')),
    'anon inherit, authenticated inherit, authenticator login, service_authenticator login, service_role inherit bypassrls',
    'the five roles have these attributes');
select tap.is(
    (select string_agg(roleid::regrole::text, ' ' order by roleid::regrole::text) from pg_auth_members where member = 'authenticator'::regrole),
    'anon authenticated',
    'authenticator may become anon and authenticated, and nothing else');
select tap.is(
    (select string_agg(roleid::regrole::text, ' ') from pg_auth_members where member = 'service_authenticator'::regrole),
    'service_role',
    'service_authenticator may become service_role, and nothing else');
select tap.is_empty(
    $$ select p.oid::regprocedure from pg_proc as p, aclexplode(p.proacl) as a
        where p.pronamespace = 'auth'::regnamespace and a.grantee = 'authenticator'::regrole
          and p.proname not in ('authenticate', 'pre_request', 'jwks') $$,
    'authenticator can call what it needs to authenticate, and nothing else');
-- The most dangerous ones, by name.
select tap.ok(not has_function_privilege(r, f, 'execute'), r || ' can not call ' || f)
  from (values ('service_role', 'auth.mint_token(jsonb, interval)'),
               ('authenticated', 'auth.sign_access_token(jsonb)'),
               ('service_role', 'auth.rotate_signing_key(text)'),
               ('authenticated', 'auth.hash_password(text, text, integer)')) as t (r, f);
select * from tap.finish();
rollback;
