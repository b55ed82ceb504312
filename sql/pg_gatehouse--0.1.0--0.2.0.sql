\echo Use "alter extension pg_gatehouse update" to load this file. \quit

-- From 0.1.0 to 0.2.0: what is new or changed, in the order of sql/NN_*.sql. At its end the data.
--
-- Everybody signs in again: sessions of 0.1.0 have no refresh token, and their access tokens are
-- not on the list of those that a session has.

comment on function auth.verify_password(text, text) is
'Whether the password is that of the hash: bcrypt, argon2id, argon2i, scrypt, pbkdf2-sha256, pbkdf2-sha512, and Firebase''s scrypt ($fbscrypt$v=1,n=,r=,p=,ss=,sk=$salt$hash, as Supabase Auth writes it). An unknown format is an error.';

create function auth.check_password_of_length(
    password text,
    context text[],
    min_length integer,
    out ok boolean,
    out score integer,
    out reasons text[]
)
returns setof record
language c stable strict parallel safe rows 1
as 'MODULE_PATHNAME', 'check_password_of_length_wrapper';
revoke all on function auth.check_password_of_length(text, text[], integer) from public;
comment on function auth.check_password_of_length(text, text[], integer) is 'Internal: check_password with another least length.';

-- Who is at the other end of a request.

create function auth.request_ip()
returns inet
language plpgsql stable parallel restricted
set search_path = pg_catalog, pg_temp
as $$
declare
    header text := current_setting('pg_gatehouse.client_address_header');
begin
    if header <> '' then
        return (nullif(current_setting('request.headers', true), '')::json ->> lower(header))::inet;
    end if;
    return inet_client_addr();
exception
    -- Whoever sends something else in its place has no address.
    when invalid_text_representation then return null;
end
$$;
revoke all on function auth.request_ip() from public;
comment on function auth.request_ip() is
'Internal: the client''s address: of the connection, or what the HTTP front tells in the header that pg_gatehouse.client_address_header names.';

-- Random keys of this database, each for one purpose, sealed under the master key. Everything else
-- that is secret at rest is hashed or sealed under one of them, so that a new master key means to
-- seal a handful of rows anew and not every user's secret.

create table auth.secret (
    name text collate "C" constraint secret_pkey primary key,
    sealed bytea not null,
    created_at timestamptz not null default now()
);
revoke all on table auth.secret from public;
comment on table auth.secret is 'Keys for hashing and sealing, each sealed under the master key. Nobody but the owner reads it.';
comment on column auth.secret.name is 'The purpose; the key opens for no other.';
select pg_catalog.pg_extension_config_dump('auth.secret', '');

create function auth.keyed_hash(purpose text, value text)
returns bytea
language c volatile strict parallel unsafe
as 'MODULE_PATHNAME', 'keyed_hash_wrapper';
revoke all on function auth.keyed_hash(text, text) from public;
comment on function auth.keyed_hash(text, text) is
'Internal: HMAC-SHA-256 under the key of the purpose, which is made when first used. What is stored of a token or code.';

create function auth.seal(purpose text, value bytea)
returns bytea
language c volatile strict parallel unsafe
as 'MODULE_PATHNAME', 'seal_wrapper';
revoke all on function auth.seal(text, bytea) from public;
comment on function auth.seal(text, bytea) is
'Internal: encrypts a value (AES-256-GCM); it opens for the same purpose only. Name the row in the purpose.';

create function auth.unseal(purpose text, sealed bytea)
returns bytea
language c volatile strict parallel unsafe
as 'MODULE_PATHNAME', 'unseal_wrapper';
revoke all on function auth.unseal(text, bytea) from public;
comment on function auth.unseal(text, bytea) is 'Internal: decrypts what auth.seal made for the same purpose.';

-- Tenants.

alter table auth.tenant
    add column isolated boolean not null default false,
    add column session_lifetime interval
        constraint tenant_session_lifetime_check check (session_lifetime between interval '1 minute' and interval '10 years'),
    add column session_idle_timeout interval
        constraint tenant_session_idle_timeout_check check (session_idle_timeout between interval '1 minute' and interval '10 years'),
    add column require_second_factor boolean not null default false,
    add column password_min_length integer
        constraint tenant_password_min_length_check check (password_min_length between 6 and 128),
    add column allowed_email_domains text[]
        constraint tenant_allowed_email_domains_check check (
            cardinality(allowed_email_domains) between 1 and 100
            and array_to_string(allowed_email_domains, ',', '?') ~ '^([a-z0-9]([a-z0-9.-]*[a-z0-9])?(,|$))+$'),
    add column deleted_at timestamptz;
comment on column auth.tenant.slug is 'Name in URLs and at sign-in: lower-case letters, digits and hyphens, 1 to 63. A deleted tenant keeps it, so that nobody takes its place.';
comment on column auth.tenant.updated_at is 'Last change of the tenant, its roles or members: whoever changes these writes this row first, so that they go one after the other.';
comment on column auth.tenant.isolated is 'Whether its users are a pool of their own: the same e-mail may exist there and elsewhere. Never changes.';
comment on column auth.tenant.session_lifetime is 'How long a session may live at most; null for the deployment''s limit.';
comment on column auth.tenant.session_idle_timeout is 'How long a session may go without a refresh; null for the deployment''s limit.';
comment on column auth.tenant.require_second_factor is 'Whether users may act in it at aal2 only.';
comment on column auth.tenant.password_min_length is 'Least length of passwords set at this tenant, characters; counts when it is more than the deployment''s.';
comment on column auth.tenant.allowed_email_domains is 'Domains whose addresses may join, lower-case; null for all.';
comment on column auth.tenant.deleted_at is 'Since when it is gone for its users. The row stays for the audit until the operator deletes it.';

-- Users.

alter table auth."user"
    add column deleted_at timestamptz,
    add column tenant_id uuid constraint user_tenant_id_fkey references auth.tenant (id) on delete cascade;

drop index auth.user_email_key;
create unique index user_email_key on auth."user" (email) where tenant_id is null;
create unique index user_tenant_id_email_key on auth."user" (tenant_id, email) where tenant_id is not null;
create index user_created_at_id_idx on auth."user" (created_at, id);
create index user_email_prefix_idx on auth."user" (email text_pattern_ops);
comment on column auth."user".tenant_id is 'The isolated tenant whose pool the user is in; null for the pool that all other tenants share. Never changes.';
comment on column auth."user".deleted_at is 'Since when only the id is left of the user, so that what refers to it stays. Such a user is banned for good.';

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

create or replace function auth.user_json("user" auth."user")
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
    )) || jsonb_build_object('user_metadata', "user".user_metadata)
$$;

-- Who belongs to which tenant.

alter table auth.membership
    add column suspended_at timestamptz,
    add column roles text[] not null default '{}',
    add column permissions text[] not null default '{}';
comment on column auth.membership.suspended_at is 'Since when the user may not act in the tenant.';
comment on column auth.membership.roles is 'Names of the member''s roles; kept by triggers on the tables of roles (48_access).';
comment on column auth.membership.permissions is 'Permissions of these roles together, read at every authenticate; kept likewise.';

create function auth.check_pool()
returns trigger
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (
        select from auth."user", auth.tenant
         where "user".id = new.user_id and tenant.id = new.tenant_id
           and "user".tenant_id is not distinct from case when tenant.isolated then tenant.id end
    ) then
        raise exception 'the user does not belong to the pool of users of this tenant'
            using errcode = '23514', detail = 'user_of_another_pool';
    end if;
    return null;
end
$$;
revoke all on function auth.check_pool() from public;
comment on function auth.check_pool() is
'Trigger: members of an isolated tenant are of its own pool, members of all others of the shared one.';

create trigger check_pool after insert or update of tenant_id, user_id on auth.membership
    for each row execute function auth.check_pool();

-- Sessions. An access token names one; when its row has ended, so have its tokens.
--
-- Locks: whoever ends several sessions locks their rows in the order of their ids. What belongs to
-- one session alone (refresh, another access token) is serialised by the lock on its row.
--
-- Security definer: end_sessions (a trigger on tables that others may be let to write).

alter table auth.session
    add column token_ids uuid[] not null default '{}',
    add column device_name text constraint session_device_name_check
        check (length(device_name) between 1 and 100 and device_name !~ '[[:cntrl:]]'),
    add column refreshed_at timestamptz,
    add column expires_at timestamptz;
-- These rows are history: none of them can be gone on with.
update auth.session
   set refreshed_at = created_at,
       expires_at = created_at + pg_catalog.current_setting('pg_gatehouse.session_lifetime')::pg_catalog.interval,
       end_reason = case when ended_at is null then 'upgrade' else end_reason end,
       ended_at = coalesce(ended_at, pg_catalog.clock_timestamp());
alter table auth.session
    alter column created_at set default clock_timestamp(),
    alter column refreshed_at set default clock_timestamp(),
    alter column refreshed_at set not null,
    alter column expires_at set not null,
    set (fillfactor = 80);

-- When it died, of itself or by somebody: what prune_sessions looks for.
create index session_dead_since_idx on auth.session (least(ended_at, expires_at));
comment on column auth.session.token_ids is
'The jti of its access tokens that have not expired yet; no other is accepted. A token whose minting was rolled back is not in it.';
comment on column auth.session.device_name is 'What its user calls the device.';
comment on column auth.session.refreshed_at is 'When an access token was last minted for it; the idle timeout counts from here.';
comment on column auth.session.expires_at is 'Its end, however often it is refreshed.';

create function auth.end_sessions_of(user_id uuid, tenant_id uuid, reason text, spare uuid default null)
returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    doomed uuid[];
begin
    -- One of the two conditions is null and drops out; the plan is made for the other one.
    if end_sessions_of.user_id is not null then
        doomed := array(
            select id from auth.session
             where user_id = end_sessions_of.user_id and ended_at is null and id is distinct from spare
             order by id for no key update);
    else
        doomed := array(
            select id from auth.session
             where tenant_id = end_sessions_of.tenant_id and ended_at is null and id is distinct from spare
             order by id for no key update);
    end if;
    update auth.session set ended_at = clock_timestamp(), end_reason = reason where id = any (doomed);
    return cardinality(doomed);
end
$$;
revoke all on function auth.end_sessions_of(uuid, uuid, text, uuid) from public;
comment on function auth.end_sessions_of(uuid, uuid, text, uuid) is
'Internal: ends the sessions of a user, or else of a tenant, but for one; gives how many.';

create or replace function auth.end_sessions()
returns trigger
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_table_name = 'tenant' then
        -- Users of the shared pool may go on elsewhere; authenticate looks at the tenant itself.
        update auth.session set ended_at = now(), end_reason = 'tenant_suspended'
         where user_id in (select id from auth."user" where tenant_id = new.id) and ended_at is null;
    else
        perform auth.end_sessions_of(new.id, null, 'banned');
    end if;
    return null;
end
$$;
comment on function auth.end_sessions() is 'Trigger: a ban, or the end of an isolated tenant, ends the sessions it concerns.';

drop trigger end_sessions on auth.tenant;
create trigger end_sessions after update of suspended_at, deleted_at on auth.tenant
    for each row when (new.isolated and (new.suspended_at is not null or new.deleted_at is not null))
    execute function auth.end_sessions();

create function auth.session_limits(tenant_id uuid, out lifetime interval, out idle_timeout interval)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- As JSON, so that it makes no difference whether the tenant has these columns.
    select (own ->> 'session_lifetime')::interval, (own ->> 'session_idle_timeout')::interval
      into lifetime, idle_timeout
      from auth.tenant, to_jsonb(tenant) as own
     where tenant.id = session_limits.tenant_id;
    lifetime := coalesce(lifetime, current_setting('pg_gatehouse.session_lifetime')::interval);
    idle_timeout := coalesce(idle_timeout, current_setting('pg_gatehouse.session_idle_timeout')::interval);
end
$$;
revoke all on function auth.session_limits(uuid) from public;
comment on function auth.session_limits(uuid) is
'Internal: how long sessions live and may be idle: the tenant''s own settings, else those of the server.';
comment on type auth.sign_in_result is
'The answer to whoever signs in or refreshes: status is ok or a stable code; retry_after is in seconds.';

create function auth.throttled(retry_after integer)
returns auth.sign_in_result
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select row('throttled', 'Request rate limit reached', null, null, null, null, retry_after, null)::auth.sign_in_result
$$;
revoke all on function auth.throttled(integer) from public;
comment on function auth.throttled(integer) is 'Internal: the result of an attempt that came too soon; in seconds.';

-- Signing keys and their life: pending → active → retiring → revoked.
--
--   pending   published by jwks, so that others learn of it in time; signs and verifies nothing yet
--   active    the one that signs
--   retiring  verifies until its last token has expired (verify_until), or until it is revoked
--   revoked   verifies nothing
--
-- Whoever changes keys locks the table first: two rotations go one after the other.
--
-- Security definer: stage_signing_key, rotate_signing_key, revoke_signing_key, import_signing_key,
-- prune_signing_keys and mint_token (write the key table, owner only), jwks (publishes the public
-- halves), signing_keys (for service_role, tells of keys without their secrets).

alter table auth.signing_key
    add column token_types text[] not null default '{at+jwt}'
        constraint signing_key_token_types_check check (array_position(token_types, null) is null),
    add column token_issuer text,
    add column token_audience text,
    add column without_kid boolean not null default false,
    add column foreign_sessions boolean not null default false;
comment on column auth.signing_key.kid is 'RFC 7638 thumbprint of the key; of an imported one the name that it came with.';
comment on column auth.signing_key.verify_until is 'Until when a retiring key still verifies; null for until it is revoked.';
comment on column auth.signing_key.token_types is 'Accepted typ headers of its tokens; empty for any and none, an empty name in it for none.';
comment on column auth.signing_key.token_issuer is 'What iss of its tokens must be: null for pg_gatehouse.issuer, * for anything and nothing.';
comment on column auth.signing_key.token_audience is 'What aud of its tokens must be: null for pg_gatehouse.audience, * for anything and nothing.';
comment on column auth.signing_key.without_kid is 'Whether tokens that name no key may be its own.';
comment on column auth.signing_key.foreign_sessions is 'Whether its tokens were made elsewhere, so that their session_id is none of this database and is dropped.';

create function auth.read_signing_key(
    key text,
    algorithm text,
    wanted_kid text,
    verify_only boolean,
    out kid text,
    out public_jwk jsonb,
    out private_key bytea
)
returns setof record
language c volatile parallel unsafe rows 1
as 'MODULE_PATHNAME', 'read_signing_key_wrapper';
revoke all on function auth.read_signing_key(text, text, text, boolean) from public;
comment on function auth.read_signing_key(text, text, text, boolean) is
'Internal: a key from elsewhere (PEM, JWK or secret), the private half encrypted under the master key.';

create function auth.make_signing_key(algorithm text)
returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    fresh record;
begin
    select * into strict fresh from auth.generate_signing_key(make_signing_key.algorithm);
    insert into auth.signing_key (kid, algorithm, status, public_jwk, private_key)
    values (fresh.kid, make_signing_key.algorithm, 'pending', fresh.public_jwk, fresh.private_key);
    return fresh.kid;
end
$$;
revoke all on function auth.make_signing_key(text) from public;
comment on function auth.make_signing_key(text) is 'Internal: a fresh pending key.';

create function auth.activate_signing_key(kid text)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A minute more than the last token can live: a transaction may be signing with it just now.
    update auth.signing_key as k
       set status = 'retiring',
           retiring_at = now(),
           verify_until = greatest(
               k.longest_token_until,
               clock_timestamp() + current_setting('pg_gatehouse.access_token_ttl')::interval + interval '1 minute'),
           -- It never signs again; a secret goes on being needed to verify.
           private_key = case when k.public_jwk is null then k.private_key end
     where k.status = 'active';
    update auth.signing_key as k set status = 'active', activated_at = now() where k.kid = activate_signing_key.kid;
end
$$;
revoke all on function auth.activate_signing_key(text) from public;
comment on function auth.activate_signing_key(text) is
'Internal: makes a pending key the signing one; the former one retires. The table must be locked.';

create function auth.next_signing_key(algorithm text)
returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    successor text;
begin
    select k.kid into successor from auth.signing_key as k
     where k.status = 'pending' and k.algorithm = next_signing_key.algorithm and k.private_key is not null
     order by k.created_at, k.kid
     limit 1;
    successor := coalesce(successor, auth.make_signing_key(next_signing_key.algorithm));
    perform auth.activate_signing_key(successor);
    return successor;
end
$$;
revoke all on function auth.next_signing_key(text) from public;
comment on function auth.next_signing_key(text) is
'Internal: activates the pending key of the algorithm that has waited longest, or a fresh one. The table must be locked.';

create function auth.stage_signing_key(algorithm text default 'ES256')
returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    kid text;
begin
    lock table auth.signing_key in share row exclusive mode;
    kid := auth.make_signing_key(stage_signing_key.algorithm);
    perform auth.record_event('signing_key_staged', 'success', detail => jsonb_build_object('kid', kid));
    return kid;
end
$$;
revoke all on function auth.stage_signing_key(text) from public;
comment on function auth.stage_signing_key(text) is
'Makes a key that jwks publishes and that signs nothing yet, and gives its kid. Once every reader of the JWKS has it, rotate_signing_key makes it the signing one.';

create or replace function auth.rotate_signing_key(algorithm text default 'ES256')
returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    kid text;
begin
    lock table auth.signing_key in share row exclusive mode;
    kid := auth.next_signing_key(rotate_signing_key.algorithm);
    perform auth.prune_signing_keys();
    perform auth.record_event('signing_key_rotated', 'success', detail => jsonb_build_object('kid', kid));
    return kid;
end
$$;
comment on function auth.rotate_signing_key(text) is
'Makes the staged key of the algorithm the signing one, or a new one where none is staged, and gives its kid. The former one keeps verifying until its last token has expired.';

create or replace function auth.revoke_signing_key(kid text)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    former auth.signing_key;
    successor text;
begin
    lock table auth.signing_key in share row exclusive mode;
    select k.* into former from auth.signing_key as k where k.kid = revoke_signing_key.kid and k.status <> 'revoked';
    if former.kid is null then
        return false;
    end if;
    update auth.signing_key as k
       set status = 'revoked', revoked_at = now(), private_key = null
     where k.kid = former.kid;
    if former.status = 'active' then
        begin
            successor := auth.next_signing_key(former.algorithm);
        exception when others then
            -- Whatever stands in the way of a new key must not keep the old one alive.
            raise warning 'there is no signing key now: %', sqlerrm
                using hint = 'Mend it and run: select auth.rotate_signing_key()';
        end;
    end if;
    perform auth.record_event('signing_key_revoked', 'success',
                              detail => jsonb_build_object('kid', former.kid, 'successor', successor));
    return true;
end
$$;
comment on function auth.revoke_signing_key(text) is
'Emergency: from the commit on, no token of this key counts in any backend. If it was the signing one, the staged key of its algorithm takes over, or a new one. False when there is no such key or it is revoked already.';

create function auth.import_signing_key(
    key text,
    algorithm text,
    kid text default null,
    activate boolean default false,
    verify_only boolean default false,
    types text[] default '{at+jwt}',
    issuer text default null,
    audience text default null,
    without_kid boolean default false,
    foreign_sessions boolean default false,
    verify_until timestamptz default null
)
returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    fresh record;
begin
    if import_signing_key.activate and import_signing_key.verify_only then
        raise exception 'a key that only verifies can not be the signing one' using errcode = '22023', detail = 'key_verifies_only';
    elsif import_signing_key.key is null or import_signing_key.algorithm is null then
        raise exception 'name the key and its algorithm' using errcode = '22023', detail = 'key_malformed';
    elsif import_signing_key.types is null or array_position(import_signing_key.types, null) is not null then
        raise exception 'types must be a list of names' using errcode = '22023', detail = 'token_types_invalid';
    end if;
    lock table auth.signing_key in share row exclusive mode;
    select * into strict fresh
      from auth.read_signing_key(import_signing_key.key, import_signing_key.algorithm, import_signing_key.kid,
                                 coalesce(import_signing_key.verify_only, false));
    if fresh.private_key is null and not coalesce(import_signing_key.verify_only, false) then
        raise exception 'a public key can only verify' using errcode = '22023', detail = 'key_not_private',
            hint = 'Import it with verify_only => true.';
    elsif exists (select from auth.signing_key as k where k.kid = fresh.kid) then
        raise exception 'there is a key of this kid already' using errcode = '23505', detail = 'kid_taken';
    end if;
    insert into auth.signing_key (kid, algorithm, status, public_jwk, private_key, retiring_at, verify_until,
                                  token_types, token_issuer, token_audience, without_kid, foreign_sessions)
    values (fresh.kid, import_signing_key.algorithm, case when import_signing_key.verify_only then 'retiring' else 'pending' end,
            fresh.public_jwk, fresh.private_key, case when import_signing_key.verify_only then now() end,
            import_signing_key.verify_until, import_signing_key.types, import_signing_key.issuer, import_signing_key.audience,
            coalesce(import_signing_key.without_kid, false), coalesce(import_signing_key.foreign_sessions, false));
    if import_signing_key.activate then
        perform auth.activate_signing_key(fresh.kid);
    end if;
    perform auth.record_event('signing_key_imported', 'success', detail => jsonb_build_object(
        'kid', fresh.kid, 'algorithm', import_signing_key.algorithm, 'active', import_signing_key.activate,
        'verify_only', import_signing_key.verify_only));
    return fresh.kid;
end
$$;
revoke all on function auth.import_signing_key(text, text, text, boolean, boolean, text[], text, text, boolean, boolean, timestamptz) from public;
comment on function auth.import_signing_key(text, text, text, boolean, boolean, text[], text, text, boolean, boolean, timestamptz) is
'Takes over a key: a PEM block, a JWK or a shared HMAC secret. Gives its kid: the one named here, else the key''s own, else the RFC 7638 thumbprint, else (a secret) a random one. It waits as pending, signs at once (activate), or only verifies (verify_only, until verify_until or revoked). Its tokens must be as strict as this database''s own unless said otherwise: types are the accepted typ headers (empty: any and none), issuer and audience what iss and aud must be (*: anything), without_kid accepts tokens that name no key, foreign_sessions drops their session_id. Tokens of PostgREST or Supabase with a shared secret: types => ''{}'', issuer => ''*'', audience => ''*'', without_kid => true, foreign_sessions => true. exp is required always. Errors: 22023 for a key that is malformed, too weak, of another algorithm or public; 23505 when the kid is taken.';

create function auth.prune_signing_keys(keep interval default '90 days')
returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    pruned integer;
begin
    if keep is null or keep < interval '0' then
        raise exception 'keep must not be negative' using errcode = '22023', detail = 'prune_limits_invalid';
    end if;
    update auth.signing_key as k
       set status = 'revoked', revoked_at = k.verify_until, private_key = null
     where k.status = 'retiring' and k.verify_until <= clock_timestamp();
    delete from auth.signing_key as k where k.status = 'revoked' and k.revoked_at < clock_timestamp() - keep;
    get diagnostics pruned = row_count;
    return pruned;
end
$$;
revoke all on function auth.prune_signing_keys(interval) from public;
comment on function auth.prune_signing_keys(interval) is
'Ends retiring keys whose time is up and deletes keys that have been revoked for longer than keep; gives how many it deleted. rotate_signing_key does the same with the default.';

create function auth.signing_keys(
    out kid text,
    out algorithm text,
    out status text,
    out can_sign boolean,
    out published boolean,
    out created_at timestamptz,
    out activated_at timestamptz,
    out retiring_at timestamptz,
    out verify_until timestamptz,
    out revoked_at timestamptz,
    out token_types text[],
    out token_issuer text,
    out token_audience text,
    out without_kid boolean,
    out foreign_sessions boolean
)
returns setof record
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select k.kid, k.algorithm, k.status, k.private_key is not null and k.status in ('pending', 'active'),
           k.public_jwk is not null and k.status <> 'revoked' and (k.verify_until is null or k.verify_until > clock_timestamp()),
           k.created_at, k.activated_at, k.retiring_at, k.verify_until, k.revoked_at,
           k.token_types, k.token_issuer, k.token_audience, k.without_kid, k.foreign_sessions
      from auth.signing_key as k
     order by k.created_at desc, k.kid
$$;
revoke all on function auth.signing_keys() from public;
grant execute on function auth.signing_keys() to service_role;
comment on function auth.signing_keys() is 'Every signing key with its state and times, without keys; for the operator.';

-- What happened, failures included.
--
-- A success is a row of the transaction it happened in. A failure goes to the background worker of
-- the database (src/audit.rs, src/worker.rs), which writes it whatever becomes of the transaction.
--
-- Security definer: record_event (writes the table for the functions that call it).

-- The table of 0.1.0 makes way for the partitioned one; its rows are copied at the end.
alter table auth.audit_event rename to audit_event_0_1_0;
alter sequence auth.audit_event_id_seq rename to audit_event_0_1_0_id_seq;
alter extension pg_gatehouse drop sequence auth.audit_event_0_1_0_id_seq;
alter extension pg_gatehouse drop table auth.audit_event_0_1_0;
do $$
declare
    taken record;
begin
    -- The new table's constraints are to have the names that they have in a new database.
    for taken in
        select conname from pg_catalog.pg_constraint
         where conrelid operator(pg_catalog.=) 'auth.audit_event_0_1_0'::pg_catalog.regclass
    loop
        execute pg_catalog.format('alter table auth.audit_event_0_1_0 rename constraint %I to %I',
                                  taken.conname, pg_catalog.replace(taken.conname, 'audit_event', 'audit_event_0_1_0'));
    end loop;
end
$$;

create table auth.audit_event (
    id bigint generated always as identity,
    at timestamptz not null default clock_timestamp(),
    event text not null,
    outcome text not null constraint audit_event_outcome_check check (outcome in ('success', 'failure')),
    user_id uuid,
    tenant_id uuid,
    session_id uuid,
    ip inet,
    user_agent text,
    detail jsonb not null default '{}',
    position bigint,
    hash bytea,
    constraint audit_event_seal_check check ((position is null) = (hash is null))
) partition by range (at);
revoke all on table auth.audit_event from public;
select pg_catalog.pg_extension_config_dump('auth.audit_event_id_seq', '');
comment on table auth.audit_event is 'Security events, append only, a partition for each month (UTC). Never holds a password, a token or a key.';
comment on column auth.audit_event.position is 'Place in the hash chain; null until sealed.';
comment on column auth.audit_event.hash is 'HMAC-SHA-256 over the hash before it and this row (crates/core/src/audit.rs).';

-- Where an event goes whose month has no partition yet; auth.maintain_audit() moves it on.
create table auth.audit_event_default partition of auth.audit_event default;
revoke all on table auth.audit_event_default from public;
comment on table auth.audit_event_default is 'Events of months that have no partition yet.';
select pg_catalog.pg_extension_config_dump('auth.audit_event_default', '');

create function auth.refuse_audit_change()
returns trigger
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'audit events can only be added' using errcode = '42501', detail = 'audit_append_only';
end
$$;
revoke all on function auth.refuse_audit_change() from public;
comment on function auth.refuse_audit_change() is 'Trigger: audit events are neither changed nor removed.';

-- Sealing is the one change there is.
create trigger append_only before update on auth.audit_event
    for each row when (not (
        old.position is null and new.position is not null
        and row(new.id, new.at, new.event, new.outcome, new.user_id, new.tenant_id, new.session_id, new.ip, new.user_agent, new.detail)
            is not distinct from
            row(old.id, old.at, old.event, old.outcome, old.user_id, old.tenant_id, old.session_id, old.ip, old.user_agent, old.detail)))
    execute function auth.refuse_audit_change();

create trigger append_only_delete before delete on auth.audit_event
    for each row execute function auth.refuse_audit_change();

create trigger append_only_truncate before truncate on auth.audit_event
    for each statement execute function auth.refuse_audit_change();

create trigger append_only_truncate before truncate on auth.audit_event_default
    for each statement execute function auth.refuse_audit_change();

create function auth.note_event(event jsonb)
returns boolean
language c volatile strict parallel unsafe
as 'MODULE_PATHNAME', 'note_event_wrapper';
revoke all on function auth.note_event(jsonb) from public;
comment on function auth.note_event(jsonb) is
'Internal: tells the log of an event, a success at commit, and gives a failure to the background worker. False when the caller is to write the row.';

create or replace function auth.record_event(
    event text,
    outcome text,
    user_id uuid default null,
    tenant_id uuid default null,
    session_id uuid default null,
    detail jsonb default '{}'
)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    happened timestamptz := clock_timestamp();
    ip inet := auth.request_ip();
    user_agent text := auth.request_user_agent();
begin
    if not auth.note_event(jsonb_build_object(
        'at', happened, 'event', $1, 'outcome', $2, 'user_id', $3, 'tenant_id', $4, 'session_id', $5,
        'ip', ip, 'user_agent', user_agent, 'detail', coalesce($6, '{}')))
    then
        insert into auth.audit_event (at, event, outcome, user_id, tenant_id, session_id, ip, user_agent, detail)
        values (happened, $1, $2, $3, $4, $5, ip, user_agent, coalesce($6, '{}'));
    end if;
end
$$;
comment on function auth.record_event(text, text, uuid, uuid, uuid, jsonb) is
'Internal: records an event. A success goes when the transaction is rolled back; a failure stays.';

create function auth.revoke_session_always(session_id uuid, reason text)
returns void
language c volatile strict parallel unsafe
as 'MODULE_PATHNAME', 'revoke_session_always_wrapper';
revoke all on function auth.revoke_session_always(uuid, text) from public;
comment on function auth.revoke_session_always(uuid, text) is
'Internal: the background worker ends the session in a transaction of its own, whatever becomes of the caller''s.';

-- Who may read audit events: users their own, those with the permission audit:read their tenant's.
--
-- Security definer: my_events, tenant_events (read a table that nobody else may read; whose events
-- is decided by the sealed claims alone).

create function auth.my_events(before bigint default null, page_size integer default 50)
returns table (
    id bigint, at timestamptz, event text, outcome text, tenant_id uuid, session_id uuid, ip inet, user_agent text, detail jsonb
)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    if auth.uid() is null then
        raise exception 'sign in to see your events' using errcode = '42501', detail = 'not_authenticated';
    end if;
    return query
        select e.id, e.at, e.event, e.outcome, e.tenant_id, e.session_id, e.ip, e.user_agent, e.detail
          from auth.audit_event as e
         where e.user_id = auth.uid() and e.id < coalesce(my_events.before, 9223372036854775807)
         order by e.id desc
         limit least(greatest(coalesce(page_size, 50), 1), 1000);
end
$$;
revoke all on function auth.my_events(bigint, integer) from public;
grant execute on function auth.my_events(bigint, integer) to authenticated;
comment on function auth.my_events(bigint, integer) is
'The signed-in user''s own security events, the latest first. before: the last id of the page before; page_size: 1 to 1000. Error 42501 when nobody is signed in.';

create function auth.tenant_events(before bigint default null, page_size integer default 50)
returns table (
    id bigint, at timestamptz, event text, outcome text, user_id uuid, session_id uuid, ip inet, user_agent text, detail jsonb
)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    if auth.tenant_id() is null or not auth.has_permission('audit:read') then
        raise exception 'the permission audit:read in the active tenant is needed'
            using errcode = '42501', detail = 'permission_denied';
    end if;
    return query
        select e.id, e.at, e.event, e.outcome, e.user_id, e.session_id, e.ip, e.user_agent, e.detail
          from auth.audit_event as e
         where e.tenant_id = auth.tenant_id() and e.id < coalesce(tenant_events.before, 9223372036854775807)
         order by e.id desc
         limit least(greatest(coalesce(page_size, 50), 1), 1000);
end
$$;
revoke all on function auth.tenant_events(bigint, integer) from public;
grant execute on function auth.tenant_events(bigint, integer) to authenticated;
comment on function auth.tenant_events(bigint, integer) is
'The active tenant''s security events, the latest first, for whoever holds audit:read there. before: the last id of the page before; page_size: 1 to 1000. Error 42501 without the permission.';

-- The hash chain: sealing and verifying.
--
-- Security definer: seal_audit, verify_audit (read and write what nobody else may).

-- Where the chain ends. Whoever seals locks this row, so that there is one order.
create table auth.audit_chain (
    only_row boolean constraint audit_chain_pkey primary key default true constraint audit_chain_only_row_check check (only_row),
    position bigint not null default 0,
    hash bytea not null default '',
    mac bytea
);

insert into auth.audit_chain default values;
revoke all on table auth.audit_chain from public;
comment on table auth.audit_chain is 'The end of the chain of audit events; one row.';
comment on column auth.audit_chain.mac is 'HMAC-SHA-256 over position and hash; null as long as nothing was sealed.';

-- create extension makes the row; a dump brings the one that counts.
select pg_catalog.pg_extension_config_dump('auth.audit_chain', 'where position > 0');

create function auth.replace_audit_chain()
returns trigger
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from auth.audit_chain where position = 0;
    return new;
end
$$;
revoke all on function auth.replace_audit_chain() from public;
comment on function auth.replace_audit_chain() is 'Trigger: the row that a dump brings takes the place of the empty one.';

create trigger replace_empty before insert on auth.audit_chain
    for each row execute function auth.replace_audit_chain();

-- What stands for events that retention dropped.
create table auth.audit_anchor (
    from_position bigint constraint audit_anchor_pkey primary key,
    to_position bigint not null,
    hash bytea not null,
    mac bytea not null,
    created_at timestamptz not null default now(),
    constraint audit_anchor_order_check check (to_position >= from_position)
);
create index audit_anchor_to_position_idx on auth.audit_anchor (to_position);
revoke all on table auth.audit_anchor from public;
comment on table auth.audit_anchor is 'Runs of audit events that retention dropped, with the hash that the next event follows on.';
comment on column auth.audit_anchor.mac is 'HMAC-SHA-256 over both positions and the hash.';
select pg_catalog.pg_extension_config_dump('auth.audit_anchor', '');

create function auth.audit_hash(
    previous bytea, "position" bigint, id bigint, at timestamptz, event text, outcome text, user_id uuid,
    tenant_id uuid, session_id uuid, ip text, user_agent text, detail text
)
returns bytea
language c stable parallel unsafe
as 'MODULE_PATHNAME', 'audit_hash_wrapper';
revoke all on function auth.audit_hash(bytea, bigint, bigint, timestamptz, text, text, uuid, uuid, uuid, text, text, text) from public;
comment on function auth.audit_hash(bytea, bigint, bigint, timestamptz, text, text, uuid, uuid, uuid, text, text, text) is
'Internal: the hash of an event at its place in the chain, under the key of purpose audit.';

create function auth.audit_mark(link text, from_position bigint, to_position bigint, hash bytea)
returns bytea
language c stable strict parallel unsafe
as 'MODULE_PATHNAME', 'audit_mark_wrapper';
revoke all on function auth.audit_mark(text, bigint, bigint, bytea) from public;
comment on function auth.audit_mark(text, bigint, bigint, bytea) is
'Internal: authenticates the head of the chain (link head) or a run of dropped events (link anchor).';

create function auth.seal_audit(batch integer default 10000)
returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
-- Statistics are behind at the start of a month: this month's partition looks empty and fills up.
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
    head auth.audit_chain;
    fresh record;
    ids bigint[] := '{}';
    hashes bytea[] := '{}';
    first_position bigint;
    sealed bigint;
begin
    -- The next statement sees what was committed before this lock was granted.
    select * into strict head from auth.audit_chain for update;
    first_position := head.position;
    for fresh in
        select * from auth.audit_event where position is null order by id limit seal_audit.batch
    loop
        head.position := head.position + 1;
        head.hash := auth.audit_hash(
            head.hash, head.position, fresh.id, fresh.at, fresh.event, fresh.outcome, fresh.user_id, fresh.tenant_id,
            fresh.session_id, fresh.ip::text, fresh.user_agent, fresh.detail::text);
        ids := ids || fresh.id;
        hashes := hashes || head.hash;
    end loop;
    update auth.audit_event as e set position = first_position + s.number, hash = s.hash
      from unnest(ids, hashes) with ordinality as s (id, hash, number)
     where e.id = s.id and e.position is null;
    get diagnostics sealed = row_count;
    if sealed > 0 then
        update auth.audit_chain
           set position = head.position, hash = head.hash, mac = auth.audit_mark('head', 0, head.position, head.hash);
    end if;
    return sealed;
end
$$;
revoke all on function auth.seal_audit(integer) from public;
grant execute on function auth.seal_audit(integer) to service_role;
comment on function auth.seal_audit(integer) is
'Adds committed events to the hash chain, at most batch of them, and gives how many. The background worker does so by itself; call it where no worker may run.';

create function auth.verify_audit("from" timestamptz default '-infinity', "to" timestamptz default 'infinity')
returns table (ok boolean, checked bigint, first_bad bigint, what text)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    finding record;
    sound boolean := true;
    total bigint := 0;
