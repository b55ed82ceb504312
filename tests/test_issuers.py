"""Tokens of Auth0, Keycloak, Clerk and Supabase, made in the shapes of each, and of nobody else."""

import json
import threading
import time
import uuid

import jwt
import psycopg
import pytest
from conftest import code, connect, sign_in
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

AUTH0, KEYCLOAK, CLERK, SUPABASE = (
    "https://tenant.eu.auth0.com/", "https://sso.example.com/realms/app", "https://clerk.example.com", "https://ref.supabase.co/auth/v1")
RSA, EC, ED = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()
ALGORITHMS = {id(RSA): (jwt.algorithms.RSAAlgorithm, "RS256"), id(EC): (jwt.algorithms.ECAlgorithm, "ES256"), id(ED): (jwt.algorithms.OKPAlgorithm, "EdDSA")}


def jwks(*keys, **more):
    return {"keys": [json.loads(ALGORITHMS[id(key)][0].to_jwk(key.public_key())) | {
        "kid": f"{ALGORITHMS[id(key)][1]}-1", "alg": ALGORITHMS[id(key)][1], "use": "sig"} | more for key in keys]}


def make(key, issuer, claims, header=None, **more):
    algorithm = ALGORITHMS[id(key)][1]
    now = int(time.time())
    return jwt.encode({"iss": issuer, "iat": now, "exp": now + 300} | claims | more, key, algorithm, {"kid": f"{algorithm}-1", "typ": "JWT"} | (header or {}))


def trust(owner, issuer, keys, audience="api", **more):
    names = ", ".join(f"{name} => %({name})s" for name in more)
    owner.execute(f"select auth.trust_issuer(%(i)s, %(k)s, %(a)s{', ' + names if more else ''})",
                  {"i": issuer, "k": json.dumps(keys), "a": audience, **more})


def read(token, statement="select auth.claims()"):
    with connect() as login, login.transaction():
        login.execute("select auth.authenticate(%s)", [token])
        return login.execute(statement).fetchone()[0]


def refusal(token):
    with connect() as login:
        with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification) as error:
            login.execute("select auth.authenticate(%s)", [token])
        assert token not in str(error.value)
        return code(error)


def titles(token):
    return read(token, "select coalesce(string_agg(split_part(title, ':', 1), ',' order by title), '') from public.note")


@pytest.fixture(autouse=True)
def leave_no_issuer(owner):
    yield
    owner.execute("delete from auth.trusted_issuer")
    owner.execute("delete from auth.external_identity")
    owner.execute("delete from auth.\"user\" where email like '%%@idp.example' or email is null and not is_anonymous")


@pytest.fixture
def acme(owner):
    return str(owner.execute("select id from auth.tenant where slug = 'acme'").fetchone()[0])


def test_auth0(owner, acme):
    claims = {"sub": "auth0|6123", "aud": ["api", "https://tenant.eu.auth0.com/userinfo"], "azp": "client", "scope": "openid profile",
              "permissions": ["notes:read"], "https://app.example/roles": ["editor"], "https://app.example/tenant": acme}
    trust(owner, AUTH0, jwks(RSA), permissions_claim="permissions", roles_claim="https://app.example/roles",
          tenant_claim="https://app.example/tenant")
    token = make(RSA, AUTH0, claims)
    assert titles(token) == "Acme,Acme"
    assert read(token, "select auth.user_id()") == "auth0|6123" and read(token, "select auth.uid()") is None
    assert read(token, "select auth.has_permission('notes:read') and auth.has_role('editor') and not auth.has_permission('notes:write')")
    assert read(token, "select current_user::text") == "authenticated"


def test_keycloak(owner, acme):
    claims = {"sub": str(uuid.uuid4()), "aud": "api", "typ": "Bearer", "azp": "web", "acr": "1", "sid": "x", "email": "k@idp.example",
              "email_verified": True, "realm_access": {"roles": ["offline_access", "service_role", "authenticated"]},
              "resource_access": {"web": {"roles": ["notes:read", "notes:write"]}}, "tenant": "acme-org", "scope": "email"}
    trust(owner, KEYCLOAK, {"keys": jwks(RSA)["keys"] + [jwks(RSA)["keys"][0] | {"kid": "enc", "alg": "RSA-OAEP", "use": "enc"}]},
          role_claim="realm_access.roles", roles_claim="realm_access.roles", permissions_claim="resource_access.web.roles",
          tenant_claim="tenant", tenants=json.dumps({"acme-org": acme}))
    token = make(RSA, KEYCLOAK, claims)
    assert titles(token) == "Acme,Acme"
    # service_role is in the list and not allowed; the subject is a UUID and nobody's.
    assert read(token, "select current_user::text") == "authenticated"
    everything = read(token)
    assert everything["external_subject"] == claims["sub"] and "sub" not in everything and everything["email"] == "k@idp.example"
    assert read(token, "select auth.has_permission('notes:write')")


