"""The auth API over HTTP: sign-up, sign-in, refresh, the signed-in user, sign-out, and what is refused."""

import concurrent.futures
import json
import re
import uuid

import httpx
import jwt
import pytest
from auth_api import NEWER, PASSWORD, another_front, bearer, claims, refused

SESSION = {"access_token", "token_type", "expires_in", "expires_at", "refresh_token", "user"}
NOWHERE = str(uuid.UUID(int=7))


@pytest.fixture(scope="module")
def token(auth):
    """An access token for what only needs one."""
    return auth.session()["access_token"]


def is_session(answer):
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert set(body) == SESSION and body["token_type"] == "bearer"
    assert isinstance(body["expires_in"], int) and isinstance(body["expires_at"], int)
    assert answer.headers["cache-control"] == "no-store"
    assert body["user"]["aud"] == body["user"]["role"] == "authenticated"
    return body


def test_sign_up_gives_the_bare_user_until_the_address_is_confirmed(auth):
    address = auth.address()
    body = {"email": address, "password": PASSWORD, "data": {"name": "Ann"}, "gotrue_meta_security": {}, "code_challenge": None, "code_challenge_method": None}
    answer = auth.post("/signup", body)
    assert answer.status_code == 200
    user = answer.json()
    assert user["email"] == address and user["user_metadata"] == {"name": "Ann"} and "access_token" not in user
    refused(auth.post("/token?grant_type=password", {"email": address, "password": PASSWORD}), 400, "email_not_confirmed")
    session = is_session(auth.post("/verify", {"type": "signup", "email": address, "token": auth.mail(address, "confirm_email")["code"], "options": {}}))
    assert session["user"]["email_confirmed_at"]


def test_sign_up_with_a_known_address_is_answered_the_same(auth):
    known = auth.confirmed()
    answers = [auth.post("/signup", {"email": address, "password": PASSWORD}) for address in (auth.address(), known)]
    unknown, taken = (answer.json() for answer in answers)
    assert [answer.status_code for answer in answers] == [200, 200]
    assert set(unknown) - {"confirmation_sent_at"} == set(taken) - {"confirmation_sent_at"}
    assert unknown["role"] == taken["role"] and len(unknown["identities"]) == len(taken["identities"])


def test_sign_up_gives_a_session_where_addresses_are_believed(auth):
    with another_front(auth, "autoconfirm = on") as other:
        address = auth.address()
        is_session(other.post("/signup", {"email": address, "password": PASSWORD}))
        refused(other.post("/signup", {"email": address, "password": PASSWORD}), 422, "user_already_exists")
        assert other.get("/settings").json()["mailer_autoconfirm"] is True


@pytest.mark.parametrize(("body", "status", "code"), [
    ({"email": "nonsense", "password": PASSWORD}, 400, "validation_failed"),
    ({"email": "a@example.com"}, 400, "validation_failed"),
    ({"email": "a@example.com", "password": "password1234567"}, 422, "weak_password"),
    ({"email": "a@example.com", "password": "x" * 5000}, 400, "validation_failed"),
    ({"email": "a@example.com", "password": PASSWORD, "tenant": "no-such"}, 422, "signup_disabled"),
    ({"phone": "+4912345678", "password": PASSWORD}, 422, "phone_provider_disabled"),
    ({"email": "a@example.com", "password": PASSWORD, "data": {"a": "x" * 40000}}, 400, "validation_failed"),
    ({"email": "a@example.com", "password": PASSWORD, "code_challenge": "short", "code_challenge_method": "s256"}, 400, "validation_failed"),
    ({"email": "a@example.com", "password": PASSWORD, "code_challenge": "A" * 43, "code_challenge_method": "plain"}, 400, "validation_failed"),
])
def test_sign_up_is_refused(auth, body, status, code):
    refused(auth.post("/signup", body), status, code)


