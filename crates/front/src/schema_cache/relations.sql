-- The tables and views of the exposed schemas, one JSON object a row; see `Relation`.
-- $1: the schemas' names as a JSON array. The search path is empty, so every type is qualified.
with recursive base (oid, base) as (
  select t.oid, t.oid
  from pg_catalog.pg_type t
  where t.typtype <> 'd'
  union all
  select d.oid, b.base
  from base b
  join pg_catalog.pg_type d on d.typbasetype = b.oid and d.typtype = 'd'
),
exposed as (
  select n.oid, n.nspname
  from pg_catalog.pg_namespace n
  where n.nspname in (select pg_catalog.json_array_elements_text($1))
),
columns as (
  select
    a.attrelid,
    a.attnum,
    a.attname,
    t.typnotnull and t.typtype = 'd' as never_null,
    a.attnotnull,
    pg_catalog.format_type(a.atttypid, a.atttypmod) as nominal_type,
    case
      when bt.typnamespace = 'pg_catalog'::pg_catalog.regnamespace then pg_catalog.format_type(bt.oid, null)
      else pg_catalog.format_type(a.atttypid, a.atttypmod)
    end as data_type,
    case t.typtype when 'd' then t.typtypmod else a.atttypmod end as modifier,
    bt.oid as base,
    bt.typname as base_name,
    case
      when t.typtype = 'd' and d.adbin is null then pg_catalog.pg_get_expr(t.typdefaultbin, 0)
      when a.attidentity = 'd' then (
        select pg_catalog.format('nextval(%L)', s.objid::pg_catalog.regclass)
        from pg_catalog.pg_depend s
        where
          s.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
          and s.refobjid = a.attrelid
          and s.refobjsubid = a.attnum
          and s.deptype = 'i'
        limit 1
      )
      when a.attgenerated <> '' then null
      else pg_catalog.pg_get_expr(d.adbin, d.adrelid)
    end as default_value
  from pg_catalog.pg_attribute a
  join pg_catalog.pg_class c on c.oid = a.attrelid
  join exposed e on e.oid = c.relnamespace
  join pg_catalog.pg_type t on t.oid = a.atttypid
  join base b on b.oid = t.oid
  join pg_catalog.pg_type bt on bt.oid = b.base
  left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'f')
),
lists as (
  select
    l.attrelid,
    pg_catalog.json_agg(
      pg_catalog.json_build_object(
        'name', l.attname,
        'description', pg_catalog.col_description(l.attrelid, l.attnum),
        'data_type', l.data_type,
        'nominal_type', l.nominal_type,
        'nullable', not (l.attnotnull or l.never_null),
        'max_length', case
          when l.modifier < 0 then null
          when l.base_name in ('bpchar', 'varchar') then l.modifier - 4
          when l.base_name in ('bit', 'varbit') then l.modifier
        end,
        'default_value', l.default_value,
        'labels', coalesce(
          (
            select pg_catalog.json_agg(v.enumlabel order by v.enumsortorder)
            from pg_catalog.pg_enum v
            where v.enumtypid = l.base
          ),
          '[]'
        )
      )
      order by l.attnum
    ) as list
  from columns l
  group by l.attrelid
)
select
  pg_catalog.json_build_object(
    'oid', c.oid::pg_catalog.int8,
    'name', pg_catalog.json_build_object('schema', e.nspname, 'name', c.relname),
    'description', pg_catalog.obj_description(c.oid, 'pg_class'),
    'is_view', c.relkind in ('v', 'm'),
    'insertable', c.relkind in ('r', 'p') or c.relkind in ('v', 'f') and u.commands & 8 <> 0,
    'updatable', c.relkind in ('r', 'p') or c.relkind in ('v', 'f') and u.commands & 4 <> 0,
    'deletable', c.relkind in ('r', 'p') or c.relkind in ('v', 'f') and u.commands & 16 <> 0,
    'primary_key', coalesce(
      (
        select pg_catalog.json_agg(a.attname order by a.attname)
        from pg_catalog.pg_constraint k
        join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = any (k.conkey)
        where k.conrelid = c.oid and k.contype = 'p'
      ),
      '[]'
    ),
    'columns', coalesce(l.list, '[]')
  )::text
from exposed e
join pg_catalog.pg_class c on c.relnamespace = e.oid
cross join lateral pg_catalog.pg_relation_is_updatable(c.oid, true) as u (commands)
left join lists l on l.attrelid = c.oid
where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
