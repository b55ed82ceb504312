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
    token_types text[] not null default '{at+jwt}'
        constraint signing_key_token_types_check check (array_position(token_types, null) is null),
    token_issuer text,
    token_audience text,
    without_kid boolean not null default false,
    foreign_sessions boolean not null default false,
    constraint signing_key_half_check check (public_jwk is not null or private_key is not null or status = 'revoked')
);
create unique index signing_key_active_key on auth.signing_key (status) where status = 'active';
revoke all on table auth.signing_key from public;
comment on table auth.signing_key is 'Keys of this database''s tokens. Nobody but the owner reads it.';
comment on column auth.signing_key.kid is 'RFC 7638 thumbprint of the key; of an imported one the name that it came with.';
comment on column auth.signing_key.public_jwk is 'The public half (RFC 7517); null for HMAC.';
comment on column auth.signing_key.private_key is 'The private half, encrypted under the master key (AES-256-GCM) for this kid.';
comment on column auth.signing_key.longest_token_until is 'When the longest-lived token that mint_token signed with it expires.';
comment on column auth.signing_key.verify_until is 'Until when a retiring key still verifies; null for until it is revoked.';
comment on column auth.signing_key.token_types is 'Accepted typ headers of its tokens; empty for any and none, an empty name in it for none.';
comment on column auth.signing_key.token_issuer is 'What iss of its tokens must be: null for pg_gatehouse.issuer, * for anything and nothing.';
comment on column auth.signing_key.token_audience is 'What aud of its tokens must be: null for pg_gatehouse.audience, * for anything and nothing.';
comment on column auth.signing_key.without_kid is 'Whether tokens that name no key may be its own.';
comment on column auth.signing_key.foreign_sessions is 'Whether its tokens were made elsewhere, so that their session_id is none of this database and is dropped.';
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

create function auth.rotate_signing_key(algorithm text default 'ES256')
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
revoke all on function auth.rotate_signing_key(text) from public;
comment on function auth.rotate_signing_key(text) is
'Makes the staged key of the algorithm the signing one, or a new one where none is staged, and gives its kid. The former one keeps verifying until its last token has expired.';

create function auth.revoke_signing_key(kid text)
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
revoke all on function auth.revoke_signing_key(text) from public;
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
