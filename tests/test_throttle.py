"""The throttle: shared by all connections, kept over rollbacks and restarts, closed to strangers and open to owners."""

import contextlib
import os
import pathlib
import signal
import subprocess
import threading
import time
import uuid

import psycopg
import pytest
from conftest import PASSWORDS, connect, uri
from test_operations import BIN, as_server, folder, free_port  # noqa: F401

THROTTLE = "select auth.throttle(%s, %s, null)"
OUTCOME = "select auth.throttle_outcome(%s, %s, %s)"
SIGN_IN = "select status, retry_after from auth.sign_in(%s, %s)"
HOME, AWAY = "192.0.2.1", "198.51.100.1"


def somebody():
    return f"{uuid.uuid4()}@example.com"


@contextlib.contextmanager
def limit(owner, act, scope, attempts, per, burst):
    set_limit = "update auth.throttle_limit set attempts = %s, per = %s, burst = %s where act = %s and scope = %s"
    owner.execute(set_limit, [attempts, per, burst, act, scope])
    try:
        yield
    finally:
        owner.execute(set_limit, [None, "1 minute", 1, act, scope])


@pytest.fixture
def delays(owner):
    """The default ones, but for a first one that outlasts a busy machine's hash."""
    owner.execute("""insert into auth.throttle_delay
                     select act, 4, '1 minute', '15 minutes', 100, '30 days' from unnest('{sign_in,code,factor}'::text[]) as act""")
    yield
    owner.execute("delete from auth.throttle_delay")


@pytest.fixture
def elsewhere(owner):
    """A connection to a database of its own, where nobody has tried anything yet."""
    name = f"throttle_{uuid.uuid4().hex[:8]}"
    owner.execute(f"create database {name}")
    with connect("DB", database=name) as connection:
        connection.execute("create extension pg_gatehouse")
        connection.execute("update auth.throttle_limit set attempts = null")
        yield connection
    owner.execute(f"drop database {name} with (force)")


def come_from(connection, address):
    """As if the front told this address."""
    connection.execute("set pg_gatehouse.client_address_header = 'X-Real-IP'")
    connection.execute("select set_config('request.headers', json_build_object('x-real-ip', %s::text)::text, false)", [address])


def fail(connection, account, times, act="sign_in"):
    connection.execute("select auth.throttle_outcome(%s, %s, false) from generate_series(1, %s)", [act, account, times])


def wait(connection, account, act="sign_in"):
    return connection.execute(THROTTLE, [act, account]).fetchone()[0]


def test_counters_are_shared_by_all_connections(owner):
    account = somebody()
    with limit(owner, "refresh", "account", 1, "1 hour", 4), connect("DB") as other:
        verdicts = [wait(connection, account, "refresh") for _ in range(3) for connection in (owner, other)]
        assert verdicts[:4] == [None] * 4 and all(3590 <= seconds <= 3600 for seconds in verdicts[4:])


