-- TOTP and recovery codes as SQL sees them; the core's own tests go deeper.
begin;
select tap.plan(12);

-- RFC 6238 appendix B with its SHA-1 secret, the last six of its eight digits.
select tap.is(auth.match_totp('12345678901234567890', code, at, null), at / 30, 'the vector at ' || at)
  from (values (59, '287082'), (1111111109, '081804'), (1234567890, '005924'), (20000000000, '353130')) as v (at, code);
select tap.is(auth.match_totp('12345678901234567890', '287082', 59 + 30, null), 1::bigint, 'the step before is accepted, and named');
select tap.is(auth.match_totp('12345678901234567890', '287082', 59 + 60, null), null, 'the one before that is not');
select tap.is(auth.match_totp('12345678901234567890', '287082', 59, 1), null, 'nor a step that was used');
select tap.is(auth.match_totp('12345678901234567890', null, 59, null), null, 'nor no code');

select tap.matches(uri, '^otpauth://totp/Acme%20Inc\.:a%40example\.com\?secret=[A-Z2-7]{32}&issuer=Acme%20Inc\.&algorithm=SHA1&digits=6&period=30$',
                   'the URI is one that authenticators read')
  from auth.new_totp('Acme Inc.', 'a@example.com');
select tap.is(length(secret), 20, 'a secret has 160 bits') from auth.new_totp('x', 'y');

select tap.ok(cardinality(c) = 10 and (select count(distinct x) = 10 and bool_and(x ~ '^([0-9a-hjkmnp-tv-z]{4}-){3}[0-9a-hjkmnp-tv-z]{4}$') from unnest(c) as x),
              'ten different recovery codes of 16 characters')
  from auth.new_recovery_codes() as c;
select tap.is(auth.read_recovery_code(' OL23 4567-89AB cdef '), '0123456789abcdef', 'are read as people type them');

select * from tap.finish();
rollback;
