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
