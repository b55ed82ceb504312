-- Tenants are made by users, who become their owner, or by the operator.
--
-- Security definer: create_tenant (called by any user, writes the tables of schema auth).

create function auth.create_tenant(slug text, name text, isolated boolean default false)
returns uuid
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    maker auth."user";
    fresh uuid;
begin
    if auth.is_operator() then
        null;
    elsif create_tenant.isolated then
        perform auth.require_operator();
    else
        maker := auth.require_user();
        if maker.is_anonymous then
            perform auth.deny('anonymous_user', 'anonymous users can not create tenants: give the account an address first');
        elsif maker.tenant_id is not null then
            perform auth.deny('user_of_another_pool', 'users of an isolated tenant can not create tenants', maker.tenant_id);
        end if;
    end if;
    if create_tenant.slug is null or create_tenant.slug !~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' then
        raise exception 'the tenant''s slug must be 1 to 63 lower-case letters, digits and inner hyphens'
            using errcode = '22023', detail = 'tenant_slug_invalid';
    elsif create_tenant.name is null or length(create_tenant.name) not between 1 and 200 then
        raise exception 'the tenant''s name must have 1 to 200 characters'
            using errcode = '22023', detail = 'tenant_name_invalid';
    end if;
    insert into auth.tenant (slug, name, isolated)
    values (create_tenant.slug, create_tenant.name, coalesce(create_tenant.isolated, false))
    on conflict (slug) do nothing
    returning id into fresh;
    if fresh is null then
        raise exception 'this tenant slug is taken' using errcode = '23505', detail = 'tenant_slug_taken';
    end if;
    perform auth.copy_templates(fresh);
    if maker.id is not null then
        perform auth.add_member(fresh, maker.id, 'owner');
    end if;
    perform auth.record_event('tenant_created', 'success', maker.id, fresh, auth.session_id());
    return fresh;
end
$$;
revoke all on function auth.create_tenant(text, text, boolean) from public;
grant execute on function auth.create_tenant(text, text, boolean) to authenticated, service_role;
comment on function auth.create_tenant(text, text, boolean) is
'Creates a tenant with the roles of the templates and gives its id; the signed-in user becomes its owner. Only the operator makes an isolated one, whose users are a pool of their own. Errors: 42501 when nobody is signed in or an anonymous user is, 22023 for a bad slug or name, 23505 when the slug is taken.';
