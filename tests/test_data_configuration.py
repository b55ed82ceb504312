"""Configuration: environment, file, database; and telling what is wrong with it."""

import json
import os
import subprocess

import httpx
import psycopg
import pytest
from conftest import uri
from data_api import DATABASE, binary, environment, make_library, prefer, serve, until


@pytest.fixture(scope="module", autouse=True)
def library():
    make_library()


def gatehouse(*arguments, **settings):
    return subprocess.run([binary(), *arguments], env=environment(**settings), capture_output=True, text=True, timeout=60)


def owner():
    return psycopg.connect(uri("DB", DATABASE), autocommit=True)


@pytest.mark.parametrize("name,value", [
    ("SERVER_PORT", "http"), ("DB_POOL", "0"), ("LOG_LEVEL", "loud"), ("DB_TX_END", "maybe"), ("OPENAPI_MODE", "all"), ("DB_SCHEMAS", "pg_catalog"),
    ("DB_MAX_ROWS", "-1"), ("JWT_ROLE_CLAIM_KEY", "role"), ("SERVER_UNIX_SOCKET_MODE", "9"), ("OPENAPI_SERVER_PROXY_URI", "ftp://x"),
    ("DB_AGGREGATES_ENABLED", "perhaps"), ("ADMIN_SERVER_PORT", "70000"), ("JWT_AUD", "a b:c"), ("CLIENT_ERROR_VERBOSITY", "chatty"), ("LOG_QUERY", "some"),
    ("DB_POOL_AUTOMATIC_RECOVERY", "later"),
])
def test_a_wrong_value_is_one_line_with_key_value_and_what_is_allowed(name, value):
    ended = gatehouse("serve", **{name: value})
    assert ended.returncode == 1 and ended.stderr.count("\n") == 1
    assert f"PGRST_{name}: " in ended.stderr and f'"{value}"' in ended.stderr and "allowed: " in ended.stderr


def test_a_secret_is_never_shown():
    ended = gatehouse("serve", JWT_SECRET="too-short-a-secret")
    assert ended.returncode == 1 and "PGRST_JWT_SECRET" in ended.stderr and "too-short" not in ended.stderr
    shown = gatehouse("--dump-config").stdout
    assert 'gatehouse-db-read-uri = ""' in shown and 'server-reuseport = false' in shown
    shared = gatehouse("--dump-config", GATEHOUSE_DB_READ_URI=uri("DB"), SERVER_REUSEPORT="true").stdout
    assert 'gatehouse-db-read-uri = "(hidden)"' in shared and "server-reuseport = true" in shared and uri("DB") not in shared
    assert 'jwt-secret = "(hidden)"' in shown and "tests, at least" not in shown and os.environ["GATEHOUSE_AUTHENTICATOR_URI"] not in shown


def test_the_configuration_is_shown_as_it_is_understood(tmp_path):
    file = tmp_path / "gatehouse.conf"
    file.write_text('# ours\ndb-max-rows = 7 # most\ndb-pool = 3\napp.settings.shop = "a \\"b\\""\nserver-host = "*"\n')
    lines = gatehouse(str(file), "--dump-config", DB_POOL="5").stdout.splitlines()
    assert "db-max-rows = 7" in lines and "db-pool = 5" in lines and 'db-schemas = "api"' in lines
    assert 'app.settings.shop = "a \\"b\\""' in lines and lines == sorted(lines)
    assert gatehouse(str(tmp_path / "nothing.conf")).returncode == 1
    file.write_text("just words\n")
    assert f"{file}:1: " in gatehouse(str(file)).stderr


POSTGREST = """
    admin-server-host admin-server-port admin-server-unix-socket admin-server-unix-socket-mode client-error-verbosity
    db-aggregates-enabled db-anon-role db-channel db-channel-enabled db-config db-extra-search-path db-hoisted-tx-settings db-max-rows
    db-plan-enabled db-pool db-pool-acquisition-timeout db-pool-automatic-recovery db-pool-max-idletime db-pool-max-lifetime
    db-pre-config db-pre-request db-prepared-statements db-root-spec db-schemas db-tx-end db-uri jwt-aud jwt-cache-max-entries
    jwt-role-claim-key jwt-secret jwt-secret-is-base64 log-level log-query openapi-mode openapi-security-active
    openapi-server-proxy-uri server-cors-allowed-origins server-host server-port server-reuseport server-timing-enabled
    server-trace-header server-unix-socket server-unix-socket-mode url-use-legacy-target-names
""".split()


def test_every_name_of_postgrest_is_known():
    shown = {line.split(" = ")[0] for line in gatehouse("--dump-config").stdout.splitlines()}
    assert set(POSTGREST) - shown == set()
    assert {name for name in shown if not name.startswith(("gatehouse-", "app.settings."))} == set(POSTGREST)


def test_an_example_can_be_understood(tmp_path):
    example = gatehouse("--example").stdout
    (tmp_path / "example.conf").write_text(example)
    assert 'db-anon-role = "anon"' in gatehouse(str(tmp_path / "example.conf"), "--dump-config").stdout


def test_the_schema_is_shown_as_json():
    schema = json.loads(gatehouse("--dump-schema").stdout)
    assert {"schema": "api", "name": "book"} in [relation["name"] for relation in schema["relations"]]


