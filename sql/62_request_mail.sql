-- Asking for a mailed link and code: recovery, sign-in without a password, confirmation.
--
-- Answer and work are the same whether the address has a user or not: for an unknown one a token
-- is made that nobody gets and a mail is written that is never sent.
--
-- Security definer: request_recovery, request_otp, resend (called by anybody, write the tables of
-- schema auth).

create function auth.refuse_request(address text, options jsonb)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    wait integer;
begin
    if address is null then
        return auth.sign_in_refusal('validation_failed', 'Unable to validate email address: invalid format');
    elsif auth.options_objection(options) is not null then
        return auth.sign_in_refusal('validation_failed', auth.options_objection(options));
    end if;
    wait := auth.throttle('recovery', address, null);
    return case when wait is not null then auth.throttled(wait) end;
end
$$;
revoke all on function auth.refuse_request(text, jsonb) from public;
comment on function auth.refuse_request(text, jsonb) is 'Internal: why no mail may be asked for; null when it may.';

create function auth.mail_token(
    purpose text,
    account auth."user",
    address text,
    tenant_id uuid,
    data jsonb,
    options jsonb,
    send boolean
)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    fresh record;
begin
    fresh := auth.issue_one_time_token(purpose, account.id, address, data || auth.challenge_in(options));
    perform auth.enqueue_mail(purpose, address, coalesce(tenant_id, account.tenant_id), jsonb_build_object(
        'token', fresh.token, 'code', fresh.code, 'email', address, 'data', data, 'options', options,
        'code_seconds', extract(epoch from current_setting('pg_gatehouse.one_time_code_ttl')::interval)::integer,
        'link_seconds', extract(epoch from current_setting('pg_gatehouse.one_time_link_ttl')::interval)::integer,
        'user_metadata', account.user_metadata), send);
    perform auth.record_event('mail_requested', 'success', account.id, tenant_id,
                              detail => jsonb_build_object('purpose', purpose, 'sent', send));
end
$$;
revoke all on function auth.mail_token(text, auth."user", text, uuid, jsonb, jsonb, boolean) from public;
comment on function auth.mail_token(text, auth."user", text, uuid, jsonb, jsonb, boolean) is
'Internal: issues a link and a code and mails them; the mail''s kind is the purpose. options is what the front gave, such as redirect_to.';

-- What is mailed looks like the tenant's and leads to its site, so that naming one is not enough:
-- the user must be of it.
create function auth.mail_tenant(account auth."user", slug text)
returns uuid
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(($1).tenant_id, case when $2 is not null then auth.home_tenant(($1).id, $2) end)
$$;
revoke all on function auth.mail_tenant(auth."user", text) from public;
comment on function auth.mail_tenant(auth."user", text) is
'Internal: the tenant in whose name a user is mailed: of whose pool they are, or whom they named and may act in; else null.';

create function auth.request_recovery(email text, tenant text default null, options jsonb default '{}')
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    address text := auth.normalize_email(email);
    refusal auth.sign_in_result := auth.refuse_request(address, options);
    account auth."user";
begin
    if refusal.status is not null then
        return refusal;
    end if;
    account := auth.find_user(address, tenant);
    perform auth.mail_token('recovery', account, address, auth.mail_tenant(account, tenant), jsonb_build_object('tenant', tenant), options,
                            account.id is not null and not coalesce(account.banned_until > now(), false));
    return auth.sign_in_refusal('ok', null);
end
$$;
revoke all on function auth.request_recovery(text, text, jsonb) from public;
grant execute on function auth.request_recovery(text, text, jsonb) to anon, authenticated, service_role;
comment on function auth.request_recovery(text, text, jsonb) is
'Mails a link and a code that sign in without the password and let a new one be set. The answer is the same for an unknown address. tenant is the slug of the tenant to act in afterwards; options goes to the mail (redirect_to). Statuses: ok, validation_failed, throttled.';

create function auth.request_otp(
    email text,
    create_user boolean default true,
    user_metadata jsonb default '{}',
    tenant text default null,
    options jsonb default '{}'
)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    address text := auth.normalize_email(email);
    refusal auth.sign_in_result := auth.refuse_request(address, options);
    account auth."user";
    home auth.tenant;
    fresh boolean;
begin
    if refusal.status is not null then
        return refusal;
    elsif user_metadata is not null and (jsonb_typeof(user_metadata) <> 'object' or pg_column_size(user_metadata) > 16384) then
        return auth.sign_in_refusal('validation_failed', 'User metadata must be a JSON object of at most 16 KiB');
    end if;
    account := auth.find_user(address, tenant);
    home := auth.sign_up_tenant(tenant, address);
    fresh := account.id is null and coalesce(create_user, true) and current_setting('pg_gatehouse.sign_up')::boolean
        and (tenant is null or home.id is not null);
    -- The user is made when the address is proved, not when somebody names it.
    perform auth.mail_token('magic_link', account, address,
                            case when fresh then home.id else auth.mail_tenant(account, tenant) end,
                            jsonb_build_object('tenant', tenant, 'create', fresh,
                                               'user_metadata', case when fresh then coalesce(user_metadata, '{}') end),
                            options, fresh or (account.id is not null and not coalesce(account.banned_until > now(), false)));
    return auth.sign_in_refusal('ok', null);
