-- Settings of the roles that the login role is a member of, one JSON object a row; see
-- `RoleSetting`. Only those that the login role may set, since they are set before the role is.
-- What follows this is the condition for those; see `load.rs`.
select
  pg_catalog.json_build_object(
    'role', r.rolname,
    'name', s.name,
    'value', s.value
  )::text
from pg_catalog.pg_auth_members m
join pg_catalog.pg_roles r on r.oid = m.roleid
cross join lateral (
  select
    pg_catalog.split_part(c.setting, '=', 1) as name,
    pg_catalog.substr(c.setting, pg_catalog.strpos(c.setting, '=') + 1) as value
  from pg_catalog.unnest(r.rolconfig) as c (setting)
) as s
join pg_catalog.pg_settings g on g.name = s.name
where
  m.member = (select u.oid from pg_catalog.pg_roles u where u.rolname = current_user)
