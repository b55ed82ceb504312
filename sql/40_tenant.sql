-- Tenants.

create table auth.tenant (
    id uuid constraint tenant_pkey primary key default pg_catalog.gen_random_uuid(),
    slug text not null constraint tenant_slug_key unique
        constraint tenant_slug_check check (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    name text not null constraint tenant_name_check check (length(name) between 1 and 200),
    sign_up_open boolean not null default false,
    suspended_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    isolated boolean not null default false,
    session_lifetime interval
        constraint tenant_session_lifetime_check check (session_lifetime between interval '1 minute' and interval '10 years'),
    session_idle_timeout interval
        constraint tenant_session_idle_timeout_check check (session_idle_timeout between interval '1 minute' and interval '10 years'),
    require_second_factor boolean not null default false,
    password_min_length integer
        constraint tenant_password_min_length_check check (password_min_length between 6 and 128),
    allowed_email_domains text[]
        constraint tenant_allowed_email_domains_check check (
            cardinality(allowed_email_domains) between 1 and 100
            and array_to_string(allowed_email_domains, ',', '?') ~ '^([a-z0-9]([a-z0-9.-]*[a-z0-9])?(,|$))+$'),
    deleted_at timestamptz,
    site_url text
        constraint tenant_site_url_check check (length(site_url) <= 2000 and site_url ~ '^https?://[^[:space:][:cntrl:]<>"]+$'),
    mail_from text
        constraint tenant_mail_from_check check (length(mail_from) between 3 and 320 and mail_from !~ '[[:cntrl:]]')
);
revoke all on table auth.tenant from public;
comment on table auth.tenant is 'Tenants: who shares data with whom. Reached through functions only.';
comment on column auth.tenant.slug is 'Name in URLs and at sign-in: lower-case letters, digits and hyphens, 1 to 63. A deleted tenant keeps it, so that nobody takes its place.';
comment on column auth.tenant.sign_up_open is 'Whether anybody may join by naming the tenant at sign-up.';
comment on column auth.tenant.suspended_at is 'Since when nobody may act in it.';
comment on column auth.tenant.updated_at is 'Last change of the tenant, its roles or members: whoever changes these writes this row first, so that they go one after the other.';
comment on column auth.tenant.isolated is 'Whether its users are a pool of their own: the same e-mail may exist there and elsewhere. Never changes.';
comment on column auth.tenant.session_lifetime is 'How long a session may live at most; null for the deployment''s limit.';
comment on column auth.tenant.session_idle_timeout is 'How long a session may go without a refresh; null for the deployment''s limit.';
comment on column auth.tenant.require_second_factor is 'Whether users may act in it at aal2 only.';
comment on column auth.tenant.password_min_length is 'Least length of passwords set at this tenant, characters; counts when it is more than the deployment''s.';
comment on column auth.tenant.allowed_email_domains is 'Domains whose addresses may join, lower-case; null for all.';
comment on column auth.tenant.deleted_at is 'Since when it is gone for its users. The row stays for the audit until the operator deletes it.';
comment on column auth.tenant.site_url is 'Where its application is, for mails; null for the deployment''s. Only the operator sets it: what is mailed leads there.';
comment on column auth.tenant.mail_from is 'Sender of its mails, such as Acme <no-reply@acme.example>; null for the deployment''s. Only the operator sets it.';
select pg_catalog.pg_extension_config_dump('auth.tenant', '');
