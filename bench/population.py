"""Databases filled with tenants, users, refresh tokens and audit events, the same for the same seed.

The rows are made by set-based SQL from hashes of their numbers. While they are inserted no trigger runs, so what the
triggers keep (roles and permissions in the memberships) is computed here as well, and checked. The indexes wait and
are built at the end."""

import base64
import hashlib
import os
import uuid

import psycopg

SEED = "pg_gatehouse"
TOKENS_PER_SESSION = 5
# One user in ten is a member of a second tenant.
SECOND = 10
MONTHS = 12
TABLES = ("tenant", "user", "role", "role_permission", "membership", "membership_role", "session", "refresh_token")
PASSWORD = "seven green sailing boats"

INSERTING = """
set session_replication_role = replica;
set synchronous_commit = off;
set maintenance_work_mem = '512MB';
set max_parallel_maintenance_workers = 0;
"""

HELPERS = f"""
create schema bench;
grant usage on schema bench to public;
-- A number's UUID within its kind, the same in every run.
create function bench.id(kind text, n bigint) returns uuid language sql immutable parallel safe as
$$ select md5('{SEED} ' || kind || ' ' || n)::uuid $$;
-- The unused refresh token of a session: 32 bytes and the first four of their SHA-256, in base64url.
create function bench.refresh_token(n bigint) returns text language sql immutable parallel safe as
$$
    select 'gatehouse_rt_' || translate(encode(secret || substr(sha256(secret), 1, 4), 'base64'), '+/', '-_')
      from sha256(convert_to('{SEED} token ' || n, 'utf8')) as secret
$$;
-- The first tenant of a user, and the second of some.
create function bench.tenant_of(n bigint, place bigint, tenants bigint) returns bigint language sql immutable parallel safe as
$$ select (n * (1 + 6 * place) + place) % tenants $$;
"""

TEMPLATES = """
select auth.make_templates();
insert into auth.permission (name) values ('note:read'), ('note:write');
insert into auth.role_permission (role_id, permission)
select role.id, permission from auth.role, unnest(array['note:read', 'note:write']) as permission where role.name = 'member';
"""

