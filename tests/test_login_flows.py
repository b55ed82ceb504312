"""PKCE, anonymous users and hooks where several connections, the server's log or its workers take part."""

import base64
import hashlib
import os
import pathlib
import secrets
import time

import psycopg
import pytest
import throwaway
from conftest import code, connect
from psycopg.types.json import Jsonb
from test_factors import PASSWORD, Person, at_once, mail
from test_throttle import come_from, limit


def pkce():
    """A verifier as clients make it, and the options of a request with its challenge."""
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return verifier, Jsonb({"code_challenge": challenge, "code_challenge_method": "s256"})


def as_anon():
    connection = connect()
    connection.execute("set role anon")
    return connection


@pytest.fixture
def anon():
    with as_anon() as connection:
        yield connection


@pytest.fixture
def person(owner):
    somebody = Person(owner)
    yield somebody
    owner.execute("delete from auth.\"user\" where id = %s", [somebody.id])


def challenged(owner, anon, person):
    verifier, options = pkce()
    assert anon.execute("select status from auth.request_recovery(%s, null, %s)", [person.email, options]).fetchone() == ("ok",)
    return verifier, mail(owner, person.email, "recovery")["token"]


def sessions(owner, person):
    return owner.execute("select count(*) from auth.session where user_id = %s and ended_at is null", [person.id]).fetchone()[0]


# PKCE


def test_a_code_that_many_exchange_at_once_is_one_session(owner, anon, person):
    verifier, link = challenged(owner, anon, person)
    auth_code = anon.execute("select auth_code from auth.follow_link(%s)", [link]).fetchone()[0]
    before = sessions(owner, person)
    connections = [as_anon() for _ in range(30)]
    try:
        answers = at_once(30, lambda n: connections[n].execute(
            "select status from auth.exchange_code(%s, %s)", [auth_code, verifier]).fetchone()[0])
    finally:
        for connection in connections:
            connection.close()
    assert sorted(answers) == ["flow_state_not_found"] * 29 + ["ok"]
    assert sessions(owner, person) == before + 1


def test_a_link_that_many_follow_at_once_is_one_code(owner, anon, person):
    _, link = challenged(owner, anon, person)
    connections = [as_anon() for _ in range(20)]
    try:
        answers = at_once(20, lambda n: connections[n].execute(
            "select status, auth_code is not null from auth.follow_link(%s)", [link]).fetchone())
    finally:
        for connection in connections:
            connection.close()
    assert sorted(answers) == [("ok", True)] + [("otp_expired", False)] * 19


def test_a_code_whose_exchange_is_rolled_back_is_still_good(owner, anon, person):
    verifier, link = challenged(owner, anon, person)
    auth_code = anon.execute("select auth_code from auth.follow_link(%s)", [link]).fetchone()[0]
    exchange = "select status, access_token from auth.exchange_code(%s, %s)"
    with anon.transaction(force_rollback=True):
        status, undone = anon.execute(exchange, [auth_code, verifier]).fetchone()
        assert status == "ok"
    status, token = anon.execute(exchange, [auth_code, verifier]).fetchone()
    assert status == "ok"
    with connect() as login, pytest.raises(psycopg.Error) as refused:
        login.execute("select auth.authenticate(%s)", [undone])
    assert code(refused) == "token_revoked"
    assert person.call("select auth.email()", token=token) == (person.email,)


def test_a_changed_address_voids_the_codes_of_the_old_one(owner, anon, person):
    verifier, link = challenged(owner, anon, person)
    auth_code = anon.execute("select auth_code from auth.follow_link(%s)", [link]).fetchone()[0]
    owner.execute("select auth.admin_update_user(%s, email => %s, email_confirm => true)", [person.id, "new." + person.email])
    assert anon.execute("select status from auth.exchange_code(%s, %s)", [auth_code, verifier]).fetchone() == ("flow_state_not_found",)


# Anonymous users


@pytest.fixture
def anonymous_allowed(owner):
    owner.execute("alter role authenticator set pg_gatehouse.anonymous_sign_ins = on")
    yield
    owner.execute("alter role authenticator reset pg_gatehouse.anonymous_sign_ins")
    owner.execute("delete from auth.\"user\" where is_anonymous")


def test_two_who_take_the_same_address_at_once_are_one(owner, anonymous_allowed):
    address = f"a{secrets.token_hex(6)}@example.com"
    with as_anon() as anon:
        tokens = [anon.execute("select access_token from auth.sign_in_anonymously()").fetchone()[0] for _ in range(8)]

    def convert(n):
        with connect() as login, login.transaction():
            login.execute("select auth.authenticate(%s)", [tokens[n]])
            return login.execute("select status from auth.update_user(%s, %s)", [PASSWORD, address]).fetchone()[0]

    try:
        assert sorted(at_once(8, convert)) == ["email_exists"] * 7 + ["ok"]
        assert owner.execute("select count(*) from auth.\"user\" where email = %s and not is_anonymous", [address]).fetchone() == (1,)
    finally:
        owner.execute("delete from auth.\"user\" where email = %s", [address])


