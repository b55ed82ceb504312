-- What every file here starts from; run once, as the superuser, in a database of its own.
\set ON_ERROR_STOP 1
create extension pg_gatehouse;
-- The tests try more often than people do; what throttles is tested with limits of its own.
update auth.throttle_limit set attempts = null where (act, scope) <> ('sign_up', 'account');
delete from auth.throttle_delay;
create schema tap;
create extension pgtap schema tap;
grant usage on schema tap to public;
alter database pg_test set search_path = public, tap;

create schema fixture;
grant usage on schema fixture to public;

select auth.rotate_signing_key();

-- A second, known key (that of RFC 8037 A.1), so that tests can sign what no function here would.
insert into auth.signing_key (kid, algorithm, status, public_jwk)
values ('known', 'EdDSA', 'retiring', '{"kty": "OKP", "crv": "Ed25519", "kid": "known", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}');

create function fixture.sign(claims jsonb, header jsonb default '{}')
returns text language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
    select auth.jwt_sign(
        jsonb_build_object(
            'iss', 'pg_gatehouse', 'aud', 'authenticated', 'role', 'authenticated',
            'exp', floor(extract(epoch from clock_timestamp()))::bigint + 600) || claims,
        '{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}',
        'EdDSA',
        '{"kid": "known", "typ": "at+jwt"}'::jsonb || header)
$$;
grant execute on function fixture.sign(jsonb, jsonb) to public;

-- Two tenants, each with an owner, and the tokens of real sign-ins.
select auth.update_tenant('{"sign_up_open": true}', auth.create_tenant(slug, name))
  from (values ('acme', 'Acme'), ('globex', 'Globex')) as tenant (slug, name);
create table fixture.token (name text primary key, token text not null);
grant select on fixture.token to public;
insert into fixture.token
select name, (auth.sign_up(name || '@example.com', 'seven green sailing boats', '{}', tenant)).access_token
  from (values ('alice', 'acme'), ('bob', 'globex')) as person (name, tenant);
create table fixture.person as
select split_part("user".email, '@', 1) as name, "user".id, membership.tenant_id
  from auth."user" join auth.membership on user_id = "user".id;
grant select on fixture.person to public;
select auth.grant_role(id, 'owner', tenant_id), auth.revoke_role(id, 'member', tenant_id) from fixture.person;

create table public.note (
    id bigint generated always as identity primary key,
    tenant_id uuid not null default auth.tenant_id(),
    title text not null
);
alter table public.note enable row level security, force row level security;
create policy tenant on public.note using (tenant_id = auth.tenant_id()) with check (tenant_id = auth.tenant_id());
grant select, insert, update, delete on public.note to authenticated;
grant select on public.note to anon;
insert into public.note (tenant_id, title) select tenant_id, 'of ' || name from fixture.person;

-- What a statement raises: SQLSTATE and DETAIL, which carries the stable code.
create function fixture.refusal(statement text)
returns text language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    detail text;
begin
    execute statement;
    return 'accepted';
exception when others then
    get stacked diagnostics detail = pg_exception_detail;
    return sqlstate || ' ' || detail;
end
$$;
grant execute on function fixture.refusal(text) to public;

-- A member of a tenant (by slug) with a role, or without one, and a token of theirs. Users are made
-- when first named, without a password.
create function fixture.enter(name text, tenant text, role text default null)
returns text language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    home auth.tenant;
    account auth."user";
begin
    select * into strict home from auth.tenant as t where t.slug = enter.tenant;
    insert into auth."user" (email, email_confirmed_at, tenant_id)
    values (enter.name || '@example.com', now(), case when home.isolated then home.id end) on conflict do nothing;
    account := auth.find_user(enter.name || '@example.com', enter.tenant);
    perform auth.add_member(home.id, account.id, enter.role);
    return (auth.open_session(account, home.id, 'password')).access_token;
end
$$;
grant execute on function fixture.enter(text, text, text) to public;

create function fixture.id(name text, pool text default null)
returns uuid language sql stable security definer set search_path = pg_catalog, pg_temp
as $$ select (auth.find_user(name || '@example.com', pool)).id $$;
grant execute on function fixture.id(text, text) to public;

create function fixture.tenant(slug text)
returns uuid language sql stable security definer set search_path = pg_catalog, pg_temp
as $$ select id from auth.tenant where tenant.slug = $1 $$;
grant execute on function fixture.tenant(text) to public;

-- An invitation whose token the test gets to know; of the operator, or of a member.
create function fixture.invite(email text, role text, tenant text, inviter uuid default null, lifetime interval default '1 day')
returns text language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    secret record;
    home uuid := fixture.tenant(invite.tenant);
