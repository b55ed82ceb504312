-- Proving the second factor: a code of an authenticator or a recovery code makes the session aal2.
--
-- Security definer: verify_factor, generate_recovery_codes, verify_recovery_code (called by users,
-- read and write the tables of schema auth for the one who calls).

create table auth.recovery_code (
    id uuid constraint recovery_code_pkey primary key default pg_catalog.gen_random_uuid(),
    user_id uuid not null constraint recovery_code_user_id_fkey references auth."user" (id) on delete cascade,
    code_hash bytea not null,
    created_at timestamptz not null default now(),
    used_at timestamptz,
    constraint recovery_code_user_id_code_hash_key unique (user_id, code_hash)
);
revoke all on table auth.recovery_code from public;
comment on table auth.recovery_code is 'Recovery codes of users, as keyed hashes. Reached through functions only.';
comment on column auth.recovery_code.code_hash is 'Keyed hash of the code together with the user.';
select pg_catalog.pg_extension_config_dump('auth.recovery_code', '');

create function auth.new_recovery_codes()
returns text[]
language c volatile parallel unsafe
as 'MODULE_PATHNAME', 'new_recovery_codes_wrapper';
revoke all on function auth.new_recovery_codes() from public;
comment on function auth.new_recovery_codes() is 'Internal: ten random codes of 80 bits, as they are shown.';

create function auth.read_recovery_code(code text)
returns text
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'read_recovery_code_wrapper';
revoke all on function auth.read_recovery_code(text) from public;
comment on function auth.read_recovery_code(text) is 'Internal: a recovery code as people type it in its one normal form; null when it is none.';

create function auth.recovery_code_hash(user_id uuid, code text)
returns bytea
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    select auth.keyed_hash('recovery_code', jsonb_build_array($1, auth.read_recovery_code($2))::text)
$$;
revoke all on function auth.recovery_code_hash(uuid, text) from public;
comment on function auth.recovery_code_hash(uuid, text) is 'Internal: the keyed hash of a user''s recovery code.';

create function auth.refuse_factor_attempt(account auth."user", id uuid)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    wait integer := auth.throttle('factor', coalesce(account.email, account.id::text), auth.tenant_id());
begin
    if wait is null and auth.count_attempt(id, clock_timestamp() + interval '5 minutes') > auth.max_attempts() then
        wait := coalesce(auth.attempts_wait(id), 1);
    end if;
    if wait is null then
        return null;
    end if;
    perform auth.record_event('factor_verified', 'failure', account.id, null, auth.session_id(), '{"reason": "throttled"}');
    return auth.throttled(wait);
end
$$;
revoke all on function auth.refuse_factor_attempt(auth."user", uuid) from public;
comment on function auth.refuse_factor_attempt(auth."user", uuid) is
'Internal: counts an attempt at a factor, 5 in 5 minutes, whatever becomes of the transaction; null when it may go on.';

create function auth.factor_refusal(account auth."user", status text, message text)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform auth.record_event('factor_verified', 'failure', account.id, null, auth.session_id(),
                              jsonb_build_object('reason', status));
    perform auth.throttle_outcome('factor', coalesce(account.email, account.id::text), false);
    return auth.sign_in_refusal(status, message);
end
$$;
revoke all on function auth.factor_refusal(auth."user", text, text) from public;
comment on function auth.factor_refusal(auth."user", text, text) is 'Internal: a failed attempt at a factor.';

create function auth.raise_assurance(account auth."user", attempts_of uuid, method text, detail jsonb)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    home uuid;
begin
    update auth.session
       set aal = 'aal2',
           amr = amr || jsonb_build_object('method', raise_assurance.method,
                                           'timestamp', floor(extract(epoch from clock_timestamp()))::bigint)
     where id = auth.session_id() and user_id = account.id and ended_at is null
    returning tenant_id into home;
    if not found then
        return auth.sign_in_refusal('session_not_found', 'Session from session_id claim in JWT does not exist');
    end if;
    perform auth.throttle_outcome('factor', coalesce(account.email, account.id::text), true);
    perform auth.forget_attempts(attempts_of);
    perform auth.record_event('factor_verified', 'success', account.id, home, auth.session_id(),
                              detail || jsonb_build_object('method', raise_assurance.method));
    -- The tenant that was asked for at sign-in, if the user is still in it.
    select t.id into home from auth.tenant as t where t.id = home and t.id = auth.home_tenant(account.id, t.slug);
    return auth.mint_session_token(auth.session_id(), home, true);
end
$$;
revoke all on function auth.raise_assurance(auth."user", uuid, text, jsonb) from public;
comment on function auth.raise_assurance(auth."user", uuid, text, jsonb) is
'Internal: the session is aal2 from now on, and its tenant is no longer withheld.';

create function auth.verify_factor(id uuid, code text, challenge_id uuid default null)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    account auth."user" := auth.signed_in_user();
    factor auth.mfa_factor := auth.factor_of($1, account.id);
    refusal auth.sign_in_result;
    step bigint;
    expiry bigint := ('x' || left(translate(challenge_id::text, '-', ''), 8))::bit(32)::bigint;
