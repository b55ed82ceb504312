"""TLS from the front to its database, by libpq's options."""

import contextlib
import socket
import time

import httpx
import pytest
import tls_database
from data_api import serve, until
from tls_database import EVERYBODY, TLS_REQUEST, Between, Impostor, refusal, self_signed

CANCEL = (80877102).to_bytes(4, "big")
SCRAM = "host all front 127.0.0.1/32 scram-sha-256"


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    with tls_database.database(tmp_path_factory.mktemp("certificates")) as made:
        yield made


@pytest.fixture(scope="module")
def roots(database):
    return {name: str(database.certificates[name][0]) for name in ("own", "others")}


@contextlib.contextmanager
def front(database, host="localhost", port=None, **options):
    with serve(DB_URI=database.uri(host, port, **options), DB_SCHEMAS="public") as client:
        assert client.get("/rpc/pid").status_code == 200
        yield client


def is_encrypted(database, **options):
    """Whether all connections of a front that gets in are, its listening one included."""
    with front(database, **options):
        until(lambda: len(database.backends()) >= 2)
        states = set(database.backends())
    until(lambda: not database.backends())
    assert len(states) == 1
    return states.pop()


@pytest.mark.parametrize("mode, expected", [
    ("disable", False), ("allow", False), ("prefer", True), (None, True), ("require", True), ("verify-ca", True), ("verify-full", True),
])
def test_each_mode_at_a_server_with_tls(database, roots, mode, expected):
    options = {"sslmode": mode} if mode else {}
    if mode and mode.startswith("verify"):
        options["sslrootcert"] = roots["own"]
    assert is_encrypted(database, **options) is expected


def test_each_mode_at_a_server_without_tls(database, roots, tmp_path):
    with database.showing(None):
        for mode in ("disable", "allow", "prefer"):
            assert is_encrypted(database, sslmode=mode) is False
        for mode in ("require", "verify-ca", "verify-full"):
            said = refusal(tmp_path, database.uri(sslmode=mode, sslrootcert=roots["own"]))
            assert "it does not support TLS, and sslmode asks for it" in said


def test_who_is_let_in_with_tls_only_or_without_only(database, tmp_path):
    with database.rules("hostssl all all 127.0.0.1/32 trust"):
        assert is_encrypted(database, sslmode="allow") is True
        assert "no encryption" in refusal(tmp_path, database.uri(sslmode="disable"))
    with database.rules("hostnossl all all 127.0.0.1/32 trust"):
        assert is_encrypted(database, sslmode="prefer") is False
        assert "SSL encryption" in refusal(tmp_path, database.uri(sslmode="require"))
    with database.rules(SCRAM):
        said = refusal(tmp_path, database.uri(sslmode="prefer", password="wrong"))
        assert "28P01" in said and "; the other way, by sslmode: " in said and "wrong" not in said


def test_a_certificate_of_others_is_worth_nothing(database, roots, tmp_path):
    for mode in ("require", "verify-ca", "verify-full"):
        said = refusal(tmp_path, database.uri(sslmode=mode, sslrootcert=roots["others"]))
        assert "UnknownIssuer" in said, mode
    assert is_encrypted(database, sslmode="prefer", sslrootcert=roots["others"]) is False


def test_the_name_of_the_host_counts_in_full_verification_only(database, roots, tmp_path):
    elsewhere = {"host": "127.0.0.1", "sslrootcert": roots["own"]}
    assert is_encrypted(database, sslmode="verify-ca", **elsewhere) is True
    said = refusal(tmp_path, database.uri(sslmode="verify-full", **elsewhere))
    assert "certificate not valid for name" in said
    address = {**elsewhere, "host": "localhost", "hostaddr": "127.0.0.1"}
    assert is_encrypted(database, sslmode="verify-full", **address) is True
    said = refusal(tmp_path, database.uri(sslmode="verify-full", **{**address, "host": "db.example"}))
    assert "certificate not valid for name" in said


def test_a_self_signed_certificate_is_trusted_where_it_is_named(database, roots, tmp_path):
    one, two = self_signed(tmp_path, "one"), self_signed(tmp_path, "two", names="DNS:db.example")
    with database.showing(one):
        assert is_encrypted(database, sslmode="verify-full", sslrootcert=str(one[0])) is True
        assert "invalid peer certificate" in refusal(tmp_path, database.uri(sslmode="verify-full", sslrootcert=str(two[0])))
    with database.showing(two):
        said = refusal(tmp_path, database.uri(sslmode="verify-full", sslrootcert=str(two[0])))
        assert "certificate not valid for name" in said