def test_a_file_alone_serves():
    with serve(arguments=()) as client:
        assert client.get("/genre").status_code == 200


def test_the_database_has_a_say_and_is_asked_again():
    with owner() as connection:
        try:
            connection.execute(f"alter role authenticator in database {DATABASE} set pgrst.db_max_rows = '1'")
            with serve() as client:
                assert len(client.get("/genre").json()) == 1
                connection.execute(f"alter role authenticator in database {DATABASE} set pgrst.db_max_rows = '2'")
                connection.execute("notify pgrst, 'reload config'")
                until(lambda: len(client.get("/genre").json()) == 2)
            with serve(DB_CONFIG="false") as client:
                assert len(client.get("/genre").json()) == 3
        finally:
            connection.execute(f"alter role authenticator in database {DATABASE} reset all")
    with serve(DB_PRE_CONFIG="operator.configure") as client:
        assert len(client.get("/genre").json()) == 2


def test_the_schema_cache_follows_a_notification_and_a_signal():
    with owner() as connection, serve() as client:
        assert client.get("/later").status_code == 404
        connection.execute("create table api.later (id integer); grant select on api.later to anon; notify pgrst")
        until(lambda: client.get("/later").status_code == 200)
        connection.execute("alter table api.later add more text")
        client.process.send_signal(10)  # SIGUSR1
        until(lambda: "more" in client.get("/").json()["definitions"]["later"]["properties"])
        connection.execute("drop table api.later")


def test_a_role_brings_its_settings_and_its_isolation():
    with owner() as connection:
        connection.execute("alter role anon set statement_timeout = '1234ms'")
        try:
            with serve() as client:
                assert client.get("/rpc/whoami").json()["timeout"] == "1234ms"
                assert client.post("/rpc/sleepy", json={"seconds": 5}).json()["code"] == "57014"
        finally:
            connection.execute("alter role anon reset statement_timeout")


def test_a_role_brings_a_setting_of_superusers_if_the_login_role_may_set_it():
    with owner() as connection:
        if connection.info.server_version < 150000:
            pytest.skip("no privileges on parameters before PostgreSQL 15")
        connection.execute("create function api.limit() returns text language sql stable as $$ select current_setting('log_min_duration_statement') $$")
        connection.execute("alter role anon set log_min_duration_statement = '77s'")
        try:
            with serve() as client:
                assert client.get("/rpc/limit").json() != "77s"
                connection.execute("grant set on parameter log_min_duration_statement to authenticator; notify pgrst")
                until(lambda: client.get("/rpc/limit").json() == "77s")
                connection.execute("revoke set on parameter log_min_duration_statement from authenticator; notify pgrst")
                until(lambda: client.get("/rpc/limit").status_code == 200 and client.get("/rpc/limit").json() != "77s")
        finally:
            connection.execute("alter role anon reset log_min_duration_statement; drop function api.limit()")


def test_a_function_brings_the_settings_that_are_hoisted():
    with owner() as connection:
        connection.execute("""
            create function api.of_its_own() returns json language sql stable
                set work_mem = '777kB' set statement_timeout = '4321ms' set default_transaction_isolation = 'serializable'
                as $$ select json_build_array(current_setting('work_mem'), current_setting('statement_timeout'), current_setting('transaction_isolation')) $$;
            create function api.nap() returns text language sql stable set statement_timeout = '200ms' as 'select pg_sleep(10)::text';
        """)
        try:
            with serve() as client:
                assert client.get("/rpc/of_its_own").json() == ["777kB", "4321ms", "serializable"]
                # Of a function itself a time limit comes too late; of its transaction it counts.
                assert client.get("/rpc/nap").json()["code"] == "57014"
            with serve(DB_HOISTED_TX_SETTINGS="work_mem") as client, pytest.raises(httpx.ReadTimeout):
                client.get("/rpc/nap", timeout=1)
        finally:
            connection.execute("drop function api.of_its_own(), api.nap()")


def test_the_operators_function_runs_before_every_request():
    with serve(DB_PRE_REQUEST="api.no_early_birds") as client:
        assert client.get("/genre").status_code == 200
        assert client.get("/genre", headers={"X-Early": "1"}).json()["message"] == "too early"


def test_transactions_end_as_configured():
    with owner() as connection:
        for end, headers, kept in [("rollback", {}, 0), ("commit", prefer("tx=rollback"), 1), ("rollback-allow-override", prefer("tx=commit"), 1)]:
            with serve(DB_TX_END=end) as client:
                assert client.post("/genre", json={"id": 77, "label": "kept"}, headers=headers).status_code == 201
            assert connection.execute("delete from api.genre where id = 77").rowcount == kept, end


def test_terse_errors_say_code_and_message_only():
    with serve(CLIENT_ERROR_VERBOSITY="minimal", SERVER_TIMING_ENABLED="true", SERVER_TRACE_HEADER="X-Trace") as client:
        assert set(client.get("/genr").json()) == {"code", "message"}
        answer = client.get("/genre", headers={"X-Trace": "t1", "X-Request-Id": "r1"})
        assert answer.headers["x-trace"] == "t1" and answer.headers["x-request-id"] == "r1"
        assert [part.split(";")[0] for part in answer.headers["server-timing"].split(", ")] == ["jwt", "parse", "plan", "transaction", "response"]
