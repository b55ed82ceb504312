-- No look-up of sessions and their tokens needs to read a whole table.
begin;
select tap.plan(9);
create function pg_temp.plan(statement text) returns setof text language plpgsql as $$
begin
    return query execute 'explain (costs off) ' || statement;
end
$$;
-- An index is there when the planner takes it as soon as it is told to.
set local enable_seqscan = off;
select tap.is_empty(format('select line from pg_temp.plan(%L) as line where line ~ ''Seq Scan''', statement), what)
  from (values
    ('a refresh token by its hash', $$ select * from auth.refresh_token where token_hash = '\x00' $$),
    ('its successor', $$ select * from auth.refresh_token where parent_id = '00000000-0000-4000-8000-000000000001' $$),
    ('the unused token of a session', $$ update auth.refresh_token set used_at = now() where session_id = '00000000-0000-4000-8000-000000000001' and used_at is null $$),
    ('the tokens of a session', $$ delete from auth.refresh_token where session_id = '00000000-0000-4000-8000-000000000001' $$),
    ('a session', $$ select * from auth.session where id = '00000000-0000-4000-8000-000000000001' for no key update $$),
    ('the sessions of a user', $$ select id from auth.session where user_id = '00000000-0000-4000-8000-000000000001' and ended_at is null order by id for no key update $$),
    ('the sessions of a tenant', $$ select id from auth.session where tenant_id = '00000000-0000-4000-8000-000000000001' and ended_at is null order by id for no key update $$),
    ('dead sessions', $$ select id from auth.session where least(ended_at, expires_at) < clock_timestamp() - interval '30 days' order by least(ended_at, expires_at) limit 10 for update skip locked $$),
    ('the sessions of whoever asks', $$ select * from auth.session as s cross join lateral auth.session_limits(s.tenant_id) as limits where s.user_id = '00000000-0000-4000-8000-000000000001' $$)
  ) as look_up (what, statement);
select * from tap.finish();
rollback;
