-- auth.hash_password and its kin, as SQL sees them; the core's own tests go deeper.
begin;
select tap.plan(26);
set local pg_gatehouse.bcrypt_cost = 10;

select tap.matches(auth.hash_password('seven green sailing boats'), '^\$2b\$10\$.{53}$', 'bcrypt at the configured cost is the default');
select tap.matches(auth.hash_password('x', cost => 11), '^\$2b\$11\$', 'a cost can be given');
select tap.matches(auth.hash_password('x', 'argon2id'), '^\$argon2id\$v=19\$m=19456,t=2,p=1\$', 'argon2id is selectable');
select tap.isnt(auth.hash_password('x', 'argon2id'), auth.hash_password('x', 'argon2id'), 'every hash has a salt of its own');
select tap.ok(auth.verify_password('seven green sailing boats', auth.hash_password('seven green sailing boats')), 'a hash verifies');
select tap.ok(not auth.verify_password('seven green sailing boat', auth.hash_password('seven green sailing boats')), 'another password does not');
select tap.ok(auth.verify_password(U&'e\0301', auth.hash_password(U&'\00e9', 'argon2id')), 'the same text in another normal form verifies');
select tap.ok(auth.verify_password('U*U', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'), 'a known bcrypt vector verifies');

select tap.is(fixture.refusal($$ select auth.hash_password('') $$), '22023 password_empty', 'the empty password is an error');
select tap.is(fixture.refusal($$ select auth.hash_password(repeat('x', 73)) $$), '22023 password_too_long_for_bcrypt', 'over 72 bytes are an error for bcrypt');
select tap.is(fixture.refusal($$ select auth.hash_password(repeat('x', 72)) $$), 'accepted', '72 bytes are not');
select tap.is(fixture.refusal($$ select auth.hash_password(repeat('x', 1024), 'argon2id') $$), 'accepted', '1024 bytes are none for argon2id');
select tap.is(fixture.refusal($$ select auth.hash_password(repeat('x', 1025), 'argon2id') $$), '22023 password_too_long', 'more are');
select tap.is(fixture.refusal($$ select auth.hash_password('x', 'md5') $$), '22023 hash_algorithm_unknown', 'an unknown algorithm is an error');
select tap.is(fixture.refusal($$ select auth.hash_password('x', cost => 9) $$), '22023 hash_cost_out_of_range', 'a cost below the range is an error');
select tap.is(fixture.refusal($$ select auth.hash_password('x', cost => 17) $$), '22023 hash_cost_out_of_range', 'and one above');
select tap.is(fixture.refusal($$ select auth.verify_password('x', 'plain text') $$), '22023 hash_unknown_format', 'an unknown format is an error, never false');
select tap.is(fixture.refusal($$ select auth.verify_password('x', '$2b$10$short') $$), '22023 hash_malformed', 'a malformed hash is an error');
select tap.is(fixture.refusal($$ select auth.verify_password('x', '$2b$31$' || repeat('a', 53)) $$), '22023 hash_parameters_out_of_range', 'a hash that would take days is an error');

select tap.ok(not auth.password_needs_rehash(auth.hash_password('x')), 'a fresh hash needs no rehash');
select tap.ok(auth.password_needs_rehash('$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'), 'a cheap one does');
set local pg_gatehouse.password_algorithm = 'argon2id';
select tap.ok(auth.password_needs_rehash(auth.hash_password('x', 'bcrypt')), 'one of another algorithm does');

select tap.ok((select ok from auth.check_password('seven green sailing boats')), 'a passphrase is good');
select tap.ok((select not ok and score < 2 from auth.check_password('passwordpassword')), 'a common one is not');
select tap.ok((select not ok and cardinality(reasons) > 0 from auth.check_password('alice-alice-alice', array['alice@example.com'])), 'nor one built on the e-mail');
set local pg_gatehouse.password_min_length = 40;
select tap.matches((select array_to_string(reasons, ' ') from auth.check_password('seven green sailing boats')), '40', 'the reason names the length asked for');

select * from tap.finish();
rollback;
