"""The front sends what the database wants sent: to a real SMTP server, once, and whatever goes wrong."""

import asyncio
import concurrent.futures
import contextlib
import html
import re
import signal
import urllib.parse

import mail_server
import pytest
from conftest import connect
from data_api import free_port, until
from mail_server import PASSWORD, USER, html_of, slowly, text_of

LOGIN = f"{urllib.parse.quote(USER, safe='')}:{urllib.parse.quote(PASSWORD, safe='')}@"


@pytest.fixture(scope="module")
def database(owner):
    with mail_server.outbox(owner) as made:
        yield made


@pytest.fixture
def outbox(database):
    database.empty()
    return database


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    folder = tmp_path_factory.mktemp("authority")
    return mail_server.Authority(folder)


def test_a_mail_is_sent_as_soon_as_its_transaction_commits_and_no_sooner(outbox):
    with mail_server.server() as server, outbox.serve(GATEHOUSE_SMTP_URL=server.url()):
        with connect("DB", database=outbox.name) as sender, sender.transaction():
            sender.execute("select auth.enqueue_mail('recovery', 'early@example.com', null, '{\"token\": \"t\"}')")
            first, _ = outbox.write(to="first@example.com")
            until(lambda: outbox.state(first) == "sent")
            assert server.recipients() == ["first@example.com"]
        until(lambda: server.recipients() == ["first@example.com", "early@example.com"])


def test_a_mail_has_sender_recipient_text_html_and_the_headers_of_an_automatic_one(outbox):
    with mail_server.server() as server, outbox.serve(GATEHOUSE_SMTP_URL=server.url()):
        mail_id, to = outbox.write("recovery", code="987654", token="t-1", options={"redirect_to": "https://app.example/new?a=b"})
        until(lambda: outbox.state(mail_id) == "sent")
    [(recipients, _, sender)], [message] = server.mails, server.parsed()
    assert (recipients, sender) == ([to], "no-reply@acme.example")
    assert message["From"] == "\"Acme Inc.\" <no-reply@acme.example>" and message["To"] == to
    assert message["Message-ID"] == f"<{mail_id}@auth.example>" and message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime.year >= 2026 and message["Subject"] == "Reset your password for Acme Inc."
    link = "https://auth.example/auth/v1/verify?token=t-1&type=recovery&redirect_to=https%3A%2F%2Fapp.example%2Fnew%3Fa%3Db"
    assert link in text_of(message) and "987654" in text_of(message) and "987654" in html_of(message)
    assert link in html.unescape(html_of(message))


def test_what_was_in_a_mail_is_forgotten_once_it_is_sent(outbox):
    with mail_server.server() as server, outbox.serve(GATEHOUSE_SMTP_URL=server.url()):
        mail_id, _ = outbox.write()
        until(lambda: outbox.state(mail_id) == "sent")
    assert outbox.owner.execute("select data, attempts from auth.mail_outbox where id = %s", [mail_id]).fetchone() == (None, 1)


# Ways in


def test_starttls_and_a_password_over_it(outbox, authority, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.trusted))
    options = {"tls_context": authority.context(), "require_starttls": True}
    with mail_server.server(options=options, login=True) as server:
        with outbox.serve(GATEHOUSE_SMTP_URL=server.url("localhost", "?tls=required", LOGIN)):
            mail_id, to = outbox.write()
            until(lambda: outbox.state(mail_id) == "sent")
        assert server.recipients() == [to] and server.logins == [("PLAIN", True, USER)]


def test_tls_from_the_first_byte(outbox, authority, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.trusted))
    options = {"auth_require_tls": False}
    with mail_server.server(options=options, login=True, ssl_context=authority.context()) as server:
        with outbox.serve(GATEHOUSE_SMTP_URL=server.url("127.0.0.1", "", LOGIN, "smtps")):
            mail_id, to = outbox.write()
            until(lambda: outbox.state(mail_id) == "sent")
        assert server.recipients() == [to] and [login[2] for login in server.logins] == [USER]


