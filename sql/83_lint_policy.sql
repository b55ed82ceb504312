-- Findings about policies.

create function auth.lint_policy_reach()
returns setof auth.finding
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with clause as (
        select p.*, t.title, t.tenant_column, t.kind, format('%I on %s', p.name, t.title) as object, (p.facts ->> 'truth')::boolean as truth,
               t.tenant_column is null or p.facts is null or p.facts -> 'columns' @> to_jsonb(t.tenant_attnum) or p.facts -> 'columns' @> '0' as reads_tenant
          from auth.policy_clauses() as p
          join auth.application_relations() as t on t.id = p.relation
    ), loose as (
        -- Permissive, and for at least one command no restrictive policy keeps it in the tenant.
        select p.*
          from clause as p
         where p.permissive
           and exists (
            select from unnest(array['r', 'a', 'w', 'd']::"char"[]) as command
             where p.command in ('*', command)
               and case p.clause when 'using' then command <> 'a' else command in ('a', 'w') end
               and not exists (
                select from clause as r
                 where r.relation = p.relation and not r.permissive and r.clause = p.clause and r.command in ('*', command)
                   and (r.roles = '{0}' or r.roles @> p.roles)
                   and r.tenant_column is not null and r.reads_tenant and r.truth is not true))
    ), worst as (
        select object, title, name, tenant_column, bool_or(truth) is true as always,
               bool_or(not reads_tenant and facts -> 'columns' = '[]') is true as blind, bool_and(command = 'r') as reads_only,
               bool_or(not reads_tenant) is true as unguarded, string_agg(distinct clause, ' and ' order by clause) as clauses,
               bool_or(clause = 'using' and not implied) as has_using, bool_or(clause = 'with check' and not implied) as has_check
          from loose where truth is true or not reads_tenant
         group by object, title, name, tenant_column
    )
    select case when tenant_column is not null then 'error' when reads_only then 'info' else 'warning' end,
           case when always then 'policy_always_true' else 'policy_without_tenant' end, object,
           case when always and tenant_column is null then 'the policy lets every row pass'
                when always then 'the policy lets the rows of every tenant pass, and no restrictive policy keeps it within one'
                when blind then 'the policy does not look at the row, so rows of every tenant pass, and no restrictive policy keeps it within one'
                else format('the policy does not look at column %I, so rows of other tenants can pass, and no restrictive policy keeps it within one', tenant_column) end
           || format(' (%s)', clauses),
           case when tenant_column is not null then format('select auth.protect(%L, %L)', title, tenant_column)
                else format('drop policy %I on %s', name, title) end
      from worst
     union all
    select distinct 'warning', 'policy_compares_with_itself', object,
           'the policy compares a column with itself, which is always true; inside a subquery an unqualified name means the subquery''s table: create it again with every name qualified',
           format('drop policy %I on %s', name, title)
      from clause where facts -> 'self_comparison' = 'true' and not implied
     union all
    select distinct 'info', 'policy_unreadable', object, 'the policy is nested too deep for its expression to be looked at', null
      from clause where facts is null
$$;
revoke all on function auth.lint_policy_reach() from public;
comment on function auth.lint_policy_reach() is 'Internal: findings of lint about policies that let too much pass.';

