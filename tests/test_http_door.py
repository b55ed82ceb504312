"""The front towards the internet: whose request it is, floods, limits, CORS, headers, compression, ids, logs."""

import gzip
import json
import re
import time
import uuid

import httpx
import pytest
import raw_http
from auth_front import database_settings, serve, sign_in, sign_up
from conftest import PASSWORDS
from data_api import environment, free_port, binary

import subprocess

ALICE = "alice@acme.example"


def session_of(client, email, password, **headers):
    answer = client.post("/auth/v1/token?grant_type=password", json={"email": email, "password": password}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def address_of(owner, session):
    claims = owner.execute("select claims from auth.jwt_decode_unverified(%s)", [session["access_token"]]).fetchone()[0]
    return owner.execute("select host(ip) from auth.session where id = %s", [claims["session_id"]]).fetchone()[0]


# Whose request it is.


def test_a_forged_header_is_nobodys_address(owner):
    forged = {"X-Forwarded-For": "192.0.2.1", "Forwarded": "for=192.0.2.1", "X-Gatehouse-Client-Address": "192.0.2.1", "X-Real-IP": "192.0.2.1"}
    with serve() as client:
        assert address_of(owner, session_of(client, ALICE, PASSWORDS[ALICE], **forged)) == "127.0.0.1"


def test_a_trusted_proxys_word_counts_as_far_as_it_is_trusted(owner):
    with serve(GATEHOUSE_TRUSTED_PROXIES="127.0.0.0/8,10.0.0.0/8") as client:
        told = {"X-Forwarded-For": "198.51.100.9, 203.0.113.5, 10.0.0.7", "Forwarded": "for=192.0.2.1"}
        session = session_of(client, ALICE, PASSWORDS[ALICE], **told)
        assert address_of(owner, session) == "203.0.113.5"
        mine = client.get("/auth/v1/sessions", headers={"Authorization": f"Bearer {session['access_token']}"})
        assert "203.0.113.5" in [shown["ip"] for shown in mine.json()]
    with serve(GATEHOUSE_TRUSTED_PROXIES="127.0.0.1", GATEHOUSE_FORWARDING_HEADER="forwarded") as client:
        told = {"X-Forwarded-For": "198.51.100.9", "Forwarded": 'for="[2001:db8::5]:80";proto=https'}
        assert address_of(owner, session_of(client, ALICE, PASSWORDS[ALICE], **told)) == "2001:db8::5"


# Floods.


def test_one_address_asks_only_so_often_and_others_go_on():
    with serve(GATEHOUSE_RATE_LIMIT_AUTH="1/minute burst 3", GATEHOUSE_TRUSTED_PROXIES="127.0.0.1") as client:
        ask = lambda who, **more: client.get("/auth/v1/.well-known/jwks.json", headers={"X-Forwarded-For": who, **more})  # noqa: E731
        assert [ask("192.0.2.1").status_code for _ in range(5)] == [200] * 3 + [429] * 2
        old, new = ask("192.0.2.1"), ask("192.0.2.1", **{"X-Supabase-Api-Version": "2024-01-01"})
        assert old.json() == {"code": 429, "error_code": "over_request_rate_limit", "msg": "Request rate limit reached"}
        assert new.json()["code"] == "over_request_rate_limit" and 0 < int(new.headers["retry-after"]) <= 61
        assert ask("192.0.2.2").status_code == 200
        # The data API has a limit of its own.
        assert client.get("/rest/v1/note", headers={"X-Forwarded-For": "192.0.2.1"}).status_code != 429


def test_no_header_and_a_forged_one_mean_no_way_around():
    with serve(GATEHOUSE_RATE_LIMIT="1/minute burst 200") as client:
        answers = [client.get("/rest/v1/note", headers={"X-Forwarded-For": f"192.0.2.{n}"}) for n in range(210)]
        assert [answer.status_code for answer in answers][200:] == [429] * 10
        assert answers[-1].json()["code"] == "over_request_rate_limit" and int(answers[-1].headers["retry-after"]) > 0


# Limits.


def test_an_address_or_a_head_that_is_too_long_is_refused():
    with serve(GATEHOUSE_MAX_URI="2000", GATEHOUSE_MAX_HEAD="8192", GATEHOUSE_MAX_HEADERS="20") as client:
        assert client.get("/rest/v1/note?x=" + "a" * 2000).status_code == 414
        assert client.get("/auth/v1/settings?x=" + "a" * 2000).json()["error_code"] == "validation_failed"
        assert client.get("/live", headers={"X-Long": "a" * 9000}).status_code == 431
        assert client.get("/live", headers={f"X-{n}": "a" for n in range(30)}).status_code == 431
        assert client.get("/live").status_code == 200


def test_a_body_that_is_too_large_is_refused_before_it_is_sent():
    with serve(GATEHOUSE_MAX_BODY="4096") as client:
        head = b"POST /rest/v1/note HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10000000\r\n\r\n"
        assert b" 413 " in raw_http.exchange(client, head, timeout=3)[:20]
        assert client.post("/rest/v1/note", content=b"[" + b" " * 5000 + b"]").status_code == 413


def test_who_sends_nothing_is_sent_away_and_keeps_nobody_out():
    settings = {"GATEHOUSE_HEAD_TIMEOUT": "2", "GATEHOUSE_BODY_TIMEOUT": "2", "GATEHOUSE_MAX_CONNECTIONS_PER_ADDRESS": "40"}
    with serve(**settings) as client:
        slow = [raw_http.connect(client) for _ in range(60)]
        for connection in slow:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow")
        began = time.time()
        assert all(b"200" not in raw_http.read_all(connection) for connection in slow)
        assert time.time() - began < 12
        assert client.get("/live").status_code == 200
        body = b"POST /auth/v1/token?grant_type=password HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
        with raw_http.connect(client, 40) as connection:
            connection.sendall(body)
            assert b" 408 " in connection.recv(1000)[:20]


def test_a_connection_of_one_address_too_many_is_closed_at_once():
    with serve(GATEHOUSE_MAX_CONNECTIONS_PER_ADDRESS="5") as client:
        client.close()
        time.sleep(0.3)
        held = [raw_http.connect(client) for _ in range(8)]
        time.sleep(0.3)
        answers = []
        for connection in held:
            connection.settimeout(1)
            try:
                connection.sendall(b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n")
                answers.append(b" 200 " in connection.recv(1000)[:20])
            except OSError:
                answers.append(False)
        assert answers.count(True) == 5


SMUGGLED = b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"POST /live HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" % len(SMUGGLED),
        b"POST /live HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED),
        b"POST /live HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n",
        b"POST /live HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"POST /live HTTP/1.1\r\nHost: x\r\nContent-Length: +0\r\n\r\n",
        b"POST /live HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity, chunked, identity\r\n\r\n0\r\n\r\n",
        b"POST /live HTTP/1.1\r\nHost: x\r\nX: a\r\n\tTransfer-Encoding: chunked\r\n\r\n",
        b"POST /live HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nG\r\n\r\n",
        b"GET /live\r\n\r\n",
    ],
)
def test_no_request_hides_in_another(head):
    """Where two readers could see another number of requests, the connection ends after the first."""
    with serve() as client:
        answer = raw_http.exchange(client, head + SMUGGLED, timeout=3)
    assert len(raw_http.statuses(answer)) <= 1, answer


