-- Users see their own account, and change its password, metadata and e-mail address.
--
-- Security definer: my_user, update_user (called by any user, read and write that user's row).

create function auth.my_user()
returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    who uuid := auth.require_session();
begin
    return (select auth.user_json(u) from auth."user" as u where u.id = who);
end
$$;
revoke all on function auth.my_user() from public;
grant execute on function auth.my_user() to authenticated, service_role;
comment on function auth.my_user() is 'The signed-in user as JSON. Error 42501 when nobody is signed in with a session.';

create function auth.merge_user_metadata(old jsonb, new jsonb)
returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select (old || new) - array(select key from jsonb_each(new) where value = 'null')
$$;
revoke all on function auth.merge_user_metadata(jsonb, jsonb) from public;
comment on function auth.merge_user_metadata(jsonb, jsonb) is
'Internal: the members of both, the new ones winning; a null takes a member away.';

create function auth.password_words(account auth."user", tenant_id uuid)
returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select array[account.email, account.user_metadata ->> 'name', tenant.slug, tenant.name]
      from (select) as always
      left join auth.tenant on tenant.id = $2
$$;
revoke all on function auth.password_words(auth."user", uuid) from public;
comment on function auth.password_words(auth."user", uuid) is
'Internal: words that a user''s password must not be built on.';

create function auth.recently_authenticated(session_id uuid, besides text default null)
returns boolean
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select from auth.session, jsonb_to_recordset(amr) as proof (method text, "timestamp" bigint)
         where session.id = $1
           and proof.method is distinct from $2
           and to_timestamp(proof."timestamp") > clock_timestamp() - interval '15 minutes')
$$;
revoke all on function auth.recently_authenticated(uuid, text) from public;
comment on function auth.recently_authenticated(uuid, text) is
'Internal: whether the session''s user showed who they are in the last 15 minutes, by another method than the one named.';

create function auth.reauthentication_refusal(account auth."user", current_password text, nonce text)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    required text := current_setting('pg_gatehouse.password_change_requires');
    wait integer;
begin
    if current_password is not null then
        -- Whoever stole a session must not be able to try passwords here.
        wait := auth.throttle('sign_in', account.email, null);
        if wait is not null then
            return auth.throttled(wait);
        elsif auth.verify_credential(current_password, account.password_hash) then
            perform auth.throttle_outcome('sign_in', account.email, true);
            return null;
        end if;
        perform auth.throttle_outcome('sign_in', account.email, false);
        return auth.sign_in_refusal('invalid_credentials', 'The current password is not right');
    elsif nonce is not null then
        return case when not auth.reauthenticated(nonce)
                    then auth.sign_in_refusal('reauthentication_not_valid', 'Nonce has expired or is invalid') end;
    elsif required = 'session'
        -- An anonymous user has nothing else to show.
        or account.is_anonymous and account.email is null and account.password_hash is null
        or required = 'recent_sign_in' and auth.recently_authenticated(auth.session_id())
        -- A mailed code or a second factor: whoever has forgotten the password has no current one.
        or auth.recently_authenticated(auth.session_id(), besides => 'password')
    then
        return null;
    end if;
    return auth.sign_in_refusal('reauthentication_needed', 'Password update requires reauthentication');
end
$$;
revoke all on function auth.reauthentication_refusal(auth."user", text, text) from public;
comment on function auth.reauthentication_refusal(auth."user", text, text) is
'Internal: why a user may not change the password now (pg_gatehouse.password_change_requires); null when it may be changed.';

create function auth.password_refusal(account auth."user", password text, tenant_id uuid)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    verdict record;
begin
    if password = '' then
        return auth.sign_in_refusal('validation_failed', 'The password is empty');
    end if;
    select c.* into strict verdict
      from auth.check_password_of_length(password, auth.password_words(account, tenant_id), auth.least_password_length(
               (select t from auth.tenant as t where t.id = tenant_id))) as c;
    if not verdict.ok then
        return auth.sign_in_refusal('weak_password', array_to_string(verdict.reasons, ' '), verdict.reasons);
    elsif account.password_hash is not null and auth.verify_credential(password, account.password_hash) then
        return auth.sign_in_refusal('same_password', 'New password should be different from the old password.');
    end if;
    return null;
end
$$;
revoke all on function auth.password_refusal(auth."user", text, uuid) from public;
comment on function auth.password_refusal(auth."user", text, uuid) is
'Internal: why a password can not be a user''s next one; null when it can.';

