\echo Use "create extension pg_gatehouse" to load this file. \quit

-- The schema, the encoding, the roles.
--
-- Functions in C resolve no names while they run; they carry no search_path clause, which would
-- cost every call. All others do.

do $$
begin
    if pg_catalog.getdatabaseencoding() operator(pg_catalog.<>) 'UTF8' then
        raise exception 'pg_gatehouse needs a database with encoding UTF8'
            using hint = 'Create one: create database name encoding ''UTF8'' template template0';
    end if;
    -- Whoever owns the schema could change what is in it.
    if not exists (
        select from pg_catalog.pg_namespace as n
          join pg_catalog.pg_roles as r on r.oid operator(pg_catalog.=) n.nspowner
         where n.nspname operator(pg_catalog.=) 'auth' and r.rolsuper
    ) then
        raise exception 'schema "auth" exists and belongs to a role that is no superuser'
            using hint = 'Drop or rename that schema first.';
    end if;
end
$$;

-- The roles belong to the cluster, not to the extension: another database may have made them.
do $$
declare
    wanted record;
begin
    for wanted in
        select *
          from (values ('anon', 'nologin'), ('authenticated', 'nologin'), ('service_role', 'nologin bypassrls'),
                       ('authenticator', 'login noinherit'), ('service_authenticator', 'login noinherit')
               ) as role (name, attributes)
    loop
        if not exists (select from pg_catalog.pg_roles where rolname operator(pg_catalog.=) wanted.name) then
            execute pg_catalog.format('create role %I %s', wanted.name, wanted.attributes);
        end if;
    end loop;
    if exists (
        select from pg_catalog.pg_roles
         where rolname operator(pg_catalog.=) any (array['anon', 'authenticated', 'authenticator'])
           and (rolsuper or rolbypassrls or rolcreaterole)
    ) or pg_catalog.pg_has_role('authenticator', 'service_role', 'member')
    then
        raise exception 'a role named anon, authenticated or authenticator exists with rights that break isolation'
            using detail = 'None of them may be superuser, bypassrls or createrole, and authenticator may not be a member of service_role.',
                  hint = 'Take these rights away, or rename the roles, and create the extension again.';
    end if;
end
$$;

grant anon, authenticated to authenticator;
grant service_role to service_authenticator;
grant usage on schema auth to anon, authenticated, service_role, authenticator, service_authenticator;

comment on schema auth is 'pg_gatehouse: authentication and tenant isolation';

-- Passwords: pure functions (src/password.rs, crates/core/src/password).

create function auth.hash_password(password text, algorithm text default null, cost integer default null)
returns text
language c volatile parallel safe
as 'MODULE_PATHNAME', 'hash_password_wrapper';
revoke all on function auth.hash_password(text, text, integer) from public;
grant execute on function auth.hash_password(text, text, integer) to service_role;
comment on function auth.hash_password(text, text, integer) is
'Hashes a password: bcrypt ($2b$, at most 72 bytes) or argon2id. Algorithm and cost default to the settings; cost is the bcrypt cost (10 to 16) or the argon2id passes (1 to 16).';

create function auth.verify_password(password text, hash text)
returns boolean
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'verify_password_wrapper';
revoke all on function auth.verify_password(text, text) from public;
grant execute on function auth.verify_password(text, text) to service_role;
comment on function auth.verify_password(text, text) is
'Whether the password is that of the hash: bcrypt, argon2id, argon2i, scrypt, pbkdf2-sha256, pbkdf2-sha512. An unknown format is an error.';

create function auth.verify_credential(password text, hash text)
returns boolean
language c volatile parallel safe
as 'MODULE_PATHNAME', 'verify_credential_wrapper';
revoke all on function auth.verify_credential(text, text) from public;
comment on function auth.verify_credential(text, text) is
'Internal: verify_password for sign-in. Never an error; without a hash the same work and false.';

create function auth.password_needs_rehash(hash text)
returns boolean
language c stable strict parallel safe
as 'MODULE_PATHNAME', 'password_needs_rehash_wrapper';
revoke all on function auth.password_needs_rehash(text) from public;
grant execute on function auth.password_needs_rehash(text) to service_role;
comment on function auth.password_needs_rehash(text) is
'Whether the hash is of another algorithm or weaker than the settings ask for.';

create function auth.check_password(
    password text,
    context text[] default '{}',
    out ok boolean,
    out score integer,
    out reasons text[]
)
returns setof record
language c stable strict parallel safe rows 1
as 'MODULE_PATHNAME', 'check_password_wrapper';
revoke all on function auth.check_password(text, text[]) from public;
grant execute on function auth.check_password(text, text[]) to anon, authenticated, service_role;
comment on function auth.check_password(text, text[]) is
'The password policy (NIST SP 800-63B-4, OWASP ASVS 5 V6.2): length, common passwords, context words such as e-mail and tenant, strength from 0 to 4; reasons in words.';

