-- What happened, failures included.
--
-- Security definer: record_event (writes the table for the functions that call it).

create table auth.audit_event (
    id bigint generated always as identity constraint audit_event_pkey primary key,
    at timestamptz not null default clock_timestamp(),
    event text not null,
    outcome text not null constraint audit_event_outcome_check check (outcome in ('success', 'failure')),
    user_id uuid,
    tenant_id uuid,
    session_id uuid,
    ip inet,
    user_agent text,
    detail jsonb not null default '{}'
);
create index audit_event_user_id_at_idx on auth.audit_event (user_id, at);
create index audit_event_tenant_id_at_idx on auth.audit_event (tenant_id, at);
revoke all on table auth.audit_event from public;
comment on table auth.audit_event is 'Security events, append only. Never holds a password, a token or a key.';
select pg_catalog.pg_extension_config_dump('auth.audit_event', '');
select pg_catalog.pg_extension_config_dump('auth.audit_event_id_seq', '');

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

create function auth.record_event(
    event text,
    outcome text,
    user_id uuid default null,
    tenant_id uuid default null,
    session_id uuid default null,
    detail jsonb default '{}'
)
returns void
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    insert into auth.audit_event (event, outcome, user_id, tenant_id, session_id, ip, user_agent, detail)
    values ($1, $2, $3, $4, $5, auth.request_ip(), auth.request_user_agent(), $6)
$$;
revoke all on function auth.record_event(text, text, uuid, uuid, uuid, jsonb) from public;
comment on function auth.record_event(text, text, uuid, uuid, uuid, jsonb) is 'Internal: writes an audit event.';
