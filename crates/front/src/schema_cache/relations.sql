-- The tables and views of the exposed schemas, one JSON object a row; see `Relation`.
-- $1: the schemas' names as a JSON array.
with exposed as (
  select n.oid, n.nspname
  from pg_catalog.pg_namespace n
  where n.nspname in (select pg_catalog.json_array_elements_text($1))
),
columns as (
  select
    a.attrelid,
    pg_catalog.json_agg(
      pg_catalog.json_build_object(
        'name', a.attname,
        'data_type', pg_catalog.format_type(a.atttypid, a.atttypmod),
        'nullable', not a.attnotnull,
        'has_default', a.atthasdef or a.attidentity <> '',
        'generated', a.attgenerated <> ''
      )
      order by a.attnum
    ) as list
  from pg_catalog.pg_attribute a
  where a.attnum > 0 and not a.attisdropped
  group by a.attrelid
),
keys as (
  select
    k.conrelid,
    k.contype,
    k.conname,
    k.confrelid,
    (
      select pg_catalog.json_agg(a.attname order by u.position)
      from pg_catalog.unnest(k.conkey) with ordinality as u (attnum, position)
      join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.attnum
    ) as columns,
    (
      select pg_catalog.json_agg(a.attname order by u.position)
      from pg_catalog.unnest(k.confkey) with ordinality as u (attnum, position)
      join pg_catalog.pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.attnum
    ) as target_columns
  from pg_catalog.pg_constraint k
  where k.contype in ('p', 'f') and k.conrelid <> 0 and k.conparentid = 0
)
select
  pg_catalog.json_build_object(
    'schema', e.nspname,
    'name', c.relname,
    'is_view', c.relkind in ('v', 'm'),
    'columns', coalesce(l.list, '[]'),
    'primary_key', coalesce(
      (select k.columns from keys k where k.conrelid = c.oid and k.contype = 'p'), '[]'
    ),
    'foreign_keys', coalesce(
      (
        select
          pg_catalog.json_agg(
            pg_catalog.json_build_object(
              'name', k.conname,
              'columns', k.columns,
              'target_schema', tn.nspname,
              'target', t.relname,
              'target_columns', k.target_columns
            )
            order by k.conname
          )
        from keys k
        join pg_catalog.pg_class t on t.oid = k.confrelid
        join pg_catalog.pg_namespace tn on tn.oid = t.relnamespace
        where k.conrelid = c.oid and k.contype = 'f'
      ),
      '[]'
    )
  )::text
from exposed e
join pg_catalog.pg_class c on c.relnamespace = e.oid
left join columns l on l.attrelid = c.oid
where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
order by e.nspname, c.relname
