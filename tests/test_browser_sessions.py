"""Sessions in cookies, before the APIs: what counts as one, what is renewed on the way, what is refused."""

import concurrent.futures
import contextlib
import json
import os
import time
import uuid

import auth_front
import httpx
import jwt
import pyotp
import pytest
from auth_front import PASSWORD, SITE
from visitor import ACCESS, REFRESH, Visitor

JSON = {"Content-Type": "application/json"}
SIGN_IN = "/auth/v1/token?grant_type=password&cookie=true"


@contextlib.contextmanager
def serve(**settings):
    port = auth_front.data_api.free_port()
    settings = {
        "SERVER_PORT": port, "GATEHOUSE_COOKIE_SESSIONS": "on", "GATEHOUSE_EXTERNAL_URL": f"http://127.0.0.1:{port}",
        "GATEHOUSE_RATE_LIMIT_AUTH": "off", "SERVER_CORS_ALLOWED_ORIGINS": SITE, **settings,
    }
    with auth_front.serve(**settings) as client:
        yield client


@pytest.fixture(scope="module")
def front(owner):
    with serve() as client:
        yield client


@pytest.fixture
def email():
    return f"{uuid.uuid4().hex}@example.com"


@pytest.fixture
def browser(front, email):
    return signed_in(front, email)


def signed_in(front, email):
    auth_front.sign_up(front, email)
    browser = Visitor(front.base_url)
    assert sign_in(browser, email).status_code == 200
    return browser


def sign_in(browser, email, password=PASSWORD, headers=None):
    return browser.send("POST", SIGN_IN, headers={"Origin": browser.base, **(headers or {})}, json={"email": email, "password": password})


def age(browser, seconds):
    """In the place of waiting: the access token says that it has so many seconds left. The front reads that without
    trust; nobody else would believe this token."""
    claims = jwt.decode(browser.cookies[ACCESS], options={"verify_signature": False})
    browser.cookies[ACCESS] = jwt.encode({**claims, "exp": int(time.time()) + seconds}, "x" * 32)


def post(browser, path, body=None, **headers):
    return browser.send("POST", path, headers={"Origin": browser.base, **headers}, json=body or {})


def email_of(answer):
    return answer.json().get("email")


class TestSigningIn:
    def test_puts_the_tokens_into_cookies_and_nowhere_else(self, front, email):
        auth_front.sign_up(front, email)
        browser = Visitor(front.base_url)
        answer = sign_in(browser, email)
        assert answer.headers["cache-control"] == "no-store"
        assert set(answer.json()) == {"expires_in", "expires_at", "user"}
        assert set(browser.cookies) == {ACCESS, REFRESH}
        for token in browser.cookies.values():
            assert token not in answer.text

    def test_without_asking_for_cookies_gives_the_tokens(self, front, email):
        auth_front.sign_up(front, email)
        answer = auth_front.sign_in(front, email)
        assert answer.json()["access_token"] and "set-cookie" not in answer.headers

    def test_with_a_wrong_password_sets_nothing(self, front, email):
        auth_front.sign_up(front, email)
        browser = Visitor(front.base_url)
        assert sign_in(browser, email, "wrong").status_code == 400
        assert not browser.cookies

    def test_up_is_the_same(self, front, email):
        browser = Visitor(front.base_url)
        answer = post(browser, "/auth/v1/signup?cookie=true", {"email": email, "password": PASSWORD})
        assert "access_token" not in answer.json() and set(browser.cookies) == {ACCESS, REFRESH}

    @pytest.mark.parametrize("headers", [{}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}])
    def test_for_a_page_of_another_site_is_refused(self, front, email, headers):
        """Else a visitor would be signed in as somebody else without knowing."""
        auth_front.sign_up(front, email)
        answer = front.post(SIGN_IN, headers=headers, json={"email": email, "password": PASSWORD})
        assert answer.status_code == 403
        assert answer.json()["error_code"] == "cross_site_request"
        assert "set-cookie" not in answer.headers