def test_a_weak_password_says_why(auth):
    body = auth.post("/signup", {"email": auth.address(), "password": "short"}).json()
    assert body["weak_password"]["message"] == body["msg"] and all(body["weak_password"]["reasons"])
    assert "short" not in json.dumps(body["weak_password"]["reasons"]).replace("too short", "")


def test_sign_up_can_be_closed(auth):
    with another_front(auth, "sign_up = off") as other:
        refused(other.post("/signup", {"email": auth.address(), "password": PASSWORD}), 422, "signup_disabled")
        refused(other.post("/signup", {}), 422, "signup_disabled")
        assert other.get("/settings").json()["disable_signup"] is True


def test_an_anonymous_user_stays_the_same_one_with_an_address(auth):
    session = is_session(auth.post("/signup", {"data": {"cart": 3}, "gotrue_meta_security": {}}))
    user = session["user"]
    assert user["is_anonymous"] is True and user["email"] == "" and claims(session["access_token"])["is_anonymous"] is True
    address = auth.address()
    changed = auth.send("PUT", "/user", {"email": address}, session["access_token"])
    assert changed.status_code == 200 and changed.json()["is_anonymous"] is True
    verified = is_session(auth.post("/verify", {"type": "email_change", "email": address, "token": auth.mail(address, "email_change_new")["code"]}))
    assert (verified["user"]["id"], verified["user"]["is_anonymous"], verified["user"]["user_metadata"]) == (user["id"], False, {"cart": 3})


def test_anonymous_sign_in_is_off_by_default(auth):
    with another_front(auth, "anonymous_sign_ins = off") as other:
        refused(other.post("/signup", {"data": {}}), 422, "anonymous_provider_disabled")


def test_sign_in_gives_a_session_with_a_token_that_its_keys_verify(auth):
    address = auth.confirmed(user_metadata={"name": "Ben"})
    session = is_session(auth.post("/token?grant_type=password", {"email": address, "password": PASSWORD, "gotrue_meta_security": {}, "data": {}}))
    keys = auth.get("/.well-known/jwks.json")
    assert keys.headers["cache-control"] == "public, max-age=600"
    assert all(key["use"] == "sig" and "d" not in key and key["kty"] != "oct" for key in keys.json()["keys"])
    assert auth.http.get("/.well-known/jwks.json").json() == keys.json()
    kid = jwt.get_unverified_header(session["access_token"])["kid"]
    key = next(key for key in keys.json()["keys"] if key["kid"] == kid)
    content = jwt.decode(session["access_token"], jwt.PyJWK(key), audience="authenticated", algorithms=[key["alg"]])
    assert content["email"] == address and content["aal"] == "aal1" and content["exp"] == session["expires_at"]


@pytest.mark.parametrize("change", [{"password": "wrong"}, {"password": ""}, {"password": None}, {"password": "x" * 100}, {"email": "nobody@example.com"}, {"email": "nonsense"}])
def test_a_wrong_password_and_an_unknown_address_are_answered_the_same(auth, change):
    body = {"email": auth.confirmed(), "password": PASSWORD} | change
    assert refused(auth.post("/token?grant_type=password", body), 400, "invalid_credentials") == "Invalid login credentials"


def test_both_shapes_of_errors(auth):
    body = {"email": "nobody@example.com", "password": PASSWORD}
    newer = auth.post("/token?grant_type=password", body, headers=NEWER)
    assert newer.status_code == 400
    assert newer.json() == {"code": "invalid_credentials", "message": "Invalid login credentials"}
    assert newer.headers["x-supabase-api-version"] == "2024-01-01" and newer.headers["x-sb-error-code"] == "invalid_credentials"
    older = auth.post("/token?grant_type=password", body)
    assert older.json() == {"code": 400, "error_code": "invalid_credentials", "msg": "Invalid login credentials"}
    assert "x-supabase-api-version" not in older.headers


