-- What happened, failures included.
--
-- A success is a row of the transaction it happened in. A failure goes to the background worker of
-- the database (src/audit.rs, src/worker.rs), which writes it whatever becomes of the transaction.
--
-- Security definer: record_event (writes the table for the functions that call it).

create table auth.audit_event (
    id bigint generated always as identity,
    at timestamptz not null default clock_timestamp(),
    event text not null,
    outcome text not null constraint audit_event_outcome_check check (outcome in ('success', 'failure')),
    user_id uuid,
    tenant_id uuid,
    session_id uuid,
    ip inet,
    user_agent text,
    detail jsonb not null default '{}',
    position bigint,
    hash bytea,
    constraint audit_event_seal_check check ((position is null) = (hash is null))
) partition by range (at);
-- Each partition has indexes of its own (auth.index_audit_partition): with indexes of the whole
-- table, which come with the extension, a dump could not be restored.
revoke all on table auth.audit_event from public;
comment on table auth.audit_event is 'Security events, append only, a partition for each month (UTC). Never holds a password, a token or a key.';
comment on column auth.audit_event.position is 'Place in the hash chain; null until sealed.';
comment on column auth.audit_event.hash is 'HMAC-SHA-256 over the hash before it and this row (crates/core/src/audit.rs).';

-- Where an event goes whose month has no partition yet; auth.maintain_audit() moves it on.
create table auth.audit_event_default partition of auth.audit_event default;
revoke all on table auth.audit_event_default from public;
comment on table auth.audit_event_default is 'Events of months that have no partition yet.';
select pg_catalog.pg_extension_config_dump('auth.audit_event_default', '');
select pg_catalog.pg_extension_config_dump('auth.audit_event_id_seq', '');

create function auth.refuse_audit_change()
returns trigger
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'audit events can only be added' using errcode = '42501', detail = 'audit_append_only';
end
$$;
revoke all on function auth.refuse_audit_change() from public;
comment on function auth.refuse_audit_change() is 'Trigger: audit events are neither changed nor removed.';

-- Sealing is the one change there is.
create trigger append_only before update on auth.audit_event
    for each row when (not (
        old.position is null and new.position is not null
        and row(new.id, new.at, new.event, new.outcome, new.user_id, new.tenant_id, new.session_id, new.ip, new.user_agent, new.detail)
            is not distinct from
            row(old.id, old.at, old.event, old.outcome, old.user_id, old.tenant_id, old.session_id, old.ip, old.user_agent, old.detail)))
    execute function auth.refuse_audit_change();
create trigger append_only_delete before delete on auth.audit_event
    for each row execute function auth.refuse_audit_change();
create trigger append_only_truncate before truncate on auth.audit_event
    for each statement execute function auth.refuse_audit_change();
create trigger append_only_truncate before truncate on auth.audit_event_default
    for each statement execute function auth.refuse_audit_change();

create function auth.request_user_agent()
returns text
language plpgsql stable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    return left(nullif(current_setting('request.headers', true), '')::json ->> 'user-agent', 500);
exception
    -- Whoever sets the setting to something else has no user agent.
    when invalid_text_representation then return null;
end
$$;
revoke all on function auth.request_user_agent() from public;
comment on function auth.request_user_agent() is 'Internal: the user agent that the HTTP front told of.';

create function auth.note_event(event jsonb)
returns boolean
language c volatile strict parallel unsafe
as 'MODULE_PATHNAME', 'note_event_wrapper';
revoke all on function auth.note_event(jsonb) from public;
comment on function auth.note_event(jsonb) is
'Internal: tells the log of an event, a success at commit, and gives a failure to the background worker. False when the caller is to write the row.';

create function auth.record_event(
    event text,
    outcome text,
    user_id uuid default null,
    tenant_id uuid default null,
    session_id uuid default null,
    detail jsonb default '{}'
)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    happened timestamptz := clock_timestamp();
    ip inet := auth.request_ip();
    user_agent text := auth.request_user_agent();
    described jsonb := jsonb_build_object(
        'at', happened, 'event', $1, 'outcome', $2, 'user_id', $3, 'tenant_id', $4, 'session_id', $5,
        'ip', ip, 'user_agent', user_agent, 'detail', coalesce($6, '{}'));
begin
    if not auth.note_event(described) then
        insert into auth.audit_event (at, event, outcome, user_id, tenant_id, session_id, ip, user_agent, detail)
        values (happened, $1, $2, $3, $4, $5, ip, user_agent, coalesce($6, '{}'));
    end if;
    if $2 = 'success' and current_setting('pg_gatehouse.event_hook') <> '' then
        perform auth.call_event_hook(described);
    end if;
end
$$;
revoke all on function auth.record_event(text, text, uuid, uuid, uuid, jsonb) from public;
comment on function auth.record_event(text, text, uuid, uuid, uuid, jsonb) is
'Internal: records an event. A success goes when the transaction is rolled back, and pg_gatehouse.event_hook is told of it; a failure stays.';

create function auth.revoke_session_always(session_id uuid, reason text)
returns void
language c volatile strict parallel unsafe
as 'MODULE_PATHNAME', 'revoke_session_always_wrapper';
revoke all on function auth.revoke_session_always(uuid, text) from public;
comment on function auth.revoke_session_always(uuid, text) is
'Internal: the background worker ends the session in a transaction of its own, whatever becomes of the caller''s.';
