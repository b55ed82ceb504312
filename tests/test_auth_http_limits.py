"""A storm of logins takes few connections and is told to come back; what people try is counted."""

import concurrent.futures
import contextlib
import subprocess
import time

import httpx
import psycopg
import pytest
from auth_api import DATABASE, PASSWORD, another_front, refused
from conftest import uri
from data_api import binary, environment, free_port
from wire import Recorder


@contextlib.contextmanager
def held(address):
    """As long as this lasts, the sign-in of this user waits for the lock on the user's row."""
    with psycopg.connect(uri("DB", DATABASE)) as holder:
        holder.execute('select from auth."user" where email = %s for update', [address])
        yield


def wait_for(owner, waiting):
    """Until so many statements wait for a lock."""
    deadline = time.time() + 30
    while time.time() < deadline:
        found = owner.execute("select count(*) from pg_stat_activity where datname = %s and wait_event_type = 'Lock'", [DATABASE]).fetchone()[0]
        if found >= waiting:
            return
        time.sleep(0.02)
    raise AssertionError("nothing waits")


def sign_in(auth, address):
    # A client of its own: others are not kept waiting by a connection that is in use.
    with httpx.Client(base_url=auth.http.base_url, timeout=60) as client:
        return client.post("/auth/v1/token?grant_type=password", json={"email": address, "password": PASSWORD})


def test_a_full_queue_is_said_at_once_and_the_rest_goes_on(auth):
    address, session = auth.confirmed(), auth.session()
    with another_front(auth, GATEHOUSE_LOGIN_POOL=1, GATEHOUSE_LOGIN_QUEUE=0) as front, concurrent.futures.ThreadPoolExecutor(1) as pool:
        with held(address):
            first = pool.submit(sign_in, front, address)
            wait_for(auth.owner, 1)
            for answer in (sign_in(front, auth.address()), front.post("/signup", {"email": auth.address(), "password": PASSWORD}),
                           front.send("PUT", "/user", {"password": "nine quiet mountain roads"}, session["access_token"])):
                refused(answer, 503, "over_capacity")
                assert int(answer.headers["retry-after"]) >= 1
            assert front.get("/user", session["access_token"]).status_code == 200
            assert front.send("PUT", "/user", {"data": {"a": 1}}, session["access_token"]).status_code == 200
            assert front.post("/token?grant_type=refresh_token", {"refresh_token": session["refresh_token"]}).status_code == 200
            assert front.http.get("/rest/v1/").status_code == 200
        assert first.result().status_code == 200
        assert sign_in(front, address).status_code == 200


def test_the_operators_passwords_have_a_queue_of_their_own(auth):
    address = auth.confirmed()
    with another_front(auth, GATEHOUSE_LOGIN_POOL=1, GATEHOUSE_LOGIN_QUEUE=0) as front, concurrent.futures.ThreadPoolExecutor(1) as pool:
        with held(address):
            first = pool.submit(sign_in, front, address)
            wait_for(auth.owner, 1)
            assert front.post("/admin/users", {"email": auth.address(), "password": PASSWORD}, auth.service_key).status_code == 200
        assert first.result().status_code == 200


def test_those_in_the_queue_get_their_turn(auth):
    address = auth.confirmed()
    with another_front(auth, GATEHOUSE_LOGIN_POOL=1, GATEHOUSE_LOGIN_QUEUE=8) as front, concurrent.futures.ThreadPoolExecutor(5) as pool:
        with held(address):
            first = pool.submit(sign_in, front, address)
            wait_for(auth.owner, 1)
            others = [pool.submit(sign_in, front, address) for _ in range(4)]
        assert [answer.result().status_code for answer in (first, *others)] == [200] * 5


@pytest.mark.parametrize(("setting", "value", "allowed"), [
    ("GATEHOUSE_LOGIN_POOL", "0", "a whole number from 1 to 1000"), ("GATEHOUSE_LOGIN_QUEUE", "many", "a whole number from 0 to 100000"),
    ("GATEHOUSE_SITE_URL", "app.example.com", "a URL such as https://app.example.com"), ("GATEHOUSE_EXTERNAL_URL", "https://a.example/?b", "a URL such as"),
    ("GATEHOUSE_REDIRECT_URLS", "https://ok.example/,**", "URLs by commas"), ("GATEHOUSE_REDIRECT_URLS", "javascript://**", "never allowed"),
])
def test_a_wrong_setting_is_one_line_with_what_is_allowed(setting, value, allowed):




    ended = subprocess.run([binary(), "serve"], env=environment(**{setting: value}), capture_output=True, text=True, timeout=30)
    assert ended.returncode != 0
    line = (ended.stderr + ended.stdout).strip()
    assert setting in line and value in line and allowed in line and len(line.splitlines()) == 1, line


