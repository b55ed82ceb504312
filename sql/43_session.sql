-- Sessions. An access token names one; when its row has ended, so have its tokens.
--
-- Locks: whoever ends several sessions locks their rows in the order of their ids. What belongs to
-- one session alone (refresh, another access token) is serialised by the lock on its row.
--
-- Security definer: end_sessions (a trigger on tables that others may be let to write).

create table auth.session (
    id uuid constraint session_pkey primary key default pg_catalog.gen_random_uuid(),
    user_id uuid not null constraint session_user_id_fkey references auth."user" (id) on delete cascade,
    tenant_id uuid constraint session_tenant_id_fkey references auth.tenant (id) on delete cascade,
    aal text not null default 'aal1' constraint session_aal_check check (aal in ('aal1', 'aal2')),
    amr jsonb not null default '[]',
    ip inet,
    user_agent text,
    created_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    end_reason text,
    token_ids uuid[] not null default '{}',
    device_name text constraint session_device_name_check
        check (length(device_name) between 1 and 100 and device_name !~ '[[:cntrl:]]'),
    refreshed_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null
) with (fillfactor = 80);
create index session_user_id_idx on auth.session (user_id);
create index session_tenant_id_idx on auth.session (tenant_id);
-- When it died, of itself or by somebody: what prune_sessions looks for.
create index session_dead_since_idx on auth.session (least(ended_at, expires_at));
revoke all on table auth.session from public;
comment on table auth.session is 'Signed-in sessions. Reached through functions only.';
comment on column auth.session.amr is 'How the user authenticated: [{method, timestamp}] (RFC 8176).';
comment on column auth.session.token_ids is
'The jti of its access tokens that have not expired yet; no other is accepted. A token whose minting was rolled back is not in it.';
comment on column auth.session.device_name is 'What its user calls the device.';
comment on column auth.session.refreshed_at is 'When an access token was last minted for it; the idle timeout counts from here.';
comment on column auth.session.expires_at is 'Its end, however often it is refreshed.';
comment on column auth.session.ended_at is 'Since when its tokens are worth nothing, whatever their exp.';
select pg_catalog.pg_extension_config_dump('auth.session', '');

create function auth.end_sessions_of(user_id uuid, tenant_id uuid, reason text, spare uuid default null)
returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    doomed uuid[];
begin
    -- One of the two conditions is null and drops out; the plan is made for the other one.
    if end_sessions_of.user_id is not null then
        doomed := array(
            select id from auth.session
             where user_id = end_sessions_of.user_id and ended_at is null and id is distinct from spare
             order by id for no key update);
    else
        doomed := array(
            select id from auth.session
             where tenant_id = end_sessions_of.tenant_id and ended_at is null and id is distinct from spare
             order by id for no key update);
    end if;
    update auth.session set ended_at = clock_timestamp(), end_reason = reason where id = any (doomed);
    return cardinality(doomed);
end
$$;
revoke all on function auth.end_sessions_of(uuid, uuid, text, uuid) from public;
comment on function auth.end_sessions_of(uuid, uuid, text, uuid) is
'Internal: ends the sessions of a user, or else of a tenant, but for one; gives how many.';

create function auth.end_sessions()
returns trigger
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_table_name = 'tenant' then
        -- Users of the shared pool may go on elsewhere; authenticate looks at the tenant itself.
        update auth.session set ended_at = now(), end_reason = 'tenant_suspended'
         where user_id in (select id from auth."user" where tenant_id = new.id) and ended_at is null;
    else
        perform auth.end_sessions_of(new.id, null, 'banned');
    end if;
    return null;
end
$$;
revoke all on function auth.end_sessions() from public;
comment on function auth.end_sessions() is 'Trigger: a ban, or the end of an isolated tenant, ends the sessions it concerns.';

create trigger end_sessions after update of suspended_at, deleted_at on auth.tenant
    for each row when (new.isolated and (new.suspended_at is not null or new.deleted_at is not null))
    execute function auth.end_sessions();
create trigger end_sessions after update of banned_until on auth."user"
    for each row when (new.banned_until > now())
    execute function auth.end_sessions();

create function auth.session_limits(tenant_id uuid, out lifetime interval, out idle_timeout interval)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- As JSON, so that it makes no difference whether the tenant has these columns.
    select (own ->> 'session_lifetime')::interval, (own ->> 'session_idle_timeout')::interval
      into lifetime, idle_timeout
      from auth.tenant, to_jsonb(tenant) as own
     where tenant.id = session_limits.tenant_id;
    lifetime := coalesce(lifetime, current_setting('pg_gatehouse.session_lifetime')::interval);
    idle_timeout := coalesce(idle_timeout, current_setting('pg_gatehouse.session_idle_timeout')::interval);
end
$$;
revoke all on function auth.session_limits(uuid) from public;
comment on function auth.session_limits(uuid) is
'Internal: how long sessions live and may be idle: the tenant''s own settings, else those of the server.';
