-- Faults for tests; only the test build of the library has these functions.

create function auth.test_panic()
returns void language c volatile as 'MODULE_PATHNAME', 'test_panic_wrapper';
revoke all on function auth.test_panic() from public;
comment on function auth.test_panic() is 'Test: panics.';

create function auth.test_index_panic(at bigint)
returns integer language c volatile strict as 'MODULE_PATHNAME', 'test_index_panic_wrapper';
revoke all on function auth.test_index_panic(bigint) from public;
comment on function auth.test_index_panic(bigint) is 'Test: panics inside the standard library.';

create function auth.test_hashing_panic()
returns void language c volatile as 'MODULE_PATHNAME', 'test_hashing_panic_wrapper';
revoke all on function auth.test_hashing_panic() from public;
comment on function auth.test_hashing_panic() is 'Test: panics where passwords are hashed.';

create function auth.test_totp_code(secret bytea, at bigint)
returns text language c volatile strict as 'MODULE_PATHNAME', 'test_totp_code_wrapper';
revoke all on function auth.test_totp_code(bytea, bigint) from public;
comment on function auth.test_totp_code(bytea, bigint) is 'Test: what an authenticator shows at a time, seconds since 1970.';

create function auth.test_ring_used()
returns integer language c volatile as 'MODULE_PATHNAME', 'test_ring_used_wrapper';
revoke all on function auth.test_ring_used() from public;
comment on function auth.test_ring_used() is 'Test: how many messages of this database wait for the worker.';

create function auth.test_remembered_tokens()
returns integer language c volatile as 'MODULE_PATHNAME', 'test_remembered_tokens_wrapper';
revoke all on function auth.test_remembered_tokens() from public;
comment on function auth.test_remembered_tokens() is 'Test: how many verified tokens this backend remembers.';
