-- Who acts in a tenant, and what they may give to others.
--
-- Everything that changes a tenant, its roles or members goes through act_in (or lock_tenant)
-- first: it writes the tenant's row, so that such changes go one after the other, and reads what
-- the caller may do from the membership as it is then, not from the token. An older snapshot is a
-- serialisation failure. A token may permit less than the membership (an API key): both count.
--
-- Internal, and called from security definer functions only.

create type auth.actor as (tenant_id uuid, user_id uuid, permissions text[]);
comment on type auth.actor is 'Internal: who acts in which tenant, holding what; without a user it is the operator.';

create function auth.is_operator()
returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(auth.role() = 'service_role', false)
        or (auth.claims() is null
            and exists (select from pg_catalog.pg_roles where rolname = session_user and rolsuper))
$$;
revoke all on function auth.is_operator() from public;
comment on function auth.is_operator() is
'Internal: whether the caller runs the deployment: a service_role token, or a superuser who acts as nobody else.';

create function auth.deny(code text, message text, tenant_id uuid default null, detail jsonb default '{}')
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform auth.record_event('permission_denied', 'failure', auth.uid(), deny.tenant_id, auth.session_id(),
                              jsonb_build_object('code', deny.code) || deny.detail);
    raise exception '%', deny.message using errcode = '42501', detail = deny.code;
end
$$;
revoke all on function auth.deny(text, text, uuid, jsonb) from public;
comment on function auth.deny(text, text, uuid, jsonb) is 'Internal: records a refusal and raises it, 42501 with its code in DETAIL.';

create function auth.require_operator()
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if not auth.is_operator() then
        perform auth.deny('operator_required', 'only the operator may do this', auth.tenant_id());
    end if;
end
$$;
revoke all on function auth.require_operator() from public;
comment on function auth.require_operator() is 'Internal: refuses whoever does not run the deployment.';

-- Signed in with a session of ours: not with an API key, not with another issuer's token.
create function auth.require_user()
returns auth."user"
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user";
begin
    select u.* into account
      from auth.session as s
      join auth."user" as u on u.id = s.user_id
     where s.id = auth.session_id() and s.user_id = auth.uid() and s.ended_at is null;
    if account.id is null then
        perform auth.deny('not_authenticated', 'sign in to do this');
    end if;
    return account;
end
$$;
revoke all on function auth.require_user() from public;
comment on function auth.require_user() is 'Internal: the signed-in user; refuses everybody else.';

create function auth.lock_tenant(tenant_id uuid)
returns auth.tenant
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    update auth.tenant set updated_at = clock_timestamp() where id = $1 and deleted_at is null returning *
$$;
revoke all on function auth.lock_tenant(uuid) from public;
comment on function auth.lock_tenant(uuid) is
'Internal: the tenant, locked against every other change of it, its roles and members until the transaction ends; null when there is none.';

-- The tenant that the caller means: users act in their active one, the operator names one.
create function auth.meant_tenant(tenant uuid)
returns uuid
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    active uuid := auth.tenant_id();
begin
    if auth.is_operator() then
        if coalesce(tenant, active) is null then
            raise exception 'name the tenant to act in' using errcode = '22023', detail = 'tenant_required';
        end if;
        return coalesce(tenant, active);
    elsif auth.uid() is null then
        raise exception 'sign in to do this' using errcode = '42501', detail = 'not_authenticated';
    elsif active is null or tenant <> active then
        raise exception 'this is not the active tenant' using errcode = '42501', detail = 'tenant_not_active',
            hint = 'Switch to it first: auth.switch_tenant(tenant).';
    end if;
    return active;
end
$$;
revoke all on function auth.meant_tenant(uuid) from public;
comment on function auth.meant_tenant(uuid) is 'Internal: the tenant to act in; refuses a user who names another than the active one.';

create function auth.holds(me auth.actor, wanted text[])
returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select auth.covers(me.permissions, wanted)
       and (me.user_id is null or not exists (select from unnest(wanted) as w (name) where not auth.has_permission(w.name)))
$$;
revoke all on function auth.holds(auth.actor, text[]) from public;
comment on function auth.holds(auth.actor, text[]) is
'Internal: whether the actor holds all these permissions, by membership and by token.';

-- One of the permissions is enough.
create function auth.act_in(tenant uuid, variadic wanted text[])
returns auth.actor
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    me auth.actor;
    refused boolean;
    home auth.tenant;
