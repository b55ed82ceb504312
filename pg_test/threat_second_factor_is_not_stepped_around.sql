-- Run as authenticator. With the password alone, a user of a second factor reads no tenant's data
-- and changes nothing about the factor.
\set ON_ERROR_STOP 0
select tap.plan(31);
select fixture.join('fay', 'acme') as fay \gset
select token as bob from fixture.token where name = 'bob' \gset

-- Before: a member like any other.
begin;
select auth.authenticate(:'fay');
select auth.tenant_id() as acme, count(*) as notes from public.note \gset
select id as factor, secret from auth.enroll_totp('phone') \gset
commit;
select tap.is('' || :'notes', '1', 'without a second factor she reads her tenant''s notes');
select tap.matches('' || :'secret', '^[A-Z2-7]{32}$', 'she gets the secret once');

begin;
select auth.authenticate(:'fay');
select status, access_token as strong from auth.verify_factor(:'factor', fixture.shown(:'factor')) \gset
commit;
select tap.is('' || :'status', 'ok', 'she verifies it');

-- With the password alone.
set role anon;
select status, access_token as weak, message from auth.sign_in('fay@example.com', 'seven green sailing boats', 'acme') \gset
reset role;
select tap.is('' || :'status', 'mfa_required', 'a sign-in with the password asks for it');
begin;
select auth.authenticate(:'weak');
select auth.aal() as aal, coalesce(auth.tenant_id()::text, 'none') as tenant, count(*) as notes,
       auth.jwt() ->> 'tenant_slug' is null and auth.jwt() -> 'permissions' = '[]' as bare
  from public.note \gset
commit;
select tap.is(:'aal' || ' ' || :'tenant' || ' ' || :'notes' || ' ' || :'bare', 'aal1 none 0 t', 'its token names no tenant and reads nothing of it');
-- Where the operator wrote the tenant into app_metadata, as migrations from elsewhere do.
select fixture.decide('fay', jsonb_build_object('tenant_id', :'acme')) \gset
set role anon;
select access_token as named from auth.sign_in('fay@example.com', 'seven green sailing boats', 'acme') \gset
reset role;
begin;
select auth.authenticate(:'named');
select coalesce(auth.tenant_id()::text, 'none') || ' ' || count(*) as seen from public.note \gset
commit;
select tap.is('' || :'seen', 'none 0', 'nor when app_metadata names one');
select fixture.decide('fay', '{}') \gset

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
\set q 'select pg_temp.as_user(' :'weak' ', statement)'

begin; select pg_temp.as_user(:'weak', format('insert into public.note (tenant_id, title) values (%L, ''x'') returning id', :'acme')) as r \gset
rollback;
select tap.is('' || :'r', '42501 ', 'nor does it write there');
begin; select pg_temp.as_user(:'weak', format('select auth.unenroll_factor(%L)', :'factor')) as r \gset
rollback;
select tap.is('' || :'r', '42501 insufficient_aal', 'it does not remove the factor');
begin; select pg_temp.as_user(:'weak', 'select auth.enroll_totp(''mine'')') as r \gset
rollback;
select tap.is('' || :'r', '42501 insufficient_aal', 'nor add one of its own');
begin; select pg_temp.as_user(:'weak', 'select auth.generate_recovery_codes()') as r \gset
rollback;
select tap.is('' || :'r', '42501 insufficient_aal', 'nor make recovery codes');
begin; select pg_temp.as_user(:'weak', 'select auth.request_email_change(''thief@example.com'')') as r \gset
rollback;
select tap.is('' || :'r', '42501 insufficient_aal', 'nor change the address');

-- Codes that were used, of another time, of another user's factor.
begin; select pg_temp.as_user(:'weak', format('select (auth.verify_factor(%L, %L)).status', :'factor', fixture.shown(:'factor'))) as r \gset
rollback;
select tap.is('' || :'r', 'mfa_verification_failed', 'a code that was used before is none');
begin; select pg_temp.as_user(:'weak', format('select (auth.verify_factor(%L, %L)).status', :'factor', fixture.shown(:'factor', 4))) as r \gset
rollback;
select tap.is('' || :'r', 'mfa_verification_failed', 'nor one of the future');
begin; select pg_temp.as_user(:'bob', format('select (auth.verify_factor(%L, %L)).status', :'factor', fixture.shown(:'factor', 1))) as r \gset
rollback;
select tap.is('' || :'r', 'mfa_factor_not_found', 'another user''s factor is no factor');
begin; select pg_temp.as_user(:'bob', format('select auth.challenge_factor(%L)', :'factor')) as r \gset
rollback;
select tap.is('' || :'r', 'P0002 mfa_factor_not_found', 'nor has it challenges');
begin; select pg_temp.as_user(:'bob', format('select auth.unenroll_factor(%L)', :'factor')) as r \gset
rollback;
select tap.is('' || :'r', 'P0002 mfa_factor_not_found', 'nor can it be removed');
begin; select pg_temp.as_user(:'bob', 'select count(*) from auth.my_factors()') as r \gset
rollback;
select tap.is('' || :'r', '0', 'nor seen');

-- Nothing underneath is reachable.
begin; select pg_temp.as_user(:'weak', 'select secret from auth.mfa_factor') as r \gset
rollback;
select tap.is('' || :'r', '42501 ', 'the table of factors can not be read');
select tap.ok(not has_function_privilege(role, f, 'execute'), role || ' can not call ' || f)
  from unnest(array['authenticated', 'service_role']) as role,
       unnest(array['auth.unseal(text, bytea)', 'auth.raise_assurance(auth."user", uuid, text, jsonb)', 'auth.redeem(auth.one_time_token, boolean)',
                    'auth.count_attempt(uuid, timestamptz)', 'auth.forget_attempts(uuid)']) as f;

-- With the factor.
begin; select pg_temp.as_user(:'weak', format('select (auth.verify_factor(%L, %L)).access_token', :'factor', fixture.shown(:'factor', 1))) as strong \gset
commit;
begin;
select auth.authenticate(:'strong');
select auth.aal() as aal, auth.tenant_id() = :'acme' as tenant, count(*) as notes from public.note \gset
select auth.unenroll_factor(:'factor') as removed \gset
commit;
select tap.is(:'aal' || ' ' || :'tenant' || ' ' || :'notes', 'aal2 t 1', 'with the next code the same session reads its tenant again');
select tap.is('' || :'removed', :'factor', 'and removes the factor');
set role anon;
select status from auth.sign_in('fay@example.com', 'seven green sailing boats', 'acme') \gset
reset role;
select tap.is('' || :'status', 'ok', 'after which the password is enough');
select * from tap.finish();
