"""Whether an address has an account is not told over HTTP: not by status, body or headers, nor by the time."""

import re
import time
import uuid

import pytest
from auth_front import database_settings, serve, sign_in, sign_up
from test_enumeration import superiority

TRIALS = 200
STAMP = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(\+00:00|Z)")
IDENTIFIER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# What differs from answer to answer whoever asks.
VOLATILE = {"date", "x-request-id", "content-length"}


@pytest.fixture(scope="module")
def client(owner):
    """Addresses have to be confirmed, and hashes are the cheapest that there are, so that what surrounds them shows."""
    cheap = {"password_algorithm": "argon2id", "argon2_memory": "7MB", "argon2_iterations": "1"}
    with database_settings(owner, autoconfirm="off", **cheap), serve() as front:
        for name in ("known", "unconfirmed", "banned"):
            assert sign_up(front, f"{name}@enum.example").status_code == 200
        owner.execute("update auth.\"user\" set email_confirmed_at = now() where email in ('known@enum.example', 'banned@enum.example')")
        owner.execute("update auth.\"user\" set banned_until = 'infinity' where email = 'banned@enum.example'")
        yield front
    owner.execute("delete from auth.\"user\" where email like '%%@enum.example'")


def shown(answer, email):
    """All that an answer says, without what is different in any two answers."""
    body = IDENTIFIER.sub("<id>", STAMP.sub("<at>", answer.text)).replace(email, "<email>")
    headers = sorted((name, value) for name, value in answer.headers.items() if name not in VOLATILE)
    return answer.status_code, body, headers


ASK = {
    "sign in": lambda client, email: sign_in(client, email, "not the password"),
    "sign up": lambda client, email: sign_up(client, email),
    "recover": lambda client, email: client.post("/auth/v1/recover", json={"email": email}),
    "otp": lambda client, email: client.post("/auth/v1/otp", json={"email": email, "create_user": True}),
    "otp without sign-up": lambda client, email: client.post("/auth/v1/otp", json={"email": email, "create_user": False}),
    "magic link": lambda client, email: client.post("/auth/v1/magiclink", json={"email": email}),
    "resend": lambda client, email: client.post("/auth/v1/resend", json={"email": email, "type": "signup"}),
    "wrong code": lambda client, email: client.post("/auth/v1/verify", json={"email": email, "token": "000000", "type": "email"}),
}


@pytest.mark.parametrize("what", ASK)
def test_the_answer_is_the_same_for_every_address(client, what):
    ask = ASK[what]
    stranger = f"{uuid.uuid4().hex[:12]}@enum.example"
    expected = shown(ask(client, stranger), stranger)
    assert expected[0] < 500
    for name in ("known", "unconfirmed", "banned"):
        email = f"{name}@enum.example"
        assert shown(ask(client, email), email) == expected, name


def test_a_locked_account_answers_like_a_locked_stranger(client, owner):
    """The throttle counts tries at an address, whether it has an account or not."""
    burst = owner.execute("select burst from auth.throttle_limit where act = 'sign_in' and scope = 'account'").fetchone()
    owner.execute("update auth.throttle_limit set attempts = 1, burst = 3 where act = 'sign_in' and scope = 'account'")
    try:
        seen = []
        fresh, stranger = (f"{uuid.uuid4().hex[:12]}@enum.example" for _ in range(2))
        assert sign_up(client, fresh).status_code == 200
        for email in (fresh, stranger):
            answers = [sign_in(client, email, "not the password") for _ in range(5)]
            seen.append([(answer.status_code, answer.json()) for answer in answers])
            assert answers[-1].status_code == 429 and int(answers[-1].headers["retry-after"]) > 0
        assert seen[0] == seen[1]
    finally:
        owner.execute("update auth.throttle_limit set attempts = null, burst = %s where act = 'sign_in' and scope = 'account'", burst)


@pytest.mark.parametrize("what", ["sign in", "recover", "otp", "otp without sign-up", "resend", "sign up"])
def test_the_time_tells_nothing(client, what):
    """Interleaved trials; U / n² lies within 0.35 to 0.65."""
    ask, times = ASK[what], {"known": [], "unknown": []}
    for _ in range(TRIALS):
        for kind in times:
            email = "known@enum.example" if kind == "known" else f"{uuid.uuid4().hex[:5]}@enum.example"
            started = time.perf_counter()
            answer = ask(client, email)
            times[kind].append(time.perf_counter() - started)
            assert answer.status_code < 500
    told = superiority(times["known"], times["unknown"])
    assert 0.35 < told < 0.65, told
