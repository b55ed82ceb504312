-- The hash chain: sealing and verifying.
--
-- Security definer: seal_audit, verify_audit (read and write what nobody else may).

-- Where the chain ends. Whoever seals locks this row, so that there is one order.
create table auth.audit_chain (
    only_row boolean constraint audit_chain_pkey primary key default true constraint audit_chain_only_row_check check (only_row),
    position bigint not null default 0,
    hash bytea not null default '',
    mac bytea
);
insert into auth.audit_chain default values;
revoke all on table auth.audit_chain from public;
comment on table auth.audit_chain is 'The end of the chain of audit events; one row.';
comment on column auth.audit_chain.mac is 'HMAC-SHA-256 over position and hash; null as long as nothing was sealed.';
-- create extension makes the row; a dump brings the one that counts.
select pg_catalog.pg_extension_config_dump('auth.audit_chain', 'where position > 0');

create function auth.replace_audit_chain()
returns trigger
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from auth.audit_chain where position = 0;
    return new;
end
$$;
revoke all on function auth.replace_audit_chain() from public;
comment on function auth.replace_audit_chain() is 'Trigger: the row that a dump brings takes the place of the empty one.';
create trigger replace_empty before insert on auth.audit_chain
    for each row execute function auth.replace_audit_chain();

-- What stands for events that retention dropped.
create table auth.audit_anchor (
    from_position bigint constraint audit_anchor_pkey primary key,
    to_position bigint not null,
    hash bytea not null,
    mac bytea not null,
    created_at timestamptz not null default now(),
    constraint audit_anchor_order_check check (to_position >= from_position)
);
create index audit_anchor_to_position_idx on auth.audit_anchor (to_position);
revoke all on table auth.audit_anchor from public;
comment on table auth.audit_anchor is 'Runs of audit events that retention dropped, with the hash that the next event follows on.';
comment on column auth.audit_anchor.mac is 'HMAC-SHA-256 over both positions and the hash.';
select pg_catalog.pg_extension_config_dump('auth.audit_anchor', '');

create function auth.audit_hash(
    previous bytea, "position" bigint, id bigint, at timestamptz, event text, outcome text, user_id uuid,
    tenant_id uuid, session_id uuid, ip text, user_agent text, detail text
)
returns bytea
language c stable parallel unsafe
as 'MODULE_PATHNAME', 'audit_hash_wrapper';
revoke all on function auth.audit_hash(bytea, bigint, bigint, timestamptz, text, text, uuid, uuid, uuid, text, text, text) from public;
comment on function auth.audit_hash(bytea, bigint, bigint, timestamptz, text, text, uuid, uuid, uuid, text, text, text) is
'Internal: the hash of an event at its place in the chain, under the key of purpose audit.';

create function auth.audit_mark(link text, from_position bigint, to_position bigint, hash bytea)
returns bytea
language c stable strict parallel unsafe
as 'MODULE_PATHNAME', 'audit_mark_wrapper';
revoke all on function auth.audit_mark(text, bigint, bigint, bytea) from public;
comment on function auth.audit_mark(text, bigint, bigint, bytea) is
'Internal: authenticates the head of the chain (link head) or a run of dropped events (link anchor).';

create function auth.seal_audit(batch integer default 10000)
returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
-- Statistics are behind at the start of a month: this month's partition looks empty and fills up.
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
    head auth.audit_chain;
    fresh record;
    ids bigint[] := '{}';
    hashes bytea[] := '{}';
    first_position bigint;
    sealed bigint;
begin
    -- The next statement sees what was committed before this lock was granted.
    select * into strict head from auth.audit_chain for update;
    first_position := head.position;
    for fresh in
        select * from auth.audit_event where position is null order by id limit seal_audit.batch
    loop
        head.position := head.position + 1;
        head.hash := auth.audit_hash(
            head.hash, head.position, fresh.id, fresh.at, fresh.event, fresh.outcome, fresh.user_id, fresh.tenant_id,
            fresh.session_id, fresh.ip::text, fresh.user_agent, fresh.detail::text);
        ids := ids || fresh.id;
        hashes := hashes || head.hash;
    end loop;
    update auth.audit_event as e set position = first_position + s.number, hash = s.hash
      from unnest(ids, hashes) with ordinality as s (id, hash, number)
     where e.id = s.id and e.position is null;
    get diagnostics sealed = row_count;
    if sealed > 0 then
        update auth.audit_chain
           set position = head.position, hash = head.hash, mac = auth.audit_mark('head', 0, head.position, head.hash);
    end if;
    return sealed;