def failure(outbox, mail_id):
    until(lambda: outbox.row(mail_id)[2])
    return outbox.row(mail_id)


def test_without_starttls_neither_password_nor_mail_leaves(outbox):
    with mail_server.server(options={"auth_require_tls": False}, login=True) as server:
        with outbox.serve(GATEHOUSE_SMTP_URL=server.url("localhost", "?tls=required", LOGIN)):
            mail_id, _ = outbox.write()
            assert "STARTTLS" in failure(outbox, mail_id)[2]
        assert server.logins == [] and server.attempts == 0


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_certificate_of_nobody_that_is_trusted_gets_no_mail(outbox, authority, scheme):
    options = {"tls_context": authority.context()} if scheme == "smtp" else {}
    transport = {"ssl_context": authority.context()} if scheme == "smtps" else {}
    with mail_server.server(options=options, login=True, **transport) as server:
        query = "?tls=required"
        with outbox.serve(GATEHOUSE_SMTP_URL=server.url("localhost", query, LOGIN, scheme)):
            mail_id, _ = outbox.write()
            assert "certificate" in failure(outbox, mail_id)[2]
        assert server.logins == [] and server.attempts == 0


def test_opportunistic_is_plain_where_the_server_offers_nothing(outbox):
    with mail_server.server() as server, outbox.serve(GATEHOUSE_SMTP_URL=server.url("localhost", "?tls=opportunistic")):
        mail_id, to = outbox.write()
        until(lambda: outbox.state(mail_id) == "sent")
        assert server.recipients() == [to]


