create function auth.revoke_session_always(session_id uuid, reason text)
returns void
language sql volatile
set search_path = pg_catalog, pg_temp
as 'update auth.session set ended_at = now(), end_reason = $2 where id = $1 and ended_at is null';
revoke all on function auth.revoke_session_always(uuid, text) from public;
comment on function auth.revoke_session_always(uuid, text) is 'Internal.';

create function auth.mint_session_token(session_id uuid, tenant_id uuid, out access_token text, out expires_at timestamptz)
returns record
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    session auth.session;
    account auth."user";
    tenant auth.tenant;
begin
    select s.* into strict session from auth.session as s where s.id = mint_session_token.session_id and s.ended_at is null;
    select u.* into strict account from auth."user" as u where u.id = session.user_id;
    select t.* into tenant from auth.tenant as t
      join auth.membership as m on m.tenant_id = t.id and m.user_id = account.id
     where t.id = auth.granted_tenant(account.id, mint_session_token.tenant_id, session.aal) and t.suspended_at is null;
    expires_at := date_trunc('second', clock_timestamp() + current_setting('pg_gatehouse.access_token_ttl')::interval);
    access_token := auth.sign_access_token(jsonb_build_object(
        'exp', extract(epoch from expires_at)::bigint, 'sub', account.id, 'role', 'authenticated',
        'email', coalesce(account.email, ''), 'phone', '', 'aal', session.aal, 'amr', session.amr,
        'session_id', session.id, 'tenant_id', tenant.id, 'tenant_slug', tenant.slug,
        'roles', '[]'::jsonb, 'permissions', '[]'::jsonb,
        'app_metadata', auth.public_app_metadata(account), 'user_metadata', account.user_metadata,
        'is_anonymous', account.is_anonymous));
end
$$;
revoke all on function auth.mint_session_token(uuid, uuid) from public;
comment on function auth.mint_session_token(uuid, uuid) is 'Internal.';
