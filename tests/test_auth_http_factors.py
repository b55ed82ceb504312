"""The second factor over HTTP, with a real authenticator, and recovery codes."""

import time
import uuid
import xml.etree.ElementTree

import pyotp
import pytest
from auth_api import PASSWORD, claims, refused


def enroll(auth, token, **more):
    return auth.post("/factors", {"factor_type": "totp", "friendly_name": "phone", "issuer": "App", **more}, token)


@pytest.fixture
def session(auth):
    return auth.session()


def with_factor(auth, token):
    """Enrolls and verifies; gives the factor, its authenticator and the session at aal2."""
    enrolled = enroll(auth, token).json()
    totp = pyotp.parse_uri(enrolled["totp"]["uri"])
    verified = auth.post(f"/factors/{enrolled['id']}/verify", {"code": totp.now(), "challenge_id": challenge(auth, token, enrolled["id"])["id"]}, token)
    assert verified.status_code == 200, verified.text
    return enrolled["id"], totp, verified.json()


def challenge(auth, token, id):
    answer = auth.post(f"/factors/{id}/challenge", {"channel": None}, token)
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"id", "type", "expires_at"} and isinstance(answer.json()["expires_at"], int)
    return answer.json()


def test_an_authenticator_is_enrolled_challenged_and_verified(auth, session):
    token = session["access_token"]
    answer = enroll(auth, token)
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert set(body) == {"id", "type", "friendly_name", "totp"} and (body["type"], body["friendly_name"]) == ("totp", "phone")
    image = body["totp"]["qr_code"]
    assert xml.etree.ElementTree.fromstring(image).tag.endswith("svg") and not set("#\n") & set(image)
    totp = pyotp.parse_uri(body["totp"]["uri"])
    assert totp.secret == body["totp"]["secret"] and totp.issuer == "App"
    asked = challenge(auth, token, body["id"])
    assert asked["type"] == "totp" and time.time() < asked["expires_at"] < time.time() + 3600
    refused(auth.post(f"/factors/{body['id']}/verify", {"code": "000000", "challenge_id": asked["id"]}, token), 422, "mfa_verification_failed")
    refused(auth.post(f"/factors/{body['id']}/verify", {"code": totp.now(), "challenge_id": str(uuid.uuid4())}, token), 422, "mfa_challenge_expired")
    code = totp.now()
    verified = auth.post(f"/factors/{body['id']}/verify", {"code": code, "challenge_id": asked["id"], "factor_id": body["id"]}, token)
    assert verified.status_code == 200 and verified.json()["refresh_token"]
    proved = claims(verified.json()["access_token"])
    assert proved["aal"] == "aal2" and {proof["method"] for proof in proved["amr"]} == {"password", "totp"}
    refused(auth.post(f"/factors/{body['id']}/verify", {"code": code, "challenge_id": asked["id"]}, verified.json()["access_token"]), 422, "mfa_verification_failed")
    [factor] = auth.get("/user", verified.json()["access_token"]).json()["factors"]
    assert (factor["id"], factor["status"], factor["factor_type"], factor["friendly_name"]) == (body["id"], "verified", "totp", "phone")
    assert [one["id"] for one in auth.get("/factors", verified.json()["access_token"]).json()] == [body["id"]]


def test_enrolling_is_refused(auth, session):
    token = session["access_token"]
    refused(auth.post("/factors", {"factor_type": "phone", "friendly_name": "x"}, token), 422, "mfa_phone_enroll_not_enabled")
    refused(auth.post("/factors", {"factor_type": "webauthn"}, token), 422, "mfa_webauthn_enroll_not_enabled")
    refused(auth.post("/factors", {"factor_type": "nonsense"}, token), 400, "validation_failed")
    refused(auth.post("/factors", {}, token), 400, "validation_failed")
    refused(enroll(auth, token, friendly_name="x" * 101), 400, "validation_failed")
    assert auth.post("/factors", {"factor_type": "totp"}, token).json()["friendly_name"] == ""


