-- Findings about roles, about what was granted in schema auth, and about settings.

create function auth.master_key_file_problem()
returns text
language c volatile parallel safe
as 'MODULE_PATHNAME', 'master_key_file_problem_wrapper';
revoke all on function auth.master_key_file_problem() from public;
comment on function auth.master_key_file_problem() is
'Internal: what is wrong with the file of the master key: not_set, unreadable, open (others than the server can read it); null when nothing is.';

create function auth.lint_roles()
returns setof auth.finding
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with reachable as (
        select r.* from pg_roles as r where r.rolname = 'authenticator' or r.oid in (select id from auth.api_role)
    )
    select 'error', 'role_beyond_row_security', quote_ident(rolname),
           format('%s is %s: %s', case when rolname = 'authenticator' then 'the login role of requests' else 'a role that authenticator can become' end,
               concat_ws(', ', case when rolsuper then 'superuser' end, case when rolbypassrls then 'bypassrls' end, case when rolcreaterole then 'createrole' end,
                   case when rolreplication then 'replication' end, case when rolname ~ '^pg_' then 'predefined, with rights over all tables or the server' end,
                   case when rolname = 'service_role' then 'meant for service_authenticator only' end),
               'requests can step around tenant isolation'),
           case when rolname ~ '^pg_' or rolname = 'service_role' then
                   (select string_agg(format('revoke %I from %s', rolname, m.member::regrole), E';\n') from pg_auth_members as m
                     where m.roleid = reachable.oid and (m.member in (select id from auth.api_role) or m.member = (select oid from pg_roles where rolname = 'authenticator')))
                else format('alter role %I nosuperuser nobypassrls nocreaterole noreplication', rolname) end
      from reachable
     where rolsuper or rolbypassrls or rolcreaterole or rolreplication or rolname = 'service_role'
        or rolname in ('pg_read_all_data', 'pg_write_all_data', 'pg_maintain', 'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program',
                       'pg_read_all_settings', 'pg_monitor', 'pg_signal_backend', 'pg_checkpoint', 'pg_create_subscription', 'pg_database_owner')
     union all
    select 'warning', 'authenticator_inherits', 'authenticator', 'the login role has the rights of the roles that it can become before anybody has authenticated', 'alter role authenticator noinherit'
      from pg_roles where rolname = 'authenticator' and rolinherit
$$;
revoke all on function auth.lint_roles() from public;
comment on function auth.lint_roles() is 'Internal: findings of lint about the roles that requests can take on.';

create function auth.lint_identity()
returns setof auth.finding
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with own as (
        select 'table' as kind, c.oid, 0 as part, 'pg_class'::regclass as class, c.relacl as acl, auth.relation_name(c.oid) as title
          from pg_class as c where c.relnamespace = 'auth'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'S')
         union all
        select 'table', c.oid, a.attnum, 'pg_class'::regclass, a.attacl, auth.relation_name(c.oid)
          from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attacl is not null where c.relnamespace = 'auth'::regnamespace
         union all
        select 'routine', p.oid, 0, 'pg_proc'::regclass, coalesce(p.proacl, acldefault('f', p.proowner)), p.oid::regprocedure::text
          from pg_proc as p where p.pronamespace = 'auth'::regnamespace
         union all
        select 'schema', n.oid, 0, 'pg_namespace'::regclass, n.nspacl, 'auth' from pg_namespace as n where n.nspname = 'auth'
    ), added as (
        select own.*, a.grantee, a.privilege_type
          from own cross join lateral aclexplode(own.acl) as a
         where (a.grantee = 0 or a.grantee in (select id from auth.api_role) or a.grantee = (select oid from pg_roles where rolname = 'authenticator'))
           -- What the extension itself granted.
           and not exists (select from pg_init_privs as i, aclexplode(i.initprivs) as given
                            where i.classoid = own.class and i.objoid = own.oid and i.objsubid = own.part
                              and given.grantee = a.grantee and given.privilege_type = a.privilege_type)
           and not (own.kind = 'schema' and a.privilege_type = 'USAGE')
    )
    select 'error', case when kind = 'table' then 'identity_exposed' else 'internal_granted' end, title,
           format('%s was granted to %s beyond what the extension grants', string_agg(distinct lower(privilege_type), ', '), string_agg(distinct coalesce(quote_ident(r.rolname), 'public'), ', ')),
           format('revoke %s on %s %s from %s', case when kind = 'schema' then 'create' else 'all' end, kind, title, string_agg(distinct coalesce(quote_ident(r.rolname), 'public'), ', '))
      from added left join pg_roles as r on r.oid = added.grantee
     group by kind, title
$$;
revoke all on function auth.lint_identity() from public;
comment on function auth.lint_identity() is 'Internal: findings of lint about grants in schema auth.';

create function auth.lint_preload(preloaded text)
returns setof auth.finding
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with place as (
        select libraries, array_position(libraries, 'pg_gatehouse') as own, array_position(libraries, 'pg_stat_statements') as statements
          from (select coalesce(array_agg(btrim(library, ' "') order by at) filter (where btrim(library, ' "') <> ''), '{}') as libraries
                  from unnest(string_to_array(preloaded, ',')) with ordinality as l (library, at)) as l
    ), remedy as (
        select place.*, 'alter system set shared_preload_libraries = '
                   || (select string_agg(quote_literal(library), ', ') from unnest(array_remove(libraries, 'pg_gatehouse') || 'pg_gatehouse'::text) as library)
                   || '; -- and restart the server' as remedy
          from place
    )
    select 'error', 'not_preloaded', 'shared_preload_libraries', 'pg_gatehouse is not preloaded: throttles, revocation and redaction do not work', remedy
      from remedy where own is null
     union all
    select 'warning', 'preload_order', 'shared_preload_libraries', 'pg_stat_statements comes after pg_gatehouse, so it sees statements before secrets are taken out of them', remedy
      from remedy where own < statements
