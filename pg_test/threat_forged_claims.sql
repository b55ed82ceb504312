-- Run as authenticator. No SQL installs claims that no trusted key signed.
\set ON_ERROR_STOP 0
select token as alice from fixture.token where name = 'alice' \gset
select tap.plan(38);

-- tokens
create temp table bad (name text, token text, code text);
insert into bad values
    ('null', null, 'token_malformed'),
    ('empty', '', 'token_malformed'),
    ('garbage', 'garbage', 'token_malformed'),
    ('truncated', left(:'alice', -2), 'token_signature_invalid'),
    ('two segments', split_part(:'alice', '.', 1) || '.' || split_part(:'alice', '.', 2), 'token_malformed'),
    ('no signature', split_part(:'alice', '.', 1) || '.' || split_part(:'alice', '.', 2) || '.', 'token_signature_invalid'),
    ('expired', fixture.sign('{"exp": 1000000000}'), 'token_expired'),
    ('not yet valid', fixture.sign('{"nbf": 4000000000, "exp": 4000000001}'), 'token_not_yet_valid'),
    ('another audience', fixture.sign('{"aud": "elsewhere"}'), 'token_audience_mismatch'),
    ('another issuer', fixture.sign('{"iss": "elsewhere"}'), 'token_issuer_mismatch'),
    ('a refresh token', fixture.sign('{}', '{"typ": "refresh+jwt"}'), 'token_type_mismatch'),
    ('a recovery token', fixture.sign('{}', '{"typ": "recovery+jwt"}'), 'token_type_mismatch'),
    ('an id token', fixture.sign('{}', '{"typ": "JWT"}'), 'token_type_mismatch'),
    ('an unknown key', fixture.sign('{}', '{"kid": "unknown"}'), 'token_key_unknown'),
    ('a hostile kid', fixture.sign('{}', '{"kid": "''; drop table auth.user; --"}'), 'token_key_unknown'),
    ('role of a wrong type', fixture.sign('{"role": ["authenticated"]}'), 'token_claim_invalid');
select tap.is(fixture.refusal(format('select auth.authenticate(%L)', token)), '28000 ' || code, name) from bad;
select tap.is(fixture.refusal(format('set pg_gatehouse.token = %L', token)), '28000 ' || code, name || ', by set')
  from bad where token <> '' and name in ('garbage', 'expired', 'another issuer', 'a refresh token');

-- the public key as an HMAC secret, and no signature at all
select tap.is(fixture.refusal(format('select auth.authenticate(%L)',
        replace(translate(encode(convert_to('{"alg":"' || alg || '","kid":"known","typ":"at+jwt"}', 'utf8'), 'base64'), E'+/=\n', '-_'), E'\n', '')
        || '.' || split_part(:'alice', '.', 2) || '.' || signature)), '28000 ' || code, 'alg ' || alg)
  from (values ('none', '', 'token_algorithm_unknown'), ('nOnE', '', 'token_algorithm_unknown'),
               ('HS256', 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', 'token_algorithm_not_allowed'),
               ('ES256', split_part(:'alice', '.', 3), 'token_algorithm_not_allowed')) as forged (alg, signature, code);

-- roles that a token may not give
select tap.is(fixture.refusal(format('select auth.authenticate(%L)', fixture.sign(jsonb_build_object('role', role)))), '42501 role_refused', 'role ' || role)
  from unnest(array['postgres', 'service_role', 'none', 'nobody at all', 'pg_read_all_data', 'service_authenticator', '']) as role;

-- ways around authenticate
select tap.is(fixture.refusal('alter role authenticator set pg_gatehouse.token = ' || quote_literal(:'alice')), '42501 token_source_refused', 'alter role … set');
select tap.is(fixture.refusal('create function pg_temp.f() returns int language sql set pg_gatehouse.token = ' || quote_literal(:'alice') || ' as ''select 1'''), '42501 token_source_refused', 'a function''s set clause');
select tap.matches(fixture.refusal('create function pg_temp.g() returns int language sql set pg_gatehouse.token from current as ''select 1'''), '^(42501|accepted)', 'nor from current');
select set_config('request.jwt.claims', '{"sub": "00000000-0000-0000-0000-000000000001", "role": "service_role"}', false);
set role anon;
select coalesce(auth.user_id(), 'null') as forged \gset
reset role;
select tap.is('' || :'forged', 'null', 'request.jwt.claims is worth nothing');
select tap.is(fixture.refusal('set pg_gatehouse.tokens = ''x'''), '42602 "pg_gatehouse" is a reserved prefix.', 'a misspelt setting is an error');

-- the token can not be read back
begin;
select auth.authenticate(:'alice');
select current_setting('pg_gatehouse.token') as shown,
       (select coalesce(string_agg(s::text, ''), '') from pg_settings as s where name like 'pg\_gatehouse.token%') as listed \gset
commit;
select tap.is('' || :'shown', '(sealed)', 'current_setting tells that there is one, not which');
select tap.unalike('' || :'listed', '%ey%', 'nor does pg_settings');
select * from tap.finish();
