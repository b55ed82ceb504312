-- The sealed session (src/sealed, src/authenticate.rs, src/claims.rs).
--
-- authenticate and pre_request are security invoker: they switch the role, which PostgreSQL
-- refuses inside a security definer function, and for the rest of the transaction, which a set
-- clause would end. They are written in C and resolve no names.

create function auth.authenticate(token text)
returns void
language c volatile parallel unsafe
as 'MODULE_PATHNAME', 'authenticate_wrapper';
revoke all on function auth.authenticate(text) from public;
grant execute on function auth.authenticate(text) to anon, authenticated, service_role, authenticator, service_authenticator;
comment on function auth.authenticate(text) is
'Verifies an access token, switches to the role it names and seals the transaction with its claims: until the transaction ends no SQL changes role or claims. Errors: 28000 with a code in DETAIL; 42501 when the login role may not take on the role or the transaction is sealed already.';

create function auth.pre_request()
returns void
language c volatile parallel unsafe
as 'MODULE_PATHNAME', 'pre_request_wrapper';
revoke all on function auth.pre_request() from public;
grant execute on function auth.pre_request() to anon, authenticated, service_role, authenticator, service_authenticator;
comment on function auth.pre_request() is
'For PostgREST''s db-pre-request: authenticates with the bearer token of request.headers, if there is one.';

create function auth.uid()
returns uuid
language c stable parallel safe
as 'MODULE_PATHNAME', 'gatehouse_uid';
revoke all on function auth.uid() from public;
grant execute on function auth.uid() to anon, authenticated, service_role;
comment on function auth.uid() is 'The user: claim sub as a uuid; null when anonymous or when sub is no uuid.';

create function auth.user_id()
returns text
language c stable parallel safe
as 'MODULE_PATHNAME', 'gatehouse_user_id';
revoke all on function auth.user_id() from public;
grant execute on function auth.user_id() to anon, authenticated, service_role;
comment on function auth.user_id() is 'The user: claim sub as text; null when anonymous.';

create function auth.jwt()
returns jsonb
language c stable parallel safe
as 'MODULE_PATHNAME', 'gatehouse_claims';
revoke all on function auth.jwt() from public;
grant execute on function auth.jwt() to anon, authenticated, service_role;
comment on function auth.jwt() is 'All claims of the token; null when anonymous. The same as auth.claims().';

create function auth.claims()
returns jsonb
language c stable parallel safe
as 'MODULE_PATHNAME', 'gatehouse_claims';
revoke all on function auth.claims() from public;
grant execute on function auth.claims() to anon, authenticated, service_role;
comment on function auth.claims() is 'All claims of the token; null when anonymous.';

create function auth.role()
returns text
language c stable parallel safe
as 'MODULE_PATHNAME', 'gatehouse_role';
revoke all on function auth.role() from public;
grant execute on function auth.role() to anon, authenticated, service_role;
comment on function auth.role() is 'The database role that the token names; null when anonymous.';

create function auth.email()
returns text
language c stable parallel safe
as 'MODULE_PATHNAME', 'gatehouse_email';
revoke all on function auth.email() from public;
grant execute on function auth.email() to anon, authenticated, service_role;
comment on function auth.email() is 'Claim email; null when anonymous.';

create function auth.tenant_id()
returns uuid
language c stable parallel safe
as 'MODULE_PATHNAME', 'gatehouse_tenant_id';
revoke all on function auth.tenant_id() from public;
grant execute on function auth.tenant_id() to anon, authenticated, service_role;
comment on function auth.tenant_id() is 'The active tenant; null when anonymous or without one.';

create function auth.session_id()
returns uuid
language c stable parallel safe
as 'MODULE_PATHNAME', 'gatehouse_session_id';
revoke all on function auth.session_id() from public;
grant execute on function auth.session_id() to anon, authenticated, service_role;
comment on function auth.session_id() is 'Claim session_id; null when anonymous.';

create function auth.aal()
returns text
language c stable parallel safe
as 'MODULE_PATHNAME', 'gatehouse_aal';
revoke all on function auth.aal() from public;
grant execute on function auth.aal() to anon, authenticated, service_role;
comment on function auth.aal() is 'Authenticator assurance level: aal1, aal2; null when anonymous.';

create function auth.has_role(role text)
returns boolean
language c stable strict parallel safe
as 'MODULE_PATHNAME', 'gatehouse_has_role';
revoke all on function auth.has_role(text) from public;
grant execute on function auth.has_role(text) to anon, authenticated, service_role;
comment on function auth.has_role(text) is 'Whether the user has the role in the active tenant; false when anonymous.';

create function auth.has_permission(permission text)
returns boolean
language c stable strict parallel safe
as 'MODULE_PATHNAME', 'gatehouse_has_permission';
revoke all on function auth.has_permission(text) from public;
grant execute on function auth.has_permission(text) to anon, authenticated, service_role;
comment on function auth.has_permission(text) is
'Whether the user holds the permission (resource:action) in the active tenant; a granted * stands for any resource or action; false when anonymous.';
