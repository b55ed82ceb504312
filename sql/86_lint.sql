-- What weakens isolation in this database.
--
-- Security definer: lint, so that service_role sees what only the owner may: the place of the
-- master key, the views of the catalogue above. It reads no table's rows and runs nobody's code.

create function auth.lint()
returns table (level text, code text, object text, message text, remedy text)
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    select f.level, f.code, f.object, f.message, f.remedy
      from (
        select * from auth.lint_row_security() union all
        select * from auth.lint_foreign_keys() union all
        select * from auth.lint_unique_keys() union all
        select * from auth.lint_policy_reach() union all
        select * from auth.lint_policy_trust() union all
        select * from auth.lint_policy_cost() union all
        select * from auth.lint_views() union all
        select * from auth.lint_grants() union all
        select * from auth.lint_default_privileges() union all
        select * from auth.lint_functions() union all
        select * from auth.lint_roles() union all
        select * from auth.lint_identity() union all
        select * from auth.lint_hooks() union all
        select * from auth.lint_settings()
      ) as f
     order by array_position(array['error', 'warning', 'info'], f.level), f.code collate "C", f.object collate "C"
$$;
revoke all on function auth.lint() from public;
grant execute on function auth.lint() to service_role;
comment on function auth.lint() is
'What weakens isolation in this database, worst first: level (error: rows can be reached; warning: one mistake away, or slow; info), a stable code, the object, what is wrong, and SQL that mends it, to be read before it is run. docs/isolation.md lists the codes.';
