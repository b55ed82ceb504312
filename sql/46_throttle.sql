create function auth.throttle(act text, account text, tenant_id uuid)
returns integer
language sql volatile
set search_path = pg_catalog, pg_temp
as 'select null::integer';
revoke all on function auth.throttle(text, text, uuid) from public;
comment on function auth.throttle(text, text, uuid) is 'Internal.';

create function auth.throttle_outcome(act text, account text, success boolean)
returns void
language sql volatile
set search_path = pg_catalog, pg_temp
as 'select';
revoke all on function auth.throttle_outcome(text, text, boolean) from public;
comment on function auth.throttle_outcome(text, text, boolean) is 'Internal.';