create function auth.lint_policy_trust()
returns setof auth.finding
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with source as (
        select p.polname, p.polrelid, concat_ws(' ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) as text, null as via
          from pg_policy as p
         union all
        select p.polname, p.polrelid, concat(f.prosrc, pg_get_function_sqlbody(f.oid)), f.oid::regprocedure::text
          from pg_policy as p
          join pg_depend as d on d.classid = 'pg_policy'::regclass and d.objid = p.oid and d.refclassid = 'pg_proc'::regclass
          join pg_proc as f on f.oid = d.refobjid
         where not auth.of_extension('pg_proc', f.oid)
    ), trusted as (
        select source.*, t.title, format('%I on %s', polname, t.title) as object, coalesce('through ' || via, 'in its expression') as place
          from source join auth.application_relations() as t on t.id = source.polrelid
    )
    select 'error', 'policy_user_metadata', object, format('the policy relies on user_metadata (%s), which users write themselves; use app_metadata, roles or permissions', place),
           format('drop policy %I on %s', polname, title)
      from trusted where text ~* 'user_meta_?data'
     union all
    select 'warning', 'policy_forgeable_setting', object,
           format('the policy relies on a setting (%s) that whoever sends SQL can set; use auth.uid(), auth.tenant_id() and their kin, which can not be forged', place),
           format('drop policy %I on %s', polname, title)
      from trusted where text ~* '\mcurrent_setting\s*\('
$$;
revoke all on function auth.lint_policy_trust() from public;
comment on function auth.lint_policy_trust() is 'Internal: findings of lint about policies that believe what users write.';

create function auth.lint_policy_cost()
returns setof auth.finding
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with needless as (
        select p.id, p.relation, p.name, array_agg(distinct format('%s.%s', quote_ident(n.nspname), quote_ident(f.proname))) as calls
          from auth.policy_clauses() as p
         cross join lateral jsonb_each(p.facts -> 'calls') as call (function, needless)
          join pg_proc as f on f.oid = call.function::oid
          join pg_namespace as n on n.oid = f.pronamespace
         where call.needless = 'true' and f.provolatile <> 'i'
           -- The accessors cost next to nothing; of PostgreSQL's own, only reading a setting is dear.
           and case n.nspname when 'auth' then f.proname in ('jwt', 'claims')
                              when 'pg_catalog' then f.proname = 'current_setting' else true end
         group by p.id, p.relation, p.name
    )
    select 'warning', 'policy_call_per_row', format('%I on %s', n.name, t.title),
           format('the policy calls %s for every row, though nothing of the row is given to it; within (select …) once for the statement is enough', array_to_string(n.calls, ', ')),
           concat_ws(' ', format('alter policy %I on %s', n.name, t.title),
               'using (' || auth.wrap_calls(pg_get_expr(p.polqual, p.polrelid), n.calls) || ')',
               'with check (' || auth.wrap_calls(pg_get_expr(p.polwithcheck, p.polrelid), n.calls) || ')')
      from needless as n
      join pg_policy as p on p.oid = n.id
      join auth.application_relations() as t on t.id = n.relation
     union all
    select distinct 'info', 'policy_subquery_per_row', format('%I on %s', p.name, t.title),
           'a subquery of the policy reads the row, so it may run for each; roles and permissions of the token need none: auth.has_permission()', null
      from auth.policy_clauses() as p
      join auth.application_relations() as t on t.id = p.relation
     where p.facts -> 'row_subquery' = 'true' and not p.implied
$$;
revoke all on function auth.lint_policy_cost() from public;
comment on function auth.lint_policy_cost() is 'Internal: findings of lint about policies that cost more than they need.';

create function auth.wrap_calls(expression text, calls text[])
returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    call text;
    done text;
    rest text;
    start integer;
    depth integer;
    quote text;
    letter text;
begin
    foreach call in array calls loop
        done := '';
        rest := case when call like 'pg_catalog.%' then replace(expression, substr(call, 12) || '(', call || '(') else expression end;
        loop
            start := strpos(rest, call || '(');
            exit when start = 0;
            depth := 0;
            quote := null;
            for at in start + length(call) .. length(rest) loop
                letter := substr(rest, at, 1);
                if quote is not null then
                    quote := nullif(quote, letter);
                elsif letter in ('''', '"') then
                    quote := letter;
                else
                    depth := depth + case letter when '(' then 1 when ')' then -1 else 0 end;
                    if depth = 0 then
                        done := done || left(rest, start - 1) || '(select ' || substr(rest, start, at - start + 1) || ')';
                        rest := substr(rest, at + 1);
                        exit;
                    end if;
                end if;
            end loop;
            exit when depth <> 0 or quote is not null;
        end loop;
        expression := done || rest;
    end loop;
    return expression;
end
$$;
revoke all on function auth.wrap_calls(text, text[]) from public;
comment on function auth.wrap_calls(text, text[]) is 'Internal: the expression with each of these calls within (select …).';
