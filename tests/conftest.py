"""The running system that the tests look at from outside: its database and its HTTP front."""

import os
import pathlib
import re
import subprocess

import httpx
import psycopg
import psycopg.types.json
import pytest

PASSWORDS = {"alice@acme.example": "seven green sailing boats", "bob@globex.example": "nine quiet mountain roads"}


def pytest_configure():
    """Reads the shell file that `make up` writes."""
    path = pathlib.Path(os.environ.get("GATEHOUSE_ENV", pathlib.Path(__file__).parent.parent / ".gatehouse/env"))
    for name, value in re.findall(r"^export (\w+)=(.*)$", path.read_text(), re.M):
        os.environ.setdefault(name, value)


def uri(kind, database=None):
    """The URI of a login: DB (superuser), AUTHENTICATOR or SERVICE_AUTHENTICATOR."""
    whole = os.environ[f"GATEHOUSE_{kind}_URI"]
    return whole if database is None else whole.rsplit("/", 1)[0] + "/" + database


def connect(kind="AUTHENTICATOR", **options):
    """A connection in autocommit, as psql would have it."""
    database = options.pop("database", None)
    return psycopg.connect(uri(kind, database), autocommit=True, **options)


def code(error):
    """The stable code that DETAIL carries."""
    return error.value.diag.message_detail


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


@pytest.fixture(scope="session")
def owner():
    with connect("DB") as connection:
        yield connection


@pytest.fixture(scope="session", autouse=True)
def patience():
    """The tests try more often than people do; what throttles is tested with limits of its own."""
    with connect("DB") as owner:
        tables = ("auth.throttle_limit", "auth.throttle_delay")
        kept = {table: owner.execute(f"select to_jsonb(r) from {table} as r").fetchall() for table in tables}
        owner.execute("update auth.throttle_limit set attempts = null; delete from auth.throttle_delay")
        yield
        for table, rows in kept.items():
            owner.execute(f"delete from {table}")
            for (row,) in rows:
                owner.execute(f"insert into {table} select * from jsonb_populate_record(null::{table}, %s)", [psycopg.types.json.Jsonb(row)])


@pytest.fixture
def login():
    with connect() as connection:
        yield connection


@pytest.fixture(scope="session")
def http():
    with httpx.Client(base_url=os.environ["GATEHOUSE_URL"]) as client:
        yield client


def sign_in(owner, email):
    """A fresh access token."""
    status, token = owner.execute("select status, access_token from auth.sign_in(%s, %s)", [email, PASSWORDS[email]]).fetchone()
    assert status == "ok"
    return token


# For each file, as another may sign her out.
@pytest.fixture(scope="module")
def alice(owner):
    return sign_in(owner, "alice@acme.example")


@pytest.fixture(scope="module")
def bob(owner):
    return sign_in(owner, "bob@globex.example")


@pytest.fixture(scope="session")
def auth():
    """The auth API over a database of its own."""
    from auth_api import serving

    with serving() as served:
        yield served


@pytest.fixture(scope="session")
def mint(owner):
    """Signs any claims with the active key."""

    def mint(**claims):
        claims = {"role": "authenticated", **claims}
        return owner.execute("select auth.mint_token(%s)", [psycopg.types.json.Jsonb(claims)]).fetchone()[0]

    return mint


@pytest.fixture(scope="session")
def client_fronts():
    from client_fronts import fronts  # it needs the environment that pytest_configure reads

    with fronts() as running:
        yield running
