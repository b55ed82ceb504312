-- Attempts are counted by account, tenant and database, failures delay, and the tables rule.
begin;
select tap.plan(31);

-- rates
select tap.is(auth.throttle('refresh', 'a', null), null, 'without a limit everything goes on');
update auth.throttle_limit set attempts = 60, per = '1 minute', burst = 3 where act = 'refresh' and scope = 'account';
select tap.is(array_agg(auth.throttle('refresh', 'b', null)), array[null, null, null, 1, 1]::integer[],
              'a changed limit holds at once: a burst of three, then one a second') from generate_series(1, 5);
select tap.is(auth.throttle('refresh', 'c', null), null, 'another account has its own');
select tap.is(auth.throttle('invite', 'b', null), null, 'and so has another act');
select tap.is(auth.throttle('refresh', null, null), null, 'without an account there is none to limit');
savepoint before;
update auth.throttle_limit set attempts = null where act = 'refresh';
select tap.is(auth.throttle('refresh', 'b', null), null, 'without attempts there is no limit');
rollback to before;
select tap.isnt(auth.throttle('refresh', 'b', null), null, 'a change that is rolled back is gone at once');
update auth.throttle_limit set attempts = 1, per = '30 days', burst = 2 where act = 'invite' and scope = 'tenant';
select tap.is(array_agg(auth.throttle('invite', 'person' || n, '00000000-0000-4000-8000-0000000000aa')), array[null, null, 2592000, 2592000],
              'a tenant is limited whoever acts') from generate_series(1, 4) as n;
select tap.is(auth.throttle('invite', 'person1', '00000000-0000-4000-8000-0000000000bb'), null, 'another tenant is not');
update auth.throttle_limit set attempts = 1, per = '1 hour', burst = 2 where act = 'recovery' and scope = 'global';
select tap.is(array_agg(auth.throttle('recovery', 'person' || n, null)), array[null, null, 3600, 3600],
              'the database is limited whoever acts') from generate_series(1, 4) as n;

-- delays
insert into auth.throttle_delay values ('factor', 2, '10 seconds', '1 minute', 6, '30 days');
create temp table waited (n integer, wait integer);
do $$
begin
    for n in 1..7 loop
        insert into waited values (n, auth.throttle('factor', 'd', null));
        perform auth.throttle_outcome('factor', 'd', false);
    end loop;
end
$$;
select tap.is(array_agg(wait order by n), array[null, null, null, 10, 20, 40, 2592000],
              'failures delay, each twice as long, and shut in the end') from waited;
select tap.is(failures, 6, 'an administrator sees them') from auth.throttle_status('d') where act = 'factor';
select auth.throttle_outcome('factor', 'd', true);
select tap.is(auth.throttle('factor', 'd', null), null, 'a success forgets them');
select tap.ok(failures <= 1, 'all of them') from auth.throttle_status('d') where act = 'factor';
select auth.throttle_outcome('factor', 'e', null) from generate_series(1, 6);
select tap.is(auth.throttle('factor', 'e', null), 2592000, 'an outcome that nobody knows is a failure');
select tap.is(retry_after, 2592000, 'which the status tells') from auth.throttle_status('e') where act = 'factor';
select auth.throttle_reset('e');
select tap.is(auth.throttle('factor', 'e', null), null, 'an administrator opens it');
select tap.is(count(*)::int, 1, 'and it is recorded') from auth.audit_event where event = 'throttle_reset';
insert into auth.throttle_delay values ('sign_in', 0, '1 hour', '1 hour', 100, '30 days');
select auth.throttle_outcome('sign_in', 'f', false);
select tap.is(auth.throttle('sign_in', 'f', null), 3600, 'the password way waits');
select auth.throttle_outcome('recovery', 'f', true);
select tap.is(auth.throttle('sign_in', 'f', null), 3600, 'asking for a mail does not open it');
select auth.throttle_outcome('code', 'f', true);
select tap.is(auth.throttle('sign_in', 'f', null), null, 'the code from the mail does');

-- what is refused
select tap.throws_ok($$ select auth.throttle('sign-in', 'x', null) $$, '22023', null, 'an unknown act is an error');
select tap.throws_ok($$ select auth.throttle(null, 'x', null) $$, '22023', null, 'no act is one');
select tap.throws_ok($$ select auth.throttle_outcome('nothing', 'x', true) $$, '22023', null, 'of an outcome, too');
select tap.throws_ok($$ update auth.throttle_limit set burst = 0 $$, '23514', null, 'a burst is at least one');
select tap.throws_ok($$ update auth.throttle_limit set per = '0 seconds' $$, '23514', null, 'a period at least a second');
select tap.throws_ok($$ update auth.throttle_delay set shut_after = 101 $$, '23514', null, 'nobody gets more than a hundred failures');

-- the defaults and changes of them
select tap.is((select array_agg(distinct is_default) from auth.throttle_limit where act = 'refresh' and scope = 'account'), array[false], 'a changed row is no default');
delete from auth.throttle_limit where act = 'code' and scope = 'account';
insert into auth.throttle_limit values ('code', 'account', 5, '1 minute', 5, true);
insert into auth.throttle_limit values ('code', 'account', 7, '1 minute', 7);
select tap.is((select attempts from auth.throttle_limit where act = 'code' and scope = 'account'), 7, 'a new row takes the place of the default');
select tap.throws_ok($$ insert into auth.throttle_limit values ('code', 'account', 8, '1 minute', 8) $$, '23505', null, 'but not of another change');
select tap.is((select sum(bytes)::int from auth.throttle_usage()), 3293184, 'the memory has its size');

select * from tap.finish();
rollback;
