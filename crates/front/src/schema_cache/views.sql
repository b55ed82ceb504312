-- The views of some schemas with their rewrite rules, one JSON object a row; see `View`.
-- $1: the schemas' names as a JSON array.
select
  pg_catalog.json_build_object(
    'oid', c.oid::pg_catalog.int8,
    'name', pg_catalog.json_build_object('schema', n.nspname, 'name', c.relname),
    'columns', (
      select pg_catalog.json_agg(pg_catalog.json_build_array(a.attnum, a.attname) order by a.attnum)
      from pg_catalog.pg_attribute a
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    ),
    'rule', r.ev_action::text
  )::text
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_rewrite r on r.ev_class = c.oid and r.rulename = '_RETURN'
where
  c.relkind in ('v', 'm') and n.nspname in (select pg_catalog.json_array_elements_text($1))
