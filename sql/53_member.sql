-- Members and their roles.
--
-- Nobody grants or revokes a role, suspends or removes a member, who holds a permission that they
-- do not hold themselves; and the last owner stays.
--
-- Security definer: all functions that are granted (they read and write the tables of schema auth).

create function auth.member_of(me auth.actor, "user" uuid)
returns auth.membership
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    member auth.membership;
begin
    select m.* into member from auth.membership as m where m.tenant_id = me.tenant_id and m.user_id = member_of."user";
    if member.id is null then
        raise exception 'the user is no member of this tenant' using errcode = '22023', detail = 'member_not_found';
    end if;
    return member;
end
$$;
revoke all on function auth.member_of(auth.actor, uuid) from public;
comment on function auth.member_of(auth.actor, uuid) is 'Internal: a member of the actor''s tenant.';

create function auth.grant_role("user" uuid, role text, tenant uuid default null)
returns text[]
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    me auth.actor := auth.act_in(grant_role.tenant, 'members:update');
    granted auth.role := auth.role_of(me, grant_role.role);
begin
    perform auth.require_held(me, auth.role_permissions(granted.id));
    if me.user_id is not null then
        perform auth.member_of(me, grant_role."user");
    elsif not exists (select from auth."user" as u where u.id = grant_role."user") then
        raise exception 'there is no such user' using errcode = '22023', detail = 'user_not_found';
    end if;
    if auth.add_member(me.tenant_id, grant_role."user", granted.name) then
        perform auth.record_event('role_granted', 'success', me.user_id, me.tenant_id, auth.session_id(),
                                  jsonb_build_object('user_id', grant_role."user", 'role', granted.name));
    end if;
    return (auth.member_of(me, grant_role."user")).roles;
end
$$;
revoke all on function auth.grant_role(uuid, text, uuid) from public;
grant execute on function auth.grant_role(uuid, text, uuid) to authenticated, service_role;
comment on function auth.grant_role(uuid, text, uuid) is
'Grants a member of the active tenant a role and gives all that they hold then; permission members:update, and all that the role permits. It holds at the member''s next transaction. The operator names the tenant, and makes the user a member where they are none.';

create function auth.revoke_role("user" uuid, role text, tenant uuid default null)
returns text[]
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    me auth.actor := auth.act_in(revoke_role.tenant, 'members:update');
    revoked auth.role := auth.role_of(me, revoke_role.role);
begin
    perform auth.require_held(me, auth.role_permissions(revoked.id));
    perform auth.member_of(me, revoke_role."user");
    if revoked.name = 'owner' then
        perform auth.keep_an_owner(me.tenant_id, revoke_role."user");
    end if;
    delete from auth.membership_role as held
     where held.tenant_id = me.tenant_id and held.user_id = revoke_role."user" and held.role_id = revoked.id;
    if found then
        perform auth.record_event('role_revoked', 'success', me.user_id, me.tenant_id, auth.session_id(),
                                  jsonb_build_object('user_id', revoke_role."user", 'role', revoked.name));
    end if;
    return (auth.member_of(me, revoke_role."user")).roles;
end
$$;
revoke all on function auth.revoke_role(uuid, text, uuid) from public;
grant execute on function auth.revoke_role(uuid, text, uuid) to authenticated, service_role;
comment on function auth.revoke_role(uuid, text, uuid) is
'Takes a role from a member of the active tenant and gives what is left; permission members:update, and all that the role permits. The last owner stays one. It holds at the member''s next transaction. The operator names the tenant.';

create function auth.remove_member("user" uuid, tenant uuid default null)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    me auth.actor := auth.act_in(remove_member.tenant, 'members:delete');
begin
    perform auth.require_held(me, (auth.member_of(me, remove_member."user")).permissions);
    perform auth.keep_an_owner(me.tenant_id, remove_member."user");
    delete from auth.membership as m where m.tenant_id = me.tenant_id and m.user_id = remove_member."user";
    perform auth.record_event('member_removed', 'success', me.user_id, me.tenant_id, auth.session_id(),
                              jsonb_build_object('user_id', remove_member."user"));