def test_clerk(owner, acme):
    claims = {"sub": "user_2abc", "azp": "https://app.example", "sid": "sess_1", "org_id": "org_9", "org_role": "org:admin",
              "org_permissions": ["notes:read"], "fva": [1, -1]}
    trust(owner, CLERK, jwks(RSA), "*", tenant_claim="org_id", tenants=json.dumps({"org_9": acme}), permissions_claim="org_permissions")
    assert titles(make(RSA, CLERK, claims)) == "Acme,Acme"
    # An organisation that is not mapped is no tenant, also when it has the id of one.
    for org in ("org_8", acme):
        assert titles(make(RSA, CLERK, claims, org_id=org)) == ""


def test_supabase(owner, acme):
    someone = str(uuid.uuid4())
    claims = {"sub": someone, "aud": "authenticated", "role": "authenticated", "aal": "aal2", "session_id": str(uuid.uuid4()), "email": "s@idp.example",
              "amr": [{"method": "password", "timestamp": 1}], "is_anonymous": False, "app_metadata": {"tenant_id": acme, "permissions": ["notes:read"]},
              "user_metadata": {"tenant_id": str(uuid.uuid4()), "role": "service_role"}}
    trust(owner, SUPABASE, jwks(EC), "authenticated", role_claim="role", tenant_claim="app_metadata.tenant_id",
          permissions_claim="app_metadata.permissions", aal_claim="aal", subjects_are_users=True, trust_email=True)
    token = make(EC, SUPABASE, claims)
    assert titles(token) == "Acme,Acme"
    assert str(read(token, "select auth.uid()")) == someone and read(token, "select auth.session_id()") is None
    assert read(token, "select auth.aal() || ' ' || auth.email()") == "aal2 s@idp.example"
    for role in ("service_role", "postgres", "anon"):
        assert refusal(make(EC, SUPABASE, claims, role=role)) == "token_role_not_allowed"


def test_service_role_only_by_name_and_only_where_the_login_may(owner):
    trust(owner, AUTH0, jwks(ED), role_claim="role", allowed_roles=["authenticated", "service_role"])
    token = make(ED, AUTH0, {"sub": "job", "aud": "api", "role": "service_role"})
    with connect() as login, pytest.raises(psycopg.errors.InsufficientPrivilege):
        login.execute("select auth.authenticate(%s)", [token])
    with connect("SERVICE_AUTHENTICATOR") as service, service.transaction():
        service.execute("select auth.authenticate(%s)", [token])
        assert service.execute("select current_user").fetchone()[0] == "service_role"


def test_a_key_belongs_to_its_issuer(owner):
    trust(owner, AUTH0, jwks(ED))
    trust(owner, CLERK, jwks(EC))
    good = {"sub": "x", "aud": "api"}
    read(make(ED, AUTH0, good))
    read(make(EC, CLERK, good))
    assert refusal(make(EC, AUTH0, good)) == "token_key_unknown"
    assert refusal(make(EC, AUTH0, good, {"kid": "EdDSA-1"})) == "token_algorithm_not_allowed"
    # Nor does it speak for this database.
    assert refusal(make(ED, "pg_gatehouse", good | {"aud": "authenticated"})) == "token_key_unknown"
    own = owner.execute("select kid from auth.signing_key where status = 'active'").fetchone()[0]
    assert refusal(make(EC, AUTH0, good, {"kid": own})) == "token_key_unknown"


@pytest.mark.parametrize("change,header,expected", [
    ({"aud": "other"}, {}, "token_audience_mismatch"),
    ({"aud": None}, {}, "token_claim_invalid"),
    ({"exp": 1}, {}, "token_expired"),
    ({"nbf": 4102444800, "exp": 4102444801}, {}, "token_not_yet_valid"),
    ({"sub": ""}, {}, "token_claim_invalid"),
    ({}, {"typ": "refresh+jwt"}, "token_type_mismatch"),
    ({}, {"kid": "other"}, "token_key_unknown"),
])
def test_what_is_wrong_with_a_token_is_refused(owner, change, header, expected):
    trust(owner, AUTH0, jwks(ED))
    assert refusal(make(ED, AUTH0, {"sub": "x", "aud": "api"} | change, header)) == expected


def test_an_issuer_speaks_for_no_user_that_is_not_linked_to_it(owner):
    alice = str(owner.execute("select id from auth.\"user\" where email = 'alice@acme.example'").fetchone()[0])
    trust(owner, AUTH0, jwks(ED))
    for subject in (alice, alice.upper(), alice.replace("-", ""), f"{{{alice}}}"):
        everything = read(make(ED, AUTH0, {"sub": subject, "aud": "api"}))
        assert "sub" not in everything
        assert read(make(ED, AUTH0, {"sub": subject, "aud": "api"}), "select auth.uid() is null and auth.user_id() is null")