def test_public_routes_do_not_look_at_the_token(auth):
    for token in ("garbage", "a.b.c", auth.mint("authenticated", "-1 hour")):
        headers = {"Authorization": f"Bearer {token}", "apikey": "garbage"}
        for path, body in (("/token?grant_type=password", {"email": auth.address(), "password": "x"}), ("/recover", {"email": auth.address()}),
                           ("/otp", {"email": auth.address()}), ("/resend", {"type": "signup", "email": auth.address()}),
                           ("/verify", {"type": "email", "email": auth.address(), "token": "123456"}), ("/signup", {})):
            assert auth.post(path, body, headers=headers).json().get("error_code") not in ("bad_jwt", "no_authorization"), path
        for path in ("/settings", "/health", "/.well-known/jwks.json", "/.well-known/openid-configuration", "/openapi.json"):
            assert auth.get(path, headers=headers).status_code == 200, path


def test_unknown_grants_are_refused(auth):
    for path in ("/token", "/token?grant_type=", "/token?grant_type=web3", "/token?grant_type=Password"):
        assert refused(auth.post(path, {"email": "a@example.com", "password": "x"}), 400, "invalid_credentials") == "unsupported_grant_type"
    refused(auth.post("/token?grant_type=password", {"password": "x"}), 400, "validation_failed")
    refused(auth.post("/token?grant_type=refresh_token", {}), 400, "validation_failed")
    refused(auth.post("/token?grant_type=pkce", {"auth_code": "x"}), 400, "validation_failed")
    refused(auth.post("/token?grant_type=id_token", {"id_token": "x", "nonce": "n"}), 400, "validation_failed")
    refused(auth.post("/token?grant_type=id_token", {"provider": "google", "id_token": "a.b.c"}), 400, "invalid_credentials")


def test_refresh_rotates_and_reuse_within_the_interval_gives_the_same(auth):
    first = auth.session()
    refresh = lambda token: auth.post("/token?grant_type=refresh_token", {"refresh_token": token})  # noqa: E731
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        sessions = [is_session(answer) for answer in pool.map(refresh, [first["refresh_token"]] * 4)]
    assert len({session["refresh_token"] for session in sessions}) == 1
    assert sessions[0]["refresh_token"] != first["refresh_token"]
    refused(refresh("gatehouse_rt_unknown"), 400, "refresh_token_not_found")


def test_a_stolen_refresh_token_ends_the_session(auth):
    first = auth.session()
    second = is_session(auth.post("/token?grant_type=refresh_token", {"refresh_token": first["refresh_token"]}))
    auth.owner.execute("update auth.refresh_token set used_at = used_at - interval '1 hour' where used_at is not null")
    refused(auth.post("/token?grant_type=refresh_token", {"refresh_token": first["refresh_token"]}), 400, "refresh_token_already_used")
    refused(auth.post("/token?grant_type=refresh_token", {"refresh_token": second["refresh_token"]}), 400, "refresh_token_already_used")
    refused(auth.get("/user", second["access_token"]), 403, "session_not_found")


def test_who_is_signed_in(auth):
    session = auth.session()
    user = auth.get("/user", session["access_token"])
    assert user.status_code == 200 and user.json()["id"] == session["user"]["id"] and user.headers["cache-control"] == "no-store"


