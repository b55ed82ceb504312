"""Connections that do nothing, do it slowly, or go half away: they cost little and keep nobody out."""

import concurrent.futures
import contextlib
import pathlib
import re
import resource
import socket
import ssl
import subprocess
import time

import httpx
import pytest
import raw_http
import test_http_tls as tls
from data_api import binary, environment, free_port, make_library, serve, until
from test_data_running import busy

HEAD = b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module", autouse=True)
def library():
    make_library()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextlib.contextmanager
def crowd(client, count, text=b""):
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(raw_http.connect(client)) for _ in range(count)]
        for connection in connections:
            # Some may have made room for others already.
            with contextlib.suppress(OSError):
                connection.sendall(text)
        yield connections


def is_closed(connection, seconds=15):
    """Whether the other end closes, without another answer."""
    connection.settimeout(seconds)
    try:
        return connection.recv(1000) == b""
    except ConnectionResetError:
        return True
    except (TimeoutError, ssl.SSLError):
        return False


def gauge(admin, name):
    return int(re.search(rf"^{name} (\d+)$", httpx.get(f"http://127.0.0.1:{admin}/metrics").text, re.M)[1])


def memory(process):
    """Resident, in MiB."""
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{process.pid}/status").read_text())[1]) // 1024


def test_thousands_of_idle_connections_keep_nobody_out_and_cost_little():
    with serve(GATEHOUSE_MAX_CONNECTIONS_PER_ADDRESS=5000, GATEHOUSE_HEAD_TIMEOUT=60) as client:
        before = memory(client.process)
        with crowd(client, 3000) as silent:
            assert [client.get("/genre").status_code for _ in range(20)] == [200] * 20
            # 40 KiB for each.
            assert memory(client.process) - before < 120
            assert all(connection.fileno() > 0 for connection in silent)


def test_where_there_is_no_more_room_the_silent_make_it():
    admin = free_port()
    with serve(GATEHOUSE_MAX_CONNECTIONS=40, GATEHOUSE_HEAD_TIMEOUT=600, ADMIN_SERVER_PORT=admin) as client:
        with crowd(client, 60, b"GET /genre HTTP/1.1\r\nX-Slow: a"):
            for _ in range(5):
                with httpx.Client(base_url=client.base_url) as other:
                    assert other.get("/genre").status_code == 200
            assert gauge(admin, "gatehouse_http_connections") <= 40
            assert gauge(admin, "gatehouse_http_connections_ended_total") >= 20


def test_a_request_that_is_being_answered_is_not_cut_off_for_others():
    with serve(GATEHOUSE_MAX_CONNECTIONS=10) as client, concurrent.futures.ThreadPoolExecutor() as pool:
        slow = pool.submit(client.post, "/rpc/sleepy", json={"seconds": 2})
        until(lambda: busy("sleepy"))
        with crowd(client, 40):
            assert slow.result().status_code == 204


def test_a_head_has_its_time_and_the_pause_between_requests_another():
    with serve(GATEHOUSE_HEAD_TIMEOUT=2, GATEHOUSE_IDLE_TIMEOUT=6) as client:
        with crowd(client, 3) as (silent, slow, used):
            used.sendall(HEAD)
            assert b" 200 " in used.recv(1000)[:20]
            slow.sendall(b"GET / HTTP/1.1\r\n")
            began = time.time()
            while time.time() - began < 2:
                # Each byte in time, and the whole never.
                with contextlib.suppress(OSError):
                    slow.sendall(b"X")
                time.sleep(0.2)
            assert is_closed(silent) and is_closed(slow) and time.time() - began < 6
            used.settimeout(0.5)
            with pytest.raises(TimeoutError):
                used.recv(1)
            assert is_closed(used)


def test_http2_and_handshakes_without_end_have_their_time_too(tmp_path):
    h2 = pytest.importorskip("h2.connection")
    cert, key = tls.certificate(tmp_path)
    context = tls.trusting(cert)
    context.set_alpn_protocols(["h2"])
    with tls.serve(cert, key, GATEHOUSE_HEAD_TIMEOUT=2, GATEHOUSE_IDLE_TIMEOUT=4) as port, contextlib.ExitStack() as stack:
        connect = lambda: stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))  # noqa: E731
        shake = lambda: stack.enter_context(context.wrap_socket(connect(), server_hostname="localhost"))  # noqa: E731
        bare, mute, used = connect(), shake(), shake()
        bare.sendall(b"\x16\x03\x01")
        connection = h2.H2Connection()
        connection.initiate_connection()
        connection.send_headers(1, [(":method", "GET"), (":path", "/live"), (":scheme", "https"), (":authority", "localhost")], end_stream=True)
        used.sendall(connection.data_to_send())
        until(lambda: any(type(event).__name__ == "StreamEnded" for event in connection.receive_data(used.recv(65536))))
        began = time.time()
        assert is_closed(bare) and drained(mute) and time.time() - began < 8
        # Frames that ask for nothing buy no time.
        with contextlib.suppress(OSError):
            while time.time() - began < 15:
                connection.ping(b"12345678")
                used.sendall(connection.data_to_send())
                if not used.recv(65536):
                    break
                time.sleep(0.3)
        assert time.time() - began < 12
        with httpx.Client(verify=context) as client:
            assert client.get(f"https://localhost:{port}/live").status_code == 200


