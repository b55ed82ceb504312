create function auth.revoke_session_always(session_id uuid, reason text)
returns void
language sql volatile
set search_path = pg_catalog, pg_temp
as 'update auth.session set ended_at = now(), end_reason = $2 where id = $1 and ended_at is null';
revoke all on function auth.revoke_session_always(uuid, text) from public;
comment on function auth.revoke_session_always(uuid, text) is 'Internal.';

create function auth.enqueue_mail(kind text, recipient text, tenant_id uuid, data jsonb)
returns void
language sql volatile
set search_path = pg_catalog, pg_temp
as 'select';
revoke all on function auth.enqueue_mail(text, text, uuid, jsonb) from public;
comment on function auth.enqueue_mail(text, text, uuid, jsonb) is 'Internal.';

create function auth.has_second_factor(user_id uuid)
returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as 'select false';
revoke all on function auth.has_second_factor(uuid) from public;
comment on function auth.has_second_factor(uuid) is 'Internal.';

create function auth.reauthenticated(nonce text)
returns boolean
language sql volatile
set search_path = pg_catalog, pg_temp
as 'select false';
revoke all on function auth.reauthenticated(text) from public;
comment on function auth.reauthenticated(text) is 'Internal.';

create function auth.request_email_change(new_email text)
returns auth.sign_in_result
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    select auth.sign_in_refusal('email_change_unavailable', 'Changing the e-mail address is not possible here')
$$;
revoke all on function auth.request_email_change(text) from public;
comment on function auth.request_email_change(text) is 'Internal.';
