-- API keys: of a user in a tenant, or of a tenant itself.
--
-- A key is made for permissions and roles that its maker holds at that moment. A user's key gives
-- at every use what it was made for and its user still holds; a tenant's own key gives what it was
-- made for until it is revoked, whoever leaves. A key belongs to no session: functions that change
-- credentials, sessions, factors or keys refuse it.
--
-- Two transactions that make or revoke keys do not depend on each other; making one holds the
-- maker's membership for share, so that a change of roles comes before or after it.
--
-- Security definer: create_api_key, my_api_keys, tenant_api_keys, revoke_api_key (called by signed-in
-- users, reach the rows that are theirs or their tenant's).

create table auth.api_key (
    id uuid constraint api_key_pkey primary key default pg_catalog.gen_random_uuid(),
    tenant_id uuid constraint api_key_tenant_id_fkey references auth.tenant (id) on delete cascade,
    user_id uuid constraint api_key_user_id_fkey references auth."user" (id) on delete cascade,
    name text not null constraint api_key_name_check check (length(name) between 1 and 100 and name !~ '[[:cntrl:]]'),
    key_hash bytea not null constraint api_key_key_hash_key unique
        constraint api_key_key_hash_check check (octet_length(key_hash) = 32),
    prefix text not null,
    permissions text[] not null default '{}',
    roles text[] not null default '{}',
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    created_by uuid constraint api_key_created_by_fkey references auth."user" (id) on delete set null,
    created_at timestamptz not null default now(),
    constraint api_key_holder_check check (tenant_id is not null or user_id is not null)
);
create index api_key_tenant_id_idx on auth.api_key (tenant_id);
create index api_key_user_id_idx on auth.api_key (user_id);
create index api_key_created_by_idx on auth.api_key (created_by);
revoke all on table auth.api_key from public;
comment on table auth.api_key is 'API keys. Reached through functions only.';
comment on column auth.api_key.user_id is 'Whose key it is; null for a key of the tenant itself.';
comment on column auth.api_key.key_hash is 'Keyed hash of the whole key, which is stored nowhere.';
comment on column auth.api_key.prefix is 'The first characters of the key, by which its owner knows it again.';
comment on column auth.api_key.last_used_at is 'Kept to five minutes; uses that only read may be known to the running server alone.';
select pg_catalog.pg_extension_config_dump('auth.api_key', '');

create function auth.make_api_key(out key text, out key_hash bytea, out prefix text)
returns setof record
language c volatile parallel unsafe rows 1
as 'MODULE_PATHNAME', 'make_api_key_wrapper';
revoke all on function auth.make_api_key() from public;
comment on function auth.make_api_key() is 'Internal: a fresh API key, its keyed hash and its first characters.';

create function auth.api_key_objection(permissions text[], roles text[], held_permissions text[], held_roles text[])
returns text
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'api_key_objection_wrapper';
revoke all on function auth.api_key_objection(text[], text[], text[], text[]) from public;
comment on function auth.api_key_objection(text[], text[], text[], text[]) is
'Internal: the code of what stands against a key with these permissions and roles, made by whoever holds those; null when nothing does.';

create function auth.api_key_remembered_use(id uuid)
returns timestamptz
language c volatile strict parallel safe
as 'MODULE_PATHNAME', 'api_key_remembered_use_wrapper';
revoke all on function auth.api_key_remembered_use(uuid) from public;
comment on function auth.api_key_remembered_use(uuid) is 'Internal: a use of the key that the running server remembers and its row may not tell of.';

create function auth.require_key_holder()
returns uuid
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if auth.uid() is null then
        raise exception 'sign in first' using errcode = '42501', detail = 'not_authenticated';
    elsif auth.session_id() is null then
        raise exception 'this needs a token that belongs to a session'
            using errcode = '42501', detail = 'session_required',
                  hint = 'An API key or a token of another issuer can not manage keys.';
    end if;
    return auth.uid();
end
$$;
revoke all on function auth.require_key_holder() from public;
comment on function auth.require_key_holder() is 'Internal: the user whose session is asking; 42501 when there is none.';

create function auth.create_api_key(
    name text,
    permissions text[] default '{}',
    expires_at timestamptz default null,
    roles text[] default '{}',
    for_tenant boolean default false,
    out id uuid,
    out key text,
    out prefix text
)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    maker uuid := auth.require_key_holder();
    home uuid := auth.tenant_id();
    held auth.membership;
    objection text;
    fresh record;
begin
    if create_api_key.name is null or length(btrim(create_api_key.name)) not between 1 and 100
       or create_api_key.name ~ '[[:cntrl:]]' then
        raise exception 'the name must have 1 to 100 characters' using errcode = '22023', detail = 'api_key_name_invalid';
    elsif create_api_key.expires_at <= clock_timestamp() then
        raise exception 'the key would have expired already' using errcode = '22023', detail = 'api_key_expiry_invalid';
    elsif create_api_key.permissions is null or create_api_key.roles is null then
        raise exception 'permissions and roles must be given; an empty list gives none'
            using errcode = '22023', detail = 'api_key_permissions_malformed';
    end if;
    if exists (select from auth."user" where id = maker and is_anonymous) then
        perform auth.deny('anonymous_user', 'anonymous users can not make API keys: give the account an address first', home);
    end if;
    if home is not null then
        select * into held from auth.membership
         where tenant_id = home and user_id = maker and suspended_at is null
           for share;
    end if;
    if create_api_key.for_tenant and (held.id is null or not auth.has_permission('api_keys:manage')
           or auth.api_key_objection('{api_keys:manage}', '{}', held.permissions, held.roles) is not null) then
        perform auth.record_event('api_key_created', 'failure', maker, home, auth.session_id(), '{"reason": "permission_missing"}');
        raise exception 'a key of the tenant needs the permission api_keys:manage'
            using errcode = '42501', detail = 'permission_missing';
    end if;
    objection := auth.api_key_objection(create_api_key.permissions, create_api_key.roles,
                                        coalesce(held.permissions, '{}'), coalesce(held.roles, '{}'));
    if objection = 'api_key_permissions_malformed' then
        raise exception 'permissions are resource:action, at most 100 of them' using errcode = '22023', detail = objection;
    elsif objection is not null then
        perform auth.record_event('api_key_created', 'failure', maker, home, auth.session_id(), jsonb_build_object('reason', objection));
        raise exception 'a key can not have more than its maker holds now' using errcode = '42501', detail = objection;
    end if;
    select * into strict fresh from auth.make_api_key();
    insert into auth.api_key (tenant_id, user_id, name, key_hash, prefix, permissions, roles, expires_at, created_by)
    values (home, case when not create_api_key.for_tenant then maker end, btrim(create_api_key.name), fresh.key_hash, fresh.prefix,
            create_api_key.permissions, create_api_key.roles, create_api_key.expires_at, maker)
    returning api_key.id into create_api_key.id;
    create_api_key.key := fresh.key;
    create_api_key.prefix := fresh.prefix;
    perform auth.record_event('api_key_created', 'success', maker, home, auth.session_id(), jsonb_build_object(
        'api_key_id', create_api_key.id, 'permissions', create_api_key.permissions, 'roles', create_api_key.roles,
        'for_tenant', create_api_key.for_tenant));
end
$$;
revoke all on function auth.create_api_key(text, text[], timestamptz, text[], boolean) from public;
grant execute on function auth.create_api_key(text, text[], timestamptz, text[], boolean) to authenticated;
comment on function auth.create_api_key(text, text[], timestamptz, text[], boolean) is
'Makes an API key for the signed-in user in the active tenant and gives it, this once. Permissions and roles must be among those that the user holds now; at every use the key gives only what its user still holds. for_tenant makes a key of the tenant itself (permission api_keys:manage). Without expires_at it counts until it is revoked. Errors: 42501 (not_authenticated, session_required, permission_missing, permission_not_held, role_not_held), 22023 for a bad name, expiry or permission.';

create type auth.api_key_info as (
    id uuid,
    name text,
    prefix text,
    tenant_id uuid,
    user_id uuid,
    permissions text[],
    roles text[],
    created_at timestamptz,
    created_by uuid,
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz
);
comment on type auth.api_key_info is 'An API key as its owner sees it: all but the key.';

create function auth.describe_api_key(key auth.api_key)
returns auth.api_key_info
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    select row(key.id, key.name, key.prefix, key.tenant_id, key.user_id, key.permissions, key.roles, key.created_at, key.created_by,
               key.expires_at, greatest(key.last_used_at, auth.api_key_remembered_use(key.id)), key.revoked_at)::auth.api_key_info
$$;
revoke all on function auth.describe_api_key(auth.api_key) from public;
comment on function auth.describe_api_key(auth.api_key) is 'Internal: a key without its hash.';

create function auth.my_api_keys()
returns setof auth.api_key_info
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    select described.*
      from auth.api_key as key
      cross join lateral auth.describe_api_key(key) as described
     where key.user_id = auth.require_key_holder()
     order by key.created_at desc, key.id
$$;
revoke all on function auth.my_api_keys() from public;
grant execute on function auth.my_api_keys() to authenticated;
comment on function auth.my_api_keys() is
'The signed-in user''s own API keys in all tenants, the newest first. Error 42501 when nobody is signed in with a session.';

create function auth.tenant_api_keys()
returns setof auth.api_key_info
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform auth.require_key_holder();
    if auth.tenant_id() is null or not auth.has_permission('api_keys:manage') then
        raise exception 'this needs the permission api_keys:manage' using errcode = '42501', detail = 'permission_missing';
    end if;
    return query
        select described.*
          from auth.api_key as key
          cross join lateral auth.describe_api_key(key) as described
         where key.tenant_id = auth.tenant_id()
         order by key.created_at desc, key.id;
end
$$;
revoke all on function auth.tenant_api_keys() from public;
grant execute on function auth.tenant_api_keys() to authenticated;
comment on function auth.tenant_api_keys() is
'Every API key in the active tenant, its own and its users'', the newest first (permission api_keys:manage). Error 42501 otherwise.';

create function auth.revoke_api_key(id uuid)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    who uuid;
begin
    if not auth.is_operator() then
        who := auth.require_key_holder();
    end if;
    update auth.api_key as k
       set revoked_at = clock_timestamp()
     where k.id = revoke_api_key.id and k.revoked_at is null
       and (who is null or k.user_id = who
            or k.tenant_id = auth.tenant_id() and auth.has_permission('api_keys:manage'));
    if found then
        perform auth.record_event('api_key_revoked', 'success', who, auth.tenant_id(), auth.session_id(),
                                  jsonb_build_object('api_key_id', revoke_api_key.id));
    end if;
    return found;
end
$$;
revoke all on function auth.revoke_api_key(uuid) from public;
grant execute on function auth.revoke_api_key(uuid) to authenticated, service_role;
comment on function auth.revoke_api_key(uuid) is
'Ends an API key at once: one''s own, or any of the active tenant (permission api_keys:manage), or any at all (service_role). False when there is no such key that the caller may revoke. Error 42501 when nobody is signed in with a session.';
