-- Findings about ways around row-level security: views, copies, owners, grants, functions.

create function auth.lint_views()
returns setof auth.finding
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with recursive source (view, id) as (
        select r.ev_class, d.refobjid
          from pg_rewrite as r
          join pg_class as v on v.oid = r.ev_class and v.relkind in ('v', 'm')
          join pg_depend as d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
                             and d.refclassid = 'pg_class'::regclass and d.refobjid <> r.ev_class
         union
        select source.view, d.refobjid
          from source
          join pg_class as inner_view on inner_view.oid = source.id and inner_view.relkind in ('v', 'm')
          join pg_rewrite as r on r.ev_class = source.id
          join pg_depend as d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
                             and d.refclassid = 'pg_class'::regclass and d.refobjid <> r.ev_class
    ), application as materialized (
        select * from auth.application_relations()
    ), behind as (
        select source.view, string_agg(distinct auth.relation_name(c.oid), ', ') as tables, bool_or(c.relnamespace = 'auth'::regnamespace) as identity
          from source
          join pg_class as c on c.oid = source.id and c.relkind in ('r', 'p')
         where c.relnamespace = 'auth'::regnamespace or c.relrowsecurity
            or c.oid in (select id from application where tenant_column is not null)
         group by source.view
    ), reach as (
        select v.*, b.tables, b.identity,
               exists (select from unnest(v.options) as option where option ~* '^security_invoker=(true|on|yes|1|t|y)$') as invoker,
               case when granted then 'error' else 'warning' end as severity,
               format('revoke all on %s from public, %s', title, (select string_agg(quote_ident(name), ', ' order by name) from auth.api_role)) as revoke
          from application as v left join behind as b on b.view = v.id
         where v.exposed and v.kind in ('v', 'm', 'f')
    )
    select 'error', 'identity_exposed', title, format('shows what is in %s, which nobody but its owner should read', tables), revoke
      from reach where identity and granted and not invoker
     union all
    select severity, 'view_without_security_invoker', title,
           format('the view reads %s with its owner''s rights and row-level security, not with those of whoever asks', tables),
           case when current_setting('server_version_num')::integer >= 150000 then format('alter view %s set (security_invoker = true)', title) else revoke end
      from reach
     where kind = 'v' and tables is not null and not identity and not invoker
       -- PostgreSQL 14 has no such option: there, a view that nobody may use is fine.
       and (granted or current_setting('server_version_num')::integer >= 150000)
     union all
    select case when tables is null then 'warning' else 'error' end, 'materialized_view_exposed', title,
           concat('a materialized view has no row-level security: whoever may read it reads all of it', ', copied from ' || tables), revoke
      from reach where kind = 'm' and granted and identity is not true
     union all
    select 'error', 'foreign_table_exposed', title, 'a foreign table has no row-level security: whoever may read it reads all of it', revoke
      from reach where kind = 'f' and granted
$$;
revoke all on function auth.lint_views() from public;
comment on function auth.lint_views() is 'Internal: findings of lint about views, materialized views and foreign tables.';

create function auth.lint_grants()
returns setof auth.finding
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with application as materialized (
        select * from auth.application_relations()
    ), role as materialized (
        select * from auth.api_role
    ), given as (
        select t.*, a.grantee, coalesce(quote_ident(g.rolname), 'public') as name, lower(a.privilege_type) as privilege
          from application as t
         cross join lateral (
            select * from aclexplode(t.acl)
             union
            select x.* from pg_attribute as col, aclexplode(col.attacl) as x where col.attrelid = t.id and not col.attisdropped
         ) as a
          left join pg_roles as g on g.oid = a.grantee
         where a.grantee = 0 or a.grantee in (select id from role)
    )
    select 'warning', case when grantee = 0 then 'grant_to_public' else 'grant_to_anon' end, title,
           format('%s on a table of tenants for %s; nobody without a tenant can have a use for it', string_agg(distinct privilege, ', '),
               case when grantee = 0 then 'every role there is or will be' else 'whoever has not signed in' end),
           format('revoke all on %s from %s', title, name)
      from given
     where tenant_column is not null and (grantee = 0 or name = 'anon')
     group by title, name, grantee
     union all
    select case when bool_or(privilege = 'truncate') then 'error' else 'warning' end, 'grant_beyond_row_security', title,
           format('%s for %s: row-level security does not govern these', string_agg(distinct privilege, ', '), string_agg(distinct name, ', ')),
           format('revoke truncate, references, trigger on %s from %s', title, string_agg(distinct name, ', '))
      from given
     where kind in ('r', 'p') and (exposed or tenant_column is not null) and privilege in ('truncate', 'references', 'trigger')
     group by title
     union all
    select 'warning', 'sequence_exposed', title,
           format('%s for %s: who may read or move a sequence learns how many rows all tenants add, or makes inserts collide',
               string_agg(distinct privilege, ', '), string_agg(distinct name, ', ')),
           string_agg(distinct format('revoke %s on sequence %s from %s', case when grantee = 0 or name = 'anon' then 'all' else 'select, update' end, title, name), E';\n')
      from given
     where kind = 'S' and exposed and (grantee = 0 or name = 'anon' or privilege in ('select', 'update'))
     group by title
     union all
    select 'error', 'owner_is_api_role', title, format('belongs to %I, so that tokens'' bearers can switch row-level security off, change or drop it', r.name),
           format('alter %s %s owner to %I', case kind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' when 'S' then 'sequence' else 'table' end,
               title, (select datdba::regrole::text from pg_database where datname = current_database()))
      from application as t join (select id, name from role union all select oid, rolname from pg_roles where rolname = 'authenticator') as r on r.id = t.owner
     union all
    select 'warning', 'schema_open_for_create', quote_ident(s.name), format('%s may create objects in it: tables that nobody protects, functions that shadow others', string_agg(format('%I', r.name), ', ' order by r.name)),
           format('revoke create on schema %I from public, %s', s.name, string_agg(format('%I', r.name), ', ' order by r.name))
      from auth.application_schemas() as s join role as r on has_schema_privilege(r.id, s.id, 'create')
     group by s.name
