\echo Use "alter extension pg_gatehouse update" to load this file. \quit

-- From 0.2.0 to 0.3.0: what is new or changed, in the order of sql/NN_*.sql, after what the tables
-- and types gain. No row is changed.

drop function auth.sign_up(text, text, jsonb, text);
drop function auth.update_user(text, text, jsonb, text, text);
drop function auth.update_refusal(auth."user", text, text, jsonb, text, text);
drop function auth.redeem(auth.one_time_token);
drop function auth.redeem_email_change(auth.one_time_token);
drop function auth.sign_up_unconfirmed(text, text, jsonb, auth.tenant, jsonb);
drop function auth.create_proved_user(text, jsonb, text);
drop function auth.account_of(auth.one_time_token);

alter table auth.tenant
    add column site_url text
        constraint tenant_site_url_check check (length(site_url) <= 2000 and site_url ~ '^https?://[^[:space:][:cntrl:]<>"]+$'),
    add column mail_from text
        constraint tenant_mail_from_check check (length(mail_from) between 3 and 320 and mail_from !~ '[[:cntrl:]]');

alter table auth."user" add column invited_at timestamptz;
create index user_anonymous_created_at_idx on auth."user" (created_at) where is_anonymous;

alter type auth.sign_in_result add attribute auth_code text;

alter table auth.one_time_token drop constraint one_time_token_purpose_check;
alter table auth.one_time_token add constraint one_time_token_purpose_check check (purpose in (
    'confirm_email', 'recovery', 'magic_link', 'email_change_current', 'email_change_new', 'reauthentication', 'invite'));

-- The deployment's own functions, which settings name (src/hook.rs calls them, crates/core/src/hook.rs
-- judges what they return).
--
-- pg_gatehouse.before_sign_up_hook (user jsonb) returns jsonb: before a user is made, and before it is
--   looked up whether the address has one, so that the answer tells nothing. It may change both
--   metadata; null or a plain "raise exception" refuses, the latter in words for the user.
-- pg_gatehouse.custom_claims_hook (claims jsonb) returns jsonb: before a session's access token is
--   signed. It adds claims and changes none but user_metadata.
-- pg_gatehouse.event_hook (event jsonb) returns void: in the transaction of what has happened, of
--   which it is a part. It is told of successes: a failure is recorded by the background worker,
--   whatever becomes of the transaction, and no code but ours runs there.
--
-- Each runs as its owner. One that fails makes the statement fail: 38000, hook_failed in DETAIL; what
-- went wrong is in the server's log.
create function auth.call_before_sign_up_hook("user" jsonb)
returns jsonb
language c volatile strict parallel unsafe
as 'MODULE_PATHNAME', 'call_before_sign_up_hook_wrapper';
revoke all on function auth.call_before_sign_up_hook(jsonb) from public;
comment on function auth.call_before_sign_up_hook(jsonb) is
'Internal: user_metadata and app_metadata as the hook wants them; error 38000 with hook_rejected or hook_failed in DETAIL.';

create function auth.call_custom_claims_hook(claims jsonb)
returns jsonb
language c volatile strict parallel unsafe
as 'MODULE_PATHNAME', 'call_custom_claims_hook_wrapper';
revoke all on function auth.call_custom_claims_hook(jsonb) from public;
comment on function auth.call_custom_claims_hook(jsonb) is
'Internal: the claims and what the hook adds; error 38000 hook_failed when it changes one that is reserved.';

create function auth.call_event_hook(event jsonb)
returns void
language c volatile strict parallel unsafe
as 'MODULE_PATHNAME', 'call_event_hook_wrapper';
revoke all on function auth.call_event_hook(jsonb) from public;
comment on function auth.call_event_hook(jsonb) is
'Internal: tells the hook of an event; what the hook does is not told it in turn. Error 38000 hook_failed.';

create type auth.newcomer as (status text, message text, user_metadata jsonb, app_metadata jsonb);
comment on type auth.newcomer is 'Internal: what is kept of somebody who signs up; with a status it is refused.';

create function auth.before_sign_up(email text, user_metadata jsonb, tenant text, method text)
returns auth.newcomer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    newcomer auth.newcomer;
    kept jsonb;
begin
    newcomer.user_metadata := coalesce(before_sign_up.user_metadata, '{}');
    newcomer.app_metadata := '{}';
    if current_setting('pg_gatehouse.before_sign_up_hook') = '' then
        return newcomer;
    end if;
    begin
        kept := auth.call_before_sign_up_hook(jsonb_build_object(
            'email', email, 'user_metadata', newcomer.user_metadata, 'app_metadata', newcomer.app_metadata,
            'tenant', tenant, 'method', method));
    exception when external_routine_exception then
        get stacked diagnostics newcomer.status = pg_exception_detail, newcomer.message = message_text;
        if newcomer.status <> 'hook_rejected' then
            raise;
        end if;
        perform auth.record_event('sign_up', 'failure', detail => jsonb_build_object('method', method, 'reason', newcomer.status));
        return newcomer;
    end;
    newcomer.user_metadata := kept -> 'user_metadata';
    newcomer.app_metadata := kept -> 'app_metadata';
    return newcomer;
end
$$;
revoke all on function auth.before_sign_up(text, jsonb, text, text) from public;
comment on function auth.before_sign_up(text, jsonb, text, text) is
'Internal: asks pg_gatehouse.before_sign_up_hook about somebody who is to become a user by a method: password, otp, anonymous, invite or external. Status null or hook_rejected, with a message for the user.';
comment on column auth.tenant.site_url is 'Where its application is, for mails; null for the deployment''s. Only the operator sets it: what is mailed leads there.';
comment on column auth.tenant.mail_from is 'Sender of its mails, such as Acme <no-reply@acme.example>; null for the deployment''s. Only the operator sets it.';
comment on column auth."user".is_anonymous is 'Made by sign_in_anonymously; until an address is proved.';
comment on column auth."user".invited_at is 'When the operator last invited the user by mail.';

create or replace function auth.user_json("user" auth."user")
returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_strip_nulls(jsonb_build_object(
        'id', "user".id,
        'aud', current_setting('pg_gatehouse.audience'),
        'role', 'authenticated',
        'email', coalesce("user".email, ''),
        'phone', '',
        'email_confirmed_at', "user".email_confirmed_at,
        'confirmed_at', "user".email_confirmed_at,
        'invited_at', "user".invited_at,
        'last_sign_in_at', "user".last_sign_in_at,
        'app_metadata', auth.public_app_metadata("user"),
        'identities', case when "user".email is null then '[]' else jsonb_build_array(jsonb_build_object(
            'identity_id', "user".id,
            'id', "user".id,
            'user_id', "user".id,
            'provider', 'email',
            'email', "user".email,
            'identity_data', jsonb_build_object(
                'sub', "user".id,
                'email', "user".email,
                'email_verified', "user".email_confirmed_at is not null,
                'phone_verified', false
            ),
            'last_sign_in_at', "user".last_sign_in_at,
            'created_at', "user".created_at,
            'updated_at', "user".updated_at
        )) end,
        'factors', auth.factors_json("user".id),
        'banned_until', "user".banned_until,
        'is_anonymous', "user".is_anonymous,
        'created_at', "user".created_at,
        'updated_at', "user".updated_at
    ) || auth.mails_json("user".id)) || jsonb_build_object('user_metadata', "user".user_metadata)
$$;
comment on type auth.sign_in_result is
'The answer to whoever signs in or refreshes: status is ok or a stable code; retry_after is in seconds; auth_code is what follow_link gives in the place of tokens, for exchange_code.';

create or replace function auth.sign_in_refusal(status text, message text, reasons text[] default null)
returns auth.sign_in_result
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select row(status, message, reasons, null, null, null, null, null, null)::auth.sign_in_result
$$;

create or replace function auth.throttled(retry_after integer)
returns auth.sign_in_result
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select row('throttled', 'Request rate limit reached', null, null, null, null, retry_after, null, null)::auth.sign_in_result
$$;

create or replace function auth.record_event(
    event text,
    outcome text,
    user_id uuid default null,
    tenant_id uuid default null,
    session_id uuid default null,
    detail jsonb default '{}'
)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    happened timestamptz := clock_timestamp();
    ip inet := auth.request_ip();
    user_agent text := auth.request_user_agent();
    described jsonb := jsonb_build_object(
        'at', happened, 'event', $1, 'outcome', $2, 'user_id', $3, 'tenant_id', $4, 'session_id', $5,
        'ip', ip, 'user_agent', user_agent, 'detail', coalesce($6, '{}'));
begin
    if not auth.note_event(described) then
        insert into auth.audit_event (at, event, outcome, user_id, tenant_id, session_id, ip, user_agent, detail)
        values (happened, $1, $2, $3, $4, $5, ip, user_agent, coalesce($6, '{}'));
    end if;
    if $2 = 'success' and current_setting('pg_gatehouse.event_hook') <> '' then
        perform auth.call_event_hook(described);
    end if;
end
$$;
comment on function auth.record_event(text, text, uuid, uuid, uuid, jsonb) is
'Internal: records an event. A success goes when the transaction is rolled back, and pg_gatehouse.event_hook is told of it; a failure stays.';

create or replace function auth.issue_access_token(session auth.session, account auth."user", tenant_id uuid)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    token_id uuid := auth.new_token_id();
    limits record := auth.session_limits(issue_access_token.tenant_id);
    membership jsonb := auth.membership_claims(account.id, issue_access_token.tenant_id, session.aal);
    claims jsonb;
    kept auth.session;
    result auth.sign_in_result;
begin
    update auth.session as s
       set tenant_id = issue_access_token.tenant_id,
           token_ids = auth.remember_token_id(s.token_ids, token_id),
           refreshed_at = clock_timestamp(),
           expires_at = least(s.expires_at, s.created_at + limits.lifetime)
     where s.id = issue_access_token.session.id
    returning s.* into strict kept;

    result.status := 'ok';
    -- No token outlives its session, nor the time that the session may be idle.
    result.expires_at := date_trunc('second', least(
        kept.expires_at,
        kept.refreshed_at + limits.idle_timeout,
        clock_timestamp() + current_setting('pg_gatehouse.access_token_ttl')::interval));
    result."user" := auth.user_json(account);
    claims := jsonb_build_object(
        'exp', extract(epoch from result.expires_at)::bigint,
        'jti', token_id,
        'sub', account.id,
        'role', 'authenticated',
        'email', coalesce(account.email, ''),
        'phone', '',
        'aal', kept.aal,
        'amr', kept.amr,
        'session_id', kept.id,
        'tenant_id', membership -> 'tenant_id',
        'tenant_slug', membership -> 'tenant_slug',
        'roles', membership -> 'roles',
        'permissions', membership -> 'permissions',
        'app_metadata', auth.public_app_metadata(account),
        'user_metadata', account.user_metadata,
        'is_anonymous', account.is_anonymous);
    if current_setting('pg_gatehouse.custom_claims_hook') <> '' then
        claims := auth.call_custom_claims_hook(claims);
    end if;
    result.access_token := auth.sign_access_token(claims);
    return result;
