"""The life of signing keys, keys from elsewhere, and a change of the master key."""

import json
import os
import pathlib
import secrets
import shutil
import subprocess
import tempfile
import threading
import time

import jwt
import psycopg
import pytest
from conftest import code, connect
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from test_operations import BIN, as_server, folder, free_port  # noqa: F401  (a fixture)

ACTIVE = "select kid from auth.signing_key where status = 'active'"


def authenticates(token, statement="select auth.claims()"):
    with connect() as login, login.transaction():
        login.execute("select auth.authenticate(%s)", [token])
        return login.execute(statement).fetchone()[0]


def refusal(token):
    with connect() as login:
        with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification) as error:
            login.execute("select auth.authenticate(%s)", [token])
        return code(error)


def published(owner):
    return [key["kid"] for key in owner.execute("select auth.jwks()").fetchone()[0]["keys"]]


def status(owner, kid):
    return owner.execute("select status from auth.signing_keys() where kid = %s", [kid]).fetchone()[0]


@pytest.fixture(autouse=True)
def leave_things_as_they_were(owner):
    yield
    owner.execute("delete from auth.signing_key where status = 'pending' or without_kid or foreign_sessions")


def pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def public_pem(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def claims(**more):
    return {"iss": "pg_gatehouse", "aud": "authenticated", "role": "authenticated", "exp": int(time.time()) + 600, **more}


def test_a_staged_key_is_published_before_it_signs_and_then_takes_over(owner, mint):
    before = owner.execute(ACTIVE).fetchone()[0]
    staged = owner.execute("select auth.stage_signing_key('EdDSA')").fetchone()[0]
    assert staged in published(owner) and status(owner, staged) == "pending"
    old = mint(sub="x")
    assert jwt.get_unverified_header(old)["kid"] == before
    # Another algorithm leaves it waiting.
    other = owner.execute("select auth.rotate_signing_key('ES256')").fetchone()[0]
    assert other != staged and status(owner, staged) == "pending"
    assert owner.execute("select auth.rotate_signing_key('EdDSA')").fetchone()[0] == staged
    new = mint(sub="x")
    assert jwt.get_unverified_header(new) == {"alg": "EdDSA", "kid": staged, "typ": "at+jwt"}
    for token in (old, new):
        authenticates(token)
    assert (status(owner, other), status(owner, staged)) == ("retiring", "active")
    row = owner.execute("select activated_at is not null, verify_until > now() + interval '15 minutes', private_key is null from auth.signing_key where kid = %s", [other]).fetchone()
    assert row == (True, True, True)


def test_a_pending_key_verifies_nothing(owner):
    key = ec.generate_private_key(ec.SECP256R1())
    kid = owner.execute("select auth.import_signing_key(%s, 'ES256')", [pem(key)]).fetchone()[0]
    token = jwt.encode(claims(), key, "ES256", {"kid": kid, "typ": "at+jwt"})
    assert status(owner, kid) == "pending" and refusal(token) == "token_key_unknown"
    owner.execute("select auth.rotate_signing_key('ES256')")
    assert status(owner, kid) == "active"
    authenticates(token)


def test_revoking_the_signing_key_ends_its_tokens_and_signing_goes_on(owner, mint):
    kid = owner.execute("select auth.rotate_signing_key('EdDSA')").fetchone()[0]
    old = mint(sub="x")
    with connect() as open_connection:
        with open_connection.transaction():
            open_connection.execute("select auth.authenticate(%s)", [old])
        assert owner.execute("select auth.revoke_signing_key(%s)", [kid]).fetchone()[0] is True
        with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification):
            open_connection.execute("select auth.authenticate(%s)", [old])
    assert kid not in published(owner)
    new = mint(sub="x")
    assert jwt.get_unverified_header(new)["alg"] == "EdDSA"
    authenticates(new)
    assert owner.execute("select auth.revoke_signing_key(%s)", [kid]).fetchone()[0] is False


