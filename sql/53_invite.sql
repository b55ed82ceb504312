-- Invitations: made by members, sent by mail, accepted by the user of that address.
--
-- Security definer: all functions that are granted (they read and write the tables of schema auth).

create type auth.invitation_result as (
    status text,
    message text,
    id uuid,
    tenant_id uuid,
    email text,
    role text,
    expires_at timestamptz,
    token text,
    retry_after integer
);
comment on type auth.invitation_result is
'What invite and accept_invitation answer: status is ok or a stable code; retry_after is in seconds; token is for the operator only, all others'' goes by mail.';

create function auth.invitation_refusal(status text, message text, retry_after integer default null)
returns auth.invitation_result
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select row(status, message, null, null, null, null, null, null, retry_after)::auth.invitation_result
$$;
revoke all on function auth.invitation_refusal(text, text, integer) from public;
comment on function auth.invitation_refusal(text, text, integer) is 'Internal: a result that is not ok.';

create function auth.invite(email text, role text, tenant uuid default null, lifetime interval default '7 days')
returns auth.invitation_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    address text := auth.normalize_email(invite.email);
    me auth.actor := auth.act_in(invite.tenant, 'invitations:create', 'members:*');
    granted auth.role := auth.role_of(me, invite.role);
    home auth.tenant;
    wait integer;
    secret record;
    result auth.invitation_result;
begin
    perform auth.require_held(me, auth.role_permissions(granted.id));
    select * into strict home from auth.tenant where id = me.tenant_id;
    if address is null then
        return auth.invitation_refusal('validation_failed', 'Unable to validate email address: invalid format');
    elsif lifetime is null or lifetime not between interval '1 minute' and interval '30 days' then
        return auth.invitation_refusal('validation_failed', 'An invitation lives 1 minute to 30 days');
    elsif not auth.email_may_join(home, address) then
        return auth.invitation_refusal('email_address_not_authorized', 'Addresses of this domain may not join the tenant');
    elsif exists (
        select from auth.membership join auth."user" on "user".id = membership.user_id
         where membership.tenant_id = home.id and "user".email = address)
    then
        return auth.invitation_refusal('already_member', 'A user with this address is a member already');
    end if;
    wait := auth.throttle('invite', address, home.id);
    if wait is not null then
        return auth.invitation_refusal('throttled', 'Too many invitations', wait);
    end if;

    select * into strict secret from auth.make_invitation_token();
    update auth.invitation set revoked_at = now()
     where tenant_id = home.id and email = address and accepted_at is null and revoked_at is null;
    insert into auth.invitation (tenant_id, email, role_id, token_hash, invited_by, expires_at)
    values (home.id, address, granted.id, secret.token_hash, me.user_id, clock_timestamp() + lifetime)
    returning id, expires_at into strict result.id, result.expires_at;
    perform auth.enqueue_mail('invitation', address, home.id, jsonb_build_object(
        'token', secret.token, 'tenant_slug', home.slug, 'tenant_name', home.name, 'role', granted.name,
        'invited_by', auth.email(), 'inviter_name', auth.inviter_name(me.user_id), 'email', address,
        'link_seconds', extract(epoch from lifetime)::bigint, 'expires_at', result.expires_at));
    perform auth.record_event('invitation_created', 'success', me.user_id, home.id, auth.session_id(),
                              jsonb_build_object('invitation_id', result.id, 'role', granted.name));
    result.status := 'ok';
    result.tenant_id := home.id;
    result.email := address;
    result.role := granted.name;
    result.token := case when me.user_id is null then secret.token end;
    return result;
end
$$;
revoke all on function auth.invite(text, text, uuid, interval) from public;
grant execute on function auth.invite(text, text, uuid, interval) to authenticated, service_role;
comment on function auth.invite(text, text, uuid, interval) is
'Invites an address to the active tenant with a role, in the place of an earlier invitation; permission invitations:create or members:*, and all that the role permits. The operator names the tenant. Statuses: ok, validation_failed, email_address_not_authorized, already_member, throttled.';

create function auth.inviter_name(user_id uuid)
returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- As they wrote it themselves: it proves nothing.
    select nullif(left(btrim(regexp_replace(u.user_metadata ->> 'name', '[[:cntrl:]]', ' ', 'g')), 100), '')
      from auth."user" as u where u.id = $1
$$;
revoke all on function auth.inviter_name(uuid) from public;
comment on function auth.inviter_name(uuid) is 'Internal: what an inviting user is called, for the mail; null when unknown.';

create function auth.accept_invitation(token text)
returns auth.invitation_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    account auth."user" := auth.require_user();
    wait integer := auth.throttle('invite', account.id::text, null);
    -- In a variable: a volatile function is no condition for an index.
    hash bytea := auth.invitation_token_hash(accept_invitation.token);
    offered auth.invitation;
    home auth.tenant;
    refusal text;
    result auth.invitation_result;
