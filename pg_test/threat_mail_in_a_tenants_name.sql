-- A mail carries a tenant's name and leads to its site only for users of it: naming a tenant in a
-- request is not enough, or one tenant's site could be where another's user takes a link.
begin;
select tap.plan(19);
set local pg_gatehouse.autoconfirm = off;
select fixture.tenant_for_strangers() \gset
select auth.set_tenant_mail(t, 'https://' || s || '.example', 'Mail of ' || s || ' <no-reply@' || s || '.example>')
  from (select fixture.tenant(s) as t, s from unnest(array['acme', 'globex', 'open-to-all', 'open-island']) as s) as x;
select fixture.enter('mona', 'acme', 'member') as mona, fixture.enter('rob', 'open-island', 'member') as rob \gset
delete from auth.mail_outbox;

create function pg_temp.taken(whose text) returns text language sql as
$$ select data #>> '{tenant,slug}' from auth.take_mail(1000) where recipient = whose || '@example.com' order by id desc limit 1 $$;

select auth.request_recovery('mona@example.com', 'acme') \gset
select tap.is((select data -> 'tenant' from auth.take_mail(10) where kind = 'recovery'),
              jsonb_build_object('id', fixture.tenant('acme'), 'slug', 'acme', 'name', 'Acme', 'site_url', 'https://acme.example',
                                 'mail_from', 'Mail of acme <no-reply@acme.example>'), 'of a member''s tenant, all that a mail needs');
select auth.request_recovery('mona@example.com', 'globex') \gset
select tap.is(pg_temp.taken('mona'), null, 'not of another''s');
select auth.request_recovery('mona@example.com') \gset
select tap.is(pg_temp.taken('mona'), null, 'nor of one that was not named');
select auth.request_otp('mona@example.com', tenant => 'globex') \gset
select tap.is(pg_temp.taken('mona'), null, 'the same by a link to sign in');
select auth.request_otp('mona@example.com', tenant => 'open-to-all') \gset
select tap.is(pg_temp.taken('mona'), null, 'open as it may be, she is not in it');
select auth.request_otp('mona@example.com', tenant => 'acme') \gset
select tap.is(pg_temp.taken('mona'), 'acme', 'into her own');
select auth.resend('signup', 'mona@example.com', 'globex') \gset
select tap.is(pg_temp.taken('mona'), null, 'or again');
select auth.request_recovery('rob@example.com', 'open-island') \gset
select tap.is(pg_temp.taken('rob'), 'open-island', 'a user of an isolated tenant is always of it');
select auth.request_otp('nora@example.com', tenant => 'open-to-all') \gset
select tap.is(pg_temp.taken('nora'), 'open-to-all', 'a newcomer is of the open tenant they named');
select (auth.sign_up('nick@example.com', 'seven green sailing boats', '{}', 'open-to-all')).status \gset
select tap.is(pg_temp.taken('nick'), 'open-to-all', 'so is one who signs up');
select (auth.sign_up('rob@example.com', 'seven green sailing boats', '{}', 'open-island')).status \gset
select tap.is(pg_temp.taken('rob'), 'open-island', 'and one who did before');
select auth.request_recovery('nobody.at.all@example.com', 'acme') \gset
select tap.is(pg_temp.taken('nobody.at.all'), null, 'to nobody nothing is mailed');

-- what the operator may set
select tap.is(fixture.refusal(format('select auth.set_tenant_mail(%L, %L, %L)', fixture.tenant('acme'), site, sender)), '22023 tenant_setting_invalid', format('%L, %L', site, sender))
  from (values ('javascript:alert(1)', null), ('https://a.example/ x', null), (null, E'a@b.example\nBcc: x@example.com')) as given (site, sender);
select tap.is(fixture.refusal(format('select auth.set_tenant_mail(%L, null, null)', gen_random_uuid())), '22023 tenant_not_found', 'of a tenant that there is');

-- an invitation
update auth."user" set user_metadata = jsonb_build_object('name', E'Mona\r\nBcc: all@example.com') where id = fixture.id('mona');
select auth.grant_role(fixture.id('mona'), 'admin', fixture.tenant('acme')) \gset
set local session authorization authenticator;
select auth.authenticate(:'mona');
select status from auth.invite('guest@example.com', 'member') \gset
select tap.is('' || :'status', 'ok', 'a member invites');
select fixture.mail('guest@example.com', 'invitation') as mail \gset
select tap.is(:'mail'::jsonb - '{token,expires_at}'::text[], '{"tenant_slug": "acme", "tenant_name": "Acme", "role": "member", "email": "guest@example.com",
    "invited_by": "mona@example.com", "inviter_name": "Mona  Bcc: all@example.com", "link_seconds": 604800}', 'the mail says who, what and for how long');
select tap.matches(:'mail'::jsonb ->> 'token', '^ghi_', 'and has the token');
select * from tap.finish();
rollback;
