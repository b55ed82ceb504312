-- Sign-up: makes a user and opens a session.
--
-- Security definer: sign_up (called by anybody, writes the tables of schema auth).

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
