"""Audit events: what survives a rollback, and what the chain notices."""

import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import time
import uuid

import psycopg
import pytest
from conftest import PASSWORDS, code, connect

FAIL = "select auth.record_event('test', 'failure', detail => jsonb_build_object('mark', %s::text))"
SUCCEED = "select auth.record_event('test', 'success', detail => jsonb_build_object('mark', %s::text))"


def wait_for(condition, seconds=20):
    """Until the condition gives something; what it gave."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def count(owner, mark):
    return owner.execute("select count(*) from auth.audit_event where detail ->> 'mark' = %s", [mark]).fetchone()[0]


def settle(owner):
    """Until the worker has written and sealed everything."""
    wait_for(lambda: owner.execute("select auth.test_ring_used() = 0 and not exists (select from auth.audit_event where position is null)").fetchone()[0])


def verify(owner):
    return owner.execute("select ok, first_bad, what from auth.verify_audit()").fetchall()


def workers(owner, database="gatehouse"):
    return [row[0] for row in owner.execute("select pid from pg_stat_activity where backend_type = 'pg_gatehouse audit' and datname = %s", [database])]


def log():
    return pathlib.Path(os.environ["GATEHOUSE_LOG"]).read_text()


def lines(mark):
    """The audit lines of the log that carry the mark."""
    return [json.loads(line) for line in re.findall(r"pg_gatehouse audit: (\{.*\})$", log(), re.M) if mark in line]


def test_a_failure_survives_the_callers_rollback_and_a_success_does_not(owner):
    mark = str(uuid.uuid4())
    with connect("DB") as login, login.transaction(force_rollback=True):
        login.execute(SUCCEED, [mark + "-success"])
        login.execute(FAIL, [mark])
    assert count(owner, mark) == 1
    assert count(owner, mark + "-success") == 0
    assert [line["outcome"] for line in lines(mark)] == ["failure"]


def test_a_failure_is_in_the_table_when_the_caller_has_its_answer(owner):
    mark = str(uuid.uuid4())
    with connect("DB") as login, login.transaction(force_rollback=True):
        login.execute(FAIL, [mark])
        assert count(owner, mark) == 1


def test_a_failed_sign_in_rolled_back_is_kept_with_all_that_is_known(owner):
    uid = owner.execute("select id from auth.\"user\" where email = 'alice@acme.example'").fetchone()[0]
    agent = f"agent {uuid.uuid4()}"
    with connect() as login, login.transaction(force_rollback=True):
        login.execute("set local role anon")
        login.execute("select set_config('request.headers', %s, true)", [json.dumps({"user-agent": agent, "x-gatehouse-client-address": "127.0.0.1"})])
        assert login.execute("select status from auth.sign_in('alice@acme.example', 'wrong')").fetchone()[0] == "invalid_credentials"
    row = owner.execute("select event, outcome, user_id, host(ip), detail from auth.audit_event where user_agent = %s", [agent]).fetchone()
    assert row == ("sign_in", "failure", uid, "127.0.0.1", {"reason": "wrong_password"})


def test_lines_of_successes_follow_savepoints_and_the_commit(owner):
    mark = str(uuid.uuid4())
    with connect("DB") as login:
        login.execute("begin")
        login.execute(SUCCEED, [mark + " kept"])
        login.execute("savepoint a")
        login.execute(SUCCEED, [mark + " gone"])
        login.execute("savepoint b")
        login.execute(SUCCEED, [mark + " gone too"])
        login.execute("release b")
        login.execute("rollback to a")
        login.execute("savepoint c")
        login.execute(SUCCEED, [mark + " released"])
        login.execute("release c")
        assert lines(mark) == []
        login.execute("commit")
    assert [line["detail"]["mark"] for line in lines(mark)] == [mark + " kept", mark + " released"]
    assert count(owner, mark + " kept") == 1


def test_the_log_line_can_be_turned_off_by_the_superuser_alone(owner):
    mark = str(uuid.uuid4())
    with connect("DB") as login:
        login.execute("set pg_gatehouse.audit_log = off")
        login.execute(SUCCEED, [mark])
        login.execute(FAIL, [mark])
    assert lines(mark) == []
    with connect() as login, pytest.raises(psycopg.errors.InsufficientPrivilege):
        login.execute("set pg_gatehouse.audit_log = off")


def test_an_audit_line_can_not_be_forged_by_raise():
    mark = str(uuid.uuid4())
    with connect() as login:
        login.execute(f"""do $$ begin raise log 'pg_gatehouse audit: {{"event": "forged", "mark": "{mark}"}}'; end $$""")
    assert mark in log()
    assert not re.search(rf"LOG:  pg_gatehouse audit: .*{mark}", log())


def test_no_event_is_lost_in_a_thousand_parallel_failures(owner):
    mark = str(uuid.uuid4())

    def fail(_):
        with connect("DB") as login:
            for _ in range(50):
                with login.transaction(force_rollback=True):
                    login.execute(FAIL, [mark])

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        list(pool.map(fail, range(20)))
    wait_for(lambda: count(owner, mark) == 1000)
    settle(owner)
    assert verify(owner) == [(True, None, "unbroken")]


def test_the_chain_is_whole_over_concurrent_committers(owner):
    mark = str(uuid.uuid4())

    def act(n):
        with connect("DB") as login:
            for i in range(40):
                with login.transaction(force_rollback=i % 5 == 0):
                    login.execute(SUCCEED if i % 2 else FAIL, [mark])
                if n == 0:
                    login.execute("select auth.seal_audit()")

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(act, range(8)))
    expected = 8 * sum(1 for i in range(40) if not (i % 2 and i % 5 == 0))
    wait_for(lambda: count(owner, mark) == expected)
    settle(owner)
    assert verify(owner) == [(True, None, "unbroken")]
    positions = owner.execute("select count(distinct position), count(*), max(position) from auth.audit_event").fetchone()
    assert len(set(positions)) == 1


MANIPULATIONS = {
    "changed": "update auth.audit_event set outcome = 'failure' where position = {p}",
    "changed by its time": "update auth.audit_event set at = at + interval '1 second' where position = {p}",
    "changed detail": "update auth.audit_event set detail = '{{}}' where position = {p}",
    "removed": "delete from auth.audit_event where position = {p}",
    "removed and closed up": "delete from auth.audit_event where position = {p}; update auth.audit_event set position = position - 1 where position > {p}; update auth.audit_chain set position = position - 1",
    "removed at the end": "delete from auth.audit_event where position = (select position from auth.audit_chain)",
    "removed at the end, with the head": "delete from auth.audit_event where position = (select position from auth.audit_chain); update auth.audit_chain set position = position - 1",
    "inserted": "insert into auth.audit_event (event, outcome, position, hash) select 'forged', 'success', {p}, hash from auth.audit_event where position = {p}",
    "inserted at the end": "insert into auth.audit_event (event, outcome, position, hash) select 'forged', 'success', position + 1, hash from auth.audit_chain",
    "inserted and made room for": "update auth.audit_event set position = position + 1 where position > {p}; insert into auth.audit_event (event, outcome, position, hash) select 'forged', 'success', {p} + 1, hash from auth.audit_chain; update auth.audit_chain set position = position + 1",
    "reordered": "update auth.audit_event set position = 2 * {p} + 1 - position where position in ({p}, {p} + 1)",
    "unsealed": "update auth.audit_event set position = null, hash = null where position = {p}",
    "all removed": "delete from auth.audit_event",
    "covered by a false anchor": "delete from auth.audit_event where position = {p}; insert into auth.audit_anchor select {p}, {p}, hash, hash from auth.audit_chain",
}


@pytest.mark.parametrize("name", MANIPULATIONS)
def test_what_the_owner_does_to_the_table_is_noticed(owner, name):
    settle(owner)
    with owner.transaction():
        for n in range(5):
            owner.execute(SUCCEED, [str(n)])
    settle(owner)
    assert verify(owner) == [(True, None, "unbroken")]
    with owner.transaction(force_rollback=True):
        owner.execute("set local session_replication_role = replica")
        position = owner.execute("select max(position) - 3 from auth.audit_event").fetchone()[0]
        owner.execute(MANIPULATIONS[name].format(p=position))
        findings = verify(owner)
        assert findings and not any(ok for ok, _, _ in findings), findings
        word = name.split()[0]
        if word in ("changed", "removed", "inserted") and name not in ("removed at the end", "removed at the end, with the head"):
            assert any(bad is not None and bad >= position for _, bad, _ in findings)
        if name in ("changed", "removed", "inserted"):
            assert [what.split(":")[0] for _, _, what in findings] == [name]
    assert verify(owner) == [(True, None, "unbroken")]


def test_a_part_of_the_chain_is_verified_by_itself(owner):
    settle(owner)
    middle = owner.execute("select at from auth.audit_event where position = (select max(position) - 5 from auth.audit_event)").fetchone()[0]
    ok, checked, bad, what = owner.execute("select * from auth.verify_audit(%s)", [middle]).fetchone()
    assert (ok, bad, what) == (True, None, "unbroken") and checked >= 6
    with owner.transaction(force_rollback=True):
        owner.execute("set local session_replication_role = replica")
        owner.execute("update auth.audit_event set event = 'x' where position = (select max(position) - 2 from auth.audit_event)")
        assert not owner.execute("select ok from auth.verify_audit(%s)", [middle]).fetchone()[0]
        assert owner.execute("select ok from auth.verify_audit(\"to\" => %s)", [middle]).fetchone()[0]


def test_events_that_were_not_sealed_in_a_minute_are_told(owner):
    settle(owner)
    with owner.transaction(force_rollback=True):
        owner.execute("insert into auth.audit_event (at, event, outcome) values (now() - interval '2 minutes', 'old', 'success')")
        assert verify(owner) == [(False, None, "1 events are not sealed")]


@pytest.mark.parametrize("attack", [
    "update auth.audit_event set event = 'x'",
    "delete from auth.audit_event",
    "truncate auth.audit_event",
    "truncate auth.audit_event_default",
])
def test_even_the_owner_can_only_add(owner, attack):
    settle(owner)
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as error:
        owner.execute(attack)
    assert code(error) == "audit_append_only"


def test_nobody_else_reads_or_writes_the_tables_or_calls_the_internals():
    with connect() as login:
        for role in ("anon", "authenticated"):
            login.execute(f"set role {role}")
            for statement in (
                "select from auth.audit_event", "insert into auth.audit_event (event, outcome) values ('x', 'success')",
                "select from auth.audit_event_default", "delete from auth.audit_event", "select from auth.audit_chain",
                "select from auth.audit_anchor", "select auth.record_event('x', 'failure')", "select auth.note_event('{}')",
                "select auth.seal_audit()", "select * from auth.verify_audit()", "select auth.maintain_audit()",
                f"select auth.revoke_session_always('{uuid.uuid4()}', 'x')", "select auth.audit_mark('head', 0, 1, '')",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    login.execute(statement)
            login.execute("reset role")


def test_partitions_are_made_ahead_and_none_is_granted_to_anybody(owner):
    with connect("DB") as login:
        login.execute("alter default privileges grant select on tables to public")
        try:
            login.execute("select auth.make_audit_partition('2000-01-01')")
        finally:
            login.execute("alter default privileges revoke select on tables from public")
    owner.execute("select auth.maintain_audit()")
    names = [row[0] for row in owner.execute("select inhrelid::regclass::text from pg_inherits where inhparent = 'auth.audit_event'::regclass")]
    months = owner.execute("select array(select 'auth.' || auth.audit_partition((date_trunc('month', now() at time zone 'UTC') + n * interval '1 month')::date) from generate_series(0, 2) as n)").fetchone()[0]
    assert set(months) <= set(names)
    for name in names:
        assert owner.execute("select count(*) from pg_class, aclexplode(relacl) where oid = %s::regclass and grantee <> relowner", [name]).fetchone()[0] == 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            owner.execute(f"truncate {name}")
    owner.execute("drop table auth.audit_event_2000_01")


def test_retention_drops_whole_months_and_the_chain_still_verifies(owner):
    settle(owner)
    with owner.transaction(force_rollback=True):
        # Three old months, sealed in turn, so that their positions are mixed.
        owner.execute("insert into auth.audit_event (at, event, outcome) select ('2001-0' || 1 + n % 3 || '-15')::timestamptz, 'old', 'success' from generate_series(0, 8) as n")
        owner.execute("select auth.seal_audit()")
        owner.execute("select auth.maintain_audit()")
        assert owner.execute("select count(*) from auth.audit_event_2001_02").fetchone()[0] == 3
        assert verify(owner) == [(True, None, "unbroken")]
        for days in ("(now()::date - '2001-03-10'::date)", "30"):
            owner.execute(f"select set_config('pg_gatehouse.audit_retention', {days}::text, true)")
            owner.execute("select auth.maintain_audit()")
            assert verify(owner)[0][2:] == ("unbroken",), verify(owner)
        assert owner.execute("select count(*) from auth.audit_event where event = 'old'").fetchone()[0] == 0
        told = owner.execute("select array_agg(detail ->> 'month' order by id) from auth.audit_event where event = 'audit_retention' and detail ->> 'month' < '2002'").fetchone()[0]
        assert told == ["2001-01-01", "2001-02-01", "2001-03-01"]
        # Without the anchors it would be noticed.
        owner.execute("delete from auth.audit_anchor where from_position = (select max(from_position) from auth.audit_anchor)")
        assert not verify(owner)[0][0]


def test_users_read_their_own_events_page_by_page(alice, owner):
    uid = owner.execute("select id from auth.\"user\" where email = 'alice@acme.example'").fetchone()[0]
    owner.execute("select auth.record_event('test', 'success', %s) from generate_series(1, 4)", [uid])
    with connect() as login, login.transaction(force_rollback=True):
        login.execute("select auth.authenticate(%s)", [alice])
        first = login.execute("select * from auth.my_events(null, 2)").fetchall()
        second = login.execute("select * from auth.my_events(%s, 2)", [first[-1][0]]).fetchall()
        assert [len(first), len(second)] == [2, 2] and first[-1][0] > second[0][0]
    ids = {row[0] for row in first + second}
    assert {row[0] for row in owner.execute("select user_id from auth.audit_event where id = any(%s)", [list(ids)])} == {uid}


def test_a_member_without_audit_read_sees_none_of_the_tenants_events(owner):
    token = owner.execute("select access_token from auth.sign_up('mia@acme.example', 'seven green sailing boats', '{}', 'acme')").fetchone()[0]
    with connect() as login, login.transaction(force_rollback=True):
        login.execute("select auth.authenticate(%s)", [token])
        assert login.execute("select auth.has_role('member')").fetchone()[0]
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as error:
            login.execute("select * from auth.tenant_events()")
        assert code(error) == "permission_denied"
    owner.execute("delete from auth.\"user\" where email = 'mia@acme.example'")


def test_the_permission_audit_read_shows_the_active_tenants_events_and_no_others(owner, bob):
    tenant = owner.execute("select id from auth.tenant where slug = 'globex'").fetchone()[0]
    owner.execute("select auth.record_event('test', 'success', tenant_id => %s)", [tenant])
    with connect() as login, login.transaction():
        login.execute("select auth.authenticate(%s)", [bob])
        ids = [row[0] for row in login.execute("select id from auth.tenant_events(page_size => 1000)")]
    assert ids and {row[0] for row in owner.execute("select tenant_id from auth.audit_event where id = any(%s)", [ids])} == {tenant}


def test_reading_needs_no_sequential_scan(owner, alice):
    with owner.transaction(force_rollback=True):
        owner.execute("set local enable_seqscan = off")
        for column in ("user_id", "tenant_id"):
            plan = "\n".join(row[0] for row in owner.execute(f"explain select * from auth.audit_event where {column} = auth.uid() and id < 10 order by id desc limit 50"))
            assert "Seq Scan" not in plan and "Sort  (" not in plan, plan
        for query in ("select * from auth.audit_event where position is null order by id limit 10", "select * from auth.audit_event where position between 3 and 9 order by position"):
            plan = "\n".join(row[0] for row in owner.execute("explain " + query))
            assert "Seq Scan" not in plan, plan


def test_a_session_is_ended_although_the_caller_rolls_back_and_holds_its_row(owner):
    session = owner.execute("select (auth.jwt_decode_unverified(access_token)).claims ->> 'session_id' from auth.sign_in('alice@acme.example', %s)", [PASSWORDS["alice@acme.example"]]).fetchone()[0]
    with connect("DB") as login, login.transaction(force_rollback=True):
        login.execute("select from auth.session where id = %s for update", [session])
        started = time.monotonic()
        login.execute("select auth.revoke_session_always(%s, 'reuse')", [session])
        assert time.monotonic() - started < 0.15, "nobody waits for a worker that waits for us"
        time.sleep(0.3)
    wait_for(lambda: owner.execute("select end_reason = 'reuse' and ended_at is not null from auth.session where id = %s", [session]).fetchone()[0], 3)
    # One that does not exist, or was never committed, is no trouble.
    owner.execute("select auth.revoke_session_always(gen_random_uuid(), 'reuse')")
    wait_for(lambda: owner.execute("select auth.test_ring_used() = 0").fetchone()[0])


def test_a_full_ring_never_blocks_and_what_is_lost_is_told(owner):
    settle(owner)
    mark = str(uuid.uuid4())
    lost = "select coalesce(sum((detail ->> 'lost')::int), 0) from auth.audit_event where event = 'audit_overflow'"
    before = owner.execute(lost).fetchone()[0]
    with connect("DB") as holder, connect("DB") as login:
        with holder.transaction():
            holder.execute("lock table auth.audit_event in exclusive mode")
            started = time.monotonic()
            with login.transaction(force_rollback=True):
                login.execute("select auth.record_event('test', 'failure', detail => jsonb_build_object('mark', %s::text)) from generate_series(1, 1000)", [mark])
            assert time.monotonic() - started < 5
            assert owner.execute("select auth.test_ring_used()").fetchone()[0] == 896
            # What ends sessions still has room.
            owner.execute("select auth.revoke_session_always(gen_random_uuid(), 'reuse')")
            assert owner.execute("select auth.test_ring_used()").fetchone()[0] == 897
        wait_for(lambda: count(owner, mark) == 896)
    assert len(lines(mark)) == 1000, "the log has every one"
    assert "no room to keep an audit event" in log()
    wait_for(lambda: owner.execute(lost).fetchone()[0] == before + 104)
    settle(owner)
    assert verify(owner) == [(True, None, "unbroken")]


def test_a_long_event_is_cut_and_kept(owner):
    mark = str(uuid.uuid4())
    with connect("DB") as login, login.transaction(force_rollback=True):
        login.execute("select set_config('request.headers', %s, true)", [json.dumps({"user-agent": mark + "é" * 400})])
        login.execute("select auth.record_event('test', 'failure', gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), jsonb_build_object('long', repeat('x', 5000)))")
    agent, detail = wait_for(lambda: owner.execute("select user_agent, detail from auth.audit_event where user_agent like %s", [mark + "%"]).fetchone())
    assert detail == {"truncated": True} and len(agent.encode()) <= 120


def test_the_worker_goes_when_idle_and_comes_when_needed(owner):
    owner.execute(FAIL, [str(uuid.uuid4())])
    assert workers(owner)
    wait_for(lambda: not workers(owner), 10)
    mark = str(uuid.uuid4())
    owner.execute(FAIL, [mark])
    wait_for(lambda: count(owner, mark))


def test_a_terminated_worker_is_replaced_and_nothing_is_lost(owner):
    mark = str(uuid.uuid4())
    for n in range(5):
        owner.execute(FAIL, [mark])
        for pid in workers(owner):
            owner.execute("select pg_terminate_backend(%s)", [pid])
        owner.execute(FAIL, [mark])
    # What was left to one that was just going is taken along by the next.
    wait_for(lambda: owner.execute(FAIL, [mark + "-next"]) and count(owner, mark) == 10)
    settle(owner)


def test_without_a_free_worker_slot_events_stay_and_the_next_one_takes_them_along(owner):
    """Here: the worker can not write, gives up, and a later event brings the next one."""
    settle(owner)
    mark = str(uuid.uuid4())
    with connect("DB") as holder:
        with holder.transaction():
            holder.execute("lock table auth.audit_event in exclusive mode")
            owner.execute(FAIL, [mark])
            for pid in workers(owner):
                owner.execute("select pg_terminate_backend(%s)", [pid])
            wait_for(lambda: not workers(owner))
            assert owner.execute("select auth.test_ring_used()").fetchone()[0] == 1
    owner.execute(FAIL, [mark])
    wait_for(lambda: count(owner, mark) == 2)


@pytest.fixture
def database(owner):
    name = "audit_" + uuid.uuid4().hex[:8]
    owner.execute(f"create database {name}")
    with connect("DB", database=name) as other:
        other.execute("create extension pg_gatehouse")
    yield name
    owner.execute(f"drop database if exists {name} with (force)")


def test_two_databases_keep_their_own_events(owner, database):
    mark = str(uuid.uuid4())
    with connect("DB", database=database) as other:
        other.execute(FAIL, [mark])
        owner.execute(FAIL, [mark])
        wait_for(lambda: count(other, mark) == 1)
        wait_for(lambda: count(owner, mark) == 1)
        settle(other)
        assert verify(other) == [(True, None, "unbroken")]
        assert workers(owner, database) and workers(owner)


def test_a_database_whose_worker_runs_can_be_dropped(owner, database):
    with connect("DB", database=database) as other:
        other.execute(FAIL, [str(uuid.uuid4())])
    assert workers(owner, database)
    owner.execute(f"drop database {database}")


def test_the_extension_can_be_dropped_while_events_wait(owner, database):
    mark = str(uuid.uuid4())
    with connect("DB", database=database) as other:
        settle(other)
        with other.transaction():
            other.execute("select auth.record_event('test', 'failure', detail => jsonb_build_object('mark', %s::text)) from generate_series(1, 20)", [mark])
            other.execute("drop extension pg_gatehouse cascade")
        wait_for(lambda: not workers(owner, database), 10)
        other.execute("create extension pg_gatehouse")
        other.execute(FAIL, [mark])
        wait_for(lambda: count(other, mark) >= 1)
        settle(other)
        assert verify(other) == [(True, None, "unbroken")]


def test_settings_of_the_database_do_not_reach_the_worker(owner, database):
    mark = str(uuid.uuid4())
    with connect("DB", database=database) as other:
        for setting in ("search_path = evil", "role = anon", "default_transaction_read_only = on", "lock_timeout = 1", "statement_timeout = 1",
                        "default_transaction_isolation = serializable", "session_replication_role = replica", "datestyle = 'SQL, DMY'"):
            other.execute(f"alter database {database} set {setting}")
        other.execute(FAIL, [mark])
        wait_for(lambda: count(other, mark) == 1)
        settle(other)


def test_a_dump_brings_the_events_and_the_chain_still_verifies(owner, database):
    settle(owner)
    bin, source = pathlib.Path(os.environ["GATEHOUSE_PG_BIN"]), os.environ["GATEHOUSE_DB_URI"]
    target = source.rsplit("/", 1)[0] + "/" + database
    with connect("DB", database=database) as other:
        wait_for(lambda: not workers(owner, database), 10)
        other.execute("drop extension pg_gatehouse cascade; drop schema if exists auth cascade")
    dump = subprocess.run([bin / "pg_dump", "--no-owner", "-n", "auth", "-e", "pg_gatehouse", source], check=True, capture_output=True, text=True).stdout
    before = owner.execute("select position, hash from auth.audit_chain").fetchone()
    restored = subprocess.run([bin / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", target], input=dump, capture_output=True, text=True)
    assert restored.returncode == 0, restored.stderr
    with connect("DB", database=database) as other:
        assert other.execute("select count(*) from auth.audit_event").fetchone()[0] > 0
        assert verify(other) == [(True, None, "unbroken")]
        assert other.execute("select position, hash from auth.audit_chain").fetchone() == before
        other.execute(FAIL, [str(uuid.uuid4())])
        settle(other)
        assert verify(other) == [(True, None, "unbroken")]
