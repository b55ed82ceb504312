"""Attacks on the login over HTTP: codes that do not count, bodies that lie, answers and logs that could tell."""

import json
import re
import time
import uuid

import httpx
import pytest
from auth_front import PASSWORD, SITE, database_settings, mails, serve, service_headers, sign_in, sign_up

LEAKS = re.compile(r"select |insert |\bauth\.|pg_|postgres|sqlstate|plpgsql|panicked|\.rs\b|/root|/home|/work|/usr/|version \d", re.I)


@pytest.fixture(scope="module")
def client(owner):
    with database_settings(owner, autoconfirm="off", bcrypt_cost="10"), serve() as front:
        yield front
    owner.execute("delete from auth.\"user\" where email like '%%@attack.example'")


@pytest.fixture
def email():
    return f"{uuid.uuid4().hex[:12]}@attack.example"


def verify(client, **body):
    return client.post("/auth/v1/verify", json=body)


def confirmed(client, owner, email):
    """A user whose address is proved; gives the session."""
    assert sign_up(client, email).status_code == 200
    [(_, data)] = mails(owner, email)
    answer = verify(client, email=email, token=data["code"], type="signup")
    assert answer.status_code == 200, answer.text
    return answer.json()


# Codes and links.


def test_a_code_counts_once(client, owner, email):
    sign_up(client, email)
    [(_, data)] = mails(owner, email)
    first, second = (verify(client, email=email, token=data["code"], type="email") for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 403)
    assert second.json()["error_code"] == "otp_expired"


def test_a_link_counts_once_and_not_after_its_code(client, owner, email):
    sign_up(client, email)
    [(_, data)] = mails(owner, email)
    assert verify(client, email=email, token=data["code"], type="signup").status_code == 200
    followed = client.get("/auth/v1/verify", params={"token": data["token"], "type": "signup"})
    assert followed.status_code == 303 and "access_token" not in followed.headers["location"]
    assert "error_code=otp_expired" in followed.headers["location"]


@pytest.mark.parametrize("asked, claimed", [("recover", "email_change"), ("recover", "invite"), ("otp", "recovery"), ("otp", "email_change")])
def test_a_code_is_good_for_its_purpose_only(client, owner, email, asked, claimed):
    confirmed(client, owner, email)
    client.post(f"/auth/v1/{asked}", json={"email": email})
    data = mails(owner, email)[-1][1]
    assert verify(client, email=email, token=data["code"], type=claimed).status_code == 403
    assert verify(client, token_hash=data["token"], type=claimed).status_code == 403


def test_an_expired_code_is_worth_nothing(client, owner, email):
    confirmed(client, owner, email)
    client.post("/auth/v1/recover", json={"email": email})
    data = mails(owner, email)[-1][1]
    owner.execute("update auth.one_time_token set code_expires_at = now(), expires_at = now() where address = %s", [email])
    assert verify(client, email=email, token=data["code"], type="recovery").status_code == 403
    assert verify(client, token_hash=data["token"], type="recovery").status_code == 403


def test_six_digits_are_not_guessed(client, owner, email):
    """After five wrong ones the right one is refused too, wherever the tries come from."""
    confirmed(client, owner, email)
    client.post("/auth/v1/otp", json={"email": email})
    code = mails(owner, email)[-1][1]["code"]
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    for host in range(5):
        answer = client.post(
            "/auth/v1/verify", json={"email": email, "token": wrong, "type": "email"}, headers={"X-Forwarded-For": f"192.0.2.{host}"}
        )
        assert answer.status_code == 403
    assert verify(client, email=email, token=code, type="email").status_code == 403


def test_one_guess_at_each_of_many_accounts_is_throttled(client, owner):
    """By the client's address: a forged header is no other address."""
    burst = owner.execute("select burst from auth.throttle_limit where act = 'code' and scope = 'address'").fetchone()
    owner.execute("update auth.throttle_limit set attempts = 1, burst = 10 where act = 'code' and scope = 'address'")
    try:
        answers = [
            client.post(
                "/auth/v1/verify", json={"email": f"{n}{uuid.uuid4().hex[:8]}@attack.example", "token": "123456", "type": "email"},
                headers={"X-Forwarded-For": f"198.51.100.{n}", "Forwarded": f"for=198.51.100.{n}"},
            )
            for n in range(15)
        ]
        assert [answer.status_code for answer in answers][-3:] == [429] * 3
        assert answers[-1].json()["error_code"] == "over_request_rate_limit"
    finally:
        owner.execute("update auth.throttle_limit set attempts = null, burst = %s where act = 'code' and scope = 'address'", burst)


def test_no_header_names_the_host_of_a_link(client, owner, email):
    """Links are built from the configuration, so what is mailed does not depend on what is asked."""
    confirmed(client, owner, email)
    evil = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example", "X-Forwarded-Proto": "http"}
    assert client.post("/auth/v1/recover", json={"email": email}, headers=evil).status_code == 200
    data = mails(owner, email)[-1][1]
    assert "evil" not in json.dumps(data)
    followed = client.get("/auth/v1/verify", params={"token": data["token"], "type": "recovery"}, headers=evil)
    assert followed.headers["location"].startswith(SITE) and "evil" not in followed.headers["location"]