end
$$;
revoke all on function auth.request_otp(text, boolean, jsonb, text, jsonb) from public;
grant execute on function auth.request_otp(text, boolean, jsonb, text, jsonb) to anon, authenticated, service_role;
comment on function auth.request_otp(text, boolean, jsonb, text, jsonb) is
'Mails a link and a code that sign in. With create_user an unknown address becomes a user when it is proved; the answer is the same in all cases. Statuses: ok, validation_failed, throttled.';

create function auth.resend(kind text, email text, tenant text default null, options jsonb default '{}')
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    address text := auth.normalize_email(email);
    refusal auth.sign_in_result;
    account auth."user";
    pending auth.one_time_token;
begin
    if kind is null or kind not in ('signup', 'email_change') then
        return auth.sign_in_refusal('validation_failed', 'The kind must be signup or email_change');
    end if;
    refusal := auth.refuse_request(address, options);
    if refusal.status is not null then
        return refusal;
    end if;
    account := auth.find_user(address, tenant);
    pending := auth.current_one_time_token(auth.subject_of(account.id, address), 'email_change_new');
    if kind = 'signup' then
        perform auth.mail_token('confirm_email', account, address, auth.mail_tenant(account, tenant),
                                jsonb_build_object('tenant', tenant), options,
                                account.id is not null and account.email_confirmed_at is null
                                and not coalesce(account.banned_until > now(), false));
    else
        perform auth.mail_email_change(account, address, coalesce(pending.address, address), options,
                                       account.id is not null and pending.used_at is null
                                       and pending.expires_at > clock_timestamp());
    end if;
    return auth.sign_in_refusal('ok', null);
end
$$;
revoke all on function auth.resend(text, text, text, jsonb) from public;
grant execute on function auth.resend(text, text, text, jsonb) to anon, authenticated, service_role;
comment on function auth.resend(text, text, text, jsonb) is
'Mails again: signup (the confirmation of a user who has not confirmed) or email_change (to both addresses). email is the user''s present one. The answer is the same when there is nothing to mail. Statuses: ok, validation_failed, throttled.';

create function auth.sign_up_unconfirmed(
    address text,
    password_hash text,
    newcomer auth.newcomer,
    home auth.tenant,
    options jsonb default '{}'
)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    pool uuid := case when home.isolated then home.id end;
    account auth."user";
    shown auth."user";
    result auth.sign_in_result := auth.sign_in_refusal('ok', null);
begin
    insert into auth."user" (email, password_hash, user_metadata, app_metadata, tenant_id)
    values (address, sign_up_unconfirmed.password_hash, newcomer.user_metadata, newcomer.app_metadata, pool)
    on conflict do nothing
    returning * into account;
    shown := account;
    if account.id is null then
        -- Whoever signs up last before anybody confirms: it is their password that the mail confirms.
        update auth."user"
           set password_hash = sign_up_unconfirmed.password_hash, user_metadata = newcomer.user_metadata,
               app_metadata = app_metadata || newcomer.app_metadata
         where email = address and tenant_id is not distinct from pool
           and email_confirmed_at is null and banned_until is null
        returning * into account;
        shown := jsonb_populate_record(null::auth."user", jsonb_build_object(
            'id', gen_random_uuid(), 'email', address, 'app_metadata', newcomer.app_metadata, 'is_anonymous', false,
            'user_metadata', newcomer.user_metadata, 'created_at', now(), 'updated_at', now()));
    end if;
    if account.id is not null then
        if home.sign_up_open then
            perform auth.add_member(home.id, account.id, 'member');
        end if;
        perform auth.mail_token('confirm_email', account, address, home.id, '{}', options, true);
    else
        -- The owner of the address is told; whoever signed up is not.
        perform auth.issue_one_time_token('confirm_email', null, address, auth.challenge_in(options));
        perform auth.enqueue_mail('sign_up_attempt', address, pool, jsonb_build_object('email', address, 'options', options));
    end if;
    perform auth.record_event('sign_up', 'success', account.id, home.id,
                              detail => jsonb_build_object('confirmed', false, 'known', account.id is null));
    -- Of a user that exists and of one that does not: the same.
    result."user" := auth.user_json(shown) || jsonb_build_object('confirmation_sent_at', now());
    return result;
end
$$;
revoke all on function auth.sign_up_unconfirmed(text, text, auth.newcomer, auth.tenant, jsonb) from public;
comment on function auth.sign_up_unconfirmed(text, text, auth.newcomer, auth.tenant, jsonb) is
'Internal: sign-up with pg_gatehouse.autoconfirm off. No tokens; for an address that has a user already, a user of the same form that does not exist.';