# Browsers.


@pytest.mark.parametrize("path", ["/rest/v1/note", "/auth/v1/token", "/auth/v1/user", "/auth/v1/.well-known/jwks.json"])
def test_a_foreign_origin_gets_nothing(path):
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, apikey, x-client-info"}
    with serve(SERVER_CORS_ALLOWED_ORIGINS="https://app.example") as client:
        for origin, allowed in (("https://app.example", True), ("https://evil.example", False), ("null", False), ("https://app.example.evil", False)):
            plain = client.get(path, headers={"Origin": origin})
            preflight = client.options(path, headers={"Origin": origin, **asked})
            for answer in (plain, preflight):
                shown = answer.headers.get("access-control-allow-origin")
                assert (shown == origin) if allowed else shown is None
                assert ("access-control-allow-credentials" in answer.headers) == allowed
            if allowed:
                assert preflight.status_code == 200 and "apikey" in preflight.headers["access-control-allow-headers"]
    with serve() as client:
        answer = client.get(path, headers={"Origin": "https://any.example"})
        assert answer.headers["access-control-allow-origin"] == "*" and "access-control-allow-credentials" not in answer.headers


def test_every_answer_tells_browsers_to_be_careful():
    with serve() as client:
        for path in ("/live", "/rest/v1/nothing", "/auth/v1/token?grant_type=x", "/auth/v1/.well-known/jwks.json", "/rest/v1/"):
            headers = client.get(path).headers
            assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
            assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
            assert "strict-transport-security" not in headers and "x-powered-by" not in headers
        assert sign_in(client, ALICE, PASSWORDS[ALICE]).headers["cache-control"] == "no-store"