IDENTITY = f"""
insert into auth.tenant (id, slug, name)
select bench.id('tenant', n), 'tenant-' || n, 'Tenant ' || n from generate_series(0, {{tenants}} - 1) as n;
insert into auth.role (id, tenant_id, name, description)
select md5(tenant.id || role.name)::uuid, tenant.id, role.name, role.description
  from auth.tenant, auth.role where role.tenant_id is null and tenant.slug like 'tenant-%';
insert into auth.role_permission (role_id, permission)
select copy.id, kept.permission
  from auth.role as copy
  join auth.role as template on template.name = copy.name and template.tenant_id is null
  join auth.role_permission as kept on kept.role_id = template.id
 where copy.tenant_id is not null;

insert into auth."user" (id, email, password_hash, email_confirmed_at, user_metadata, created_at)
select bench.id('user', n), 'user' || n || '@example.com', {{hash}}, now(), jsonb_build_object('name', 'User ' || n),
       now() - interval '1 year' + n * interval '1 year' / {{users}}
  from generate_series(0, {{users}} - 1) as n;

-- The first user of each tenant owns it, the others are members.
create unlogged table bench.member as
select bench.id('tenant', bench.tenant_of(n, place, {{tenants}})) as tenant_id, bench.id('user', n) as user_id,
       case when place = 0 and n < {{tenants}} then 'owner' else 'member' end as role, place
  from generate_series(0, {{users}} - 1) as n, generate_series(0, case when n % {SECOND} = 0 then 1 else 0 end) as place
 where place = 0 or bench.tenant_of(n, 1, {{tenants}}) <> bench.tenant_of(n, 0, {{tenants}});
insert into auth.membership (id, tenant_id, user_id, last_active_at, roles, permissions)
select md5(m.tenant_id || m.user_id::text)::uuid, m.tenant_id, m.user_id, case when m.place = 0 then now() end, array[m.role], held.permissions
  from bench.member as m
  join (select role.name, array_agg(p.permission order by p.permission) as permissions
          from auth.role join auth.role_permission as p on p.role_id = role.id
         where role.tenant_id is null group by role.name) as held on held.name = m.role;
insert into auth.membership_role (tenant_id, user_id, role_id)
select tenant_id, user_id, md5(tenant_id || role)::uuid from bench.member;
drop table bench.member;

insert into auth.session (id, user_id, tenant_id, amr, token_ids, ip, user_agent, created_at, refreshed_at, expires_at)
select bench.id('session', n), bench.id('user', n), bench.id('tenant', bench.tenant_of(n, 0, {{tenants}})),
       jsonb_build_array(jsonb_build_object('method', 'password', 'timestamp', extract(epoch from now())::bigint)),
       array[bench.id('access', n)], '192.0.2.1', 'Mozilla/5.0 (X11; Linux x86_64)', now() - interval '5 hours',
       now() - interval '1 hour', now() - interval '5 hours' + current_setting('pg_gatehouse.session_lifetime')::interval
  from generate_series(0, {{users}} - 1) as n;
-- One chain for each session; the last is unused, and the one whose token bench.refresh_token gives.
insert into auth.refresh_token (id, session_id, parent_id, token_hash, created_at, used_at)
select bench.id('refresh', n * {TOKENS_PER_SESSION} + place), bench.id('session', n),
       case when place > 0 then bench.id('refresh', n * {TOKENS_PER_SESSION} + place - 1) end,
       case when place < {TOKENS_PER_SESSION} - 1 then sha256(convert_to(n || ' ' || place, 'utf8'))
            else auth.refresh_token_hash(bench.refresh_token(n)) end,
       now() - ({TOKENS_PER_SESSION} - place) * interval '1 hour',
       case when place < {TOKENS_PER_SESSION} - 1 then now() - ({TOKENS_PER_SESSION} - 1 - place) * interval '1 hour' end
  from generate_series(0, {TOKENS_PER_SESSION} - 1) as place, generate_series(0, {{users}} - 1) as n;
"""

# They count as sealed; the hashes are not those of a chain, but the end of it is, so that sealing goes on from there.
# This month is left to what is measured. The first thousand numbers are left to what happened before, when the database was made.
AUDIT = """
insert into auth.audit_event (id, at, event, outcome, user_id, tenant_id, session_id, ip, user_agent, position, hash)
overriding system value
select n + 1000, date_trunc('month', now() at time zone 'UTC') at time zone 'UTC' - ({events} - n + 1) * (interval '365 days' / {events}), case when n % 5 = 0 then 'sign_in' else 'refresh' end,
       case when n % 50 = 0 then 'failure' else 'success' end, bench.id('user', person),
       bench.id('tenant', bench.tenant_of(person, 0, {tenants})), bench.id('session', person),
       '192.0.2.1', 'Mozilla/5.0 (X11; Linux x86_64)', n + 1000, sha256(int8send(n))
  from generate_series(1::bigint, {events}) as n, lateral (select n * 7919 % {users} as person) as p;
select setval('auth.audit_event_id_seq', {events} + 1000);
delete from auth.audit_chain;
insert into auth.audit_chain (position, hash, mac)
select last, hash, auth.audit_mark('head', 0, last, hash)
  from (select {events} + 1000 as last, sha256(int8send({events})) as hash) as e;
"""

# What refresh_access would write into some memberships is there already.
CHECK = """
with sample as materialized (select * from auth.membership order by id limit 1000)
select count(*) from sample
 where roles is distinct from array(
           select r.name from auth.membership_role as mr join auth.role as r on r.id = mr.role_id
            where mr.tenant_id = sample.tenant_id and mr.user_id = sample.user_id order by r.name collate "C")
    or permissions is distinct from array(
           select distinct p.permission from auth.membership_role as mr join auth.role_permission as p on p.role_id = mr.role_id
            where mr.tenant_id = sample.tenant_id and mr.user_id = sample.user_id order by p.permission)
"""