def test_no_secret_is_in_errors_logs_or_the_shown_configuration(outbox, authority, monkeypatch, tmp_path):
    """The server refuses the password, and says everything again that it was told."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.trusted))
    options = {"tls_context": authority.context(), "require_starttls": True}
    wrong = LOGIN.replace("canary", "canary-wrong")
    log, admin = tmp_path / "log", free_port()
    with mail_server.server(options=options, login=True) as server:
        settings = {"LOG": str(log), "ADMIN_SERVER_PORT": admin, "LOG_LEVEL": "debug"}
        with outbox.serve(GATEHOUSE_SMTP_URL=server.url("localhost", "?tls=required", wrong), **settings) as front:
            mail_id, _ = outbox.write(token="canary-token", code="424242")
            problem = failure(outbox, mail_id)[2]
            shown = front.get(f"http://127.0.0.1:{admin}/config").text
    assert "535" in problem and "gatehouse-smtp-url = \"(hidden)\"" in shown

    def talkative(answer):
        async def reply(server, envelope):
            return answer

        return reply

    with mail_server.server([talkative("550 I know canary-token and 424242")]) as server:
        with outbox.serve(GATEHOUSE_SMTP_URL=server.url(), LOG=str(tmp_path / "second")):
            outbox.hurry()
            until(lambda: "550" in outbox.row(mail_id)[2])
    told = outbox.row(mail_id)[2]
    assert "(hidden) and (hidden)" in told
    for text in (problem, shown, told, log.read_text(), (tmp_path / "second").read_text()):
        assert not re.search("canary|424242", text), text


# What goes wrong


def test_a_mail_that_is_refused_for_now_is_tried_again(outbox):
    with mail_server.server(["451 later", "421 still later"]) as server, outbox.serve(GATEHOUSE_SMTP_URL=server.url()):
        mail_id, to = outbox.write()
        for attempt in (1, 2):
            until(lambda: outbox.row(mail_id)[1] == attempt and outbox.row(mail_id)[2] and server.attempts == attempt)
            outbox.hurry()
        until(lambda: outbox.state(mail_id) == "sent")
        assert outbox.row(mail_id) == ("sent", 3, None) and server.recipients() == [to]


def test_between_attempts_the_database_makes_it_wait(outbox):
    with mail_server.server(["451 later"]) as server, outbox.serve(GATEHOUSE_SMTP_URL=server.url()):
        mail_id, _ = outbox.write()
        failure(outbox, mail_id)
        wait = "select extract(epoch from due_at - clock_timestamp()) from auth.mail_outbox where id = %s"
        assert 5 < outbox.owner.execute(wait, [mail_id]).fetchone()[0] <= 15
        other, _ = outbox.write()
        until(lambda: outbox.state(other) == "sent")
        assert outbox.row(mail_id)[:2] == ("waiting", 1)


def test_a_mail_that_is_refused_eight_times_is_given_up_and_counted(outbox, tmp_path):
    admin, log = free_port(), tmp_path / "log"
    with mail_server.server(["550 no such user"] * 8) as server:
        with outbox.serve(GATEHOUSE_SMTP_URL=server.url(), ADMIN_SERVER_PORT=admin, LOG=str(log)) as front:
            mail_id, _ = outbox.write("invite")
            for attempt in range(1, 9):
                until(lambda: server.attempts == attempt and outbox.row(mail_id)[1] == attempt and outbox.row(mail_id)[2])
                until(lambda: outbox.state(mail_id) == "dead" or outbox.owner.execute(
                    "select due_at < clock_timestamp() + interval '1 hour' and last_error is not null from auth.mail_outbox where id = %s",
                    [mail_id]).fetchone()[0])
                outbox.hurry()
            until(lambda: outbox.state(mail_id) == "dead")
            other, _ = outbox.write("recovery")
            until(lambda: outbox.state(other) == "sent")
            metrics = front.get(f"http://127.0.0.1:{admin}/metrics").text
    assert server.attempts == 9 and "no such user" in outbox.row(mail_id)[2]
    for line in ('failed_total{kind="invite"} 8', 'dead_total{kind="invite"} 1', 'sent_total{kind="invite"} 0', 'sent_total{kind="recovery"} 1'):
        assert f"gatehouse_mails_{line}" in metrics
    assert log.read_text().count("is given up") == 1


def test_a_connection_that_breaks_costs_an_attempt_and_no_mail(outbox):
    with mail_server.server([None]) as server, outbox.serve(GATEHOUSE_SMTP_URL=server.url()):
        mail_id, to = outbox.write()
        failure(outbox, mail_id)
        outbox.hurry()
        until(lambda: outbox.state(mail_id) == "sent")
        assert server.recipients() == [to]


def test_a_server_that_is_away_is_waited_for(outbox):
    port = free_port()
    with outbox.serve(GATEHOUSE_SMTP_URL=f"smtp://127.0.0.1:{port}"):
        mail_id, _ = outbox.write()
        assert "refused" in failure(outbox, mail_id)[2]


def test_a_slow_answer_is_never_taken_for_the_answer_to_another_mail(outbox):
    """The connection that was given up on is not used again: its late 250 would be the next mail's."""
    with mail_server.server([slowly(3), "550 not this one"]) as server:
        with outbox.serve(GATEHOUSE_SMTP_URL=server.url(query="?timeout=1")):
            slow, _ = outbox.write()
            assert "longer than 1 second" in failure(outbox, slow)[2]
            refused, _ = outbox.write()
            assert "not this one" in failure(outbox, refused)[2]
            assert outbox.state(refused) == "waiting"


def test_a_kind_without_a_template_fails_and_is_in_the_log(outbox, tmp_path):
    with mail_server.server() as server, outbox.serve(GATEHOUSE_SMTP_URL=server.url(), LOG=str(tmp_path / "log")):
        mail_id, _ = outbox.write("unheard_of")
        assert "unheard_of.txt" in failure(outbox, mail_id)[2]
        until(lambda: "unheard_of" in (tmp_path / "log").read_text())
        assert server.attempts == 0


# How often


def test_several_fronts_send_each_mail_once(outbox):
    with mail_server.server() as server, contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(outbox.serve(GATEHOUSE_SMTP_URL=server.url(), DB_POOL="2"))
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            expected = list(pool.map(lambda n: outbox.write(to=f"m{n}@example.com")[1], range(150)))
        until(lambda: outbox.owner.execute("select count(*) from auth.mail_outbox where state = 'sent'").fetchone() == (150,), 60)
        assert sorted(server.recipients()) == sorted(expected)
        assert outbox.owner.execute("select max(attempts) from auth.mail_outbox").fetchone() == (1,)


