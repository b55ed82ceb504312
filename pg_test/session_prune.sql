-- Old sessions go, in batches; living ones stay.
begin;
select tap.plan(9);
create temp table account as
select (u.account).* from (select u as account from auth."user" as u where email = 'alice@example.com') as u;
insert into auth.session (user_id, created_at, expires_at, ended_at)
select id, now() - interval '100 days', now() - interval '70 days', null from account, generate_series(1, 5)
union all
select id, now() - interval '50 days', now() + interval '10 days', now() - interval '40 days' from account, generate_series(1, 5)
union all
select id, now() - interval '20 days', now() + interval '10 days', now() - interval '10 days' from account, generate_series(1, 5)
union all
select id, now() - interval '20 days', now() + interval '10 days', null from account, generate_series(1, 5);
insert into auth.refresh_token (session_id, token_hash) select id, sha256(id::text::bytea) from auth.session where created_at < now() - interval '15 days';
create temp table living as select id from auth.session where ended_at is null and expires_at > now();

select tap.is(auth.prune_sessions(batch => 7), 7, 'at most a batch at a time');
select tap.is(auth.prune_sessions(batch => 7), 3, 'until none is left');
select tap.is(auth.prune_sessions(), 0, 'that has been dead for 30 days');
select tap.is(count(*)::int, 5, 'what died lately stays') from auth.session where ended_at > now() - interval '30 days' and created_at = now() - interval '20 days';
select tap.is(auth.prune_sessions('1 day'), 5, 'unless asked for');
select tap.is(auth.prune_sessions('0') >= 0, true, 'or all that is dead');
select tap.is_empty('select id from living except select id from auth.session', 'what lives stays, always');
select tap.is_empty($$ select t.id from auth.refresh_token as t left join auth.session as s on s.id = session_id where s.id is null $$, 'tokens go with their session');
select tap.is(fixture.refusal(call), '22023 prune_limits_invalid', call) from (values ('select auth.prune_sessions(''-1 day'')')) as t (call);
select * from tap.finish();
rollback;
