-- Tokens: pure functions (src/jwt.rs, crates/core/src/jwt).

create function auth.jwt_sign(claims jsonb, key text, algorithm text default 'HS256', header jsonb default '{}')
returns text
language c volatile strict parallel safe
as 'MODULE_PATHNAME', 'jwt_sign_wrapper';
revoke all on function auth.jwt_sign(jsonb, text, text, jsonb) from public;
grant execute on function auth.jwt_sign(jsonb, text, text, jsonb) to service_role;
comment on function auth.jwt_sign(jsonb, text, text, jsonb) is
'Signs claims as a JWS in compact form (RFC 7515). The key is a secret, a PEM block or a JWK. HS256/384/512, RS256/384/512, PS256/384/512, ES256, ES384, EdDSA.';

create function auth.jwt_verify(
    token text,
    key text,
    algorithms text[],
    audience text default null,
    issuer text default null,
    leeway interval default '0',
    required text[] default '{exp}'
)
returns jsonb
language c volatile parallel safe
as 'MODULE_PATHNAME', 'jwt_verify_wrapper';
revoke all on function auth.jwt_verify(text, text, text[], text, text, interval, text[]) from public;
grant execute on function auth.jwt_verify(text, text, text[], text, text, interval, text[]) to service_role;
comment on function auth.jwt_verify(text, text, text[], text, text, interval, text[]) is
'The claims of a token whose signature, algorithm, times, audience and issuer are right (RFC 7519, RFC 8725); otherwise error 28000 with a stable code in DETAIL. The key is a secret, a PEM block, a JWK or a JWKS; leeway is at most 5 minutes; required names claims that must be there.';

create function auth.jwt_decode_unverified(token text, out header jsonb, out claims jsonb)
returns setof record
language c immutable strict parallel safe rows 1
as 'MODULE_PATHNAME', 'jwt_decode_unverified_wrapper';
revoke all on function auth.jwt_decode_unverified(text) from public;
grant execute on function auth.jwt_decode_unverified(text) to service_role;
comment on function auth.jwt_decode_unverified(text) is
'Header and claims of a token that nobody has verified. For debugging only.';

create function auth.jwk_thumbprint(jwk jsonb)
returns text
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'jwk_thumbprint_wrapper';
revoke all on function auth.jwk_thumbprint(jsonb) from public;
grant execute on function auth.jwk_thumbprint(jsonb) to service_role;
comment on function auth.jwk_thumbprint(jsonb) is 'The SHA-256 thumbprint of a JWK (RFC 7638), base64url.';
