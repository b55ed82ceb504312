"""Mailed codes and links over HTTP: recovery, one-time passwords, PKCE, and where links lead."""

import re
import urllib.parse

import pytest
from auth_api import EXTERNAL, PASSWORD, SITE, Pkce, bearer, claims, fragment, query, refused

EMPTY = (200, {})


def told(answer):
    return answer.status_code, answer.json()


def follow(auth, **parameters):
    """What clicking a link with these parameters gives."""
    answer = auth.get("/verify?" + urllib.parse.urlencode(parameters))
    assert answer.status_code == 303, answer.text
    assert answer.headers["cache-control"] == "no-store" and answer.headers["referrer-policy"] == "no-referrer"
    return answer


def test_asking_for_mail_is_answered_the_same_for_everybody(auth):
    known = auth.confirmed()
    for address in (known, auth.address()):
        assert told(auth.post("/recover", {"email": address, "gotrue_meta_security": {}, "code_challenge": None})) == EMPTY
        assert told(auth.post("/otp", {"email": address, "create_user": False, "data": {}})) == EMPTY
        assert told(auth.post("/magiclink", {"email": address})) == EMPTY
        assert told(auth.post("/resend", {"type": "signup", "email": address})) == EMPTY
        assert told(auth.post("/resend", {"type": "email_change", "email": address})) == EMPTY
    assert {kind for kind, _ in auth.mails(known)} == {"recovery", "magic_link"}


@pytest.mark.parametrize("path", ["/recover", "/otp", "/magiclink", "/resend"])
def test_asking_for_mail_is_refused(auth, path):
    more = {"type": "signup"} if path == "/resend" else {}
    refused(auth.post(path, {"email": "nonsense", **more}), 400, "validation_failed")
    refused(auth.post(path, {**more}), 400, "validation_failed")
    refused(auth.post(path, {"phone": "+49123", **more}), 422, "phone_provider_disabled")
    refused(auth.post(path, {"email": auth.address(), "code_challenge": "x" * 43, "code_challenge_method": "plain", **more}), 400, "validation_failed")


def test_a_code_signs_in_and_counts_once(auth):
    address = auth.confirmed()
    auth.post("/otp", {"email": address})
    code = auth.mail(address, "magic_link")["code"]
    refused(auth.post("/verify", {"type": "recovery", "email": address, "token": code}), 403, "otp_expired")
    refused(auth.post("/verify", {"type": "email", "email": auth.address(), "token": code}), 403, "otp_expired")
    wrong = f"{(int(code) + 1) % 1000000:06}"
    refused(auth.post("/verify", {"type": "email", "email": address, "token": wrong}), 403, "otp_expired")
    session = auth.post("/verify", {"type": "email", "email": address, "token": code, "options": {"redirectTo": SITE}, "gotrue_meta_security": {}})
    assert session.status_code == 200 and session.json()["user"]["email"] == address
    assert [proof["method"] for proof in claims(session.json()["access_token"])["amr"]] == ["otp"]
    refused(auth.post("/verify", {"type": "email", "email": address, "token": code}), 403, "otp_expired")


def test_a_newcomer_becomes_a_user_when_the_address_is_proved(auth):
    address = auth.address()
    auth.post("/otp", {"email": address, "create_user": True, "data": {"name": "New"}})
    session = auth.post("/verify", {"type": "magiclink", "token_hash": auth.mail(address, "magic_link")["token"]}).json()
    assert session["user"]["email"] == address and session["user"]["user_metadata"] == {"name": "New"}


@pytest.mark.parametrize("body", [{"type": "email"}, {"type": "email", "token": "123456"}, {"type": "email", "email": "a@example.com"}, {"type": "sms", "phone": "1", "token": "1"},
                                  {"type": "email", "email": "a@example.com", "token_hash": "", "token": ""}])
def test_verify_is_refused_without_what_it_needs(auth, body):
    refused(auth.post("/verify", body), 400, "validation_failed")


def test_recovery_lets_a_new_password_be_set(auth):
    address = auth.confirmed()
    auth.post("/recover", {"email": address})
    session = auth.post("/verify", {"type": "recovery", "email": address, "token": auth.mail(address, "recovery")["code"]}).json()
    assert auth.send("PUT", "/user", {"password": "nine quiet mountain roads"}, session["access_token"]).status_code == 200
    assert auth.sign_in(address, "nine quiet mountain roads")
    refused(auth.post("/token?grant_type=password", {"email": address, "password": PASSWORD}), 400, "invalid_credentials")


