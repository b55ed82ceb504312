-- Who belongs to which tenant.

create table auth.membership (
    id uuid constraint membership_pkey primary key default pg_catalog.gen_random_uuid(),
    tenant_id uuid not null constraint membership_tenant_id_fkey references auth.tenant (id) on delete cascade,
    user_id uuid not null constraint membership_user_id_fkey references auth."user" (id) on delete cascade,
    created_at timestamptz not null default now(),
    last_active_at timestamptz,
    suspended_at timestamptz,
    roles text[] not null default '{}',
    permissions text[] not null default '{}',
    constraint membership_tenant_id_user_id_key unique (tenant_id, user_id)
);
create index membership_user_id_idx on auth.membership (user_id);
revoke all on table auth.membership from public;
comment on table auth.membership is 'A user in a tenant. Reached through functions only.';
comment on column auth.membership.last_active_at is 'Last sign-in to this tenant; the latest is the default at the next one.';
comment on column auth.membership.suspended_at is 'Since when the user may not act in the tenant.';
comment on column auth.membership.roles is 'Names of the member''s roles; kept by triggers on the tables of roles (48_access).';
comment on column auth.membership.permissions is 'Permissions of these roles together, read at every authenticate; kept likewise.';
select pg_catalog.pg_extension_config_dump('auth.membership', '');
