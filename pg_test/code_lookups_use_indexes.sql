-- No flow of codes, mails and factors reads more of a large table than the few rows it is about.
begin;
select tap.plan(3);
select fixture.join('ida', 'acme') as ida \gset

insert into auth."user" (email) select 'crowd.' || n || '@example.com' from generate_series(1, 3000) as n;
insert into auth.mfa_factor (user_id, status, secret) select id, 'verified', 'x' from auth."user" where email like 'crowd.%';
insert into auth.recovery_code (user_id, code_hash) select id, 'x' from auth."user" where email like 'crowd.%';
insert into auth.one_time_token (purpose, subject, user_id, address, token_hash, code_hash, code_expires_at, expires_at)
select purpose, id, id, email, sha256((purpose || email)::bytea), 'x', 'infinity', 'infinity'
  from auth."user", unnest('{recovery,email_change_new}'::text[]) as purpose where email like 'crowd.%';
-- Many that are not due, and many that were done.
insert into auth.mail_outbox (kind, recipient, due_at, done_at)
select 'x', email, 'infinity', done_at from auth."user", unnest(array[null, now()]) as done_at where email like 'crowd.%';
analyze auth."user", auth.mfa_factor, auth.recovery_code, auth.one_time_token, auth.mail_outbox;

-- Tests find a mail by its recipient, which nobody else does.
select auth.request_recovery('ida@example.com') \gset
select fixture.mail('ida@example.com', 'recovery') ->> 'token' as link \gset

create temp view read as
select relname, seq_tup_read + idx_tup_fetch as rows from pg_stat_xact_all_tables
 where schemaname = 'auth' and relname in ('one_time_token', 'mail_outbox', 'mfa_factor', 'recovery_code', 'user');
create temp table before as select * from read;
create function pg_temp.well_read() returns text language sql as $$
    select string_agg(relname || ' ' || (read.rows - before.rows), ', ' order by relname)
      from read join before using (relname) where read.rows - before.rows > 500
$$;
grant select on read, before to public;

select auth.request_otp('ida@example.com'), auth.request_otp('nobody.at.all@example.com'), auth.resend('signup', 'ida@example.com'),
       auth.resend('email_change', 'ida@example.com'), auth.request_recovery('nobody.at.all@example.com') \gset
select auth.verify_otp('ida@example.com', '000000', 'email'), auth.verify_otp('ida@example.com', '000000', 'email_change'),
       auth.verify_link('gho_x'), (auth.verify_link(:'link')).status as status \gset
select tap.is('' || :'status', 'ok', 'the flows ran');
select id as mail from auth.take_mail(5) limit 1 \gset
select auth.mail_failed(:'mail', 'x'), auth.mail_sent(:'mail') \gset
select tap.is(pg_temp.well_read(), null, 'mailed codes and links are found by index');

select auth.authenticate(:'ida');
select id as factor from auth.enroll_totp('phone') \gset
select auth.challenge_factor(:'factor'), auth.verify_factor(:'factor', fixture.shown(:'factor')), auth.reauthenticate(),
       auth.request_email_change('ida.2@example.com'), auth.verify_recovery_code('0123-4567-89ab-cdef') \gset
select count(*) from auth.generate_recovery_codes(), auth.my_factors() \gset
select auth.unenroll_factor(:'factor') \gset
select tap.is(pg_temp.well_read(), null, 'and so are factors and recovery codes');
select * from tap.finish();
rollback;
