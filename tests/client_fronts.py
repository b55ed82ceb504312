"""Fronts that the clients of Supabase meet, each over a database of its own: the demo with its two tenants, and mail.

`confirming` asks whoever signs up to confirm the address; `trusting` does not."""

import contextlib
import os
import pathlib

import psycopg
from conftest import uri
from data_api import free_port, serve

HERE = pathlib.Path(__file__).parent
APPLICATION = "https://app.example.com"


def make_database(name, autoconfirm):
    with psycopg.connect(uri("DB"), autocommit=True) as owner:
        owner.execute(f"drop database if exists {name} with (force)")
        owner.execute(f"create database {name}")
    with psycopg.connect(uri("DB", name), autocommit=True) as owner:
        # What a hash costs is not what is tested here.
        owner.execute(f"alter database {name} set pg_gatehouse.bcrypt_cost = 10")
        owner.execute("set pg_gatehouse.bcrypt_cost = 10")
        owner.execute("create extension pg_gatehouse")
        owner.execute("select auth.rotate_signing_key()")
        # The tests try more often than people do.
        owner.execute("update auth.throttle_limit set attempts = null; delete from auth.throttle_delay")
        owner.execute((HERE.parent / "demo/demo.sql").read_text())
        owner.execute((HERE / "clients.sql").read_text())
        owner.execute(f"alter database {name} set pg_gatehouse.autoconfirm = {autoconfirm}")
        owner.execute(f"alter database {name} set pg_gatehouse.anonymous_sign_ins = on")
        minted = "select auth.mint_token(jsonb_build_object('role', %s::text), '1 day')"
        return [owner.execute(minted, [role]).fetchone()[0] for role in ("anon", "service_role")]


@contextlib.contextmanager
def front(kind, autoconfirm):
    """A front with a mailbox; gives what a client has to know."""
    database = f"clients_{kind}"
    anon_key, service_key = make_database(database, autoconfirm)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with serve(SERVER_PORT=port, DB_URI=uri("AUTHENTICATOR", database), JWT_SECRET="", DB_SCHEMAS="public",
               GATEHOUSE_SERVICE_DB_URI=uri("SERVICE_AUTHENTICATOR", database), GATEHOUSE_DEV_MAILBOX="on",
               GATEHOUSE_SITE_URL=APPLICATION, GATEHOUSE_EXTERNAL_URL=url,
               GATEHOUSE_RATE_LIMIT_AUTH="off", GATEHOUSE_MAX_CONNECTIONS_PER_ADDRESS="1000",
               GATEHOUSE_REDIRECT_URLS="https://*.example.org/**,myapp://callback"):
        yield {"url": url, "anon_key": anon_key, "service_key": service_key, "database": uri("DB", database)}


@contextlib.contextmanager
def fronts():
    """Both, and `plain`: the running instance as `make up` leaves it."""
    plain = {"url": os.environ["GATEHOUSE_URL"], "anon_key": os.environ["GATEHOUSE_ANON_KEY"]}
    with front("confirming", "off") as confirming, front("trusting", "on") as trusting:
        yield {"plain": plain, "confirming": confirming, "trusting": trusting}
