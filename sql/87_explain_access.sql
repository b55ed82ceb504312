-- Why a user sees what they see.
--
-- Security definer: explain_access, for service_role: it reads who is a member of what. It
-- evaluates no policy, for a policy is somebody else's code; auth.expression_facts reads it.

create function auth.explain_subject(
    as_user uuid,
    in_tenant uuid,
    out role name,
    out title text,
    out refusal text,
    out known jsonb
)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with subject as (
        select u.id, to_jsonb(u) as "user", to_jsonb(t) as tenant, to_jsonb(m) as membership
          from (select) as one
          left join auth."user" as u on u.id = as_user
          left join auth.tenant as t on t.id = in_tenant
          left join auth.membership as m on m.tenant_id = t.id and m.user_id = u.id
    )
    select case when as_user is null then 'anon' else 'authenticated' end,
           case when as_user is null then 'whoever has not signed in' else format('user %s', coalesce("user" ->> 'email', as_user::text)) end
           || case when in_tenant is null then ' without a tenant' else format(' in tenant %s', coalesce(tenant ->> 'slug', in_tenant::text)) end,
           case when as_user is null and in_tenant is not null then 'whoever has not signed in has no tenant'
                when as_user is not null and id is null then 'there is no such user'
                when ("user" ->> 'banned_until')::timestamptz > now() then 'the user is banned'
                when in_tenant is not null and tenant is null then 'there is no such tenant'
                when tenant ->> 'suspended_at' is not null then 'the tenant is suspended'
                when in_tenant is not null and membership is null then 'the user is no member of the tenant'
                when membership ->> 'suspended_at' is not null then 'the user is suspended in the tenant' end,
           jsonb_strip_nulls(jsonb_build_object(
               'has_permission', 'auth.has_permission(text)'::regprocedure::oid::bigint,
               'has_role', 'auth.has_role(text)'::regprocedure::oid::bigint,
               'permissions', case when in_tenant is null then '[]' else membership -> 'permissions' end,
               'roles', case when in_tenant is null then '[]' else membership -> 'roles' end))
           || jsonb_build_object('values',
               jsonb_build_object(
                   'auth.uid()'::regprocedure::oid, as_user, 'auth.user_id()'::regprocedure::oid, as_user, 'auth.tenant_id()'::regprocedure::oid, in_tenant,
                   'auth.role()'::regprocedure::oid, case when as_user is not null then 'authenticated' end)
               || case when as_user is not null then '{}' else jsonb_build_object(
                   'auth.jwt()'::regprocedure::oid, null, 'auth.claims()'::regprocedure::oid, null, 'auth.email()'::regprocedure::oid, null,
                   'auth.session_id()'::regprocedure::oid, null, 'auth.aal()'::regprocedure::oid, null) end)
      from subject
$$;
revoke all on function auth.explain_subject(uuid, uuid) from public;
comment on function auth.explain_subject(uuid, uuid) is
'Internal: the database role of a user''s token for a tenant, why no such token would be accepted, and what the accessors would tell.';