-- Tokens: pure functions (src/jwt.rs, crates/core/src/jwt).

create function auth.jwt_sign(claims jsonb, key text, algorithm text default 'HS256', header jsonb default '{}')
returns text
language c volatile strict parallel safe
as 'MODULE_PATHNAME', 'jwt_sign_wrapper';
revoke all on function auth.jwt_sign(jsonb, text, text, jsonb) from public;
grant execute on function auth.jwt_sign(jsonb, text, text, jsonb) to service_role;
comment on function auth.jwt_sign(jsonb, text, text, jsonb) is
'Signs claims as a JWS in compact form (RFC 7515). The key is a secret, a PEM block or a JWK. HS256/384/512, RS256/384/512, PS256/384/512, ES256, ES384, EdDSA.';

create function auth.jwt_verify(
    token text,
    key text,
    algorithms text[],
    audience text default null,
    issuer text default null,
    leeway interval default '0',
    required text[] default '{exp}'
)
returns jsonb
language c volatile parallel safe
as 'MODULE_PATHNAME', 'jwt_verify_wrapper';
revoke all on function auth.jwt_verify(text, text, text[], text, text, interval, text[]) from public;
grant execute on function auth.jwt_verify(text, text, text[], text, text, interval, text[]) to service_role;
comment on function auth.jwt_verify(text, text, text[], text, text, interval, text[]) is
'The claims of a token whose signature, algorithm, times, audience and issuer are right (RFC 7519, RFC 8725); otherwise error 28000 with a stable code in DETAIL. The key is a secret, a PEM block, a JWK or a JWKS; leeway is at most 5 minutes; required names claims that must be there.';

create function auth.jwt_decode_unverified(token text, out header jsonb, out claims jsonb)
returns setof record
language c immutable strict parallel safe rows 1
as 'MODULE_PATHNAME', 'jwt_decode_unverified_wrapper';
revoke all on function auth.jwt_decode_unverified(text) from public;
grant execute on function auth.jwt_decode_unverified(text) to service_role;
comment on function auth.jwt_decode_unverified(text) is
'Header and claims of a token that nobody has verified. For debugging only.';

create function auth.jwk_thumbprint(jwk jsonb)
returns text
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'jwk_thumbprint_wrapper';
revoke all on function auth.jwk_thumbprint(jsonb) from public;
grant execute on function auth.jwk_thumbprint(jsonb) to service_role;
comment on function auth.jwk_thumbprint(jsonb) is 'The SHA-256 thumbprint of a JWK (RFC 7638), base64url.';

-- The sealed session (src/sealed, src/authenticate.rs, src/claims.rs).
--
-- authenticate and pre_request are security invoker: they switch the role, which PostgreSQL
-- refuses inside a security definer function, and for the rest of the transaction, which a set
-- clause would end. They are written in C and resolve no names.

create function auth.authenticate(token text)
returns void
language c volatile parallel unsafe
as 'MODULE_PATHNAME', 'authenticate_wrapper';
revoke all on function auth.authenticate(text) from public;
grant execute on function auth.authenticate(text) to anon, authenticated, service_role, authenticator, service_authenticator;
comment on function auth.authenticate(text) is
'Verifies an access token, switches to the role it names and seals the transaction with its claims: until the transaction ends no SQL changes role or claims. Errors: 28000 with a code in DETAIL; 42501 when the login role may not take on the role or the transaction is sealed already.';

create function auth.pre_request()
returns void
language c volatile parallel unsafe
as 'MODULE_PATHNAME', 'pre_request_wrapper';
revoke all on function auth.pre_request() from public;
grant execute on function auth.pre_request() to anon, authenticated, service_role, authenticator, service_authenticator;
comment on function auth.pre_request() is
'For PostgREST''s db-pre-request: authenticates with the bearer token of request.headers, if there is one.';

create function auth.uid()
returns uuid
language c stable parallel safe
as 'MODULE_PATHNAME', 'gatehouse_uid';
revoke all on function auth.uid() from public;
grant execute on function auth.uid() to anon, authenticated, service_role;
comment on function auth.uid() is 'The user: claim sub as a uuid; null when anonymous or when sub is no uuid.';

create function auth.user_id()
returns text
language c stable parallel safe
as 'MODULE_PATHNAME', 'gatehouse_user_id';
revoke all on function auth.user_id() from public;
grant execute on function auth.user_id() to anon, authenticated, service_role;
comment on function auth.user_id() is 'The user: claim sub as text; null when anonymous.';