def test_the_systems_roots_vouch_for_names(database, roots, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", roots["own"])
    assert is_encrypted(database, sslrootcert="system") is True
    assert "certificate not valid for name" in refusal(tmp_path, database.uri(host="127.0.0.1", sslrootcert="system"))
    monkeypatch.setenv("SSL_CERT_FILE", roots["others"])
    assert "UnknownIssuer" in refusal(tmp_path, database.uri(sslrootcert="system"))
    said = refusal(tmp_path, database.uri(sslrootcert="system", sslmode="require"))
    assert said.startswith("gatehouse: PGRST_DB_URI: ") and "sslmode=verify-full" in said and len(said.splitlines()) == 1


def test_the_environment_names_of_libpq_count(database, roots, tmp_path, monkeypatch):
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGSSLROOTCERT", roots["own"])
    assert is_encrypted(database) is True
    assert "certificate not valid for name" in refusal(tmp_path, database.uri(host="127.0.0.1"))
    assert is_encrypted(database, sslmode="disable") is False


def test_a_file_that_is_not_there_opens_nothing(database, tmp_path):
    missing = str(tmp_path / "missing.pem")
    for mode in ("prefer", "require"):
        assert f"sslrootcert: {missing}: " in refusal(tmp_path, database.uri(sslmode=mode, sslrootcert=missing))


def test_a_client_certificate_is_a_login(database, roots, tmp_path):
    certificate, key = map(str, database.certificates["front"])
    with database.rules("hostssl all all 127.0.0.1/32 cert"):
        assert is_encrypted(database, sslmode="verify-full", sslrootcert=roots["own"], sslcert=certificate, sslkey=key) is True
        assert "valid client certificate" in refusal(tmp_path, database.uri(sslmode="require"))
        other = str(database.certificates["own"][1])
        said = refusal(tmp_path, database.uri(sslmode="require", sslcert=certificate, sslkey=other))
        assert f"sslkey: {other}: not the key of sslcert" in said


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_versions_are_kept_to(database, version):
    options = {"ssl_min_protocol_version": version, "ssl_max_protocol_version": version}
    with database.rules(SCRAM), front(database, sslmode="require", channel_binding="require", **options):
        assert database.owner.execute(
            "select distinct version from pg_stat_ssl join pg_stat_activity using (pid) where usename = 'front'").fetchall() == [(version,)]


def test_channel_binding_is_required_of_every_way_to_authenticate(database, tmp_path):
    with database.rules(SCRAM):
        assert is_encrypted(database, sslmode="require", channel_binding="require") is True
        assert "channel_binding=require" in refusal(tmp_path, database.uri(sslmode="disable", channel_binding="require"))
    for rule in (EVERYBODY, "host all front 127.0.0.1/32 password"):
        with database.rules(rule):
            assert is_encrypted(database, sslmode="require", channel_binding="prefer") is True
            assert "channel_binding=require" in refusal(tmp_path, database.uri(sslmode="require", channel_binding="require"))
    database.owner.execute("set password_encryption = md5")
    database.owner.execute(f"alter role front password '{tls_database.PASSWORD}'")
    try:
        with database.rules("host all front 127.0.0.1/32 md5"):
            assert is_encrypted(database, sslmode="require") is True
            assert "channel_binding=require" in refusal(tmp_path, database.uri(sslmode="require", channel_binding="require"))
    finally:
        database.owner.execute("set password_encryption = 'scram-sha-256'")
        database.owner.execute(f"alter role front password '{tls_database.PASSWORD}'")


@pytest.mark.parametrize("key", [("-newkey", "rsa:2048", "-sha512"), ("-newkey", "rsa:2048", "-sha384", "-sigopt", "rsa_padding_mode:pss")])
def test_a_login_is_tied_to_certificates_of_every_kind(database, tmp_path, key):
    with database.showing(self_signed(tmp_path, "kind", *key)), database.rules(SCRAM):
        assert is_encrypted(database, sslmode="require", channel_binding="require") is True


def test_a_certificate_that_can_tie_nothing(database, tmp_path):
    """Nothing says which hash an Ed25519 signature has."""
    with database.showing(self_signed(tmp_path, "edwards", "-newkey", "ed25519")), database.rules(SCRAM):
        assert is_encrypted(database, sslmode="require") is True
        assert "channel_binding=require" in refusal(tmp_path, database.uri(sslmode="require", channel_binding="require"))


def test_who_sits_in_between_can_not_pass_a_login_on(database, tmp_path):
    with database.rules(SCRAM), Between(database.port, self_signed(tmp_path, "between")) as between:
        for mode in ("require", "prefer"):
            said = refusal(tmp_path, database.uri(port=between.port, sslmode="require", channel_binding=mode))
            assert "channel binding check failed" in said
        with front(database, port=between.port, sslmode="require", channel_binding="disable"):
            assert set(database.backends()) == {True}


def test_a_connection_serves_many_requests(database, tmp_path):
    """Tickets that come after the handshake are nothing that makes a connection unusable."""
    pids = lambda client: {(time.sleep(0.02), client.get("/rpc/pid").json())[1] for _ in range(20)}  # noqa: E731
    with front(database, sslmode="require") as client:
        assert len(pids(client)) == 1
    with Between(database.port, self_signed(tmp_path, "between")) as between:
        with front(database, port=between.port, sslmode="require") as client:
            assert len(pids(client)) == 1


def test_a_connection_that_the_server_ended_is_not_used(database):
    with front(database, sslmode="require") as client:
        for _ in range(3):
            pid = client.get("/rpc/pid").json()
            database.owner.execute("select pg_terminate_backend(%s, 5000)", [pid])
            time.sleep(0.05)
            answer = client.get("/rpc/pid")
            assert answer.status_code == 200 and answer.json() != pid


def test_large_answers_and_requests_come_whole(database):
    database.owner.execute("create or replace function echo(t text) returns text language sql as 'select t'")
    with front(database, sslmode="require") as client:
        for size in (1, 16_384, 3_000_000):
            assert client.post("/rpc/echo", json={"t": "é" * size}).json() == "é" * size


def test_a_statement_ends_at_its_timeout(database):
    database.owner.execute("alter role front set statement_timeout = '200ms'")
    try:
        with front(database, sslmode="require") as client:
            answer = client.post("/rpc/nap", json={"seconds": 20})
            assert answer.json()["code"] == "57014"
            assert client.get("/rpc/pid").status_code == 200
    finally:
        database.owner.execute("alter role front reset statement_timeout")


def test_what_nobody_waits_for_is_cancelled_over_tls(database, tmp_path):
    running = lambda: database.owner.execute("select count(*) from pg_stat_activity where usename = 'front' and query ~ 'nap' and state = 'active'").fetchone()[0]  # noqa: E731
    with Between(database.port, self_signed(tmp_path, "between")) as between:
        with front(database, port=between.port, sslmode="require", channel_binding="disable") as client:
            with pytest.raises(httpx.ReadTimeout):
                client.post("/rpc/nap", json={"seconds": 60}, timeout=0.5)
            assert running() == 1
            until(lambda: running() == 0, 10)
            assert client.get("/rpc/pid").status_code == 200
        assert CANCEL in between.begun


def test_the_listening_connection_hears(database):
    with front(database, sslmode="require") as client:
        database.owner.execute("create or replace function later() returns int language sql as 'select 7'")
        database.owner.execute("notify pgrst, 'reload schema'")
        until(lambda: client.get("/rpc/later").status_code == 200)
    database.owner.execute("drop function later()")


@pytest.mark.parametrize("mode", ["prefer", "require"])
@pytest.mark.parametrize("answer, reason", [
    (b"X", "with something else"), (b"E\0\0\0\x0bSERROR\0\0", "with something else"), (b"", "unexpected end of file"),
    (b"SR\0\0\0\x08\0\0\0\0", "it sent data before TLS was agreed on"), (b"NR\0\0\0\x08\0\0\0\0", "it sent data before TLS was agreed on"),
])
def test_a_server_that_answers_anything_else_learns_nothing(database, tmp_path, mode, answer, reason):
    with Impostor(answer) as impostor:
        assert reason in refusal(tmp_path, database.uri("127.0.0.1", impostor.port, sslmode=mode))
        until(lambda: impostor.heard)
    assert set(impostor.heard) == {TLS_REQUEST}


def test_a_server_that_breaks_the_handshake_off_learns_nothing(database, tmp_path):
    class Late(Impostor):
        def _serve(self):
            with contextlib.suppress(OSError):
                while True:
                    client, _ = self.listener.accept()
                    with client, contextlib.suppress(OSError):
                        client.settimeout(5)
                        client.recv(8, socket.MSG_WAITALL)
                        client.sendall(b"S")
                        heard = [client.recv(4096)]
                        self.heard.append(heard)
                        client.sendall(b"R\0\0\0\x08\0\0\0\0" * 9)
                        heard.append(client.recv(4096)[:1])

    with Late(b"") as impostor:
        said = refusal(tmp_path, database.uri("127.0.0.1", impostor.port, sslmode="require"))
        assert "TLS could not be agreed on" in said
    # A handshake, and at most an alert.
    assert impostor.heard
    for hello, *more in impostor.heard:
        assert hello[:1] == b"\x16" and b"front" not in hello and more in ([], [b""], [b"\x15"])
