-- Other identity providers, and who of theirs is who here.
--
-- A token is found by the issuer that it names and verified with that issuer's keys alone. What its
-- claims mean here is said by the columns: nothing is taken from a claim that no column names.
--
-- authenticate only reads: a subject that is linked is its user; any other is somebody without a
-- row here (auth.uid() is null, auth.user_id() is the subject, auth.jwt() has it as
-- external_subject). Links are made by sign_in_external, which also opens a session, and by
-- link_identity. Users of two issuers may have the same subject: policies on auth.user_id() hold for
-- one trusted issuer; with more of them link the users, or ask for auth.jwt() ->> 'iss' too.
--
-- Concurrency: two first sign-ins of one subject meet at the primary key of external_identity; the
-- second takes the first one's link.
--
-- Security definer: trust_issuer, update_jwks, distrust_issuer, trusted_issuers (write and read the
-- table, operator only), sign_in_external (called by anybody who has a token), link_identity,
-- unlink_identity, my_identities (called by users, reach their own rows).

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

create table auth.external_identity (
    issuer text collate "C",
    subject text collate "C",
    user_id uuid not null constraint external_identity_user_id_fkey references auth."user" (id) on delete cascade,
    email text,
    created_at timestamptz not null default now(),
    last_sign_in_at timestamptz,
    constraint external_identity_pkey primary key (issuer, subject)
);
create index external_identity_user_id_idx on auth.external_identity (user_id);
revoke all on table auth.external_identity from public;
comment on table auth.external_identity is 'Which subject of which issuer is which user here. Reached through functions only.';
comment on column auth.external_identity.issuer is 'No foreign key: links outlast a time in which the issuer is not trusted, and count for nothing then.';
select pg_catalog.pg_extension_config_dump('auth.external_identity', '');

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

create function auth.adopt_identity(external_issuer text, external_subject text, address text)
returns auth."user"
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    rules auth.trusted_issuer;
    newcomer auth.newcomer;
    account auth."user";
begin
    select * into rules from auth.trusted_issuer where issuer = external_issuer;
    address := auth.normalize_email(address);
    if rules.link_users and address is not null then
        -- An address that its user never confirmed may have been entered by a stranger, in wait.
        select * into account from auth."user"
         where email = address and tenant_id is null and email_confirmed_at is not null;
    end if;
    if account.id is null and rules.create_users then
        newcomer := auth.before_sign_up(address, '{}', null, 'external');
        if newcomer.status is not null then
            return null;
        end if;
        insert into auth."user" (email, email_confirmed_at, user_metadata, app_metadata)
        values (address, case when address is not null then now() end, newcomer.user_metadata, newcomer.app_metadata)
        on conflict do nothing
        returning * into account;
    end if;
    if account.id is null then
        -- The address may have been taken a moment ago by another first sign-in of this subject.
        select "user".* into account
          from auth.external_identity join auth."user" on "user".id = user_id
         where issuer = external_issuer and subject = external_subject;
        return account;
    end if;
    insert into auth.external_identity (issuer, subject, user_id, email) values (external_issuer, external_subject, account.id, address)
    on conflict on constraint external_identity_pkey do nothing;
    if not found then
        -- Another transaction was first: its user counts, and one that was made here is not needed.
        delete from auth."user" where id = account.id and rules.create_users and created_at = now() and password_hash is null;
        select "user".* into account
          from auth.external_identity join auth."user" on "user".id = user_id
         where issuer = external_issuer and subject = external_subject;
    end if;
    perform auth.record_event('identity_linked', 'success', account.id, detail => jsonb_build_object('issuer', external_issuer));
    return account;
end
$$;
revoke all on function auth.adopt_identity(text, text, text) from public;
comment on function auth.adopt_identity(text, text, text) is
'Internal: links a subject that is linked to nobody to a user, who is found by a confirmed e-mail or made, as the issuer''s row allows; null when it does not.';

create function auth.sign_in_external(token text, tenant text default null)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    who record;
    account auth."user";
    home uuid;
    wait integer;
    refusal text;
