-- Sign-up: makes a user and opens a session.
--
-- Security definer: sign_up (called by anybody, writes the tables of schema auth).

create function auth.sign_up(
    email text,
    password text,
    user_metadata jsonb default '{}',
    tenant text default null,
    options jsonb default '{}'
)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    address text := auth.normalize_email(sign_up.email);
    metadata jsonb := coalesce(sign_up.user_metadata, '{}');
    home auth.tenant;
    verdict record;
    newcomer auth.newcomer;
    account auth."user";
    wait integer;
begin
    wait := auth.throttle('sign_up', address, auth.throttle_tenant(sign_up.tenant));
    if wait is not null then
        return auth.throttled(wait);
    end if;
    if not current_setting('pg_gatehouse.sign_up')::boolean then
        return auth.sign_in_refusal('signup_disabled', 'Signups not allowed for this instance');
    elsif address is null then
        return auth.sign_in_refusal('validation_failed', 'Unable to validate email address: invalid format');
    elsif jsonb_typeof(metadata) <> 'object' or pg_column_size(metadata) > 16384 then
        return auth.sign_in_refusal('validation_failed', 'User metadata must be a JSON object of at most 16 KiB');
    elsif sign_up.password is null or sign_up.password = '' then
        return auth.sign_in_refusal('validation_failed', 'Signup requires a valid password');
    elsif auth.options_objection(sign_up.options) is not null then
        return auth.sign_in_refusal('validation_failed', auth.options_objection(sign_up.options));
    end if;
    if sign_up.tenant is not null then
        home := auth.sign_up_tenant(sign_up.tenant, address);
        if home.id is null then
            return auth.sign_in_refusal('signup_disabled', 'Signups not allowed for this tenant');
        end if;
    end if;
    select * into strict verdict
      from auth.judge_password(sign_up.password, array[address, metadata ->> 'name'], home);
    if not verdict.ok then
        return auth.sign_in_refusal('weak_password', array_to_string(verdict.reasons, ' '), verdict.reasons);
    end if;
    newcomer := auth.before_sign_up(address, metadata, sign_up.tenant, 'password');
    if newcomer.status is not null then
        return auth.sign_in_refusal(newcomer.status, newcomer.message);
    end if;

    if not current_setting('pg_gatehouse.autoconfirm')::boolean then
        return auth.sign_up_unconfirmed(address, auth.hash_password(sign_up.password), newcomer, home, sign_up.options);
    end if;
    insert into auth."user" (email, password_hash, user_metadata, app_metadata, email_confirmed_at, tenant_id)
    values (address, auth.hash_password(sign_up.password), newcomer.user_metadata, newcomer.app_metadata, now(),
            case when home.isolated then home.id end)
    on conflict do nothing
    returning * into account;
    if account.id is null then
        perform auth.record_event('sign_up', 'failure', detail => '{"reason": "user_already_exists"}');
        return auth.sign_in_refusal('user_already_exists', 'User already registered');
    end if;
    if home.sign_up_open then
        perform auth.add_member(home.id, account.id, 'member');
    end if;
    perform auth.record_event('sign_up', 'success', account.id, home.id);
    perform auth.throttle_outcome('sign_up', address, true);
    return auth.open_session(account, case when home.sign_up_open then home.id end, 'password');
end
$$;
revoke all on function auth.sign_up(text, text, jsonb, text, jsonb) from public;
grant execute on function auth.sign_up(text, text, jsonb, text, jsonb) to anon, authenticated, service_role;
comment on function auth.sign_up(text, text, jsonb, text, jsonb) is
'Creates a user and signs them in; with pg_gatehouse.autoconfirm off it mails a confirmation instead, and the answer has no tokens and is the same for an address that is taken. tenant is the slug of a tenant that is open for sign-up, which the user then joins; or of an isolated one that has invited the address. options goes to the mail (redirect_to), and a code_challenge of method s256 is kept with its link (follow_link). Statuses: ok, mfa_required, throttled (see retry_after), validation_failed, weak_password (see reasons), signup_disabled, hook_rejected, user_already_exists.';
