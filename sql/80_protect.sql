-- Putting a table under tenant isolation.
--
-- Security invoker, and one function that calls no other of this schema: whoever owns tables needs
-- to be granted this one only, and it does what its caller could do by hand.
--
-- The policies compare with auth.tenant_id() as it stands, not with (select auth.tenant_id()).
-- Both cost the same per row, for the accessor is a C function that returns a pointer, and both
-- use the index. But the planner evaluates a stable function to estimate rows, and a subquery it
-- does not: with the bare call it knows how large *this* tenant is. docs/isolation.md has numbers.

create function auth.protect(target regclass, tenant_column name default 'tenant_id')
returns setof text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    col name := coalesce(tenant_column, '');
    todo record;
    locked boolean := false;
begin
    -- One step at a time, for each may do a later one's work: a parent's index is its partitions' too.
    loop
        with recursive tree (id, depth) as (
            -- Whoever uses a partition by its own name meets the partition's policies, not the parent's.
            select target::oid, 0
             union
            select i.inhrelid, tree.depth + 1 from tree join pg_inherits as i on i.inhparent = tree.id
        ), fact as (
            select tree.depth, c.*, n.nspname, quote_ident(n.nspname) || '.' || quote_ident(c.relname) as title, format('(%I = auth.tenant_id())', col) as belongs,
                   a.attnum, a.attnotnull, a.atttypid, format_type(a.atttypid, a.atttypmod) as atttype, a.attgenerated
              from tree
              left join pg_class as c on c.oid = tree.id
              left join pg_namespace as n on n.oid = c.relnamespace
              left join pg_attribute as a on a.attrelid = tree.id and a.attname = col and a.attnum > 0 and not a.attisdropped
             where tree.depth = 0 or c.relkind in ('r', 'p')
        )
        select step, statement, state, code, hint into todo
          from fact, lateral (
            select 0, 0, 'there is no such table', '42P01', 'table_missing', null where fact.oid is null
            union all
            select 1, 0, format('%s belongs to the system', title), '42809', 'system_table', null
             where nspname in ('pg_catalog', 'information_schema', 'pg_toast', 'auth')
            union all
            select 2, 0, format('%s is %s', title, case relkind when 'v' then 'a view' when 'm' then 'a materialized view' when 'f' then 'a foreign table'
                                                       when 'r' then 'a temporary table' else 'no table' end), '42809', 'not_a_table',
                   case relkind when 'v' then 'Protect the tables below it, and set its option security_invoker (PostgreSQL 15 and later).'
                                else 'It has no row-level security that could hold. Keep API roles from it: revoke all on it.' end
             where relkind not in ('r', 'p') or relpersistence = 't'
            union all
            select 3, 0, format('must be owner of table %s', title), '42501', 'not_owner', null where not pg_has_role(relowner, 'usage')
            union all
            select 4, 0, format('table %s has no column %I', title, col), '42703', 'tenant_column_missing',
                   format('Add it, or name the one that holds the tenant: alter table %s add column %I uuid', title, col) where attnum is null
            union all
            select 5, 0, format('column %I of table %s is of type %s, not uuid', col, title, atttype), '42804', 'tenant_column_type',
                   'A tenant''s id is a uuid.' where atttypid <> 'uuid'::regtype
            union all
            select 6, 0, format('column %I of table %s is generated', col, title), '42809', 'tenant_column_generated',
                   'Name a column that keeps what was inserted.' where attgenerated <> ''
            union all
            -- Two calls at a time would both find the same work to do.
            select 10, 0, format('lock table %s in access exclusive mode', title), null, null, null where depth = 0 and not locked
            union all
            select 11, 0, format('alter table %s enable row level security', title), null, null, null where not relrowsecurity
            union all
            select 12, 0, format('alter table %s force row level security', title), null, null, null where not relforcerowsecurity
            union all
            select 13, 0, format('drop policy gatehouse_tenant on %s', title), null, null, null
              from pg_policy
             where polrelid = fact.oid and polname = 'gatehouse_tenant'
               and (polpermissive, polcmd, polroles, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
                   is distinct from (false, '*'::"char", '{0}'::oid[], belongs, belongs)
            union all
            select 14, 0, format('create policy gatehouse_tenant on %1$s as restrictive to public using %2$s with check %2$s', title, belongs), null, null, null
             where not exists (select from pg_policy where polrelid = fact.oid and polname = 'gatehouse_tenant')
            union all
            -- What a command may do within the tenant is the application's to say: where it has a
            -- permissive policy of its own, ours is not made.
            select 15, command.at, format('create policy gatehouse_%1$s on %2$s for %1$s to authenticated %3$s', command.name, title, replace(clauses, '?', belongs)), null, null, null
              from (values (1, 'select', 'r', 'using ?'), (2, 'insert', 'a', 'with check ?'),
                           (3, 'update', 'w', 'using ? with check ?'), (4, 'delete', 'd', 'using ?')) as command (at, name, code, clauses)
             where not exists (select from pg_policy where polrelid = fact.oid and polpermissive and polcmd in ('*', command.code::"char"))
            union all
            select 16, 0, format('alter table %s alter column %I set default auth.tenant_id()', title, col), null, null, null
             where not exists (select from pg_attrdef where adrelid = fact.oid and adnum = attnum and pg_get_expr(adbin, adrelid) = 'auth.tenant_id()')
            union all
            select 17, 0, format('alter table %s alter column %I set not null', title, col), null, null, null where not attnotnull
            union all
            select 18, 0, format('create index on %s (%I)', title, col), null, null, null
             where not exists (select from pg_index as i join pg_class as c on c.oid = i.indexrelid join pg_am as a on a.oid = c.relam
                                where i.indrelid = fact.oid and i.indkey[0] = attnum and i.indisvalid and i.indpred is null and a.amname = 'btree')
            union all
            -- Row-level security does not govern these.
            select 19, 0, format('revoke truncate, references, trigger on table %s from %s', title,
                              string_agg(distinct coalesce(quote_ident(r.rolname), 'public'), ', ')), null, null, null
              from aclexplode(relacl) as a left join pg_roles as r on r.oid = a.grantee
             where a.privilege_type in ('TRUNCATE', 'REFERENCES', 'TRIGGER') and a.grantor = relowner
               and (a.grantee = 0 or r.rolname in ('anon', 'authenticated'))
            having count(*) > 0
          ) as step (step, at, statement, state, code, hint)
         order by step < 10 desc, depth, title, step, at
         limit 1;
        exit when not found;
        if todo.state is not null then
            raise exception '%', todo.statement using errcode = todo.state, detail = todo.code, hint = coalesce(todo.hint, '');
        end if;
        begin
            execute todo.statement;
        exception when not_null_violation then
            raise exception 'table % has rows without a tenant', target
                using errcode = '23502', detail = 'tenant_missing',
                      hint = format('Give each row''s column %I a tenant first, with row-level security bypassed.', col);
        end;
        locked := true;
        if todo.step > 10 then
            return next todo.statement;
        end if;
    end loop;
end
$$;
revoke all on function auth.protect(regclass, name) from public;
comment on function auth.protect(regclass, name) is
'Puts a table and its partitions under tenant isolation, as the table''s owner: row-level security enabled and forced, a restrictive policy that keeps every command within the active tenant, a permissive one for each command that has none, the column''s default and not null, an index; truncate, references and trigger are revoked from API roles. Gives the statements it ran; none when there was nothing to do. Errors: 42501 when the caller does not own the table; 42P01, 42809, 42703 or 42804 when it is no table that can be isolated by that column; 23502 when rows have no tenant.';
