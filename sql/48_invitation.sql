-- Invitations by e-mail.

create table auth.invitation (
    id uuid constraint invitation_pkey primary key default pg_catalog.gen_random_uuid(),
    tenant_id uuid not null constraint invitation_tenant_id_fkey references auth.tenant (id) on delete cascade,
    email text not null constraint invitation_email_check check (email = lower(btrim(email)) and length(email) <= 254),
    role_id uuid not null,
    token_hash bytea not null constraint invitation_token_hash_key unique,
    invited_by uuid constraint invitation_invited_by_fkey references auth."user" (id) on delete cascade,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    accepted_at timestamptz,
    accepted_by uuid constraint invitation_accepted_by_fkey references auth."user" (id) on delete set null,
    revoked_at timestamptz,
    constraint invitation_role_fkey foreign key (role_id, tenant_id)
        references auth.role (id, tenant_id) on delete cascade
);
create unique index invitation_pending_key on auth.invitation (tenant_id, email)
    where accepted_at is null and revoked_at is null;
create index invitation_tenant_id_idx on auth.invitation (tenant_id, created_at);
create index invitation_role_id_tenant_id_idx on auth.invitation (role_id, tenant_id);
create index invitation_invited_by_idx on auth.invitation (invited_by);
create index invitation_accepted_by_idx on auth.invitation (accepted_by);
revoke all on table auth.invitation from public;
comment on table auth.invitation is 'Invitations to join a tenant. Reached through functions only.';
comment on column auth.invitation.token_hash is 'Keyed hash of the token that the mail carries; the token is kept nowhere here.';
comment on column auth.invitation.invited_by is 'Whose rights it stands on: it counts only while they hold what the role permits. Null for the operator''s; gone with its user.';
select pg_catalog.pg_extension_config_dump('auth.invitation', '');

create function auth.make_invitation_token(out token text, out token_hash bytea)
returns setof record
language c volatile strict parallel unsafe rows 1
as 'MODULE_PATHNAME', 'make_invitation_token_wrapper';
revoke all on function auth.make_invitation_token() from public;
comment on function auth.make_invitation_token() is 'Internal: a fresh token, and what is stored of it.';

create function auth.invitation_token_hash(token text)
returns bytea
language c volatile strict parallel unsafe
as 'MODULE_PATHNAME', 'invitation_token_hash_wrapper';
revoke all on function auth.invitation_token_hash(text) from public;
comment on function auth.invitation_token_hash(text) is 'Internal: what is stored of a token; null when it is none.';
