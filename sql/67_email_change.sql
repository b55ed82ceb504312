-- Changing the e-mail address, which both addresses confirm, and proving presence again by mail.
--
-- Security definer: request_email_change, reauthenticate (called by users, write the tables of
-- schema auth).

create function auth.request_email_change(new_email text, options jsonb default '{}')
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    address text := auth.normalize_email(new_email);
    account auth."user";
    refusal auth.sign_in_result;
begin
    perform auth.require_step_up();
    select u.* into strict account from auth."user" as u where u.id = auth.uid();
    refusal := auth.refuse_request(address, options);
    if refusal.status is not null then
        return refusal;
    elsif address = account.email then
        return auth.sign_in_refusal('validation_failed', 'This is your email address already');
    elsif account.is_anonymous and current_setting('pg_gatehouse.autoconfirm')::boolean then
        return auth.adopt_address(account, address);
    end if;
    -- An address that somebody has is not told apart; its owner's confirmation would find it taken.
    perform auth.mail_email_change(account, account.email, address, options, true);
    return auth.sign_in_refusal('ok', null);
end
$$;
revoke all on function auth.request_email_change(text, jsonb) from public;
grant execute on function auth.request_email_change(text, jsonb) to authenticated;
comment on function auth.request_email_change(text, jsonb) is
'Mails a link and a code to the present and to the new address of the signed-in user; the address changes when both are brought back. An anonymous user has a new one only, at once with pg_gatehouse.autoconfirm on, and is no longer anonymous then. Needs aal2 when the user has a second factor. Statuses: ok, validation_failed, email_exists, throttled. Errors: 42501.';

create function auth.pool_of(account auth."user")
returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- As JSON, so that it makes no difference whether users have this column.
    select t.slug from auth.tenant as t where t.id = (to_jsonb($1) ->> 'tenant_id')::uuid
$$;
revoke all on function auth.pool_of(auth."user") from public;
comment on function auth.pool_of(auth."user") is
'Internal: the slug of the isolated tenant whose user it is; null for the pool that all other tenants share.';

create function auth.mail_email_change(account auth."user", present text, new_address text, options jsonb, send boolean)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    data jsonb := jsonb_build_object('change', gen_random_uuid(), 'new_email', new_address, 'single', account.email is null);
begin
    if present is not null then
        perform auth.mail_token('email_change_current', account, present, null, data, options, send);
    end if;
    perform auth.mail_token('email_change_new', account, new_address, null, data, options,
                            send and (auth.find_user(new_address, auth.pool_of(account))).id is null);
end
$$;
revoke all on function auth.mail_email_change(auth."user", text, text, jsonb, boolean) from public;
comment on function auth.mail_email_change(auth."user", text, text, jsonb, boolean) is 'Internal: the two mails of one change.';

create function auth.match_new_address(address text, code text)
returns auth.one_time_token
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    candidate auth.one_time_token;
begin
    -- Several users may want the same address.
    for candidate in
        select t.* from auth.one_time_token as t
         where t.purpose = 'email_change_new' and t.address = match_new_address.address
         order by t.issued_at desc limit 8
    loop
        if (auth.current_one_time_token(candidate.subject, candidate.purpose)).id = candidate.id
            and auth.code_matches(candidate, code)
        then
            return candidate;
        end if;
    end loop;
    return null;
end
$$;
revoke all on function auth.match_new_address(text, text) from public;
comment on function auth.match_new_address(text, text) is 'Internal: the change to this address that the code is for.';

create function auth.redeem_email_change(token auth.one_time_token, by_code boolean)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    account auth."user";
    other auth.one_time_token;
    former text;
begin
    -- The row lock on the user: of two confirmations at once the second sees the first.
    select * into account from auth."user" where id = token.user_id for update;
    if account.id is null or account.banned_until > now()
        or (token.purpose = 'email_change_current' and account.email is distinct from token.address)
    then
        return auth.otp_refusal(account.id, 'user_gone_or_banned');
    end if;
    if not (token.data ->> 'single')::boolean then
        other := auth.current_one_time_token(token.subject, case token.purpose
            when 'email_change_new' then 'email_change_current' else 'email_change_new' end);
        if other.data ->> 'change' is distinct from token.data ->> 'change' then
            return auth.otp_refusal(account.id, 'another_change');
        elsif other.used_at is null then
            perform auth.record_event('email_change_confirmed', 'success', account.id,
                                      detail => jsonb_build_object('side', token.purpose));
            return auth.sign_in_refusal('ok', 'Confirmation accepted. Please proceed to confirm the message sent to the other email');
        elsif other.purpose = 'email_change_current' and other.address is distinct from account.email then
            return auth.otp_refusal(account.id, 'user_gone_or_banned');
        end if;
    end if;
    former := account.email;
    begin
        update auth."user"
           set email = token.data ->> 'new_email', email_confirmed_at = now(), is_anonymous = false, updated_at = now()
         where id = account.id
        returning * into account;
    exception when unique_violation then
        return auth.otp_refusal(account.id, 'address_taken');
    end;
    -- What was mailed to the former address must not open the account any more.
    perform auth.void_one_time_tokens(account.id);
    if former is not null then
        perform auth.enqueue_mail('email_changed', former, account.tenant_id, jsonb_build_object('email', former, 'new_email', account.email));
    end if;
    perform auth.record_event('email_changed', 'success', account.id);
    return auth.let_in(account, token, 'otp', by_code);
end
$$;
revoke all on function auth.redeem_email_change(auth.one_time_token, boolean) from public;
comment on function auth.redeem_email_change(auth.one_time_token, boolean) is
'Internal: one of the two confirmations of a change of address; the second one changes it and signs in; by_code as in let_in.';

create function auth.reauthenticate(options jsonb default '{}')
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user";
    refusal auth.sign_in_result;
begin
    account := auth.signed_in_user();
    refusal := auth.refuse_request(account.email, options);
    if refusal.status is not null then
        return refusal;
    end if;
    perform auth.mail_token('reauthentication', account, account.email, null, '{}', options, true);
    return auth.sign_in_refusal('ok', null);
end
$$;
revoke all on function auth.reauthenticate(jsonb) from public;
grant execute on function auth.reauthenticate(jsonb) to authenticated;
comment on function auth.reauthenticate(jsonb) is
'Mails the signed-in user a code of six digits, the nonce that a change of password asks for. Statuses: ok, validation_failed (no address), throttled. Errors: 42501.';

create function auth.reauthenticated(nonce text)
returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user" := auth.signed_in_user();
    token auth.one_time_token := auth.current_one_time_token(account.id, 'reauthentication');
    good boolean;
begin
    if auth.throttle('code', account.email, null) is not null then
        return false;
    end if;
    good := token.address = account.email and auth.code_matches(token, auth.read_code(nonce))
        and auth.spend_one_time_token(token.id);
    perform auth.throttle_outcome('code', account.email, coalesce(good, false));
    return coalesce(good, false);
end
$$;
revoke all on function auth.reauthenticated(text) from public;
comment on function auth.reauthenticated(text) is 'Internal: whether the nonce is the one that reauthenticate mailed; it counts once.';
