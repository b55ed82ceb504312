-- An isolated tenant has users of its own; a tenant may require a second factor.
begin;
select tap.plan(27);
set local pg_gatehouse.bcrypt_cost = 10;
\set good '''seven green sailing boats'''

select auth.create_tenant('north', 'North', true) as north, auth.create_tenant('south', 'South', true) as south \gset
select auth.update_tenant('{"sign_up_open": true}', :'north');
select (auth.sign_up('sam@example.com', :good)).status as shared, (auth.sign_up('sam@example.com', :good || ' north', '{}', 'north')).status as north_up \gset
select (auth.sign_up('sam@example.com', :good, '{}', 'north')).status as twice, (auth.sign_up('sam@example.com', :good || ' south', '{}', 'south')).status as closed \gset
select tap.is(:'shared' || ' ' || :'north_up', 'ok ok', 'the same address exists in the shared pool and in an isolated one');
select tap.is('' || :'twice', 'user_already_exists', 'in each once');
select tap.is('' || :'closed', 'signup_disabled', 'a closed pool takes nobody in');

select auth.update_tenant('{"password_min_length": 100}', :'north');
select tap.is((auth.sign_up('tom@example.com', :good, '{}', 'north')).status, 'weak_password', 'a tenant may ask for longer passwords');
select auth.update_tenant('{"password_min_length": null, "allowed_email_domains": ["north.example"]}', :'north');
select tap.is((auth.sign_up('tom@example.com', :good, '{}', 'north')).status, 'signup_disabled', 'and for addresses of its domains');
select auth.update_tenant('{"password_min_length": 6, "allowed_email_domains": ["example.com"]}', :'north');
select tap.is((auth.sign_up('tom@example.com', 'short', '{}', 'north')).status, 'weak_password', 'but not for less than the deployment');

select status, token as invitation from auth.invite('sam@example.com', 'owner', :'south') \gset
select (auth.sign_up('sam@example.com', :good || ' south', '{}', 'south')).status as invited, (auth.sign_up('eve@example.com', :good, '{}', 'south')).status as uninvited \gset
select tap.is(:'status' || ' ' || :'invited', 'ok ok', 'but who is invited signs up there');
select tap.is('' || :'uninvited', 'signup_disabled', 'and nobody else');

-- sign-in looks in the pool of the tenant named
select (s).status as s1, (s)."user" ->> 'id' as id1 from (select auth.sign_in('sam@example.com', :good) as s) as x \gset
select (s).status as s2, (s)."user" ->> 'id' as id2, (s).access_token as north_token from (select auth.sign_in('sam@example.com', :good || ' north', 'north') as s) as x \gset
select (s).status as s3, (s)."user" ->> 'id' as id3, (s).access_token as south_token from (select auth.sign_in('sam@example.com', :good || ' south', 'south') as s) as x \gset
select tap.is(:'s1' || :'s2' || :'s3', 'okokok', 'each signs in where they belong');
select tap.ok(:'id1' <> :'id2' and :'id2' <> :'id3' and :'id1' <> :'id3', 'and is somebody else');
select tap.is((auth.sign_in('sam@example.com', :good, 'north')).status, 'invalid_credentials', 'the shared pool''s password is none there');
select tap.is((auth.sign_in('sam@example.com', :good || ' north')).status, 'invalid_credentials', 'nor the pool''s without naming it');
select tap.is((auth.sign_in('sam@example.com', :good || ' north', 'south')).status, 'invalid_credentials', 'nor one pool''s in another');

-- the invited one is in the pool, and no member before accepting
savepoint s; select auth.authenticate(:'south_token');
select coalesce(auth.tenant_id()::text, 'none') as before, (auth.accept_invitation(:'invitation')).status as accepted \gset
select (auth.switch_tenant(:'south')).access_token as south_token \gset
release s;
commit;
begin; select auth.authenticate(:'south_token'); select auth.has_role('owner') as owner \gset
select fixture.refusal($$ select auth.create_tenant('other', 'Other') $$) as other, (auth.switch_tenant(:'north')).status as foreign_pool \gset
commit;
begin;
select tap.is('' || :'before', 'none', 'who is invited has no tenant yet');
select tap.is('' || :'accepted', 'ok', 'accepts');
select tap.ok(:'owner', 'and is what the invitation says');
select tap.is('' || :'other', '42501 user_of_another_pool', 'users of a pool make no tenants');
select tap.is('' || :'foreign_pool', 'tenant_not_found', 'nor do they get into another');

select tap.throws_ok(format('insert into auth.membership (tenant_id, user_id) values (%L, %L)', :'north', :'id1'), '23514', null, 'nobody of the shared pool is in an isolated tenant');
select tap.throws_ok(format('insert into auth.membership (tenant_id, user_id) values (fixture.tenant(''acme''), %L)', :'id2'), '23514', null, 'and nobody of a pool in another tenant');
select tap.throws_ok(format('select auth.grant_role(%L, %L, %L)', :'id1', 'owner', :'north'), '23514', null, 'the operator neither');

-- suspending it ends the sessions of its users
select auth.suspend_tenant(:'north');
select tap.is(count(*)::int, 0, 'no session of the pool is left') from auth.session where user_id = :'id2' and ended_at is null;
select tap.is((auth.sign_in('sam@example.com', :good || ' north', 'north')).status, 'invalid_credentials', 'and nobody signs in');
select tap.cmp_ok(count(*)::int, '>', 0, 'the namesake in the shared pool goes on') from auth.session where user_id = :'id1' and ended_at is null;

-- a required second factor
select auth.create_tenant('strict', 'Strict');
select fixture.enter('sue', 'strict', 'member') as sue \gset
select auth.update_tenant('{"require_second_factor": true}', fixture.tenant('strict'));
commit;
select fixture.refusal(format('select auth.authenticate(%L)', :'sue')) as one_factor \gset
begin;
select (auth.open_session(auth.find_user('sue@example.com', null), fixture.tenant('strict'), 'password')).access_token as without \gset
update auth.session set aal = 'aal2' where user_id = fixture.id('sue');
commit;
begin; select auth.authenticate(:'without'); select coalesce(auth.tenant_id()::text, 'none') as tenant, (auth.switch_tenant(fixture.tenant('strict'))).status as switched \gset
rollback;
begin;
select tap.is('' || :'one_factor', '28000 token_revoked', 'with one factor a token for the tenant is worth nothing any more');
select tap.is(:'tenant' || ' ' || :'switched', 'none insufficient_aal', 'a new one names no tenant, and switching says why');
select (auth.mint_session_token(id, fixture.tenant('strict'))).access_token as both from auth.session where user_id = fixture.id('sue') and ended_at is null \gset
select auth.update_tenant('{"require_second_factor": true}', fixture.tenant('strict'));
savepoint s; select auth.authenticate(:'both'); select auth.tenant_id() as tenant \gset
rollback to s;
select tap.is('' || :'tenant', fixture.tenant('strict')::text, 'with two factors it does');
select auth.update_tenant('{"require_second_factor": false}', fixture.tenant('strict'));
commit;
delete from auth.tenant where slug in ('north', 'south', 'strict');
delete from auth."user" where email in ('sam@example.com', 'sue@example.com');
select * from tap.finish();
