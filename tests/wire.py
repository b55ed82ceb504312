"""A proxy between a front and its database that keeps what the front says, message by message."""

import contextlib
import selectors
import socket
import threading
import urllib.parse


TLS_REQUEST = (80877103).to_bytes(4, "big")


class Recorder:
    """Knows PostgreSQL's protocol just enough to tell messages apart; start-up messages are left out."""

    def __init__(self, uri):
        parts = urllib.parse.urlsplit(uri)
        self.target = (parts.hostname, parts.port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        port = self.listener.getsockname()[1]
        self.uri = urllib.parse.urlunsplit(parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{port}"))
        self.lock = threading.Lock()
        # What each connection said: types of messages, with a bar where the database answered.
        self.said = {}
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    @contextlib.contextmanager
    def recording(self):
        """Gives a function that tells the flights since: for each, the types of its messages in order."""
        with self.lock:
            self.said = {key: [] for key in self.said}

        def flights():
            with self.lock:
                return [flight for said in self.said.values() for flight in "".join(said).split("|") if flight]

        yield flights

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(self.target)
                threading.Thread(target=self._forward, args=(client, server), daemon=True).start()

    def _forward(self, client, server):
        buffer, begun = b"", False
        with client, server, selectors.DefaultSelector() as selector, contextlib.suppress(OSError):
            selector.register(client, selectors.EVENT_READ, server)
            selector.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in selector.select():
                    data = key.fileobj.recv(65536)
                    if not data:
                        return
                    if key.fileobj is server:
                        self._note(client, "|")
                    else:
                        buffer += data
                        while not begun and len(buffer) >= 8:
                            # The question whether there is TLS comes before the message that begins.
                            begun = buffer[4:8] != TLS_REQUEST
                            buffer = buffer[int.from_bytes(buffer[:4], "big"):]
                        while begun and len(buffer) >= 5:
                            end = 1 + int.from_bytes(buffer[1:5], "big")
                            if len(buffer) < end:
                                break
                            self._note(client, chr(buffer[0]))
                            buffer = buffer[end:]
                    key.data.sendall(data)

    def _note(self, client, what):
        with self.lock:
            self.said.setdefault(id(client), []).append(what)
