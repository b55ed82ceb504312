"""What the front sends to the database for one request, taken from the wire, and the same as a script of pgbench.

A front of its own reaches the database through a proxy that reads along. So pgbench runs what the front runs, with the
same values and types, in one pipeline as the front does and prepared."""

import contextlib
import http.client
import os
import pathlib
import re
import socket
import struct
import subprocess
import threading
import time
import urllib.parse

import psycopg

STATE = pathlib.Path(os.environ["GATEHOUSE_ENV"]).parent
# What the front declares, see crates/front/src/pg/pipeline.rs; of anything else the context tells.
CASTS = {17: "::bytea", 20: "::int8", 25: "::text", 114: "::json", 1009: "::text[]", 3802: "::jsonb"}
SSL_REQUEST = struct.pack("!II", 8, 80877103)


def recorded(method, path, token, body=None, **headers):
    """The statements of one request: for each its text, the types of its parameters, and their values."""
    with Recorder(os.environ["GATEHOUSE_AUTHENTICATOR_URI"]) as recorder, front(recorder.uri) as port:
        flights = []
        # The first request of a connection asks more than the next.
        for _ in range(3):
            recorder.flights.clear()
            ask(port, method, path, {"Authorization": f"Bearer {token}", **headers}, body)
            flights.append(list(recorder.flights))
    if len(flights[-1]) != 1:
        raise RuntimeError(f"{method} {path} took {len(flights[-1])} flights instead of one")
    return flights[-1][0]


def ask(port, method, path, headers, body):
    """With the headers of wrk, and no others: they are a parameter."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest(method, path, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body and body.encode())
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    if answer.status >= 300:
        raise RuntimeError(f"{method} {path} is answered {answer.status}: {content.decode()}")


@contextlib.contextmanager
def front(database):
    """As the instance's own, over another address of the database."""
    port = free_port()
    settings = {"PGRST_DB_URI": database, "PGRST_DB_SCHEMAS": "public", "PGRST_DB_ANON_ROLE": "anon", "PGRST_DB_POOL": "1",
                "PGRST_DB_CHANNEL_ENABLED": "false", "PGRST_SERVER_HOST": "127.0.0.1", "PGRST_SERVER_PORT": str(port)}
    process = subprocess.Popen([STATE / "bin/gatehouse", "serve"], env={**os.environ, **settings},
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError, RuntimeError):
                ask(port, "GET", "/ready", {}, None)
                break
            time.sleep(0.05)
        else:
            raise RuntimeError("the front that is to be recorded did not become ready")
        yield port
    finally:
        process.terminate()
        process.wait(20)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Recorder:
    """A proxy before the database that keeps each flight of statements that comes by."""

    def __init__(self, uri):
        parts = urllib.parse.urlsplit(uri)
        self.target = (parts.hostname, parts.port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        port = self.listener.getsockname()[1]
        self.uri = urllib.parse.urlunsplit(parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{port}"))
        self.flights = []

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(self.target)
                threading.Thread(target=self._listen, args=(client, server), daemon=True).start()

    def _listen(self, client, server):
        with client, server, contextlib.suppress(OSError, EOFError):
            start = receive(client, 8)
            if start == SSL_REQUEST:
                client.sendall(b"N")
                start = receive(client, 8)
            server.sendall(start + receive(client, int.from_bytes(start[:4], "big") - 8))
            threading.Thread(target=forward, args=(server, client), daemon=True).start()
            prepared, flight = {}, []
            while True:
                head = receive(client, 5)
                body = receive(client, int.from_bytes(head[1:], "big") - 4)
                server.sendall(head + body)
                if head[:1] == b"P":
                    name, sql, types = parse(body)
                    prepared[name] = (sql, types)
                elif head[:1] == b"B":
                    name, values = bind(body)
                    flight.append((*prepared[name], values))
                elif head[:1] == b"S":
                    self.flights.append(flight)
                    flight = []


def receive(stream, count):
    data = b""
    while len(data) < count:
        more = stream.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def forward(source, target):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)


def parse(body):
    name, sql, rest = body.split(b"\0", 2)
    count, = struct.unpack_from("!h", rest)
    return name, sql.decode(), struct.unpack_from(f"!{count}I", rest, 2)


def bind(body):
    _, name, rest = body.split(b"\0", 2)
    formats, = struct.unpack_from("!h", rest)
    place = 2 + 2 * formats
    count, = struct.unpack_from("!h", rest, place)
    place, values = place + 2, []
    for _ in range(count):
        length, = struct.unpack_from("!i", rest, place)
        place += 4
        values.append(None if length < 0 else rest[place:place + length].decode())
        place += max(length, 0)
    return name, values


def script(name, statements):
    """A script for pgbench and the options that carry its parameters."""
    lines, options = ["\\startpipeline"], []
    for number, (sql, types, values) in enumerate(statements):
        def placed(match):
            index = int(match[1]) - 1
            cast = CASTS.get(types[index], "") if index < len(types) else ""
            # pgbench has no variables without a value.
            if not values[index]:
                return ("null" if values[index] is None else "''") + cast
            return f":s{number}p{index + 1}{cast}"
        lines.append(re.sub(r"\$(\d+)", placed, sql) + ";")
        for index, value in enumerate(values):
            options += ["-D", f"s{number}p{index + 1}={value}"] if value else []
    path = STATE / f"{name}.pgbench"
    path.write_text("\n".join([*lines, "\\endpipeline", ""]))
    return path, options


def pgbench(kind, path, options, clients, seconds):
    uri = psycopg.conninfo.conninfo_to_dict(os.environ[f"GATEHOUSE_{kind}_URI"])
    login = {"PGHOST": uri["host"], "PGPORT": str(uri["port"]), "PGUSER": uri["user"], "PGPASSWORD": uri["password"]}
    threads = min(clients, os.cpu_count())
    command = [os.environ["GATEHOUSE_PG_BIN"] + "/pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", str(threads),
               "-T", str(seconds), *options, "-f", str(path), uri["dbname"]]
    run = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **login})
    if run.returncode:
        raise RuntimeError(f"pgbench failed with {path}:\n{run.stderr[-2000:]}")
    return float(re.search(r"^tps = ([\d.]+)", run.stdout, re.M)[1])