$$;
revoke all on function auth.lint_grants() from public;
comment on function auth.lint_grants() is 'Internal: findings of lint about grants and owners.';

create function auth.lint_default_privileges()
returns setof auth.finding
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select 'warning', 'default_privileges_open', format('default privileges of %I%s', r.rolname, ' in schema ' || quote_ident(n.nspname)),
           format('%s on all future %s go to %s', string_agg(lower(a.privilege_type), ', ' order by a.privilege_type), kind.name, coalesce(quote_ident(g.rolname), 'every role')),
           format('alter default privileges for role %I%s revoke %s on %s from %s', r.rolname, ' in schema ' || quote_ident(n.nspname),
               string_agg(lower(a.privilege_type), ', ' order by a.privilege_type), kind.name, coalesce(quote_ident(g.rolname), 'public'))
      from pg_default_acl as d
      join pg_roles as r on r.oid = d.defaclrole
      left join pg_namespace as n on n.oid = d.defaclnamespace
      join (values ('r', 'tables'), ('S', 'sequences'), ('f', 'functions'), ('n', 'schemas')) as kind (code, name) on kind.code = d.defaclobjtype::text
     cross join lateral aclexplode(d.defaclacl) as a
      left join pg_roles as g on g.oid = a.grantee
     where (a.grantee = 0 or g.rolname = 'anon' or a.grantee in (select id from auth.api_role) and a.privilege_type in ('TRUNCATE', 'REFERENCES', 'TRIGGER', 'CREATE'))
       -- PostgreSQL's own default for functions, which an entry for the whole database repeats.
       and not (d.defaclobjtype = 'f' and d.defaclnamespace = 0 and a.grantee = 0)
     group by r.rolname, n.nspname, kind.name, g.rolname
$$;
revoke all on function auth.lint_default_privileges() from public;
comment on function auth.lint_default_privileges() is 'Internal: findings of lint about default privileges.';

create function auth.lint_functions()
returns setof auth.finding
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with f as (
        select p.oid, p.oid::regprocedure::text as title, p.proacl, p.prosecdef, p.proowner, s.exposed,
               (select substr(setting, 13) from unnest(p.proconfig) as setting where setting like 'search_path=%') as path
          from pg_proc as p join auth.application_schemas() as s on s.id = p.pronamespace
         where not auth.of_extension('pg_proc', p.oid)
    )
    select 'error', 'function_without_search_path', title,
           'a security definer function without a search_path: its caller decides which tables and operators its names mean',
           format('alter routine %s set search_path = pg_catalog, pg_temp', title)
      from f where prosecdef and path is null
     union all
    select 'warning', 'function_search_path_open', title,
           format('a security definer function with search_path %s: %s; qualify its names and set it to pg_catalog, pg_temp', path,
               case when path ~ 'pg_temp"?$' then 'API roles may create objects in it' else 'without pg_temp at the end, the caller''s temporary tables come first' end),
           format('alter routine %s set search_path = pg_catalog, pg_temp', title)
      from f
     where prosecdef and path not in ('', '""')
       and (path !~ '(^|[ ,])"?pg_temp"?$'
            or exists (select from auth.application_schemas() as s join auth.api_role as r on has_schema_privilege(r.id, s.id, 'create')
                        where s.name = any (regexp_split_to_array(replace(path, '"', ''), ',\s*'))))
     union all
    select 'warning', 'function_for_everybody', title,
           'a security definer function that every role may call, also whoever has not signed in; grant it to those who need it',
           format(E'revoke execute on routine %1$s from public;\ngrant execute on routine %1$s to authenticated', title)
      from f
     where prosecdef and (proacl is null or exists (select from aclexplode(proacl) where grantee = 0 and privilege_type = 'EXECUTE'))
     union all
    select 'error', 'owner_is_api_role', title, format('belongs to %I, so that tokens'' bearers can change what it does', r.name),
           format('alter routine %s owner to %s', title, (select datdba::regrole from pg_database where datname = current_database()))
      from f join (select id, name from auth.api_role union all select oid, rolname from pg_roles where rolname = 'authenticator') as r on r.id = f.proowner
$$;
revoke all on function auth.lint_functions() from public;
comment on function auth.lint_functions() is 'Internal: findings of lint about functions that run with their owner''s rights.';