# Bodies.


NESTED = '{"email": ' + "[" * 5000 + "]" * 5000 + "}"


@pytest.mark.parametrize("path", ["signup", "token?grant_type=password", "token?grant_type=refresh_token", "recover", "otp", "verify", "resend"])
@pytest.mark.parametrize(
    "body, status",
    [
        ("", {400}), ("{", {400}), ("null", {400}), ("[]", {400}), ('"text"', {400}), ("{'a': 1}", {400}), (NESTED, {400}),
        ('{"email": 1, "password": {}}', {400}), ('{"email": "a@b.example", "email": "c@d.example", "password": "x"}', {400}),
        ('{"email": "a\\u0000@b.example", "password": "x\\u0000", "refresh_token": "\\u0000", "token": "\\u0000", "type": "\\u0000"}', {400, 403}),
        ('{"email": "\\ud800@b.example"}', {400}), ("{" + '"email": "' + "a" * 1_100_000 + '"}', {413}),
    ],
)
def test_a_bad_body_is_a_clear_refusal(client, path, body, status):
    answer = client.post(f"/auth/v1/{path}", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in status, answer.text
    assert answer.json()["error_code"] and answer.json()["msg"]
    assert not LEAKS.search(answer.text), answer.text


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "POST"])
@pytest.mark.parametrize("path", ["signup", "token", "user", "factors/x/verify", "admin/users/x", "nothing", "verify", "logout", "tenants", "sessions/1"])
def test_no_answer_tells_of_the_inside(client, method, path):
    for headers in ({}, {"Authorization": "Bearer a.b.c"}, {"Authorization": "Bearer " + "x" * 4000}, {"X-Supabase-Api-Version": "2024-01-01"}):
        answer = client.request(method, f"/auth/v1/{path}", headers=headers, content=b"\x00\xff{")
        assert 300 <= answer.status_code < 500, answer.text
        assert not LEAKS.search(answer.text), answer.text
        assert "gatehouse" not in answer.headers.get("server", "").lower() or not re.search(r"\d", answer.headers["server"])


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example", "//evil.example", "/\\evil.example", "https:evil.example", "javascript:alert(1)", "data:text/html,x",
        f"{SITE}.evil.example/", f"{SITE}@evil.example/", "https://evil.example/?https://app.example/x", f"{SITE}:444/x",
        "http://app.example/x", f"{SITE}/x\r\nSet-Cookie: a=b", "https://app.example\t.evil.example/", "https://evil.example#https://app.example/",
    ],
)
def test_nobody_is_sent_elsewhere(client, owner, email, target):
    sign_up(client, email)
    token = mails(owner, email)[0][1]["token"]
    followed = client.get("/auth/v1/verify", params={"token": token, "type": "signup", "redirect_to": target})
    location = httpx.URL(followed.headers["location"])
    assert followed.status_code == 303 and (location.scheme, location.host) == ("https", "app.example")
    assert str(location).split("#")[0].rstrip("/") == SITE and "access_token" not in (location.query or b"").decode()
    assert "set-cookie" not in followed.headers


# The log.


def test_no_secret_is_in_the_log(owner, email, tmp_path):
    """With everything logged that there is."""
    log = tmp_path / "front.log"
    with database_settings(owner, autoconfirm="off", bcrypt_cost="10"), serve(LOG=str(log), LOG_LEVEL="debug", GATEHOUSE_LOG_FORMAT="json") as client:
        canary = f"canary {uuid.uuid4().hex}"
        sign_up(client, email, canary)
        data = mails(owner, email)[0][1]
        session = verify(client, email=email, token=data["code"], type="signup").json()
        client.get("/auth/v1/verify", params={"token": data["token"], "type": "signup"})
        client.get("/auth/v1/user", headers={"Authorization": f"Bearer {session['access_token']}"})
        client.get("/auth/v1/user", headers={"Authorization": f"Bearer {session['access_token']}x"})
        refreshed = client.post("/auth/v1/token?grant_type=refresh_token", json={"refresh_token": session["refresh_token"]}).json()
        sign_in(client, email, canary)
        client.post("/auth/v1/signup", content='{"email": "' + email + '", "password": "' + canary)
        client.get("/auth/v1/admin/users", headers=service_headers())
        client.get("/rest/v1/note", headers={"apikey": session["access_token"], "Cookie": f"x={canary}"})
        time.sleep(0.2)
    secrets = [canary, canary.split()[1], data["code"], data["token"], session["access_token"], session["refresh_token"],
               refreshed["access_token"], refreshed["refresh_token"], service_headers()["apikey"], session["access_token"].split(".")[2]]
    text = log.read_text()
    assert "/auth/v1/signup" in text
    for number, secret in enumerate(secrets):
        # Six digits may be part of a time or a size by chance; as a word they are the code.
        found = re.search(rf"\b{secret}\b", text) if secret.isdigit() else secret in text
        assert not found, number
