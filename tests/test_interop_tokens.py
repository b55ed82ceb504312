"""Tokens made by PyJWT and by npm's jose verify here, and ours verify there; keys made by openssl."""

import json
import os
import time

import jwt
import psycopg
import pytest
from conftest import code, run
from jwt.algorithms import HMACAlgorithm
from psycopg.types.json import Jsonb

SECRET = "0123456789abcdef" * 4
OPENSSL = {
    "RS": ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "ES256": ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "ES384": ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "EdDSA": ["genpkey", "-algorithm", "ED25519"],
}
ALGORITHMS = ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """For each algorithm a private and a public key as PEM, or the secret twice."""
    folder = tmp_path_factory.mktemp("keys")
    made = {}
    for kind, arguments in OPENSSL.items():
        private = folder / f"{kind}.pem"
        run("openssl", *arguments, "-out", str(private))
        made[kind] = (private.read_text(), run("openssl", "pkey", "-in", str(private), "-pubout"))

    def pair(algorithm):
        if algorithm.startswith("HS"):
            return SECRET, SECRET
        return made["RS" if algorithm[:2] in ("RS", "PS") else algorithm]

    return pair


def claims():
    return {"sub": "alice", "aud": "api", "exp": int(time.time()) + 60, "name": "Ålice \U0001f6a2"}


def verify_here(owner, token, key, algorithm):
    return owner.execute("select auth.jwt_verify(%s, %s, %s, audience => 'api')", [token, key, [algorithm]]).fetchone()[0]


def sign_here(owner, claims, key, algorithm):
    return owner.execute("select auth.jwt_sign(%s, %s, %s)", [Jsonb(claims), key, algorithm]).fetchone()[0]


JOSE = """
import * as jose from 'jose'
const { mode, algorithm, key, token, claims } = JSON.parse(process.argv[2])
const secret = new TextEncoder().encode(key)
if (mode === 'sign') {
  const k = algorithm.startsWith('HS') ? secret : await jose.importPKCS8(key, algorithm)
  console.log(await new jose.SignJWT(claims).setProtectedHeader({ alg: algorithm, typ: 'JWT' }).sign(k))
} else if (mode === 'verify') {
  const k = algorithm.startsWith('HS') ? secret : await jose.importSPKI(key, algorithm)
  console.log(JSON.stringify((await jose.jwtVerify(token, k, { algorithms: [algorithm], audience: 'api' })).payload))
} else if (mode === 'jwks') {
  const { payload } = await jose.jwtVerify(token, jose.createLocalJWKSet(JSON.parse(key)))
  console.log(JSON.stringify(payload))
} else {
  console.log(await jose.calculateJwkThumbprint(JSON.parse(key)))
}
"""


def jose(**request):
    folder = os.environ["GATEHOUSE_NODE"]
    script = os.path.join(folder, "interop.mjs")
    with open(script, "w") as file:
        file.write(JOSE)
    return run("node", script, json.dumps(request), cwd=folder).strip()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_tokens_of_pyjwt_verify_here_and_ours_there(owner, keys, algorithm):
    private, public = keys(algorithm)
    wanted = claims()
    assert verify_here(owner, jwt.encode(wanted, private, algorithm), public, algorithm) == wanted
    ours = sign_here(owner, wanted, private, algorithm)
    assert jwt.decode(ours, public, [algorithm], audience="api") == wanted


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_tokens_of_jose_verify_here_and_ours_there(owner, keys, algorithm):
    private, public = keys(algorithm)
    wanted = claims()
    theirs = jose(mode="sign", algorithm=algorithm, key=private, claims=wanted)
    assert verify_here(owner, theirs, public, algorithm) == wanted
    ours = sign_here(owner, wanted, private, algorithm)
    assert json.loads(jose(mode="verify", algorithm=algorithm, key=public, token=ours)) == wanted


@pytest.mark.parametrize("algorithm", [a for a in ALGORITHMS if not a.startswith("HS")])
def test_a_public_key_is_no_secret(owner, keys, algorithm):
    """The classic confusion: a token whose HMAC was made with the public key's text."""
    _, public = keys(algorithm)
    # PyJWT refuses PEM as a secret: take its primitive.
    body = jwt.encode(claims(), SECRET, "HS256").rsplit(".", 1)[0]
    signature = HMACAlgorithm(HMACAlgorithm.SHA256).sign(body.encode(), public.encode())
    token = body + "." + jwt.utils.base64url_encode(signature).decode()
    for allowed in (["HS256"], ["HS256", algorithm]):
        with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification) as error:
            owner.execute("select auth.jwt_verify(%s, %s, %s, audience => 'api')", [token, public, allowed])
        assert code(error) in ("token_algorithm_not_allowed", "token_signature_invalid")


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA", "ES384", "PS256"])
def test_real_access_tokens_verify_with_the_published_keys(owner, mint, algorithm):
    kid = owner.execute("select auth.rotate_signing_key(%s)", [algorithm]).fetchone()[0]
    try:
        token = mint(sub="alice")
        keys = owner.execute("select auth.jwks()").fetchone()[0]
        assert json.loads(jose(mode="jwks", key=json.dumps(keys), token=token))["sub"] == "alice"
        [key] = [jwt.PyJWK(key) for key in keys["keys"] if key["kid"] == kid]
        assert jwt.decode(token, key, [algorithm], audience="authenticated")["iss"] == "pg_gatehouse"
        [published] = [key for key in keys["keys"] if key["kid"] == kid]
        assert not {"d", "p", "q", "k"} & published.keys()
        assert jose(mode="thumbprint", key=json.dumps(published)) == kid
        assert owner.execute("select auth.jwk_thumbprint(%s)", [Jsonb(published)]).fetchone()[0] == kid
    finally:
        owner.execute("select auth.rotate_signing_key('ES256')")


def test_the_pgjwt_shims_have_pgjwts_signatures(owner):
    with owner.transaction(force_rollback=True):
        owner.execute("create schema shim; select auth.install_pgjwt_shims('shim')")
        token = owner.execute("""select shim.sign('{"sub": "a"}', %s)""", [SECRET]).fetchone()[0]
        assert jwt.decode(token, SECRET, ["HS256"]) == {"sub": "a"}
        verify = "select header, payload, valid from shim.verify(%s, %s)"
        assert owner.execute(verify, [token, SECRET]).fetchone() == ({"alg": "HS256", "typ": "JWT"}, {"sub": "a"}, True)
        # pgjwt answers null here, which fails open.
        two_segments = token.rsplit(".", 1)[0]
        for bad in (two_segments, token + "x", token + ".x", "", jwt.encode({"exp": 1}, SECRET)):
            assert owner.execute(verify, [bad, SECRET]).fetchone() == (None, None, False)
        assert owner.execute("select shim.url_encode('\\xfffe00'), shim.url_decode('__4A')").fetchone() == ("__4A", b"\xff\xfe\x00")
