-- A user's own sessions: seen, named and ended by the user.
--
-- Who is asking is what the sealed claims say, never a parameter.
--
-- Security definer: sign_out, my_sessions, end_session, update_session (called by any user, reach
-- that user's rows of auth.session), prune_sessions (for service_role).

create function auth.require_session()
returns uuid
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if auth.uid() is null then
        raise exception 'sign in first' using errcode = '42501', detail = 'not_authenticated';
    elsif auth.session_id() is null then
        -- An API key, or a token of another issuer: it does not manage its user's account.
        raise exception 'this needs a token that belongs to a session'
            using errcode = '42501', detail = 'session_required';
    end if;
    return auth.uid();
end
$$;
revoke all on function auth.require_session() from public;
comment on function auth.require_session() is
'Internal: the user whose session is asking; 42501 when there is none.';

create function auth.sign_out(scope text default 'global')
returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    who uuid := auth.require_session();
    ended integer;
begin
    if scope is null or scope not in ('global', 'local', 'others') then
        raise exception 'the scope of a sign-out is global, local or others'
            using errcode = '22023', detail = 'scope_unknown';
    end if;
    if scope = 'local' then
        update auth.session set ended_at = clock_timestamp(), end_reason = 'signed_out'
         where id = auth.session_id() and user_id = who and ended_at is null;
        get diagnostics ended = row_count;
    else
        ended := auth.end_sessions_of(
            who, null, 'signed_out', spare => case when scope = 'others' then auth.session_id() end);
    end if;
    perform auth.record_event('sign_out', 'success', who, auth.tenant_id(), auth.session_id(),
                              jsonb_build_object('scope', scope, 'sessions', ended));
    return ended;
end
$$;
revoke all on function auth.sign_out(text) from public;
grant execute on function auth.sign_out(text) to authenticated, service_role;
comment on function auth.sign_out(text) is
'Ends the user''s sessions: all (global), this one (local) or all but this one (others); gives how many. Their access tokens are refused from the commit on. Errors: 42501 when nobody is signed in, 22023 for another scope.';

create function auth.my_sessions(
    out id uuid,
    out created_at timestamptz,
    out refreshed_at timestamptz,
    out expires_at timestamptz,
    out device_name text,
    out ip inet,
    out user_agent text,
    out tenant_id uuid,
    out aal text,
    out current boolean
)
returns setof record
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select s.id, s.created_at, s.refreshed_at, least(s.expires_at, s.created_at + limits.lifetime),
           s.device_name, s.ip, s.user_agent, s.tenant_id, s.aal, s.id is not distinct from auth.session_id()
      from auth.session as s
      cross join lateral auth.session_limits(s.tenant_id) as limits
     where s.user_id = auth.require_session()
       and s.ended_at is null
       and least(s.expires_at, s.created_at + limits.lifetime) > clock_timestamp()
       and s.refreshed_at + limits.idle_timeout > clock_timestamp()
     order by s.refreshed_at desc, s.id
$$;
revoke all on function auth.my_sessions() from public;
grant execute on function auth.my_sessions() to authenticated, service_role;
comment on function auth.my_sessions() is
'The user''s living sessions, the one used last first; current is the one that is asking. Error 42501 when nobody is signed in.';

create function auth.end_session(id uuid)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    who uuid := auth.require_session();
begin
    update auth.session as s set ended_at = clock_timestamp(), end_reason = 'ended_by_user'
     where s.id = end_session.id and s.user_id = who and s.ended_at is null;
    if found then
        perform auth.record_event('session_ended', 'success', who, auth.tenant_id(), end_session.id);
    end if;
    return found;
end
$$;
revoke all on function auth.end_session(uuid) from public;
grant execute on function auth.end_session(uuid) to authenticated, service_role;
comment on function auth.end_session(uuid) is
'Ends one of the user''s own sessions; false when there is no such living session. Error 42501 when nobody is signed in.';

create function auth.update_session(device_name text)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    who uuid := auth.require_session();
    name text := nullif(btrim(update_session.device_name), '');
begin
    if length(name) > 100 or name ~ '[[:cntrl:]]' then
        raise exception 'the device''s name may have up to 100 characters and no control characters'
            using errcode = '22023', detail = 'device_name_invalid';
    end if;
    update auth.session as s set device_name = name where s.id = auth.session_id() and s.user_id = who;
end
$$;
revoke all on function auth.update_session(text) from public;
grant execute on function auth.update_session(text) to authenticated, service_role;
comment on function auth.update_session(text) is
'Names the device of the session that is asking; null or blank takes the name away. Errors: 42501 when nobody is signed in, 22023 for a name over 100 characters.';

create function auth.prune_sessions(older_than interval default '30 days', batch integer default 10000)
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
    with dead as (
        select id from auth.session
         where least(ended_at, expires_at) < clock_timestamp() - older_than
         order by least(ended_at, expires_at)
         limit batch
           for update skip locked
    )
    delete from auth.session using dead where session.id = dead.id;
    get diagnostics pruned = row_count;
    return pruned;
end
$$;
revoke all on function auth.prune_sessions(interval, integer) from public;
grant execute on function auth.prune_sessions(interval, integer) to service_role;
comment on function auth.prune_sessions(interval, integer) is
'Deletes sessions that have been dead for that long, with their refresh tokens, at most batch of them; gives how many. Call it again until it gives less than batch. Error 22023 for limits out of range.';
