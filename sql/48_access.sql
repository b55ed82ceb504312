-- What each member may do, laid down in the membership itself, so that authenticate reads one row.
--
-- Every change of roles brings it up to date in the same transaction, whoever makes it. Who waits
-- for whom, so that two changes at once do not miss each other:
--   a grant or revocation    holds the roles for share, then the memberships;
--   a change of a role       holds the role by writing it, then the memberships of its members;
--   and only then, in a statement of its own and so with a new snapshot, is it computed.
-- Sign-ups into one tenant share the role and do not wait for each other. With a snapshot that is
-- older than what another transaction has committed, both locks are a serialisation failure.

create function auth.refresh_access(memberships uuid[])
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
-- Right after a bulk load the statistics say that the tables are small.
set enable_seqscan = off
as $$
begin
    perform from auth.membership where id = any (memberships) order by id for no key update;
    update auth.membership
       set roles = fresh.roles, permissions = fresh.permissions
      from (select m.id,
                   array(select r.name
                           from auth.membership_role as mr
                           join auth.role as r on r.id = mr.role_id
                          where mr.tenant_id = m.tenant_id and mr.user_id = m.user_id
                          order by r.name collate "C") as roles,
                   array(select distinct p.permission
                           from auth.membership_role as mr
                           join auth.role_permission as p on p.role_id = mr.role_id
                          where mr.tenant_id = m.tenant_id and mr.user_id = m.user_id
                          order by p.permission) as permissions
              from auth.membership as m
             where m.id = any (memberships)
           ) as fresh
     where membership.id = fresh.id
       and (membership.roles, membership.permissions) is distinct from (fresh.roles, fresh.permissions);
end
$$;
revoke all on function auth.refresh_access(uuid[]) from public;
comment on function auth.refresh_access(uuid[]) is 'Internal: computes roles and permissions of these memberships anew.';

create function auth.membership_roles_changed()
returns trigger
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform from auth.role where id in (select role_id from changed) order by id for share;
    perform auth.refresh_access(array(
        select distinct m.id
          from changed
          join auth.membership as m on m.tenant_id = changed.tenant_id and m.user_id = changed.user_id));
    return null;
end
$$;
revoke all on function auth.membership_roles_changed() from public;
comment on function auth.membership_roles_changed() is 'Trigger: roles were granted or revoked.';

create trigger granted after insert on auth.membership_role
    referencing new table as changed
    for each statement execute function auth.membership_roles_changed();
create trigger revoked after delete on auth.membership_role
    referencing old table as changed
    for each statement execute function auth.membership_roles_changed();

create function auth.role_permissions_changed()
returns trigger
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update auth.role set updated_at = clock_timestamp()
     where id in (select role_id from changed);
    perform auth.refresh_access(array(
        select distinct m.id
          from (select distinct role_id from changed) as role
          join auth.membership_role as mr on mr.role_id = role.role_id
          join auth.membership as m on m.tenant_id = mr.tenant_id and m.user_id = mr.user_id));
    return null;
end
$$;
revoke all on function auth.role_permissions_changed() from public;
comment on function auth.role_permissions_changed() is 'Trigger: permissions of roles have changed.';

create trigger permitted after insert on auth.role_permission
    referencing new table as changed
    for each statement execute function auth.role_permissions_changed();
create trigger forbidden after delete on auth.role_permission
    referencing old table as changed
    for each statement execute function auth.role_permissions_changed();

create function auth.role_renamed()
returns trigger
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform auth.refresh_access(array(
        select distinct m.id
          from former
          join changed on changed.id = former.id and changed.name <> former.name
          join auth.membership_role as mr on mr.role_id = changed.id
          join auth.membership as m on m.tenant_id = mr.tenant_id and m.user_id = mr.user_id));
    return null;
end
$$;
revoke all on function auth.role_renamed() from public;
comment on function auth.role_renamed() is 'Trigger: a role has another name.';

create trigger renamed after update on auth.role
    referencing old table as former new table as changed
    for each statement execute function auth.role_renamed();

-- Keys of these two tables do not change: a row that is something else now would slip past the
-- triggers above.
create function auth.refuse_update()
returns trigger
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'rows of this table are inserted and deleted, not updated'
        using errcode = '0A000', detail = 'update_refused';
end
$$;
revoke all on function auth.refuse_update() from public;
comment on function auth.refuse_update() is 'Trigger: rows do not change.';
create trigger refuse_update before update on auth.membership_role
    for each statement execute function auth.refuse_update();
create trigger refuse_update before update on auth.role_permission
    for each statement execute function auth.refuse_update();

create function auth.add_member(tenant_id uuid, user_id uuid, role text)
returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    added boolean;
begin
    insert into auth.membership (tenant_id, user_id) values (add_member.tenant_id, add_member.user_id)
        on conflict on constraint membership_tenant_id_user_id_key do nothing;
    insert into auth.membership_role (tenant_id, user_id, role_id)
    select add_member.tenant_id, add_member.user_id, id
      from auth.role where tenant_id = add_member.tenant_id and name = add_member.role
        on conflict on constraint membership_role_pkey do nothing;
    added := found;
    return added;
end
$$;
revoke all on function auth.add_member(uuid, uuid, text) from public;
comment on function auth.add_member(uuid, uuid, text) is
'Internal: makes the user a member who holds the role; whether they did not hold it before.';

create function auth.membership_claims(user_id uuid, tenant_id uuid, aal text)
returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object('tenant_id', t.id, 'tenant_slug', t.slug,
                              'roles', coalesce(to_jsonb(m.roles), '[]'), 'permissions', coalesce(to_jsonb(m.permissions), '[]'))
      from auth.active_tenant($1, auth.granted_tenant($1, $2, $3), $3) as active (id)
      left join auth.tenant as t on t.id = active.id
      left join auth.membership as m on m.tenant_id = active.id and m.user_id = $1
$$;
revoke all on function auth.membership_claims(uuid, uuid, text) from public;
comment on function auth.membership_claims(uuid, uuid, text) is
'Internal: tenant_id, tenant_slug, roles and permissions for a token of a user who asks for the tenant; no tenant where the user may not act now, or not without a second factor.';
