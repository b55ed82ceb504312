-- What makes the body of a media type: aggregates whose result is a domain named like the media
-- type, and functions that return such a domain. One JSON object a row; see `HandlerRow`.
-- $1: the exposed schemas' names as a JSON array.
with media as (
  select d.oid, d.typname, n.nspname
  from pg_catalog.pg_type d
  join pg_catalog.pg_namespace n on n.oid = d.typnamespace
  where d.typtype = 'd' and d.typname ~ '^([A-Za-z0-9.-]+/[A-Za-z0-9.+-]+|[*]/[*])$'
),
made as (
  select p.oid, p.proname, n.nspname, p.prokind, p.proretset, p.pronargs, p.proargtypes[0] as argument, p.prorettype
  from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  where n.nspname in (select pg_catalog.json_array_elements_text($1))
)
select
  pg_catalog.json_build_object(
    'function', pg_catalog.json_build_object('schema', p.nspname, 'name', p.proname),
    'target', case
      when c.oid is not null then pg_catalog.json_build_object('schema', cn.nspname, 'name', c.relname)
    end,
    'media_type', m.typname
  )::text
from media m
join made p on p.prorettype = m.oid
left join pg_catalog.pg_class c on c.reltype = p.argument and c.relkind in ('r', 'p', 'v', 'm', 'f')
left join pg_catalog.pg_namespace cn on cn.oid = c.relnamespace
where
  p.prokind = 'a'
  and p.pronargs = 1
  and (c.oid is not null or p.argument = 'anyelement'::pg_catalog.regtype)
union all
select
  pg_catalog.json_build_object(
    'function', pg_catalog.json_build_object('schema', m.nspname, 'name', m.typname),
    'target', pg_catalog.json_build_object('schema', p.nspname, 'name', p.proname),
    'media_type', m.typname
  )::text
from media m
join made p on p.prorettype = m.oid
where p.prokind = 'f' and not p.proretset