end
$$;
revoke all on function auth.seal_audit(integer) from public;
grant execute on function auth.seal_audit(integer) to service_role;
comment on function auth.seal_audit(integer) is
'Adds committed events to the hash chain, at most batch of them, and gives how many. The background worker does so by itself; call it where no worker may run.';

create function auth.verify_audit("from" timestamptz default '-infinity', "to" timestamptz default 'infinity')
returns table (ok boolean, checked bigint, first_bad bigint, what text)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    finding record;
    sound boolean := true;
    total bigint := 0;
begin
    select count(*) into total
      from auth.audit_event where at >= "from" and at < "to" and position is not null;
    -- One statement, so that head and events are of one moment.
    for finding in
        with head as (
            select * from auth.audit_chain
        ), span as (
            select case when "from" = '-infinity' then 1 else min(position) end as first,
                   case when "to" = 'infinity' then 9223372036854775807 else max(position) end as last
              from auth.audit_event where at >= "from" and at < "to" and position is not null
        )
        select min(f.position) as position, f.what
          from span, head, auth.audit_findings(span.first, span.last, head.position) as f
         where f.what is not null
         group by f.what
        union all
        select head.position, 'the end of the chain was changed'
          from head
         where head.position > 0
           and head.mac is distinct from auth.audit_mark('head', 0, head.position, head.hash)
            or "to" = 'infinity' and head.position > 0
           and head.hash is distinct from (
                select hash from auth.audit_event where position = head.position
                union all select hash from auth.audit_anchor where to_position = head.position limit 1)
        union all
        select null, format('%s events are not sealed', count(*))
          from auth.audit_event
         where position is null and at >= "from" and at < "to" and at < clock_timestamp() - interval '1 minute'
        having count(*) > 0
        order by 1
    loop
        sound := false;
        return query select false, total, finding.position, finding.what;
    end loop;
    if sound then
        return query select true, total, null::bigint, 'unbroken'::text;
    end if;
end
$$;
revoke all on function auth.verify_audit(timestamptz, timestamptz) from public;
grant execute on function auth.verify_audit(timestamptz, timestamptz) to service_role;
comment on function auth.verify_audit(timestamptz, timestamptz) is
'Whether the events from (inclusive) to (exclusive) are those that were sealed: one row with ok = true, else a row for each kind of damage with the first position it shows at. Events older than a minute that are not sealed are told as well.';

create function auth.audit_findings(first_position bigint, last_position bigint, head_position bigint)
returns table ("position" bigint, what text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with event as (
        select e.*, lag(e.position) over chain as before, lag(e.hash) over chain as before_hash
          from auth.audit_event as e
         where e.position between first_position - 1 and last_position
        window chain as (order by e.position, e.id)
    ), linked as (
        select event.*,
               -- Of the first one that is looked at, nothing is known but its own hash.
               event.position < first_position as outside,
               coalesce(event.position - event.before, event.position - first_position + 1) - 1 as gap,
               anchor.hash as anchor_hash
          from event
          left join auth.audit_anchor as anchor
            on anchor.to_position = event.position - 1
           and anchor.mac = auth.audit_mark('anchor', anchor.from_position, anchor.to_position, anchor.hash)
    )
    select position,
           case
               when gap < 0 then 'inserted: the position is taken twice'
               when gap > 0 and gap <> coalesce((
                   select sum(a.to_position - a.from_position + 1) from auth.audit_anchor as a
                    where a.from_position >= position - gap and a.to_position < position
                      and a.mac = auth.audit_mark('anchor', a.from_position, a.to_position, a.hash)), 0)
                   then 'removed: events before this position are missing'
               when hash is distinct from auth.audit_hash(
                       case when gap > 0 or before is null then coalesce(anchor_hash, '') else before_hash end,
                       position, id, at, event, outcome, user_id, tenant_id, session_id, ip::text, user_agent, detail::text)
                   then 'changed: the event is not the one that was sealed'
               when position > head_position then 'inserted: the position is after the end of the chain'
           end
      from linked
     where not outside
$$;
revoke all on function auth.audit_findings(bigint, bigint, bigint) from public;
comment on function auth.audit_findings(bigint, bigint, bigint) is
'Internal: the events between two positions, each with what is wrong with it.';
