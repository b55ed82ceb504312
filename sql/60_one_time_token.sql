-- One-time tokens: a link and a code of six digits that are mailed and count once.
--
-- Rows are only ever added: the newest of a purpose and subject counts, and by that voids the ones
-- before. So nobody can block another's mail or code by holding a row lock. For the same reason
-- wrong codes are not counted in the row but in shared memory, where no rollback undoes the count.

create table auth.one_time_token (
    id uuid constraint one_time_token_pkey primary key default pg_catalog.gen_random_uuid(),
    purpose text not null constraint one_time_token_purpose_check check (purpose in (
        'confirm_email', 'recovery', 'magic_link', 'email_change_current', 'email_change_new', 'reauthentication', 'invite')),
    subject uuid not null,
    user_id uuid constraint one_time_token_user_id_fkey references auth."user" (id) on delete cascade,
    address text not null,
    token_hash bytea not null constraint one_time_token_token_hash_key unique,
    code_hash bytea not null,
    data jsonb not null default '{}',
    issued_at timestamptz not null default clock_timestamp(),
    code_expires_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz
);
create index one_time_token_subject_idx on auth.one_time_token (subject, purpose, issued_at desc, id desc);
create index one_time_token_user_id_idx on auth.one_time_token (user_id);
create index one_time_token_new_address_idx on auth.one_time_token (address, issued_at desc) where purpose = 'email_change_new';
create index one_time_token_issued_at_idx on auth.one_time_token (issued_at);
revoke all on table auth.one_time_token from public;
comment on table auth.one_time_token is 'Mailed links and codes, as keyed hashes. Reached through functions only.';
comment on column auth.one_time_token.subject is 'The user; for an address without one, a keyed hash of the address, so that both take the same work.';
comment on column auth.one_time_token.address is 'Where it was mailed to; it counts only while the user has this address.';
comment on column auth.one_time_token.token_hash is 'Keyed hash of the link''s token.';
comment on column auth.one_time_token.code_hash is 'Keyed hash of the code together with id, purpose, subject and address: in another row it means nothing.';
comment on column auth.one_time_token.data is 'What the act needs; never a secret.';
select pg_catalog.pg_extension_config_dump('auth.one_time_token', '');

create function auth.new_one_time_secret(out token text, out code text)
returns setof record
language c volatile parallel unsafe rows 1
as 'MODULE_PATHNAME', 'new_one_time_secret_wrapper';
revoke all on function auth.new_one_time_secret() from public;
comment on function auth.new_one_time_secret() is 'Internal: a random link token and a random code.';

create function auth.read_link_token(token text)
returns text
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'read_link_token_wrapper';
revoke all on function auth.read_link_token(text) from public;
comment on function auth.read_link_token(text) is 'Internal: the link token; null when it can be none.';

create function auth.read_code(code text)
returns text
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'read_code_wrapper';
revoke all on function auth.read_code(text) from public;
comment on function auth.read_code(text) is 'Internal: the six digits of a code as people type it; null when it is none.';

create function auth.count_attempt(id uuid, until timestamptz)
returns integer
language c volatile strict parallel unsafe
as 'MODULE_PATHNAME', 'count_attempt_wrapper';
revoke all on function auth.count_attempt(uuid, timestamptz) from public;
comment on function auth.count_attempt(uuid, timestamptz) is
'Internal: counts an attempt at the code, factor or user with this id, in shared memory, and gives how many there were until they are forgotten at the time that the first fixed. No rollback undoes it.';

create function auth.attempts_wait(id uuid)
returns integer
language c volatile strict parallel unsafe
as 'MODULE_PATHNAME', 'attempts_wait_wrapper';
revoke all on function auth.attempts_wait(uuid) from public;
comment on function auth.attempts_wait(uuid) is 'Internal: seconds until the attempts are forgotten; null when there are none.';

create function auth.forget_attempts(id uuid)
returns void
language c volatile strict parallel unsafe
as 'MODULE_PATHNAME', 'forget_attempts_wrapper';
revoke all on function auth.forget_attempts(uuid) from public;
comment on function auth.forget_attempts(uuid) is 'Internal: forgets the attempts, after a success.';

create function auth.max_attempts()
returns integer
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as 'select 5';
revoke all on function auth.max_attempts() from public;
comment on function auth.max_attempts() is 'Internal: how often a code may be tried.';

create function auth.address_subject(address text)
returns uuid
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    select encode(substr(auth.keyed_hash('one_time_subject', address), 1, 16), 'hex')::uuid
$$;
revoke all on function auth.address_subject(text) from public;
comment on function auth.address_subject(text) is 'Internal: what stands in the place of the user for an address that nobody has.';

create function auth.subject_of(user_id uuid, address text)
returns uuid
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Computed for everybody: the same work.
    instead uuid := auth.address_subject(address);
begin
    return coalesce(user_id, instead);
end
$$;
revoke all on function auth.subject_of(uuid, text) from public;
comment on function auth.subject_of(uuid, text) is 'Internal: whose tokens they are: the user''s, or those of an address that nobody has.';

create function auth.code_hash(id uuid, purpose text, subject uuid, address text, code text)
returns bytea
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    -- A JSON array: no two lists of parts give the same text.
    select auth.keyed_hash('one_time_code', jsonb_build_array(id, purpose, subject, address, code)::text)
