-- auth.protect: what it makes, what it refuses, and that rows stay in their tenant.
begin;
select tap.plan(41);
create schema app;
grant usage on schema app to anon, authenticated;

-- what it makes
create table app.note (id bigint generated always as identity primary key, tenant_id uuid, title text);
grant all on app.note to authenticated;
create temp table ran as select * from auth.protect('app.note') as statement;
select tap.is((select count(*) from ran), 11::bigint, 'it tells each statement that it ran');
select tap.is_empty($$ select * from auth.protect('app.note') $$, 'a second time there is nothing to do');
select tap.ok((select relrowsecurity and relforcerowsecurity from pg_class where oid = 'app.note'::regclass), 'row-level security is enabled and forced');
select tap.results_eq($$ select polname, polpermissive, polcmd::text, polroles::regrole[]::text from pg_policy where polrelid = 'app.note'::regclass order by polname $$,
    $$ values ('gatehouse_delete'::name, true, 'd', '{authenticated}'), ('gatehouse_insert', true, 'a', '{authenticated}'), ('gatehouse_select', true, 'r', '{authenticated}'),
              ('gatehouse_tenant', false, '*', '{-}'), ('gatehouse_update', true, 'w', '{authenticated}') $$, 'a restrictive policy for everybody, a permissive one for each command');
select tap.col_default_is('app', 'note', 'tenant_id', 'auth.tenant_id()', 'the column defaults to the active tenant');
select tap.col_not_null('app', 'note', 'tenant_id', 'and is never null');
select tap.has_index('app', 'note', 'note_tenant_id_idx', array['tenant_id'], 'there is an index');
select tap.ok(not has_table_privilege('authenticated', 'app.note', 'truncate') and has_table_privilege('authenticated', 'app.note', 'delete'),
    'what row-level security does not govern is revoked, the rest is not');

-- what it leaves alone
create table app.own (id int, tenant_id uuid not null, author uuid, primary key (tenant_id, id));
create policy readers on app.own for select to authenticated using (author = auth.uid());
select count(*) from auth.protect('app.own');
select tap.is((select string_agg(polname, ' ' order by polname) from pg_policy where polrelid = 'app.own'::regclass),
    'gatehouse_delete gatehouse_insert gatehouse_tenant gatehouse_update readers', 'a command with a permissive policy gets no second one');
select tap.is((select count(*) from pg_index where indrelid = 'app.own'::regclass), 1::bigint, 'an index that leads with the column is enough');
alter policy gatehouse_tenant on app.own using (true);
alter table app.own no force row level security;
select tap.is((select string_agg(split_part(s, ' on ', 1), '; ') from auth.protect('app.own') as s),
    'alter table app.own force row level security; drop policy gatehouse_tenant; create policy gatehouse_tenant', 'what was weakened since is mended');

-- partitions, and tables that inherit
create table app.event (id int, org uuid, at date) partition by range (at);
create table app.event_1 partition of app.event for values from ('2026-01-01') to ('2026-02-01');
create table app.event_2 partition of app.event for values from ('2026-02-01') to ('2026-03-01') partition by list (id);
create table app.event_2_1 partition of app.event_2 for values in (1);
create table app.heir () inherits (app.own);
grant select on app.event, app.event_1, app.event_2_1 to authenticated;
select count(*) from auth.protect('app.event', 'org');
select count(*) from auth.protect('app.own');
select tap.is((select count(*) from pg_class as c where c.relnamespace = 'app'::regnamespace and relname ~ '^(event|heir)' and relkind in ('r', 'p')
                  and relrowsecurity and relforcerowsecurity and (select count(*) from pg_policy where polrelid = c.oid) > 3), 5::bigint, 'partitions and heirs are protected like their parent');
select tap.is((select count(*) from pg_indexes where schemaname = 'app' and tablename ~ '^event' and indexdef ~ '\(org\)$'), 4::bigint, 'each has the index once');
select tap.is_empty($$ select * from auth.protect('app.event', 'org') $$, 'a second time there is nothing to do for them');
create table app.event_3 partition of app.event for values from ('2026-03-01') to ('2026-04-01');
grant select on app.event_3 to authenticated;
select tap.results_eq($$ select code from auth.lint() where object = 'app.event_3' $$, array['rls_disabled'], 'lint finds a partition that was added later');
select tap.ok((select count(*) > 0 from auth.protect('app.event', 'org')), 'and protect covers it');
select tap.is_empty($$ select * from auth.lint() where object ~ '(^| )app\.' and level <> 'info' $$, 'lint has nothing to say');

