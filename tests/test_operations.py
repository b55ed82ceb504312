"""A server without the preload, a standby, and the extension dropped and created again."""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

import psycopg
import pytest
from conftest import code, connect, run

BIN = pathlib.Path(os.environ.get("GATEHOUSE_PG_BIN", ""))


def as_server(*command, **options):
    if os.getuid() == 0:
        command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *command]
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True, **options)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="gatehouse-test-", dir="/var/tmp"))
    if os.getuid() == 0:
        shutil.chown(path, "postgres", "postgres")
    yield path
    shutil.rmtree(path)


def test_without_the_preload_pure_functions_work_and_the_rest_says_what_to_set(folder):
    port = free_port()
    as_server(BIN / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "--no-locale", "-E", "UTF8")
    as_server(BIN / "pg_ctl", "-D", folder / "data", "-w", "-l", folder / "log", "-o",
              f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''", "start")
    try:
        with psycopg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres", autocommit=True) as connection:
            connection.execute("create extension pg_gatehouse")
            assert connection.execute("select auth.verify_password('x', auth.hash_password('x', 'argon2id'))").fetchone()[0]
            secret = "s" * 32
            assert connection.execute("select auth.jwt_verify(auth.jwt_sign('{}', %s), %s, '{HS256}', required => '{}')", [secret, secret]).fetchone()[0] == {}
            assert connection.execute("select auth.uid()").fetchone()[0] is None
            for statement in ("select auth.authenticate('x.y.z')", "set pg_gatehouse.token = 'x.y.z'", "select auth.sign_access_token('{}')"):
                with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState) as error:
                    connection.execute(statement)
                assert code(error) == "not_preloaded"
                assert "shared_preload_libraries" in error.value.diag.message_hint
    finally:
        as_server(BIN / "pg_ctl", "-D", folder / "data", "-m", "immediate", "stop")


def test_a_standby_authenticates_and_follows_revocation(owner, mint, folder):
    if "replication" not in pathlib.Path(os.environ["GATEHOUSE_DATA"], "pg_hba.conf").read_text():
        pytest.skip("this server's pg_hba.conf allows no replication")
    port = free_port()
    as_server(BIN / "pg_basebackup", "-D", folder / "data", "-R", "-X", "stream", "-c", "fast", "-d", os.environ["GATEHOUSE_DB_URI"])
    as_server(BIN / "pg_ctl", "-D", folder / "data", "-w", "-l", folder / "log", "-o", f"-p {port} -c unix_socket_directories=''", "start")
    kid = owner.execute("select auth.rotate_signing_key()").fetchone()[0]
    token = mint(sub="00000000-0000-4000-8000-000000000001")
    standby = os.environ["GATEHOUSE_AUTHENTICATOR_URI"].replace(f":{owner.info.port}/", f":{port}/")

    def catch_up():
        here = owner.execute("select pg_current_wal_lsn()").fetchone()[0]
        with psycopg.connect(standby, autocommit=True) as probe:
            while not probe.execute("select pg_last_wal_replay_lsn() >= %s::pg_lsn", [here]).fetchone()[0]:
                time.sleep(0.05)

    try:
        catch_up()
        with psycopg.connect(standby, autocommit=True) as login:
            assert login.execute("select pg_is_in_recovery()").fetchone()[0]
            with login.transaction():
                login.execute("select auth.authenticate(%s)", [token])
                assert login.execute("select auth.user_id(), current_user").fetchone() == ("00000000-0000-4000-8000-000000000001", "authenticated")
            owner.execute("select auth.revoke_signing_key(%s)", [kid])
            owner.execute("select auth.rotate_signing_key()")
            catch_up()
            for connection in (login, psycopg.connect(standby, autocommit=True)):
                with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification) as error:
                    connection.execute("select auth.authenticate(%s)", [token])
                assert code(error) == "token_key_unknown"
    finally:
        as_server(BIN / "pg_ctl", "-D", folder / "data", "-m", "immediate", "stop")
