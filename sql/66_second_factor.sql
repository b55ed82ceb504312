-- When a second factor is due, and what is withheld until then.
--
-- A sign-in without it gives a session all the same, as clients of Supabase expect: they call
-- factors, challenge and verify with its aal1 token. But status is mfa_required, and the token
-- names no tenant and carries no roles and no permissions, so that policies on auth.tenant_id(),
-- auth.has_role() and auth.has_permission() give nothing. That is decided wherever a token is
-- minted, by granted_tenant. What belongs to a user and to no tenant is the application's to
-- close, with a restrictive policy on auth.aal().
--
-- Security definer: end_sessions_without_factor (trigger, writes auth.session).

create function auth.has_second_factor(user_id uuid)
returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select exists (select from auth.mfa_factor as f where f.user_id = $1 and f.status = 'verified')
$$;
revoke all on function auth.has_second_factor(uuid) from public;
comment on function auth.has_second_factor(uuid) is 'Internal: whether the user has a second factor.';

create function auth.second_factor_due(user_id uuid, tenant_id uuid)
returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select case
        when auth.has_second_factor($1) then 'Verify a second factor to continue'
        when exists (select from auth.tenant as t where t.id = $2 and t.require_second_factor)
            then 'This tenant requires a second factor: enroll one to continue'
    end
$$;
revoke all on function auth.second_factor_due(uuid, uuid) from public;
comment on function auth.second_factor_due(uuid, uuid) is
'Internal: what an aal1 session of the user must do before it may act in the tenant; null when nothing.';

create function auth.granted_tenant(user_id uuid, tenant_id uuid, aal text)
returns uuid
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select case when $3 = 'aal2' or auth.second_factor_due($1, $2) is null then $2 end
$$;
revoke all on function auth.granted_tenant(uuid, uuid, text) from public;
comment on function auth.granted_tenant(uuid, uuid, text) is
'Internal: the tenant that a token of this assurance may name; null while a second factor is due. Every minting of a token asks it.';

create function auth.require_step_up()
returns auth."user"
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user" := auth.signed_in_user();
begin
    -- The session's row says what was proved; a token from before may say less, none says more.
    if auth.has_second_factor(account.id)
        and not exists (select from auth.session as s where s.id = auth.session_id() and s.aal = 'aal2')
    then
        raise exception 'this needs the second factor' using errcode = '42501', detail = 'insufficient_aal';
    end if;
    return account;
end
$$;
revoke all on function auth.require_step_up() from public;
comment on function auth.require_step_up() is
'Internal: the signed-in user, who must have proved the second factor in this session if there is one; otherwise error 42501 insufficient_aal.';

create function auth.proved_address_recently()
returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select from auth.session as s, jsonb_array_elements(s.amr) as m
         where s.id = auth.session_id() and s.user_id = auth.uid() and s.ended_at is null
           and m ->> 'method' in ('recovery', 'otp')
           and to_timestamp((m ->> 'timestamp')::bigint) > clock_timestamp() - interval '1 hour')
$$;
revoke all on function auth.proved_address_recently() from public;
comment on function auth.proved_address_recently() is
'Internal: whether this session began, within the last hour, with a mailed link or code; such a session may set a password without the old one.';

create function auth.end_sessions_without_factor()
returns trigger
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update auth.session as s set ended_at = now(), end_reason = 'second_factor_required'
      from auth.membership as m
     where m.tenant_id = new.id and s.user_id = m.user_id and s.aal = 'aal1' and s.ended_at is null;
    return null;
end
$$;
revoke all on function auth.end_sessions_without_factor() from public;
comment on function auth.end_sessions_without_factor() is
'Trigger: when a tenant begins to require a second factor, its members'' sessions without one end.';

create trigger end_sessions_without_factor after update of require_second_factor on auth.tenant
    for each row when (new.require_second_factor and not old.require_second_factor)
    execute function auth.end_sessions_without_factor();

create function auth.least_password_length(tenant auth.tenant)
returns integer
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- Where a second factor is required a shorter password will do (NIST SP 800-63B-4); what the
    -- tenant itself asks for counts when it is more. As JSON, so that it makes no difference
    -- whether tenants have that column.
    select greatest(
        (to_jsonb($1) ->> 'password_min_length')::integer,
        least(current_setting('pg_gatehouse.password_min_length')::integer,
              case when $1.require_second_factor
                   then current_setting('pg_gatehouse.password_min_length_with_factor')::integer end))
$$;
revoke all on function auth.least_password_length(auth.tenant) from public;
comment on function auth.least_password_length(auth.tenant) is
'Internal: the least length of passwords set at a tenant, which may be all nulls.';