begin
    if wait is not null then
        return auth.invitation_refusal('throttled', 'Too many attempts', wait);
    end if;
    select * into offered from auth.invitation where token_hash = hash;
    home := auth.lock_tenant(offered.tenant_id);
    if offered.id is null then
        refusal := 'unknown_token';
    elsif offered.email is distinct from account.email then
        refusal := 'other_address';
    elsif account.email_confirmed_at is null then
        return auth.invitation_refusal('email_not_confirmed', 'Email not confirmed');
    else
        refusal := auth.invitation_obstacle(offered, home, account);
    end if;
    if refusal is null then
        -- The one place where it is used up.
        update auth.invitation set accepted_at = now(), accepted_by = account.id
         where id = offered.id and accepted_at is null and revoked_at is null and expires_at > clock_timestamp();
        if not found then
            refusal := 'used_revoked_or_expired';
        end if;
    end if;
    if refusal is not null then
        -- The same answer for all of these; the reason is for the audit.
        perform auth.record_event('invitation_accepted', 'failure', account.id, offered.tenant_id, auth.session_id(),
                                  jsonb_build_object('reason', refusal));
        return auth.invitation_refusal('invite_not_found', 'The invitation does not exist or does not count any more');
    end if;
    select name into strict result.role from auth.role where id = offered.role_id;
    perform auth.add_member(home.id, account.id, result.role);
    perform auth.record_event('invitation_accepted', 'success', account.id, home.id, auth.session_id(),
                              jsonb_build_object('invitation_id', offered.id, 'role', result.role));
    result.status := 'ok';
    result.id := offered.id;
    result.tenant_id := home.id;
    result.email := account.email;
    return result;
end
$$;
revoke all on function auth.accept_invitation(text) from public;
grant execute on function auth.accept_invitation(text) to authenticated;
comment on function auth.accept_invitation(text) is
'Joins the tenant that invited the signed-in user''s confirmed address; switch to it afterwards. A token works once. Statuses: ok, invite_not_found, email_not_confirmed, throttled.';

-- The inviter answers for the role until it is taken up: one who has left, or lost what the role
-- permits, has invited nobody.
create function auth.invitation_obstacle(invitation auth.invitation, home auth.tenant, account auth."user")
returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select case
        when home.id is null or home.suspended_at is not null then 'tenant_closed'
        when account.tenant_id is distinct from (case when home.isolated then home.id end) then 'user_of_another_pool'
        when not auth.email_may_join(home, account.email) then 'domain_not_allowed'
        when exists (select from auth.membership as m
                      where m.tenant_id = home.id and m.user_id = account.id and m.suspended_at is not null) then 'suspended'
        when invitation.invited_by is not null and not exists (
            select from auth.membership as m
             where m.tenant_id = home.id and m.user_id = invitation.invited_by and m.suspended_at is null
               and (auth.covers(m.permissions, '{invitations:create}') or auth.covers(m.permissions, '{members:*}'))
               and auth.covers(m.permissions, auth.role_permissions(invitation.role_id))) then 'inviter_lost_rights'
    end
$$;
revoke all on function auth.invitation_obstacle(auth.invitation, auth.tenant, auth."user") from public;
comment on function auth.invitation_obstacle(auth.invitation, auth.tenant, auth."user") is
'Internal: why the user may not take up the invitation now; null when they may.';

create function auth.revoke_invitation(id uuid, tenant uuid default null)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    me auth.actor := auth.act_in(revoke_invitation.tenant, 'invitations:delete', 'members:*');
begin
    update auth.invitation as i set revoked_at = now()
     where i.id = revoke_invitation.id and i.tenant_id = me.tenant_id and i.accepted_at is null and i.revoked_at is null;
    if not found then
        return false;
    end if;
    perform auth.record_event('invitation_revoked', 'success', me.user_id, me.tenant_id, auth.session_id(),
                              jsonb_build_object('invitation_id', revoke_invitation.id));
    return true;
end
$$;
revoke all on function auth.revoke_invitation(uuid, uuid) from public;
grant execute on function auth.revoke_invitation(uuid, uuid) to authenticated, service_role;
comment on function auth.revoke_invitation(uuid, uuid) is
'Takes a pending invitation of the active tenant back; false when there is none of this id. Permission invitations:delete or members:*. The operator names the tenant.';

create function auth.pending_invitations(tenant uuid default null)
returns table (id uuid, email text, role text, invited_by uuid, created_at timestamptz, expires_at timestamptz)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    meant uuid := auth.reads(pending_invitations.tenant, 'invitations:read', 'members:*');
begin
    return query
    select i.id, i.email, r.name, i.invited_by, i.created_at, i.expires_at
      from auth.invitation as i
      join auth.role as r on r.id = i.role_id
     where i.tenant_id = meant
       and i.accepted_at is null and i.revoked_at is null and i.expires_at > now()
     order by i.created_at;
end
$$;
revoke all on function auth.pending_invitations(uuid) from public;
grant execute on function auth.pending_invitations(uuid) to authenticated, service_role;
comment on function auth.pending_invitations(uuid) is
'The invitations of the active tenant that can still be accepted; permission invitations:read or members:*. The operator names the tenant.';
