-- What runs the deployment does to users: for service_role.
--
-- Whatever takes access from a user (ban, deletion, another password or e-mail) ends their sessions
-- in the same transaction; the lock on the user's row comes first, then the sessions in the order of
-- their ids.
--
-- Security definer: all admin_ functions (for service_role, reach the tables of schema auth).

create function auth.admin_target(id uuid)
returns auth."user"
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user";
begin
    select u.* into account from auth."user" as u where u.id = admin_target.id and u.deleted_at is null for update;
    if account.id is null then
        raise exception 'there is no such user' using errcode = 'P0002', detail = 'user_not_found';
    end if;
    return account;
end
$$;
revoke all on function auth.admin_target(uuid) from public;
comment on function auth.admin_target(uuid) is 'Internal: the user, locked; error P0002 when there is none.';

create function auth.admin_check(address text, given text, password text, password_hash text, user_metadata jsonb, app_metadata jsonb)
returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    verdict record;
begin
    if given is not null and address is null then
        raise exception 'the e-mail address is none' using errcode = '22023', detail = 'email_address_invalid';
    elsif jsonb_typeof(user_metadata) <> 'object' or pg_column_size(user_metadata) > 16384
       or jsonb_typeof(app_metadata) <> 'object' or pg_column_size(app_metadata) > 16384 then
        raise exception 'metadata must be a JSON object of at most 16 KiB' using errcode = '22023', detail = 'validation_failed';
    elsif password is not null and password_hash is not null then
        raise exception 'give a password or a hash of one, not both' using errcode = '22023', detail = 'validation_failed';
    elsif password is not null then
        select * into strict verdict from auth.check_password(password, array[address]);
        if not verdict.ok then
            raise exception '%', array_to_string(verdict.reasons, ' ') using errcode = '22023', detail = 'weak_password';
        end if;
    elsif password_hash is not null then
        -- Raises for a format that nobody could sign in with.
        perform auth.password_needs_rehash(password_hash);
    end if;
end
$$;
revoke all on function auth.admin_check(text, text, text, text, jsonb, jsonb) from public;
comment on function auth.admin_check(text, text, text, text, jsonb, jsonb) is
'Internal: refuses what can not be a user''s; 22023 with a code in DETAIL.';

create function auth.admin_end_sessions(id uuid, reason text default 'ended_by_operator')
returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    living uuid[];
begin
    living := array(
        select s.id from auth.session as s
         where s.user_id = admin_end_sessions.id and s.ended_at is null
         order by s.id for no key update);
    update auth.session as s set ended_at = clock_timestamp(), end_reason = admin_end_sessions.reason where s.id = any (living);
    if cardinality(living) > 0 then
        perform auth.record_event('sessions_ended', 'success', admin_end_sessions.id,
                                  detail => jsonb_build_object('reason', admin_end_sessions.reason, 'sessions', cardinality(living)));
    end if;
    return cardinality(living);
end
$$;
revoke all on function auth.admin_end_sessions(uuid, text) from public;
grant execute on function auth.admin_end_sessions(uuid, text) to service_role;
comment on function auth.admin_end_sessions(uuid, text) is
'Ends every session of a user at once, their access tokens too; gives how many.';

create function auth.admin_create_user(
    email text default null,
    password text default null,
    password_hash text default null,
    email_confirm boolean default false,
    user_metadata jsonb default '{}',
    app_metadata jsonb default '{}',
    ban_duration text default null,
    id uuid default null
)
returns jsonb
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    address text := auth.normalize_email(admin_create_user.email);
    about jsonb := coalesce(admin_create_user.user_metadata, '{}');
    decided jsonb := coalesce(admin_create_user.app_metadata, '{}');
    account auth."user";
begin
    perform auth.admin_check(address, admin_create_user.email, admin_create_user.password, admin_create_user.password_hash, about, decided);
    insert into auth."user" (id, email, password_hash, email_confirmed_at, user_metadata, app_metadata, banned_until)
    values (coalesce(admin_create_user.id, gen_random_uuid()), address,
            coalesce(admin_create_user.password_hash,
                     case when admin_create_user.password is not null then auth.hash_password(admin_create_user.password) end),
            case when admin_create_user.email_confirm then now() end, about, decided, auth.ban_end(admin_create_user.ban_duration))
    on conflict do nothing
    returning * into account;
    if account.id is null then
        raise exception 'a user with this e-mail address or id is there already' using errcode = '23505', detail = 'email_exists';
    end if;
    perform auth.record_event('user_created', 'success', account.id, detail => jsonb_build_object(
        'imported_hash', admin_create_user.password_hash is not null));
    return auth.user_json(account);
end
$$;
revoke all on function auth.admin_create_user(text, text, text, boolean, jsonb, jsonb, text, uuid) from public;
grant execute on function auth.admin_create_user(text, text, text, boolean, jsonb, jsonb, text, uuid) to service_role;
comment on function auth.admin_create_user(text, text, text, boolean, jsonb, jsonb, text, uuid) is
'Creates a user and gives it as JSON. password is judged by the policy; password_hash takes over one that was made elsewhere, in any format that verify_password reads (bcrypt, argon2, scrypt, Firebase''s scrypt, PBKDF2), and is replaced at the first sign-in. ban_duration: none, infinity or an interval. Errors: 22023 (email_address_invalid, weak_password, hash_unknown_format, validation_failed, ban_duration_invalid), 23505 email_exists.';