def kill(front):
    front.process.send_signal(signal.SIGKILL)
    front.process.wait(20)


def test_a_front_that_dies_before_it_hears_the_answer_sends_again_and_once_per_attempt(outbox):
    dying = {}

    async def take_and_kill(server, envelope):
        server.keep(envelope)
        kill(dying["front"])
        return None

    with mail_server.server([take_and_kill]) as server:
        with contextlib.suppress(AssertionError), outbox.serve(GATEHOUSE_SMTP_URL=server.url()) as front:
            dying["front"] = front
            mail_id, to = outbox.write()
            until(lambda: front.process.poll() is not None)
        assert outbox.row(mail_id) == ("waiting", 1, None) and server.recipients() == [to]
        with outbox.serve(GATEHOUSE_SMTP_URL=server.url()):
            other, _ = outbox.write()
            until(lambda: outbox.state(other) == "sent")
            assert outbox.row(mail_id)[:2] == ("waiting", 1), "its lease is not over"
            outbox.hurry()
            until(lambda: outbox.state(mail_id) == "sent")
        deliveries = [message["Message-ID"] for message in server.parsed() if message["To"] == to]
        assert deliveries == [f"<{mail_id}@auth.example>"] * 2 and outbox.row(mail_id)[1] == 2


def test_a_front_that_dies_before_the_database_knows_sends_again_and_once_per_attempt(outbox):
    """The row is locked by somebody else, so that the front waits between sending and telling."""
    with mail_server.server() as server, connect("DB", database=outbox.name) as other:
        with outbox.serve(GATEHOUSE_SMTP_URL=server.url()) as front:
            gate = asyncio.run_coroutine_threadsafe(make_event(), server.loop).result()

            async def wait_for_the_lock(server, envelope):
                await gate.wait()
                return "250 Ok"

            server.answers.append(wait_for_the_lock)
            mail_id, to = outbox.write()
            until(lambda: server.attempts == 1)
            other.execute("begin")
            other.execute("select from auth.mail_outbox where id = %s for update", [mail_id])
            server.loop.call_soon_threadsafe(gate.set)
            waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = %s"
            until(lambda: outbox.owner.execute(waiting, [outbox.name]).fetchone()[0] == 1)
            kill(front)
        # The backend that waits for the lock does not know yet that nobody is there any more.
        outbox.owner.execute("select pg_terminate_backend(pid, 10000) from pg_stat_activity where wait_event_type = 'Lock' and datname = %s", [outbox.name])
        other.execute("rollback")
        assert outbox.row(mail_id) == ("waiting", 1, None) and server.recipients() == [to]
        with outbox.serve(GATEHOUSE_SMTP_URL=server.url()):
            outbox.hurry()
            until(lambda: outbox.state(mail_id) == "sent")
        assert server.recipients() == [to, to] and outbox.row(mail_id)[1] == 2
        assert len({message["Message-ID"] for message in server.parsed()}) == 1


async def make_event():
    return asyncio.Event()


def test_a_front_that_is_told_to_stop_finishes_the_mail_under_way_and_takes_no_other(outbox):
    with mail_server.server([slowly(2)] * 4) as server:
        with outbox.serve(GATEHOUSE_SMTP_URL=server.url()) as front:
            mails = [outbox.write()[0] for _ in range(6)]
            until(lambda: server.attempts == 4)
            front.process.send_signal(signal.SIGTERM)
            assert front.process.wait(20) == 0
        states = [outbox.row(mail_id)[:2] for mail_id in mails]
        assert sorted(states) == [("sent", 1)] * 4 + [("waiting", 0)] * 2