USER_ROUTES = [
    ("GET", "/user"), ("PUT", "/user"), ("POST", "/logout"), ("GET", "/user/events"), ("GET", "/reauthenticate"), ("POST", "/reauthenticate"),
    ("GET", "/sessions"), ("PATCH", "/sessions/current"), ("DELETE", f"/sessions/{NOWHERE}"),
    ("GET", "/factors"), ("POST", "/factors"), ("POST", f"/factors/{NOWHERE}/challenge"), ("POST", f"/factors/{NOWHERE}/verify"), ("DELETE", f"/factors/{NOWHERE}"),
    ("GET", "/factors/recovery-codes"), ("POST", "/factors/recovery-codes"), ("POST", "/factors/recovery-codes/verify"), ("DELETE", "/factors/recovery-codes"),
    ("GET", "/api-keys"), ("POST", "/api-keys"), ("DELETE", f"/api-keys/{NOWHERE}"),
    ("GET", "/tenants"), ("POST", "/tenants"), ("POST", f"/tenants/{NOWHERE}/switch"), ("POST", f"/tenants/{NOWHERE}/leave"), ("PATCH", f"/tenants/{NOWHERE}"),
    ("GET", f"/tenants/{NOWHERE}/members"), ("GET", f"/tenants/{NOWHERE}/roles"), ("GET", f"/tenants/{NOWHERE}/invitations"), ("GET", f"/tenants/{NOWHERE}/events"),
    ("GET", f"/tenants/{NOWHERE}/api-keys"), ("GET", "/permissions"), ("POST", "/invitations/accept"),
]
ADMIN_ROUTES = [
    ("GET", "/admin/users"), ("POST", "/admin/users"), ("GET", f"/admin/users/{NOWHERE}"), ("PUT", f"/admin/users/{NOWHERE}"), ("DELETE", f"/admin/users/{NOWHERE}"),
    ("GET", f"/admin/users/{NOWHERE}/factors"), ("DELETE", f"/admin/users/{NOWHERE}/factors/{NOWHERE}"), ("POST", "/admin/generate_link"), ("POST", "/invite"), ("GET", "/admin/audit"),
]
BODIES = {"/factors": {"factor_type": "totp"}, "/tenants": {"slug": "a", "name": "A"}, "/api-keys": {"name": "k"}, "/invite": {"email": "a@example.com"},
          "/admin/generate_link": {"type": "recovery", "email": "a@example.com"}, f"/tenants/{NOWHERE}": {"settings": {}}}


def ask(auth, method, path, **options):
    body = BODIES.get(path, {"code": "123456", "token": "t"}) if method != "GET" else None
    return auth.send(method, path, body, **options)


@pytest.mark.parametrize(("method", "path"), USER_ROUTES + ADMIN_ROUTES)
def test_without_a_good_token_there_is_no_way(auth, token, method, path):
    assert refused(ask(auth, method, path), 401, "no_authorization") == "This endpoint requires a valid Bearer token"
    for scheme in ("Bearer", "Basic eDp5"):
        refused(ask(auth, method, path, headers={"Authorization": scheme}), 401, "no_authorization")
    for bad in ("garbage", "a.b.c", token[:-4], token.rsplit(".", 1)[0] + ".", auth.mint("authenticated", "-1 hour", sub=NOWHERE)):
        refused(ask(auth, method, path, headers=bearer(bad)), 403, "bad_jwt")


@pytest.mark.parametrize(("method", "path"), [route for route in USER_ROUTES if route[1] not in ("/permissions", "/tenants")])
def test_the_anon_key_is_no_user(auth, method, path):
    refused(ask(auth, method, path, token=auth.anon_key), 403, "bad_jwt")


@pytest.mark.parametrize(("method", "path"), ADMIN_ROUTES)
def test_users_are_no_operators(auth, token, method, path):
    for shown in (token, auth.anon_key):
        assert refused(ask(auth, method, path, token=shown), 403, "not_admin") == "User not allowed"


def test_a_session_that_has_ended_is_told_apart(auth):
    session = auth.session()
    assert auth.post("/logout?scope=global", token=session["access_token"]).status_code == 204
    refused(auth.get("/user", session["access_token"]), 403, "session_not_found")
    refused(auth.post("/logout", token=session["access_token"]), 403, "session_not_found")
    refused(auth.post("/token?grant_type=refresh_token", {"refresh_token": session["refresh_token"]}), 400, "session_not_found")


