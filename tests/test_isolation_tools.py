"""auth.protect, auth.lint and auth.explain_access against the running demo."""

import pathlib
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from conftest import connect


@pytest.fixture(scope="module")
def demo(owner):
    """A database with the demo and nothing of other tests."""
    owner.execute("drop database if exists only_the_demo")
    owner.execute("create database only_the_demo")
    with connect("DB", database="only_the_demo") as connection:
        connection.execute("create extension pg_gatehouse; select auth.rotate_signing_key()")
        connection.execute((pathlib.Path(__file__).parent.parent / "demo/demo.sql").read_text())
        yield connection
    owner.execute("drop database only_the_demo")


def test_lint_has_nothing_against_the_demo(demo):
    # The instance's front tells the client's address: worth knowing, and meant.
    found = demo.execute("select level, code, object from auth.lint()").fetchall()
    assert found == [("info", "client_address_header", "pg_gatehouse.client_address_header")]


def test_service_role_may_lint_and_explain_and_others_may_not(owner, alice, mint):
    service = mint(role="service_role")
    with connect("SERVICE_AUTHENTICATOR") as connection, connection.transaction():
        connection.execute("select auth.authenticate(%s)", [service])
        connection.execute("select * from auth.lint()")
        assert len(connection.execute("select * from auth.explain_access('note', null, null)").fetchall()) >= 8
    for call in ("auth.lint()", "auth.explain_access('note', null, null)", "auth.protect('note')"):
        with connect() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
            connection.execute("select auth.authenticate(%s)", [alice])
            connection.execute(f"select * from {call}")


def test_the_verdict_is_what_happens(owner, alice):
    verdicts = dict(owner.execute(
        """select command, allowed
             from auth."user" as u join auth.membership as m on m.user_id = u.id,
                  auth.explain_access('note', u.id, m.tenant_id)
            where u.email = 'alice@acme.example' and kind = 'verdict'""").fetchall())
    deeds = {
        "select": "select 1 from note",
        "insert": "insert into note (title) values ('one more') returning 1",
        "update": "update note set title = title returning 1",
        "delete": "delete from note returning 1",
    }
    for command, deed in deeds.items():
        with connect() as connection, connection.transaction(force_rollback=True):
            connection.execute("select auth.authenticate(%s)", [alice])
            assert bool(connection.execute(deed).fetchall()) == verdicts[command], command


def test_two_at_a_time_protect_a_table_once(owner):
    owner.execute("drop table if exists twice; create table twice (id int, tenant_id uuid)")

    def protect(_):
        with connect("DB") as connection:
            return [row[0] for row in connection.execute("select auth.protect('twice')").fetchall()]

    try:
        with ThreadPoolExecutor(4) as pool:
            ran = [statements for statements in pool.map(protect, range(4))]
        assert sorted(map(bool, ran)) == [False, False, False, True]
    finally:
        owner.execute("drop table twice")


def test_hundreds_of_tables_are_linted_in_seconds(demo):
    with demo.transaction(force_rollback=True):
        demo.execute("set local statement_timeout = '30s'")
        demo.execute(
            """create schema many; grant usage on schema many to authenticated;
               do $$ begin for i in 1..300 loop
                   execute format('create table many.t%1$s (id uuid primary key, tenant_id uuid not null);
                                   create index on many.t%1$s (tenant_id);
                                   alter table many.t%1$s enable row level security, force row level security;
                                   create policy tenant on many.t%1$s using (tenant_id = auth.tenant_id())', i);
               end loop; end $$""")
        assert demo.execute("select object from auth.lint() where level <> 'info'").fetchall() == []