begin
    me.tenant_id := auth.meant_tenant(tenant);
    me.user_id := case when not auth.is_operator() then auth.uid() end;
    me.permissions := array['*:*'];
    -- By the token first: whoever may not do it anyway does not hold the others up.
    refused := not exists (select from unnest(wanted) as w (name) where auth.holds(me, array[w.name]));
    if not refused then
        home := auth.lock_tenant(me.tenant_id);
        if home.id is null and me.user_id is null then
            raise exception 'there is no such tenant' using errcode = '22023', detail = 'tenant_not_found';
        elsif me.user_id is not null then
            select permissions into me.permissions
              from auth.membership
             where tenant_id = home.id and user_id = me.user_id
               and suspended_at is null and home.suspended_at is null;
            refused := me.permissions is null
                or not exists (select from unnest(wanted) as w (name) where auth.holds(me, array[w.name]));
        end if;
    end if;
    if refused then
        perform auth.deny('permission_missing', 'you do not have the permission to do this', me.tenant_id,
                          jsonb_build_object('wanted', wanted));
    end if;
    return me;
end
$$;
revoke all on function auth.act_in(uuid, text[]) from public;
comment on function auth.act_in(uuid, text[]) is
'Internal: the caller as an actor in the tenant, which is locked from then on; refuses who holds none of the permissions.';

create function auth.reads(tenant uuid, variadic wanted text[])
returns uuid
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    meant uuid := auth.meant_tenant(tenant);
begin
    if not auth.is_operator()
       and not exists (select from unnest(wanted) as w (name) where auth.has_permission(w.name)) then
        raise exception 'you do not have the permission to do this' using errcode = '42501', detail = 'permission_missing';
    end if;
    return meant;
end
$$;
revoke all on function auth.reads(uuid, text[]) from public;
comment on function auth.reads(uuid, text[]) is
'Internal: the tenant that the caller may read of; refuses who holds none of the permissions.';

create function auth.role_of(me auth.actor, role text)
returns auth.role
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    named auth.role;
begin
    select r.* into named from auth.role as r where r.tenant_id = me.tenant_id and r.name = role_of.role;
    if named.id is null then
        raise exception 'there is no such role in this tenant' using errcode = '22023', detail = 'role_not_found';
    end if;
    return named;
end
$$;
revoke all on function auth.role_of(auth.actor, text) from public;
comment on function auth.role_of(auth.actor, text) is 'Internal: a role of the actor''s tenant by its name.';

create function auth.require_held(me auth.actor, wanted text[])
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if not auth.holds(me, wanted) then
        perform auth.deny('permission_not_held', 'nobody gives or takes permissions that they do not hold', me.tenant_id,
                          jsonb_build_object('wanted', wanted));
    end if;
end
$$;
revoke all on function auth.require_held(auth.actor, text[]) from public;
comment on function auth.require_held(auth.actor, text[]) is
'Internal: refuses an actor who does not hold all these permissions.';

create function auth.role_permissions(role_id uuid)
returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select array(select permission::text from auth.role_permission where role_id = $1 order by permission)
$$;
revoke all on function auth.role_permissions(uuid) from public;
comment on function auth.role_permissions(uuid) is 'Internal: what a role permits.';

create function auth.is_last_owner(tenant_id uuid, user_id uuid)
returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select from auth.role
          join auth.membership_role as held on held.role_id = role.id
         where role.tenant_id = $1 and role.name = 'owner' and held.user_id = $2
    ) and not exists (
        select from auth.role
          join auth.membership_role as held on held.role_id = role.id
          join auth.membership on membership.tenant_id = held.tenant_id and membership.user_id = held.user_id
          join auth."user" on "user".id = held.user_id
         where role.tenant_id = $1 and role.name = 'owner' and held.user_id <> $2
           and membership.suspended_at is null
           and ("user".banned_until is null or "user".banned_until <= now())
    )
$$;
revoke all on function auth.is_last_owner(uuid, uuid) from public;
comment on function auth.is_last_owner(uuid, uuid) is
'Internal: whether the user is an owner and no other owner can act. Lock the tenant first.';

create function auth.keep_an_owner(tenant_id uuid, user_id uuid)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if auth.is_last_owner(keep_an_owner.tenant_id, keep_an_owner.user_id) then
        perform auth.deny('last_owner', 'the tenant''s last owner stays: make somebody else an owner first', keep_an_owner.tenant_id);
    end if;
end
$$;
revoke all on function auth.keep_an_owner(uuid, uuid) from public;
comment on function auth.keep_an_owner(uuid, uuid) is 'Internal: refuses to take the last owner away.';