create function auth.jwt()
returns jsonb
language c stable parallel safe
as 'MODULE_PATHNAME', 'gatehouse_claims';
revoke all on function auth.jwt() from public;
grant execute on function auth.jwt() to anon, authenticated, service_role;
comment on function auth.jwt() is 'All claims of the token; null when anonymous. The same as auth.claims().';

create function auth.claims()
returns jsonb
language c stable parallel safe
as 'MODULE_PATHNAME', 'gatehouse_claims';
revoke all on function auth.claims() from public;
grant execute on function auth.claims() to anon, authenticated, service_role;
comment on function auth.claims() is 'All claims of the token; null when anonymous.';

create function auth.role()
returns text
language c stable parallel safe
as 'MODULE_PATHNAME', 'gatehouse_role';
revoke all on function auth.role() from public;
grant execute on function auth.role() to anon, authenticated, service_role;
comment on function auth.role() is 'The database role that the token names; null when anonymous.';

create function auth.email()
returns text
language c stable parallel safe
as 'MODULE_PATHNAME', 'gatehouse_email';
revoke all on function auth.email() from public;
grant execute on function auth.email() to anon, authenticated, service_role;
comment on function auth.email() is 'Claim email; null when anonymous.';

create function auth.tenant_id()
returns uuid
language c stable parallel safe
as 'MODULE_PATHNAME', 'gatehouse_tenant_id';
revoke all on function auth.tenant_id() from public;
grant execute on function auth.tenant_id() to anon, authenticated, service_role;
comment on function auth.tenant_id() is 'The active tenant; null when anonymous or without one.';

create function auth.session_id()
returns uuid
language c stable parallel safe
as 'MODULE_PATHNAME', 'gatehouse_session_id';
revoke all on function auth.session_id() from public;
grant execute on function auth.session_id() to anon, authenticated, service_role;
comment on function auth.session_id() is 'Claim session_id; null when anonymous.';

create function auth.aal()
returns text
language c stable parallel safe
as 'MODULE_PATHNAME', 'gatehouse_aal';
revoke all on function auth.aal() from public;
grant execute on function auth.aal() to anon, authenticated, service_role;
comment on function auth.aal() is 'Authenticator assurance level: aal1, aal2; null when anonymous.';

create function auth.has_role(role text)
returns boolean
language c stable strict parallel safe
as 'MODULE_PATHNAME', 'gatehouse_has_role';
revoke all on function auth.has_role(text) from public;
grant execute on function auth.has_role(text) to anon, authenticated, service_role;
comment on function auth.has_role(text) is 'Whether the user has the role in the active tenant; false when anonymous.';

create function auth.has_permission(permission text)
returns boolean
language c stable strict parallel safe
as 'MODULE_PATHNAME', 'gatehouse_has_permission';
revoke all on function auth.has_permission(text) from public;
grant execute on function auth.has_permission(text) to anon, authenticated, service_role;
comment on function auth.has_permission(text) is
'Whether the user holds the permission (resource:action) in the active tenant; a granted * stands for any resource or action; false when anonymous.';

-- Tenants.

create table auth.tenant (
    id uuid constraint tenant_pkey primary key default pg_catalog.gen_random_uuid(),
    slug text not null constraint tenant_slug_key unique
        constraint tenant_slug_check check (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    name text not null constraint tenant_name_check check (length(name) between 1 and 200),
    sign_up_open boolean not null default false,
    suspended_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
revoke all on table auth.tenant from public;
comment on table auth.tenant is 'Tenants: who shares data with whom. Reached through functions only.';
comment on column auth.tenant.slug is 'Name in URLs and at sign-in: lower-case letters, digits and hyphens, 1 to 63.';
comment on column auth.tenant.sign_up_open is 'Whether anybody may join by naming the tenant at sign-up.';
comment on column auth.tenant.suspended_at is 'Since when nobody may act in it.';
select pg_catalog.pg_extension_config_dump('auth.tenant', '');

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
    updated_at timestamptz not null default now()
);
create unique index user_email_key on auth."user" (email);
revoke all on table auth."user" from public;
comment on table auth."user" is 'Users. Reached through functions only.';
comment on column auth."user".email is 'Normalised: trimmed and lower-case.';
comment on column auth."user".password_hash is 'PHC or modular-crypt string; null for users without a password.';
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

create function auth.user_json("user" auth."user")
returns jsonb
language sql stable parallel safe
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
        'banned_until', "user".banned_until,
        'is_anonymous', "user".is_anonymous,
        'created_at', "user".created_at,
        'updated_at', "user".updated_at
    )) || jsonb_build_object('user_metadata', "user".user_metadata)
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

