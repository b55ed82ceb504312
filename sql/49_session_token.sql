-- Access tokens of sessions.
--
-- Each one's id goes on the list of its session in the same transaction. If that is rolled back,
-- the id is on no list and auth.authenticate refuses the token, wherever it was kept.
--
-- All of these are internal: called by functions that run with the owner's rights and have judged
-- who asks.

create function auth.session_refusal(session auth.session, account auth."user", tenant_id uuid)
returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    limits record;
begin
    if session.id is null or account.id is distinct from session.user_id or session.ended_at is not null then
        return case session.end_reason
            when 'refresh_token_reused' then 'refresh_token_already_used'
            when 'expired' then 'session_expired'
            else 'session_not_found' end;
    elsif account.banned_until > clock_timestamp() then
        return 'user_banned';
    end if;
    select * into strict limits from auth.session_limits(session_refusal.tenant_id);
    if least(session.expires_at, session.created_at + limits.lifetime) <= clock_timestamp()
        or session.refreshed_at + limits.idle_timeout <= clock_timestamp()
    then
        return 'session_expired';
    end if;
    return null;
end
$$;
revoke all on function auth.session_refusal(auth.session, auth."user", uuid) from public;
comment on function auth.session_refusal(auth.session, auth."user", uuid) is
'Internal: why no access token is minted for a session in a tenant; null when one is.';

create function auth.session_refusal_message(status text)
returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case status
        when 'refresh_token_not_found' then 'Invalid Refresh Token: Refresh Token Not Found'
        when 'refresh_token_already_used' then 'Invalid Refresh Token: Already Used'
        when 'session_expired' then 'Invalid Refresh Token: Session Expired'
        when 'user_banned' then 'User is banned'
        else 'Session not found'
    end
$$;
revoke all on function auth.session_refusal_message(text) from public;
comment on function auth.session_refusal_message(text) is 'Internal: a status of session_refusal in words.';

create function auth.issue_access_token(session auth.session, account auth."user", tenant_id uuid)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    token_id uuid := auth.new_token_id();
    limits record := auth.session_limits(issue_access_token.tenant_id);
    membership jsonb := auth.membership_claims(account.id, issue_access_token.tenant_id, session.aal);
    claims jsonb;
    kept auth.session;
    result auth.sign_in_result;
begin
    update auth.session as s
       set tenant_id = issue_access_token.tenant_id,
           token_ids = auth.remember_token_id(s.token_ids, token_id),
           refreshed_at = clock_timestamp(),
           expires_at = least(s.expires_at, s.created_at + limits.lifetime)
     where s.id = issue_access_token.session.id
    returning s.* into strict kept;

    result.status := 'ok';
    -- No token outlives its session, nor the time that the session may be idle.
    result.expires_at := date_trunc('second', least(
        kept.expires_at,
        kept.refreshed_at + limits.idle_timeout,
        clock_timestamp() + current_setting('pg_gatehouse.access_token_ttl')::interval));
    result."user" := auth.user_json(account);
    claims := jsonb_build_object(
        'exp', extract(epoch from result.expires_at)::bigint,
        'jti', token_id,
        'sub', account.id,
        'role', 'authenticated',
        'email', coalesce(account.email, ''),
        'phone', '',
        'aal', kept.aal,
        'amr', kept.amr,
        'session_id', kept.id,
        'tenant_id', membership -> 'tenant_id',
        'tenant_slug', membership -> 'tenant_slug',
        'roles', membership -> 'roles',
        'permissions', membership -> 'permissions',
        'app_metadata', auth.public_app_metadata(account),
        'user_metadata', account.user_metadata,
        'is_anonymous', account.is_anonymous);
    if current_setting('pg_gatehouse.custom_claims_hook') <> '' then
        claims := auth.call_custom_claims_hook(claims);
    end if;
    result.access_token := auth.sign_access_token(claims);
    return result;
end
$$;
revoke all on function auth.issue_access_token(auth.session, auth."user", uuid) from public;
comment on function auth.issue_access_token(auth.session, auth."user", uuid) is
'Internal: signs an access token for a session that was locked and judged, with tenant and roles as they are now, and lists its id. Where the user may not act in the tenant, the token names none; the session keeps it, for when the user may again.';

