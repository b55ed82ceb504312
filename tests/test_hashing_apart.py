"""Hashing gives way: on a thread of its own, which no signal and no lack of threads makes a failure."""

import os
import pathlib
import sys
import threading
import time

import psycopg
import pytest
from conftest import connect
from throwaway import as_server

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has niceness by thread")

PASSWORD = "seven green sailing boats"
AUTOGROUPS = pathlib.Path("/proc/sys/kernel/sched_autogroup_enabled")
# Half a second, so that there is time to look.
COST = 13
LONG = f"select auth.hash_password('{PASSWORD}', 'bcrypt', {COST})"


@pytest.fixture
def backend():
    with connect("DB") as connection:
        yield connection


class During:
    """A statement in another thread; what happened to it is in `answer` or `error`."""

    def __init__(self, backend, statement):
        self.pid, self.answer, self.error = backend.info.backend_pid, None, None
        self.thread = threading.Thread(target=self.run, args=(backend, statement))

    def run(self, backend, statement):
        try:
            self.answer = backend.execute(statement).fetchone()[0]
        except psycopg.Error as error:
            self.error = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.thread.join()


def stat(path):
    """From the third field of proc(5)'s stat on; the second may have spaces."""
    return path.read_text().rpartition(") ")[2].split()


def niceness(pid):
    """That of each thread, the backend's own first."""
    tasks = sorted(pathlib.Path(f"/proc/{pid}/task").iterdir(), key=lambda task: int(task.name))
    return [int(stat(task / "stat")[16]) for task in tasks]


def wait_until(what, seconds=20):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it has not come to that"
        time.sleep(0.005)


def busy(pid):
    """Once it hashes, the backend waits and its other thread, or itself when it has none, runs."""
    ticks = stat(pathlib.Path(f"/proc/{pid}/stat"))[11]
    wait_until(lambda: int(stat(pathlib.Path(f"/proc/{pid}/stat"))[11]) > int(ticks) + 5)


def verifies(backend, hash):
    return backend.execute("select auth.verify_password(%s, %s)", [PASSWORD, hash]).fetchone()[0]


def test_a_hash_runs_on_a_thread_that_is_nicer_and_that_ends_with_it(backend):
    pid = backend.info.backend_pid
    (own,) = niceness(pid)
    with During(backend, LONG) as hashing:
        busy(pid)
        assert niceness(pid) == [own, own + 5]
    assert niceness(pid) == [own]
    backend.execute(f"set pg_gatehouse.hash_niceness = 1; set pg_gatehouse.bcrypt_cost = {COST}")
    for call, answer in ((f"verify_password('{PASSWORD}', '{hashing.answer}')", True), (f"verify_password('another', '{hashing.answer}')", False),
                         (f"verify_credential('{PASSWORD}', '{hashing.answer}')", True), (f"verify_credential('{PASSWORD}', null)", False)):
        with During(backend, f"select auth.{call}") as verifying:
            busy(pid)
            assert niceness(pid) == [own, own + 1], call
        assert verifying.answer is answer, call


def test_at_zero_it_runs_as_everything_else(backend):
    pid = backend.info.backend_pid
    backend.execute("set pg_gatehouse.hash_niceness = 0")
    with During(backend, LONG) as hashing:
        busy(pid)
        assert len(niceness(pid)) == 1
    assert verifies(backend, hashing.answer)


def test_without_a_thread_to_be_had_it_runs_as_everything_else(backend):
    pid = backend.info.backend_pid
    backend.execute("select 1")
    # The server's user may do that, and is not exempt from it.
    as_server("prlimit", "--pid", pid, "--nproc=0:")
    with During(backend, LONG) as hashing:
        busy(pid)
        assert len(niceness(pid)) == 1
    assert verifies(backend, hashing.answer) and not verifies(backend, hashing.answer[:-1] + ("." if hashing.answer[-1] != "." else "/"))