begin
    select count(*) into total
      from auth.audit_event where at >= "from" and at < "to" and position is not null;
    -- One statement, so that head and events are of one moment.
    for finding in
        with head as (
            select * from auth.audit_chain
        ), span as (
            select case when "from" = '-infinity' then 1 else min(position) end as first,
                   case when "to" = 'infinity' then 9223372036854775807 else max(position) end as last
              from auth.audit_event where at >= "from" and at < "to" and position is not null
        )
        select min(f.position) as position, f.what
          from span, head, auth.audit_findings(span.first, span.last, head.position) as f
         where f.what is not null
         group by f.what
        union all
        select head.position, 'the end of the chain was changed'
          from head
         where head.position > 0
           and head.mac is distinct from auth.audit_mark('head', 0, head.position, head.hash)
            or "to" = 'infinity' and head.position > 0
           and head.hash is distinct from (
                select hash from auth.audit_event where position = head.position
                union all select hash from auth.audit_anchor where to_position = head.position limit 1)
        union all
        select null, format('%s events are not sealed', count(*))
          from auth.audit_event
         where position is null and at >= "from" and at < "to" and at < clock_timestamp() - interval '1 minute'
        having count(*) > 0
        order by 1
    loop
        sound := false;
        return query select false, total, finding.position, finding.what;
    end loop;
    if sound then
        return query select true, total, null::bigint, 'unbroken'::text;
    end if;
end
$$;
revoke all on function auth.verify_audit(timestamptz, timestamptz) from public;
grant execute on function auth.verify_audit(timestamptz, timestamptz) to service_role;
comment on function auth.verify_audit(timestamptz, timestamptz) is
'Whether the events from (inclusive) to (exclusive) are those that were sealed: one row with ok = true, else a row for each kind of damage with the first position it shows at. Events older than a minute that are not sealed are told as well.';

