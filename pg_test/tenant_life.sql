-- Run as authenticator. Settings, suspension and deletion of a tenant.
\set ON_ERROR_STOP 0
select tap.plan(31);
select fixture.enter('lena', 'acme', 'viewer') as lena0 \gset
begin;
select auth.authenticate(:'lena0');
select auth.create_tenant('life', 'Life') as life \gset
select status, access_token as lena from auth.switch_tenant(:'life') \gset
commit;
select fixture.enter('lars', 'life', 'member') as lars, fixture.enter('lars', 'acme', 'member') as lars_acme \gset

-- settings
begin;
select auth.authenticate(:'lena');
select auth.has_permission('*:*') as owner,
       auth.update_tenant('{"name": "Living", "session_lifetime": "8 hours", "session_idle_timeout": "1 hour", "password_min_length": 20, "allowed_email_domains": ["example.com"]}')
         - array['id', 'created_at', 'updated_at'] as settings,
       auth.update_tenant('{"session_lifetime": null}') ->> 'session_lifetime' is null as cleared,
       fixture.refusal($$ select auth.update_tenant('{"isolated": true}') $$) as isolated,
       fixture.refusal($$ select auth.update_tenant('{"suspended_at": null}') $$) as suspended \gset
create temp table refused as
select changes, fixture.refusal(format('select auth.update_tenant(%L)', changes)) as refusal from unnest(array[
    '{"password_min_length": 5}', '{"password_min_length": 129}', '{"password_min_length": "x"}', '{"session_lifetime": "1 second"}', '{"session_idle_timeout": "soon"}',
    '{"name": ""}', '{"name": null}', '{"allowed_email_domains": []}', '{"allowed_email_domains": ["Bad Domain"]}', '{"sign_up_open": "perhaps"}', '[]']) as changes;
commit;
select tap.is('' || :'status', 'ok', 'who makes a tenant can switch to it');
select tap.ok(:'owner', 'and is its owner');
select tap.is(:'settings'::jsonb, '{"slug": "life", "name": "Living", "isolated": false, "sign_up_open": false, "suspended_at": null, "deleted_at": null, "session_lifetime": "08:00:00",
    "session_idle_timeout": "01:00:00", "require_second_factor": false, "password_min_length": 20, "allowed_email_domains": ["example.com"],
    "site_url": null, "mail_from": null}', 'settings change, and are told');
select tap.ok(:'cleared', 'null takes one back');
select tap.is(code, '22023 tenant_setting_unknown', 'some things are no settings') from unnest(array[:'isolated', :'suspended']) as code;
set role authenticated;
select tap.is(refusal, '22023 tenant_setting_invalid', changes) from refused;
reset role;

-- what only the operator does
begin;
select auth.authenticate(:'lena');
select fixture.refusal(format('select auth.suspend_tenant(%L)', :'life')) as suspend, fixture.refusal($$ select auth.create_tenant('pool', 'Pool', true) $$) as pool,
       fixture.refusal($$ select auth.delete_tenant('living') $$) as unconfirmed \gset
commit;
begin;
select auth.authenticate(:'lars');
select fixture.refusal($$ select auth.delete_tenant('life') $$) as member, fixture.refusal($$ select auth.update_tenant('{"name": "x"}') $$) as setting \gset
commit;
select tap.matches('' || :'suspend', '^42501', 'an owner does not suspend');
select tap.is('' || :'pool', '42501 operator_required', 'nor make a pool of users');
select tap.is('' || :'unconfirmed', '22023 confirmation_mismatch', 'and deletes with the slug only');
select tap.is('' || :'member', '42501 permission_missing', 'a member does not delete');
select tap.is('' || :'setting', '42501 permission_missing', 'nor change settings');

-- suspension: this tenant only
select fixture.suspend('life', true);
select fixture.refusal(format('select auth.authenticate(%L)', :'lars')) as out, fixture.refusal(format('select auth.authenticate(%L)', :'lars_acme')) as elsewhere \gset
begin;
select auth.authenticate(:'lars_acme');
select status as switched from auth.switch_tenant(:'life') \gset
select suspended as shown from auth.my_tenants() where slug = 'life' \gset
commit;
select fixture.suspend('life', false);
select fixture.refusal(format('select auth.authenticate(%L)', :'lars')) as back \gset
select tap.is('' || :'out', '28000 token_revoked', 'a suspended tenant is closed at once');
select tap.is('' || :'elsewhere', 'accepted', 'its members go on elsewhere');
select tap.is('' || :'switched', 'tenant_not_found', 'and can not switch to it');
select tap.ok(:'shown', 'but see why');
select tap.is('' || :'back', 'accepted', 'until it is resumed');

-- deletion
begin;
select auth.authenticate(:'lena');
select auth.delete_tenant('life');
select fixture.refusal($$ select auth.grant_role(auth.uid(), 'member') $$) as gone \gset
commit;
select fixture.refusal(format('select auth.authenticate(%L)', :'lars')) as out, fixture.refusal(format('select auth.authenticate(%L)', :'lena')) as out2 \gset
begin;
select auth.authenticate(:'lars_acme');
select count(*) as listed from auth.my_tenants() where slug = 'life' \gset
select fixture.refusal($$ select auth.create_tenant('life', 'Life again') $$) as slug \gset
commit;
select tap.is(:'out' || :'out2', '28000 token_revoked28000 token_revoked', 'a deleted tenant is closed at once');
select tap.is('' || :'gone', '42501 permission_missing', 'also in the transaction that deleted it');
select tap.is('' || :'listed', '0', 'and not listed');
select tap.is('' || :'slug', '23505 tenant_slug_taken', 'nobody takes its place');
select * from tap.finish();
