"""A real SMTP server that keeps what it gets and answers as a test says, and a front that sends to it."""

import asyncio
import contextlib
import datetime
import email
import email.policy
import ipaddress
import socket
import ssl
import subprocess
import uuid

import data_api
import psycopg.types.json
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from conftest import connect, uri
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "mailer@example.com", "canary p@ss:word/%"


class Server(Controller):
    """`answers` are the replies to the next mails, then 250: a text, or a coroutine function that gives one.
    None closes the connection in the reply's place."""

    def __init__(self, answers=(), options=None, **transport):
        self.mails, self.attempts, self.logins, self.answers = [], 0, [], list(answers)
        self.options = {"hostname": "mail.test", "enable_SMTPUTF8": True, **(options or {})}
        super().__init__(self, hostname="127.0.0.1", port=data_api.free_port(), **transport)

    def factory(self):
        return SMTP(self, loop=self.loop, **self.options)

    def login(self, server, session, envelope, mechanism, data):
        user, password = data.login.decode(), data.password.decode()
        self.logins.append((mechanism, session.ssl is not None, user))
        return AuthResult(success=(user, password) == (USER, PASSWORD), handled=False)

    async def handle_DATA(self, server, session, envelope):
        self.attempts += 1
        answer = self.answers.pop(0) if self.answers else "250 Ok"
        if callable(answer):
            answer = await answer(self, envelope)
        if answer is None:
            server.transport.close()
            return "421 gone"
        if answer.startswith("250"):
            self.keep(envelope)
        return answer

    def keep(self, envelope):
        self.mails.append((envelope.rcpt_tos, envelope.content, envelope.mail_from))

    def url(self, host="127.0.0.1", query="", user="", scheme="smtp"):
        return f"{scheme}://{user}{host}:{self.port}{query}"

    def parsed(self):
        return [parse(raw) for _, raw, _ in self.mails]

    def recipients(self):
        return [to for (to, *_), _, _ in self.mails]


def parse(raw):
    return email.message_from_bytes(raw, policy=email.policy.default)


def text_of(message):
    return message.get_body(("plain",)).get_content()


def html_of(message):
    return message.get_body(("html",)).get_content()


def slowly(seconds):
    async def answer(server, envelope):
        await asyncio.sleep(seconds)
        return "250 late"

    return answer


@contextlib.contextmanager
def server(answers=(), options=None, login=False, **transport):
    made = Server(answers, options, **transport)
    if login:
        made.options.update(auth_required=True, authenticator=made.login)
    made.start()
    try:
        yield made
    finally:
        made.stop(no_assert=True)


class Authority:
    """A certificate authority and one certificate of it, for localhost and 127.0.0.1."""

    def __init__(self, folder):
        authority_key, authority = certificate("Test authority", None)
        key, leaf = certificate("localhost", (authority_key, authority))
        self.trusted, self.chain = folder / "authority.pem", folder / "server.pem"
        self.trusted.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self.chain.write_bytes(leaf.public_bytes(serialization.Encoding.PEM) + private)

    def context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain)
        return context


def certificate(name, issuer):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer[1].subject if issuer else subject)
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer:
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return key, builder.sign(issuer[0] if issuer else key, hashes.SHA256())


class Outbox:
    """A database of its own: nobody else's mails are in it."""

    def __init__(self, name, owner):
        self.name, self.owner = name, owner

    def write(self, kind="magic_link", to=None, tenant=None, **data):
        to = to or f"{uuid.uuid4().hex[:12]}@example.com"
        data = {"token": "token-" + uuid.uuid4().hex, "code": "123456", "options": {}, **data}
        query = "select auth.enqueue_mail(%s, %s, %s, %s)"
        return self.owner.execute(query, [kind, to, tenant, psycopg.types.json.Jsonb(data)]).fetchone()[0], to

    def row(self, mail_id):
        query = "select state, attempts, last_error from auth.mail_outbox where id = %s"
        return self.owner.execute(query, [mail_id]).fetchone()

    def state(self, mail_id):
        return self.row(mail_id)[0]

    def hurry(self):
        """Puts the clock forward: what waits for its next attempt, or for the end of a lease, is due."""
        self.owner.execute("update auth.mail_outbox set due_at = clock_timestamp() where done_at is null")
        self.owner.execute("notify pg_gatehouse_mail")

    def empty(self):
        self.owner.execute("delete from auth.mail_outbox")

    def serve(self, **settings):
        """A front over it."""
        settings = {
            "DB_URI": uri("AUTHENTICATOR", self.name), "GATEHOUSE_SERVICE_DB_URI": uri("SERVICE_AUTHENTICATOR", self.name),
            "DB_SCHEMAS": "public", "JWT_SECRET": "", "GATEHOUSE_MAIL_FROM": "Acme Inc. <no-reply@acme.example>",
            "GATEHOUSE_SITE_URL": "https://app.example", "GATEHOUSE_EXTERNAL_URL": "https://auth.example", **settings,
        }
        return data_api.serve(**settings)


@contextlib.contextmanager
def outbox(owner):
    name = f"mail_{uuid.uuid4().hex[:8]}"
    owner.execute(f"create database {name}")
    try:
        with connect("DB", database=name) as connection:
            connection.execute("create extension pg_gatehouse")
            connection.execute("select auth.rotate_signing_key()")
            connection.execute("update auth.throttle_limit set attempts = null; delete from auth.throttle_delay")
            made = Outbox(name, connection)
            # The first mail of a database makes the key that mails are sealed under.
            made.write()
            made.empty()
            yield made
    finally:
        owner.execute(f"drop database {name} with (force)")


def ended_front(**settings):
    """What a front says that does not start."""
    settings = {"SERVER_PORT": data_api.free_port(), "GATEHOUSE_SERVICE_DB_URI": uri("SERVICE_AUTHENTICATOR"), **settings}
    done = subprocess.run([data_api.binary(), "serve"], env=data_api.environment(**settings), capture_output=True, text=True, timeout=30)
    assert done.returncode != 0
    return done.stderr


def own_address():
    """An address of this machine that is not loopback; None where there is none."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        address = probe.getsockname()[0]
        return None if ipaddress.ip_address(address).is_loopback else address


