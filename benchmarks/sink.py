"""A vendor that says yes: answers every request at once with the words its platform uses for success.

In a process of its own, so that its time is nobody else's. It counts events and reads nothing else, so
that what is measured beside it is the client.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any


def answer(head: bytes, body: bytes) -> str:
    """The body of the answer, by the request's path."""
    path = head.split(b" ", 2)[1]
    said = next((said for part, said in ANSWERS.items() if part in path), {"PartialErrors": []})
    return json.dumps(said(body) if callable(said) else said)


def _elements(body: bytes) -> dict[str, Any]:
    return {"elements": [{"status": 201}] * body.count(b'"eventId"')}


def _received(body: bytes) -> dict[str, Any]:
    return {"events_received": body.count(b'"event_id"'), "messages": [], "fbtrace_id": "A"}


ANSWERS: Mapping[bytes, Callable[[bytes], dict[str, Any]] | dict[str, Any]] = {
    b"token": {"access_token": "t", "expires_in": 86400, "token_type": "Bearer"},
    b"/event/track": {"code": 0, "message": "OK", "request_id": "1", "data": {}},
    b"/conversionEvents": _elements,
    b"/conversion_events": {"data": {"message": "Successfully processed conversion events."}},
    b"/events": _received,
}


LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


class Vendor(asyncio.Protocol):
    """One connection: requests with a Content-Length, one after the other."""

    def __init__(self) -> None:
        self._seen = bytearray()
        self._head: bytes | None = None
        self._left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._seen += data
        while True:
            if self._head is None:
                end = self._seen.find(b"\r\n\r\n")
                if end < 0:
                    return
                self._head = bytes(self._seen[:end])
                del self._seen[: end + 4]
                lengths = [
                    line for line in self._head.lower().split(b"\r\n") if line[:15] == b"content-length:"
                ]
                self._left = int(lengths[0][15:]) if lengths else 0
            if len(self._seen) < self._left:
                return
            body = bytes(self._seen[: self._left])
            del self._seen[: self._left]
            head, self._head = self._head, None
            text = answer(head, body).encode()
            said = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(
                text
            )
            self._transport.write(said + text)  # type: ignore[attr-defined]


def _serve(ready: Connection) -> None:
    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Vendor, "127.0.0.1", 0)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


@contextmanager
def sink() -> Iterator[str]:
    """The address of a running sink."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()
