-- Run as authenticator. A client can neither undo nor read nor reset what the throttle counts.
\set ON_ERROR_STOP 0
select tap.plan(18);
set role anon;

-- Attempts within transactions and savepoints that are rolled back; the limit is ten at once.
create function pg_temp.try(password text) returns text language sql volatile as
$$ select status from auth.sign_up('rolled-back@example.com', password) $$;
begin;
select tap.is(pg_temp.try('short'), 'weak_password', 'an attempt') from generate_series(1, 3);
rollback;
begin;
savepoint one;
select tap.is(pg_temp.try('short'), 'weak_password', 'an attempt in a savepoint') from generate_series(1, 3);
rollback to one;
do $$
begin
    for n in 1..4 loop
        begin
            perform pg_temp.try('short');
            raise exception 'out of it';
        exception when others then null;
        end;
    end loop;
end
$$;
rollback;
select tap.is(pg_temp.try('short'), 'throttled', 'all of them count');
select tap.is(pg_temp.try('seven green sailing boats'), 'throttled', 'with a good password as well');
select tap.is((auth.sign_up(' Rolled-Back@EXAMPLE.com ', 'short')).status, 'throttled', 'in whatever way the address is written');
select tap.ok((auth.sign_up('rolled-back@example.com', 'short')).retry_after between 1 and 180, 'and it says when to come back');
select tap.is((auth.sign_up('rolled-back@example.com', 'short'))::text, (auth.sign_up('rolled-back@example.com', 'seven green sailing boats'))::text,
              'the same answer for everybody');

-- Nothing of it is a client's to call.
select tap.is(fixture.refusal('select auth.throttle(''sign_in'', ''alice@example.com'', null)'), '42501 ', 'counting');
select tap.is(fixture.refusal('select auth.throttle_outcome(''sign_in'', ''alice@example.com'', true)'), '42501 ', 'telling of a success');
select tap.is(fixture.refusal('select auth.throttle_reset(''alice@example.com'')'), '42501 ', 'resetting');
select tap.is(fixture.refusal('select auth.throttle_forget(''alice@example.com'', null)'), '42501 ', 'forgetting');
select tap.is(fixture.refusal('select * from auth.throttle_status(''alice@example.com'')'), '42501 ', 'asking about an account');
select tap.is(fixture.refusal('update auth.throttle_limit set attempts = null'), '42501 ', 'changing a limit');
select tap.is(fixture.refusal('set pg_gatehouse.client_address_header = ''x-real-ip'''), '42501 ', 'choosing the header of the address');

select * from tap.finish();
