"""How sign-in, refresh, authenticate and their kin grow with the number of users.

Two databases that hold the same, one with a hundredth of the rows (population.py). The functions run in procedures
inside the server, a transaction each, so that no network and no commit is in the times. Small and full take turns, a
batch each, in an order that turns round.

Sign-in is measured without the hash: it costs the same whatever the tables hold, and a hundred times as much as the
rest. In these two databases, auth.verify_credential compares nothing and is content with every password."""

import os
import random
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import population
from measure import Line

# 1 is ten thousand tenants, a million users, five million refresh tokens and ten million audit events.
SCALE = float(os.environ.get("GATEHOUSE_BENCH_SCALE", "1"))
ROUNDS = 40
BATCH = 50
CALLS = 20_000
TABLE_ROWS = 5_000

SCANNED = f"""
select coalesce(string_agg(relname || ' ' || seq_scan, ', '), ''), coalesce(sum(seq_scan), 0)::integer
  from pg_stat_user_tables
 where schemaname = 'auth' and seq_scan > 0 and n_live_tup > {TABLE_ROWS}
"""

PROCEDURES = """
create or replace function auth.verify_credential(password text, hash text) returns boolean
language sql volatile parallel safe as 'select true';

-- Each calls its function once for each of what is given, and tells the seconds and what the next one needs.
create procedure bench.sign_in(emails text[], inout seconds double precision[], inout statuses text[]) language plpgsql as $$
declare
    started timestamptz;
    answer auth.sign_in_result;
begin
    for i in 1..cardinality(emails) loop
        set local role anon;
        started := clock_timestamp();
        answer := auth.sign_in(emails[i], 'any');
        seconds[i] := extract(epoch from clock_timestamp() - started);
        statuses[i] := answer.status;
        commit;
    end loop;
end $$;
create procedure bench.refresh(tokens text[], inout seconds double precision[], inout statuses text[],
                               inout next_tokens text[], inout access_tokens text[]) language plpgsql as $$
declare
    started timestamptz;
    answer auth.sign_in_result;
begin
    for i in 1..cardinality(tokens) loop
        set local role anon;
        started := clock_timestamp();
        answer := auth.refresh(tokens[i]);
        seconds[i] := extract(epoch from clock_timestamp() - started);
        statuses[i] := answer.status;
        next_tokens[i] := answer.refresh_token;
        access_tokens[i] := answer.access_token;
        commit;
    end loop;
end $$;
create procedure bench.authenticate(tokens text[], inout seconds double precision[]) language plpgsql as $$
declare
    started timestamptz;
begin
    for i in 1..cardinality(tokens) loop
        started := clock_timestamp();
        perform auth.authenticate(tokens[i]);
        seconds[i] := extract(epoch from clock_timestamp() - started);
        commit;
    end loop;
end $$;
create procedure bench.switch_tenant(tokens text[], tenants uuid[], inout seconds double precision[], inout statuses text[])
language plpgsql as $$
declare
    started timestamptz;
    answer auth.sign_in_result;
begin
    for i in 1..cardinality(tokens) loop
        perform auth.authenticate(tokens[i]);
        started := clock_timestamp();
        answer := auth.switch_tenant(tenants[i]);
        seconds[i] := extract(epoch from clock_timestamp() - started);
        statuses[i] := answer.status;
        commit;
    end loop;
end $$;
"""


