-- What the operator reads, and whose name mail is in.
--
-- Security definer: admin_get_user, admin_list_users, admin_user_factors, admin_list_events (for
-- service_role, read tables that nobody else may read), set_tenant_mail (for service_role, writes
-- auth.tenant).

create function auth.admin_get_user(id uuid)
returns jsonb
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select auth.user_json(u) || case when u.deleted_at is null then '{}' else jsonb_build_object('deleted_at', u.deleted_at) end
      from auth."user" as u where u.id = $1
$$;
revoke all on function auth.admin_get_user(uuid) from public;
grant execute on function auth.admin_get_user(uuid) to service_role;
comment on function auth.admin_get_user(uuid) is 'A user as JSON; null when there is none.';

create function auth.admin_list_users(
    page integer default 1,
    per_page integer default 50,
    filter text default null,
    out users jsonb,
    out total bigint
)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    wanted uuid;
    pattern text;
    -- Counting a million users for each page would cost more than the page.
    exact constant integer := 10000;
begin
    if page is null or page < 1 or per_page is null or per_page not between 1 and 1000 then
        raise exception 'page must be 1 or more, per_page 1 to 1000' using errcode = '22023', detail = 'page_invalid';
    end if;
    filter := nullif(btrim(filter), '');
    if filter is null then
        select coalesce(jsonb_agg(auth.user_json(u) order by u.created_at desc, u.id desc), '[]') into users
          from (select * from auth."user" order by created_at desc, id desc
                 limit per_page offset (page - 1)::bigint * per_page) as u;
        select count(*) into total from (select from auth."user" order by created_at limit exact + 1) as u;
        if total > exact then
            select greatest(reltuples::bigint, exact + 1) into total from pg_class where oid = 'auth."user"'::regclass;
        end if;
        return;
    end if;
    if filter ~ '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$' then
        wanted := filter::uuid;
        select coalesce(jsonb_agg(auth.user_json(u)), '[]'), count(*) into users, total
          from auth."user" as u where u.id = wanted;
        return;
    end if;
    pattern := regexp_replace(lower(filter), '([\\%_])', '\\\1', 'g') || '%';
    -- As dynamic SQL, so that the plan is made for this pattern and uses the index.
    execute 'select coalesce(jsonb_agg(auth.user_json(u) order by u.email), ''[]'') from (
                 select * from auth."user" where email like $1 order by email limit $2 offset $3) as u'
       into users using pattern, per_page, (page - 1)::bigint * per_page;
    execute 'select count(*) from (select from auth."user" where email like $1 limit $2) as u' into total using pattern, exact + 1;
end
$$;
revoke all on function auth.admin_list_users(integer, integer, text) from public;
grant execute on function auth.admin_list_users(integer, integer, text) to service_role;
comment on function auth.admin_list_users(integer, integer, text) is
'One page of users as a JSON array, the newest first, and how many there are: exact up to 10000, beyond that an estimate. filter is the beginning of an e-mail address (then in the order of addresses, total at most 10001) or a user''s id. Error 22023 for a page under 1 or per_page outside 1 to 1000.';

create function auth.admin_user_factors(
    id uuid,
    out factor_id uuid,
    out factor_type text,
    out friendly_name text,
    out status text,
    out created_at timestamptz
)
returns setof record
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if to_regclass('auth.mfa_factor') is null then
        return;
    end if;
    return query execute
        'select id, factor_type, friendly_name, status, created_at from auth.mfa_factor where user_id = $1 order by created_at, id'
        using admin_user_factors.id;
end
$$;
revoke all on function auth.admin_user_factors(uuid) from public;
grant execute on function auth.admin_user_factors(uuid) to service_role;
comment on function auth.admin_user_factors(uuid) is 'The second factors of a user, without their secrets; for the operator.';

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
