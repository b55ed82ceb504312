-- Invitations by the operator, and links that the operator hands over in a way of their own.
--
-- Security definer: admin_invite_user, admin_generate_link (for service_role, write the tables of
-- schema auth).

create type auth.link_result as (
    status text,
    message text,
    kind text,
    token text,
    code text,
    "user" jsonb
);
comment on type auth.link_result is
'What admin_generate_link answers: status is ok or a stable code; kind is what verify_link and verify_otp are to be told, token for the one, code for the other.';

create function auth.link_refusal(status text, message text)
returns auth.link_result
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select row(status, message, null, null, null, null)::auth.link_result
$$;
revoke all on function auth.link_refusal(text, text) from public;
comment on function auth.link_refusal(text, text) is 'Internal: a result that is not ok.';

create function auth.newcomer_objection(address text, user_metadata jsonb, options jsonb)
returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case
        when address is null then 'Unable to validate email address: invalid format'
        when jsonb_typeof(user_metadata) <> 'object' or pg_column_size(user_metadata) > 16384
            then 'User metadata must be a JSON object of at most 16 KiB'
        else auth.options_objection(options)
    end
$$;
revoke all on function auth.newcomer_objection(text, jsonb, jsonb) from public;
comment on function auth.newcomer_objection(text, jsonb, jsonb) is
'Internal: what stands against an operator''s request about an address; null when nothing does.';

create function auth.unconfirmed_user(address text, password_hash text, newcomer auth.newcomer, invited boolean)
returns auth."user"
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    account auth."user";
begin
    insert into auth."user" (email, password_hash, user_metadata, app_metadata, invited_at)
    values (address, unconfirmed_user.password_hash, newcomer.user_metadata, newcomer.app_metadata, case when invited then now() end)
    on conflict do nothing
    returning * into account;
    if account.id is not null then
        perform auth.record_event('user_created', 'success', account.id, detail => jsonb_build_object('invited', invited));
        return account;
    end if;
    -- Somebody who has not proved the address yet: the operator's word counts for more than theirs.
    update auth."user"
       set password_hash = unconfirmed_user.password_hash,
           user_metadata = newcomer.user_metadata, app_metadata = app_metadata || newcomer.app_metadata,
           invited_at = case when invited then now() else invited_at end, updated_at = now()
     where email = address and tenant_id is null and email_confirmed_at is null
       and (banned_until is null or banned_until <= now())
    returning * into account;
    return account;
end
$$;
revoke all on function auth.unconfirmed_user(text, text, auth.newcomer, boolean) from public;
comment on function auth.unconfirmed_user(text, text, auth.newcomer, boolean) is
'Internal: the user of an address that nobody has proved, made when there is none; nulls when the address is taken.';

create function auth.admin_invite_user(email text, user_metadata jsonb default '{}', options jsonb default '{}')
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    address text := auth.normalize_email(admin_invite_user.email);
    objection text := auth.newcomer_objection(address, admin_invite_user.user_metadata, admin_invite_user.options);
    newcomer auth.newcomer;
    account auth."user";
    result auth.sign_in_result;
begin
    if objection is not null then
        return auth.sign_in_refusal('validation_failed', objection);
    end if;
    newcomer := auth.before_sign_up(address, admin_invite_user.user_metadata, null, 'invite');
    if newcomer.status is not null then
        return auth.sign_in_refusal(newcomer.status, newcomer.message);
    end if;
    account := auth.unconfirmed_user(address, null, newcomer, true);
    if account.id is null then
        return auth.sign_in_refusal('email_exists', 'A user with this email address has already been registered');
    end if;
    perform auth.mail_token('invite', account, address, null, '{}', admin_invite_user.options, true);
    result.status := 'ok';
    result."user" := auth.user_json(account);
    return result;
end
$$;
revoke all on function auth.admin_invite_user(text, jsonb, jsonb) from public;
grant execute on function auth.admin_invite_user(text, jsonb, jsonb) to service_role;
comment on function auth.admin_invite_user(text, jsonb, jsonb) is
'Makes a user for the address and mails an invitation, whose link or code (kind invite) proves the address and signs in; again for one who has not taken it up. A password that somebody set for the address before it was proved is void. Its metadata are those given here. options as for sign_up. Statuses: ok, validation_failed, hook_rejected, email_exists.';

create function auth.admin_generate_link(
    kind text,
    email text,
    password text default null,
    new_email text default null,
    user_metadata jsonb default '{}',
    options jsonb default '{}'
)
returns auth.link_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    address text := auth.normalize_email(admin_generate_link.email);
    about jsonb := admin_generate_link.user_metadata;
    objection text := auth.newcomer_objection(address, about, admin_generate_link.options);
    newcomer auth.newcomer;
    account auth."user";
    verdict record;
