-- The second factor: authenticators (TOTP, RFC 6238).
--
-- Security definer: enroll_totp, challenge_factor, unenroll_factor, my_factors (called by users,
-- read and write the tables of schema auth for the one who calls).

create table auth.mfa_factor (
    id uuid constraint mfa_factor_pkey primary key default pg_catalog.gen_random_uuid(),
    user_id uuid not null constraint mfa_factor_user_id_fkey references auth."user" (id) on delete cascade,
    factor_type text not null default 'totp' constraint mfa_factor_factor_type_check check (factor_type in ('totp')),
    friendly_name text constraint mfa_factor_friendly_name_check check (length(friendly_name) between 1 and 100),
    status text not null default 'unverified' constraint mfa_factor_status_check check (status in ('unverified', 'verified')),
    secret bytea not null,
    last_step bigint,
    last_challenged_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint mfa_factor_user_id_friendly_name_key unique (user_id, friendly_name)
);
create index mfa_factor_verified_idx on auth.mfa_factor (user_id) where status = 'verified';
revoke all on table auth.mfa_factor from public;
comment on table auth.mfa_factor is 'Second factors of users. Reached through functions only.';
comment on column auth.mfa_factor.secret is 'The shared secret, sealed for this id: in another row it does not open.';
comment on column auth.mfa_factor.last_step is 'The last 30-second step whose code was accepted: it and all before it are worth nothing.';
select pg_catalog.pg_extension_config_dump('auth.mfa_factor', '');

create function auth.new_totp(issuer text, account text, out secret bytea, out secret_text text, out uri text)
returns setof record
language c volatile strict parallel unsafe rows 1
as 'MODULE_PATHNAME', 'new_totp_wrapper';
revoke all on function auth.new_totp(text, text) from public;
comment on function auth.new_totp(text, text) is 'Internal: a random 160-bit secret, in base32, and the otpauth URI for a QR code.';

create function auth.match_totp(secret bytea, code text, at bigint, used bigint)
returns bigint
language c immutable parallel safe
as 'MODULE_PATHNAME', 'match_totp_wrapper';
revoke all on function auth.match_totp(bytea, text, bigint, bigint) from public;
comment on function auth.match_totp(bytea, text, bigint, bigint) is
'Internal: the 30-second step that the code is right for, at the time at (seconds since 1970) or one step off; null when there is none after used.';

create function auth.signed_in_user()
returns auth."user"
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user";
begin
    select u.* into account
      from auth."user" as u
      join auth.session as s on s.user_id = u.id
     where u.id = auth.uid() and s.id = auth.session_id() and s.ended_at is null;
    if account.id is null then
        raise exception 'sign in first' using errcode = '42501', detail = 'not_authenticated';
    end if;
    return account;
end
$$;
revoke all on function auth.signed_in_user() from public;
comment on function auth.signed_in_user() is
'Internal: the user of the sealed session; error 42501 when there is no session, as with an API key or another issuer''s token.';

create function auth.enroll_totp(
    friendly_name text default null,
    issuer text default null,
    out id uuid,
    out factor_type text,
    out secret text,
    out uri text
)
returns record
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    account auth."user";
    name text := nullif(btrim($1), '');
    fresh record;
begin
    account := auth.require_step_up();
    if length(name) > 100 then
        raise exception 'the friendly name must have at most 100 characters' using errcode = '22023', detail = 'validation_failed';
    end if;
    -- One at a time for a user: the limit and the names hold.
    perform from auth."user" as u where u.id = account.id for no key update;
    -- What was begun and never finished makes room.
    delete from auth.mfa_factor as f
     where f.user_id = account.id and f.status = 'unverified'
       and (f.friendly_name = name or f.created_at < now() - interval '1 hour');
    if (select count(*) from auth.mfa_factor as f where f.user_id = account.id) >= 10 then
        raise exception 'too many second factors' using errcode = '53400', detail = 'too_many_enrolled_mfa_factors';
    elsif exists (select from auth.mfa_factor as f where f.user_id = account.id and f.friendly_name = name) then
        raise exception 'a factor with this friendly name exists' using errcode = '23505', detail = 'mfa_factor_name_conflict';
    end if;
    select * into strict fresh
      from auth.new_totp(left(coalesce(nullif(btrim($2), ''), nullif(current_setting('pg_gatehouse.product_name'), ''),
                                       current_setting('pg_gatehouse.issuer')), 100),
                         coalesce(account.email, account.id::text));
    id := gen_random_uuid();
    insert into auth.mfa_factor (id, user_id, friendly_name, secret)
    values (enroll_totp.id, account.id, name, auth.seal('mfa_factor:' || enroll_totp.id, fresh.secret));
    perform auth.record_event('factor_enrolled', 'success', account.id, null, auth.session_id(),
                              jsonb_build_object('factor_id', enroll_totp.id));
    factor_type := 'totp';
    secret := fresh.secret_text;
    uri := fresh.uri;
