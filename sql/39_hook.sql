-- The deployment's own functions, which settings name (src/hook.rs calls them, crates/core/src/hook.rs
-- judges what they return).
--
-- pg_gatehouse.before_sign_up_hook (user jsonb) returns jsonb: before a user is made, and before it is
--   looked up whether the address has one, so that the answer tells nothing. It may change both
--   metadata; null or a plain "raise exception" refuses, the latter in words for the user.
-- pg_gatehouse.custom_claims_hook (claims jsonb) returns jsonb: before a session's access token is
--   signed. It adds claims and changes none but user_metadata.
-- pg_gatehouse.event_hook (event jsonb) returns void: in the transaction of what has happened, of
--   which it is a part. It is told of successes: a failure is recorded by the background worker,
--   whatever becomes of the transaction, and no code but ours runs there.
--
-- Each runs as its owner. One that fails makes the statement fail: 38000, hook_failed in DETAIL; what
-- went wrong is in the server's log.

create function auth.call_before_sign_up_hook("user" jsonb)
returns jsonb
language c volatile strict parallel unsafe
as 'MODULE_PATHNAME', 'call_before_sign_up_hook_wrapper';
revoke all on function auth.call_before_sign_up_hook(jsonb) from public;
comment on function auth.call_before_sign_up_hook(jsonb) is
'Internal: user_metadata and app_metadata as the hook wants them; error 38000 with hook_rejected or hook_failed in DETAIL.';

create function auth.call_custom_claims_hook(claims jsonb)
returns jsonb
language c volatile strict parallel unsafe
as 'MODULE_PATHNAME', 'call_custom_claims_hook_wrapper';
revoke all on function auth.call_custom_claims_hook(jsonb) from public;
comment on function auth.call_custom_claims_hook(jsonb) is
'Internal: the claims and what the hook adds; error 38000 hook_failed when it changes one that is reserved.';

create function auth.call_event_hook(event jsonb)
returns void
language c volatile strict parallel unsafe
as 'MODULE_PATHNAME', 'call_event_hook_wrapper';
revoke all on function auth.call_event_hook(jsonb) from public;
comment on function auth.call_event_hook(jsonb) is
'Internal: tells the hook of an event; what the hook does is not told it in turn. Error 38000 hook_failed.';

create type auth.newcomer as (status text, message text, user_metadata jsonb, app_metadata jsonb);
comment on type auth.newcomer is 'Internal: what is kept of somebody who signs up; with a status it is refused.';

create function auth.before_sign_up(email text, user_metadata jsonb, tenant text, method text)
returns auth.newcomer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    newcomer auth.newcomer;
    kept jsonb;
begin
    newcomer.user_metadata := coalesce(before_sign_up.user_metadata, '{}');
    newcomer.app_metadata := '{}';
    if current_setting('pg_gatehouse.before_sign_up_hook') = '' then
        return newcomer;
    end if;
    begin
        kept := auth.call_before_sign_up_hook(jsonb_build_object(
            'email', email, 'user_metadata', newcomer.user_metadata, 'app_metadata', newcomer.app_metadata,
            'tenant', tenant, 'method', method));
    exception when external_routine_exception then
        get stacked diagnostics newcomer.status = pg_exception_detail, newcomer.message = message_text;
        if newcomer.status <> 'hook_rejected' then
            raise;
        end if;
        perform auth.record_event('sign_up', 'failure', detail => jsonb_build_object('method', method, 'reason', newcomer.status));
        return newcomer;
    end;
    newcomer.user_metadata := kept -> 'user_metadata';
    newcomer.app_metadata := kept -> 'app_metadata';
    return newcomer;
end
$$;
revoke all on function auth.before_sign_up(text, jsonb, text, text) from public;
comment on function auth.before_sign_up(text, jsonb, text, text) is
'Internal: asks pg_gatehouse.before_sign_up_hook about somebody who is to become a user by a method: password, otp, anonymous, invite or external. Status null or hook_rejected, with a message for the user.';
