"""A backend remembers tokens that it verified. What holds of a token is asked at every use all the same."""

import contextlib
import json
import time

import jwt
import psycopg
import pytest
from conftest import code, connect, sign_in
from cryptography.hazmat.primitives.asymmetric import ec
from test_issuers import EC, ED, jwks, make

ISSUER = "https://remembered.example"


def enter(connection, token, statement="select auth.claims()"):
    with connection.transaction():
        connection.execute("select auth.authenticate(%s)", [token])
        return connection.execute(statement).fetchone()[0]


def refusal(connection, token):
    with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification) as error, connection.transaction():
        connection.execute("select auth.authenticate(%s)", [token])
    assert token not in str(error.value)
    return code(error)


def remembered(connection):
    return connection.execute("select auth.test_remembered_tokens()").fetchone()[0]


@contextlib.contextmanager
def changed(owner, do, undo):
    owner.execute(do)
    try:
        yield
    finally:
        owner.execute(undo)


@pytest.fixture(scope="module", autouse=True)
def counting(owner):
    owner.execute("grant execute on function auth.test_remembered_tokens() to authenticator")
    yield
    owner.execute("revoke execute on function auth.test_remembered_tokens() from authenticator")


@pytest.fixture(autouse=True)
def leave_things_as_they_were(owner):
    yield
    owner.execute("delete from auth.trusted_issuer")
    owner.execute("delete from auth.signing_key where kid in ('late', 'digits', 'named')")


@pytest.fixture
def alice(owner):
    return sign_in(owner, "alice@acme.example")


@pytest.fixture
def bob(owner):
    return sign_in(owner, "bob@globex.example")


def test_a_token_is_remembered_once_and_says_the_same_every_time(login, alice):
    first = enter(login, alice)
    assert remembered(login) == 1
    assert [enter(login, alice) for _ in range(3)] == [first] * 3
    assert enter(login, alice, "select auth.uid()::text || auth.tenant_id() || auth.session_id() || auth.aal()") == (
        first["sub"] + first["tenant_id"] + first["session_id"] + first["aal"])
    assert remembered(login) == 1


def test_another_token_is_not_taken_for_it(login, alice, bob):
    for _ in range(2):
        assert enter(login, alice)["email"] == "alice@acme.example" and enter(login, bob)["email"] == "bob@globex.example"
    head, payload, signature = alice.split(".")
    for forged in (f"{head}.{payload}.{signature[::-1]}", f"{head}.{payload}.", alice + "A", bob.rsplit(".", 1)[0] + "." + signature):
        refusal(login, forged)
    assert remembered(login) == 2


def test_the_key_is_revoked_elsewhere(owner, login, mint):
    kid = owner.execute("select auth.rotate_signing_key()").fetchone()[0]
    token = mint(sub="x")
    enter(login, token)
    owner.execute("select auth.rotate_signing_key()")
    enter(login, token)
    owner.execute("select auth.revoke_signing_key(%s)", [kid])
    assert refusal(login, token) == "token_key_unknown" and remembered(login) == 0


def test_the_key_is_revoked_in_the_middle_of_a_transaction(owner, login, mint):
    kid = owner.execute("select auth.rotate_signing_key()").fetchone()[0]
    token = mint(sub="x")
    enter(login, token)
    with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification) as error, login.transaction():
        login.execute("select 1")
        owner.execute("select auth.revoke_signing_key(%s)", [kid])
        owner.execute("select auth.rotate_signing_key()")
        login.execute("select auth.authenticate(%s)", [token])
    assert code(error) == "token_key_unknown"


def test_the_time_of_the_key_is_up(owner, login, mint):
    kid = owner.execute("select auth.rotate_signing_key()").fetchone()[0]
    token = mint(sub="x")
    owner.execute("select auth.rotate_signing_key()")
    # The trigger would tell of it, and this is to be seen by the clock alone.
    owner.execute("update auth.signing_key set verify_until = now() + interval '2 seconds' where kid = %s", [kid])
    enter(login, token)
    assert until_refused(login, token) == "token_key_unknown"