end
$$;
revoke all on function auth.remove_member(uuid, uuid) from public;
grant execute on function auth.remove_member(uuid, uuid) to authenticated, service_role;
comment on function auth.remove_member(uuid, uuid) is
'Ends a membership of the active tenant; permission members:delete, and all that the member may do. The last owner stays. The operator names the tenant.';

create function auth.leave_tenant()
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user" := auth.require_user();
    home auth.tenant := auth.lock_tenant(auth.meant_tenant(auth.tenant_id()));
begin
    perform auth.keep_an_owner(home.id, account.id);
    delete from auth.membership as m where m.tenant_id = home.id and m.user_id = account.id;
    perform auth.record_event('member_left', 'success', account.id, home.id, auth.session_id());
end
$$;
revoke all on function auth.leave_tenant() from public;
grant execute on function auth.leave_tenant() to authenticated;
comment on function auth.leave_tenant() is
'Ends the signed-in user''s own membership of the active tenant. The last owner stays.';

create function auth.suspend_member("user" uuid, tenant uuid default null)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    me auth.actor := auth.act_in(suspend_member.tenant, 'members:update');
begin
    perform auth.require_held(me, (auth.member_of(me, suspend_member."user")).permissions);
    perform auth.keep_an_owner(me.tenant_id, suspend_member."user");
    update auth.membership as m set suspended_at = now()
     where m.tenant_id = me.tenant_id and m.user_id = suspend_member."user" and m.suspended_at is null;
    if found then
        perform auth.record_event('member_suspended', 'success', me.user_id, me.tenant_id, auth.session_id(),
                                  jsonb_build_object('user_id', suspend_member."user"));
    end if;
end
$$;
revoke all on function auth.suspend_member(uuid, uuid) from public;
grant execute on function auth.suspend_member(uuid, uuid) to authenticated, service_role;
comment on function auth.suspend_member(uuid, uuid) is
'Closes the active tenant to a member, who keeps their roles for later; permission members:update, and all that the member may do. The last owner can not be suspended. The operator names the tenant.';

create function auth.resume_member("user" uuid, tenant uuid default null)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    me auth.actor := auth.act_in(resume_member.tenant, 'members:update');
begin
    perform auth.require_held(me, (auth.member_of(me, resume_member."user")).permissions);
    update auth.membership as m set suspended_at = null
     where m.tenant_id = me.tenant_id and m.user_id = resume_member."user" and m.suspended_at is not null;
    if found then
        perform auth.record_event('member_resumed', 'success', me.user_id, me.tenant_id, auth.session_id(),
                                  jsonb_build_object('user_id', resume_member."user"));
    end if;
end
$$;
revoke all on function auth.resume_member(uuid, uuid) from public;
grant execute on function auth.resume_member(uuid, uuid) to authenticated, service_role;
comment on function auth.resume_member(uuid, uuid) is
'Ends a member''s suspension; permission members:update, and all that the member may do. The operator names the tenant.';

create function auth.tenant_members(tenant uuid default null, after uuid default null, max integer default 1000)
returns table (
    user_id uuid,
    email text,
    user_metadata jsonb,
    roles text[],
    suspended_at timestamptz,
    joined_at timestamptz,
    last_active_at timestamptz
)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    meant uuid := auth.reads(tenant_members.tenant, 'members:read');
begin
    return query
    select m.user_id, u.email, u.user_metadata, m.roles, m.suspended_at, m.created_at, m.last_active_at
      from auth.membership as m
      join auth."user" as u on u.id = m.user_id
     where m.tenant_id = meant
       and m.user_id > coalesce(tenant_members.after, '00000000-0000-0000-0000-000000000000')
     order by m.user_id
     limit least(greatest(tenant_members.max, 0), 10000);
end
$$;
revoke all on function auth.tenant_members(uuid, uuid, integer) from public;
grant execute on function auth.tenant_members(uuid, uuid, integer) to authenticated, service_role;
comment on function auth.tenant_members(uuid, uuid, integer) is
'The members of the active tenant in the order of their ids, at most max (up to 10000) after the given one; permission members:read. The operator names the tenant.';
