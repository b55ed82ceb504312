-- Run as authenticator. Invitations: single use, expiring, bound to the address, no better than the inviter.
\set ON_ERROR_STOP 0
select tap.plan(30);
select fixture.enter('ivan', 'globex', 'member') as ivan, fixture.enter('ines', 'globex', 'member') as ines, fixture.enter('irma', 'acme', 'admin') as irma \gset
select fixture.id('ivan') as ivan_id, fixture.tenant('acme') as acme, token as alice from fixture.token where name = 'alice' \gset

begin;
select auth.authenticate(:'alice');
select status as s1, coalesce(token, '') as t1, email as e1, role as r1, expires_at > now() + interval '6 days' as x1 from auth.invite(' Ivan@Example.com', 'member') \gset
select status as s2 from auth.invite('no address', 'member') \gset
select status as s3 from auth.invite('alice@example.com', 'member') \gset
select status as s4 from auth.invite('x@example.com', 'member', lifetime => '1 year') \gset
select auth.update_tenant('{"allowed_email_domains": ["example.com"]}') ->> 'allowed_email_domains' as domains \gset
select status as s5 from auth.invite('x@elsewhere.example', 'member') \gset
select auth.update_tenant('{"allowed_email_domains": null}');
select fixture.refusal($$ select auth.invite('x@example.com', 'no-such') $$) as s6 \gset
select count(*) as pending, min(id::text) as pending_id, min(invited_by::text) as by from auth.pending_invitations() \gset
commit;
select tap.is('' || :'s1', 'ok', 'an owner invites');
select tap.is(:'t1' || :'e1' || ' ' || :'r1', 'ivan@example.com member', 'and is not told the token, which goes by mail');
select tap.ok(:'x1', 'for a week');
select tap.is('' || :'s2', 'validation_failed', 'a bad address');
select tap.is('' || :'s3', 'already_member', 'a member');
select tap.is('' || :'s4', 'validation_failed', 'a long life');
select tap.is('' || :'s5', 'email_address_not_authorized', 'an address of another domain');
select tap.is('' || :'s6', '22023 role_not_found', 'a role that is none');
select tap.is(:'pending' || ' ' || :'by', '1 ' || fixture.id('alice'), 'it is listed until taken up');

begin;
select auth.authenticate(:'alice');
select auth.revoke_invitation(:'pending_id') as first, auth.revoke_invitation(:'pending_id') as second \gset
commit;
select tap.ok(:'first' and not :'second', 'and can be taken back, once');

-- taking up
select fixture.invite('ivan@example.com', 'viewer', 'acme') as token \gset
select fixture.refusal(format('select auth.accept_invitation(%L)', :'token')) as nobody \gset
begin; select auth.authenticate(:'ines'); select status as other, message as other_message, tenant_id is null as silent from auth.accept_invitation(:'token') \gset
select status as unknown, message as unknown_message from auth.accept_invitation('ghi_' || repeat('A', 48)) \gset
select status as malformed from auth.accept_invitation('x') \gset
select status as nothing from auth.accept_invitation(null) \gset
commit;
begin; select auth.authenticate(:'ivan'); select status, tenant_id as joined, role from auth.accept_invitation(:'token') \gset
select status as again from auth.accept_invitation(:'token') \gset
commit;
select tap.isnt('' || :'nobody', 'accepted', 'nobody in particular can not take it up');
select tap.is('' || :'other', 'invite_not_found', 'nor can a user of another address');
select tap.is(:'other' || :'other_message', :'unknown' || :'unknown_message', 'who hears the same as with a token that is none');
select tap.ok(:'silent', 'and no more');
select tap.is('' || :'malformed', 'invite_not_found', 'garbage');
select tap.is('' || :'nothing', 'invite_not_found', 'null');
select tap.is(:'status' || ' ' || :'role', 'ok viewer', 'the invited one can');
select tap.is('' || :'joined', :'acme', 'and is in that tenant');
select tap.is('' || :'again', 'invite_not_found', 'once');