def test_sign_out_ends_what_its_scope_says(auth):
    address = auth.confirmed()
    one, two, three = (auth.sign_in(address)["access_token"] for _ in range(3))
    status = lambda token: auth.get("/user", token).status_code  # noqa: E731
    assert auth.post("/logout?scope=local", token=one).status_code == 204
    assert [status(token) for token in (one, two, three)] == [403, 200, 200]
    answer = auth.post("/logout?scope=others", token=two)
    assert answer.status_code == 204 and answer.content == b""
    assert [status(token) for token in (two, three)] == [200, 403]
    refused(auth.post("/logout?scope=nonsense", token=two), 400, "validation_failed")
    assert auth.post("/logout", token=two).status_code == 204 and status(two) == 403


def test_a_user_changes_metadata_and_nothing_that_the_operator_decides(auth):
    token = auth.session()["access_token"]
    user = auth.send("PUT", "/user", {"data": {"a": 1, "b": 2}, "code_challenge": None}, token).json()
    assert user["user_metadata"] == {"a": 1, "b": 2}
    assert auth.send("PUT", "/user", {"data": {"a": None, "c": [3]}}, token).json()["user_metadata"] == {"b": 2, "c": [3]}
    refused(auth.send("PUT", "/user", {"app_metadata": {"role": "admin"}}, token), 403, "not_admin")
    refused(auth.send("PUT", "/user", {"phone": "+49123"}, token), 422, "phone_provider_disabled")
    refused(auth.send("PUT", "/user", {"data": [1]}, token), 400, "validation_failed")
    assert auth.send("PUT", "/user", {"role": "service_role", "aud": "x"}, token).json()["role"] == "authenticated"


def test_a_new_password_ends_the_other_sessions(auth):
    address = auth.confirmed()
    token, other = (auth.sign_in(address)["access_token"] for _ in range(2))
    change = lambda **body: auth.send("PUT", "/user", body, token)  # noqa: E731
    refused(change(password=PASSWORD, current_password=PASSWORD), 422, "same_password")
    refused(change(password="short", current_password=PASSWORD), 422, "weak_password")
    refused(change(password="nine quiet mountain roads", current_password="wrong"), 400, "invalid_credentials")
    assert change(password="nine quiet mountain roads", current_password=PASSWORD).status_code == 200
    assert auth.get("/user", token).status_code == 200
    refused(auth.get("/user", other), 403, "session_not_found")
    assert auth.sign_in(address, "nine quiet mountain roads")


def test_sessions_are_listed_named_and_ended(auth):
    address = auth.confirmed()
    mine, other = (auth.sign_in(address) for _ in range(2))
    named = auth.send("PATCH", "/sessions/current", {"device_name": "laptop"}, mine["access_token"])
    assert named.status_code == 204
    listed = auth.get("/sessions", mine["access_token"]).json()
    assert {session["device_name"] for session in listed if session["current"]} == {"laptop"} and len(listed) == 2
    [id] = [session["id"] for session in listed if not session["current"]]
    refused(auth.send("DELETE", f"/sessions/{id}", None, auth.session()["access_token"]), 404, "session_not_found")
    assert auth.send("DELETE", f"/sessions/{id}", None, mine["access_token"]).status_code == 204
    refused(auth.get("/user", other["access_token"]), 403, "session_not_found")
    refused(auth.send("DELETE", f"/sessions/{id}", None, mine["access_token"]), 404, "session_not_found")
    refused(auth.send("DELETE", "/sessions/nonsense", None, mine["access_token"]), 404, "validation_failed")
    refused(auth.send("PATCH", "/sessions/current", {"device_name": "a\nb"}, mine["access_token"]), 400, "validation_failed")


def test_users_see_their_own_events(auth):
    session = auth.session()
    events = auth.get("/user/events?per_page=5", session["access_token"]).json()
    assert any(event["event"] == "sign_in" and event["outcome"] == "success" for event in events)
    before = min(event["id"] for event in events)
    assert all(event["id"] < before for event in auth.get(f"/user/events?before={before}", session["access_token"]).json())
    refused(auth.get("/user/events?per_page=0", session["access_token"]), 400, "validation_failed")
    refused(auth.get("/user/events?before=x", session["access_token"]), 400, "validation_failed")