# Compression.


def test_large_data_is_compressed_and_secrets_are_not(alice):
    with serve() as client:
        rows = "/rest/v1/note?select=" + ",".join(f"a{n}:title" for n in range(200))
        bearer = {"Authorization": f"Bearer {alice}"}
        with httpx.Client(base_url=client.base_url) as plain:
            plain.headers["Accept-Encoding"] = "identity"
            whole = plain.get(rows, headers=bearer)
        packed = client.get(rows, headers=bearer | {"Accept-Encoding": "gzip"})
        assert packed.headers["content-encoding"] == "gzip" and packed.content == whole.content and len(whole.content) > 1400
        assert "accept-encoding" in packed.headers["vary"].lower() and "content-encoding" not in whole.headers
        # What could be played against a secret goes as it is.
        cookie = client.get(rows, headers=bearer | {"Accept-Encoding": "gzip", "Cookie": "a=b"})
        session = client.post(
            "/auth/v1/token?grant_type=password", json={"email": ALICE, "password": PASSWORDS[ALICE]}, headers={"Accept-Encoding": "gzip"}
        )
        assert "content-encoding" not in cookie.headers and "content-encoding" not in session.headers
        assert len(session.content) > 1400
    with serve(GATEHOUSE_COMPRESSION="off") as client:
        assert "content-encoding" not in client.get(rows, headers=bearer | {"Accept-Encoding": "gzip"}).headers


# Ids, logs, metrics.


def test_a_request_has_one_name_everywhere(tmp_path):
    log, admin = tmp_path / "front.log", free_port()
    with serve(LOG=str(log), LOG_LEVEL="info", GATEHOUSE_LOG_FORMAT="json", ADMIN_SERVER_PORT=admin) as client:
        mine = client.get("/rest/v1/nothing", headers={"X-Request-Id": "my-request-1"})
        fresh = [client.get("/rest/v1/nothing").headers["x-request-id"] for _ in range(2)]
        odd = client.get("/live", headers={"X-Request-Id": 'a" b'})
        metrics = httpx.get(f"http://127.0.0.1:{admin}/metrics").text
        assert mine.headers["x-request-id"] == "my-request-1" and fresh[0] != fresh[1]
        assert all(uuid.UUID(name).version == 7 for name in (*fresh, odd.headers["x-request-id"]))
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line for line in lines if line.get("fields", {}).get("id") == "my-request-1" or line.get("span", {}).get("id") == "my-request-1"]
    assert re.search(r'gatehouse_http_request_duration_seconds_count\{api="data",status="4xx"\} [1-9]', metrics)
    assert re.search(r"gatehouse_http_requests_under_way [01]\n", metrics) and re.search(r"gatehouse_http_connections [1-9]", metrics)


@pytest.mark.parametrize(
    "name, value, says",
    [
        ("GATEHOUSE_TRUSTED_PROXIES", "everybody", "10.0.0.0/8"), ("GATEHOUSE_RATE_LIMIT", "fast", "300/minute"),
        ("GATEHOUSE_TLS_CERT", "/nowhere.pem", "GATEHOUSE_TLS_KEY"), ("GATEHOUSE_MAX_BODY", "1", "1024"), ("GATEHOUSE_LOG_FORMAT", "xml", "json"),
    ],
)
def test_a_wrong_setting_is_one_line(name, value, says):
    ended = subprocess.run([binary(), "serve"], env=environment(**{name: value}), capture_output=True, text=True, timeout=20)
    assert ended.returncode != 0 and says in ended.stderr and len(ended.stderr.strip().splitlines()) == 1
