-- Implicit casts by function between a domain and json or text, one JSON object a row; see
-- `Representation`.
select
  pg_catalog.json_build_object(
    'from', pg_catalog.format_type(k.castsource, null),
    'to', pg_catalog.format_type(k.casttarget, null),
    'function', pg_catalog.json_build_object('schema', n.nspname, 'name', p.proname)
  )::text
from pg_catalog.pg_cast k
join pg_catalog.pg_proc p on p.oid = k.castfunc
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_type s on s.oid = k.castsource
join pg_catalog.pg_type t on t.oid = k.casttarget
where
  k.castcontext = 'i'
  and k.castmethod = 'f'
  and pg_catalog.has_function_privilege(k.castfunc, 'execute')
  and (
    s.typtype = 'd' and k.casttarget in ('json'::pg_catalog.regtype, 'text'::pg_catalog.regtype)
    or t.typtype = 'd' and k.castsource in ('json'::pg_catalog.regtype, 'text'::pg_catalog.regtype)
  )
