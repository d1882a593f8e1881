"""The other end of a connection: a socket that does what a test says, and keeps what it was sent."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Manner = Callable[[socket.socket, "Peer"], None]


class Peer:
    """Serves one connection after another in `manner`. `requests` holds each request that came whole."""

    def __init__(self, manner: Manner, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self.over = threading.Event()
        self.drained = False
        """Whether somebody let a flood come to its end."""
        self._manner, self._tls = manner, tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def close(self) -> None:
        self.over.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _run(self) -> None:
        with suppress(OSError):
            while not self.over.is_set():
                connection, _ = self._listener.accept()
                with connection, suppress(OSError):
                    self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        if self._tls is None:
            self._manner(connection, self)
            return
        with self._tls.wrap_socket(connection, server_side=True) as secured:
            self._manner(secured, self)


def read(connection: socket.socket, peer: Peer) -> bytes:
    """Takes one request in, to the end of its body."""
    taken = b""
    while b"\r\n\r\n" not in taken:
        taken += _more(connection)
    head, _, body = taken.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    length = int(lengths[0].split(b":")[1]) if lengths else 0
    while len(body) < length:
        body += _more(connection)
    peer.requests.append(head + b"\r\n\r\n" + body)
    return peer.requests[-1]


def _more(connection: socket.socket) -> bytes:
    some = connection.recv(65536)
    if not some:
        raise ConnectionResetError
    return some


def answering(answer: bytes) -> Manner:
    """Takes the request in, answers with these very bytes and closes."""

    def manner(connection: socket.socket, peer: Peer) -> None:
        read(connection, peer)
        connection.sendall(answer)

    return manner


def saying(status: int, body: bytes = b"", *headers: str) -> Manner:
    """A whole HTTP answer."""
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", *headers, "", ""]
    return answering("\r\n".join(lines).encode("latin-1") + body)


def flooding(head: bytes, part: bytes = b" " * 2**16, parts: int = 1000) -> Manner:
    """Answers with so much that nobody should read it to its end; `drained` says that somebody did."""

    def manner(connection: socket.socket, peer: Peer) -> None:
        read(connection, peer)
        connection.sendall(head)
        for _ in range(parts):
            connection.sendall(part)
        peer.drained = True

    return manner


def silent(connection: socket.socket, peer: Peer) -> None:
    """Takes the request in and says nothing until the test is over."""
    read(connection, peer)
    peer.over.wait()


def closing(connection: socket.socket, peer: Peer) -> None:
    """Takes the request in and closes."""
    read(connection, peer)


def resetting(connection: socket.socket, peer: Peer) -> None:
    """Resets the connection at the request's first byte."""
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@contextmanager
def peer(manner: Manner, tls: ssl.SSLContext | None = None) -> Iterator[Peer]:
    """A peer for the length of the block."""
    other = Peer(manner, tls)
    try:
        yield other
    finally:
        other.close()


@contextmanager
def refusing() -> Iterator[str]:
    """The address of a port nobody listens on; it stays taken for the length of the block."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@contextmanager
def full() -> Iterator[str]:
    """The address of a listener whose queue is full, so that no connection ever stands."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            for client in waiting:
                client.close()