def test_a_clicked_link_gives_the_session_in_the_fragment_only(auth):
    address = auth.confirmed()
    auth.post(f"/otp?redirect_to={SITE}/welcome?a=b", {"email": address})
    mail = auth.mail(address, "magic_link")
    assert mail["options"] == {"redirect_to": f"{SITE}/welcome?a=b"}
    answer = follow(auth, token=mail["token"], type="magiclink", redirect_to=f"{SITE}/welcome?a=b")
    location, given = answer.headers["location"], fragment(answer)
    assert location.startswith(f"{SITE}/welcome?a=b#") and query(answer) == {"a": "b"}
    assert set(given) == {"access_token", "expires_at", "expires_in", "refresh_token", "token_type", "type"}
    assert given["token_type"] == "bearer" and given["type"] == "magiclink"
    assert auth.get("/user", given["access_token"]).json()["email"] == address
    again = follow(auth, token=mail["token"], type="magiclink", redirect_to=f"{SITE}/welcome")
    assert fragment(again) == query(again) == {"error": "access_denied", "error_code": "otp_expired", "error_description": "Token has expired or is invalid"}


def test_looking_at_a_link_does_not_use_it_up(auth):
    address = auth.confirmed()
    auth.post("/otp", {"email": address})
    token = auth.mail(address, "magic_link")["token"]
    looked = auth.send("HEAD", f"/verify?token={token}&type=magiclink")
    assert looked.status_code == 204 and "location" not in looked.headers
    assert "access_token" in fragment(follow(auth, token=token, type="magiclink"))


@pytest.mark.parametrize("parameters", [{}, {"token": "x"}, {"token": "", "type": "signup"}, {"token": "x", "type": "nonsense"}, {"type": "signup"}, {"token": "x" * 3000}, {"token": "\0"}])
def test_a_bad_link_leads_to_the_application_with_an_error(auth, parameters):
    answer = follow(auth, **parameters)
    assert answer.headers["location"].startswith(f"{SITE}?error=") and fragment(answer)["error_code"] in ("otp_expired", "validation_failed")


EVIL = [
    "https://evil.example", "//evil.example", "///evil.example", "https:evil.example", "/\\evil.example", f"{SITE}@evil.example", f"{SITE}.evil.example",
    f"{SITE}:x@evil.example/", "https://evil.example/app.example.com", f"{SITE}\\@evil.example", "javascript:alert(1)", "JaVaScRiPt://app.example.com/%0aalert(1)",
    "data:text/html,x", "http://app.example.com/", f"{SITE}/\r\nSet-Cookie:a=b", f"{SITE}/%0d%0aLocation:%20https://evil.example", "https://app.example.com%2eevil.example/",
    "https://app.example.com%00.evil.example/", "https://app。example.com/", "https://a.b.preview.example.com/", "https://evil.example/.preview.example.com/x",
    "https://evil.example?.preview.example.com/x", "https://evil.example#.preview.example.com/x", "otherapp://callback", "myapp://callback/../x", "\thttps://evil.example", "https://app.example.com\t.evil.example/",
]


@pytest.mark.parametrize("url", EVIL)
def test_no_link_leads_anywhere_else(auth, url):
    answer = follow(auth, token="x", type="signup", redirect_to=url)
    assert answer.headers["location"].startswith(f"{SITE}?error="), answer.headers["location"]
    assert "set-cookie" not in answer.headers and "evil" not in answer.headers["location"]
    address = auth.confirmed() if url == EVIL[0] else None
    if address:
        auth.post("/otp?" + urllib.parse.urlencode({"redirect_to": url}), {"email": address})
        assert auth.mail(address, "magic_link")["options"] == {"redirect_to": SITE}


@pytest.mark.parametrize("url", [f"{SITE}/deep/er?a=b", "https://pr-7.preview.example.com/", "myapp://callback", f"{EXTERNAL}/auth/confirm"])
def test_links_lead_to_what_the_list_allows(auth, url):
    assert follow(auth, token="x", type="signup", redirect_to=url).headers["location"].startswith(url)


