"""Sessions and refresh tokens, where it takes several connections at once to see."""

import base64
import hashlib
import os
import subprocess
import threading
import time

import psycopg
import pytest
from conftest import code, connect

PASSWORD = "seven green sailing boats"
REFRESH = "select status, access_token, refresh_token from auth.refresh(%s)"


@pytest.fixture
def user(owner):
    """A user of this test alone."""
    email = f"{os.urandom(6).hex()}@example.com"
    owner.execute("insert into auth.\"user\" (email, email_confirmed_at) values (%s, now())", [email])
    yield email
    owner.execute("delete from auth.\"user\" where email = %s", [email])


def open_session(connection, email, tenant=None):
    """What a sign-in gives, without the work of a password: access and refresh token."""
    return connection.execute(
        "select s.access_token, s.refresh_token from auth.\"user\" as u, auth.open_session(u, %s, 'password') as s where u.email = %s",
        [tenant, email]).fetchone()


def refresh(connection, token):
    return connection.execute(REFRESH, [token]).fetchone()


def accepted(connection, token):
    try:
        with connection.transaction():
            connection.execute("select auth.authenticate(%s)", [token])
    except psycopg.errors.InvalidAuthorizationSpecification as error:
        assert error.diag.message_detail == "token_revoked"
        return False
    return True


def age(owner, email, by):
    owner.execute(
        "update auth.refresh_token as t set used_at = used_at - %s::interval from auth.session as s, auth.\"user\" as u"
        " where s.id = session_id and u.id = s.user_id and u.email = %s", [by, email])


def in_threads(*jobs):
    """Runs the jobs at once and gives what they return, in order."""
    results, barrier = [None] * len(jobs), threading.Barrier(len(jobs))

    def run(at, job):
        barrier.wait()
        try:
            results[at] = job()
        except Exception as error:  # the test looks at it
            results[at] = error

    threads = [threading.Thread(target=run, args=item) for item in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def eventually(check, seconds=15):
    """Polls: what a background process does has no moment of its own."""
    until = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


def waits(owner, connection):
    return owner.execute("select exists (select from pg_locks where not granted and pid = %s)", [connection.info.backend_pid]).fetchone()[0]


def test_a_second_refresh_waits_for_the_first_and_gets_the_same_token(owner, user, login):
    _, first = open_session(owner, user)
    login.execute("set role anon")
    with connect() as other:
        other.execute("set role anon")
        with other.transaction():
            _, _, given = refresh(other, first)
            waiting = threading.Thread(target=lambda: results.append(refresh(login, first)))
            results = []
            waiting.start()
            eventually(lambda: waits(owner, login))
        waiting.join()
    assert results[0][0] == "ok" and results[0][2] == given


def test_a_second_refresh_is_the_first_when_that_is_rolled_back(owner, user, login):
    _, first = open_session(owner, user)
    login.execute("set role anon")
    results = []
    with connect() as other:
        other.execute("set role anon")
        with other.transaction(force_rollback=True):
            _, lost_access, lost = refresh(other, first)
            waiting = threading.Thread(target=lambda: results.append(refresh(login, first)))
            waiting.start()
            eventually(lambda: waits(owner, login))
        waiting.join()
        status, access, token = results[0]
        assert status == "ok" and token != lost
        assert refresh(other, lost)[0] == "refresh_token_not_found"
    login.execute("reset role")
    assert accepted(login, access) and not accepted(login, lost_access)


def test_an_old_snapshot_rotates_nothing_twice(owner, user):
    _, first = open_session(owner, user)
    with connect() as old:
        old.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with pytest.raises(psycopg.errors.SerializationFailure):
            with old.transaction():
                old.execute("set local role anon")
                assert refresh(old, "none")[0] == "refresh_token_not_found"
                with connect() as other:
                    other.execute("set role anon")
                    assert refresh(other, first)[0] == "ok"
                refresh(old, first)


def test_what_ends_a_session_counts_in_transactions_that_began_before(owner, user):
    access, _ = open_session(owner, user)
    with connect() as old:
        old.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with old.transaction():
            old.execute("select 1")
            owner.execute("update auth.session set ended_at = now() where user_id = (select id from auth.\"user\" where email = %s)", [user])
            with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification) as error:
                with old.transaction():
                    old.execute("select auth.authenticate(%s)", [access])
            assert code(error) == "token_revoked"


