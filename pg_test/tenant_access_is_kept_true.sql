-- What a membership says its member may do is what the tables of roles say, after every change,
-- also one that goes past our functions.
begin;
select tap.plan(16);

create temp view wrong as
select m.*
  from auth.membership as m
 where m.roles <> array(select r.name from auth.membership_role as mr join auth.role as r on r.id = mr.role_id
                         where mr.tenant_id = m.tenant_id and mr.user_id = m.user_id order by r.name collate "C")
    or m.permissions <> array(select distinct p.permission::text collate "C"
                                from auth.membership_role as mr join auth.role_permission as p on p.role_id = mr.role_id
                               where mr.tenant_id = m.tenant_id and mr.user_id = m.user_id order by 1);

select auth.create_tenant('crowd', 'Crowd') as crowd \gset
insert into auth."user" (email) select 'crowd' || n || '@example.com' from generate_series(1, 300) as n;
insert into auth.membership (tenant_id, user_id) select :'crowd', id from auth."user" where email like 'crowd%';
select tap.is(count(*)::int, 300, 'a member without roles has none') from auth.membership where tenant_id = :'crowd' and roles = '{}' and permissions = '{}';

insert into auth.membership_role (tenant_id, user_id, role_id)
select :'crowd', m.user_id, r.id from auth.membership as m join auth.role as r on r.tenant_id = m.tenant_id
 where m.tenant_id = :'crowd' and r.name in ('member', 'admin');
select tap.is_empty('select * from wrong', 'after granting to many at once');
select tap.is(count(*)::int, 300, 'both roles are there') from auth.membership where tenant_id = :'crowd' and roles = '{admin,member}' and permissions @> '{members:*}';

delete from auth.membership_role as mr using auth.role as r where r.id = mr.role_id and r.tenant_id = :'crowd' and r.name = 'admin';
select tap.is_empty('select * from wrong', 'after revoking from many at once');

select auth.update_role('member', '{notes:read,notes:write}', tenant => :'crowd');
select tap.is_empty('select * from wrong', 'after changing what a role permits');
select tap.is(count(*)::int, 300, 'all its members hold it') from auth.membership where tenant_id = :'crowd' and permissions = '{notes:read,notes:write}';

select auth.update_role('member', new_name => 'writer', tenant => :'crowd');
select tap.is_empty('select * from wrong', 'after renaming a role');
select tap.is(count(*)::int, 300, 'under its new name') from auth.membership where tenant_id = :'crowd' and roles = '{writer}';

delete from auth.role_permission where permission = 'notes:write';
select tap.is_empty('select * from wrong', 'after deleting a permission by hand');
select tap.is(count(*)::int, 300, 'it is gone') from auth.membership where tenant_id = :'crowd' and permissions = '{notes:read}';

select tap.throws_ok('update auth.membership_role set role_id = role_id', '0A000', null, 'rows of grants do not change');
select tap.throws_ok('update auth.role_permission set permission = permission', '0A000', null, 'nor do those of permissions');
select tap.throws_ok(
    format('insert into auth.membership_role (tenant_id, user_id, role_id) select %L, user_id, (select id from auth.role where tenant_id = fixture.tenant(''acme'') and name = ''viewer'') from auth.membership where tenant_id = %L limit 1', :'crowd', :'crowd'),
    '23503', null, 'nobody holds a role of another tenant');

select auth.delete_role('writer', :'crowd');
select tap.is_empty('select * from wrong', 'after deleting a role');
select tap.is(count(*)::int, 300, 'nothing is left of it') from auth.membership where tenant_id = :'crowd' and roles = '{}' and permissions = '{}';

delete from auth."user" where email like 'crowd1%';
delete from auth.tenant where id = :'crowd';
select tap.is(count(*)::int, 0, 'a tenant goes with all that is its own') from auth.role where tenant_id = :'crowd';

select * from tap.finish();
rollback;