class TestTheCookie:
    def test_stands_for_the_user_at_both_apis(self, owner, browser, email):
        assert email_of(browser.send("GET", "/auth/v1/user")) == email
        assert browser.send("GET", "/rest/v1/note?select=id").status_code == 200
        answer = browser.send("GET", "/rest/v1/note?select=id")
        assert answer.headers["cache-control"] == "no-store"
        assert "Cookie" in answer.headers.get_list("vary")

    def test_beside_the_key_of_the_application_still_does(self, browser, email):
        assert email_of(browser.send("GET", "/auth/v1/user", headers={"apikey": os.environ["GATEHOUSE_ANON_KEY"]})) == email

    def test_gives_way_to_a_token_and_to_any_other_key(self, front, browser, email):
        other = f"x{email}"
        auth_front.sign_up(front, other)
        token = auth_front.sign_in(front, other).json()["access_token"]
        assert email_of(browser.send("GET", "/auth/v1/user", headers={"Authorization": f"Bearer {token}"})) == other
        service = {"apikey": os.environ["GATEHOUSE_SERVICE_KEY"]}
        assert browser.send("GET", "/auth/v1/user", headers=service).status_code in (401, 403)
        assert browser.send("GET", "/auth/v1/user", headers={"Authorization": "Bearer x"}).status_code in (401, 403)

    def test_counts_for_nobody_where_that_is_off(self, front, browser):
        with serve(GATEHOUSE_COOKIE_SESSIONS="off") as client:
            answer = client.get("/auth/v1/user", headers={"Cookie": f"{ACCESS}={browser.cookies[ACCESS]}"})
            assert answer.status_code == 401

    def test_that_comes_twice_or_without_its_prefix_is_none(self, front, browser):
        access = browser.cookies[ACCESS]
        for cookie in (f"{ACCESS}={access}; {ACCESS}={access}", f"{ACCESS}={access}; {ACCESS}=x", f"gatehouse-access={access}", f"__Secure-gatehouse-access={access}"):
            assert front.get("/auth/v1/user", headers={"Cookie": cookie}).status_code == 401, cookie
        two_lines = [("Cookie", f"{ACCESS}={access}"), ("Cookie", f"{ACCESS}={access}")]
        assert front.get("/auth/v1/user", headers=two_lines).status_code == 401

    def test_is_never_seen_by_sql(self, owner, front, browser):
        with database_function(owner, front, "seen", "select current_setting('request.cookies') || current_setting('request.headers')"):
            browser.cookies["theme"] = "dark"
            seen = browser.send("GET", "/rest/v1/rpc/seen")
            assert seen.status_code == 200
            assert "dark" in seen.text
            assert "__Host-" not in seen.text and browser.cookies[ACCESS] not in seen.text
            with serve(GATEHOUSE_COOKIE_SESSIONS="off") as client:
                cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
                bearer = {"Authorization": f"Bearer {browser.cookies[ACCESS]}", "Cookie": cookies}
                assert "__Host-" not in client.get("/rest/v1/rpc/seen", headers=bearer).text

    def test_carries_a_token_of_any_size(self, front, browser, email):
        browser.send("PUT", "/auth/v1/user", headers={"Origin": browser.base}, json={"data": {"bio": "x" * 9000}})
        assert sign_in(browser, email).status_code == 200
        assert f"{ACCESS}.1" in browser.cookies and all(len(value) < 4000 for value in browser.cookies.values())
        assert browser.send("GET", "/auth/v1/user").json()["user_metadata"]["bio"] == "x" * 9000
        browser.send("PUT", "/auth/v1/user", headers={"Origin": browser.base}, json={"data": {"bio": None}})
        assert sign_in(browser, email).status_code == 200
        assert set(browser.cookies) == {ACCESS, REFRESH}


@contextlib.contextmanager
def database_function(owner, front, name, body, volatility="stable"):
    """Until the front that is going to be asked knows it: others may know it sooner."""
    owner.execute(f"create function public.{name}() returns text language sql {volatility} as $$ {body} $$")
    try:
        owner.execute("notify pgrst")
        auth_front.data_api.until(lambda: front.get(f"/rest/v1/rpc/{name}").status_code != 404)
        yield
    finally:
        owner.execute(f"drop function public.{name}()")
        owner.execute("notify pgrst")


