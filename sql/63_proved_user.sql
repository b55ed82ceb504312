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