begin; select auth.authenticate(:'ivan'); select status as switched, access_token as ivan_acme from auth.switch_tenant(:'acme') \gset
commit;
begin; select auth.authenticate(:'ivan_acme'); select auth.tenant_id() as active, auth.has_role('viewer') as viewer \gset
commit;
select tap.is(:'switched' || ' ' || :'active', 'ok ' || :'acme', 'and switches there');
select tap.ok(:'viewer', 'with the role of the invitation');

-- what makes one worthless
select fixture.invite('ines@example.com', 'viewer', 'acme', lifetime => '-1 second') as expired \gset
begin; select auth.authenticate(:'ines'); select status as expired from auth.accept_invitation(:'expired') \gset
commit;
select tap.is('' || :'expired', 'invite_not_found', 'an expired one');
select fixture.invite('ines@example.com', 'viewer', 'acme') as former, fixture.invite('ines@example.com', 'viewer', 'acme') as latter \gset
begin; select auth.authenticate(:'ines'); select status as former from auth.accept_invitation(:'former') \gset
commit;
select tap.is('' || :'former', 'invite_not_found', 'one that a later one has replaced');

select fixture.invite('ines@example.com', 'admin', 'acme', fixture.id('irma')) as token \gset
begin; select auth.authenticate(:'alice'); select auth.grant_role(fixture.id('irma'), 'viewer'), auth.revoke_role(fixture.id('irma'), 'admin'); commit;
begin; select auth.authenticate(:'ines'); select status as demoted from auth.accept_invitation(:'token') \gset
commit;
select tap.is('' || :'demoted', 'invite_not_found', 'one whose inviter has lost what the role permits');
begin; select auth.authenticate(:'alice'); select auth.grant_role(fixture.id('irma'), 'admin'), auth.revoke_role(fixture.id('irma'), 'viewer'), auth.suspend_member(fixture.id('irma')); commit;
begin; select auth.authenticate(:'ines'); select status as suspended from auth.accept_invitation(:'token') \gset
commit;
select tap.is('' || :'suspended', 'invite_not_found', 'or is suspended');
begin; select auth.authenticate(:'alice'); select auth.resume_member(fixture.id('irma')), auth.update_role('viewer', '{members:read,tenant:read,notes:delete}'); commit;
select fixture.invite('ines@example.com', 'viewer', 'acme', fixture.id('irma')) as token \gset
begin; select auth.authenticate(:'ines'); select status as grown from auth.accept_invitation(:'token') \gset
commit;
select tap.is('' || :'grown', 'invite_not_found', 'one whose role has grown beyond the inviter since');
begin; select auth.authenticate(:'alice'); select auth.update_role('viewer', '{members:read,tenant:read}'); commit;
begin; select auth.authenticate(:'ines'); select status as fine from auth.accept_invitation(:'token') \gset
commit;
select tap.is('' || :'fine', 'ok', 'none of these attempts has used it up');

-- the inviter's limits
begin; select auth.authenticate(:'irma');
select fixture.refusal($$ select auth.invite('y@example.com', 'owner') $$) as owner \gset
select status as admin from auth.invite('y@example.com', 'admin') \gset
commit;
begin; select auth.authenticate(:'ivan_acme');
select fixture.refusal($$ select auth.invite('z@example.com', 'viewer') $$) as viewer \gset
commit;
select tap.is('' || :'owner', '42501 permission_not_held', 'an admin invites no owner');
select tap.is('' || :'admin', 'ok', 'but another admin');
select tap.is('' || :'viewer', '42501 permission_missing', 'a viewer invites nobody');
begin; select auth.authenticate(:'alice');
select count(auth.remove_member(user_id)) from auth.tenant_members() where email in ('irma@example.com', 'ivan@example.com', 'ines@example.com');
commit;
select * from tap.finish();
