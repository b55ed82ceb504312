-- Roles and permissions, and who holds which.
--
-- Nothing is seeded by create extension: the templates are made when they are first needed
-- (make_templates), so that a dump holds them like every other row, with the operator's changes.

create function auth.is_permission(permission text)
returns boolean
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'is_permission_wrapper';
revoke all on function auth.is_permission(text) from public;
grant execute on function auth.is_permission(text) to authenticated, service_role;
comment on function auth.is_permission(text) is
'Whether the text has the form of a permission: resource:action, each part letters, digits, ".", "_", "-", or a lone *; up to 128 bytes.';

create function auth.covers(granted text[], wanted text[])
returns boolean
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'covers_wrapper';
revoke all on function auth.covers(text[], text[]) from public;
comment on function auth.covers(text[], text[]) is
'Internal: whether every wanted permission is covered by a granted one; neither array may hold nulls.';

create table auth.permission (
    name text collate "C" constraint permission_pkey primary key
        constraint permission_name_check check (auth.is_permission(name)),
    description text constraint permission_description_check check (length(description) <= 500),
    created_at timestamptz not null default now()
);
revoke all on table auth.permission from public;
comment on table auth.permission is 'Permissions that some role has or that the operator has described. Reached through functions only.';
comment on column auth.permission.name is 'resource:action; * stands for any resource or any action.';
select pg_catalog.pg_extension_config_dump('auth.permission', '');

create table auth.role (
    id uuid constraint role_pkey primary key default pg_catalog.gen_random_uuid(),
    tenant_id uuid constraint role_tenant_id_fkey references auth.tenant (id) on delete cascade,
    name text not null constraint role_name_check check (name ~ '^[a-z][a-z0-9_-]{0,62}$'),
    description text constraint role_description_check check (length(description) <= 500),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint role_tenant_id_name_key unique (tenant_id, name),
    constraint role_id_tenant_id_key unique (id, tenant_id)
);
create unique index role_template_name_key on auth.role (name) where tenant_id is null;
revoke all on table auth.role from public;
comment on table auth.role is 'Roles of tenants. Reached through functions only.';
comment on column auth.role.tenant_id is 'Whose role it is; null for a template, which is copied to every new tenant.';
comment on column auth.role.updated_at is 'Last change of the role or its permissions; granting the role waits for whoever writes this.';
select pg_catalog.pg_extension_config_dump('auth.role', '');

create table auth.role_permission (
    role_id uuid constraint role_permission_role_id_fkey references auth.role (id) on delete cascade,
    permission text collate "C" constraint role_permission_permission_fkey references auth.permission (name),
    constraint role_permission_pkey primary key (role_id, permission)
);
create index role_permission_permission_idx on auth.role_permission (permission);
revoke all on table auth.role_permission from public;
comment on table auth.role_permission is 'What a role permits. Reached through functions only.';
select pg_catalog.pg_extension_config_dump('auth.role_permission', '');

create table auth.membership_role (
    tenant_id uuid,
    user_id uuid,
    role_id uuid,
    granted_at timestamptz not null default now(),
    constraint membership_role_pkey primary key (tenant_id, user_id, role_id),
    constraint membership_role_membership_fkey foreign key (tenant_id, user_id)
        references auth.membership (tenant_id, user_id) on delete cascade,
    -- With the tenant in it, so that nobody holds a role of another tenant.
    constraint membership_role_role_fkey foreign key (role_id, tenant_id)
        references auth.role (id, tenant_id) on delete cascade
);
create index membership_role_role_id_tenant_id_idx on auth.membership_role (role_id, tenant_id);
revoke all on table auth.membership_role from public;
comment on table auth.membership_role is 'Which member holds which role. Reached through functions only.';
select pg_catalog.pg_extension_config_dump('auth.membership_role', '');

create function auth.set_role_permissions(role_id uuid, permissions text[])
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into auth.permission (name)
    select distinct name from unnest(set_role_permissions.permissions) as wanted (name)
        on conflict (name) do nothing;
    delete from auth.role_permission as p
     where p.role_id = set_role_permissions.role_id and p.permission <> all (set_role_permissions.permissions);
    insert into auth.role_permission (role_id, permission)
    select distinct set_role_permissions.role_id, name from unnest(set_role_permissions.permissions) as wanted (name)
        on conflict on constraint role_permission_pkey do nothing;
end
$$;
revoke all on function auth.set_role_permissions(uuid, text[]) from public;
comment on function auth.set_role_permissions(uuid, text[]) is 'Internal: gives a role these permissions and no others.';

create function auth.make_templates()
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from auth.role where tenant_id is null) then
        return;
    end if;
    insert into auth.role (name, description)
    values ('owner', 'May do everything'),
           ('admin', 'Manages members, invitations, roles and settings'),
           ('member', 'Sees the tenant and its members'),
           ('viewer', 'Sees the tenant and its members')
        on conflict (name) where tenant_id is null do nothing;
    insert into auth.permission (name, description)
    values ('*:*', 'Everything'),
           ('tenant:read', 'See the tenant'), ('tenant:update', 'Change the tenant''s settings'),
           ('members:read', 'See who is in the tenant'), ('members:*', 'Grant and revoke roles, suspend and remove members, invite'),
           ('invitations:*', 'Invite, see and revoke invitations'), ('roles:read', 'See the roles'), ('roles:*', 'Make and change roles')
        on conflict (name) do nothing;
    insert into auth.role_permission (role_id, permission)
    select role.id, template.permission
      from (values ('owner', '*:*'),
                   ('admin', 'tenant:read'), ('admin', 'tenant:update'), ('admin', 'members:*'), ('admin', 'invitations:*'), ('admin', 'roles:*'),
                   ('member', 'tenant:read'), ('member', 'members:read'), ('member', 'roles:read'),
                   ('viewer', 'tenant:read'), ('viewer', 'members:read')
           ) as template (role, permission)
      join auth.role on role.name = template.role and role.tenant_id is null
        on conflict on constraint role_permission_pkey do nothing;
end
$$;
revoke all on function auth.make_templates() from public;
comment on function auth.make_templates() is 'Internal: makes the templates owner, admin, member and viewer where there is none.';

create function auth.copy_templates(tenant_id uuid)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    perform auth.make_templates();
    insert into auth.role (tenant_id, name, description)
    select copy_templates.tenant_id, name, description from auth.role where tenant_id is null
        on conflict on constraint role_tenant_id_name_key do nothing;
    insert into auth.role_permission (role_id, permission)
    select copy.id, kept.permission
      from auth.role as template
      join auth.role_permission as kept on kept.role_id = template.id
      join auth.role as copy on copy.name = template.name and copy.tenant_id = copy_templates.tenant_id
     where template.tenant_id is null
        on conflict on constraint role_permission_pkey do nothing;
end
$$;
revoke all on function auth.copy_templates(uuid) from public;
comment on function auth.copy_templates(uuid) is 'Internal: gives a tenant the roles of the templates.';