create function auth.explain_grant(target regclass, role name, command text, out allowed boolean, out explanation text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with fact as (
        select n.nspname, has_schema_privilege(role, n.oid, 'usage') as enters, has_table_privilege(role, target, command) as whole,
               case when command <> 'delete' then (
                   select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
                    where attrelid = target and attnum > 0 and not attisdropped and has_column_privilege(role, target, attnum, command)) end as columns
          from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
         where c.oid = target
    )
    select enters and (whole or columns is not null),
           case when not enters then format('error 42501: %s has no usage on schema %I', role, nspname)
                when whole then format('%s has been granted %s', role, command)
                when columns is not null then format('%s has been granted %s on columns %s only', role, command, columns)
                else format('error 42501: %s has not been granted %s', role, command) end
      from fact
$$;
revoke all on function auth.explain_grant(regclass, name, text) from public;
comment on function auth.explain_grant(regclass, name, text) is 'Internal: whether grants let the role run the command on the table.';

create function auth.explain_policies(target regclass, role name, known jsonb)
returns table (command text, phase text, policy name, permissive boolean, applies boolean, passes boolean, expression text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select c.name, c.phase, p.polname, p.polpermissive,
           p.polroles = '{0}' or exists (select from unnest(p.polroles) as of (id) where of.id <> 0 and pg_has_role(role, of.id, 'usage')),
           (auth.expression_facts(clause.tree::text, known) ->> 'truth')::boolean, pg_get_expr(clause.tree, p.polrelid)
      from pg_policy as p
      join (values ('select', 'r', 'found'), ('insert', 'a', 'new'), ('update', 'w', 'found'), ('update', 'w', 'new'), ('delete', 'd', 'found'))
           as c (name, code, phase) on p.polcmd in ('*', c.code::"char")
     cross join lateral (
        select case c.phase when 'found' then p.polqual else coalesce(p.polwithcheck, p.polqual) end as tree
     ) as clause
     where p.polrelid = target
$$;
revoke all on function auth.explain_policies(regclass, name, jsonb) from public;
comment on function auth.explain_policies(regclass, name, jsonb) is
'Internal: each policy for each command, for the rows it finds and the rows it makes: whether it applies to the role, and whether it lets all rows pass, none, or (null) some.';

create function auth.with_values(expression text, as_user uuid, in_tenant uuid)
returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select replace(replace(expression, 'auth.uid()', coalesce(quote_literal(as_user), 'null')), 'auth.tenant_id()', coalesce(quote_literal(in_tenant), 'null'))
$$;
revoke all on function auth.with_values(text, uuid, uuid) from public;
comment on function auth.with_values(text, uuid, uuid) is 'Internal: the expression with user and tenant in the place of the accessors, to be read by people.';

create function auth.explain_phase(policies jsonb, command text, in_phase text, out allowed boolean, out condition text, out problem text)
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    with held as (
        select * from jsonb_to_recordset(policies) as p (command text, phase text, permissive boolean, applies boolean, passes boolean, expression text)
         where p.command = explain_phase.command and phase = in_phase and applies
    ), sum as (
        select count(*) filter (where permissive) as permissives,
               count(*) filter (where permissive and passes) > 0 as every,
               count(*) filter (where permissive and passes is distinct from false) = 0 as none,
               count(*) filter (where not permissive and passes is false) > 0 as barred,
               array_agg(distinct expression) filter (where permissive and passes is null) as either,
               array_agg(distinct expression) filter (where not permissive and passes is null) as also
          from held
    ), told as (
        select *, array_to_string(either, ' or ') as any_of from sum
    )
    select not (none or barred),
           -- What protect makes says the same in both kinds.
           nullif(concat_ws(' and ', case when not every and not (either <@ coalesce(also, '{}') and cardinality(either) = 1)
                                          then case when cardinality(either) > 1 then format('(%s)', any_of) else any_of end end, array_to_string(also, ' and ')), ''),
           case when permissives = 0 then format('no permissive policy for %s applies', command)
                when none then 'none of the permissive policies lets a row pass'
                when barred then 'a restrictive policy lets no row pass' end
      from told
$$;
revoke all on function auth.explain_phase(jsonb, text, text) from public;
comment on function auth.explain_phase(jsonb, text, text) is
'Internal: what the policies that apply come to together: whether any row can pass, on what condition (null: every row), or why not.';

create function auth.explain_verdict(
    policies jsonb,
    command text,
    out allowed boolean,
    out condition text,
    out explanation text
)
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select (command = 'insert' or found.allowed) and (command in ('select', 'delete') or new.allowed),
           case command when 'insert' then new.condition
                        when 'update' then case when found.condition is distinct from new.condition
                                                then concat_ws(' ', 'using ' || found.condition, 'with check ' || new.condition) else found.condition end
                        else found.condition end,
           case when command <> 'insert' and not found.allowed then format('nothing: %s; %s finds no row, and no error says so', found.problem, command)
                when command in ('insert', 'update') and not new.allowed then format('nothing: %s: error 42501, new row violates row-level security policy', new.problem)
                when command = 'insert' then 'new rows' || coalesce(' with ' || new.condition, ', of whatever tenant')
                when command = 'update' and new.condition is distinct from found.condition
                    then 'rows' || coalesce(' with ' || found.condition, ' of every tenant') || coalesce(', if afterwards ' || new.condition, ', to whatever tenant')
                else 'rows' || coalesce(' with ' || found.condition, ' of every tenant') end
      from auth.explain_phase(policies, command, 'found') as found, auth.explain_phase(policies, command, 'new') as new
$$;
revoke all on function auth.explain_verdict(jsonb, text) from public;
comment on function auth.explain_verdict(jsonb, text) is 'Internal: what the policies let the command do, in words.';

create function auth.explain_each(policies jsonb, for_command text, role name)
returns table (policy name, kind text, passes boolean, expression text, explanation text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with held as (
        select policy, permissive, applies, passes, expression, min(phase) as phase,
               -- An update that is asked the same before and after is told of once.
               case when for_command = 'update' and count(*) = 1 then ' ' || min(phase) end as which
          from jsonb_to_recordset(policies) as p (command text, phase text, policy name, permissive boolean, applies boolean, passes boolean, expression text)
         where p.command = for_command
         group by policy, permissive, applies, passes, expression
    )
    select policy, case when permissive then 'permissive' else 'restrictive' end, passes and applies, expression,
           case when not applies then format('is for other roles than %s', role)
                when passes then format('lets every%s row pass', which)
                when passes is false then format('lets no%s row pass, for this is not true: %s', which, expression)
                else format('lets%s rows pass with %s', which, expression) end
      from held
     order by permissive desc, policy, phase
$$;
revoke all on function auth.explain_each(jsonb, text, name) from public;
comment on function auth.explain_each(jsonb, text, name) is 'Internal: each policy for a command, in words.';

create function auth.explain_access(target regclass, as_user uuid, in_tenant uuid)
returns table (command text, allowed boolean, policy name, kind text, expression text, explanation text)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    class pg_class;
    subject record;
    free text;
    policies jsonb;
    granted record;
    verdict record;
    reads boolean;
begin
    select * into class from pg_class where oid = target;
    if class.relkind is null or class.relkind not in ('r', 'p') then
        raise exception '% is no table', coalesce(target::text, 'null')
            using errcode = '42809', detail = 'not_a_table', hint = 'Only tables have policies; ask for the tables below a view.';
    end if;
    select * into strict subject from auth.explain_subject(as_user, in_tenant);
    select case when rolsuper or rolbypassrls then format('%I bypasses row-level security', rolname)
                when not class.relrowsecurity then 'row-level security is off'
                when not class.relforcerowsecurity and pg_has_role(rolname, class.relowner, 'usage')
                    then format('%I has the rights of the table''s owner, and row-level security is not forced', rolname) end
      into strict free from pg_roles where rolname = subject.role;
    select coalesce(jsonb_agg(to_jsonb(p)), '[]') into strict policies from auth.explain_policies(target, subject.role, subject.known) as p;
    foreach command in array array['select', 'insert', 'update', 'delete'] loop
        select * into strict granted from auth.explain_grant(target, subject.role, command);
        select * into strict verdict from auth.explain_verdict(policies, command);
        policy := null;
        kind := 'verdict';
        allowed := subject.refusal is null and granted.allowed and (free is not null or verdict.allowed);
        reads := coalesce(reads, allowed);
        expression := case when free is null then verdict.condition end;
        explanation := format('%s may %s ', subject.title, command) || case
            when subject.refusal is not null then 'nothing: ' || subject.refusal || ', so no such token is accepted'
            when not granted.allowed then 'nothing: ' || granted.explanation
            when free is not null then 'every row of every tenant: ' || free
            else auth.with_values(verdict.explanation, as_user, in_tenant)
                 || case when allowed and not reads then '; but where and returning also need what select needs, and select gives nothing' else '' end end;
        return next;
        return query select explain_access.command, granted.allowed, null::name, 'grant', null::text, granted.explanation;
        return query
        select explain_access.command, case when free is null then p.passes end, p.policy, p.kind, p.expression,
               case when free is not null then 'has no effect: ' || free else auth.with_values(p.explanation, as_user, in_tenant) end
          from auth.explain_each(policies, explain_access.command, subject.role) as p;
    end loop;
end
$$;
revoke all on function auth.explain_access(regclass, uuid, uuid) from public;
grant execute on function auth.explain_access(regclass, uuid, uuid) to service_role;
comment on function auth.explain_access(regclass, uuid, uuid) is
'What a user in a tenant may do with a table and why: for each command a row of kind verdict (allowed: it can reach at least some row), then the grant, then each policy (permissive: one must pass; restrictive: all must; allowed is null where that depends on the row or on what is not known). A null user is whoever has not signed in. Error 42809 when it is no table.';