end
$$;

-- Sign-up: makes a user and opens a session.
--
-- Security definer: sign_up (called by anybody, writes the tables of schema auth).
create function auth.sign_up(
    email text,
    password text,
    user_metadata jsonb default '{}',
    tenant text default null,
    options jsonb default '{}'
)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    address text := auth.normalize_email(sign_up.email);
    metadata jsonb := coalesce(sign_up.user_metadata, '{}');
    home auth.tenant;
    verdict record;
    newcomer auth.newcomer;
    account auth."user";
    wait integer;
begin
    wait := auth.throttle('sign_up', address, auth.throttle_tenant(sign_up.tenant));
    if wait is not null then
        return auth.throttled(wait);
    end if;
    if not current_setting('pg_gatehouse.sign_up')::boolean then
        return auth.sign_in_refusal('signup_disabled', 'Signups not allowed for this instance');
    elsif address is null then
        return auth.sign_in_refusal('validation_failed', 'Unable to validate email address: invalid format');
    elsif jsonb_typeof(metadata) <> 'object' or pg_column_size(metadata) > 16384 then
        return auth.sign_in_refusal('validation_failed', 'User metadata must be a JSON object of at most 16 KiB');
    elsif sign_up.password is null or sign_up.password = '' then
        return auth.sign_in_refusal('validation_failed', 'Signup requires a valid password');
    elsif auth.options_objection(sign_up.options) is not null then
        return auth.sign_in_refusal('validation_failed', auth.options_objection(sign_up.options));
    end if;
    if sign_up.tenant is not null then
        home := auth.sign_up_tenant(sign_up.tenant, address);
        if home.id is null then
            return auth.sign_in_refusal('signup_disabled', 'Signups not allowed for this tenant');
        end if;
    end if;
    select * into strict verdict
      from auth.judge_password(sign_up.password, array[address, metadata ->> 'name'], home);
    if not verdict.ok then
        return auth.sign_in_refusal('weak_password', array_to_string(verdict.reasons, ' '), verdict.reasons);
    end if;
    newcomer := auth.before_sign_up(address, metadata, sign_up.tenant, 'password');
    if newcomer.status is not null then
        return auth.sign_in_refusal(newcomer.status, newcomer.message);
    end if;

    if not current_setting('pg_gatehouse.autoconfirm')::boolean then
        return auth.sign_up_unconfirmed(address, auth.hash_password(sign_up.password), newcomer, home, sign_up.options);
    end if;
    insert into auth."user" (email, password_hash, user_metadata, app_metadata, email_confirmed_at, tenant_id)
    values (address, auth.hash_password(sign_up.password), newcomer.user_metadata, newcomer.app_metadata, now(),
            case when home.isolated then home.id end)
    on conflict do nothing
    returning * into account;
    if account.id is null then
        perform auth.record_event('sign_up', 'failure', detail => '{"reason": "user_already_exists"}');
        return auth.sign_in_refusal('user_already_exists', 'User already registered');
    end if;
    if home.sign_up_open then
        perform auth.add_member(home.id, account.id, 'member');
    end if;
    perform auth.record_event('sign_up', 'success', account.id, home.id);
    perform auth.throttle_outcome('sign_up', address, true);
    return auth.open_session(account, case when home.sign_up_open then home.id end, 'password');
end
$$;
revoke all on function auth.sign_up(text, text, jsonb, text, jsonb) from public;
grant execute on function auth.sign_up(text, text, jsonb, text, jsonb) to anon, authenticated, service_role;
comment on function auth.sign_up(text, text, jsonb, text, jsonb) is
'Creates a user and signs them in; with pg_gatehouse.autoconfirm off it mails a confirmation instead, and the answer has no tokens and is the same for an address that is taken. tenant is the slug of a tenant that is open for sign-up, which the user then joins; or of an isolated one that has invited the address. options goes to the mail (redirect_to), and a code_challenge of method s256 is kept with its link (follow_link). Statuses: ok, mfa_required, throttled (see retry_after), validation_failed, weak_password (see reasons), signup_disabled, hook_rejected, user_already_exists.';

-- Tenants are made by users, who become their owner, or by the operator.
--
-- Security definer: create_tenant (called by any user, writes the tables of schema auth).
create or replace function auth.create_tenant(slug text, name text, isolated boolean default false)
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
comment on function auth.create_tenant(text, text, boolean) is
'Creates a tenant with the roles of the templates and gives its id; the signed-in user becomes its owner. Only the operator makes an isolated one, whose users are a pool of their own. Errors: 42501 when nobody is signed in or an anonymous user is, 22023 for a bad slug or name, 23505 when the slug is taken.';

create or replace function auth.invite(email text, role text, tenant uuid default null, lifetime interval default '7 days')
returns auth.invitation_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    address text := auth.normalize_email(invite.email);
    me auth.actor := auth.act_in(invite.tenant, 'invitations:create', 'members:*');
    granted auth.role := auth.role_of(me, invite.role);
    home auth.tenant;
    wait integer;
    secret record;
    result auth.invitation_result;
begin
    perform auth.require_held(me, auth.role_permissions(granted.id));
    select * into strict home from auth.tenant where id = me.tenant_id;
    if address is null then
        return auth.invitation_refusal('validation_failed', 'Unable to validate email address: invalid format');
    elsif lifetime is null or lifetime not between interval '1 minute' and interval '30 days' then
        return auth.invitation_refusal('validation_failed', 'An invitation lives 1 minute to 30 days');
    elsif not auth.email_may_join(home, address) then
        return auth.invitation_refusal('email_address_not_authorized', 'Addresses of this domain may not join the tenant');
    elsif exists (
        select from auth.membership join auth."user" on "user".id = membership.user_id
         where membership.tenant_id = home.id and "user".email = address)
    then
        return auth.invitation_refusal('already_member', 'A user with this address is a member already');
    end if;
    wait := auth.throttle('invite', address, home.id);
    if wait is not null then
        return auth.invitation_refusal('throttled', 'Too many invitations', wait);
    end if;

    select * into strict secret from auth.make_invitation_token();
    update auth.invitation set revoked_at = now()
     where tenant_id = home.id and email = address and accepted_at is null and revoked_at is null;
    insert into auth.invitation (tenant_id, email, role_id, token_hash, invited_by, expires_at)
    values (home.id, address, granted.id, secret.token_hash, me.user_id, clock_timestamp() + lifetime)
    returning id, expires_at into strict result.id, result.expires_at;
    perform auth.enqueue_mail('invitation', address, home.id, jsonb_build_object(
        'token', secret.token, 'tenant_slug', home.slug, 'tenant_name', home.name, 'role', granted.name,
        'invited_by', auth.email(), 'inviter_name', auth.inviter_name(me.user_id), 'email', address,
        'link_seconds', extract(epoch from lifetime)::bigint, 'expires_at', result.expires_at));
    perform auth.record_event('invitation_created', 'success', me.user_id, home.id, auth.session_id(),
                              jsonb_build_object('invitation_id', result.id, 'role', granted.name));
    result.status := 'ok';
    result.tenant_id := home.id;
    result.email := address;
    result.role := granted.name;
    result.token := case when me.user_id is null then secret.token end;
    return result;
end
$$;

create function auth.inviter_name(user_id uuid)
returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- As they wrote it themselves: it proves nothing.
    select nullif(left(btrim(regexp_replace(u.user_metadata ->> 'name', '[[:cntrl:]]', ' ', 'g')), 100), '')
      from auth."user" as u where u.id = $1
$$;
revoke all on function auth.inviter_name(uuid) from public;
comment on function auth.inviter_name(uuid) is 'Internal: what an inviting user is called, for the mail; null when unknown.';

create function auth.my_user()
returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    who uuid := auth.require_session();
begin
    return (select auth.user_json(u) from auth."user" as u where u.id = who);
end
$$;
revoke all on function auth.my_user() from public;
grant execute on function auth.my_user() to authenticated, service_role;
comment on function auth.my_user() is 'The signed-in user as JSON. Error 42501 when nobody is signed in with a session.';

create or replace function auth.reauthentication_refusal(account auth."user", current_password text, nonce text)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    required text := current_setting('pg_gatehouse.password_change_requires');
    wait integer;
begin
    if current_password is not null then
        -- Whoever stole a session must not be able to try passwords here.
        wait := auth.throttle('sign_in', account.email, null);
        if wait is not null then
            return auth.throttled(wait);
        elsif auth.verify_credential(current_password, account.password_hash) then
            perform auth.throttle_outcome('sign_in', account.email, true);
            return null;
        end if;
        perform auth.throttle_outcome('sign_in', account.email, false);
        return auth.sign_in_refusal('invalid_credentials', 'The current password is not right');
    elsif nonce is not null then
        return case when not auth.reauthenticated(nonce)
                    then auth.sign_in_refusal('reauthentication_not_valid', 'Nonce has expired or is invalid') end;
    elsif required = 'session'
        -- An anonymous user has nothing else to show.
        or account.is_anonymous and account.email is null and account.password_hash is null
        or required = 'recent_sign_in' and auth.recently_authenticated(auth.session_id())
        -- A mailed code or a second factor: whoever has forgotten the password has no current one.
        or auth.recently_authenticated(auth.session_id(), besides => 'password')
    then
        return null;
    end if;
    return auth.sign_in_refusal('reauthentication_needed', 'Password update requires reauthentication');
end
$$;

create function auth.update_refusal(
    account auth."user", password text, email text, user_metadata jsonb, current_password text, nonce text, options jsonb)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    judged auth."user" := account;
    refusal auth.sign_in_result;