class Place:
    """One of the databases, and the users whose turn it is."""

    def __init__(self, name, scale):
        self.name = f"bench_{name}"
        self.sizes = population.Sizes(scale)

    def make(self):
        population.create(self.name, self.sizes)
        with ThreadPoolExecutor() as both:
            for part in [both.submit(fill, self.name, self.sizes) for fill in (population.fill_identity, population.fill_audit)]:
                part.result()

    def prepare(self):
        with population.connect("DB", self.name) as owner:
            owner.execute(PROCEDURES)
            owner.execute("checkpoint")  # what filling left to be written is nobody's
            owner.execute("select pg_stat_reset()")
        self.login = population.connect("AUTHENTICATOR", self.name)
        switching = [n for n in range(0, self.sizes.users, population.SECOND) if population.second_tenant_of(n, self.sizes)]
        random.Random(population.SEED).shuffle(switching)
        self.users = switching[:ROUNDS * BATCH]
        self.refresh_tokens = {n: population.refresh_token_of(n) for n in self.users}
        self.access_tokens = {}
        self.turn = {}

    def next_users(self, what):
        """The next batch; when all have had their turn, the first ones again."""
        start = self.turn.get(what, 0)
        self.turn[what] = start + BATCH
        return [self.users[i % len(self.users)] for i in range(start, start + BATCH)]

    def call(self, procedure, *given, answers):
        parameters = ", ".join(["%s"] * len(given) + ["null"] * (1 + answers))
        return self.login.execute(f"call bench.{procedure}({parameters})", given).fetchone()

    def sign_in(self):
        users = self.next_users("sign_in")
        seconds, statuses = self.call("sign_in", [f"user{n}@example.com" for n in users], answers=1)
        return good(seconds, statuses)

    def refresh(self):
        users = self.next_users("refresh")
        seconds, statuses, following, access = self.call("refresh", [self.refresh_tokens[n] for n in users], answers=3)
        self.refresh_tokens.update(zip(users, following))
        self.access_tokens.update(zip(users, access))
        return good(seconds, statuses)

    def authenticate(self):
        users = self.next_users("authenticate")
        return self.call("authenticate", [self.access_tokens[n] for n in users], answers=0)[0]

    def switch_tenant(self):
        users = self.next_users("switch_tenant")
        tenants = [population.second_tenant_of(n, self.sizes) for n in users]
        seconds, statuses = self.call("switch_tenant", [self.access_tokens[n] for n in users], tenants, answers=1)
        return good(seconds, statuses)

    def has_permission(self):
        """The time of one call, taken from a scan: as the one measurement of this turn."""
        with self.login.transaction():
            self.login.execute("select auth.authenticate(%s)", [self.access_tokens[self.next_users("has_permission")[0]]])
            started = time.perf_counter()
            held = self.login.execute(f"""select count(*) filter (where auth.has_permission('note:read'))
                                            from generate_series(1, {CALLS})""").fetchone()[0]
            took = time.perf_counter() - started
        if held != CALLS:
            raise RuntimeError("the user does not hold the permission that is asked for")
        return [took / CALLS]

    def scanned(self):
        self.login.close()
        with population.connect("DB", self.name) as owner:
            return owner.execute(SCANNED).fetchone()


def good(seconds, statuses):
    if set(statuses) != {"ok"}:
        raise RuntimeError(f"not what is to be measured: {set(statuses)}")
    return seconds


def measure():
    small, full = Place("small", SCALE / 100), Place("full", SCALE)
    try:
        began = time.perf_counter()
        for place in (full, small):
            place.make()
        made = time.perf_counter() - began
        yield from compare(small, full, made)
    finally:
        for place in (small, full):
            population.drop(place.name)


def compare(small, full, made):
    for place in (small, full):
        place.prepare()
    yield Line(f"two databases, with {full.sizes}, and with a hundredth of that", f"made in {made:.0f} s")
    for name, what in (
        ("sign_in", "`auth.sign_in` without the hash"),
        ("refresh", "`auth.refresh`"),
        ("authenticate", "`auth.authenticate` of a session's token"),
        ("switch_tenant", "`auth.switch_tenant`"),
        ("has_permission", "`auth.has_permission`, a call in a scan"),
    ):
        times, ratio = taking_turns(getattr(small, name), getattr(full, name))
        yield Line(f"{what}: full against small, median (99th percentile)",
                   f"{shown(times['full'])} against {shown(times['small'])}", ratio, at_most=1.5)
    scans, count = full.scanned()
    yield Line(f"sequential scans of tables of more than {TABLE_ROWS} rows while that ran", scans or "none", count, at_most=0)


def taking_turns(small, full):
    """All times of both, and the median of the rounds' ratios of medians. The first round is for caches and plans."""
    times, ratios = {"small": [], "full": []}, []
    order = [("small", small), ("full", full)]
    for number in range(ROUNDS + 1):
        batch = {name: work() for name, work in order}
        order.reverse()
        if number > 0:
            for name, seconds in batch.items():
                times[name] += seconds
            ratios.append(statistics.median(batch["full"]) / statistics.median(batch["small"]))
    return times, statistics.median(ratios)


def shown(seconds):
    """In milliseconds, with three digits that count."""
    median, high = statistics.median(seconds), statistics.quantiles(seconds, n=100)[98]
    return f"{median * 1e3:.3g} ms ({high * 1e3:.3g})"