create function auth.audit_findings(first_position bigint, last_position bigint, head_position bigint)
returns table ("position" bigint, what text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with event as (
        select e.*, lag(e.position) over chain as before, lag(e.hash) over chain as before_hash
          from auth.audit_event as e
         where e.position between first_position - 1 and last_position
        window chain as (order by e.position, e.id)
    ), linked as (
        select event.*,
               -- Of the first one that is looked at, nothing is known but its own hash.
               event.position < first_position as outside,
               coalesce(event.position - event.before, event.position - first_position + 1) - 1 as gap,
               anchor.hash as anchor_hash
          from event
          left join auth.audit_anchor as anchor
            on anchor.to_position = event.position - 1
           and anchor.mac = auth.audit_mark('anchor', anchor.from_position, anchor.to_position, anchor.hash)
    )
    select position,
           case
               when gap < 0 then 'inserted: the position is taken twice'
               when gap > 0 and gap <> coalesce((
                   select sum(a.to_position - a.from_position + 1) from auth.audit_anchor as a
                    where a.from_position >= position - gap and a.to_position < position
                      and a.mac = auth.audit_mark('anchor', a.from_position, a.to_position, a.hash)), 0)
                   then 'removed: events before this position are missing'
               when hash is distinct from auth.audit_hash(
                       case when gap > 0 or before is null then coalesce(anchor_hash, '') else before_hash end,
                       position, id, at, event, outcome, user_id, tenant_id, session_id, ip::text, user_agent, detail::text)
                   then 'changed: the event is not the one that was sealed'
               when position > head_position then 'inserted: the position is after the end of the chain'
           end
      from linked
     where not outside
$$;
revoke all on function auth.audit_findings(bigint, bigint, bigint) from public;
comment on function auth.audit_findings(bigint, bigint, bigint) is
'Internal: the events between two positions, each with what is wrong with it.';

-- Partitions of the audit: made ahead, dropped when retention says so.
--
-- Security definer: maintain_audit (for the operator's role).

create function auth.maintain_audit()
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    month date;
    retention integer := current_setting('pg_gatehouse.audit_retention')::integer;
    old record;
begin
    -- An array, for the tables must not be in use by a query of this function.
    foreach month in array array(
        select (date_trunc('month', now() at time zone 'UTC') + ahead * interval '1 month')::date
          from generate_series(0, 2) as ahead
        union
        select distinct date_trunc('month', at at time zone 'UTC')::date from auth.audit_event_default
        order by 1)
    loop
        if to_regclass(format('auth.%I', auth.audit_partition(month))) is null then
            perform auth.make_audit_partition(month);
        end if;
    end loop;
    if retention > 0 then
        for old in
            select c.relname, p.month
              from pg_inherits as i
              join pg_class as c on c.oid = i.inhrelid
             cross join lateral (
                select to_date(substring(c.relname from '^audit_event_(\d{4}_\d\d)$'), 'YYYY_MM') as month) as p
             where i.inhparent = 'auth.audit_event'::regclass
               and (p.month + interval '1 month') at time zone 'UTC' <= now() - make_interval(days => retention)
             order by p.month
        loop
            perform auth.drop_audit_partition(old.month);
        end loop;
    end if;
end
$$;
revoke all on function auth.maintain_audit() from public;
grant execute on function auth.maintain_audit() to service_role;
comment on function auth.maintain_audit() is
'Makes the audit''s partitions for this month and the next two, and drops those that pg_gatehouse.audit_retention says are too old. The background worker does so by itself.';

create function auth.audit_partition(month date)
returns name
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$ select ('audit_event_' || lpad(extract(year from month)::text, 4, '0') || '_' || lpad(extract(month from month)::text, 2, '0'))::name $$;
revoke all on function auth.audit_partition(date) from public;
comment on function auth.audit_partition(date) is 'Internal: the name of a month''s partition.';

create function auth.index_audit_partition(partition name)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    execute format('alter table auth.%1$I add constraint %2$I primary key (id)', partition, partition || '_pkey');
    execute format('create index %2$I on auth.%1$I (user_id, id) where user_id is not null', partition, partition || '_user_id_id_idx');
    execute format('create index %2$I on auth.%1$I (tenant_id, id) where tenant_id is not null', partition, partition || '_tenant_id_id_idx');
    execute format('create index %2$I on auth.%1$I (position) where position is not null', partition, partition || '_position_idx');
    execute format('create index %2$I on auth.%1$I (id) where position is null', partition, partition || '_unsealed_idx');
end
$$;
revoke all on function auth.index_audit_partition(name) from public;
comment on function auth.index_audit_partition(name) is 'Internal: the indexes that every partition of the audit has.';

select auth.index_audit_partition('audit_event_default');

create function auth.make_audit_partition(month date)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
as $$
declare
    partition name := auth.audit_partition(month);
    lower timestamptz := month::timestamp at time zone 'UTC';
    upper timestamptz := (month + interval '1 month') at time zone 'UTC';
    granted record;
begin
    -- An event that is being written was sent to the default partition, which must not narrow under
    -- it: wait for those who write, but not for long, for others wait behind us.
    lock table auth.audit_event in share row exclusive mode;
    -- Not "partition of", which would lock out everybody; and what is in the default partition
    -- must not change from here on.
    lock table auth.audit_event_default in access exclusive mode;
    -- Somebody else may have made it while we waited.
    if to_regclass(format('auth.%I', partition)) is not null then
        return;
    end if;
    execute format('create table auth.%I (like auth.audit_event including defaults including constraints)', partition);
    perform auth.index_audit_partition(partition);
    -- Default privileges of this database may have granted it to somebody.
    for granted in
        select a.grantee, coalesce(quote_ident(r.rolname), 'public') as grantee_name
          from pg_class as c
         cross join aclexplode(c.relacl) as a
          left join pg_roles as r on r.oid = a.grantee
         where c.oid = format('auth.%I', partition)::regclass and a.grantee <> c.relowner
         group by 1, 2
    loop
        execute format('revoke all on table auth.%I from %s', partition, granted.grantee_name);
    end loop;
    execute format('create trigger append_only_truncate before truncate on auth.%I for each statement execute function auth.refuse_audit_change()', partition);
    execute format('comment on table auth.%I is %L', partition, 'Audit events of one month.');
    if exists (select from auth.audit_event_default where at >= lower and at < upper) then
        alter table auth.audit_event_default disable trigger append_only_delete;
        execute format(
            'with moved as (delete from auth.audit_event_default where at >= $1 and at < $2 returning *) insert into auth.%I select * from moved',
            partition) using lower, upper;
        alter table auth.audit_event_default enable trigger append_only_delete;
    end if;
    execute format('alter table auth.audit_event attach partition auth.%I for values from (%L) to (%L)', partition, lower, upper);
end
$$;
revoke all on function auth.make_audit_partition(date) from public;
comment on function auth.make_audit_partition(date) is
'Internal: makes a month''s partition and moves there what was written before it existed.';

create function auth.drop_audit_partition(month date)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    partition name := auth.audit_partition(month);
    dropped bigint;
begin
    while auth.seal_audit() > 0 loop end loop;
    -- A row for each run of positions; the last hash of a run is what the next event follows on.
    execute format($anchor$
        insert into auth.audit_anchor (from_position, to_position, hash, mac)
        select first, last, e.hash, auth.audit_mark('anchor', first, last, e.hash)
          from (select min(position) as first, max(position) as last
                  from (select position, position - row_number() over (order by position) as run from auth.%1$I) as p
                 group by run) as r
          join auth.%1$I as e on e.position = r.last
    $anchor$, partition);
    execute format('select count(*) from auth.%I', partition) into dropped;
    execute format('drop table auth.%I', partition);
    perform auth.record_event('audit_retention', 'success', detail => jsonb_build_object('month', month, 'events', dropped));
end
$$;
revoke all on function auth.drop_audit_partition(date) from public;
comment on function auth.drop_audit_partition(date) is
'Internal: drops a month''s events and leaves anchors in their place, so that the chain still verifies.';

-- How often something may be tried. The counters are in shared memory (src/throttle); here are the
-- limits.
--
-- Security definer: throttle_reset (records who opened an account again).

create table auth.throttle_limit (
    act text not null constraint throttle_limit_act_check
        check (act in ('sign_in', 'sign_up', 'refresh', 'recovery', 'code', 'factor', 'invite')),
    scope text not null constraint throttle_limit_scope_check check (scope in ('account', 'address', 'tenant', 'global')),
    attempts integer constraint throttle_limit_attempts_check check (attempts between 1 and 1000000),
    per interval not null constraint throttle_limit_per_check check (per between interval '1 second' and interval '30 days'),
    burst integer not null constraint throttle_limit_burst_check check (burst between 1 and 1000000),
    is_default boolean not null default false,
    constraint throttle_limit_pkey primary key (act, scope)
);
revoke all on table auth.throttle_limit from public;
comment on table auth.throttle_limit is
'How often an act may be tried within a scope. Changes hold at once, in open connections, too. A deleted row: no limit, but a restored dump has the default again; attempts null says so for good.';
comment on column auth.throttle_limit.act is
'sign_in; sign_up; refresh (trading a refresh token); recovery (asking for a mail); code (giving a code that came by mail); factor (giving a code of a second factor); invite.';
comment on column auth.throttle_limit.scope is
'account: wherever the attempts come from. address: the client''s IPv4 address or IPv6 /64, whatever it names. tenant. global: this database.';
comment on column auth.throttle_limit.attempts is 'Attempts per "per" in the long run, 1 to 1000000; null: no limit.';
comment on column auth.throttle_limit.per is '1 second to 30 days.';
comment on column auth.throttle_limit.burst is 'Attempts at once after a rest, 1 to 1000000.';
comment on column auth.throttle_limit.is_default is 'As the extension made it; a change makes it false, and only such rows are dumped.';
select pg_catalog.pg_extension_config_dump('auth.throttle_limit', 'where not is_default');

create table auth.throttle_delay (
    act text constraint throttle_delay_pkey primary key
        constraint throttle_delay_act_check check (act in ('sign_in', 'code', 'factor')),
    free_failures integer not null constraint throttle_delay_free_check check (free_failures between 0 and 100),
    first_delay interval not null
        constraint throttle_delay_first_check check (first_delay between interval '1 second' and interval '1 hour'),
    longest_delay interval not null
        constraint throttle_delay_longest_check check (longest_delay between first_delay and interval '1 day'),
    shut_after integer not null constraint throttle_delay_shut_check check (shut_after between 1 and 100),
    halve_after interval not null
        constraint throttle_delay_halve_check check (halve_after between interval '1 day' and interval '365 days'),
    is_default boolean not null default false
);
revoke all on table auth.throttle_delay from public;
comment on table auth.throttle_delay is
'How long an account waits after consecutive failures of an act (NIST SP 800-63B-4 section 3.2.2). Where it has signed in lately, it has a count of its own.';
comment on column auth.throttle_delay.free_failures is 'Failures without a delay, 0 to 100.';
comment on column auth.throttle_delay.first_delay is 'Wait after the next failure, 1 second to 1 hour; each further one doubles it.';
comment on column auth.throttle_delay.longest_delay is 'Longest wait, up to 1 day.';
comment on column auth.throttle_delay.shut_after is
'Failures after which the way is shut, 1 to 100, until a code from the mail or an administrator opens it, or half is forgotten.';
comment on column auth.throttle_delay.halve_after is 'Quiet time after which half of the failures is forgotten, 1 to 365 days.';
comment on column auth.throttle_delay.is_default is 'As the extension made it; a change makes it false, and only such rows are dumped.';
select pg_catalog.pg_extension_config_dump('auth.throttle_delay', 'where not is_default');

insert into auth.throttle_limit (act, scope, attempts, per, burst, is_default)
values
    ('sign_in', 'account', 30, '10 minutes', 15, true),
    ('sign_in', 'address', 150, '5 minutes', 30, true),
    ('sign_in', 'tenant', 1200, '1 minute', 600, true),
    ('sign_in', 'global', 3000, '1 minute', 1000, true),
    ('sign_up', 'account', 20, '1 hour', 10, true),
    ('sign_up', 'address', 60, '1 hour', 20, true),
    ('sign_up', 'tenant', 1000, '1 hour', 200, true),
    ('sign_up', 'global', 6000, '1 hour', 600, true),
    ('refresh', 'account', 600, '5 minutes', 300, true),
    ('refresh', 'address', 6000, '5 minutes', 1000, true),
    ('refresh', 'tenant', null, '1 minute', 1, true),
    ('refresh', 'global', null, '1 minute', 1, true),
    ('recovery', 'account', 4, '1 hour', 3, true),
    ('recovery', 'address', 30, '1 hour', 10, true),
    ('recovery', 'tenant', 600, '1 hour', 100, true),
    ('recovery', 'global', 3000, '1 hour', 300, true),
    ('code', 'account', 20, '10 minutes', 10, true),
    ('code', 'address', 60, '5 minutes', 30, true),
    ('code', 'tenant', null, '1 minute', 1, true),
    ('code', 'global', 6000, '1 minute', 2000, true),
    ('factor', 'account', 20, '10 minutes', 10, true),
    ('factor', 'address', 150, '5 minutes', 30, true),
    ('factor', 'tenant', null, '1 minute', 1, true),
    ('factor', 'global', 6000, '1 minute', 2000, true),
    ('invite', 'account', 60, '1 hour', 30, true),
    ('invite', 'address', 120, '1 hour', 60, true),
    ('invite', 'tenant', 300, '1 hour', 100, true),
    ('invite', 'global', 6000, '1 hour', 600, true);

insert into auth.throttle_delay (act, free_failures, first_delay, longest_delay, shut_after, halve_after, is_default)
values
    ('sign_in', 4, '1 second', '15 minutes', 100, '30 days', true),
    ('code', 4, '1 second', '15 minutes', 100, '30 days', true),
    ('factor', 4, '1 second', '15 minutes', 100, '30 days', true);

-- A restored dump brings the changed rows to a fresh extension that has the defaults.
create function auth.throttle_keep_changes()
returns trigger
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'UPDATE' then
        new.is_default := false;
    elsif tg_table_name = 'throttle_limit' then
        delete from auth.throttle_limit where act = new.act and scope = new.scope and is_default;
    else
        delete from auth.throttle_delay where act = new.act and is_default;
    end if;
    return new;
end
$$;
revoke all on function auth.throttle_keep_changes() from public;
comment on function auth.throttle_keep_changes() is 'Trigger: a new row takes the place of the default one, and a changed row is none any more.';

create trigger keep_changes before insert or update on auth.throttle_limit
    for each row execute function auth.throttle_keep_changes();

create trigger keep_changes before insert or update on auth.throttle_delay
    for each row execute function auth.throttle_keep_changes();

create function auth.throttle_changed()
returns trigger
language c volatile
as 'MODULE_PATHNAME', 'gatehouse_throttle_changed';
revoke all on function auth.throttle_changed() from public;
comment on function auth.throttle_changed() is 'Trigger: tells every backend that the limits have changed.';

create trigger throttle_changed after insert or update or delete or truncate on auth.throttle_limit
    for each statement execute function auth.throttle_changed();

alter table auth.throttle_limit enable always trigger throttle_changed;

create trigger throttle_changed after insert or update or delete or truncate on auth.throttle_delay
    for each statement execute function auth.throttle_changed();

alter table auth.throttle_delay enable always trigger throttle_changed;

create function auth.throttle(act text, account text, tenant_id uuid)
returns integer
language c volatile parallel unsafe
as 'MODULE_PATHNAME', 'throttle_wrapper';
revoke all on function auth.throttle(text, text, uuid) from public;
comment on function auth.throttle(text, text, uuid) is
'Internal: counts one attempt for the account, the client''s address, the tenant and the database. Null: go on, and tell auth.throttle_outcome how it ended. Otherwise seconds to wait; nothing was counted. No rollback undoes it. account is any text that names it, the same for all acts: the normalised e-mail address.';

create function auth.throttle_outcome(act text, account text, success boolean)
returns void
language c volatile parallel unsafe
as 'MODULE_PATHNAME', 'throttle_outcome_wrapper';
revoke all on function auth.throttle_outcome(text, text, boolean) from public;
comment on function auth.throttle_outcome(text, text, boolean) is
'Internal: how an attempt ended. A success of sign_in, code and factor ends their consecutive failures, and one of code those of sign_in as well, wherever they came from; sign_in, sign_up and code make the client''s address known for 90 days. So tell of a success only when the credential was right and the caller learns it.';

create function auth.throttle_tenant(slug text)
returns uuid
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- A slug that is no tenant's is counted like one, so that being throttled tells nothing.
    select case when slug is not null then
        coalesce((select id from auth.tenant where tenant.slug = throttle_tenant.slug), md5(throttle_tenant.slug)::uuid)
    end
$$;
revoke all on function auth.throttle_tenant(text) from public;
comment on function auth.throttle_tenant(text) is 'Internal: what auth.throttle counts a tenant under that a stranger named by its slug.';

create function auth.throttle_status(
    account text,
    address inet default null,
    out act text,
    out failures integer,
    out retry_after integer,
    out known_address boolean
)
returns setof record
language c volatile parallel unsafe rows 7
as 'MODULE_PATHNAME', 'throttle_status_wrapper';
revoke all on function auth.throttle_status(text, inet) from public;
grant execute on function auth.throttle_status(text, inet) to service_role;
comment on function auth.throttle_status(text, inet) is
'For each act the consecutive failures of an account (its normalised e-mail address) and the seconds until it may try again, null when it may now: anywhere, or at an address, where it may be known.';

create function auth.throttle_forget(account text, address inet)
returns void
language c volatile parallel unsafe
as 'MODULE_PATHNAME', 'throttle_forget_wrapper';
revoke all on function auth.throttle_forget(text, inet) from public;
comment on function auth.throttle_forget(text, inet) is 'Internal: what throttle_reset does.';

create function auth.throttle_reset(account text, address inet default null)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    name text := coalesce(auth.normalize_email(throttle_reset.account), throttle_reset.account);
begin
    if name is null then
        return;
    end if;
    perform auth.throttle_forget(name, throttle_reset.address);
    perform auth.record_event('throttle_reset', 'success', (select id from auth."user" where email = name));
end
$$;
revoke all on function auth.throttle_reset(text, inet) from public;
grant execute on function auth.throttle_reset(text, inet) to service_role;
comment on function auth.throttle_reset(text, inet) is
'Opens an account again: forgets its failures and attempts at every act, and those that it has at an address for itself. No rollback undoes it.';

create function auth.throttle_usage(out region text, out places integer, out used integer, out bytes integer)
returns setof record
language c volatile parallel unsafe rows 6
as 'MODULE_PATHNAME', 'throttle_usage_wrapper';
revoke all on function auth.throttle_usage() from public;
grant execute on function auth.throttle_usage() to service_role;
comment on function auth.throttle_usage() is
'The regions of the throttle''s memory, of all databases: entries that there is room for and that are used. The size never changes.';

-- Roles and permissions, and who holds which.
--
-- Nothing is seeded by create extension: the templates are made when they are first needed
-- (make_templates), so that a dump holds them like every other row, with the operator's changes.

create function auth.is_permission(permission text)
returns boolean
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'is_permission_wrapper';
revoke all on function auth.is_permission(text) from public;
grant execute on function auth.is_permission(text) to authenticated, service_role;
comment on function auth.is_permission(text) is
'Whether the text has the form of a permission: resource:action, each part letters, digits, ".", "_", "-", or a lone *; up to 128 bytes.';

create function auth.covers(granted text[], wanted text[])
returns boolean
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'covers_wrapper';
revoke all on function auth.covers(text[], text[]) from public;
comment on function auth.covers(text[], text[]) is
'Internal: whether every wanted permission is covered by a granted one; neither array may hold nulls.';

create table auth.permission (
    name text collate "C" constraint permission_pkey primary key
        constraint permission_name_check check (auth.is_permission(name)),
    description text constraint permission_description_check check (length(description) <= 500),
    created_at timestamptz not null default now()
);
revoke all on table auth.permission from public;
comment on table auth.permission is 'Permissions that some role has or that the operator has described. Reached through functions only.';
comment on column auth.permission.name is 'resource:action; * stands for any resource or any action.';
select pg_catalog.pg_extension_config_dump('auth.permission', '');

create table auth.role (
    id uuid constraint role_pkey primary key default pg_catalog.gen_random_uuid(),
    tenant_id uuid constraint role_tenant_id_fkey references auth.tenant (id) on delete cascade,
    name text not null constraint role_name_check check (name ~ '^[a-z][a-z0-9_-]{0,62}$'),
    description text constraint role_description_check check (length(description) <= 500),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint role_tenant_id_name_key unique (tenant_id, name),
    constraint role_id_tenant_id_key unique (id, tenant_id)
);
create unique index role_template_name_key on auth.role (name) where tenant_id is null;
revoke all on table auth.role from public;
comment on table auth.role is 'Roles of tenants. Reached through functions only.';
comment on column auth.role.tenant_id is 'Whose role it is; null for a template, which is copied to every new tenant.';
comment on column auth.role.updated_at is 'Last change of the role or its permissions; granting the role waits for whoever writes this.';
select pg_catalog.pg_extension_config_dump('auth.role', '');

create table auth.role_permission (
    role_id uuid constraint role_permission_role_id_fkey references auth.role (id) on delete cascade,
    permission text collate "C" constraint role_permission_permission_fkey references auth.permission (name),
    constraint role_permission_pkey primary key (role_id, permission)
);
create index role_permission_permission_idx on auth.role_permission (permission);
revoke all on table auth.role_permission from public;
comment on table auth.role_permission is 'What a role permits. Reached through functions only.';
select pg_catalog.pg_extension_config_dump('auth.role_permission', '');

create table auth.membership_role (
    tenant_id uuid,
    user_id uuid,
    role_id uuid,
    granted_at timestamptz not null default now(),
    constraint membership_role_pkey primary key (tenant_id, user_id, role_id),
    constraint membership_role_membership_fkey foreign key (tenant_id, user_id)
        references auth.membership (tenant_id, user_id) on delete cascade,
    -- With the tenant in it, so that nobody holds a role of another tenant.
    constraint membership_role_role_fkey foreign key (role_id, tenant_id)
        references auth.role (id, tenant_id) on delete cascade
);
create index membership_role_role_id_tenant_id_idx on auth.membership_role (role_id, tenant_id);
revoke all on table auth.membership_role from public;
comment on table auth.membership_role is 'Which member holds which role. Reached through functions only.';
select pg_catalog.pg_extension_config_dump('auth.membership_role', '');

create function auth.set_role_permissions(role_id uuid, permissions text[])
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into auth.permission (name)
    select distinct name from unnest(set_role_permissions.permissions) as wanted (name)
        on conflict (name) do nothing;
    delete from auth.role_permission as p
     where p.role_id = set_role_permissions.role_id and p.permission <> all (set_role_permissions.permissions);
    insert into auth.role_permission (role_id, permission)
    select distinct set_role_permissions.role_id, name from unnest(set_role_permissions.permissions) as wanted (name)
        on conflict on constraint role_permission_pkey do nothing;
end
$$;
revoke all on function auth.set_role_permissions(uuid, text[]) from public;
comment on function auth.set_role_permissions(uuid, text[]) is 'Internal: gives a role these permissions and no others.';

create function auth.make_templates()
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from auth.role where tenant_id is null) then
        return;
    end if;
    insert into auth.role (name, description)
    values ('owner', 'May do everything'),
           ('admin', 'Manages members, invitations, roles and settings'),
           ('member', 'Sees the tenant and its members'),
           ('viewer', 'Sees the tenant and its members')
        on conflict (name) where tenant_id is null do nothing;
    insert into auth.permission (name, description)
    values ('*:*', 'Everything'),
           ('tenant:read', 'See the tenant'), ('tenant:update', 'Change the tenant''s settings'),
           ('members:read', 'See who is in the tenant'), ('members:*', 'Grant and revoke roles, suspend and remove members, invite'),
           ('invitations:*', 'Invite, see and revoke invitations'), ('roles:read', 'See the roles'), ('roles:*', 'Make and change roles')
        on conflict (name) do nothing;
    insert into auth.role_permission (role_id, permission)
    select role.id, template.permission
      from (values ('owner', '*:*'),
                   ('admin', 'tenant:read'), ('admin', 'tenant:update'), ('admin', 'members:*'), ('admin', 'invitations:*'), ('admin', 'roles:*'),
                   ('member', 'tenant:read'), ('member', 'members:read'), ('member', 'roles:read'),
                   ('viewer', 'tenant:read'), ('viewer', 'members:read')
           ) as template (role, permission)
      join auth.role on role.name = template.role and role.tenant_id is null
        on conflict on constraint role_permission_pkey do nothing;
end
$$;
revoke all on function auth.make_templates() from public;
comment on function auth.make_templates() is 'Internal: makes the templates owner, admin, member and viewer where there is none.';

create function auth.copy_templates(tenant_id uuid)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    perform auth.make_templates();
    insert into auth.role (tenant_id, name, description)
    select copy_templates.tenant_id, name, description from auth.role where tenant_id is null
        on conflict on constraint role_tenant_id_name_key do nothing;
    insert into auth.role_permission (role_id, permission)
    select copy.id, kept.permission
      from auth.role as template
      join auth.role_permission as kept on kept.role_id = template.id
      join auth.role as copy on copy.name = template.name and copy.tenant_id = copy_templates.tenant_id
     where template.tenant_id is null
        on conflict on constraint role_permission_pkey do nothing;
end
$$;
revoke all on function auth.copy_templates(uuid) from public;
comment on function auth.copy_templates(uuid) is 'Internal: gives a tenant the roles of the templates.';

-- What each member may do, laid down in the membership itself, so that authenticate reads one row.
--
-- Every change of roles brings it up to date in the same transaction, whoever makes it. Who waits
-- for whom, so that two changes at once do not miss each other:
--   a grant or revocation    holds the roles for share, then the memberships;
--   a change of a role       holds the role by writing it, then the memberships of its members;
--   and only then, in a statement of its own and so with a new snapshot, is it computed.
-- Sign-ups into one tenant share the role and do not wait for each other. With a snapshot that is
-- older than what another transaction has committed, both locks are a serialisation failure.

create function auth.refresh_access(memberships uuid[])
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
-- Right after a bulk load the statistics say that the tables are small.
set enable_seqscan = off
as $$
begin
    perform from auth.membership where id = any (memberships) order by id for no key update;
    update auth.membership
       set roles = fresh.roles, permissions = fresh.permissions
      from (select m.id,
                   array(select r.name
                           from auth.membership_role as mr
                           join auth.role as r on r.id = mr.role_id
                          where mr.tenant_id = m.tenant_id and mr.user_id = m.user_id
                          order by r.name collate "C") as roles,
                   array(select distinct p.permission
                           from auth.membership_role as mr
                           join auth.role_permission as p on p.role_id = mr.role_id
                          where mr.tenant_id = m.tenant_id and mr.user_id = m.user_id
                          order by p.permission) as permissions
              from auth.membership as m
             where m.id = any (memberships)
           ) as fresh
     where membership.id = fresh.id
       and (membership.roles, membership.permissions) is distinct from (fresh.roles, fresh.permissions);
end
$$;
revoke all on function auth.refresh_access(uuid[]) from public;
comment on function auth.refresh_access(uuid[]) is 'Internal: computes roles and permissions of these memberships anew.';

create function auth.membership_roles_changed()
returns trigger
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform from auth.role where id in (select role_id from changed) order by id for share;
    perform auth.refresh_access(array(
        select distinct m.id
          from changed
          join auth.membership as m on m.tenant_id = changed.tenant_id and m.user_id = changed.user_id));
    return null;
end
$$;
revoke all on function auth.membership_roles_changed() from public;
comment on function auth.membership_roles_changed() is 'Trigger: roles were granted or revoked.';

create trigger granted after insert on auth.membership_role
    referencing new table as changed
    for each statement execute function auth.membership_roles_changed();

create trigger revoked after delete on auth.membership_role
    referencing old table as changed
    for each statement execute function auth.membership_roles_changed();

create function auth.role_permissions_changed()
returns trigger
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update auth.role set updated_at = clock_timestamp()
     where id in (select role_id from changed);
    perform auth.refresh_access(array(
        select distinct m.id
          from (select distinct role_id from changed) as role
          join auth.membership_role as mr on mr.role_id = role.role_id
          join auth.membership as m on m.tenant_id = mr.tenant_id and m.user_id = mr.user_id));
    return null;
end
$$;
revoke all on function auth.role_permissions_changed() from public;
comment on function auth.role_permissions_changed() is 'Trigger: permissions of roles have changed.';

create trigger permitted after insert on auth.role_permission
    referencing new table as changed
    for each statement execute function auth.role_permissions_changed();

create trigger forbidden after delete on auth.role_permission
    referencing old table as changed
    for each statement execute function auth.role_permissions_changed();

create function auth.role_renamed()
returns trigger
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform auth.refresh_access(array(
        select distinct m.id
          from former
          join changed on changed.id = former.id and changed.name <> former.name
          join auth.membership_role as mr on mr.role_id = changed.id
          join auth.membership as m on m.tenant_id = mr.tenant_id and m.user_id = mr.user_id));
    return null;
end
$$;
revoke all on function auth.role_renamed() from public;
comment on function auth.role_renamed() is 'Trigger: a role has another name.';

create trigger renamed after update on auth.role
    referencing old table as former new table as changed
    for each statement execute function auth.role_renamed();

-- Keys of these two tables do not change: a row that is something else now would slip past the
-- triggers above.
create function auth.refuse_update()
returns trigger
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'rows of this table are inserted and deleted, not updated'
        using errcode = '0A000', detail = 'update_refused';
end
$$;
revoke all on function auth.refuse_update() from public;
comment on function auth.refuse_update() is 'Trigger: rows do not change.';

create trigger refuse_update before update on auth.membership_role
    for each statement execute function auth.refuse_update();

create trigger refuse_update before update on auth.role_permission
    for each statement execute function auth.refuse_update();

create function auth.add_member(tenant_id uuid, user_id uuid, role text)
returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    added boolean;
begin
    insert into auth.membership (tenant_id, user_id) values (add_member.tenant_id, add_member.user_id)
        on conflict on constraint membership_tenant_id_user_id_key do nothing;
    insert into auth.membership_role (tenant_id, user_id, role_id)
    select add_member.tenant_id, add_member.user_id, id
      from auth.role where tenant_id = add_member.tenant_id and name = add_member.role
        on conflict on constraint membership_role_pkey do nothing;
    added := found;
    return added;
end
$$;
revoke all on function auth.add_member(uuid, uuid, text) from public;
comment on function auth.add_member(uuid, uuid, text) is
'Internal: makes the user a member who holds the role; whether they did not hold it before.';

create function auth.membership_claims(user_id uuid, tenant_id uuid, aal text)
returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object('tenant_id', t.id, 'tenant_slug', t.slug,
                              'roles', coalesce(to_jsonb(m.roles), '[]'), 'permissions', coalesce(to_jsonb(m.permissions), '[]'))
      from auth.active_tenant($1, auth.granted_tenant($1, $2, $3), $3) as active (id)
      left join auth.tenant as t on t.id = active.id
      left join auth.membership as m on m.tenant_id = active.id and m.user_id = $1
$$;
revoke all on function auth.membership_claims(uuid, uuid, text) from public;
comment on function auth.membership_claims(uuid, uuid, text) is
'Internal: tenant_id, tenant_slug, roles and permissions for a token of a user who asks for the tenant; no tenant where the user may not act now, or not without a second factor.';

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

-- Refresh tokens: used once, each the parent of the next (RFC 9700 §4.14.2).
--
-- A token's successor is computed from the token itself and the random id of the successor's row
-- (crates/core/src/refresh.rs). So nothing but keyed hashes is stored, and yet whoever lost an
-- answer is given the same successor again.

create table auth.refresh_token (
    id uuid constraint refresh_token_pkey primary key default pg_catalog.gen_random_uuid(),
    session_id uuid not null constraint refresh_token_session_id_fkey references auth.session (id) on delete cascade,
    -- No foreign key: tokens go with their session and not before, and pg_dump would warn of the circle.
    parent_id uuid constraint refresh_token_parent_id_key unique,
    token_hash bytea not null constraint refresh_token_token_hash_key unique
        constraint refresh_token_token_hash_check check (length(token_hash) = 32),
    created_at timestamptz not null default clock_timestamp(),
    used_at timestamptz
);
create index refresh_token_session_id_idx on auth.refresh_token (session_id);
create unique index refresh_token_unused_key on auth.refresh_token (session_id) where used_at is null;
revoke all on table auth.refresh_token from public;
comment on table auth.refresh_token is 'Refresh tokens, as keyed hashes. Reached through functions only.';
comment on column auth.refresh_token.parent_id is 'The token that was used to get it; a token has one successor at most.';
comment on column auth.refresh_token.token_hash is 'HMAC-SHA-256 under a key of this database.';
comment on column auth.refresh_token.used_at is
'When it was first used; one of a session is unused. Using it later than pg_gatehouse.refresh_reuse_interval ends the session.';
comment on index auth.refresh_token_unused_key is 'A session has one live chain.';
select pg_catalog.pg_extension_config_dump('auth.refresh_token', '');

create function auth.new_refresh_token()
returns text
language c volatile parallel unsafe
as 'MODULE_PATHNAME', 'new_refresh_token_wrapper';
revoke all on function auth.new_refresh_token() from public;
comment on function auth.new_refresh_token() is 'Internal: the first token of a chain.';

create function auth.refresh_token_hash(token text)
returns bytea
language c volatile strict parallel unsafe
as 'MODULE_PATHNAME', 'refresh_token_hash_wrapper';
revoke all on function auth.refresh_token_hash(text) from public;
comment on function auth.refresh_token_hash(text) is 'Internal: what is stored of a token; null when it is none.';

create function auth.next_refresh_token(token text, id uuid)
returns text
language c volatile strict parallel unsafe
as 'MODULE_PATHNAME', 'next_refresh_token_wrapper';
revoke all on function auth.next_refresh_token(text, uuid) from public;
comment on function auth.next_refresh_token(text, uuid) is
'Internal: the successor of a token, whose row has the id, which must be random.';

create function auth.begin_refresh_chain(session_id uuid)
returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    token text := auth.new_refresh_token();
begin
    update auth.refresh_token set used_at = clock_timestamp()
     where session_id = begin_refresh_chain.session_id and used_at is null;
    insert into auth.refresh_token (session_id, token_hash)
    values (begin_refresh_chain.session_id, auth.refresh_token_hash(token));
    return token;
end
$$;
revoke all on function auth.begin_refresh_chain(uuid) from public;
comment on function auth.begin_refresh_chain(uuid) is
'Internal: a refresh token for a session; the former one, if any, counts as used. The caller has locked the session or just made it.';

create function auth.follow_refresh_chain(token text, from_id uuid)
returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    link auth.refresh_token;
    at_id uuid := from_id;
begin
    loop
        select * into link from auth.refresh_token where parent_id = at_id;
        if not found then
            return null;
        end if;
        token := auth.next_refresh_token(token, link.id);
        if link.used_at is null then
            return case when auth.refresh_token_hash(token) = link.token_hash then token end;
        end if;
        at_id := link.id;
    end loop;
end
$$;
revoke all on function auth.follow_refresh_chain(text, uuid) from public;
comment on function auth.follow_refresh_chain(text, uuid) is
'Internal: the unused token at the end of the chain that the given one is in; null when the session went on with another chain.';

-- Access tokens of sessions.
--
-- Each one's id goes on the list of its session in the same transaction. If that is rolled back,
-- the id is on no list and auth.authenticate refuses the token, wherever it was kept.
--
-- All of these are internal: called by functions that run with the owner's rights and have judged
-- who asks.

create function auth.session_refusal(session auth.session, account auth."user", tenant_id uuid)
returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    limits record;
begin
    if session.id is null or account.id is distinct from session.user_id or session.ended_at is not null then
        return case session.end_reason
            when 'refresh_token_reused' then 'refresh_token_already_used'
            when 'expired' then 'session_expired'
            else 'session_not_found' end;
    elsif account.banned_until > clock_timestamp() then
        return 'user_banned';
    end if;
    select * into strict limits from auth.session_limits(session_refusal.tenant_id);
    if least(session.expires_at, session.created_at + limits.lifetime) <= clock_timestamp()
        or session.refreshed_at + limits.idle_timeout <= clock_timestamp()
    then
        return 'session_expired';
    end if;
    return null;
end
$$;
revoke all on function auth.session_refusal(auth.session, auth."user", uuid) from public;
comment on function auth.session_refusal(auth.session, auth."user", uuid) is
'Internal: why no access token is minted for a session in a tenant; null when one is.';

create function auth.session_refusal_message(status text)
returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case status
        when 'refresh_token_not_found' then 'Invalid Refresh Token: Refresh Token Not Found'
        when 'refresh_token_already_used' then 'Invalid Refresh Token: Already Used'
        when 'session_expired' then 'Invalid Refresh Token: Session Expired'
        when 'user_banned' then 'User is banned'
        else 'Session not found'
    end
$$;
revoke all on function auth.session_refusal_message(text) from public;
comment on function auth.session_refusal_message(text) is 'Internal: a status of session_refusal in words.';

create function auth.issue_access_token(session auth.session, account auth."user", tenant_id uuid)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    token_id uuid := auth.new_token_id();
    limits record := auth.session_limits(issue_access_token.tenant_id);
    membership jsonb := auth.membership_claims(account.id, issue_access_token.tenant_id, session.aal);
    kept auth.session;
    result auth.sign_in_result;
begin
    update auth.session as s
       set tenant_id = issue_access_token.tenant_id,
           token_ids = auth.remember_token_id(s.token_ids, token_id),
           refreshed_at = clock_timestamp(),
           expires_at = least(s.expires_at, s.created_at + limits.lifetime)
     where s.id = issue_access_token.session.id
    returning s.* into strict kept;

    result.status := 'ok';
    -- No token outlives its session, nor the time that the session may be idle.
    result.expires_at := date_trunc('second', least(
        kept.expires_at,
        kept.refreshed_at + limits.idle_timeout,
        clock_timestamp() + current_setting('pg_gatehouse.access_token_ttl')::interval));
    result."user" := auth.user_json(account);
    result.access_token := auth.sign_access_token(jsonb_build_object(
        'exp', extract(epoch from result.expires_at)::bigint,
        'jti', token_id,
        'sub', account.id,
        'role', 'authenticated',
        'email', coalesce(account.email, ''),
        'phone', '',
        'aal', kept.aal,
        'amr', kept.amr,
        'session_id', kept.id,
        'tenant_id', membership -> 'tenant_id',
        'tenant_slug', membership -> 'tenant_slug',
        'roles', membership -> 'roles',
        'permissions', membership -> 'permissions',
        'app_metadata', auth.public_app_metadata(account),
        'user_metadata', account.user_metadata,
        'is_anonymous', account.is_anonymous));
    return result;
end
$$;
revoke all on function auth.issue_access_token(auth.session, auth."user", uuid) from public;
comment on function auth.issue_access_token(auth.session, auth."user", uuid) is
'Internal: signs an access token for a session that was locked and judged, with tenant and roles as they are now, and lists its id. Where the user may not act in the tenant, the token names none; the session keeps it, for when the user may again.';

create function auth.new_token_id()
returns uuid
language c volatile parallel unsafe
as 'MODULE_PATHNAME', 'new_token_id_wrapper';
revoke all on function auth.new_token_id() from public;
comment on function auth.new_token_id() is 'Internal: a fresh jti, a UUID of version 7 (RFC 9562).';

create function auth.remember_token_id(token_ids uuid[], token_id uuid)
returns uuid[]
language c volatile strict parallel unsafe
as 'MODULE_PATHNAME', 'remember_token_id_wrapper';
revoke all on function auth.remember_token_id(uuid[], uuid) from public;
comment on function auth.remember_token_id(uuid[], uuid) is
'Internal: the list with the id at its end and without those of expired tokens; at most 512.';

create function auth.mint_session_token(session_id uuid, tenant_id uuid, new_refresh_token boolean default false)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    session auth.session;
    account auth."user";
    refusal text;
    result auth.sign_in_result;
begin
    select * into session from auth.session
     where id = mint_session_token.session_id for no key update;
    select * into account from auth."user" where id = session.user_id;
    refusal := auth.session_refusal(session, account, mint_session_token.tenant_id);
    if refusal is not null then
        return auth.sign_in_refusal(refusal, auth.session_refusal_message(refusal));
    end if;
    result := auth.issue_access_token(session, account, mint_session_token.tenant_id);
    if mint_session_token.new_refresh_token then
        result.refresh_token := auth.begin_refresh_chain(session.id);
    end if;
    return result;
end
$$;
revoke all on function auth.mint_session_token(uuid, uuid, boolean) from public;
comment on function auth.mint_session_token(uuid, uuid, boolean) is
'Internal: an access token for a living session, in the tenant if its user may act there now, else in none. With new_refresh_token also a refresh token, which replaces the session''s. The caller has judged that its user may ask for it. Serialised by the lock on the session''s row. Statuses: ok, session_not_found, session_expired, refresh_token_already_used, user_banned.';

create or replace function auth.open_session("user" auth."user", tenant_id uuid, method text)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    account auth."user";
    session auth.session;
    result auth.sign_in_result;
begin
    -- The lock on the user's row: of two sign-ins at once one sees the other's session, and a ban
    -- either is seen here or sees the session.
    update auth."user" set last_sign_in_at = now()
     where id = open_session."user".id and (banned_until is null or banned_until <= clock_timestamp())
    returning * into account;
    if account.id is null then
        perform auth.record_event('sign_in', 'failure', open_session."user".id, detail => '{"reason": "banned"}');
        return auth.sign_in_refusal('invalid_credentials', 'Invalid login credentials');
    end if;
    update auth.membership set last_active_at = now()
     where user_id = account.id and tenant_id = open_session.tenant_id;
    if current_setting('pg_gatehouse.single_session_per_user')::boolean then
        perform auth.end_sessions_of(account.id, null, 'signed_in_elsewhere');
    end if;
    insert into auth.session (user_id, tenant_id, amr, ip, user_agent, expires_at)
    values (account.id, open_session.tenant_id,
            jsonb_build_array(jsonb_build_object(
                'method', open_session.method, 'timestamp', floor(extract(epoch from clock_timestamp()))::bigint)),
            auth.request_ip(), auth.request_user_agent(),
            clock_timestamp() + (auth.session_limits(open_session.tenant_id)).lifetime)
    returning * into strict session;
    result := auth.issue_access_token(session, account, open_session.tenant_id);
    result.refresh_token := auth.begin_refresh_chain(session.id);
    result.message := auth.second_factor_due(account.id, open_session.tenant_id);
    if result.message is not null then
        result.status := 'mfa_required';
    end if;
    perform auth.record_event('sign_in', 'success', account.id, open_session.tenant_id, session.id,
                              jsonb_build_object('method', open_session.method));
    return result;
end
$$;
comment on function auth.open_session(auth."user", uuid, text) is
'Internal: opens a session for a user whose credential was verified, and gives its first access and refresh token. Statuses: ok, invalid_credentials when the user was banned meanwhile.';

-- Sign-up: makes a user and opens a session.
--
-- Security definer: sign_up (called by anybody, writes the tables of schema auth).

create or replace function auth.sign_up(
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
    home auth.tenant;
    verdict record;
    account auth."user";
    wait integer;
begin
    wait := auth.throttle('sign_up', address, auth.throttle_tenant(sign_up.tenant));
    if wait is not null then
        return auth.throttled(wait);
    end if;
    if address is null then
        return auth.sign_in_refusal('validation_failed', 'Unable to validate email address: invalid format');
    elsif jsonb_typeof(metadata) <> 'object' or pg_column_size(metadata) > 16384 then
        return auth.sign_in_refusal('validation_failed', 'User metadata must be a JSON object of at most 16 KiB');
    elsif sign_up.password is null or sign_up.password = '' then
        return auth.sign_in_refusal('validation_failed', 'Signup requires a valid password');
    end if;
    if sign_up.tenant is not null then
        home := auth.sign_up_tenant(sign_up.tenant, address);
        if home.id is null then
            return auth.sign_in_refusal('signup_disabled', 'Signups not allowed for this tenant');
        end if;
    end if;
    select * into strict verdict
      from auth.judge_password(sign_up.password, array[address, metadata ->> 'name'], home);
    if not verdict.ok then
        return auth.sign_in_refusal('weak_password', array_to_string(verdict.reasons, ' '), verdict.reasons);
    end if;

    if not current_setting('pg_gatehouse.autoconfirm')::boolean then
        return auth.sign_up_unconfirmed(address, auth.hash_password(sign_up.password), metadata, home);
    end if;
    insert into auth."user" (email, password_hash, user_metadata, email_confirmed_at, tenant_id)
    values (address, auth.hash_password(sign_up.password), metadata, now(), case when home.isolated then home.id end)
    on conflict do nothing
    returning * into account;
    if account.id is null then
        perform auth.record_event('sign_up', 'failure', detail => '{"reason": "user_already_exists"}');
        return auth.sign_in_refusal('user_already_exists', 'User already registered');
    end if;
    if home.sign_up_open then
        perform auth.add_member(home.id, account.id, 'member');
    end if;
    perform auth.record_event('sign_up', 'success', account.id, home.id);
    perform auth.throttle_outcome('sign_up', address, true);
    return auth.open_session(account, case when home.sign_up_open then home.id end, 'password');
end
$$;
comment on function auth.sign_up(text, text, jsonb, text) is
'Creates a user and signs them in; with pg_gatehouse.autoconfirm off it mails a confirmation instead, and the answer has no tokens and is the same for an address that is taken. tenant is the slug of a tenant that is open for sign-up, which the user then joins; or of an isolated one that has invited the address. Statuses: ok, mfa_required, throttled (see retry_after), validation_failed, weak_password (see reasons), signup_disabled, user_already_exists.';

-- Sign-in with a password.
--
-- Security definer: sign_in (called by anybody, reads the credential).

create or replace function auth.sign_in(email text, password text, tenant text default null)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    address text := auth.normalize_email(sign_in.email);
    account auth."user";
    home uuid;
    refusal text;
    wait integer;
begin
    -- First, and without looking at any user: whether an attempt has to wait depends on what was
    -- tried before, not on what exists. So a throttled answer needs no dummy hash to tell nothing,
    -- and a throttle that hashed would not keep a flood from using the processors up.
    wait := auth.throttle('sign_in', address, auth.throttle_tenant(sign_in.tenant));
    if wait is not null then
        return auth.throttled(wait);
    end if;
    account := auth.find_user(sign_in.email, sign_in.tenant);
    -- Always the same work: without a user a fixed hash of the configured cost is verified.
    if not auth.verify_credential(sign_in.password, account.password_hash) then
        refusal := case when account.id is null then 'unknown_user' else 'wrong_password' end;
    elsif account.banned_until > now() then
        refusal := 'banned';
    else
        home := auth.home_tenant(account.id, sign_in.tenant);
        -- Who is of an isolated tenant's pool may sign in before joining, to accept an invitation.
        if home is null and sign_in.tenant is not null and not exists (
            select from auth.tenant where id = account.tenant_id and suspended_at is null and deleted_at is null)
        then
            refusal := 'not_a_member';
        end if;
    end if;
    if refusal is not null then
        -- The same answer for all of these, and the same count: the right password of a banned user
        -- is a failure. The reason is for the audit.
        perform auth.throttle_outcome('sign_in', address, false);
        perform auth.record_event('sign_in', 'failure', account.id, detail => jsonb_build_object('reason', refusal));
        return auth.sign_in_refusal('invalid_credentials', 'Invalid login credentials');
    end if;
    if account.email_confirmed_at is null then
        perform auth.throttle_outcome('sign_in', address, false);
        perform auth.record_event('sign_in', 'failure', account.id, detail => '{"reason": "email_not_confirmed"}');
        return auth.sign_in_refusal('email_not_confirmed', 'Email not confirmed');
    end if;
    -- Hashing takes a while: a password that was changed meanwhile opens no session.
    perform from auth."user" where id = account.id and password_hash = account.password_hash for no key update;
    if not found then
        perform auth.record_event('sign_in', 'failure', account.id, detail => '{"reason": "password_changed"}');
        return auth.sign_in_refusal('invalid_credentials', 'Invalid login credentials');
    end if;
    perform auth.throttle_outcome('sign_in', address, true);
    if auth.password_needs_rehash(account.password_hash) then
        update auth."user" set password_hash = auth.hash_password(sign_in.password) where id = account.id;
    end if;
    -- Whoever needs a second factor is told so here, before there is a session.
    return auth.open_session(account, home, 'password');
end
$$;
comment on function auth.sign_in(text, text, text) is
'Signs a user in with a password; a wrong one is a row, not an error, so that the attempt is kept. tenant is the slug of the tenant to act in; without one, the one used last. Statuses: ok, mfa_required (with tokens that name no tenant until verify_factor), throttled (see retry_after), invalid_credentials, email_not_confirmed.';

create or replace function auth.home_tenant(user_id uuid, slug text)
returns uuid
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select tenant.id
      from auth.membership
      join auth.tenant on tenant.id = membership.tenant_id
     where membership.user_id = $1
       and membership.suspended_at is null
       and tenant.suspended_at is null
       and tenant.deleted_at is null
       and ($2 is null or tenant.slug = $2)
     order by membership.last_active_at desc nulls last, membership.created_at
     limit 1
$$;

-- Who acts in a tenant, and what they may give to others.
--
-- Everything that changes a tenant, its roles or members goes through act_in (or lock_tenant)
-- first: it writes the tenant's row, so that such changes go one after the other, and reads what
-- the caller may do from the membership as it is then, not from the token. An older snapshot is a
-- serialisation failure. A token may permit less than the membership (an API key): both count.
--
-- Internal, and called from security definer functions only.

create type auth.actor as (tenant_id uuid, user_id uuid, permissions text[]);
comment on type auth.actor is 'Internal: who acts in which tenant, holding what; without a user it is the operator.';

create function auth.deny(code text, message text, tenant_id uuid default null, detail jsonb default '{}')
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform auth.record_event('permission_denied', 'failure', auth.uid(), deny.tenant_id, auth.session_id(),
                              jsonb_build_object('code', deny.code) || deny.detail);
    raise exception '%', deny.message using errcode = '42501', detail = deny.code;
end
$$;
revoke all on function auth.deny(text, text, uuid, jsonb) from public;
comment on function auth.deny(text, text, uuid, jsonb) is 'Internal: records a refusal and raises it, 42501 with its code in DETAIL.';

create function auth.require_operator()
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if not auth.is_operator() then
        perform auth.deny('operator_required', 'only the operator may do this', auth.tenant_id());
    end if;
end
$$;
revoke all on function auth.require_operator() from public;
comment on function auth.require_operator() is 'Internal: refuses whoever does not run the deployment.';

-- Signed in with a session of ours: not with an API key, not with another issuer's token.
create function auth.require_user()
returns auth."user"
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user";
begin
    select u.* into account
      from auth.session as s
      join auth."user" as u on u.id = s.user_id
     where s.id = auth.session_id() and s.user_id = auth.uid() and s.ended_at is null;
    if account.id is null then
        perform auth.deny('not_authenticated', 'sign in to do this');
    end if;
    return account;
end
$$;
revoke all on function auth.require_user() from public;
comment on function auth.require_user() is 'Internal: the signed-in user; refuses everybody else.';

create function auth.lock_tenant(tenant_id uuid)
returns auth.tenant
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    update auth.tenant set updated_at = clock_timestamp() where id = $1 and deleted_at is null returning *
$$;
revoke all on function auth.lock_tenant(uuid) from public;
comment on function auth.lock_tenant(uuid) is
'Internal: the tenant, locked against every other change of it, its roles and members until the transaction ends; null when there is none.';

-- The tenant that the caller means: users act in their active one, the operator names one.
create function auth.meant_tenant(tenant uuid)
returns uuid
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    active uuid := auth.tenant_id();
begin
    if auth.is_operator() then
        if coalesce(tenant, active) is null then
            raise exception 'name the tenant to act in' using errcode = '22023', detail = 'tenant_required';
        end if;
        return coalesce(tenant, active);
    elsif auth.uid() is null then
        raise exception 'sign in to do this' using errcode = '42501', detail = 'not_authenticated';
    elsif active is null or tenant <> active then
        raise exception 'this is not the active tenant' using errcode = '42501', detail = 'tenant_not_active',
            hint = 'Switch to it first: auth.switch_tenant(tenant).';
    end if;
    return active;
end
$$;
revoke all on function auth.meant_tenant(uuid) from public;
comment on function auth.meant_tenant(uuid) is 'Internal: the tenant to act in; refuses a user who names another than the active one.';

create function auth.holds(me auth.actor, wanted text[])
returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select auth.covers(me.permissions, wanted)
       and (me.user_id is null or not exists (select from unnest(wanted) as w (name) where not auth.has_permission(w.name)))
$$;
revoke all on function auth.holds(auth.actor, text[]) from public;
comment on function auth.holds(auth.actor, text[]) is
'Internal: whether the actor holds all these permissions, by membership and by token.';

-- One of the permissions is enough.
create function auth.act_in(tenant uuid, variadic wanted text[])
returns auth.actor
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    me auth.actor;
    refused boolean;
    home auth.tenant;
begin
    me.tenant_id := auth.meant_tenant(tenant);
    me.user_id := case when not auth.is_operator() then auth.uid() end;
    me.permissions := array['*:*'];
    -- By the token first: whoever may not do it anyway does not hold the others up.
    refused := not exists (select from unnest(wanted) as w (name) where auth.holds(me, array[w.name]));
    if not refused then
        home := auth.lock_tenant(me.tenant_id);
        if home.id is null and me.user_id is null then
            raise exception 'there is no such tenant' using errcode = '22023', detail = 'tenant_not_found';
        elsif me.user_id is not null then
            select permissions into me.permissions
              from auth.membership
             where tenant_id = home.id and user_id = me.user_id
               and suspended_at is null and home.suspended_at is null;
            refused := me.permissions is null
                or not exists (select from unnest(wanted) as w (name) where auth.holds(me, array[w.name]));
        end if;
    end if;
    if refused then
        perform auth.deny('permission_missing', 'you do not have the permission to do this', me.tenant_id,
                          jsonb_build_object('wanted', wanted));
    end if;
    return me;
end
$$;
revoke all on function auth.act_in(uuid, text[]) from public;
comment on function auth.act_in(uuid, text[]) is
'Internal: the caller as an actor in the tenant, which is locked from then on; refuses who holds none of the permissions.';

create function auth.reads(tenant uuid, variadic wanted text[])
returns uuid
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    meant uuid := auth.meant_tenant(tenant);
begin
    if not auth.is_operator()
       and not exists (select from unnest(wanted) as w (name) where auth.has_permission(w.name)) then
        raise exception 'you do not have the permission to do this' using errcode = '42501', detail = 'permission_missing';
    end if;
    return meant;
end
$$;
revoke all on function auth.reads(uuid, text[]) from public;
comment on function auth.reads(uuid, text[]) is
'Internal: the tenant that the caller may read of; refuses who holds none of the permissions.';

create function auth.role_of(me auth.actor, role text)
returns auth.role
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    named auth.role;
begin
    select r.* into named from auth.role as r where r.tenant_id = me.tenant_id and r.name = role_of.role;
    if named.id is null then
        raise exception 'there is no such role in this tenant' using errcode = '22023', detail = 'role_not_found';
    end if;
    return named;
end
$$;
revoke all on function auth.role_of(auth.actor, text) from public;
comment on function auth.role_of(auth.actor, text) is 'Internal: a role of the actor''s tenant by its name.';

create function auth.require_held(me auth.actor, wanted text[])
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if not auth.holds(me, wanted) then
        perform auth.deny('permission_not_held', 'nobody gives or takes permissions that they do not hold', me.tenant_id,
                          jsonb_build_object('wanted', wanted));
    end if;
end
$$;
revoke all on function auth.require_held(auth.actor, text[]) from public;
comment on function auth.require_held(auth.actor, text[]) is
'Internal: refuses an actor who does not hold all these permissions.';

create function auth.role_permissions(role_id uuid)
returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select array(select permission::text from auth.role_permission where role_id = $1 order by permission)
$$;
revoke all on function auth.role_permissions(uuid) from public;
comment on function auth.role_permissions(uuid) is 'Internal: what a role permits.';

create function auth.is_last_owner(tenant_id uuid, user_id uuid)
returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select from auth.role
          join auth.membership_role as held on held.role_id = role.id
         where role.tenant_id = $1 and role.name = 'owner' and held.user_id = $2
    ) and not exists (
        select from auth.role
          join auth.membership_role as held on held.role_id = role.id
          join auth.membership on membership.tenant_id = held.tenant_id and membership.user_id = held.user_id
          join auth."user" on "user".id = held.user_id
         where role.tenant_id = $1 and role.name = 'owner' and held.user_id <> $2
           and membership.suspended_at is null
           and ("user".banned_until is null or "user".banned_until <= now())
    )
$$;
revoke all on function auth.is_last_owner(uuid, uuid) from public;
comment on function auth.is_last_owner(uuid, uuid) is
'Internal: whether the user is an owner and no other owner can act. Lock the tenant first.';

create function auth.keep_an_owner(tenant_id uuid, user_id uuid)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if auth.is_last_owner(keep_an_owner.tenant_id, keep_an_owner.user_id) then
        perform auth.deny('last_owner', 'the tenant''s last owner stays: make somebody else an owner first', keep_an_owner.tenant_id);
    end if;
end
$$;
revoke all on function auth.keep_an_owner(uuid, uuid) from public;
comment on function auth.keep_an_owner(uuid, uuid) is 'Internal: refuses to take the last owner away.';

-- Tenants are made by users, who become their owner, or by the operator.
--
-- Security definer: create_tenant (called by any user, writes the tables of schema auth).

drop function auth.create_tenant(text, text);
create function auth.create_tenant(slug text, name text, isolated boolean default false)
returns uuid
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    maker auth."user";
    fresh uuid;
begin
    if auth.is_operator() then
        null;
    elsif create_tenant.isolated then
        perform auth.require_operator();
    else
        maker := auth.require_user();
        if maker.tenant_id is not null then
            perform auth.deny('user_of_another_pool', 'users of an isolated tenant can not create tenants', maker.tenant_id);
        end if;
    end if;
    if create_tenant.slug is null or create_tenant.slug !~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' then
        raise exception 'the tenant''s slug must be 1 to 63 lower-case letters, digits and inner hyphens'
            using errcode = '22023', detail = 'tenant_slug_invalid';
    elsif create_tenant.name is null or length(create_tenant.name) not between 1 and 200 then
        raise exception 'the tenant''s name must have 1 to 200 characters'
            using errcode = '22023', detail = 'tenant_name_invalid';
    end if;
    insert into auth.tenant (slug, name, isolated)
    values (create_tenant.slug, create_tenant.name, coalesce(create_tenant.isolated, false))
    on conflict (slug) do nothing
    returning id into fresh;
    if fresh is null then
        raise exception 'this tenant slug is taken' using errcode = '23505', detail = 'tenant_slug_taken';
    end if;
    perform auth.copy_templates(fresh);
    if maker.id is not null then
        perform auth.add_member(fresh, maker.id, 'owner');
    end if;
    perform auth.record_event('tenant_created', 'success', maker.id, fresh, auth.session_id());
    return fresh;
end
$$;
revoke all on function auth.create_tenant(text, text, boolean) from public;
grant execute on function auth.create_tenant(text, text, boolean) to authenticated, service_role;
comment on function auth.create_tenant(text, text, boolean) is
'Creates a tenant with the roles of the templates and gives its id; the signed-in user becomes its owner. Only the operator makes an isolated one, whose users are a pool of their own. Errors: 42501 when nobody is signed in, 22023 for a bad slug or name, 23505 when the slug is taken.';

-- The life of a tenant: settings, suspension, deletion; and which ones a user is in.
--
-- Security definer: all functions that are granted (they read and write the tables of schema auth).

create function auth.tenant_json(tenant auth.tenant)
returns jsonb
language sql stable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select to_jsonb(tenant)
$$;
revoke all on function auth.tenant_json(auth.tenant) from public;
comment on function auth.tenant_json(auth.tenant) is 'Internal: a tenant with its settings, as its members see it.';

create function auth.update_tenant(changes jsonb, tenant uuid default null)
returns jsonb
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    me auth.actor := auth.act_in(update_tenant.tenant, 'tenant:update');
    fresh auth.tenant;
begin
    if jsonb_typeof(changes) is distinct from 'object' then
        raise exception 'the changes must be a JSON object' using errcode = '22023', detail = 'tenant_setting_invalid';
    elsif changes - array['name', 'sign_up_open', 'session_lifetime', 'session_idle_timeout', 'require_second_factor',
                          'password_min_length', 'allowed_email_domains'] <> '{}' then
        raise exception 'there is no such setting of a tenant' using errcode = '22023', detail = 'tenant_setting_unknown';
    end if;
    select * into strict fresh from auth.tenant where id = me.tenant_id;
    if changes -> 'sign_up_open' = 'true' and not fresh.sign_up_open then
        perform auth.require_invites_members(me);
    end if;
    begin
        fresh := jsonb_populate_record(fresh, changes);
        update auth.tenant as t
           set name = fresh.name,
               sign_up_open = fresh.sign_up_open,
               session_lifetime = fresh.session_lifetime,
               session_idle_timeout = fresh.session_idle_timeout,
               require_second_factor = fresh.require_second_factor,
               password_min_length = fresh.password_min_length,
               allowed_email_domains = fresh.allowed_email_domains
         where t.id = me.tenant_id
        returning * into strict fresh;
    exception
        when data_exception or integrity_constraint_violation then
            raise exception 'a setting of the tenant has a wrong type or value: %', sqlerrm
                using errcode = '22023', detail = 'tenant_setting_invalid';
    end;
    perform auth.record_event('tenant_updated', 'success', me.user_id, me.tenant_id, auth.session_id(), changes);
    return auth.tenant_json(fresh);
end
$$;
revoke all on function auth.update_tenant(jsonb, uuid) from public;
grant execute on function auth.update_tenant(jsonb, uuid) to authenticated, service_role;
comment on function auth.update_tenant(jsonb, uuid) is
'Changes settings of the active tenant and gives them all; permission tenant:update. The changes are an object with any of name, sign_up_open, session_lifetime, session_idle_timeout (intervals), require_second_factor, password_min_length (6 to 128), allowed_email_domains (array); null takes a setting back. The operator names the tenant.';

-- Opening sign-up is inviting everybody as a member.
create function auth.require_invites_members(me auth.actor)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if not (auth.holds(me, array['invitations:create']) or auth.holds(me, array['members:*'])) then
        perform auth.deny('permission_missing', 'you do not have the permission to do this', me.tenant_id);
    end if;
    perform auth.require_held(me, auth.role_permissions(
        (select id from auth.role where tenant_id = me.tenant_id and name = 'member')));
end
$$;
revoke all on function auth.require_invites_members(auth.actor) from public;
comment on function auth.require_invites_members(auth.actor) is
'Internal: refuses an actor who could not invite anybody as a member.';

create function auth.suspend_tenant(tenant uuid)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform auth.require_operator();
    update auth.tenant as t set suspended_at = now(), updated_at = clock_timestamp()
     where t.id = tenant and t.deleted_at is null and t.suspended_at is null;
    if found then
        perform auth.record_event('tenant_suspended', 'success', null, tenant);
    elsif not exists (select from auth.tenant as t where t.id = tenant and t.deleted_at is null) then
        raise exception 'there is no such tenant' using errcode = '22023', detail = 'tenant_not_found';
    end if;
end
$$;
revoke all on function auth.suspend_tenant(uuid) from public;
grant execute on function auth.suspend_tenant(uuid) to service_role;
comment on function auth.suspend_tenant(uuid) is
'For the operator: from the commit on nobody acts in the tenant; tokens for it are worth nothing at their next authenticate.';

create function auth.resume_tenant(tenant uuid)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform auth.require_operator();
    update auth.tenant as t set suspended_at = null, updated_at = clock_timestamp()
     where t.id = tenant and t.deleted_at is null and t.suspended_at is not null;
    if found then
        perform auth.record_event('tenant_resumed', 'success', null, tenant);
    elsif not exists (select from auth.tenant as t where t.id = tenant and t.deleted_at is null) then
        raise exception 'there is no such tenant' using errcode = '22023', detail = 'tenant_not_found';
    end if;
end
$$;
revoke all on function auth.resume_tenant(uuid) from public;
grant execute on function auth.resume_tenant(uuid) to service_role;
comment on function auth.resume_tenant(uuid) is 'For the operator: ends the suspension of a tenant.';

create function auth.delete_tenant(confirm_slug text, tenant uuid default null)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    me auth.actor := auth.act_in(delete_tenant.tenant, 'tenant:delete');
begin
    if me.user_id is not null and not exists (
        select from auth.role
          join auth.membership_role as held on held.role_id = role.id
         where role.tenant_id = me.tenant_id and role.name = 'owner' and held.user_id = me.user_id)
    then
        perform auth.deny('owner_required', 'only an owner may delete the tenant', me.tenant_id);
    end if;
    update auth.tenant set deleted_at = now(), sign_up_open = false where id = me.tenant_id and slug = confirm_slug;
    if not found then
        raise exception 'confirm the deletion with the tenant''s slug' using errcode = '22023', detail = 'confirmation_mismatch';
    end if;
    update auth.invitation set revoked_at = now()
     where tenant_id = me.tenant_id and accepted_at is null and revoked_at is null;
    perform auth.record_event('tenant_deleted', 'success', me.user_id, me.tenant_id, auth.session_id());
end
$$;
revoke all on function auth.delete_tenant(text, uuid) from public;
grant execute on function auth.delete_tenant(text, uuid) to authenticated, service_role;
comment on function auth.delete_tenant(text, uuid) is
'Deletes the active tenant, for its owners, who confirm it with its slug; the operator names the tenant. From the commit on nobody acts in it. Its rows stay for the audit until the operator deletes them from auth.tenant; its slug stays taken.';

create function auth.my_tenants()
returns table (
    id uuid,
    slug text,
    name text,
    roles text[],
    permissions text[],
    active boolean,
    suspended boolean,
    require_second_factor boolean,
    joined_at timestamptz,
    last_active_at timestamptz
)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select t.id, t.slug, t.name, m.roles, m.permissions, t.id is not distinct from auth.tenant_id(),
           t.suspended_at is not null or m.suspended_at is not null, t.require_second_factor,
           m.created_at, m.last_active_at
      from auth.membership as m
      join auth.tenant as t on t.id = m.tenant_id
     where m.user_id = auth.uid() and t.deleted_at is null
     order by t.name, t.id
$$;
revoke all on function auth.my_tenants() from public;
grant execute on function auth.my_tenants() to authenticated;
comment on function auth.my_tenants() is
'The tenants that the signed-in user is in, with their roles and permissions there; active: the one that the token is for; suspended: nobody, or not this user, may act in it.';

create function auth.active_tenant(user_id uuid, tenant_id uuid, aal text)
returns uuid
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select t.id
      from auth.membership as m
      join auth.tenant as t on t.id = m.tenant_id
     where m.tenant_id = $2 and m.user_id = $1
       and m.suspended_at is null and t.suspended_at is null and t.deleted_at is null
       and (not t.require_second_factor or $3 = 'aal2')
$$;
revoke all on function auth.active_tenant(uuid, uuid, text) from public;
comment on function auth.active_tenant(uuid, uuid, text) is
'Internal: the tenant if the user may act in it at this assurance level, else null: what an access token may name.';

create function auth.email_may_join(tenant auth.tenant, email text)
returns boolean
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(tenant.allowed_email_domains is null
                    or split_part(email, '@', 2) = any (tenant.allowed_email_domains), false)
$$;
revoke all on function auth.email_may_join(auth.tenant, text) from public;
comment on function auth.email_may_join(auth.tenant, text) is 'Internal: whether the tenant''s domains allow the (normalised) address.';

create function auth.find_user(email text, tenant text)
returns auth."user"
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    pool uuid := (select id from auth.tenant where slug = find_user.tenant and isolated);
    found auth."user";
begin
    if pool is null then
        select * into found from auth."user"
         where tenant_id is null and email = auth.normalize_email(find_user.email);
    else
        select * into found from auth."user"
         where tenant_id = pool and email = auth.normalize_email(find_user.email);
    end if;
    return found;
end
$$;
revoke all on function auth.find_user(text, text) from public;
comment on function auth.find_user(text, text) is
'Internal: the user of this address in the pool of the tenant with this slug: its own when isolated, else the shared one. Nulls when there is none.';

create function auth.sign_up_tenant(slug text, email text)
returns auth.tenant
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select t.*
      from auth.tenant as t
     where t.slug = $1 and t.suspended_at is null and t.deleted_at is null
       and auth.email_may_join(t, $2)
       and (t.sign_up_open
            or (t.isolated and exists (
                    select from auth.invitation as i
                     where i.tenant_id = t.id and i.email = $2
                       and i.accepted_at is null and i.revoked_at is null and i.expires_at > now())))
$$;
revoke all on function auth.sign_up_tenant(text, text) from public;
comment on function auth.sign_up_tenant(text, text) is
'Internal: the tenant if this (normalised) address may sign up to it: it is open, or isolated and has invited the address. Only an open one is joined by signing up. Nulls otherwise.';

create function auth.judge_password(password text, context text[], tenant auth.tenant, out ok boolean, out reasons text[])
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    select c.ok, c.reasons into strict judge_password.ok, judge_password.reasons
      from auth.check_password_of_length(password, context || tenant.slug || tenant.name, auth.least_password_length(tenant)) as c;
end
$$;
revoke all on function auth.judge_password(text, text[], auth.tenant) from public;
comment on function auth.judge_password(text, text[], auth.tenant) is
'Internal: the password policy together with that of the tenant, which may be all nulls.';

-- Invitations: made by members, sent by mail, accepted by the user of that address.
--
-- Security definer: all functions that are granted (they read and write the tables of schema auth).

create type auth.invitation_result as (
    status text,
    message text,
    id uuid,
    tenant_id uuid,
    email text,
    role text,
    expires_at timestamptz,
    token text,
    retry_after integer
);
comment on type auth.invitation_result is
'What invite and accept_invitation answer: status is ok or a stable code; retry_after is in seconds; token is for the operator only, all others'' goes by mail.';

create function auth.invitation_refusal(status text, message text, retry_after integer default null)
returns auth.invitation_result
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select row(status, message, null, null, null, null, null, null, retry_after)::auth.invitation_result
$$;
revoke all on function auth.invitation_refusal(text, text, integer) from public;
comment on function auth.invitation_refusal(text, text, integer) is 'Internal: a result that is not ok.';

create function auth.invite(email text, role text, tenant uuid default null, lifetime interval default '7 days')
returns auth.invitation_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    address text := auth.normalize_email(invite.email);
    me auth.actor := auth.act_in(invite.tenant, 'invitations:create', 'members:*');
    granted auth.role := auth.role_of(me, invite.role);
    home auth.tenant;
    wait integer;
    secret record;
    result auth.invitation_result;
begin
    perform auth.require_held(me, auth.role_permissions(granted.id));
    select * into strict home from auth.tenant where id = me.tenant_id;
    if address is null then
        return auth.invitation_refusal('validation_failed', 'Unable to validate email address: invalid format');
    elsif lifetime is null or lifetime not between interval '1 minute' and interval '30 days' then
        return auth.invitation_refusal('validation_failed', 'An invitation lives 1 minute to 30 days');
    elsif not auth.email_may_join(home, address) then
        return auth.invitation_refusal('email_address_not_authorized', 'Addresses of this domain may not join the tenant');
    elsif exists (
        select from auth.membership join auth."user" on "user".id = membership.user_id
         where membership.tenant_id = home.id and "user".email = address)
    then
        return auth.invitation_refusal('already_member', 'A user with this address is a member already');
    end if;
    wait := auth.throttle('invite', address, home.id);
    if wait is not null then
        return auth.invitation_refusal('throttled', 'Too many invitations', wait);
    end if;

    select * into strict secret from auth.make_invitation_token();
    update auth.invitation set revoked_at = now()
     where tenant_id = home.id and email = address and accepted_at is null and revoked_at is null;
    insert into auth.invitation (tenant_id, email, role_id, token_hash, invited_by, expires_at)
    values (home.id, address, granted.id, secret.token_hash, me.user_id, clock_timestamp() + lifetime)
    returning id, expires_at into strict result.id, result.expires_at;
    perform auth.enqueue_mail('invitation', address, home.id, jsonb_build_object(
        'token', secret.token, 'tenant_slug', home.slug, 'tenant_name', home.name, 'role', granted.name,
        'invited_by', auth.email(), 'expires_at', result.expires_at));
    perform auth.record_event('invitation_created', 'success', me.user_id, home.id, auth.session_id(),
                              jsonb_build_object('invitation_id', result.id, 'role', granted.name));
    result.status := 'ok';
    result.tenant_id := home.id;
    result.email := address;
    result.role := granted.name;
    result.token := case when me.user_id is null then secret.token end;
    return result;
end
$$;
revoke all on function auth.invite(text, text, uuid, interval) from public;
grant execute on function auth.invite(text, text, uuid, interval) to authenticated, service_role;
comment on function auth.invite(text, text, uuid, interval) is
'Invites an address to the active tenant with a role, in the place of an earlier invitation; permission invitations:create or members:*, and all that the role permits. The operator names the tenant. Statuses: ok, validation_failed, email_address_not_authorized, already_member, throttled.';

create function auth.accept_invitation(token text)
returns auth.invitation_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    account auth."user" := auth.require_user();
    wait integer := auth.throttle('invite', account.id::text, null);
    -- In a variable: a volatile function is no condition for an index.
    hash bytea := auth.invitation_token_hash(accept_invitation.token);
    offered auth.invitation;
    home auth.tenant;
    refusal text;
    result auth.invitation_result;
begin
    if wait is not null then
        return auth.invitation_refusal('throttled', 'Too many attempts', wait);
    end if;
    select * into offered from auth.invitation where token_hash = hash;
    home := auth.lock_tenant(offered.tenant_id);
    if offered.id is null then
        refusal := 'unknown_token';
    elsif offered.email is distinct from account.email then
        refusal := 'other_address';
    elsif account.email_confirmed_at is null then
        return auth.invitation_refusal('email_not_confirmed', 'Email not confirmed');
    else
        refusal := auth.invitation_obstacle(offered, home, account);
    end if;
    if refusal is null then
        -- The one place where it is used up.
        update auth.invitation set accepted_at = now(), accepted_by = account.id
         where id = offered.id and accepted_at is null and revoked_at is null and expires_at > clock_timestamp();
        if not found then
            refusal := 'used_revoked_or_expired';
        end if;
    end if;
    if refusal is not null then
        -- The same answer for all of these; the reason is for the audit.
        perform auth.record_event('invitation_accepted', 'failure', account.id, offered.tenant_id, auth.session_id(),
                                  jsonb_build_object('reason', refusal));
        return auth.invitation_refusal('invite_not_found', 'The invitation does not exist or does not count any more');
    end if;
    select name into strict result.role from auth.role where id = offered.role_id;
    perform auth.add_member(home.id, account.id, result.role);
    perform auth.record_event('invitation_accepted', 'success', account.id, home.id, auth.session_id(),
                              jsonb_build_object('invitation_id', offered.id, 'role', result.role));
    result.status := 'ok';
    result.id := offered.id;
    result.tenant_id := home.id;
    result.email := account.email;
    return result;
end
$$;
revoke all on function auth.accept_invitation(text) from public;
grant execute on function auth.accept_invitation(text) to authenticated;
comment on function auth.accept_invitation(text) is
'Joins the tenant that invited the signed-in user''s confirmed address; switch to it afterwards. A token works once. Statuses: ok, invite_not_found, email_not_confirmed, throttled.';

-- The inviter answers for the role until it is taken up: one who has left, or lost what the role
-- permits, has invited nobody.
create function auth.invitation_obstacle(invitation auth.invitation, home auth.tenant, account auth."user")
returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select case
        when home.id is null or home.suspended_at is not null then 'tenant_closed'
        when account.tenant_id is distinct from (case when home.isolated then home.id end) then 'user_of_another_pool'
        when not auth.email_may_join(home, account.email) then 'domain_not_allowed'
        when exists (select from auth.membership as m
                      where m.tenant_id = home.id and m.user_id = account.id and m.suspended_at is not null) then 'suspended'
        when invitation.invited_by is not null and not exists (
            select from auth.membership as m
             where m.tenant_id = home.id and m.user_id = invitation.invited_by and m.suspended_at is null
               and (auth.covers(m.permissions, '{invitations:create}') or auth.covers(m.permissions, '{members:*}'))
               and auth.covers(m.permissions, auth.role_permissions(invitation.role_id))) then 'inviter_lost_rights'
    end
$$;
revoke all on function auth.invitation_obstacle(auth.invitation, auth.tenant, auth."user") from public;
comment on function auth.invitation_obstacle(auth.invitation, auth.tenant, auth."user") is
'Internal: why the user may not take up the invitation now; null when they may.';

create function auth.revoke_invitation(id uuid, tenant uuid default null)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    me auth.actor := auth.act_in(revoke_invitation.tenant, 'invitations:delete', 'members:*');
begin
    update auth.invitation as i set revoked_at = now()
     where i.id = revoke_invitation.id and i.tenant_id = me.tenant_id and i.accepted_at is null and i.revoked_at is null;
    if not found then
        return false;
    end if;
    perform auth.record_event('invitation_revoked', 'success', me.user_id, me.tenant_id, auth.session_id(),
                              jsonb_build_object('invitation_id', revoke_invitation.id));
    return true;
end
$$;
revoke all on function auth.revoke_invitation(uuid, uuid) from public;
grant execute on function auth.revoke_invitation(uuid, uuid) to authenticated, service_role;
comment on function auth.revoke_invitation(uuid, uuid) is
'Takes a pending invitation of the active tenant back; false when there is none of this id. Permission invitations:delete or members:*. The operator names the tenant.';

create function auth.pending_invitations(tenant uuid default null)
returns table (id uuid, email text, role text, invited_by uuid, created_at timestamptz, expires_at timestamptz)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    meant uuid := auth.reads(pending_invitations.tenant, 'invitations:read', 'members:*');
begin
    return query
    select i.id, i.email, r.name, i.invited_by, i.created_at, i.expires_at
      from auth.invitation as i
      join auth.role as r on r.id = i.role_id
     where i.tenant_id = meant
       and i.accepted_at is null and i.revoked_at is null and i.expires_at > now()
     order by i.created_at;
end
$$;
revoke all on function auth.pending_invitations(uuid) from public;
grant execute on function auth.pending_invitations(uuid) to authenticated, service_role;
comment on function auth.pending_invitations(uuid) is
'The invitations of the active tenant that can still be accepted; permission invitations:read or members:*. The operator names the tenant.';

-- Members and their roles.
--
-- Nobody grants or revokes a role, suspends or removes a member, who holds a permission that they
-- do not hold themselves; and the last owner stays.
--
-- Security definer: all functions that are granted (they read and write the tables of schema auth).

create function auth.member_of(me auth.actor, "user" uuid)
returns auth.membership
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    member auth.membership;
begin
    select m.* into member from auth.membership as m where m.tenant_id = me.tenant_id and m.user_id = member_of."user";
    if member.id is null then
        raise exception 'the user is no member of this tenant' using errcode = '22023', detail = 'member_not_found';
    end if;
    return member;
end
$$;
revoke all on function auth.member_of(auth.actor, uuid) from public;
comment on function auth.member_of(auth.actor, uuid) is 'Internal: a member of the actor''s tenant.';

create function auth.grant_role("user" uuid, role text, tenant uuid default null)
returns text[]
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    me auth.actor := auth.act_in(grant_role.tenant, 'members:update');
    granted auth.role := auth.role_of(me, grant_role.role);
begin
    perform auth.require_held(me, auth.role_permissions(granted.id));
    if me.user_id is not null then
        perform auth.member_of(me, grant_role."user");
    elsif not exists (select from auth."user" as u where u.id = grant_role."user") then
        raise exception 'there is no such user' using errcode = '22023', detail = 'user_not_found';
    end if;
    if auth.add_member(me.tenant_id, grant_role."user", granted.name) then
        perform auth.record_event('role_granted', 'success', me.user_id, me.tenant_id, auth.session_id(),
                                  jsonb_build_object('user_id', grant_role."user", 'role', granted.name));
    end if;
    return (auth.member_of(me, grant_role."user")).roles;
end
$$;
revoke all on function auth.grant_role(uuid, text, uuid) from public;
grant execute on function auth.grant_role(uuid, text, uuid) to authenticated, service_role;
comment on function auth.grant_role(uuid, text, uuid) is
'Grants a member of the active tenant a role and gives all that they hold then; permission members:update, and all that the role permits. It holds at the member''s next transaction. The operator names the tenant, and makes the user a member where they are none.';

create function auth.revoke_role("user" uuid, role text, tenant uuid default null)
returns text[]
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    me auth.actor := auth.act_in(revoke_role.tenant, 'members:update');
    revoked auth.role := auth.role_of(me, revoke_role.role);
begin
    perform auth.require_held(me, auth.role_permissions(revoked.id));
    perform auth.member_of(me, revoke_role."user");
    if revoked.name = 'owner' then
        perform auth.keep_an_owner(me.tenant_id, revoke_role."user");
    end if;
    delete from auth.membership_role as held
     where held.tenant_id = me.tenant_id and held.user_id = revoke_role."user" and held.role_id = revoked.id;
    if found then
        perform auth.record_event('role_revoked', 'success', me.user_id, me.tenant_id, auth.session_id(),
                                  jsonb_build_object('user_id', revoke_role."user", 'role', revoked.name));
    end if;
    return (auth.member_of(me, revoke_role."user")).roles;
end
$$;
revoke all on function auth.revoke_role(uuid, text, uuid) from public;
grant execute on function auth.revoke_role(uuid, text, uuid) to authenticated, service_role;
comment on function auth.revoke_role(uuid, text, uuid) is
'Takes a role from a member of the active tenant and gives what is left; permission members:update, and all that the role permits. The last owner stays one. It holds at the member''s next transaction. The operator names the tenant.';

create function auth.remove_member("user" uuid, tenant uuid default null)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    me auth.actor := auth.act_in(remove_member.tenant, 'members:delete');
begin
    perform auth.require_held(me, (auth.member_of(me, remove_member."user")).permissions);
    perform auth.keep_an_owner(me.tenant_id, remove_member."user");
    delete from auth.membership as m where m.tenant_id = me.tenant_id and m.user_id = remove_member."user";
    perform auth.record_event('member_removed', 'success', me.user_id, me.tenant_id, auth.session_id(),
                              jsonb_build_object('user_id', remove_member."user"));
end
$$;
revoke all on function auth.remove_member(uuid, uuid) from public;
grant execute on function auth.remove_member(uuid, uuid) to authenticated, service_role;
comment on function auth.remove_member(uuid, uuid) is
'Ends a membership of the active tenant; permission members:delete, and all that the member may do. The last owner stays. The operator names the tenant.';

create function auth.leave_tenant()
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user" := auth.require_user();
    home auth.tenant := auth.lock_tenant(auth.meant_tenant(auth.tenant_id()));
begin
    perform auth.keep_an_owner(home.id, account.id);
    delete from auth.membership as m where m.tenant_id = home.id and m.user_id = account.id;
    perform auth.record_event('member_left', 'success', account.id, home.id, auth.session_id());
end
$$;
revoke all on function auth.leave_tenant() from public;
grant execute on function auth.leave_tenant() to authenticated;
comment on function auth.leave_tenant() is
'Ends the signed-in user''s own membership of the active tenant. The last owner stays.';

create function auth.suspend_member("user" uuid, tenant uuid default null)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    me auth.actor := auth.act_in(suspend_member.tenant, 'members:update');
begin
    perform auth.require_held(me, (auth.member_of(me, suspend_member."user")).permissions);
    perform auth.keep_an_owner(me.tenant_id, suspend_member."user");
    update auth.membership as m set suspended_at = now()
     where m.tenant_id = me.tenant_id and m.user_id = suspend_member."user" and m.suspended_at is null;
    if found then
        perform auth.record_event('member_suspended', 'success', me.user_id, me.tenant_id, auth.session_id(),
                                  jsonb_build_object('user_id', suspend_member."user"));
    end if;
end
$$;
revoke all on function auth.suspend_member(uuid, uuid) from public;
grant execute on function auth.suspend_member(uuid, uuid) to authenticated, service_role;
comment on function auth.suspend_member(uuid, uuid) is
'Closes the active tenant to a member, who keeps their roles for later; permission members:update, and all that the member may do. The last owner can not be suspended. The operator names the tenant.';

create function auth.resume_member("user" uuid, tenant uuid default null)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    me auth.actor := auth.act_in(resume_member.tenant, 'members:update');
begin
    perform auth.require_held(me, (auth.member_of(me, resume_member."user")).permissions);
    update auth.membership as m set suspended_at = null
     where m.tenant_id = me.tenant_id and m.user_id = resume_member."user" and m.suspended_at is not null;
    if found then
        perform auth.record_event('member_resumed', 'success', me.user_id, me.tenant_id, auth.session_id(),
                                  jsonb_build_object('user_id', resume_member."user"));
    end if;
end
$$;
revoke all on function auth.resume_member(uuid, uuid) from public;
grant execute on function auth.resume_member(uuid, uuid) to authenticated, service_role;
comment on function auth.resume_member(uuid, uuid) is
'Ends a member''s suspension; permission members:update, and all that the member may do. The operator names the tenant.';

create function auth.tenant_members(tenant uuid default null, after uuid default null, max integer default 1000)
returns table (
    user_id uuid,
    email text,
    user_metadata jsonb,
    roles text[],
    suspended_at timestamptz,
    joined_at timestamptz,
    last_active_at timestamptz
)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    meant uuid := auth.reads(tenant_members.tenant, 'members:read');
begin
    return query
    select m.user_id, u.email, u.user_metadata, m.roles, m.suspended_at, m.created_at, m.last_active_at
      from auth.membership as m
      join auth."user" as u on u.id = m.user_id
     where m.tenant_id = meant
       and m.user_id > coalesce(tenant_members.after, '00000000-0000-0000-0000-000000000000')
     order by m.user_id
     limit least(greatest(tenant_members.max, 0), 10000);
end
$$;
revoke all on function auth.tenant_members(uuid, uuid, integer) from public;
grant execute on function auth.tenant_members(uuid, uuid, integer) to authenticated, service_role;
comment on function auth.tenant_members(uuid, uuid, integer) is
'The members of the active tenant in the order of their ids, at most max (up to 10000) after the given one; permission members:read. The operator names the tenant.';

-- Making and changing roles.
--
-- A role may hold what its maker holds and nothing else; changing one takes all that it held
-- before as well. The owner's role stays what it is.
--
-- Security definer: all functions that are granted (they read and write the tables of schema auth).

create function auth.check_permissions(permissions text[])
returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if permissions is null or cardinality(permissions) > 200 or array_ndims(permissions) > 1
       or exists (select from unnest(permissions) as p (name) where auth.is_permission(p.name) is not true) then
        raise exception 'permissions must be up to 200 texts of the form resource:action, * for any'
            using errcode = '22023', detail = 'permission_malformed';
    end if;
end
$$;
revoke all on function auth.check_permissions(text[]) from public;
comment on function auth.check_permissions(text[]) is 'Internal: refuses what is no list of permissions.';

create function auth.check_role(name text, description text)
returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if name is null or name !~ '^[a-z][a-z0-9_-]{0,62}$' then
        raise exception 'the role''s name must be a lower-case letter and up to 62 more letters, digits, "_" and "-"'
            using errcode = '22023', detail = 'role_name_invalid';
    elsif length(description) > 500 then
        raise exception 'the description must have at most 500 characters' using errcode = '22023', detail = 'description_invalid';
    end if;
end
$$;
revoke all on function auth.check_role(text, text) from public;
comment on function auth.check_role(text, text) is 'Internal: refuses a bad name or description.';

create function auth.create_role(name text, permissions text[], description text default null, tenant uuid default null)
returns uuid
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    me auth.actor := auth.act_in(create_role.tenant, 'roles:create');
    fresh uuid;
begin
    perform auth.check_role(create_role.name, create_role.description);
    perform auth.check_permissions(create_role.permissions);
    perform auth.require_held(me, create_role.permissions);
    if (select count(*) from auth.role as r where r.tenant_id = me.tenant_id) >= 200 then
        raise exception 'a tenant has at most 200 roles' using errcode = '54000', detail = 'too_many_roles';
    end if;
    insert into auth.role (tenant_id, name, description)
    values (me.tenant_id, create_role.name, create_role.description)
        on conflict on constraint role_tenant_id_name_key do nothing
    returning id into fresh;
    if fresh is null then
        raise exception 'there is a role of this name' using errcode = '23505', detail = 'role_name_taken';
    end if;
    perform auth.set_role_permissions(fresh, create_role.permissions);
    perform auth.record_event('role_created', 'success', me.user_id, me.tenant_id, auth.session_id(),
                              jsonb_build_object('role', create_role.name, 'permissions', create_role.permissions));
    return fresh;
end
$$;
revoke all on function auth.create_role(text, text[], text, uuid) from public;
grant execute on function auth.create_role(text, text[], text, uuid) to authenticated, service_role;
comment on function auth.create_role(text, text[], text, uuid) is
'Makes a role of the active tenant and gives its id; permission roles:create, and all that it shall permit. The operator names the tenant. Errors: 42501, 22023 for a bad name or permission, 23505 when the name is taken.';

create function auth.update_role(
    role text,
    permissions text[] default null,
    new_name text default null,
    description text default null,
    tenant uuid default null
)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    me auth.actor := auth.act_in(update_role.tenant, 'roles:update');
    former auth.role := auth.role_of(me, update_role.role);
begin
    perform auth.check_role(coalesce(update_role.new_name, former.name), update_role.description);
    perform auth.check_permissions(coalesce(update_role.permissions, '{}'));
    if former.name = 'owner' and (update_role.permissions is not null or update_role.new_name <> 'owner') then
        perform auth.deny('owner_role_is_fixed', 'the role "owner" can not be changed', me.tenant_id);
    end if;
    perform auth.require_held(me, auth.role_permissions(former.id) || coalesce(update_role.permissions, '{}'));
    if update_role.new_name <> former.name and exists (
        select from auth.role as r where r.tenant_id = me.tenant_id and r.name = update_role.new_name)
    then
        raise exception 'there is a role of this name' using errcode = '23505', detail = 'role_name_taken';
    end if;
    update auth.role as r
       set name = coalesce(update_role.new_name, r.name),
           description = coalesce(update_role.description, r.description),
           updated_at = clock_timestamp()
     where r.id = former.id;
    if update_role.permissions is not null then
        perform auth.set_role_permissions(former.id, update_role.permissions);
    end if;
    perform auth.record_event('role_updated', 'success', me.user_id, me.tenant_id, auth.session_id(),
                              jsonb_build_object('role', former.name, 'new_name', update_role.new_name, 'permissions', update_role.permissions));
end
$$;
revoke all on function auth.update_role(text, text[], text, text, uuid) from public;
grant execute on function auth.update_role(text, text[], text, text, uuid) to authenticated, service_role;
comment on function auth.update_role(text, text[], text, text, uuid) is
'Changes permissions, name or description of a role of the active tenant, null leaves each; permission roles:update, and all that the role permits before and after. It holds at its members'' next transactions. The operator names the tenant.';

create function auth.delete_role(role text, tenant uuid default null)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    me auth.actor := auth.act_in(delete_role.tenant, 'roles:delete');
    former auth.role := auth.role_of(me, delete_role.role);
begin
    if former.name = 'owner' then
        perform auth.deny('owner_role_is_fixed', 'the role "owner" can not be deleted', me.tenant_id);
    end if;
    perform auth.require_held(me, auth.role_permissions(former.id));
    delete from auth.role as r where r.id = former.id;
    perform auth.record_event('role_deleted', 'success', me.user_id, me.tenant_id, auth.session_id(),
                              jsonb_build_object('role', former.name));
end
$$;
revoke all on function auth.delete_role(text, uuid) from public;
grant execute on function auth.delete_role(text, uuid) to authenticated, service_role;
comment on function auth.delete_role(text, uuid) is
'Deletes a role of the active tenant, takes it from its members and its invitations back; permission roles:delete, and all that the role permits. The operator names the tenant.';

create function auth.tenant_roles(tenant uuid default null)
returns table (id uuid, name text, description text, permissions text[], members bigint)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    meant uuid := auth.reads(tenant_roles.tenant, 'roles:read');
begin
    return query
    select r.id, r.name, r.description, auth.role_permissions(r.id),
           (select count(*) from auth.membership_role as held where held.role_id = r.id)
      from auth.role as r
     where r.tenant_id = meant
     order by r.name;
end
$$;
revoke all on function auth.tenant_roles(uuid) from public;
grant execute on function auth.tenant_roles(uuid) to authenticated, service_role;
comment on function auth.tenant_roles(uuid) is
'The roles of the active tenant, what they permit and how many hold them; permission roles:read. The operator names the tenant.';

create function auth.set_role_template(name text, permissions text[], description text default null)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    template uuid;
begin
    perform auth.require_operator();
    perform auth.check_role(set_role_template.name, set_role_template.description);
    perform auth.check_permissions(set_role_template.permissions);
    perform auth.make_templates();
    if set_role_template.name = 'owner' then
        perform auth.deny('owner_role_is_fixed', 'the role "owner" can not be changed');
    end if;
    insert into auth.role as r (name, description)
    values (set_role_template.name, set_role_template.description)
        on conflict (name) where tenant_id is null
        do update set description = coalesce(excluded.description, r.description), updated_at = clock_timestamp()
    returning r.id into strict template;
    perform auth.set_role_permissions(template, set_role_template.permissions);
    perform auth.record_event('role_template_set', 'success', null, null, null,
                              jsonb_build_object('role', set_role_template.name, 'permissions', set_role_template.permissions));
end
$$;
revoke all on function auth.set_role_template(text, text[], text) from public;
grant execute on function auth.set_role_template(text, text[], text) to service_role;
comment on function auth.set_role_template(text, text[], text) is
'For the operator: makes or changes a role that new tenants begin with; tenants that exist keep theirs. The template "owner" is fixed.';

create function auth.describe_permission(permission text, description text)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform auth.require_operator();
    perform auth.check_permissions(array[describe_permission.permission]);
    if length(describe_permission.description) > 500 then
        raise exception 'the description must have at most 500 characters' using errcode = '22023', detail = 'description_invalid';
    end if;
    perform auth.make_templates();
    insert into auth.permission as p (name, description)
    values (describe_permission.permission, describe_permission.description)
        on conflict on constraint permission_pkey do update set description = excluded.description;
end
$$;
revoke all on function auth.describe_permission(text, text) from public;
grant execute on function auth.describe_permission(text, text) to service_role;
comment on function auth.describe_permission(text, text) is
'For the operator: says what a permission of the application is for, so that whoever makes roles finds it in auth.described_permissions(). Without a description it is listed no more; roles may have it all the same.';

create function auth.described_permissions()
returns table (name text, description text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select p.name::text, p.description from auth.permission as p where p.description is not null order by p.name
$$;
revoke all on function auth.described_permissions() from public;
grant execute on function auth.described_permissions() to authenticated, service_role;
comment on function auth.described_permissions() is
'The permissions that the operator has described: what roles can be made of.';

-- Another tenant within the same session.
--
-- Security definer: switch_tenant (called by any user, reads the tables of schema auth and mints).

create function auth.switch_tenant(tenant uuid)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user" := auth.require_user();
    home auth.tenant;
begin
    select t.* into home
      from auth.tenant as t
     where t.id = auth.active_tenant(account.id, switch_tenant.tenant, 'aal2');
    if home.id is null then
        -- Whether there is such a tenant is nobody's business but its members'.
        perform auth.record_event('tenant_switched', 'failure', account.id, auth.tenant_id(), auth.session_id(),
                                  jsonb_build_object('to', switch_tenant.tenant));
        return auth.sign_in_refusal('tenant_not_found', 'You are in no such tenant');
    elsif home.require_second_factor and auth.aal() is distinct from 'aal2' then
        return auth.sign_in_refusal('insufficient_aal', 'This tenant requires a second factor');
    end if;
    update auth.membership as m set last_active_at = now() where m.tenant_id = home.id and m.user_id = account.id;
    perform auth.record_event('tenant_switched', 'success', account.id, home.id, auth.session_id());
    return auth.mint_session_token(auth.session_id(), home.id);
end
$$;
revoke all on function auth.switch_tenant(uuid) from public;
grant execute on function auth.switch_tenant(uuid) to authenticated;
comment on function auth.switch_tenant(uuid) is
'A new access token of the same session for another tenant of the signed-in user. Statuses: ok, tenant_not_found, insufficient_aal.';

-- Refresh: a new access token, and the next refresh token, for one that is given up.
--
-- A token that was used already is answered in one of two ways. Within
-- pg_gatehouse.refresh_reuse_interval of its first use it is taken for a lost answer or a second
-- tab, and gets the token that is unused now: all end with the same one. Later it is taken for
-- theft, and the session ends for thief and user alike (RFC 9700 §4.14.2).
--
-- There is no exception for the token before the unused one, which some servers always answer: a
-- thief and a user who take turns would each bring exactly that token, and nobody would ever know.
--
-- What is serialised: the lock on the session's row comes first, and everything that decides is
-- read after it. Two refreshes of one session never rotate at once.
--
-- Security definer: refresh (called by anybody who has a token, writes the tables of schema auth).

create function auth.refresh(refresh_token text)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    hash bytea := auth.refresh_token_hash(refresh.refresh_token);
    owner uuid;
    wait integer;
    session auth.session;
    account auth."user";
    used auth.refresh_token;
    refusal text;
    next_token text;
    result auth.sign_in_result;
begin
    select session_id into owner from auth.refresh_token where token_hash = hash;
    wait := auth.throttle('refresh', owner::text, null);
    if wait is not null then
        return auth.throttled(wait);
    elsif owner is null then
        return auth.refuse_refresh('refresh_token_not_found', session, account);
    end if;
    select * into session from auth.session where id = owner for no key update;
    select * into account from auth."user" where id = session.user_id;
    refusal := auth.session_refusal(session, account, session.tenant_id);
    if refusal is not null then
        return auth.refuse_refresh(refusal, session, account);
    end if;

    select * into used from auth.refresh_token where token_hash = hash;
    if used.id is null then
        return auth.refuse_refresh('refresh_token_not_found', session, account);
    elsif used.used_at is null then
        next_token := auth.rotate_refresh_token(refresh.refresh_token, used);
    elsif used.used_at + current_setting('pg_gatehouse.refresh_reuse_interval')::interval > clock_timestamp() then
        next_token := auth.follow_refresh_chain(refresh.refresh_token, used.id);
        if next_token is null then
            return auth.refuse_refresh('refresh_token_superseded', session, account);
        end if;
    else
        return auth.refuse_refresh('refresh_token_reused', session, account);
    end if;
    result := auth.issue_access_token(session, account, session.tenant_id);
    result.refresh_token := next_token;
    perform auth.record_event('refresh', 'success', account.id, session.tenant_id, session.id,
                              jsonb_build_object('repeated', used.used_at is not null));
    return result;
end
$$;
revoke all on function auth.refresh(text) from public;
grant execute on function auth.refresh(text) to anon, authenticated, service_role;
comment on function auth.refresh(text) is
'Gives a new access token and the next refresh token for a refresh token; a wrong one is a row, not an error. A used one is answered again for pg_gatehouse.refresh_reuse_interval after its first use; later it ends the session. Statuses: ok, refresh_token_not_found, refresh_token_already_used, session_not_found, session_expired, user_banned, throttled.';

create function auth.rotate_refresh_token(token text, used auth.refresh_token)
returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Random, and gone with a rollback: whoever rolls back learns nothing of what comes later.
    fresh uuid := gen_random_uuid();
    next_token text := auth.next_refresh_token(rotate_refresh_token.token, fresh);
begin
    update auth.refresh_token set used_at = clock_timestamp() where id = used.id;
    insert into auth.refresh_token (id, session_id, parent_id, token_hash)
    values (fresh, used.session_id, used.id, auth.refresh_token_hash(next_token));
    return next_token;
end
$$;
revoke all on function auth.rotate_refresh_token(text, auth.refresh_token) from public;
comment on function auth.rotate_refresh_token(text, auth.refresh_token) is
'Internal: uses a token up and gives its successor. The caller has locked the session.';

create function auth.refuse_refresh(reason text, session auth.session, account auth."user")
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    status text := case when reason in ('refresh_token_reused', 'refresh_token_superseded')
                        then 'refresh_token_already_used' else reason end;
begin
    perform auth.record_event('refresh', 'failure', account.id, session.tenant_id, session.id,
                              jsonb_build_object('reason', reason));
    if reason = 'refresh_token_reused' then
        -- Here for this transaction, and in one of its own in case the caller rolls this one back.
        update auth.session as s set ended_at = clock_timestamp(), end_reason = refuse_refresh.reason
         where s.id = session.id and s.ended_at is null;
        perform auth.revoke_session_always(session.id, refuse_refresh.reason);
    elsif reason = 'session_expired' then
        update auth.session as s set ended_at = clock_timestamp(), end_reason = 'expired'
         where s.id = session.id and s.ended_at is null;
    end if;
    return auth.sign_in_refusal(status, auth.session_refusal_message(status));
end
$$;
revoke all on function auth.refuse_refresh(text, auth.session, auth."user") from public;
comment on function auth.refuse_refresh(text, auth.session, auth."user") is
'Internal: records why a refresh is refused, ends the session if that is the answer to it, and says so.';

-- A user's own sessions: seen, named and ended by the user.
--
-- Who is asking is what the sealed claims say, never a parameter.
--
-- Security definer: sign_out, my_sessions, end_session, update_session (called by any user, reach
-- that user's rows of auth.session), prune_sessions (for service_role).

create function auth.require_session()
returns uuid
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if auth.uid() is null then
        raise exception 'sign in first' using errcode = '42501', detail = 'not_authenticated';
    elsif auth.session_id() is null then
        -- An API key, or a token of another issuer: it does not manage its user's account.
        raise exception 'this needs a token that belongs to a session'
            using errcode = '42501', detail = 'session_required';
    end if;
    return auth.uid();
end
$$;
revoke all on function auth.require_session() from public;
comment on function auth.require_session() is
'Internal: the user whose session is asking; 42501 when there is none.';

create function auth.sign_out(scope text default 'global')
returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    who uuid := auth.require_session();
    ended integer;
begin
    if scope is null or scope not in ('global', 'local', 'others') then
        raise exception 'the scope of a sign-out is global, local or others'
            using errcode = '22023', detail = 'scope_unknown';
    end if;
    if scope = 'local' then
        update auth.session set ended_at = clock_timestamp(), end_reason = 'signed_out'
         where id = auth.session_id() and user_id = who and ended_at is null;
        get diagnostics ended = row_count;
    else
        ended := auth.end_sessions_of(
            who, null, 'signed_out', spare => case when scope = 'others' then auth.session_id() end);
    end if;
    perform auth.record_event('sign_out', 'success', who, auth.tenant_id(), auth.session_id(),
                              jsonb_build_object('scope', scope, 'sessions', ended));
    return ended;
end
$$;
revoke all on function auth.sign_out(text) from public;
grant execute on function auth.sign_out(text) to authenticated, service_role;
comment on function auth.sign_out(text) is
'Ends the user''s sessions: all (global), this one (local) or all but this one (others); gives how many. Their access tokens are refused from the commit on. Errors: 42501 when nobody is signed in, 22023 for another scope.';

create function auth.my_sessions(
    out id uuid,
    out created_at timestamptz,
    out refreshed_at timestamptz,
    out expires_at timestamptz,
    out device_name text,
    out ip inet,
    out user_agent text,
    out tenant_id uuid,
    out aal text,
    out current boolean
)
returns setof record
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select s.id, s.created_at, s.refreshed_at, least(s.expires_at, s.created_at + limits.lifetime),
           s.device_name, s.ip, s.user_agent, s.tenant_id, s.aal, s.id is not distinct from auth.session_id()
      from auth.session as s
      cross join lateral auth.session_limits(s.tenant_id) as limits
     where s.user_id = auth.require_session()
       and s.ended_at is null
       and least(s.expires_at, s.created_at + limits.lifetime) > clock_timestamp()
       and s.refreshed_at + limits.idle_timeout > clock_timestamp()
     order by s.refreshed_at desc, s.id
$$;
revoke all on function auth.my_sessions() from public;
grant execute on function auth.my_sessions() to authenticated, service_role;
comment on function auth.my_sessions() is
'The user''s living sessions, the one used last first; current is the one that is asking. Error 42501 when nobody is signed in.';

create function auth.end_session(id uuid)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    who uuid := auth.require_session();
begin
    update auth.session as s set ended_at = clock_timestamp(), end_reason = 'ended_by_user'
     where s.id = end_session.id and s.user_id = who and s.ended_at is null;
    if found then
        perform auth.record_event('session_ended', 'success', who, auth.tenant_id(), end_session.id);
    end if;
    return found;
end
$$;
revoke all on function auth.end_session(uuid) from public;
grant execute on function auth.end_session(uuid) to authenticated, service_role;
comment on function auth.end_session(uuid) is
'Ends one of the user''s own sessions; false when there is no such living session. Error 42501 when nobody is signed in.';

create function auth.update_session(device_name text)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    who uuid := auth.require_session();
    name text := nullif(btrim(update_session.device_name), '');
begin
    if length(name) > 100 or name ~ '[[:cntrl:]]' then
        raise exception 'the device''s name may have up to 100 characters and no control characters'
            using errcode = '22023', detail = 'device_name_invalid';
    end if;
    update auth.session as s set device_name = name where s.id = auth.session_id() and s.user_id = who;
end
$$;
revoke all on function auth.update_session(text) from public;
grant execute on function auth.update_session(text) to authenticated, service_role;
comment on function auth.update_session(text) is
'Names the device of the session that is asking; null or blank takes the name away. Errors: 42501 when nobody is signed in, 22023 for a name over 100 characters.';

create function auth.prune_sessions(older_than interval default '30 days', batch integer default 10000)
returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    pruned integer;
begin
    if older_than is null or older_than < interval '0' or batch is null or batch not between 1 and 1000000 then
        raise exception 'older_than must not be negative, and batch must be 1 to 1000000'
            using errcode = '22023', detail = 'prune_limits_invalid';
    end if;
    with dead as (
        select id from auth.session
         where least(ended_at, expires_at) < clock_timestamp() - older_than
         order by least(ended_at, expires_at)
         limit batch
           for update skip locked
    )
    delete from auth.session using dead where session.id = dead.id;
    get diagnostics pruned = row_count;
    return pruned;
end
$$;
revoke all on function auth.prune_sessions(interval, integer) from public;
grant execute on function auth.prune_sessions(interval, integer) to service_role;
comment on function auth.prune_sessions(interval, integer) is
'Deletes sessions that have been dead for that long, with their refresh tokens, at most batch of them; gives how many. Call it again until it gives less than batch. Error 22023 for limits out of range.';

-- Users change their own password, metadata and e-mail address.
--
-- Security definer: update_user (called by any user, writes that user's row).

create function auth.merge_user_metadata(old jsonb, new jsonb)
returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select (old || new) - array(select key from jsonb_each(new) where value = 'null')
$$;
revoke all on function auth.merge_user_metadata(jsonb, jsonb) from public;
comment on function auth.merge_user_metadata(jsonb, jsonb) is
'Internal: the members of both, the new ones winning; a null takes a member away.';

create function auth.password_words(account auth."user", tenant_id uuid)
returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select array[account.email, account.user_metadata ->> 'name', tenant.slug, tenant.name]
      from (select) as always
      left join auth.tenant on tenant.id = $2
$$;
revoke all on function auth.password_words(auth."user", uuid) from public;
comment on function auth.password_words(auth."user", uuid) is
'Internal: words that a user''s password must not be built on.';

create function auth.recently_authenticated(session_id uuid, besides text default null)
returns boolean
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select from auth.session, jsonb_to_recordset(amr) as proof (method text, "timestamp" bigint)
         where session.id = $1
           and proof.method is distinct from $2
           and to_timestamp(proof."timestamp") > clock_timestamp() - interval '15 minutes')
$$;
revoke all on function auth.recently_authenticated(uuid, text) from public;
comment on function auth.recently_authenticated(uuid, text) is
'Internal: whether the session''s user showed who they are in the last 15 minutes, by another method than the one named.';

create function auth.reauthentication_refusal(account auth."user", current_password text, nonce text)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    required text := current_setting('pg_gatehouse.password_change_requires');
    wait integer;
begin
    if current_password is not null then
        -- Whoever stole a session must not be able to try passwords here.
        wait := auth.throttle('sign_in', account.email, null);
        if wait is not null then
            return auth.throttled(wait);
        elsif auth.verify_credential(current_password, account.password_hash) then
            perform auth.throttle_outcome('sign_in', account.email, true);
            return null;
        end if;
        perform auth.throttle_outcome('sign_in', account.email, false);
        return auth.sign_in_refusal('invalid_credentials', 'The current password is not right');
    elsif nonce is not null then
        return case when not auth.reauthenticated(nonce)
                    then auth.sign_in_refusal('reauthentication_not_valid', 'Nonce has expired or is invalid') end;
    elsif required = 'session'
        or required = 'recent_sign_in' and auth.recently_authenticated(auth.session_id())
        -- A mailed code or a second factor: whoever has forgotten the password has no current one.
        or auth.recently_authenticated(auth.session_id(), besides => 'password')
    then
        return null;
    end if;
    return auth.sign_in_refusal('reauthentication_needed', 'Password update requires reauthentication');
end
$$;
revoke all on function auth.reauthentication_refusal(auth."user", text, text) from public;
comment on function auth.reauthentication_refusal(auth."user", text, text) is
'Internal: why a user may not change the password now (pg_gatehouse.password_change_requires); null when it may be changed.';

create function auth.password_refusal(account auth."user", password text, tenant_id uuid)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    verdict record;
begin
    if password = '' then
        return auth.sign_in_refusal('validation_failed', 'The password is empty');
    end if;
    select c.* into strict verdict
      from auth.check_password_of_length(password, auth.password_words(account, tenant_id), auth.least_password_length(
               (select t from auth.tenant as t where t.id = tenant_id))) as c;
    if not verdict.ok then
        return auth.sign_in_refusal('weak_password', array_to_string(verdict.reasons, ' '), verdict.reasons);
    elsif account.password_hash is not null and auth.verify_credential(password, account.password_hash) then
        return auth.sign_in_refusal('same_password', 'New password should be different from the old password.');
    end if;
    return null;
end
$$;
revoke all on function auth.password_refusal(auth."user", text, uuid) from public;
comment on function auth.password_refusal(auth."user", text, uuid) is
'Internal: why a password can not be a user''s next one; null when it can.';

create function auth.update_refusal(
    account auth."user", password text, email text, user_metadata jsonb, current_password text, nonce text)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    refusal auth.sign_in_result;
begin
    if (case when jsonb_typeof(user_metadata) <> 'object' then true
            else pg_column_size(auth.merge_user_metadata(account.user_metadata, user_metadata)) > 16384 end)
    then
        return auth.sign_in_refusal('validation_failed', 'User metadata must be a JSON object of at most 16 KiB');
    elsif email is not null and auth.normalize_email(email) is null then
        return auth.sign_in_refusal('validation_failed', 'Unable to validate email address: invalid format');
    elsif (password is not null or email is not null)
        and auth.has_second_factor(account.id) and auth.aal() is distinct from 'aal2'
    then
        return auth.sign_in_refusal('insufficient_aal',
            'AAL2 session is required to update email or password when MFA is enabled.');
    end if;
    if password is not null then
        refusal := auth.reauthentication_refusal(account, current_password, nonce);
        if refusal.status is null then
            refusal := auth.password_refusal(account, password, auth.tenant_id());
        end if;
    end if;
    if refusal.status is null and auth.normalize_email(email) <> coalesce(account.email, '') then
        refusal := auth.request_email_change(auth.normalize_email(email));
        if refusal.status = 'ok' then
            return null;
        end if;
    end if;
    return refusal;
end
$$;
revoke all on function auth.update_refusal(auth."user", text, text, jsonb, text, text) from public;
comment on function auth.update_refusal(auth."user", text, text, jsonb, text, text) is
'Internal: why an update of a user is refused as a whole; null when it is not. A change of the e-mail address is begun by it.';

create function auth.update_user(
    password text default null,
    email text default null,
    user_metadata jsonb default null,
    current_password text default null,
    nonce text default null
)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    who uuid := auth.require_session();
    account auth."user";
    refusal auth.sign_in_result;
    result auth.sign_in_result;
begin
    select * into account from auth."user" where id = who for no key update;
    if account.id is null then
        return auth.sign_in_refusal('user_not_found', 'User from sub claim in JWT does not exist');
    end if;
    refusal := auth.update_refusal(account, update_user.password, update_user.email, update_user.user_metadata,
                                   update_user.current_password, update_user.nonce);
    if refusal.status is not null then
        perform auth.record_event('user_updated', 'failure', who, auth.tenant_id(), auth.session_id(),
                                  jsonb_build_object('reason', refusal.status));
        return refusal;
    end if;
    update auth."user" as u
       set password_hash = case when update_user.password is null then u.password_hash
                                else auth.hash_password(update_user.password) end,
           user_metadata = auth.merge_user_metadata(u.user_metadata, coalesce(update_user.user_metadata, '{}')),
           updated_at = now()
     where u.id = who
    returning * into strict account;
    if update_user.password is not null then
        perform auth.end_sessions_of(who, null, 'password_changed', spare => auth.session_id());
        perform auth.record_event('password_changed', 'success', who, auth.tenant_id(), auth.session_id());
    end if;
    perform auth.record_event('user_updated', 'success', who, auth.tenant_id(), auth.session_id());
    result.status := 'ok';
    result."user" := auth.user_json(account);
    return result;
end
$$;
revoke all on function auth.update_user(text, text, jsonb, text, text) from public;
grant execute on function auth.update_user(text, text, jsonb, text, text) to authenticated, service_role;
comment on function auth.update_user(text, text, jsonb, text, text) is
'Changes the user who is signed in: all that is asked for, or nothing. A new password ends the user''s other sessions; user_metadata is merged member by member, null takes one away; a new e-mail address counts once it is confirmed. current_password or nonce (a reauthentication code) where pg_gatehouse.password_change_requires asks for it. Statuses: ok, validation_failed, weak_password (see reasons), same_password, invalid_credentials, reauthentication_needed, reauthentication_not_valid, insufficient_aal, throttled, and those of request_email_change. Error 42501 when nobody is signed in.';

-- One-time tokens: a link and a code of six digits that are mailed and count once.
--
-- Rows are only ever added: the newest of a purpose and subject counts, and by that voids the ones
-- before. So nobody can block another's mail or code by holding a row lock. For the same reason
-- wrong codes are not counted in the row but in shared memory, where no rollback undoes the count.

create table auth.one_time_token (
    id uuid constraint one_time_token_pkey primary key default pg_catalog.gen_random_uuid(),
    purpose text not null constraint one_time_token_purpose_check check (purpose in (
        'confirm_email', 'recovery', 'magic_link', 'email_change_current', 'email_change_new', 'reauthentication')),
    subject uuid not null,
    user_id uuid constraint one_time_token_user_id_fkey references auth."user" (id) on delete cascade,
    address text not null,
    token_hash bytea not null constraint one_time_token_token_hash_key unique,
    code_hash bytea not null,
    data jsonb not null default '{}',
    issued_at timestamptz not null default clock_timestamp(),
    code_expires_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz
);
create index one_time_token_subject_idx on auth.one_time_token (subject, purpose, issued_at desc, id desc);
create index one_time_token_user_id_idx on auth.one_time_token (user_id);
create index one_time_token_new_address_idx on auth.one_time_token (address, issued_at desc) where purpose = 'email_change_new';
create index one_time_token_issued_at_idx on auth.one_time_token (issued_at);
revoke all on table auth.one_time_token from public;
comment on table auth.one_time_token is 'Mailed links and codes, as keyed hashes. Reached through functions only.';
comment on column auth.one_time_token.subject is 'The user; for an address without one, a keyed hash of the address, so that both take the same work.';
comment on column auth.one_time_token.address is 'Where it was mailed to; it counts only while the user has this address.';
comment on column auth.one_time_token.token_hash is 'Keyed hash of the link''s token.';
comment on column auth.one_time_token.code_hash is 'Keyed hash of the code together with id, purpose, subject and address: in another row it means nothing.';
comment on column auth.one_time_token.data is 'What the act needs; never a secret.';
select pg_catalog.pg_extension_config_dump('auth.one_time_token', '');

create function auth.new_one_time_secret(out token text, out code text)
returns setof record
language c volatile parallel unsafe rows 1
as 'MODULE_PATHNAME', 'new_one_time_secret_wrapper';
revoke all on function auth.new_one_time_secret() from public;
comment on function auth.new_one_time_secret() is 'Internal: a random link token and a random code.';

create function auth.read_link_token(token text)
returns text
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'read_link_token_wrapper';
revoke all on function auth.read_link_token(text) from public;
comment on function auth.read_link_token(text) is 'Internal: the link token; null when it can be none.';

create function auth.read_code(code text)
returns text
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'read_code_wrapper';
revoke all on function auth.read_code(text) from public;
comment on function auth.read_code(text) is 'Internal: the six digits of a code as people type it; null when it is none.';

create function auth.count_attempt(id uuid, until timestamptz)
returns integer
language c volatile strict parallel unsafe
as 'MODULE_PATHNAME', 'count_attempt_wrapper';
revoke all on function auth.count_attempt(uuid, timestamptz) from public;
comment on function auth.count_attempt(uuid, timestamptz) is
'Internal: counts an attempt at the code, factor or user with this id, in shared memory, and gives how many there were until they are forgotten at the time that the first fixed. No rollback undoes it.';

create function auth.attempts_wait(id uuid)
returns integer
language c volatile strict parallel unsafe
as 'MODULE_PATHNAME', 'attempts_wait_wrapper';
revoke all on function auth.attempts_wait(uuid) from public;
comment on function auth.attempts_wait(uuid) is 'Internal: seconds until the attempts are forgotten; null when there are none.';

create function auth.forget_attempts(id uuid)
returns void
language c volatile strict parallel unsafe
as 'MODULE_PATHNAME', 'forget_attempts_wrapper';
revoke all on function auth.forget_attempts(uuid) from public;
comment on function auth.forget_attempts(uuid) is 'Internal: forgets the attempts, after a success.';

create function auth.max_attempts()
returns integer
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as 'select 5';
revoke all on function auth.max_attempts() from public;
comment on function auth.max_attempts() is 'Internal: how often a code may be tried.';

create function auth.address_subject(address text)
returns uuid
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    select encode(substr(auth.keyed_hash('one_time_subject', address), 1, 16), 'hex')::uuid
$$;
revoke all on function auth.address_subject(text) from public;
comment on function auth.address_subject(text) is 'Internal: what stands in the place of the user for an address that nobody has.';

create function auth.subject_of(user_id uuid, address text)
returns uuid
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Computed for everybody: the same work.
    instead uuid := auth.address_subject(address);
begin
    return coalesce(user_id, instead);
end
$$;
revoke all on function auth.subject_of(uuid, text) from public;
comment on function auth.subject_of(uuid, text) is 'Internal: whose tokens they are: the user''s, or those of an address that nobody has.';

create function auth.code_hash(id uuid, purpose text, subject uuid, address text, code text)
returns bytea
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    -- A JSON array: no two lists of parts give the same text.
    select auth.keyed_hash('one_time_code', jsonb_build_array(id, purpose, subject, address, code)::text)
$$;
revoke all on function auth.code_hash(uuid, text, uuid, text, text) from public;
comment on function auth.code_hash(uuid, text, uuid, text, text) is 'Internal: the keyed hash of a code, bound to its row.';

create function auth.issue_one_time_token(
    purpose text,
    user_id uuid,
    address text,
    data jsonb,
    out token text,
    out code text
)
returns record
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    row_id uuid := gen_random_uuid();
    subject uuid := auth.subject_of(issue_one_time_token.user_id, issue_one_time_token.address);
    at timestamptz := clock_timestamp();
begin
    select fresh.token, fresh.code into strict token, code from auth.new_one_time_secret() as fresh;
    insert into auth.one_time_token
           (id, purpose, subject, user_id, address, token_hash, code_hash, data, issued_at, code_expires_at, expires_at)
    values (row_id, issue_one_time_token.purpose, subject, issue_one_time_token.user_id, issue_one_time_token.address,
            auth.keyed_hash('one_time_token', issue_one_time_token.token),
            auth.code_hash(row_id, issue_one_time_token.purpose, subject, issue_one_time_token.address, issue_one_time_token.code),
            coalesce(issue_one_time_token.data, '{}'), at,
            at + current_setting('pg_gatehouse.one_time_code_ttl')::interval,
            at + current_setting('pg_gatehouse.one_time_link_ttl')::interval);
    -- More than the longest life of a link: what is deleted was void, and so was all before it.
    delete from auth.one_time_token
     where id = any (array(select id from auth.one_time_token
                            where issued_at < at - interval '8 days'
                            order by issued_at limit 4 for update skip locked));
end
$$;
revoke all on function auth.issue_one_time_token(text, uuid, text, jsonb) from public;
comment on function auth.issue_one_time_token(text, uuid, text, jsonb) is
'Internal: makes a link token and a code for an address and voids those of the same purpose before. user_id is null for an address that nobody has.';

create function auth.current_one_time_token(subject uuid, purpose text)
returns auth.one_time_token
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select t from auth.one_time_token as t
     where t.subject = $1 and t.purpose = $2
     order by t.issued_at desc, t.id desc
     limit 1
$$;
revoke all on function auth.current_one_time_token(uuid, text) from public;
comment on function auth.current_one_time_token(uuid, text) is 'Internal: the one that counts, whether still good or not.';

create function auth.code_matches(token auth.one_time_token, code text)
returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    nothing uuid := '00000000-0000-0000-0000-000000000000';
    -- All of this is done also when there is nothing to compare with: the same work. Counted before
    -- it is compared, so that tries at the same time are counted too.
    tries integer := auth.count_attempt(coalesce(token.id, nothing), coalesce(token.expires_at, 'epoch'));
    hash bytea := auth.code_hash(coalesce(token.id, nothing), coalesce(token.purpose, 'recovery'),
                                 coalesce(token.subject, nothing), coalesce(token.address, 'nobody@example.com'), coalesce(code, ''));
begin
    return coalesce(token.used_at is null and token.code_expires_at > clock_timestamp()
                    and tries <= auth.max_attempts() and hash = token.code_hash, false);
end
$$;
revoke all on function auth.code_matches(auth.one_time_token, text) from public;
comment on function auth.code_matches(auth.one_time_token, text) is
'Internal: whether the code is that of the token, which must be alive; counts the attempt.';

create function auth.spend_one_time_token(id uuid)
returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Whoever comes second waits for the row and then finds it used.
    update auth.one_time_token as t set used_at = clock_timestamp()
     where t.id = spend_one_time_token.id and t.used_at is null and t.expires_at > clock_timestamp();
    return found;
end
$$;
revoke all on function auth.spend_one_time_token(uuid) from public;
comment on function auth.spend_one_time_token(uuid) is 'Internal: marks it used; false when it was used or has expired.';

create function auth.void_one_time_tokens(user_id uuid)
returns void
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    update auth.one_time_token as t set used_at = clock_timestamp() where t.user_id = $1 and t.used_at is null
$$;
revoke all on function auth.void_one_time_tokens(uuid) from public;
comment on function auth.void_one_time_tokens(uuid) is 'Internal: voids all that a user was mailed, after a change of credentials.';

-- Mail to be sent: written in the transaction that causes it, sent by the front after its commit.
--
-- What is in a mail lets its reader in, so the data are sealed: whoever reads the table or a dump
-- without the master key learns that there was a mail, not what was in it.
--
-- Security definer: take_mail, mail_sent, mail_failed (called by service_role, write the table).

create table auth.mail_outbox (
    id uuid constraint mail_outbox_pkey primary key default pg_catalog.gen_random_uuid(),
    kind text not null constraint mail_outbox_kind_check check (kind ~ '^[a-z][a-z_]{0,62}$'),
    recipient text not null,
    tenant_id uuid constraint mail_outbox_tenant_id_fkey references auth.tenant (id) on delete cascade,
    data bytea,
    attempts integer not null default 0,
    due_at timestamptz not null default clock_timestamp(),
    created_at timestamptz not null default clock_timestamp(),
    done_at timestamptz,
    state text not null default 'waiting'
        constraint mail_outbox_state_check check (state in ('waiting', 'sent', 'dead', 'dropped')),
    last_error text
);
create index mail_outbox_due_at_idx on auth.mail_outbox (due_at) where done_at is null;
create index mail_outbox_created_at_idx on auth.mail_outbox (created_at);
create index mail_outbox_tenant_id_idx on auth.mail_outbox (tenant_id);
revoke all on table auth.mail_outbox from public;
comment on table auth.mail_outbox is 'Mail to be sent, and what became of it, for 30 days. Reached through functions only.';
comment on column auth.mail_outbox.data is 'Sealed JSON: what the template needs, tokens and codes among it; null once it is done.';
comment on column auth.mail_outbox.due_at is 'When it is to be taken next: while a sender has it, the end of its lease.';
comment on column auth.mail_outbox.state is 'waiting; sent; dead: given up after 8 attempts; dropped: never meant to be sent, the address has no user.';
select pg_catalog.pg_extension_config_dump('auth.mail_outbox', '');

create function auth.enqueue_mail(kind text, recipient text, tenant_id uuid, data jsonb, send boolean default true)
returns uuid
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    fresh uuid := gen_random_uuid();
    sealed bytea := auth.seal('mail:' || fresh, convert_to(enqueue_mail.data::text, 'UTF8'));
    at timestamptz := clock_timestamp();
begin
    insert into auth.mail_outbox (id, kind, recipient, tenant_id, data, state, done_at)
    values (fresh, enqueue_mail.kind, enqueue_mail.recipient, enqueue_mail.tenant_id, sealed,
            case when enqueue_mail.send then 'waiting' else 'dropped' end,
            case when not enqueue_mail.send then clock_timestamp() end);
    delete from auth.mail_outbox
     where id = any (array(select id from auth.mail_outbox
                            where created_at < at - interval '30 days'
                            order by created_at limit 4 for update skip locked));
    return fresh;
end
$$;
revoke all on function auth.enqueue_mail(text, text, uuid, jsonb, boolean) from public;
comment on function auth.enqueue_mail(text, text, uuid, jsonb, boolean) is
'Internal: a mail to be sent when this transaction commits. With send false it is written and never sent: the same work for an address that must not get it.';

create function auth.take_mail(
    "limit" integer default 10,
    lease interval default '2 minutes',
    out id uuid,
    out kind text,
    out recipient text,
    out tenant_id uuid,
    out data jsonb,
    out attempt integer
)
returns setof record
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    -- Read once: an index is of no use against a clock that ticks on.
    at timestamptz := clock_timestamp();
begin
    -- A sender that dies keeps its mail no longer than its lease; one that dies each time, 8 times.
    return query
    with taken as (
        update auth.mail_outbox as m
           set attempts = least(m.attempts + 1, 8),
               due_at = at + greatest(least(take_mail.lease, interval '1 hour'), interval '1 second'),
               state = case when m.attempts < 8 then 'waiting' else 'dead' end,
               done_at = case when m.attempts >= 8 then at end,
               data = case when m.attempts < 8 then m.data end,
               last_error = case when m.attempts < 8 then m.last_error else coalesce(m.last_error, 'no sender ever told what became of it') end
         where m.id = any (array(select w.id from auth.mail_outbox as w
                                  where w.done_at is null and w.due_at <= at
                                  order by w.due_at
                                  limit least(greatest(take_mail."limit", 0), 1000)
                                  for update skip locked))
        returning m.*
    )
    select t.id, t.kind, t.recipient, t.tenant_id,
           convert_from(auth.unseal('mail:' || t.id, t.data), 'UTF8')::jsonb, t.attempts
      from taken as t
     where t.state = 'waiting'
     order by t.created_at;
end
$$;
revoke all on function auth.take_mail(integer, interval) from public;
grant execute on function auth.take_mail(integer, interval) to service_role;
comment on function auth.take_mail(integer, interval) is
'For the front: up to limit (at most 1000) mails that are due, opened, nobody else''s for the time of the lease (1 second to 1 hour). Answer each with mail_sent or mail_failed; without an answer it is due again when the lease ends.';

create function auth.mail_sent(id uuid)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update auth.mail_outbox as m
       set state = 'sent', done_at = clock_timestamp(), data = null, last_error = null
     where m.id = mail_sent.id and m.done_at is null;
    return found;
end
$$;
revoke all on function auth.mail_sent(uuid) from public;
grant execute on function auth.mail_sent(uuid) to service_role;
comment on function auth.mail_sent(uuid) is 'For the front: the mail was handed to the mail server; what was in it is forgotten. False when it was done already.';

create function auth.mail_failed(id uuid, error text)
returns timestamptz
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    again timestamptz;
begin
    update auth.mail_outbox as m
       set last_error = left(mail_failed.error, 500),
           state = case when m.attempts >= 8 then 'dead' else 'waiting' end,
           done_at = case when m.attempts >= 8 then clock_timestamp() end,
           data = case when m.attempts < 8 then m.data end,
           -- 15 seconds, doubled each time, up to half an hour: all eight within the hour.
           due_at = clock_timestamp() + interval '15 seconds' * power(2, least(greatest(m.attempts, 1) - 1, 7))
     where m.id = mail_failed.id and m.done_at is null
    returning case when m.done_at is null then m.due_at end into again;
    return again;
end
$$;
revoke all on function auth.mail_failed(uuid, text) from public;
grant execute on function auth.mail_failed(uuid, text) to service_role;
comment on function auth.mail_failed(uuid, text) is
'For the front: the mail could not be handed over. Gives when it is due again; null when it is given up, after 8 attempts.';

-- Asking for a mailed link and code: recovery, sign-in without a password, confirmation.
--
-- Answer and work are the same whether the address has a user or not: for an unknown one a token
-- is made that nobody gets and a mail is written that is never sent.
--
-- Security definer: request_recovery, request_otp, resend (called by anybody, write the tables of
-- schema auth).

create function auth.refuse_request(address text, options jsonb)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    wait integer;
begin
    if address is null then
        return auth.sign_in_refusal('validation_failed', 'Unable to validate email address: invalid format');
    elsif options is null or jsonb_typeof(options) <> 'object' or pg_column_size(options) > 4096 then
        return auth.sign_in_refusal('validation_failed', 'Options must be a JSON object of at most 4 KiB');
    end if;
    wait := auth.throttle('recovery', address, null);
    return case when wait is not null then auth.throttled(wait) end;
end
$$;
revoke all on function auth.refuse_request(text, jsonb) from public;
comment on function auth.refuse_request(text, jsonb) is 'Internal: why no mail may be asked for; null when it may.';

create function auth.mail_token(
    purpose text,
    account auth."user",
    address text,
    tenant_id uuid,
    data jsonb,
    options jsonb,
    send boolean
)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    fresh record;
begin
    fresh := auth.issue_one_time_token(purpose, account.id, address, data);
    perform auth.enqueue_mail(purpose, address, tenant_id, jsonb_build_object(
        'token', fresh.token, 'code', fresh.code, 'email', address, 'data', data, 'options', options,
        'code_seconds', extract(epoch from current_setting('pg_gatehouse.one_time_code_ttl')::interval)::integer,
        'link_seconds', extract(epoch from current_setting('pg_gatehouse.one_time_link_ttl')::interval)::integer,
        'user_metadata', account.user_metadata), send);
    perform auth.record_event('mail_requested', 'success', account.id, tenant_id,
                              detail => jsonb_build_object('purpose', purpose, 'sent', send));
end
$$;
revoke all on function auth.mail_token(text, auth."user", text, uuid, jsonb, jsonb, boolean) from public;
comment on function auth.mail_token(text, auth."user", text, uuid, jsonb, jsonb, boolean) is
'Internal: issues a link and a code and mails them; the mail''s kind is the purpose. options is what the front gave, such as redirect_to.';

create function auth.request_recovery(email text, tenant text default null, options jsonb default '{}')
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    address text := auth.normalize_email(email);
    refusal auth.sign_in_result := auth.refuse_request(address, options);
    account auth."user";
begin
    if refusal.status is not null then
        return refusal;
    end if;
    account := auth.find_user(address, tenant);
    perform auth.mail_token('recovery', account, address, null, jsonb_build_object('tenant', tenant), options,
                            account.id is not null and not coalesce(account.banned_until > now(), false));
    return auth.sign_in_refusal('ok', null);
end
$$;
revoke all on function auth.request_recovery(text, text, jsonb) from public;
grant execute on function auth.request_recovery(text, text, jsonb) to anon, authenticated, service_role;
comment on function auth.request_recovery(text, text, jsonb) is
'Mails a link and a code that sign in without the password and let a new one be set. The answer is the same for an unknown address. tenant is the slug of the tenant to act in afterwards; options goes to the mail (redirect_to). Statuses: ok, validation_failed, throttled.';

create function auth.request_otp(
    email text,
    create_user boolean default true,
    user_metadata jsonb default '{}',
    tenant text default null,
    options jsonb default '{}'
)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    address text := auth.normalize_email(email);
    refusal auth.sign_in_result := auth.refuse_request(address, options);
    account auth."user";
    fresh boolean;
begin
    if refusal.status is not null then
        return refusal;
    elsif user_metadata is not null and (jsonb_typeof(user_metadata) <> 'object' or pg_column_size(user_metadata) > 16384) then
        return auth.sign_in_refusal('validation_failed', 'User metadata must be a JSON object of at most 16 KiB');
    end if;
    account := auth.find_user(address, tenant);
    fresh := account.id is null and coalesce(create_user, true)
        and (tenant is null or exists (select from auth.tenant as t
                                        where t.slug = request_otp.tenant and t.sign_up_open and t.suspended_at is null));
    -- The user is made when the address is proved, not when somebody names it.
    perform auth.mail_token('magic_link', account, address, null,
                            jsonb_build_object('tenant', tenant, 'create', fresh,
                                               'user_metadata', case when fresh then coalesce(user_metadata, '{}') end),
                            options, fresh or (account.id is not null and not coalesce(account.banned_until > now(), false)));
    return auth.sign_in_refusal('ok', null);
end
$$;
revoke all on function auth.request_otp(text, boolean, jsonb, text, jsonb) from public;
grant execute on function auth.request_otp(text, boolean, jsonb, text, jsonb) to anon, authenticated, service_role;
comment on function auth.request_otp(text, boolean, jsonb, text, jsonb) is
'Mails a link and a code that sign in. With create_user an unknown address becomes a user when it is proved; the answer is the same in all cases. Statuses: ok, validation_failed, throttled.';

create function auth.resend(kind text, email text, tenant text default null, options jsonb default '{}')
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    address text := auth.normalize_email(email);
    refusal auth.sign_in_result;
    account auth."user";
    pending auth.one_time_token;
begin
    if kind is null or kind not in ('signup', 'email_change') then
        return auth.sign_in_refusal('validation_failed', 'The kind must be signup or email_change');
    end if;
    refusal := auth.refuse_request(address, options);
    if refusal.status is not null then
        return refusal;
    end if;
    account := auth.find_user(address, tenant);
    pending := auth.current_one_time_token(auth.subject_of(account.id, address), 'email_change_new');
    if kind = 'signup' then
        perform auth.mail_token('confirm_email', account, address, null, jsonb_build_object('tenant', tenant), options,
                                account.id is not null and account.email_confirmed_at is null
                                and not coalesce(account.banned_until > now(), false));
    else
        perform auth.mail_email_change(account, address, coalesce(pending.address, address), options,
                                       account.id is not null and pending.used_at is null
                                       and pending.expires_at > clock_timestamp());
    end if;
    return auth.sign_in_refusal('ok', null);
end
$$;
revoke all on function auth.resend(text, text, text, jsonb) from public;
grant execute on function auth.resend(text, text, text, jsonb) to anon, authenticated, service_role;
comment on function auth.resend(text, text, text, jsonb) is
'Mails again: signup (the confirmation of a user who has not confirmed) or email_change (to both addresses). email is the user''s present one. The answer is the same when there is nothing to mail. Statuses: ok, validation_failed, throttled.';

create function auth.sign_up_unconfirmed(
    address text,
    password_hash text,
    user_metadata jsonb,
    home auth.tenant,
    options jsonb default '{}'
)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    pool uuid := case when home.isolated then home.id end;
    account auth."user";
    shown auth."user";
    result auth.sign_in_result := auth.sign_in_refusal('ok', null);
begin
    insert into auth."user" (email, password_hash, user_metadata, tenant_id)
    values (address, sign_up_unconfirmed.password_hash, sign_up_unconfirmed.user_metadata, pool)
    on conflict do nothing
    returning * into account;
    shown := account;
    if account.id is null then
        -- Whoever signs up last before anybody confirms: it is their password that the mail confirms.
        update auth."user"
           set password_hash = sign_up_unconfirmed.password_hash, user_metadata = sign_up_unconfirmed.user_metadata
         where email = address and tenant_id is not distinct from pool
           and email_confirmed_at is null and banned_until is null
        returning * into account;
        shown := jsonb_populate_record(null::auth."user", jsonb_build_object(
            'id', gen_random_uuid(), 'email', address, 'app_metadata', '{}'::jsonb, 'is_anonymous', false,
            'user_metadata', sign_up_unconfirmed.user_metadata, 'created_at', now(), 'updated_at', now()));
    end if;
    if account.id is not null then
        if home.sign_up_open then
            perform auth.add_member(home.id, account.id, 'member');
        end if;
        perform auth.mail_token('confirm_email', account, address, home.id, '{}', options, true);
    else
        -- The owner of the address is told; whoever signed up is not.
        perform auth.issue_one_time_token('confirm_email', null, address, '{}');
        perform auth.enqueue_mail('sign_up_attempt', address, null, jsonb_build_object('email', address, 'options', options));
    end if;
    perform auth.record_event('sign_up', 'success', account.id, home.id,
                              detail => jsonb_build_object('confirmed', false, 'known', account.id is null));
    result."user" := auth.user_json(shown);
    return result;
end
$$;
revoke all on function auth.sign_up_unconfirmed(text, text, jsonb, auth.tenant, jsonb) from public;
comment on function auth.sign_up_unconfirmed(text, text, jsonb, auth.tenant, jsonb) is
'Internal: sign-up with pg_gatehouse.autoconfirm off. No tokens; for an address that has a user already, a user of the same form that does not exist.';

-- Bringing a mailed code or link back.
--
-- Security definer: verify_otp, verify_link, confirm_email (called by anybody, read and write the
-- tables of schema auth).

create function auth.purposes_of(kind text)
returns text[]
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case
        -- Clients say signup, magiclink or email without knowing which of the two was mailed.
        when kind in ('signup', 'magiclink', 'email') then array['confirm_email', 'magic_link']
        when kind = 'recovery' then array['recovery']
        when kind = 'email_change' then array['email_change_current', 'email_change_new']
    end
$$;
revoke all on function auth.purposes_of(text) from public;
comment on function auth.purposes_of(text) is 'Internal: which tokens a kind of verification takes; null for an unknown kind.';

create function auth.otp_refusal(user_id uuid, reason text)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform auth.record_event('verify_otp', 'failure', user_id, detail => jsonb_build_object('reason', reason));
    return auth.sign_in_refusal('otp_expired', 'Token has expired or is invalid');
end
$$;
revoke all on function auth.otp_refusal(uuid, text) from public;
comment on function auth.otp_refusal(uuid, text) is 'Internal: the one answer to whatever is wrong; the reason is for the audit.';

create function auth.verify_otp(email text, code text, kind text default 'email', tenant text default null)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    address text := coalesce(auth.normalize_email(email), '');
    digits text := auth.read_code(code);
    purposes text[] := auth.purposes_of(kind);
    account auth."user";
    subject uuid;
    purpose text;
    candidate auth.one_time_token;
    matched auth.one_time_token;
    wait integer;
begin
    if purposes is null then
        return auth.sign_in_refusal('validation_failed', 'The kind must be signup, magiclink, email, recovery or email_change');
    end if;
    wait := auth.throttle('code', address, null);
    if wait is not null then
        return auth.throttled(wait);
    end if;
    account := auth.find_user(address, tenant);
    subject := auth.subject_of(account.id, address);
    foreach purpose in array purposes loop
        candidate := auth.current_one_time_token(subject, purpose);
        if candidate.address <> address then
            candidate := null;
        end if;
        if auth.code_matches(candidate, digits) then
            matched := candidate;
        end if;
    end loop;
    if matched.id is null and kind = 'email_change' then
        matched := auth.match_new_address(address, digits);
    end if;
    if matched.id is null then
        perform auth.throttle_outcome('code', address, false);
        return auth.otp_refusal(account.id, 'wrong_code');
    end if;
    return auth.redeem(matched);
end
$$;
revoke all on function auth.verify_otp(text, text, text, text) from public;
grant execute on function auth.verify_otp(text, text, text, text) to anon, authenticated, service_role;
comment on function auth.verify_otp(text, text, text, text) is
'Signs in with a mailed code of six digits. kind: email (also signup, magiclink), recovery, email_change. A code can be tried 5 times, by whomever; a wrong one is a row, not an error. Statuses: ok, mfa_required, otp_expired, validation_failed, throttled.';

create function auth.verify_link(token text, kind text default null)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Computed once: in the query it would be computed for every row.
    hash bytea := auth.keyed_hash('one_time_token', auth.read_link_token(token));
    found_token auth.one_time_token;
    current_token auth.one_time_token;
    wait integer;
begin
    if kind is not null and auth.purposes_of(kind) is null then
        return auth.sign_in_refusal('validation_failed', 'The kind must be signup, magiclink, email, recovery or email_change');
    end if;
    -- Nobody guesses 256 bits: this only bounds the work that a stranger can cause.
    wait := auth.throttle('code', null, null);
    if wait is not null then
        return auth.throttled(wait);
    end if;
    select t.* into found_token from auth.one_time_token as t
     where t.token_hash = hash;
    current_token := auth.current_one_time_token(found_token.subject, found_token.purpose);
    if found_token.id is null or found_token.id <> current_token.id
        or found_token.purpose = 'reauthentication'
        or (kind is not null and not found_token.purpose = any (auth.purposes_of(kind)))
    then
        return auth.otp_refusal(found_token.user_id, 'wrong_link');
    end if;
    return auth.redeem(found_token);
end
$$;
revoke all on function auth.verify_link(text, text) from public;
grant execute on function auth.verify_link(text, text) to anon, authenticated, service_role;
comment on function auth.verify_link(text, text) is
'Signs in with the token of a mailed link, of any kind or only the given one. Statuses as for verify_otp.';

create function auth.confirm_email(token text)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return auth.verify_link(token, 'signup');
end
$$;
revoke all on function auth.confirm_email(text) from public;
grant execute on function auth.confirm_email(text) to anon, authenticated, service_role;
comment on function auth.confirm_email(text) is
'Confirms the e-mail address of a sign-up with the token of the mailed link, and signs in. Statuses as for verify_otp.';

create function auth.redeem(token auth.one_time_token)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    account auth."user";
begin
    if not auth.spend_one_time_token(token.id) then
        return auth.otp_refusal(token.user_id, 'used_or_expired');
    elsif token.purpose in ('email_change_current', 'email_change_new') then
        return auth.redeem_email_change(token);
    end if;
    account := auth.account_of(token);
    if account.id is null or account.email is distinct from token.address or account.banned_until > now() then
        return auth.otp_refusal(account.id, 'user_gone_or_banned');
    end if;
    if account.email_confirmed_at is null then
        -- The password of somebody who never proved the address must not open what its owner makes of it.
        update auth."user"
           set email_confirmed_at = now(), updated_at = now(),
               password_hash = case when token.purpose = 'confirm_email' then password_hash end
         where id = account.id
        returning * into account;
        perform auth.record_event('email_confirmed', 'success', account.id);
    end if;
    -- Whoever has the mailbox is let in: a lock that strangers caused ends.
    perform auth.throttle_outcome('code', token.address, true);
    if token.purpose = 'recovery' then
        perform auth.throttle_outcome('sign_in', token.address, true);
    end if;
    return auth.open_session(account, auth.home_tenant(account.id, token.data ->> 'tenant'),
                             case token.purpose when 'recovery' then 'recovery' else 'otp' end);
end
$$;
revoke all on function auth.redeem(auth.one_time_token) from public;
comment on function auth.redeem(auth.one_time_token) is 'Internal: spends a token and does what it is for.';

create function auth.create_proved_user(address text, user_metadata jsonb, tenant text)
returns auth."user"
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    home auth.tenant := auth.sign_up_tenant(create_proved_user.tenant, address);
    account auth."user";
begin
    if create_proved_user.tenant is not null and home.id is null then
        return null;
    end if;
    insert into auth."user" (email, user_metadata, email_confirmed_at, tenant_id)
    values (address, coalesce(create_proved_user.user_metadata, '{}'), now(), case when home.isolated then home.id end)
    on conflict do nothing
    returning * into account;
    if account.id is not null then
        if home.sign_up_open then
            perform auth.add_member(home.id, account.id, 'member');
        end if;
        perform auth.record_event('sign_up', 'success', account.id, home.id, detail => '{"method": "otp"}');
    end if;
    return account;
end
$$;
revoke all on function auth.create_proved_user(text, jsonb, text) from public;
comment on function auth.create_proved_user(text, jsonb, text) is
'Internal: a user without a password, whose address was proved, in the tenant if that is open for sign-up; nulls when the address is taken.';

create function auth.account_of(token auth.one_time_token)
returns auth."user"
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    account auth."user";
begin
    if token.user_id is not null then
        select * into account from auth."user" where id = token.user_id for no key update;
    elsif (token.data ->> 'create')::boolean then
        account := auth.create_proved_user(token.address, token.data -> 'user_metadata', token.data ->> 'tenant');
        if account.id is null then
            -- Somebody signed up with the address meanwhile.
            account := auth.find_user(token.address, token.data ->> 'tenant');
        end if;
    end if;
    return account;
end
$$;
revoke all on function auth.account_of(auth.one_time_token) from public;
comment on function auth.account_of(auth.one_time_token) is 'Internal: the user that a token is for, made now if it was asked for by a newcomer.';

-- The second factor: authenticators (TOTP, RFC 6238).
--
-- Security definer: enroll_totp, challenge_factor, unenroll_factor, my_factors (called by users,
-- read and write the tables of schema auth for the one who calls).

create table auth.mfa_factor (
    id uuid constraint mfa_factor_pkey primary key default pg_catalog.gen_random_uuid(),
    user_id uuid not null constraint mfa_factor_user_id_fkey references auth."user" (id) on delete cascade,
    factor_type text not null default 'totp' constraint mfa_factor_factor_type_check check (factor_type in ('totp')),
    friendly_name text constraint mfa_factor_friendly_name_check check (length(friendly_name) between 1 and 100),
    status text not null default 'unverified' constraint mfa_factor_status_check check (status in ('unverified', 'verified')),
    secret bytea not null,
    last_step bigint,
    last_challenged_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint mfa_factor_user_id_friendly_name_key unique (user_id, friendly_name)
);
create index mfa_factor_verified_idx on auth.mfa_factor (user_id) where status = 'verified';
revoke all on table auth.mfa_factor from public;
comment on table auth.mfa_factor is 'Second factors of users. Reached through functions only.';
comment on column auth.mfa_factor.secret is 'The shared secret, sealed for this id: in another row it does not open.';
comment on column auth.mfa_factor.last_step is 'The last 30-second step whose code was accepted: it and all before it are worth nothing.';
select pg_catalog.pg_extension_config_dump('auth.mfa_factor', '');

create function auth.new_totp(issuer text, account text, out secret bytea, out secret_text text, out uri text)
returns setof record
language c volatile strict parallel unsafe rows 1
as 'MODULE_PATHNAME', 'new_totp_wrapper';
revoke all on function auth.new_totp(text, text) from public;
comment on function auth.new_totp(text, text) is 'Internal: a random 160-bit secret, in base32, and the otpauth URI for a QR code.';

create function auth.match_totp(secret bytea, code text, at bigint, used bigint)
returns bigint
language c immutable parallel safe
as 'MODULE_PATHNAME', 'match_totp_wrapper';
revoke all on function auth.match_totp(bytea, text, bigint, bigint) from public;
comment on function auth.match_totp(bytea, text, bigint, bigint) is
'Internal: the 30-second step that the code is right for, at the time at (seconds since 1970) or one step off; null when there is none after used.';

create function auth.signed_in_user()
returns auth."user"
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user";
begin
    select u.* into account
      from auth."user" as u
      join auth.session as s on s.user_id = u.id
     where u.id = auth.uid() and s.id = auth.session_id() and s.ended_at is null;
    if account.id is null then
        raise exception 'sign in first' using errcode = '42501', detail = 'not_authenticated';
    end if;
    return account;
end
$$;
revoke all on function auth.signed_in_user() from public;
comment on function auth.signed_in_user() is
'Internal: the user of the sealed session; error 42501 when there is no session, as with an API key or another issuer''s token.';

create function auth.enroll_totp(
    friendly_name text default null,
    issuer text default null,
    out id uuid,
    out factor_type text,
    out secret text,
    out uri text
)
returns record
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    account auth."user";
    name text := nullif(btrim($1), '');
    fresh record;
begin
    account := auth.require_step_up();
    if length(name) > 100 then
        raise exception 'the friendly name must have at most 100 characters' using errcode = '22023', detail = 'validation_failed';
    end if;
    -- One at a time for a user: the limit and the names hold.
    perform from auth."user" as u where u.id = account.id for no key update;
    -- What was begun and never finished makes room.
    delete from auth.mfa_factor as f
     where f.user_id = account.id and f.status = 'unverified'
       and (f.friendly_name = name or f.created_at < now() - interval '1 hour');
    if (select count(*) from auth.mfa_factor as f where f.user_id = account.id) >= 10 then
        raise exception 'too many second factors' using errcode = '53400', detail = 'too_many_enrolled_mfa_factors';
    elsif exists (select from auth.mfa_factor as f where f.user_id = account.id and f.friendly_name = name) then
        raise exception 'a factor with this friendly name exists' using errcode = '23505', detail = 'mfa_factor_name_conflict';
    end if;
    select * into strict fresh
      from auth.new_totp(left(coalesce(nullif(btrim($2), ''), nullif(current_setting('pg_gatehouse.product_name'), ''),
                                       current_setting('pg_gatehouse.issuer')), 100),
                         coalesce(account.email, account.id::text));
    id := gen_random_uuid();
    insert into auth.mfa_factor (id, user_id, friendly_name, secret)
    values (enroll_totp.id, account.id, name, auth.seal('mfa_factor:' || enroll_totp.id, fresh.secret));
    perform auth.record_event('factor_enrolled', 'success', account.id, null, auth.session_id(),
                              jsonb_build_object('factor_id', enroll_totp.id));
    factor_type := 'totp';
    secret := fresh.secret_text;
    uri := fresh.uri;
end
$$;
revoke all on function auth.enroll_totp(text, text) from public;
grant execute on function auth.enroll_totp(text, text) to authenticated;
comment on function auth.enroll_totp(text, text) is
'Begins a second factor of the signed-in user: secret (base32) and uri (otpauth, for a QR code) go to the authenticator, once. It counts from the first verify_factor on. Errors: 42501 (insufficient_aal when there is a verified factor), 23505 mfa_factor_name_conflict, 53400 too_many_enrolled_mfa_factors (10).';

create function auth.factor_of(id uuid, user_id uuid)
returns auth.mfa_factor
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select f from auth.mfa_factor as f where f.id = $1 and f.user_id = $2
$$;
revoke all on function auth.factor_of(uuid, uuid) from public;
comment on function auth.factor_of(uuid, uuid) is 'Internal: a factor of this user and of nobody else.';

create function auth.challenge_mac(factor_id uuid, session_id uuid, expiry bigint)
returns uuid
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    select (lpad(to_hex($3), 8, '0') || encode(substr(
        auth.keyed_hash('mfa_challenge', jsonb_build_array($1, $2, $3)::text), 1, 12), 'hex'))::uuid
$$;
revoke all on function auth.challenge_mac(uuid, uuid, bigint) from public;
comment on function auth.challenge_mac(uuid, uuid, bigint) is 'Internal: the id of a challenge: its expiry and 96 bits that only this database can make.';

create function auth.challenge_factor(id uuid, out challenge_id uuid, out factor_type text, out expires_at timestamptz)
returns record
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user" := auth.signed_in_user();
    factor auth.mfa_factor := auth.factor_of($1, account.id);
    expiry bigint := floor(extract(epoch from clock_timestamp()))::bigint + 300;
begin
    if factor.id is null then
        raise exception 'there is no such factor' using errcode = 'P0002', detail = 'mfa_factor_not_found';
    end if;
    update auth.mfa_factor as f set last_challenged_at = now() where f.id = factor.id;
    challenge_id := auth.challenge_mac(factor.id, auth.session_id(), expiry);
    factor_type := factor.factor_type;
    expires_at := to_timestamp(expiry);
end
$$;
revoke all on function auth.challenge_factor(uuid) from public;
grant execute on function auth.challenge_factor(uuid) to authenticated;
comment on function auth.challenge_factor(uuid) is
'A challenge of 5 minutes for a factor of the signed-in user in this session; verify_factor takes it but does not need it. Errors: 42501, P0002 mfa_factor_not_found.';

create function auth.unenroll_factor(id uuid)
returns uuid
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    account auth."user" := auth.signed_in_user();
    factor auth.mfa_factor := auth.factor_of($1, account.id);
begin
    if factor.id is null then
        raise exception 'there is no such factor' using errcode = 'P0002', detail = 'mfa_factor_not_found';
    elsif factor.status = 'verified' then
        perform auth.require_step_up();
    end if;
    delete from auth.mfa_factor where id = factor.id;
    if not auth.has_second_factor(account.id) then
        delete from auth.recovery_code where user_id = account.id;
        -- What the factor gave goes with it.
        update auth.session
           set aal = 'aal1',
               amr = (select coalesce(jsonb_agg(m), '[]') from jsonb_array_elements(amr) as m
                       where m ->> 'method' not in ('totp', 'recovery_code'))
         where user_id = account.id and ended_at is null and aal = 'aal2';
    end if;
    if factor.status = 'verified' and account.email is not null then
        perform auth.enqueue_mail('factor_removed', account.email, null, jsonb_build_object('friendly_name', factor.friendly_name));
    end if;
    perform auth.record_event('factor_removed', 'success', account.id, null, auth.session_id(),
                              jsonb_build_object('factor_id', factor.id, 'status', factor.status));
    return factor.id;
end
$$;
revoke all on function auth.unenroll_factor(uuid) from public;
grant execute on function auth.unenroll_factor(uuid) to authenticated;
comment on function auth.unenroll_factor(uuid) is
'Removes a factor of the signed-in user and gives its id; a verified one needs aal2, and with the last one the recovery codes go. Errors: 42501 (insufficient_aal), P0002 mfa_factor_not_found.';

create function auth.my_factors(
    out id uuid,
    out friendly_name text,
    out factor_type text,
    out status text,
    out created_at timestamptz,
    out updated_at timestamptz,
    out last_challenged_at timestamptz
)
returns setof record
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user" := auth.signed_in_user();
begin
    return query
    select f.id, f.friendly_name, f.factor_type, f.status, f.created_at, f.updated_at, f.last_challenged_at
      from auth.mfa_factor as f
     where f.user_id = account.id
     order by f.created_at, f.id;
end
$$;
revoke all on function auth.my_factors() from public;
grant execute on function auth.my_factors() to authenticated;
comment on function auth.my_factors() is 'The second factors of the signed-in user, without their secrets. Errors: 42501.';

-- Proving the second factor: a code of an authenticator or a recovery code makes the session aal2.
--
-- Security definer: verify_factor, generate_recovery_codes, verify_recovery_code (called by users,
-- read and write the tables of schema auth for the one who calls).

create table auth.recovery_code (
    id uuid constraint recovery_code_pkey primary key default pg_catalog.gen_random_uuid(),
    user_id uuid not null constraint recovery_code_user_id_fkey references auth."user" (id) on delete cascade,
    code_hash bytea not null,
    created_at timestamptz not null default now(),
    used_at timestamptz,
    constraint recovery_code_user_id_code_hash_key unique (user_id, code_hash)
);
revoke all on table auth.recovery_code from public;
comment on table auth.recovery_code is 'Recovery codes of users, as keyed hashes. Reached through functions only.';
comment on column auth.recovery_code.code_hash is 'Keyed hash of the code together with the user.';
select pg_catalog.pg_extension_config_dump('auth.recovery_code', '');

create function auth.new_recovery_codes()
returns text[]
language c volatile parallel unsafe
as 'MODULE_PATHNAME', 'new_recovery_codes_wrapper';
revoke all on function auth.new_recovery_codes() from public;
comment on function auth.new_recovery_codes() is 'Internal: ten random codes of 80 bits, as they are shown.';

create function auth.read_recovery_code(code text)
returns text
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'read_recovery_code_wrapper';
revoke all on function auth.read_recovery_code(text) from public;
comment on function auth.read_recovery_code(text) is 'Internal: a recovery code as people type it in its one normal form; null when it is none.';

create function auth.recovery_code_hash(user_id uuid, code text)
returns bytea
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    select auth.keyed_hash('recovery_code', jsonb_build_array($1, auth.read_recovery_code($2))::text)
$$;
revoke all on function auth.recovery_code_hash(uuid, text) from public;
comment on function auth.recovery_code_hash(uuid, text) is 'Internal: the keyed hash of a user''s recovery code.';

create function auth.refuse_factor_attempt(account auth."user", id uuid)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    wait integer := auth.throttle('factor', coalesce(account.email, account.id::text), auth.tenant_id());
begin
    if wait is null and auth.count_attempt(id, clock_timestamp() + interval '5 minutes') > auth.max_attempts() then
        wait := coalesce(auth.attempts_wait(id), 1);
    end if;
    if wait is null then
        return null;
    end if;
    perform auth.record_event('factor_verified', 'failure', account.id, null, auth.session_id(), '{"reason": "throttled"}');
    return auth.throttled(wait);
end
$$;
revoke all on function auth.refuse_factor_attempt(auth."user", uuid) from public;
comment on function auth.refuse_factor_attempt(auth."user", uuid) is
'Internal: counts an attempt at a factor, 5 in 5 minutes, whatever becomes of the transaction; null when it may go on.';

create function auth.factor_refusal(account auth."user", status text, message text)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform auth.record_event('factor_verified', 'failure', account.id, null, auth.session_id(),
                              jsonb_build_object('reason', status));
    perform auth.throttle_outcome('factor', coalesce(account.email, account.id::text), false);
    return auth.sign_in_refusal(status, message);
end
$$;
revoke all on function auth.factor_refusal(auth."user", text, text) from public;
comment on function auth.factor_refusal(auth."user", text, text) is 'Internal: a failed attempt at a factor.';

create function auth.raise_assurance(account auth."user", attempts_of uuid, method text, detail jsonb)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    home uuid;
begin
    update auth.session
       set aal = 'aal2',
           amr = amr || jsonb_build_object('method', raise_assurance.method,
                                           'timestamp', floor(extract(epoch from clock_timestamp()))::bigint)
     where id = auth.session_id() and user_id = account.id and ended_at is null
    returning tenant_id into home;
    if not found then
        return auth.sign_in_refusal('session_not_found', 'Session from session_id claim in JWT does not exist');
    end if;
    perform auth.throttle_outcome('factor', coalesce(account.email, account.id::text), true);
    perform auth.forget_attempts(attempts_of);
    perform auth.record_event('factor_verified', 'success', account.id, home, auth.session_id(),
                              detail || jsonb_build_object('method', raise_assurance.method));
    -- The tenant that was asked for at sign-in, if the user is still in it.
    select t.id into home from auth.tenant as t where t.id = home and t.id = auth.home_tenant(account.id, t.slug);
    return auth.mint_session_token(auth.session_id(), home, true);
end
$$;
revoke all on function auth.raise_assurance(auth."user", uuid, text, jsonb) from public;
comment on function auth.raise_assurance(auth."user", uuid, text, jsonb) is
'Internal: the session is aal2 from now on, and its tenant is no longer withheld.';

create function auth.verify_factor(id uuid, code text, challenge_id uuid default null)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    account auth."user" := auth.signed_in_user();
    factor auth.mfa_factor := auth.factor_of($1, account.id);
    refusal auth.sign_in_result;
    step bigint;
    expiry bigint := ('x' || left(translate(challenge_id::text, '-', ''), 8))::bit(32)::bigint;
begin
    -- Counted for the user whether there is such a factor or not: ids are not to be tried out either.
    refusal := auth.refuse_factor_attempt(account, coalesce(factor.id, account.id));
    if refusal.status is not null then
        return refusal;
    elsif factor.id is null then
        return auth.factor_refusal(account, 'mfa_factor_not_found', 'Factor not found');
    elsif challenge_id is not null and (expiry < extract(epoch from clock_timestamp())
            or challenge_id <> auth.challenge_mac(factor.id, auth.session_id(), expiry)) then
        return auth.factor_refusal(account, 'mfa_challenge_expired', 'Challenge has expired, create a new one');
    end if;
    if factor.status = 'unverified' then
        -- Somebody with the password alone may have begun one before its owner had a factor. One at
        -- a time for a user, so that of two first factors the second finds the first.
        perform from auth."user" where id = account.id for no key update;
        perform auth.require_step_up();
    end if;
    step := auth.match_totp(auth.unseal('mfa_factor:' || factor.id, factor.secret), verify_factor.code,
                            floor(extract(epoch from clock_timestamp()))::bigint, factor.last_step);
    -- One atomic write decides who uses the step: whoever waited for the row finds it used.
    update auth.mfa_factor
       set last_step = step, status = 'verified', updated_at = now()
     where id = factor.id and step > coalesce(last_step, -1);
    if not found then
        return auth.factor_refusal(account, 'mfa_verification_failed', 'Invalid TOTP code entered');
    end if;
    if factor.status = 'unverified' then
        perform auth.after_first_verification(account, factor);
    end if;
    return auth.raise_assurance(account, factor.id, 'totp', jsonb_build_object('factor_id', factor.id));
end
$$;
revoke all on function auth.verify_factor(uuid, text, uuid) from public;
grant execute on function auth.verify_factor(uuid, text, uuid) to authenticated;
comment on function auth.verify_factor(uuid, text, uuid) is
'Verifies a code of the signed-in user''s authenticator: the session becomes aal2, and a new access token says so. The first code makes the factor count and ends the user''s other sessions that are aal1. No code counts twice. Statuses: ok, mfa_verification_failed, mfa_factor_not_found, mfa_challenge_expired, session_not_found, throttled. Errors: 42501 (insufficient_aal for a new factor beside a verified one).';

create function auth.after_first_verification(account auth."user", factor auth.mfa_factor)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Whatever else was begun, by whomever, has to be begun again at aal2.
    delete from auth.mfa_factor as f where f.user_id = account.id and f.status = 'unverified';
    -- Sessions from before the factor would go on without it.
    update auth.session as s set ended_at = now(), end_reason = 'factor_enrolled'
     where s.user_id = account.id and s.ended_at is null and s.aal = 'aal1' and s.id <> auth.session_id();
    if account.email is not null then
        perform auth.enqueue_mail('factor_added', account.email, null, jsonb_build_object('friendly_name', factor.friendly_name));
    end if;
end
$$;
revoke all on function auth.after_first_verification(auth."user", auth.mfa_factor) from public;
comment on function auth.after_first_verification(auth."user", auth.mfa_factor) is 'Internal: what a new second factor brings with it.';

create function auth.generate_recovery_codes()
returns setof text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user" := auth.require_step_up();
    codes text[] := auth.new_recovery_codes();
begin
    if not auth.has_second_factor(account.id) then
        raise exception 'recovery codes need a second factor' using errcode = '42501', detail = 'mfa_factor_not_found';
    end if;
    perform from auth."user" as u where u.id = account.id for no key update;
    delete from auth.recovery_code as r where r.user_id = account.id;
    insert into auth.recovery_code (user_id, code_hash)
    select account.id, auth.recovery_code_hash(account.id, c) from unnest(codes) as c;
    perform auth.record_event('recovery_codes_generated', 'success', account.id, null, auth.session_id());
    return query select unnest(codes);
end
$$;
revoke all on function auth.generate_recovery_codes() from public;
grant execute on function auth.generate_recovery_codes() to authenticated;
comment on function auth.generate_recovery_codes() is
'Ten recovery codes for the signed-in user, shown once; the former ones are void. Needs a verified factor and aal2. Errors: 42501 (insufficient_aal, mfa_factor_not_found).';

create function auth.verify_recovery_code(code text)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    account auth."user" := auth.signed_in_user();
    refusal auth.sign_in_result := auth.refuse_factor_attempt(account, account.id);
    hash bytea := auth.recovery_code_hash(account.id, code);
    remaining integer;
begin
    if refusal.status is not null then
        return refusal;
    end if;
    update auth.recovery_code set used_at = now()
     where user_id = account.id and used_at is null and code_hash = hash;
    if not found then
        return auth.factor_refusal(account, 'mfa_verification_failed', 'Invalid recovery code entered');
    end if;
    select count(*) into remaining from auth.recovery_code where user_id = account.id and used_at is null;
    if account.email is not null then
        perform auth.enqueue_mail('recovery_code_used', account.email, null, jsonb_build_object('remaining', remaining));
    end if;
    return auth.raise_assurance(account, account.id, 'recovery_code', jsonb_build_object('remaining', remaining));
end
$$;
revoke all on function auth.verify_recovery_code(text) from public;
grant execute on function auth.verify_recovery_code(text) to authenticated;
comment on function auth.verify_recovery_code(text) is
'Verifies a recovery code in the place of an authenticator''s; each counts once. Statuses: ok, mfa_verification_failed, session_not_found, throttled. Errors: 42501.';

-- When a second factor is due, and what is withheld until then.
--
-- A sign-in without it gives a session all the same, as clients of Supabase expect: they call
-- factors, challenge and verify with its aal1 token. But status is mfa_required, and the token
-- names no tenant and carries no roles and no permissions, so that policies on auth.tenant_id(),
-- auth.has_role() and auth.has_permission() give nothing. That is decided wherever a token is
-- minted, by granted_tenant. What belongs to a user and to no tenant is the application's to
-- close, with a restrictive policy on auth.aal().
--
-- Security definer: end_sessions_without_factor (trigger, writes auth.session).

create function auth.has_second_factor(user_id uuid)
returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select exists (select from auth.mfa_factor as f where f.user_id = $1 and f.status = 'verified')
$$;
revoke all on function auth.has_second_factor(uuid) from public;
comment on function auth.has_second_factor(uuid) is 'Internal: whether the user has a second factor.';

create function auth.second_factor_due(user_id uuid, tenant_id uuid)
returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select case
        when auth.has_second_factor($1) then 'Verify a second factor to continue'
        when exists (select from auth.tenant as t where t.id = $2 and t.require_second_factor)
            then 'This tenant requires a second factor: enroll one to continue'
    end
$$;
revoke all on function auth.second_factor_due(uuid, uuid) from public;
comment on function auth.second_factor_due(uuid, uuid) is
'Internal: what an aal1 session of the user must do before it may act in the tenant; null when nothing.';

create function auth.granted_tenant(user_id uuid, tenant_id uuid, aal text)
returns uuid
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select case when $3 = 'aal2' or auth.second_factor_due($1, $2) is null then $2 end
$$;
revoke all on function auth.granted_tenant(uuid, uuid, text) from public;
comment on function auth.granted_tenant(uuid, uuid, text) is
'Internal: the tenant that a token of this assurance may name; null while a second factor is due. Every minting of a token asks it.';

create function auth.require_step_up()
returns auth."user"
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user" := auth.signed_in_user();
begin
    -- The session's row says what was proved; a token from before may say less, none says more.
    if auth.has_second_factor(account.id)
        and not exists (select from auth.session as s where s.id = auth.session_id() and s.aal = 'aal2')
    then
        raise exception 'this needs the second factor' using errcode = '42501', detail = 'insufficient_aal';
    end if;
    return account;
end
$$;
revoke all on function auth.require_step_up() from public;
comment on function auth.require_step_up() is
'Internal: the signed-in user, who must have proved the second factor in this session if there is one; otherwise error 42501 insufficient_aal.';

create function auth.proved_address_recently()
returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select from auth.session as s, jsonb_array_elements(s.amr) as m
         where s.id = auth.session_id() and s.user_id = auth.uid() and s.ended_at is null
           and m ->> 'method' in ('recovery', 'otp')
           and to_timestamp((m ->> 'timestamp')::bigint) > clock_timestamp() - interval '1 hour')
$$;
revoke all on function auth.proved_address_recently() from public;
comment on function auth.proved_address_recently() is
'Internal: whether this session began, within the last hour, with a mailed link or code; such a session may set a password without the old one.';

create function auth.end_sessions_without_factor()
returns trigger
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update auth.session as s set ended_at = now(), end_reason = 'second_factor_required'
      from auth.membership as m
     where m.tenant_id = new.id and s.user_id = m.user_id and s.aal = 'aal1' and s.ended_at is null;
    return null;
end
$$;
revoke all on function auth.end_sessions_without_factor() from public;
comment on function auth.end_sessions_without_factor() is
'Trigger: when a tenant begins to require a second factor, its members'' sessions without one end.';

create trigger end_sessions_without_factor after update of require_second_factor on auth.tenant
    for each row when (new.require_second_factor and not old.require_second_factor)
    execute function auth.end_sessions_without_factor();

create function auth.least_password_length(tenant auth.tenant)
returns integer
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- Where a second factor is required a shorter password will do (NIST SP 800-63B-4); what the
    -- tenant itself asks for counts when it is more. As JSON, so that it makes no difference
    -- whether tenants have that column.
    select greatest(
        (to_jsonb($1) ->> 'password_min_length')::integer,
        least(current_setting('pg_gatehouse.password_min_length')::integer,
              case when $1.require_second_factor
                   then current_setting('pg_gatehouse.password_min_length_with_factor')::integer end))
$$;
revoke all on function auth.least_password_length(auth.tenant) from public;
comment on function auth.least_password_length(auth.tenant) is
'Internal: the least length of passwords set at a tenant, which may be all nulls.';

-- Changing the e-mail address, which both addresses confirm, and proving presence again by mail.
--
-- Security definer: request_email_change, reauthenticate (called by users, write the tables of
-- schema auth).

create function auth.request_email_change(new_email text, options jsonb default '{}')
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    address text := auth.normalize_email(new_email);
    account auth."user";
    refusal auth.sign_in_result;
begin
    perform auth.require_step_up();
    select u.* into strict account from auth."user" as u where u.id = auth.uid();
    refusal := auth.refuse_request(address, options);
    if refusal.status is not null then
        return refusal;
    elsif address = account.email then
        return auth.sign_in_refusal('validation_failed', 'This is your email address already');
    end if;
    -- An address that somebody has is not told apart; its owner's confirmation would find it taken.
    perform auth.mail_email_change(account, account.email, address, options, true);
    return auth.sign_in_refusal('ok', null);
end
$$;
revoke all on function auth.request_email_change(text, jsonb) from public;
grant execute on function auth.request_email_change(text, jsonb) to authenticated;
comment on function auth.request_email_change(text, jsonb) is
'Mails a link and a code to the present and to the new address of the signed-in user; the address changes when both are brought back. Needs aal2 when the user has a second factor. Statuses: ok, validation_failed, throttled. Errors: 42501.';

create function auth.pool_of(account auth."user")
returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- As JSON, so that it makes no difference whether users have this column.
    select t.slug from auth.tenant as t where t.id = (to_jsonb($1) ->> 'tenant_id')::uuid
$$;
revoke all on function auth.pool_of(auth."user") from public;
comment on function auth.pool_of(auth."user") is
'Internal: the slug of the isolated tenant whose user it is; null for the pool that all other tenants share.';

create function auth.mail_email_change(account auth."user", present text, new_address text, options jsonb, send boolean)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    data jsonb := jsonb_build_object('change', gen_random_uuid(), 'new_email', new_address, 'single', account.email is null);
begin
    if present is not null then
        perform auth.mail_token('email_change_current', account, present, null, data, options, send);
    end if;
    perform auth.mail_token('email_change_new', account, new_address, null, data, options,
                            send and (auth.find_user(new_address, auth.pool_of(account))).id is null);
end
$$;
revoke all on function auth.mail_email_change(auth."user", text, text, jsonb, boolean) from public;
comment on function auth.mail_email_change(auth."user", text, text, jsonb, boolean) is 'Internal: the two mails of one change.';

create function auth.match_new_address(address text, code text)
returns auth.one_time_token
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    candidate auth.one_time_token;
begin
    -- Several users may want the same address.
    for candidate in
        select t.* from auth.one_time_token as t
         where t.purpose = 'email_change_new' and t.address = match_new_address.address
         order by t.issued_at desc limit 8
    loop
        if (auth.current_one_time_token(candidate.subject, candidate.purpose)).id = candidate.id
            and auth.code_matches(candidate, code)
        then
            return candidate;
        end if;
    end loop;
    return null;
end
$$;
revoke all on function auth.match_new_address(text, text) from public;
comment on function auth.match_new_address(text, text) is 'Internal: the change to this address that the code is for.';

create function auth.redeem_email_change(token auth.one_time_token)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    account auth."user";
    other auth.one_time_token;
    former text;
begin
    -- The row lock on the user: of two confirmations at once the second sees the first.
    select * into account from auth."user" where id = token.user_id for update;
    if account.id is null or account.banned_until > now()
        or (token.purpose = 'email_change_current' and account.email is distinct from token.address)
    then
        return auth.otp_refusal(account.id, 'user_gone_or_banned');
    end if;
    if not (token.data ->> 'single')::boolean then
        other := auth.current_one_time_token(token.subject, case token.purpose
            when 'email_change_new' then 'email_change_current' else 'email_change_new' end);
        if other.data ->> 'change' is distinct from token.data ->> 'change' then
            return auth.otp_refusal(account.id, 'another_change');
        elsif other.used_at is null then
            perform auth.record_event('email_change_confirmed', 'success', account.id,
                                      detail => jsonb_build_object('side', token.purpose));
            return auth.sign_in_refusal('ok', 'Confirmation accepted. Please proceed to confirm the message sent to the other email');
        elsif other.purpose = 'email_change_current' and other.address is distinct from account.email then
            return auth.otp_refusal(account.id, 'user_gone_or_banned');
        end if;
    end if;
    former := account.email;
    begin
        update auth."user"
           set email = token.data ->> 'new_email', email_confirmed_at = now(), is_anonymous = false, updated_at = now()
         where id = account.id
        returning * into account;
    exception when unique_violation then
        return auth.otp_refusal(account.id, 'address_taken');
    end;
    -- What was mailed to the former address must not open the account any more.
    perform auth.void_one_time_tokens(account.id);
    if former is not null then
        perform auth.enqueue_mail('email_changed', former, null, jsonb_build_object('email', former, 'new_email', account.email));
    end if;
    perform auth.record_event('email_changed', 'success', account.id);
    return auth.open_session(account, auth.home_tenant(account.id, null), 'otp');
end
$$;
revoke all on function auth.redeem_email_change(auth.one_time_token) from public;
comment on function auth.redeem_email_change(auth.one_time_token) is
'Internal: one of the two confirmations of a change of address; the second one changes it and signs in.';

create function auth.reauthenticate(options jsonb default '{}')
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user";
    refusal auth.sign_in_result;
begin
    account := auth.signed_in_user();
    refusal := auth.refuse_request(account.email, options);
    if refusal.status is not null then
        return refusal;
    end if;
    perform auth.mail_token('reauthentication', account, account.email, null, '{}', options, true);
    return auth.sign_in_refusal('ok', null);
end
$$;
revoke all on function auth.reauthenticate(jsonb) from public;
grant execute on function auth.reauthenticate(jsonb) to authenticated;
comment on function auth.reauthenticate(jsonb) is
'Mails the signed-in user a code of six digits, the nonce that a change of password asks for. Statuses: ok, validation_failed (no address), throttled. Errors: 42501.';

create function auth.reauthenticated(nonce text)
returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user" := auth.signed_in_user();
    token auth.one_time_token := auth.current_one_time_token(account.id, 'reauthentication');
    good boolean;
begin
    if auth.throttle('code', account.email, null) is not null then
        return false;
    end if;
    good := token.address = account.email and auth.code_matches(token, auth.read_code(nonce))
        and auth.spend_one_time_token(token.id);
    perform auth.throttle_outcome('code', account.email, coalesce(good, false));
    return coalesce(good, false);
end
$$;
revoke all on function auth.reauthenticated(text) from public;
comment on function auth.reauthenticated(text) is 'Internal: whether the nonce is the one that reauthenticate mailed; it counts once.';

-- API keys: of a user in a tenant, or of a tenant itself.
--
-- A key is made for permissions and roles that its maker holds at that moment. A user's key gives
-- at every use what it was made for and its user still holds; a tenant's own key gives what it was
-- made for until it is revoked, whoever leaves. A key belongs to no session: functions that change
-- credentials, sessions, factors or keys refuse it.
--
-- Two transactions that make or revoke keys do not depend on each other; making one holds the
-- maker's membership for share, so that a change of roles comes before or after it.
--
-- Security definer: create_api_key, my_api_keys, tenant_api_keys, revoke_api_key (called by signed-in
-- users, reach the rows that are theirs or their tenant's).

create table auth.api_key (
    id uuid constraint api_key_pkey primary key default pg_catalog.gen_random_uuid(),
    tenant_id uuid constraint api_key_tenant_id_fkey references auth.tenant (id) on delete cascade,
    user_id uuid constraint api_key_user_id_fkey references auth."user" (id) on delete cascade,
    name text not null constraint api_key_name_check check (length(name) between 1 and 100 and name !~ '[[:cntrl:]]'),
    key_hash bytea not null constraint api_key_key_hash_key unique
        constraint api_key_key_hash_check check (octet_length(key_hash) = 32),
    prefix text not null,
    permissions text[] not null default '{}',
    roles text[] not null default '{}',
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    created_by uuid constraint api_key_created_by_fkey references auth."user" (id) on delete set null,
    created_at timestamptz not null default now(),
    constraint api_key_holder_check check (tenant_id is not null or user_id is not null)
);
create index api_key_tenant_id_idx on auth.api_key (tenant_id);
create index api_key_user_id_idx on auth.api_key (user_id);
create index api_key_created_by_idx on auth.api_key (created_by);
revoke all on table auth.api_key from public;
comment on table auth.api_key is 'API keys. Reached through functions only.';
comment on column auth.api_key.user_id is 'Whose key it is; null for a key of the tenant itself.';
comment on column auth.api_key.key_hash is 'Keyed hash of the whole key, which is stored nowhere.';
comment on column auth.api_key.prefix is 'The first characters of the key, by which its owner knows it again.';
comment on column auth.api_key.last_used_at is 'Kept to five minutes; uses that only read may be known to the running server alone.';
select pg_catalog.pg_extension_config_dump('auth.api_key', '');

create function auth.make_api_key(out key text, out key_hash bytea, out prefix text)
returns setof record
language c volatile parallel unsafe rows 1
as 'MODULE_PATHNAME', 'make_api_key_wrapper';
revoke all on function auth.make_api_key() from public;
comment on function auth.make_api_key() is 'Internal: a fresh API key, its keyed hash and its first characters.';

create function auth.api_key_objection(permissions text[], roles text[], held_permissions text[], held_roles text[])
returns text
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'api_key_objection_wrapper';
revoke all on function auth.api_key_objection(text[], text[], text[], text[]) from public;
comment on function auth.api_key_objection(text[], text[], text[], text[]) is
'Internal: the code of what stands against a key with these permissions and roles, made by whoever holds those; null when nothing does.';

create function auth.api_key_remembered_use(id uuid)
returns timestamptz
language c volatile strict parallel safe
as 'MODULE_PATHNAME', 'api_key_remembered_use_wrapper';
revoke all on function auth.api_key_remembered_use(uuid) from public;
comment on function auth.api_key_remembered_use(uuid) is 'Internal: a use of the key that the running server remembers and its row may not tell of.';

create function auth.require_key_holder()
returns uuid
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if auth.uid() is null then
        raise exception 'sign in first' using errcode = '42501', detail = 'not_authenticated';
    elsif auth.session_id() is null then
        raise exception 'this needs a token that belongs to a session'
            using errcode = '42501', detail = 'session_required',
                  hint = 'An API key or a token of another issuer can not manage keys.';
    end if;
    return auth.uid();
end
$$;
revoke all on function auth.require_key_holder() from public;
comment on function auth.require_key_holder() is 'Internal: the user whose session is asking; 42501 when there is none.';

create function auth.create_api_key(
    name text,
    permissions text[] default '{}',
    expires_at timestamptz default null,
    roles text[] default '{}',
    for_tenant boolean default false,
    out id uuid,
    out key text,
    out prefix text
)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    maker uuid := auth.require_key_holder();
    home uuid := auth.tenant_id();
    held auth.membership;
    objection text;
    fresh record;
begin
    if create_api_key.name is null or length(btrim(create_api_key.name)) not between 1 and 100
       or create_api_key.name ~ '[[:cntrl:]]' then
        raise exception 'the name must have 1 to 100 characters' using errcode = '22023', detail = 'api_key_name_invalid';
    elsif create_api_key.expires_at <= clock_timestamp() then
        raise exception 'the key would have expired already' using errcode = '22023', detail = 'api_key_expiry_invalid';
    elsif create_api_key.permissions is null or create_api_key.roles is null then
        raise exception 'permissions and roles must be given; an empty list gives none'
            using errcode = '22023', detail = 'api_key_permissions_malformed';
    end if;
    if home is not null then
        select * into held from auth.membership
         where tenant_id = home and user_id = maker and suspended_at is null
           for share;
    end if;
    if create_api_key.for_tenant and (held.id is null or not auth.has_permission('api_keys:manage')
           or auth.api_key_objection('{api_keys:manage}', '{}', held.permissions, held.roles) is not null) then
        perform auth.record_event('api_key_created', 'failure', maker, home, auth.session_id(), '{"reason": "permission_missing"}');
        raise exception 'a key of the tenant needs the permission api_keys:manage'
            using errcode = '42501', detail = 'permission_missing';
    end if;
    objection := auth.api_key_objection(create_api_key.permissions, create_api_key.roles,
                                        coalesce(held.permissions, '{}'), coalesce(held.roles, '{}'));
    if objection = 'api_key_permissions_malformed' then
        raise exception 'permissions are resource:action, at most 100 of them' using errcode = '22023', detail = objection;
    elsif objection is not null then
        perform auth.record_event('api_key_created', 'failure', maker, home, auth.session_id(), jsonb_build_object('reason', objection));
        raise exception 'a key can not have more than its maker holds now' using errcode = '42501', detail = objection;
    end if;
    select * into strict fresh from auth.make_api_key();
    insert into auth.api_key (tenant_id, user_id, name, key_hash, prefix, permissions, roles, expires_at, created_by)
    values (home, case when not create_api_key.for_tenant then maker end, btrim(create_api_key.name), fresh.key_hash, fresh.prefix,
            create_api_key.permissions, create_api_key.roles, create_api_key.expires_at, maker)
    returning api_key.id into create_api_key.id;
    create_api_key.key := fresh.key;
    create_api_key.prefix := fresh.prefix;
    perform auth.record_event('api_key_created', 'success', maker, home, auth.session_id(), jsonb_build_object(
        'api_key_id', create_api_key.id, 'permissions', create_api_key.permissions, 'roles', create_api_key.roles,
        'for_tenant', create_api_key.for_tenant));
end
$$;
revoke all on function auth.create_api_key(text, text[], timestamptz, text[], boolean) from public;
grant execute on function auth.create_api_key(text, text[], timestamptz, text[], boolean) to authenticated;
comment on function auth.create_api_key(text, text[], timestamptz, text[], boolean) is
'Makes an API key for the signed-in user in the active tenant and gives it, this once. Permissions and roles must be among those that the user holds now; at every use the key gives only what its user still holds. for_tenant makes a key of the tenant itself (permission api_keys:manage). Without expires_at it counts until it is revoked. Errors: 42501 (not_authenticated, session_required, permission_missing, permission_not_held, role_not_held), 22023 for a bad name, expiry or permission.';

create type auth.api_key_info as (
    id uuid,
    name text,
    prefix text,
    tenant_id uuid,
    user_id uuid,
    permissions text[],
    roles text[],
    created_at timestamptz,
    created_by uuid,
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz
);
comment on type auth.api_key_info is 'An API key as its owner sees it: all but the key.';

create function auth.describe_api_key(key auth.api_key)
returns auth.api_key_info
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    select row(key.id, key.name, key.prefix, key.tenant_id, key.user_id, key.permissions, key.roles, key.created_at, key.created_by,
               key.expires_at, greatest(key.last_used_at, auth.api_key_remembered_use(key.id)), key.revoked_at)::auth.api_key_info
$$;
revoke all on function auth.describe_api_key(auth.api_key) from public;
comment on function auth.describe_api_key(auth.api_key) is 'Internal: a key without its hash.';

create function auth.my_api_keys()
returns setof auth.api_key_info
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    select described.*
      from auth.api_key as key
      cross join lateral auth.describe_api_key(key) as described
     where key.user_id = auth.require_key_holder()
     order by key.created_at desc, key.id
$$;
revoke all on function auth.my_api_keys() from public;
grant execute on function auth.my_api_keys() to authenticated;
comment on function auth.my_api_keys() is
'The signed-in user''s own API keys in all tenants, the newest first. Error 42501 when nobody is signed in with a session.';

create function auth.tenant_api_keys()
returns setof auth.api_key_info
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform auth.require_key_holder();
    if auth.tenant_id() is null or not auth.has_permission('api_keys:manage') then
        raise exception 'this needs the permission api_keys:manage' using errcode = '42501', detail = 'permission_missing';
    end if;
    return query
        select described.*
          from auth.api_key as key
          cross join lateral auth.describe_api_key(key) as described
         where key.tenant_id = auth.tenant_id()
         order by key.created_at desc, key.id;
end
$$;
revoke all on function auth.tenant_api_keys() from public;
grant execute on function auth.tenant_api_keys() to authenticated;
comment on function auth.tenant_api_keys() is
'Every API key in the active tenant, its own and its users'', the newest first (permission api_keys:manage). Error 42501 otherwise.';

create function auth.revoke_api_key(id uuid)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    who uuid;
begin
    if not auth.is_operator() then
        who := auth.require_key_holder();
    end if;
    update auth.api_key as k
       set revoked_at = clock_timestamp()
     where k.id = revoke_api_key.id and k.revoked_at is null
       and (who is null or k.user_id = who
            or k.tenant_id = auth.tenant_id() and auth.has_permission('api_keys:manage'));
    if found then
        perform auth.record_event('api_key_revoked', 'success', who, auth.tenant_id(), auth.session_id(),
                                  jsonb_build_object('api_key_id', revoke_api_key.id));
    end if;
    return found;
end
$$;
revoke all on function auth.revoke_api_key(uuid) from public;
grant execute on function auth.revoke_api_key(uuid) to authenticated, service_role;
comment on function auth.revoke_api_key(uuid) is
'Ends an API key at once: one''s own, or any of the active tenant (permission api_keys:manage), or any at all (service_role). False when there is no such key that the caller may revoke. Error 42501 when nobody is signed in with a session.';

-- Other identity providers, and who of theirs is who here.
--
-- A token is found by the issuer that it names and verified with that issuer's keys alone. What its
-- claims mean here is said by the columns: nothing is taken from a claim that no column names.
--
-- authenticate only reads: a subject that is linked is its user; any other is somebody without a
-- row here (auth.uid() is null, auth.user_id() is the subject, auth.jwt() has it as
-- external_subject). Links are made by sign_in_external, which also opens a session, and by
-- link_identity. Users of two issuers may have the same subject: policies on auth.user_id() hold for
-- one trusted issuer; with more of them link the users, or ask for auth.jwt() ->> 'iss' too.
--
-- Concurrency: two first sign-ins of one subject meet at the primary key of external_identity; the
-- second takes the first one's link.
--
-- Security definer: trust_issuer, update_jwks, distrust_issuer, trusted_issuers (write and read the
-- table, operator only), sign_in_external (called by anybody who has a token), link_identity,
-- unlink_identity, my_identities (called by users, reach their own rows).

create table auth.trusted_issuer (
    issuer text collate "C" constraint trusted_issuer_pkey primary key,
    jwks jsonb not null,
    audience text not null,
    algorithms text[] not null,
    types text[] not null constraint trusted_issuer_types_check check (array_position(types, null) is null),
    role_claim text,
    roles_claim text,
    tenant_claim text,
    permissions_claim text,
    aal_claim text,
    allowed_roles text[] not null,
    default_role text,
    tenants jsonb,
    trust_email boolean not null default false,
    subjects_are_users boolean not null default false,
    link_users boolean not null default false,
    create_users boolean not null default false,
    leeway_seconds integer not null default 30,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
revoke all on table auth.trusted_issuer from public;
comment on table auth.trusted_issuer is 'Identity providers whose tokens count here. Nobody but the owner reads it.';
comment on column auth.trusted_issuer.issuer is 'What iss is, in exact spelling.';
comment on column auth.trusted_issuer.jwks is 'Its public keys (RFC 7517).';
comment on column auth.trusted_issuer.audience is 'What aud must name; * for anything and nothing.';
comment on column auth.trusted_issuer.types is 'Accepted typ headers; empty for any and none, an empty name in it for none.';
comment on column auth.trusted_issuer.role_claim is 'Path of the claim that names the database role, or lists it among others; null for default_role always.';
comment on column auth.trusted_issuer.allowed_roles is 'The only database roles that it may name.';
comment on column auth.trusted_issuer.default_role is 'The role of tokens that name none; null to refuse them.';
comment on column auth.trusted_issuer.tenants is 'Its names of tenants and their ids here: {"org_1": "uuid"}; null when tenant_claim holds ids of tenants here.';
comment on column auth.trusted_issuer.trust_email is 'Whether email counts without email_verified.';
comment on column auth.trusted_issuer.subjects_are_users is 'Whether a subject that is a UUID is the id of a user here. The issuer can then speak for any user.';
comment on column auth.trusted_issuer.link_users is 'Whether sign_in_external links a subject to the user who has its verified e-mail.';
comment on column auth.trusted_issuer.create_users is 'Whether sign_in_external makes a user for a subject that is linked to none.';
comment on column auth.trusted_issuer.leeway_seconds is 'By how much its clock may differ, 0 to 300.';
select pg_catalog.pg_extension_config_dump('auth.trusted_issuer', '');

create table auth.external_identity (
    issuer text collate "C",
    subject text collate "C",
    user_id uuid not null constraint external_identity_user_id_fkey references auth."user" (id) on delete cascade,
    email text,
    created_at timestamptz not null default now(),
    last_sign_in_at timestamptz,
    constraint external_identity_pkey primary key (issuer, subject)
);
create index external_identity_user_id_idx on auth.external_identity (user_id);
revoke all on table auth.external_identity from public;
comment on table auth.external_identity is 'Which subject of which issuer is which user here. Reached through functions only.';
comment on column auth.external_identity.issuer is 'No foreign key: links outlast a time in which the issuer is not trusted, and count for nothing then.';
select pg_catalog.pg_extension_config_dump('auth.external_identity', '');

create function auth.issuers_changed()
returns trigger
language c volatile
as 'MODULE_PATHNAME', 'gatehouse_issuers_changed';
revoke all on function auth.issuers_changed() from public;
comment on function auth.issuers_changed() is 'Trigger: tells every backend, at commit, that the trusted issuers have changed.';

create trigger issuers_changed after insert or update or delete or truncate on auth.trusted_issuer
    for each statement execute function auth.issuers_changed();

alter table auth.trusted_issuer enable always trigger issuers_changed;

create function auth.issuer_fault(
    issuer text,
    jwks jsonb,
    algorithms text[],
    paths text[],
    allowed_roles text[],
    default_role text,
    tenants jsonb,
    leeway_seconds integer
)
returns text
language c immutable parallel safe
as 'MODULE_PATHNAME', 'issuer_fault_wrapper';
revoke all on function auth.issuer_fault(text, jsonb, text[], text[], text[], text, jsonb, integer) from public;
comment on function auth.issuer_fault(text, jsonb, text[], text[], text[], text, jsonb, integer) is
'Internal: the code of what is wrong with an issuer; null when nothing is. Paths: role, roles, tenant, permissions, aal.';

create function auth.verify_external(token text, out issuer text, out subject text, out email text)
returns setof record
language c volatile strict parallel unsafe rows 1
as 'MODULE_PATHNAME', 'verify_external_wrapper';
revoke all on function auth.verify_external(text) from public;
comment on function auth.verify_external(text) is
'Internal: whom a token of a trusted issuer is about; email only if verified. Error 28000 for any other token.';

create function auth.trust_issuer(
    issuer text,
    jwks jsonb,
    audience text,
    algorithms text[] default '{RS256,ES256,EdDSA}',
    types text[] default '{JWT,at+jwt,""}',
    role_claim text default null,
    allowed_roles text[] default '{authenticated}',
    default_role text default 'authenticated',
    roles_claim text default null,
    tenant_claim text default null,
    tenants jsonb default null,
    permissions_claim text default null,
    aal_claim text default null,
    trust_email boolean default false,
    subjects_are_users boolean default false,
    link_users boolean default false,
    create_users boolean default false,
    leeway_seconds integer default 30
)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    fault text;
begin
    if trust_issuer.issuer is null or trust_issuer.jwks is null or trust_issuer.algorithms is null
       or trust_issuer.allowed_roles is null or trust_issuer.leeway_seconds is null then
        fault := 'issuer_incomplete';
    elsif trust_issuer.issuer = current_setting('pg_gatehouse.issuer') then
        fault := 'issuer_is_own';
    elsif coalesce(trust_issuer.audience, '') = '' then
        fault := 'issuer_audience_missing';
    elsif trust_issuer.types is null or array_position(trust_issuer.types, null) is not null then
        fault := 'token_types_invalid';
    else
        fault := auth.issuer_fault(
            trust_issuer.issuer, trust_issuer.jwks, trust_issuer.algorithms,
            array[trust_issuer.role_claim, trust_issuer.roles_claim, trust_issuer.tenant_claim, trust_issuer.permissions_claim, trust_issuer.aal_claim],
            trust_issuer.allowed_roles, trust_issuer.default_role, trust_issuer.tenants, trust_issuer.leeway_seconds);
    end if;
    if fault is not null then
        raise exception 'the issuer can not be trusted like this' using errcode = '22023', detail = fault;
    end if;
    insert into auth.trusted_issuer as t (issuer, jwks, audience, algorithms, types, role_claim, roles_claim, tenant_claim, permissions_claim,
                                          aal_claim, allowed_roles, default_role, tenants, trust_email, subjects_are_users, link_users,
                                          create_users, leeway_seconds)
    values (trust_issuer.issuer, trust_issuer.jwks, trust_issuer.audience, trust_issuer.algorithms, trust_issuer.types, trust_issuer.role_claim,
            trust_issuer.roles_claim, trust_issuer.tenant_claim, trust_issuer.permissions_claim, trust_issuer.aal_claim,
            trust_issuer.allowed_roles, trust_issuer.default_role, trust_issuer.tenants, coalesce(trust_issuer.trust_email, false),
            coalesce(trust_issuer.subjects_are_users, false), coalesce(trust_issuer.link_users, false),
            coalesce(trust_issuer.create_users, false), trust_issuer.leeway_seconds)
    on conflict on constraint trusted_issuer_pkey do update
       set jwks = excluded.jwks, audience = excluded.audience, algorithms = excluded.algorithms, types = excluded.types,
           role_claim = excluded.role_claim, roles_claim = excluded.roles_claim, tenant_claim = excluded.tenant_claim,
           permissions_claim = excluded.permissions_claim, aal_claim = excluded.aal_claim, allowed_roles = excluded.allowed_roles,
           default_role = excluded.default_role, tenants = excluded.tenants, trust_email = excluded.trust_email,
           subjects_are_users = excluded.subjects_are_users, link_users = excluded.link_users, create_users = excluded.create_users,
           leeway_seconds = excluded.leeway_seconds, updated_at = now();
    perform auth.record_event('issuer_trusted', 'success', detail => jsonb_build_object(
        'issuer', trust_issuer.issuer, 'allowed_roles', trust_issuer.allowed_roles));
end
$$;
revoke all on function auth.trust_issuer(text, jsonb, text, text[], text[], text, text[], text, text, text, jsonb, text, text, boolean, boolean, boolean, boolean, integer) from public;
comment on function auth.trust_issuer(text, jsonb, text, text[], text[], text, text[], text, text, text, jsonb, text, text, boolean, boolean, boolean, boolean, integer) is
'From the commit on, tokens of this issuer authenticate; called again it replaces what was said. audience is what aud must name (*: anything). Claim paths are names separated by dots, or a whole name; user_metadata never counts. The issuer can name no database role but the allowed ones, service_role only if it is among them by name. Error 22023 with a code in DETAIL for what can not be trusted, such as HMAC algorithms, secret keys in the JWKS, or this database''s own issuer.';

create function auth.update_jwks(issuer text, jwks jsonb)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    fault text;
begin
    if update_jwks.issuer is null or update_jwks.jwks is null then
        fault := 'issuer_incomplete';
    else
        fault := auth.issuer_fault(update_jwks.issuer, update_jwks.jwks, '{RS256}', '{}', '{authenticated}', null, null, 0);
    end if;
    if fault is not null then
        raise exception 'the keys can not be trusted' using errcode = '22023', detail = fault;
    end if;
    update auth.trusted_issuer as t set jwks = update_jwks.jwks, updated_at = now()
     where t.issuer = update_jwks.issuer and t.jwks is distinct from update_jwks.jwks;
    if found then
        perform auth.record_event('issuer_keys_updated', 'success', detail => jsonb_build_object('issuer', update_jwks.issuer));
    end if;
    return found;
end
$$;
revoke all on function auth.update_jwks(text, jsonb) from public;
grant execute on function auth.update_jwks(text, jsonb) to service_role;
comment on function auth.update_jwks(text, jsonb) is
'Replaces the public keys of a trusted issuer; false when there is no such issuer or the keys are the same. Error 22023 for keys that can not be used; the old ones stay.';

create function auth.distrust_issuer(issuer text)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from auth.trusted_issuer as t where t.issuer = distrust_issuer.issuer;
    if found then
        perform auth.record_event('issuer_distrusted', 'success', detail => jsonb_build_object('issuer', distrust_issuer.issuer));
    end if;
    return found;
end
$$;
revoke all on function auth.distrust_issuer(text) from public;
comment on function auth.distrust_issuer(text) is
'From the commit on, no token of this issuer counts. Links of its subjects stay for the case that it is trusted again; sessions that sign_in_external opened go on. False when there is no such issuer.';

create function auth.trusted_issuers()
returns setof auth.trusted_issuer
language sql stable security definer
set search_path = pg_catalog, pg_temp
as 'select * from auth.trusted_issuer order by issuer';
revoke all on function auth.trusted_issuers() from public;
grant execute on function auth.trusted_issuers() to service_role;
comment on function auth.trusted_issuers() is 'Every trusted issuer and what is believed of it; for the operator.';

create function auth.adopt_identity(external_issuer text, external_subject text, address text)
returns auth."user"
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    rules auth.trusted_issuer;
    account auth."user";
begin
    select * into rules from auth.trusted_issuer where issuer = external_issuer;
    address := auth.normalize_email(address);
    if rules.link_users and address is not null then
        -- An address that its user never confirmed may have been entered by a stranger, in wait.
        select * into account from auth."user"
         where email = address and tenant_id is null and email_confirmed_at is not null;
    end if;
    if account.id is null and rules.create_users then
        insert into auth."user" (email, email_confirmed_at) values (address, case when address is not null then now() end)
        on conflict do nothing
        returning * into account;
    end if;
    if account.id is null then
        -- The address may have been taken a moment ago by another first sign-in of this subject.
        select "user".* into account
          from auth.external_identity join auth."user" on "user".id = user_id
         where issuer = external_issuer and subject = external_subject;
        return account;
    end if;
    insert into auth.external_identity (issuer, subject, user_id, email) values (external_issuer, external_subject, account.id, address)
    on conflict on constraint external_identity_pkey do nothing;
    if not found then
        -- Another transaction was first: its user counts, and one that was made here is not needed.
        delete from auth."user" where id = account.id and rules.create_users and created_at = now() and password_hash is null;
        select "user".* into account
          from auth.external_identity join auth."user" on "user".id = user_id
         where issuer = external_issuer and subject = external_subject;
    end if;
    perform auth.record_event('identity_linked', 'success', account.id, detail => jsonb_build_object('issuer', external_issuer));
    return account;
end
$$;
revoke all on function auth.adopt_identity(text, text, text) from public;
comment on function auth.adopt_identity(text, text, text) is
'Internal: links a subject that is linked to nobody to a user, who is found by a confirmed e-mail or made, as the issuer''s row allows; null when it does not.';

create function auth.sign_in_external(token text, tenant text default null)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    who record;
    account auth."user";
    home uuid;
    wait integer;
    refusal text;
begin
    begin
        select * into strict who from auth.verify_external(sign_in_external.token);
    exception when invalid_authorization_specification or no_data_found then
        perform auth.record_event('sign_in', 'failure', detail => '{"method": "external", "reason": "token_invalid"}');
        return auth.sign_in_refusal('invalid_credentials', 'Invalid login credentials');
    end;
    wait := auth.throttle('sign_in', who.issuer || ' ' || who.subject, null);
    if wait is not null then
        return row('throttled', 'Request rate limit reached', null, null, null, null, wait, null)::auth.sign_in_result;
    end if;
    select "user".* into account
      from auth.external_identity join auth."user" on "user".id = user_id
     where issuer = who.issuer and subject = who.subject;
    if account.id is null then
        account := auth.adopt_identity(who.issuer, who.subject, who.email);
    end if;
    if account.id is null then
        perform auth.record_event('sign_in', 'failure', detail => jsonb_build_object(
            'method', 'external', 'issuer', who.issuer, 'reason', 'identity_not_linked'));
        return auth.sign_in_refusal('identity_not_linked', 'This identity belongs to no user here');
    elsif account.banned_until > now() then
        refusal := 'banned';
    else
        home := auth.home_tenant(account.id, sign_in_external.tenant);
        if home is null and sign_in_external.tenant is not null then
            refusal := 'not_a_member';
        end if;
    end if;
    if refusal is not null then
        perform auth.record_event('sign_in', 'failure', account.id, detail => jsonb_build_object('method', 'external', 'reason', refusal));
        return auth.sign_in_refusal('invalid_credentials', 'Invalid login credentials');
    end if;
    update auth.external_identity set last_sign_in_at = now() where issuer = who.issuer and subject = who.subject;
    return auth.open_session(account, home, 'external');
end
$$;
revoke all on function auth.sign_in_external(text, text) from public;
grant execute on function auth.sign_in_external(text, text) to anon, authenticated, service_role;
comment on function auth.sign_in_external(text, text) is
'Exchanges a token of a trusted issuer for a session of the user whom its subject is linked to; links or makes the user at first sight, as trust_issuer said. Statuses: ok, invalid_credentials, identity_not_linked, throttled.';

create function auth.link_identity(token text)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    me uuid := auth.require_key_holder();
    who record;
    owner uuid;
begin
    select * into strict who from auth.verify_external(link_identity.token);
    insert into auth.external_identity (issuer, subject, user_id, email) values (who.issuer, who.subject, me, who.email)
    on conflict on constraint external_identity_pkey do nothing;
    if found then
        perform auth.record_event('identity_linked', 'success', me, auth.tenant_id(), auth.session_id(), jsonb_build_object('issuer', who.issuer));
        return true;
    end if;
    select user_id into owner from auth.external_identity where issuer = who.issuer and subject = who.subject;
    if owner is distinct from me then
        raise exception 'this identity is linked to another user' using errcode = '23505', detail = 'identity_already_exists';
    end if;
    return false;
exception when no_data_found then
    raise exception 'invalid token' using errcode = '28000', detail = 'token_malformed';
end
$$;
revoke all on function auth.link_identity(text) from public;
grant execute on function auth.link_identity(text) to authenticated;
comment on function auth.link_identity(text) is
'Links the subject of another issuer''s token, which proves that it is one''s own, to the signed-in user; false when it was linked already. Errors: 28000 for a bad token, 23505 when it is another user''s, 42501 without a session.';

create function auth.unlink_identity(issuer text, subject text)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    me uuid := auth.require_key_holder();
    account auth."user";
begin
    -- Locked, so that two of them do not each take the other for the last one.
    select u.* into account from auth."user" as u where u.id = me for update;
    if account.password_hash is null and account.email is null and not exists (
        select from auth.external_identity as e
         where e.user_id = me and (e.issuer, e.subject) <> (unlink_identity.issuer, unlink_identity.subject)
    ) then
        raise exception 'this is the only way to sign in' using errcode = '42501', detail = 'single_identity_not_deletable';
    end if;
    delete from auth.external_identity as e
     where e.issuer = unlink_identity.issuer and e.subject = unlink_identity.subject and e.user_id = me;
    if found then
        perform auth.record_event('identity_unlinked', 'success', me, auth.tenant_id(), auth.session_id(), jsonb_build_object('issuer', unlink_identity.issuer));
    end if;
    return found;
end
$$;
revoke all on function auth.unlink_identity(text, text) from public;
grant execute on function auth.unlink_identity(text, text) to authenticated;
comment on function auth.unlink_identity(text, text) is
'Ends a link of the signed-in user; false when there is none. Error 42501 when it is the only way to sign in, or without a session.';

create function auth.my_identities(out issuer text, out subject text, out email text, out created_at timestamptz, out last_sign_in_at timestamptz)
returns setof record
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select e.issuer, e.subject, e.email, e.created_at, e.last_sign_in_at
      from auth.external_identity as e
     where e.user_id = auth.require_key_holder()
     order by e.created_at, e.issuer, e.subject
$$;
revoke all on function auth.my_identities() from public;
grant execute on function auth.my_identities() to authenticated;
comment on function auth.my_identities() is 'The links of the signed-in user. Error 42501 without a session.';

-- What runs the deployment does to users: for service_role.
--
-- Whatever takes access from a user (ban, deletion, another password or e-mail) ends their sessions
-- in the same transaction; the lock on the user's row comes first, then the sessions in the order of
-- their ids.
--
-- Security definer: all admin_ functions, ban_user and unban_user (for service_role, reach the tables
-- of schema auth), no_session_for_the_banned (a trigger).

create function auth.admin_target(id uuid)
returns auth."user"
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user";
begin
    select u.* into account from auth."user" as u where u.id = admin_target.id and u.deleted_at is null for update;
    if account.id is null then
        raise exception 'there is no such user' using errcode = 'P0002', detail = 'user_not_found';
    end if;
    return account;
end
$$;
revoke all on function auth.admin_target(uuid) from public;
comment on function auth.admin_target(uuid) is 'Internal: the user, locked; error P0002 when there is none.';

create function auth.admin_check(address text, given text, password text, password_hash text, user_metadata jsonb, app_metadata jsonb)
returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    verdict record;
begin
    if given is not null and address is null then
        raise exception 'the e-mail address is none' using errcode = '22023', detail = 'email_address_invalid';
    elsif jsonb_typeof(user_metadata) <> 'object' or pg_column_size(user_metadata) > 16384
       or jsonb_typeof(app_metadata) <> 'object' or pg_column_size(app_metadata) > 16384 then
        raise exception 'metadata must be a JSON object of at most 16 KiB' using errcode = '22023', detail = 'validation_failed';
    elsif password is not null and password_hash is not null then
        raise exception 'give a password or a hash of one, not both' using errcode = '22023', detail = 'validation_failed';
    elsif password is not null then
        select * into strict verdict from auth.check_password(password, array[address]);
        if not verdict.ok then
            raise exception '%', array_to_string(verdict.reasons, ' ') using errcode = '22023', detail = 'weak_password';
        end if;
    elsif password_hash is not null then
        -- Raises for a format that nobody could sign in with.
        perform auth.password_needs_rehash(password_hash);
    end if;
end
$$;
revoke all on function auth.admin_check(text, text, text, text, jsonb, jsonb) from public;
comment on function auth.admin_check(text, text, text, text, jsonb, jsonb) is
'Internal: refuses what can not be a user''s; 22023 with a code in DETAIL.';

create function auth.admin_end_sessions(id uuid, reason text default 'ended_by_operator')
returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    living uuid[];
begin
    living := array(
        select s.id from auth.session as s
         where s.user_id = admin_end_sessions.id and s.ended_at is null
         order by s.id for no key update);
    update auth.session as s set ended_at = clock_timestamp(), end_reason = admin_end_sessions.reason where s.id = any (living);
    if cardinality(living) > 0 then
        perform auth.record_event('sessions_ended', 'success', admin_end_sessions.id,
                                  detail => jsonb_build_object('reason', admin_end_sessions.reason, 'sessions', cardinality(living)));
    end if;
    return cardinality(living);
end
$$;
revoke all on function auth.admin_end_sessions(uuid, text) from public;
grant execute on function auth.admin_end_sessions(uuid, text) to service_role;
comment on function auth.admin_end_sessions(uuid, text) is
'Ends every session of a user at once, their access tokens too; gives how many.';

create function auth.no_session_for_the_banned()
returns trigger
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    until timestamptz;
begin
    -- A sign-in may have seen its user before a ban and come here after it. The lock waits for such a
    -- ban, or makes it wait until it can see this session.
    select u.banned_until into until from auth."user" as u where u.id = new.user_id for no key update;
    if until > clock_timestamp() and new.ended_at is null then
        new.ended_at := clock_timestamp();
        new.end_reason := 'banned';
    end if;
    return new;
end
$$;
revoke all on function auth.no_session_for_the_banned() from public;
comment on function auth.no_session_for_the_banned() is 'Trigger: a session that is opened while its user is being banned is over.';

create trigger no_session_for_the_banned before insert on auth.session
    for each row execute function auth.no_session_for_the_banned();

create function auth.ban_end(duration text)
returns timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    length interval;
begin
    if duration is null or duration = 'none' then
        return null;
    elsif duration in ('infinity', 'forever') then
        return 'infinity';
    end if;
    length := duration::interval;
    if length <= interval '0' then
        raise exception 'a ban must last some time' using errcode = '22023', detail = 'ban_duration_invalid';
    end if;
    return clock_timestamp() + length;
exception when invalid_datetime_format or datetime_field_overflow or interval_field_overflow then
    raise exception 'the duration of a ban is none, infinity or an interval such as 24h' using errcode = '22023', detail = 'ban_duration_invalid';
end
$$;
revoke all on function auth.ban_end(text) from public;
comment on function auth.ban_end(text) is 'Internal: when a ban of this length ends: an interval such as 24h, infinity, or none.';

create function auth.admin_create_user(
    email text default null,
    password text default null,
    password_hash text default null,
    email_confirm boolean default false,
    user_metadata jsonb default '{}',
    app_metadata jsonb default '{}',
    ban_duration text default null,
    id uuid default null
)
returns jsonb
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    address text := auth.normalize_email(admin_create_user.email);
    about jsonb := coalesce(admin_create_user.user_metadata, '{}');
    decided jsonb := coalesce(admin_create_user.app_metadata, '{}');
    account auth."user";
begin
    perform auth.admin_check(address, admin_create_user.email, admin_create_user.password, admin_create_user.password_hash, about, decided);
    insert into auth."user" (id, email, password_hash, email_confirmed_at, user_metadata, app_metadata, banned_until)
    values (coalesce(admin_create_user.id, gen_random_uuid()), address,
            coalesce(admin_create_user.password_hash,
                     case when admin_create_user.password is not null then auth.hash_password(admin_create_user.password) end),
            case when admin_create_user.email_confirm then now() end, about, decided, auth.ban_end(admin_create_user.ban_duration))
    on conflict do nothing
    returning * into account;
    if account.id is null then
        raise exception 'a user with this e-mail address or id is there already' using errcode = '23505', detail = 'email_exists';
    end if;
    perform auth.record_event('user_created', 'success', account.id, detail => jsonb_build_object(
        'imported_hash', admin_create_user.password_hash is not null));
    return auth.user_json(account);
end
$$;
revoke all on function auth.admin_create_user(text, text, text, boolean, jsonb, jsonb, text, uuid) from public;
grant execute on function auth.admin_create_user(text, text, text, boolean, jsonb, jsonb, text, uuid) to service_role;
comment on function auth.admin_create_user(text, text, text, boolean, jsonb, jsonb, text, uuid) is
'Creates a user and gives it as JSON. password is judged by the policy; password_hash takes over one that was made elsewhere, in any format that verify_password reads (bcrypt, argon2, scrypt, Firebase''s scrypt, PBKDF2), and is replaced at the first sign-in. ban_duration: none, infinity or an interval. Errors: 22023 (email_address_invalid, weak_password, hash_unknown_format, validation_failed, ban_duration_invalid), 23505 email_exists.';

create function auth.admin_update_user(
    id uuid,
    email text default null,
    password text default null,
    password_hash text default null,
    email_confirm boolean default null,
    user_metadata jsonb default null,
    app_metadata jsonb default null,
    ban_duration text default null
)
returns jsonb
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    before auth."user" := auth.admin_target(admin_update_user.id);
    address text := auth.normalize_email(admin_update_user.email);
    account auth."user";
begin
    perform auth.admin_check(address, admin_update_user.email, admin_update_user.password, admin_update_user.password_hash,
                             coalesce(admin_update_user.user_metadata, '{}'), coalesce(admin_update_user.app_metadata, '{}'));
    begin
        update auth."user" as u
           set email = coalesce(address, u.email),
               password_hash = coalesce(admin_update_user.password_hash,
                   case when admin_update_user.password is not null then auth.hash_password(admin_update_user.password) end, u.password_hash),
               email_confirmed_at = case
                   when admin_update_user.email_confirm then coalesce(u.email_confirmed_at, now())
                   when not admin_update_user.email_confirm then null
                   -- Another address is not confirmed by the old one having been.
                   when address <> u.email then null
                   else u.email_confirmed_at end,
               user_metadata = (u.user_metadata || coalesce(admin_update_user.user_metadata, '{}'))
                   - array(select key from jsonb_each(admin_update_user.user_metadata) where value = 'null'),
               app_metadata = (u.app_metadata || coalesce(admin_update_user.app_metadata, '{}'))
                   - array(select key from jsonb_each(admin_update_user.app_metadata) where value = 'null'),
               banned_until = case when admin_update_user.ban_duration is null then u.banned_until
                                   else auth.ban_end(admin_update_user.ban_duration) end,
               updated_at = now()
         where u.id = before.id
        returning u.* into strict account;
    exception when unique_violation then
        raise exception 'another user has this e-mail address' using errcode = '23505', detail = 'email_exists';
    end;
    if account.password_hash is distinct from before.password_hash or account.email is distinct from before.email then
        perform auth.admin_end_sessions(account.id, 'credentials_changed');
    end if;
    perform auth.record_event('user_updated', 'success', account.id, detail => jsonb_build_object(
        'email', account.email is distinct from before.email,
        'password', account.password_hash is distinct from before.password_hash,
        'banned', account.banned_until is distinct from before.banned_until));
    return auth.user_json(account);
end
$$;
revoke all on function auth.admin_update_user(uuid, text, text, text, boolean, jsonb, jsonb, text) from public;
grant execute on function auth.admin_update_user(uuid, text, text, text, boolean, jsonb, jsonb, text) to service_role;
comment on function auth.admin_update_user(uuid, text, text, text, boolean, jsonb, jsonb, text) is
'Changes what is given of a user and gives the user as JSON; null leaves things as they are. Metadata is merged, a null member is taken away. Another password or e-mail ends the user''s sessions; another e-mail is unconfirmed unless email_confirm says otherwise. ban_duration none lifts a ban. Errors: P0002 user_not_found, and those of admin_create_user.';

create function auth.admin_delete_user(id uuid, soft boolean default false)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user";
begin
    select u.* into account from auth."user" as u where u.id = admin_delete_user.id for update;
    if account.id is null or soft and account.deleted_at is not null then
        return false;
    end if;
    if soft then
        perform auth.admin_end_sessions(account.id, 'user_deleted');
        delete from auth.external_identity as e where e.user_id = account.id;
        delete from auth.membership as m where m.user_id = account.id;
        update auth.api_key as k set revoked_at = clock_timestamp() where k.user_id = account.id and k.revoked_at is null;
        update auth."user" as u
           set email = null, password_hash = null, email_confirmed_at = null, user_metadata = '{}', app_metadata = '{}',
               banned_until = 'infinity', deleted_at = now(), updated_at = now()
         where u.id = account.id;
    else
        delete from auth."user" as u where u.id = account.id;
    end if;
    perform auth.record_event('user_deleted', 'success', account.id, detail => jsonb_build_object('soft', soft));
    return true;
end
$$;
revoke all on function auth.admin_delete_user(uuid, boolean) from public;
grant execute on function auth.admin_delete_user(uuid, boolean) to service_role;
comment on function auth.admin_delete_user(uuid, boolean) is
'Deletes a user with all that is theirs in schema auth; false when there is none. soft keeps the row as a bare id, banned for good, so that what refers to it stays: e-mail, password, metadata, identities, memberships and API keys go. The audit keeps the id either way.';

create function auth.admin_get_user(id uuid)
returns jsonb
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select auth.user_json(u) || case when u.deleted_at is null then '{}' else jsonb_build_object('deleted_at', u.deleted_at) end
      from auth."user" as u where u.id = $1
$$;
revoke all on function auth.admin_get_user(uuid) from public;
grant execute on function auth.admin_get_user(uuid) to service_role;
comment on function auth.admin_get_user(uuid) is 'A user as JSON; null when there is none.';

create function auth.admin_list_users(
    page integer default 1,
    per_page integer default 50,
    filter text default null,
    out users jsonb,
    out total bigint
)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    wanted uuid;
    pattern text;
    -- Counting a million users for each page would cost more than the page.
    exact constant integer := 10000;
begin
    if page is null or page < 1 or per_page is null or per_page not between 1 and 1000 then
        raise exception 'page must be 1 or more, per_page 1 to 1000' using errcode = '22023', detail = 'page_invalid';
    end if;
    filter := nullif(btrim(filter), '');
    if filter is null then
        select coalesce(jsonb_agg(auth.user_json(u) order by u.created_at desc, u.id desc), '[]') into users
          from (select * from auth."user" order by created_at desc, id desc
                 limit per_page offset (page - 1)::bigint * per_page) as u;
        select count(*) into total from (select from auth."user" order by created_at limit exact + 1) as u;
        if total > exact then
            select greatest(reltuples::bigint, exact + 1) into total from pg_class where oid = 'auth."user"'::regclass;
        end if;
        return;
    end if;
    if filter ~ '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$' then
        wanted := filter::uuid;
        select coalesce(jsonb_agg(auth.user_json(u)), '[]'), count(*) into users, total
          from auth."user" as u where u.id = wanted;
        return;
    end if;
    pattern := regexp_replace(lower(filter), '([\\%_])', '\\\1', 'g') || '%';
    -- As dynamic SQL, so that the plan is made for this pattern and uses the index.
    execute 'select coalesce(jsonb_agg(auth.user_json(u) order by u.email), ''[]'') from (
                 select * from auth."user" where email like $1 order by email limit $2 offset $3) as u'
       into users using pattern, per_page, (page - 1)::bigint * per_page;
    execute 'select count(*) from (select from auth."user" where email like $1 limit $2) as u' into total using pattern, exact + 1;
end
$$;
revoke all on function auth.admin_list_users(integer, integer, text) from public;
grant execute on function auth.admin_list_users(integer, integer, text) to service_role;
comment on function auth.admin_list_users(integer, integer, text) is
'One page of users as a JSON array, the newest first, and how many there are: exact up to 10000, beyond that an estimate. filter is the beginning of an e-mail address (then in the order of addresses, total at most 10001) or a user''s id. Error 22023 for a page under 1 or per_page outside 1 to 1000.';

create function auth.ban_user(id uuid, until timestamptz default 'infinity')
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user" := auth.admin_target(ban_user.id);
begin
    if ban_user.until is null or ban_user.until <= clock_timestamp() then
        raise exception 'a ban must end in the future' using errcode = '22023', detail = 'ban_duration_invalid';
    end if;
    update auth."user" as u set banned_until = ban_user.until, updated_at = now() where u.id = account.id;
    perform auth.admin_end_sessions(account.id, 'banned');
    perform auth.record_event('user_banned', 'success', account.id, detail => jsonb_build_object('until', ban_user.until));
end
$$;
revoke all on function auth.ban_user(uuid, timestamptz) from public;
grant execute on function auth.ban_user(uuid, timestamptz) to service_role;
comment on function auth.ban_user(uuid, timestamptz) is
'Shuts a user out until then, for good by default: their sessions, access tokens, API keys and linked identities count for nothing from the commit on. Errors: P0002 user_not_found, 22023.';

create function auth.ban_user(id uuid, duration interval)
returns void
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as 'select auth.ban_user($1, clock_timestamp() + $2)';
revoke all on function auth.ban_user(uuid, interval) from public;
grant execute on function auth.ban_user(uuid, interval) to service_role;
comment on function auth.ban_user(uuid, interval) is 'The same for a length of time.';

create function auth.unban_user(id uuid)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user" := auth.admin_target(unban_user.id);
begin
    update auth."user" as u set banned_until = null, updated_at = now() where u.id = account.id and u.banned_until > clock_timestamp();
    if found then
        perform auth.record_event('user_unbanned', 'success', account.id);
    end if;
    return found;
end
$$;
revoke all on function auth.unban_user(uuid) from public;
grant execute on function auth.unban_user(uuid) to service_role;
comment on function auth.unban_user(uuid) is
'Lets a banned user in again, who has to sign in anew; false when they were not banned. Error P0002 user_not_found.';

create function auth.admin_user_factors(
    id uuid,
    out factor_id uuid,
    out factor_type text,
    out friendly_name text,
    out status text,
    out created_at timestamptz
)
returns setof record
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if to_regclass('auth.mfa_factor') is null then
        return;
    end if;
    return query execute
        'select id, factor_type, friendly_name, status, created_at from auth.mfa_factor where user_id = $1 order by created_at, id'
        using admin_user_factors.id;
end
$$;
revoke all on function auth.admin_user_factors(uuid) from public;
grant execute on function auth.admin_user_factors(uuid) to service_role;
comment on function auth.admin_user_factors(uuid) is 'The second factors of a user, without their secrets; for the operator.';

-- Changing the master key.
--
-- Nothing fails at any moment of it, and nothing is half done:
--
--   1. write the new key to a file of its own (64 hexadecimal digits, mode 0600, the server's user);
--   2. alter system set pg_gatehouse.next_master_key_file = '/that/file'; select pg_reload_conf();
--      from now on both keys open, and what is sealed anew is sealed under the new one;
--   3. select auth.rotate_master_key('/that/file');  again, until it gives 0
--      seals everything under the new key, in one transaction;
--   4. alter system set pg_gatehouse.master_key_file = '/that/file';
--      alter system reset pg_gatehouse.next_master_key_file; select pg_reload_conf();
--   5. keep the old file with the backups that need it, or destroy it.
--
-- Standbys need the files and settings of step 1, 2 and 4 at the same time.

create function auth.reseal(sealed bytea, purpose text, key_file text)
returns bytea
language c volatile strict parallel unsafe
as 'MODULE_PATHNAME', 'reseal_wrapper';
revoke all on function auth.reseal(bytea, text, text) from public;
comment on function auth.reseal(bytea, text, text) is
'Internal: the same value sealed under the master key of the file; null when it is already.';

create function auth.rotate_master_key(new_key_file text)
returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    item record;
    fresh bytea;
    resealed integer := 0;
begin
    if new_key_file is null then
        raise exception 'name the file of the new master key' using errcode = '22023', detail = 'master_key_unreadable';
    end if;
    lock table auth.secret, auth.signing_key in share row exclusive mode;
    for item in select name, sealed from auth.secret order by name loop
        fresh := auth.reseal(item.sealed, 'secret:' || item.name, new_key_file);
        if fresh is not null then
            update auth.secret as s set sealed = fresh where s.name = item.name;
            resealed := resealed + 1;
        end if;
    end loop;
    for item in select kid, private_key from auth.signing_key where private_key is not null order by kid loop
        fresh := auth.reseal(item.private_key, 'signing_key:' || item.kid, new_key_file);
        if fresh is not null then
            update auth.signing_key as k set private_key = fresh where k.kid = item.kid;
            resealed := resealed + 1;
        end if;
    end loop;
    perform auth.record_event('master_key_rotated', 'success', detail => jsonb_build_object('resealed', resealed));
    return resealed;
end
$$;
revoke all on function auth.rotate_master_key(text) from public;
comment on function auth.rotate_master_key(text) is
'Seals everything that is sealed under the master key anew, under the key of the file that pg_gatehouse.next_master_key_file names, in one transaction, and gives how many values that were. Call it until it gives 0, then make the file the one of pg_gatehouse.master_key_file. Errors, and nothing is changed: 58000 seal_broken when anything does not open, F0000 when the file can not be read, 55000 when it was not announced.';

-- Putting a table under tenant isolation.
--
-- Security invoker, and one function that calls no other of this schema: whoever owns tables needs
-- to be granted this one only, and it does what its caller could do by hand.
--
-- The policies compare with auth.tenant_id() as it stands, not with (select auth.tenant_id()).
-- Both cost the same per row, for the accessor is a C function that returns a pointer, and both
-- use the index. But the planner evaluates a stable function to estimate rows, and a subquery it
-- does not: with the bare call it knows how large *this* tenant is. docs/isolation.md has numbers.

create function auth.protect(target regclass, tenant_column name default 'tenant_id')
returns setof text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    col name := coalesce(tenant_column, '');
    todo record;
    locked boolean := false;
begin
    -- One step at a time, for each may do a later one's work: a parent's index is its partitions' too.
    loop
        with recursive tree (id, depth) as (
            -- Whoever uses a partition by its own name meets the partition's policies, not the parent's.
            select target::oid, 0
             union
            select i.inhrelid, tree.depth + 1 from tree join pg_inherits as i on i.inhparent = tree.id
        ), fact as (
            select tree.depth, c.*, n.nspname, quote_ident(n.nspname) || '.' || quote_ident(c.relname) as title, format('(%I = auth.tenant_id())', col) as belongs,
                   a.attnum, a.attnotnull, a.atttypid, format_type(a.atttypid, a.atttypmod) as atttype, a.attgenerated
              from tree
              left join pg_class as c on c.oid = tree.id
              left join pg_namespace as n on n.oid = c.relnamespace
              left join pg_attribute as a on a.attrelid = tree.id and a.attname = col and a.attnum > 0 and not a.attisdropped
             where tree.depth = 0 or c.relkind in ('r', 'p')
        )
        select step, statement, state, code, hint into todo
          from fact, lateral (
            select 0, 0, 'there is no such table', '42P01', 'table_missing', null where fact.oid is null
            union all
            select 1, 0, format('%s belongs to the system', title), '42809', 'system_table', null
             where nspname in ('pg_catalog', 'information_schema', 'pg_toast', 'auth')
            union all
            select 2, 0, format('%s is %s', title, case relkind when 'v' then 'a view' when 'm' then 'a materialized view' when 'f' then 'a foreign table'
                                                       when 'r' then 'a temporary table' else 'no table' end), '42809', 'not_a_table',
                   case relkind when 'v' then 'Protect the tables below it, and set its option security_invoker (PostgreSQL 15 and later).'
                                else 'It has no row-level security that could hold. Keep API roles from it: revoke all on it.' end
             where relkind not in ('r', 'p') or relpersistence = 't'
            union all
            select 3, 0, format('must be owner of table %s', title), '42501', 'not_owner', null where not pg_has_role(relowner, 'usage')
            union all
            select 4, 0, format('table %s has no column %I', title, col), '42703', 'tenant_column_missing',
                   format('Add it, or name the one that holds the tenant: alter table %s add column %I uuid', title, col) where attnum is null
            union all
            select 5, 0, format('column %I of table %s is of type %s, not uuid', col, title, atttype), '42804', 'tenant_column_type',
                   'A tenant''s id is a uuid.' where atttypid <> 'uuid'::regtype
            union all
            select 6, 0, format('column %I of table %s is generated', col, title), '42809', 'tenant_column_generated',
                   'Name a column that keeps what was inserted.' where attgenerated <> ''
            union all
            -- Two calls at a time would both find the same work to do.
            select 10, 0, format('lock table %s in access exclusive mode', title), null, null, null where depth = 0 and not locked
            union all
            select 11, 0, format('alter table %s enable row level security', title), null, null, null where not relrowsecurity
            union all
            select 12, 0, format('alter table %s force row level security', title), null, null, null where not relforcerowsecurity
            union all
            select 13, 0, format('drop policy gatehouse_tenant on %s', title), null, null, null
              from pg_policy
             where polrelid = fact.oid and polname = 'gatehouse_tenant'
               and (polpermissive, polcmd, polroles, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
                   is distinct from (false, '*'::"char", '{0}'::oid[], belongs, belongs)
            union all
            select 14, 0, format('create policy gatehouse_tenant on %1$s as restrictive to public using %2$s with check %2$s', title, belongs), null, null, null
             where not exists (select from pg_policy where polrelid = fact.oid and polname = 'gatehouse_tenant')
            union all
            -- What a command may do within the tenant is the application's to say: where it has a
            -- permissive policy of its own, ours is not made.
            select 15, command.at, format('create policy gatehouse_%1$s on %2$s for %1$s to authenticated %3$s', command.name, title, replace(clauses, '?', belongs)), null, null, null
              from (values (1, 'select', 'r', 'using ?'), (2, 'insert', 'a', 'with check ?'),
                           (3, 'update', 'w', 'using ? with check ?'), (4, 'delete', 'd', 'using ?')) as command (at, name, code, clauses)
             where not exists (select from pg_policy where polrelid = fact.oid and polpermissive and polcmd in ('*', command.code::"char"))
            union all
            select 16, 0, format('alter table %s alter column %I set default auth.tenant_id()', title, col), null, null, null
             where not exists (select from pg_attrdef where adrelid = fact.oid and adnum = attnum and pg_get_expr(adbin, adrelid) = 'auth.tenant_id()')
            union all
            select 17, 0, format('alter table %s alter column %I set not null', title, col), null, null, null where not attnotnull
            union all
            select 18, 0, format('create index on %s (%I)', title, col), null, null, null
             where not exists (select from pg_index as i join pg_class as c on c.oid = i.indexrelid join pg_am as a on a.oid = c.relam
                                where i.indrelid = fact.oid and i.indkey[0] = attnum and i.indisvalid and i.indpred is null and a.amname = 'btree')
            union all
            -- Row-level security does not govern these.
            select 19, 0, format('revoke truncate, references, trigger on table %s from %s', title,
                              string_agg(distinct coalesce(quote_ident(r.rolname), 'public'), ', ')), null, null, null
              from aclexplode(relacl) as a left join pg_roles as r on r.oid = a.grantee
             where a.privilege_type in ('TRUNCATE', 'REFERENCES', 'TRIGGER') and a.grantor = relowner
               and (a.grantee = 0 or r.rolname in ('anon', 'authenticated'))
            having count(*) > 0
          ) as step (step, at, statement, state, code, hint)
         order by step < 10 desc, depth, title, step, at
         limit 1;
        exit when not found;
        if todo.state is not null then
            raise exception '%', todo.statement using errcode = todo.state, detail = todo.code, hint = coalesce(todo.hint, '');
        end if;
        begin
            execute todo.statement;
        exception when not_null_violation then
            raise exception 'table % has rows without a tenant', target
                using errcode = '23502', detail = 'tenant_missing',
                      hint = format('Give each row''s column %I a tenant first, with row-level security bypassed.', col);
        end;
        locked := true;
        if todo.step > 10 then
            return next todo.statement;
        end if;
    end loop;
end
$$;
revoke all on function auth.protect(regclass, name) from public;
comment on function auth.protect(regclass, name) is
'Puts a table and its partitions under tenant isolation, as the table''s owner: row-level security enabled and forced, a restrictive policy that keeps every command within the active tenant, a permissive one for each command that has none, the column''s default and not null, an index; truncate, references and trigger are revoked from API roles. Gives the statements it ran; none when there was nothing to do. Errors: 42501 when the caller does not own the table; 42P01, 42809, 42703 or 42804 when it is no table that can be isolated by that column; 23502 when rows have no tenant.';

-- What lint looks at: PostgreSQL's catalogue, seen as API roles see the database.
--
-- Views for the owner only; the functions that read them pin the search_path that names in
-- expressions are printed under. They read catalogues, never a table's rows, and evaluate nothing
-- that somebody else wrote.

create view auth.api_role as
with recursive reachable as (
    select m.roleid as id from pg_catalog.pg_auth_members as m
      join pg_catalog.pg_roles as r on r.oid operator(pg_catalog.=) m.member
     where r.rolname operator(pg_catalog.=) 'authenticator'
     union
    select m.roleid from reachable join pg_catalog.pg_auth_members as m on m.member operator(pg_catalog.=) reachable.id
)
select r.oid as id, r.rolname as name from pg_catalog.pg_roles as r join reachable on reachable.id operator(pg_catalog.=) r.oid;
revoke all on table auth.api_role from public;
comment on view auth.api_role is 'Internal: the roles that authenticator can become, directly or through others.';

create function auth.relation_name(relation oid)
returns text
language sql stable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select format('%I.%I', n.nspname, c.relname)
      from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
     where c.oid = relation
$$;
revoke all on function auth.relation_name(oid) from public;
comment on function auth.relation_name(oid) is 'Internal: the quoted and qualified name of a relation.';

create function auth.application_schemas(out id oid, out name name, out exposed boolean)
returns setof record
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select n.oid, n.nspname, exists (select from auth.api_role as r where has_schema_privilege(r.id, n.oid, 'usage'))
      from pg_namespace as n
     where n.nspname <> all (array['pg_catalog', 'information_schema', 'auth'])
       and n.nspname !~ '^pg_(toast|temp)'
$$;
revoke all on function auth.application_schemas() from public;
comment on function auth.application_schemas() is
'Internal: the schemas that are the application''s; exposed: an API role may use it.';

create function auth.of_extension(class regclass, id oid)
returns boolean
language sql stable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select exists (select from pg_depend as d where d.classid = $1 and d.objid = $2 and d.deptype = 'e')
$$;
revoke all on function auth.of_extension(regclass, oid) from public;
comment on function auth.of_extension(regclass, oid) is 'Internal: whether the object belongs to an extension.';

create function auth.application_relations(
    out id oid,
    out title text,
    out kind "char",
    out owner oid,
    out acl aclitem[],
    out options text[],
    out row_security boolean,
    out forced boolean,
    out exposed boolean,
    out granted boolean,
    out tenant_attnum smallint,
    out tenant_column name
)
returns setof record
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select c.oid, format('%I.%I', n.name, c.relname), c.relkind, c.relowner, c.relacl, c.reloptions, c.relrowsecurity, c.relforcerowsecurity, n.exposed,
           n.exposed and c.relkind <> 'S' and exists (
               select from auth.api_role as r
                where has_table_privilege(r.id, c.oid, 'select, insert, update, delete, truncate')
                   or has_any_column_privilege(r.id, c.oid, 'select, insert, update')),
           tenant.attnum, tenant.attname
      from pg_class as c
      join auth.application_schemas() as n on n.id = c.relnamespace
      left join lateral (
        -- The column that defaults to the tenant, else the one of that name, else the one that refers to tenants.
        select a.attnum, a.attname
          from pg_attribute as a
          left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
         cross join lateral (
            select case when pg_get_expr(d.adbin, d.adrelid) = 'auth.tenant_id()' then 1
                        when a.attname = 'tenant_id' then 2
                        when exists (select from pg_constraint as f
                                      where f.conrelid = c.oid and f.contype = 'f' and f.conkey = array[a.attnum]
                                        and f.confrelid = to_regclass('auth.tenant')) then 3 end) as found (rank)
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p') and found.rank is not null
         order by found.rank, a.attnum limit 1
      ) as tenant on true
     where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
       and not auth.of_extension('pg_class', c.oid)
$$;
revoke all on function auth.application_relations() from public;
comment on function auth.application_relations() is
'Internal: the application''s relations; granted: an API role can reach rows; tenant_column: the column that says whose a row is.';

create function auth.expression_facts(tree text, known jsonb default '{}')
returns jsonb
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'expression_facts_wrapper';
revoke all on function auth.expression_facts(text, jsonb) from public;
comment on function auth.expression_facts(text, jsonb) is
'Internal: what a policy''s expression, as a pg_node_tree, looks at: {columns, calls, row_subquery, self_comparison, truth}; nothing is evaluated. Null when it can not be read.';

create function auth.policy_clauses(
    out id oid,
    out relation oid,
    out name name,
    out permissive boolean,
    out command "char",
    out roles oid[],
    out clause text,
    out implied boolean,
    out expression text,
    out facts jsonb
)
returns setof record
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select p.oid, p.polrelid, p.polname, p.polpermissive, p.polcmd, p.polroles, c.clause, c.implied,
           pg_get_expr(c.tree, p.polrelid), auth.expression_facts(c.tree::text)
      from pg_policy as p, lateral (
        select 'using', false, p.polqual where p.polqual is not null
         union all
        select 'with check', false, p.polwithcheck where p.polwithcheck is not null
         union all
        -- What new rows are held to when the policy does not say.
        select 'with check', true, p.polqual
         where p.polwithcheck is null and p.polqual is not null and p.polcmd in ('*', 'w')
      ) as c (clause, implied, tree)
$$;
revoke all on function auth.policy_clauses() from public;
comment on function auth.policy_clauses() is 'Internal: each clause of each policy, with what it looks at.';

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

-- Findings about ways around row-level security: views, copies, owners, grants, functions.

create function auth.lint_views()
returns setof auth.finding
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with recursive source (view, id) as (
        select r.ev_class, d.refobjid
          from pg_rewrite as r
          join pg_class as v on v.oid = r.ev_class and v.relkind in ('v', 'm')
          join pg_depend as d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
                             and d.refclassid = 'pg_class'::regclass and d.refobjid <> r.ev_class
         union
        select source.view, d.refobjid
          from source
          join pg_class as inner_view on inner_view.oid = source.id and inner_view.relkind in ('v', 'm')
          join pg_rewrite as r on r.ev_class = source.id
          join pg_depend as d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
                             and d.refclassid = 'pg_class'::regclass and d.refobjid <> r.ev_class
    ), application as materialized (
        select * from auth.application_relations()
    ), behind as (
        select source.view, string_agg(distinct auth.relation_name(c.oid), ', ') as tables, bool_or(c.relnamespace = 'auth'::regnamespace) as identity
          from source
          join pg_class as c on c.oid = source.id and c.relkind in ('r', 'p')
         where c.relnamespace = 'auth'::regnamespace or c.relrowsecurity
            or c.oid in (select id from application where tenant_column is not null)
         group by source.view
    ), reach as (
        select v.*, b.tables, b.identity,
               exists (select from unnest(v.options) as option where option ~* '^security_invoker=(true|on|yes|1|t|y)$') as invoker,
               case when granted then 'error' else 'warning' end as severity,
               format('revoke all on %s from public, %s', title, (select string_agg(quote_ident(name), ', ' order by name) from auth.api_role)) as revoke
          from application as v left join behind as b on b.view = v.id
         where v.exposed and v.kind in ('v', 'm', 'f')
    )
    select 'error', 'identity_exposed', title, format('shows what is in %s, which nobody but its owner should read', tables), revoke
      from reach where identity and granted and not invoker
     union all
    select severity, 'view_without_security_invoker', title,
           format('the view reads %s with its owner''s rights and row-level security, not with those of whoever asks', tables),
           case when current_setting('server_version_num')::integer >= 150000 then format('alter view %s set (security_invoker = true)', title) else revoke end
      from reach
     where kind = 'v' and tables is not null and not identity and not invoker
       -- PostgreSQL 14 has no such option: there, a view that nobody may use is fine.
       and (granted or current_setting('server_version_num')::integer >= 150000)
     union all
    select case when tables is null then 'warning' else 'error' end, 'materialized_view_exposed', title,
           concat('a materialized view has no row-level security: whoever may read it reads all of it', ', copied from ' || tables), revoke
      from reach where kind = 'm' and granted and identity is not true
     union all
    select 'error', 'foreign_table_exposed', title, 'a foreign table has no row-level security: whoever may read it reads all of it', revoke
      from reach where kind = 'f' and granted
$$;
revoke all on function auth.lint_views() from public;
comment on function auth.lint_views() is 'Internal: findings of lint about views, materialized views and foreign tables.';

create function auth.lint_grants()
returns setof auth.finding
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with application as materialized (
        select * from auth.application_relations()
    ), role as materialized (
        select * from auth.api_role
    ), given as (
        select t.*, a.grantee, coalesce(quote_ident(g.rolname), 'public') as name, lower(a.privilege_type) as privilege
          from application as t
         cross join lateral (
            select * from aclexplode(t.acl)
             union
            select x.* from pg_attribute as col, aclexplode(col.attacl) as x where col.attrelid = t.id and not col.attisdropped
         ) as a
          left join pg_roles as g on g.oid = a.grantee
         where a.grantee = 0 or a.grantee in (select id from role)
    )
    select 'warning', case when grantee = 0 then 'grant_to_public' else 'grant_to_anon' end, title,
           format('%s on a table of tenants for %s; nobody without a tenant can have a use for it', string_agg(distinct privilege, ', '),
               case when grantee = 0 then 'every role there is or will be' else 'whoever has not signed in' end),
           format('revoke all on %s from %s', title, name)
      from given
     where tenant_column is not null and (grantee = 0 or name = 'anon')
     group by title, name, grantee
     union all
    select case when bool_or(privilege = 'truncate') then 'error' else 'warning' end, 'grant_beyond_row_security', title,
           format('%s for %s: row-level security does not govern these', string_agg(distinct privilege, ', '), string_agg(distinct name, ', ')),
           format('revoke truncate, references, trigger on %s from %s', title, string_agg(distinct name, ', '))
      from given
     where kind in ('r', 'p') and (exposed or tenant_column is not null) and privilege in ('truncate', 'references', 'trigger')
     group by title
     union all
    select 'warning', 'sequence_exposed', title,
           format('%s for %s: who may read or move a sequence learns how many rows all tenants add, or makes inserts collide',
               string_agg(distinct privilege, ', '), string_agg(distinct name, ', ')),
           string_agg(distinct format('revoke %s on sequence %s from %s', case when grantee = 0 or name = 'anon' then 'all' else 'select, update' end, title, name), E';\n')
      from given
     where kind = 'S' and exposed and (grantee = 0 or name = 'anon' or privilege in ('select', 'update'))
     group by title
     union all
    select 'error', 'owner_is_api_role', title, format('belongs to %I, so that tokens'' bearers can switch row-level security off, change or drop it', r.name),
           format('alter %s %s owner to %I', case kind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' when 'S' then 'sequence' else 'table' end,
               title, (select datdba::regrole::text from pg_database where datname = current_database()))
      from application as t join (select id, name from role union all select oid, rolname from pg_roles where rolname = 'authenticator') as r on r.id = t.owner
     union all
    select 'warning', 'schema_open_for_create', quote_ident(s.name), format('%s may create objects in it: tables that nobody protects, functions that shadow others', string_agg(format('%I', r.name), ', ' order by r.name)),
           format('revoke create on schema %I from public, %s', s.name, string_agg(format('%I', r.name), ', ' order by r.name))
      from auth.application_schemas() as s join role as r on has_schema_privilege(r.id, s.id, 'create')
     group by s.name
$$;
revoke all on function auth.lint_grants() from public;
comment on function auth.lint_grants() is 'Internal: findings of lint about grants and owners.';

create function auth.lint_default_privileges()
returns setof auth.finding
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select 'warning', 'default_privileges_open', format('default privileges of %I%s', r.rolname, ' in schema ' || quote_ident(n.nspname)),
           format('%s on all future %s go to %s', string_agg(lower(a.privilege_type), ', ' order by a.privilege_type), kind.name, coalesce(quote_ident(g.rolname), 'every role')),
           format('alter default privileges for role %I%s revoke %s on %s from %s', r.rolname, ' in schema ' || quote_ident(n.nspname),
               string_agg(lower(a.privilege_type), ', ' order by a.privilege_type), kind.name, coalesce(quote_ident(g.rolname), 'public'))
      from pg_default_acl as d
      join pg_roles as r on r.oid = d.defaclrole
      left join pg_namespace as n on n.oid = d.defaclnamespace
      join (values ('r', 'tables'), ('S', 'sequences'), ('f', 'functions'), ('n', 'schemas')) as kind (code, name) on kind.code = d.defaclobjtype::text
     cross join lateral aclexplode(d.defaclacl) as a
      left join pg_roles as g on g.oid = a.grantee
     where (a.grantee = 0 or g.rolname = 'anon' or a.grantee in (select id from auth.api_role) and a.privilege_type in ('TRUNCATE', 'REFERENCES', 'TRIGGER', 'CREATE'))
       -- PostgreSQL's own default for functions, which an entry for the whole database repeats.
       and not (d.defaclobjtype = 'f' and d.defaclnamespace = 0 and a.grantee = 0)
     group by r.rolname, n.nspname, kind.name, g.rolname
$$;
revoke all on function auth.lint_default_privileges() from public;
comment on function auth.lint_default_privileges() is 'Internal: findings of lint about default privileges.';

create function auth.lint_functions()
returns setof auth.finding
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with f as (
        select p.oid, p.oid::regprocedure::text as title, p.proacl, p.prosecdef, p.proowner, s.exposed,
               (select substr(setting, 13) from unnest(p.proconfig) as setting where setting like 'search_path=%') as path
          from pg_proc as p join auth.application_schemas() as s on s.id = p.pronamespace
         where not auth.of_extension('pg_proc', p.oid)
    )
    select 'error', 'function_without_search_path', title,
           'a security definer function without a search_path: its caller decides which tables and operators its names mean',
           format('alter routine %s set search_path = pg_catalog, pg_temp', title)
      from f where prosecdef and path is null
     union all
    select 'warning', 'function_search_path_open', title,
           format('a security definer function with search_path %s: %s; qualify its names and set it to pg_catalog, pg_temp', path,
               case when path ~ 'pg_temp"?$' then 'API roles may create objects in it' else 'without pg_temp at the end, the caller''s temporary tables come first' end),
           format('alter routine %s set search_path = pg_catalog, pg_temp', title)
      from f
     where prosecdef and path not in ('', '""')
       and (path !~ '(^|[ ,])"?pg_temp"?$'
            or exists (select from auth.application_schemas() as s join auth.api_role as r on has_schema_privilege(r.id, s.id, 'create')
                        where s.name = any (regexp_split_to_array(replace(path, '"', ''), ',\s*'))))
     union all
    select 'warning', 'function_for_everybody', title,
           'a security definer function that every role may call, also whoever has not signed in; grant it to those who need it',
           format(E'revoke execute on routine %1$s from public;\ngrant execute on routine %1$s to authenticated', title)
      from f
     where prosecdef and (proacl is null or exists (select from aclexplode(proacl) where grantee = 0 and privilege_type = 'EXECUTE'))
     union all
    select 'error', 'owner_is_api_role', title, format('belongs to %I, so that tokens'' bearers can change what it does', r.name),
           format('alter routine %s owner to %s', title, (select datdba::regrole from pg_database where datname = current_database()))
      from f join (select id, name from auth.api_role union all select oid, rolname from pg_roles where rolname = 'authenticator') as r on r.id = f.proowner
$$;
revoke all on function auth.lint_functions() from public;
comment on function auth.lint_functions() is 'Internal: findings of lint about functions that run with their owner''s rights.';

-- Findings about roles, about what was granted in schema auth, and about settings.

create function auth.master_key_file_problem()
returns text
language c volatile parallel safe
as 'MODULE_PATHNAME', 'master_key_file_problem_wrapper';
revoke all on function auth.master_key_file_problem() from public;
comment on function auth.master_key_file_problem() is
'Internal: what is wrong with the file of the master key: not_set, unreadable, open (others than the server can read it); null when nothing is.';

create function auth.lint_roles()
returns setof auth.finding
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with reachable as (
        select r.* from pg_roles as r where r.rolname = 'authenticator' or r.oid in (select id from auth.api_role)
    )
    select 'error', 'role_beyond_row_security', quote_ident(rolname),
           format('%s is %s: %s', case when rolname = 'authenticator' then 'the login role of requests' else 'a role that authenticator can become' end,
               concat_ws(', ', case when rolsuper then 'superuser' end, case when rolbypassrls then 'bypassrls' end, case when rolcreaterole then 'createrole' end,
                   case when rolreplication then 'replication' end, case when rolname ~ '^pg_' then 'predefined, with rights over all tables or the server' end,
                   case when rolname = 'service_role' then 'meant for service_authenticator only' end),
               'requests can step around tenant isolation'),
           case when rolname ~ '^pg_' or rolname = 'service_role' then
                   (select string_agg(format('revoke %I from %s', rolname, m.member::regrole), E';\n') from pg_auth_members as m
                     where m.roleid = reachable.oid and (m.member in (select id from auth.api_role) or m.member = (select oid from pg_roles where rolname = 'authenticator')))
                else format('alter role %I nosuperuser nobypassrls nocreaterole noreplication', rolname) end
      from reachable
     where rolsuper or rolbypassrls or rolcreaterole or rolreplication or rolname = 'service_role'
        or rolname in ('pg_read_all_data', 'pg_write_all_data', 'pg_maintain', 'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program',
                       'pg_read_all_settings', 'pg_monitor', 'pg_signal_backend', 'pg_checkpoint', 'pg_create_subscription', 'pg_database_owner')
     union all
    select 'warning', 'authenticator_inherits', 'authenticator', 'the login role has the rights of the roles that it can become before anybody has authenticated', 'alter role authenticator noinherit'
      from pg_roles where rolname = 'authenticator' and rolinherit
$$;
revoke all on function auth.lint_roles() from public;
comment on function auth.lint_roles() is 'Internal: findings of lint about the roles that requests can take on.';

create function auth.lint_identity()
returns setof auth.finding
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with own as (
        select 'table' as kind, c.oid, 0 as part, 'pg_class'::regclass as class, c.relacl as acl, auth.relation_name(c.oid) as title
          from pg_class as c where c.relnamespace = 'auth'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'S')
         union all
        select 'table', c.oid, a.attnum, 'pg_class'::regclass, a.attacl, auth.relation_name(c.oid)
          from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attacl is not null where c.relnamespace = 'auth'::regnamespace
         union all
        select 'routine', p.oid, 0, 'pg_proc'::regclass, coalesce(p.proacl, acldefault('f', p.proowner)), p.oid::regprocedure::text
          from pg_proc as p where p.pronamespace = 'auth'::regnamespace
         union all
        select 'schema', n.oid, 0, 'pg_namespace'::regclass, n.nspacl, 'auth' from pg_namespace as n where n.nspname = 'auth'
    ), added as (
        select own.*, a.grantee, a.privilege_type
          from own cross join lateral aclexplode(own.acl) as a
         where (a.grantee = 0 or a.grantee in (select id from auth.api_role) or a.grantee = (select oid from pg_roles where rolname = 'authenticator'))
           -- What the extension itself granted.
           and not exists (select from pg_init_privs as i, aclexplode(i.initprivs) as given
                            where i.classoid = own.class and i.objoid = own.oid and i.objsubid = own.part
                              and given.grantee = a.grantee and given.privilege_type = a.privilege_type)
           and not (own.kind = 'schema' and a.privilege_type = 'USAGE')
    )
    select 'error', case when kind = 'table' then 'identity_exposed' else 'internal_granted' end, title,
           format('%s was granted to %s beyond what the extension grants', string_agg(distinct lower(privilege_type), ', '), string_agg(distinct coalesce(quote_ident(r.rolname), 'public'), ', ')),
           format('revoke %s on %s %s from %s', case when kind = 'schema' then 'create' else 'all' end, kind, title, string_agg(distinct coalesce(quote_ident(r.rolname), 'public'), ', '))
      from added left join pg_roles as r on r.oid = added.grantee
     group by kind, title
$$;
revoke all on function auth.lint_identity() from public;
comment on function auth.lint_identity() is 'Internal: findings of lint about grants in schema auth.';

create function auth.lint_preload(preloaded text)
returns setof auth.finding
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with place as (
        select libraries, array_position(libraries, 'pg_gatehouse') as own, array_position(libraries, 'pg_stat_statements') as statements
          from (select coalesce(array_agg(btrim(library, ' "') order by at) filter (where btrim(library, ' "') <> ''), '{}') as libraries
                  from unnest(string_to_array(preloaded, ',')) with ordinality as l (library, at)) as l
    ), remedy as (
        select place.*, 'alter system set shared_preload_libraries = '
                   || (select string_agg(quote_literal(library), ', ') from unnest(array_remove(libraries, 'pg_gatehouse') || 'pg_gatehouse'::text) as library)
                   || '; -- and restart the server' as remedy
          from place
    )
    select 'error', 'not_preloaded', 'shared_preload_libraries', 'pg_gatehouse is not preloaded: throttles, revocation and redaction do not work', remedy
      from remedy where own is null
     union all
    select 'warning', 'preload_order', 'shared_preload_libraries', 'pg_stat_statements comes after pg_gatehouse, so it sees statements before secrets are taken out of them', remedy
      from remedy where own < statements
$$;
revoke all on function auth.lint_preload(text) from public;
comment on function auth.lint_preload(text) is 'Internal: findings of lint about the order of shared_preload_libraries.';

create function auth.lint_master_key(problem text, file text, data_directory text)
returns setof auth.finding
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select case problem when 'open' then 'error' else 'warning' end, 'master_key_' || problem, 'pg_gatehouse.master_key_file',
           case problem when 'not_set' then 'there is no master key: nothing can be signed or sealed'
                        when 'unreadable' then 'the server can not read the master key: nothing can be signed or sealed'
                        else 'others than the server can read the master key' end,
           case problem when 'open' then '-- in a shell: chmod 600, on the file that pg_gatehouse.master_key_file names'
                        else '-- in postgresql.conf: pg_gatehouse.master_key_file = ''/a/file/outside/the/data/folder''' end
     where problem is not null
     union all
    select 'warning', 'master_key_in_data_directory', 'pg_gatehouse.master_key_file',
           'the master key lies in the data folder, so every backup holds the secrets and the key to them',
           '-- move the file elsewhere, and name the new place in postgresql.conf'
     where starts_with(file, data_directory || '/') or file ~ '^[^/]'
$$;
revoke all on function auth.lint_master_key(text, text, text) from public;
comment on function auth.lint_master_key(text, text, text) is 'Internal: findings of lint about the file of the master key.';

create function auth.lint_settings()
returns setof auth.finding
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    select * from auth.lint_preload(current_setting('shared_preload_libraries'))
     union all
    select * from auth.lint_master_key(auth.master_key_file_problem(), current_setting('pg_gatehouse.master_key_file', true), current_setting('data_directory'))
     union all
    select 'error', 'trust_request_claims', place, 'pg_gatehouse.trust_request_claims is on: whoever can send SQL can be anybody', remedy
      from (select 'the server' as place, 'alter system set pg_gatehouse.trust_request_claims = off; select pg_reload_conf()' as remedy
             where current_setting('pg_gatehouse.trust_request_claims', true) = 'on'
             union all
            select concat_ws(' ', 'role ' || quote_ident(r.rolname), 'database ' || quote_ident(d.datname)),
                   format('alter %s reset pg_gatehouse.trust_request_claims', case when r.oid is null then format('database %I', d.datname)
                       else concat(format('role %I', r.rolname), ' in database ' || quote_ident(d.datname)) end)
              from pg_db_role_setting as s
              left join pg_roles as r on r.oid = s.setrole
              left join pg_database as d on d.oid = s.setdatabase
             where exists (select from unnest(s.setconfig) as setting where setting ~* '^pg_gatehouse\.trust_request_claims=(on|true|yes|1|t|y)$')
           ) as trusting
     union all
    select 'info', 'client_address_header', 'pg_gatehouse.client_address_header',
           'the client''s address is taken from a header: throttles by address hold only if nobody but a trusted front can send SQL', null
     where current_setting('pg_gatehouse.client_address_header', true) <> ''
$$;
revoke all on function auth.lint_settings() from public;
comment on function auth.lint_settings() is 'Internal: findings of lint about settings.';

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
        select * from auth.lint_settings()
      ) as f
     order by array_position(array['error', 'warning', 'info'], f.level), f.code collate "C", f.object collate "C"
$$;
revoke all on function auth.lint() from public;
grant execute on function auth.lint() to service_role;
comment on function auth.lint() is
'What weakens isolation in this database, worst first: level (error: rows can be reached; warning: one mistake away, or slow; info), a stable code, the object, what is wrong, and SQL that mends it, to be read before it is run. docs/isolation.md lists the codes.';

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

-- The data.
--
-- The old events go to the default partition. The background worker moves them to their months and
-- seals them; here the master key may be missing, and partitions would belong to the extension.
insert into auth.audit_event (id, at, event, outcome, user_id, tenant_id, session_id, ip, user_agent, detail)
overriding system value
select id, at, event, outcome, user_id, tenant_id, session_id, ip, user_agent, detail
  from auth.audit_event_0_1_0;
select pg_catalog.setval('auth.audit_event_id_seq', last_value, is_called) from auth.audit_event_0_1_0_id_seq;
drop table auth.audit_event_0_1_0;

-- The roles of the templates for every tenant. Its first member becomes the owner, who in 0.1.0 was
-- the one who made it; not so a stranger who came first through an open sign-up. All others become
-- members.
do $$
declare
    home record;
    ownerless text[] := '{}';
begin
    for home in
        select tenant.id, tenant.slug, first.user_id as owner_id
          from auth.tenant
          left join lateral (
            select m.user_id
              from auth.membership as m
             where m.tenant_id operator(pg_catalog.=) tenant.id
             order by m.created_at, m.id
             limit 1
          ) as first
            on not exists (
                select from auth.audit_event as e
                 where e.event operator(pg_catalog.=) 'sign_up' and e.outcome operator(pg_catalog.=) 'success'
                   and e.user_id operator(pg_catalog.=) first.user_id and e.tenant_id operator(pg_catalog.=) tenant.id)
    loop
        perform auth.copy_templates(home.id);
        insert into auth.membership_role (tenant_id, user_id, role_id)
        select m.tenant_id, m.user_id, role.id
          from auth.membership as m
          join auth.role
            on role.tenant_id operator(pg_catalog.=) m.tenant_id
           and role.name operator(pg_catalog.=) case when m.user_id operator(pg_catalog.=) home.owner_id then 'owner' else 'member' end
         where m.tenant_id operator(pg_catalog.=) home.id;
        if home.owner_id is null then
            ownerless := pg_catalog.array_append(ownerless, home.slug);
        end if;
    end loop;
    if ownerless operator(pg_catalog.<>) '{}' then
        raise warning 'these tenants have no owner: %', pg_catalog.array_to_string(ownerless, ', ')
            using hint = 'Grant the role: select auth.grant_role(user_id, ''owner'', tenant_id)';
    end if;
end
$$;

-- In the audit, and with it the background worker begins.
select auth.record_event('extension_upgraded', 'success', detail => '{"from": "0.1.0", "to": "0.2.0"}');