begin
    if (case when jsonb_typeof(user_metadata) <> 'object' then true
            else pg_column_size(auth.merge_user_metadata(account.user_metadata, user_metadata)) > 16384 end)
    then
        return auth.sign_in_refusal('validation_failed', 'User metadata must be a JSON object of at most 16 KiB');
    elsif email is not null and auth.normalize_email(email) is null then
        return auth.sign_in_refusal('validation_failed', 'Unable to validate email address: invalid format');
    elsif password is not null and account.email is null and email is null then
        return auth.sign_in_refusal('validation_failed', 'A password needs an email address to sign in with');
    elsif (password is not null or email is not null)
        and auth.has_second_factor(account.id) and auth.aal() is distinct from 'aal2'
    then
        return auth.sign_in_refusal('insufficient_aal',
            'AAL2 session is required to update email or password when MFA is enabled.');
    end if;
    if password is not null then
        refusal := auth.reauthentication_refusal(account, current_password, nonce);
        if refusal.status is null then
            -- Who has no address yet has the new one to keep it clear of.
            judged.email := coalesce(account.email, auth.normalize_email(email));
            refusal := auth.password_refusal(judged, password, auth.tenant_id());
        end if;
    end if;
    if refusal.status is null and auth.normalize_email(email) <> coalesce(account.email, '') then
        refusal := auth.request_email_change(auth.normalize_email(email), options);
        if refusal.status = 'ok' then
            return null;
        end if;
    end if;
    return refusal;
end
$$;
revoke all on function auth.update_refusal(auth."user", text, text, jsonb, text, text, jsonb) from public;
comment on function auth.update_refusal(auth."user", text, text, jsonb, text, text, jsonb) is
'Internal: why an update of a user is refused as a whole; null when it is not. A change of the e-mail address is begun by it.';

create function auth.update_user(
    password text default null,
    email text default null,
    user_metadata jsonb default null,
    current_password text default null,
    nonce text default null,
    options jsonb default '{}'
)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    who uuid := auth.require_session();
    account auth."user";
    refusal auth.sign_in_result;
    result auth.sign_in_result;
begin
    select * into account from auth."user" where id = who for no key update;
    if account.id is null then
        return auth.sign_in_refusal('user_not_found', 'User from sub claim in JWT does not exist');
    end if;
    refusal := auth.update_refusal(account, update_user.password, update_user.email, update_user.user_metadata,
                                   update_user.current_password, update_user.nonce, update_user.options);
    if refusal.status is not null then
        perform auth.record_event('user_updated', 'failure', who, auth.tenant_id(), auth.session_id(),
                                  jsonb_build_object('reason', refusal.status));
        return refusal;
    end if;
    update auth."user" as u
       set password_hash = case when update_user.password is null then u.password_hash
                                else auth.hash_password(update_user.password) end,
           user_metadata = auth.merge_user_metadata(u.user_metadata, coalesce(update_user.user_metadata, '{}')),
           updated_at = now()
     where u.id = who
    returning * into strict account;
    if update_user.password is not null then
        perform auth.end_sessions_of(who, null, 'password_changed', spare => auth.session_id());
        perform auth.record_event('password_changed', 'success', who, auth.tenant_id(), auth.session_id());
    end if;
    perform auth.record_event('user_updated', 'success', who, auth.tenant_id(), auth.session_id());
    result.status := 'ok';
    result."user" := auth.user_json(account);
    return result;
end
$$;
revoke all on function auth.update_user(text, text, jsonb, text, text, jsonb) from public;
grant execute on function auth.update_user(text, text, jsonb, text, text, jsonb) to authenticated, service_role;
comment on function auth.update_user(text, text, jsonb, text, text, jsonb) is
'Changes the user who is signed in: all that is asked for, or nothing. A new password ends the user''s other sessions; user_metadata is merged member by member, null takes one away; a new e-mail address counts once it is confirmed. An anonymous user sets a password only together with an address. options as for request_email_change. current_password or nonce (a reauthentication code) where pg_gatehouse.password_change_requires asks for it. Statuses: ok, validation_failed, weak_password (see reasons), same_password, invalid_credentials, reauthentication_needed, reauthentication_not_valid, insufficient_aal, throttled, and those of request_email_change. Error 42501 when nobody is signed in.';

create or replace function auth.void_one_time_tokens(user_id uuid)
returns void
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    update auth.one_time_token as t set used_at = clock_timestamp() where t.user_id = $1 and t.used_at is null;
    update auth.flow_state as f set used_at = clock_timestamp() where f.user_id = $1 and f.used_at is null;
$$;
comment on function auth.void_one_time_tokens(uuid) is 'Internal: voids all that a user was mailed, and the codes made of it, after a change of credentials.';

create function auth.mails_json(user_id uuid)
returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    change auth.one_time_token := auth.current_one_time_token(mails_json.user_id, 'email_change_new');
    is_open boolean := coalesce(change.used_at is null and change.expires_at > now(), false);
begin
    return jsonb_build_object(
        'confirmation_sent_at', (auth.current_one_time_token(mails_json.user_id, 'confirm_email')).issued_at,
        'recovery_sent_at', (auth.current_one_time_token(mails_json.user_id, 'recovery')).issued_at,
        'email_change_sent_at', case when is_open then change.issued_at end,
        'new_email', case when is_open then change.data ->> 'new_email' end);
end
$$;
revoke all on function auth.mails_json(uuid) from public;
comment on function auth.mails_json(uuid) is
'Internal: what a user was mailed lately, as HTTP clients see it, and the address that is not confirmed yet; with nulls.';

create or replace function auth.enqueue_mail(kind text, recipient text, tenant_id uuid, data jsonb, send boolean default true)
returns uuid
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    fresh uuid := gen_random_uuid();
    sealed bytea := auth.seal('mail:' || fresh, convert_to(enqueue_mail.data::text, 'UTF8'));
    at timestamptz := clock_timestamp();
begin
    insert into auth.mail_outbox (id, kind, recipient, tenant_id, data, state, done_at)
    values (fresh, enqueue_mail.kind, enqueue_mail.recipient, enqueue_mail.tenant_id, sealed,
            case when enqueue_mail.send then 'waiting' else 'dropped' end,
            case when not enqueue_mail.send then clock_timestamp() end);
    -- For one that is never sent, too: whoever listens does not learn which.
    perform pg_notify('pg_gatehouse_mail', '');
    delete from auth.mail_outbox
     where id = any (array(select id from auth.mail_outbox
                            where created_at < at - interval '30 days'
                            order by created_at limit 4 for update skip locked));
    return fresh;
end
$$;
comment on function auth.enqueue_mail(text, text, uuid, jsonb, boolean) is
'Internal: a mail to be sent when this transaction commits, which then notifies pg_gatehouse_mail. With send false it is written and never sent: the same work for an address that must not get it.';

create or replace function auth.take_mail(
    "limit" integer default 10,
    lease interval default '2 minutes',
    out id uuid,
    out kind text,
    out recipient text,
    out tenant_id uuid,
    out data jsonb,
    out attempt integer
)
returns setof record
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    -- Read once: an index is of no use against a clock that ticks on.
    at timestamptz := clock_timestamp();
begin
    -- A sender that dies keeps its mail no longer than its lease; one that dies each time, 8 times.
    return query
    with taken as (
        update auth.mail_outbox as m
           set attempts = least(m.attempts + 1, 8),
               due_at = at + greatest(least(take_mail.lease, interval '1 hour'), interval '1 second'),
               state = case when m.attempts < 8 then 'waiting' else 'dead' end,
               done_at = case when m.attempts >= 8 then at end,
               data = case when m.attempts < 8 then m.data end,
               last_error = case when m.attempts < 8 then m.last_error else coalesce(m.last_error, 'no sender ever told what became of it') end
         where m.id = any (array(select w.id from auth.mail_outbox as w
                                  where w.done_at is null and w.due_at <= at
                                  order by w.due_at
                                  limit least(greatest(take_mail."limit", 0), 1000)
                                  for update skip locked))
        returning m.*
    )
    select t.id, t.kind, t.recipient, t.tenant_id,
           convert_from(auth.unseal('mail:' || t.id, t.data), 'UTF8')::jsonb || jsonb_build_object('tenant', (
               select jsonb_build_object('id', home.id, 'slug', home.slug, 'name', home.name,
                                         'site_url', home.site_url, 'mail_from', home.mail_from)
                 from auth.tenant as home where home.id = t.tenant_id)),
           t.attempts
      from taken as t
     where t.state = 'waiting'
     order by t.created_at;
end
$$;
comment on function auth.take_mail(integer, interval) is
'For the front: up to limit (at most 1000) mails that are due, opened, nobody else''s for the time of the lease (1 second to 1 hour). data has what the template needs, and tenant: {id, slug, name, site_url, mail_from} of the tenant in whose name it is, or null. Answer each with mail_sent or mail_failed; without an answer it is due again when the lease ends.';

-- Asking for a mailed link and code: recovery, sign-in without a password, confirmation.
--
-- Answer and work are the same whether the address has a user or not: for an unknown one a token
-- is made that nobody gets and a mail is written that is never sent.
--
-- Security definer: request_recovery, request_otp, resend (called by anybody, write the tables of
-- schema auth).
create or replace function auth.refuse_request(address text, options jsonb)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    wait integer;
begin
    if address is null then
        return auth.sign_in_refusal('validation_failed', 'Unable to validate email address: invalid format');
    elsif auth.options_objection(options) is not null then
        return auth.sign_in_refusal('validation_failed', auth.options_objection(options));
    end if;
    wait := auth.throttle('recovery', address, null);
    return case when wait is not null then auth.throttled(wait) end;
end
$$;

create or replace function auth.mail_token(
    purpose text,
    account auth."user",
    address text,
    tenant_id uuid,
    data jsonb,
    options jsonb,
    send boolean
)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    fresh record;
begin
    fresh := auth.issue_one_time_token(purpose, account.id, address, data || auth.challenge_in(options));
    perform auth.enqueue_mail(purpose, address, coalesce(tenant_id, account.tenant_id), jsonb_build_object(
        'token', fresh.token, 'code', fresh.code, 'email', address, 'data', data, 'options', options,
        'code_seconds', extract(epoch from current_setting('pg_gatehouse.one_time_code_ttl')::interval)::integer,
        'link_seconds', extract(epoch from current_setting('pg_gatehouse.one_time_link_ttl')::interval)::integer,
        'user_metadata', account.user_metadata), send);
    perform auth.record_event('mail_requested', 'success', account.id, tenant_id,
                              detail => jsonb_build_object('purpose', purpose, 'sent', send));
end
$$;

-- What is mailed looks like the tenant's and leads to its site, so that naming one is not enough:
-- the user must be of it.
create function auth.mail_tenant(account auth."user", slug text)
returns uuid
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(($1).tenant_id, case when $2 is not null then auth.home_tenant(($1).id, $2) end)
$$;
revoke all on function auth.mail_tenant(auth."user", text) from public;
comment on function auth.mail_tenant(auth."user", text) is
'Internal: the tenant in whose name a user is mailed: of whose pool they are, or whom they named and may act in; else null.';

