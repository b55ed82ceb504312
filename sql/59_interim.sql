create function auth.mint_session_token(session_id uuid, tenant_id uuid, new_refresh_token boolean default false)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    session auth.session;
    account auth."user";
    tenant auth.tenant;
    result auth.sign_in_result := auth.sign_in_refusal('ok', null);
begin
    select s.* into strict session from auth.session as s where s.id = mint_session_token.session_id and s.ended_at is null;
    select u.* into strict account from auth."user" as u where u.id = session.user_id;
    select t.* into tenant from auth.tenant as t
      join auth.membership as m on m.tenant_id = t.id and m.user_id = account.id
     where t.id = auth.granted_tenant(account.id, mint_session_token.tenant_id, session.aal) and t.suspended_at is null;
    result.expires_at := date_trunc('second', clock_timestamp() + current_setting('pg_gatehouse.access_token_ttl')::interval);
    result."user" := auth.user_json(account);
    result.access_token := auth.sign_access_token(jsonb_build_object(
        'exp', extract(epoch from result.expires_at)::bigint, 'sub', account.id, 'role', 'authenticated',
        'email', coalesce(account.email, ''), 'phone', '', 'aal', session.aal, 'amr', session.amr,
        'session_id', session.id, 'tenant_id', tenant.id, 'tenant_slug', tenant.slug,
        'roles', '[]'::jsonb, 'permissions', '[]'::jsonb,
        'app_metadata', auth.public_app_metadata(account), 'user_metadata', account.user_metadata,
        'is_anonymous', account.is_anonymous));
    return result;
end
$$;
revoke all on function auth.mint_session_token(uuid, uuid, boolean) from public;
comment on function auth.mint_session_token(uuid, uuid, boolean) is 'Internal.';

create function auth.throttled(retry_after integer)
returns auth.sign_in_result
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select row('throttled', 'Request rate limit reached', null, null, null, null, retry_after, null)::auth.sign_in_result
$$;
revoke all on function auth.throttled(integer) from public;
comment on function auth.throttled(integer) is 'Internal: the result of an attempt that has to wait, in seconds.';

create function auth.find_user(email text, tenant text)
returns auth."user"
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    found auth."user";
begin
    select * into found from auth."user" where email = auth.normalize_email(find_user.email);
    return found;
end
$$;
revoke all on function auth.find_user(text, text) from public;
comment on function auth.find_user(text, text) is 'Internal.';
