-- Run as authenticator. The code that a followed link gives is of use to the client alone that asked
-- for the link (RFC 7636), once and for five minutes.
\set ON_ERROR_STOP 0
select tap.plan(36);
\set verifier 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
\set challenge 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
select fixture.join('pam') as pam, fixture.join('pat') as pat \gset
set role anon;

-- the way it is meant to go
select fixture.challenged_link('pam') as link \gset
select status, auth_code as code, access_token is null and refresh_token is null and "user" is null as bare from auth.follow_link(:'link', 'recovery') \gset
select tap.is('' || :'status', 'ok', 'a followed link is accepted');
select tap.ok(:'bare' and '' || :'code' ~ '^gho_.{49}$', 'and gives a code and nothing else');
select status, access_token as token, refresh_token is not null as refreshable, "user" ->> 'email' as email
  from auth.exchange_code(:'code', :'verifier') \gset
select tap.is(:'status' || ' ' || :'refreshable' || ' ' || :'email', 'ok t pam@example.com', 'which is good for a session');
select tap.is(fixture.authenticates(:'token'), 'accepted', 'that counts');
reset role;
begin;
select auth.authenticate(:'token');
select auth.jwt() #>> '{amr,0,method}' as method, auth.aal() as aal \gset
commit;
set role anon;
select tap.is(:'method' || ' ' || :'aal', 'recovery aal1', 'and says how the address was proved');

-- stolen: the code without the verifier
select fixture.challenged_link('pam') as link \gset
select auth_code as code from auth.follow_link(:'link') \gset
select tap.is((auth.exchange_code(:'code', attempt.verifier)).status, attempt.answer, attempt.what)
  from (values (repeat('a', 43), 'bad_code_verifier', 'a guessed verifier'), (:'challenge', 'bad_code_verifier', 'the challenge in its place'),
               (:'verifier' || 'k', 'bad_code_verifier', 'a longer one'), (left(:'verifier', 42), 'validation_failed', 'a short one'),
               ('', 'validation_failed', 'an empty one'), (null, 'validation_failed', 'none'),
               (repeat('a', 129), 'validation_failed', 'an endless one'), (left(:'verifier', 42) || ' ', 'validation_failed', 'one with blanks')
       ) as attempt (verifier, answer, what);
select tap.is((auth.exchange_code(:'code', :'verifier')).status, 'ok', 'none of which has used it up');

-- used twice
select status, access_token is null as nothing from auth.exchange_code(:'code', :'verifier') \gset
select tap.is(:'status' || ' ' || :'nothing', 'flow_state_not_found t', 'it counts once');
select tap.is((auth.follow_link(:'link')).status, 'otp_expired', 'and so did the link');

-- expired
select fixture.challenged_link('pam') as link \gset
select auth_code as code from auth.follow_link(:'link') \gset
select fixture.let_codes_age('pam', '5 minutes') \gset
select tap.is((auth.exchange_code(:'code', :'verifier')).status, 'flow_state_expired', 'for five minutes');

-- in another's place
select fixture.challenged_link('pam') as link \gset
select tap.is((auth.exchange_code(:'link', :'verifier')).status, 'flow_state_not_found', 'a link''s token is no code');
select auth_code as code from auth.follow_link(:'link') \gset
select tap.is((auth.verify_link(:'code')).status, 'otp_expired', 'and a code no link''s token');
select tap.is((auth.follow_link(:'code')).status, 'otp_expired', 'nor to be followed');
select tap.is((auth.refresh(:'code')).status, 'refresh_token_not_found', 'nor a refresh token');
select tap.is((auth.exchange_code(garbage, :'verifier')).status, 'flow_state_not_found', 'nor is anything else a code')
  from unnest(array['', 'gho_', null, 'gho_' || repeat('A', 49)]) as garbage;

-- two clients ask for one user: each has its own
select (auth.request_recovery('pam@example.com', null, jsonb_build_object('code_challenge', 'rfh8n1Y8oTMTGU0ztqk1xZQbvEJvzKDCTJkLZ3Kmbrk', 'code_challenge_method', 'S256'))).status as other \gset
select fixture.mail('pam@example.com', 'recovery') ->> 'token' as link \gset
select auth_code as other_code from auth.follow_link(:'link') \gset
select tap.is((auth.exchange_code(:'other_code', :'verifier')).status, 'bad_code_verifier', 'one client''s verifier does not open the other''s code');
select tap.is((auth.exchange_code(:'code', :'verifier')).status, 'ok', 'and both codes count');

-- downgrades
select tap.is((auth.request_recovery('pam@example.com', null, options)).status, 'validation_failed', options::text)
  from unnest(array[
    format('{"code_challenge": "%s", "code_challenge_method": "plain"}', :'challenge'), format('{"code_challenge": "%s"}', :'challenge'),
    '{"code_challenge_method": "s256"}', '{"code_challenge": "short", "code_challenge_method": "s256"}',
    format('{"code_challenge": ["%s"], "code_challenge_method": "s256"}', :'challenge')]::jsonb[]) as options;
select tap.is((auth.sign_up('new.pam@example.com', 'seven green sailing boats', '{}', null, '{"code_challenge": "x", "code_challenge_method": "plain"}')).status,
              'validation_failed', 'nor does a sign-up take them');

-- what becomes of the user meanwhile
select fixture.challenged_link('pat') as link \gset
select auth_code as code from auth.follow_link(:'link') \gset
select fixture.ban('pat', true) \gset
select status, access_token is null as nothing from auth.exchange_code(:'code', :'verifier') \gset
select tap.is(:'status' || ' ' || :'nothing', 'flow_state_not_found t', 'a user who was banned meanwhile stays out');

-- what is stored
reset role;
select tap.is(fixture.refusal('select * from auth.flow_state'), '42501 ', 'nobody reads the codes');
select tap.is(fixture.stored_codes(:'code'), 0::bigint, 'which are stored as hashes only');
select * from tap.finish();
