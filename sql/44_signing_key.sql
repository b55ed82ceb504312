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
