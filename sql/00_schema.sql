-- The schema, the encoding, the roles.
--
-- Functions in C resolve no names while they run; they carry no search_path clause, which would
-- cost every call. All others do.

do $$
begin
    if pg_catalog.getdatabaseencoding() operator(pg_catalog.<>) 'UTF8' then
        raise exception 'pg_gatehouse needs a database with encoding UTF8'
            using hint = 'Create one: create database name encoding ''UTF8'' template template0';
    end if;
    -- Whoever owns the schema could change what is in it.
    if not exists (
        select from pg_catalog.pg_namespace as n
          join pg_catalog.pg_roles as r on r.oid operator(pg_catalog.=) n.nspowner
         where n.nspname operator(pg_catalog.=) 'auth' and r.rolsuper
    ) then
        raise exception 'schema "auth" exists and belongs to a role that is no superuser'
            using hint = 'Drop or rename that schema first.';
    end if;
end
$$;

-- The roles belong to the cluster, not to the extension: another database may have made them.
do $$
declare
    wanted record;
begin
    for wanted in
        select *
          from (values ('anon', 'nologin'), ('authenticated', 'nologin'), ('service_role', 'nologin bypassrls'),
                       ('authenticator', 'login noinherit'), ('service_authenticator', 'login noinherit')
               ) as role (name, attributes)
    loop
        if not exists (select from pg_catalog.pg_roles where rolname operator(pg_catalog.=) wanted.name) then
            execute pg_catalog.format('create role %I %s', wanted.name, wanted.attributes);
        end if;
    end loop;
    if exists (
        select from pg_catalog.pg_roles
         where rolname operator(pg_catalog.=) any (array['anon', 'authenticated', 'authenticator'])
           and (rolsuper or rolbypassrls or rolcreaterole)
    ) or pg_catalog.pg_has_role('authenticator', 'service_role', 'member')
    then
        raise exception 'a role named anon, authenticated or authenticator exists with rights that break isolation'
            using detail = 'None of them may be superuser, bypassrls or createrole, and authenticator may not be a member of service_role.',
                  hint = 'Take these rights away, or rename the roles, and create the extension again.';
    end if;
end
$$;

grant anon, authenticated to authenticator;
grant service_role to service_authenticator;
grant usage on schema auth to anon, authenticated, service_role, authenticator, service_authenticator;

comment on schema auth is 'pg_gatehouse: authentication and tenant isolation';