def test_what_people_try_is_counted_by_what_came_of_it(auth):
    port = free_port()
    with another_front(auth, ADMIN_SERVER_PORT=port) as front:
        metrics = lambda: dict(line.rsplit(" ", 1) for line in httpx.get(f"http://127.0.0.1:{port}/metrics").text.splitlines() if not line.startswith("#"))  # noqa: E731
        counted = lambda act, outcome: int(metrics()[f'gatehouse_auth_total{{act="{act}",outcome="{outcome}"}}'])  # noqa: E731
        address = auth.confirmed()
        session = sign_in(front, address).json()
        sign_in(front, auth.address())
        front.post("/token?grant_type=refresh_token", {"refresh_token": session["refresh_token"]})
        front.post("/token?grant_type=refresh_token", {"refresh_token": "x"})
        front.post("/recover", {"email": address})
        front.post("/signup", {"email": auth.address(), "password": "short"})
        front.post("/verify", {"type": "email", "email": address, "token": "000000"})
        assert [counted("sign_in", outcome) for outcome in ("ok", "refused", "throttled", "busy", "failed")] == [1, 1, 0, 0, 0]
        assert [counted("refresh", outcome) for outcome in ("ok", "refused")] == [1, 1]
        assert counted("mail", "ok") == 1 and counted("sign_up", "refused") == 1 and counted("verify", "refused") == 1
        assert int(metrics()["gatehouse_login_pool_max"]) >= 2 and metrics()["gatehouse_login_pool_busy"] == "0"


def test_each_route_is_one_call_in_one_flight(auth):
    """All messages of a request go out together, with one Sync: what lets the caller in, and the one call."""
    address, session = auth.confirmed(), auth.session()
    user, operator = session["access_token"], auth.service_key
    with Recorder(uri("AUTHENTICATOR", DATABASE)) as plain, Recorder(uri("SERVICE_AUTHENTICATOR", DATABASE)) as service, \
            another_front(auth, DB_URI=plain.uri, GATEHOUSE_SERVICE_DB_URI=service.uri, DB_CHANNEL_ENABLED="false") as front:
        for method, path, body, token, database in [
            ("POST", "/token?grant_type=password", {"email": address, "password": PASSWORD}, None, plain),
            ("POST", "/token?grant_type=refresh_token", {"refresh_token": session["refresh_token"]}, None, plain),
            ("POST", "/recover", {"email": address}, None, plain), ("GET", "/verify?token=x&type=signup", None, None, plain),
            ("GET", "/settings", None, None, plain), ("GET", "/user", None, user, plain), ("PUT", "/user", {"data": {"a": 1}}, user, plain),
            ("POST", "/factors", {"factor_type": "totp"}, user, plain), ("GET", "/tenants", None, user, plain),
            ("POST", "/tenants", {"slug": "one-flight", "name": "One"}, user, plain), ("GET", "/admin/users", None, operator, service),
            ("POST", "/admin/users", {"email": auth.address(), "password": PASSWORD}, operator, service), ("POST", "/logout", None, user, plain),
        ]:
            with database.recording() as record:
                assert front.send(method, path, body, token).status_code < 400, path
                # Besides, a connection may log in.
                flights = [flight for flight in record() if "B" in flight]
            assert [flight.count("S") for flight in flights] == [1] and flights[0].count("E") == 2, (path, flights)


def test_throttled_requests_say_when_to_come_back(auth):
    auth.owner.execute("update auth.throttle_limit set attempts = 1 where act = 'recovery'")
    try:
        address = auth.address()
        answers = [auth.post("/recover", {"email": address}) for _ in range(4)]
        refused(answers[-1], 429, "over_email_send_rate_limit")
        assert int(answers[-1].headers["retry-after"]) >= 1
    finally:
        auth.owner.execute("update auth.throttle_limit set attempts = null")