class Sizes:
    """How many rows at a scale; 1 is ten thousand tenants, a million users and ten million audit events."""

    def __init__(self, scale):
        self.users = max(1_000, round(1_000_000 * scale))
        self.tenants = max(10, self.users // 100)
        self.tokens = self.users * TOKENS_PER_SESSION
        self.events = self.users * 10

    def __str__(self):
        return f"{self.tenants:,} tenants, {self.users:,} users, {self.tokens:,} refresh tokens, {self.events:,} audit events"


def connect(kind, database):
    """As measure.connect, to another database."""
    connection = psycopg.connect(os.environ[f"GATEHOUSE_{kind}_URI"], autocommit=True, dbname=database)
    connection.prepare_threshold = None
    return connection


def create(database, sizes):
    with connect("DB", "postgres") as owner:
        owner.execute(f"drop database if exists {database} with (force)")
        owner.execute(f"create database {database}")
    with connect("DB", database) as owner:
        owner.execute("create extension pg_gatehouse")
        owner.execute("select auth.rotate_signing_key()")
        owner.execute("update auth.throttle_limit set attempts = null")
        owner.execute(HELPERS)
        owner.execute(TEMPLATES)
        owner.execute("""select auth.make_audit_partition((date_trunc('month', now() at time zone 'UTC') - ago * interval '1 month')::date)
                           from generate_series(1, %s) as ago""", [MONTHS])


def fill(database, sizes, statements, tables):
    """Runs the statements with the tables' indexes switched off, and builds these afterwards."""
    with connect("DB", database) as owner:
        owner.execute(INSERTING)
        hash = owner.execute("select quote_literal(auth.hash_password(%s))", [PASSWORD]).fetchone()[0]
        names = [name for name, in owner.execute(f"select unnest({tables})::text").fetchall()]
        # An index that is not ready is not written to; reindex makes it ready.
        owner.execute(f"update pg_index set indisready = false, indisvalid = false where indrelid = any ({tables})")
        owner.execute(statements.format(hash=hash, **vars(sizes)))
        for name in names:
            owner.execute(f"reindex table {name}")
            owner.execute(f"vacuum (analyze) {name}")


def fill_identity(database, sizes):
    tables = ", ".join(f"""'auth."{name}"'""" for name in TABLES)
    fill(database, sizes, IDENTITY, f"array[{tables}]::regclass[]")
    with connect("DB", database) as owner:
        wrong = owner.execute(CHECK).fetchone()[0]
        if wrong:
            raise RuntimeError(f"{wrong} memberships do not have the permissions of their roles")


def fill_audit(database, sizes):
    # The months that are over; what is measured goes into this one.
    months = """array(select inhrelid::regclass from pg_inherits join pg_class on pg_class.oid = inhrelid
                       where inhparent = 'auth.audit_event'::regclass and relname ~ '_20[0-9]{2}_[0-9]{2}$'
                         and relname < auth.audit_partition((now() at time zone 'UTC')::date))"""
    fill(database, sizes, AUDIT, months)
    with connect("DB", database) as owner:
        owner.execute("analyze auth.audit_event")


def drop(database):
    with connect("DB", "postgres") as owner:
        owner.execute(f"drop database if exists {database} with (force)")


def id_of(kind, number):
    """What bench.id gives."""
    return uuid.UUID(hashlib.md5(f"{SEED} {kind} {number}".encode()).hexdigest())


def refresh_token_of(number):
    """What bench.refresh_token gives."""
    secret = hashlib.sha256(f"{SEED} token {number}".encode()).digest()
    return "gatehouse_rt_" + base64.urlsafe_b64encode(secret + hashlib.sha256(secret).digest()[:4]).decode()


def second_tenant_of(number, sizes):
    """What bench.tenant_of gives; none when it is the first one as well."""
    first, second = number % sizes.tenants, (number * 7 + 1) % sizes.tenants
    return None if first == second else id_of("tenant", second)
