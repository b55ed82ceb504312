-- The isolation tools are run by the powerful over what others made: names, expressions, search
-- paths and functions of the less powerful must not act through them.
begin;
select tap.plan(32);
create role app_owner;
create role intruder;
create schema app authorization app_owner;
create schema lair authorization intruder;
grant usage on schema auth to app_owner, intruder;
grant usage on schema fixture, tap to app_owner, intruder;
grant execute on function auth.protect(regclass, name) to app_owner, intruder;
grant usage on schema app to intruder, authenticated;
create table public.canary (touched text);
grant insert, select on public.canary to public;

-- who may call
set local role app_owner;
create table app.thing (id int, tenant_id uuid);
select tap.ok((select count(*) > 5 from auth.protect('app.thing')), 'an owner needs no grant but on protect itself');
create table app.theirs (id int, tenant_id uuid);
set local role intruder;
select tap.is(fixture.refusal($$ select auth.protect('app.theirs') $$), '42501 not_owner', 'nobody protects what they do not own');
reset role;
grant app_owner to intruder;
set local role intruder;
select tap.lives_ok($$ select auth.protect('app.theirs') $$, 'a member of the owner may');
reset role;
revoke app_owner from intruder;
select tap.ok(not has_function_privilege(r, f::regprocedure, 'execute'), r || ' can not call ' || f)
  from unnest(array['anon', 'authenticated', 'authenticator', 'intruder']) as r,
       unnest(array['auth.lint()', 'auth.explain_access(regclass,uuid,uuid)', 'auth.expression_facts(text,jsonb)', 'auth.explain_subject(uuid,uuid)']) as f;
select tap.ok(not has_function_privilege(r, 'auth.protect(regclass,name)', 'execute'), r || ' can not call protect') from unnest(array['anon', 'authenticated', 'service_role']) as r;

-- hostile names
create table app.parent (id int primary key, tenant_id uuid);
create schema "s""; drop table public.canary; --" authorization intruder;
grant usage on schema "s""; drop table public.canary; --" to authenticated;
set local role intruder;
set local search_path = "s""; drop table public.canary; --";
create table "t'); drop table public.canary; --" (id int, "c"" = null or true; drop table public.canary; --" uuid default auth.tenant_id());
create policy "p; drop table public.canary; --
drop table public.canary; --" on "t'); drop table public.canary; --" using (true);
create policy "q
; drop table public.canary;" on "t'); drop table public.canary; --" for select using (current_setting('x'');drop table public.canary;--') = 'y' and (select 'user_metadata') = 'z');
create function "f
; drop table public.canary;"("x'" text) returns boolean language sql security definer as 'select true';
create policy calls on "t'); drop table public.canary; --" for select using ("f
; drop table public.canary;"(')"; drop table public.canary; --'));
grant all on "t'); drop table public.canary; --" to public;
create view "v
; drop table public.canary;" as select * from "t'); drop table public.canary; --";
grant select on "v
; drop table public.canary;" to authenticated;
create sequence "n
; drop table public.canary;";
grant all on sequence "n
; drop table public.canary;" to public;
reset role;
set local search_path = public, tap;
create temp table finding as select * from auth.lint() where object like '%canary%';
select tap.cmp_ok((select count(distinct code) from finding), '>=', 12::bigint, 'lint reports on hostile names');
-- As the superuser, as an operator who copies remedies would: whole scripts, where newlines count.
do $$
declare
    finding record;
begin
    for finding in select * from finding where remedy is not null order by remedy like 'drop%' loop
        begin
            execute finding.remedy;
        exception when undefined_object then null;
        end;
    end loop;
end
$$;
select tap.has_table('public', 'canary', 'no remedy ran what a name says');
select tap.is_empty($$ select * from auth.lint() where object like '%canary%' and code not in ('policy_without_tenant') and level = 'error' $$, 'and the remedies worked');
select tap.is_empty($$ select auth.protect('"s""; drop table public.canary; --"."t''); drop table public.canary; --"', 'c" = null or true; drop table public.canary; --') $$,
    'protect takes them as names');

-- A policy's function is not run by whoever asks about the policy.
set local role intruder;
set local search_path = lair;
create function evil() returns boolean language plpgsql as $$ begin insert into public.canary values ('policy by ' || current_user); return true; end $$;
create function evil_check(uuid) returns boolean language plpgsql immutable as $$ begin insert into public.canary values ('check by ' || current_user); return true; end $$;
create table bait (id int, tenant_id uuid not null, parent int default length(evil()::text));
create policy evil on bait using (evil() and tenant_id = auth.tenant_id());
alter table bait add constraint evil check (evil_check(tenant_id)) not valid;
create view bait_view with (security_barrier) as select * from bait where evil();
grant select on bait, bait_view to authenticated;
-- Operators, functions, tables and types in front of PostgreSQL's own.
create function same(uuid, uuid) returns boolean language plpgsql as $$ begin insert into public.canary values ('operator by ' || current_user); return true; end $$;
create operator = (leftarg = uuid, rightarg = uuid, function = same);
create function same(text, text) returns boolean language plpgsql as $$ begin insert into public.canary values ('operator by ' || current_user); return true; end $$;
create operator = (leftarg = text, rightarg = text, function = same);
create function format(text, variadic text[]) returns text language plpgsql as $$ begin insert into public.canary values ('format by ' || current_user); return 'drop table public.canary'; end $$;
create function pg_get_expr(pg_node_tree, oid) returns text language plpgsql as $$ begin insert into public.canary values ('pg_get_expr by ' || current_user); return 'true'; end $$;
create table pg_policy as select * from pg_catalog.pg_policy where false;
create table pg_class (oid oid, relname name);
create function tenant_id() returns uuid language sql as $$ insert into public.canary values ('tenant_id'); select null::uuid $$;
reset role;
grant usage on schema lair to public;
create temp table pg_class (like pg_catalog.pg_class);
create temp table pg_policy (like pg_catalog.pg_policy);
create temp table pg_namespace (like pg_catalog.pg_namespace);
create temp table api_role (id oid, name name);
set local search_path = lair, pg_temp, pg_catalog, public;
select pg_catalog.count(*) from auth.lint();
select pg_catalog.count(*) from auth.explain_access('lair.bait', (select id from fixture.person limit 1), (select tenant_id from fixture.person limit 1));
select pg_catalog.count(*) as statements from auth.protect('lair.bait') \gset
set local search_path = public, tap, pg_catalog, pg_temp;
select tap.is('' || :'statements', '5', 'protect does its work whatever the search_path');
select tap.is_empty($$ select touched from public.canary $$, 'none of their code ran');
select tap.is((select pg_catalog.pg_get_expr(polqual, polrelid) from pg_catalog.pg_policy where polname = 'gatehouse_tenant' and polrelid = 'lair.bait'::regclass),
    '(tenant_id = auth.tenant_id())', 'and the policy is the one that was meant');
select tap.ok((select polqual::text like '%:opfuncid 2956 %' from pg_catalog.pg_policy where polname = 'gatehouse_tenant' and polrelid = 'lair.bait'::regclass), 'with PostgreSQL''s own operator');
select tap.ok(exists (select from auth.lint() where object = 'lair.pg_class') , 'a namesake of a catalogue is linted like any other table');

-- An expression too deep to read is said to be, and crashes nothing.
do $$ begin
    execute 'create policy deep on app.thing using (' || repeat('not (', 1000) || 'tenant_id is null' || repeat(')', 1000) || ')';
end $$;
select tap.ok(exists (select from auth.lint() where code = 'policy_unreadable'), 'a policy that is nested too deep to read is reported');
select * from tap.finish();
rollback;
