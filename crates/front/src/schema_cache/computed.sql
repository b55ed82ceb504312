-- Functions from a row of one relation to rows of another, one JSON object a row; see `Computed`.
select
  pg_catalog.json_build_object(
    'function', pg_catalog.json_build_object('schema', n.nspname, 'name', p.proname),
    'table', pg_catalog.json_build_object('schema', an.nspname, 'name', a.relname),
    'foreign', pg_catalog.json_build_object('schema', rn.nspname, 'name', r.relname),
    'to_one', not p.proretset or p.prorows = 1
  )::text
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_class a on a.reltype = p.proargtypes[0]
join pg_catalog.pg_namespace an on an.oid = a.relnamespace
join pg_catalog.pg_class r on r.reltype = p.prorettype
join pg_catalog.pg_namespace rn on rn.oid = r.relnamespace
where
  p.pronargs = 1
  and a.relkind in ('r', 'p', 'v', 'm', 'f')
  and r.relkind in ('r', 'p', 'v', 'm', 'f')
