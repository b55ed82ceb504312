-- Shutting users out, and letting them in again: for service_role.
--
-- Security definer: ban_user and unban_user (for service_role, write the tables of schema auth),
-- no_session_for_the_banned (a trigger).

create function auth.no_session_for_the_banned()
returns trigger
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    until timestamptz;
begin
    -- A sign-in may have seen its user before a ban and come here after it. The lock waits for such a
    -- ban, or makes it wait until it can see this session.
    select u.banned_until into until from auth."user" as u where u.id = new.user_id for no key update;
    if until > clock_timestamp() and new.ended_at is null then
        new.ended_at := clock_timestamp();
        new.end_reason := 'banned';
    end if;
    return new;
end
$$;
revoke all on function auth.no_session_for_the_banned() from public;
comment on function auth.no_session_for_the_banned() is 'Trigger: a session that is opened while its user is being banned is over.';

create trigger no_session_for_the_banned before insert on auth.session
    for each row execute function auth.no_session_for_the_banned();

create function auth.ban_end(duration text)
returns timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    length interval;
begin
    if duration is null or duration = 'none' then
        return null;
    elsif duration in ('infinity', 'forever') then
        return 'infinity';
    end if;
    length := duration::interval;
    if length <= interval '0' then
        raise exception 'a ban must last some time' using errcode = '22023', detail = 'ban_duration_invalid';
    end if;
    return clock_timestamp() + length;
exception when invalid_datetime_format or datetime_field_overflow or interval_field_overflow then
    raise exception 'the duration of a ban is none, infinity or an interval such as 24h' using errcode = '22023', detail = 'ban_duration_invalid';
end
$$;
revoke all on function auth.ban_end(text) from public;
comment on function auth.ban_end(text) is 'Internal: when a ban of this length ends: an interval such as 24h, infinity, or none.';

create function auth.ban_user(id uuid, until timestamptz default 'infinity')
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user" := auth.admin_target(ban_user.id);
begin
    if ban_user.until is null or ban_user.until <= clock_timestamp() then
        raise exception 'a ban must end in the future' using errcode = '22023', detail = 'ban_duration_invalid';
    end if;
    update auth."user" as u set banned_until = ban_user.until, updated_at = now() where u.id = account.id;
    perform auth.admin_end_sessions(account.id, 'banned');
    perform auth.record_event('user_banned', 'success', account.id, detail => jsonb_build_object('until', ban_user.until));
end
$$;
revoke all on function auth.ban_user(uuid, timestamptz) from public;
grant execute on function auth.ban_user(uuid, timestamptz) to service_role;
comment on function auth.ban_user(uuid, timestamptz) is
'Shuts a user out until then, for good by default: their sessions, access tokens, API keys and linked identities count for nothing from the commit on. Errors: P0002 user_not_found, 22023.';

create function auth.ban_user(id uuid, duration interval)
returns void
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as 'select auth.ban_user($1, clock_timestamp() + $2)';
revoke all on function auth.ban_user(uuid, interval) from public;
grant execute on function auth.ban_user(uuid, interval) to service_role;
comment on function auth.ban_user(uuid, interval) is 'The same for a length of time.';

create function auth.unban_user(id uuid)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user" := auth.admin_target(unban_user.id);
begin
    update auth."user" as u set banned_until = null, updated_at = now() where u.id = account.id and u.banned_until > clock_timestamp();
    if found then
        perform auth.record_event('user_unbanned', 'success', account.id);
    end if;
    return found;
end
$$;
revoke all on function auth.unban_user(uuid) from public;
grant execute on function auth.unban_user(uuid) to service_role;
comment on function auth.unban_user(uuid) is
'Lets a banned user in again, who has to sign in anew; false when they were not banned. Error P0002 user_not_found.';
