"""The sealed session, where one connection or one database is not enough to show it."""

import os
import threading

import psycopg
import pytest
from conftest import code, connect, sign_in


def test_claims_reach_parallel_workers(owner, alice):
    for statement in (
        "drop table if exists public.crowd",
        "create table public.crowd as select m.tenant_id, n from auth.membership as m, generate_series(1, 100000) as n",
        "alter table public.crowd enable row level security, set (parallel_workers = 2)",
        "create policy tenant on public.crowd using (tenant_id = auth.tenant_id())",
        "grant select on public.crowd to authenticated",
        "create index crowd_n_idx on public.crowd (n)",
        "analyze public.crowd",
    ):
        owner.execute(statement)
    eager = (
        "set local parallel_setup_cost = 0; set local parallel_tuple_cost = 0; "
        "set local min_parallel_table_scan_size = 0; set local min_parallel_index_scan_size = 0; "
    )
    scans = {"Parallel Seq Scan": "", "Parallel Index": "set local enable_seqscan = off; set local enable_bitmapscan = off; "}
    with connect() as login:
        for node, settings in scans.items():
            with login.transaction():
                login.execute("select auth.authenticate(%s)", [alice])
                login.execute(eager + settings)
                query = "select count(*) from public.crowd" + (" where n > 0" if settings else "")
                plan = "\n".join(row[0] for row in login.execute("explain (analyze) " + query))
                assert node in plan and "Workers Launched: 2" in plan, plan
                assert login.execute(query).fetchone()[0] == 100000


def test_a_stale_token_does_not_revive_in_a_parallel_worker(owner, alice):
    """A plain set leaves the value behind; neither leader nor workers may count it later."""
    with connect() as login:
        login.execute("begin")
        login.execute("select set_config('pg_gatehouse.token', %s, false)", [alice])
        login.execute("commit")
        with login.transaction():
            login.execute("set local role authenticated")
            login.execute("set local parallel_setup_cost = 0; set local parallel_tuple_cost = 0; set local min_parallel_table_scan_size = 0")
            plan = "\n".join(r[0] for r in login.execute("explain (analyze) select count(*) from public.crowd"))
            assert "Workers Launched: 2" in plan, plan
            assert login.execute("select count(*) from public.crowd").fetchone()[0] == 0


def test_starting_options_can_not_bring_a_token(alice):
    for token in (alice, "garbage"):
        with pytest.raises(psycopg.OperationalError) as error:
            connect(options=f"-c pg_gatehouse.token={token}")
        assert "can not be stored or given when connecting" in str(error.value)
        assert token not in str(error.value)


