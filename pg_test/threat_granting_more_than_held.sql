-- Run as authenticator. Nobody gets more than somebody who holds it gave them.
\set ON_ERROR_STOP 0
select tap.plan(34);
select fixture.enter('mallory', 'acme', 'member') as mallory, fixture.enter('victor', 'acme', 'viewer') as victor \gset
select fixture.id('mallory') as mallory_id,
       fixture.id('victor') as victor_id, fixture.id('alice') as alice_id, fixture.tenant('globex') as globex, fixture.tenant('acme') as acme,
       token as alice from fixture.token where name = 'alice' \gset

create temp table attempt (who text, statement text, wanted text, got text);
grant all on attempt to authenticated;

-- a member without any right to manage
insert into attempt select 'member', statement, '42501 permission_missing' from unnest(array[
    format('select auth.grant_role(%L, ''owner'')', :'mallory_id'), format('select auth.grant_role(%L, ''member'')', :'mallory_id'),
    format('select auth.revoke_role(%L, ''owner'')', :'alice_id'), format('select auth.remove_member(%L)', :'alice_id'),
    format('select auth.suspend_member(%L)', :'alice_id'), $$ select auth.invite('mallory.2@example.com', 'member') $$,
    $$ select auth.create_role('mine', '{*:*}') $$, $$ select auth.create_role('mine', '{}') $$, $$ select auth.update_role('member', '{*:*}') $$,
    $$ select auth.delete_role('viewer') $$, $$ select auth.update_tenant('{"sign_up_open": true}') $$, $$ select auth.delete_tenant('acme') $$,
    $$ select * from auth.pending_invitations() $$]) as statement;
begin;
select auth.authenticate(:'mallory');
update attempt set got = fixture.refusal(statement) where who = 'member';
commit;
select tap.is(got, wanted, 'a member: ' || statement) from attempt where who = 'member';

-- one who may manage members, roles and invitations, and nothing else
begin;
select auth.authenticate(:'alice');
select auth.create_role('clerk', '{members:update,members:delete,roles:*,invitations:create,tenant:update}'), auth.create_role('chief', '{notes:*}');
select auth.grant_role(:'mallory_id', 'clerk'), auth.grant_role(:'victor_id', 'chief');
commit;
insert into attempt select 'clerk', statement, '42501 permission_not_held' from unnest(array[
    format('select auth.grant_role(%L, ''owner'')', :'mallory_id'), format('select auth.grant_role(%L, ''admin'')', :'mallory_id'),
    format('select auth.grant_role(%L, ''chief'')', :'mallory_id'), format('select auth.revoke_role(%L, ''chief'')', :'victor_id'),
    format('select auth.remove_member(%L)', :'victor_id'), format('select auth.suspend_member(%L)', :'alice_id'),
    $$ select auth.invite('mallory.2@example.com', 'owner') $$, $$ select auth.invite('mallory.2@example.com', 'chief') $$,
    $$ select auth.create_role('mine', '{*:*}') $$, $$ select auth.create_role('mine', '{members:*}') $$, $$ select auth.create_role('mine', '{*:update}') $$,
    $$ select auth.update_role('clerk', '{*:*}') $$, $$ select auth.update_role('member', '{members:read,notes:read}') $$, $$ select auth.update_role('chief', '{}') $$,
    $$ select auth.delete_role('chief') $$]) as statement;
begin;
select auth.authenticate(:'mallory');
update attempt set got = fixture.refusal(statement) where who = 'clerk';
select fixture.refusal(format('select auth.grant_role(%L, ''clerk'')', :'victor_id')) as own \gset
select auth.has_permission('notes:read') as gained \gset
commit;
select tap.is(got, wanted, 'a clerk: ' || statement) from attempt where who = 'clerk';
select tap.is('' || :'own', 'accepted', 'but gives what is their own');
select tap.ok(not :'gained', 'and has gained nothing');

-- what a new member is given may be more than who opens the doors holds
begin; select auth.authenticate(:'alice'); select auth.update_role('member', '{members:read,roles:read,tenant:read,notes:read}'), auth.update_role('clerk', '{tenant:update,invitations:create}'), auth.revoke_role(:'mallory_id', 'member'); commit;
begin; select auth.authenticate(:'mallory'); select fixture.refusal($$ select auth.update_tenant('{"sign_up_open": false}') $$) as close, fixture.refusal($$ select auth.update_tenant('{"sign_up_open": true}') $$) as open \gset
rollback;
select tap.is(:'close' || ', ' || :'open', 'accepted, 42501 permission_not_held', 'opening sign-up is inviting everybody');

-- metadata of one's own
begin;
set local role anon;
select status, access_token as meta from auth.sign_up('meta@example.com', 'seven green sailing boats',
    jsonb_build_object('tenant_id', :'acme', 'role', 'service_role', 'roles', '["owner"]'::jsonb, 'permissions', '["*:*"]'::jsonb, 'app_metadata', jsonb_build_object('tenant_id', :'acme', 'permissions', '["*:*"]'::jsonb))) \gset
commit;
begin; select auth.authenticate(:'meta');
select coalesce(auth.tenant_id()::text, 'none') || ' ' || auth.role() || ' ' || auth.has_role('owner') || ' ' || auth.has_permission('a:b') as is_now \gset
select fixture.refusal($$ select auth.invite('x@example.com', 'owner') $$) as invites \gset
commit;
select tap.is('' || :'is_now', 'none authenticated false false', 'what users write of themselves decides nothing');
select tap.is('' || :'invites', '42501 tenant_not_active', 'not even where');

begin; select auth.authenticate(:'alice'); select auth.delete_role('clerk'), auth.delete_role('chief'), auth.remove_member(:'mallory_id'), auth.remove_member(:'victor_id'), auth.update_role('member', '{members:read,roles:read,tenant:read}'); commit;
select tap.pass('done');
select * from tap.finish();