def test_what_a_transaction_undoes_to_the_keys_counts_for_nothing(owner, mint):
    key = ec.generate_private_key(ec.SECP256R1())
    pem = json.dumps(json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key)))
    token = jwt.encode({"iss": "pg_gatehouse", "aud": "authenticated", "role": "authenticated", "exp": int(time.time()) + 600}, key, "ES256", {"kid": "undone", "typ": "at+jwt"})
    with connect("DB") as connection:
        with connection.transaction(force_rollback=True):
            connection.execute("select auth.import_signing_key(%s, 'ES256', 'undone', verify_only => true)", [pem])
            with connection.transaction(force_rollback=True):
                connection.execute("select auth.authenticate(%s)", [token])
        assert refusal(connection, token) == "token_key_unknown"
        with connection.transaction():
            with connection.transaction(force_rollback=True):
                connection.execute("select auth.import_signing_key(%s, 'ES256', 'undone', verify_only => true)", [pem])
                with connection.transaction(force_rollback=True):
                    connection.execute("select auth.authenticate(%s)", [token])
            with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification), connection.transaction():
                connection.execute("select auth.authenticate(%s)", [token])


def until_refused(connection, token):
    """The server's clock is no test's to set."""
    until = time.monotonic() + 15
    while time.monotonic() < until:
        try:
            enter(connection, token)
        except psycopg.errors.InvalidAuthorizationSpecification as error:
            return error.diag.message_detail
        time.sleep(0.1)
    raise AssertionError("it was never refused")


def test_the_token_expires(login, mint):
    end = int(time.time()) + 2
    token = mint(sub="x", exp=end)
    enter(login, token)
    assert remembered(login) == 1
    assert until_refused(login, token) == "token_expired" and time.time() >= end
    assert remembered(login) == 0


def test_the_session_ends(owner, login):
    token = sign_in(owner, "alice@acme.example")
    session = enter(login, token, "select auth.session_id()")
    owner.execute("update auth.session set ended_at = now() where id = %s", [session])
    assert refusal(login, token) == "token_revoked"


def test_the_token_is_struck_off_the_sessions_list(owner, login):
    token = sign_in(owner, "alice@acme.example")
    session = enter(login, token, "select auth.session_id()")
    owner.execute("update auth.session set token_ids = '{}' where id = %s", [session])
    assert refusal(login, token) == "token_revoked"


def test_the_user_is_banned_or_the_tenant_suspended(owner, login):
    for do, undo in (
        ("update auth.membership set suspended_at = now() where user_id = '%s'", "update auth.membership set suspended_at = null where user_id = '%s'"),
        ("update auth.tenant set suspended_at = now() where id = (select tenant_id from auth.membership where user_id = '%s')",
         "update auth.tenant set suspended_at = null where id = (select tenant_id from auth.membership where user_id = '%s')"),
    ):
        token = sign_in(owner, "alice@acme.example")
        user = enter(login, token, "select auth.uid()")
        with changed(owner, do % user, undo % user):
            assert refusal(login, token) == "token_revoked"


def test_permissions_follow_the_membership_there_and_back(owner, login, alice):
    before = enter(login, alice)
    for _ in range(2):
        with changed(owner, f"update auth.membership set permissions = '{{other:read}}' where user_id = '{before['sub']}'",
                     f"update auth.membership set permissions = '{{{','.join(before['permissions'])}}}' where user_id = '{before['sub']}'"):
            for _ in range(2):
                assert enter(login, alice)["permissions"] == ["other:read"]
                assert enter(login, alice, "select auth.has_permission('other:read') and not auth.has_permission('notes:write')") is True
        assert enter(login, alice) == before and enter(login, alice, "select auth.has_permission('notes:write')") is True


