-- What lint looks at: PostgreSQL's catalogue, seen as API roles see the database.
--
-- Views for the owner only; the functions that read them pin the search_path that names in
-- expressions are printed under. They read catalogues, never a table's rows, and evaluate nothing
-- that somebody else wrote.

create view auth.api_role as
with recursive reachable as (
    select m.roleid as id from pg_catalog.pg_auth_members as m
      join pg_catalog.pg_roles as r on r.oid operator(pg_catalog.=) m.member
     where r.rolname operator(pg_catalog.=) 'authenticator'
     union
    select m.roleid from reachable join pg_catalog.pg_auth_members as m on m.member operator(pg_catalog.=) reachable.id
)
select r.oid as id, r.rolname as name from pg_catalog.pg_roles as r join reachable on reachable.id operator(pg_catalog.=) r.oid;
revoke all on table auth.api_role from public;
comment on view auth.api_role is 'Internal: the roles that authenticator can become, directly or through others.';

create function auth.relation_name(relation oid)
returns text
language sql stable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select format('%I.%I', n.nspname, c.relname)
      from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
     where c.oid = relation
$$;
revoke all on function auth.relation_name(oid) from public;
comment on function auth.relation_name(oid) is 'Internal: the quoted and qualified name of a relation.';

create function auth.application_schemas(out id oid, out name name, out exposed boolean)
returns setof record
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select n.oid, n.nspname, exists (select from auth.api_role as r where has_schema_privilege(r.id, n.oid, 'usage'))
      from pg_namespace as n
     where n.nspname <> all (array['pg_catalog', 'information_schema', 'auth'])
       and n.nspname !~ '^pg_(toast|temp)'
$$;
revoke all on function auth.application_schemas() from public;
comment on function auth.application_schemas() is
'Internal: the schemas that are the application''s; exposed: an API role may use it.';

create function auth.of_extension(class regclass, id oid)
returns boolean
language sql stable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select exists (select from pg_depend as d where d.classid = $1 and d.objid = $2 and d.deptype = 'e')
$$;
revoke all on function auth.of_extension(regclass, oid) from public;
comment on function auth.of_extension(regclass, oid) is 'Internal: whether the object belongs to an extension.';

create function auth.application_relations(
    out id oid,
    out title text,
    out kind "char",
    out owner oid,
    out acl aclitem[],
    out options text[],
    out row_security boolean,
    out forced boolean,
    out exposed boolean,
    out granted boolean,
    out tenant_attnum smallint,
    out tenant_column name
)
returns setof record
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select c.oid, format('%I.%I', n.name, c.relname), c.relkind, c.relowner, c.relacl, c.reloptions, c.relrowsecurity, c.relforcerowsecurity, n.exposed,
           n.exposed and c.relkind <> 'S' and exists (
               select from auth.api_role as r
                where has_table_privilege(r.id, c.oid, 'select, insert, update, delete, truncate')
                   or has_any_column_privilege(r.id, c.oid, 'select, insert, update')),
           tenant.attnum, tenant.attname
      from pg_class as c
      join auth.application_schemas() as n on n.id = c.relnamespace
      left join lateral (
        -- The column that defaults to the tenant, else the one of that name, else the one that refers to tenants.
        select a.attnum, a.attname
          from pg_attribute as a
          left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
         cross join lateral (
            select case when pg_get_expr(d.adbin, d.adrelid) = 'auth.tenant_id()' then 1
                        when a.attname = 'tenant_id' then 2
                        when exists (select from pg_constraint as f
                                      where f.conrelid = c.oid and f.contype = 'f' and f.conkey = array[a.attnum]
                                        and f.confrelid = to_regclass('auth.tenant')) then 3 end) as found (rank)
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p') and found.rank is not null
         order by found.rank, a.attnum limit 1
      ) as tenant on true
     where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
       and not auth.of_extension('pg_class', c.oid)
$$;
revoke all on function auth.application_relations() from public;
comment on function auth.application_relations() is
'Internal: the application''s relations; granted: an API role can reach rows; tenant_column: the column that says whose a row is.';

create function auth.expression_facts(tree text, known jsonb default '{}')
returns jsonb
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'expression_facts_wrapper';
revoke all on function auth.expression_facts(text, jsonb) from public;
comment on function auth.expression_facts(text, jsonb) is
'Internal: what a policy''s expression, as a pg_node_tree, looks at: {columns, calls, row_subquery, self_comparison, truth}; nothing is evaluated. Null when it can not be read.';

create function auth.policy_clauses(
    out id oid,
    out relation oid,
    out name name,
    out permissive boolean,
    out command "char",
    out roles oid[],
    out clause text,
    out implied boolean,
    out expression text,
    out facts jsonb
)
returns setof record
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select p.oid, p.polrelid, p.polname, p.polpermissive, p.polcmd, p.polroles, c.clause, c.implied,
           pg_get_expr(c.tree, p.polrelid), auth.expression_facts(c.tree::text)
      from pg_policy as p, lateral (
        select 'using', false, p.polqual where p.polqual is not null
         union all
        select 'with check', false, p.polwithcheck where p.polwithcheck is not null
         union all
        -- What new rows are held to when the policy does not say.
        select 'with check', true, p.polqual
         where p.polwithcheck is null and p.polqual is not null and p.polcmd in ('*', 'w')
      ) as c (clause, implied, tree)
$$;
revoke all on function auth.policy_clauses() from public;
comment on function auth.policy_clauses() is 'Internal: each clause of each policy, with what it looks at.';
