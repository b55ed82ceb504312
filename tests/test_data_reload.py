"""What follows the configuration without a restart, what is said of each request's SQL, and what happens when the database goes."""

import contextlib
import re
import subprocess
import time

import psycopg
import pytest
import throwaway
from conftest import uri
from data_api import DATABASE, binary, environment, free_port, make_library, serve, until

RELOAD = 12  # SIGUSR2


@pytest.fixture(scope="module", autouse=True)
def library():
    make_library()


@pytest.fixture
def owner():
    with psycopg.connect(uri("DB", DATABASE), autocommit=True) as connection:
        yield connection


class Configured:
    """A front with a file, and the file."""

    def __init__(self, path, client):
        self.path, self.client = path, client

    def change(self, text):
        self.path.write_text(text)
        self.client.process.send_signal(RELOAD)


@contextlib.contextmanager
def configured(path, text, **settings):
    path.write_text(text)
    with serve(arguments=(str(path),), **settings) as client:
        yield Configured(path, client)


@contextlib.contextmanager
def table(owner, name):
    """That nobody has been told of."""
    owner.execute(f"create table api.{name} (id integer); grant select on api.{name} to anon")
    try:
        yield lambda client: client.get(f"/{name}").status_code == 200
    finally:
        owner.execute(f"drop table api.{name}")


def listens(owner, channel):
    wanted = f'listen "{channel}"'
    return owner.execute("select count(*) from pg_stat_activity where lower(query) = %s and usename = 'authenticator'", [wanted]).fetchone()[0]


def test_another_channel_is_listened_to_and_the_old_one_no_more(owner, tmp_path):
    with configured(tmp_path / "f.conf", 'db-channel = "before"') as front, table(owner, "later") as is_known:
        assert listens(owner, "before") == 1 and not is_known(front.client)
        front.change('db-channel = "after"')
        until(lambda: listens(owner, "after") == 1 and listens(owner, "before") == 0)
        # What may have gone by unheard in between is looked at.
        until(lambda: is_known(front.client))
        with table(owner, "sooner") as is_known:
            owner.execute("notify before")
            time.sleep(0.5)
            assert not is_known(front.client)
            owner.execute("notify after")
            until(lambda: is_known(front.client))


def test_listening_is_turned_off_and_on(owner, tmp_path):
    with configured(tmp_path / "f.conf", 'db-channel = "switched"\ndb-channel-enabled = false') as front:
        assert listens(owner, "switched") == 0
        front.change('db-channel = "switched"\ndb-channel-enabled = true')
        until(lambda: listens(owner, "switched") == 1)
        with table(owner, "heard") as is_known:
            owner.execute("notify switched")
            until(lambda: is_known(front.client))
        front.change('db-channel = "switched"\ndb-channel-enabled = false')
        until(lambda: listens(owner, "switched") == 0)


def prepares(client):
    """Whether anything of an earlier request is still prepared on the connection."""
    client.get("/rpc/prepared")
    return client.get("/rpc/prepared").json() > 0


@pytest.fixture
def prepared(owner):
    owner.execute("create function api.prepared() returns bigint language sql stable as 'select count(*) from pg_prepared_statements'")
    yield
    owner.execute("drop function api.prepared()")


def test_prepared_statements_follow_the_file(owner, prepared, tmp_path):
    with configured(tmp_path / "f.conf", "db-prepared-statements = true", DB_POOL=1) as front:
        assert prepares(front.client)
        front.change("db-prepared-statements = false")
        until(lambda: not prepares(front.client))
        front.change("db-prepared-statements = true")
        until(lambda: prepares(front.client))


def test_prepared_statements_follow_the_database(owner, prepared):
    who = f"alter role authenticator in database {DATABASE}"
    owner.execute(f"{who} set pgrst.db_prepared_statements = 'off'")
    try:
        with serve(DB_POOL=1) as client:
            assert not prepares(client)
            owner.execute(f"{who} set pgrst.db_prepared_statements = 'on'")
            owner.execute("notify pgrst, 'reload config'")
            until(lambda: prepares(client))
    finally:
        owner.execute(f"{who} reset all")


