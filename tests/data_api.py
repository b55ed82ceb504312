"""The library of data_api.sql, and fronts over it that verify tokens themselves."""

import contextlib
import os
import pathlib
import socket
import subprocess
import time

import httpx
import jwt
import psycopg
from conftest import uri

HERE = pathlib.Path(__file__).parent
DATABASE = "data_api"
SECRET = "a secret of the tests, at least thirty-two bytes"


def binary():
    """The front as it was built for the running instance."""
    environment = pathlib.Path(os.environ.get("GATEHOUSE_ENV", HERE.parent / ".gatehouse/env"))
    return str(environment.parent.resolve() / "bin/gatehouse")


def make_library():
    """The database, anew."""
    with psycopg.connect(uri("DB"), autocommit=True) as owner:
        owner.execute(f"drop database if exists {DATABASE} with (force)")
        owner.execute(f"create database {DATABASE}")
    with psycopg.connect(uri("DB", DATABASE), autocommit=True) as owner:
        owner.execute((HERE / "data_api.sql").read_text())
        owner.execute("analyze")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(**settings):
    """The environment of a front: only what is needed, and the settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PGRST_", "GATEHOUSE_", "RUST_"))}
    settings = {
        "DB_URI": uri("AUTHENTICATOR", DATABASE), "DB_SCHEMAS": "api", "DB_ANON_ROLE": "anon", "SERVER_HOST": "127.0.0.1",
        "JWT_SECRET": SECRET, "DB_POOL": "4", "LOG_LEVEL": "crit",
        # All tests come from one address.
        "GATEHOUSE_RATE_LIMIT_AUTH": "off", **settings,
    }
    named = {name if name.startswith("GATEHOUSE_") else f"PGRST_{name}": str(value) for name, value in settings.items()}
    return {**kept, **{name: value for name, value in named.items() if value != ""}}


@contextlib.contextmanager
def serve(arguments=("serve",), **settings):
    """A front with these settings; gives a client and the process."""
    port = settings.pop("SERVER_PORT", None) or free_port()
    command = [binary(), *arguments]
    log = subprocess.DEVNULL if "LOG" not in settings else open(settings.pop("LOG"), "w")
    process = subprocess.Popen(command, env=environment(SERVER_PORT=port, **settings), stdout=log, stderr=log)
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)
    try:
        wait_ready(client, process)
        client.process = process
        yield client
    finally:
        client.close()
        process.terminate()
        process.wait(20)


def wait_ready(client, process, seconds=30):
    deadline = time.time() + seconds
    while time.time() < deadline:
        assert process.poll() is None, "the front ended"
        with contextlib.suppress(httpx.TransportError):
            if client.get("/ready").status_code == 200:
                return
        time.sleep(0.02)
    raise AssertionError("the front did not become ready")


def token(**claims):
    return jwt.encode({"role": "authenticated", **claims}, SECRET, algorithm="HS256")


def bearer(**claims):
    return {"Authorization": f"Bearer {token(**claims)}"}


def prefer(*preferences):
    return {"Prefer": ", ".join(preferences)}


def until(condition, seconds=20):
    """Waits for what another process does."""
    deadline = time.time() + seconds
    while not condition():
        assert time.time() < deadline, "it did not come"
        time.sleep(0.02)