create or replace function auth.request_recovery(email text, tenant text default null, options jsonb default '{}')
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    address text := auth.normalize_email(email);
    refusal auth.sign_in_result := auth.refuse_request(address, options);
    account auth."user";
begin
    if refusal.status is not null then
        return refusal;
    end if;
    account := auth.find_user(address, tenant);
    perform auth.mail_token('recovery', account, address, auth.mail_tenant(account, tenant), jsonb_build_object('tenant', tenant), options,
                            account.id is not null and not coalesce(account.banned_until > now(), false));
    return auth.sign_in_refusal('ok', null);
end
$$;

create or replace function auth.request_otp(
    email text,
    create_user boolean default true,
    user_metadata jsonb default '{}',
    tenant text default null,
    options jsonb default '{}'
)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    address text := auth.normalize_email(email);
    refusal auth.sign_in_result := auth.refuse_request(address, options);
    account auth."user";
    home auth.tenant;
    fresh boolean;
begin
    if refusal.status is not null then
        return refusal;
    elsif user_metadata is not null and (jsonb_typeof(user_metadata) <> 'object' or pg_column_size(user_metadata) > 16384) then
        return auth.sign_in_refusal('validation_failed', 'User metadata must be a JSON object of at most 16 KiB');
    end if;
    account := auth.find_user(address, tenant);
    home := auth.sign_up_tenant(tenant, address);
    fresh := account.id is null and coalesce(create_user, true) and current_setting('pg_gatehouse.sign_up')::boolean
        and (tenant is null or home.id is not null);
    -- The user is made when the address is proved, not when somebody names it.
    perform auth.mail_token('magic_link', account, address,
                            case when fresh then home.id else auth.mail_tenant(account, tenant) end,
                            jsonb_build_object('tenant', tenant, 'create', fresh,
                                               'user_metadata', case when fresh then coalesce(user_metadata, '{}') end),
                            options, fresh or (account.id is not null and not coalesce(account.banned_until > now(), false)));
    return auth.sign_in_refusal('ok', null);
end
$$;

create or replace function auth.resend(kind text, email text, tenant text default null, options jsonb default '{}')
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    address text := auth.normalize_email(email);
    refusal auth.sign_in_result;
    account auth."user";
    pending auth.one_time_token;
begin
    if kind is null or kind not in ('signup', 'email_change') then
        return auth.sign_in_refusal('validation_failed', 'The kind must be signup or email_change');
    end if;
    refusal := auth.refuse_request(address, options);
    if refusal.status is not null then
        return refusal;
    end if;
    account := auth.find_user(address, tenant);
    pending := auth.current_one_time_token(auth.subject_of(account.id, address), 'email_change_new');
    if kind = 'signup' then
        perform auth.mail_token('confirm_email', account, address, auth.mail_tenant(account, tenant),
                                jsonb_build_object('tenant', tenant), options,
                                account.id is not null and account.email_confirmed_at is null
                                and not coalesce(account.banned_until > now(), false));
    else
        perform auth.mail_email_change(account, address, coalesce(pending.address, address), options,
                                       account.id is not null and pending.used_at is null
                                       and pending.expires_at > clock_timestamp());
    end if;
    return auth.sign_in_refusal('ok', null);
end
$$;

create function auth.sign_up_unconfirmed(
    address text,
    password_hash text,
    newcomer auth.newcomer,
    home auth.tenant,
    options jsonb default '{}'
)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    pool uuid := case when home.isolated then home.id end;
    account auth."user";
    shown auth."user";
    result auth.sign_in_result := auth.sign_in_refusal('ok', null);
begin
    insert into auth."user" (email, password_hash, user_metadata, app_metadata, tenant_id)
    values (address, sign_up_unconfirmed.password_hash, newcomer.user_metadata, newcomer.app_metadata, pool)
    on conflict do nothing
    returning * into account;
    shown := account;
    if account.id is null then
        -- Whoever signs up last before anybody confirms: it is their password that the mail confirms.
        update auth."user"
           set password_hash = sign_up_unconfirmed.password_hash, user_metadata = newcomer.user_metadata,
               app_metadata = app_metadata || newcomer.app_metadata
         where email = address and tenant_id is not distinct from pool
           and email_confirmed_at is null and banned_until is null
        returning * into account;
        shown := jsonb_populate_record(null::auth."user", jsonb_build_object(
            'id', gen_random_uuid(), 'email', address, 'app_metadata', newcomer.app_metadata, 'is_anonymous', false,
            'user_metadata', newcomer.user_metadata, 'created_at', now(), 'updated_at', now()));
    end if;
    if account.id is not null then
        if home.sign_up_open then
            perform auth.add_member(home.id, account.id, 'member');
        end if;
        perform auth.mail_token('confirm_email', account, address, home.id, '{}', options, true);
    else
        -- The owner of the address is told; whoever signed up is not.
        perform auth.issue_one_time_token('confirm_email', null, address, auth.challenge_in(options));
        perform auth.enqueue_mail('sign_up_attempt', address, pool, jsonb_build_object('email', address, 'options', options));
    end if;
    perform auth.record_event('sign_up', 'success', account.id, home.id,
                              detail => jsonb_build_object('confirmed', false, 'known', account.id is null));
    -- Of a user that exists and of one that does not: the same.
    result."user" := auth.user_json(shown) || jsonb_build_object('confirmation_sent_at', now());
    return result;
end
$$;
revoke all on function auth.sign_up_unconfirmed(text, text, auth.newcomer, auth.tenant, jsonb) from public;
comment on function auth.sign_up_unconfirmed(text, text, auth.newcomer, auth.tenant, jsonb) is
'Internal: sign-up with pg_gatehouse.autoconfirm off. No tokens; for an address that has a user already, a user of the same form that does not exist.';

-- Newcomers by mail: users who are made when they bring a code or link back.
create function auth.create_proved_user(address text, newcomer auth.newcomer, tenant text)
returns auth."user"
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    home auth.tenant := auth.sign_up_tenant(create_proved_user.tenant, address);
    account auth."user";
begin
    if create_proved_user.tenant is not null and home.id is null then
        return null;
    end if;
    insert into auth."user" (email, user_metadata, app_metadata, email_confirmed_at, tenant_id)
    values (address, newcomer.user_metadata, newcomer.app_metadata, now(), case when home.isolated then home.id end)
    on conflict do nothing
    returning * into account;
    if account.id is not null then
        if home.sign_up_open then
            perform auth.add_member(home.id, account.id, 'member');
        end if;
        perform auth.record_event('sign_up', 'success', account.id, home.id, detail => '{"method": "otp"}');
    end if;
    return account;
end
$$;
revoke all on function auth.create_proved_user(text, auth.newcomer, text) from public;
comment on function auth.create_proved_user(text, auth.newcomer, text) is
'Internal: a user without a password, whose address was proved, in the tenant if that is open for sign-up; nulls when the address is taken.';

create function auth.account_of(token auth.one_time_token, newcomer auth.newcomer)
returns auth."user"
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    account auth."user";
begin
    if token.user_id is not null then
        select * into account from auth."user" where id = token.user_id for no key update;
    elsif (token.data ->> 'create')::boolean and current_setting('pg_gatehouse.sign_up')::boolean then
        account := auth.create_proved_user(token.address, newcomer, token.data ->> 'tenant');
        if account.id is null then
            -- Somebody signed up with the address meanwhile.
            account := auth.find_user(token.address, token.data ->> 'tenant');
        end if;
    end if;
    return account;
end
$$;
revoke all on function auth.account_of(auth.one_time_token, auth.newcomer) from public;
comment on function auth.account_of(auth.one_time_token, auth.newcomer) is 'Internal: the user that a token is for, made now if it was asked for by a newcomer.';

-- Bringing a mailed code or link back.
--
-- Security definer: verify_otp, verify_link, confirm_email (called by anybody, read and write the
-- tables of schema auth).
create or replace function auth.purposes_of(kind text)
returns text[]
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case
        -- Clients say signup, magiclink or email without knowing which of the two was mailed.
        when kind in ('signup', 'magiclink', 'email') then array['confirm_email', 'magic_link']
        when kind = 'recovery' then array['recovery']
        when kind = 'email_change' then array['email_change_current', 'email_change_new']
        when kind = 'invite' then array['invite']
    end
$$;

create function auth.unknown_kind()
returns auth.sign_in_result
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select auth.sign_in_refusal('validation_failed', 'The kind must be signup, magiclink, email, recovery, email_change or invite')
$$;
revoke all on function auth.unknown_kind() from public;
comment on function auth.unknown_kind() is 'Internal: the answer to a kind that there is not.';

create or replace function auth.verify_otp(email text, code text, kind text default 'email', tenant text default null)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    address text := coalesce(auth.normalize_email(email), '');
    digits text := auth.read_code(code);
    purposes text[] := auth.purposes_of(kind);
    account auth."user";
    subject uuid;
    purpose text;
    candidate auth.one_time_token;
    matched auth.one_time_token;
    wait integer;
begin
    if purposes is null then
        return auth.unknown_kind();
    end if;
    wait := auth.throttle('code', address, null);
    if wait is not null then
        return auth.throttled(wait);
    end if;
    account := auth.find_user(address, tenant);
    subject := auth.subject_of(account.id, address);
    foreach purpose in array purposes loop
        candidate := auth.current_one_time_token(subject, purpose);
        if candidate.address <> address then
            candidate := null;
        end if;
        if auth.code_matches(candidate, digits) then
            matched := candidate;
        end if;
    end loop;
    if matched.id is null and kind = 'email_change' then
        matched := auth.match_new_address(address, digits);
    end if;
    if matched.id is null then
        perform auth.throttle_outcome('code', address, false);
        return auth.otp_refusal(account.id, 'wrong_code');
    end if;
    return auth.redeem(matched, false);
end
$$;
comment on function auth.verify_otp(text, text, text, text) is
'Signs in with a mailed code of six digits. kind: email (also signup, magiclink), recovery, email_change, invite. A code can be tried 5 times, by whomever; a wrong one is a row, not an error. Statuses: ok, mfa_required, otp_expired, validation_failed, hook_rejected (of a newcomer), throttled.';

create or replace function auth.verify_link(token text, kind text default null)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return auth.open_link(token, kind, false);
end
$$;

