-- Somebody who can write the tables but has no master key gains nothing by moving secrets.
begin;
select tap.plan(5);
select fixture.join('gus') is not null as joined \gset
select id as gus from auth."user" where email = 'gus@example.com' \gset
create function pg_temp.factor(secret bytea) returns uuid language sql as $$
    with fresh as (select gen_random_uuid() as id)
    insert into auth.mfa_factor (id, user_id, friendly_name, secret)
    select id, (select u.id from auth."user" as u where email = 'gus@example.com'), id::text, auth.seal('mfa_factor:' || id, $1) from fresh
    returning id
$$;
select pg_temp.factor('known to the attacker') as attackers, pg_temp.factor('12345678901234567890') as victims \gset
select tap.is(fixture.shown(:'victims') is not null, true, 'a factor opens in its row');
update auth.mfa_factor set secret = (select secret from auth.mfa_factor where id = :'attackers') where id = :'victims';
select tap.is(fixture.refusal(format('select fixture.shown(%L)', :'victims')), '58000 seal_broken', 'another''s secret does not open there');

select auth.request_recovery('gus@example.com') \gset
select id as one from auth.mail_outbox where recipient = 'gus@example.com' and kind = 'recovery' \gset
select auth.request_otp('gus@example.com') \gset
select id as two from auth.mail_outbox where recipient = 'gus@example.com' and kind = 'magic_link' \gset
update auth.mail_outbox set data = (select data from auth.mail_outbox where id = :'one') where id = :'two';
select tap.is(fixture.refusal($$ select fixture.mail('gus@example.com', 'magic_link') $$), '58000 seal_broken', 'nor does another mail''s content');

-- Nor by asking the same code's hash of another user.
select tap.isnt(auth.recovery_code_hash(:'gus', '0123456789abcdef'), auth.recovery_code_hash(gen_random_uuid(), '0123456789abcdef'),
                'a recovery code''s hash is that of its user');
select tap.is(auth.recovery_code_hash(:'gus', 'OL23-4567-89AB-CDEF'), auth.recovery_code_hash(:'gus', '0123456789abcdef'),
              'and of the code, however it is typed');
select * from tap.finish();
rollback;
