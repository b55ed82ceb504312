-- Making and changing roles.
--
-- A role may hold what its maker holds and nothing else; changing one takes all that it held
-- before as well. The owner's role stays what it is.
--
-- Security definer: all functions that are granted (they read and write the tables of schema auth).

create function auth.check_permissions(permissions text[])
returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if permissions is null or cardinality(permissions) > 200 or array_ndims(permissions) > 1
       or exists (select from unnest(permissions) as p (name) where auth.is_permission(p.name) is not true) then
        raise exception 'permissions must be up to 200 texts of the form resource:action, * for any'
            using errcode = '22023', detail = 'permission_malformed';
    end if;
end
$$;
revoke all on function auth.check_permissions(text[]) from public;
comment on function auth.check_permissions(text[]) is 'Internal: refuses what is no list of permissions.';

create function auth.check_role(name text, description text)
returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if name is null or name !~ '^[a-z][a-z0-9_-]{0,62}$' then
        raise exception 'the role''s name must be a lower-case letter and up to 62 more letters, digits, "_" and "-"'
            using errcode = '22023', detail = 'role_name_invalid';
    elsif length(description) > 500 then
        raise exception 'the description must have at most 500 characters' using errcode = '22023', detail = 'description_invalid';
    end if;
end
$$;
revoke all on function auth.check_role(text, text) from public;
comment on function auth.check_role(text, text) is 'Internal: refuses a bad name or description.';

create function auth.create_role(name text, permissions text[], description text default null, tenant uuid default null)
returns uuid
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    me auth.actor := auth.act_in(create_role.tenant, 'roles:create');
    fresh uuid;
begin
    perform auth.check_role(create_role.name, create_role.description);
    perform auth.check_permissions(create_role.permissions);
    perform auth.require_held(me, create_role.permissions);
    if (select count(*) from auth.role as r where r.tenant_id = me.tenant_id) >= 200 then
        raise exception 'a tenant has at most 200 roles' using errcode = '54000', detail = 'too_many_roles';
    end if;
    insert into auth.role (tenant_id, name, description)
    values (me.tenant_id, create_role.name, create_role.description)
        on conflict on constraint role_tenant_id_name_key do nothing
    returning id into fresh;
    if fresh is null then
        raise exception 'there is a role of this name' using errcode = '23505', detail = 'role_name_taken';
    end if;
    perform auth.set_role_permissions(fresh, create_role.permissions);
    perform auth.record_event('role_created', 'success', me.user_id, me.tenant_id, auth.session_id(),
                              jsonb_build_object('role', create_role.name, 'permissions', create_role.permissions));
    return fresh;
end
$$;
revoke all on function auth.create_role(text, text[], text, uuid) from public;
grant execute on function auth.create_role(text, text[], text, uuid) to authenticated, service_role;
comment on function auth.create_role(text, text[], text, uuid) is
'Makes a role of the active tenant and gives its id; permission roles:create, and all that it shall permit. The operator names the tenant. Errors: 42501, 22023 for a bad name or permission, 23505 when the name is taken.';

create function auth.update_role(
    role text,
    permissions text[] default null,
    new_name text default null,
    description text default null,
    tenant uuid default null
)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    me auth.actor := auth.act_in(update_role.tenant, 'roles:update');
    former auth.role := auth.role_of(me, update_role.role);
begin
    perform auth.check_role(coalesce(update_role.new_name, former.name), update_role.description);
    perform auth.check_permissions(coalesce(update_role.permissions, '{}'));
    if former.name = 'owner' and (update_role.permissions is not null or update_role.new_name <> 'owner') then
        perform auth.deny('owner_role_is_fixed', 'the role "owner" can not be changed', me.tenant_id);
    end if;
    perform auth.require_held(me, auth.role_permissions(former.id) || coalesce(update_role.permissions, '{}'));
    if update_role.new_name <> former.name and exists (
        select from auth.role as r where r.tenant_id = me.tenant_id and r.name = update_role.new_name)
    then
        raise exception 'there is a role of this name' using errcode = '23505', detail = 'role_name_taken';
    end if;
    update auth.role as r
       set name = coalesce(update_role.new_name, r.name),
           description = coalesce(update_role.description, r.description),
           updated_at = clock_timestamp()
     where r.id = former.id;
    if update_role.permissions is not null then
        perform auth.set_role_permissions(former.id, update_role.permissions);
    end if;
    perform auth.record_event('role_updated', 'success', me.user_id, me.tenant_id, auth.session_id(),
                              jsonb_build_object('role', former.name, 'new_name', update_role.new_name, 'permissions', update_role.permissions));
