-- Run as authenticator. In a sealed transaction no SQL changes role or claims.
\set ON_ERROR_STOP 0
select token as alice from fixture.token where name = 'alice' \gset
select token as bob from fixture.token where name = 'bob' \gset
select tap.plan(22);

create temp table attempt (at serial, statement text, state text);
grant all on attempt, attempt_at_seq to public;

-- Each statement in a savepoint of its own, after the seal; what it raises is kept.
create function pg_temp.attack(statement text) returns text language plpgsql as $$
begin
    execute statement;
    return 'accepted';
exception when others then
    return sqlstate;
end
$$;
grant execute on function pg_temp.attack(text) to public;

begin;
select auth.authenticate(:'alice');
select pg_temp.attack('reset role') as s1, pg_temp.attack('set role anon') as s2,
       pg_temp.attack('set local role none') as s3,
       pg_temp.attack($$ select set_config('role', 'anon', true) $$) as s4,
       pg_temp.attack($$ select set_config('role', null, false) $$) as s5,
       pg_temp.attack('set session authorization default') as s6,
       pg_temp.attack('set session authorization authenticator') as s7,
       pg_temp.attack('reset session authorization') as s8,
       pg_temp.attack($$ select set_config('session_authorization', null, true) $$) as s9 \gset
select pg_temp.attack(format('select auth.authenticate(%L)', :'bob')) as t1,
       pg_temp.attack(format('select auth.authenticate(%L)', :'alice')) as t2,
       pg_temp.attack(format('set local pg_gatehouse.token = %L', :'bob')) as t3,
       pg_temp.attack($$ set pg_gatehouse.token = '' $$) as t4,
       pg_temp.attack('reset pg_gatehouse.token') as t5,
       pg_temp.attack($$ select set_config('pg_gatehouse.token', null, true) $$) as t6,
       pg_temp.attack('select auth.authenticate(null)') as t7 \gset
select current_user || ' ' || auth.email() as still \gset
reset all;
select current_user || ' ' || auth.email() as after_reset_all \gset
savepoint a;
discard all;
\set d1 :SQLSTATE
rollback to a;
reset role;
\set d2 :SQLSTATE
rollback to a;
select set_config('role', null, true), count(*) from auth."user";
\set d3 :SQLSTATE
rollback to a;
select current_user || ' ' || auth.email() as at_last \gset
rollback;

select tap.is('' || :'s1', '42501', 'reset role');
select tap.is('' || :'s2', '42501', 'set role');
select tap.is('' || :'s3', '42501', 'set local role none');
select tap.is('' || :'s4', '42501', 'set_config of role');
select tap.is('' || :'s5', '42501', 'set_config of role to null');
select tap.is('' || :'s6', '42501', 'set session authorization default');
select tap.is('' || :'s7', '42501', 'set session authorization');
select tap.is('' || :'s8', '42501', 'reset session authorization');
select tap.is('' || :'s9', '42501', 'set_config of session_authorization to null');
select tap.is('' || :'t1', '42501', 'another token');
select tap.is('' || :'t2', '42501', 'the same token');
select tap.is('' || :'t3', '42501', 'another token by set local');
select tap.is('' || :'t4', '42501', 'the empty token');
select tap.is('' || :'t5', '42501', 'reset of the token');
select tap.is('' || :'t6', '42501', 'set_config of the token to null');
select tap.is('' || :'t7', '42501', 'no token');
select tap.is('' || :'still', 'authenticated alice@example.com', 'role and claims are what they were');
select tap.is('' || :'after_reset_all', 'authenticated alice@example.com', 'also after reset all');
select tap.is('' || :'d1', '25001', 'discard all does not run in a transaction');
select tap.is('' || :'d2', '42501', 'reset role as a statement of its own');
select tap.is('' || :'d3', '42501', 'set_config within a query');
select tap.is('' || :'at_last', 'authenticated alice@example.com', 'and still they are');
select * from tap.finish();
