-- Tenants are made by users, who become their first member, or by the operator.
--
-- Security definer: create_tenant (called by any user, writes the tables of schema auth).

create function auth.create_tenant(slug text, name text)
returns uuid
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    maker uuid := auth.uid();
    fresh uuid;
begin
    if maker is null and not auth.is_operator() then
        raise exception 'sign in to create a tenant' using errcode = '42501', detail = 'not_authenticated';
    elsif create_tenant.slug is null or create_tenant.slug !~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' then
        raise exception 'the tenant''s slug must be 1 to 63 lower-case letters, digits and inner hyphens'
            using errcode = '22023', detail = 'tenant_slug_invalid';
    elsif create_tenant.name is null or length(create_tenant.name) not between 1 and 200 then
        raise exception 'the tenant''s name must have 1 to 200 characters'
            using errcode = '22023', detail = 'tenant_name_invalid';
    end if;
    insert into auth.tenant (slug, name) values (create_tenant.slug, create_tenant.name)
    on conflict (slug) do nothing
    returning id into fresh;
    if fresh is null then
        raise exception 'this tenant slug is taken' using errcode = '23505', detail = 'tenant_slug_taken';
    end if;
    if exists (select from auth."user" where id = maker) then
        insert into auth.membership (tenant_id, user_id) values (fresh, maker);
    end if;
    perform auth.record_event('tenant_created', 'success', maker, fresh);
    return fresh;
end
$$;
revoke all on function auth.create_tenant(text, text) from public;
grant execute on function auth.create_tenant(text, text) to authenticated, service_role;
comment on function auth.create_tenant(text, text) is
'Creates a tenant and gives its id; the signed-in user becomes its first member. Errors: 42501 when nobody is signed in, 22023 for a bad slug or name, 23505 when the slug is taken.';

create function auth.is_operator()
returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(auth.role() = 'service_role', false)
        or (auth.claims() is null
            and exists (select from pg_catalog.pg_roles where rolname = session_user and rolsuper))
$$;
revoke all on function auth.is_operator() from public;
comment on function auth.is_operator() is
'Internal: whether the caller runs the deployment: a service_role token, or a superuser who acts as nobody else.';
