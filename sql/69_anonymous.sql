-- Anonymous users: somebody without an address, who may give one later and stays the same user.
--
-- Their only credential is the refresh token: when their last session has ended, nobody can ever
-- come back as them. They are users like all others, with is_anonymous in the token; policies that
-- are to keep them out ask for it: (auth.jwt() ->> 'is_anonymous')::boolean is false. They make no
-- tenants and no API keys, and a password only together with an address.
--
-- Security definer: sign_in_anonymously (called by anybody, writes the tables of schema auth),
-- prune_anonymous_users (for the operator).

create function auth.sign_in_anonymously(user_metadata jsonb default '{}', tenant text default null)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    metadata jsonb := coalesce(sign_in_anonymously.user_metadata, '{}');
    home auth.tenant;
    newcomer auth.newcomer;
    account auth."user";
    wait integer;
begin
    if not current_setting('pg_gatehouse.anonymous_sign_ins')::boolean then
        return auth.sign_in_refusal('anonymous_provider_disabled', 'Anonymous sign-ins are disabled');
    elsif not current_setting('pg_gatehouse.sign_up')::boolean then
        return auth.sign_in_refusal('signup_disabled', 'Signups not allowed for this instance');
    end if;
    -- There is no account yet: the address is what is counted.
    wait := auth.throttle('sign_up', null, auth.throttle_tenant(sign_in_anonymously.tenant));
    if wait is not null then
        return auth.throttled(wait);
    elsif jsonb_typeof(metadata) <> 'object' or pg_column_size(metadata) > 16384 then
        return auth.sign_in_refusal('validation_failed', 'User metadata must be a JSON object of at most 16 KiB');
    end if;
    if sign_in_anonymously.tenant is not null then
        home := auth.sign_up_tenant(sign_in_anonymously.tenant, null);
        if home.id is null then
            return auth.sign_in_refusal('signup_disabled', 'Signups not allowed for this tenant');
        end if;
    end if;
    newcomer := auth.before_sign_up(null, metadata, sign_in_anonymously.tenant, 'anonymous');
    if newcomer.status is not null then
        return auth.sign_in_refusal(newcomer.status, newcomer.message);
    end if;
    insert into auth."user" (user_metadata, app_metadata, is_anonymous, tenant_id)
    values (newcomer.user_metadata, newcomer.app_metadata, true, case when home.isolated then home.id end)
    returning * into strict account;
    if home.id is not null then
        perform auth.add_member(home.id, account.id, 'member');
    end if;
    perform auth.record_event('sign_up', 'success', account.id, home.id, detail => '{"method": "anonymous"}');
    return auth.open_session(account, home.id, 'anonymous');
end
$$;
revoke all on function auth.sign_in_anonymously(jsonb, text) from public;
grant execute on function auth.sign_in_anonymously(jsonb, text) to anon, authenticated, service_role;
comment on function auth.sign_in_anonymously(jsonb, text) is
'Makes a user without an address and signs them in, where pg_gatehouse.anonymous_sign_ins is on. tenant is the slug of a tenant that is open for sign-up to any address. update_user or request_email_change give the user an address, and a password. Statuses: ok, mfa_required, anonymous_provider_disabled, signup_disabled, validation_failed, hook_rejected, throttled (see retry_after).';

create function auth.adopt_address(account auth."user", address text)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    update auth."user" as u
       set email = address, email_confirmed_at = now(), is_anonymous = false, updated_at = now()
     where u.id = account.id;
    perform auth.record_event('email_changed', 'success', account.id, detail => '{"anonymous": true}');
    return auth.sign_in_refusal('ok', null);
exception when unique_violation then
    return auth.sign_in_refusal('email_exists', 'A user with this email address has already been registered');
end
$$;
revoke all on function auth.adopt_address(auth."user", text) from public;
comment on function auth.adopt_address(auth."user", text) is
'Internal: an anonymous user has this address from now on, where pg_gatehouse.autoconfirm believes it.';

create function auth.prune_anonymous_users(older_than interval default '30 days', batch integer default 1000)
returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    pruned integer;
begin
    if older_than is null or older_than < interval '0' or batch is null or batch not between 1 and 1000000 then
        raise exception 'older_than must not be negative, and batch must be 1 to 1000000'
            using errcode = '22023', detail = 'prune_limits_invalid';
    end if;
    with unreachable as (
        select u.id from auth."user" as u
         where u.is_anonymous and u.deleted_at is null and u.created_at < clock_timestamp() - older_than
           and not exists (select from auth.session as s
                            where s.user_id = u.id
                              and least(s.ended_at, s.expires_at) > clock_timestamp() - older_than)
           and not exists (select from auth.external_identity as e where e.user_id = u.id)
           and not exists (select from auth.api_key as k where k.user_id = u.id and k.revoked_at is null)
         order by u.created_at
         limit batch
           for update of u skip locked
    )
    delete from auth."user" using unreachable where "user".id = unreachable.id;
    get diagnostics pruned = row_count;
    if pruned > 0 then
        perform auth.record_event('anonymous_users_pruned', 'success', detail => jsonb_build_object('users', pruned));
    end if;
    return pruned;
end
$$;
revoke all on function auth.prune_anonymous_users(interval, integer) from public;
grant execute on function auth.prune_anonymous_users(interval, integer) to service_role;
comment on function auth.prune_anonymous_users(interval, integer) is
'Deletes anonymous users who have had no living session for that long, so that nobody can come back as them, at most batch of them; gives how many. Call it again until it gives less than batch. Error 22023 for limits out of range.';