def test_a_linked_user_is_that_user_with_what_they_hold_here(owner, acme):
    owner.execute("select auth.sign_up('lee@idp.example', 'seven green sailing boats', '{}', 'acme')")
    lee = owner.execute("select id from auth.\"user\" where email = 'lee@idp.example'").fetchone()[0]
    trust(owner, AUTH0, jwks(ED), tenant_claim="org", permissions_claim="permissions")
    token = make(ED, AUTH0, {"sub": "auth0|lee", "aud": "api", "org": acme, "permissions": ["*:*"]})
    session = owner.execute("select access_token from auth.sign_in('lee@idp.example', 'seven green sailing boats')").fetchone()[0]
    with connect() as login, login.transaction():
        login.execute("select auth.authenticate(%s)", [session])
        assert login.execute("select auth.link_identity(%s)", [token]).fetchone()[0] is True
        assert login.execute("select auth.link_identity(%s)", [token]).fetchone()[0] is False
        assert login.execute("select issuer, subject from auth.my_identities()").fetchall() == [(AUTH0, "auth0|lee")]
    assert read(token, "select auth.uid()") == lee and titles(token) == "Acme,Acme"
    # What the issuer says of permissions counts for nothing now, and the user can be shut out.
    held = owner.execute("select permissions from auth.membership where user_id = %s and tenant_id = %s", [lee, acme]).fetchone()[0]
    assert read(token)["permissions"] == held and read(token)["iss"] == AUTH0
    owner.execute("update auth.\"user\" set banned_until = 'infinity' where id = %s", [lee])
    try:
        assert refusal(token) == "token_revoked"
    finally:
        owner.execute("update auth.\"user\" set banned_until = null where id = %s", [lee])
    globex = str(owner.execute("select id from auth.tenant where slug = 'globex'").fetchone()[0])
    assert refusal(make(ED, AUTH0, {"sub": "auth0|lee", "aud": "api", "org": globex})) == "token_revoked"
    # Another user can not take the link over.
    with connect() as login, login.transaction():
        login.execute("select auth.authenticate(%s)", [sign_in(owner, "bob@globex.example")])
        with pytest.raises(psycopg.errors.UniqueViolation) as error:
            with login.transaction():
                login.execute("select auth.link_identity(%s)", [token])
        assert code(error) == "identity_already_exists"
        assert login.execute("select auth.unlink_identity(%s, 'auth0|lee')", [AUTH0]).fetchone()[0] is False


SIGN_IN = "select status, access_token, \"user\" ->> 'id' from auth.sign_in_external(%s)"


def test_signing_in_with_another_issuers_token_gives_a_session(owner):
    trust(owner, AUTH0, jwks(ED))
    token = make(ED, AUTH0, {"sub": "new", "aud": "api", "email": "new@idp.example", "email_verified": True})
    with connect() as anon:
        anon.execute("set role anon")
        assert anon.execute(SIGN_IN, [token]).fetchone() == ("identity_not_linked", None, None)
        trust(owner, AUTH0, jwks(ED), create_users=True)
        status, access, user = anon.execute(SIGN_IN, [token]).fetchone()
        assert status == "ok" and anon.execute(SIGN_IN, [token]).fetchone()[2] == user
        for bad in (token[:-4] + "AAAA", "x", None, make(EC, CLERK, {"sub": "x"}), access):
            assert anon.execute(SIGN_IN, [bad]).fetchone()[0] == "invalid_credentials"
        owner.execute("update auth.\"user\" set banned_until = 'infinity' where id = %s", [user])
        assert anon.execute(SIGN_IN, [token]).fetchone()[0] == "invalid_credentials"
    owner.execute("update auth.\"user\" set banned_until = null where id = %s", [user])
    assert str(read(token, "select auth.uid()")) == user
    assert read(anon_session(owner, token), "select auth.session_id() is not null")


def anon_session(owner, token):
    return owner.execute(SIGN_IN, [token]).fetchone()[1]


def test_an_email_links_only_when_both_sides_have_confirmed_it(owner):
    owner.execute("select auth.sign_up('old@idp.example', 'seven green sailing boats')")
    token = lambda verified, sub: make(ED, AUTH0, {"sub": sub, "aud": "api", "email": "old@idp.example", "email_verified": verified})  # noqa: E731
    status = lambda token: owner.execute(SIGN_IN, [token]).fetchone()[0]  # noqa: E731
    trust(owner, AUTH0, jwks(ED))
    assert status(token(True, "a")) == "identity_not_linked"
    trust(owner, AUTH0, jwks(ED), link_users=True)
    assert status(token(False, "a")) == "identity_not_linked"
    owner.execute("update auth.\"user\" set email_confirmed_at = null where email = 'old@idp.example'")
    assert status(token(True, "a")) == "identity_not_linked"
    owner.execute("update auth.\"user\" set email_confirmed_at = now() where email = 'old@idp.example'")
    assert status(token(True, "a")) == "ok"
    # An address in use is not made a second time.
    trust(owner, AUTH0, jwks(ED), create_users=True)
    assert status(token(True, "b")) == "identity_not_linked"


