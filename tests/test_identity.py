"""Users, tenants, sessions and keys, as far as they go."""

import os
import pathlib
import statistics
import subprocess
import time

import psycopg
import pytest
from conftest import PASSWORDS, code, connect

SIGN_IN = "select status, message, access_token from auth.sign_in(%s, %s, %s)"


@pytest.fixture
def anon():
    with connect() as connection:
        connection.execute("set role anon")
        yield connection


def test_a_failed_sign_in_is_a_row_and_its_attempt_is_kept(owner, anon):
    count = "select count(*) from auth.audit_event where event = 'sign_in' and outcome = 'failure' and detail ->> 'reason' = %s"
    for email, password, reason in (("nobody@example.com", "x", "unknown_user"), ("alice@acme.example", "x", "wrong_password")):
        before = owner.execute(count, [reason]).fetchone()[0]
        assert anon.execute(SIGN_IN, [email, password, None]).fetchone() == ("invalid_credentials", "Invalid login credentials", None)
        assert owner.execute(count, [reason]).fetchone()[0] == before + 1


def test_every_refusal_answers_the_same(owner, anon):
    right = PASSWORDS["alice@acme.example"]
    answers = {
        anon.execute(SIGN_IN, arguments).fetchone()
        for arguments in (
            ("nobody@example.com", right, None), ("alice@acme.example", "wrong", None), ("alice@acme.example", None, None),
            (None, None, None), ("not an address", right, None), ("alice@acme.example", right, "globex"),
            ("alice@acme.example", right, "no-such-tenant"), ("alice@acme.example", "x" * 2000, None), ("alice@acme.example", "", None),
        )
    }
    assert answers == {("invalid_credentials", "Invalid login credentials", None)}


def test_every_refusal_takes_the_same_work(anon):
    """Not a clock's assertion but a floor and a ratio of medians: one hash is done, for everybody."""
    def median(email, password):
        times = []
        for _ in range(7):
            start = time.perf_counter()
            anon.execute(SIGN_IN, [email, password, None])
            times.append(time.perf_counter() - start)
        return statistics.median(times)

    wrong = median("alice@acme.example", "wrong password")
    for email, password in (("nobody@example.com", "wrong password"), ("alice@acme.example", ""), ("alice@acme.example", "x" * 100),
                            ("not an address", "wrong password")):
        assert 0.5 < median(email, password) / wrong < 2, (email, len(password))


def test_a_banned_user_and_a_suspended_tenant_end_at_once(owner, anon):
    owner.execute("insert into auth.tenant (slug, name, sign_up_open) values ('brief', 'Brief', true)")
    owner.execute("select auth.sign_up('carol@example.com', 'seven green sailing boats', '{}', 'brief')")
    token = anon.execute(SIGN_IN, ["carol@example.com", "seven green sailing boats", None]).fetchone()[2]
    with connect() as login:
        login.execute("select auth.authenticate(%s)", [token])
        owner.execute("update auth.\"user\" set banned_until = 'infinity' where email = 'carol@example.com'")
        with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification) as error:
            login.execute("select auth.authenticate(%s)", [token])
        assert code(error) == "token_revoked"
        assert anon.execute(SIGN_IN, ["carol@example.com", "seven green sailing boats", None]).fetchone()[0] == "invalid_credentials"
        owner.execute("update auth.\"user\" set banned_until = null where email = 'carol@example.com'")
        token = anon.execute(SIGN_IN, ["carol@example.com", "seven green sailing boats", None]).fetchone()[2]
        login.execute("select auth.authenticate(%s)", [token])
        owner.execute("update auth.tenant set suspended_at = now() where slug = 'brief'")
        with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification):
            login.execute("select auth.authenticate(%s)", [token])
    owner.execute("delete from auth.\"user\" where email = 'carol@example.com'; delete from auth.tenant where slug = 'brief'")


def test_sign_up_judges_address_password_and_tenant(owner, anon):
    sign_up = "select status, message, reasons, access_token is not null from auth.sign_up(%s, %s, %s::jsonb, %s)"
    good = "seven green sailing boats"
    for arguments, status in (
        (("no address", good, None, None), "validation_failed"),
        (("a@b@c.example", good, None, None), "validation_failed"),
        (("x\n@example.com", good, None, None), "validation_failed"),
        (("dora@example.com", None, None, None), "validation_failed"),
        (("dora@example.com", "short", None, None), "weak_password"),
        (("dora@example.com", "dora@example.com", None, None), "weak_password"),
        (("dora@example.com", good, "[]", None), "validation_failed"),
        (("dora@example.com", good, None, "globex"), "signup_disabled"),
        (("dora@example.com", good, None, "no-such-tenant"), "signup_disabled"),
        (("alice@acme.example", good, None, None), "user_already_exists"),
        (("ALICE@acme.example ", good, None, None), "user_already_exists"),
    ):
        row = anon.execute(sign_up, arguments).fetchone()
        assert row[0] == status and row[1] and not row[3], (arguments, row)
        assert bool(row[2]) == (status == "weak_password")
    assert anon.execute(sign_up, (" Dora@Example.com", good, '{"name": "Dora"}', "acme")).fetchone() == ("ok", None, None, True)
    assert anon.execute("select \"user\" ->> 'email', \"user\" -> 'user_metadata' from auth.sign_in('dora@example.com', %s)", [good]).fetchone() == (
        "dora@example.com", {"name": "Dora"})
    owner.execute("delete from auth.\"user\" where email = 'dora@example.com'")


