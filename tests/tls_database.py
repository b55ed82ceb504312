"""A PostgreSQL that speaks TLS, certificates for it, and what can stand between it and a front."""

import contextlib
import os
import pathlib
import selectors
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse

import throwaway
from data_api import binary, environment

TLS_REQUEST = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")
PASSWORD = "one small grey pebble"
EVERYBODY = "host all all 127.0.0.1/32 trust"
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def self_signed(folder, name, *key, names="DNS:localhost"):
    """A certificate that vouches for itself and for others; gives the paths of it and of its key."""
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    openssl("req", "-x509", *(key or CURVE), "-nodes", "-days", 5, "-subj", f"/CN={name}", "-addext", f"subjectAltName={names}", "-out", paths[0], "-keyout", paths[1])
    return paths


def signed(folder, name, by, names="DNS:localhost"):
    """One that `by` vouches for."""
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    request, extensions = folder / f"{name}.csr", folder / f"{name}.ext"
    extensions.write_text(f"subjectAltName={names}\n")
    openssl("req", *CURVE, "-nodes", "-subj", f"/CN={name}", "-out", request, "-keyout", paths[1])
    openssl("x509", "-req", "-in", request, "-CA", by[0], "-CAkey", by[1], "-CAcreateserial", "-days", 5, "-extfile", extensions, "-out", paths[0])
    return paths


class Database:
    """The server, whose settings of TLS and of who may enter the tests change."""

    def __init__(self, cluster, certificates):
        self.cluster, self.certificates, self.port = cluster, certificates, cluster.port
        self.data = cluster.folder / "data"
        self.owner = cluster.connect()

    def uri(self, host="localhost", port=None, password=PASSWORD, **options):
        query = urllib.parse.urlencode(options)
        return f"postgresql://front:{urllib.parse.quote(password)}@{host}:{port or self.port}/postgres?{query}"

    def reload(self):
        seen = self.cluster.log().count("SIGHUP")
        self.owner.execute("select pg_reload_conf()")
        while self.cluster.log().count("SIGHUP") == seen:
            time.sleep(0.01)

    def show(self, paths):
        """This certificate from now on; none with `None`."""
        self.owner.execute(f"alter system set ssl = {'off' if paths is None else 'on'}")
        for path, name in zip(paths or (), ("server.pem", "server.key")):
            shutil.copyfile(path, self.data / name)
            (self.data / name).chmod(0o600)
            if os.getuid() == 0:
                shutil.chown(self.data / name, "postgres", "postgres")
        self.reload()

    @contextlib.contextmanager
    def showing(self, paths):
        self.show(paths)
        try:
            yield
        finally:
            self.show(self.certificates["server"])

    @contextlib.contextmanager
    def rules(self, *lines):
        """Who may enter, in the words of pg_hba.conf."""
        path = self.data / "pg_hba.conf"
        whole = path.read_text()
        path.write_text("\n".join(["host all postgres 127.0.0.1/32 trust", *lines, ""]))
        self.reload()
        try:
            yield
        finally:
            path.write_text(whole)
            self.reload()

    def backends(self):
        """For each of the front's: whether it is encrypted."""
        return self.owner.execute("select array_agg(ssl) from pg_stat_ssl join pg_stat_activity using (pid) where usename = 'front'").fetchone()[0] or []


SCHEMA = f"""
    create role anon;
    create role front login noinherit password '{PASSWORD}';
    grant anon to front;
    create function pid() returns int language sql as 'select pg_backend_pid()';
    create function nap(seconds float) returns void language sql as 'select pg_sleep(seconds)';
"""


@contextlib.contextmanager
def database(folder):
    own, others = self_signed(folder, "own"), self_signed(folder, "others")
    certificates = {"own": own, "others": others, "server": signed(folder, "server", own), "front": signed(folder, "front", own)}
    with throwaway.cluster(preload="", extension=False) as cluster:
        shutil.copyfile(own[0], cluster.folder / "data" / "own.pem")
        (cluster.folder / "data" / "own.pem").chmod(0o644)
        made = Database(cluster, certificates)
        made.owner.execute(SCHEMA)
        for setting, value in (("ssl_cert_file", "server.pem"), ("ssl_key_file", "server.key"), ("ssl_ca_file", "own.pem")):
            made.owner.execute(f"alter system set {setting} = '{value}'")
        made.show(certificates["server"])
        yield made
        made.owner.close()


def refusal(folder, uri):
    """What a front says that does not get into this database."""
    log = pathlib.Path(folder) / "refusal.log"
    with log.open("w") as out:
        process = subprocess.Popen([binary(), "serve"], env=environment(SERVER_PORT=0, DB_URI=uri, DB_SCHEMAS="public"), stdout=out, stderr=out)
        try:
            deadline = time.time() + 20
            while process.poll() is None and "trying again" not in log.read_text():
                assert time.time() < deadline and "loaded" not in log.read_text(), log.read_text()
                time.sleep(0.02)
        finally:
            process.kill()
            process.wait(20)
    return log.read_text()


class Impostor:
    """Answers the first message of everybody in the same way, or goes away, and keeps what they say."""

    def __init__(self, answer):
        self.answer, self.heard = answer, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                with client, contextlib.suppress(OSError):
                    client.settimeout(5)
                    heard = client.recv(8, socket.MSG_WAITALL)
                    client.sendall(self.answer)
                    while self.answer and (more := client.recv(4096)):
                        heard += more
                self.heard.append(heard)


class Between:
    """Takes TLS from a front with a certificate of its own and passes all on to the server over TLS.

    Python's server sends tickets in TLS 1.3, as poolers do and PostgreSQL does not.
    """

    def __init__(self, port, certificate):
        self.target = port
        self.taking = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.taking.load_cert_chain(*certificate)
        self.giving = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.giving.check_hostname, self.giving.verify_mode = False, ssl.CERT_NONE
        self.begun = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client):
        with contextlib.suppress(OSError), client, socket.create_connection(("127.0.0.1", self.target)) as server:
            first = client.recv(8, socket.MSG_WAITALL)
            assert first == TLS_REQUEST
            client.sendall(b"S")
            server.sendall(TLS_REQUEST)
            assert server.recv(1) == b"S"
            with self.taking.wrap_socket(client, server_side=True) as near, self.giving.wrap_socket(server) as far:
                self._pump(near, far)

    def _pump(self, near, far):
        hello = near.recv(65536)
        self.begun.append(hello[4:8])
        far.sendall(hello)
        with selectors.DefaultSelector() as selector:
            selector.register(near, selectors.EVENT_READ, far)
            selector.register(far, selectors.EVENT_READ, near)
            while True:
                for key, _ in selector.select():
                    data = key.fileobj.recv(65536)
                    while key.fileobj.pending():
                        data += key.fileobj.recv(65536)
                    if not data:
                        return
                    key.data.sendall(data)
