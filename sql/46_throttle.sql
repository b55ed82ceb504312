-- How often something may be tried. The counters are in shared memory (src/throttle); here are the
-- limits.
--
-- Security definer: throttle_reset (records who opened an account again).

create table auth.throttle_limit (
    act text not null constraint throttle_limit_act_check
        check (act in ('sign_in', 'sign_up', 'refresh', 'recovery', 'code', 'factor', 'invite')),
    scope text not null constraint throttle_limit_scope_check check (scope in ('account', 'address', 'tenant', 'global')),
    attempts integer constraint throttle_limit_attempts_check check (attempts between 1 and 1000000),
    per interval not null constraint throttle_limit_per_check check (per between interval '1 second' and interval '30 days'),
    burst integer not null constraint throttle_limit_burst_check check (burst between 1 and 1000000),
    is_default boolean not null default false,
    constraint throttle_limit_pkey primary key (act, scope)
);
revoke all on table auth.throttle_limit from public;
comment on table auth.throttle_limit is
'How often an act may be tried within a scope. Changes hold at once, in open connections, too. A deleted row: no limit, but a restored dump has the default again; attempts null says so for good.';
comment on column auth.throttle_limit.act is
'sign_in; sign_up; refresh (trading a refresh token); recovery (asking for a mail); code (giving a code that came by mail); factor (giving a code of a second factor); invite.';
comment on column auth.throttle_limit.scope is
'account: wherever the attempts come from. address: the client''s IPv4 address or IPv6 /64, whatever it names. tenant. global: this database.';
comment on column auth.throttle_limit.attempts is 'Attempts per "per" in the long run, 1 to 1000000; null: no limit.';
comment on column auth.throttle_limit.per is '1 second to 30 days.';
comment on column auth.throttle_limit.burst is 'Attempts at once after a rest, 1 to 1000000.';
comment on column auth.throttle_limit.is_default is 'As the extension made it; a change makes it false, and only such rows are dumped.';
select pg_catalog.pg_extension_config_dump('auth.throttle_limit', 'where not is_default');

create table auth.throttle_delay (
    act text constraint throttle_delay_pkey primary key
        constraint throttle_delay_act_check check (act in ('sign_in', 'code', 'factor')),
    free_failures integer not null constraint throttle_delay_free_check check (free_failures between 0 and 100),
    first_delay interval not null
        constraint throttle_delay_first_check check (first_delay between interval '1 second' and interval '1 hour'),
    longest_delay interval not null
        constraint throttle_delay_longest_check check (longest_delay between first_delay and interval '1 day'),
    shut_after integer not null constraint throttle_delay_shut_check check (shut_after between 1 and 100),
    halve_after interval not null
        constraint throttle_delay_halve_check check (halve_after between interval '1 day' and interval '365 days'),
    is_default boolean not null default false
);
revoke all on table auth.throttle_delay from public;
comment on table auth.throttle_delay is
'How long an account waits after consecutive failures of an act (NIST SP 800-63B-4 section 3.2.2). Where it has signed in lately, it has a count of its own.';
comment on column auth.throttle_delay.free_failures is 'Failures without a delay, 0 to 100.';
comment on column auth.throttle_delay.first_delay is 'Wait after the next failure, 1 second to 1 hour; each further one doubles it.';
comment on column auth.throttle_delay.longest_delay is 'Longest wait, up to 1 day.';
comment on column auth.throttle_delay.shut_after is
'Failures after which the way is shut, 1 to 100, until a code from the mail or an administrator opens it, or half is forgotten.';
comment on column auth.throttle_delay.halve_after is 'Quiet time after which half of the failures is forgotten, 1 to 365 days.';
comment on column auth.throttle_delay.is_default is 'As the extension made it; a change makes it false, and only such rows are dumped.';
select pg_catalog.pg_extension_config_dump('auth.throttle_delay', 'where not is_default');

insert into auth.throttle_limit (act, scope, attempts, per, burst, is_default)
values
    ('sign_in', 'account', 30, '10 minutes', 15, true),
    ('sign_in', 'address', 150, '5 minutes', 30, true),
    ('sign_in', 'tenant', 1200, '1 minute', 600, true),
    ('sign_in', 'global', 3000, '1 minute', 1000, true),
    ('sign_up', 'account', 20, '1 hour', 10, true),
    ('sign_up', 'address', 60, '1 hour', 20, true),
    ('sign_up', 'tenant', 1000, '1 hour', 200, true),
    ('sign_up', 'global', 6000, '1 hour', 600, true),
    ('refresh', 'account', 600, '5 minutes', 300, true),
    ('refresh', 'address', 6000, '5 minutes', 1000, true),
    ('refresh', 'tenant', null, '1 minute', 1, true),
    ('refresh', 'global', null, '1 minute', 1, true),
    ('recovery', 'account', 4, '1 hour', 3, true),
    ('recovery', 'address', 30, '1 hour', 10, true),
    ('recovery', 'tenant', 600, '1 hour', 100, true),
    ('recovery', 'global', 3000, '1 hour', 300, true),
    ('code', 'account', 20, '10 minutes', 10, true),
    ('code', 'address', 60, '5 minutes', 30, true),
    ('code', 'tenant', null, '1 minute', 1, true),
    ('code', 'global', 6000, '1 minute', 2000, true),
    ('factor', 'account', 20, '10 minutes', 10, true),
    ('factor', 'address', 150, '5 minutes', 30, true),
    ('factor', 'tenant', null, '1 minute', 1, true),
    ('factor', 'global', 6000, '1 minute', 2000, true),
    ('invite', 'account', 60, '1 hour', 30, true),
    ('invite', 'address', 120, '1 hour', 60, true),
    ('invite', 'tenant', 300, '1 hour', 100, true),
    ('invite', 'global', 6000, '1 hour', 600, true);