def test_sign_out_password_change_ban_and_suspension_end_access_tokens_at_the_next_authenticate(owner, user, login):
    tenant = owner.execute("insert into auth.tenant (slug, name) values (%s, 'Brief') returning id", [user.split("@")[0]]).fetchone()[0]
    owner.execute("insert into auth.membership (tenant_id, user_id) select %s, id from auth.\"user\" where email = %s", [tenant, user])

    def by_user(statement):
        def act(access):
            with connect() as own, own.transaction():
                own.execute("select auth.authenticate(%s)", [access])
                own.execute(statement)
        return act

    def as_owner(statement, *values):
        return lambda access: owner.execute(statement, values)

    suspend = as_owner("update auth.tenant set suspended_at = now() where id = %s", tenant)
    for act, undo in (
        (by_user("select auth.sign_out()"), None),
        (by_user("select auth.sign_out('others')"), None),
        (by_user("select auth.update_user('nine quiet mountain roads')"), "update auth.\"user\" set password_hash = null where email = %s"),
        (as_owner("update auth.\"user\" set banned_until = 'infinity' where email = %s", user), "update auth.\"user\" set banned_until = null where email = %s"),
        (suspend, None),
    ):
        mine, _ = open_session(owner, user, tenant)
        other, token = open_session(owner, user, tenant)
        assert accepted(login, other)
        act(mine)
        assert not accepted(login, other)
        with login.transaction():
            login.execute("set local role anon")
            status, access = refresh(login, token)[:2]
        if act is suspend:
            # The session goes on elsewhere: its tokens name no tenant.
            claims = owner.execute("select claims from auth.jwt_decode_unverified(%s)", [access]).fetchone()[0]
            assert status == "ok" and claims["tenant_id"] is None
        else:
            assert status == "session_not_found"
        if undo:
            owner.execute(undo, [user])
    owner.execute("delete from auth.tenant where id = %s", [tenant])


def test_of_sign_ins_at_once_one_session_is_left_where_one_is_allowed(owner, user):
    def job():
        with connect("DB", options="-c pg_gatehouse.single_session_per_user=on") as own:
            return open_session(own, user)

    results = in_threads(*[job] * 8)
    assert all(isinstance(result, tuple) for result in results), results
    with connect() as login:
        assert [accepted(login, access) for access, _ in results].count(True) == 1


@pytest.mark.parametrize("change", ["password_hash = auth.hash_password('nine quiet mountain roads')", "banned_until = 'infinity'"])
def test_a_sign_in_that_meets_a_password_change_or_a_ban_opens_no_session(owner, user, login, change):
    owner.execute("update auth.\"user\" set password_hash = auth.hash_password(%s) where email = %s", [PASSWORD, user])
    results = []
    login.execute("set role anon")
    with connect("DB") as other:
        with other.transaction():
            other.execute(f"update auth.\"user\" set {change} where email = %s", [user])
            late = threading.Thread(target=lambda: results.append(login.execute("select status from auth.sign_in(%s, %s)", [user, PASSWORD]).fetchone()[0]))
            late.start()
            eventually(lambda: waits(owner, login))
        late.join()
    assert results == ["invalid_credentials"]
    assert not owner.execute("select exists (select from auth.session where user_id = (select id from auth.\"user\" where email = %s) and ended_at is null)", [user]).fetchone()[0]


def test_rolling_back_does_not_undo_the_detection_of_a_reuse(owner, user, login):
    if owner.execute("select lanname = 'sql' from pg_proc join pg_language on pg_language.oid = prolang where proname = 'revoke_session_always'").fetchone()[0]:
        pytest.skip("revoke_session_always has no worker yet, which alone outlives a rollback")
    _, stolen = open_session(owner, user)
    login.execute("set role anon")
    _, access, token = refresh(login, stolen)
    age(owner, user, "11 seconds")
    with login.transaction(force_rollback=True):
        assert refresh(login, stolen)[0] == "refresh_token_already_used"
    login.execute("reset role")
    eventually(lambda: not accepted(login, access))
    login.execute("set role anon")
    assert refresh(login, token)[0] == "refresh_token_already_used"
    eventually(lambda: owner.execute(
        "select exists (select from auth.audit_event join auth.\"user\" on \"user\".id = user_id where email = %s"
        " and event = 'refresh' and outcome = 'failure' and detail ->> 'reason' = 'refresh_token_reused')", [user]).fetchone()[0])