$$;
revoke all on function auth.code_hash(uuid, text, uuid, text, text) from public;
comment on function auth.code_hash(uuid, text, uuid, text, text) is 'Internal: the keyed hash of a code, bound to its row.';

create function auth.issue_one_time_token(
    purpose text,
    user_id uuid,
    address text,
    data jsonb,
    out token text,
    out code text
)
returns record
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    row_id uuid := gen_random_uuid();
    subject uuid := auth.subject_of(issue_one_time_token.user_id, issue_one_time_token.address);
    at timestamptz := clock_timestamp();
begin
    select fresh.token, fresh.code into strict token, code from auth.new_one_time_secret() as fresh;
    insert into auth.one_time_token
           (id, purpose, subject, user_id, address, token_hash, code_hash, data, issued_at, code_expires_at, expires_at)
    values (row_id, issue_one_time_token.purpose, subject, issue_one_time_token.user_id, issue_one_time_token.address,
            auth.keyed_hash('one_time_token', issue_one_time_token.token),
            auth.code_hash(row_id, issue_one_time_token.purpose, subject, issue_one_time_token.address, issue_one_time_token.code),
            coalesce(issue_one_time_token.data, '{}'), at,
            at + current_setting('pg_gatehouse.one_time_code_ttl')::interval,
            at + current_setting('pg_gatehouse.one_time_link_ttl')::interval);
    -- More than the longest life of a link: what is deleted was void, and so was all before it.
    delete from auth.one_time_token
     where id = any (array(select id from auth.one_time_token
                            where issued_at < at - interval '8 days'
                            order by issued_at limit 4 for update skip locked));
end
$$;
revoke all on function auth.issue_one_time_token(text, uuid, text, jsonb) from public;
comment on function auth.issue_one_time_token(text, uuid, text, jsonb) is
'Internal: makes a link token and a code for an address and voids those of the same purpose before. user_id is null for an address that nobody has.';

create function auth.current_one_time_token(subject uuid, purpose text)
returns auth.one_time_token
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select t from auth.one_time_token as t
     where t.subject = $1 and t.purpose = $2
     order by t.issued_at desc, t.id desc
     limit 1
$$;
revoke all on function auth.current_one_time_token(uuid, text) from public;
comment on function auth.current_one_time_token(uuid, text) is 'Internal: the one that counts, whether still good or not.';

create function auth.code_matches(token auth.one_time_token, code text)
returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    nothing uuid := '00000000-0000-0000-0000-000000000000';
    -- All of this is done also when there is nothing to compare with: the same work. Counted before
    -- it is compared, so that tries at the same time are counted too.
    tries integer := auth.count_attempt(coalesce(token.id, nothing), coalesce(token.expires_at, 'epoch'));
    hash bytea := auth.code_hash(coalesce(token.id, nothing), coalesce(token.purpose, 'recovery'),
                                 coalesce(token.subject, nothing), coalesce(token.address, 'nobody@example.com'), coalesce(code, ''));
begin
    return coalesce(token.used_at is null and token.code_expires_at > clock_timestamp()
                    and tries <= auth.max_attempts() and hash = token.code_hash, false);
end
$$;
revoke all on function auth.code_matches(auth.one_time_token, text) from public;
comment on function auth.code_matches(auth.one_time_token, text) is
'Internal: whether the code is that of the token, which must be alive; counts the attempt.';

create function auth.spend_one_time_token(id uuid)
returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Whoever comes second waits for the row and then finds it used.
    update auth.one_time_token as t set used_at = clock_timestamp()
     where t.id = spend_one_time_token.id and t.used_at is null and t.expires_at > clock_timestamp();
    return found;
end
$$;
revoke all on function auth.spend_one_time_token(uuid) from public;
comment on function auth.spend_one_time_token(uuid) is 'Internal: marks it used; false when it was used or has expired.';

create function auth.void_one_time_tokens(user_id uuid)
returns void
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    update auth.one_time_token as t set used_at = clock_timestamp() where t.user_id = $1 and t.used_at is null;
    update auth.flow_state as f set used_at = clock_timestamp() where f.user_id = $1 and f.used_at is null;
$$;
revoke all on function auth.void_one_time_tokens(uuid) from public;
comment on function auth.void_one_time_tokens(uuid) is 'Internal: voids all that a user was mailed, and the codes made of it, after a change of credentials.';

create function auth.mails_json(user_id uuid)
returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    change auth.one_time_token := auth.current_one_time_token(mails_json.user_id, 'email_change_new');
    is_open boolean := coalesce(change.used_at is null and change.expires_at > now(), false);
begin
    return jsonb_build_object(
        'confirmation_sent_at', (auth.current_one_time_token(mails_json.user_id, 'confirm_email')).issued_at,
        'recovery_sent_at', (auth.current_one_time_token(mails_json.user_id, 'recovery')).issued_at,
        'email_change_sent_at', case when is_open then change.issued_at end,
        'new_email', case when is_open then change.data ->> 'new_email' end);
end
$$;
revoke all on function auth.mails_json(uuid) from public;
comment on function auth.mails_json(uuid) is
'Internal: what a user was mailed lately, as HTTP clients see it, and the address that is not confirmed yet; with nulls.';