create function auth.admin_update_user(
    id uuid,
    email text default null,
    password text default null,
    password_hash text default null,
    email_confirm boolean default null,
    user_metadata jsonb default null,
    app_metadata jsonb default null,
    ban_duration text default null
)
returns jsonb
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    before auth."user" := auth.admin_target(admin_update_user.id);
    address text := auth.normalize_email(admin_update_user.email);
    account auth."user";
begin
    perform auth.admin_check(address, admin_update_user.email, admin_update_user.password, admin_update_user.password_hash,
                             coalesce(admin_update_user.user_metadata, '{}'), coalesce(admin_update_user.app_metadata, '{}'));
    begin
        update auth."user" as u
           set email = coalesce(address, u.email),
               password_hash = coalesce(admin_update_user.password_hash,
                   case when admin_update_user.password is not null then auth.hash_password(admin_update_user.password) end, u.password_hash),
               email_confirmed_at = case
                   when admin_update_user.email_confirm then coalesce(u.email_confirmed_at, now())
                   when not admin_update_user.email_confirm then null
                   -- Another address is not confirmed by the old one having been.
                   when address <> u.email then null
                   else u.email_confirmed_at end,
               is_anonymous = u.is_anonymous and not (coalesce(admin_update_user.email_confirm, false)
                                                      and coalesce(address, u.email) is not null),
               user_metadata = (u.user_metadata || coalesce(admin_update_user.user_metadata, '{}'))
                   - array(select key from jsonb_each(admin_update_user.user_metadata) where value = 'null'),
               app_metadata = (u.app_metadata || coalesce(admin_update_user.app_metadata, '{}'))
                   - array(select key from jsonb_each(admin_update_user.app_metadata) where value = 'null'),
               banned_until = case when admin_update_user.ban_duration is null then u.banned_until
                                   else auth.ban_end(admin_update_user.ban_duration) end,
               updated_at = now()
         where u.id = before.id
        returning u.* into strict account;
    exception when unique_violation then
        raise exception 'another user has this e-mail address' using errcode = '23505', detail = 'email_exists';
    end;
    if account.password_hash is distinct from before.password_hash or account.email is distinct from before.email then
        perform auth.admin_end_sessions(account.id, 'credentials_changed');
    end if;
    perform auth.record_event('user_updated', 'success', account.id, detail => jsonb_build_object(
        'email', account.email is distinct from before.email,
        'password', account.password_hash is distinct from before.password_hash,
        'banned', account.banned_until is distinct from before.banned_until));
    return auth.user_json(account);
end
$$;
revoke all on function auth.admin_update_user(uuid, text, text, text, boolean, jsonb, jsonb, text) from public;
grant execute on function auth.admin_update_user(uuid, text, text, text, boolean, jsonb, jsonb, text) to service_role;
comment on function auth.admin_update_user(uuid, text, text, text, boolean, jsonb, jsonb, text) is
'Changes what is given of a user and gives the user as JSON; null leaves things as they are. Metadata is merged, a null member is taken away. Another password or e-mail ends the user''s sessions; another e-mail is unconfirmed unless email_confirm says otherwise. ban_duration none lifts a ban. Errors: P0002 user_not_found, and those of admin_create_user.';

create function auth.admin_delete_user(id uuid, soft boolean default false)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user";
begin
    select u.* into account from auth."user" as u where u.id = admin_delete_user.id for update;
    if account.id is null or soft and account.deleted_at is not null then
        return false;
    end if;
    if soft then
        perform auth.admin_end_sessions(account.id, 'user_deleted');
        delete from auth.external_identity as e where e.user_id = account.id;
        delete from auth.membership as m where m.user_id = account.id;
        update auth.api_key as k set revoked_at = clock_timestamp() where k.user_id = account.id and k.revoked_at is null;
        update auth."user" as u
           set email = null, password_hash = null, email_confirmed_at = null, user_metadata = '{}', app_metadata = '{}',
               banned_until = 'infinity', deleted_at = now(), updated_at = now()
         where u.id = account.id;
    else
        delete from auth."user" as u where u.id = account.id;
    end if;
    perform auth.record_event('user_deleted', 'success', account.id, detail => jsonb_build_object('soft', soft));
    return true;
end
$$;
revoke all on function auth.admin_delete_user(uuid, boolean) from public;
grant execute on function auth.admin_delete_user(uuid, boolean) to service_role;
comment on function auth.admin_delete_user(uuid, boolean) is
'Deletes a user with all that is theirs in schema auth; false when there is none. soft keeps the row as a bare id, banned for good, so that what refers to it stays: e-mail, password, metadata, identities, memberships and API keys go. The audit keeps the id either way.';
