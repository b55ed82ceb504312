-- Mail to be sent: written in the transaction that causes it, sent by the front after its commit.
--
-- What is in a mail lets its reader in, so the data are sealed: whoever reads the table or a dump
-- without the master key learns that there was a mail, not what was in it.
--
-- Security definer: take_mail, mail_sent, mail_failed (called by service_role, write the table).

create table auth.mail_outbox (
    id uuid constraint mail_outbox_pkey primary key default pg_catalog.gen_random_uuid(),
    kind text not null constraint mail_outbox_kind_check check (kind ~ '^[a-z][a-z_]{0,62}$'),
    recipient text not null,
    tenant_id uuid constraint mail_outbox_tenant_id_fkey references auth.tenant (id) on delete cascade,
    data bytea,
    attempts integer not null default 0,
    due_at timestamptz not null default clock_timestamp(),
    created_at timestamptz not null default clock_timestamp(),
    done_at timestamptz,
    state text not null default 'waiting'
        constraint mail_outbox_state_check check (state in ('waiting', 'sent', 'dead', 'dropped')),
    last_error text
);
create index mail_outbox_due_at_idx on auth.mail_outbox (due_at) where done_at is null;
create index mail_outbox_created_at_idx on auth.mail_outbox (created_at);
create index mail_outbox_tenant_id_idx on auth.mail_outbox (tenant_id);
revoke all on table auth.mail_outbox from public;
comment on table auth.mail_outbox is 'Mail to be sent, and what became of it, for 30 days. Reached through functions only.';
comment on column auth.mail_outbox.data is 'Sealed JSON: what the template needs, tokens and codes among it; null once it is done.';
comment on column auth.mail_outbox.due_at is 'When it is to be taken next: while a sender has it, the end of its lease.';
comment on column auth.mail_outbox.state is 'waiting; sent; dead: given up after 8 attempts; dropped: never meant to be sent, the address has no user.';
select pg_catalog.pg_extension_config_dump('auth.mail_outbox', '');

create function auth.enqueue_mail(kind text, recipient text, tenant_id uuid, data jsonb, send boolean default true)
returns uuid
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    fresh uuid := gen_random_uuid();
    sealed bytea := auth.seal('mail:' || fresh, convert_to(enqueue_mail.data::text, 'UTF8'));
    at timestamptz := clock_timestamp();
begin
    insert into auth.mail_outbox (id, kind, recipient, tenant_id, data, state, done_at)
    values (fresh, enqueue_mail.kind, enqueue_mail.recipient, enqueue_mail.tenant_id, sealed,
            case when enqueue_mail.send then 'waiting' else 'dropped' end,
            case when not enqueue_mail.send then clock_timestamp() end);
    -- For one that is never sent, too: whoever listens does not learn which.
    perform pg_notify('pg_gatehouse_mail', '');
    delete from auth.mail_outbox
     where id = any (array(select id from auth.mail_outbox
                            where created_at < at - interval '30 days'
                            order by created_at limit 4 for update skip locked));
    return fresh;
end
$$;
revoke all on function auth.enqueue_mail(text, text, uuid, jsonb, boolean) from public;
comment on function auth.enqueue_mail(text, text, uuid, jsonb, boolean) is
'Internal: a mail to be sent when this transaction commits, which then notifies pg_gatehouse_mail. With send false it is written and never sent: the same work for an address that must not get it.';

create function auth.take_mail(
    "limit" integer default 10,
    lease interval default '2 minutes',
    out id uuid,
    out kind text,
    out recipient text,
    out tenant_id uuid,
    out data jsonb,
    out attempt integer
)
returns setof record
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    -- Read once: an index is of no use against a clock that ticks on.
    at timestamptz := clock_timestamp();
begin
    -- A sender that dies keeps its mail no longer than its lease; one that dies each time, 8 times.
    return query
    with taken as (
        update auth.mail_outbox as m
           set attempts = least(m.attempts + 1, 8),
               due_at = at + greatest(least(take_mail.lease, interval '1 hour'), interval '1 second'),
               state = case when m.attempts < 8 then 'waiting' else 'dead' end,
               done_at = case when m.attempts >= 8 then at end,
               data = case when m.attempts < 8 then m.data end,
               last_error = case when m.attempts < 8 then m.last_error else coalesce(m.last_error, 'no sender ever told what became of it') end
         where m.id = any (array(select w.id from auth.mail_outbox as w
                                  where w.done_at is null and w.due_at <= at
                                  order by w.due_at
                                  limit least(greatest(take_mail."limit", 0), 1000)
                                  for update skip locked))
        returning m.*
    )
    select t.id, t.kind, t.recipient, t.tenant_id,
           convert_from(auth.unseal('mail:' || t.id, t.data), 'UTF8')::jsonb || jsonb_build_object('tenant', (
               select jsonb_build_object('id', home.id, 'slug', home.slug, 'name', home.name,
                                         'site_url', home.site_url, 'mail_from', home.mail_from)
                 from auth.tenant as home where home.id = t.tenant_id)),
           t.attempts
      from taken as t
     where t.state = 'waiting'
     order by t.created_at;
end
$$;
revoke all on function auth.take_mail(integer, interval) from public;
grant execute on function auth.take_mail(integer, interval) to service_role;
comment on function auth.take_mail(integer, interval) is
'For the front: up to limit (at most 1000) mails that are due, opened, nobody else''s for the time of the lease (1 second to 1 hour). data has what the template needs, and tenant: {id, slug, name, site_url, mail_from} of the tenant in whose name it is, or null. Answer each with mail_sent or mail_failed; without an answer it is due again when the lease ends.';

create function auth.mail_sent(id uuid)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update auth.mail_outbox as m
       set state = 'sent', done_at = clock_timestamp(), data = null, last_error = null
     where m.id = mail_sent.id and m.done_at is null;
    return found;
end
$$;
revoke all on function auth.mail_sent(uuid) from public;
grant execute on function auth.mail_sent(uuid) to service_role;
comment on function auth.mail_sent(uuid) is 'For the front: the mail was handed to the mail server; what was in it is forgotten. False when it was done already.';

create function auth.mail_failed(id uuid, error text)
returns timestamptz
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    again timestamptz;
begin
    update auth.mail_outbox as m
       set last_error = left(mail_failed.error, 500),
           state = case when m.attempts >= 8 then 'dead' else 'waiting' end,
           done_at = case when m.attempts >= 8 then clock_timestamp() end,
           data = case when m.attempts < 8 then m.data end,
           -- 15 seconds, doubled each time, up to half an hour: all eight within the hour.
           due_at = clock_timestamp() + interval '15 seconds' * power(2, least(greatest(m.attempts, 1) - 1, 7))
     where m.id = mail_failed.id and m.done_at is null
    returning case when m.done_at is null then m.due_at end into again;
    return again;
end
$$;
revoke all on function auth.mail_failed(uuid, text) from public;
grant execute on function auth.mail_failed(uuid, text) to service_role;
comment on function auth.mail_failed(uuid, text) is
'For the front: the mail could not be handed over. Gives when it is due again; null when it is given up, after 8 attempts.';
