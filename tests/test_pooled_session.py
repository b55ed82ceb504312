"""What a client of a pool must not leave for the next one of the same session."""

import psycopg
import pytest
from conftest import code, connect

POOLED = "-c pg_gatehouse.refuse_session_state=on"
PLANTS = [
    "prepare s1 as select 1", "deallocate all", "discard plans", "listen x", "load 'auto_explain'",
    "declare c cursor with hold for select 1", "set statement_timeout = 0", "set search_path = pg_temp", "reset all",
    "create temp table note (title text)", "create table pg_temp.note (title text)", "select 1 as x into temp note",
    "create temp view note as select 1", "create temp sequence s", "create domain pg_temp.text as varchar",
    "create function pg_temp.f() returns int language sql as 'select 1'", "create type pg_temp.uuid as (x int)",
    "do $$ begin create temp table note (title text); end $$", "do $$ begin execute 'prepare s1 as select 1'; end $$",
]


@pytest.mark.parametrize("plant", PLANTS)
def test_a_pooled_connection_takes_nothing_that_outlives_the_transaction(alice, plant):
    with connect(options=POOLED) as login:
        for identity in ("set local role anon", "select auth.authenticate('%s')" % alice):
            with pytest.raises(psycopg.errors.InsufficientPrivilege) as error:
                with login.transaction():
                    login.execute(identity)
                    login.execute(plant)
            assert code(error) == "session_state_refused"
        assert login.execute("select count(*) from pg_prepared_statements where from_sql").fetchone()[0] == 0
        assert login.execute("select count(*) from pg_cursors where is_holdable").fetchone()[0] == 0
        assert login.execute("select to_regclass('pg_temp.note') is null").fetchone()[0]


def test_what_ends_with_the_transaction_is_allowed_and_so_are_the_protocols_prepared_statements(alice):
    with connect(options=POOLED) as login:
        for _ in range(3):
            with login.transaction():
                login.execute("select auth.authenticate(%s)", [alice])
                login.execute("set local statement_timeout = '1min'")
                login.execute("declare c cursor for select title from public.note")
                assert len(login.execute("fetch all from c").fetchall()) == 2
                assert login.execute("select count(*) from public.note", prepare=True).fetchone()[0] == 2


def test_nobody_turns_it_off_in_the_session(alice):
    for kind in ("AUTHENTICATOR", "DB"):
        with connect(kind, options=POOLED) as login:
            for attack in ("set pg_gatehouse.refuse_session_state = off", "select set_config('pg_gatehouse.refuse_session_state', 'off', false)"):
                with pytest.raises(psycopg.Error):
                    login.execute(attack)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                login.execute("create temp table x ()")


def test_it_can_be_stored_for_a_role(owner):
    owner.execute("alter role authenticator set pg_gatehouse.refuse_session_state = on")
    try:
        with connect() as login, pytest.raises(psycopg.errors.InsufficientPrivilege):
            login.execute("prepare s1 as select 1")
    finally:
        owner.execute("alter role authenticator reset pg_gatehouse.refuse_session_state")
    with connect() as login:
        login.execute("prepare s1 as select 1")
        login.execute("create temp table x ()")
