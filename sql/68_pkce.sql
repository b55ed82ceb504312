-- PKCE (RFC 7636): the link of a mail, followed in a browser, ends in a code that only the client
-- that asked for the mail can exchange for a session.
--
-- The challenge comes with the options of the request and is kept with the link. The code is made
-- when the link is followed; of it, too, only a keyed hash is stored. A code that was used is not
-- answered again, but the session that it gave goes on: whoever comes with it and the right verifier
-- is the same client, and whoever comes without the verifier must not be able to end anything.
--
-- Security definer: follow_link, exchange_code (called by anybody, read and write the tables of
-- schema auth).

create table auth.flow_state (
    id uuid constraint flow_state_pkey primary key default pg_catalog.gen_random_uuid(),
    user_id uuid not null constraint flow_state_user_id_fkey references auth."user" (id) on delete cascade,
    address text not null,
    code_hash bytea not null constraint flow_state_code_hash_key unique,
    code_challenge text not null,
    method text not null,
    tenant text,
    issued_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    used_at timestamptz
);
create index flow_state_user_id_idx on auth.flow_state (user_id);
create index flow_state_issued_at_idx on auth.flow_state (issued_at);
revoke all on table auth.flow_state from public;
comment on table auth.flow_state is 'Followed links whose session is still to be fetched with a code. Reached through functions only.';
comment on column auth.flow_state.address is 'Where the link was mailed to; the code counts only while the user has this address.';
comment on column auth.flow_state.code_hash is 'Keyed hash of the code.';
comment on column auth.flow_state.code_challenge is 'SHA-256 of the verifier, base64url (RFC 7636 section 4.2).';
comment on column auth.flow_state.method is 'How the user proved who they are: what the session''s amr will say.';
comment on column auth.flow_state.tenant is 'Slug of the tenant to act in, as the request named it.';
select pg_catalog.pg_extension_config_dump('auth.flow_state', '');

create function auth.is_code_challenge(challenge text, method text)
returns boolean
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'is_code_challenge_wrapper';
revoke all on function auth.is_code_challenge(text, text) from public;
comment on function auth.is_code_challenge(text, text) is 'Internal: whether it is a challenge of method S256.';

create function auth.code_challenge_met(challenge text, verifier text)
returns boolean
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'code_challenge_met_wrapper';
revoke all on function auth.code_challenge_met(text, text) from public;
comment on function auth.code_challenge_met(text, text) is
'Internal: whether the verifier is the one of the challenge, compared in constant time; null when it can be no verifier.';

create function auth.options_objection(options jsonb)
returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case
        when options is null or jsonb_typeof(options) <> 'object' or pg_column_size(options) > 4096
            then 'Options must be a JSON object of at most 4 KiB'
        -- Clients that do not use PKCE send nulls.
        when coalesce(options ->> 'code_challenge', options ->> 'code_challenge_method') is null then null
        when not coalesce(jsonb_typeof(options -> 'code_challenge') = 'string'
                          and auth.is_code_challenge(options ->> 'code_challenge', options ->> 'code_challenge_method'), false)
            then 'PKCE needs a code_challenge of 43 characters base64url and the code_challenge_method s256'
    end
$$;
revoke all on function auth.options_objection(jsonb) from public;
comment on function auth.options_objection(jsonb) is 'Internal: what stands against the options of a request; null when nothing does.';

create function auth.challenge_in(options jsonb)
returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case when options ->> 'code_challenge' is null then '{}'
                else jsonb_build_object('code_challenge', options -> 'code_challenge') end
$$;
revoke all on function auth.challenge_in(jsonb) from public;
comment on function auth.challenge_in(jsonb) is 'Internal: what is kept with a link of options that were judged.';

create function auth.let_in(account auth."user", token auth.one_time_token, method text, by_code boolean)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    secret record;
    at timestamptz := clock_timestamp();
    result auth.sign_in_result;