-- rows stay in their tenant
select id as alice, tenant_id as acme from fixture.person where name = 'alice' \gset
select tenant_id as globex from fixture.person where name = 'bob' \gset
select token as alice_token from fixture.token where name = 'alice' \gset
insert into app.event values (1, :'acme', '2026-01-02'), (1, :'acme', '2026-02-02'), (1, :'globex', '2026-01-02'), (1, :'globex', '2026-02-02');
insert into app.note (tenant_id, title) values (:'globex', 'of bob');
create temp table seen (what text, value text);
grant all on seen to public;
savepoint sealed;
set session authorization authenticator;
select auth.authenticate(:'alice_token');
insert into app.note (title) values ('of alice');
insert into seen select 'default', (select count(*) from app.note where tenant_id = :'acme');
insert into seen select 'rows', count(*) from app.note;
insert into seen select 'parent', count(*) from app.event;
insert into seen select 'partition', count(*) from app.event_1;
insert into seen select 'leaf', count(*) from app.event_2_1;
insert into seen select 'insert elsewhere', fixture.refusal(format('insert into app.note (tenant_id, title) values (%L, ''x'')', :'globex'));
insert into seen select 'move elsewhere', fixture.refusal(format('update app.note set tenant_id = %L', :'globex'));
with changed as (delete from app.note returning 1) insert into seen select 'deleted', count(*) from changed;
select string_agg(what || ' ' || value, ', ') as seen from seen \gset
rollback to sealed;
select tap.is('' || :'seen', 'default 1, rows 1, parent 2, partition 1, leaf 1, insert elsewhere 42501 , move elsewhere 42501 , deleted 1', 'a member reaches the rows of the tenant, through the parent and the partitions, and no other');
select tap.is((select count(*) from app.note where title = 'of bob'), 1::bigint, 'the other tenant''s row is untouched');

-- the plan
create table app.many (id int primary key, tenant_id uuid, title text);
insert into app.many select i, case when i % 2 = 0 then :'acme'::uuid else gen_random_uuid() end from generate_series(1, 20000) as i;
select count(*) from auth.protect('app.many');
grant select on app.many to authenticated;
analyze app.many;
create function pg_temp.plan(statement text) returns text language plpgsql as $$
declare
    line text;
    plan text := '';
begin
    for line in execute 'explain ' || statement loop plan := plan || line || E'\n'; end loop;
    return plan;
end
$$;
grant execute on function pg_temp.plan(text) to public;
savepoint sealed;
set session authorization authenticator;
select auth.authenticate(:'alice_token');
select pg_temp.plan('select count(*) from app.many') as plan, pg_temp.plan('select * from app.many order by id limit 10') as top \gset
rollback to sealed;
select tap.matches('' || :'plan', 'rows=(9|10)\d\d\d ', 'the planner knows how large the tenant is');
select tap.is(array_length(string_to_array('' || :'plan', 'auth.tenant_id'), 1), 2, 'the condition is asked once, though two policies state it');
select tap.matches('' || :'top', 'Index Scan using many_pkey', 'and takes the first rows of a large tenant without sorting them all');

-- what it refuses
create view app.view as select * from app.note;
create materialized view app.copy as select * from app.note;
create foreign data wrapper nowhere;
create server elsewhere foreign data wrapper nowhere;
create foreign table app.remote (tenant_id uuid) server elsewhere;
create sequence app.counter;
create temp table own (tenant_id uuid);
create table app.text_tenant (tenant_id text);
create domain app.tenant as uuid;
create table app.domain_tenant (tenant_id app.tenant);
create table app.made (id uuid, tenant_id uuid generated always as (id) stored);
create table app.orphans (tenant_id uuid);
insert into app.orphans values (null);
select tap.is(fixture.refusal(format('select auth.protect(%s)', call)), refusal, call)
  from (values ($$ 'app.view' $$, '42809 not_a_table'), ($$ 'app.copy' $$, '42809 not_a_table'), ($$ 'app.remote' $$, '42809 not_a_table'),
               ($$ 'app.counter' $$, '42809 not_a_table'), ($$ 'pg_temp.own' $$, '42809 not_a_table'), ($$ 'app.note_pkey' $$, '42809 not_a_table'),
               ($$ 'pg_class' $$, '42809 system_table'), ($$ 'auth.session' $$, '42809 system_table'), ($$ 'information_schema.sql_features' $$, '42809 system_table'),
               ($$ 'app.note', 'owner' $$, '42703 tenant_column_missing'), ($$ 'app.note', 'ctid' $$, '42703 tenant_column_missing'),
               ($$ 'app.note', null $$, '42703 tenant_column_missing'), ($$ null $$, '42P01 table_missing'), ($$ 1::oid::regclass $$, '42P01 table_missing'),
               ($$ 'app.text_tenant' $$, '42804 tenant_column_type'), ($$ 'app.domain_tenant' $$, '42804 tenant_column_type'),
               ($$ 'app.made' $$, '42809 tenant_column_generated'), ($$ 'app.orphans' $$, '23502 tenant_missing')) as refused (call, refusal);
select tap.ok(not relrowsecurity, 'a refused table is as it was') from pg_class where oid = 'app.orphans'::regclass;
select * from tap.finish();
rollback;