begin
    select * into strict secret from auth.make_invitation_token();
    update auth.invitation as i set revoked_at = now() where i.tenant_id = home and i.email = invite.email and i.accepted_at is null;
    insert into auth.invitation (tenant_id, email, role_id, token_hash, invited_by, expires_at)
    select home, invite.email, r.id, secret.token_hash, invite.inviter, clock_timestamp() + lifetime
      from auth.role as r where r.tenant_id = home and r.name = invite.role;
    return secret.token;
end
$$;
grant execute on function fixture.invite(text, text, text, uuid, interval) to public;

create function fixture.suspend(tenant text, suspended boolean)
returns void language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ update auth.tenant set suspended_at = case when suspended then now() end where slug = $1 $$;
grant execute on function fixture.suspend(text, boolean) to public;

-- A schema where a tenant's users may create, as a careless deployment has it.
create schema attack;
grant all on schema attack to authenticated;
-- Time passes for the sessions of a user, and for nothing else.
create function fixture.let_time_pass(person text, by interval)
returns void language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
    update auth.session as s
       set created_at = s.created_at - by, refreshed_at = refreshed_at - by, expires_at = expires_at - by
      from auth."user" where "user".id = s.user_id and "user".email = person || '@example.com';
    update auth.refresh_token as t
       set created_at = t.created_at - by, used_at = used_at - by
      from auth.session as s join auth."user" on "user".id = s.user_id
     where s.id = t.session_id and "user".email = person || '@example.com';
$$;
grant execute on function fixture.let_time_pass(text, interval) to public;

-- What authenticating with a token ends in, undone at once.
create function fixture.authenticates(token text)
returns text language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    detail text;
begin
    begin
        perform auth.authenticate(token);
        raise exception using errcode = 'ZZ000';
    exception
        when sqlstate 'ZZ000' then return 'accepted';
        when others then
            get stacked diagnostics detail = pg_exception_detail;
            return detail;
    end;
end
$$;
grant execute on function fixture.authenticates(text) to public;
-- What was in the latest mail of a kind, as its recipient would read it.
create function fixture.mail(address text, kind text)
returns jsonb language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
    select convert_from(auth.unseal('mail:' || id, data), 'UTF8')::jsonb
      from auth.mail_outbox as m
     where m.recipient = $1 and m.kind = $2 and m.state = 'waiting'
     order by created_at desc, id limit 1
$$;
grant execute on function fixture.mail(text, text) to public;

-- A user of the test's own; gives the access token of the sign-up.
create function fixture.join(name text, tenant text default null)
returns text language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
    select (auth.sign_up(name || '@example.com', 'seven green sailing boats', '{}', tenant)).access_token
$$;
grant execute on function fixture.join(text, text) to public;

-- What an authenticator with this factor's secret shows, so many 30-second steps from now.
create function fixture.shown(factor uuid, steps integer default 0)
returns text language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
    select auth.test_totp_code(auth.unseal('mfa_factor:' || id, secret), floor(extract(epoch from clock_timestamp()))::bigint + 30 * steps)
      from auth.mfa_factor where id = factor
$$;
grant execute on function fixture.shown(uuid, integer) to public;

-- The operator's hand on a setting, for the rest of this session.
create function fixture.configure(name text, value text)
returns void language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$ begin perform set_config('pg_gatehouse.' || name, value, false); end $$;
grant execute on function fixture.configure(text, text) to public;

-- Time passes for the codes of followed links.
create function fixture.let_codes_age(person text, by interval)
returns void language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ update auth.flow_state set issued_at = issued_at - by, expires_at = expires_at - by where address = person || '@example.com' $$;
grant execute on function fixture.let_codes_age(text, interval) to public;

-- The last link that a user was mailed, asked for with the challenge of RFC 7636 appendix B.
create function fixture.challenged_link(person text, kind text default 'recovery')
returns text language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    options jsonb := '{"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "s256"}';
begin
    if kind = 'recovery' then
        perform auth.request_recovery(person || '@example.com', null, options);
    else
        perform auth.request_otp(person || '@example.com', options => options);
    end if;
    return fixture.mail(person || '@example.com', kind) ->> 'token';
end
$$;
grant execute on function fixture.challenged_link(text, text) to public;

-- Hooks of the deployment, of a role that owns nothing else but what they wrote down.
do $$ begin
    if not exists (select from pg_roles where rolname = 'hook_owner') then create role hook_owner; end if;
