"""The data API: requests per second and the 99th percentile at 1, 8 and 64 connections, against the same statements sent
by pgbench from as many clients."""

import dataclasses
import json
import os

import load
import statements
from measure import Line, connect, duration, interleaved

CONNECTIONS = (1, 8, 64)
SECONDS = 2
ROUNDS = 3
TICKS = os.sysconf("SC_CLK_TCK")

# One tenant's among ten, each with a hundred projects of five tasks of three comments.
PREPARE = """
create table public.project (id bigint generated always as identity primary key, tenant_id uuid, name text not null);
create table public.task (id bigint generated always as identity primary key, tenant_id uuid,
    project_id bigint not null references public.project, title text not null);
create table public.comment (id bigint generated always as identity primary key, tenant_id uuid,
    task_id bigint not null references public.task, body text not null);
create table public.entry (id bigint generated always as identity primary key, tenant_id uuid, title text not null);
create index on public.task (project_id);
create index on public.comment (task_id);
insert into public.project (tenant_id, name)
select case when n % 10 = 0 then (select id from auth.tenant where slug = 'acme') else md5(n % 10 || '')::uuid end, 'project ' || n
  from generate_series(1, 1000) as n;
insert into public.task (tenant_id, project_id, title)
select project.tenant_id, project.id, 'task ' || n from public.project, generate_series(1, 5) as n;
insert into public.comment (tenant_id, task_id, body)
select task.tenant_id, task.id, 'comment ' || n from public.task, generate_series(1, 3) as n;
select auth.protect(name::regclass) from unnest('{public.project,public.task,public.comment,public.entry}'::text[]) as name;
grant select, insert on public.project, public.task, public.comment, public.entry to authenticated;
create function public.greet(name text) returns text language sql stable
set search_path = pg_catalog, pg_temp as $$ select 'hello ' || name $$;
revoke all on function public.greet(text) from public;
grant execute on function public.greet(text) to authenticated;
analyze;
"""


@dataclasses.dataclass(frozen=True)
class Case:
    """A request, and the share of pgbench's rate that it is to reach at least."""

    name: str
    method: str
    path: str
    body: str | None = None
    at_least: float | None = None


CASES = [
    Case("one row by key", "GET", "/rest/v1/project?select=id,name&id=eq.10", at_least=0.4),
    Case("100 rows", "GET", "/rest/v1/project?select=id,name&limit=100"),
    Case("embedding two levels", "GET", "/rest/v1/project?select=id,name,task(id,title,comment(id,body))&id=eq.10"),
    Case("insert of one row", "POST", "/rest/v1/entry", json.dumps({"title": "one entry"})),
    Case("insert of 1,000 rows", "POST", "/rest/v1/entry", json.dumps([{"title": f"entry {n}"} for n in range(1000)])),
    Case("a function", "POST", "/rest/v1/rpc/greet", json.dumps({"name": "world"})),
]


def measure():
    with connect("DB") as owner:
        owner.execute(PREPARE)
        owner.execute("notify pgrst")
        token = sign_in(owner)
        for case in CASES:
            yield from compare(owner, case, token)
        yield bare(token)


def sign_in(owner):
    return owner.execute("select access_token from auth.sign_in('alice@acme.example', 'seven green sailing boats')").fetchone()[0]


def compare(owner, case, token):
    headers = {"Content-Type": "application/json"} if case.body else {}
    sent = statements.recorded(case.method, case.path, token, case.body, **headers)
    same = statements.script("same", sent)
    body = None
    if case.body:
        body = statements.STATE / "body"
        body.write_text(case.body)
    loads, used = {}, {}

    def http(connections):
        empty(owner)
        before = processor_time()
        found = load.repeat(case.method, case.path, token, body, connections=connections, seconds=SECONDS, **headers)
        loads.setdefault(connections, []).append(found.p99)
        used.setdefault(connections, []).append((processor_time() - before) / found.requests)
        return found.rate

    def pgbench(connections):
        empty(owner)
        return statements.pgbench("AUTHENTICATOR", *same, clients=connections, seconds=SECONDS)

    for connections in CONNECTIONS:
        rates = interleaved(ROUNDS, http=lambda: http(connections), same=lambda: pgbench(connections))
        clients = f"{connections} connections" if connections > 1 else "1 connection"
        yield Line(f"{case.method}: {case.name}, {clients}",
                   f"{rates.median('http'):.0f}/s (99 % within {duration(middle(loads[connections]))}, {duration(middle(used[connections]))}"
                   f" of processor time) against {rates.median('same'):.0f}/s",
                   rates.ratio("http", "same"), at_least=case.at_least)
    empty(owner)


def bare(token):
    """What the boundary costs altogether."""
    case, connections = CASES[0], 8
    query = statements.recorded(case.method, case.path, token)[-1:]
    script = statements.script("bare", query)
    rates = interleaved(
        ROUNDS,
        http=lambda: load.repeat(case.method, case.path, token, connections=connections, seconds=SECONDS).rate,
        bare=lambda: statements.pgbench("DB", *script, clients=connections, seconds=SECONDS),
    )
    return Line(f"GET: {case.name}, {connections} connections, against its query alone as the superuser: no token, no policy, no settings",
                f"{rates.median('http'):.0f}/s against {rates.median('bare'):.0f}/s", rates.ratio("http", "bare"))


def empty(owner):
    owner.execute("truncate public.entry")


def middle(values):
    return sorted(values)[len(values) // 2]


def processor_time():
    """Of the instance's front, in seconds."""
    fields = process("stat").rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def process(file):
    """What the system tells of the instance's front."""
    number = (statements.STATE / "front.pid").read_text().strip()
    with open(f"/proc/{number}/{file}") as told:
        return told.read()