create function auth.open_link(token text, kind text, by_code boolean)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Computed once: in the query it would be computed for every row.
    hash bytea := auth.keyed_hash('one_time_token', auth.read_link_token(token));
    found_token auth.one_time_token;
    current_token auth.one_time_token;
    wait integer;
begin
    if kind is not null and auth.purposes_of(kind) is null then
        return auth.unknown_kind();
    end if;
    -- Nobody guesses 256 bits: this only bounds the work that a stranger can cause.
    wait := auth.throttle('code', null, null);
    if wait is not null then
        return auth.throttled(wait);
    end if;
    select t.* into found_token from auth.one_time_token as t
     where t.token_hash = hash;
    current_token := auth.current_one_time_token(found_token.subject, found_token.purpose);
    if found_token.id is null or found_token.id <> current_token.id
        or found_token.purpose = 'reauthentication'
        or (kind is not null and not found_token.purpose = any (auth.purposes_of(kind)))
    then
        return auth.otp_refusal(found_token.user_id, 'wrong_link');
    end if;
    return auth.redeem(found_token, by_code);
end
$$;
revoke all on function auth.open_link(text, text, boolean) from public;
comment on function auth.open_link(text, text, boolean) is 'Internal: what verify_link and follow_link do; by_code as in let_in.';

create function auth.redeem(token auth.one_time_token, by_code boolean)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    newcomer auth.newcomer;
    account auth."user";
begin
    if not auth.spend_one_time_token(token.id) then
        return auth.otp_refusal(token.user_id, 'used_or_expired');
    elsif token.purpose in ('email_change_current', 'email_change_new') then
        return auth.redeem_email_change(token, by_code);
    end if;
    if token.user_id is null and (token.data ->> 'create')::boolean then
        newcomer := auth.before_sign_up(token.address, token.data -> 'user_metadata', token.data ->> 'tenant', 'otp');
        if newcomer.status is not null then
            return auth.sign_in_refusal(newcomer.status, newcomer.message);
        end if;
    end if;
    account := auth.account_of(token, newcomer);
    if account.id is null or account.email is distinct from token.address or account.banned_until > now() then
        return auth.otp_refusal(account.id, 'user_gone_or_banned');
    end if;
    if account.email_confirmed_at is null then
        -- The password of somebody who never proved the address must not open what its owner makes of it.
        update auth."user"
           set email_confirmed_at = now(), is_anonymous = false, updated_at = now(),
               password_hash = case when token.purpose = 'confirm_email' then password_hash end
         where id = account.id
        returning * into account;
        perform auth.record_event('email_confirmed', 'success', account.id);
    end if;
    -- Whoever has the mailbox is let in: a lock that strangers caused ends.
    perform auth.throttle_outcome('code', token.address, true);
    if token.purpose = 'recovery' then
        perform auth.throttle_outcome('sign_in', token.address, true);
    end if;
    return auth.let_in(account, token, case token.purpose when 'recovery' then 'recovery' else 'otp' end, by_code);
end
$$;
revoke all on function auth.redeem(auth.one_time_token, boolean) from public;
comment on function auth.redeem(auth.one_time_token, boolean) is 'Internal: spends a token and does what it is for; by_code as in let_in.';

create function auth.remove_factor(account auth."user", factor auth.mfa_factor)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    delete from auth.mfa_factor where id = factor.id;
    if not auth.has_second_factor(account.id) then
        delete from auth.recovery_code where user_id = account.id;
        -- What the factor gave goes with it.
        update auth.session
           set aal = 'aal1',
               amr = (select coalesce(jsonb_agg(m), '[]') from jsonb_array_elements(amr) as m
                       where m ->> 'method' not in ('totp', 'recovery_code'))
         where user_id = account.id and ended_at is null and aal = 'aal2';
    end if;
    if factor.status = 'verified' and account.email is not null then
        perform auth.enqueue_mail('factor_removed', account.email, account.tenant_id, jsonb_build_object('friendly_name', factor.friendly_name));
    end if;
    perform auth.record_event('factor_removed', 'success', account.id, null, auth.session_id(),
                              jsonb_build_object('factor_id', factor.id, 'status', factor.status));
end
$$;
revoke all on function auth.remove_factor(auth."user", auth.mfa_factor) from public;
comment on function auth.remove_factor(auth."user", auth.mfa_factor) is
'Internal: removes a factor and what hangs on it; with a user''s last verified one the recovery codes go, and sessions are aal1 again.';

create or replace function auth.unenroll_factor(id uuid)
returns uuid
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user" := auth.signed_in_user();
    factor auth.mfa_factor := auth.factor_of($1, account.id);
begin
    if factor.id is null then
        raise exception 'there is no such factor' using errcode = 'P0002', detail = 'mfa_factor_not_found';
    elsif factor.status = 'verified' then
        perform auth.require_step_up();
    end if;
    perform auth.remove_factor(account, factor);
    return factor.id;
end
$$;

create or replace function auth.after_first_verification(account auth."user", factor auth.mfa_factor)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Whatever else was begun, by whomever, has to be begun again at aal2.
    delete from auth.mfa_factor as f where f.user_id = account.id and f.status = 'unverified';
    -- Sessions from before the factor would go on without it.
    update auth.session as s set ended_at = now(), end_reason = 'factor_enrolled'
     where s.user_id = account.id and s.ended_at is null and s.aal = 'aal1' and s.id <> auth.session_id();
    if account.email is not null then
        perform auth.enqueue_mail('factor_added', account.email, account.tenant_id, jsonb_build_object('friendly_name', factor.friendly_name));
    end if;
end
$$;

create or replace function auth.verify_recovery_code(code text)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    account auth."user" := auth.signed_in_user();
    refusal auth.sign_in_result := auth.refuse_factor_attempt(account, account.id);
    hash bytea := auth.recovery_code_hash(account.id, code);
    remaining integer;
begin
    if refusal.status is not null then
        return refusal;
    end if;
    update auth.recovery_code set used_at = now()
     where user_id = account.id and used_at is null and code_hash = hash;
    if not found then
        return auth.factor_refusal(account, 'mfa_verification_failed', 'Invalid recovery code entered');
    end if;
    select count(*) into remaining from auth.recovery_code where user_id = account.id and used_at is null;
    if account.email is not null then
        perform auth.enqueue_mail('recovery_code_used', account.email, account.tenant_id, jsonb_build_object('remaining', remaining));
    end if;
    return auth.raise_assurance(account, account.id, 'recovery_code', jsonb_build_object('remaining', remaining));
end
$$;

create function auth.my_recovery_codes(out total integer, out remaining integer)
returns record
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user" := auth.signed_in_user();
begin
    select count(*), count(*) filter (where r.used_at is null) into total, remaining
      from auth.recovery_code as r
     where r.user_id = account.id;
end
$$;
revoke all on function auth.my_recovery_codes() from public;
grant execute on function auth.my_recovery_codes() to authenticated;
comment on function auth.my_recovery_codes() is
'How many recovery codes the signed-in user was given last, and how many of them are left; zeros without any. Errors: 42501.';

create function auth.delete_recovery_codes()
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user" := auth.require_step_up();
begin
    delete from auth.recovery_code as r where r.user_id = account.id;
    if found then
        perform auth.record_event('recovery_codes_deleted', 'success', account.id, null, auth.session_id());
    end if;
    return found;
end
$$;
revoke all on function auth.delete_recovery_codes() from public;
grant execute on function auth.delete_recovery_codes() to authenticated;
comment on function auth.delete_recovery_codes() is
'Voids all recovery codes of the signed-in user; false when there are none. Needs aal2 when the user has a second factor. Errors: 42501 (insufficient_aal).';

-- Changing the e-mail address, which both addresses confirm, and proving presence again by mail.
--
-- Security definer: request_email_change, reauthenticate (called by users, write the tables of
-- schema auth).
create or replace function auth.request_email_change(new_email text, options jsonb default '{}')
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    address text := auth.normalize_email(new_email);
    account auth."user";
    refusal auth.sign_in_result;
begin
    perform auth.require_step_up();
    select u.* into strict account from auth."user" as u where u.id = auth.uid();
    refusal := auth.refuse_request(address, options);
    if refusal.status is not null then
        return refusal;
    elsif address = account.email then
        return auth.sign_in_refusal('validation_failed', 'This is your email address already');
    elsif account.is_anonymous and current_setting('pg_gatehouse.autoconfirm')::boolean then
        return auth.adopt_address(account, address);
    end if;
    -- An address that somebody has is not told apart; its owner's confirmation would find it taken.
    perform auth.mail_email_change(account, account.email, address, options, true);
    return auth.sign_in_refusal('ok', null);
end
$$;
comment on function auth.request_email_change(text, jsonb) is
'Mails a link and a code to the present and to the new address of the signed-in user; the address changes when both are brought back. An anonymous user has a new one only, at once with pg_gatehouse.autoconfirm on, and is no longer anonymous then. Needs aal2 when the user has a second factor. Statuses: ok, validation_failed, email_exists, throttled. Errors: 42501.';

create function auth.redeem_email_change(token auth.one_time_token, by_code boolean)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    account auth."user";
    other auth.one_time_token;
    former text;
begin
    -- The row lock on the user: of two confirmations at once the second sees the first.
    select * into account from auth."user" where id = token.user_id for update;
    if account.id is null or account.banned_until > now()
        or (token.purpose = 'email_change_current' and account.email is distinct from token.address)
    then
        return auth.otp_refusal(account.id, 'user_gone_or_banned');
    end if;
    if not (token.data ->> 'single')::boolean then
        other := auth.current_one_time_token(token.subject, case token.purpose
            when 'email_change_new' then 'email_change_current' else 'email_change_new' end);
        if other.data ->> 'change' is distinct from token.data ->> 'change' then
            return auth.otp_refusal(account.id, 'another_change');
        elsif other.used_at is null then
            perform auth.record_event('email_change_confirmed', 'success', account.id,
                                      detail => jsonb_build_object('side', token.purpose));
            return auth.sign_in_refusal('ok', 'Confirmation accepted. Please proceed to confirm the message sent to the other email');
        elsif other.purpose = 'email_change_current' and other.address is distinct from account.email then
            return auth.otp_refusal(account.id, 'user_gone_or_banned');
        end if;
    end if;
    former := account.email;
    begin
        update auth."user"
           set email = token.data ->> 'new_email', email_confirmed_at = now(), is_anonymous = false, updated_at = now()
         where id = account.id
        returning * into account;
    exception when unique_violation then
        return auth.otp_refusal(account.id, 'address_taken');
    end;
    -- What was mailed to the former address must not open the account any more.
    perform auth.void_one_time_tokens(account.id);
    if former is not null then
        perform auth.enqueue_mail('email_changed', former, account.tenant_id, jsonb_build_object('email', former, 'new_email', account.email));
    end if;
    perform auth.record_event('email_changed', 'success', account.id);
    return auth.let_in(account, token, 'otp', by_code);
