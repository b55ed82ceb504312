"""What `auth.tenant_id()` and its kin cost per row: scans of two million rows of a thousand tenants.

`auth.has_permission` and `auth.has_role` are asked for each row in the filter of an aggregate: in `where`, and in a
policy, PostgreSQL asks what names no column once for the whole query.

The explicit filters run in one sealed transaction of `service_role`, which row-level security does not touch; the
policy runs in a sealed transaction of `authenticated`, with the same condition and no filter of the query's own."""

import json
import uuid

from measure import Line, against, connect, interleaved

ROWS = 2_000_000
TENANTS = 1_000

# The table fits into shared_buffers and every page is visible to all: nothing but the rows is measured.
PREPARE = f"""
create table bench.row (id bigint not null, tenant_id uuid not null);
insert into bench.row (id, tenant_id)
select n, md5('tenant ' || n % {TENANTS})::uuid from generate_series(1, {ROWS}) as n;
alter table bench.row enable row level security;
create policy tenant on bench.row to authenticated using (tenant_id = auth.tenant_id());
grant select on bench.row to authenticated, service_role;
"""
CONSTANT = "select count(*) from bench.row where tenant_id = '{tenant}'::uuid"
ACCESSOR = "select count(*) from bench.row where tenant_id = auth.tenant_id()"
CLAIMS = "select count(*) from bench.row where tenant_id = (current_setting('request.jwt.claims')::jsonb ->> 'tenant_id')::uuid"
POLICY = "select count(*) from bench.row"
QUESTIONS = {"constant": "true", "permission": "auth.has_permission('note:read')", "role": "auth.has_role('member')"}


def measure():
    with connect("DB") as owner:
        owner.execute(PREPARE)
        owner.execute("vacuum (analyze, freeze) bench.row")
        tenant = owner.execute("select tenant_id from bench.row where id = 1").fetchone()[0]
        yield from sequential(owner, tenant)
        owner.execute("create index on bench.row (tenant_id)")
        owner.execute("vacuum (analyze) bench.row")
        yield from indexed(owner, tenant)


def sequential(owner, tenant):
    with sealed(owner, tenant, "service_role") as service, sealed(owner, tenant, "authenticated") as member:
        works = queries(service, member, tenant, "Seq Scan")
        fast = interleaved(15, **works)
        slow = interleaved(3, accessor=works["accessor"], claims=asking(service, CLAIMS, "Seq Scan"))
    yield Line("sequential scan, 2 million rows, `= auth.tenant_id()` against a constant",
               *against(fast, "accessor", "constant"), at_most=1.5)
    yield Line("the same as a row-level security policy against the constant",
               *against(fast, "policy", "constant"), at_most=1.5)
    yield Line("`(current_setting('request.jwt.claims')::jsonb ->> 'tenant_id')::uuid` against `auth.tenant_id()`",
               *against(slow, "claims", "accessor"), at_least=12)
    yield from questions(owner, tenant)


def questions(owner, tenant):
    with sealed(owner, tenant, "service_role") as service:
        times = interleaved(15, **{name: counting(service, question) for name, question in QUESTIONS.items()})
    for name in ("permission", "role"):
        yield Line(f"sequential scan, 2 million rows, `{QUESTIONS[name]}` against `true`",
                   *against(times, name, "constant"), at_most=1.5)


def indexed(owner, tenant):
    with sealed(owner, tenant, "service_role") as service, sealed(owner, tenant, "authenticated") as member:
        times = interleaved(400, **queries(service, member, tenant, "Index"))
    yield Line("index on tenant_id, 2000 rows, `= auth.tenant_id()` against a constant",
               *against(times, "accessor", "constant"), at_most=1.05)
    yield Line("the same as a row-level security policy against the constant",
               *against(times, "policy", "constant"), at_most=1.05)


def sealed(owner, tenant, role):
    """A connection inside a transaction of the tenant's user, with PostgREST's setting beside the sealed session."""
    claims = {
        # No user of this database: the tenants of the table have no members.
        "sub": f"bench|{uuid.uuid4()}", "role": role, "tenant_id": str(tenant), "tenant_slug": "acme", "aal": "aal1",
        "email": "alice@acme.example", "roles": ["member"], "permissions": ["note:read", "note:write"],
        "app_metadata": {"provider": "email", "providers": ["email"]}, "user_metadata": {"name": "Alice"},
    }
    token = owner.execute("select auth.mint_token(%s)", [json.dumps(claims)]).fetchone()[0]
    connection = connect("SERVICE_AUTHENTICATOR" if role == "service_role" else "AUTHENTICATOR")
    connection.execute("begin")
    whole = owner.execute("select claims from auth.jwt_decode_unverified(%s)", [token]).fetchone()[0]
    connection.execute("select set_config('request.jwt.claims', %s, true)", [json.dumps(whole)])
    connection.execute("select auth.authenticate(%s)", [token])
    return connection


def queries(service, member, tenant, node):
    return {
        "constant": asking(service, CONSTANT.format(tenant=tenant), node),
        "accessor": asking(service, ACCESSOR, node),
        "policy": asking(member, POLICY, node),
    }


def asking(connection, query, node):
    """The query as a work, once it is known to be planned as meant and to find the tenant's rows."""
    plan = [row[0] for row in connection.execute("explain (costs off) " + query)]
    if node not in plan[1] or "tenant_id = " not in plan[2]:
        raise RuntimeError(f"not the plan that is to be measured: {plan}")

    def work():
        found = connection.execute(query).fetchone()[0]
        if found != ROWS // TENANTS:
            raise RuntimeError(f"{query} found {found} rows")

    return work


def counting(connection, question):
    """Counts all rows, and asks for each."""
    query = f"select count(*) filter (where {question}) from bench.row"

    def work():
        found = connection.execute(query).fetchone()[0]
        if found != ROWS:
            raise RuntimeError(f"{query} counted {found} rows")

    return work