end
$$;
revoke all on function auth.update_role(text, text[], text, text, uuid) from public;
grant execute on function auth.update_role(text, text[], text, text, uuid) to authenticated, service_role;
comment on function auth.update_role(text, text[], text, text, uuid) is
'Changes permissions, name or description of a role of the active tenant, null leaves each; permission roles:update, and all that the role permits before and after. It holds at its members'' next transactions. The operator names the tenant.';

create function auth.delete_role(role text, tenant uuid default null)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    me auth.actor := auth.act_in(delete_role.tenant, 'roles:delete');
    former auth.role := auth.role_of(me, delete_role.role);
begin
    if former.name = 'owner' then
        perform auth.deny('owner_role_is_fixed', 'the role "owner" can not be deleted', me.tenant_id);
    end if;
    perform auth.require_held(me, auth.role_permissions(former.id));
    delete from auth.role as r where r.id = former.id;
    perform auth.record_event('role_deleted', 'success', me.user_id, me.tenant_id, auth.session_id(),
                              jsonb_build_object('role', former.name));
end
$$;
revoke all on function auth.delete_role(text, uuid) from public;
grant execute on function auth.delete_role(text, uuid) to authenticated, service_role;
comment on function auth.delete_role(text, uuid) is
'Deletes a role of the active tenant, takes it from its members and its invitations back; permission roles:delete, and all that the role permits. The operator names the tenant.';

create function auth.tenant_roles(tenant uuid default null)
returns table (id uuid, name text, description text, permissions text[], members bigint)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    meant uuid := auth.reads(tenant_roles.tenant, 'roles:read');
begin
    return query
    select r.id, r.name, r.description, auth.role_permissions(r.id),
           (select count(*) from auth.membership_role as held where held.role_id = r.id)
      from auth.role as r
     where r.tenant_id = meant
     order by r.name;
end
$$;
revoke all on function auth.tenant_roles(uuid) from public;
grant execute on function auth.tenant_roles(uuid) to authenticated, service_role;
comment on function auth.tenant_roles(uuid) is
'The roles of the active tenant, what they permit and how many hold them; permission roles:read. The operator names the tenant.';

create function auth.set_role_template(name text, permissions text[], description text default null)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    template uuid;
begin
    perform auth.require_operator();
    perform auth.check_role(set_role_template.name, set_role_template.description);
    perform auth.check_permissions(set_role_template.permissions);
    perform auth.make_templates();
    if set_role_template.name = 'owner' then
        perform auth.deny('owner_role_is_fixed', 'the role "owner" can not be changed');
    end if;
    insert into auth.role as r (name, description)
    values (set_role_template.name, set_role_template.description)
        on conflict (name) where tenant_id is null
        do update set description = coalesce(excluded.description, r.description), updated_at = clock_timestamp()
    returning r.id into strict template;
    perform auth.set_role_permissions(template, set_role_template.permissions);
    perform auth.record_event('role_template_set', 'success', null, null, null,
                              jsonb_build_object('role', set_role_template.name, 'permissions', set_role_template.permissions));
end
$$;
revoke all on function auth.set_role_template(text, text[], text) from public;
grant execute on function auth.set_role_template(text, text[], text) to service_role;
comment on function auth.set_role_template(text, text[], text) is
'For the operator: makes or changes a role that new tenants begin with; tenants that exist keep theirs. The template "owner" is fixed.';

create function auth.describe_permission(permission text, description text)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform auth.require_operator();
    perform auth.check_permissions(array[describe_permission.permission]);
    if length(describe_permission.description) > 500 then
        raise exception 'the description must have at most 500 characters' using errcode = '22023', detail = 'description_invalid';
    end if;
    perform auth.make_templates();
    insert into auth.permission as p (name, description)
    values (describe_permission.permission, describe_permission.description)
        on conflict on constraint permission_pkey do update set description = excluded.description;
end
$$;
revoke all on function auth.describe_permission(text, text) from public;
grant execute on function auth.describe_permission(text, text) to service_role;
comment on function auth.describe_permission(text, text) is
'For the operator: says what a permission of the application is for, so that whoever makes roles finds it in auth.described_permissions(). Without a description it is listed no more; roles may have it all the same.';

create function auth.described_permissions()
returns table (name text, description text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select p.name::text, p.description from auth.permission as p where p.description is not null order by p.name
$$;
revoke all on function auth.described_permissions() from public;
grant execute on function auth.described_permissions() to authenticated, service_role;
comment on function auth.described_permissions() is
'The permissions that the operator has described: what roles can be made of.';