begin
    if not (by_code and token.data ? 'code_challenge') then
        return auth.open_session(account, auth.home_tenant(account.id, token.data ->> 'tenant'), method);
    end if;
    select * into strict secret from auth.new_one_time_secret();
    insert into auth.flow_state (user_id, address, code_hash, code_challenge, method, tenant, issued_at, expires_at)
    values (account.id, account.email, auth.keyed_hash('auth_code', secret.token), token.data ->> 'code_challenge',
            method, token.data ->> 'tenant', at, at + interval '5 minutes');
    delete from auth.flow_state as f
     where f.id = any (array(select d.id from auth.flow_state as d
                              where d.issued_at < at - interval '1 day'
                              order by d.issued_at limit 4 for update skip locked));
    result.status := 'ok';
    result.auth_code := secret.token;
    return result;
end
$$;
revoke all on function auth.let_in(auth."user", auth.one_time_token, text, boolean) from public;
comment on function auth.let_in(auth."user", auth.one_time_token, text, boolean) is
'Internal: opens a session for whoever brought a token back; or, where a code is wanted and the token came with a challenge, gives a code for it that lives 5 minutes.';

create function auth.follow_link(token text, kind text default null)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return auth.open_link(token, kind, true);
end
$$;
revoke all on function auth.follow_link(text, text) from public;
grant execute on function auth.follow_link(text, text) to anon, authenticated, service_role;
comment on function auth.follow_link(text, text) is
'What a mailed link that is opened in a browser does: as verify_link, but where the mail was asked for with a code_challenge there is an auth_code and no session; exchange_code gives that. Statuses as for verify_otp.';

create function auth.exchange_code(auth_code text, code_verifier text)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Computed once: in the query it would be computed for every row.
    hash bytea := auth.keyed_hash('auth_code', auth.read_link_token(auth_code));
    flow auth.flow_state;
    account auth."user";
    is_met boolean;
    -- Nobody guesses 256 bits: this only bounds the work that a stranger can cause.
    wait integer := auth.throttle('code', null, null);
begin
    if wait is not null then
        return auth.throttled(wait);
    end if;
    -- Of two at once the second waits here and then finds it used.
    select f.* into flow from auth.flow_state as f where f.code_hash = hash for update;
    is_met := auth.code_challenge_met(coalesce(flow.code_challenge, ''), code_verifier);
    if is_met is null then
        return auth.exchange_refusal(flow.user_id, 'validation_failed', 'The code verifier must be 43 to 128 unreserved characters');
    elsif flow.id is null or flow.used_at is not null then
        return auth.exchange_refusal(flow.user_id, 'flow_state_not_found', 'The code is unknown or was used already');
    elsif flow.expires_at <= clock_timestamp() then
        return auth.exchange_refusal(flow.user_id, 'flow_state_expired', 'The code has expired');
    elsif not is_met then
        return auth.exchange_refusal(flow.user_id, 'bad_code_verifier', 'The code verifier does not match the code challenge');
    end if;
    update auth.flow_state as f set used_at = clock_timestamp() where f.id = flow.id;
    select u.* into account from auth."user" as u where u.id = flow.user_id for no key update;
    if account.email is distinct from flow.address or account.banned_until > now() then
        return auth.exchange_refusal(account.id, 'flow_state_not_found', 'The code is unknown or was used already');
    end if;
    return auth.open_session(account, auth.home_tenant(account.id, flow.tenant), flow.method);
end
$$;
revoke all on function auth.exchange_code(text, text) from public;
grant execute on function auth.exchange_code(text, text) to anon, authenticated, service_role;
comment on function auth.exchange_code(text, text) is
'Gives the session for a code of follow_link, once, to whoever has the verifier of the challenge (RFC 7636). A wrong verifier does not use the code up. Statuses: ok, mfa_required, flow_state_not_found, flow_state_expired, bad_code_verifier, validation_failed, throttled.';

create function auth.exchange_refusal(user_id uuid, status text, message text)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform auth.record_event('exchange_code', 'failure', user_id, detail => jsonb_build_object('reason', status));
    return auth.sign_in_refusal(status, message);
end
$$;
revoke all on function auth.exchange_refusal(uuid, text, text) from public;
comment on function auth.exchange_refusal(uuid, text, text) is 'Internal: a code that gives no session, for the audit and for whoever brought it.';
