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
