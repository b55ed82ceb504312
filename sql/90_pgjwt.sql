-- For users of pgjwt: its four functions over this code.

create function auth.install_pgjwt_shims(schema name)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $outer$
begin
    execute format($create$
        create or replace function %1$I.sign(payload json, secret text, algorithm text default 'HS256')
        returns text language sql volatile security definer set search_path = pg_catalog, pg_temp
        as 'select auth.jwt_sign($1::jsonb, $2, $3)'
    $create$, schema);
    execute format($create$
        create or replace function %1$I.verify(token text, secret text, algorithm text default 'HS256')
        returns table (header json, payload json, valid boolean)
        language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
        as $body$
        declare
            verified jsonb;
        begin
            -- pgjwt asks for no exp; a token that has one must be in time.
            verified := auth.jwt_verify(token, secret, array[algorithm], required => '{}');
            return query select d.header::json, verified::json, true from auth.jwt_decode_unverified(token) as d;
        exception
            -- False, never null; and no payload that nobody signed.
            when invalid_authorization_specification then
                return query select null::json, null::json, false;
        end
        $body$
    $create$, schema);
    execute format($create$
        create or replace function %1$I.url_encode(data bytea)
        returns text language sql immutable set search_path = pg_catalog, pg_temp
        as $body$ select translate(encode($1, 'base64'), E'+/=\n', '-_') $body$
    $create$, schema);
    execute format($create$
        create or replace function %1$I.url_decode(data text)
        returns bytea language sql immutable set search_path = pg_catalog, pg_temp
        as $body$ select decode(rpad(translate($1, '-_', '+/'), (length($1) + 3) / 4 * 4, '='), 'base64') $body$
    $create$, schema);
    execute format($grant$
        revoke all on function %1$I.sign(json, text, text), %1$I.verify(text, text, text) from public
    $grant$, schema);
end
$outer$;
revoke all on function auth.install_pgjwt_shims(name) from public;
comment on function auth.install_pgjwt_shims(name) is
'Creates sign, verify, url_encode and url_decode with pgjwt''s signatures in the schema, over this extension''s code. Grant execute on sign and verify to whom you mean to have them.';