begin
    -- Counted for the user whether there is such a factor or not: ids are not to be tried out either.
    refusal := auth.refuse_factor_attempt(account, coalesce(factor.id, account.id));
    if refusal.status is not null then
        return refusal;
    elsif factor.id is null then
        return auth.factor_refusal(account, 'mfa_factor_not_found', 'Factor not found');
    elsif challenge_id is not null and (expiry < extract(epoch from clock_timestamp())
            or challenge_id <> auth.challenge_mac(factor.id, auth.session_id(), expiry)) then
        return auth.factor_refusal(account, 'mfa_challenge_expired', 'Challenge has expired, create a new one');
    end if;
    if factor.status = 'unverified' then
        -- Somebody with the password alone may have begun one before its owner had a factor. One at
        -- a time for a user, so that of two first factors the second finds the first.
        perform from auth."user" where id = account.id for no key update;
        perform auth.require_step_up();
    end if;
    step := auth.match_totp(auth.unseal('mfa_factor:' || factor.id, factor.secret), verify_factor.code,
                            floor(extract(epoch from clock_timestamp()))::bigint, factor.last_step);
    -- One atomic write decides who uses the step: whoever waited for the row finds it used.
    update auth.mfa_factor
       set last_step = step, status = 'verified', updated_at = now()
     where id = factor.id and step > coalesce(last_step, -1);
    if not found then
        return auth.factor_refusal(account, 'mfa_verification_failed', 'Invalid TOTP code entered');
    end if;
    if factor.status = 'unverified' then
        perform auth.after_first_verification(account, factor);
    end if;
    return auth.raise_assurance(account, factor.id, 'totp', jsonb_build_object('factor_id', factor.id));
end
$$;
revoke all on function auth.verify_factor(uuid, text, uuid) from public;
grant execute on function auth.verify_factor(uuid, text, uuid) to authenticated;
comment on function auth.verify_factor(uuid, text, uuid) is
'Verifies a code of the signed-in user''s authenticator: the session becomes aal2, and a new access token says so. The first code makes the factor count and ends the user''s other sessions that are aal1. No code counts twice. Statuses: ok, mfa_verification_failed, mfa_factor_not_found, mfa_challenge_expired, session_not_found, throttled. Errors: 42501 (insufficient_aal for a new factor beside a verified one).';

create function auth.after_first_verification(account auth."user", factor auth.mfa_factor)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Whatever else was begun, by whomever, has to be begun again at aal2.
    delete from auth.mfa_factor as f where f.user_id = account.id and f.status = 'unverified';
    -- Sessions from before the factor would go on without it.
    update auth.session as s set ended_at = now(), end_reason = 'factor_enrolled'
     where s.user_id = account.id and s.ended_at is null and s.aal = 'aal1' and s.id <> auth.session_id();
    if account.email is not null then
        perform auth.enqueue_mail('factor_added', account.email, account.tenant_id, jsonb_build_object('friendly_name', factor.friendly_name));
    end if;
end
$$;
revoke all on function auth.after_first_verification(auth."user", auth.mfa_factor) from public;
comment on function auth.after_first_verification(auth."user", auth.mfa_factor) is 'Internal: what a new second factor brings with it.';

create function auth.generate_recovery_codes()
returns setof text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user" := auth.require_step_up();
    codes text[] := auth.new_recovery_codes();
begin
    if not auth.has_second_factor(account.id) then
        raise exception 'recovery codes need a second factor' using errcode = '42501', detail = 'mfa_factor_not_found';
    end if;
    perform from auth."user" as u where u.id = account.id for no key update;
    delete from auth.recovery_code as r where r.user_id = account.id;
    insert into auth.recovery_code (user_id, code_hash)
    select account.id, auth.recovery_code_hash(account.id, c) from unnest(codes) as c;
    perform auth.record_event('recovery_codes_generated', 'success', account.id, null, auth.session_id());
    return query select unnest(codes);
end
$$;
revoke all on function auth.generate_recovery_codes() from public;
grant execute on function auth.generate_recovery_codes() to authenticated;
comment on function auth.generate_recovery_codes() is
'Ten recovery codes for the signed-in user, shown once; the former ones are void. Needs a verified factor and aal2. Errors: 42501 (insufficient_aal, mfa_factor_not_found).';

create function auth.verify_recovery_code(code text)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    account auth."user" := auth.signed_in_user();
    refusal auth.sign_in_result := auth.refuse_factor_attempt(account, account.id);
    hash bytea := auth.recovery_code_hash(account.id, code);
    remaining integer;
begin
    if refusal.status is not null then
        return refusal;
    end if;
    update auth.recovery_code set used_at = now()
     where user_id = account.id and used_at is null and code_hash = hash;
    if not found then
        return auth.factor_refusal(account, 'mfa_verification_failed', 'Invalid recovery code entered');
    end if;
    select count(*) into remaining from auth.recovery_code where user_id = account.id and used_at is null;
    if account.email is not null then
        perform auth.enqueue_mail('recovery_code_used', account.email, account.tenant_id, jsonb_build_object('remaining', remaining));
    end if;
    return auth.raise_assurance(account, account.id, 'recovery_code', jsonb_build_object('remaining', remaining));
end
$$;
revoke all on function auth.verify_recovery_code(text) from public;
grant execute on function auth.verify_recovery_code(text) to authenticated;
comment on function auth.verify_recovery_code(text) is
'Verifies a recovery code in the place of an authenticator''s; each counts once. Statuses: ok, mfa_verification_failed, session_not_found, throttled. Errors: 42501.';
