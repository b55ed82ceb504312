"""What service_role does to users, and users who come with hashes of elsewhere."""

import hashlib
import json
import threading
import uuid

import psycopg
import pytest
from conftest import code, connect

GOOD = "seven green sailing boats"
FIREBASE = ("$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=="
            "$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==")


@pytest.fixture
def service():
    with connect("SERVICE_AUTHENTICATOR") as connection:
        connection.execute("set role service_role")
        yield connection


@pytest.fixture(autouse=True)
def leave_no_user(owner):
    yield
    owner.execute("delete from auth.\"user\" where email like '%%@admin.example' or deleted_at is not null")


def create(service, email="a@admin.example", **more):
    arguments = {"email": email, **more}
    names = ", ".join(f"{name} => %({name})s" for name in arguments)
    return service.execute(f"select auth.admin_create_user({names})", arguments).fetchone()[0]


def update(service, user, **more):
    names = ", ".join(f"{name} => %({name})s" for name in more)
    return service.execute(f"select auth.admin_update_user(%(id)s, {names})", {"id": user["id"], **more}).fetchone()[0]


def enter(owner, email, password):
    return owner.execute("select status, access_token from auth.sign_in(%s, %s)", [email, password]).fetchone()


def lives(token):
    with connect() as login:
        try:
            login.execute("select auth.authenticate(%s)", [token])
            return True
        except psycopg.errors.InvalidAuthorizationSpecification:
            return False


def test_only_service_role_may(owner, alice):
    calls = ["admin_create_user('x@admin.example')", "admin_update_user(null)", "admin_delete_user(null)", "admin_list_users()",
             "admin_get_user(null)", "ban_user(null)", "ban_user(null, interval '1 day')", "unban_user(null)", "admin_end_sessions(null)"]
    with connect() as login:
        for role in ("anon", "authenticated"):
            login.execute(f"set role {role}")
            for call in calls:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    login.execute(f"select auth.{call}")
        login.execute("reset role")
        with login.transaction():
            login.execute("select auth.authenticate(%s)", [alice])
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                with login.transaction():
                    login.execute("select auth.admin_list_users()")


def test_creating_a_user(owner, service):
    user = create(service, " A@admin.example ", password=GOOD, email_confirm=True, user_metadata=json.dumps({"name": "A"}),
                  app_metadata=json.dumps({"plan": "pro"}))
    assert user["email"] == "a@admin.example" and user["email_confirmed_at"] and user["user_metadata"] == {"name": "A"}
    assert user["app_metadata"]["plan"] == "pro" and GOOD not in json.dumps(user) and "hash" not in json.dumps(user)
    assert enter(owner, "a@admin.example", GOOD)[0] == "ok"
    assert service.execute("select auth.admin_get_user(%s)", [user["id"]]).fetchone()[0]["id"] == user["id"]
    chosen = str(uuid.uuid4())
    assert create(service, "b@admin.example", id=chosen)["id"] == chosen
    assert create(service, "c@admin.example", ban_duration="24h")["banned_until"]
    assert service.execute("select auth.admin_get_user(%s)", [str(uuid.uuid4())]).fetchone()[0] is None


@pytest.mark.parametrize("arguments,sqlstate,reason", [
    ({"email": "no address"}, "22023", "email_address_invalid"),
    ({"password": "short"}, "22023", "weak_password"),
    ({"password": "a@admin.example"}, "22023", "weak_password"),
    ({"password_hash": "md5:0123"}, "22023", "hash_unknown_format"),
    ({"password_hash": "$2b$99$" + "x" * 53}, "22023", None),
    ({"password": GOOD, "password_hash": "x"}, "22023", "validation_failed"),
    ({"user_metadata": "[]"}, "22023", "validation_failed"),
    ({"app_metadata": json.dumps({"x": "y" * 20000})}, "22023", "validation_failed"),
    ({"ban_duration": "soon"}, "22023", "ban_duration_invalid"),
    ({"ban_duration": "-1 day"}, "22023", "ban_duration_invalid"),
    ({"email": "ALICE@acme.example"}, "23505", "email_exists"),
])
def test_what_can_not_be_a_user_is_refused(service, arguments, sqlstate, reason):
    with pytest.raises(psycopg.Error) as error:
        create(service, **arguments)
    assert error.value.sqlstate == sqlstate and reason in (None, code(error))


def foreign_hashes():
    import argon2
    import bcrypt

    salt, b64 = b"0123456789abcdef", lambda data: __import__("base64").b64encode(data).decode().rstrip("=")
    password = GOOD.encode()
    return {
        "bcrypt": bcrypt.hashpw(password, bcrypt.gensalt(4)).decode(),
        "argon2id": argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(GOOD),
        "scrypt": f"$scrypt$ln=4,r=8,p=1${b64(salt)}${b64(hashlib.scrypt(password, salt=salt, n=16, r=8, p=1, dklen=32))}",
        "pbkdf2": f"$pbkdf2-sha256$i=1000,l=32${b64(salt)}${b64(hashlib.pbkdf2_hmac('sha256', password, salt, 1000))}",
    }