begin
    begin
        select * into strict who from auth.verify_external(sign_in_external.token);
    exception when invalid_authorization_specification or no_data_found then
        perform auth.record_event('sign_in', 'failure', detail => '{"method": "external", "reason": "token_invalid"}');
        return auth.sign_in_refusal('invalid_credentials', 'Invalid login credentials');
    end;
    wait := auth.throttle('sign_in', who.issuer || ' ' || who.subject, null);
    if wait is not null then
        return auth.throttled(wait);
    end if;
    select "user".* into account
      from auth.external_identity join auth."user" on "user".id = user_id
     where issuer = who.issuer and subject = who.subject;
    if account.id is null then
        account := auth.adopt_identity(who.issuer, who.subject, who.email);
    end if;
    if account.id is null then
        perform auth.record_event('sign_in', 'failure', detail => jsonb_build_object(
            'method', 'external', 'issuer', who.issuer, 'reason', 'identity_not_linked'));
        return auth.sign_in_refusal('identity_not_linked', 'This identity belongs to no user here');
    elsif account.banned_until > now() then
        refusal := 'banned';
    else
        home := auth.home_tenant(account.id, sign_in_external.tenant);
        if home is null and sign_in_external.tenant is not null then
            refusal := 'not_a_member';
        end if;
    end if;
    if refusal is not null then
        perform auth.record_event('sign_in', 'failure', account.id, detail => jsonb_build_object('method', 'external', 'reason', refusal));
        return auth.sign_in_refusal('invalid_credentials', 'Invalid login credentials');
    end if;
    update auth.external_identity set last_sign_in_at = now() where issuer = who.issuer and subject = who.subject;
    return auth.open_session(account, home, 'external');
end
$$;
revoke all on function auth.sign_in_external(text, text) from public;
grant execute on function auth.sign_in_external(text, text) to anon, authenticated, service_role;
comment on function auth.sign_in_external(text, text) is
'Exchanges a token of a trusted issuer for a session of the user whom its subject is linked to; links or makes the user at first sight, as trust_issuer said. Statuses: ok, invalid_credentials, identity_not_linked, throttled.';

create function auth.link_identity(token text)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    me uuid := auth.require_key_holder();
    who record;
    owner uuid;
begin
    select * into strict who from auth.verify_external(link_identity.token);
    insert into auth.external_identity (issuer, subject, user_id, email) values (who.issuer, who.subject, me, who.email)
    on conflict on constraint external_identity_pkey do nothing;
    if found then
        perform auth.record_event('identity_linked', 'success', me, auth.tenant_id(), auth.session_id(), jsonb_build_object('issuer', who.issuer));
        return true;
    end if;
    select user_id into owner from auth.external_identity where issuer = who.issuer and subject = who.subject;
    if owner is distinct from me then
        raise exception 'this identity is linked to another user' using errcode = '23505', detail = 'identity_already_exists';
    end if;
    return false;
exception when no_data_found then
    raise exception 'invalid token' using errcode = '28000', detail = 'token_malformed';
end
$$;
revoke all on function auth.link_identity(text) from public;
grant execute on function auth.link_identity(text) to authenticated;
comment on function auth.link_identity(text) is
'Links the subject of another issuer''s token, which proves that it is one''s own, to the signed-in user; false when it was linked already. Errors: 28000 for a bad token, 23505 when it is another user''s, 42501 without a session.';

create function auth.unlink_identity(issuer text, subject text)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    me uuid := auth.require_key_holder();
    account auth."user";
begin
    -- Locked, so that two of them do not each take the other for the last one.
    select u.* into account from auth."user" as u where u.id = me for update;
    if account.password_hash is null and account.email is null and not exists (
        select from auth.external_identity as e
         where e.user_id = me and (e.issuer, e.subject) <> (unlink_identity.issuer, unlink_identity.subject)
    ) then
        raise exception 'this is the only way to sign in' using errcode = '42501', detail = 'single_identity_not_deletable';
    end if;
    delete from auth.external_identity as e
     where e.issuer = unlink_identity.issuer and e.subject = unlink_identity.subject and e.user_id = me;
    if found then
        perform auth.record_event('identity_unlinked', 'success', me, auth.tenant_id(), auth.session_id(), jsonb_build_object('issuer', unlink_identity.issuer));
    end if;
    return found;
end
$$;
revoke all on function auth.unlink_identity(text, text) from public;
grant execute on function auth.unlink_identity(text, text) to authenticated;
comment on function auth.unlink_identity(text, text) is
'Ends a link of the signed-in user; false when there is none. Error 42501 when it is the only way to sign in, or without a session.';

create function auth.my_identities(out issuer text, out subject text, out email text, out created_at timestamptz, out last_sign_in_at timestamptz)
returns setof record
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select e.issuer, e.subject, e.email, e.created_at, e.last_sign_in_at
      from auth.external_identity as e
     where e.user_id = auth.require_key_holder()
     order by e.created_at, e.issuer, e.subject
$$;
revoke all on function auth.my_identities() from public;
grant execute on function auth.my_identities() to authenticated;
comment on function auth.my_identities() is 'The links of the signed-in user. Error 42501 without a session.';