def test_no_moment_of_many_rotations_makes_a_token_that_is_refused(owner):
    failures, stop = [], threading.Event()

    def live():
        try:
            with connect("DB") as signer, connect() as login:
                while not stop.is_set():
                    token = signer.execute("select auth.mint_token('{\"role\": \"authenticated\"}')").fetchone()[0]
                    with login.transaction():
                        login.execute("select auth.authenticate(%s)", [token])
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=live) for _ in range(4)]
    for thread in threads:
        thread.start()
    for at in range(12):
        owner.execute("select auth.rotate_signing_key(%s)", [("ES256", "EdDSA")[at % 2]])
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_retiring_key_ends_by_itself_and_is_pruned(owner, mint):
    kid = owner.execute("select auth.rotate_signing_key()").fetchone()[0]
    token = mint(sub="x")
    owner.execute("select auth.rotate_signing_key()")
    authenticates(token)
    owner.execute("update auth.signing_key set verify_until = now() - interval '1 second' where kid = %s", [kid])
    assert refusal(token) == "token_key_unknown" and kid not in published(owner)
    owner.execute("select auth.prune_signing_keys()")
    assert status(owner, kid) == "revoked"
    owner.execute("select auth.prune_signing_keys('0')")
    assert owner.execute("select count(*) from auth.signing_key where kid = %s", [kid]).fetchone()[0] == 0


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "EdDSA", "RS256", "PS512"])
def test_a_pem_key_is_taken_over_under_its_thumbprint(owner, mint, algorithm):
    key = {"ES256": lambda: ec.generate_private_key(ec.SECP256R1()), "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
           "EdDSA": ed25519.Ed25519PrivateKey.generate}.get(algorithm, lambda: rsa.generate_private_key(65537, 2048))()
    kid = owner.execute("select auth.import_signing_key(%s, %s, activate => true)", [pem(key), algorithm]).fetchone()[0]
    jwk = next(key for key in owner.execute("select auth.jwks()").fetchone()[0]["keys"] if key["kid"] == kid)
    assert kid == owner.execute("select auth.jwk_thumbprint(%s)", [json.dumps(jwk)]).fetchone()[0] and "d" not in jwk
    token = mint(sub="x")
    assert jwt.decode(token, key.public_key(), algorithms=[algorithm], audience="authenticated")["sub"] == "x"
    authenticates(token)
    with pytest.raises(psycopg.errors.UniqueViolation) as error:
        owner.execute("select auth.import_signing_key(%s, %s)", [pem(key), algorithm])
    assert code(error) == "kid_taken"
    owner.execute("select auth.rotate_signing_key()")


def test_a_public_key_only_verifies(owner):
    key = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(psycopg.Error) as error:
        owner.execute("select auth.import_signing_key(%s, 'ES256')", [public_pem(key)])
    assert code(error) == "key_not_private"
    kid = owner.execute("select auth.import_signing_key(%s, 'ES256', 'theirs', verify_only => true)", [public_pem(key)]).fetchone()[0]
    assert kid == "theirs" and status(owner, kid) == "retiring"
    authenticates(jwt.encode(claims(), key, "ES256", {"kid": kid, "typ": "at+jwt"}))
    # As strict as with a key of our own.
    assert refusal(jwt.encode(claims(), key, "ES256", {"kid": kid})) == "token_type_mismatch"
    assert refusal(jwt.encode(claims(iss="x"), key, "ES256", {"kid": kid, "typ": "at+jwt"})) == "token_issuer_mismatch"
    owner.execute("select auth.revoke_signing_key('theirs')")
    owner.execute("delete from auth.signing_key where kid = 'theirs'")


FOREIGN = "types => '{}', issuer => '*', audience => '*', without_kid => true, foreign_sessions => true"


def test_a_shared_secret_takes_the_tokens_of_postgrest_and_supabase_and_of_that_key_only(owner, mint):
    shared = secrets.token_urlsafe(40)
    plain = {"role": "authenticated", "exp": int(time.time()) + 600}
    postgrest = jwt.encode(plain, shared, "HS256")
    supabase = jwt.encode(plain | {
        "iss": "https://project.supabase.co/auth/v1", "aud": "authenticated", "sub": "00000000-0000-4000-8000-000000000007",
        "session_id": "00000000-0000-4000-8000-000000000008", "aal": "aal1"}, shared, "HS256")
    assert refusal(postgrest) == "token_key_unknown"
    kid = owner.execute(f"select auth.import_signing_key(%s, 'HS256', verify_only => true, {FOREIGN})", [shared]).fetchone()[0]
    assert kid not in published(owner)
    # A name that gives nothing of the secret away.
    secret_thumbprint = owner.execute("select auth.jwk_thumbprint(%s)", [json.dumps(
        {"kty": "oct", "k": jwt.utils.base64url_encode(shared.encode()).decode()})]).fetchone()[0]
    assert kid != secret_thumbprint
    assert authenticates(postgrest)["role"] == "authenticated"
    assert authenticates(supabase, "select auth.uid()::text") == "00000000-0000-4000-8000-000000000007"
    assert authenticates(supabase, "select auth.session_id()") is None and "session_id" not in authenticates(supabase)
    # exp is not to be left out, nor another secret to be used, nor another algorithm.
    assert refusal(jwt.encode({"role": "authenticated"}, shared, "HS256")) == "token_claim_missing"
    assert refusal(jwt.encode(plain, "x" * 40, "HS256")) == "token_signature_invalid"
    assert refusal(jwt.encode(plain, shared + "x" * 40, "HS512")) == "token_key_unknown"
    # Our own key goes on demanding all of it.
    header, payload, signature = mint(sub="x").split(".")
    bare = jwt.utils.base64url_encode(b'{"alg":"ES256"}').decode()
    assert refusal(f"{bare}.{payload}.{signature}") == "token_key_unknown"
    owner.execute("select auth.revoke_signing_key(%s)", [kid])
    assert refusal(postgrest) == "token_key_unknown"


