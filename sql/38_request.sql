-- Who is at the other end of a request.

create function auth.request_ip()
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
revoke all on function auth.request_ip() from public;
comment on function auth.request_ip() is
'Internal: the client''s address: of the connection, or what the HTTP front tells in the header that pg_gatehouse.client_address_header names.';