def test_stored_settings_can_not_bring_a_token(owner, alice):
    for place in ("role authenticator", "database gatehouse", "role authenticator in database gatehouse"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as error:
            owner.execute(psycopg.sql.SQL("alter " + place + " set pg_gatehouse.token = {}").format(alice))
        assert code(error) == "token_source_refused"
    # Stored while the library was not there to refuse it: the catalogue can hold anything.
    owner.execute("insert into pg_db_role_setting values (0, 'authenticator'::regrole, array['pg_gatehouse.token=' || %s])", [alice])
    try:
        with connect() as login:
            login.execute("set role anon")
            assert login.execute("select auth.uid()").fetchone()[0] is None
    finally:
        owner.execute("delete from pg_db_role_setting where setrole = 'authenticator'::regrole")


def test_the_token_is_no_ones_to_read(owner, alice):
    with connect() as login, login.transaction():
        login.execute("select auth.authenticate(%s)", [alice])
        shown = login.execute("select current_setting('pg_gatehouse.token'), auth.role()").fetchone()
        assert shown == ("(sealed)", "authenticated")
        everything = login.execute("select string_agg(s::text, ' ') from pg_settings as s").fetchone()[0]
        assert alice.rsplit(".", 1)[1] not in everything
        plan = " ".join(r[0] for r in login.execute("explain (verbose, settings) select auth.jwt()"))
        assert "eyJ" not in plan and alice[-20:] not in plan
        with connect("DB") as other:
            seen = other.execute("select string_agg(query, ' ') from pg_stat_activity where pid <> pg_backend_pid()").fetchone()[0]
            assert alice[-20:] not in seen


def test_definer_functions_and_triggers_see_the_callers_claims(owner, alice):
    with owner.transaction(force_rollback=True):
        owner.execute("""
            create table public.trail (who uuid, login name);
            create function public.definer() returns uuid language sql security definer set search_path = pg_catalog as 'select auth.uid()';
            create function public.reset_role() returns text language plpgsql as $$ begin reset role; return current_user; end $$;
            create function public.leave_trail() returns trigger language plpgsql security definer as $$
                begin insert into public.trail values (auth.uid(), current_user); return new; end $$;
            create table public.item (x int);
            create trigger trail after insert on public.item for each row execute function public.leave_trail();
            grant insert on public.item to authenticated;
        """)
        uid = owner.execute("select id from auth.\"user\" where email = 'alice@acme.example'").fetchone()[0]
        owner.execute("select auth.authenticate(%s)", [alice])
        assert owner.execute("select current_user").fetchone()[0] == "authenticated"
        assert owner.execute("select public.definer()").fetchone()[0] == uid
        owner.execute("insert into public.item values (1)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            with owner.transaction():
                owner.execute("select public.reset_role()")
        # Another token from within a security definer function does not count either.
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            with owner.transaction():
                owner.execute("select auth.authenticate(%s)", [alice])


def test_a_superusers_login_is_sealed_as_well(alice):
    with connect("DB") as superuser, superuser.transaction():
        superuser.execute("select auth.authenticate(%s)", [alice])
        for attack in ("reset role", "set session authorization default", "select set_config('role', null, true)"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                with superuser.transaction():
                    superuser.execute(attack)
        assert superuser.execute("select count(*) from public.note").fetchone()[0] == 2


def test_rotation_and_revocation_hold_at_once_in_every_backend(owner, mint):
    """Backends that have the keys cached, one in an old snapshot, learn of it from the commit on."""
    kid = owner.execute("select auth.rotate_signing_key()").fetchone()[0]
    token = mint(sub="x")
    with connect() as idle, connect() as busy:
        for login in (idle, busy):
            with login.transaction():
                login.execute("select auth.authenticate(%s)", [token])
        busy.execute("begin isolation level repeatable read")
        busy.execute("select 1")
        owner.execute("select auth.rotate_signing_key()")
        for login in (idle, busy):
            with login.transaction():
                login.execute("savepoint a")
                login.execute("select auth.authenticate(%s)", [mint(sub="new key")])
                login.execute("rollback to a")
                login.execute("select auth.authenticate(%s)", [token])
                login.execute("rollback to a")
        assert owner.execute("select auth.revoke_signing_key(%s)", [kid]).fetchone()[0]
        for login in (idle, busy):
            with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification) as error:
                with login.transaction():
                    login.execute("select auth.authenticate(%s)", [token])
            assert code(error) == "token_key_unknown"
        busy.execute("rollback")
    with connect() as fresh, pytest.raises(psycopg.errors.InvalidAuthorizationSpecification):
        fresh.execute("select auth.authenticate(%s)", [token])


def test_keys_changed_by_plain_sql_count_too(owner, mint):
    kid = owner.execute("select auth.rotate_signing_key()").fetchone()[0]
    token = mint(sub="x")
    with connect() as login:
        login.execute("select auth.authenticate(%s)", [token])
        owner.execute("set session_replication_role = replica")
        owner.execute("update auth.signing_key set status = 'revoked' where kid = %s", [kid])
        owner.execute("set session_replication_role = origin")
        with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification):
            login.execute("select auth.authenticate(%s)", [token])
        owner.execute("begin")
        owner.execute("update auth.signing_key set status = 'retiring' where kid = %s", [kid])
        with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification):
            login.execute("select auth.authenticate(%s)", [token])
        owner.execute("rollback")
        with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification):
            login.execute("select auth.authenticate(%s)", [token])
    owner.execute("select auth.rotate_signing_key()")


def test_keys_under_a_storm_of_rotations_never_refuse_a_good_token(owner, mint):
    """Readers fill the shared cache while keys rotate: a stale fill must not win."""
    failures, stop = [], threading.Event()

    def authenticate():
        with connect("DB") as login:
            while not stop.is_set():
                try:
                    with login.transaction():
                        token = login.execute("select auth.sign_access_token('{\"role\": \"anon\"}')").fetchone()[0]
                        login.execute("select auth.authenticate(%s)", [token])
                except psycopg.Error as error:
                    failures.append(str(error))

    threads = [threading.Thread(target=authenticate) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        kids = [owner.execute("select auth.rotate_signing_key()").fetchone()[0] for _ in range(25)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    owner.execute("delete from auth.signing_key where status = 'retiring' and kid = any (%s)", [kids])


def test_an_ended_session_ends_its_access_token(owner):
    token = sign_in(owner, "alice@acme.example")
    with connect() as login:
        with login.transaction():
            login.execute("select auth.authenticate(%s)", [token])
            session = login.execute("select auth.session_id()").fetchone()[0]
        owner.execute("update auth.session set ended_at = now() where id = %s", [session])
        with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification) as error:
            login.execute("select auth.authenticate(%s)", [token])
        assert code(error) == "token_revoked"


def test_tokens_of_one_database_are_nothing_in_another(owner, alice):
    owner.execute("drop database if exists other")
    owner.execute("create database other")
    try:
        with connect("DB", database="other") as other:
            other.execute("create extension pg_gatehouse")
            for _ in range(2):
                with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification) as error:
                    other.execute("select auth.authenticate(%s)", [alice])
                assert code(error) == "token_key_unknown"
                other.execute("select auth.rotate_signing_key()")
            theirs = other.execute("select auth.mint_token('{\"role\": \"anon\"}')").fetchone()[0]
            other.execute("select auth.authenticate(%s)", [theirs])
            with connect() as login, pytest.raises(psycopg.errors.InvalidAuthorizationSpecification):
                login.execute("select auth.authenticate(%s)", [theirs])
            # Dropped and created again: the old keys are gone from every cache.
            other.execute("drop extension pg_gatehouse cascade")
            with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState) as error:
                other.execute("select set_config('pg_gatehouse.token', %s, true)", [theirs])
            assert code(error) == "extension_missing"
            other.execute("create extension pg_gatehouse")
            with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification):
                other.execute("select auth.authenticate(%s)", [theirs])
            other.execute("select auth.rotate_signing_key()")
            fresh = other.execute("select auth.mint_token('{\"role\": \"anon\"}')").fetchone()[0]
            other.execute("select auth.authenticate(%s)", [fresh])
    finally:
        owner.execute("drop database other with (force)")