def test_a_reuse_is_recorded_as_a_failure_with_its_user_and_session(owner, user, login):
    _, stolen = open_session(owner, user)
    login.execute("set role anon")
    refresh(login, stolen)
    age(owner, user, "11 seconds")
    refresh(login, stolen)
    eventually(lambda: owner.execute(
        "select true from auth.audit_event as e join auth.session as s on s.id = session_id join auth.\"user\" as u on u.id = s.user_id"
        " where email = %s and e.user_id = u.id and event = 'refresh' and outcome = 'failure' and detail ->> 'reason' = 'refresh_token_reused'"
        " and end_reason = 'refresh_token_reused'", [user]).fetchone())


def test_no_token_is_stored_in_any_form_but_a_keyed_hash(owner, user, login):
    access, first = open_session(owner, user)
    login.execute("set role anon")
    _, _, second = refresh(login, first)
    dump = subprocess.run([os.environ["GATEHOUSE_PG_BIN"] + "/pg_dump", os.environ["GATEHOUSE_DB_URI"]], check=True, capture_output=True, text=True).stdout
    hashes = {bytes(row[0]) for row in owner.execute("select token_hash from auth.refresh_token")}
    assert access not in dump and "gatehouse_rt_" not in dump.replace("\"gatehouse_rt_\"", "")
    for token in (first, second):
        secret = base64.urlsafe_b64decode(token.removeprefix("gatehouse_rt_"))[:32]
        for form in (token, secret.hex(), base64.b64encode(secret).decode()):
            assert form not in dump
        assert not {secret, hashlib.sha256(secret).digest(), hashlib.sha256(token.encode()).digest()} & hashes


def test_a_stolen_hash_is_no_token(owner, user, login):
    open_session(owner, user)
    hashes = [bytes(row[0]) for row in owner.execute("select token_hash from auth.refresh_token")]
    login.execute("set role anon")
    for value in hashes[:20]:
        token = "gatehouse_rt_" + base64.urlsafe_b64encode(value + hashlib.sha256(value).digest()[:4]).decode()
        assert refresh(login, token)[0] == "refresh_token_not_found"


def test_whatever_happens_to_a_session_at_once_nothing_deadlocks(owner, user):
    """Refresh, sign-out of the others, ban, pruning and the end of a tenant, all on the same rows."""
    tenant = owner.execute("insert into auth.tenant (slug, name) values (%s, 'Busy') returning id", [user.split("@")[0]]).fetchone()[0]
    owner.execute("insert into auth.membership (tenant_id, user_id) select %s, id from auth.\"user\" where email = %s", [tenant, user])

    def visitor():
        with connect("DB") as own:
            for _ in range(15):
                access, token = open_session(own, user, tenant)
                _, access, token = refresh(own, token)
                try:
                    with own.transaction():
                        own.execute("select auth.authenticate(%s)", [access])
                        own.execute("select auth.sign_out('others')")
                except psycopg.errors.InvalidAuthorizationSpecification:
                    pass  # somebody else was faster

    def operator(*statements):
        def act():
            with connect("DB") as own:
                for _ in range(15):
                    for statement in statements:
                        own.execute(statement, {"user": user, "tenant": tenant})
        return act

    results = in_threads(
        visitor, visitor, visitor,
        operator("update auth.\"user\" set banned_until = 'infinity' where email = %(user)s", "update auth.\"user\" set banned_until = null where email = %(user)s"),
        operator("update auth.tenant set suspended_at = now() where id = %(tenant)s", "update auth.tenant set suspended_at = null where id = %(tenant)s"),
        operator("select auth.prune_sessions('0')"))
    owner.execute("delete from auth.tenant where id = %s", [tenant])
    errors = [result for result in results if isinstance(result, Exception)]
    assert not errors, errors