def test_a_secret_imported_strictly_is_strict(owner):
    shared = secrets.token_urlsafe(40)
    owner.execute("select auth.import_signing_key(%s, 'HS256', 'strict', verify_only => true)", [shared])
    assert refusal(jwt.encode(claims(), shared, "HS256")) == "token_key_unknown"
    assert refusal(jwt.encode(claims(), shared, "HS256", {"kid": "strict"})) == "token_type_mismatch"
    authenticates(jwt.encode(claims(), shared, "HS256", {"kid": "strict", "typ": "at+jwt"}))
    owner.execute("delete from auth.signing_key where kid = 'strict'")


@pytest.mark.parametrize("key,algorithm,more,reason", [
    ("short", "HS256", "", "key_too_weak"),
    ("k" * 40, "RS256", "", "key_algorithm_mismatch"),
    ("k" * 40, "none", "", "algorithm_unknown"),
    ("{}", "HS256", "", "key_malformed"),
    ("k" * 40, "HS256", ", activate => true, verify_only => true", "key_verifies_only"),
    ("k" * 40, "HS256", ", kid => ''", "key_malformed"),
    ("k" * 40, "HS256", ", types => '{null}'", "token_types_invalid"),
    (None, "HS256", "", "key_malformed"),
])
def test_a_bad_key_is_not_taken_over(owner, key, algorithm, more, reason):
    with pytest.raises(psycopg.Error) as error:
        owner.execute(f"select auth.import_signing_key(%s, %s{more})", [key, algorithm])
    assert (error.value.sqlstate, code(error)) == ("22023", reason)
    assert key is None or len(key) < 20 or key not in str(error.value)


