-- Users.

create table auth."user" (
    id uuid constraint user_pkey primary key default pg_catalog.gen_random_uuid(),
    email text constraint user_email_check check (email = lower(btrim(email)) and length(email) <= 254),
    password_hash text,
    email_confirmed_at timestamptz,
    app_metadata jsonb not null default '{}' constraint user_app_metadata_check check (jsonb_typeof(app_metadata) = 'object'),
    user_metadata jsonb not null default '{}' constraint user_user_metadata_check check (jsonb_typeof(user_metadata) = 'object'),
    is_anonymous boolean not null default false,
    banned_until timestamptz,
    last_sign_in_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    tenant_id uuid constraint user_tenant_id_fkey references auth.tenant (id) on delete cascade,
    invited_at timestamptz
);
create unique index user_email_key on auth."user" (email) where tenant_id is null;
create unique index user_tenant_id_email_key on auth."user" (tenant_id, email) where tenant_id is not null;
create index user_created_at_id_idx on auth."user" (created_at, id);
create index user_email_prefix_idx on auth."user" (email text_pattern_ops);
create index user_anonymous_created_at_idx on auth."user" (created_at) where is_anonymous;
revoke all on table auth."user" from public;
comment on table auth."user" is 'Users. Reached through functions only.';
comment on column auth."user".email is 'Normalised: trimmed and lower-case.';
comment on column auth."user".tenant_id is 'The isolated tenant whose pool the user is in; null for the pool that all other tenants share. Never changes.';
comment on column auth."user".password_hash is 'PHC or modular-crypt string; null for users without a password.';
comment on column auth."user".is_anonymous is 'Made by sign_in_anonymously; until an address is proved.';
comment on column auth."user".invited_at is 'When the operator last invited the user by mail.';
comment on column auth."user".deleted_at is 'Since when only the id is left of the user, so that what refers to it stays. Such a user is banned for good.';
comment on column auth."user".app_metadata is 'Written by the application; may decide.';
comment on column auth."user".user_metadata is 'Written by the user; never decides anything.';
select pg_catalog.pg_extension_config_dump('auth."user"', '');

create function auth.normalize_email(email text)
returns text
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case
        when length(btrim(email)) <= 254 and btrim(email) ~ '^[^@[:space:][:cntrl:]<>,;:"]+@[^@[:space:][:cntrl:]<>,;:"]+\.[^@[:space:][:cntrl:]<>,;:"]+$'
        then lower(btrim(email))
    end
$$;
revoke all on function auth.normalize_email(text) from public;
comment on function auth.normalize_email(text) is 'Internal: the e-mail address as it is stored; null when it is none.';

create function auth.factors_json(user_id uuid)
returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (select jsonb_agg(jsonb_build_object(
                'id', f.id, 'friendly_name', f.friendly_name, 'factor_type', f.factor_type, 'status', f.status,
                'created_at', f.created_at, 'updated_at', f.updated_at, 'last_challenged_at', f.last_challenged_at
            ) order by f.created_at, f.id)
              from auth.mfa_factor as f where f.user_id = factors_json.user_id);
end
$$;
revoke all on function auth.factors_json(uuid) from public;
comment on function auth.factors_json(uuid) is 'Internal: a user''s second factors as HTTP clients see them; null when there are none.';

create function auth.user_json("user" auth."user")
returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_strip_nulls(jsonb_build_object(
        'id', "user".id,
        'aud', current_setting('pg_gatehouse.audience'),
        'role', 'authenticated',
        'email', coalesce("user".email, ''),
        'phone', '',
        'email_confirmed_at', "user".email_confirmed_at,
        'confirmed_at', "user".email_confirmed_at,
        'invited_at', "user".invited_at,
        'last_sign_in_at', "user".last_sign_in_at,
        'app_metadata', auth.public_app_metadata("user"),
        'identities', case when "user".email is null then '[]' else jsonb_build_array(jsonb_build_object(
            'identity_id', "user".id,
            'id', "user".id,
            'user_id', "user".id,
            'provider', 'email',
            'email', "user".email,
            'identity_data', jsonb_build_object(
                'sub', "user".id,
                'email', "user".email,
                'email_verified', "user".email_confirmed_at is not null,
                'phone_verified', false
            ),
            'last_sign_in_at', "user".last_sign_in_at,
            'created_at', "user".created_at,
            'updated_at', "user".updated_at
        )) end,
        'factors', auth.factors_json("user".id),
        'banned_until', "user".banned_until,
        'is_anonymous', "user".is_anonymous,
        'created_at', "user".created_at,
        'updated_at', "user".updated_at
    ) || auth.mails_json("user".id)) || jsonb_build_object('user_metadata', "user".user_metadata)
$$;
comment on function auth.user_json(auth."user") is 'Internal: a user as HTTP clients see it (Supabase Auth''s shape).';

create function auth.public_app_metadata("user" auth."user")
returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case
        when "user".is_anonymous then "user".app_metadata
        else '{"provider": "email", "providers": ["email"]}'::jsonb || "user".app_metadata
    end
$$;
revoke all on function auth.public_app_metadata(auth."user") from public;
revoke all on function auth.user_json(auth."user") from public;
comment on function auth.public_app_metadata(auth."user") is 'Internal: app_metadata with the identity providers of the user.';