create function auth.update_refusal(
    account auth."user", password text, email text, user_metadata jsonb, current_password text, nonce text, options jsonb)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    judged auth."user" := account;
    refusal auth.sign_in_result;
begin
    if (case when jsonb_typeof(user_metadata) <> 'object' then true
            else pg_column_size(auth.merge_user_metadata(account.user_metadata, user_metadata)) > 16384 end)
    then
        return auth.sign_in_refusal('validation_failed', 'User metadata must be a JSON object of at most 16 KiB');
    elsif email is not null and auth.normalize_email(email) is null then
        return auth.sign_in_refusal('validation_failed', 'Unable to validate email address: invalid format');
    elsif password is not null and account.email is null and email is null then
        return auth.sign_in_refusal('validation_failed', 'A password needs an email address to sign in with');
    elsif (password is not null or email is not null)
        and auth.has_second_factor(account.id) and auth.aal() is distinct from 'aal2'
    then
        return auth.sign_in_refusal('insufficient_aal',
            'AAL2 session is required to update email or password when MFA is enabled.');
    end if;
    if password is not null then
        refusal := auth.reauthentication_refusal(account, current_password, nonce);
        if refusal.status is null then
            -- Who has no address yet has the new one to keep it clear of.
            judged.email := coalesce(account.email, auth.normalize_email(email));
            refusal := auth.password_refusal(judged, password, auth.tenant_id());
        end if;
    end if;
    if refusal.status is null and auth.normalize_email(email) <> coalesce(account.email, '') then
        refusal := auth.request_email_change(auth.normalize_email(email), options);
        if refusal.status = 'ok' then
            return null;
        end if;
    end if;
    return refusal;
end
$$;
revoke all on function auth.update_refusal(auth."user", text, text, jsonb, text, text, jsonb) from public;
comment on function auth.update_refusal(auth."user", text, text, jsonb, text, text, jsonb) is
'Internal: why an update of a user is refused as a whole; null when it is not. A change of the e-mail address is begun by it.';

create function auth.update_user(
    password text default null,
    email text default null,
    user_metadata jsonb default null,
    current_password text default null,
    nonce text default null,
    options jsonb default '{}'
)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    who uuid := auth.require_session();
    account auth."user";
    refusal auth.sign_in_result;
    result auth.sign_in_result;
begin
    select * into account from auth."user" where id = who for no key update;
    if account.id is null then
        return auth.sign_in_refusal('user_not_found', 'User from sub claim in JWT does not exist');
    end if;
    refusal := auth.update_refusal(account, update_user.password, update_user.email, update_user.user_metadata,
                                   update_user.current_password, update_user.nonce, update_user.options);
    if refusal.status is not null then
        perform auth.record_event('user_updated', 'failure', who, auth.tenant_id(), auth.session_id(),
                                  jsonb_build_object('reason', refusal.status));
        return refusal;
    end if;
    update auth."user" as u
       set password_hash = case when update_user.password is null then u.password_hash
                                else auth.hash_password(update_user.password) end,
           user_metadata = auth.merge_user_metadata(u.user_metadata, coalesce(update_user.user_metadata, '{}')),
           updated_at = now()
     where u.id = who
    returning * into strict account;
    if update_user.password is not null then
        perform auth.end_sessions_of(who, null, 'password_changed', spare => auth.session_id());
        perform auth.record_event('password_changed', 'success', who, auth.tenant_id(), auth.session_id());
    end if;
    perform auth.record_event('user_updated', 'success', who, auth.tenant_id(), auth.session_id());
    result.status := 'ok';
    result."user" := auth.user_json(account);
    return result;
end
$$;
revoke all on function auth.update_user(text, text, jsonb, text, text, jsonb) from public;
grant execute on function auth.update_user(text, text, jsonb, text, text, jsonb) to authenticated, service_role;
comment on function auth.update_user(text, text, jsonb, text, text, jsonb) is
'Changes the user who is signed in: all that is asked for, or nothing. A new password ends the user''s other sessions; user_metadata is merged member by member, null takes one away; a new e-mail address counts once it is confirmed. current_password or nonce (a reauthentication code) where pg_gatehouse.password_change_requires asks for it. options goes to the mails of a change of address, as for sign_up. Statuses: ok, validation_failed, weak_password (see reasons), same_password, invalid_credentials, reauthentication_needed, reauthentication_not_valid, insufficient_aal, throttled, and those of request_email_change. Error 42501 when nobody is signed in.';
