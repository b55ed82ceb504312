"""A crash in the middle of writing and sealing audit events."""

import os
import signal
import threading
import time
import uuid

import psycopg
import psycopg.sql
import pytest
import throwaway
from test_audit import FAIL, SUCCEED, settle, verify, wait_for


@pytest.fixture(scope="module")
def cluster():
    with throwaway.cluster() as made:
        yield made


def workers(owner):
    return [row[0] for row in owner.execute("select pid from pg_stat_activity where backend_type = 'pg_gatehouse audit'")]


@pytest.mark.parametrize("victim", ["worker", "backend"])
def test_a_kill_9_leaves_what_was_acknowledged_and_the_chain_whole(victim, cluster):
    mark = str(uuid.uuid4())
    stop, acknowledged = threading.Event(), []

    def act():
        while not stop.is_set():
            try:
                with cluster.connect() as login:
                    while not stop.is_set():
                        number = str(uuid.uuid4())
                        with login.transaction():
                            login.execute(SUCCEED, [mark + number])
                        acknowledged.append(number)
                        login.execute(FAIL, [mark])
            except psycopg.Error:
                time.sleep(0.1)

    threads = [threading.Thread(target=act) for _ in range(4)]
    for thread in threads:
        thread.start()
    with cluster.connect() as admin, cluster.connect() as prey:
        pid = wait_for(lambda: workers(admin))[0] if victim == "worker" else prey.info.backend_pid
        time.sleep(0.5)
        os.kill(pid, signal.SIGKILL)
    time.sleep(2)
    stop.set()
    for thread in threads:
        thread.join()

    def alive():
        try:
            return cluster.connect()
        except psycopg.OperationalError:
            return None

    with wait_for(alive) as owner:
        kept = {row[0] for row in owner.execute("select detail ->> 'mark' from auth.audit_event where outcome = 'success' and detail ->> 'mark' like %s", [mark + "%"])}
        assert {mark + number for number in acknowledged} <= kept
        owner.execute(FAIL, [mark])
        settle(owner)
        assert verify(owner) == [(True, None, "unbroken")]


def test_without_a_free_worker_slot_nothing_blocks_and_sealing_works_by_hand():
    with throwaway.cluster("max_worker_processes = 1") as cluster, cluster.connect() as owner:
        mark = str(uuid.uuid4())
        owner.execute("select auth.seal_audit()")
        started = time.monotonic()
        for _ in range(20):
            owner.execute(FAIL, [mark])
            owner.execute(SUCCEED, [mark])
        assert time.monotonic() - started < 2
        assert not workers(owner)
        assert owner.execute("select auth.test_ring_used()").fetchone()[0] == 20
        assert owner.execute("select auth.seal_audit(7)").fetchone()[0] == 7
        assert owner.execute("select auth.seal_audit()").fetchone()[0] == 13
        assert verify(owner) == [(True, None, "unbroken")]
        owner.execute("select auth.maintain_audit()")
        assert verify(owner) == [(True, None, "unbroken")]
        assert cluster.log().count('"' + mark) == 40


def test_a_database_dropped_with_waiting_events_leaves_its_room_to_others():
    with throwaway.cluster("max_worker_processes = 1") as cluster, cluster.connect() as owner:
        owner.execute("create database doomed")
        with psycopg.connect(cluster.uri().rsplit("/", 1)[0] + "/doomed", autocommit=True) as other:
            other.execute("create extension pg_gatehouse")
            other.execute("select auth.record_event('x', 'failure') from generate_series(1, 890)")
        owner.execute("select auth.record_event('x', 'failure') from generate_series(1, 134)")
        owner.execute("drop database doomed")
        owner.execute("select auth.record_event('x', 'failure')")
        owner.execute("select auth.record_event('x', 'failure') from generate_series(1, 600)")
        assert owner.execute("select auth.test_ring_used()").fetchone()[0] == 134 + 600


def test_without_the_master_key_events_are_kept_and_sealed_once_it_is_back():
    with throwaway.cluster() as cluster, cluster.connect() as owner:
        owner.execute(FAIL, ["before"])
        settle(owner)
        key = owner.execute("show pg_gatehouse.master_key_file").fetchone()[0]
        owner.execute("alter system set pg_gatehouse.master_key_file = ''")
        owner.execute("select pg_reload_conf()")
        wait_for(lambda: not workers(owner))
        owner.execute(FAIL, ["without"])
        wait_for(lambda: not workers(owner))
        assert owner.execute("select count(*) from auth.audit_event where position is null").fetchone()[0] == 1
        assert cluster.log().count("the audit worker's transaction failed") < 5
        owner.execute("alter system set pg_gatehouse.master_key_file = " + psycopg.sql.quote(key))
        owner.execute("select pg_reload_conf()")
        wait_for(lambda: owner.execute("show pg_gatehouse.master_key_file").fetchone()[0] == key)
        owner.execute(FAIL, ["after"])
        settle(owner)
        assert verify(owner) == [(True, None, "unbroken")]


def test_an_event_that_meets_its_months_new_partition_is_written(cluster):
    with cluster.connect() as owner:
        owner.execute("create database fresh")
    with cluster.connect(database="fresh") as maker, cluster.connect(database="fresh") as writer:
        maker.execute("create extension pg_gatehouse")
        failed = []

        def write():
            try:
                writer.execute("select auth.create_tenant('acme', 'Acme')")
            except psycopg.Error as error:
                failed.append(error)

        with maker.transaction():
            maker.execute("select auth.maintain_audit()")
            thread = threading.Thread(target=write)
            thread.start()
            waiting = "select exists (select from pg_locks where pid = %s and not granted)"
            wait_for(lambda: maker.execute(waiting, [writer.info.backend_pid]).fetchone()[0])
        thread.join()
        assert failed == []
        assert maker.execute("select tableoid::regclass <> 'auth.audit_event_default'::regclass, event from auth.audit_event"
                             ).fetchall() == [(True, "tenant_created")]
