"""A database of its own with a front over it, for the auth API: mails wait in the outbox until a test takes them."""

import base64
import contextlib
import hashlib
import json
import secrets
import urllib.parse

import psycopg
from conftest import uri
from data_api import serve

DATABASE = "auth_http"
PASSWORD = "seven green sailing boats"
SITE = "https://app.example.com"
EXTERNAL = "https://auth.example.com"
REDIRECTS = f"{SITE}/**,https://*.preview.example.com/**,myapp://callback"
NEWER = {"X-Supabase-Api-Version": "2024-01-01"}


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def fragment(answer):
    """The parameters behind the # of where an answer leads."""
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(answer.headers["location"]).fragment))


def query(answer):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(answer.headers["location"]).query))


def refused(answer, status, code):
    """The answer is this refusal, in the older shape."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) - {"weak_password"} == {"code", "error_code", "msg"} and body["code"] == status, body
    assert body["error_code"] == code == answer.headers["x-sb-error-code"], body
    assert body["msg"] and answer.headers["cache-control"] == "no-store"
    return body["msg"]


def claims(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


class Pkce:
    """A verifier and its challenge (RFC 7636)."""

    def __init__(self):
        self.verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(self.verifier.encode()).digest()
        self.challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        self.body = {"code_challenge": self.challenge, "code_challenge_method": "s256"}


class Auth:
    """The API, and what is behind it."""

    def __init__(self, http, owner):
        self.http, self.owner = http, owner
        self.anon_key, self.service_key = (self.mint(role, "1 day") for role in ("anon", "service_role"))
        self.service = bearer(self.service_key)

    def mint(self, role, lifetime, **more):
        made = self.owner.execute("select auth.mint_token(%s, %s::interval)", [psycopg.types.json.Jsonb({"role": role, **more}), lifetime])
        return made.fetchone()[0]

    def post(self, path, body=None, token=None, **options):
        headers = options.pop("headers", {}) | (bearer(token) if token else {})
        return self.http.post("/auth/v1" + path, json={} if body is None else body, headers=headers, **options)

    def send(self, method, path, body=None, token=None, **options):
        headers = options.pop("headers", {}) | (bearer(token) if token else {})
        return self.http.request(method, "/auth/v1" + path, json=body, headers=headers, **options)

    def get(self, path, token=None, **options):
        return self.send("GET", path, token=token, **options)

    def mails(self, recipient):
        """What waits to be sent to an address, the latest last; (kind, data) each."""
        rows = self.owner.execute(
            """select kind, convert_from(auth.unseal('mail:' || id, data), 'UTF8')::jsonb from auth.mail_outbox
                where recipient = %s and state = 'waiting' order by created_at""", [recipient])
        return rows.fetchall()

    def mail(self, recipient, kind):
        """The data of the latest mail of this kind."""
        [*_, data] = [data for one, data in self.mails(recipient) if one == kind]
        return data

    def address(self):
        return f"u{secrets.token_hex(6)}@example.com"

    def confirmed(self, **more):
        """A user with a password; gives the address."""
        address = self.address()
        made = self.post("/admin/users", {"email": address, "password": PASSWORD, "email_confirm": True, **more}, self.service_key)
        assert made.status_code == 200, made.text
        return address

    def sign_in(self, address, password=PASSWORD, **more):
        answer = self.post("/token?grant_type=password", {"email": address, "password": password, **more})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def session(self):
        """The session of a user made for it."""
        return self.sign_in(self.confirmed())


def set_up(owner):
    owner.execute("create extension pg_gatehouse")
    owner.execute("select auth.rotate_signing_key()")
    owner.execute("update auth.throttle_limit set attempts = null")
    owner.execute("delete from auth.throttle_delay")


def settings(**more):
    """What a front over the database is told."""
    return {
        "DB_URI": uri("AUTHENTICATOR", DATABASE), "GATEHOUSE_SERVICE_DB_URI": uri("SERVICE_AUTHENTICATOR", DATABASE),
        "DB_SCHEMAS": "public", "JWT_SECRET": "", "GATEHOUSE_SITE_URL": SITE, "GATEHOUSE_EXTERNAL_URL": EXTERNAL,
        "GATEHOUSE_REDIRECT_URLS": REDIRECTS, "GATEHOUSE_RATE_LIMIT_AUTH": "off", "GATEHOUSE_MAX_CONNECTIONS_PER_ADDRESS": 10000, **more,
    }


@contextlib.contextmanager
def serving():
    with psycopg.connect(uri("DB"), autocommit=True) as server:
        server.execute(f"drop database if exists {DATABASE} with (force)")
        server.execute(f"create database {DATABASE}")
        for setting in ("autoconfirm = off", "anonymous_sign_ins = on"):
            server.execute(f"alter database {DATABASE} set pg_gatehouse.{setting}")
        try:
            with psycopg.connect(uri("DB", DATABASE), autocommit=True) as owner:
                set_up(owner)
                with serve(**settings()) as http:
                    yield Auth(http, owner)
        finally:
            server.execute(f"drop database if exists {DATABASE} with (force)")


@contextlib.contextmanager
def another_front(auth, *database_settings, **more):
    """A second front over the same database, whose connections have other settings of the database."""
    for setting in database_settings:
        auth.owner.execute(f"alter database {DATABASE} set pg_gatehouse.{setting}")
    try:
        with serve(**settings(**more)) as http:
            other = object.__new__(Auth)
            other.__dict__ = {**auth.__dict__, "http": http}
            yield other
    finally:
        for setting in database_settings:
            before = {"autoconfirm": "off", "anonymous_sign_ins": "on"}.get(setting.split()[0])
            name = setting.split()[0]
            auth.owner.execute(f"alter database {DATABASE} " + (f"set pg_gatehouse.{name} = {before}" if before else f"reset pg_gatehouse.{name}"))
