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
