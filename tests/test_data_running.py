"""Running: pool, restarts, sockets, admin port, log."""

import concurrent.futures
import contextlib
import json
import pathlib
import socket
import subprocess
import time

import httpx
import psycopg
import pytest
from conftest import uri
from data_api import DATABASE, binary, environment, free_port, make_library, serve, until


@pytest.fixture(scope="module", autouse=True)
def library():
    make_library()


def test_a_request_waits_for_a_connection_only_so_long():
    with serve(DB_POOL=1, DB_POOL_ACQUISITION_TIMEOUT=1) as client, concurrent.futures.ThreadPoolExecutor() as pool:
        slow = pool.submit(client.post, "/rpc/sleepy", json={"seconds": 3})
        until(lambda: busy("sleepy"))
        answer = client.get("/genre")
        assert answer.status_code == 504 and answer.json()["code"] == "PGRST003"
        assert slow.result().status_code == 204 and client.get("/genre").status_code == 200


def test_lost_connections_are_replaced():
    with serve() as client:
        assert client.get("/genre").status_code == 200
        kill_backends()
        until(lambda: client.get("/genre").status_code == 200)


def test_without_the_database_every_request_is_answered_at_once_and_it_comes_back():
    with Gate() as gate, serve(DB_URI=gate.uri) as client:
        assert client.get("/genre").status_code == 200
        gate.close()
        for _ in range(20):
            begun = time.time()
            answer = client.get("/genre")
            assert answer.status_code == 503 and answer.json()["code"] in ("PGRST000", "PGRST001") and time.time() - begun < 2
            assert int(answer.headers["retry-after"]) >= 1
        gate.open()
        until(lambda: client.get("/genre").status_code == 200)
        until(lambda: client.get("/ready").status_code == 200)


@pytest.mark.parametrize(("options", "probed"), [("", True), ("?keepalives=0", False)])
def test_a_database_that_says_nothing_is_probed(options, probed):
    """What the kernel has its timer for: 2 is the next probe of a connection that rests."""
    with serve(DB_URI=uri("AUTHENTICATOR", DATABASE) + options) as client:
        assert client.get("/genre").status_code == 200
        with psycopg.connect(uri("DB"), autocommit=True) as owner:
            ports = {port for port, in owner.execute("select client_port from pg_stat_activity where usename = 'authenticator' and datname = %s", [DATABASE])}
        lines = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
        timers = {int(line[5].split(":")[0], 16) for line in lines if int(line[1].split(":")[1], 16) in ports and line[3] == "01"}
        assert timers == ({2} if probed else {0})


def test_the_first_host_that_is_of_the_right_kind_is_taken():
    good = uri("AUTHENTICATOR", DATABASE)
    user, _, rest = good.partition("@")
    several = f"{user}@127.0.0.1:{free_port()},{rest}"
    with serve(DB_URI=several + "?target_session_attrs=read-write", GATEHOUSE_DB_READ_URI=several + "?target_session_attrs=prefer-standby") as client:
        assert client.get("/genre").status_code == 200
    ended = subprocess.run([binary(), "--dump-schema"], env=environment(DB_URI=good + "?target_session_attrs=standby"), capture_output=True, text=True)
    assert ended.returncode == 1 and "target_session_attrs" in ended.stderr


def test_a_unix_socket_serves_as_a_port_does(tmp_path):
    path = tmp_path / "front.sock"
    process = subprocess.Popen([binary(), "serve"], env=environment(SERVER_UNIX_SOCKET=path, SERVER_UNIX_SOCKET_MODE="600"))
    try:
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), base_url="http://front") as client:
            until(lambda: quiet(lambda: client.get("/genre").status_code) == 200)
        assert path.stat().st_mode & 0o777 == 0o600
    finally:
        process.terminate()
        process.wait(20)
    assert not path.exists()


