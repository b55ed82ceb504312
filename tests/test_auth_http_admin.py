"""The operator over HTTP: users, invitations, links, factors, the audit."""

import urllib.parse
import uuid

import bcrypt
import pyotp
import pytest
from auth_api import EXTERNAL, PASSWORD, SITE, bearer, fragment, refused

NOWHERE = str(uuid.UUID(int=7))


def admin(auth, method, path, body=None):
    return auth.send(method, "/admin" + path, body, auth.service_key)


def test_a_user_is_made_read_changed_and_deleted(auth):
    address, id = auth.address(), str(uuid.uuid4())
    made = admin(auth, "POST", "/users", {"id": id, "email": address, "password": PASSWORD, "email_confirm": True, "phone": "", "role": "authenticated",
                                          "user_metadata": {"name": "Ann"}, "app_metadata": {"plan": "pro"}})
    assert made.status_code == 200 and made.json()["id"] == id and made.json()["app_metadata"]["plan"] == "pro"
    assert admin(auth, "GET", f"/users/{id}").json()["user_metadata"] == {"name": "Ann"}
    session = auth.sign_in(address)
    changed = admin(auth, "PUT", f"/users/{id}", {"app_metadata": {"plan": None}, "password": "nine quiet mountain roads"})
    assert changed.status_code == 200 and "plan" not in changed.json()["app_metadata"]
    refused(auth.get("/user", session["access_token"]), 403, "session_not_found")
    assert auth.sign_in(address, "nine quiet mountain roads")
    assert admin(auth, "DELETE", f"/users/{id}", {"should_soft_delete": True}).json() == {}
    assert admin(auth, "GET", f"/users/{id}").json()["deleted_at"]
    gone = admin(auth, "DELETE", f"/users/{id}")
    assert (gone.status_code, gone.json()) == (200, {})
    for method in ("GET", "PUT", "DELETE"):
        refused(admin(auth, method, f"/users/{id}", {}), 404, "user_not_found")


@pytest.mark.parametrize(("body", "status", "code"), [
    ({"email": "nonsense", "password": PASSWORD}, 400, "validation_failed"), ({"email": "a@example.com", "password": "short"}, 422, "weak_password"),
    ({"email": "a@example.com", "password_hash": "canary"}, 400, "validation_failed"), ({"email": "a@example.com", "ban_duration": "canary"}, 400, "validation_failed"),
    ({"email": "a@example.com", "id": "canary"}, 400, "validation_failed"), ({"phone": "+49123"}, 422, "phone_provider_disabled"),
    ({"email": "a@example.com", "app_metadata": [1]}, 400, "validation_failed"), ({"email": "a@example.com", "email_confirm": "canary"}, 400, "validation_failed"),
])
def test_making_a_user_is_refused(auth, body, status, code):
    answer = admin(auth, "POST", "/users", body)
    refused(answer, status, code)
    assert "canary" not in answer.text


def test_an_address_belongs_to_one(auth):
    address, other = auth.confirmed(), auth.confirmed()
    refused(admin(auth, "POST", "/users", {"email": address.upper(), "password": PASSWORD}), 422, "email_exists")
    id = auth.sign_in(other)["user"]["id"]
    refused(admin(auth, "PUT", f"/users/{id}", {"email": address}), 422, "email_exists")
    refused(admin(auth, "POST", "/users", {"id": id, "email": auth.address()}), 422, "email_exists")


def test_a_hash_made_elsewhere_is_taken_over(auth):
    address = auth.address()
    hash = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(10)).decode()
    assert admin(auth, "POST", "/users", {"email": address, "password_hash": hash, "email_confirm": True}).status_code == 200
    assert auth.sign_in(address)


def test_a_ban_shuts_out(auth):
    session = auth.session()
    id = session["user"]["id"]
    banned = admin(auth, "PUT", f"/users/{id}", {"ban_duration": "24h"})
    assert banned.status_code == 200 and banned.json()["banned_until"]
    refused(auth.get("/user", session["access_token"]), 403, "session_not_found")
    refused(auth.post("/token?grant_type=password", {"email": session["user"]["email"], "password": PASSWORD}), 400, "invalid_credentials")
    admin(auth, "PUT", f"/users/{id}", {"ban_duration": "none"})
    assert auth.sign_in(session["user"]["email"])


