"""Tokens that the front itself verifies, for databases without the extension."""

import http.client
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from data_api import SECRET, bearer, make_library, serve, token


@pytest.fixture(scope="module")
def api():
    make_library()
    with serve(JWT_AUD="library") as client:
        yield client


def whoami(client, raw):
    return client.get("/rpc/whoami", headers={"Authorization": f"Bearer {raw}"})


def test_a_good_token_is_its_role(api):
    assert whoami(api, token(aud="library")).json()["role"] == "authenticated"
    assert whoami(api, token(aud=["x", "library"], exp=int(time.time()) + 60)).json()["role"] == "authenticated"
    assert whoami(api, jwt.encode({"sub": "x"}, SECRET)).json()["role"] == "anon"


@pytest.mark.parametrize("claims,message", [
    ({"exp": 1_000_000_000}, "JWT expired"), ({"nbf": 9_000_000_000}, "JWT not yet valid"), ({"iat": 9_000_000_000}, "JWT issued at future"),
    ({"aud": "other"}, "JWT not in audience"), ({"exp": "soon"}, "The JWT 'exp' claim must be a number"),
])
def test_a_claim_that_does_not_hold_is_told(api, claims, message):
    answer = whoami(api, jwt.api_jws.encode(json.dumps({"role": "authenticated", **claims}).encode(), SECRET, algorithm="HS256"))
    assert answer.status_code == 401 and answer.json()["code"] == "PGRST303" and answer.json()["message"] == message
    assert answer.headers["www-authenticate"] == f'Bearer error="invalid_token", error_description="{message}"'


@pytest.mark.parametrize("raw", ["a.b", "a.b.c", "x" * 20_000])
def test_what_is_no_token_is_refused(api, raw):
    answer = whoami(api, raw)
    assert answer.status_code in (401, 431) and (answer.status_code == 431 or answer.json()["code"] == "PGRST301")


def test_an_empty_token_is_not_nobody(api):
    # httpx does not send a header that ends with a blank.
    connection = http.client.HTTPConnection(api.base_url.host, api.base_url.port)
    connection.request("GET", "/genre", headers={"Authorization": "Bearer "})
    answer = connection.getresponse()
    assert answer.status == 401 and json.loads(answer.read())["message"] == "Empty JWT is sent in Authorization header"


def test_a_token_signed_by_another_or_by_nobody_is_refused(api):
    for raw in (jwt.encode({"role": "authenticated"}, SECRET + "x"), jwt.encode({"role": "authenticated"}, None, algorithm="none"), token() + "x"):
        assert whoami(api, raw).json()["code"] == "PGRST301"


def test_a_remembered_token_still_expires():
    # PostgREST's leeway is 30 seconds.
    with serve() as client:
        raw = token(exp=int(time.time()) - 28)
        assert whoami(client, raw).status_code == 200
        deadline = time.time() + 10
        while whoami(client, raw).status_code == 200 and time.time() < deadline:
            pass
        assert whoami(client, raw).json()["message"] == "JWT expired"


def test_a_role_that_the_front_may_not_be_or_that_is_not_there_is_refused(api):
    assert whoami(api, token(role="postgres")).status_code in (401, 403)
    assert whoami(api, token(role="nobody_at_all")).status_code == 401


def test_without_a_role_for_strangers_everybody_needs_a_token():
    with serve(DB_ANON_ROLE="") as client:
        answer = client.get("/genre")
        assert answer.status_code == 401 and answer.json()["code"] == "PGRST302" and answer.headers["www-authenticate"] == "Bearer"
        assert client.get("/genre", headers=bearer()).status_code == 200


def test_without_secret_and_extension_nobody_can_judge_a_token():
    with serve(JWT_SECRET="") as client:
        assert client.get("/genre").status_code == 200
        answer = client.get("/genre", headers=bearer())
        assert answer.status_code == 500 and answer.json()["code"] == "PGRST300"


def test_keys_come_as_base64_as_jwk_set_and_from_a_file(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key())) | {"kid": "k1", "alg": "ES256"}
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [public]}) + "\n")
    with serve(JWT_SECRET=f"@{file}") as client:
        raw = jwt.encode({"role": "authenticated"}, key, algorithm="ES256", headers={"kid": "k1"})
        assert whoami(client, raw).json()["role"] == "authenticated"
        assert whoami(client, token()).status_code == 401
    with serve(JWT_SECRET="AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", JWT_SECRET_IS_BASE64="true") as client:
        assert whoami(client, jwt.encode({"role": "authenticated"}, bytes(range(32)))).json()["role"] == "authenticated"


def test_the_role_can_be_elsewhere_in_the_claims():
    with serve(JWT_ROLE_CLAIM_KEY='.app.roles[?(@ ^== "auth")]') as client:
        raw = jwt.encode({"app": {"roles": ["reader", "authenticated"]}}, SECRET)
        assert whoami(client, raw).json()["role"] == "authenticated"
