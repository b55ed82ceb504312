-- Other identity providers, and what is believed of them.
--
-- A token is found by the issuer that it names and verified with that issuer's keys alone. What its
-- claims mean here is said by the columns: nothing is taken from a claim that no column names.
--
-- Security definer: trust_issuer, update_jwks, distrust_issuer, trusted_issuers (write and read the
-- table, operator only).

create table auth.trusted_issuer (
    issuer text collate "C" constraint trusted_issuer_pkey primary key,
    jwks jsonb not null,
    audience text not null,
    algorithms text[] not null,
    types text[] not null constraint trusted_issuer_types_check check (array_position(types, null) is null),
    role_claim text,
    roles_claim text,
    tenant_claim text,
    permissions_claim text,
    aal_claim text,
    allowed_roles text[] not null,
    default_role text,
    tenants jsonb,
    trust_email boolean not null default false,
    subjects_are_users boolean not null default false,
    link_users boolean not null default false,
    create_users boolean not null default false,
    leeway_seconds integer not null default 30,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
revoke all on table auth.trusted_issuer from public;
comment on table auth.trusted_issuer is 'Identity providers whose tokens count here. Nobody but the owner reads it.';
comment on column auth.trusted_issuer.issuer is 'What iss is, in exact spelling.';
comment on column auth.trusted_issuer.jwks is 'Its public keys (RFC 7517).';
comment on column auth.trusted_issuer.audience is 'What aud must name; * for anything and nothing.';
comment on column auth.trusted_issuer.types is 'Accepted typ headers; empty for any and none, an empty name in it for none.';
comment on column auth.trusted_issuer.role_claim is 'Path of the claim that names the database role, or lists it among others; null for default_role always.';
comment on column auth.trusted_issuer.allowed_roles is 'The only database roles that it may name.';
comment on column auth.trusted_issuer.default_role is 'The role of tokens that name none; null to refuse them.';
comment on column auth.trusted_issuer.tenants is 'Its names of tenants and their ids here: {"org_1": "uuid"}; null when tenant_claim holds ids of tenants here.';
comment on column auth.trusted_issuer.trust_email is 'Whether email counts without email_verified.';
comment on column auth.trusted_issuer.subjects_are_users is 'Whether a subject that is a UUID is the id of a user here. The issuer can then speak for any user.';
comment on column auth.trusted_issuer.link_users is 'Whether sign_in_external links a subject to the user who has its verified e-mail.';
comment on column auth.trusted_issuer.create_users is 'Whether sign_in_external makes a user for a subject that is linked to none.';
comment on column auth.trusted_issuer.leeway_seconds is 'By how much its clock may differ, 0 to 300.';
select pg_catalog.pg_extension_config_dump('auth.trusted_issuer', '');

create function auth.issuers_changed()
returns trigger
language c volatile
as 'MODULE_PATHNAME', 'gatehouse_issuers_changed';
revoke all on function auth.issuers_changed() from public;
comment on function auth.issuers_changed() is 'Trigger: tells every backend, at commit, that the trusted issuers have changed.';

create trigger issuers_changed after insert or update or delete or truncate on auth.trusted_issuer
    for each statement execute function auth.issuers_changed();
alter table auth.trusted_issuer enable always trigger issuers_changed;

create function auth.issuer_fault(
    issuer text,
    jwks jsonb,
    algorithms text[],
    paths text[],
    allowed_roles text[],
    default_role text,
    tenants jsonb,
    leeway_seconds integer
)
returns text
language c immutable parallel safe
as 'MODULE_PATHNAME', 'issuer_fault_wrapper';
revoke all on function auth.issuer_fault(text, jsonb, text[], text[], text[], text, jsonb, integer) from public;
comment on function auth.issuer_fault(text, jsonb, text[], text[], text[], text, jsonb, integer) is
'Internal: the code of what is wrong with an issuer; null when nothing is. Paths: role, roles, tenant, permissions, aal.';

create function auth.verify_external(token text, out issuer text, out subject text, out email text)
returns setof record
language c volatile strict parallel unsafe rows 1
as 'MODULE_PATHNAME', 'verify_external_wrapper';
revoke all on function auth.verify_external(text) from public;
comment on function auth.verify_external(text) is
'Internal: whom a token of a trusted issuer is about; email only if verified. Error 28000 for any other token.';

create function auth.trust_issuer(
    issuer text,
    jwks jsonb,
    audience text,
    algorithms text[] default '{RS256,ES256,EdDSA}',
    types text[] default '{JWT,at+jwt,""}',
    role_claim text default null,
    allowed_roles text[] default '{authenticated}',
    default_role text default 'authenticated',
    roles_claim text default null,
    tenant_claim text default null,
    tenants jsonb default null,
    permissions_claim text default null,
    aal_claim text default null,
    trust_email boolean default false,
    subjects_are_users boolean default false,
    link_users boolean default false,
    create_users boolean default false,
    leeway_seconds integer default 30
)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    fault text;
begin
    if trust_issuer.issuer is null or trust_issuer.jwks is null or trust_issuer.algorithms is null
       or trust_issuer.allowed_roles is null or trust_issuer.leeway_seconds is null then
        fault := 'issuer_incomplete';
    elsif trust_issuer.issuer = current_setting('pg_gatehouse.issuer') then
        fault := 'issuer_is_own';
    elsif coalesce(trust_issuer.audience, '') = '' then
        fault := 'issuer_audience_missing';
    elsif trust_issuer.types is null or array_position(trust_issuer.types, null) is not null then
        fault := 'token_types_invalid';
    else
        fault := auth.issuer_fault(
            trust_issuer.issuer, trust_issuer.jwks, trust_issuer.algorithms,
            array[trust_issuer.role_claim, trust_issuer.roles_claim, trust_issuer.tenant_claim, trust_issuer.permissions_claim, trust_issuer.aal_claim],
            trust_issuer.allowed_roles, trust_issuer.default_role, trust_issuer.tenants, trust_issuer.leeway_seconds);
    end if;
    if fault is not null then
        raise exception 'the issuer can not be trusted like this' using errcode = '22023', detail = fault;
    end if;
    insert into auth.trusted_issuer as t (issuer, jwks, audience, algorithms, types, role_claim, roles_claim, tenant_claim, permissions_claim,
                                          aal_claim, allowed_roles, default_role, tenants, trust_email, subjects_are_users, link_users,
                                          create_users, leeway_seconds)
    values (trust_issuer.issuer, trust_issuer.jwks, trust_issuer.audience, trust_issuer.algorithms, trust_issuer.types, trust_issuer.role_claim,
            trust_issuer.roles_claim, trust_issuer.tenant_claim, trust_issuer.permissions_claim, trust_issuer.aal_claim,
            trust_issuer.allowed_roles, trust_issuer.default_role, trust_issuer.tenants, coalesce(trust_issuer.trust_email, false),
            coalesce(trust_issuer.subjects_are_users, false), coalesce(trust_issuer.link_users, false),
            coalesce(trust_issuer.create_users, false), trust_issuer.leeway_seconds)
    on conflict on constraint trusted_issuer_pkey do update
       set jwks = excluded.jwks, audience = excluded.audience, algorithms = excluded.algorithms, types = excluded.types,
           role_claim = excluded.role_claim, roles_claim = excluded.roles_claim, tenant_claim = excluded.tenant_claim,
           permissions_claim = excluded.permissions_claim, aal_claim = excluded.aal_claim, allowed_roles = excluded.allowed_roles,
           default_role = excluded.default_role, tenants = excluded.tenants, trust_email = excluded.trust_email,
           subjects_are_users = excluded.subjects_are_users, link_users = excluded.link_users, create_users = excluded.create_users,
           leeway_seconds = excluded.leeway_seconds, updated_at = now();
    perform auth.record_event('issuer_trusted', 'success', detail => jsonb_build_object(
        'issuer', trust_issuer.issuer, 'allowed_roles', trust_issuer.allowed_roles));
end
$$;
revoke all on function auth.trust_issuer(text, jsonb, text, text[], text[], text, text[], text, text, text, jsonb, text, text, boolean, boolean, boolean, boolean, integer) from public;
comment on function auth.trust_issuer(text, jsonb, text, text[], text[], text, text[], text, text, text, jsonb, text, text, boolean, boolean, boolean, boolean, integer) is
'From the commit on, tokens of this issuer authenticate; called again it replaces what was said. audience is what aud must name (*: anything). Claim paths are names separated by dots, or a whole name; user_metadata never counts. The issuer can name no database role but the allowed ones, service_role only if it is among them by name. Error 22023 with a code in DETAIL for what can not be trusted, such as HMAC algorithms, secret keys in the JWKS, or this database''s own issuer.';

create function auth.update_jwks(issuer text, jwks jsonb)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    fault text;
begin
    if update_jwks.issuer is null or update_jwks.jwks is null then
        fault := 'issuer_incomplete';
    else
        fault := auth.issuer_fault(update_jwks.issuer, update_jwks.jwks, '{RS256}', '{}', '{authenticated}', null, null, 0);
    end if;
    if fault is not null then
        raise exception 'the keys can not be trusted' using errcode = '22023', detail = fault;
    end if;
    update auth.trusted_issuer as t set jwks = update_jwks.jwks, updated_at = now()
     where t.issuer = update_jwks.issuer and t.jwks is distinct from update_jwks.jwks;
    if found then
        perform auth.record_event('issuer_keys_updated', 'success', detail => jsonb_build_object('issuer', update_jwks.issuer));
    end if;
    return found;
end
$$;
revoke all on function auth.update_jwks(text, jsonb) from public;
grant execute on function auth.update_jwks(text, jsonb) to service_role;
comment on function auth.update_jwks(text, jsonb) is
'Replaces the public keys of a trusted issuer; false when there is no such issuer or the keys are the same. Error 22023 for keys that can not be used; the old ones stay.';

create function auth.distrust_issuer(issuer text)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from auth.trusted_issuer as t where t.issuer = distrust_issuer.issuer;
    if found then
        perform auth.record_event('issuer_distrusted', 'success', detail => jsonb_build_object('issuer', distrust_issuer.issuer));
    end if;
    return found;
end
$$;
revoke all on function auth.distrust_issuer(text) from public;
comment on function auth.distrust_issuer(text) is
'From the commit on, no token of this issuer counts. Links of its subjects stay for the case that it is trusted again; sessions that sign_in_external opened go on. False when there is no such issuer.';

create function auth.trusted_issuers()
returns setof auth.trusted_issuer
language sql stable security definer
set search_path = pg_catalog, pg_temp
as 'select * from auth.trusted_issuer order by issuer';
revoke all on function auth.trusted_issuers() from public;
grant execute on function auth.trusted_issuers() to service_role;
comment on function auth.trusted_issuers() is 'Every trusted issuer and what is believed of it; for the operator.';