def test_users_come_in_pages(auth):
    for _ in range(3):
        admin(auth, "POST", "/users", {"email": auth.address()})
    total = auth.owner.execute('select count(*) from auth."user"').fetchone()[0]
    answer = admin(auth, "GET", "/users?page=&per_page=")
    assert answer.status_code == 200 and set(answer.json()) == {"users", "aud"} and answer.headers["x-total-count"] == str(total)
    first = admin(auth, "GET", "/users?page=1&per_page=2")
    last = -(-total // 2)
    assert first.headers["link"] == f'</admin/users?page=2&per_page=2>; rel="next", </admin/users?page={last}&per_page=2>; rel="last"'
    second = admin(auth, "GET", "/users?page=2&per_page=2")
    assert len(first.json()["users"]) == 2 and not {user["id"] for user in first.json()["users"]} & {user["id"] for user in second.json()["users"]}
    end = admin(auth, "GET", f"/users?page={last}&per_page=2")
    assert end.headers["link"] == f'</admin/users?page={last}&per_page=2>; rel="last"'
    address = auth.confirmed()
    found = admin(auth, "GET", "/users?filter=" + urllib.parse.quote(address))
    assert [user["email"] for user in found.json()["users"]] == [address] and found.headers["x-total-count"] == "1"
    for bad in ("page=0", "page=x", "page=-1", "per_page=0", "per_page=1001", "per_page=99999999999999999999"):
        refused(admin(auth, "GET", f"/users?{bad}"), 400, "validation_failed")
    refused(admin(auth, "GET", "/users/nonsense"), 404, "validation_failed")


def test_an_invited_user_follows_the_link(auth):
    address = auth.address()
    invited = auth.post(f"/invite?redirect_to={SITE}/start", {"email": address, "data": {"name": "New"}}, auth.service_key)
    assert invited.status_code == 200 and invited.json()["email"] == address and invited.json()["invited_at"]
    mail = auth.mail(address, "invite")
    assert mail["options"]["redirect_to"] == f"{SITE}/start"
    answer = auth.get(f"/verify?token={mail['token']}&type=invite&redirect_to={SITE}/start")
    assert answer.status_code == 303 and fragment(answer)["type"] == "invite"
    refused(auth.post("/invite", {"email": address}, auth.service_key), 422, "email_exists")
    refused(auth.post("/invite", {"email": "nonsense"}, auth.service_key), 400, "validation_failed")
    refused(auth.post("/invite", {}, auth.service_key), 400, "validation_failed")


@pytest.mark.parametrize("kind", ["signup", "invite", "magiclink", "recovery"])
def test_a_link_is_made_and_works(auth, kind):
    address = auth.confirmed() if kind in ("magiclink", "recovery") else auth.address()
    body = {"type": kind, "email": address, "data": {"a": 1}, "redirectTo": SITE} | ({"password": PASSWORD} if kind == "signup" else {})
    made = auth.post(f"/admin/generate_link?redirect_to={SITE}/here", body, auth.service_key)
    link = made.json()
    assert made.status_code == 200 and {"id", "email", "action_link", "email_otp", "hashed_token", "verification_type", "redirect_to"} <= set(link), made.text
    assert link["verification_type"] == kind and link["redirect_to"] == f"{SITE}/here" and link["email"] == address
    parts = urllib.parse.urlsplit(link["action_link"])
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{EXTERNAL}/auth/v1/verify"
    assert dict(urllib.parse.parse_qsl(parts.query)) == {"token": link["hashed_token"], "type": kind, "redirect_to": f"{SITE}/here"}
    assert auth.mails(address) == []
    followed = auth.http.get(f"{parts.path}?{parts.query}")
    assert followed.status_code == 303 and fragment(followed)["access_token"]


def test_a_link_by_its_code_and_by_its_hash(auth):
    address = auth.confirmed()
    make = lambda: auth.post("/admin/generate_link", {"type": "magiclink", "email": address}, auth.service_key).json()  # noqa: E731
    assert auth.post("/verify", {"type": "email", "email": address, "token": make()["email_otp"]}).status_code == 200
    assert auth.post("/verify", {"type": "magiclink", "token_hash": make()["hashed_token"]}).status_code == 200


def test_links_to_change_an_address(auth):
    address, new = auth.confirmed(), auth.address()
    make = lambda kind: auth.post("/admin/generate_link", {"type": kind, "email": address, "new_email": new}, auth.service_key).json()  # noqa: E731
    current, coming = make("email_change_current"), make("email_change_new")
    assert current["verification_type"] == coming["verification_type"] == "email_change"
    assert auth.post("/verify", {"type": "email_change", "token_hash": current["hashed_token"]}).json()["code"] == "200"
    assert auth.post("/verify", {"type": "email_change", "token_hash": coming["hashed_token"]}).json()["user"]["email"] == new


@pytest.mark.parametrize(("body", "status", "code"), [
    ({"type": "recovery", "email": "nobody@example.com"}, 404, "user_not_found"), ({"type": "signup", "email": "a@example.com"}, 400, "validation_failed"),
    ({"type": "signup", "email": "a@example.com", "password": "short"}, 422, "weak_password"), ({"type": "canary", "email": "a@example.com"}, 400, "validation_failed"),
    ({"type": "magiclink", "email": "nonsense"}, 400, "validation_failed"), ({"email": "a@example.com"}, 400, "validation_failed"),
])
def test_making_a_link_is_refused(auth, body, status, code):
    refused(auth.post("/admin/generate_link", body, auth.service_key), status, code)


def test_factors_of_a_user_who_has_lost_theirs(auth):
    session = auth.session()
    id, token = session["user"]["id"], session["access_token"]
    enrolled = auth.post("/factors", {"factor_type": "totp", "friendly_name": "phone"}, token).json()
    assert auth.post(f"/factors/{enrolled['id']}/verify", {"code": pyotp.TOTP(enrolled["totp"]["secret"]).now()}, token).status_code == 200
    [factor] = admin(auth, "GET", f"/users/{id}/factors").json()
    assert factor["id"] == enrolled["id"] and factor["status"] == "verified" and factor["factor_type"] == "totp"
    refused(admin(auth, "DELETE", f"/users/{id}/factors/{NOWHERE}"), 404, "mfa_factor_not_found")
    refused(admin(auth, "DELETE", f"/users/{NOWHERE}/factors/{factor['id']}"), 404, "user_not_found")
    gone = admin(auth, "DELETE", f"/users/{id}/factors/{factor['id']}")
    assert (gone.status_code, gone.json()) == (200, {"id": factor["id"]})
    assert admin(auth, "GET", f"/users/{id}/factors").json() == []
    assert "factor_removed" in [kind for kind, _ in auth.mails(session["user"]["email"])]


def test_the_audit(auth):
    session = auth.session()
    id = session["user"]["id"]
    events = admin(auth, "GET", f"/audit?user_id={id}&event=sign_in").json()
    assert [event["user_id"] for event in events] == [id] and events[0]["outcome"] == "success"
    page = admin(auth, "GET", "/audit?per_page=2").json()
    assert len(page) == 2 and page[0]["id"] > page[1]["id"]
    assert admin(auth, "GET", f"/audit?per_page=1&before={page[1]['id']}").json()[0]["id"] < page[1]["id"]
    assert admin(auth, "GET", f"/audit?tenant_id={NOWHERE}").json() == []
    for bad in ("user_id=nonsense", "tenant_id=nonsense", "per_page=0", "before=x"):
        refused(admin(auth, "GET", f"/audit?{bad}"), 400, "validation_failed")
    assert auth.service_key not in str(page)


def test_the_service_key_is_no_user(auth):
    for method, path in (("GET", "/user"), ("PUT", "/user"), ("GET", "/sessions"), ("POST", "/logout")):
        answer = auth.send(method, path, {} if method == "PUT" else None, headers=bearer(auth.service_key))
        refused(answer, 403, "bad_jwt")