end $$;
create schema app;
grant usage on schema app to hook_owner;
create table app.noted (what jsonb, by_whom text default current_user, path text default current_setting('search_path'));
create table app.allowed (domain text);
insert into app.allowed values ('example.com');
grant insert, select on app.noted to hook_owner;
grant select on app.allowed to hook_owner;
grant usage on schema app to public;
grant select, delete on app.noted to public;
create function app.add_plan(claims jsonb) returns jsonb language plpgsql as $$
begin
    insert into app.noted (what) values (claims);
    return claims || jsonb_build_object('plan', lower('GOLD'));
end
$$;
create function app.add_whatever_they_say(claims jsonb) returns jsonb language sql
as $$ select claims || (claims -> 'user_metadata') $$;
create function app.grow(claims jsonb) returns jsonb language sql as $$ select jsonb_build_object('x', repeat('a', 5000)) $$;
create function app.give_null(given jsonb) returns jsonb language sql as $$ select null::jsonb $$;
create function app.give_list(given jsonb) returns jsonb language sql as $$ select '[1]'::jsonb $$;
create function app.fail(given jsonb) returns jsonb language sql as $$ select to_jsonb(1 / 0) $$;
create function app.raise(given jsonb) returns jsonb language plpgsql as $$ begin raise exception 'not today, %', given ->> 'email'; end $$;
create function app.wait(given jsonb) returns jsonb language plpgsql as $$ begin perform pg_catalog.pg_sleep(60); return given; end $$;
create function app.take_over(given jsonb) returns jsonb language plpgsql as $$
begin
    execute 'set role postgres';
    return given;
end
$$;
create function app.read_users(given jsonb) returns jsonb language sql as $$ select jsonb_build_object('n', count(*)) from auth."user" $$;
create function app.judge(who jsonb) returns jsonb language plpgsql as $$
begin
    insert into app.noted (what) values (who);
    if who ->> 'email' is not null and split_part(who ->> 'email', '@', 2) not in (select domain from app.allowed) then
        raise exception 'Only addresses of example.com';
    end if;
    return jsonb_build_object('app_metadata', jsonb_build_object('source', who -> 'method'),
                              'user_metadata', (who -> 'user_metadata') - 'dropped', 'email', 'somebody@else.example');
end
$$;
create function app.note_event(event jsonb) returns void language sql as $$ insert into app.noted (what) values (event) $$;
create function app.note_and_sign_up(event jsonb) returns void language plpgsql as $$
begin
    insert into app.noted (what) values (event);
    perform auth.throttle_reset('nobody@example.com');
end
$$;
create function app.fail_event(event jsonb) returns void language plpgsql as $$ begin raise exception 'no'; end $$;
create function app.returns_text(given jsonb) returns text language sql as $$ select 'x' $$;
do $$
declare
    hook regprocedure;
begin
    for hook in select oid from pg_proc where pronamespace = 'app'::regnamespace loop
        execute format('alter function %s owner to hook_owner', hook);
    end loop;
end
$$;
-- What the owner of this one may: it is the operator's.
alter function app.note_and_sign_up(jsonb) owner to postgres;

create function fixture.ban(person text, banned boolean)
returns void language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ update auth."user" set banned_until = case when banned then 'infinity'::timestamptz end where email = person || '@example.com' $$;
grant execute on function fixture.ban(text, boolean) to public;

create function fixture.stored_codes(code text)
returns bigint language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
    select (select count(*) from auth.flow_state as f where f::text like '%' || code || '%' or f.code_hash = sha256(code::bytea))
         + (select count(*) from auth.audit_event as e where e.detail::text like '%' || code || '%')
$$;
grant execute on function fixture.stored_codes(text) to public;

-- What a statement ends in while a hook is set: the code, or the message.
create function fixture.with_hook(setting text, hook text, statement text, told text default 'code')
returns text language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    code text;
    message text;
begin
    perform fixture.configure(setting, hook);
    begin
        execute statement;
        code := 'accepted';
    exception when others then
        get stacked diagnostics code = pg_exception_detail, message = message_text;
        code := sqlstate || ' ' || code;
    end;
    perform fixture.configure(setting, '');
    return case told when 'message' then message else code end;
end
$$;
grant execute on function fixture.with_hook(text, text, text, text) to public;

create function fixture.living_sessions(person text)
returns bigint language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ select count(*) from auth.session where user_id = fixture.id(person) and ended_at is null $$;
grant execute on function fixture.living_sessions(text) to public;

-- A user writes something into their metadata and signs in.
create function fixture.says(person text, said jsonb)
returns text language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    update auth."user" set user_metadata = said where id = fixture.id(person);
    return coalesce(nullif(fixture.refusal(format(
        'select auth.open_session(u, null, ''password'') from auth."user" as u where u.id = %L', fixture.id(person))), 'accepted'), 'ok');