@pytest.mark.parametrize("body", [
    b"", b"null", b"[]", b"{", b"x", b'{"email": "a", "email": "b"}', b'{"data": {"a": 1, "a": 2}}', b'{"a": ' + b"[" * 3000 + b"]" * 3000 + b"}",
    b'{"email": "a\\u0000b"}', b"\xff\xfe{}", b'{"email": "\xc3\x28"}', b'{"a": 1e999}', b"{} {}", b'{"a": NaN}',
])
def test_what_is_no_strict_json_is_refused(auth, body):
    for path in ("/signup", "/token?grant_type=password", "/recover", "/otp", "/verify", "/resend"):
        answer = auth.http.post("/auth/v1" + path, content=body, headers={"Content-Type": "application/json"})
        assert refused(answer, 400, "bad_json").startswith("Could not parse request body as JSON")


@pytest.mark.parametrize(("path", "body", "message"), [
    ("/signup", {"email": ["canary"]}, "email must be a string"),
    ("/signup", {"email": "a@example.com", "password": {"canary": 1}}, "password must be a string"),
    ("/signup", {"email": "canary" * 100}, "email must have at most 320 characters"),
    ("/signup", {"data": "canary"}, "data must be an object of at most 65536 bytes"),
    ("/token?grant_type=refresh_token", {"refresh_token": 4711}, "refresh_token must be a string"),
    ("/verify", {"type": "canary"}, "type must be one of `signup`, `invite`, `magiclink`, `recovery`, `email_change`, `email`"),
    ("/verify", {}, "type is missing"),
    ("/otp", {"email": "a@example.com", "create_user": "canary"}, "create_user must be a boolean"),
    ("/resend", {"email": "a@example.com"}, "type is missing"),
])
def test_refusals_name_the_field_and_the_rule_and_not_the_value(auth, path, body, message):
    answer = auth.post(path, body)
    assert refused(answer, 400, "validation_failed") == message
    assert "canary" not in answer.text and "4711" not in answer.text


def test_a_body_over_one_mebibyte_is_refused(auth):
    answer = auth.post("/signup", {"data": {"a": "x" * (1 << 20)}})
    refused(answer, 413, "request_entity_too_large")
    chunked = auth.http.post("/auth/v1/signup", content=(b"x" * 65536 for _ in range(20)))
    refused(chunked, 413, "request_entity_too_large")


def test_what_is_not_there(auth):
    refused(auth.get("/nonsense"), 404, "not_found")
    refused(auth.get("/signup"), 405, "bad_http_method")
    refused(auth.send("DELETE", "/token"), 405, "bad_http_method")


def test_the_description_of_where_what_is_does_not_follow_the_host_header(auth):
    for path in ("/.well-known/openid-configuration", "/auth/v1/.well-known/openid-configuration"):
        found = auth.http.get(path, headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"}).json()
        assert found["jwks_uri"] == "https://auth.example.com/auth/v1/.well-known/jwks.json"
        assert "evil" not in json.dumps(found) and found["issuer"]


def test_settings_say_how_to_sign_up(auth):
    settings = auth.get("/settings").json()
    assert settings["external"] == {"email": True, "phone": False, "anonymous_users": True}
    assert settings["disable_signup"] is False and settings["mailer_autoconfirm"] is False
    assert auth.get("/health").json()["name"] == "gatehouse"


def test_errors_say_nothing_of_the_inside(auth, token):
    for answer in (auth.post("/signup", {"email": "a'--@example.com", "password": "x"}), auth.get("/sessions/'", token), auth.get("/user?a=%ff", "x.y.z"),
                   auth.post("/api-keys", {"name": "k", "expires_at": "canary"}, token), auth.send("PUT", "/user", {"email": "x"}, token)):
        assert isinstance(answer, httpx.Response) and answer.status_code < 500
        assert not re.search(r"select |auth\.|plpgsql|/src|panick|postgres|canary", answer.text, re.I), answer.text
