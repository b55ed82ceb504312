-- Tenants.

create table auth.tenant (
    id uuid constraint tenant_pkey primary key default pg_catalog.gen_random_uuid(),
    slug text not null constraint tenant_slug_key unique
        constraint tenant_slug_check check (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    name text not null constraint tenant_name_check check (length(name) between 1 and 200),
    sign_up_open boolean not null default false,
    require_second_factor boolean not null default false,
    suspended_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
revoke all on table auth.tenant from public;
comment on table auth.tenant is 'Tenants: who shares data with whom. Reached through functions only.';
comment on column auth.tenant.slug is 'Name in URLs and at sign-in: lower-case letters, digits and hyphens, 1 to 63.';
comment on column auth.tenant.sign_up_open is 'Whether anybody may join by naming the tenant at sign-up.';
comment on column auth.tenant.require_second_factor is 'Whether its members act in it with a verified second factor only.';
comment on column auth.tenant.suspended_at is 'Since when nobody may act in it.';
select pg_catalog.pg_extension_config_dump('auth.tenant', '');
