-- Sessions. An access token names one; when its row has ended, so have its tokens.

create table auth.session (
    id uuid constraint session_pkey primary key default pg_catalog.gen_random_uuid(),
    user_id uuid not null constraint session_user_id_fkey references auth."user" (id) on delete cascade,
    tenant_id uuid constraint session_tenant_id_fkey references auth.tenant (id) on delete cascade,
    aal text not null default 'aal1' constraint session_aal_check check (aal in ('aal1', 'aal2')),
    amr jsonb not null default '[]',
    ip inet,
    user_agent text,
    created_at timestamptz not null default now(),
    ended_at timestamptz,
    end_reason text
);
create index session_user_id_idx on auth.session (user_id);
create index session_tenant_id_idx on auth.session (tenant_id);
revoke all on table auth.session from public;
comment on table auth.session is 'Signed-in sessions. Reached through functions only.';
comment on column auth.session.amr is 'How the user authenticated: [{method, timestamp}] (RFC 8176).';
comment on column auth.session.ended_at is 'Since when its tokens are worth nothing, whatever their exp.';
select pg_catalog.pg_extension_config_dump('auth.session', '');

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
        update auth.session set ended_at = now(), end_reason = 'banned'
         where user_id = new.id and ended_at is null;
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
