-- Run as authenticator. Keep the answer, roll back: what was kept is worth nothing, now and later.
\set ON_ERROR_STOP 0
set role anon;
select tap.plan(21);
select refresh_token as t0 from auth.sign_up('rolf@example.com', 'seven green sailing boats') \gset

begin;
select access_token as a, refresh_token as r from auth.sign_in('rolf@example.com', 'seven green sailing boats') \gset
select fixture.authenticates(:'a') as inside \gset
rollback;
select tap.is('' || :'inside', 'accepted', 'a sign-in counts within its own transaction');
select tap.is(fixture.authenticates(:'a'), 'token_revoked', 'an access token of a rolled-back sign-in does not authenticate');
select tap.is((auth.refresh(:'r')).status, 'refresh_token_not_found', 'nor does its refresh token refresh');

begin;
savepoint before;
select access_token as a, refresh_token as r from auth.sign_in('rolf@example.com', 'seven green sailing boats') \gset
rollback to before;
select fixture.authenticates(:'a') as inside, (auth.refresh(:'r')).status as refreshed \gset
commit;
select tap.is('' || :'inside', 'token_revoked', 'a savepoint makes no difference');
select tap.is('' || :'refreshed', 'refresh_token_not_found', 'not for the refresh token either');
select tap.is(fixture.authenticates(:'a'), 'token_revoked', 'nor after the commit');

begin;
select access_token as a, refresh_token as r from auth.sign_up('rolf-two@example.com', 'seven green sailing boats') \gset
rollback;
select tap.is(fixture.authenticates(:'a'), 'token_revoked', 'an access token of a rolled-back sign-up does not authenticate');

begin;
select access_token as a, refresh_token as r1 from auth.refresh(:'t0') \gset
select refresh_token as r2 from auth.refresh(:'r1') \gset
select refresh_token as r3 from auth.refresh(:'r2') \gset
rollback;
select tap.is(fixture.authenticates(:'a'), 'token_revoked', 'an access token of a rolled-back refresh does not authenticate');
select tap.is((auth.refresh(:'r1')).status, 'refresh_token_not_found', 'its refresh token does not refresh');

begin;
savepoint before;
select access_token as a from auth.refresh(:'t0') \gset
rollback to before;
commit;
select tap.is(fixture.authenticates(:'a'), 'token_revoked', 'nor after the rollback of a savepoint');

-- The true rotation: whoever rolled back before must not know what comes now.
select access_token as a1, refresh_token as t1 from auth.refresh(:'t0') \gset
select tap.is(fixture.authenticates(:'a1'), 'accepted', 'rolling back took nothing from the holder');
select tap.ok(:'t1' not in (:'r1', :'r2', :'r3'), 'the next token is none of those that were rolled back');
select refresh_token as t2 from auth.refresh(:'t1') \gset
select tap.ok(:'t2' not in (:'r1', :'r2', :'r3'), 'nor is the one after it');
select tap.is((auth.refresh(token)).status, 'refresh_token_not_found', 'a chain that was rolled back leads nowhere')
  from (values (:'r1'), (:'r2'), (:'r3')) as kept (token);
select tap.is(fixture.authenticates(:'a'), 'token_revoked', 'and its access token still does not authenticate');

-- The answer that is given again, within the window.
begin;
select access_token as a, refresh_token as g from auth.refresh(:'t1') \gset
rollback;
select tap.is(fixture.authenticates(:'a'), 'token_revoked', 'an access token of a rolled-back repetition does not authenticate');
select tap.is('' || :'g', :'t2', 'its refresh token is the one that is unused anyway');
begin;
savepoint before;
select access_token as a from auth.refresh(:'t1') \gset
rollback to before;
commit;
select tap.is(fixture.authenticates(:'a'), 'token_revoked', 'nor with a savepoint');
select tap.is((auth.refresh(:'t2')).status, 'ok', 'and the chain is whole');
select * from tap.finish();
