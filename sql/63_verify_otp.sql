-- Bringing a mailed code or link back.
--
-- Security definer: verify_otp, verify_link, confirm_email (called by anybody, read and write the
-- tables of schema auth).

create function auth.purposes_of(kind text)
returns text[]
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case
        -- Clients say signup, magiclink or email without knowing which of the two was mailed.
        when kind in ('signup', 'magiclink', 'email') then array['confirm_email', 'magic_link']
        when kind = 'recovery' then array['recovery']
        when kind = 'email_change' then array['email_change_current', 'email_change_new']
        when kind = 'invite' then array['invite']
    end
$$;
revoke all on function auth.purposes_of(text) from public;
comment on function auth.purposes_of(text) is 'Internal: which tokens a kind of verification takes; null for an unknown kind.';

create function auth.unknown_kind()
returns auth.sign_in_result
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select auth.sign_in_refusal('validation_failed', 'The kind must be signup, magiclink, email, recovery, email_change or invite')
$$;
revoke all on function auth.unknown_kind() from public;
comment on function auth.unknown_kind() is 'Internal: the answer to a kind that there is not.';

create function auth.otp_refusal(user_id uuid, reason text)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform auth.record_event('verify_otp', 'failure', user_id, detail => jsonb_build_object('reason', reason));
    return auth.sign_in_refusal('otp_expired', 'Token has expired or is invalid');
end
$$;
revoke all on function auth.otp_refusal(uuid, text) from public;
comment on function auth.otp_refusal(uuid, text) is 'Internal: the one answer to whatever is wrong; the reason is for the audit.';

create function auth.verify_otp(email text, code text, kind text default 'email', tenant text default null)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    address text := coalesce(auth.normalize_email(email), '');
    digits text := auth.read_code(code);
    purposes text[] := auth.purposes_of(kind);
    account auth."user";
    subject uuid;
    purpose text;
    candidate auth.one_time_token;
    matched auth.one_time_token;
    wait integer;
begin
    if purposes is null then
        return auth.unknown_kind();
    end if;
    wait := auth.throttle('code', address, null);
    if wait is not null then
        return auth.throttled(wait);
    end if;
    account := auth.find_user(address, tenant);
    subject := auth.subject_of(account.id, address);
    foreach purpose in array purposes loop
        candidate := auth.current_one_time_token(subject, purpose);
        if candidate.address <> address then
            candidate := null;
        end if;
        if auth.code_matches(candidate, digits) then
            matched := candidate;
        end if;
    end loop;
    if matched.id is null and kind = 'email_change' then
        matched := auth.match_new_address(address, digits);
    end if;
    if matched.id is null then
        perform auth.throttle_outcome('code', address, false);
        return auth.otp_refusal(account.id, 'wrong_code');
    end if;
    return auth.redeem(matched, false);
end
$$;
revoke all on function auth.verify_otp(text, text, text, text) from public;
grant execute on function auth.verify_otp(text, text, text, text) to anon, authenticated, service_role;
comment on function auth.verify_otp(text, text, text, text) is
'Signs in with a mailed code of six digits. kind: email (also signup, magiclink), recovery, email_change, invite. A code can be tried 5 times, by whomever; a wrong one is a row, not an error. Statuses: ok, mfa_required, otp_expired, validation_failed, hook_rejected (of a newcomer), throttled.';

create function auth.verify_link(token text, kind text default null)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return auth.open_link(token, kind, false);
end
$$;
revoke all on function auth.verify_link(text, text) from public;
grant execute on function auth.verify_link(text, text) to anon, authenticated, service_role;
comment on function auth.verify_link(text, text) is
'Signs in with the token of a mailed link, of any kind or only the given one. Statuses as for verify_otp.';

create function auth.open_link(token text, kind text, by_code boolean)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Computed once: in the query it would be computed for every row.
    hash bytea := auth.keyed_hash('one_time_token', auth.read_link_token(token));
    found_token auth.one_time_token;
    current_token auth.one_time_token;
    wait integer;
begin
    if kind is not null and auth.purposes_of(kind) is null then
        return auth.unknown_kind();
    end if;
    -- Nobody guesses 256 bits: this only bounds the work that a stranger can cause.
    wait := auth.throttle('code', null, null);
    if wait is not null then
        return auth.throttled(wait);
    end if;
    select t.* into found_token from auth.one_time_token as t
     where t.token_hash = hash;
    current_token := auth.current_one_time_token(found_token.subject, found_token.purpose);
    if found_token.id is null or found_token.id <> current_token.id
        or found_token.purpose = 'reauthentication'
        or (kind is not null and not found_token.purpose = any (auth.purposes_of(kind)))
    then
        return auth.otp_refusal(found_token.user_id, 'wrong_link');
    end if;
    return auth.redeem(found_token, by_code);
end
$$;
revoke all on function auth.open_link(text, text, boolean) from public;
comment on function auth.open_link(text, text, boolean) is 'Internal: what verify_link and follow_link do; by_code as in let_in.';

create function auth.confirm_email(token text)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return auth.verify_link(token, 'signup');
end
$$;
revoke all on function auth.confirm_email(text) from public;
grant execute on function auth.confirm_email(text) to anon, authenticated, service_role;
comment on function auth.confirm_email(text) is
'Confirms the e-mail address of a sign-up with the token of the mailed link, and signs in. Statuses as for verify_otp.';

create function auth.redeem(token auth.one_time_token, by_code boolean)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    newcomer auth.newcomer;
    account auth."user";
begin
    if not auth.spend_one_time_token(token.id) then
        return auth.otp_refusal(token.user_id, 'used_or_expired');
    elsif token.purpose in ('email_change_current', 'email_change_new') then
        return auth.redeem_email_change(token, by_code);
    end if;
    if token.user_id is null and (token.data ->> 'create')::boolean then
        newcomer := auth.before_sign_up(token.address, token.data -> 'user_metadata', token.data ->> 'tenant', 'otp');
        if newcomer.status is not null then
            return auth.sign_in_refusal(newcomer.status, newcomer.message);
        end if;
    end if;
    account := auth.account_of(token, newcomer);
    if account.id is null or account.email is distinct from token.address or account.banned_until > now() then
        return auth.otp_refusal(account.id, 'user_gone_or_banned');
    end if;
    if account.email_confirmed_at is null then
        -- The password of somebody who never proved the address must not open what its owner makes of it.
        update auth."user"
           set email_confirmed_at = now(), is_anonymous = false, updated_at = now(),
               password_hash = case when token.purpose = 'confirm_email' then password_hash end
         where id = account.id
        returning * into account;
        perform auth.record_event('email_confirmed', 'success', account.id);
    end if;
    -- Whoever has the mailbox is let in: a lock that strangers caused ends.
    perform auth.throttle_outcome('code', token.address, true);
    if token.purpose = 'recovery' then
        perform auth.throttle_outcome('sign_in', token.address, true);
    end if;
    return auth.let_in(account, token, case token.purpose when 'recovery' then 'recovery' else 'otp' end, by_code);
end
$$;
revoke all on function auth.redeem(auth.one_time_token, boolean) from public;
comment on function auth.redeem(auth.one_time_token, boolean) is 'Internal: spends a token and does what it is for; by_code as in let_in.';
