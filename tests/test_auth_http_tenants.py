"""Tenants over HTTP: made, switched, their members, roles, invitations and API keys."""

import secrets
import uuid

import pytest
from auth_api import claims, refused

NOWHERE = str(uuid.UUID(int=7))


def slug():
    return "t" + secrets.token_hex(6)


class Owner:
    """A user with a tenant of their own, and acting in it."""

    def __init__(self, auth):
        self.auth, self.address = auth, auth.confirmed()
        session = auth.sign_in(self.address)
        self.slug = slug()
        made = auth.post("/tenants", {"slug": self.slug, "name": "Acme"}, session["access_token"])
        assert made.status_code == 200, made.text
        self.tenant = made.json()["id"]
        assert made.json() == {"id": self.tenant, "slug": self.slug, "name": "Acme"}
        self.token = self.switch(session["access_token"])

    def switch(self, token):
        answer = self.auth.post(f"/tenants/{self.tenant}/switch", None, token)
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]

    def at(self, path=""):
        return f"/tenants/{self.tenant}{path}"

    def joined(self, role="member"):
        """Somebody who took up an invitation; gives their token in the tenant."""
        address = self.auth.confirmed()
        invited = self.auth.post(self.at("/invitations"), {"email": address, "role": role}, self.token)
        assert invited.status_code == 200, invited.text
        token = self.auth.sign_in(address)["access_token"]
        accepted = self.auth.post("/invitations/accept", {"token": self.auth.mail(address, "invitation")["token"]}, token)
        assert accepted.status_code == 200 and accepted.json()["tenant_id"] == self.tenant, accepted.text
        return self.switch(token)


@pytest.fixture(scope="module")
def owner_of(auth):
    return Owner(auth)


@pytest.fixture(scope="module")
def member(owner_of):
    return owner_of.joined()


def test_a_tenant_is_made_and_acted_in(auth, owner_of):
    content = claims(owner_of.token)
    assert content["tenant_id"] == owner_of.tenant and content["tenant_slug"] == owner_of.slug and content["roles"] == ["owner"]
    [tenant] = auth.get("/tenants", owner_of.token).json()
    assert (tenant["id"], tenant["active"], tenant["roles"], tenant["suspended"]) == (owner_of.tenant, True, ["owner"], False)


def test_switching_keeps_the_session_and_its_refresh_token(auth):
    somebody = Owner(auth)
    session = auth.sign_in(somebody.address)
    switched = auth.post(somebody.at("/switch"), None, session["access_token"]).json()
    assert switched["refresh_token"] is None and switched["user"]["id"] == session["user"]["id"]
    assert claims(switched["access_token"])["session_id"] == claims(session["access_token"])["session_id"]
    refreshed = auth.post("/token?grant_type=refresh_token", {"refresh_token": session["refresh_token"]}).json()
    assert claims(refreshed["access_token"])["tenant_id"] == somebody.tenant


@pytest.mark.parametrize(("body", "status", "code"), [
    ({"slug": "No Slug", "name": "A"}, 400, "validation_failed"), ({"slug": "a-", "name": "A"}, 400, "validation_failed"), ({"slug": "a", "name": ""}, 400, "validation_failed"),
    ({"name": "A"}, 400, "validation_failed"), ({"slug": "a", "name": 1}, 400, "validation_failed"), ({"slug": "a", "name": "A", "isolated": True}, 403, "not_admin"),
])
def test_making_a_tenant_is_refused(auth, owner_of, body, status, code):
    refused(auth.post("/tenants", body, owner_of.token), status, code)


def test_a_slug_is_taken_once(auth, owner_of):
    refused(auth.post("/tenants", {"slug": owner_of.slug, "name": "B"}, owner_of.token), 422, "tenant_slug_taken")


def test_the_operator_makes_isolated_tenants(auth):
    made = auth.post("/tenants", {"slug": slug(), "name": "Alone", "isolated": True}, auth.service_key)
    assert made.status_code == 200 and auth.get(f"/tenants/{made.json()['id']}/members", auth.service_key).json() == []


def test_other_peoples_tenants_are_not_there(auth, owner_of):
    stranger = Owner(auth)
    refused(auth.post(owner_of.at("/switch"), None, stranger.token), 404, "tenant_not_found")
    refused(auth.post(f"/tenants/{NOWHERE}/switch", None, stranger.token), 404, "tenant_not_found")
    for path in ("/members", "/roles", "/invitations", "/events", "/api-keys"):
        refused(auth.get(owner_of.at(path), stranger.token), 403, "tenant_not_active")
    refused(auth.post(owner_of.at("/leave"), None, stranger.token), 403, "tenant_not_active")
    refused(auth.send("PATCH", owner_of.at(), {"settings": {"name": "x"}}, stranger.token), 403, "tenant_not_active")
    refused(auth.send("DELETE", owner_of.at(), {"confirm_slug": owner_of.slug}, stranger.token), 403, "tenant_not_active")
    refused(auth.get("/tenants/nonsense/members", stranger.token), 404, "validation_failed")


