"""Requests that two readers could understand in two ways."""

import pytest
import raw_http
from auth_front import serve

NEXT = b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n"


def answers(client, request):
    return raw_http.statuses(raw_http.exchange(client, request + NEXT, timeout=3))


@pytest.fixture(scope="module")
def front():
    with serve(GATEHOUSE_RATE_LIMIT_AUTH="off") as client:
        yield client


@pytest.mark.parametrize("head", [
    b"GET /live HTTP/1.1\r\n", b"GET /live HTTP/1.1\r\nHost: a\r\nHost: a\r\n", b"GET /live HTTP/1.1\r\nHost: a, b\r\n", b"GET /live HTTP/1.1\r\nHost: a@b\r\n",
    b"GET /live HTTP/1.1\r\nHost: a/b\r\n", b"GET /live HTTP/1.1\r\nHost: a b\r\n", b"GET /live HTTP/1.1\r\nHost: [::1\r\n",
    b"GET http://a/live HTTP/1.1\r\n",
])
def test_a_request_names_one_host_and_is_the_last_of_its_connection_if_not(front, head):
    assert answers(front, head + b"\r\n") == [400]


@pytest.mark.parametrize("request_", [
    # A line that goes on in the next (RFC 9112 section 5.2), blanks around names, what is no name.
    b"GET /live HTTP/1.1\r\nHost: x\r\n X: y\r\n\r\n", b"GET /live HTTP/1.1\r\n Host: x\r\n\r\n", b"GET /live HTTP/1.1\r\nHost : x\r\n\r\n",
    b"GET /live HTTP/1.1\r\nHost: x\r\nX\r\n\r\n", b"GET /live HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n", b"GET /live HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n",
    b"GET /live HTTP/1.1\r\nHost: x\rX: y\r\n\r\n",
    # Request lines.
    b"GET  /live HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /live HTTP/1.1 x\r\nHost: x\r\n\r\n", b"GET /li ve HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /live HTTP/9.9\r\nHost: x\r\n\r\n", b"GET /live\r\n\r\n", b"GET\t/live HTTP/1.1\r\nHost: x\r\n\r\n", b"G@T /live HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    # Lengths.
    b"POST /live HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 6\r\n\r\n", b"POST /live HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST /live HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\n", b"POST /live HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST /live HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /live HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", b"POST /live HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n",
    b"POST /live HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n",
])
def test_what_is_no_request_ends_the_connection(front, request_):
    assert answers(front, request_) in ([], [400], [405])


@pytest.mark.parametrize("chunks", [
    b"3\n{}\n\r\n0\r\n\r\n", b"-3\r\n{} \r\n0\r\n\r\n", b"0x3\r\n{} \r\n0\r\n\r\n", b"3\r\n{} 0\r\n\r\n", b"ffffffffffffffff1\r\n{} \r\n0\r\n\r\n",
    b"3;" + b"a" * 40_000 + b"\r\n{} \r\n0\r\n\r\n",
])
def test_a_chunk_that_breaks_the_grammar_ends_the_connection(front, chunks):
    head = b"POST /auth/v1/token?grant_type=password HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    seen = answers(front, head + chunks)
    assert len(seen) <= 1 and seen != [200], seen


@pytest.mark.parametrize("request_, first", [
    (b"GET http://other.example/live HTTP/1.1\r\nHost: x\r\n\r\n", 200), (b"GET /live HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 200),
    (b"\r\nGET /live HTTP/1.1\r\nHost: x\r\n\r\n", 200), (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", None),
    (b"POST /auth/v1/token?grant_type=password HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\nX: y\r\n\r\n", 400),
])
def test_unusual_but_clear_requests_are_answered_and_so_is_the_next(front, request_, first):
    seen = answers(front, request_)
    assert len(seen) == 2 and seen[1] == 200 and seen[0] == (first or seen[0]) < 500, seen


@pytest.mark.parametrize("path", [
    "/%61uth/v1/token?grant_type=password", "/auth%2Fv1/token?grant_type=password", "/auth/v1%2ftoken?grant_type=password", "//auth/v1/token?grant_type=password",
    "/./auth/v1/token?grant_type=password", "/rest/v1/../../auth/v1/token?grant_type=password", "/auth/%2e%2e/auth/v1/token?grant_type=password",
    "/AUTH/V1/TOKEN?grant_type=password", "/rest/v1/%2e%2e%2f%2e%2e%2fauth/v1/token?grant_type=password", "/auth/v1/token%3Fgrant_type=password",
    "/auth/v1;/token?grant_type=password", "/auth\\v1\\token?grant_type=password",
])
def test_no_spelling_of_a_path_comes_to_a_route_around_its_limits(path):
    body = b'{"email": "alice@acme.example", "password": "wrong"}'
    request = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (path.encode(), len(body), body)
    with serve(GATEHOUSE_RATE_LIMIT_AUTH="1/hour burst 1") as client:
        assert client.get("/auth/v1/nothing").status_code == 404
        answer = raw_http.exchange(client, request, timeout=3)
    # Neither the route's own answer nor anything but a refusal.
    assert b"invalid_credentials" not in answer and raw_http.statuses(answer)[0] in (400, 404, 405, 429), answer


@pytest.mark.parametrize("path", [
    "/rest/v1/%", "/rest/v1/%zz", "/rest/v1/%c0%af", "/rest/v1/note%00", "/rest/v1/note%2f", "/rest/v1/note%2500", "/rest/v1/%252e%252e/", "/rest/v1/note;x=y",
    "/rest/v1/note%0d%0aX-Injected:%20y", "/rest/v1/rpc/%2e%2e", "/rest/v1/rpc%2fpg_sleep", "/rest/v1/note?%00=eq.1", "/rest/v1/note?select=%", "/rest/v1/note?title=eq.%ed%a0%80",
    "/rest/v1/note?select=title%26id", "/rest/v1/%6eot%65?select=%74itle%2", "/rest/v1/note/", "/rest/v1//note", "/rest/v1/" + "%41" * 3000, "/%",
])
def test_percent_signs_are_refused_or_mean_what_they_say(front, path):
    answer = raw_http.exchange(front, b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % path.encode(), timeout=5)
    assert len(raw_http.statuses(answer)) == 1 and 400 <= raw_http.statuses(answer)[0] < 500, answer
    head = answer.split(b"\r\n\r\n")[0].lower()
    assert b"\r\nx-injected" not in head


def test_pages_of_other_origins_have_no_business_with_pages_and_mails():
    with serve(GATEHOUSE_DEV_MAILBOX="on") as client:
        for path in ("/dev/mail", "/dev/mail.json", "/auth/sign-in"):
            for answer in (client.get(path, headers={"Origin": "https://evil.example"}),
                           client.options(path, headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"})):
                assert not [name for name in answer.headers if name.startswith("access-control-")], (path, answer.headers)


def test_what_is_stored_for_one_origin_is_not_for_another():
    with serve(SERVER_CORS_ALLOWED_ORIGINS="https://app.example") as client:
        for headers in ({}, {"Origin": "https://app.example"}, {"Origin": "https://evil.example"}):
            assert "Origin" in client.get("/rest/v1/", headers=headers).headers.get_list("vary")
    with serve() as client:
        assert "Origin" not in client.get("/rest/v1/", headers={"Origin": "https://app.example"}).headers.get_list("vary")