-- Who belongs to which tenant.

create table auth.membership (
    id uuid constraint membership_pkey primary key default pg_catalog.gen_random_uuid(),
    tenant_id uuid not null constraint membership_tenant_id_fkey references auth.tenant (id) on delete cascade,
    user_id uuid not null constraint membership_user_id_fkey references auth."user" (id) on delete cascade,
    created_at timestamptz not null default now(),
    last_active_at timestamptz,
    constraint membership_tenant_id_user_id_key unique (tenant_id, user_id)
);
create index membership_user_id_idx on auth.membership (user_id);
revoke all on table auth.membership from public;
comment on table auth.membership is 'A user in a tenant. Reached through functions only.';
comment on column auth.membership.last_active_at is 'Last sign-in to this tenant; the latest is the default at the next one.';
select pg_catalog.pg_extension_config_dump('auth.membership', '');

-- Sessions. An access token names one; when its row has ended, so have its tokens.

create table auth.session (
    id uuid constraint session_pkey primary key default pg_catalog.gen_random_uuid(),
    user_id uuid not null constraint session_user_id_fkey references auth."user" (id) on delete cascade,
    tenant_id uuid constraint session_tenant_id_fkey references auth.tenant (id) on delete cascade,
    aal text not null default 'aal1' constraint session_aal_check check (aal in ('aal1', 'aal2')),
    amr jsonb not null default '[]',
    ip inet,
    user_agent text,
    created_at timestamptz not null default now(),
    ended_at timestamptz,
    end_reason text
);
create index session_user_id_idx on auth.session (user_id);
create index session_tenant_id_idx on auth.session (tenant_id);
revoke all on table auth.session from public;
comment on table auth.session is 'Signed-in sessions. Reached through functions only.';
comment on column auth.session.amr is 'How the user authenticated: [{method, timestamp}] (RFC 8176).';
comment on column auth.session.ended_at is 'Since when its tokens are worth nothing, whatever their exp.';
select pg_catalog.pg_extension_config_dump('auth.session', '');

create function auth.end_sessions()
returns trigger
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_table_name = 'tenant' then
        update auth.session set ended_at = now(), end_reason = 'tenant_suspended'
         where tenant_id = new.id and ended_at is null;
    else
        update auth.session set ended_at = now(), end_reason = 'banned'
         where user_id = new.id and ended_at is null;
    end if;
    return null;
end
$$;
revoke all on function auth.end_sessions() from public;
comment on function auth.end_sessions() is 'Trigger: a ban or suspension ends the sessions it concerns.';

create trigger end_sessions after update of suspended_at on auth.tenant
    for each row when (old.suspended_at is null and new.suspended_at is not null)
    execute function auth.end_sessions();
create trigger end_sessions after update of banned_until on auth."user"
    for each row when (new.banned_until > now())
    execute function auth.end_sessions();

-- Signing keys and their life: pending → active → retiring → revoked.
--
-- Security definer: rotate_signing_key, revoke_signing_key and mint_token (write the key table,
-- owner only), jwks (publishes the public halves).

