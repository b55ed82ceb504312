-- What the database says of our configuration, one JSON object of names and texts. For the role in
-- this database before for the role anywhere before what a function has set just now.
-- $1: the names as a JSON array.
with names as (
  select n.name
  from pg_catalog.json_array_elements_text($1) as n (name)
),
stored as (
  select
    pg_catalog.split_part(c.setting, '=', 1) as name,
    pg_catalog.substr(c.setting, pg_catalog.strpos(c.setting, '=') + 1) as value,
    s.setdatabase <> 0 as here
  from pg_catalog.pg_db_role_setting s
  cross join lateral pg_catalog.unnest(s.setconfig) as c (setting)
  where
    s.setrole = (select r.oid from pg_catalog.pg_roles r where r.rolname = current_user)
    and s.setdatabase in (
      0, (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
    )
),
found as (
  select
    n.name,
    coalesce(
      (select s.value from stored s where s.name = 'pgrst.' || n.name order by s.here desc limit 1),
      pg_catalog.current_setting('pgrst.' || n.name, true)
    ) as value
  from names n
)
select coalesce(pg_catalog.json_object_agg(f.name, f.value), '{}')::text
from found f
where f.value is not null