@pytest.mark.parametrize("how", ["statement_timeout", "cancel"])
def test_a_cancelled_statement_ends_with_its_hash_and_the_backend_lives(owner, backend, how):
    pid = backend.info.backend_pid
    if how == "statement_timeout":
        backend.execute("set statement_timeout = 50")
    with During(backend, LONG) as hashing:
        busy(pid)
        if how == "cancel":
            assert owner.execute("select pg_cancel_backend(%s)", [pid]).fetchone()[0]
    assert isinstance(hashing.error, psycopg.errors.QueryCanceled), hashing.answer
    backend.execute("set statement_timeout = 0")
    assert backend.execute("select pg_backend_pid()").fetchone()[0] == pid and len(niceness(pid)) == 1
    assert verifies(backend, backend.execute("select auth.hash_password(%s)", [PASSWORD]).fetchone()[0])


def test_a_terminated_backend_ends_with_its_hash_and_no_other_does(owner, backend):
    pid, started = backend.info.backend_pid, owner.execute("select pg_postmaster_start_time()").fetchone()[0]
    with During(backend, LONG) as hashing:
        busy(pid)
        assert owner.execute("select pg_terminate_backend(%s)", [pid]).fetchone()[0]
    assert isinstance(hashing.error, psycopg.errors.AdminShutdown), hashing.error
    wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists())
    assert owner.execute("select pg_postmaster_start_time()").fetchone()[0] == started


def test_many_signals_at_any_moment_disturb_neither_hash_nor_backend(owner, backend):
    pid = backend.info.backend_pid
    with During(backend, f"select bool_and(auth.verify_password('{PASSWORD}', h)) from (select auth.hash_password('{PASSWORD}', 'argon2id') as h"
                         " from generate_series(1, 10) offset 0) as hashes") as hashing:
        while hashing.thread.is_alive():
            # SIGUSR1, which every backend has its own handler for.
            owner.execute("select pg_log_backend_memory_contexts(%s)", [pid])
            owner.execute("select pg_notify('nobody', '')")
    assert hashing.answer is True, hashing.error


@pytest.mark.skipif(not AUTOGROUPS.exists() or AUTOGROUPS.read_text().strip() != "1", reason="this kernel has no autogroups")
def test_where_sessions_share_the_processors_the_backend_is_nice_until_it_has_stopped_hashing(backend):
    autogroup = pathlib.Path(f"/proc/{backend.info.backend_pid}/autogroup")
    assert autogroup.read_text().endswith(" nice 0\n")

    def becomes(niceness, statement):
        # The kernel takes ten changes a second, whoever asks.
        def now():
            backend.execute(statement)
            return autogroup.read_text().endswith(f" nice {niceness}\n")
        wait_until(now)

    becomes(5, f"select auth.hash_password('{PASSWORD}', 'bcrypt', 10)")
    backend.execute("select 1")
    assert autogroup.read_text().endswith(" nice 5\n"), "it may hash again at once"
    becomes(0, "select 1")


def test_what_hashes_gets_less_of_a_processor_than_what_asks_for_data(backend):
    processor = min(os.sched_getaffinity(0))
    with connect("DB") as other:
        for connection in (backend, other):
            os.sched_setaffinity(connection.info.backend_pid, {processor})
        endless = "do $$ begin loop perform 1; end loop; end $$"
        other.execute("set statement_timeout = '4s'")
        backend.execute("set statement_timeout = '4s'; set pg_gatehouse.bcrypt_cost = 10")
        with During(other, endless), During(backend, f"select count(auth.hash_password('{PASSWORD}')) from generate_series(1, 1000)"):
            time.sleep(1)
            before = [spent(connection) for connection in (backend, other)]
            time.sleep(2)
            hashed, asked = (spent(connection) - was for connection, was in zip((backend, other), before, strict=True))
    # Niceness 5 is a third of the share.
    assert asked > 2 * hashed > 0, (asked, hashed)


def spent(connection):
    """Processor time of the backend, ticks."""
    return sum(map(int, stat(pathlib.Path(f"/proc/{connection.info.backend_pid}/stat"))[11:13]))