create function auth.new_token_id()
returns uuid
language c volatile parallel unsafe
as 'MODULE_PATHNAME', 'new_token_id_wrapper';
revoke all on function auth.new_token_id() from public;
comment on function auth.new_token_id() is 'Internal: a fresh jti, a UUID of version 7 (RFC 9562).';

create function auth.remember_token_id(token_ids uuid[], token_id uuid)
returns uuid[]
language c volatile strict parallel unsafe
as 'MODULE_PATHNAME', 'remember_token_id_wrapper';
revoke all on function auth.remember_token_id(uuid[], uuid) from public;
comment on function auth.remember_token_id(uuid[], uuid) is
'Internal: the list with the id at its end and without those of expired tokens; at most 512.';

create function auth.mint_session_token(session_id uuid, tenant_id uuid, new_refresh_token boolean default false)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    session auth.session;
    account auth."user";
    refusal text;
    result auth.sign_in_result;
begin
    select * into session from auth.session
     where id = mint_session_token.session_id for no key update;
    select * into account from auth."user" where id = session.user_id;
    refusal := auth.session_refusal(session, account, mint_session_token.tenant_id);
    if refusal is not null then
        return auth.sign_in_refusal(refusal, auth.session_refusal_message(refusal));
    end if;
    result := auth.issue_access_token(session, account, mint_session_token.tenant_id);
    if mint_session_token.new_refresh_token then
        result.refresh_token := auth.begin_refresh_chain(session.id);
    end if;
    return result;
end
$$;
revoke all on function auth.mint_session_token(uuid, uuid, boolean) from public;
comment on function auth.mint_session_token(uuid, uuid, boolean) is
'Internal: an access token for a living session, in the tenant if its user may act there now, else in none. With new_refresh_token also a refresh token, which replaces the session''s. The caller has judged that its user may ask for it. Serialised by the lock on the session''s row. Statuses: ok, session_not_found, session_expired, refresh_token_already_used, user_banned.';

create function auth.open_session("user" auth."user", tenant_id uuid, method text)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    account auth."user";
    session auth.session;
    result auth.sign_in_result;
begin
    -- The lock on the user's row: of two sign-ins at once one sees the other's session, and a ban
    -- either is seen here or sees the session.
    update auth."user" set last_sign_in_at = now()
     where id = open_session."user".id and (banned_until is null or banned_until <= clock_timestamp())
    returning * into account;
    if account.id is null then
        perform auth.record_event('sign_in', 'failure', open_session."user".id, detail => '{"reason": "banned"}');
        return auth.sign_in_refusal('invalid_credentials', 'Invalid login credentials');
    end if;
    update auth.membership set last_active_at = now()
     where user_id = account.id and tenant_id = open_session.tenant_id;
    if current_setting('pg_gatehouse.single_session_per_user')::boolean then
        perform auth.end_sessions_of(account.id, null, 'signed_in_elsewhere');
    end if;
    insert into auth.session (user_id, tenant_id, amr, ip, user_agent, expires_at)
    values (account.id, open_session.tenant_id,
            jsonb_build_array(jsonb_build_object(
                'method', open_session.method, 'timestamp', floor(extract(epoch from clock_timestamp()))::bigint)),
            auth.request_ip(), auth.request_user_agent(),
            clock_timestamp() + (auth.session_limits(open_session.tenant_id)).lifetime)
    returning * into strict session;
    result := auth.issue_access_token(session, account, open_session.tenant_id);
    result.refresh_token := auth.begin_refresh_chain(session.id);
    result.message := auth.second_factor_due(account.id, open_session.tenant_id);
    if result.message is not null then
        result.status := 'mfa_required';
    end if;
    perform auth.record_event('sign_in', 'success', account.id, open_session.tenant_id, session.id,
                              jsonb_build_object('method', open_session.method));
    return result;
end
$$;
revoke all on function auth.open_session(auth."user", uuid, text) from public;
comment on function auth.open_session(auth."user", uuid, text) is
'Internal: opens a session for a user whose credential was verified, and gives its first access and refresh token. Statuses: ok, invalid_credentials when the user was banned meanwhile.';
