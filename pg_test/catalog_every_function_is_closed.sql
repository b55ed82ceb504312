-- What must hold for every object of the extension, also those that will be added.
begin;
select tap.plan(8);

create temp view own_function as
select p.*, p.oid::regprocedure::text as signature, l.lanname
  from pg_depend as d
  join pg_proc as p on p.oid = d.objid
  join pg_language as l on l.oid = p.prolang
 where d.deptype = 'e' and d.classid = 'pg_proc'::regclass
   and d.refobjid = (select oid from pg_extension where extname = 'pg_gatehouse')
   and p.proname not like 'test\_%';

create temp view own_table as
select c.*
  from pg_depend as d
  join pg_class as c on c.oid = d.objid
 where d.deptype = 'e' and d.classid = 'pg_class'::regclass and c.relkind in ('r', 'p', 'v', 'S')
   and d.refobjid = (select oid from pg_extension where extname = 'pg_gatehouse');

select tap.cmp_ok((select count(*) from own_function), '>', 30::bigint, 'the functions are found');

select tap.is_empty(
    $$ select signature from own_function
        where lanname <> 'c' and not coalesce(proconfig @> array['search_path=pg_catalog, pg_temp'], false) $$,
    'every function that resolves names pins its search_path');

select tap.is_empty(
    $$ select signature from own_function
        where proacl is null or exists (select from aclexplode(proacl) where grantee = 0) $$,
    'no function is executable by public');

select tap.is_empty(
    $$ select signature from own_function where obj_description(oid, 'pg_proc') is null $$,
    'every function has a comment');

select tap.is_empty(
    $$ select c.relname, coalesce(r.rolname, 'public')
         from own_table as c, aclexplode(c.relacl) as a
         left join pg_roles as r on r.oid = a.grantee
        where a.grantee <> c.relowner $$,
    'no role but the owner has any right on a table');

select tap.is_empty(
    $$ select c.relname from own_table as c
        where c.relkind in ('r', 'p') and obj_description(c.oid, 'pg_class') is null $$,
    'every table has a comment');

select tap.is_empty(
    $$ select f.conrelid::regclass, f.conname
         from pg_constraint as f
         join own_table as c on c.oid = f.conrelid
        where f.contype = 'f'
          and not exists (select from pg_index as i
                           where i.indrelid = f.conrelid and i.indkey[0] = f.conkey[1]) $$,
    'every foreign key is indexed');

select tap.is(
    (select string_agg(proname, ' ' order by proname) from own_function where prosecdef),
    (select string_agg(name, ' ' order by name) from unnest(array[
        'end_sessions', 'jwks', 'mint_token', 'record_event', 'revoke_signing_key', 'rotate_signing_key', 'sign_in', 'sign_up',
        'throttle_reset',
        -- sessions
        'refresh', 'sign_out', 'my_sessions', 'end_session', 'update_session', 'my_user', 'update_user', 'prune_sessions',
        -- codes, mail, second factor
        'challenge_factor', 'confirm_email', 'delete_recovery_codes', 'end_sessions_without_factor', 'enroll_totp', 'generate_recovery_codes',
        'mail_failed', 'mail_sent', 'my_factors', 'my_recovery_codes', 'reauthenticate', 'request_email_change', 'request_otp', 'request_recovery',
        'resend', 'take_mail', 'follow_link', 'exchange_code', 'sign_in_anonymously', 'prune_anonymous_users', 'unenroll_factor', 'verify_factor', 'verify_link', 'verify_otp', 'verify_recovery_code',
        -- audit
        'maintain_audit', 'my_events', 'seal_audit', 'tenant_events', 'verify_audit',
        -- keys, issuers, admin (ban_user twice: it is overloaded)
        'admin_create_user', 'admin_delete_factor', 'admin_delete_user', 'admin_end_sessions', 'admin_get_user', 'admin_list_users', 'admin_update_user',
        'admin_user_factors', 'admin_invite_user', 'admin_generate_link', 'admin_list_events', 'set_tenant_mail', 'ban_user', 'create_api_key', 'distrust_issuer', 'import_signing_key', 'link_identity', 'my_api_keys',
        'my_identities', 'no_session_for_the_banned', 'prune_signing_keys', 'revoke_api_key', 'sign_in_external', 'signing_keys', 'stage_signing_key', 'tenant_api_keys', 'trust_issuer', 'trusted_issuers', 'unban_user', 'unlink_identity', 'update_jwks', 'ban_user',
        -- isolation tools
        'lint', 'explain_access',
        -- tenants
        'create_tenant', 'update_tenant', 'suspend_tenant', 'resume_tenant', 'delete_tenant', 'my_tenants', 'switch_tenant',
        'membership_roles_changed', 'role_permissions_changed', 'role_renamed',
        'invite', 'accept_invitation', 'revoke_invitation', 'pending_invitations',
        'grant_role', 'revoke_role', 'remove_member', 'leave_tenant', 'suspend_member', 'resume_member', 'tenant_members',
        'create_role', 'update_role', 'delete_role', 'tenant_roles', 'set_role_template', 'describe_permission', 'described_permissions'
    ]) as expected (name)),
    'these functions and no others run with the owner''s rights');

select * from tap.finish();
rollback;