insert into auth.throttle_delay (act, free_failures, first_delay, longest_delay, shut_after, halve_after, is_default)
values
    ('sign_in', 4, '1 second', '15 minutes', 100, '30 days', true),
    ('code', 4, '1 second', '15 minutes', 100, '30 days', true),
    ('factor', 4, '1 second', '15 minutes', 100, '30 days', true);

-- A restored dump brings the changed rows to a fresh extension that has the defaults.
create function auth.throttle_keep_changes()
returns trigger
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'UPDATE' then
        new.is_default := false;
    elsif tg_table_name = 'throttle_limit' then
        delete from auth.throttle_limit where act = new.act and scope = new.scope and is_default;
    else
        delete from auth.throttle_delay where act = new.act and is_default;
    end if;
    return new;
end
$$;
revoke all on function auth.throttle_keep_changes() from public;
comment on function auth.throttle_keep_changes() is 'Trigger: a new row takes the place of the default one, and a changed row is none any more.';
create trigger keep_changes before insert or update on auth.throttle_limit
    for each row execute function auth.throttle_keep_changes();
create trigger keep_changes before insert or update on auth.throttle_delay
    for each row execute function auth.throttle_keep_changes();

create function auth.throttle_changed()
returns trigger
language c volatile
as 'MODULE_PATHNAME', 'gatehouse_throttle_changed';
revoke all on function auth.throttle_changed() from public;
comment on function auth.throttle_changed() is 'Trigger: tells every backend that the limits have changed.';
create trigger throttle_changed after insert or update or delete or truncate on auth.throttle_limit
    for each statement execute function auth.throttle_changed();
alter table auth.throttle_limit enable always trigger throttle_changed;
create trigger throttle_changed after insert or update or delete or truncate on auth.throttle_delay
    for each statement execute function auth.throttle_changed();
alter table auth.throttle_delay enable always trigger throttle_changed;

create function auth.throttle(act text, account text, tenant_id uuid)
returns integer
language c volatile parallel unsafe
as 'MODULE_PATHNAME', 'throttle_wrapper';
revoke all on function auth.throttle(text, text, uuid) from public;
comment on function auth.throttle(text, text, uuid) is
'Internal: counts one attempt for the account, the client''s address, the tenant and the database. Null: go on, and tell auth.throttle_outcome how it ended. Otherwise seconds to wait; nothing was counted. No rollback undoes it. account is any text that names it, the same for all acts: the normalised e-mail address.';

create function auth.throttle_outcome(act text, account text, success boolean)
returns void
language c volatile parallel unsafe
as 'MODULE_PATHNAME', 'throttle_outcome_wrapper';
revoke all on function auth.throttle_outcome(text, text, boolean) from public;
comment on function auth.throttle_outcome(text, text, boolean) is
'Internal: how an attempt ended. A success of sign_in, code and factor ends their consecutive failures, and one of code those of sign_in as well, wherever they came from; sign_in, sign_up and code make the client''s address known for 90 days. So tell of a success only when the credential was right and the caller learns it.';

create function auth.throttle_tenant(slug text)
returns uuid
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- A slug that is no tenant's is counted like one, so that being throttled tells nothing.
    select case when slug is not null then
        coalesce((select id from auth.tenant where tenant.slug = throttle_tenant.slug), md5(throttle_tenant.slug)::uuid)
    end
$$;
revoke all on function auth.throttle_tenant(text) from public;
comment on function auth.throttle_tenant(text) is 'Internal: what auth.throttle counts a tenant under that a stranger named by its slug.';

create function auth.throttle_status(
    account text,
    address inet default null,
    out act text,
    out failures integer,
    out retry_after integer,
    out known_address boolean
)
returns setof record
language c volatile parallel unsafe rows 7
as 'MODULE_PATHNAME', 'throttle_status_wrapper';
revoke all on function auth.throttle_status(text, inet) from public;
grant execute on function auth.throttle_status(text, inet) to service_role;
comment on function auth.throttle_status(text, inet) is
'For each act the consecutive failures of an account (its normalised e-mail address) and the seconds until it may try again, null when it may now: anywhere, or at an address, where it may be known.';

create function auth.throttle_forget(account text, address inet)
returns void
language c volatile parallel unsafe
as 'MODULE_PATHNAME', 'throttle_forget_wrapper';
revoke all on function auth.throttle_forget(text, inet) from public;
comment on function auth.throttle_forget(text, inet) is 'Internal: what throttle_reset does.';

create function auth.throttle_reset(account text, address inet default null)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    name text := coalesce(auth.normalize_email(throttle_reset.account), throttle_reset.account);
begin
    if name is null then
        return;
    end if;
    perform auth.throttle_forget(name, throttle_reset.address);
    perform auth.record_event('throttle_reset', 'success', (select id from auth."user" where email = name));
end
$$;
revoke all on function auth.throttle_reset(text, inet) from public;
grant execute on function auth.throttle_reset(text, inet) to service_role;
comment on function auth.throttle_reset(text, inet) is
'Opens an account again: forgets its failures and attempts at every act, and those that it has at an address for itself. No rollback undoes it.';

create function auth.throttle_usage(out region text, out places integer, out used integer, out bytes integer)
returns setof record
language c volatile parallel unsafe rows 6
as 'MODULE_PATHNAME', 'throttle_usage_wrapper';
revoke all on function auth.throttle_usage() from public;
grant execute on function auth.throttle_usage() to service_role;
comment on function auth.throttle_usage() is
'The regions of the throttle''s memory, of all databases: entries that there is room for and that are used. The size never changes.';