def test_many_first_sign_ins_at_once_make_one_user(owner):
    trust(owner, AUTH0, jwks(ED), create_users=True)
    outcomes = []
    for email in ({}, {"email": "race@idp.example", "email_verified": True}):
        token = make(ED, AUTH0, {"sub": f"race{len(email)}", "aud": "api"} | email)

        def enter():
            with connect("DB") as connection:
                outcomes.append(connection.execute(SIGN_IN, [token]).fetchone()[::2])

        threads = [threading.Thread(target=enter) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {status for status, _ in outcomes} == {"ok"} and len({user for _, user in outcomes}) == 1
        assert owner.execute("select count(*) from auth.\"user\" where email is null and created_at > now() - interval '5 seconds' and not exists (select from auth.external_identity where user_id = \"user\".id)").fetchone()[0] == 0
        outcomes.clear()


def test_keys_roll_over_and_trust_ends_at_once_in_open_connections(owner):
    good = {"sub": "x", "aud": "api"}
    trust(owner, AUTH0, jwks(ED))
    with connect() as login:
        def ok(token):
            try:
                with login.transaction():
                    login.execute("select auth.authenticate(%s)", [token])
                return True
            except psycopg.errors.InvalidAuthorizationSpecification:
                return False

        assert ok(make(ED, AUTH0, good)) and not ok(make(EC, AUTH0, good))
        with connect("SERVICE_AUTHENTICATOR") as service:
            service.execute("set role service_role")
            update = "select auth.update_jwks(%s, %s)"
            assert service.execute(update, [AUTH0, json.dumps(jwks(ED, EC))]).fetchone()[0] is True
            assert service.execute(update, [AUTH0, json.dumps(jwks(ED, EC))]).fetchone()[0] is False
            assert service.execute(update, ["https://nobody/", json.dumps(jwks(EC))]).fetchone()[0] is False
            assert service.execute("select array_agg(issuer) from auth.trusted_issuers()").fetchone()[0] == [AUTH0]
            with pytest.raises(psycopg.errors.InvalidParameterValue):
                service.execute(update, [AUTH0, json.dumps({"keys": []})])
            for statement in ("select auth.trust_issuer('x', '{}', 'y')", "select auth.distrust_issuer('x')"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    service.execute(statement)
        assert ok(make(ED, AUTH0, good)) and ok(make(EC, AUTH0, good))
        # A rolled-back change changes nothing, also for who made it.
        with owner.transaction(force_rollback=True):
            owner.execute("select auth.distrust_issuer(%s)", [AUTH0])
            with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification):
                with owner.transaction():
                    owner.execute("select auth.authenticate(%s)", [make(EC, AUTH0, good)])
        with owner.transaction(force_rollback=True):
            owner.execute("select auth.authenticate(%s)", [make(EC, AUTH0, good)])
        assert owner.execute("select auth.distrust_issuer(%s)", [AUTH0]).fetchone()[0] is True
        assert not ok(make(ED, AUTH0, good))
    assert owner.execute("select auth.distrust_issuer(%s)", [AUTH0]).fetchone()[0] is False


@pytest.mark.parametrize("change,reason", [
    ({"i": "pg_gatehouse"}, "issuer_is_own"),
    ({"i": ""}, "issuer_name_invalid"),
    ({"a": None}, "issuer_audience_missing"),
    ({"k": {"keys": [{"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}]}}, "key_malformed"),
    ({"k": {}}, "key_malformed"),
    ({"algorithms": ["HS256"]}, "issuer_algorithms_invalid"),
    ({"algorithms": ["none"]}, "issuer_algorithms_invalid"),
    ({"algorithms": []}, "issuer_algorithms_invalid"),
    ({"role_claim": "user_metadata.role"}, "claim_path_invalid"),
    ({"default_role": "service_role"}, "issuer_roles_invalid"),
    ({"tenants": json.dumps({"a": "b"})}, "issuer_tenants_invalid"),
    ({"leeway_seconds": 301}, "leeway_out_of_range"),
    ({"types": [None]}, "token_types_invalid"),
])
def test_an_issuer_that_would_let_too_much_in_is_not_trusted(owner, change, reason):
    arguments = {"i": AUTH0, "k": jwks(ED), "a": "api"} | change
    with pytest.raises(psycopg.errors.InvalidParameterValue) as error:
        trust(owner, arguments.pop("i"), arguments.pop("k"), arguments.pop("a"), **arguments)
    assert code(error) == reason
