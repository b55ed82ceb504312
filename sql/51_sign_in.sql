-- Sign-in with a password.
--
-- Security definer: sign_in (called by anybody, reads the credential).

create function auth.sign_in(email text, password text, tenant text default null)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    address text := auth.normalize_email(sign_in.email);
    account auth."user";
    home uuid;
    refusal text;
    wait integer;
begin
    -- First, and without looking at any user: whether an attempt has to wait depends on what was
    -- tried before, not on what exists. So a throttled answer needs no dummy hash to tell nothing,
    -- and a throttle that hashed would not keep a flood from using the processors up.
    wait := auth.throttle('sign_in', address, auth.throttle_tenant(sign_in.tenant));
    if wait is not null then
        return auth.throttled(wait);
    end if;
    account := auth.find_user(sign_in.email, sign_in.tenant);
    -- Always the same work: without a user a fixed hash of the configured cost is verified.
    if not auth.verify_credential(sign_in.password, account.password_hash) then
        refusal := case when account.id is null then 'unknown_user' else 'wrong_password' end;
    elsif account.banned_until > now() then
        refusal := 'banned';
    else
        home := auth.home_tenant(account.id, sign_in.tenant);
        -- Who is of an isolated tenant's pool may sign in before joining, to accept an invitation.
        if home is null and sign_in.tenant is not null and not exists (
            select from auth.tenant where id = account.tenant_id and suspended_at is null and deleted_at is null)
        then
            refusal := 'not_a_member';
        end if;
    end if;
    if refusal is not null then
        -- The same answer for all of these, and the same count: the right password of a banned user
        -- is a failure. The reason is for the audit.
        perform auth.throttle_outcome('sign_in', address, false);
        perform auth.record_event('sign_in', 'failure', account.id, detail => jsonb_build_object('reason', refusal));
        return auth.sign_in_refusal('invalid_credentials', 'Invalid login credentials');
    end if;
    if account.email_confirmed_at is null then
        perform auth.throttle_outcome('sign_in', address, false);
        perform auth.record_event('sign_in', 'failure', account.id, detail => '{"reason": "email_not_confirmed"}');
        return auth.sign_in_refusal('email_not_confirmed', 'Email not confirmed');
    end if;
    -- Hashing takes a while: a password that was changed meanwhile opens no session.
    perform from auth."user" where id = account.id and password_hash = account.password_hash for no key update;
    if not found then
        perform auth.record_event('sign_in', 'failure', account.id, detail => '{"reason": "password_changed"}');
        return auth.sign_in_refusal('invalid_credentials', 'Invalid login credentials');
    end if;
    perform auth.throttle_outcome('sign_in', address, true);
    if auth.password_needs_rehash(account.password_hash) then
        update auth."user" set password_hash = auth.hash_password(sign_in.password) where id = account.id;
    end if;
    -- Whoever needs a second factor is told so here, before there is a session.
    return auth.open_session(account, home, 'password');
end
$$;
revoke all on function auth.sign_in(text, text, text) from public;
grant execute on function auth.sign_in(text, text, text) to anon, authenticated, service_role;
comment on function auth.sign_in(text, text, text) is
'Signs a user in with a password; a wrong one is a row, not an error, so that the attempt is kept. tenant is the slug of the tenant to act in; without one, the one used last. Statuses: ok, mfa_required (with tokens that name no tenant until verify_factor), throttled (see retry_after), invalid_credentials, email_not_confirmed.';

create function auth.home_tenant(user_id uuid, slug text)
returns uuid
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select tenant.id
      from auth.membership
      join auth.tenant on tenant.id = membership.tenant_id
     where membership.user_id = $1
       and membership.suspended_at is null
       and tenant.suspended_at is null
       and tenant.deleted_at is null
       and ($2 is null or tenant.slug = $2)
     order by membership.last_active_at desc nulls last, membership.created_at
     limit 1
$$;
revoke all on function auth.home_tenant(uuid, text) from public;
comment on function auth.home_tenant(uuid, text) is
'Internal: the tenant to act in, by slug or else the one used last; null when the user is in none.';
