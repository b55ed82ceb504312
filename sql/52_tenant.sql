-- The life of a tenant: settings, suspension, deletion; and which ones a user is in.
--
-- Security definer: all functions that are granted (they read and write the tables of schema auth).

create function auth.tenant_json(tenant auth.tenant)
returns jsonb
language sql stable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select to_jsonb(tenant)
$$;
revoke all on function auth.tenant_json(auth.tenant) from public;
comment on function auth.tenant_json(auth.tenant) is 'Internal: a tenant with its settings, as its members see it.';

create function auth.update_tenant(changes jsonb, tenant uuid default null)
returns jsonb
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    me auth.actor := auth.act_in(update_tenant.tenant, 'tenant:update');
    fresh auth.tenant;
begin
    if jsonb_typeof(changes) is distinct from 'object' then
        raise exception 'the changes must be a JSON object' using errcode = '22023', detail = 'tenant_setting_invalid';
    elsif changes - array['name', 'sign_up_open', 'session_lifetime', 'session_idle_timeout', 'require_second_factor',
                          'password_min_length', 'allowed_email_domains'] <> '{}' then
        raise exception 'there is no such setting of a tenant' using errcode = '22023', detail = 'tenant_setting_unknown';
    end if;
    select * into strict fresh from auth.tenant where id = me.tenant_id;
    if changes -> 'sign_up_open' = 'true' and not fresh.sign_up_open then
        perform auth.require_invites_members(me);
    end if;
    begin
        fresh := jsonb_populate_record(fresh, changes);
        update auth.tenant as t
           set name = fresh.name,
               sign_up_open = fresh.sign_up_open,
               session_lifetime = fresh.session_lifetime,
               session_idle_timeout = fresh.session_idle_timeout,
               require_second_factor = fresh.require_second_factor,
               password_min_length = fresh.password_min_length,
               allowed_email_domains = fresh.allowed_email_domains
         where t.id = me.tenant_id
        returning * into strict fresh;
    exception
        when data_exception or integrity_constraint_violation then
            raise exception 'a setting of the tenant has a wrong type or value: %', sqlerrm
                using errcode = '22023', detail = 'tenant_setting_invalid';
    end;
    perform auth.record_event('tenant_updated', 'success', me.user_id, me.tenant_id, auth.session_id(), changes);
    return auth.tenant_json(fresh);
end
$$;
revoke all on function auth.update_tenant(jsonb, uuid) from public;
grant execute on function auth.update_tenant(jsonb, uuid) to authenticated, service_role;
comment on function auth.update_tenant(jsonb, uuid) is
'Changes settings of the active tenant and gives them all; permission tenant:update. The changes are an object with any of name, sign_up_open, session_lifetime, session_idle_timeout (intervals), require_second_factor, password_min_length (6 to 128), allowed_email_domains (array); null takes a setting back. The operator names the tenant.';

-- Opening sign-up is inviting everybody as a member.
create function auth.require_invites_members(me auth.actor)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if not (auth.holds(me, array['invitations:create']) or auth.holds(me, array['members:*'])) then
        perform auth.deny('permission_missing', 'you do not have the permission to do this', me.tenant_id);
    end if;
    perform auth.require_held(me, auth.role_permissions(
        (select id from auth.role where tenant_id = me.tenant_id and name = 'member')));
end
$$;
revoke all on function auth.require_invites_members(auth.actor) from public;
comment on function auth.require_invites_members(auth.actor) is
'Internal: refuses an actor who could not invite anybody as a member.';

create function auth.suspend_tenant(tenant uuid)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform auth.require_operator();
    update auth.tenant as t set suspended_at = now(), updated_at = clock_timestamp()
     where t.id = tenant and t.deleted_at is null and t.suspended_at is null;
    if found then
        perform auth.record_event('tenant_suspended', 'success', null, tenant);
    elsif not exists (select from auth.tenant as t where t.id = tenant and t.deleted_at is null) then
        raise exception 'there is no such tenant' using errcode = '22023', detail = 'tenant_not_found';
    end if;
end
$$;
revoke all on function auth.suspend_tenant(uuid) from public;
grant execute on function auth.suspend_tenant(uuid) to service_role;
comment on function auth.suspend_tenant(uuid) is
'For the operator: from the commit on nobody acts in the tenant; tokens for it are worth nothing at their next authenticate.';

create function auth.resume_tenant(tenant uuid)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform auth.require_operator();
    update auth.tenant as t set suspended_at = null, updated_at = clock_timestamp()
     where t.id = tenant and t.deleted_at is null and t.suspended_at is not null;
    if found then
        perform auth.record_event('tenant_resumed', 'success', null, tenant);
    elsif not exists (select from auth.tenant as t where t.id = tenant and t.deleted_at is null) then
        raise exception 'there is no such tenant' using errcode = '22023', detail = 'tenant_not_found';
    end if;
end
$$;
revoke all on function auth.resume_tenant(uuid) from public;
grant execute on function auth.resume_tenant(uuid) to service_role;
comment on function auth.resume_tenant(uuid) is 'For the operator: ends the suspension of a tenant.';

