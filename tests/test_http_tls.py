"""TLS and HTTP/2 at the front's own port."""

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import time

import httpx
import pytest
from auth_front import SITE
from conftest import uri
from data_api import binary, environment, free_port


def certificate(folder, name="localhost", days=5):
    """A certificate of its own for localhost, with key; gives their paths."""
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", str(days), "-subj", f"/CN={name}",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", paths[0], "-keyout", paths[1]],
        check=True, capture_output=True,
    )
    return paths


@contextlib.contextmanager
def serve(cert, key, **settings):
    port = free_port()
    settings = {"DB_URI": uri("AUTHENTICATOR"), "DB_SCHEMAS": "public", "JWT_SECRET": "", "GATEHOUSE_SITE_URL": SITE, **settings}
    process = subprocess.Popen(
        [binary(), "serve"], env=environment(SERVER_PORT=port, GATEHOUSE_TLS_CERT=cert, GATEHOUSE_TLS_KEY=key, **settings), stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(200):
            assert process.poll() is None
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def trusting(cert):
    return ssl.create_default_context(cafile=cert)


def subject(port):
    """The name in the certificate that is shown."""
    der = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", port)))
    return subprocess.run(["openssl", "x509", "-inform", "der", "-noout", "-subject"], input=der, capture_output=True, check=True).stdout.decode().strip().split(" = ")[-1]


def test_https_speaks_http2_and_http1_and_tells_browsers_to_stay(tmp_path):
    cert, key = certificate(tmp_path)
    with serve(cert, key) as port:
        for http2, version in ((True, "HTTP/2"), (False, "HTTP/1.1")):
            with httpx.Client(verify=trusting(cert), http2=http2, base_url=f"https://localhost:{port}") as client:
                answer = client.get("/auth/v1/.well-known/jwks.json")
                assert answer.status_code == 200 and answer.http_version == version
                assert answer.headers["strict-transport-security"] == "max-age=63072000"
                assert client.post("/auth/v1/token?grant_type=password", json={"email": "x@y.example", "password": "no"}).status_code == 400


def test_old_protocols_and_plain_http_get_nothing(tmp_path):
    cert, key = certificate(tmp_path)
    with serve(cert, key) as port:
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with socket.create_connection(("127.0.0.1", port)) as raw, pytest.raises((ssl.SSLError, ConnectionResetError)):
            old.wrap_socket(raw)
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{port}/live", timeout=5)
        with httpx.Client(verify=trusting(cert)) as client:
            assert client.get(f"https://localhost:{port}/live").status_code == 200


def test_a_renewed_certificate_is_taken_up_and_a_broken_one_is_not(tmp_path):
    (first, second, current) = (tmp_path / name for name in ("first", "second", "current"))
    for folder in (first, second, current):
        folder.mkdir()
    one, two = certificate(first, "one.example"), certificate(second, "two.example")
    names = current / "cert.pem", current / "key.pem"
    put = lambda pair: [shutil.copyfile(source, target) for source, target in zip(pair, names)]  # noqa: E731
    put(one)
    with serve(*names) as port:
        assert subject(port) == "one.example"
        names[0].write_text("no certificate")
        time.sleep(11)
        assert subject(port) == "one.example"
        put(two)
        deadline = time.time() + 25
        while subject(port) != "two.example":
            assert time.time() < deadline
            time.sleep(0.5)


def test_a_flood_of_resets_is_cut_off(tmp_path):
    """HTTP/2 rapid reset (CVE-2023-44487): the connection ends, and others are served."""
    h2 = pytest.importorskip("h2.connection")
    cert, key = certificate(tmp_path)
    context = trusting(cert)
    context.set_alpn_protocols(["h2"])
    with serve(cert, key) as port:
        with context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10), server_hostname="localhost") as raw:
            connection = h2.H2Connection()
            connection.initiate_connection()
            headers = [(":method", "GET"), (":path", "/rest/v1/note"), (":scheme", "https"), (":authority", "localhost")]
            ended = False
            try:
                for n in range(20_000):
                    connection.send_headers(2 * n + 1, headers, end_stream=True)
                    connection.reset_stream(2 * n + 1)
                    raw.sendall(connection.data_to_send())
            except (OSError, ssl.SSLError):
                ended = True
            if not ended:
                data = b"".join(iter(lambda: raw.recv(65536), b""))
                ended = any(type(event).__name__ == "ConnectionTerminated" for event in connection.receive_data(data))
            assert ended
        with httpx.Client(verify=context) as client:
            assert client.get(f"https://localhost:{port}/live").status_code == 200


@pytest.mark.parametrize("broken", ["certificate", "key", "pair"])
def test_what_is_wrong_with_the_files_is_one_line(tmp_path, broken):
    cert, key = certificate(tmp_path)
    other = certificate(tmp_path, "other")
    if broken == "pair":
        key = other[1]
    elif broken == "key":
        key.write_text("")
    else:
        os.remove(cert)
    ended = subprocess.run(
        [binary(), "serve"], env=environment(SERVER_PORT=free_port(), GATEHOUSE_TLS_CERT=cert, GATEHOUSE_TLS_KEY=key), capture_output=True, text=True, timeout=20
    )
    lines = [line for line in ended.stderr.splitlines() if line.startswith("gatehouse:")]
    assert ended.returncode == 1 and len(lines) == 1 and "GATEHOUSE_TLS_" in lines[0]


def test_http2_without_tls_is_for_proxies_that_are_told_so():
    with contextlib.ExitStack() as stack:
        port = free_port()
        process = subprocess.Popen(
            [binary(), "serve"], env=environment(SERVER_PORT=port, DB_URI=uri("AUTHENTICATOR"), JWT_SECRET="", DB_SCHEMAS="public", GATEHOUSE_HTTP2_CLEARTEXT="on")
        )
        stack.callback(process.wait, 20)
        stack.callback(process.terminate)
        with httpx.Client(http1=False, http2=True, base_url=f"http://127.0.0.1:{port}") as client:
            for _ in range(200):
                with contextlib.suppress(httpx.TransportError):
                    if client.get("/live").status_code == 200:
                        break
                time.sleep(0.05)
            assert client.get("/live").http_version == "HTTP/2"
        assert httpx.get(f"http://127.0.0.1:{port}/live").http_version == "HTTP/1.1"