def test_the_whole_of_pkce(auth):
    address, pkce = auth.confirmed(), Pkce()
    auth.post(f"/otp?redirect_to={SITE}/callback?a=b", {"email": address, **pkce.body})
    answer = follow(auth, token=auth.mail(address, "magic_link")["token"], type="magiclink", redirect_to=f"{SITE}/callback?a=b")
    assert "#" not in answer.headers["location"] and set(query(answer)) == {"a", "code"}
    code = query(answer)["code"]
    exchange = lambda code, verifier: auth.post("/token?grant_type=pkce", {"auth_code": code, "code_verifier": verifier})  # noqa: E731
    refused(exchange("unknown", pkce.verifier), 404, "flow_state_not_found")
    refused(exchange(code, Pkce().verifier), 400, "bad_code_verifier")
    refused(exchange(code, "short"), 400, "validation_failed")
    session = exchange(code, pkce.verifier)
    assert session.status_code == 200 and session.json()["user"]["email"] == address
    refused(exchange(code, pkce.verifier), 404, "flow_state_not_found")


def test_a_code_of_pkce_expires(auth):
    address, pkce = auth.confirmed(), Pkce()
    auth.post("/recover", {"email": address, **pkce.body, "code_challenge_method": "S256"})
    code = query(follow(auth, token=auth.mail(address, "recovery")["token"], type="recovery"))["code"]
    auth.owner.execute("update auth.flow_state set expires_at = now() where used_at is null")
    refused(auth.post("/token?grant_type=pkce", {"auth_code": code, "code_verifier": pkce.verifier}), 422, "flow_state_expired")


def test_pkce_at_sign_up(auth):
    address, pkce = auth.address(), Pkce()
    auth.post("/signup", {"email": address, "password": PASSWORD, **pkce.body})
    code = query(follow(auth, token=auth.mail(address, "confirm_email")["token"], type="signup"))["code"]
    session = auth.post("/token?grant_type=pkce", {"auth_code": code, "code_verifier": pkce.verifier}).json()
    assert session["user"]["email"] == address and session["user"]["email_confirmed_at"]


def test_a_change_of_address_is_confirmed_twice(auth):
    address, new = auth.confirmed(), auth.address()
    token = auth.sign_in(address)["access_token"]
    changed = auth.send("PUT", f"/user?redirect_to={SITE}/account", {"email": new}, token)
    assert changed.status_code == 200 and changed.json()["email"] == address
    present, coming = auth.mail(address, "email_change_current"), auth.mail(new, "email_change_new")
    assert present["options"]["redirect_to"] == coming["options"]["redirect_to"] == f"{SITE}/account"
    half = auth.post("/verify", {"type": "email_change", "email": address, "token": present["code"]})
    assert half.status_code == 200 and half.json()["code"] == "200" and half.json()["msg"].startswith("Confirmation accepted")
    whole = follow(auth, token=coming["token"], type="email_change", redirect_to=f"{SITE}/account")
    assert auth.get("/user", fragment(whole)["access_token"]).json()["email"] == new


def test_half_a_change_by_link_says_what_is_missing(auth):
    address, new = auth.confirmed(), auth.address()
    auth.send("PUT", "/user", {"email": new}, auth.sign_in(address)["access_token"])
    answer = follow(auth, token=auth.mail(new, "email_change_new")["token"], type="email_change")
    assert fragment(answer)["message"].startswith("Confirmation accepted") and query(answer) == {}


def test_reauthentication_mails_the_nonce_for_a_new_password(auth):
    address = auth.confirmed()
    token = auth.sign_in(address)["access_token"]
    auth.owner.execute("""update auth.session set amr = '[{"method": "password", "timestamp": 0}]' where user_id = (select id from auth."user" where email = %s)""", [address])
    new = "nine quiet mountain roads"
    refused(auth.send("PUT", "/user", {"password": new}, token), 400, "reauthentication_needed")
    assert told(auth.get("/reauthenticate", token)) == EMPTY
    refused(auth.send("PUT", "/user", {"password": new, "nonce": "000000"}, token), 422, "reauthentication_not_valid")
    nonce = auth.mail(address, "reauthentication")["code"]
    assert auth.send("PUT", "/user", {"password": new, "nonce": nonce}, token).status_code == 200


def test_a_link_does_not_follow_the_host_header(auth):
    address = auth.confirmed()
    auth.post("/otp", {"email": address}, headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"})
    assert "evil" not in str(auth.mail(address, "magic_link"))
    link = auth.post("/admin/generate_link", {"type": "recovery", "email": address}, headers={"Host": "evil.example"} | bearer(auth.service_key)).json()
    assert re.match(re.escape(EXTERNAL) + r"/auth/v1/verify\?token=[^&]+&type=recovery&redirect_to=https%3A%2F%2Fapp\.example\.com$", link["action_link"])