def test_exactly_the_burst_gets_through_however_many_try_at_once(owner):
    account, allowed, start = somebody(), [], threading.Barrier(16)

    def run():
        with connect("DB") as connection:
            start.wait()
            for _ in range(20):
                allowed.append(wait(connection, account, "refresh") is None)

    with limit(owner, "refresh", "account", 1, "1 hour", 50):
        threads = [threading.Thread(target=run) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sum(allowed) == 50 and len(allowed) == 320


def test_no_rollback_error_or_cancelled_statement_undoes_a_count(owner, delays):
    account = somebody()
    with limit(owner, "refresh", "account", 1, "1 hour", 4), connect("DB") as connection:
        with connection.transaction(force_rollback=True):
            assert wait(connection, account, "refresh") is None
            with connection.transaction(force_rollback=True):
                assert wait(connection, account, "refresh") is None
        with pytest.raises(psycopg.errors.DivisionByZero):
            connection.execute("select auth.throttle('refresh', %s, null), 1 / (random() * 0)::int", [account])
        connection.execute("set statement_timeout = '50ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("select auth.throttle('refresh', %s, null), pg_sleep(10)", [account])
        assert wait(connection, account, "refresh") is not None
        # Sixteen attempts that are broken off before they can fail, and no more.
        allowed = 0
        for _ in range(20):
            with contextlib.suppress(psycopg.errors.QueryCanceled):
                connection.execute("select pg_sleep(10) where auth.throttle('sign_in', %s, null) is null", [account])
                continue
            allowed += 1
        assert allowed == 16


def test_limits_from_the_table_hold_at_once_in_open_connections(owner):
    account = somebody()
    with connect("DB") as open_one:
        assert [wait(open_one, account, "invite") for _ in range(5)] == [None] * 5
        with limit(owner, "invite", "account", 1, "1 hour", 1):
            assert wait(open_one, account, "invite") is None
            assert wait(open_one, account, "invite") == 3600
            with open_one.transaction():
                open_one.execute("select 1")
                owner.execute("update auth.throttle_limit set attempts = null where act = 'invite' and scope = 'account'")
                assert wait(open_one, account, "invite") is None, "in the middle of a transaction"


def test_the_database_is_limited_as_a_whole_and_no_other(owner, elsewhere):
    with limit(elsewhere, "recovery", "global", 1, "1 hour", 10):
        verdicts = []
        for n in range(20):
            come_from(elsewhere, f"203.0.113.{n}")
            verdicts.append(wait(elsewhere, somebody(), "recovery"))
        assert verdicts.count(None) == 10 and verdicts[-1] > 3500
        assert wait(owner, somebody(), "recovery") is None


def test_an_account_is_limited_across_addresses_and_an_address_across_accounts(owner):
    account = somebody()
    with limit(owner, "sign_in", "account", 1, "1 hour", 10), limit(owner, "sign_in", "address", 1, "1 hour", 10), connect("DB") as connection:
        verdicts = []
        for n in range(30):
            come_from(connection, f"10.0.{n}.1")
            verdicts.append(wait(connection, account))
        assert verdicts.count(None) == 10
        # One /64 is one client, whatever the other half of the address is.
        prefix = f"2001:db8:{uuid.uuid4().hex[:4]}:1"
        verdicts = []
        for n in range(30):
            come_from(connection, f"{prefix}::{n + 1:x}")
            verdicts.append(wait(connection, somebody()))
        assert verdicts.count(None) == 10
        come_from(connection, f"{prefix[:-1]}2::1")
        assert wait(connection, somebody()) is None


def test_whose_address_the_front_does_not_tell_is_limited_all_the_same(elsewhere):
    with limit(elsewhere, "sign_in", "address", 1, "1 hour", 2):
        elsewhere.execute("set pg_gatehouse.client_address_header = 'X-Real-IP'")
        verdicts = []
        for headers in ("", "{}", '{"x-real-ip": "nonsense"}', "no json", '{"x-real-ip": null}'):
            elsewhere.execute("select set_config('request.headers', %s, false)", [headers])
            verdicts.append(wait(elsewhere, somebody()))
        assert verdicts.count(None) == 2


def test_known_and_unknown_accounts_are_throttled_alike(owner, delays):
    known, unknown = somebody(), somebody()
    owner.execute("select auth.sign_up(%s, 'seven green sailing boats')", [known])
    owner.execute("select auth.throttle_reset(%s)", [known])
    with connect() as connection:
        connection.execute("set role anon")
        whole = "select s.* from auth.sign_in(%s, %s) as s"
        for expected in ["invalid_credentials"] * 5 + ["throttled"] * 2:
            seen = [connection.execute(whole, [email, "wrong password"]).fetchone() for email in (known, unknown)]
            assert [row[0] for row in seen] == [expected] * 2
            assert expected == "throttled" or seen[0] == seen[1], "each failure answers the same"
        fail(owner, known, 20), fail(owner, unknown, 20)
        # The right password of the known one, too; and both at once, with no hash.
        times = {known: [], unknown: []}
        for _ in range(200):
            for email in (known, unknown):
                start = time.perf_counter()
                row = connection.execute(whole, [email, "seven green sailing boats"]).fetchone()
                times[email].append(time.perf_counter() - start)
                assert row[0] == "throttled" and row[1] == "Request rate limit reached" and 890 <= row[6] <= 900
                assert [column for at, column in enumerate(row) if at not in (0, 1, 6)] == [None] * 6
        # The share of pairs in which the known one is slower; 0.5 when they are alike.
        slower = sum(a > b for a, b in zip(times[known], times[unknown])) / 200
        assert 0.35 < slower < 0.65, slower
        assert sorted(times[known])[100] < 0.1
    owner.execute('delete from auth."user" where email = %s', [known])


def test_a_stranger_can_not_shut_an_account_for_its_owner(owner, delays):
    account, password = somebody(), "seven green sailing boats"
    with connect("DB") as home, connect("DB") as away:
        come_from(home, HOME), come_from(away, AWAY)
        assert home.execute("select status from auth.sign_up(%s, %s)", [account, password]).fetchone()[0] == "ok"
        fail(away, account, 100)
        assert away.execute(SIGN_IN, [account, password]).fetchone() == ("throttled", 30 * 86_400)
        assert home.execute(SIGN_IN, [account, password]).fetchone() == ("ok", None), "where the owner has been lately"
        assert away.execute(SIGN_IN, [account, password]).fetchone()[0] == "throttled", "which opens nothing elsewhere"
        fail(home, account, 100)
        assert home.execute(SIGN_IN, [account, password]).fetchone()[0] == "throttled", "a known address gets its hundred, no more"
        # The other way: a code from the mail, at a new address.
        with connect("DB") as phone:
            come_from(phone, "203.0.113.200")
            assert phone.execute(SIGN_IN, [account, password]).fetchone()[0] == "throttled"
            phone.execute(OUTCOME, ["code", account, True])
            assert phone.execute(SIGN_IN, [account, password]).fetchone() == ("ok", None)
    owner.execute('delete from auth."user" where email = %s', [account])


def test_the_right_password_of_a_banned_user_counts_as_a_failure(owner, delays):
    account, password = somebody(), "seven green sailing boats"
    owner.execute("select auth.sign_up(%s, %s)", [account, password])
    owner.execute("update auth.\"user\" set banned_until = 'infinity' where email = %s", [account])
    with connect("DB") as away:
        come_from(away, AWAY)
        assert [away.execute(SIGN_IN, [account, password]).fetchone()[0] for _ in range(6)] == ["invalid_credentials"] * 5 + ["throttled"]
    owner.execute('delete from auth."user" where email = %s', [account])


def test_a_flood_of_made_up_accounts_neither_grows_memory_nor_frees_an_attacked_account(owner, delays):
    victim = somebody()
    fail(owner, victim, 15)
    usage = "select sum(bytes), sum(places), bool_and(used <= places) from auth.throttle_usage()"
    before = owner.execute(usage).fetchone()
    with limit(owner, "sign_in", "address", 150, "5 minutes", 30), limit(owner, "sign_in", "account", 30, "10 minutes", 15), connect("DB") as flood:
        flood.execute("set pg_gatehouse.client_address_header = 'X-Real-IP'")
        flood.execute("""
            do $$ begin
                for n in 1..200000 loop
                    perform set_config('request.headers', '{"x-real-ip": "' || '10.' || n >> 16 || '.' || (n >> 8 & 255) || '.' || (n & 255) || '"}', false),
                            auth.throttle('sign_in', 'flood' || n || '@example.com', null),
                            auth.throttle_outcome('sign_in', 'flood' || n || '@example.com', false);
                end loop;
            end $$""".replace("n >> 16", "(n >> 16)"))
    assert owner.execute(usage).fetchone() == before and before[2]
    assert before[0] < 4 * 1024 * 1024
    assert wait(owner, victim) > 800
    assert owner.execute("select failures from auth.throttle_status(%s) where act = 'sign_in'", [victim]).fetchone()[0] == 15


def test_service_role_sees_and_opens_an_account(owner, delays):
    account = somebody()
    fail(owner, account, 30)
    with connect("SERVICE_AUTHENTICATOR") as service:
        service.execute("set role service_role")
        status = "select failures, retry_after, known_address from auth.throttle_status(%s) where act = 'sign_in'"
        assert service.execute(status, [account]).fetchone()[::2] == (30, False)
        service.execute("select auth.throttle_reset(%s)", [account.upper()])
        assert service.execute(status, [account]).fetchone() == (0, None, False)
        assert len(service.execute("select * from auth.throttle_usage()").fetchall()) == 6
        for statement in ("select auth.throttle('sign_in', 'x', null)", "select auth.throttle_outcome('sign_in', 'x', true)"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                service.execute(statement)


def test_http_says_when_to_come_back(owner, http, delays):
    account = somebody()
    fail(owner, account, 30)
    response = http.post("/auth/v1/token?grant_type=password", json={"email": account, "password": "x"})
    assert response.status_code == 429 and response.json()["error_code"] == "over_request_rate_limit"
    assert 890 <= int(response.headers["retry-after"]) <= 900


def test_changed_limits_survive_a_dump_and_defaults_come_with_the_extension(owner):
    name = f"dump_{uuid.uuid4().hex[:8]}"
    owner.execute(f"create database {name}"), owner.execute(f"create database {name}_restored")
    try:
        with connect("DB", database=name) as first:
            first.execute("create extension pg_gatehouse")
            first.execute("update auth.throttle_limit set attempts = 7 where act = 'sign_in' and scope = 'account'")
            first.execute("update auth.throttle_limit set attempts = null where act = 'code' and scope = 'global'")
            first.execute("update auth.throttle_delay set free_failures = 2 where act = 'factor'")
            tables = ("auth.throttle_limit", "auth.throttle_delay")
            rows = [first.execute(f"select * from {table} order by 1, 2").fetchall() for table in tables]
        dump = subprocess.run([BIN / "pg_dump", uri("DB", name)], check=True, capture_output=True, text=True).stdout
        subprocess.run([BIN / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", uri("DB", name + "_restored")], check=True, input=dump, text=True, capture_output=True)
        with connect("DB", database=name + "_restored") as second:
            assert [second.execute(f"select * from {table} order by 1, 2").fetchall() for table in tables] == rows
            assert len(rows[0]) == 28 and sum(not row[-1] for row in rows[0]) == 2
    finally:
        owner.execute(f"drop database {name} with (force)"), owner.execute(f"drop database {name}_restored with (force)")


@pytest.fixture
def cluster(folder):  # noqa: F811
    """A server of this test's own, to be killed."""
    port, data = free_port(), folder / "data"
    as_server(BIN / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-locale", "-E", "UTF8", "--no-sync")

    class Cluster:
        def start(self):
            as_server(BIN / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o",
                      f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c shared_preload_libraries=pg_gatehouse", "start")

        def stop(self, mode):
            as_server(BIN / "pg_ctl", "-D", data, "-m", mode, "-w", "stop")

        def connect(self):
            return psycopg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres", autocommit=True)

        def postmaster(self):
            return int((data / "postmaster.pid").read_text().split()[0])

        def file(self):
            return data / "pg_stat/pg_gatehouse.throttle"

        def become_standby(self):
            as_server("touch", data / "standby.signal")

    cluster = Cluster()
    cluster.start()
    with cluster.connect() as connection:
        connection.execute("create extension pg_gatehouse")
    yield cluster
    with contextlib.suppress(subprocess.CalledProcessError):
        cluster.stop("immediate")


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def test_failures_and_known_addresses_outlive_restarts_and_kills(cluster):
    failures = {f"account{n}": 5 + n for n in range(20)}

    def expect():
        with cluster.connect() as connection:
            for account, times in failures.items():
                seen = connection.execute("select failures, retry_after from auth.throttle_status(%s) where act = 'sign_in'", [account]).fetchone()
                assert seen[0] == times, account
            assert wait(connection, "account15") > 700
            assert connection.execute("select known_address from auth.throttle_status('owner', %s) where act = 'sign_in'", [HOME]).fetchone()[0]
            assert connection.execute("select failures from auth.throttle_status('forgiven') where act = 'sign_in'").fetchone()[0] == 0

    with cluster.connect() as connection:
        with connection.transaction(force_rollback=True):
            for account, times in failures.items():
                fail(connection, account, times)
        fail(connection, "forgiven", 50)
        connection.execute(OUTCOME, ["sign_in", "forgiven", True])
        come_from(connection, HOME)
        connection.execute(OUTCOME, ["sign_in", "owner", True])
    expect()
    assert cluster.file().stat().st_mode & 0o777 == 0o600

    cluster.stop("fast")
    cluster.start()
    expect()

    # A backend dies: PostgreSQL makes its shared memory anew.
    with cluster.connect() as victim:
        fail(victim, "account19", 1)
        failures["account19"] += 1
        pid = victim.info.backend_pid
        os.kill(pid, signal.SIGKILL)
        until(lambda: gone(pid))

    def answers():
        try:
            with cluster.connect() as connection:
                return connection.execute("select not pg_is_in_recovery()").fetchone()[0]
        except psycopg.OperationalError:
            return False

    until(answers)
    expect()

    # Everything dies at once.
    with cluster.connect() as connection:
        fail(connection, "account18", 1)
        failures["account18"] += 1
        backends = [row[0] for row in connection.execute("select pid from pg_stat_activity where pid <> pg_backend_pid()")]
        mine, postmaster = connection.info.backend_pid, cluster.postmaster()
        for pid in (postmaster, mine):
            os.kill(pid, signal.SIGKILL)
        until(lambda: all(gone(pid) for pid in (postmaster, mine, *backends)))
    cluster.start()
    expect()

    # A standby counts in its memory and its own file.
    cluster.stop("fast")
    cluster.become_standby()
    cluster.start()
    with cluster.connect() as connection:
        assert connection.execute("select pg_is_in_recovery()").fetchone()[0]
        fail(connection, "at-standby", 12)
        assert 120 <= wait(connection, "at-standby") <= 128
    expect()


def test_a_damaged_or_missing_file_is_made_anew(cluster):
    for content in (b"", b"nonsense", None):
        cluster.stop("fast")
        if content is None:
            cluster.file().unlink()
        else:
            cluster.file().write_bytes(content)
        cluster.start()
        with cluster.connect() as connection:
            fail(connection, "x", 12)
            assert 120 <= wait(connection, "x") <= 128
    cluster.stop("immediate")
    # Entries of random bytes: nobody is let in or kept out for ever by them.
    whole = bytearray(cluster.file().read_bytes())
    whole[48:] = os.urandom(len(whole) - 48)
    cluster.file().write_bytes(whole)
    cluster.start()
    with cluster.connect() as connection:
        assert wait(connection, "y") is None
        fail(connection, "y", 12)
        assert wait(connection, "y") > 0


def test_a_call_costs_microseconds(owner, delays):
    """Measured and printed; the assertion leaves room for a busy machine."""
    with connect("DB") as connection:
        connection.execute("set jit = off")
        come_from(connection, "203.0.113.9")

        def cost(call):
            start = time.perf_counter()
            connection.execute(f"select count({call}) from generate_series(1, 50000) as n")
            return (time.perf_counter() - start) / 50_000 * 1e6

        base = cost("n")
        for name, call in (("attempt", "auth.throttle('sign_in', n::text, null)"), ("refused", "auth.throttle('sign_in', 'x', null)"),
                           ("failure", "auth.throttle_outcome('sign_in', 'x', false)"), ("success", "auth.throttle_outcome('sign_in', n::text, true)")):
            each = min(cost(call) for _ in range(3)) - base
            print(f"throttle, {name}: {each:.1f} µs")
            assert each < 200