create table auth.signing_key (
    kid text constraint signing_key_pkey primary key,
    algorithm text not null constraint signing_key_algorithm_check check (algorithm in (
        'HS256', 'HS384', 'HS512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'EdDSA')),
    status text not null default 'pending'
        constraint signing_key_status_check check (status in ('pending', 'active', 'retiring', 'revoked')),
    public_jwk jsonb,
    private_key bytea,
    longest_token_until timestamptz,
    verify_until timestamptz,
    created_at timestamptz not null default now(),
    activated_at timestamptz,
    retiring_at timestamptz,
    revoked_at timestamptz,
    constraint signing_key_half_check check (public_jwk is not null or private_key is not null or status = 'revoked')
);
create unique index signing_key_active_key on auth.signing_key (status) where status = 'active';
revoke all on table auth.signing_key from public;
comment on table auth.signing_key is 'Keys of this database''s tokens. Nobody but the owner reads it.';
comment on column auth.signing_key.kid is 'RFC 7638 thumbprint of the key.';
comment on column auth.signing_key.public_jwk is 'The public half (RFC 7517); null for HMAC.';
comment on column auth.signing_key.private_key is 'The private half, encrypted under the master key (AES-256-GCM) for this kid.';
comment on column auth.signing_key.longest_token_until is 'When the longest-lived token that mint_token signed with it expires.';
comment on column auth.signing_key.verify_until is 'Until when a retiring key still verifies.';
select pg_catalog.pg_extension_config_dump('auth.signing_key', '');

create function auth.keyring_changed()
returns trigger
language c volatile
as 'MODULE_PATHNAME', 'gatehouse_keyring_changed';
revoke all on function auth.keyring_changed() from public;
comment on function auth.keyring_changed() is 'Trigger: tells every backend, at commit, that the keys have changed.';

create trigger keyring_changed after insert or update or delete or truncate on auth.signing_key
    for each statement execute function auth.keyring_changed();
alter table auth.signing_key enable always trigger keyring_changed;

create function auth.generate_signing_key(algorithm text, out kid text, out public_jwk jsonb, out private_key bytea)
returns setof record
language c volatile strict parallel unsafe rows 1
as 'MODULE_PATHNAME', 'generate_signing_key_wrapper';
revoke all on function auth.generate_signing_key(text) from public;
comment on function auth.generate_signing_key(text) is 'Internal: a fresh key pair, the private half encrypted under the master key.';

create function auth.sign_access_token(claims jsonb)
returns text
language c volatile strict parallel unsafe
as 'MODULE_PATHNAME', 'sign_access_token_wrapper';
revoke all on function auth.sign_access_token(jsonb) from public;
comment on function auth.sign_access_token(jsonb) is
'Internal: signs claims as an access token with the active key; iss, aud, iat, nbf, exp and jti are added where missing.';

create function auth.rotate_signing_key(algorithm text default 'ES256')
returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    fresh record;
begin
    lock table auth.signing_key in share row exclusive mode;
    select * into strict fresh from auth.generate_signing_key(rotate_signing_key.algorithm);
    -- A minute more than the last token can live: a transaction may be signing with it just now.
    update auth.signing_key
       set status = 'retiring',
           retiring_at = now(),
           verify_until = greatest(
               longest_token_until,
               clock_timestamp() + current_setting('pg_gatehouse.access_token_ttl')::interval + interval '1 minute')
     where status = 'active';
    insert into auth.signing_key (kid, algorithm, status, public_jwk, private_key, activated_at)
    values (fresh.kid, rotate_signing_key.algorithm, 'active', fresh.public_jwk, fresh.private_key, now());
    return fresh.kid;
end
$$;
revoke all on function auth.rotate_signing_key(text) from public;
comment on function auth.rotate_signing_key(text) is
'Makes a new key the signing one and gives its kid. The former one keeps verifying until its last token has expired.';

create function auth.revoke_signing_key(kid text)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update auth.signing_key as k
       set status = 'revoked', revoked_at = now(), private_key = null
     where k.kid = revoke_signing_key.kid and k.status <> 'revoked';
    return found;
end
$$;
revoke all on function auth.revoke_signing_key(text) from public;
comment on function auth.revoke_signing_key(text) is
'Emergency: from the commit on, no token of this key counts in any backend. False when there is no such key or it is revoked already. Rotate afterwards if it was the active one.';

create function auth.jwks()
returns jsonb
language sql stable security definer parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object('keys', coalesce(jsonb_agg(public_jwk order by created_at desc), '[]'))
      from auth.signing_key
     where public_jwk is not null
       and status <> 'revoked'
       and (verify_until is null or verify_until > clock_timestamp())
$$;
revoke all on function auth.jwks() from public;
grant execute on function auth.jwks() to anon, authenticated, service_role, authenticator;
comment on function auth.jwks() is 'The public keys that tokens of this database verify with (RFC 7517); HMAC keys never.';

create function auth.mint_token(claims jsonb, lifetime interval default null)
returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    expiry timestamptz := clock_timestamp() + coalesce(lifetime, current_setting('pg_gatehouse.access_token_ttl')::interval);
begin
    if not claims ? 'exp' then
        claims := claims || jsonb_build_object('exp', floor(extract(epoch from expiry))::bigint);
        update auth.signing_key as k
           set longest_token_until = expiry
         where k.status = 'active' and (k.longest_token_until is null or k.longest_token_until < expiry);
    end if;
    return auth.sign_access_token(claims);
end
$$;
revoke all on function auth.mint_token(jsonb, interval) from public;
comment on function auth.mint_token(jsonb, interval) is
'Signs an access token with any claims, for the owner: the anon and service keys of a deployment. Whoever may call this may be anybody.';

-- What happened, failures included.
--
-- Security definer: record_event (writes the table for the functions that call it).

create table auth.audit_event (
    id bigint generated always as identity constraint audit_event_pkey primary key,
    at timestamptz not null default clock_timestamp(),
    event text not null,
    outcome text not null constraint audit_event_outcome_check check (outcome in ('success', 'failure')),
    user_id uuid,
    tenant_id uuid,
    session_id uuid,
    ip inet,
    user_agent text,
    detail jsonb not null default '{}'
);
create index audit_event_user_id_at_idx on auth.audit_event (user_id, at);
create index audit_event_tenant_id_at_idx on auth.audit_event (tenant_id, at);
revoke all on table auth.audit_event from public;
comment on table auth.audit_event is 'Security events, append only. Never holds a password, a token or a key.';
select pg_catalog.pg_extension_config_dump('auth.audit_event', '');
select pg_catalog.pg_extension_config_dump('auth.audit_event_id_seq', '');

create function auth.request_user_agent()
returns text
language plpgsql stable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    return left(nullif(current_setting('request.headers', true), '')::json ->> 'user-agent', 500);
exception
    -- Whoever sets the setting to something else has no user agent.
    when invalid_text_representation then return null;
end
$$;
revoke all on function auth.request_user_agent() from public;
comment on function auth.request_user_agent() is 'Internal: the user agent that the HTTP front told of.';

create function auth.record_event(
    event text,
    outcome text,
    user_id uuid default null,
    tenant_id uuid default null,
    session_id uuid default null,
    detail jsonb default '{}'
)
returns void
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    insert into auth.audit_event (event, outcome, user_id, tenant_id, session_id, ip, user_agent, detail)
    values ($1, $2, $3, $4, $5, inet_client_addr(), auth.request_user_agent(), $6)
$$;
revoke all on function auth.record_event(text, text, uuid, uuid, uuid, jsonb) from public;
comment on function auth.record_event(text, text, uuid, uuid, uuid, jsonb) is 'Internal: writes an audit event.';

-- Sign-up, and what every way of signing in ends with: a session and its access token.
--
-- Security definer: sign_up (called by anybody, writes the tables of schema auth); open_session
-- is called by such functions only.

create type auth.sign_in_result as (
    status text,
    message text,
    reasons text[],
    access_token text,
    refresh_token text,
    expires_at timestamptz,
    retry_after integer,
    "user" jsonb
);
comment on type auth.sign_in_result is
'What sign_up and sign_in answer: status is ok or a stable code; retry_after is in seconds.';

create function auth.sign_in_refusal(status text, message text, reasons text[] default null)
returns auth.sign_in_result
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select row(status, message, reasons, null, null, null, null, null)::auth.sign_in_result
$$;
revoke all on function auth.sign_in_refusal(text, text, text[]) from public;
comment on function auth.sign_in_refusal(text, text, text[]) is 'Internal: a result that is not ok.';

create function auth.open_session("user" auth."user", tenant_id uuid, method text)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    amr jsonb := jsonb_build_array(jsonb_build_object(
        'method', open_session.method, 'timestamp', floor(extract(epoch from clock_timestamp()))::bigint));
    expiry timestamptz := date_trunc('second', clock_timestamp()
        + current_setting('pg_gatehouse.access_token_ttl')::interval);
    session_id uuid;
    tenant_slug text;
    account auth."user";
    result auth.sign_in_result;
begin
    with session as (
        insert into auth.session (user_id, tenant_id, amr, ip, user_agent)
        values (open_session."user".id, open_session.tenant_id, amr, inet_client_addr(), auth.request_user_agent())
        returning id
    ), membership as (
        update auth.membership set last_active_at = now()
         where user_id = open_session."user".id and tenant_id = open_session.tenant_id
    )
    select session.id, (select slug from auth.tenant where id = open_session.tenant_id)
      into strict session_id, tenant_slug
      from session;
    update auth."user" set last_sign_in_at = now()
     where id = open_session."user".id
    returning * into strict account;

    result.status := 'ok';
    result.expires_at := expiry;
    result."user" := auth.user_json(account);
    result.access_token := auth.sign_access_token(jsonb_build_object(
        'exp', extract(epoch from expiry)::bigint,
        'sub', account.id,
        'role', 'authenticated',
        'email', coalesce(account.email, ''),
        'phone', '',
        'aal', 'aal1',
        'amr', amr,
        'session_id', session_id,
        'tenant_id', open_session.tenant_id,
        'tenant_slug', tenant_slug,
        'roles', '[]'::jsonb,
        'permissions', '[]'::jsonb,
        'app_metadata', auth.public_app_metadata(account),
        'user_metadata', account.user_metadata,
        'is_anonymous', account.is_anonymous));
    perform auth.record_event('sign_in', 'success', account.id, open_session.tenant_id, session_id,
                              jsonb_build_object('method', open_session.method));
    return result;
end
$$;
revoke all on function auth.open_session(auth."user", uuid, text) from public;
comment on function auth.open_session(auth."user", uuid, text) is
'Internal: opens a session for a user whose credential was verified, and signs its access token.';

create function auth.sign_up(
    email text,
    password text,
    user_metadata jsonb default '{}',
    tenant text default null
)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    address text := auth.normalize_email(sign_up.email);
    metadata jsonb := coalesce(sign_up.user_metadata, '{}');
    home uuid;
    verdict record;
    account auth."user";
begin
    if address is null then
        return auth.sign_in_refusal('validation_failed', 'Unable to validate email address: invalid format');
    elsif jsonb_typeof(metadata) <> 'object' or pg_column_size(metadata) > 16384 then
        return auth.sign_in_refusal('validation_failed', 'User metadata must be a JSON object of at most 16 KiB');
    elsif sign_up.password is null or sign_up.password = '' then
        return auth.sign_in_refusal('validation_failed', 'Signup requires a valid password');
    end if;
    select * into strict verdict
      from auth.check_password(sign_up.password, array[address, sign_up.tenant, metadata ->> 'name']);
    if not verdict.ok then
        return auth.sign_in_refusal('weak_password', array_to_string(verdict.reasons, ' '), verdict.reasons);
    end if;
    if sign_up.tenant is not null then
        select id into home from auth.tenant
         where slug = sign_up.tenant and sign_up_open and suspended_at is null;
        if home is null then
            return auth.sign_in_refusal('signup_disabled', 'Signups not allowed for this tenant');
        end if;
    end if;

    insert into auth."user" (email, password_hash, user_metadata, email_confirmed_at)
    values (address, auth.hash_password(sign_up.password), metadata, now())
    on conflict (email) do nothing
    returning * into account;
    if account.id is null then
        perform auth.record_event('sign_up', 'failure', detail => '{"reason": "user_already_exists"}');
        return auth.sign_in_refusal('user_already_exists', 'User already registered');
    end if;
    if home is not null then
        insert into auth.membership (tenant_id, user_id) values (home, account.id);
    end if;
    perform auth.record_event('sign_up', 'success', account.id, home);
    return auth.open_session(account, home, 'password');
end
$$;
revoke all on function auth.sign_up(text, text, jsonb, text) from public;
grant execute on function auth.sign_up(text, text, jsonb, text) to anon, authenticated, service_role;
comment on function auth.sign_up(text, text, jsonb, text) is
'Creates a user and signs them in. tenant is the slug of a tenant that is open for sign-up. Statuses: ok, validation_failed, weak_password (see reasons), signup_disabled, user_already_exists.';

-- Sign-in with a password.
--
-- Security definer: sign_in (called by anybody, reads the credential).

create function auth.sign_in(email text, password text, tenant text default null)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    account auth."user";
    home uuid;
    refusal text;
begin
    select * into account from auth."user" where email = auth.normalize_email(sign_in.email);
    -- Always the same work: without a user a fixed hash of the configured cost is verified.
    if not auth.verify_credential(sign_in.password, account.password_hash) then
        refusal := case when account.id is null then 'unknown_user' else 'wrong_password' end;
    elsif account.banned_until > now() then
        refusal := 'banned';
    else
        home := auth.home_tenant(account.id, sign_in.tenant);
        if home is null and sign_in.tenant is not null then
            refusal := 'not_a_member';
        end if;
    end if;
    if refusal is not null then
        -- The same answer for all of these; the reason is for the audit.
        perform auth.record_event('sign_in', 'failure', account.id, detail => jsonb_build_object('reason', refusal));
        return auth.sign_in_refusal('invalid_credentials', 'Invalid login credentials');
    end if;
    if account.email_confirmed_at is null then
        perform auth.record_event('sign_in', 'failure', account.id, detail => '{"reason": "email_not_confirmed"}');
        return auth.sign_in_refusal('email_not_confirmed', 'Email not confirmed');
    end if;
    if auth.password_needs_rehash(account.password_hash) then
        update auth."user" set password_hash = auth.hash_password(sign_in.password) where id = account.id;
    end if;
    return auth.open_session(account, home, 'password');
end
$$;
revoke all on function auth.sign_in(text, text, text) from public;
grant execute on function auth.sign_in(text, text, text) to anon, authenticated, service_role;
comment on function auth.sign_in(text, text, text) is
'Signs a user in with a password; a wrong one is a row, not an error, so that the attempt is kept. tenant is the slug of the tenant to act in; without one, the one used last. Statuses: ok, invalid_credentials, email_not_confirmed.';

create function auth.home_tenant(user_id uuid, slug text)
returns uuid
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select tenant.id
      from auth.membership
      join auth.tenant on tenant.id = membership.tenant_id
     where membership.user_id = $1
       and tenant.suspended_at is null
       and ($2 is null or tenant.slug = $2)
     order by membership.last_active_at desc nulls last, membership.created_at
     limit 1
$$;
revoke all on function auth.home_tenant(uuid, text) from public;
comment on function auth.home_tenant(uuid, text) is
'Internal: the tenant to act in, by slug or else the one used last; null when the user is in none.';

-- Tenants are made by users, who become their first member, or by the operator.
--
-- Security definer: create_tenant (called by any user, writes the tables of schema auth).

create function auth.create_tenant(slug text, name text)
returns uuid
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    maker uuid := auth.uid();
    fresh uuid;
begin
    if maker is null and not auth.is_operator() then
        raise exception 'sign in to create a tenant' using errcode = '42501', detail = 'not_authenticated';
    elsif create_tenant.slug is null or create_tenant.slug !~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' then
        raise exception 'the tenant''s slug must be 1 to 63 lower-case letters, digits and inner hyphens'
            using errcode = '22023', detail = 'tenant_slug_invalid';
    elsif create_tenant.name is null or length(create_tenant.name) not between 1 and 200 then
        raise exception 'the tenant''s name must have 1 to 200 characters'
            using errcode = '22023', detail = 'tenant_name_invalid';
    end if;
    insert into auth.tenant (slug, name) values (create_tenant.slug, create_tenant.name)
    on conflict (slug) do nothing
    returning id into fresh;
    if fresh is null then
        raise exception 'this tenant slug is taken' using errcode = '23505', detail = 'tenant_slug_taken';
    end if;
    if exists (select from auth."user" where id = maker) then
        insert into auth.membership (tenant_id, user_id) values (fresh, maker);
    end if;
    perform auth.record_event('tenant_created', 'success', maker, fresh);
    return fresh;
end
$$;
revoke all on function auth.create_tenant(text, text) from public;
grant execute on function auth.create_tenant(text, text) to authenticated, service_role;
comment on function auth.create_tenant(text, text) is
'Creates a tenant and gives its id; the signed-in user becomes its first member. Errors: 42501 when nobody is signed in, 22023 for a bad slug or name, 23505 when the slug is taken.';

create function auth.is_operator()
returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(auth.role() = 'service_role', false)
        or (auth.claims() is null
            and exists (select from pg_catalog.pg_roles where rolname = session_user and rolsuper))
$$;
revoke all on function auth.is_operator() from public;
comment on function auth.is_operator() is
'Internal: whether the caller runs the deployment: a service_role token, or a superuser who acts as nobody else.';

-- For users of pgjwt: its four functions over this code.

create function auth.install_pgjwt_shims(schema name)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $outer$
begin
    execute format($create$
        create or replace function %1$I.sign(payload json, secret text, algorithm text default 'HS256')
        returns text language sql volatile security definer set search_path = pg_catalog, pg_temp
        as 'select auth.jwt_sign($1::jsonb, $2, $3)'
    $create$, schema);
    execute format($create$
        create or replace function %1$I.verify(token text, secret text, algorithm text default 'HS256')
        returns table (header json, payload json, valid boolean)
        language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
        as $body$
        declare
            verified jsonb;
        begin
            -- pgjwt asks for no exp; a token that has one must be in time.
            verified := auth.jwt_verify(token, secret, array[algorithm], required => '{}');
            return query select d.header::json, verified::json, true from auth.jwt_decode_unverified(token) as d;
        exception
            -- False, never null; and no payload that nobody signed.
            when invalid_authorization_specification then
                return query select null::json, null::json, false;
        end
        $body$
    $create$, schema);
    execute format($create$
        create or replace function %1$I.url_encode(data bytea)
        returns text language sql immutable set search_path = pg_catalog, pg_temp
        as $body$ select translate(encode($1, 'base64'), E'+/=\n', '-_') $body$
    $create$, schema);
    execute format($create$
        create or replace function %1$I.url_decode(data text)
        returns bytea language sql immutable set search_path = pg_catalog, pg_temp
        as $body$ select decode(rpad(translate($1, '-_', '+/'), (length($1) + 3) / 4 * 4, '='), 'base64') $body$
    $create$, schema);
    execute format($grant$
        revoke all on function %1$I.sign(json, text, text), %1$I.verify(text, text, text) from public
    $grant$, schema);
end
$outer$;
revoke all on function auth.install_pgjwt_shims(name) from public;
comment on function auth.install_pgjwt_shims(name) is
'Creates sign, verify, url_encode and url_decode with pgjwt''s signatures in the schema, over this extension''s code. Grant execute on sign and verify to whom you mean to have them.';
