-- Run as authenticator. One live chain: rotation, the answer given again, the end on reuse.
\set ON_ERROR_STOP 0
set role anon;
select tap.plan(34);
select access_token as a0, refresh_token as t0, status, expires_at from auth.sign_up('rhea@example.com', 'seven green sailing boats') \gset
select tap.is('' || :'status', 'ok', 'sign-up opens a session');
select tap.matches('' || :'t0', '^gatehouse_rt_[A-Za-z0-9_-]{48}$', 'with a refresh token that scanners know');

select status, access_token as a1, refresh_token as t1, expires_at > now() + interval '14 min' as lives, "user" ->> 'email' as email from auth.refresh(:'t0') \gset
select tap.is('' || :'status', 'ok', 'a refresh token gives tokens');
select tap.isnt('' || :'t1', :'t0', 'another refresh token');
select tap.isnt('' || :'a1', :'a0', 'another access token');
select tap.ok(:'lives', 'that lives as long as usual');
select tap.is('' || :'email', 'rhea@example.com', 'and the user');
select tap.is(fixture.authenticates(:'a1'), 'accepted', 'the new access token authenticates');
select tap.is(fixture.authenticates(:'a0'), 'accepted', 'so does the former one, until it expires');

-- A lost answer, or a second tab.
select status, access_token as a1b, refresh_token as t1b from auth.refresh(:'t0') \gset
select tap.is('' || :'status' || ' ' || :'t1b', 'ok ' || :'t1', 'within the window a used token gives the same successor');
select tap.is(fixture.authenticates(:'a1b'), 'accepted', 'and an access token that works');
select refresh_token as t2 from auth.refresh(:'t1') \gset
select refresh_token as t2b from auth.refresh(:'t0') \gset
select tap.is('' || :'t2b', :'t2', 'the chain is followed to its end');
select refresh_token as t2c from auth.refresh(:'t1') \gset
select tap.is('' || :'t2c', :'t2', 'from each of its tokens');
select fixture.let_time_pass('rhea', '9 seconds');
select refresh_token as t2d from auth.refresh(:'t1') \gset
select tap.is('' || :'t2d', :'t2', 'for ten seconds');
select access_token as a3, refresh_token as t3 from auth.refresh(:'t2') \gset
select tap.isnt('' || :'t3', :'t2', 'and the chain goes on');

-- Reuse.
select fixture.let_time_pass('rhea', '11 seconds');
select status, message, access_token is null and refresh_token is null and "user" is null as empty from auth.refresh(:'t2') \gset
select tap.is('' || :'status', 'refresh_token_already_used', 'later, even the token before the unused one is taken for theft');
select tap.is('' || :'message', 'Invalid Refresh Token: Already Used', 'in the words that clients know');
select tap.ok(:'empty', 'and gives nothing');
select tap.is((auth.refresh(:'t3')).status, 'refresh_token_already_used', 'the unused token is worth nothing from then on');
select tap.is((auth.refresh(:'t3')).status, 'refresh_token_already_used', 'not once');
select tap.is(fixture.authenticates(:'a3'), 'token_revoked', 'nor is the last access token');
select tap.is(fixture.authenticates(:'a0'), 'token_revoked', 'nor any other of the session');

-- What is none.
select tap.is(status, 'refresh_token_not_found', coalesce(left(token, 20), 'null') || ' is no refresh token')
  from (values (null), (''), ('x'), ('gatehouse_rt_'), ('gatehouse_rt_' || repeat('A', 48)), (:'t0' || 'x'), (upper(:'t0')), (:'a0')) as attempt (token),
       lateral (select (auth.refresh(token)).*) as answer;

-- Slowly, as a client does.
select access_token as b0, refresh_token as s0 from auth.sign_in('rhea@example.com', 'seven green sailing boats') \gset
select refresh_token as s1 from auth.refresh(:'s0') \gset
select fixture.let_time_pass('rhea', '15 minutes');
select status, refresh_token as s2 from auth.refresh(:'s1') \gset
select tap.is('' || :'status', 'ok', 'a token that is used once is good long after');
select status from auth.refresh(:'s2') \gset
select tap.is('' || :'status', 'ok', 'and so is its successor');
select fixture.let_time_pass('rhea', '15 minutes');
select count(*) filter (where (auth.refresh(token)).status = 'refresh_token_already_used') as refused
  from (values (:'s0'), (:'s1'), (:'s2')) as used (token) \gset
select tap.is(:refused, 3, 'no token of a chain can be used a second time');
select tap.is(fixture.authenticates(:'b0'), 'token_revoked', 'and trying ends the session');
select * from tap.finish();
