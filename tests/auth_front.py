"""A front over the running instance's own database, with settings of the test's."""

import contextlib
import os

import data_api
from conftest import uri

PASSWORD = "seven green sailing boats"
SITE = "https://app.example"


@contextlib.contextmanager
def serve(**settings):
    """As `make up` starts it: tokens are verified in the database, the service role has its own login."""
    settings = {
        "DB_URI": uri("AUTHENTICATOR"), "GATEHOUSE_SERVICE_DB_URI": uri("SERVICE_AUTHENTICATOR"), "DB_SCHEMAS": "public",
        "JWT_SECRET": "", "GATEHOUSE_SITE_URL": SITE, "GATEHOUSE_REDIRECT_URLS": f"{SITE}/**", **settings,
    }
    with data_api.serve(**settings) as client:
        yield client


def sign_in(client, email, password=PASSWORD):
    return client.post("/auth/v1/token?grant_type=password", json={"email": email, "password": password})


def sign_up(client, email, password=PASSWORD, **more):
    return client.post("/auth/v1/signup", json={"email": email, "password": password, **more})


def mails(owner, email):
    """What was mailed to the address and not taken yet, the newest last; takes all that is due."""
    taken = []
    owner.execute("set role service_role")
    try:
        while batch := owner.execute("select recipient, kind, data from auth.take_mail(1000)").fetchall():
            taken += batch
    finally:
        owner.execute("reset role")
    return [(kind, data) for recipient, kind, data in taken if recipient == email]


@contextlib.contextmanager
def database_settings(owner, **settings):
    """Settings that hold for the logins of the front while the block runs."""
    for role in ("authenticator", "service_authenticator"):
        for name, value in settings.items():
            owner.execute(f"alter role {role} set pg_gatehouse.{name} = '{value}'")
    try:
        yield
    finally:
        for role in ("authenticator", "service_authenticator"):
            for name in settings:
                owner.execute(f"alter role {role} reset pg_gatehouse.{name}")


def service_headers():
    key = os.environ["GATEHOUSE_SERVICE_KEY"]
    return {"apikey": key, "Authorization": f"Bearer {key}"}
