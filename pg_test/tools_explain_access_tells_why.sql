-- auth.explain_access: the verdict for each command, and the policies that it comes from.
begin;
select tap.plan(29);
create schema app;
grant usage on schema app to authenticated;
select id as alice, tenant_id as acme from fixture.person where name = 'alice' \gset
select id as bob, tenant_id as globex from fixture.person where name = 'bob' \gset
-- What the member holds in the tenant; other tests cover how it comes there.
alter table auth.membership add column if not exists permissions text[] not null default '{}', add column if not exists suspended_at timestamptz;
update auth.membership set permissions = '{note:read}' where user_id = :'alice';

create function pg_temp.allowed(target regclass, as_user uuid, in_tenant uuid) returns text language sql as $$
    select string_agg(command, ' ') from auth.explain_access(target, as_user, in_tenant) where kind = 'verdict' and allowed
$$;
create function pg_temp.why(target regclass, as_user uuid, in_tenant uuid, for_command text) returns text language sql as $$
    select explanation from auth.explain_access(target, as_user, in_tenant) where kind = 'verdict' and command = for_command
$$;

create table app.note (id int, tenant_id uuid, author uuid, title text);
select tap.is(pg_temp.allowed('app.note', :'alice', :'acme'), null, 'without a grant nothing is allowed');
select tap.is(pg_temp.why('app.note', :'alice', :'acme', 'select'),
    'user alice@example.com in tenant acme may select nothing: error 42501: authenticated has not been granted select', 'and it says so');
grant select (id, title) on app.note to authenticated;
select tap.is(pg_temp.why('app.note', :'alice', :'acme', 'select'),
    'user alice@example.com in tenant acme may select every row of every tenant: row-level security is off', 'row-level security that is off is said to be');
select tap.is((select explanation from auth.explain_access('app.note', :'alice', :'acme') where kind = 'grant' and command = 'select'),
    'authenticated has been granted select on columns id, title only', 'a grant on columns names them');
grant select, insert, update, delete on app.note to authenticated;
alter table app.note enable row level security;
select tap.is(pg_temp.allowed('app.note', :'alice', :'acme'), null, 'without a policy nothing is allowed');
select tap.is(pg_temp.why('app.note', :'alice', :'acme', 'delete'),
    'user alice@example.com in tenant acme may delete nothing: no permissive policy for delete applies; delete finds no row, and no error says so', 'and the silent denial has a voice');
select tap.matches(pg_temp.why('app.note', :'alice', :'acme', 'insert'), 'error 42501, new row violates row-level security policy$', 'as has the loud one');

select count(*) from auth.protect('app.note');
select tap.is(pg_temp.allowed('app.note', :'alice', :'acme'), 'select insert update delete', 'a protected table lets a member act');
select tap.is(pg_temp.why('app.note', :'alice', :'acme', 'select'),
    format('user alice@example.com in tenant acme may select rows with (tenant_id = %L)', :'acme'), 'in the tenant, by its id');
select tap.is((select string_agg(policy || ' ' || kind, ', ') from auth.explain_access('app.note', :'alice', :'acme') where command = 'select' and policy is not null),
    'gatehouse_select permissive, gatehouse_tenant restrictive', 'each policy is listed with its kind');

select tap.is(pg_temp.allowed('app.note', as_user, in_tenant), null, what) from (values
    (:'alice'::uuid, :'globex'::uuid, 'a member of another tenant gets nothing'),
    (:'alice', null, 'nor a member without an active tenant'),
    (null, :'acme', 'nor whoever has not signed in'),
    (null, null, 'with or without a tenant'),
    ('00000000-0000-4000-8000-000000000000', :'acme', 'nor a user that does not exist'),
    (:'alice', '00000000-0000-4000-8000-000000000000', 'nor one in a tenant that does not exist')) as nobody (as_user, in_tenant, what);
select tap.matches(pg_temp.why('app.note', :'alice', :'globex', 'select'), 'the user is no member of the tenant, so no such token is accepted$', 'and is told why');
select tap.matches(pg_temp.why('app.note', :'alice', null, 'select'), 'none of the permissive policies lets a row pass', 'and is told which policies say so');

-- permissions
drop policy gatehouse_select on app.note;
drop policy gatehouse_update on app.note;
drop policy gatehouse_delete on app.note;
create policy reading on app.note for select to authenticated using (auth.has_permission('note:read'));
create policy writing on app.note for update to authenticated using ((select auth.has_permission('note:write')) or author = auth.uid()) with check (title is not null);
create policy removing on app.note for delete to authenticated using (author = auth.uid() and auth.has_permission('note:delete'));
create policy service on app.note for delete to service_role using (true);
select tap.is(pg_temp.allowed('app.note', :'alice', :'acme'), 'select insert update', 'a permission that the member lacks takes the command away');
select tap.is((select string_agg(concat_ws(' ', policy, coalesce(allowed::text, 'depends'), explanation), E'\n' order by policy) from auth.explain_access('app.note', :'alice', :'acme') where command = 'delete' and policy is not null),
    format(E'gatehouse_tenant depends lets rows pass with (tenant_id = %L)\nremoving false lets no row pass, for this is not true: ((author = %L) AND auth.has_permission(''note:delete''::text))\nservice false is for other roles than authenticated', :'acme', :'alice'),
    'each policy says what it does for this user');
select tap.is((select allowed from auth.explain_access('app.note', :'alice', :'acme') where policy = 'reading'), true, 'one that the member holds lets every row pass');
select tap.matches(pg_temp.why('app.note', :'alice', :'acme', 'update'), ' may update rows with .*author = .*, if afterwards \(title IS NOT NULL\) and \(tenant_id = ', 'an update is told of before and after');
drop policy reading on app.note;
select tap.matches(pg_temp.why('app.note', :'alice', :'acme', 'update'), 'where and returning also need what select needs, and select gives nothing$', 'and of what it needs to find rows');

create policy reading on app.note for select to authenticated using (auth.has_permission('note:read') or author = auth.uid());
select tap.is(pg_temp.allowed('app.note', :'bob', :'globex'), 'select insert update delete', 'and for another user, who owns the tenant');

-- owners, bypass, state
alter role authenticated bypassrls;
select tap.matches(pg_temp.why('app.note', :'alice', :'acme', 'delete'), 'every row of every tenant: authenticated bypasses row-level security$', 'a role that bypasses is said to');
alter role authenticated nobypassrls;
alter table app.note owner to authenticated;
select tap.unalike(pg_temp.why('app.note', :'alice', :'acme', 'delete'), '%owner%', 'ownership of a forced table does not matter');
alter table app.note no force row level security;
select tap.alike(pg_temp.why('app.note', :'alice', :'acme', 'delete'), '%has the rights of the table''s owner, and row-level security is not forced', 'but of one that is not');
update auth."user" set banned_until = now() + interval '1 day' where id = :'alice';
select tap.is(pg_temp.allowed('app.note', :'alice', :'acme'), null, 'a banned user gets nothing');
create view app.view as select 1 as one;
select tap.is(fixture.refusal($$ select * from auth.explain_access('app.view', null, null) $$), '42809 not_a_table', 'a view is refused');
select * from tap.finish();
rollback;