def test_anonymous_sign_ins_are_limited_for_an_address(owner):
    with connect("DB") as front, limit(owner, "sign_up", "address", 1, "1 hour", 3):
        front.execute("set pg_gatehouse.anonymous_sign_ins = on")
        here, there = (f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1" for _ in range(2))
        sign_in = "select status, retry_after from auth.sign_in_anonymously()"
        come_from(front, here)
        answers = [front.execute(sign_in).fetchone() for _ in range(4)]
        assert [status for status, _ in answers] == ["ok", "ok", "ok", "throttled"] and answers[3][1] > 3000
        come_from(front, there)
        assert front.execute(sign_in).fetchone()[0] == "ok"
    owner.execute("delete from auth.\"user\" where is_anonymous")


# Mail


def test_whoever_sends_mail_is_told_of_it_at_commit_whether_it_is_sent_or_not(owner, person):
    with connect("DB") as listener, connect("DB") as asking:
        listener.execute("listen pg_gatehouse_mail")
        for address in (person.email, f"nobody{secrets.token_hex(6)}@example.com"):
            with asking.transaction():
                asking.execute("select auth.request_recovery(%s)", [address])
                assert list(listener.notifies(timeout=0.2)) == []
            told = list(listener.notifies(timeout=5, stop_after=1))
            assert [(notice.channel, notice.payload) for notice in told] == [("pg_gatehouse_mail", "")]


# Hooks


@pytest.fixture(scope="module")
def hooks(owner):
    """Functions of the deployment's, in a schema of theirs."""
    name = f"hooks_{secrets.token_hex(4)}"
    owner.execute(f"""
        create schema {name};
        create table {name}.told (event jsonb);
        create function {name}.fail(given jsonb) returns jsonb language plpgsql as
            $$ begin return to_jsonb(given ->> 'canary' || ('hush-' || 'hush')::integer); end $$;
        create function {name}.wait(given jsonb) returns jsonb language plpgsql as $$ begin perform pg_sleep(60); return given; end $$;
        create function {name}.conflict(given jsonb) returns jsonb language plpgsql as
            $$ begin raise exception 'try again' using errcode = '40001'; end $$;
        create function {name}.note(event jsonb) returns void language sql as $$ insert into {name}.told values (event) $$;
        create function {name}.no(event jsonb) returns void language plpgsql as $$ begin raise exception 'never'; end $$""")
    yield name
    owner.execute(f"drop schema {name} cascade")


@pytest.fixture
def with_claims_hook(owner, hooks, person):
    """A connection where the named hook adds claims, as the front has one."""

    def connection(function):
        made = connect("DB")
        made.execute(f"set pg_gatehouse.custom_claims_hook = '{hooks}.{function}'")
        made.execute("set role anon")
        return made

    return connection


SIGN_IN = "select status from auth.sign_in(%s, %s)"


def test_the_log_tells_which_hook_failed_and_why_and_the_client_is_told_neither(hooks, person, with_claims_hook):
    log = pathlib.Path(os.environ["GATEHOUSE_LOG"])
    start = len(log.read_bytes())
    with with_claims_hook("fail") as client, pytest.raises(psycopg.Error) as refused:
        client.execute(SIGN_IN, [person.email, PASSWORD])
    assert (refused.value.sqlstate, code(refused)) == ("38000", "hook_failed")
    told = " ".join(str(part) for part in (refused.value.diag.message_primary, refused.value.diag.message_hint, refused.value.diag.context))
    assert hooks not in told and "hush" not in told and "integer" not in told
    lines = [line for line in log.read_bytes()[start:].decode().splitlines() if "custom_claims_hook failed" in line]
    assert len(lines) == 1
    assert f"{hooks}.fail" in lines[0] and "invalid_text_representation" in lines[0] and "invalid input syntax for type integer" in lines[0]


def test_a_statement_that_is_cancelled_or_conflicts_inside_a_hook_says_so(person, with_claims_hook):
    with with_claims_hook("wait") as client:
        client.execute("set statement_timeout = '2s'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            client.execute(SIGN_IN, [person.email, PASSWORD])
    with with_claims_hook("conflict") as client, pytest.raises(psycopg.errors.SerializationFailure):
        client.execute(SIGN_IN, [person.email, PASSWORD])


def test_a_failed_hook_leaves_the_connection_as_it_was(owner, person, with_claims_hook):
    with with_claims_hook("fail") as client:
        before = sessions(owner, person)
        for _ in range(3):
            with pytest.raises(psycopg.Error), client.transaction():
                client.execute(SIGN_IN, [person.email, PASSWORD])
        with client.transaction():
            client.execute("savepoint one")
            with pytest.raises(psycopg.Error):
                client.execute(SIGN_IN, [person.email, PASSWORD])
            client.execute("rollback to one")
            assert client.execute("select current_user, current_setting('search_path')").fetchone() == ("anon", '"$user", public')
        assert sessions(owner, person) == before


def test_the_worker_runs_no_code_of_the_deployment(hooks_cluster):
    """Retention drops a month in the worker, which records that as a success, and an event hook that fails does not hold it up."""
    with hooks_cluster.connect() as owner:
        owner.execute("create function public.no(event jsonb) returns void language plpgsql as $$ begin raise exception 'never'; end $$")
        owner.execute("select auth.make_audit_partition('2001-01-01')")
        owner.execute("insert into auth.audit_event (at, event, outcome) values ('2001-01-15', 'old', 'success')")
        owner.execute("alter system set pg_gatehouse.event_hook = 'public.no'")
        owner.execute("alter system set pg_gatehouse.audit_retention = 30")
        owner.execute("select pg_reload_conf()")
    with hooks_cluster.connect() as client:
        # The worker looks after the partitions when it starts, which a failure makes it do.
        until(lambda: client.execute("select count(*) from pg_stat_activity where backend_type = 'pg_gatehouse audit'").fetchone() == (0,))
        assert client.execute(SIGN_IN, ["nobody@example.com", "wrong"]).fetchone() == ("invalid_credentials",)
        with pytest.raises(psycopg.Error) as refused:
            client.execute("select auth.create_tenant('acme', 'Acme')")
        assert code(refused) == "hook_failed"
        until(lambda: client.execute("select outcome from auth.audit_event where event = 'audit_retention'").fetchone() == ("success",))


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture(scope="module")
def hooks_cluster():
    with throwaway.cluster("pg_gatehouse.bcrypt_cost = 10") as made:
        yield made
