-- Passwords: pure functions (src/password.rs, crates/core/src/password).

create function auth.hash_password(password text, algorithm text default null, cost integer default null)
returns text
language c volatile parallel safe
as 'MODULE_PATHNAME', 'hash_password_wrapper';
revoke all on function auth.hash_password(text, text, integer) from public;
grant execute on function auth.hash_password(text, text, integer) to service_role;
comment on function auth.hash_password(text, text, integer) is
'Hashes a password: bcrypt ($2b$, at most 72 bytes) or argon2id. Algorithm and cost default to the settings; cost is the bcrypt cost (10 to 16) or the argon2id passes (1 to 16).';

create function auth.verify_password(password text, hash text)
returns boolean
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'verify_password_wrapper';
revoke all on function auth.verify_password(text, text) from public;
grant execute on function auth.verify_password(text, text) to service_role;
comment on function auth.verify_password(text, text) is
'Whether the password is that of the hash: bcrypt, argon2id, argon2i, scrypt, pbkdf2-sha256, pbkdf2-sha512, and Firebase''s scrypt ($fbscrypt$v=1,n=,r=,p=,ss=,sk=$salt$hash, as Supabase Auth writes it). An unknown format is an error.';

create function auth.verify_credential(password text, hash text)
returns boolean
language c volatile parallel safe
as 'MODULE_PATHNAME', 'verify_credential_wrapper';
revoke all on function auth.verify_credential(text, text) from public;
comment on function auth.verify_credential(text, text) is
'Internal: verify_password for sign-in. Never an error; without a hash the same work and false.';

create function auth.password_needs_rehash(hash text)
returns boolean
language c stable strict parallel safe
as 'MODULE_PATHNAME', 'password_needs_rehash_wrapper';
revoke all on function auth.password_needs_rehash(text) from public;
grant execute on function auth.password_needs_rehash(text) to service_role;
comment on function auth.password_needs_rehash(text) is
'Whether the hash is of another algorithm or weaker than the settings ask for.';

create function auth.check_password(
    password text,
    context text[] default '{}',
    out ok boolean,
    out score integer,
    out reasons text[]
)
returns setof record
language c stable strict parallel safe rows 1
as 'MODULE_PATHNAME', 'check_password_wrapper';
revoke all on function auth.check_password(text, text[]) from public;
grant execute on function auth.check_password(text, text[]) to anon, authenticated, service_role;
comment on function auth.check_password(text, text[]) is
'The password policy (NIST SP 800-63B-4, OWASP ASVS 5 V6.2): length, common passwords, context words such as e-mail and tenant, strength from 0 to 4; reasons in words.';

create function auth.check_password_of_length(
    password text,
    context text[],
    min_length integer,
    out ok boolean,
    out score integer,
    out reasons text[]
)
returns setof record
language c stable strict parallel safe rows 1
as 'MODULE_PATHNAME', 'check_password_of_length_wrapper';
revoke all on function auth.check_password_of_length(text, text[], integer) from public;
comment on function auth.check_password_of_length(text, text[], integer) is 'Internal: check_password with another least length.';
