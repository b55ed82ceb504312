-- Partitions of the audit: made ahead, dropped when retention says so.
--
-- Security definer: maintain_audit (for the operator's role).

create function auth.maintain_audit()
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    month date;
    retention integer := current_setting('pg_gatehouse.audit_retention')::integer;
    old record;
begin
    -- An array, for the tables must not be in use by a query of this function.
    foreach month in array array(
        select (date_trunc('month', now() at time zone 'UTC') + ahead * interval '1 month')::date
          from generate_series(0, 2) as ahead
        union
        select distinct date_trunc('month', at at time zone 'UTC')::date from auth.audit_event_default
        order by 1)
    loop
        if to_regclass(format('auth.%I', auth.audit_partition(month))) is null then
            perform auth.make_audit_partition(month);
        end if;
    end loop;
    if retention > 0 then
        for old in
            select c.relname, p.month
              from pg_inherits as i
              join pg_class as c on c.oid = i.inhrelid
             cross join lateral (
                select to_date(substring(c.relname from '^audit_event_(\d{4}_\d\d)$'), 'YYYY_MM') as month) as p
             where i.inhparent = 'auth.audit_event'::regclass
               and (p.month + interval '1 month') at time zone 'UTC' <= now() - make_interval(days => retention)
             order by p.month
        loop
            perform auth.drop_audit_partition(old.month);
        end loop;
    end if;
end
$$;
revoke all on function auth.maintain_audit() from public;
grant execute on function auth.maintain_audit() to service_role;
comment on function auth.maintain_audit() is
'Makes the audit''s partitions for this month and the next two, and drops those that pg_gatehouse.audit_retention says are too old. The background worker does so by itself.';

create function auth.audit_partition(month date)
returns name
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$ select ('audit_event_' || lpad(extract(year from month)::text, 4, '0') || '_' || lpad(extract(month from month)::text, 2, '0'))::name $$;
revoke all on function auth.audit_partition(date) from public;
comment on function auth.audit_partition(date) is 'Internal: the name of a month''s partition.';

create function auth.index_audit_partition(partition name)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    execute format('alter table auth.%1$I add constraint %2$I primary key (id)', partition, partition || '_pkey');
    execute format('create index %2$I on auth.%1$I (user_id, id) where user_id is not null', partition, partition || '_user_id_id_idx');
    execute format('create index %2$I on auth.%1$I (tenant_id, id) where tenant_id is not null', partition, partition || '_tenant_id_id_idx');
    execute format('create index %2$I on auth.%1$I (position) where position is not null', partition, partition || '_position_idx');
    execute format('create index %2$I on auth.%1$I (id) where position is null', partition, partition || '_unsealed_idx');
end
$$;
revoke all on function auth.index_audit_partition(name) from public;
comment on function auth.index_audit_partition(name) is 'Internal: the indexes that every partition of the audit has.';
select auth.index_audit_partition('audit_event_default');

create function auth.make_audit_partition(month date)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
as $$
declare
    partition name := auth.audit_partition(month);
    lower timestamptz := month::timestamp at time zone 'UTC';
    upper timestamptz := (month + interval '1 month') at time zone 'UTC';
    granted record;
begin
    -- An event that is being written was sent to the default partition, which must not narrow under
    -- it: wait for those who write, but not for long, for others wait behind us.
    lock table auth.audit_event in share row exclusive mode;
    -- Not "partition of", which would lock out everybody; and what is in the default partition
    -- must not change from here on.
    lock table auth.audit_event_default in access exclusive mode;
    -- Somebody else may have made it while we waited.
    if to_regclass(format('auth.%I', partition)) is not null then
        return;
    end if;
    execute format('create table auth.%I (like auth.audit_event including defaults including constraints)', partition);
    perform auth.index_audit_partition(partition);
    -- Default privileges of this database may have granted it to somebody.
    for granted in
        select a.grantee, coalesce(quote_ident(r.rolname), 'public') as grantee_name
          from pg_class as c
         cross join aclexplode(c.relacl) as a
          left join pg_roles as r on r.oid = a.grantee
         where c.oid = format('auth.%I', partition)::regclass and a.grantee <> c.relowner
         group by 1, 2
    loop
        execute format('revoke all on table auth.%I from %s', partition, granted.grantee_name);
    end loop;
    execute format('create trigger append_only_truncate before truncate on auth.%I for each statement execute function auth.refuse_audit_change()', partition);
    execute format('comment on table auth.%I is %L', partition, 'Audit events of one month.');
    if exists (select from auth.audit_event_default where at >= lower and at < upper) then
        alter table auth.audit_event_default disable trigger append_only_delete;
        execute format(
            'with moved as (delete from auth.audit_event_default where at >= $1 and at < $2 returning *) insert into auth.%I select * from moved',
            partition) using lower, upper;
        alter table auth.audit_event_default enable trigger append_only_delete;
    end if;
    execute format('alter table auth.audit_event attach partition auth.%I for values from (%L) to (%L)', partition, lower, upper);
end
$$;
revoke all on function auth.make_audit_partition(date) from public;
comment on function auth.make_audit_partition(date) is
'Internal: makes a month''s partition and moves there what was written before it existed.';

create function auth.drop_audit_partition(month date)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    partition name := auth.audit_partition(month);
    dropped bigint;
begin
    while auth.seal_audit() > 0 loop end loop;
    -- A row for each run of positions; the last hash of a run is what the next event follows on.
    execute format($anchor$
        insert into auth.audit_anchor (from_position, to_position, hash, mac)
        select first, last, e.hash, auth.audit_mark('anchor', first, last, e.hash)
          from (select min(position) as first, max(position) as last
                  from (select position, position - row_number() over (order by position) as run from auth.%1$I) as p
                 group by run) as r
          join auth.%1$I as e on e.position = r.last
    $anchor$, partition);
    execute format('select count(*) from auth.%I', partition) into dropped;
    execute format('drop table auth.%I', partition);
    perform auth.record_event('audit_retention', 'success', detail => jsonb_build_object('month', month, 'events', dropped));
end
$$;
revoke all on function auth.drop_audit_partition(date) from public;
comment on function auth.drop_audit_partition(date) is
'Internal: drops a month''s events and leaves anchors in their place, so that the chain still verifies.';