@pytest.mark.parametrize("kind", ["bcrypt", "argon2id", "scrypt", "pbkdf2", "firebase"])
def test_a_user_with_a_foreign_hash_signs_in_and_is_rehashed(owner, service, kind):
    password = "user1password" if kind == "firebase" else GOOD
    foreign = FIREBASE if kind == "firebase" else foreign_hashes()[kind]
    user = create(service, password_hash=foreign, email_confirm=True)
    stored = lambda: owner.execute("select password_hash from auth.\"user\" where id = %s", [user["id"]]).fetchone()[0]  # noqa: E731
    assert stored() == foreign
    assert enter(owner, "a@admin.example", "wrong")[0] == "invalid_credentials" and stored() == foreign
    assert enter(owner, "a@admin.example", password)[0] == "ok"
    assert stored().startswith("$2b$12$")
    assert enter(owner, "a@admin.example", password)[0] == "ok"


def test_changing_a_user_merges_metadata_and_ends_sessions_when_credentials_change(owner, service):
    user = create(service, password=GOOD, email_confirm=True, user_metadata=json.dumps({"a": 1, "b": 2}))
    token = enter(owner, "a@admin.example", GOOD)[1]
    changed = update(service, user, user_metadata=json.dumps({"b": None, "c": 3}))
    assert changed["user_metadata"] == {"a": 1, "c": 3} and lives(token)
    changed = update(service, user, email="a2@admin.example")
    assert changed["email"] == "a2@admin.example" and "email_confirmed_at" not in changed and not lives(token)
    assert update(service, user, email_confirm=True)["email_confirmed_at"]
    token = enter(owner, "a2@admin.example", GOOD)[1]
    update(service, user, password="nine quiet mountain roads")
    assert not lives(token) and enter(owner, "a2@admin.example", GOOD)[0] == "invalid_credentials"
    assert enter(owner, "a2@admin.example", "nine quiet mountain roads")[0] == "ok"
    with pytest.raises(psycopg.errors.UniqueViolation) as error:
        update(service, user, email="alice@acme.example")
    assert code(error) == "email_exists"
    with pytest.raises(psycopg.Error) as error:
        update(service, {"id": str(uuid.uuid4())}, email="x@admin.example")
    assert (error.value.sqlstate, code(error)) == ("P0002", "user_not_found")


def test_a_ban_ends_everything_at_once_and_can_end(owner, service):
    user = create(service, password=GOOD, email_confirm=True)
    token = enter(owner, "a@admin.example", GOOD)[1]
    assert lives(token)
    service.execute("select auth.ban_user(%s)", [user["id"]])
    assert not lives(token) and enter(owner, "a@admin.example", GOOD)[0] == "invalid_credentials"
    assert service.execute("select auth.unban_user(%s)", [user["id"]]).fetchone()[0] is True
    assert service.execute("select auth.unban_user(%s)", [user["id"]]).fetchone()[0] is False
    assert not lives(token) and enter(owner, "a@admin.example", GOOD)[0] == "ok"
    service.execute("select auth.ban_user(%s, interval '1 hour')", [user["id"]])
    assert enter(owner, "a@admin.example", GOOD)[0] == "invalid_credentials"
    update(service, user, ban_duration="none")
    assert enter(owner, "a@admin.example", GOOD)[0] == "ok"
    for until in ("2020-01-01", None):
        with pytest.raises(psycopg.errors.InvalidParameterValue):
            service.execute("select auth.ban_user(%s, %s::timestamptz)", [user["id"], until])


def test_ending_sessions(owner, service):
    user = create(service, password=GOOD, email_confirm=True)
    tokens = [enter(owner, "a@admin.example", GOOD)[1] for _ in range(3)]
    assert service.execute("select auth.admin_end_sessions(%s)", [user["id"]]).fetchone()[0] == 3
    assert not any(lives(token) for token in tokens)
    assert service.execute("select auth.admin_end_sessions(%s)", [user["id"]]).fetchone()[0] == 0