def test_pre_request_believes_the_bearer_and_not_the_claims(owner, alice, bob):
    import json

    with connect() as login:
        with login.transaction():
            # As PostgREST does, with claims that somebody forged.
            login.execute("select set_config('role', 'anon', true), set_config('request.jwt.claims', %s, true)",
                          [json.dumps({"sub": "forged", "role": "service_role"})])
            login.execute("select set_config('request.headers', %s, true)", [json.dumps({"authorization": f"Bearer {alice}"})])
            login.execute("select auth.pre_request()")
            assert login.execute("select auth.email(), current_user").fetchone() == ("alice@acme.example", "authenticated")
        with login.transaction():
            login.execute("select set_config('role', 'anon', true), set_config('request.headers', '{}', true)")
            login.execute("select auth.pre_request()")
            assert login.execute("select auth.uid(), current_user").fetchone() == (None, "anon")
        for header in ("Bearer garbage", "Bearer ", "Basic eDp5", f"Bearer {alice}x", alice):
            with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification):
                with login.transaction():
                    login.execute("select set_config('request.headers', %s, true)", [json.dumps({"authorization": header})])
                    login.execute("select auth.pre_request()")


def test_request_claims_count_only_where_the_operator_says_so(owner):
    import json

    claims = json.dumps({"sub": "00000000-0000-4000-8000-000000000001", "role": "web", "app_metadata": {"tenant_id": "00000000-0000-4000-8000-000000000002"},
                         "user_metadata": {"tenant_id": "00000000-0000-4000-8000-00000000000f"}})
    ask = "select auth.uid()::text, auth.tenant_id()::text, auth.role()"
    nothing = (None, None, None)
    something = ("00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002", "web")
    with connect("DB") as connection:
        connection.execute("select set_config('request.jwt.claims', %s, false)", [claims])
        assert connection.execute(ask).fetchone() == nothing
        connection.execute("set pg_gatehouse.trust_request_claims = on")
        assert connection.execute(ask).fetchone() == something
        connection.execute("select set_config('request.jwt.claims', '{}', false)")
        assert connection.execute(ask).fetchone() == nothing
        with connection.transaction():
            connection.execute("select set_config('request.jwt.claims', %s, false)", [claims])
            assert connection.execute(ask).fetchone() == something
            connection.execute("set local pg_gatehouse.tenant_claim = 'sub'")
        with pytest.raises(psycopg.errors.InvalidParameterValue):
            connection.execute("set pg_gatehouse.tenant_claim = 'user_metadata.tenant_id'")


@pytest.mark.parametrize("call", ["auth.test_panic()", "auth.test_index_panic(99)", "auth.test_hashing_panic()"])
def test_a_panic_is_an_error_with_a_fixed_text_and_the_backend_lives(owner, call):
    pid = owner.execute("select pg_backend_pid()").fetchone()[0]
    with pytest.raises(psycopg.errors.InternalError_) as error:
        owner.execute(f"select {call}")
    told = {name: getattr(error.value.diag, name) for name in
            ("message_primary", "message_detail", "message_hint", "context", "source_file", "internal_query")}
    assert told["message_primary"] == "internal error in pg_gatehouse"
    assert told["message_detail"] == "internal_error"
    assert not any("canary" in str(value) or "/" in str(value).replace("src/report.rs", "") for value in told.values()), told
    assert owner.execute("select pg_backend_pid()").fetchone()[0] == pid
    log = open(os.environ["GATEHOUSE_LOG"]).read()
    assert "pg_gatehouse: panicked at" in log and "canary-of-a-secret" not in log