class TestForgery:
    @pytest.mark.parametrize("headers", [
        {}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"}, {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
    ])
    def test_a_change_from_another_site_is_refused(self, browser, headers):
        for method, path in (("PUT", "/auth/v1/user"), ("POST", "/auth/v1/logout"), ("POST", "/rest/v1/note"), ("DELETE", "/rest/v1/note?id=eq.0"), ("PATCH", "/rest/v1/note?id=eq.0")):
            answer = browser.send(method, path, headers=headers, json={})
            assert answer.status_code == 403, path
            assert answer.json().get("code") in (403, "cross_site_request")
            assert "set-cookie" not in answer.headers
        assert browser.send("GET", "/auth/v1/user").status_code == 200

    def test_reading_asks_for_no_origin(self, browser):
        for headers in ({}, {"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": "cross-site"}):
            assert browser.send("GET", "/auth/v1/user", headers=headers).status_code == 200

    def test_reading_changes_nothing(self, owner, front, browser):
        owner.execute("create table public.visit (at timestamptz default now())")
        owner.execute("grant insert on public.visit to authenticated")
        try:
            with database_function(owner, front, "visited", "insert into public.visit default values; select 'x'", "volatile"):
                answer = browser.send("GET", "/rest/v1/rpc/visited", headers={"Sec-Fetch-Site": "cross-site"})
                assert answer.status_code == 405
        finally:
            owner.execute("drop table public.visit cascade")

    def test_a_listed_origin_may_and_is_told_so(self, browser, email):
        listed = {"Origin": SITE, "Sec-Fetch-Site": "same-site"}
        answer = browser.send("PUT", "/auth/v1/user", headers=listed, json={"data": {"a": 1}})
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == SITE
        assert answer.headers["access-control-allow-credentials"] == "true"

    def test_another_origin_may_not_read_either(self, browser):
        for path in ("/auth/v1/user", "/rest/v1/note"):
            answer = browser.send("GET", path, headers={"Origin": "https://evil.example"})
            assert "access-control-allow-credentials" not in answer.headers
            assert answer.headers.get("access-control-allow-origin") != "https://evil.example"

    def test_where_any_origin_may_ask_none_may_with_cookies(self, front, email):
        with serve(SERVER_CORS_ALLOWED_ORIGINS="") as client:
            browser = signed_in(client, email)
            answer = browser.send("GET", "/rest/v1/note", headers={"Origin": "https://evil.example"})
            assert "access-control-allow-credentials" not in answer.headers
            assert browser.send("POST", "/rest/v1/note", headers={"Origin": "https://evil.example"}, json={}).status_code == 403

    def test_a_bearer_token_needs_no_origin(self, front, email):
        auth_front.sign_up(front, email)
        token = auth_front.sign_in(front, email).json()["access_token"]
        answer = front.put("/auth/v1/user", headers={"Authorization": f"Bearer {token}", "Origin": "https://evil.example"}, json={"data": {"a": 1}})
        assert answer.status_code == 200


class TestRenewal:
    @pytest.mark.parametrize("left", [-3600, 20])
    def test_happens_on_the_way(self, browser, email, left):
        age(browser, left)
        before = dict(browser.cookies)
        answer = browser.send("GET", "/auth/v1/user")
        assert email_of(answer) == email
        assert answer.headers["cache-control"] == "no-store"
        assert browser.cookies[ACCESS] != before[ACCESS] and browser.cookies[REFRESH] != before[REFRESH]
        age(browser, left)
        again = browser.send("GET", "/rest/v1/note?select=id")
        assert again.status_code == 200 and again.headers.get_list("set-cookie")
        assert browser.send("GET", "/auth/v1/user").headers.get_list("set-cookie") == []

    def test_needs_no_access_token(self, front, browser, email):
        del browser.cookies[ACCESS]
        assert email_of(browser.send("GET", "/auth/v1/user")) == email
        assert ACCESS in browser.cookies

    def test_does_not_happen_while_the_token_is_good(self, browser):
        assert browser.send("GET", "/auth/v1/user").headers.get_list("set-cookie") == []

    def test_of_many_requests_at_once_is_one(self, front, browser, email):
        age(browser, 0)
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(lambda _: front.get("/auth/v1/user", headers={"Cookie": cookies}), range(12)))
        assert [email_of(answer) for answer in answers] == [email] * 12
        given = {line.split(";")[0] for answer in answers for line in answer.headers.get_list("set-cookie") if line.startswith(REFRESH)}
        assert len(given) == 1, "all of them have the same next refresh token"
        name, value = given.pop().split("=", 1)
        assert front.get("/auth/v1/user", headers={"Cookie": f"{name}={value}"}).status_code == 200

    def test_that_is_refused_signs_the_browser_out(self, owner, browser, email):
        age(browser, 0)
        owner.execute("update auth.session set ended_at = now(), end_reason = 'test' where user_id = (select id from auth.\"user\" where email = %s)", [email])
        answer = browser.send("GET", "/auth/v1/user")
        assert answer.status_code == 401
        assert answer.json()["error_code"] == "session_not_found"
        assert not browser.cookies
        browser.cookies = {REFRESH: "ghr_nonsense"}
        answer = browser.send("GET", "/rest/v1/note")
        assert answer.status_code == 401 and answer.json()["code"] == "session_not_found"
        assert not browser.cookies

    def test_that_comes_too_late_twice_ends_the_session(self, owner, browser, email):
        """A stolen refresh token: whoever comes second loses it for both."""
        age(browser, 0)
        thief = Visitor(browser.base)
        thief.cookies = dict(browser.cookies)
        browser.send("GET", "/auth/v1/user")
        owner.execute("update auth.refresh_token set used_at = used_at - interval '1 hour' where used_at is not null and session_id in (select id from auth.session where user_id = (select id from auth.\"user\" where email = %s))", [email])
        assert thief.send("GET", "/auth/v1/user").status_code == 401
        assert not thief.cookies
        assert browser.send("GET", "/auth/v1/user").status_code in (401, 403)

    def test_can_be_asked_for(self, browser):
        before = dict(browser.cookies)
        answer = post(browser, "/auth/v1/token?grant_type=refresh_token&cookie=true")
        assert answer.status_code == 200
        assert "access_token" not in answer.json() and "refresh_token" not in answer.json()
        assert browser.cookies[REFRESH] != before[REFRESH]
        assert front_refuses(browser, before) is False

    def test_that_is_asked_for_without_a_session_says_so(self, front):
        answer = post(Visitor(front.base_url), "/auth/v1/token?grant_type=refresh_token&cookie=true")
        assert answer.status_code == 400