def test_the_operator_sees_keys_without_keys(owner):
    with connect("SERVICE_AUTHENTICATOR") as service:
        service.execute("set role service_role")
        row = service.execute("select to_jsonb(k)::text from auth.signing_keys() as k where status = 'active'").fetchone()[0]
        assert "can_sign" in row and "private" not in row and "jwk" not in row
        for statement in ("select auth.rotate_signing_key()", "select auth.import_signing_key('x', 'HS256')", "select auth.rotate_master_key('/x')"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                service.execute(statement)


@pytest.fixture
def cluster(folder):  # noqa: F811
    """A throw-away server with a key, a user and an API-key secret."""
    port = free_port()

    def key_file(name, content=None):
        path = folder / name
        path.write_text(content or secrets.token_hex(32))
        path.chmod(0o600)
        if os.getuid() == 0:
            shutil.chown(path, "postgres", "postgres")
        return path

    old = key_file("old.key")
    as_server(BIN / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "--no-locale", "-E", "UTF8")
    with open(folder / "data" / "postgresql.conf", "a") as conf:
        conf.write(f"port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n"
                   f"shared_preload_libraries = 'pg_gatehouse'\npg_gatehouse.master_key_file = '{old}'\n")
    as_server(BIN / "pg_ctl", "-D", folder / "data", "-w", "-l", folder / "log", "start")
    server = lambda: psycopg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres", autocommit=True)  # noqa: E731
    try:
        with server() as connection:
            connection.execute("create extension pg_gatehouse; select auth.rotate_signing_key(); select auth.stage_signing_key('RS256')")
            connection.execute("select auth.keyed_hash('one', 'x'), auth.seal('row', 'x')")
            # The background worker makes the audit's own when it writes the first event.
            while not connection.execute("select 1 from auth.secret where name = 'audit'").fetchall():
                time.sleep(0.05)
            yield server, key_file, folder, old
    finally:
        as_server(BIN / "pg_ctl", "-D", folder / "data", "-m", "immediate", "stop")


def configure(server, **settings):
    with server() as connection:
        for name, value in settings.items():
            connection.execute(f"alter system set pg_gatehouse.{name} = '{value}'" if value else f"alter system reset pg_gatehouse.{name}")
        connection.execute("select pg_reload_conf()")
    deadline = time.time() + 10
    for name, value in settings.items():
        while time.time() < deadline:
            with server() as connection:
                if connection.execute(f"show pg_gatehouse.{name}").fetchone()[0] == (value or ""):
                    break
            time.sleep(0.05)


def use(server):
    """Everything that needs the master key, in a fresh backend: sign, hash, seal."""
    with server() as connection:
        return connection.execute(
            "select auth.sign_access_token('{\"role\": \"anon\"}') is not null, auth.keyed_hash('one', 'x'), auth.seal('row', 'x') is not null").fetchone()


def test_the_master_key_changes_without_a_moment_of_failure(cluster):
    server, key_file, folder, old = cluster  # noqa: F811
    new = str(key_file("new.key"))
    with server() as connection:
        kept = connection.execute("select name, sealed from auth.secret union all select kid, private_key from auth.signing_key order by 1").fetchall()
    before = use(server)
    with server() as connection, pytest.raises(psycopg.Error) as error:
        connection.execute("select auth.rotate_master_key(%s)", [new])
    assert code(error) == "master_key_not_announced"
    configure(server, next_master_key_file=new)
    assert use(server) == before
    with server() as long_lived:
        long_lived.execute("select auth.sign_access_token('{}')")
        with server() as connection:
            # Made while both are there: under the new one already.
            connection.execute("select auth.keyed_hash('two', 'x')")
            assert connection.execute("select auth.rotate_master_key(%s)", [new]).fetchone()[0] == len(kept)
            assert connection.execute("select auth.rotate_master_key(%s)", [new]).fetchone()[0] == 0
        assert use(server) == before
        configure(server, master_key_file=new, next_master_key_file=None)
        old.unlink()
        assert use(server) == before
        long_lived.execute("select auth.rotate_signing_key('RS256'), auth.keyed_hash('three', 'x')")
    as_server(BIN / "pg_ctl", "-D", folder / "data", "-w", "-m", "fast", "-l", folder / "log", "restart")
    assert use(server) == before
    with server() as connection:
        now = dict(connection.execute("select name, sealed from auth.secret union all select kid, private_key from auth.signing_key where private_key is not null").fetchall())
        assert all(now[name] != sealed for name, sealed in kept if name in now)


def test_a_change_of_the_master_key_is_whole_or_not_at_all(cluster):
    server, key_file, folder, old = cluster  # noqa: F811
    new = key_file("new.key")
    configure(server, next_master_key_file=str(new))
    everything = "select md5(string_agg(sealed::text, ',' order by name)) from auth.secret"
    with server() as connection:
        before = connection.execute(everything).fetchone()[0]
        # The last row that is looked at is broken.
        connection.execute("update auth.signing_key set private_key = set_byte(private_key, 20, get_byte(private_key, 20) # 1) where kid = (select max(kid) from auth.signing_key)")
        with pytest.raises(psycopg.Error) as error:
            connection.execute("select auth.rotate_master_key(%s)", [str(new)])
        assert (error.value.sqlstate, code(error)) == ("58000", "seal_broken")
        assert connection.execute(everything).fetchone()[0] == before
        new.chmod(0o644)
        with server() as fresh, pytest.raises(psycopg.Error) as error:
            fresh.execute("select auth.rotate_master_key(%s)", [str(new)])
        assert code(error) == "master_key_unreadable"
        new.chmod(0o600)
        new.write_text("no key")
        with server() as fresh, pytest.raises(psycopg.Error) as error:
            fresh.execute("select auth.rotate_master_key(%s)", [str(new)])
        assert code(error) == "master_key_malformed"
    configure(server, next_master_key_file=None)
    with server() as connection:
        assert connection.execute("select length(auth.keyed_hash('one', 'x'))").fetchone()[0] == 32