def test_the_database_is_told_when_it_is_back(outbox):
    """A mail was sent, and the connection to the database was cut before it knew."""
    with mail_server.server() as server, connect("DB", database=outbox.name) as other:
        with outbox.serve(GATEHOUSE_SMTP_URL=server.url()):
            gate = asyncio.run_coroutine_threadsafe(make_event(), server.loop).result()

            async def wait_for_the_lock(server, envelope):
                await gate.wait()
                return "250 Ok"

            server.answers.append(wait_for_the_lock)
            mail_id, to = outbox.write()
            until(lambda: server.attempts == 1)
            other.execute("begin")
            other.execute("select from auth.mail_outbox where id = %s for update", [mail_id])
            server.loop.call_soon_threadsafe(gate.set)
            waiting = "select pg_terminate_backend(pid, 10000) from pg_stat_activity where wait_event_type = 'Lock' and datname = %s"
            until(lambda: outbox.owner.execute(waiting, [outbox.name]).fetchone() == (True,))
            other.execute("rollback")
            until(lambda: outbox.state(mail_id) == "sent")
        assert server.recipients() == [to] and outbox.row(mail_id)[1] == 1


# What others write


EVIL = "x\r\nBcc: eve@example.com\r\n\r\n<script>alert(1)</script>\r\n.\r\nMAIL FROM:<eve@example.com>\r\n"


def test_no_name_adds_a_header_a_recipient_or_a_command(outbox):
    with mail_server.server() as server, outbox.serve(GATEHOUSE_SMTP_URL=server.url()):
        data = {"tenant_name": EVIL, "role": EVIL, "invited_by": EVIL, "tenant_slug": EVIL, "user_metadata": {"name": EVIL}}
        mail_id, to = outbox.write("invitation", **data)
        until(lambda: outbox.state(mail_id) == "sent")
    [(recipients, raw, sender)] = server.mails
    assert (recipients, sender, server.attempts) == ([to], "no-reply@acme.example", 1)
    head = raw.split(b"\r\n\r\n")[0]
    names = [line.split(b":")[0].decode() for line in head.split(b"\r\n") if not line.startswith((b" ", b"\t"))]
    assert names == ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"]
    [message] = server.parsed()
    assert message["Bcc"] is None and message["Subject"].startswith("Invitation to x Bcc: eve@example.com <script>")
    assert b"\r\nBcc" not in raw and b"\r\n.\r\n" not in raw


def test_no_name_adds_html(outbox):
    with mail_server.server() as server, outbox.serve(GATEHOUSE_SMTP_URL=server.url()):
        name = "</h1><a href=\"https://evil.example\">Click</a><img src=x onerror=alert(1)>"
        mail_id, _ = outbox.write("invitation", tenant_name=name, role=name, invited_by=name)
        until(lambda: outbox.state(mail_id) == "sent")
    shown = html_of(server.parsed()[0])
    assert "<img" not in shown and "evil.example\"" not in shown and shown.count("<a ") == 2
    assert "&lt;img src=x onerror=alert(1)&gt;" in shown


@pytest.mark.parametrize("to", ["a@example.com\r\nRCPT TO:<b@example.com>", "a@example.com>\r\nBcc: <b@example.com", "a b@example.com"])
def test_what_is_more_than_an_address_gets_nothing(outbox, to):
    with mail_server.server() as server, outbox.serve(GATEHOUSE_SMTP_URL=server.url()):
        mail_id, _ = outbox.write(to=to)
        assert failure(outbox, mail_id)[2] == "the recipient is no address"
        assert server.attempts == 0


# Tenants


def tenant(outbox, slug, site_url, mail_from):
    outbox.owner.execute("insert into auth.tenant (slug, name, sign_up_open) values (%s, %s, true)", [slug, slug.title() + " Ltd."])
    home = outbox.owner.execute("select id from auth.tenant where slug = %s", [slug]).fetchone()[0]
    outbox.owner.execute("select auth.set_tenant_mail(%s, %s, %s)", [home, site_url, mail_from])
    return home


