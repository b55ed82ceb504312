-- Who of another identity provider's is who here.
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
-- Security definer: sign_in_external (called by anybody who has a token), link_identity,
-- unlink_identity, my_identities (called by users, reach their own rows).

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
        -- Who is known to somebody else is not anonymous any more.
        update auth."user" set is_anonymous = false, updated_at = now() where id = me and is_anonymous;
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