def test_whose_factor_it_is_not_finds_none(auth, session):
    theirs = enroll(auth, auth.session()["access_token"]).json()["id"]
    for id in (theirs, str(uuid.uuid4())):
        refused(auth.post(f"/factors/{id}/challenge", {}, session["access_token"]), 404, "mfa_factor_not_found")
        refused(auth.send("DELETE", f"/factors/{id}", None, session["access_token"]), 404, "mfa_factor_not_found")
        refused(auth.post(f"/factors/{id}/verify", {"code": "123456"}, session["access_token"]), 404, "mfa_factor_not_found")
    refused(auth.post("/factors/nonsense/challenge", {}, session["access_token"]), 404, "validation_failed")


def test_a_session_without_the_factor_may_not_change_what_counts(auth):
    address = auth.confirmed()
    id, totp, _ = with_factor(auth, auth.sign_in(address)["access_token"])
    low = auth.sign_in(address)["access_token"]
    assert claims(low)["aal"] == "aal1"
    refused(auth.send("PUT", "/user", {"password": "nine quiet mountain roads", "current_password": PASSWORD}, low), 401, "insufficient_aal")
    refused(enroll(auth, low, friendly_name="another"), 403, "insufficient_aal")
    refused(auth.send("DELETE", f"/factors/{id}", None, low), 422, "insufficient_aal")
    assert auth.send("PUT", "/user", {"data": {"a": 1}}, low).status_code == 200


def test_guessing_is_stopped(auth, session):
    token = session["access_token"]
    id = enroll(auth, token).json()["id"]
    answers = [auth.post(f"/factors/{id}/verify", {"code": f"{n:06}"}, token) for n in range(8)]
    message = refused(answers[-1], 429, "over_request_rate_limit")
    assert message and int(answers[-1].headers["retry-after"]) >= 1


def test_a_factor_is_removed_and_the_name_is_free_again(auth, session):
    id, _, high = with_factor(auth, session["access_token"])
    refused(enroll(auth, high["access_token"]), 422, "mfa_factor_name_conflict")
    gone = auth.send("DELETE", f"/factors/{id}", None, high["access_token"])
    assert (gone.status_code, gone.json()) == (200, {"id": id})
    token = auth.post("/token?grant_type=refresh_token", {"refresh_token": high["refresh_token"]}).json()["access_token"]
    assert claims(token)["aal"] == "aal1" and enroll(auth, token).status_code == 200


def test_recovery_codes_stand_in_for_a_lost_authenticator(auth):
    address = auth.confirmed()
    token = auth.sign_in(address)["access_token"]
    refused(auth.get("/factors/recovery-codes", token), 404, "mfa_factor_not_found")
    refused(auth.post("/factors/recovery-codes", {}, token), 422, "mfa_recovery_codes_sole_factor")
    _, _, high = with_factor(auth, token)
    made = auth.post("/factors/recovery-codes", {"friendly_name": "Backup"}, high["access_token"])
    body = made.json()
    assert made.status_code == 200 and body["type"] == "recovery_code" and len(body["codes"]) == len(set(body["codes"])) == body["total"] == 10
    assert auth.get("/factors/recovery-codes", high["access_token"]).json() == {"id": body["id"], "type": "recovery_code", "total": 10, "remaining": 10}
    low = auth.sign_in(address)["access_token"]
    refused(auth.post("/factors/recovery-codes/regenerate", None, low), 403, "insufficient_aal")
    refused(auth.post("/factors/recovery-codes/verify", {"code": "nonsense"}, low), 422, "mfa_verification_failed")
    refused(auth.post("/factors/recovery-codes/verify", {}, low), 400, "validation_failed")
    proved = auth.post("/factors/recovery-codes/verify", {"code": body["codes"][0].upper()}, low)
    assert proved.status_code == 200 and claims(proved.json()["access_token"])["aal"] == "aal2"
    refused(auth.post("/factors/recovery-codes/verify", {"code": body["codes"][0]}, auth.sign_in(address)["access_token"]), 422, "mfa_verification_failed")
    token = proved.json()["access_token"]
    assert auth.get("/factors/recovery-codes", token).json()["remaining"] == 9
    again = auth.post("/factors/recovery-codes/regenerate", None, token).json()
    assert not set(again["codes"]) & set(body["codes"])
    assert auth.send("DELETE", "/factors/recovery-codes", None, token).json() == {"id": body["id"]}
    refused(auth.send("DELETE", "/factors/recovery-codes", None, token), 404, "mfa_factor_not_found")
