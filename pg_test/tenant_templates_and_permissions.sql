-- Templates and the list of permissions are the operator's.
begin;
select tap.plan(11);

select auth.set_role_template('auditor', '{audit:read,notes:read}', 'Reads');
select auth.set_role_template('member', '{members:read,notes:read}');
select auth.create_tenant('later', 'Later') as later \gset
select tap.is(permissions, '{audit:read,notes:read}', 'a new tenant has the operator''s role') from auth.tenant_roles(:'later') where name = 'auditor';
select tap.is(permissions, '{members:read,notes:read}', 'and the changed one') from auth.tenant_roles(:'later') where name = 'member';
select tap.is(count(*)::int, 0, 'a tenant of before has neither') from auth.tenant_roles(fixture.tenant('acme')) where name = 'auditor' or permissions @> '{notes:read}' and name = 'member';
select tap.is(fixture.refusal($$ select auth.set_role_template('owner', '{}') $$), '42501 owner_role_is_fixed', 'the owner''s is fixed');
select tap.is(fixture.refusal($$ select auth.set_role_template('x', '{nonsense}') $$), '22023 permission_malformed', 'permissions have a form');
select tap.is(fixture.refusal($$ select auth.create_role('x', '{}') $$), '22023 tenant_required', 'the operator names the tenant');
select tap.is(fixture.refusal($$ select auth.create_role('x', '{}', tenant => '00000000-0000-4000-8000-000000000000') $$), '22023 tenant_not_found', 'one that is there');

select auth.describe_permission('notes:read', 'Read notes');
select tap.is(description, 'Read notes', 'a described permission is listed') from auth.described_permissions() where name = 'notes:read';
select tap.is(count(*)::int, 0, 'one of somebody''s role is not') from auth.described_permissions() where name = 'audit:read';
select auth.describe_permission('notes:read', null);
select tap.is(count(*)::int, 0, 'nor one whose description was taken back') from auth.described_permissions() where name = 'notes:read';
select tap.is(fixture.refusal($$ select auth.describe_permission('notes', 'x') $$), '22023 permission_malformed', 'permissions have a form');

select * from tap.finish();
rollback;