end
$$;
grant execute on function fixture.says(text, jsonb) to public;

create function fixture.forget_notes()
returns void language sql volatile security definer set search_path = pg_catalog, pg_temp
as 'delete from app.noted';
grant execute on function fixture.forget_notes() to public;

-- The operator invites an address, or makes a link for it.
create function fixture.invited(address text, out status text, out source text)
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ select i.status, i."user" #>> '{app_metadata,source}' from auth.admin_invite_user(address) as i $$;
grant execute on function fixture.invited(text) to public;
create function fixture.linked(kind text, address text)
returns text language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
    select l.status || ' ' || coalesce(l."user" #>> '{app_metadata,source}', '')
      from auth.admin_generate_link(kind, address, case kind when 'signup' then 'seven green sailing boats' end) as l
$$;
grant execute on function fixture.linked(text, text) to public;

-- The members of an object and their types, all the way down.
create function fixture.shape(value jsonb)
returns jsonb language sql immutable set search_path = pg_catalog, pg_temp
as $$
    select case jsonb_typeof(value)
        when 'object' then (select jsonb_object_agg(m.key, fixture.shape(m.value)) from jsonb_each(value) as m)
        when 'array' then (select coalesce(jsonb_agg(fixture.shape(e)), '[]') from jsonb_array_elements(value) as e)
        else to_jsonb(jsonb_typeof(value)) end
$$;
grant execute on function fixture.shape(jsonb) to public;

-- A session of a user, as after a right password.
create function fixture.let_in(person text)
returns auth.sign_in_result language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ select auth.open_session(u, null, 'password') from auth."user" as u where u.id = fixture.id(person) $$;
grant execute on function fixture.let_in(text) to public;
create function fixture.decide(person text, app_metadata jsonb)
returns void language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ update auth."user" set app_metadata = decide.app_metadata where id = fixture.id(person) $$;
grant execute on function fixture.decide(text, jsonb) to public;

-- Tenants to sign up to without an invitation: any address, one domain, none; and an isolated one.
create function fixture.tenant_for_strangers()
returns void language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    insert into auth.tenant (slug, name, sign_up_open, allowed_email_domains, isolated)
    values ('open-to-all', 'All', true, null, false), ('open-to-some', 'Some', true, '{example.com}', false),
           ('open-to-none', 'None', false, null, false), ('open-island', 'Island', true, null, true);
    perform auth.copy_templates(id) from auth.tenant where slug like 'open-%';
end
$$;
grant execute on function fixture.tenant_for_strangers() to public;
create function fixture.pool(id text)
returns text language sql stable security definer set search_path = pg_catalog, pg_temp
as $$ select coalesce(t.slug, 'shared') from auth."user" as u left join auth.tenant as t on t.id = u.tenant_id where u.id = $1::uuid $$;
grant execute on function fixture.pool(text) to public;

-- Time passes since a user showed who they are; since their sessions lived.
create function fixture.let_proofs_age(id text, by interval)
returns void language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
    update auth.session as s set amr = (
        select jsonb_agg(p || jsonb_build_object('timestamp', (p ->> 'timestamp')::bigint - extract(epoch from by)::bigint))
          from jsonb_array_elements(s.amr) as p)
     where s.user_id = let_proofs_age.id::uuid
$$;
grant execute on function fixture.let_proofs_age(text, interval) to public;
create function fixture.let_sessions_end(id text, ago interval)
returns void language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
    update auth."user" set created_at = created_at - 2 * ago where "user".id = let_sessions_end.id::uuid;
    update auth.session set ended_at = now() - ago, end_reason = 'signed_out' where user_id = let_sessions_end.id::uuid
$$;
grant execute on function fixture.let_sessions_end(text, interval) to public;
create function fixture.pruned()
returns integer language sql volatile security definer set search_path = pg_catalog, pg_temp
as 'select auth.prune_anonymous_users()';
grant execute on function fixture.pruned() to public;

-- What a statement of the operator's gives.
create function fixture.operate(statement text)
returns text language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    result text;
begin
    execute statement into result;
    return result;
end
$$;
grant execute on function fixture.operate(text) to public;
create function fixture.link(kind text, address text)
returns auth.link_result language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ select auth.admin_generate_link(kind, address, case kind when 'signup' then 'seven green sailing boats' end) $$;
grant execute on function fixture.link(text, text) to public;
create function fixture.waiting_mails()
returns bigint language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ select count(*) from auth.mail_outbox where recipient in ('sia@example.com', 'ina@example.com', 'olga@example.com', 'new.mia@example.com') $$;
grant execute on function fixture.waiting_mails() to public;