def test_settings_of_a_tenant(auth, owner_of, member):
    changed = auth.send("PATCH", owner_of.at(), {"settings": {"name": "Acme Inc.", "sign_up_open": True}}, owner_of.token)
    assert changed.status_code == 200 and changed.json()["name"] == "Acme Inc." and changed.json()["sign_up_open"] is True
    refused(auth.send("PATCH", owner_of.at(), {"settings": {"slug": "x"}}, owner_of.token), 400, "validation_failed")
    answer = auth.send("PATCH", owner_of.at(), {"settings": {"password_min_length": "canary"}}, owner_of.token)
    refused(answer, 400, "validation_failed")
    assert "canary" not in answer.text
    refused(auth.send("PATCH", owner_of.at(), {"settings": {"name": "x"}}, member), 403, "permission_missing")


def test_invitations(auth, owner_of, member):
    address = auth.confirmed()
    invited = auth.post(owner_of.at("/invitations"), {"email": address, "role": "member"}, owner_of.token)
    body = invited.json()
    assert invited.status_code == 200 and body["email"] == address and body["role"] == "member" and "token" not in body
    assert address in [one["email"] for one in auth.get(owner_of.at("/invitations"), owner_of.token).json()]
    token = auth.mail(address, "invitation")["token"]
    refused(auth.post("/invitations/accept", {"token": token}, auth.session()["access_token"]), 404, "invite_not_found")
    refused(auth.post("/invitations/accept", {}, owner_of.token), 400, "validation_failed")
    assert auth.send("DELETE", owner_of.at(f"/invitations/{body['id']}"), None, owner_of.token).status_code == 204
    refused(auth.send("DELETE", owner_of.at(f"/invitations/{body['id']}"), None, owner_of.token), 404, "invite_not_found")
    refused(auth.post("/invitations/accept", {"token": token}, auth.sign_in(address)["access_token"]), 404, "invite_not_found")
    refused(auth.post(owner_of.at("/invitations"), {"email": owner_of.address, "role": "member"}, owner_of.token), 422, "already_member")
    refused(auth.post(owner_of.at("/invitations"), {"email": auth.address(), "role": "nonsense"}, owner_of.token), 404, "role_not_found")
    refused(auth.post(owner_of.at("/invitations"), {"email": "nonsense", "role": "member"}, owner_of.token), 400, "validation_failed")
    refused(auth.post(owner_of.at("/invitations"), {"email": auth.address(), "role": "member"}, member), 403, "permission_missing")
    by_operator = auth.post(owner_of.at("/invitations"), {"email": auth.address(), "role": "member"}, auth.service_key).json()
    assert by_operator["token"]


def test_members_and_their_roles(auth, owner_of):
    token = owner_of.joined()
    user = claims(token)["sub"]
    at = lambda path="": owner_of.at(f"/members/{user}{path}")  # noqa: E731
    members = auth.get(owner_of.at("/members"), owner_of.token).json()
    assert {user, claims(owner_of.token)["sub"]} <= {member["user_id"] for member in members}
    page = auth.get(owner_of.at("/members?per_page=1"), owner_of.token).json()
    rest = auth.get(owner_of.at(f"/members?after={page[0]['user_id']}"), owner_of.token).json()
    assert page + rest == members
    refused(auth.get(owner_of.at("/members?after=nonsense"), owner_of.token), 400, "validation_failed")
    granted = auth.send("PUT", at("/roles/admin"), None, owner_of.token)
    assert granted.status_code == 200 and granted.json() == {"user_id": user, "roles": ["admin", "member"]}
    assert auth.send("DELETE", at("/roles/admin"), None, owner_of.token).json() == {"user_id": user, "roles": ["member"]}
    refused(auth.send("PUT", at("/roles/nonsense"), None, owner_of.token), 404, "role_not_found")
    refused(auth.send("PUT", owner_of.at(f"/members/{NOWHERE}/roles/admin"), None, owner_of.token), 404, "member_not_found")
    refused(auth.send("PUT", at("/roles/owner"), None, token), 403, "permission_missing")
    me = claims(owner_of.token)["sub"]
    refused(auth.send("DELETE", owner_of.at(f"/members/{me}/roles/owner"), None, owner_of.token), 422, "last_owner")
    refused(auth.send("DELETE", owner_of.at(f"/members/{me}"), None, owner_of.token), 422, "last_owner")
    refused(auth.post(owner_of.at("/leave"), None, owner_of.token), 422, "last_owner")
    assert auth.send("PATCH", at(), {"suspended": True}, owner_of.token).status_code == 204
    refused(auth.get("/user", token), 403, "session_not_found")
    assert auth.send("PATCH", at(), {"suspended": False}, owner_of.token).status_code == 204
    refused(auth.send("PATCH", at(), {}, owner_of.token), 400, "validation_failed")
    assert auth.send("DELETE", at(), None, owner_of.token).status_code == 204
    refused(auth.send("DELETE", at(), None, owner_of.token), 404, "member_not_found")


def test_a_member_leaves(auth, owner_of):
    token = owner_of.joined()
    assert auth.post(owner_of.at("/leave"), None, token).status_code == 204
    assert claims(token)["sub"] not in [member["user_id"] for member in auth.get(owner_of.at("/members"), owner_of.token).json()]


