-- What sign-up, sign-in, refresh and their kin answer.

create type auth.sign_in_result as (
    status text,
    message text,
    reasons text[],
    access_token text,
    refresh_token text,
    expires_at timestamptz,
    retry_after integer,
    "user" jsonb,
    auth_code text
);
comment on type auth.sign_in_result is
'The answer to whoever signs in or refreshes: status is ok or a stable code; retry_after is in seconds; auth_code is what follow_link gives in the place of tokens, for exchange_code.';

create function auth.sign_in_refusal(status text, message text, reasons text[] default null)
returns auth.sign_in_result
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select row(status, message, reasons, null, null, null, null, null, null)::auth.sign_in_result
$$;
revoke all on function auth.sign_in_refusal(text, text, text[]) from public;
comment on function auth.sign_in_refusal(text, text, text[]) is 'Internal: a result that is not ok.';

create function auth.throttled(retry_after integer)
returns auth.sign_in_result
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select row('throttled', 'Request rate limit reached', null, null, null, null, retry_after, null, null)::auth.sign_in_result
$$;
revoke all on function auth.throttled(integer) from public;
comment on function auth.throttled(integer) is 'Internal: the result of an attempt that came too soon; in seconds.';
