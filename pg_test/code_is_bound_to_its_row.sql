-- A code or link counts once, for its purpose and address, until it expires.
begin;
select tap.plan(24);

select fixture.join('cora') is not null as joined, fixture.join('carl') is not null as joined_too \gset
create function pg_temp.try_code(email text, digits text, kind text) returns text language sql as $$
    select (auth.verify_otp(email || '@example.com', digits, kind)).status
$$;
create function pg_temp.token(email text, purpose text) returns auth.one_time_token language sql as $$
    select auth.current_one_time_token(id, purpose) from auth."user" where "user".email = $1 || '@example.com'
$$;
create function pg_temp.ask(name text) returns jsonb language sql as $$
    select auth.request_recovery(name || '@example.com');
    select fixture.mail(name || '@example.com', 'recovery')
$$;

-- What is stored of it.
select pg_temp.ask('cora') ->> 'code' as code, fixture.mail('cora@example.com', 'recovery') ->> 'token' as token \gset
select tap.matches('' || :'code', '^\d{6}$', 'a code is six digits');
select tap.matches('' || :'token', '^gho_[A-Za-z0-9_-]{49}$', 'a link token has prefix, 256 bits and checksum');
select tap.is(length(t.code_hash), 32, 'what is stored of the code are 32 bytes') from pg_temp.token('cora', 'recovery') as t;
select tap.ok(t.code_hash not in (sha256(convert_to(:'code', 'UTF8')), sha256(convert_to('cora@example.com' || :'code', 'UTF8')),
                                  sha256(convert_to(t.id || :'code', 'UTF8')), sha256(convert_to(t.user_id || :'code', 'UTF8'))),
              'and no bare hash of it, nor with address, row or user')
  from pg_temp.token('cora', 'recovery') as t;
select tap.ok(t.code_expires_at - t.issued_at <= interval '10 minutes', 'a code lives 10 minutes at most (ASVS 5.0 V6.5.5)')
  from pg_temp.token('cora', 'recovery') as t;
select tap.is(fixture.refusal($$ set local pg_gatehouse.one_time_code_ttl = '11min' $$) like '22023%', true, 'and no setting makes that more');

-- Another kind or address.
select tap.is(pg_temp.try_code('cora', :'code', 'email'), 'otp_expired', 'a recovery code is no sign-in code');
select tap.is(pg_temp.try_code('carl', :'code', 'recovery'), 'otp_expired', 'nor one for another address');
select tap.is((auth.verify_link(:'token', 'signup')).status, 'otp_expired', 'nor is its link another''s');
select tap.is((auth.confirm_email(:'token')).status, 'otp_expired', 'nor a confirmation');
select tap.is(pg_temp.try_code('cora', :'code', 'nonsense'), 'validation_failed', 'an unknown kind is told');

-- Somebody who can write the table moves hashes about: they mean nothing elsewhere.
savepoint moved;
select pg_temp.ask('carl') \gset unused_
update auth.one_time_token set code_hash = (pg_temp.token('cora', 'recovery')).code_hash where id = (pg_temp.token('carl', 'recovery')).id;
select tap.is(pg_temp.try_code('carl', :'code', 'recovery'), 'otp_expired', 'a code hash in another user''s row opens nothing');
rollback to moved;
update auth.one_time_token set purpose = 'magic_link' where id = (pg_temp.token('cora', 'recovery')).id;
select tap.is(pg_temp.try_code('cora', :'code', 'email'), 'otp_expired', 'nor does one whose purpose was changed');
rollback to moved;
update auth.one_time_token set address = 'carl@example.com' where id = (pg_temp.token('cora', 'recovery')).id;
select tap.is(pg_temp.try_code('cora', :'code', 'recovery'), 'otp_expired', 'nor one whose address was changed');
rollback to moved;

-- Time.
update auth.one_time_token set code_expires_at = clock_timestamp() where id = (pg_temp.token('cora', 'recovery')).id;
select tap.is(pg_temp.try_code('cora', :'code', 'recovery'), 'otp_expired', 'an expired code is none');
rollback to moved;
update auth.one_time_token set expires_at = clock_timestamp() where id = (pg_temp.token('cora', 'recovery')).id;
select tap.is((auth.verify_link(:'token')).status, 'otp_expired', 'an expired link is none');
rollback to moved;

-- The address must still be the user's.
update auth."user" set email = 'cora.2@example.com' where email = 'cora@example.com';
select tap.is((auth.verify_link(:'token')).status, 'otp_expired', 'a link to a former address opens nothing');
rollback to moved;
update auth."user" set banned_until = 'infinity' where email = 'cora@example.com';
select tap.is((auth.verify_link(:'token')).status, 'otp_expired', 'nor does one of a banned user');
rollback to moved;

-- An unknown address has a row as well; what it was made of is in no mail that is sent.
select auth.request_recovery('nobody.here@example.com') \gset
select tap.is((select count(*)::int from auth.one_time_token where address = 'nobody.here@example.com' and user_id is null), 1,
              'for an unknown address the same is written');
select tap.is(fixture.mail('nobody.here@example.com', 'recovery'), null, 'and nothing is sent');

-- Once. (The savepoint above is long gone: attempts are counted whatever was rolled back, so a
-- fresh code is taken.)
select pg_temp.ask('cora') ->> 'code' as code, fixture.mail('cora@example.com', 'recovery') ->> 'token' as token \gset
select tap.is(pg_temp.try_code('cora', ' ' || left(:'code', 3) || ' ' || right(:'code', 3), 'recovery'), 'ok', 'the right code signs in, typed with a blank');
select tap.is(pg_temp.try_code('cora', :'code', 'recovery'), 'otp_expired', 'once');
select tap.is((auth.verify_link(:'token')).status, 'otp_expired', 'and its link went with it');
select tap.is((auth.verify_link('gho_' || repeat('A', 49))).status, 'otp_expired', 'a made-up link is refused like an old one');

select * from tap.finish();
rollback;
