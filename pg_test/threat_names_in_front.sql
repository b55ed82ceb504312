-- Run as authenticator. No table, function, operator or trigger of a user takes part in ours.
\set ON_ERROR_STOP 0
select tap.plan(25);
select fixture.enter('mallory', 'acme', 'member') as mallory \gset
select fixture.id('mallory') as mallory_id, fixture.tenant('acme') as acme, fixture.tenant('globex') as globex \gset

-- everything a tenant's user could put in front, in a schema where they may create
create temp table membership (id uuid, tenant_id uuid, user_id uuid, created_at timestamptz, last_active_at timestamptz, suspended_at timestamptz, roles text[], permissions text[]);
insert into membership values (gen_random_uuid(), :'acme', :'mallory_id', now(), now(), null, '{owner}', '{*:*}'), (gen_random_uuid(), :'globex', :'mallory_id', now(), now(), null, '{owner}', '{*:*}');
create temp table tenant (id uuid, slug text);
insert into tenant values (:'globex', 'globex');
create temp table "user" (id uuid, email text);
create temp table role (id uuid, tenant_id uuid, name text);
create temp table pg_roles (rolname name, rolsuper boolean);
insert into pg_roles values ('authenticator', true);
grant all on membership, tenant, "user", role, pg_roles to public;
set role authenticated;
create function attack.always(uuid, uuid) returns boolean language sql immutable as 'select true';
create operator attack.= (leftarg = uuid, rightarg = uuid, function = attack.always);
create function attack.always(text, text) returns boolean language sql immutable as 'select true';
create operator attack.= (leftarg = text, rightarg = text, function = attack.always);
create function attack.covers(text[], text[]) returns boolean language sql immutable as 'select true';
create function attack.is_operator() returns boolean language sql immutable as 'select true';
create function attack.unnest(text[]) returns setof text language sql immutable as 'select null::text where false';
create function attack.coalesce_(text) returns text language sql immutable as 'select null::text';
reset role;

create temp table attempt (statement text, wanted text, got text);
grant all on attempt to public;
insert into attempt values
    (format('select auth.grant_role(%L, ''owner'')', :'mallory_id'), '42501 permission_missing'),
    ($$ select auth.create_role('mine', '{*:*}') $$, '42501 permission_missing'),
    ($$ select auth.invite('x@example.com', 'owner') $$, '42501 permission_missing'),
    (format('select auth.suspend_tenant(%L)', :'globex'), '42501 permission denied');
begin;
select auth.authenticate(:'mallory');
set local search_path = attack, pg_temp, auth, pg_catalog;
update attempt set got = fixture.refusal(statement);
select status as switched from auth.switch_tenant(:'globex') \gset
select string_agg(slug, ' ') as mine from auth.my_tenants() \gset
select auth.has_permission('*:*') as all_of_it, auth.has_role('owner') as owner \gset
commit;
reset search_path;
select tap.is(left(got, length(wanted)), case when wanted like '%denied' then got else wanted end, statement) from attempt;
select tap.matches(got, '^42501', statement) from attempt;
select tap.is('' || :'switched', 'tenant_not_found', 'a switch');
select tap.is('' || :'mine', 'acme', 'one''s tenants');
select tap.ok(not :'all_of_it' and not :'owner', 'and what one may do');

-- what is internal
create temp table internal (statement text, got text);
grant all on internal to public;
insert into internal select unnest(array[
    format('select auth.add_member(%L, %L, ''owner'')', :'acme', :'mallory_id'), format('select auth.mint_session_token(auth.session_id(), %L)', :'globex'),
    format('select auth.lock_tenant(%L)', :'acme'), 'select auth.refresh_access(''{}'')', 'select auth.set_role_permissions(auth.uid(), ''{*:*}'')',
    'select auth.make_invitation_token()', 'select auth.is_operator()', format('select auth.find_user(''alice@example.com'', null)'), 'select auth.copy_templates(auth.tenant_id())']);
begin;
select auth.authenticate(:'mallory');
update internal set got = fixture.refusal(statement);
commit;
select tap.matches(got, '^42501', statement) from internal;
select tap.is_empty(
    $$ select p.oid::regprocedure from pg_proc as p where p.pronamespace = 'auth'::regnamespace and has_function_privilege('authenticated', p.oid, 'execute')
        and obj_description(p.oid, 'pg_proc') ~ '^(Internal|Trigger)' $$, 'no internal function is the users'' to call');

-- a trigger and a policy of a user's making: they run with their rights, and in nobody's name else
set role authenticated;
create table attack.bait (id int);
create function attack.spring() returns trigger language plpgsql as $$ begin
    perform auth.grant_role(auth.uid(), 'owner');
    return new;
end $$;
create trigger spring before insert on attack.bait for each row execute function attack.spring();
create function attack.peek() returns boolean language plpgsql as $$ begin return exists (select from auth.membership); end $$;
reset role;
begin;
select auth.authenticate(:'mallory');
select fixture.refusal('insert into attack.bait values (1)') as sprung,
       fixture.refusal('create trigger spring after update on auth.membership for each row execute function attack.spring()') as planted,
       fixture.refusal('create policy peek on auth.membership using (attack.peek())') as policy,
       fixture.refusal('select attack.peek()') as peeked \gset
commit;
select tap.is('' || :'sprung', '42501 permission_missing', 'a trigger that grants');
select tap.matches('' || :'planted', '^42501', 'a trigger on our table');
select tap.matches(code, '^42501', 'a policy on it') from unnest(array[:'policy', :'peeked']) as code;
set role authenticated;
drop table attack.bait;
drop function attack.spring(), attack.peek(), attack.covers(text[], text[]), attack.is_operator(), attack.unnest(text[]), attack.coalesce_(text);
drop operator attack.= (uuid, uuid), attack.= (text, text);
drop function attack.always(uuid, uuid), attack.always(text, text);
reset role;
select * from tap.finish();
