-- Run as authenticator. The operator's invitations and links: what they do, and that nobody else
-- makes them.
\set ON_ERROR_STOP 0
select tap.plan(40);
\set password '''seven green sailing boats'''
select fixture.join('olga') as olga \gset
select fixture.configure('autoconfirm', 'off') \gset

-- invitations
begin;
select fixture.operate($$ select status from auth.admin_invite_user('Irma@example.com', '{"name": "Irma"}', '{"redirect_to": "https://app.example"}') $$) as status \gset
select tap.is('' || :'status', 'ok', 'the operator invites');
select fixture.mail('irma@example.com', 'invite') as mail \gset
select tap.is(:'mail'::jsonb #>> '{options,redirect_to}', 'https://app.example', 'the mail has what the front needs');
select fixture.operate($$ select "user" from auth.admin_invite_user('irma@example.com', '{"name": "Irma"}') $$) as shown \gset
select tap.ok(:'shown'::jsonb ? 'invited_at' and not :'shown'::jsonb ? 'email_confirmed_at', 'again, as long as nobody has come');
commit;
set role anon;
select tap.is((auth.verify_link(:'mail'::jsonb ->> 'token', 'invite')).status, 'otp_expired', 'which voids the one before');
select fixture.mail('irma@example.com', 'invite') as mail \gset
select tap.is((auth.sign_up('irma@example.com', 'the password of an intruder')).status, 'ok', 'a stranger signs up with the address meanwhile');
select tap.is((auth.verify_link(:'mail'::jsonb ->> 'token', 'recovery')).status, 'otp_expired', 'an invitation is no other kind of link');
select tap.is((auth.verify_otp('irma@example.com', :'mail'::jsonb ->> 'code', 'email')).status, 'otp_expired', 'nor its code');
select status, "user" ->> 'email_confirmed_at' is not null as confirmed from auth.verify_otp('irma@example.com', :'mail'::jsonb ->> 'code', 'invite') \gset
select tap.is(:'status' || ' ' || :'confirmed', 'ok t', 'its code lets her in and proves the address');
select tap.is((auth.sign_in('irma@example.com', 'the password of an intruder')).status, 'invalid_credentials', 'and the stranger is out');
reset role;
select tap.is(fixture.operate(statement), answer, statement)
  from (values ($$ select status from auth.admin_invite_user('irma@example.com') $$, 'email_exists'),
               ($$ select status from auth.admin_invite_user('no address') $$, 'validation_failed'),
               ($$ select status from auth.admin_invite_user('a@example.com', '[]') $$, 'validation_failed'),
               ($$ select status from auth.admin_invite_user('a@example.com', '{}', '{"code_challenge": "x"}') $$, 'validation_failed'),
               ($$ select status from auth.admin_generate_link('signup', 'a@example.com') $$, 'validation_failed'),
               ($$ select status from auth.admin_generate_link('signup', 'a@example.com', 'short') $$, 'weak_password'),
               ($$ select status from auth.admin_generate_link('signup', 'olga@example.com', 'nine quiet mountain roads') $$, 'email_exists'),
               ($$ select status from auth.admin_generate_link('invite', 'olga@example.com') $$, 'email_exists'),
               ($$ select status from auth.admin_generate_link('recovery', 'nobody@example.com') $$, 'user_not_found'),
               ($$ select status from auth.admin_generate_link('reauthentication', 'olga@example.com') $$, 'validation_failed'),
               ($$ select status from auth.admin_generate_link(null, 'olga@example.com') $$, 'validation_failed'),
               ($$ select status from auth.admin_generate_link('email_change_new', 'olga@example.com') $$, 'validation_failed'),
               ($$ select status from auth.admin_generate_link('email_change_new', 'nobody@example.com', new_email => 'x@example.com') $$, 'user_not_found'),
               ($$ select status from auth.admin_generate_link('email_change_new', 'olga@example.com', new_email => 'alice@example.com') $$, 'email_exists')
       ) as request (statement, answer);

-- links
create temp table made (wanted text, status text, kind text, token text, code text, answer text);
grant all on made to public;
insert into made (wanted, status, kind, token, code)
select wanted, (l).status, (l).kind, (l).token, (l).code
  from (select wanted, fixture.link(wanted, address) as l
          from (values ('signup', 'sia@example.com'), ('invite', 'ina@example.com'), ('magiclink', 'olga@example.com'),
                       ('magiclink', 'new.mia@example.com'), ('recovery', 'olga@example.com')) as w (wanted, address)) as x;
select tap.is(string_agg(status || ' ' || kind, ', ' order by kind), 'ok invite, ok magiclink, ok recovery, ok signup, ok signup', 'every kind of link, by the name to verify it with')
  from made;
select tap.is(fixture.waiting_mails(), 0::bigint, 'none of which is mailed');
set role anon;
update made set answer = (auth.verify_link(token, kind)).status;
select tap.is(answer, 'ok', wanted || ' signs in') from made;
select tap.is((auth.sign_in('sia@example.com', :password)).status, 'ok', 'with the password that came with it');
reset role;
select fixture.operate($$ select token from auth.admin_generate_link('email_change_new', 'olga@example.com', new_email => 'olga.2@example.com') $$) as new_token,
       fixture.operate($$ select token from auth.admin_generate_link('email_change_current', 'olga@example.com', new_email => 'olga.2@example.com') $$) as old_token \gset
set role anon;
select message from auth.verify_link(:'new_token', 'email_change') \gset
select tap.matches('' || :'message', 'other email', 'a change of address takes both links');
select tap.is((auth.verify_link(:'old_token', 'email_change')).status, 'ok', 'in either order');
reset role;
select tap.is(fixture.id('olga'), null, 'and is made');

-- by nobody else
create temp table attempt (statement text, got text);
grant all on attempt to public;
insert into attempt (statement) values
    ($$ select auth.admin_invite_user('x@example.com') $$), ($$ select auth.admin_generate_link('recovery', 'alice@example.com') $$),
    ($$ select auth.admin_list_events() $$), ($$ select auth.set_tenant_mail(auth.tenant_id(), 'https://evil.example', 'Evil <e@evil.example>') $$),
    ($$ select auth.link_for(null, 'recovery', 'x', '{}', '{}') $$);
select token as alice from fixture.token where name = 'alice' \gset
begin;
select auth.authenticate(:'alice');
update attempt set got = fixture.refusal(statement);
commit;
select tap.is(got, '42501 ', 'an owner of a tenant is refused: ' || statement) from attempt;
begin;
select auth.authenticate(:'alice');
select fixture.refusal($$ select auth.update_tenant('{"site_url": "https://evil.example"}') $$) as r \gset
rollback;
select tap.is('' || :'r', '22023 tenant_setting_unknown', 'where a tenant''s mails lead is no setting of its owners');
select * from tap.finish();
