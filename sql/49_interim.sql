create function auth.revoke_session_always(session_id uuid, reason text)
returns void
language sql volatile
set search_path = pg_catalog, pg_temp
as 'update auth.session set ended_at = now(), end_reason = $2 where id = $1 and ended_at is null';
revoke all on function auth.revoke_session_always(uuid, text) from public;
comment on function auth.revoke_session_always(uuid, text) is 'Internal.';

create function auth.membership_claims(user_id uuid, tenant_id uuid)
returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object('tenant_slug', tenant.slug, 'roles', '[]'::jsonb, 'permissions', '[]'::jsonb)
      from auth.membership
      join auth.tenant on tenant.id = membership.tenant_id
     where membership.user_id = $1 and membership.tenant_id = $2 and tenant.suspended_at is null
$$;
revoke all on function auth.membership_claims(uuid, uuid) from public;
comment on function auth.membership_claims(uuid, uuid) is
'Internal: tenant_slug, roles and permissions of a member; null when there is no membership or the tenant is suspended.';

create function auth.has_second_factor(user_id uuid)
returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as 'select false';
revoke all on function auth.has_second_factor(uuid) from public;
comment on function auth.has_second_factor(uuid) is 'Internal.';

create function auth.reauthenticated(nonce text)
returns boolean
language sql volatile
set search_path = pg_catalog, pg_temp
as 'select false';
revoke all on function auth.reauthenticated(text) from public;
comment on function auth.reauthenticated(text) is 'Internal.';

create function auth.request_email_change(new_email text)
returns auth.sign_in_result
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    select auth.sign_in_refusal('email_change_unavailable', 'Changing the e-mail address is not possible here')
$$;
revoke all on function auth.request_email_change(text) from public;
comment on function auth.request_email_change(text) is 'Internal.';