def test_a_soft_deletion_leaves_an_id_and_nothing_else(owner, service):
    user = create(service, password=GOOD, email_confirm=True, user_metadata=json.dumps({"name": "A"}))
    owner.execute("insert into auth.membership (tenant_id, user_id) select id, %s from auth.tenant where slug = 'acme'", [user["id"]])
    token = enter(owner, "a@admin.example", GOOD)[1]
    delete = "select auth.admin_delete_user(%s, %s)"
    assert service.execute(delete, [user["id"], True]).fetchone()[0] is True
    assert service.execute(delete, [user["id"], True]).fetchone()[0] is False
    assert not lives(token) and enter(owner, "a@admin.example", GOOD)[0] == "invalid_credentials"
    row = owner.execute("select to_jsonb(u) from auth.\"user\" as u where id = %s", [user["id"]]).fetchone()[0]
    assert (row["email"], row["password_hash"], row["user_metadata"]) == (None, None, {}) and row["deleted_at"]
    assert owner.execute("select count(*) from auth.membership where user_id = %s", [user["id"]]).fetchone()[0] == 0
    with pytest.raises(psycopg.Error) as error:
        service.execute("select auth.unban_user(%s)", [user["id"]])
    assert code(error) == "user_not_found"
    # The address is free again, and a hard deletion takes the rest.
    create(service, password=GOOD)
    assert service.execute(delete, [user["id"], False]).fetchone()[0] is True
    assert service.execute(delete, [user["id"], False]).fetchone()[0] is False
    assert service.execute("select auth.admin_get_user(%s)", [user["id"]]).fetchone()[0] is None


def test_pages_of_users(owner, service):
    made = [create(service, f"u{at}%_\\@admin.example".replace("%_\\", ("", "%", "_")[at % 3]))["id"] for at in range(7)]
    page = "select users, total from auth.admin_list_users(%s, %s, %s)"
    total = owner.execute("select count(*) from auth.\"user\"").fetchone()[0]
    first, count = service.execute(page, [1, 3, None]).fetchone()
    second = service.execute(page, [2, 3, None]).fetchone()[0]
    assert count == total and [user["id"] for user in first + second] == made[::-1][:6]
    beyond, count = service.execute(page, [1000, 1000, None]).fetchone()
    assert (beyond, count) == ([], total)
    found, count = service.execute(page, [1, 50, "U1"]).fetchone()
    assert [user["email"] for user in found] == ["u1%@admin.example"] and count == 1
    # What stands for itself does.
    assert service.execute(page, [1, 50, "u%"]).fetchone() == ([], 0)
    assert service.execute(page, [1, 50, "u_@"]).fetchone() == ([], 0)
    found, count = service.execute(page, [1, 50, made[3].upper()]).fetchone()
    assert found[0]["id"] == made[3] and count == 1
    for bad in ((0, 50), (1, 0), (1, 1001), (None, 50)):
        with pytest.raises(psycopg.errors.InvalidParameterValue):
            service.execute(page, [*bad, None])


def test_a_page_is_found_without_reading_every_user(owner):
    """With 20 thousand users a page reads a few buffers."""
    with owner.transaction(force_rollback=True):
        owner.execute("insert into auth.\"user\" (email) select 'bulk' || n || '@admin.example' from generate_series(1, 20000) as n")
        owner.execute("analyze auth.\"user\"")
        scans = "select seq_scan from pg_stat_xact_user_tables where relid = 'auth.\"user\"'::regclass"
        before = owner.execute(scans).fetchone()[0]
        users, total = owner.execute("select users, total from auth.admin_list_users(3, 50)").fetchone()
        assert len(users) == 50 and abs(total - 20000) < 1000
        users, total = owner.execute("select users, total from auth.admin_list_users(1, 50, 'bulk19999')").fetchone()
        assert (len(users), total) == (1, 1)
        assert owner.execute(scans).fetchone()[0] == before


def test_a_ban_and_a_sign_in_at_once_leave_no_session(owner, service):
    user = create(service, password=GOOD, email_confirm=True)
    owner.execute("update auth.\"user\" set password_hash = auth.hash_password(%s, null, 10) where id = %s", [GOOD, user["id"]])
    tokens = []

    def sign_in():
        with connect("DB") as connection:
            status, token = enter(connection, "a@admin.example", GOOD)
            tokens.append(token)

    threads = [threading.Thread(target=sign_in) for _ in range(6)]
    for thread in threads:
        thread.start()
    service.execute("select auth.ban_user(%s)", [user["id"]])
    for thread in threads:
        thread.join()
    assert not any(lives(token) for token in tokens if token)


def test_a_sign_in_that_began_before_a_ban_opens_no_living_session(owner, service):
    user = create(service, password=GOOD, email_confirm=True)
    seen = owner.execute("select u::text from auth.\"user\" as u where id = %s", [user["id"]]).fetchone()[0]
    service.execute("select auth.ban_user(%s)", [user["id"]])
    token = owner.execute("select (auth.open_session(%s::auth.\"user\", null, 'password')).access_token", [seen]).fetchone()[0]
    assert not lives(token)
    assert owner.execute("select count(*) from auth.session where user_id = %s and ended_at is null", [user["id"]]).fetchone()[0] == 0