end
$$;
revoke all on function auth.redeem_email_change(auth.one_time_token, boolean) from public;
comment on function auth.redeem_email_change(auth.one_time_token, boolean) is
'Internal: one of the two confirmations of a change of address; the second one changes it and signs in; by_code as in let_in.';

-- PKCE (RFC 7636): the link of a mail, followed in a browser, ends in a code that only the client
-- that asked for the mail can exchange for a session.
--
-- The challenge comes with the options of the request and is kept with the link. The code is made
-- when the link is followed; of it, too, only a keyed hash is stored. A code that was used is not
-- answered again, but the session that it gave goes on: whoever comes with it and the right verifier
-- is the same client, and whoever comes without the verifier must not be able to end anything.
--
-- Security definer: follow_link, exchange_code (called by anybody, read and write the tables of
-- schema auth).
create table auth.flow_state (
    id uuid constraint flow_state_pkey primary key default pg_catalog.gen_random_uuid(),
    user_id uuid not null constraint flow_state_user_id_fkey references auth."user" (id) on delete cascade,
    address text not null,
    code_hash bytea not null constraint flow_state_code_hash_key unique,
    code_challenge text not null,
    method text not null,
    tenant text,
    issued_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    used_at timestamptz
);
create index flow_state_user_id_idx on auth.flow_state (user_id);
create index flow_state_issued_at_idx on auth.flow_state (issued_at);
revoke all on table auth.flow_state from public;
comment on table auth.flow_state is 'Followed links whose session is still to be fetched with a code. Reached through functions only.';
comment on column auth.flow_state.address is 'Where the link was mailed to; the code counts only while the user has this address.';
comment on column auth.flow_state.code_hash is 'Keyed hash of the code.';
comment on column auth.flow_state.code_challenge is 'SHA-256 of the verifier, base64url (RFC 7636 section 4.2).';
comment on column auth.flow_state.method is 'How the user proved who they are: what the session''s amr will say.';
comment on column auth.flow_state.tenant is 'Slug of the tenant to act in, as the request named it.';
select pg_catalog.pg_extension_config_dump('auth.flow_state', '');

create function auth.is_code_challenge(challenge text, method text)
returns boolean
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'is_code_challenge_wrapper';
revoke all on function auth.is_code_challenge(text, text) from public;
comment on function auth.is_code_challenge(text, text) is 'Internal: whether it is a challenge of method S256.';

create function auth.code_challenge_met(challenge text, verifier text)
returns boolean
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'code_challenge_met_wrapper';
revoke all on function auth.code_challenge_met(text, text) from public;
comment on function auth.code_challenge_met(text, text) is
'Internal: whether the verifier is the one of the challenge, compared in constant time; null when it can be no verifier.';

create function auth.options_objection(options jsonb)
returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case
        when options is null or jsonb_typeof(options) <> 'object' or pg_column_size(options) > 4096
            then 'Options must be a JSON object of at most 4 KiB'
        -- Clients that do not use PKCE send nulls.
        when coalesce(options ->> 'code_challenge', options ->> 'code_challenge_method') is null then null
        when not coalesce(jsonb_typeof(options -> 'code_challenge') = 'string'
                          and auth.is_code_challenge(options ->> 'code_challenge', options ->> 'code_challenge_method'), false)
            then 'PKCE needs a code_challenge of 43 characters base64url and the code_challenge_method s256'
    end
$$;
revoke all on function auth.options_objection(jsonb) from public;
comment on function auth.options_objection(jsonb) is 'Internal: what stands against the options of a request; null when nothing does.';

create function auth.challenge_in(options jsonb)
returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case when options ->> 'code_challenge' is null then '{}'
                else jsonb_build_object('code_challenge', options -> 'code_challenge') end
$$;
revoke all on function auth.challenge_in(jsonb) from public;
comment on function auth.challenge_in(jsonb) is 'Internal: what is kept with a link of options that were judged.';

create function auth.let_in(account auth."user", token auth.one_time_token, method text, by_code boolean)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    secret record;
    at timestamptz := clock_timestamp();
    result auth.sign_in_result;
begin
    if not (by_code and token.data ? 'code_challenge') then
        return auth.open_session(account, auth.home_tenant(account.id, token.data ->> 'tenant'), method);
    end if;
    select * into strict secret from auth.new_one_time_secret();
    insert into auth.flow_state (user_id, address, code_hash, code_challenge, method, tenant, issued_at, expires_at)
    values (account.id, account.email, auth.keyed_hash('auth_code', secret.token), token.data ->> 'code_challenge',
            method, token.data ->> 'tenant', at, at + interval '5 minutes');
    delete from auth.flow_state as f
     where f.id = any (array(select d.id from auth.flow_state as d
                              where d.issued_at < at - interval '1 day'
                              order by d.issued_at limit 4 for update skip locked));
    result.status := 'ok';
    result.auth_code := secret.token;
    return result;
end
$$;
revoke all on function auth.let_in(auth."user", auth.one_time_token, text, boolean) from public;
comment on function auth.let_in(auth."user", auth.one_time_token, text, boolean) is
'Internal: opens a session for whoever brought a token back; or, where a code is wanted and the token came with a challenge, gives a code for it that lives 5 minutes.';

create function auth.follow_link(token text, kind text default null)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return auth.open_link(token, kind, true);
end
$$;
revoke all on function auth.follow_link(text, text) from public;
grant execute on function auth.follow_link(text, text) to anon, authenticated, service_role;
comment on function auth.follow_link(text, text) is
'What a mailed link that is opened in a browser does: as verify_link, but where the mail was asked for with a code_challenge there is an auth_code and no session; exchange_code gives that. Statuses as for verify_otp.';

create function auth.exchange_code(auth_code text, code_verifier text)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Computed once: in the query it would be computed for every row.
    hash bytea := auth.keyed_hash('auth_code', auth.read_link_token(auth_code));
    flow auth.flow_state;
    account auth."user";
    is_met boolean;
    -- Nobody guesses 256 bits: this only bounds the work that a stranger can cause.
    wait integer := auth.throttle('code', null, null);
begin
    if wait is not null then
        return auth.throttled(wait);
    end if;
    -- Of two at once the second waits here and then finds it used.
    select f.* into flow from auth.flow_state as f where f.code_hash = hash for update;
    is_met := auth.code_challenge_met(coalesce(flow.code_challenge, ''), code_verifier);
    if is_met is null then
        return auth.exchange_refusal(flow.user_id, 'validation_failed', 'The code verifier must be 43 to 128 unreserved characters');
    elsif flow.id is null or flow.used_at is not null then
        return auth.exchange_refusal(flow.user_id, 'flow_state_not_found', 'The code is unknown or was used already');
    elsif flow.expires_at <= clock_timestamp() then
        return auth.exchange_refusal(flow.user_id, 'flow_state_expired', 'The code has expired');
    elsif not is_met then
        return auth.exchange_refusal(flow.user_id, 'bad_code_verifier', 'The code verifier does not match the code challenge');
    end if;
    update auth.flow_state as f set used_at = clock_timestamp() where f.id = flow.id;
    select u.* into account from auth."user" as u where u.id = flow.user_id for no key update;
    if account.email is distinct from flow.address or account.banned_until > now() then
        return auth.exchange_refusal(account.id, 'flow_state_not_found', 'The code is unknown or was used already');
    end if;
    return auth.open_session(account, auth.home_tenant(account.id, flow.tenant), flow.method);
end
$$;
revoke all on function auth.exchange_code(text, text) from public;
grant execute on function auth.exchange_code(text, text) to anon, authenticated, service_role;
comment on function auth.exchange_code(text, text) is
'Gives the session for a code of follow_link, once, to whoever has the verifier of the challenge (RFC 7636). A wrong verifier does not use the code up. Statuses: ok, mfa_required, flow_state_not_found, flow_state_expired, bad_code_verifier, validation_failed, throttled.';

create function auth.exchange_refusal(user_id uuid, status text, message text)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform auth.record_event('exchange_code', 'failure', user_id, detail => jsonb_build_object('reason', status));
    return auth.sign_in_refusal(status, message);
end
$$;
revoke all on function auth.exchange_refusal(uuid, text, text) from public;
comment on function auth.exchange_refusal(uuid, text, text) is 'Internal: a code that gives no session, for the audit and for whoever brought it.';

-- Anonymous users: somebody without an address, who may give one later and stays the same user.
--
-- Their only credential is the refresh token: when their last session has ended, nobody can ever
-- come back as them. They are users like all others, with is_anonymous in the token; policies that
-- are to keep them out ask for it: (auth.jwt() ->> 'is_anonymous')::boolean is false. They make no
-- tenants and no API keys, and a password only together with an address.
--
-- Security definer: sign_in_anonymously (called by anybody, writes the tables of schema auth),
-- prune_anonymous_users (for the operator).
create function auth.sign_in_anonymously(user_metadata jsonb default '{}', tenant text default null)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    metadata jsonb := coalesce(sign_in_anonymously.user_metadata, '{}');
    home auth.tenant;
    newcomer auth.newcomer;
    account auth."user";
    wait integer;
begin
    if not current_setting('pg_gatehouse.anonymous_sign_ins')::boolean then
        return auth.sign_in_refusal('anonymous_provider_disabled', 'Anonymous sign-ins are disabled');
    elsif not current_setting('pg_gatehouse.sign_up')::boolean then
        return auth.sign_in_refusal('signup_disabled', 'Signups not allowed for this instance');
    end if;
    -- There is no account yet: the address is what is counted.
    wait := auth.throttle('sign_up', null, auth.throttle_tenant(sign_in_anonymously.tenant));
    if wait is not null then
        return auth.throttled(wait);
    elsif jsonb_typeof(metadata) <> 'object' or pg_column_size(metadata) > 16384 then
        return auth.sign_in_refusal('validation_failed', 'User metadata must be a JSON object of at most 16 KiB');
    end if;
    if sign_in_anonymously.tenant is not null then
        home := auth.sign_up_tenant(sign_in_anonymously.tenant, null);
        if home.id is null then
            return auth.sign_in_refusal('signup_disabled', 'Signups not allowed for this tenant');
        end if;
    end if;
    newcomer := auth.before_sign_up(null, metadata, sign_in_anonymously.tenant, 'anonymous');
    if newcomer.status is not null then
        return auth.sign_in_refusal(newcomer.status, newcomer.message);
    end if;
    insert into auth."user" (user_metadata, app_metadata, is_anonymous, tenant_id)
    values (newcomer.user_metadata, newcomer.app_metadata, true, case when home.isolated then home.id end)
    returning * into strict account;
    if home.id is not null then
        perform auth.add_member(home.id, account.id, 'member');
    end if;
    perform auth.record_event('sign_up', 'success', account.id, home.id, detail => '{"method": "anonymous"}');
    return auth.open_session(account, home.id, 'anonymous');
