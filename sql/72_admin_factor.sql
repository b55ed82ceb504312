-- What the operator does to a user's second factors.
--
-- Security definer: admin_delete_factor (for service_role, writes the tables of schema auth).

create function auth.admin_delete_factor(user_id uuid, factor_id uuid)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user" := auth.admin_target(admin_delete_factor.user_id);
    factor auth.mfa_factor := auth.factor_of(admin_delete_factor.factor_id, account.id);
begin
    if factor.id is null then
        return false;
    end if;
    perform auth.remove_factor(account, factor);
    return true;
end
$$;
revoke all on function auth.admin_delete_factor(uuid, uuid) from public;
grant execute on function auth.admin_delete_factor(uuid, uuid) to service_role;
comment on function auth.admin_delete_factor(uuid, uuid) is
'Removes a second factor of a user who has lost it; false when the user has no such factor. With the last verified one the recovery codes go, and sessions are aal1 again; the user is told by mail. Error P0002 user_not_found.';