def test_digits_that_no_double_holds_are_still_there_when_permissions_are_back(owner, login, mint):
    """What is made of a token is made of what was signed, never of what was made before."""
    subject, tenant, permissions, roles = owner.execute(
        "select m.user_id, m.tenant_id, m.permissions, m.roles from auth.membership as m join auth.\"user\" as u on u.id = m.user_id where u.email = 'alice@acme.example'").fetchone()
    key = "a secret of thirty-two bytes or more"
    owner.execute("select auth.import_signing_key(%s, 'HS256', 'digits', verify_only => true)", [key])
    big = "12345678901234567890.123456789"
    payload = json.dumps({"iss": "pg_gatehouse", "aud": "authenticated", "role": "authenticated", "exp": int(time.time()) + 600, "sub": str(subject),
                          "tenant_id": str(tenant), "permissions": permissions, "roles": roles, "big": 0}).replace('"big": 0', f'"big": {big}')
    token = jwt.api_jws.encode(payload.encode(), key, "HS256", {"kid": "digits", "typ": "at+jwt"})
    ask = "select auth.claims() ->> 'big'"
    assert enter(login, token, ask) == big
    with changed(owner, f"update auth.membership set permissions = '{{}}' where user_id = '{subject}'",
                 f"update auth.membership set permissions = '{{{','.join(permissions)}}}' where user_id = '{subject}'"):
        enter(login, token)
    assert enter(login, token, ask) == big


@pytest.mark.parametrize("setting, value", [("issuer", "somebody"), ("audience", "somewhere")])
def test_the_setting_that_a_claim_must_equal_changes(mint, setting, value):
    with connect("DB") as connection:
        token = mint(sub="x")
        enter(connection, token)
        connection.execute(f"set pg_gatehouse.{setting} = '{value}'")
        assert refusal(connection, token) == f"token_{setting}_mismatch"
        connection.execute(f"reset pg_gatehouse.{setting}")
        enter(connection, token)
        with connection.transaction():
            connection.execute(f"set local pg_gatehouse.{setting} = '{value}'")
            with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification), connection.transaction():
                connection.execute("select auth.authenticate(%s)", [token])
        enter(connection, token)


def test_the_path_of_a_claim_changes(mint):
    with connect("DB") as connection:
        other = "00000000-0000-4000-8000-0000000000aa"
        token = mint(sub="x", org={"id": other, "may": "notes:read", "as": "anon"})
        assert enter(connection, token, "select auth.tenant_id()") is None
        for setting, path, ask, answer in (
            ("tenant_claim", "org.id", "select auth.tenant_id()::text", other), ("permissions_claim", "org.may", "select auth.has_permission('notes:read')", True),
            ("role_claim", "org.as", "select current_user::text", "anon"),
        ):
            before = enter(connection, token, ask)
            connection.execute(f"set pg_gatehouse.{setting} = '{path}'")
            assert enter(connection, token, ask) == answer != before
            connection.execute(f"reset pg_gatehouse.{setting}")
            assert enter(connection, token, ask) == before


def test_a_flood_of_tokens_is_remembered_only_in_part(owner, login, mint):
    owner.execute("select auth.rotate_signing_key('EdDSA')")
    token = mint(sub="x", exp=4_000_000_000, much="y" * 300)
    with connect("DB") as flooded:
        enter(flooded, token)
        flooded.execute("""do $$ declare token text; begin
            for i in 1..10000 loop
                token := auth.mint_token(jsonb_build_object('exp', 4000000000, 'role', 'authenticated', 'sub', 'x', 'n', i, 'much', repeat('y', 300)));
                perform auth.authenticate(token);
                commit;
                if i % 100 = 0 then perform auth.authenticate(token); commit; end if;
            end loop; end $$""")
        assert 200 <= remembered(flooded) <= 512
        flooded.execute("""do $$ declare token text; begin
            for i in 1..400 loop
                token := auth.mint_token(jsonb_build_object('exp', 4000000000, 'role', 'authenticated', 'sub', 'x', 'n', i, 'much', repeat('y', 9000)));
                perform auth.authenticate(token);
                commit;
            end loop; end $$""")
        # Of large ones there are fewer: what counts is memory.
        assert 1 <= remembered(flooded) <= 40


def test_a_refusal_is_not_remembered(owner, login):
    key = ec.generate_private_key(ec.SECP256R1())
    token = jwt.encode({"iss": "pg_gatehouse", "aud": "authenticated", "role": "authenticated", "exp": int(time.time()) + 600}, key, "ES256", {"kid": "late", "typ": "at+jwt"})
    for _ in range(2):
        assert refusal(login, token) == "token_key_unknown"
    assert remembered(login) == 0
    owner.execute("select auth.import_signing_key(%s, 'ES256', 'late', verify_only => true)", [jwt.algorithms.ECAlgorithm.to_jwk(key)])
    enter(login, token)


