-- Another tenant within the same session.
--
-- Security definer: switch_tenant (called by any user, reads the tables of schema auth and mints).

create function auth.switch_tenant(tenant uuid)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user" := auth.require_user();
    home auth.tenant;
begin
    select t.* into home
      from auth.tenant as t
     where t.id = auth.active_tenant(account.id, switch_tenant.tenant, 'aal2');
    if home.id is null then
        -- Whether there is such a tenant is nobody's business but its members'.
        perform auth.record_event('tenant_switched', 'failure', account.id, auth.tenant_id(), auth.session_id(),
                                  jsonb_build_object('to', switch_tenant.tenant));
        return auth.sign_in_refusal('tenant_not_found', 'You are in no such tenant');
    elsif home.require_second_factor and auth.aal() is distinct from 'aal2' then
        return auth.sign_in_refusal('insufficient_aal', 'This tenant requires a second factor');
    end if;
    update auth.membership as m set last_active_at = now() where m.tenant_id = home.id and m.user_id = account.id;
    perform auth.record_event('tenant_switched', 'success', account.id, home.id, auth.session_id());
    return auth.mint_session_token(auth.session_id(), home.id);
end
$$;
revoke all on function auth.switch_tenant(uuid) from public;
grant execute on function auth.switch_tenant(uuid) to authenticated;
comment on function auth.switch_tenant(uuid) is
'A new access token of the same session for another tenant of the signed-in user. Statuses: ok, tenant_not_found, insufficient_aal.';
