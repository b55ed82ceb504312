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