def test_a_file_that_became_wrong_changes_nothing(tmp_path):
    log = tmp_path / "log"
    with configured(tmp_path / "f.conf", "db-max-rows = 1", LOG=log) as front:
        front.change("db-max-rows = many")
        until(lambda: "PGRST_DB_MAX_ROWS" in log.read_text())
        assert len(front.client.get("/genre").json()) == 1
        front.change("db-max-rows = 2")
        until(lambda: len(front.client.get("/genre").json()) == 2)


def sql(log):
    return re.findall(r"gatehouse::query.*", log.read_text())


@pytest.mark.parametrize("value", ["true", "main-query"])
def test_the_sql_of_a_request_is_logged_as_the_request_is(tmp_path, value):
    log = tmp_path / "log"
    with serve(LOG=log, LOG_LEVEL="warn", LOG_QUERY=value, DB_PRE_REQUEST="api.no_early_birds") as client:
        assert client.get("/genre?label=eq.unspeakable").status_code == 200
        assert client.get("/private?id=eq.77", headers={"X-Request-Id": "refused-1"}).status_code == 401
        until(lambda: '"GET /private' in log.read_text())
    lines = sql(log)
    assert all("refused-1" in line for line in lines) and not any('"genre"' in line for line in lines)
    assert [part for part in ("set_config('search_path'", '"no_early_birds"()', '"private"') if not any(part in line for line in lines)] == []
    assert "77" not in "".join(line.split("refused-1")[-1] for line in lines), "values are bound"
    before = log.read_text().index("gatehouse::query")
    assert before < log.read_text().index('"GET /private')


def test_no_sql_is_logged_unasked(tmp_path):
    log = tmp_path / "log"
    with serve(LOG=log, LOG_LEVEL="info") as client:
        client.get("/genre")
        until(lambda: '"GET /genre' in log.read_text())
    assert sql(log) == []


def test_logging_of_sql_follows_the_file(tmp_path):
    log = tmp_path / "log"
    with configured(tmp_path / "f.conf", "log-query = false", LOG=log, LOG_LEVEL="info") as front:
        front.change("log-query = true")
        until(lambda: front.client.get("/genre").status_code == 200 and sql(log))


@pytest.fixture
def cluster():
    with throwaway.cluster(preload="", extension=False) as made:
        with made.connect() as owner:
            owner.execute("create role anon; create role authenticator noinherit login; grant anon to authenticator; create schema api; grant usage on schema api to anon")
        yield made


def own(cluster):
    return {"DB_URI": cluster.uri("authenticator") + "?connect_timeout=5"}


def ending(process):
    return process.wait(20)


def test_without_recovery_the_process_ends_with_the_database(cluster, tmp_path):
    log = tmp_path / "log"
    with serve(LOG=log, DB_POOL_AUTOMATIC_RECOVERY="false", **own(cluster)) as client:
        cluster.stop()
        assert ending(client.process) == 1
    assert "db-pool-automatic-recovery" in log.read_text()


def test_without_recovery_and_without_a_channel_it_ends_at_the_next_request(cluster):
    with serve(DB_POOL_AUTOMATIC_RECOVERY="false", DB_CHANNEL_ENABLED="false", **own(cluster)) as client:
        cluster.stop()
        time.sleep(0.5)
        assert client.process.poll() is None
        assert client.get("/").status_code == 503
        assert ending(client.process) == 1


def test_without_recovery_it_does_not_wait_for_a_database_at_the_start():
    started = subprocess.run(
        [binary()], capture_output=True, text=True, timeout=20,
        env=environment(DB_POOL_AUTOMATIC_RECOVERY="false", DB_URI=f"postgresql://x@127.0.0.1:{free_port()}/x", SERVER_PORT=free_port()))
    assert started.returncode == 1


@pytest.mark.parametrize("channel", ["true", "false"])
def test_with_recovery_what_changed_meanwhile_is_known_afterwards(cluster, channel):
    with serve(DB_CHANNEL_ENABLED=channel, **own(cluster)) as client:
        with cluster.connect() as owner:
            owner.execute("create table api.unheard (id integer); grant select on api.unheard to anon")
        assert client.get("/unheard").status_code == 404
        cluster.stop()
        answer = client.get("/")
        assert answer.status_code == 503 and answer.headers["retry-after"] == "1"
        cluster.start()
        until(lambda: client.get("/unheard").status_code == 200)
        until(lambda: client.get("/ready").status_code == 200)
