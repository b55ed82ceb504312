-- A schema with every mistake that lint knows, each with its code; the good twin has none.
begin;
create schema bad;
create schema good;
grant usage on schema bad, good to anon, authenticated;
create role owner_of_tables;
create role reporter;
grant reporter to authenticator;

create function pg_temp.found(pattern text) returns setof text language sql as $$
    select distinct code || ' ' || regexp_replace(object, '(^| )' || pattern || '\.', '\1') from auth.lint() where object ~ ('(^| )' || pattern || '\.')
$$;

-- tables
create table bad.off (id int, tenant_id uuid);
create policy nothing on bad.off using (tenant_id = auth.tenant_id());
grant select on bad.off to authenticated;
create table bad.plain (id int);
create table bad.unforced (id uuid primary key, tenant_id uuid not null references auth.tenant (id));
create index on bad.unforced (tenant_id) where id is not null;
alter table bad.unforced enable row level security;
grant select on bad.unforced to authenticated;
create table bad.parent (id uuid primary key default gen_random_uuid(), tenant_id uuid, email text unique);
create table bad.child (id uuid primary key, tenant_id uuid default auth.tenant_id(), parent_id uuid constraint child_parent_fkey references bad.parent (id) on delete cascade);
select count(*) from unnest(array['bad.parent', 'bad.child']) as t, auth.protect(t::regclass);
grant all on bad.child to authenticated, public;
grant select (id) on bad.parent to anon;
create table bad.owned (id int, tenant_id uuid);
select count(*) from auth.protect('bad.owned');
grant create on schema bad to reporter;
alter table bad.owned owner to reporter;

-- policies
create table bad.loose (id int, tenant_id uuid not null, author uuid, name text);
create index on bad.loose (tenant_id);
alter table bad.loose enable row level security, force row level security;
grant select on bad.loose to authenticated;
create function bad.is_admin(text) returns boolean language sql stable as $$ select true $$;
create function bad.setting() returns boolean language sql stable as $$ select current_setting('app.tenant') is not null $$;
create policy everything on bad.loose using (true);
create policy hidden on bad.loose for update using (tenant_id = auth.tenant_id()) with check (name = 'x' or 1 = 1);
create policy blind on bad.loose for delete using (auth.uid() is not null);
create policy author on bad.loose for select using (author = auth.uid());
create policy metadata on bad.loose for select using (tenant_id = auth.tenant_id() and auth.jwt() -> 'user_metadata' ->> 'admin' = 'yes');
create policy setting on bad.loose for select using (tenant_id = current_setting('app.tenant')::uuid);
create policy through on bad.loose for select using (tenant_id = auth.tenant_id() and bad.setting());
create policy itself on bad.loose for select using (exists (select from bad.parent as p where p.email = 'x' and p.tenant_id = tenant_id) and tenant_id = auth.tenant_id());
create policy dear on bad.loose for select using (tenant_id = auth.tenant_id() and bad.is_admin('it''s (me)') and auth.jwt() is not null);
create policy subquery on bad.loose for select using (exists (select from bad.parent as p where p.tenant_id = loose.tenant_id));

-- ways around
create view bad.seen as select * from bad.child;
create view bad.seen_again as select * from bad.seen;
grant select on bad.seen_again to authenticated;
create materialized view bad.copy as select * from bad.child;
grant select on bad.copy to authenticated;
create view bad.people as select * from auth."user";
grant select on bad.people to anon;
create foreign data wrapper nowhere;
create server elsewhere foreign data wrapper nowhere;
create foreign table bad.remote (id int) server elsewhere;
grant select on bad.remote to authenticated;
create sequence bad.counter;
grant usage on sequence bad.counter to anon;
create sequence bad.moved;
grant update on sequence bad.moved to authenticated;
create function bad.definer() returns int language sql security definer as 'select 1';
revoke all on function bad.definer() from public;
create function bad.open_path() returns int language sql security definer set search_path = bad, pg_temp as 'select 1';
revoke all on function bad.open_path() from public;
create function bad.no_temp() returns int language sql security definer set search_path = pg_catalog as 'select 1';
revoke all on function bad.no_temp() from public;
create function bad.everybody() returns int language sql security definer set search_path = pg_catalog, pg_temp as 'select 1';
create function bad.owned_code() returns int language sql as 'select 1';
alter function bad.owned_code() owner to reporter;