def test_roles(auth, owner_of, member):
    roles = owner_of.at("/roles")
    made = auth.post(roles, {"name": "writer", "permissions": ["notes:write"], "description": "Writes"}, owner_of.token)
    assert made.status_code == 200 and uuid.UUID(made.json()["id"])
    refused(auth.post(roles, {"name": "writer", "permissions": []}, owner_of.token), 422, "role_name_taken")
    refused(auth.post(roles, {"name": "W", "permissions": []}, owner_of.token), 400, "validation_failed")
    refused(auth.post(roles, {"name": "w", "permissions": ["canary"]}, owner_of.token), 400, "validation_failed")
    refused(auth.post(roles, {"name": "w"}, owner_of.token), 400, "validation_failed")
    refused(auth.post(roles, {"name": "w", "permissions": []}, member), 403, "permission_missing")
    changed = auth.send("PATCH", f"{roles}/writer", {"name": "author", "permissions": ["notes:write", "notes:read"]}, owner_of.token)
    assert changed.status_code == 204 and changed.content == b""
    [author] = [role for role in auth.get(roles, owner_of.token).json() if role["name"] == "author"]
    assert author["permissions"] == ["notes:read", "notes:write"] and author["description"] == "Writes" and author["members"] == 0
    refused(auth.send("PATCH", f"{roles}/owner", {"permissions": []}, owner_of.token), 422, "owner_role_is_fixed")
    refused(auth.send("DELETE", f"{roles}/owner", None, owner_of.token), 422, "owner_role_is_fixed")
    assert auth.send("DELETE", f"{roles}/author", None, owner_of.token).status_code == 204
    refused(auth.send("DELETE", f"{roles}/author", None, owner_of.token), 404, "role_not_found")
    assert isinstance(auth.get("/permissions", owner_of.token).json(), list)


def test_api_keys(auth, owner_of, member):
    made = auth.post("/api-keys", {"name": "robot", "permissions": ["notes:read"]}, owner_of.token)
    body = made.json()
    assert made.status_code == 200 and set(body) == {"id", "key", "prefix"} and body["key"].startswith(body["prefix"]) and made.headers["cache-control"] == "no-store"
    [listed] = [key for key in auth.get("/api-keys", owner_of.token).json() if key["id"] == body["id"]]
    assert listed["permissions"] == ["notes:read"] and listed["revoked_at"] is None and body["key"] not in str(listed)
    assert body["id"] in [key["id"] for key in auth.get(owner_of.at("/api-keys"), owner_of.token).json()]
    refused(auth.get(owner_of.at("/api-keys"), member), 403, "permission_missing")
    refused(auth.get("/user", body["key"]), 403, "session_required")
    refused(auth.post("/api-keys", {"name": "x", "permissions": ["*:*"]}, member), 403, "permission_not_held")
    refused(auth.post("/api-keys", {"name": ""}, owner_of.token), 400, "validation_failed")
    refused(auth.post("/api-keys", {"name": "x", "expires_at": "2001-01-01T00:00:00Z"}, owner_of.token), 400, "validation_failed")
    refused(auth.post("/api-keys", {"name": "x", "expires_at": "canary"}, owner_of.token), 400, "validation_failed")
    refused(auth.post("/api-keys", {"name": "x", "permissions": ["a"] * 201}, owner_of.token), 400, "validation_failed")
    refused(auth.send("DELETE", f"/api-keys/{body['id']}", None, member), 404, "api_key_not_found")
    assert auth.send("DELETE", f"/api-keys/{body['id']}", None, owner_of.token).status_code == 204
    refused(auth.get("/tenants", body["key"]), 403, "bad_jwt")


def test_events_of_a_tenant(auth, owner_of, member):
    events = auth.get(owner_of.at("/events?per_page=3"), owner_of.token).json()
    assert len(events) == 3 and events[0]["id"] > events[-1]["id"]
    refused(auth.get(owner_of.at("/events"), member), 403, "permission_missing")


def test_a_tenant_is_deleted_by_its_owner_who_names_it(auth):
    somebody = Owner(auth)
    refused(auth.send("DELETE", somebody.at(), {"confirm_slug": "other"}, somebody.token), 400, "validation_failed")
    refused(auth.send("DELETE", somebody.at(), {}, somebody.token), 400, "validation_failed")
    assert auth.send("DELETE", somebody.at(), {"confirm_slug": somebody.slug}, somebody.token).status_code == 204
    token = auth.sign_in(somebody.address)["access_token"]
    refused(auth.post(somebody.at("/switch"), None, token), 404, "tenant_not_found")
    assert auth.get("/tenants", token).json() == []


def test_signing_up_into_an_open_tenant(auth, owner_of):
    auth.send("PATCH", owner_of.at(), {"settings": {"sign_up_open": True}}, owner_of.token)
    anonymous = auth.post("/signup", {"tenant": owner_of.slug, "data": {}})
    assert anonymous.status_code == 200 and claims(anonymous.json()["access_token"])["tenant_id"] == owner_of.tenant
