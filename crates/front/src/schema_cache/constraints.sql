-- All primary, unique and foreign keys, one JSON object a row; see `Constraint`.
select
  pg_catalog.json_build_object(
    'kind', k.contype,
    'name', k.conname,
    'relation', k.conrelid::pg_catalog.int8,
    'relation_name', pg_catalog.json_build_object('schema', n.nspname, 'name', c.relname),
    'columns', (
      select pg_catalog.json_agg(pg_catalog.json_build_array(a.attnum, a.attname) order by u.position)
      from pg_catalog.unnest(k.conkey) with ordinality as u (number, position)
      join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.number
    ),
    'target', k.confrelid::pg_catalog.int8,
    'target_name', (
      select pg_catalog.json_build_object('schema', tn.nspname, 'name', t.relname)
      from pg_catalog.pg_class t
      join pg_catalog.pg_namespace tn on tn.oid = t.relnamespace
      where t.oid = k.confrelid
    ),
    'target_columns', coalesce(
      (
        select pg_catalog.json_agg(pg_catalog.json_build_array(a.attnum, a.attname) order by u.position)
        from pg_catalog.unnest(k.confkey) with ordinality as u (number, position)
        join pg_catalog.pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.number
      ),
      '[]'
    ),
    'inherited', k.conparentid <> 0
  )::text
from pg_catalog.pg_constraint k
join pg_catalog.pg_class c on c.oid = k.conrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where k.contype in ('p', 'u', 'f') and n.nspname not in ('pg_catalog', 'information_schema')
order by k.conrelid, k.conname