$$;
revoke all on function auth.lint_preload(text) from public;
comment on function auth.lint_preload(text) is 'Internal: findings of lint about the order of shared_preload_libraries.';

create function auth.lint_master_key(problem text, file text, data_directory text)
returns setof auth.finding
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select case problem when 'open' then 'error' else 'warning' end, 'master_key_' || problem, 'pg_gatehouse.master_key_file',
           case problem when 'not_set' then 'there is no master key: nothing can be signed or sealed'
                        when 'unreadable' then 'the server can not read the master key: nothing can be signed or sealed'
                        else 'others than the server can read the master key' end,
           case problem when 'open' then '-- in a shell: chmod 600, on the file that pg_gatehouse.master_key_file names'
                        else '-- in postgresql.conf: pg_gatehouse.master_key_file = ''/a/file/outside/the/data/folder''' end
     where problem is not null
     union all
    select 'warning', 'master_key_in_data_directory', 'pg_gatehouse.master_key_file',
           'the master key lies in the data folder, so every backup holds the secrets and the key to them',
           '-- move the file elsewhere, and name the new place in postgresql.conf'
     where starts_with(file, data_directory || '/') or file ~ '^[^/]'
$$;
revoke all on function auth.lint_master_key(text, text, text) from public;
comment on function auth.lint_master_key(text, text, text) is 'Internal: findings of lint about the file of the master key.';

create function auth.hook_problem(setting text, function text)
returns text
language c stable strict parallel safe
as 'MODULE_PATHNAME', 'hook_problem_wrapper';
revoke all on function auth.hook_problem(text, text) from public;
comment on function auth.hook_problem(text, text) is
'Internal: why a function can not be called as the hook of that setting; null when it can, or when it is the empty name of none.';

create function auth.lint_hooks()
returns setof auth.finding
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with place as (
        select 'pg_gatehouse.before_sign_up_hook' as setting, 'jsonb' as returned, 'every sign-up' as what
         union all select 'pg_gatehouse.custom_claims_hook', 'jsonb', 'every sign-in, sign-up and refresh'
         union all select 'pg_gatehouse.event_hook', 'void', 'every act that the audit records as a success'
    ), named as (
        -- What comes from a role or database is below, with its name.
        select s.name as setting, null as holder, s.setting as function
          from pg_settings as s where s.source not in ('database', 'user', 'database user')
         union all
        select lower(split_part(entry, '=', 1)), concat_ws(' in ', 'role ' || quote_ident(r.rolname), 'database ' || quote_ident(d.datname)),
               substr(entry, strpos(entry, '=') + 1)
          from pg_db_role_setting as s
          cross join unnest(s.setconfig) as entry
          left join pg_roles as r on r.oid = s.setrole
          left join pg_database as d on d.oid = s.setdatabase
         where s.setdatabase = 0 or d.datname = current_database()
    )
    select 'error', 'hook_unusable', concat_ws(' of ', setting, holder),
           format('%s can not be called: %s. Until it can, %s fails', function, problem, what),
           format('-- let %s(jsonb) be a function that returns %s, of an owner that clients can not become; or name another one: docs/identity.md', function, returned)
      from named join place using (setting)
      cross join lateral auth.hook_problem(setting, function) as problem
     where problem is not null
$$;
revoke all on function auth.lint_hooks() from public;
comment on function auth.lint_hooks() is 'Internal: findings of lint about hooks that can not be called.';

create function auth.lint_settings()
returns setof auth.finding
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    select * from auth.lint_preload(current_setting('shared_preload_libraries'))
     union all
    select * from auth.lint_master_key(auth.master_key_file_problem(), current_setting('pg_gatehouse.master_key_file', true), current_setting('data_directory'))
     union all
    select 'error', 'trust_request_claims', place, 'pg_gatehouse.trust_request_claims is on: whoever can send SQL can be anybody', remedy
      from (select 'the server' as place, 'alter system set pg_gatehouse.trust_request_claims = off; select pg_reload_conf()' as remedy
             where current_setting('pg_gatehouse.trust_request_claims', true) = 'on'
             union all
            select concat_ws(' ', 'role ' || quote_ident(r.rolname), 'database ' || quote_ident(d.datname)),
                   format('alter %s reset pg_gatehouse.trust_request_claims', case when r.oid is null then format('database %I', d.datname)
                       else concat(format('role %I', r.rolname), ' in database ' || quote_ident(d.datname)) end)
              from pg_db_role_setting as s
              left join pg_roles as r on r.oid = s.setrole
              left join pg_database as d on d.oid = s.setdatabase
             where exists (select from unnest(s.setconfig) as setting where setting ~* '^pg_gatehouse\.trust_request_claims=(on|true|yes|1|t|y)$')
           ) as trusting
     union all
    select 'info', 'client_address_header', 'pg_gatehouse.client_address_header',
           'the client''s address is taken from a header: throttles by address hold only if nobody but a trusted front can send SQL', null
     where current_setting('pg_gatehouse.client_address_header', true) <> ''
$$;
revoke all on function auth.lint_settings() from public;
comment on function auth.lint_settings() is 'Internal: findings of lint about settings.';