def front_refuses(browser, cookies):
    """Within the reuse interval, a lost answer does no harm."""
    other = Visitor(browser.base)
    other.cookies = dict(cookies)
    return other.send("GET", "/auth/v1/user").status_code != 200


class TestSigningOut:
    def test_forgets_the_session(self, browser):
        assert post(browser, "/auth/v1/logout").status_code == 204
        assert not browser.cookies

    def test_of_others_keeps_it(self, browser):
        assert post(browser, "/auth/v1/logout?scope=others").status_code == 204
        assert browser.send("GET", "/auth/v1/user").status_code == 200

    def test_of_a_session_that_ended_elsewhere_forgets_it_too(self, owner, browser, email):
        owner.execute("update auth.session set ended_at = now(), end_reason = 'test' where user_id = (select id from auth.\"user\" where email = %s)", [email])
        post(browser, "/auth/v1/logout")
        assert not browser.cookies


class TestNoScript:
    """Whatever the APIs answer to a session in cookies, no token is in it."""

    def test_sees_a_token_after_the_second_factor(self, browser):
        factor = post(browser, "/auth/v1/factors", {"factor_type": "totp", "friendly_name": "x"}).json()
        challenge = post(browser, f"/auth/v1/factors/{factor['id']}/challenge").json()
        code = pyotp.TOTP(factor["totp"]["secret"]).now()
        answer = post(browser, f"/auth/v1/factors/{factor['id']}/verify", {"challenge_id": challenge["id"], "code": code})
        assert answer.status_code == 200
        assert "access_token" not in answer.json() and "refresh_token" not in answer.json()
        assert jwt.decode(browser.cookies[ACCESS], options={"verify_signature": False})["aal"] == "aal2"

    def test_sees_a_token_after_a_switch_of_tenants(self, owner, browser, email):
        slug = f"t{uuid.uuid4().hex[:12]}"
        tenant = owner.execute("select auth.create_tenant(%s, %s)", [slug, slug]).fetchone()[0]
        owner.execute("select auth.grant_role(id, 'member', %s) from auth.\"user\" where email = %s", [tenant, email])
        before = dict(browser.cookies)
        answer = post(browser, f"/auth/v1/tenants/{tenant}/switch")
        assert answer.status_code == 200, answer.text
        assert "access_token" not in answer.text
        assert browser.cookies[REFRESH] == before[REFRESH]
        assert jwt.decode(browser.cookies[ACCESS], options={"verify_signature": False})["tenant_slug"] == slug

    def test_is_stopped_by_a_list_in_the_answer(self, browser):
        assert isinstance(browser.send("GET", "/auth/v1/sessions").json(), list)

    def test_finds_what_it_needs(self, browser, email):
        answer = sign_in(browser, email)
        assert json.loads(answer.text)["user"]["email"] == email


def test_what_is_for_everybody_asks_for_no_session(front):
    over = Visitor(front.base_url)
    for path in ("/auth/v1/.well-known/jwks.json", "/.well-known/jwks.json", "/auth/v1/settings", "/auth/v1/openapi.json", "/live"):
        over.cookies = {REFRESH: "ghr_nonsense"}
        answer = over.send("GET", path)
        assert answer.status_code == 200, path
        assert not answer.headers.get_list("set-cookie")
