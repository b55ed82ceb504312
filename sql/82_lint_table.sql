-- Findings about tables.

create type auth.finding as (level text, code text, object text, message text, remedy text);
comment on type auth.finding is
'What lint reports: level is error, warning or info; code is stable; remedy is SQL to look at and run.';

create function auth.lint_row_security()
returns setof auth.finding
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with t as (
        select *, case when tenant_column is null then format('alter table %s enable row level security, force row level security', title)
                       else format('select auth.protect(%L, %L)', title, tenant_column) end as remedy,
               (select count(*) from pg_policy where polrelid = r.id) as policies
          from auth.application_relations() as r
         where kind in ('r', 'p') and (tenant_column is not null or exposed)
    )
    select case when granted then 'error' else 'warning' end, 'rls_disabled', title,
           concat_ws(' ', 'row-level security is off',
               case when tenant_column is null then 'in a schema that API roles use;' else 'on a table with tenants'' rows;' end,
               case when granted then 'API roles reach every row of it' else 'a grant is all that is missing for API roles to reach every row' end,
               case when policies > 0 then format('(its %s policies have no effect)', policies) end), remedy
      from t where not row_security
     union all
    select 'warning', 'rls_not_forced', title,
           'row-level security does not hold for the table''s owner, nor for views and security definer functions that the owner owns',
           format('alter table %s force row level security', title)
      from t where row_security and not forced
     union all
    select 'info', 'rls_without_policy', title, 'row-level security is on and there is no policy: nobody sees a row, and no error says so', remedy
      from t where row_security and policies = 0 and granted
     union all
    select 'warning', 'tenant_index_missing', title,
           format('no index starts with column %I: each request of one tenant reads the rows of all', tenant_column),
           format('create index on %s (%I)', title, tenant_column)
      from t
     where tenant_column is not null
       and not exists (select from pg_index as i join pg_class as c on c.oid = i.indexrelid join pg_am as a on a.oid = c.relam
                        where i.indrelid = t.id and i.indkey[0] = tenant_attnum and i.indisvalid and i.indpred is null and a.amname = 'btree')
     union all
    select 'warning', 'tenant_column_nullable', title, format('column %I may be null: such rows belong to nobody and no tenant can see or remove them', tenant_column),
           format('alter table %s alter column %I set not null', title, tenant_column)
      from t join pg_attribute as a on a.attrelid = t.id and a.attnum = tenant_attnum
     where not a.attnotnull
$$;
revoke all on function auth.lint_row_security() from public;
comment on function auth.lint_row_security() is 'Internal: findings of lint about row-level security and the tenant column.';

create function auth.lint_foreign_keys()
returns setof auth.finding
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with t as (select * from auth.application_relations() where tenant_column is not null),
    pair as (
        select f.*, child.title as child, child.tenant_column as child_tenant, parent.title as parent, parent.tenant_column as parent_tenant,
               (select string_agg(quote_ident(attname), ', ' order by at) from unnest(f.conkey) with ordinality as k (num, at)
                  join pg_attribute on attrelid = f.conrelid and attnum = num) as columns,
               (select string_agg(quote_ident(attname), ', ' order by at) from unnest(f.confkey) with ordinality as k (num, at)
                  join pg_attribute on attrelid = f.confrelid and attnum = num) as parent_columns,
               current_setting('server_version_num')::integer >= 150000 as can_name_columns
          from pg_constraint as f
          join t as child on child.id = f.conrelid
          join t as parent on parent.id = f.confrelid
         where f.contype = 'f' and f.conparentid = 0
           and not exists (select from unnest(f.conkey, f.confkey) as k (own, other)
                            where own = child.tenant_attnum and other = parent.tenant_attnum)
    )
    -- The check of a foreign key is no query of the user's: row-level security does not apply to it.
    select 'warning', 'foreign_key_across_tenants', format('%I on %s', conname, child),
           format('a row can refer to another tenant''s row of %s, and learn whether it exists: the key does not include the tenant', parent),
           format(E'alter table %1$s add unique (%2$I, %3$s);\nalter table %4$s drop constraint %5$I, add constraint %5$I foreign key (%6$I, %7$s) references %1$s (%2$I, %3$s)%8$s%9$s',
               parent, parent_tenant, parent_columns, child, conname, child_tenant, columns,
               case confdeltype when 'c' then ' on delete cascade' when 'r' then ' on delete restrict'
                   when 'n' then case when can_name_columns then format(' on delete set null (%s)', columns) else '' end
                   when 'd' then case when can_name_columns then format(' on delete set default (%s)', columns) else '' end
                   else '' end,
               case confupdtype when 'c' then ' on update cascade' when 'r' then ' on update restrict' else '' end)
      from pair
$$;
revoke all on function auth.lint_foreign_keys() from public;
comment on function auth.lint_foreign_keys() is 'Internal: findings of lint about foreign keys between tables of tenants.';

create function auth.lint_unique_keys()
returns setof auth.finding
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select 'info', 'unique_across_tenants', format('%I on %s', c.relname, t.title),
           format('a value is unique among all tenants: whoever inserts one learns by the error that another tenant has it; include column %I', t.tenant_column),
           case when k.oid is null then format(E'create unique index on %s (%I, %s);\ndrop index %s', t.title, t.tenant_column, key.columns, auth.relation_name(c.oid))
                else format('alter table %s drop constraint %I, add unique (%I, %s)', t.title, k.conname, t.tenant_column, key.columns) end
      from auth.application_relations() as t
      join pg_index as i on i.indrelid = t.id and i.indisunique and not i.indisexclusion
      join pg_class as c on c.oid = i.indexrelid
      left join pg_constraint as k on k.conindid = c.oid and k.contype in ('p', 'u') and k.conrelid = t.id
     cross join lateral (
        select string_agg(pg_get_indexdef(c.oid, at::integer, true), ', ' order by at) as columns,
               bool_or(num = t.tenant_attnum
                       -- What nobody chooses, nobody can try.
                       or a.atttypid = 'uuid'::regtype or a.attidentity <> ''
                       or pg_get_expr(d.adbin, d.adrelid) like 'nextval(%') as fine
          from unnest((i.indkey::smallint[])[0:i.indnkeyatts - 1]) with ordinality as key (num, at)
          left join pg_attribute as a on a.attrelid = t.id and a.attnum = num
          left join pg_attrdef as d on d.adrelid = t.id and d.adnum = num
      ) as key
     where t.tenant_column is not null and key.fine is not true
       and not exists (select from pg_inherits where inhrelid = c.oid)
$$;
revoke all on function auth.lint_unique_keys() from public;
comment on function auth.lint_unique_keys() is 'Internal: findings of lint about unique keys that tell of other tenants.';