def test_api_keys_are_not_remembered_and_end_at_once(owner, login, alice):
    with connect() as holder:
        key = enter(holder, alice, "select key from auth.create_api_key('remembered')")
    try:
        for _ in range(2):
            assert enter(login, key)["amr"][0]["method"] == "api_key"
        assert remembered(login) == 0
        owner.execute("update auth.api_key set revoked_at = now() where name = 'remembered'")
        assert refusal(login, key) == "api_key_invalid"
    finally:
        owner.execute("delete from auth.api_key where name = 'remembered'")


def trust(owner, keys, **more):
    owner.execute("select auth.trust_issuer(%s, %s, 'api', permissions_claim => %s)", [ISSUER, json.dumps(keys), more.get("permissions", "permissions")])


def test_the_issuer_changes_its_keys_its_mapping_or_its_standing(owner, login):
    trust(owner, jwks(EC))
    token = make(EC, ISSUER, {"sub": "someone", "aud": "api", "permissions": ["a:read"], "scope": "b:read"})
    for _ in range(2):
        assert enter(login, token)["external_subject"] == "someone"
    assert remembered(login) == 1
    owner.execute("update auth.trusted_issuer set permissions_claim = 'scope'")
    assert enter(login, token, "select auth.has_permission('b:read') and not auth.has_permission('a:read')") is True
    owner.execute("select auth.update_jwks(%s, %s)", [ISSUER, json.dumps(jwks(ED))])
    assert refusal(login, token) == "token_key_unknown"
    owner.execute("select auth.update_jwks(%s, %s)", [ISSUER, json.dumps(jwks(EC))])
    enter(login, token)
    owner.execute("select auth.distrust_issuer(%s)", [ISSUER])
    assert refusal(login, token) == "token_key_unknown"


def test_the_issuers_token_expires(owner, login):
    trust(owner, jwks(EC))
    owner.execute("update auth.trusted_issuer set leeway_seconds = 0")
    token = make(EC, ISSUER, {"sub": "someone", "aud": "api"}, exp=int(time.time()) + 2)
    enter(login, token)
    assert until_refused(login, token) == "token_expired"


def test_the_issuers_subject_is_linked_and_its_user_banned(owner, login):
    trust(owner, jwks(EC))
    token = make(EC, ISSUER, {"sub": "someone", "aud": "api"})
    assert enter(login, token)["external_subject"] == "someone" and enter(login, token, "select auth.uid()") is None
    user = owner.execute("insert into auth.\"user\" (email) values ('remembered@idp.example') returning id").fetchone()[0]
    try:
        owner.execute("insert into auth.external_identity (issuer, subject, user_id) values (%s, 'someone', %s)", [ISSUER, user])
        for _ in range(2):
            assert enter(login, token, "select auth.uid()") == user
        owner.execute("update auth.\"user\" set banned_until = 'infinity' where id = %s", [user])
        assert refusal(login, token) == "token_revoked"
        owner.execute("update auth.\"user\" set banned_until = null where id = %s", [user])
        enter(login, token)
        owner.execute("delete from auth.external_identity where user_id = %s", [user])
        assert enter(login, token, "select auth.uid()") is None
    finally:
        owner.execute("delete from auth.\"user\" where id = %s", [user])


def test_a_new_issuer_takes_over_a_name_that_a_remembered_token_has(owner, login):
    key = "a secret of thirty-two bytes or more"
    owner.execute("select auth.import_signing_key(%s, 'HS256', 'named', verify_only => true, issuer => '*', audience => '*')", [key])
    token = jwt.encode({"iss": ISSUER, "role": "authenticated", "exp": int(time.time()) + 600}, key, "HS256", {"kid": "named", "typ": "at+jwt"})
    enter(login, token)
    trust(owner, jwks(EC))
    assert refusal(login, token) == "token_algorithm_not_allowed"