def test_a_tenant_has_its_own_sender_and_site(outbox):
    home = tenant(outbox, "initech", "https://initech.example", "Initech Support <support@initech.example>")
    plain = tenant(outbox, "umbrella", None, None)
    with mail_server.server() as server, outbox.serve(GATEHOUSE_SMTP_URL=server.url()):
        for mail_id, _ in (outbox.write("sign_up_attempt", tenant=home, to="one@example.com"), outbox.write("sign_up_attempt", tenant=plain, to="two@example.com")):
            until(lambda: outbox.state(mail_id) == "sent")
        outbox.owner.execute("set pg_gatehouse.autoconfirm = off")
        outbox.owner.execute("select auth.sign_up('three@example.com', 'seven green sailing boats', '{}', 'initech')")
        outbox.owner.execute("reset pg_gatehouse.autoconfirm")
        until(lambda: len(server.mails) == 3)
    mails = {message["To"]: message for message in server.parsed()}
    own, ours, signed_up = (mails[f"{name}@example.com"] for name in ("one", "two", "three"))
    assert own["From"].replace("\"", "") == "Initech Support <support@initech.example>"
    assert "https://initech.example" in text_of(own) and own["Subject"] == "You have an account at Initech Support already"
    assert "no-reply@acme.example" in ours["From"] and "https://app.example" in text_of(ours)
    assert "support@initech.example" in signed_up["From"] and "https://auth.example/auth/v1/verify?token=" in text_of(signed_up)
    assert {sender for _, _, sender in server.mails} == {"support@initech.example", "no-reply@acme.example"}


# Templates


def write(folder, **files):
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_files_take_the_place_of_templates_and_are_read_again(outbox, tmp_path):
    folder, log = tmp_path / "templates", tmp_path / "log"
    folder.mkdir()
    write(folder, magic_link__txt="Subject: Hello {{ Data.name }}\n\nUse {{ Token }} or {{ ConfirmationURL }}\n")
    with mail_server.server() as server:
        with outbox.serve(GATEHOUSE_SMTP_URL=server.url(), GATEHOUSE_MAIL_TEMPLATES=str(folder), LOG=str(log)) as front:

            def send():
                mail_id, to = outbox.write(user_metadata={"name": "Zoë\r\nBcc: x@example.com"}, token="tok")
                until(lambda: outbox.state(mail_id) == "sent")
                return next(message for message in server.parsed() if message["To"] == to)

            message = send()
            assert message["Subject"] == "Hello Zoë Bcc: x@example.com" and message["Bcc"] is None
            assert "Use 123456 or https://auth.example/auth/v1/verify?token=tok&type=magiclink" in text_of(message)

            write(folder, magic_link__txt="Subject: Broken {{ Nobody }}\n\nx\n")
            front.process.send_signal(signal.SIGUSR2)
            until(lambda: "there is no variable Nobody" in log.read_text())
            [line] = [line for line in log.read_text().splitlines() if "Nobody" in line]
            assert "GATEHOUSE_MAIL_TEMPLATES" in line and "magic_link.txt" in line
            assert send()["Subject"].startswith("Hello"), "what worked goes on"

            write(folder, magic_link__txt="Subject: New\n\nx\n")
            front.process.send_signal(signal.SIGUSR2)
            until(lambda: send()["Subject"] == "New")


def test_a_broken_template_is_one_line_at_start(tmp_path):
    write(tmp_path, recovery__html="<p>\n{% if %}</p>")
    settings = {"GATEHOUSE_SMTP_URL": "smtp://localhost", "GATEHOUSE_MAIL_FROM": "a@example.com", "GATEHOUSE_SITE_URL": "https://app.example"}
    said = mail_server.ended_front(GATEHOUSE_MAIL_TEMPLATES=str(tmp_path), **settings)
    assert said.startswith("gatehouse: GATEHOUSE_MAIL_TEMPLATES: ") and "recovery.html:2" in said and said.count("\n") == 1


def test_without_a_mail_server_mail_waits(outbox, tmp_path):
    with outbox.serve(LOG=str(tmp_path / "log")):
        mail_id, _ = outbox.write()
        until(lambda: "no mail is sent" in (tmp_path / "log").read_text())
    assert outbox.row(mail_id) == ("waiting", 0, None)
