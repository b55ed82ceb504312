"""The mailbox for development: what it shows, and to whom."""

import os
import re
import smtplib
import socket

import httpx
import mail_server
import pytest
from data_api import until


@pytest.fixture(scope="module")
def outbox(owner):
    with mail_server.outbox(owner) as made:
        made.owner.execute(f"alter database {made.name} set pg_gatehouse.autoconfirm = off")
        yield made


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return tmp_path_factory.mktemp("mailbox") / "log"


@pytest.fixture(scope="module")
def front(outbox, log):
    settings = {"GATEHOUSE_DEV_MAILBOX": "on", "GATEHOUSE_MAIL_FROM": "", "LOG": str(log), "LOG_LEVEL": "info"}
    with outbox.serve(DB_ANON_ROLE="anon", **settings) as client:
        yield client


def mails(front, to):
    return [mail for mail in front.get("/dev/mail.json").json() if mail["to"] == [to]]


def sign_up(front, email, **headers):
    body = {"email": email, "password": "seven green sailing boats", "data": {"name": "<i>Mallory</i>"}}
    answer = front.post("/auth/v1/signup", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    until(lambda: mails(front, email))
    return mails(front, email)[0]


def test_from_sign_up_to_a_session_by_the_mail_in_the_mailbox(front, outbox, log):
    mail = sign_up(front, "newcomer@example.com")
    assert mail["subject"] == "Confirm your email address for Gatehouse" and mail["from"] == "Gatehouse <gatehouse@localhost>"
    link = mail["links"][0]
    assert link.startswith("https://auth.example/auth/v1/verify?token=")
    token = re.search(r"token=([^&]+)", link)[1]
    assert outbox.owner.execute("select status, access_token is not null from auth.verify_link(%s, 'signup')", [token]).fetchone() == ("ok", True)
    line = next(line for line in log.read_text().splitlines() if "newcomer@example.com" in line and "gatehouse::mailbox" in line)
    assert link in line and mail["subject"] in line


def test_the_links_of_mails_have_nothing_of_the_request(front):
    mail = sign_up(front, "hosted@example.com", **{"X-Forwarded-Host": "evil.example", "Host": "evil.example", "Origin": "https://evil.example", "Referer": "https://evil.example/"})
    assert all(link.startswith(("https://auth.example/", "https://app.example")) for link in mail["links"])
    assert "evil" not in mail["text"] + mail["html"]


def test_the_pages_show_mails_and_run_nothing_of_them(front):
    mail = sign_up(front, "shown@example.com")
    listed, page = front.get("/dev/mail"), front.get(f"/dev/mail/{mail['id']}")
    assert f"/dev/mail/{mail['id']}" in listed.text and "shown@example.com" in listed.text
    for answer in (listed, page, front.get("/dev/mail.json"), front.get(f"/dev/mail/{mail['id']}/raw")):
        policy = answer.headers["content-security-policy"]
        assert answer.status_code == 200 and "default-src 'none'" in policy and "script-src" not in policy
        assert answer.headers["cache-control"] == "no-store" and answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff" and "access-control-allow-origin" not in answer.headers
    frame = re.search(r"<iframe[^>]*>", page.text)[0]
    assert "sandbox=\"allow-popups allow-popups-to-escape-sandbox\"" in frame and "allow-scripts" not in page.text
    assert "<!doctype html>" not in frame, "the mail's HTML is escaped in the attribute"
    raw = front.get(f"/dev/mail/{mail['id']}/raw")
    assert raw.headers["content-type"].startswith("text/plain") and "Auto-Submitted: auto-generated" in raw.text
    assert front.get("/dev/mail/999999").status_code == 404 == front.get("/dev/mail/x").status_code


@pytest.mark.parametrize("headers", [
    {"Host": "evil.example"}, {"Host": "localhost.evil.example"}, {"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}, {"Via": "1.1 proxy"},
])
@pytest.mark.parametrize("path", ["/dev/mail", "/dev/mail.json", "/dev/mail/1", "/dev/mail/1/raw"])
def test_neither_a_rebound_name_nor_a_proxy_opens_it(front, path, headers):
    answer = front.get(path, headers=headers)
    assert answer.status_code == 403 and "token" not in answer.text


def test_it_opens_under_every_name_of_this_machine(front):
    for host in ("localhost", "127.0.0.1", "[::1]", f"localhost:{front.base_url.port}"):
        assert front.get("/dev/mail.json", headers={"Host": host}).status_code == 200


def test_it_does_not_open_for_other_machines_even_if_forced(outbox):
    address = mail_server.own_address()
    if address is None:
        pytest.skip("this machine has no address but loopback")
    with outbox.serve(GATEHOUSE_DEV_MAILBOX="force", SERVER_HOST="0.0.0.0", GATEHOUSE_MAIL_FROM="") as front:
        assert front.get("/dev/mail.json").status_code == 200
        outside = f"http://{address}:{front.base_url.port}/dev/mail.json"
        assert httpx.get(outside).status_code == 403 == httpx.get(outside, headers={"Host": "localhost"}).status_code


@pytest.mark.parametrize("settings", [{"SERVER_HOST": "*"}, {"SERVER_HOST": "0.0.0.0"}, {"SERVER_HOST": ""}, {"SERVER_UNIX_SOCKET": "/tmp/gatehouse-mailbox.sock"}])
def test_a_front_that_others_reach_does_not_start_with_it(settings):
    said = mail_server.ended_front(GATEHOUSE_DEV_MAILBOX="on", **settings)
    assert said.startswith("gatehouse: GATEHOUSE_DEV_MAILBOX: ") and said.count("\n") == 1


def test_without_it_there_are_no_such_pages(outbox):
    with mail_server.server() as server, outbox.serve(GATEHOUSE_SMTP_URL=server.url(), GATEHOUSE_DEV_MAILBOX="on") as front:
        for path in ("/dev/mail", "/dev/mail.json", "/dev/mail/1"):
            assert front.get(path).status_code in (401, 404)


def test_its_smtp_server_is_on_loopback_and_takes_any_mail(front):
    """What a program other than the front would say to it."""
    pid = front.process.pid
    inodes = {re.search(r"\d+", link)[0] for link in links_of(pid) if link.startswith("socket:")}
    rows = [line.split() for line in open(f"/proc/{pid}/net/tcp").readlines()[1:]]
    ports = [int(row[1].split(":")[1], 16) for row in rows if row[3] == "0A" and row[9] in inodes]
    [port] = [port for port in ports if port != front.base_url.port]
    address = next(row[1].split(":")[0] for row in rows if row[9] in inodes and int(row[1].split(":")[1], 16) == port)
    assert socket.inet_ntoa(bytes.fromhex(address)[::-1]) == "127.0.0.1"
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.sendmail("a@example.com", ["b@example.com", "c@example.com"], b"Subject: dots\r\n\r\n.\r\n..two\r\n<script>x</script>\r\n")
        with pytest.raises(smtplib.SMTPException):
            client.sendmail("a@example.com", ["b@example.com"], b"x" * 2_000_000)
    [mail] = [mail for mail in front.get("/dev/mail.json").json() if mail["subject"] == "dots"]
    assert mail["to"] == ["b@example.com", "c@example.com"] and mail["text"] == ".\n..two\n<script>x</script>\n"
    assert "<script>" not in front.get(f"/dev/mail/{mail['id']}").text


def links_of(pid):
    return [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