end
$$;
revoke all on function auth.enroll_totp(text, text) from public;
grant execute on function auth.enroll_totp(text, text) to authenticated;
comment on function auth.enroll_totp(text, text) is
'Begins a second factor of the signed-in user: secret (base32) and uri (otpauth, for a QR code) go to the authenticator, once. It counts from the first verify_factor on. Errors: 42501 (insufficient_aal when there is a verified factor), 23505 mfa_factor_name_conflict, 53400 too_many_enrolled_mfa_factors (10).';

create function auth.factor_of(id uuid, user_id uuid)
returns auth.mfa_factor
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select f from auth.mfa_factor as f where f.id = $1 and f.user_id = $2
$$;
revoke all on function auth.factor_of(uuid, uuid) from public;
comment on function auth.factor_of(uuid, uuid) is 'Internal: a factor of this user and of nobody else.';

create function auth.challenge_mac(factor_id uuid, session_id uuid, expiry bigint)
returns uuid
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    select (lpad(to_hex($3), 8, '0') || encode(substr(
        auth.keyed_hash('mfa_challenge', jsonb_build_array($1, $2, $3)::text), 1, 12), 'hex'))::uuid
$$;
revoke all on function auth.challenge_mac(uuid, uuid, bigint) from public;
comment on function auth.challenge_mac(uuid, uuid, bigint) is 'Internal: the id of a challenge: its expiry and 96 bits that only this database can make.';

create function auth.challenge_factor(id uuid, out challenge_id uuid, out factor_type text, out expires_at timestamptz)
returns record
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user" := auth.signed_in_user();
    factor auth.mfa_factor := auth.factor_of($1, account.id);
    expiry bigint := floor(extract(epoch from clock_timestamp()))::bigint + 300;
begin
    if factor.id is null then
        raise exception 'there is no such factor' using errcode = 'P0002', detail = 'mfa_factor_not_found';
    end if;
    update auth.mfa_factor as f set last_challenged_at = now() where f.id = factor.id;
    challenge_id := auth.challenge_mac(factor.id, auth.session_id(), expiry);
    factor_type := factor.factor_type;
    expires_at := to_timestamp(expiry);
end
$$;
revoke all on function auth.challenge_factor(uuid) from public;
grant execute on function auth.challenge_factor(uuid) to authenticated;
comment on function auth.challenge_factor(uuid) is
'A challenge of 5 minutes for a factor of the signed-in user in this session; verify_factor takes it but does not need it. Errors: 42501, P0002 mfa_factor_not_found.';

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

create function auth.unenroll_factor(id uuid)
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
revoke all on function auth.unenroll_factor(uuid) from public;
grant execute on function auth.unenroll_factor(uuid) to authenticated;
comment on function auth.unenroll_factor(uuid) is
'Removes a factor of the signed-in user and gives its id; a verified one needs aal2, and with the last one the recovery codes go. Errors: 42501 (insufficient_aal), P0002 mfa_factor_not_found.';

create function auth.my_factors(
    out id uuid,
    out friendly_name text,
    out factor_type text,
    out status text,
    out created_at timestamptz,
    out updated_at timestamptz,
    out last_challenged_at timestamptz
)
returns setof record
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    account auth."user" := auth.signed_in_user();
begin
    return query
    select f.id, f.friendly_name, f.factor_type, f.status, f.created_at, f.updated_at, f.last_challenged_at
      from auth.mfa_factor as f
     where f.user_id = account.id
     order by f.created_at, f.id;
end
$$;
revoke all on function auth.my_factors() from public;
grant execute on function auth.my_factors() to authenticated;
comment on function auth.my_factors() is 'The second factors of the signed-in user, without their secrets. Errors: 42501.';
