-- What every file here starts from; run once, as the superuser, in a database of its own.
\set ON_ERROR_STOP 1
create extension pg_gatehouse;
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

-- Two tenants, a user in each, and the tokens of real sign-ins.
insert into auth.tenant (slug, name, sign_up_open) values ('acme', 'Acme', true), ('globex', 'Globex', true);
create table fixture.token (name text primary key, token text not null);
grant select on fixture.token to public;
insert into fixture.token
select name, (auth.sign_up(name || '@example.com', 'seven green sailing boats', '{}', tenant)).access_token
  from (values ('alice', 'acme'), ('bob', 'globex')) as person (name, tenant);
create table fixture.person as
select split_part("user".email, '@', 1) as name, "user".id, tenant_id
  from auth."user" join auth.membership on user_id = "user".id;
grant select on fixture.person to public;

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