def test_a_cheap_hash_is_replaced_at_the_next_sign_in(owner, anon):
    import bcrypt

    cheap = bcrypt.hashpw(b"seven green sailing boats", bcrypt.gensalt(4)).decode()
    owner.execute("select auth.sign_up('eve@example.com', 'seven green sailing boats')")
    owner.execute("update auth.\"user\" set password_hash = %s where email = 'eve@example.com'", [cheap])
    assert anon.execute(SIGN_IN, ["eve@example.com", "seven green sailing boats", None]).fetchone()[0] == "ok"
    kept = owner.execute("select password_hash from auth.\"user\" where email = 'eve@example.com'").fetchone()[0]
    assert kept != cheap and kept.startswith("$2b$12$")
    owner.execute("delete from auth.\"user\" where email = 'eve@example.com'")


def test_tenants_are_made_by_users_and_the_operator(owner, alice):
    with connect() as login:
        with login.transaction(force_rollback=True):
            login.execute("select auth.authenticate(%s)", [alice])
            made = login.execute("select auth.create_tenant('initech', 'Initech')").fetchone()[0]
            for slug, name, sqlstate in (("initech", "Again", "23505"), ("Bad Slug", "x", "22023"), (None, "x", "22023"),
                                         ("good", "", "22023"), ("-x", "x", "22023"), ("a" * 64, "x", "22023")):
                with pytest.raises(psycopg.Error) as error:
                    with login.transaction():
                        login.execute("select auth.create_tenant(%s, %s)", [slug, name])
                assert error.value.sqlstate == sqlstate
            assert made
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            with login.transaction():
                login.execute("set local role authenticated")
                login.execute("select auth.create_tenant('initech', 'Initech')")
    with owner.transaction(force_rollback=True):
        assert owner.execute("select auth.create_tenant('initech', 'Initech')").fetchone()[0]


def test_no_role_but_the_owner_reads_the_tables(owner):
    tables = [row[0] for row in owner.execute("select oid::regclass::text from pg_class where relnamespace = 'auth'::regnamespace and relkind in ('r', 'p')")]
    assert len(tables) >= 6
    with connect() as login, connect("SERVICE_AUTHENTICATOR") as service:
        for connection, role in ((login, "anon"), (login, "authenticated"), (service, "service_role")):
            connection.execute(f"set role {role}")
            for table in tables:
                for statement in (f"select from {table}", f"delete from {table}"):
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        connection.execute(statement)


def test_a_dump_without_the_master_key_gives_no_private_key_away(owner):
    dump = subprocess.run([os.environ["GATEHOUSE_PG_BIN"] + "/pg_dump", os.environ["GATEHOUSE_DB_URI"]], check=True, capture_output=True, text=True).stdout
    kid, sealed = owner.execute("select kid, encode(private_key, 'hex') from auth.signing_key where status = 'active'").fetchone()
    assert kid in dump and sealed in dump
    # What is stored is longer than version, key id, nonce and tag, and no PKCS#8 lies in it.
    assert bytes.fromhex(sealed)[0] == 1 and b"\x30\x81" not in bytes.fromhex(sealed)[:4]
    key_file = pathlib.Path(os.environ["GATEHOUSE_DATA"]).parent / "master.key"
    key = key_file.read_text()
    assert len(key.strip()) == 64 and key_file.stat().st_mode & 0o777 == 0o600
    assert key.strip() not in dump


def test_a_wrong_missing_or_readable_master_key_is_one_clear_error(owner):
    folder = pathlib.Path(os.environ["GATEHOUSE_DATA"]).parent
    key_file = folder / "master.key"
    original, mode = key_file.read_text(), key_file.stat().st_mode
    try:
        for content, bits, expected in (("f" * 64, 0o600, "seal_broken"), ("too short", 0o600, "master_key_malformed"), (original, 0o644, "master_key_unreadable")):
            key_file.write_text(content)
            key_file.chmod(bits)
            with connect("DB") as fresh, pytest.raises(psycopg.Error) as error:
                fresh.execute("select auth.sign_access_token('{}')")
            assert code(error) == expected
            assert content not in str(error.value)
            # Verifying needs no private key.
            with connect("DB") as fresh:
                fresh.execute("select auth.authenticate(%s)", [os.environ["GATEHOUSE_ANON_KEY"]])
    finally:
        key_file.write_text(original)
        key_file.chmod(mode & 0o777)


def test_an_old_token_outlives_a_rotation_and_a_long_lived_one_as_well(owner, alice):
    anon_key = os.environ["GATEHOUSE_ANON_KEY"]
    owner.execute("select auth.rotate_signing_key()")
    with connect() as login:
        for token in (alice, anon_key):
            with login.transaction():
                login.execute("select auth.authenticate(%s)", [token])
    statuses = [row[0] for row in owner.execute("select status from auth.signing_key order by created_at desc limit 2")]
    assert statuses == ["active", "retiring"]


def test_two_rotations_at_once_leave_one_active_key(owner):
    import threading

    def rotate():
        with connect("DB") as connection:
            connection.execute("select auth.rotate_signing_key()")

    threads = [threading.Thread(target=rotate) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert owner.execute("select count(*) from auth.signing_key where status = 'active'").fetchone()[0] == 1
