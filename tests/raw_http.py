"""HTTP as bytes, for what no client library would send."""

import socket
import ssl


def connect(client, timeout=15):
    """A connection to the front that an httpx client is for."""
    url = client.base_url
    return socket.create_connection((url.host, url.port), timeout=timeout)


def exchange(client, request, timeout=15):
    """Everything that is answered until the server closes; the client keeps its side open."""
    with connect(client, timeout) as connection:
        connection.sendall(request)
        return read_all(connection)


def read_all(connection):
    answer = b""
    try:
        while chunk := connection.recv(65536):
            answer += chunk
    except (TimeoutError, ConnectionResetError, ssl.SSLError):
        pass
    return answer


def statuses(answer):
    """The status of each answer in it."""
    return [int(part[9:12]) for part in answer.split(b"HTTP/1.1 ")[1:] for part in [b"HTTP/1.1 " + part]]
