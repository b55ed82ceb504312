create function auth.mint_session_token(session_id uuid, tenant_id uuid)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    expiry timestamptz := date_trunc('second', clock_timestamp()
        + current_setting('pg_gatehouse.access_token_ttl')::interval);
    session auth.session;
    account auth."user";
    home auth.tenant;
    member auth.membership;
    result auth.sign_in_result;
begin
    update auth.session set tenant_id = mint_session_token.tenant_id
     where id = mint_session_token.session_id and ended_at is null
    returning * into session;
    if session.id is null then
        return auth.sign_in_refusal('session_expired', 'The session has ended');
    end if;
    select * into strict account from auth."user" where id = session.user_id;
    select * into home from auth.tenant where id = auth.active_tenant(account.id, session.tenant_id, session.aal);
    select * into member from auth.membership where tenant_id = home.id and user_id = account.id;
    result.status := 'ok';
    result.expires_at := expiry;
    result."user" := auth.user_json(account);
    result.access_token := auth.sign_access_token(jsonb_build_object(
        'exp', extract(epoch from expiry)::bigint,
        'sub', account.id,
        'role', 'authenticated',
        'email', coalesce(account.email, ''),
        'phone', '',
        'aal', session.aal,
        'amr', session.amr,
        'session_id', session.id,
        'tenant_id', home.id,
        'tenant_slug', home.slug,
        'roles', coalesce(member.roles, '{}'),
        'permissions', coalesce(member.permissions, '{}'),
        'app_metadata', auth.public_app_metadata(account),
        'user_metadata', account.user_metadata,
        'is_anonymous', account.is_anonymous));
    return result;
end
$$;
revoke all on function auth.mint_session_token(uuid, uuid) from public;
comment on function auth.mint_session_token(uuid, uuid) is 'Internal: an access token of the session for the tenant.';
