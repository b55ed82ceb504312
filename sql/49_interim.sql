create function auth.revoke_session_always(session_id uuid, reason text)
returns void
language sql volatile
set search_path = pg_catalog, pg_temp
as 'update auth.session set ended_at = now(), end_reason = $2 where id = $1 and ended_at is null';
revoke all on function auth.revoke_session_always(uuid, text) from public;
comment on function auth.revoke_session_always(uuid, text) is 'Internal.';