end
$$;
revoke all on function auth.sign_in_anonymously(jsonb, text) from public;
grant execute on function auth.sign_in_anonymously(jsonb, text) to anon, authenticated, service_role;
comment on function auth.sign_in_anonymously(jsonb, text) is
'Makes a user without an address and signs them in, where pg_gatehouse.anonymous_sign_ins is on. tenant is the slug of a tenant that is open for sign-up to any address. update_user or request_email_change give the user an address, and a password. Statuses: ok, mfa_required, anonymous_provider_disabled, signup_disabled, validation_failed, hook_rejected, throttled (see retry_after).';

create function auth.adopt_address(account auth."user", address text)
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    update auth."user" as u
       set email = address, email_confirmed_at = now(), is_anonymous = false, updated_at = now()
     where u.id = account.id;
    perform auth.record_event('email_changed', 'success', account.id, detail => '{"anonymous": true}');
    return auth.sign_in_refusal('ok', null);
exception when unique_violation then
    return auth.sign_in_refusal('email_exists', 'A user with this email address has already been registered');
end
$$;
revoke all on function auth.adopt_address(auth."user", text) from public;
comment on function auth.adopt_address(auth."user", text) is
'Internal: an anonymous user has this address from now on, where pg_gatehouse.autoconfirm believes it.';

create function auth.prune_anonymous_users(older_than interval default '30 days', batch integer default 1000)
returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    pruned integer;
begin
    if older_than is null or older_than < interval '0' or batch is null or batch not between 1 and 1000000 then
        raise exception 'older_than must not be negative, and batch must be 1 to 1000000'
            using errcode = '22023', detail = 'prune_limits_invalid';
    end if;
    with unreachable as (
        select u.id from auth."user" as u
         where u.is_anonymous and u.deleted_at is null and u.created_at < clock_timestamp() - older_than
           and not exists (select from auth.session as s
                            where s.user_id = u.id
                              and least(s.ended_at, s.expires_at) > clock_timestamp() - older_than)
           and not exists (select from auth.external_identity as e where e.user_id = u.id)
           and not exists (select from auth.api_key as k where k.user_id = u.id and k.revoked_at is null)
         order by u.created_at
         limit batch
           for update of u skip locked
    )
    delete from auth."user" using unreachable where "user".id = unreachable.id;
    get diagnostics pruned = row_count;
    if pruned > 0 then
        perform auth.record_event('anonymous_users_pruned', 'success', detail => jsonb_build_object('users', pruned));
    end if;
    return pruned;
end
$$;
revoke all on function auth.prune_anonymous_users(interval, integer) from public;
grant execute on function auth.prune_anonymous_users(interval, integer) to service_role;
comment on function auth.prune_anonymous_users(interval, integer) is
'Deletes anonymous users who have had no living session for that long, so that nobody can come back as them, at most batch of them; gives how many. Call it again until it gives less than batch. Error 22023 for limits out of range.';

create or replace function auth.create_api_key(
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

create or replace function auth.adopt_identity(external_issuer text, external_subject text, address text)
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

create or replace function auth.sign_in_external(token text, tenant text default null)
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

create or replace function auth.link_identity(token text)
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

create or replace function auth.admin_update_user(
    id uuid,
    email text default null,
    password text default null,
    password_hash text default null,
    email_confirm boolean default null,
    user_metadata jsonb default null,
    app_metadata jsonb default null,
    ban_duration text default null
)
returns jsonb
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    before auth."user" := auth.admin_target(admin_update_user.id);
    address text := auth.normalize_email(admin_update_user.email);
    account auth."user";
begin
    perform auth.admin_check(address, admin_update_user.email, admin_update_user.password, admin_update_user.password_hash,
                             coalesce(admin_update_user.user_metadata, '{}'), coalesce(admin_update_user.app_metadata, '{}'));
    begin
        update auth."user" as u
           set email = coalesce(address, u.email),
               password_hash = coalesce(admin_update_user.password_hash,
                   case when admin_update_user.password is not null then auth.hash_password(admin_update_user.password) end, u.password_hash),
               email_confirmed_at = case
                   when admin_update_user.email_confirm then coalesce(u.email_confirmed_at, now())
                   when not admin_update_user.email_confirm then null
                   -- Another address is not confirmed by the old one having been.
                   when address <> u.email then null
                   else u.email_confirmed_at end,
               is_anonymous = u.is_anonymous and not (coalesce(admin_update_user.email_confirm, false)
                                                      and coalesce(address, u.email) is not null),
               user_metadata = (u.user_metadata || coalesce(admin_update_user.user_metadata, '{}'))
                   - array(select key from jsonb_each(admin_update_user.user_metadata) where value = 'null'),
               app_metadata = (u.app_metadata || coalesce(admin_update_user.app_metadata, '{}'))
                   - array(select key from jsonb_each(admin_update_user.app_metadata) where value = 'null'),
               banned_until = case when admin_update_user.ban_duration is null then u.banned_until
                                   else auth.ban_end(admin_update_user.ban_duration) end,
               updated_at = now()
         where u.id = before.id
        returning u.* into strict account;
    exception when unique_violation then
        raise exception 'another user has this e-mail address' using errcode = '23505', detail = 'email_exists';
    end;
    if account.password_hash is distinct from before.password_hash or account.email is distinct from before.email then
        perform auth.admin_end_sessions(account.id, 'credentials_changed');
    end if;
    perform auth.record_event('user_updated', 'success', account.id, detail => jsonb_build_object(
        'email', account.email is distinct from before.email,
        'password', account.password_hash is distinct from before.password_hash,
        'banned', account.banned_until is distinct from before.banned_until));
    return auth.user_json(account);
end
$$;

-- Invitations by the operator, and links that the operator hands over in a way of their own.
--
-- Security definer: admin_invite_user, admin_generate_link (for service_role, write the tables of
-- schema auth).
create type auth.link_result as (
    status text,
    message text,
    kind text,
    token text,
    code text,
    "user" jsonb
);
comment on type auth.link_result is
'What admin_generate_link answers: status is ok or a stable code; kind is what verify_link and verify_otp are to be told, token for the one, code for the other.';

create function auth.link_refusal(status text, message text)
returns auth.link_result
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select row(status, message, null, null, null, null)::auth.link_result
$$;
revoke all on function auth.link_refusal(text, text) from public;
comment on function auth.link_refusal(text, text) is 'Internal: a result that is not ok.';

create function auth.newcomer_objection(address text, user_metadata jsonb, options jsonb)
returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case
        when address is null then 'Unable to validate email address: invalid format'
        when jsonb_typeof(user_metadata) <> 'object' or pg_column_size(user_metadata) > 16384
            then 'User metadata must be a JSON object of at most 16 KiB'
        else auth.options_objection(options)
    end
$$;
revoke all on function auth.newcomer_objection(text, jsonb, jsonb) from public;
comment on function auth.newcomer_objection(text, jsonb, jsonb) is
'Internal: what stands against an operator''s request about an address; null when nothing does.';

create function auth.unconfirmed_user(address text, password_hash text, newcomer auth.newcomer, invited boolean)
returns auth."user"
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    account auth."user";
begin
    insert into auth."user" (email, password_hash, user_metadata, app_metadata, invited_at)
    values (address, unconfirmed_user.password_hash, newcomer.user_metadata, newcomer.app_metadata, case when invited then now() end)
    on conflict do nothing
    returning * into account;
    if account.id is not null then
        perform auth.record_event('user_created', 'success', account.id, detail => jsonb_build_object('invited', invited));
        return account;
    end if;
    -- Somebody who has not proved the address yet: the operator's word counts for more than theirs.
    update auth."user"
       set password_hash = unconfirmed_user.password_hash,
           user_metadata = newcomer.user_metadata, app_metadata = app_metadata || newcomer.app_metadata,
           invited_at = case when invited then now() else invited_at end, updated_at = now()
     where email = address and tenant_id is null and email_confirmed_at is null
       and (banned_until is null or banned_until <= now())
    returning * into account;
    return account;
end
$$;
revoke all on function auth.unconfirmed_user(text, text, auth.newcomer, boolean) from public;
comment on function auth.unconfirmed_user(text, text, auth.newcomer, boolean) is
'Internal: the user of an address that nobody has proved, made when there is none; nulls when the address is taken.';

create function auth.admin_invite_user(email text, user_metadata jsonb default '{}', options jsonb default '{}')
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    address text := auth.normalize_email(admin_invite_user.email);
    objection text := auth.newcomer_objection(address, admin_invite_user.user_metadata, admin_invite_user.options);
    newcomer auth.newcomer;
    account auth."user";
    result auth.sign_in_result;
begin
    if objection is not null then
        return auth.sign_in_refusal('validation_failed', objection);
    end if;
    newcomer := auth.before_sign_up(address, admin_invite_user.user_metadata, null, 'invite');
    if newcomer.status is not null then
        return auth.sign_in_refusal(newcomer.status, newcomer.message);
    end if;
    account := auth.unconfirmed_user(address, null, newcomer, true);
    if account.id is null then
        return auth.sign_in_refusal('email_exists', 'A user with this email address has already been registered');
    end if;
    perform auth.mail_token('invite', account, address, null, '{}', admin_invite_user.options, true);
    result.status := 'ok';
    result."user" := auth.user_json(account);
    return result;
end
$$;
revoke all on function auth.admin_invite_user(text, jsonb, jsonb) from public;
grant execute on function auth.admin_invite_user(text, jsonb, jsonb) to service_role;
comment on function auth.admin_invite_user(text, jsonb, jsonb) is
'Makes a user for the address and mails an invitation, whose link or code (kind invite) proves the address and signs in; again for one who has not taken it up. A password that somebody set for the address before it was proved is void. Its metadata are those given here. options as for sign_up. Statuses: ok, validation_failed, hook_rejected, email_exists.';

create function auth.admin_generate_link(
    kind text,
    email text,
    password text default null,
    new_email text default null,
    user_metadata jsonb default '{}',
    options jsonb default '{}'
)
returns auth.link_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    address text := auth.normalize_email(admin_generate_link.email);
    about jsonb := admin_generate_link.user_metadata;
    objection text := auth.newcomer_objection(address, about, admin_generate_link.options);
    newcomer auth.newcomer;
    account auth."user";
    verdict record;
begin
    if objection is not null then
        return auth.link_refusal('validation_failed', objection);
    end if;
    account := auth.find_user(address, null);
    if kind in ('email_change_current', 'email_change_new') then
        return auth.email_change_link(kind, account, auth.normalize_email(admin_generate_link.new_email), admin_generate_link.options);
    elsif kind = 'recovery' or kind = 'magiclink' and account.email_confirmed_at is not null then
        if account.id is null then
            return auth.link_refusal('user_not_found', 'User with this email not found');
        end if;
        return auth.link_for(account, kind, address, '{}', admin_generate_link.options);
    elsif kind is null or kind not in ('signup', 'invite', 'magiclink') then
        return auth.link_refusal('validation_failed',
            'The kind must be signup, invite, magiclink, recovery, email_change_current or email_change_new');
    end if;
    if kind = 'signup' then
        if coalesce(admin_generate_link.password, '') = '' then
            return auth.link_refusal('validation_failed', 'Signup requires a valid password');
        end if;
        select * into strict verdict from auth.judge_password(admin_generate_link.password, array[address, about ->> 'name'], null);
        if not verdict.ok then
            return auth.link_refusal('weak_password', array_to_string(verdict.reasons, ' '));
        end if;
    end if;
    newcomer := auth.before_sign_up(address, about, null, case kind when 'signup' then 'password' when 'magiclink' then 'otp' else kind end);
    if newcomer.status is not null then
        return auth.link_refusal(newcomer.status, newcomer.message);
    end if;
    account := auth.unconfirmed_user(address, case when kind = 'signup' then auth.hash_password(admin_generate_link.password) end,
                                     newcomer, kind = 'invite');
    if account.id is null then
        return auth.link_refusal('email_exists', 'A user with this email address has already been registered');
    end if;
    -- Whoever is not there yet, or not confirmed, signs up by a link to sign in.
    return auth.link_for(account, case kind when 'magiclink' then 'signup' else kind end, address, '{}', admin_generate_link.options);
end
$$;
revoke all on function auth.admin_generate_link(text, text, text, text, jsonb, jsonb) from public;
grant execute on function auth.admin_generate_link(text, text, text, text, jsonb, jsonb) to service_role;
comment on function auth.admin_generate_link(text, text, text, text, jsonb, jsonb) is
'A link''s token and a code for the operator to hand over; nothing is mailed. kind: signup (with a password), invite, magiclink, recovery, email_change_current, email_change_new (with new_email; both are needed). signup, invite and magiclink make the user when there is none. Statuses: ok, validation_failed, weak_password, hook_rejected, email_exists, user_not_found.';

create function auth.link_for(account auth."user", kind text, address text, data jsonb, options jsonb)
returns auth.link_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    purpose text := case kind when 'signup' then 'confirm_email' when 'magiclink' then 'magic_link' else kind end;
    secret record;
    result auth.link_result;
begin
    secret := auth.issue_one_time_token(purpose, account.id, address, data || auth.challenge_in(options));
    perform auth.record_event('link_generated', 'success', account.id, detail => jsonb_build_object('purpose', purpose));
    result.status := 'ok';
    result.kind := case when kind like 'email\_change\_%' then 'email_change' else kind end;
    result.token := secret.token;
    result.code := secret.code;
    result."user" := auth.user_json(account);
    return result;
end
$$;
revoke all on function auth.link_for(auth."user", text, text, jsonb, jsonb) from public;
comment on function auth.link_for(auth."user", text, text, jsonb, jsonb) is 'Internal: issues a link and a code of a kind and gives both.';

create function auth.email_change_link(kind text, account auth."user", new_address text, options jsonb)
returns auth.link_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    other_kind text := case kind when 'email_change_new' then 'email_change_current' else 'email_change_new' end;
    other auth.one_time_token;
    data jsonb;
begin
    if account.id is null then
        return auth.link_refusal('user_not_found', 'User with this email not found');
    elsif new_address is null then
        return auth.link_refusal('validation_failed', 'Unable to validate the new email address: invalid format');
    elsif (auth.find_user(new_address, auth.pool_of(account))).id is not null then
        return auth.link_refusal('email_exists', 'A user with this email address has already been registered');
    end if;
    -- The two links of one change know each other: the second that is asked for joins the first.
    other := auth.current_one_time_token(account.id, other_kind);
    if other.data ->> 'new_email' = new_address and other.expires_at > clock_timestamp() then
        data := other.data - 'code_challenge';
    else
        data := jsonb_build_object('change', gen_random_uuid(), 'new_email', new_address, 'single', false);
        perform auth.issue_one_time_token(other_kind, account.id,
                                          case other_kind when 'email_change_new' then new_address else account.email end, data);
    end if;
    return auth.link_for(account, kind, case kind when 'email_change_new' then new_address else account.email end, data, options);
end
$$;
revoke all on function auth.email_change_link(text, auth."user", text, jsonb) from public;
comment on function auth.email_change_link(text, auth."user", text, jsonb) is 'Internal: one of the two links of a change of address.';

create function auth.admin_delete_factor(user_id uuid, factor_id uuid)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user" := auth.admin_target(admin_delete_factor.user_id);
    factor auth.mfa_factor := auth.factor_of(admin_delete_factor.factor_id, account.id);
begin
    if factor.id is null then
        return false;
    end if;
    perform auth.remove_factor(account, factor);
    return true;
end
$$;
revoke all on function auth.admin_delete_factor(uuid, uuid) from public;
grant execute on function auth.admin_delete_factor(uuid, uuid) to service_role;
comment on function auth.admin_delete_factor(uuid, uuid) is
'Removes a second factor of a user who has lost it; false when the user has no such factor. With the last verified one the recovery codes go, and sessions are aal1 again; the user is told by mail. Error P0002 user_not_found.';

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

-- What a client may know of how this deployment is set up. Settings only, no table.
create function auth.public_settings()
returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'autoconfirm', current_setting('pg_gatehouse.autoconfirm')::boolean,
        'anonymous_sign_ins', current_setting('pg_gatehouse.anonymous_sign_ins')::boolean,
        'sign_up', current_setting('pg_gatehouse.sign_up')::boolean,
        'password_min_length', current_setting('pg_gatehouse.password_min_length')::integer,
        'issuer', current_setting('pg_gatehouse.issuer'),
        'audience', current_setting('pg_gatehouse.audience'))