def drained(connection, seconds=15):
    """Whether the other end closes, whatever it says before."""
    connection.settimeout(seconds)
    try:
        while connection.recv(65536):
            pass
    except (ConnectionResetError, ssl.SSLEOFError):
        pass
    except (TimeoutError, ssl.SSLError):
        return False
    return True


def test_without_tls_a_client_that_speaks_no_http_at_all_has_its_time():
    with serve(GATEHOUSE_HTTP2_CLEARTEXT="on", GATEHOUSE_HEAD_TIMEOUT=2) as client, crowd(client, 2) as (silent, preface):
        preface.sendall(b"PRI * HTTP/2.0\r\n\r\nSM")
        assert is_closed(silent) and is_closed(preface)
        assert client.get("/genre").status_code == 200


def test_clients_that_go_half_away_are_answered_or_forgotten():
    admin = free_port()
    with serve(ADMIN_SERVER_PORT=admin) as client:
        client.get("/genre")
        before = gauge(admin, "gatehouse_http_connections")
        texts = [b"", b"GET /genre", b"GET /genre HTTP/1.1\r\nHost: x\r\n\r\n", b"POST /genre HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"]
        for text in texts * 50:
            with raw_http.connect(client) as half:
                half.sendall(text)
                half.shutdown(socket.SHUT_WR)
                answer = raw_http.read_all(half)
                assert raw_http.statuses(answer) in ([], [200], [400], [408]), answer
        until(lambda: gauge(admin, "gatehouse_http_connections") <= before)
        until(lambda: gauge(admin, "gatehouse_http_requests_under_way") == 0)


def test_a_client_that_reads_nothing_of_its_answer_is_forgotten():
    admin = free_port()
    settings = {"GATEHOUSE_WRITE_TIMEOUT": 2, "GATEHOUSE_IDLE_TIMEOUT": 3, "ADMIN_SERVER_PORT": admin}
    with serve(**settings) as client:
        client.get("/genre")
        before = gauge(admin, "gatehouse_http_connections")
        many = b"GET /book?select=*,genre(*) HTTP/1.1\r\nHost: x\r\n\r\n" * 4000
        with raw_http.connect(client) as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.settimeout(5)
            with contextlib.suppress(OSError):
                deaf.sendall(many)
            until(lambda: gauge(admin, "gatehouse_http_connections") <= before)


@pytest.mark.parametrize("flood", [
    b"".join(b"X-%d: a\r\n" % n for n in range(101)), b"X: " + b"a" * 200_000 + b"\r\n", b"a" * 200_000, b"X:\r\n" * 60_000,
])
def test_a_flood_of_headers_is_one_refusal(flood):
    with serve() as client, raw_http.connect(client) as connection:
        # It may be over before all is sent.
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            connection.sendall(b"GET /genre HTTP/1.1\r\nHost: x\r\n" + flood + b"\r\n" + HEAD)
        assert raw_http.statuses(raw_http.read_all(connection)) in ([431], [400], [])
        assert client.get("/genre").status_code == 200


def test_limits_follow_the_configuration_when_it_is_read_again(tmp_path):
    file = tmp_path / "front.conf"
    file.write_text('gatehouse-max-body = 1024\ngatehouse-rate-limit-auth = "off"\n')
    with serve(arguments=("serve", str(file)), GATEHOUSE_RATE_LIMIT_AUTH="") as client:
        post = lambda: client.post("/genre", content=b"[" + b" " * 2000 + b"]", headers={"Content-Type": "application/json"})  # noqa: E731
        ask = lambda: client.get("/auth/v1/nothing")  # noqa: E731
        assert post().status_code == 413 and {ask().status_code for _ in range(5)} == {404}
        file.write_text('gatehouse-max-body = 4096\ngatehouse-rate-limit-auth = "1/hour burst 2"\n')
        client.process.send_signal(12)  # SIGUSR2
        until(lambda: post().status_code != 413)
        assert [ask().status_code for _ in range(3)] == [404, 404, 429]
        # What can not be understood changes nothing.
        file.write_text('gatehouse-max-body = "much"\n')
        client.process.send_signal(12)
        time.sleep(0.5)
        assert ask().status_code == 429 and client.get("/genre").status_code == 200


def test_processes_share_a_port_where_they_may():
    with serve(SERVER_REUSEPORT="true") as client:
        port, admin = client.base_url.port, free_port()
        alone = subprocess.run([binary(), "serve"], env=environment(SERVER_PORT=port), capture_output=True, text=True, timeout=20)
        assert alone.returncode == 1 and "PGRST_SERVER_PORT" in alone.stderr.splitlines()[-1]
        other = subprocess.Popen([binary(), "serve"], env=environment(SERVER_PORT=port, SERVER_REUSEPORT="true", ADMIN_SERVER_PORT=admin), stderr=subprocess.DEVNULL)
        try:
            until(lambda: both_serve(client.base_url, admin))
            client.process.terminate()
            client.process.wait(20)
            with httpx.Client(base_url=client.base_url) as last:
                until(lambda: last.get("/genre").status_code == 200)
        finally:
            other.terminate()
            other.wait(20)


def both_serve(url, admin):
    """Whether the other process has its part of new connections."""
    with contextlib.suppress(httpx.TransportError):
        httpx.get(f"{url}/live")
        return "gatehouse_http_request_duration_seconds_count" in httpx.get(f"http://127.0.0.1:{admin}/metrics").text
