-- Who may read audit events: users their own, those with the permission audit:read their tenant's.
--
-- Security definer: my_events, tenant_events (read a table that nobody else may read; whose events
-- is decided by the sealed claims alone).

create function auth.my_events(before bigint default null, page_size integer default 50)
returns table (
    id bigint, at timestamptz, event text, outcome text, tenant_id uuid, session_id uuid, ip inet, user_agent text, detail jsonb
)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    if auth.uid() is null then
        raise exception 'sign in to see your events' using errcode = '42501', detail = 'not_authenticated';
    end if;
    return query
        select e.id, e.at, e.event, e.outcome, e.tenant_id, e.session_id, e.ip, e.user_agent, e.detail
          from auth.audit_event as e
         where e.user_id = auth.uid() and e.id < coalesce(my_events.before, 9223372036854775807)
         order by e.id desc
         limit least(greatest(coalesce(page_size, 50), 1), 1000);
end
$$;
revoke all on function auth.my_events(bigint, integer) from public;
grant execute on function auth.my_events(bigint, integer) to authenticated;
comment on function auth.my_events(bigint, integer) is
'The signed-in user''s own security events, the latest first. before: the last id of the page before; page_size: 1 to 1000. Error 42501 when nobody is signed in.';

create function auth.tenant_events(before bigint default null, page_size integer default 50)
returns table (
    id bigint, at timestamptz, event text, outcome text, user_id uuid, session_id uuid, ip inet, user_agent text, detail jsonb
)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    if auth.tenant_id() is null or not auth.has_permission('audit:read') then
        raise exception 'the permission audit:read in the active tenant is needed'
            using errcode = '42501', detail = 'permission_denied';
    end if;
    return query
        select e.id, e.at, e.event, e.outcome, e.user_id, e.session_id, e.ip, e.user_agent, e.detail
          from auth.audit_event as e
         where e.tenant_id = auth.tenant_id() and e.id < coalesce(tenant_events.before, 9223372036854775807)
         order by e.id desc
         limit least(greatest(coalesce(page_size, 50), 1), 1000);
end
$$;
revoke all on function auth.tenant_events(bigint, integer) from public;
grant execute on function auth.tenant_events(bigint, integer) to authenticated;
comment on function auth.tenant_events(bigint, integer) is
'The active tenant''s security events, the latest first, for whoever holds audit:read there. before: the last id of the page before; page_size: 1 to 1000. Error 42501 without the permission.';