create function auth.delete_tenant(confirm_slug text, tenant uuid default null)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    me auth.actor := auth.act_in(delete_tenant.tenant, 'tenant:delete');
begin
    if me.user_id is not null and not exists (
        select from auth.role
          join auth.membership_role as held on held.role_id = role.id
         where role.tenant_id = me.tenant_id and role.name = 'owner' and held.user_id = me.user_id)
    then
        perform auth.deny('owner_required', 'only an owner may delete the tenant', me.tenant_id);
    end if;
    update auth.tenant set deleted_at = now(), sign_up_open = false where id = me.tenant_id and slug = confirm_slug;
    if not found then
        raise exception 'confirm the deletion with the tenant''s slug' using errcode = '22023', detail = 'confirmation_mismatch';
    end if;
    update auth.invitation set revoked_at = now()
     where tenant_id = me.tenant_id and accepted_at is null and revoked_at is null;
    perform auth.record_event('tenant_deleted', 'success', me.user_id, me.tenant_id, auth.session_id());
end
$$;
revoke all on function auth.delete_tenant(text, uuid) from public;
grant execute on function auth.delete_tenant(text, uuid) to authenticated, service_role;
comment on function auth.delete_tenant(text, uuid) is
'Deletes the active tenant, for its owners, who confirm it with its slug; the operator names the tenant. From the commit on nobody acts in it. Its rows stay for the audit until the operator deletes them from auth.tenant; its slug stays taken.';

create function auth.my_tenants()
returns table (
    id uuid,
    slug text,
    name text,
    roles text[],
    permissions text[],
    active boolean,
    suspended boolean,
    require_second_factor boolean,
    joined_at timestamptz,
    last_active_at timestamptz
)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select t.id, t.slug, t.name, m.roles, m.permissions, t.id is not distinct from auth.tenant_id(),
           t.suspended_at is not null or m.suspended_at is not null, t.require_second_factor,
           m.created_at, m.last_active_at
      from auth.membership as m
      join auth.tenant as t on t.id = m.tenant_id
     where m.user_id = auth.uid() and t.deleted_at is null
     order by t.name, t.id
$$;
revoke all on function auth.my_tenants() from public;
grant execute on function auth.my_tenants() to authenticated;
comment on function auth.my_tenants() is
'The tenants that the signed-in user is in, with their roles and permissions there; active: the one that the token is for; suspended: nobody, or not this user, may act in it.';

create function auth.active_tenant(user_id uuid, tenant_id uuid, aal text)
returns uuid
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select t.id
      from auth.membership as m
      join auth.tenant as t on t.id = m.tenant_id
     where m.tenant_id = $2 and m.user_id = $1
       and m.suspended_at is null and t.suspended_at is null and t.deleted_at is null
       and (not t.require_second_factor or $3 = 'aal2')
$$;
revoke all on function auth.active_tenant(uuid, uuid, text) from public;
comment on function auth.active_tenant(uuid, uuid, text) is
'Internal: the tenant if the user may act in it at this assurance level, else null: what an access token may name.';

create function auth.email_may_join(tenant auth.tenant, email text)
returns boolean
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(tenant.allowed_email_domains is null
                    or split_part(email, '@', 2) = any (tenant.allowed_email_domains), false)
$$;
revoke all on function auth.email_may_join(auth.tenant, text) from public;
comment on function auth.email_may_join(auth.tenant, text) is 'Internal: whether the tenant''s domains allow the (normalised) address.';

create function auth.find_user(email text, tenant text)
returns auth."user"
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    pool uuid := (select id from auth.tenant where slug = find_user.tenant and isolated);
    found auth."user";
begin
    if pool is null then
        select * into found from auth."user"
         where tenant_id is null and email = auth.normalize_email(find_user.email);
    else
        select * into found from auth."user"
         where tenant_id = pool and email = auth.normalize_email(find_user.email);
    end if;
    return found;
end
$$;
revoke all on function auth.find_user(text, text) from public;
comment on function auth.find_user(text, text) is
'Internal: the user of this address in the pool of the tenant with this slug: its own when isolated, else the shared one. Nulls when there is none.';

create function auth.sign_up_tenant(slug text, email text)
returns auth.tenant
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select t.*
      from auth.tenant as t
     where t.slug = $1 and t.suspended_at is null and t.deleted_at is null
       and auth.email_may_join(t, $2)
       and (t.sign_up_open
            or (t.isolated and exists (
                    select from auth.invitation as i
                     where i.tenant_id = t.id and i.email = $2
                       and i.accepted_at is null and i.revoked_at is null and i.expires_at > now())))
$$;
revoke all on function auth.sign_up_tenant(text, text) from public;
comment on function auth.sign_up_tenant(text, text) is
'Internal: the tenant if this (normalised) address may sign up to it: it is open, or isolated and has invited the address. Only an open one is joined by signing up. Nulls otherwise.';

create function auth.judge_password(password text, context text[], tenant auth.tenant, out ok boolean, out reasons text[])
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    select c.ok, c.reasons into strict judge_password.ok, judge_password.reasons
      from auth.check_password_of_length(password, context || tenant.slug || tenant.name, auth.least_password_length(tenant)) as c;
end
$$;
revoke all on function auth.judge_password(text, text[], auth.tenant) from public;
comment on function auth.judge_password(text, text[], auth.tenant) is
'Internal: the password policy together with that of the tenant, which may be all nulls.';
