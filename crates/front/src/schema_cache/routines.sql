-- The functions of the exposed schemas that HTTP can call, one JSON object a row; see `Routine`.
-- $1: the schemas' names as a JSON array. $2: JSON array of the settings that are applied before.
with recursive base (oid, base) as (
  select t.oid, t.oid
  from pg_catalog.pg_type t
  where t.typtype <> 'd'
  union all
  select d.oid, b.base
  from base b
  join pg_catalog.pg_type d on d.typbasetype = b.oid and d.typtype = 'd'
),
inputs as (
  select
    p.oid,
    coalesce(i.name, '') as name,
    i.type,
    i.mode is not distinct from 'v' as variadic,
    pg_catalog.row_number() over (partition by p.oid order by i.position) as position,
    p.pronargs - p.pronargdefaults as required
  from pg_catalog.pg_proc p
  cross join lateral unnest(
    coalesce(p.proallargtypes, p.proargtypes::pg_catalog.oid[]), p.proargnames, p.proargmodes
  ) with ordinality as i (type, name, mode, position)
  where i.type is not null and coalesce(i.mode, 'i') in ('i', 'b', 'v')
),
arguments as (
  select
    i.oid,
    pg_catalog.json_agg(
      pg_catalog.json_build_object(
        'name', i.name,
        'data_type', pg_catalog.format_type(i.type, null),
        -- A type without its length would have the shortest: this one takes any value.
        'open_type', case i.type
          when 'bit'::pg_catalog.regtype then 'bit varying'
          when 'bit[]'::pg_catalog.regtype then 'bit varying[]'
          when 'bpchar'::pg_catalog.regtype then 'character varying'
          when 'bpchar[]'::pg_catalog.regtype then 'character varying[]'
          else pg_catalog.format_type(i.type, null)
        end,
        'required', i.position <= i.required,
        'variadic', i.variadic
      )
      order by i.position
    ) as list,
    pg_catalog.count(*) filter (where i.name = '') as nameless,
    pg_catalog.count(*) as total,
    pg_catalog.min(pg_catalog.format_type(i.type, null)) as first_type
  from inputs i
  group by i.oid
)
select
  pg_catalog.json_build_object(
    'oid', p.oid::pg_catalog.int8,
    'name', pg_catalog.json_build_object('schema', n.nspname, 'name', p.proname),
    'description', pg_catalog.obj_description(p.oid, 'pg_proc'),
    'parameters', coalesce(a.list, '[]'),
    'returns', pg_catalog.json_build_object(
      'name', pg_catalog.json_build_object('schema', tn.nspname, 'name', coalesce(c.relname, t.typname)),
      'set', p.proretset,
      'composite', t.typtype = 'c' or coalesce(p.proargmodes::text[] && '{t,b,o}', false)
    ),
    'volatility', p.provolatile,
    'settings', coalesce(
      (
        select
          pg_catalog.json_agg(
            pg_catalog.json_build_array(
              pg_catalog.split_part(s.setting, '=', 1),
              pg_catalog.substr(s.setting, pg_catalog.strpos(s.setting, '=') + 1)
            )
          )
        from pg_catalog.unnest(p.proconfig) as s (setting)
        where pg_catalog.split_part(s.setting, '=', 1) in (select pg_catalog.json_array_elements_text($2))
      ),
      '[]'
    ),
    'isolation', (
      select pg_catalog.split_part(s.setting, '=', 2)
      from pg_catalog.unnest(p.proconfig) as s (setting)
      where s.setting like 'default_transaction_isolation=%'
    )
  )::text
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join base b on b.oid = p.prorettype
join pg_catalog.pg_type t on t.oid = b.base
join pg_catalog.pg_namespace tn on tn.oid = t.typnamespace
left join pg_catalog.pg_class c on c.oid = t.typrelid
left join arguments a on a.oid = p.oid
where
  p.prokind = 'f'
  and n.nspname in (select pg_catalog.json_array_elements_text($1))
  and t.oid <> 'trigger'::pg_catalog.regtype
  and (
    coalesce(a.nameless, 0) = 0
    or a.total = 1 and a.first_type in ('bytea', 'json', 'jsonb', 'text', 'xml')
  )
