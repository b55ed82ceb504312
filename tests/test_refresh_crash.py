"""Refresh under load on a server of its own: 200 at once, and a kill -9 in the middle of 1,000."""

import os
import pathlib
import secrets
import shutil
import signal
import tempfile
import threading
import time

import psycopg
import pytest
from test_operations import BIN, as_server, free_port

SESSIONS, REFRESHES, CLIENTS = 40, 1000, 8
REFRESH = "select status, access_token, refresh_token from auth.refresh(%s)"


class Server:
    """A cluster with the extension and one user."""

    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        key = folder / "master.key"
        key.write_text(secrets.token_hex(32))
        key.chmod(0o600)
        if os.getuid() == 0:
            shutil.chown(key, "postgres", "postgres")
        as_server(BIN / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "--no-locale", "-E", "UTF8")
        self.start()
        with self.connect() as owner:
            owner.execute("create extension pg_gatehouse")
            owner.execute("select auth.rotate_signing_key()")
            owner.execute("update auth.throttle_limit set attempts = null")
            owner.execute("insert into auth.\"user\" (email) values ('vera@example.com')")

    def start(self):
        as_server(BIN / "pg_ctl", "-D", self.folder / "data", "-w", "-l", self.folder / "log", "-o",
                  f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=230"
                  " -c shared_preload_libraries=pg_gatehouse -c pg_gatehouse.refresh_reuse_interval=5min"
                  f" -c pg_gatehouse.master_key_file={self.folder}/master.key", "start")

    def connect(self, role="postgres"):
        return psycopg.connect(f"postgresql://{role}@127.0.0.1:{self.port}/postgres", autocommit=True)

    def open_sessions(self, count):
        """Their refresh tokens."""
        with self.connect() as owner:
            rows = owner.execute(
                "select (auth.open_session(u, null, 'password')).refresh_token from auth.\"user\" as u, generate_series(1, %s)", [count])
            return [row[0] for row in rows]

    def kill(self):
        """As when the machine stops: postmaster and every process of it."""
        postmaster = int((self.folder / "data/postmaster.pid").read_text().split()[0])
        children = [int(path.parent.name) for path in pathlib.Path("/proc").glob("[0-9]*/stat") if parent(path) == postmaster]
        for pid in (postmaster, *children):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        # Until whoever inherited them has taken note, they are still in the list of processes.
        while any(pathlib.Path(f"/proc/{pid}").exists() for pid in (postmaster, *children)):
            time.sleep(0.01)

    def stop(self):
        as_server(BIN / "pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop")


def parent(path):
    """The parent's id in a process's stat line, which has the name in parentheses before it."""
    try:
        return int(path.read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return None


@pytest.fixture(scope="module")
def server():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="gatehouse-test-", dir="/var/tmp"))
    if os.getuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    server = Server(folder)
    yield server
    server.stop()
    shutil.rmtree(folder)


def chains(connection):
    """How many unused tokens the sessions have, and how many tokens have two successors."""
    unused = connection.execute(
        "select count(*) filter (where used_at is null) from auth.session as s left join auth.refresh_token on session_id = s.id group by s.id").fetchall()
    forks = connection.execute("select count(*) from (select from auth.refresh_token where parent_id is not null group by parent_id having count(*) > 1) as fork").fetchone()[0]
    return {row[0] for row in unused}, forks


def test_200_refreshes_of_one_token_at_once_leave_one_chain_and_all_get_a_working_token(server):
    token = server.open_sessions(1)[0]
    connections = [server.connect("authenticator") for _ in range(200)]
    for connection in connections:
        connection.execute("set role anon")
    results, barrier = [None] * 200, threading.Barrier(200)

    def job(at):
        barrier.wait()
        results[at] = connections[at].execute(REFRESH, [token]).fetchone()

    threads = [threading.Thread(target=job, args=[at]) for at in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {result and result[0] for result in results} == {"ok"}
    assert len({refresh for _, _, refresh in results}) == 1
    for connection, (_, access, _) in zip(connections, results, strict=True):
        connection.execute("reset role")
        with connection.transaction():
            connection.execute("select auth.authenticate(%s)", [access])
        connection.close()
    with server.connect() as owner:
        assert chains(owner) == ({1}, 0)
        assert owner.execute("select count(*) from auth.refresh_token").fetchone()[0] == 2
        assert owner.execute(REFRESH, [results[0][2]]).fetchone()[0] == "ok"


def refresh_until(server, histories, stop, count, done):
    """Refreshes these sessions in turn and notes each token that it was given."""
    try:
        with server.connect("authenticator") as client:
            client.execute("set role anon")
            while not stop.is_set():
                for history in histories:
                    status, _, token = client.execute(REFRESH, [history[-1]]).fetchone()
                    assert status == "ok", status
                    history.append(token)
                    done.append(None)
                    if len(done) >= count:
                        stop.set()
    except psycopg.OperationalError:
        pass  # the server is gone


def run_clients(server, histories, count, done):
    stop = threading.Event()
    clients = [threading.Thread(target=refresh_until, args=[server, histories[at::CLIENTS], stop, count, done]) for at in range(CLIENTS)]
    for client in clients:
        client.start()
    return stop, clients


def test_a_kill_in_the_middle_of_1000_refreshes_loses_no_session_and_lets_no_token_be_used_twice(server):
    histories = [[token] for token in server.open_sessions(SESSIONS)]
    done = []
    stop, clients = run_clients(server, histories, REFRESHES, done)
    while len(done) < REFRESHES // 2 and any(client.is_alive() for client in clients):
        stop.wait(0.001)
    assert REFRESHES // 2 <= len(done) < REFRESHES
    server.kill()
    for client in clients:
        client.join()
    server.start()

    # Every client goes on with the last token that it got, also where the answer to it was lost.
    stop, clients = run_clients(server, histories, REFRESHES, done)
    for client in clients:
        client.join()
    assert len(done) >= REFRESHES
    with server.connect() as owner:
        owner.execute("set role anon")
        for history in histories:
            status, _, token = owner.execute(REFRESH, [history[-1]]).fetchone()
            assert status == "ok"
            history.append(token)
        owner.execute("reset role")
        assert chains(owner) == ({1}, 0)
        # With the window shut, of all tokens that were ever given none that was used is good again.
        owner.execute("set pg_gatehouse.refresh_reuse_interval = 0")
        last = owner.execute("select array_agg(token_hash) from auth.refresh_token where used_at is null").fetchone()[0]
        assert {owner.execute("select auth.refresh_token_hash(%s)", [history[-1]]).fetchone()[0] for history in histories} <= set(last)
        for history in histories:
            for used in history[:-1]:
                assert owner.execute(REFRESH, [used]).fetchone()[0] == "refresh_token_already_used"