-- The twin: the same needs, met.
create table good.plain (id int);
alter table good.plain enable row level security, force row level security;
create table good.parent (id uuid primary key default gen_random_uuid(), tenant_id uuid, email text, unique (tenant_id, email), unique (tenant_id, id));
create table good.child (id uuid primary key, tenant_id uuid, parent_id uuid, author uuid, name text,
    foreign key (tenant_id, parent_id) references good.parent (tenant_id, id) on delete cascade);
create table good.serial (id bigserial primary key, tenant_id uuid);
create table good.part (id int, tenant_id uuid) partition by list (id);
create table good.part_1 partition of good.part for values in (1);
create function good.is_admin(text) returns boolean language sql stable as $$ select true $$;
create policy admin on good.child for delete to authenticated using (tenant_id = auth.tenant_id() and (select good.is_admin('x')) and auth.has_permission('child:delete'));
create policy author on good.child for update to authenticated using (author = auth.uid());
select count(*) from unnest(array['good.parent', 'good.child', 'good.serial', 'good.part']) as t, auth.protect(t::regclass);
grant select, insert, update, delete on good.parent, good.child, good.serial, good.part to authenticated;
grant usage on sequence good.serial_id_seq to authenticated;
create view good.own as select current_user as me;
create view good.seen as select * from good.child;
do $$ begin
    if current_setting('server_version_num')::int >= 150000 then
        execute 'alter view good.seen set (security_invoker = on); grant select on good.seen to authenticated';
    else
        execute 'drop view good.seen';
    end if;
end $$;
grant select on good.own to anon;
create function good.definer() returns int language sql security definer set search_path = pg_catalog, pg_temp as 'select 1';
revoke all on function good.definer() from public;
grant execute on function good.definer() to authenticated;

select tap.plan(29);
select tap.set_eq($$ select pg_temp.found('bad') $$, array[
    'rls_disabled off', 'tenant_index_missing off', 'tenant_column_nullable off', 'rls_disabled plain',
    'rls_not_forced unforced', 'rls_without_policy unforced', 'tenant_index_missing unforced',
    'foreign_key_across_tenants child_parent_fkey on child', 'unique_across_tenants parent_email_key on parent',
    'grant_to_public child', 'grant_beyond_row_security child', 'grant_to_anon parent', 'owner_is_api_role owned',
    'policy_always_true everything on loose', 'policy_always_true hidden on loose', 'policy_without_tenant blind on loose',
    'policy_without_tenant author on loose', 'policy_user_metadata metadata on loose', 'policy_call_per_row metadata on loose',
    'policy_forgeable_setting setting on loose', 'policy_call_per_row setting on loose', 'policy_forgeable_setting through on loose',
    'policy_call_per_row through on loose', 'policy_compares_with_itself itself on loose', 'policy_call_per_row dear on loose',
    'policy_subquery_per_row subquery on loose',
    'view_without_security_invoker seen', 'view_without_security_invoker seen_again', 'materialized_view_exposed copy', 'identity_exposed people',
    'foreign_table_exposed remote', 'sequence_exposed counter', 'sequence_exposed moved',
    'function_without_search_path definer()', 'function_search_path_open open_path()', 'function_search_path_open no_temp()',
    'function_for_everybody everybody()', 'owner_is_api_role owned_code()'
], 'every mistake is found, and nothing else');
select tap.is_empty($$ select pg_temp.found('good') $$, 'the good twin has no finding');
select tap.results_eq($$ select code from auth.lint() where object = 'bad' $$, array['schema_open_for_create'], 'a schema where API roles may create is found');
select tap.results_eq($$ select distinct level from auth.lint() where object ~ '^(bad.off|everything on bad.loose|bad.owned|bad.remote|bad.definer\(\))$' and code !~ 'index|nullable|forced' $$,
    array['error'], 'what lets rows be reached is an error');
