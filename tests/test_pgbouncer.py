"""Behind PgBouncer in transaction mode: two clients interleaved on one server connection."""

import os
import socket
import subprocess
import time
from urllib.parse import urlsplit

import psycopg
import pytest


@pytest.fixture(scope="module")
def pooled(tmp_path_factory):
    """Connects through a pool of exactly one server connection."""
    folder = tmp_path_factory.mktemp("pgbouncer")
    folder.chmod(0o777)
    for parent in folder.parents[:3]:
        parent.chmod(0o755)
    target = urlsplit(os.environ["GATEHOUSE_AUTHENTICATOR_URI"])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "users.txt").write_text(f'"authenticator" "{target.password}"\n')
    (folder / "pgbouncer.ini").write_text(f"""
[databases]
gatehouse = host=127.0.0.1 port={target.port} dbname=gatehouse user=authenticator password={target.password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
auth_type = scram-sha-256
auth_file = {folder}/users.txt
pool_mode = transaction
default_pool_size = 1
unix_socket_dir =
""")
    command = ["/usr/sbin/pgbouncer", str(folder / "pgbouncer.ini")]
    if os.getuid() == 0:
        command = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *command]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=(folder / "log").open("w"))
    uri = f"postgresql://authenticator:{target.password}@127.0.0.1:{port}/gatehouse"
    for _ in range(100):
        try:
            psycopg.connect(uri, prepare_threshold=None).close()
            break
        except psycopg.OperationalError:
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.1)
    yield lambda: psycopg.connect(uri, autocommit=True, prepare_threshold=None)
    process.terminate()
    process.wait(10)


def test_two_clients_on_one_server_connection_do_not_mix(pooled, alice, bob):
    with pooled() as one, pooled() as two:
        backends = set()
        for _ in range(20):
            for client, token, email in ((one, alice, "alice@acme.example"), (two, bob, "bob@globex.example")):
                with client.transaction():
                    client.execute("select auth.authenticate(%s)", [token])
                    seen = client.execute("select auth.email(), string_agg(distinct split_part(title, ':', 1), ','), pg_backend_pid() from public.note").fetchone()
                assert seen[:2] == (email, "Acme" if email.startswith("alice") else "Globex")
                backends.add(seen[2])
            with two.transaction():
                two.execute("set local role anon")
                assert two.execute("select auth.uid(), current_user").fetchone() == (None, "anon")
        assert len(backends) == 1


def test_what_one_client_leaves_behind_is_nothing_to_the_next(pooled, alice):
    with pooled() as careless, pooled() as next_one:
        careless.execute("select set_config('pg_gatehouse.token', %s, false)", [alice])
        careless.execute("select set_config('request.jwt.claims', '{\"sub\": \"x\"}', false)")
        with next_one.transaction():
            next_one.execute("set local role authenticated")
            assert next_one.execute("select auth.uid(), (select count(*) from public.note)").fetchone() == (None, 0)
        with next_one.transaction():
            next_one.execute("select auth.authenticate(%s)", [alice])
            assert next_one.execute("select count(*) from public.note").fetchone()[0] == 2
