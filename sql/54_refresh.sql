-- Refresh: a new access token, and the next refresh token, for one that is given up.
--
-- A token that was used already is answered in one of two ways. Within
-- pg_gatehouse.refresh_reuse_interval of its first use it is taken for a lost answer or a second
-- tab, and gets the token that is unused now: all end with the same one. Later it is taken for
-- theft, and the session ends for thief and user alike (RFC 9700 §4.14.2).
--
-- There is no exception for the token before the unused one, which some servers always answer: a
-- thief and a user who take turns would each bring exactly that token, and nobody would ever know.
--
-- What is serialised: the lock on the session's row comes first, and everything that decides is
-- read after it. Two refreshes of one session never rotate at once.
--
-- Security definer: refresh (called by anybody who has a token, writes the tables of schema auth).

create function auth.refresh(refresh_token text)
returns auth.sign_in_result
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    hash bytea := auth.refresh_token_hash(refresh.refresh_token);
    owner uuid;
    wait integer;
    session auth.session;
    account auth."user";
    used auth.refresh_token;
    refusal text;
    next_token text;
    result auth.sign_in_result;
begin
    select session_id into owner from auth.refresh_token where token_hash = hash;
    wait := auth.throttle('refresh', owner::text, null);
    if wait is not null then
        return auth.throttled(wait);
    elsif owner is null then
        return auth.refuse_refresh('refresh_token_not_found', session, account);
    end if;
    select * into session from auth.session where id = owner for no key update;
    select * into account from auth."user" where id = session.user_id;
    refusal := auth.session_refusal(session, account, session.tenant_id);
    if refusal is not null then
        return auth.refuse_refresh(refusal, session, account);
    end if;

    select * into used from auth.refresh_token where token_hash = hash;
    if used.id is null then
        return auth.refuse_refresh('refresh_token_not_found', session, account);
    elsif used.used_at is null then
        next_token := auth.rotate_refresh_token(refresh.refresh_token, used);
    elsif used.used_at + current_setting('pg_gatehouse.refresh_reuse_interval')::interval > clock_timestamp() then
        next_token := auth.follow_refresh_chain(refresh.refresh_token, used.id);
        if next_token is null then
            return auth.refuse_refresh('refresh_token_superseded', session, account);
        end if;
    else
        return auth.refuse_refresh('refresh_token_reused', session, account);
    end if;
    result := auth.issue_access_token(session, account, session.tenant_id);
    result.refresh_token := next_token;
    perform auth.record_event('refresh', 'success', account.id, session.tenant_id, session.id,
                              jsonb_build_object('repeated', used.used_at is not null));
    return result;
end
$$;
revoke all on function auth.refresh(text) from public;
grant execute on function auth.refresh(text) to anon, authenticated, service_role;
comment on function auth.refresh(text) is
'Gives a new access token and the next refresh token for a refresh token; a wrong one is a row, not an error. A used one is answered again for pg_gatehouse.refresh_reuse_interval after its first use; later it ends the session. Statuses: ok, refresh_token_not_found, refresh_token_already_used, session_not_found, session_expired, user_banned, throttled.';

create function auth.rotate_refresh_token(token text, used auth.refresh_token)
returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Random, and gone with a rollback: whoever rolls back learns nothing of what comes later.
    fresh uuid := gen_random_uuid();
    next_token text := auth.next_refresh_token(rotate_refresh_token.token, fresh);
begin
    update auth.refresh_token set used_at = clock_timestamp() where id = used.id;
    insert into auth.refresh_token (id, session_id, parent_id, token_hash)
    values (fresh, used.session_id, used.id, auth.refresh_token_hash(next_token));
    return next_token;
end
$$;
revoke all on function auth.rotate_refresh_token(text, auth.refresh_token) from public;
comment on function auth.rotate_refresh_token(text, auth.refresh_token) is
'Internal: uses a token up and gives its successor. The caller has locked the session.';

create function auth.refuse_refresh(reason text, session auth.session, account auth."user")
returns auth.sign_in_result
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    status text := case when reason in ('refresh_token_reused', 'refresh_token_superseded')
                        then 'refresh_token_already_used' else reason end;
begin
    perform auth.record_event('refresh', 'failure', account.id, session.tenant_id, session.id,
                              jsonb_build_object('reason', reason));
    if reason = 'refresh_token_reused' then
        -- Here for this transaction, and in one of its own in case the caller rolls this one back.
        update auth.session as s set ended_at = clock_timestamp(), end_reason = refuse_refresh.reason
         where s.id = session.id and s.ended_at is null;
        perform auth.revoke_session_always(session.id, refuse_refresh.reason);
    elsif reason = 'session_expired' then
        update auth.session as s set ended_at = clock_timestamp(), end_reason = 'expired'
         where s.id = session.id and s.ended_at is null;
    end if;
    return auth.sign_in_refusal(status, auth.session_refusal_message(status));
end
$$;
revoke all on function auth.refuse_refresh(text, auth.session, auth."user") from public;
comment on function auth.refuse_refresh(text, auth.session, auth."user") is
'Internal: records why a refresh is refused, ends the session if that is the answer to it, and says so.';
