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

\ir fixture/login_flows.sql
\ir fixture/hooks.sql