def test_the_admin_port_tells_the_operator():
    port = free_port()
    with serve(ADMIN_SERVER_PORT=port) as client, httpx.Client(base_url=f"http://127.0.0.1:{port}") as admin:
        assert admin.get("/live").status_code == 200 and admin.get("/ready").status_code == 200
        client.get("/nothing")
        assert 'gatehouse_http_requests_total{status="4xx"} 1' in admin.get("/metrics").text
        assert "pgrst_db_pool_max 4" in admin.get("/metrics").text
        assert 'jwt-secret = "(hidden)"' in admin.get("/config").text
        assert json.loads(admin.get("/schema_cache").text)["relations"]
        assert admin.get("/genre").status_code == 404 and client.get("/config").status_code == 404
        environ = environment(ADMIN_SERVER_PORT=port)
        assert subprocess.run([binary(), "--ready"], env=environ, capture_output=True).returncode == 0
    assert subprocess.run([binary(), "--ready"], env=environ, capture_output=True).returncode == 1


def test_requests_are_logged_in_the_common_format_and_without_their_query(tmp_path):
    log = tmp_path / "log"
    with serve(LOG=log, LOG_LEVEL="info") as client:
        client.get("/genre?label=eq.private-matter", headers={"X-Request-Id": "r-77", "User-Agent": "tests"})
    text = log.read_text()
    assert '"GET /genre HTTP/1.1" 200' in text and "r-77" in text and "private-matter" not in text


def test_a_stop_lets_requests_finish():
    with serve() as client, concurrent.futures.ThreadPoolExecutor() as pool:
        slow = pool.submit(client.post, "/rpc/sleepy", json={"seconds": 1})
        until(lambda: busy("sleepy"))
        client.process.terminate()
        assert slow.result().status_code == 204 and client.process.wait(20) == 0


def test_slow_half_closed_and_idle_clients_harm_nobody():
    with serve() as client, contextlib.ExitStack() as stack:
        address = (client.base_url.host, client.base_url.port)
        for text in [b"GET /genre HT", b"POST /genre HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", b""]:
            for _ in range(200):
                half = stack.enter_context(socket.create_connection(address))
                half.sendall(text)
                if text:
                    half.shutdown(socket.SHUT_WR)
        for _ in range(20):
            assert client.get("/genre").status_code == 200


def test_a_large_schema_is_served():
    # In steps: one transaction locks only so many tables.
    steps = [(first, first + 199) for first in range(1, 2001, 200)]
    with psycopg.connect(uri("DB", DATABASE), autocommit=True) as owner:
        owner.execute("create schema large; grant usage on schema large to anon")
        try:
            for first, last in steps:
                owner.execute(f"""
                    do $$ begin for n in {first}..{last} loop execute format(
                        'create table large.t%s (id integer primary key, other integer references large.t%s);'
                        'grant select on large.t%s to anon', n, greatest(n - 1, 1), n);
                    end loop; end $$""")
            with serve(DB_SCHEMAS="large") as client:
                assert client.get("/t2000?select=id,t1999(id)").json() == []
        finally:
            for first, last in reversed(steps):
                owner.execute(f"do $$ begin for n in reverse {last}..{first} loop execute format('drop table if exists large.t%s', n); end loop; end $$")
            owner.execute("drop schema large")


class Gate:
    """A way to the database that can be closed."""

    def __init__(self):
        from urllib.parse import urlsplit, urlunsplit

        parts = urlsplit(uri("AUTHENTICATOR", DATABASE))
        self.target, self.port = (parts.hostname, parts.port), free_port()
        self.uri = urlunsplit(parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{self.port}"))

    def __enter__(self):
        self.open()
        return self

    def __exit__(self, *_):
        self.close()

    def open(self):
        import threading

        self.connections = []
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def close(self):
        for one in [self.listener, *self.connections]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self, listener):
        import threading

        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(self.target)
                self.connections += [client, server]
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=self._copy, args=pair, daemon=True).start()

    @staticmethod
    def _copy(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def kill_backends():
    with psycopg.connect(uri("DB"), autocommit=True) as owner:
        owner.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'authenticator' and datname = %s", [DATABASE])


def busy(function):
    with psycopg.connect(uri("DB"), autocommit=True) as owner:
        query = "select 1 from pg_stat_activity where datname = %s and state = 'active' and query like %s"
        return owner.execute(query, [DATABASE, f"%{function}%"]).fetchone()


def quiet(ask):
    with contextlib.suppress(httpx.TransportError):
        return ask()