$$;
revoke all on function auth.public_settings() from public;
grant execute on function auth.public_settings() to anon, authenticated, service_role;
comment on function auth.public_settings() is
'How this deployment is set up, as far as its clients need it: autoconfirm, anonymous_sign_ins, sign_up, password_min_length, issuer, audience.';

create function auth.hook_problem(setting text, function text)
returns text
language c stable strict parallel safe
as 'MODULE_PATHNAME', 'hook_problem_wrapper';
revoke all on function auth.hook_problem(text, text) from public;
comment on function auth.hook_problem(text, text) is
'Internal: why a function can not be called as the hook of that setting; null when it can, or when it is the empty name of none.';

create function auth.lint_hooks()
returns setof auth.finding
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with place as (
        select 'pg_gatehouse.before_sign_up_hook' as setting, 'jsonb' as returned, 'every sign-up' as what
         union all select 'pg_gatehouse.custom_claims_hook', 'jsonb', 'every sign-in, sign-up and refresh'
         union all select 'pg_gatehouse.event_hook', 'void', 'every act that the audit records as a success'
    ), named as (
        -- What comes from a role or database is below, with its name.
        select s.name as setting, null as holder, s.setting as function
          from pg_settings as s where s.source not in ('database', 'user', 'database user')
         union all
        select lower(split_part(entry, '=', 1)), concat_ws(' in ', 'role ' || quote_ident(r.rolname), 'database ' || quote_ident(d.datname)),
               substr(entry, strpos(entry, '=') + 1)
          from pg_db_role_setting as s
          cross join unnest(s.setconfig) as entry
          left join pg_roles as r on r.oid = s.setrole
          left join pg_database as d on d.oid = s.setdatabase
         where s.setdatabase = 0 or d.datname = current_database()
    )
    select 'error', 'hook_unusable', concat_ws(' of ', setting, holder),
           format('%s can not be called: %s. Until it can, %s fails', function, problem, what),
           format('-- let %s(jsonb) be a function that returns %s, of an owner that clients can not become; or name another one: docs/identity.md', function, returned)
      from named join place using (setting)
      cross join lateral auth.hook_problem(setting, function) as problem
     where problem is not null
$$;
revoke all on function auth.lint_hooks() from public;
comment on function auth.lint_hooks() is 'Internal: findings of lint about hooks that can not be called.';

create or replace function auth.lint()
returns table (level text, code text, object text, message text, remedy text)
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    select f.level, f.code, f.object, f.message, f.remedy
      from (
        select * from auth.lint_row_security() union all
        select * from auth.lint_foreign_keys() union all
        select * from auth.lint_unique_keys() union all
        select * from auth.lint_policy_reach() union all
        select * from auth.lint_policy_trust() union all
        select * from auth.lint_policy_cost() union all
        select * from auth.lint_views() union all
        select * from auth.lint_grants() union all
        select * from auth.lint_default_privileges() union all
        select * from auth.lint_functions() union all
        select * from auth.lint_roles() union all
        select * from auth.lint_identity() union all
        select * from auth.lint_hooks() union all
        select * from auth.lint_settings()
      ) as f
     order by array_position(array['error', 'warning', 'info'], f.level), f.code collate "C", f.object collate "C"
$$;

-- Connections without a front keep their own address where the front tells one.
create or replace function auth.request_ip()
returns inet
language plpgsql stable parallel restricted
set search_path = pg_catalog, pg_temp
as $$
declare
    header text := current_setting('pg_gatehouse.client_address_header');
    headers text := nullif(current_setting('request.headers', true), '');
begin
    -- Who connects without a front has no headers, and is who the connection says.
    if header <> '' and headers is not null then
        return (headers::json ->> lower(header))::inet;
    end if;
    return inet_client_addr();
exception
    -- Whoever sends something else in its place has no address.
    when invalid_text_representation then return null;
end
$$;
