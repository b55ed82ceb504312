-- Run as authenticator. What owners, admins and members do with roles and members.
\set ON_ERROR_STOP 0
select tap.plan(28);
select fixture.enter('olga', 'acme', 'owner') as olga, fixture.enter('adam', 'acme', 'admin') as adam, fixture.enter('mia', 'acme', 'member') as mia \gset
select fixture.id('olga') as olga_id, fixture.id('adam') as adam_id, fixture.id('mia') as mia_id, fixture.tenant('acme') as acme \gset

-- templates
begin;
select auth.authenticate(:'olga');
select string_agg(name || '=' || array_to_string(permissions, ','), ' ' order by name) as roles from auth.tenant_roles() where name <> 'x' \gset
commit;
select tap.is('' || :'roles', 'admin=invitations:*,members:*,roles:*,tenant:read,tenant:update member=members:read,roles:read,tenant:read owner=*:* viewer=members:read,tenant:read', 'a tenant begins with the roles of the templates');

-- a role of one's own
begin;
select auth.authenticate(:'olga');
select auth.create_role('editor', '{notes:*}', 'Writes notes') is not null as made \gset
select fixture.refusal($$ select auth.create_role('editor', '{}') $$) as again,
       fixture.refusal($$ select auth.create_role('Bad Name', '{}') $$) as bad_name,
       fixture.refusal($$ select auth.create_role('x', '{notes}') $$) as no_action,
       fixture.refusal($$ select auth.create_role('x', '{notes:a:b}') $$) as three_parts,
       fixture.refusal($$ select auth.create_role('x', array[null]::text[]) $$) as no_text,
       fixture.refusal($$ select auth.create_role('x', null) $$) as no_list,
       fixture.refusal($$ select auth.create_role('x', array_fill('a:b'::text, array[201])) $$) as too_many \gset
select auth.grant_role(:'mia_id', 'editor') as held \gset
commit;
select tap.ok(:'made', 'an owner makes a role');
select tap.is('' || :'again', '23505 role_name_taken', 'of a name that is free');
select tap.is('' || :'bad_name', '22023 role_name_invalid', 'and in lower case');
select tap.is(code, '22023 permission_malformed', 'with permissions of the right form') from unnest(array[:'no_action', :'three_parts', :'no_text', :'no_list', :'too_many']) as code;
select tap.is('' || :'held', '{editor,member}', 'and grants it');

-- at the next transaction, with the token of before
begin;
select auth.authenticate(:'mia');
select auth.has_role('editor') as role, auth.has_permission('notes:write') as permission, auth.jwt() -> 'roles' as roles, auth.jwt() -> 'permissions' as permissions \gset
select string_agg(email, ' ' order by email) as members from auth.tenant_members() where email ~ '^(olga|adam|mia)@' \gset
select string_agg(slug || ':' || active::text || ':' || array_to_string(roles, ','), ' ') as mine from auth.my_tenants() \gset
commit;
select tap.ok(:'role' and :'permission', 'it holds at the member''s next transaction');
select tap.is('' || :'roles', '["editor", "member"]', 'the claims say so as well');
select tap.ok(:'permissions'::jsonb ? 'notes:*', 'and so do the permissions in them');
select tap.is('' || :'members', 'adam@example.com mia@example.com olga@example.com', 'members see the members');
select tap.is('' || :'mine', 'acme:true:editor,member', 'and their own tenants');

-- an admin manages, up to what an admin holds
begin;
select auth.authenticate(:'adam');
select auth.create_role('greeter', '{invitations:create}') is not null as made,
       fixture.refusal(format('select auth.revoke_role(%L, %L)', :'mia_id', 'editor')) as revoke_editor,
       fixture.refusal(format('select auth.grant_role(%L, %L)', :'mia_id', 'greeter')) as grant_greeter,
       fixture.refusal(format('select auth.grant_role(%L, %L)', :'mia_id', 'no-such')) as no_such,
       fixture.refusal(format('select auth.grant_role(%L, %L)', fixture.id('bob'), 'member')) as stranger,
       fixture.refusal(format('select auth.suspend_member(%L)', :'olga_id')) as suspend_owner,
       fixture.refusal(format('select auth.remove_member(%L)', :'mia_id')) as remove_editor \gset
commit;
select tap.ok(:'made', 'an admin makes a role with what an admin holds');
select tap.is('' || :'revoke_editor', '42501 permission_not_held', 'but does not revoke one with more');
select tap.is('' || :'grant_greeter', 'accepted', 'grants it');
select tap.is('' || :'no_such', '22023 role_not_found', 'a role that is none');
select tap.is('' || :'stranger', '22023 member_not_found', 'nor to who is no member');
select tap.is('' || :'suspend_owner', '42501 permission_not_held', 'an owner is above an admin');
select tap.is('' || :'remove_editor', '42501 permission_not_held', 'so is a member who holds what the admin does not');

-- suspension
begin;
select auth.authenticate(:'olga');
select auth.suspend_member(:'mia_id');
select fixture.refusal(format('select auth.update_role(%L, %L)', 'owner', '{}')) as owner_role,
       fixture.refusal($$ select auth.delete_role('owner') $$) as owner_gone \gset
commit;
select fixture.refusal(format('select auth.authenticate(%L)', :'mia')) as suspended \gset
begin;
select auth.authenticate(:'olga');
select auth.resume_member(:'mia_id');
commit;
select fixture.refusal(format('select auth.authenticate(%L)', :'mia')) as resumed \gset
select tap.is('' || :'suspended', '28000 token_revoked', 'a suspended member is out at once');
select tap.is('' || :'resumed', 'accepted', 'and in again');
select tap.is('' || :'owner_role', '42501 owner_role_is_fixed', 'the owner''s role does not change');
select tap.is('' || :'owner_gone', '42501 owner_role_is_fixed', 'nor does it go');

-- removal, leaving
begin;
select auth.authenticate(:'mia');
select auth.leave_tenant();
commit;
begin;
select auth.authenticate(:'olga');
select auth.remove_member(:'adam_id');
select auth.delete_role('editor'), auth.delete_role('greeter');
commit;
select tap.is(fixture.refusal(format('select auth.authenticate(%L)', token)), '28000 token_revoked', 'who has left, or was removed, is out at once')
  from unnest(array[:'mia', :'adam']) as token;
select * from tap.finish();
