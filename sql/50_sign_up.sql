-- Sign-up, and what every way of signing in ends with: a session and its access token.
--
-- Security definer: sign_up (called by anybody, writes the tables of schema auth); open_session
-- is called by such functions only.

create type auth.sign_in_result as (
    status text,
    message text,
    reasons text[],
    access_token text,
    refresh_token text,
    expires_at timestamptz,
    retry_after integer,
    "user" jsonb
);
comment on type auth.sign_in_result is
'What sign_up and sign_in answer: status is ok or a stable code; retry_after is in seconds.';

create function auth.sign_in_refusal(status text, message text, reasons text[] default null)
returns auth.sign_in_result
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select row(status, message, reasons, null, null, null, null, null)::auth.sign_in_result
$$;
revoke all on function auth.sign_in_refusal(text, text, text[]) from public;
comment on function auth.sign_in_refusal(text, text, text[]) is 'Internal: a result that is not ok.';

create function auth.open_session("user" auth."user", tenant_id uuid, method text)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    amr jsonb := jsonb_build_array(jsonb_build_object(
        'method', open_session.method, 'timestamp', floor(extract(epoch from clock_timestamp()))::bigint));
    expiry timestamptz := date_trunc('second', clock_timestamp()
        + current_setting('pg_gatehouse.access_token_ttl')::interval);
    session_id uuid;
    tenant_slug text;
    account auth."user";
    result auth.sign_in_result;
begin
    with session as (
        insert into auth.session (user_id, tenant_id, amr, ip, user_agent)
        values (open_session."user".id, open_session.tenant_id, amr, auth.request_ip(), auth.request_user_agent())
        returning id
    ), membership as (
        update auth.membership set last_active_at = now()
         where user_id = open_session."user".id and tenant_id = open_session.tenant_id
    )
    select session.id, (select slug from auth.tenant where id = open_session.tenant_id)
      into strict session_id, tenant_slug
      from session;
    update auth."user" set last_sign_in_at = now()
     where id = open_session."user".id
    returning * into strict account;

    result.status := 'ok';
    result.expires_at := expiry;
    result."user" := auth.user_json(account);
    result.access_token := auth.sign_access_token(jsonb_build_object(
        'exp', extract(epoch from expiry)::bigint,
        'sub', account.id,
        'role', 'authenticated',
        'email', coalesce(account.email, ''),
        'phone', '',
        'aal', 'aal1',
        'amr', amr,
        'session_id', session_id,
        'tenant_id', open_session.tenant_id,
        'tenant_slug', tenant_slug,
        'roles', '[]'::jsonb,
        'permissions', '[]'::jsonb,
        'app_metadata', auth.public_app_metadata(account),
        'user_metadata', account.user_metadata,
        'is_anonymous', account.is_anonymous));
    perform auth.record_event('sign_in', 'success', account.id, open_session.tenant_id, session_id,
                              jsonb_build_object('method', open_session.method));
    return result;
end
$$;
revoke all on function auth.open_session(auth."user", uuid, text) from public;
comment on function auth.open_session(auth."user", uuid, text) is
'Internal: opens a session for a user whose credential was verified, and signs its access token.';

create function auth.sign_up(
    email text,
    password text,
    user_metadata jsonb default '{}',
    tenant text default null
)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    address text := auth.normalize_email(sign_up.email);
    metadata jsonb := coalesce(sign_up.user_metadata, '{}');
    home uuid;
    verdict record;
    account auth."user";
begin
    if address is null then
        return auth.sign_in_refusal('validation_failed', 'Unable to validate email address: invalid format');
    elsif jsonb_typeof(metadata) <> 'object' or pg_column_size(metadata) > 16384 then
        return auth.sign_in_refusal('validation_failed', 'User metadata must be a JSON object of at most 16 KiB');
    elsif sign_up.password is null or sign_up.password = '' then
        return auth.sign_in_refusal('validation_failed', 'Signup requires a valid password');
    end if;
    select * into strict verdict
      from auth.check_password(sign_up.password, array[address, sign_up.tenant, metadata ->> 'name']);
    if not verdict.ok then
        return auth.sign_in_refusal('weak_password', array_to_string(verdict.reasons, ' '), verdict.reasons);
    end if;
    if sign_up.tenant is not null then
        select id into home from auth.tenant
         where slug = sign_up.tenant and sign_up_open and suspended_at is null;
        if home is null then
            return auth.sign_in_refusal('signup_disabled', 'Signups not allowed for this tenant');
        end if;
    end if;

    insert into auth."user" (email, password_hash, user_metadata, email_confirmed_at)
    values (address, auth.hash_password(sign_up.password), metadata, now())
    on conflict (email) do nothing
    returning * into account;
    if account.id is null then
        perform auth.record_event('sign_up', 'failure', detail => '{"reason": "user_already_exists"}');
        return auth.sign_in_refusal('user_already_exists', 'User already registered');
    end if;
    if home is not null then
        insert into auth.membership (tenant_id, user_id) values (home, account.id);
    end if;
    perform auth.record_event('sign_up', 'success', account.id, home);
    return auth.open_session(account, home, 'password');
end
$$;
revoke all on function auth.sign_up(text, text, jsonb, text) from public;
grant execute on function auth.sign_up(text, text, jsonb, text) to anon, authenticated, service_role;
comment on function auth.sign_up(text, text, jsonb, text) is
'Creates a user and signs them in. tenant is the slug of a tenant that is open for sign-up. Statuses: ok, validation_failed, weak_password (see reasons), signup_disabled, user_already_exists.';