begin
    if objection is not null then
        return auth.link_refusal('validation_failed', objection);
    end if;
    account := auth.find_user(address, null);
    if kind in ('email_change_current', 'email_change_new') then
        return auth.email_change_link(kind, account, auth.normalize_email(admin_generate_link.new_email), admin_generate_link.options);
    elsif kind = 'recovery' or kind = 'magiclink' and account.email_confirmed_at is not null then
        if account.id is null then
            return auth.link_refusal('user_not_found', 'User with this email not found');
        end if;
        return auth.link_for(account, kind, address, '{}', admin_generate_link.options);
    elsif kind is null or kind not in ('signup', 'invite', 'magiclink') then
        return auth.link_refusal('validation_failed',
            'The kind must be signup, invite, magiclink, recovery, email_change_current or email_change_new');
    end if;
    if kind = 'signup' then
        if coalesce(admin_generate_link.password, '') = '' then
            return auth.link_refusal('validation_failed', 'Signup requires a valid password');
        end if;
        select * into strict verdict from auth.judge_password(admin_generate_link.password, array[address, about ->> 'name'], null);
        if not verdict.ok then
            return auth.link_refusal('weak_password', array_to_string(verdict.reasons, ' '));
        end if;
    end if;
    newcomer := auth.before_sign_up(address, about, null, case kind when 'signup' then 'password' when 'magiclink' then 'otp' else kind end);
    if newcomer.status is not null then
        return auth.link_refusal(newcomer.status, newcomer.message);
    end if;
    account := auth.unconfirmed_user(address, case when kind = 'signup' then auth.hash_password(admin_generate_link.password) end,
                                     newcomer, kind = 'invite');
    if account.id is null then
        return auth.link_refusal('email_exists', 'A user with this email address has already been registered');
    end if;
    -- Whoever is not there yet, or not confirmed, signs up by a link to sign in.
    return auth.link_for(account, case kind when 'magiclink' then 'signup' else kind end, address, '{}', admin_generate_link.options);
end
$$;
revoke all on function auth.admin_generate_link(text, text, text, text, jsonb, jsonb) from public;
grant execute on function auth.admin_generate_link(text, text, text, text, jsonb, jsonb) to service_role;
comment on function auth.admin_generate_link(text, text, text, text, jsonb, jsonb) is
'A link''s token and a code for the operator to hand over; nothing is mailed. kind: signup (with a password), invite, magiclink, recovery, email_change_current, email_change_new (with new_email; both are needed). signup, invite and magiclink make the user when there is none. Statuses: ok, validation_failed, weak_password, hook_rejected, email_exists, user_not_found.';

create function auth.link_for(account auth."user", kind text, address text, data jsonb, options jsonb)
returns auth.link_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    purpose text := case kind when 'signup' then 'confirm_email' when 'magiclink' then 'magic_link' else kind end;
    secret record;
    result auth.link_result;
begin
    secret := auth.issue_one_time_token(purpose, account.id, address, data || auth.challenge_in(options));
    perform auth.record_event('link_generated', 'success', account.id, detail => jsonb_build_object('purpose', purpose));
    result.status := 'ok';
    result.kind := case when kind like 'email\_change\_%' then 'email_change' else kind end;
    result.token := secret.token;
    result.code := secret.code;
    result."user" := auth.user_json(account);
    return result;
end
$$;
revoke all on function auth.link_for(auth."user", text, text, jsonb, jsonb) from public;
comment on function auth.link_for(auth."user", text, text, jsonb, jsonb) is 'Internal: issues a link and a code of a kind and gives both.';

create function auth.email_change_link(kind text, account auth."user", new_address text, options jsonb)
returns auth.link_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    other_kind text := case kind when 'email_change_new' then 'email_change_current' else 'email_change_new' end;
    other auth.one_time_token;
    data jsonb;
begin
    if account.id is null then
        return auth.link_refusal('user_not_found', 'User with this email not found');
    elsif new_address is null then
        return auth.link_refusal('validation_failed', 'Unable to validate the new email address: invalid format');
    elsif (auth.find_user(new_address, auth.pool_of(account))).id is not null then
        return auth.link_refusal('email_exists', 'A user with this email address has already been registered');
    end if;
    -- The two links of one change know each other: the second that is asked for joins the first.
    other := auth.current_one_time_token(account.id, other_kind);
    if other.data ->> 'new_email' = new_address and other.expires_at > clock_timestamp() then
        data := other.data - 'code_challenge';
    else
        data := jsonb_build_object('change', gen_random_uuid(), 'new_email', new_address, 'single', false);
        perform auth.issue_one_time_token(other_kind, account.id,
                                          case other_kind when 'email_change_new' then new_address else account.email end, data);
    end if;
    return auth.link_for(account, kind, case kind when 'email_change_new' then new_address else account.email end, data, options);
end
$$;
revoke all on function auth.email_change_link(text, auth."user", text, jsonb) from public;
comment on function auth.email_change_link(text, auth."user", text, jsonb) is 'Internal: one of the two links of a change of address.';