select tap.is((select remedy from auth.lint() where code = 'policy_call_per_row' and object like 'dear %'),
    'alter policy dear on bad.loose using (((tenant_id = auth.tenant_id()) AND (select bad.is_admin(''it''''s (me)''::text)) AND ((select auth.jwt()) IS NOT NULL)))',
    'the remedy of a call per row is the same policy with the calls wrapped');

-- the server's side
select tap.is_empty($$ select code from auth.lint() where object in ('authenticator', 'anon', 'authenticated', 'reporter', 'pg_gatehouse.master_key_file', 'shared_preload_libraries', 'the server') $$,
    'roles and settings are fine to begin with');
alter role reporter bypassrls;
grant pg_read_all_data to reporter;
alter role authenticator inherit;
grant service_role to authenticated;
select tap.results_eq($$ select code, object from auth.lint() where code ~ '^(role_|authenticator_)' $$,
    $$ values ('role_beyond_row_security', 'pg_read_all_data'), ('role_beyond_row_security', 'reporter'), ('role_beyond_row_security', 'service_role'), ('authenticator_inherits', 'authenticator') $$,
    'roles beyond row-level security that requests can take on are found, also through others');
select tap.is((select remedy from auth.lint() where object = 'service_role'), 'revoke service_role from authenticated', 'and the remedy takes the right link away');
revoke service_role from authenticated;
revoke pg_read_all_data from reporter;
set local pg_gatehouse.trust_request_claims = on;
alter role owner_of_tables set pg_gatehouse.trust_request_claims = on;
select tap.results_eq($$ select object from auth.lint() where code = 'trust_request_claims' $$, array['role owner_of_tables', 'the server'], 'trust in request.jwt.claims is found, here and in a role''s settings');
select tap.results_eq($$ select code, remedy from auth.lint_preload('"pg_gatehouse", pg_stat_statements,auto_explain') $$,
    $$ values ('preload_order', 'alter system set shared_preload_libraries = ''pg_stat_statements'', ''auto_explain'', ''pg_gatehouse''; -- and restart the server') $$, 'the wrong order of libraries is found');
select tap.is_empty($$ select code from auth.lint_preload('pg_stat_statements, pg_gatehouse') $$, 'the right one is not');
select tap.results_eq($$ select code, remedy from auth.lint_preload('') $$,
    $$ values ('not_preloaded', 'alter system set shared_preload_libraries = ''pg_gatehouse''; -- and restart the server') $$, 'and a missing library is');
select tap.is((select string_agg(concat_ws(' ', level, code), ', ') from auth.lint_master_key('open', '/data/key', '/data')), 'error master_key_open, warning master_key_in_data_directory', 'an open master key in the data folder is found');
select tap.is((select string_agg(code, ', ') from unnest(array['not_set', 'unreadable']) as p, auth.lint_master_key(p, '/key', '/data')), 'master_key_not_set, master_key_unreadable', 'so is a missing one');
select tap.is_empty($$ select code from auth.lint_master_key(null, '/key', '/data') $$, 'and a good one is not');

-- hooks: as those who call them find them
create schema hooked;
create function hooked.claims(claims jsonb) returns jsonb language sql as 'select claims';
create function hooked.event(event jsonb) returns void language sql as '';
create function hooked.as_text(claims jsonb) returns text language sql as 'select claims::text';
create function hooked.several(claims jsonb) returns setof jsonb language sql as 'select claims';
create function hooked.of_json(claims json) returns jsonb language sql as 'select claims::jsonb';
create function hooked.theirs(claims jsonb) returns jsonb language sql as 'select claims';
alter function hooked.theirs(jsonb) owner to reporter;
create function pg_temp.unusable() returns setof text language sql as $$
    select concat_ws(' ', level, object, regexp_replace(message, '\. Until.*', '')) from auth.lint() where code = 'hook_unusable'
$$;
create function pg_temp.unusable_as(setting text, function text) returns setof text language plpgsql as $$
begin
    perform set_config('pg_gatehouse.' || setting, function, true);
    return query select regexp_replace(u, '.* can not be called: ', '') from pg_temp.unusable() as u;
    perform set_config('pg_gatehouse.' || setting, '', true);
end
$$;
select tap.is_empty($$ select pg_temp.unusable() $$, 'where no hook is named, none is missing');
select tap.is_empty($$ select pg_temp.unusable_as(setting, function) from (values ('before_sign_up_hook', 'hooked.claims'), ('custom_claims_hook', 'hooked.claims'), ('event_hook', 'hooked.event')) as hook (setting, function) $$,
    'hooks that can be called are fine');
select tap.bag_eq($$ select function || ': ' || pg_temp.unusable_as(setting, function) from (values ('before_sign_up_hook', 'hooked.gone'), ('custom_claims_hook', 'gone.hook'), ('custom_claims_hook', 'hooked.of_json'),
        ('before_sign_up_hook', 'hooked.as_text'), ('custom_claims_hook', 'hooked.several'), ('custom_claims_hook', 'hooked.event'), ('event_hook', 'hooked.claims'), ('custom_claims_hook', 'hooked.theirs')) as hook (setting, function) $$, array[
    'hooked.gone: there is no such function with one argument of type jsonb', 'gone.hook: there is no such function with one argument of type jsonb',
    'hooked.of_json: there is no such function with one argument of type jsonb',
    'hooked.as_text: it must be a function that returns jsonb', 'hooked.several: it must be a function that returns jsonb',
    'hooked.event: it must be a function that returns jsonb', 'hooked.claims: it must be a function that returns void',
    'hooked.theirs: it belongs to a role that clients have; give it another owner'], 'those that can not are found, with the reason');
set local pg_gatehouse.event_hook = 'hooked.gone';
alter role owner_of_tables set pg_gatehouse.custom_claims_hook = 'hooked.claims';
alter role owner_of_tables set pg_gatehouse.before_sign_up_hook = 'hooked.none';
select tap.results_eq($$ select pg_temp.unusable() $$, array[
    'error pg_gatehouse.before_sign_up_hook of role owner_of_tables hooked.none can not be called: there is no such function with one argument of type jsonb',
    'error pg_gatehouse.event_hook hooked.gone can not be called: there is no such function with one argument of type jsonb'],
    'here and in a role''s settings');
select tap.throws_ok($$ select auth.record_event('sign_out', 'success') $$, '38000', null, 'and it is right: what asks it fails');
set local pg_gatehouse.event_hook = '';
alter role owner_of_tables reset all;
select tap.is(auth.hook_problem('pg_gatehouse.issuer', 'hooked.claims'), 'there is no such setting', 'no other setting names a hook');

-- grants on what is the extension's
grant select on auth."user" to authenticated;
grant select (ip) on auth.session to anon;
grant execute on function auth.mint_token(jsonb, interval) to public;
grant create on schema auth to authenticated;
select tap.results_eq($$ select code, object from auth.lint() where code in ('identity_exposed', 'internal_granted') and object !~ '^bad' $$,
    $$ values ('identity_exposed', 'auth."user"'), ('identity_exposed', 'auth.session'), ('internal_granted', 'auth'), ('internal_granted', 'auth.mint_token(jsonb,interval)') $$,
    'grants in schema auth beyond the extension''s own are found');

-- default privileges
select tap.is_empty($$ select object from auth.lint() where code = 'default_privileges_open' $$, 'default privileges are closed to begin with');
alter default privileges in schema bad grant select on tables to public;
alter default privileges grant truncate on tables to authenticated;
alter default privileges grant execute on functions to authenticated;
select tap.results_eq($$ select remedy from auth.lint() where code = 'default_privileges_open' $$, array[
    'alter default privileges for role postgres revoke truncate on tables from authenticated',
    'alter default privileges for role postgres in schema bad revoke select on tables from public'], 'open ones are found');

-- Every remedy that is a statement runs, and what it is for is gone. Errors of a remedy show up here.
create temp table before as select * from auth.lint() where object ~ '(^| )bad\.' or object = 'bad';
do $$
declare
    finding record;
begin
    for finding in
        select * from before
         where remedy is not null and code not in ('function_for_everybody')
         -- The mistakes of one policy have several remedies; the last one drops it.
         order by remedy like 'drop policy%', code = 'owner_is_api_role' desc
    loop
        begin
            execute finding.remedy;
        exception when undefined_object then
            if finding.remedy not like 'drop policy%' then raise; end if;
        end;
    end loop;
end
$$;
revoke execute on function bad.everybody() from public;
select tap.bag_eq($$ select code from auth.lint() where (object ~ '(^| )bad\.' or object = 'bad') and level <> 'info' $$, array[]::text[], 'the remedies mend what they are for');

-- who may ask
set local role service_role;
select tap.lives_ok($$ select * from auth.lint() $$, 'service_role may call lint');
set local role authenticated;
select tap.throws_ok($$ select * from auth.lint() $$, '42501', null, 'a signed-in user may not');
set local role anon;
select tap.throws_ok($$ select * from auth.lint() $$, '42501', null, 'nor may anybody else');
reset role;
select tap.ok((select provolatile = 'v' and prosecdef from pg_proc where oid = 'auth.lint()'::regprocedure), 'lint is no function that a planner may fold');
select * from tap.finish();
rollback;
