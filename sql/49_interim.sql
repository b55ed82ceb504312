create function auth.revoke_session_always(session_id uuid, reason text)
returns void
language sql volatile
set search_path = pg_catalog, pg_temp
as 'update auth.session set ended_at = now(), end_reason = $2 where id = $1 and ended_at is null';
revoke all on function auth.revoke_session_always(uuid, text) from public;
comment on function auth.revoke_session_always(uuid, text) is 'Internal.';

create function auth.membership_claims(user_id uuid, tenant_id uuid, aal text)
returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object('tenant_id', active.id, 'tenant_slug', active.slug, 'roles', '[]'::jsonb, 'permissions', '[]'::jsonb)
      from (select) as always
      left join (
          select tenant.id, tenant.slug
            from auth.membership join auth.tenant on tenant.id = membership.tenant_id
           where membership.user_id = $1 and membership.tenant_id = $2 and tenant.suspended_at is null
      ) as active on true
$$;
revoke all on function auth.membership_claims(uuid, uuid, text) from public;
comment on function auth.membership_claims(uuid, uuid, text) is
'Internal: tenant_id, tenant_slug, roles and permissions for a token of a user who asks for the tenant; no tenant where the user may not act now.';

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
