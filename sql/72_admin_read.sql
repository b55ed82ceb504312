-- What the operator reads and sets besides users: events of everybody, and whose name mail is in.
--
-- Security definer: admin_list_events (reads a table that nobody else may read), set_tenant_mail
-- (writes auth.tenant); both for service_role.

create type auth.event_entry as (
    id bigint,
    at timestamptz,
    event text,
    outcome text,
    user_id uuid,
    tenant_id uuid,
    session_id uuid,
    ip inet,
    user_agent text,
    detail jsonb
);
comment on type auth.event_entry is 'An event of the audit as admin_list_events gives it.';

create function auth.admin_list_events(
    before bigint default null,
    page_size integer default 50,
    user_id uuid default null,
    tenant_id uuid default null,
    event text default null
)
returns setof auth.event_entry
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
-- A plan for what is really asked for: what is null drops out, and an index serves the rest.
set plan_cache_mode = force_custom_plan
as $$
begin
    return query
        select e.id, e.at, e.event, e.outcome, e.user_id, e.tenant_id, e.session_id, e.ip, e.user_agent, e.detail
          from auth.audit_event as e
         where e.id < coalesce(admin_list_events.before, 9223372036854775807)
           and (admin_list_events.user_id is null or e.user_id = admin_list_events.user_id)
           and (admin_list_events.tenant_id is null or e.tenant_id = admin_list_events.tenant_id)
           and (admin_list_events.event is null or e.event = admin_list_events.event)
         order by e.id desc
         limit least(greatest(coalesce(admin_list_events.page_size, 50), 1), 1000);
end
$$;
revoke all on function auth.admin_list_events(bigint, integer, uuid, uuid, text) from public;
grant execute on function auth.admin_list_events(bigint, integer, uuid, uuid, text) to service_role;
comment on function auth.admin_list_events(bigint, integer, uuid, uuid, text) is
'Security events of everybody, or of a user, a tenant or a kind, the latest first; for the operator. before: the last id of the page before; page_size: 1 to 1000.';

create function auth.set_tenant_mail(tenant uuid, site_url text, mail_from text)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update auth.tenant as t
       set site_url = nullif(btrim(set_tenant_mail.site_url), ''), mail_from = nullif(btrim(set_tenant_mail.mail_from), ''),
           updated_at = clock_timestamp()
     where t.id = set_tenant_mail.tenant and t.deleted_at is null;
    if not found then
        raise exception 'there is no such tenant' using errcode = '22023', detail = 'tenant_not_found';
    end if;
    perform auth.record_event('tenant_updated', 'success', auth.uid(), set_tenant_mail.tenant, auth.session_id(),
                              '{"changed": ["site_url", "mail_from"]}');
exception when check_violation then
    raise exception 'site_url must be an http or https URL, and mail_from an address or Name <address>'
        using errcode = '22023', detail = 'tenant_setting_invalid';
end
$$;
revoke all on function auth.set_tenant_mail(uuid, text, text) from public;
grant execute on function auth.set_tenant_mail(uuid, text, text) to service_role;
comment on function auth.set_tenant_mail(uuid, text, text) is
'Sets where a tenant''s application is and who its mails are from; null for the deployment''s own. For the operator only: links in mails lead there. Errors: 22023 (tenant_not_found, tenant_setting_invalid).';
