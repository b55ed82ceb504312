-- No flow of codes, mails and factors reads a whole table. With sequential scans made expensive,
-- each one that is left is one that no index could replace.
begin;
select tap.plan(3);
set local enable_seqscan = off;
select fixture.join('ida', 'acme') as ida \gset

create function pg_temp.scanned() returns text language sql as $$
    select string_agg(relname, ' ' order by relname) from pg_stat_xact_all_tables
     where schemaname = 'auth' and seq_scan > 0 and relname in ('one_time_token', 'mail_outbox', 'mfa_factor', 'recovery_code', 'session', 'user')
$$;

select auth.request_otp('ida@example.com'), auth.request_otp('nobody.at.all@example.com'), auth.resend('signup', 'ida@example.com'),
       auth.resend('email_change', 'ida@example.com'), auth.request_recovery('ida@example.com') \gset
select auth.verify_otp('ida@example.com', '000000', 'email'), auth.verify_otp('ida@example.com', '000000', 'email_change'),
       auth.verify_link('gho_x'), (auth.verify_link(fixture.mail('ida@example.com', 'recovery') ->> 'token')).status as status \gset
select tap.is('' || :'status', 'ok', 'the flows ran');
select id as mail from auth.take_mail(5) limit 1 \gset
select auth.mail_failed(:'mail', 'x'), auth.mail_sent(:'mail') \gset
select tap.is(pg_temp.scanned(), null, 'mailed codes and links are found by index');

select auth.authenticate(:'ida');
select id as factor from auth.enroll_totp('phone') \gset
select auth.challenge_factor(:'factor'), auth.verify_factor(:'factor', fixture.shown(:'factor')), auth.reauthenticate(),
       auth.request_email_change('ida.2@example.com'), auth.verify_recovery_code('0123-4567-89ab-cdef') \gset
select count(*) from auth.generate_recovery_codes(), auth.my_factors() \gset
select auth.unenroll_factor(:'factor') \gset
select tap.is(pg_temp.scanned(), null, 'and so are factors and recovery codes');
select * from tap.finish();
rollback;
