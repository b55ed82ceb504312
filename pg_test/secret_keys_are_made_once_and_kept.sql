-- Keys for hashing and sealing: one for each purpose, gone with a rollback, nobody's to call.
begin;
select tap.plan(9);

select tap.is(auth.keyed_hash('test_a', 'x'), auth.keyed_hash('test_a', 'x'), 'a hash is repeatable');
select tap.isnt(auth.keyed_hash('test_a', 'x'), auth.keyed_hash('test_b', 'x'), 'a purpose has a key of its own');
select tap.is(length(auth.keyed_hash('test_a', '')), 32, 'it is 32 bytes');

savepoint before;
create temp table hashed as select auth.keyed_hash('test_c', 'x') as hash;
select tap.is(count(*)::int, 1, 'a key is made when first used') from auth.secret where name = 'test_c';
rollback to before;
select tap.is(count(*)::int, 0, 'and goes with the savepoint it was made in') from auth.secret where name = 'test_c';
select tap.is(auth.keyed_hash('test_c', 'x'), auth.keyed_hash('test_c', 'x'), 'another one is made then');
select tap.is(count(*)::int, 1, 'which is stored') from auth.secret where name = 'test_c';

select tap.is(auth.unseal('row:1', auth.seal('row:1', 'secret')), 'secret'::bytea, 'what was sealed opens');
select tap.throws_ok($$ select auth.unseal('row:2', auth.seal('row:1', 'secret')) $$, '58000', null, 'but not for another row');

select * from tap.finish();
rollback;
