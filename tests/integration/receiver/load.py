"""A vendor, or many browsers, in a hurry: messages over many connections at once, each answer noted.

Its own few lines of HTTP/1.1, because the client shares the cores with what it measures.
"""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from tests.integration.receiver.serving import signed

FILLING = b'","filling":"' + b"x" * 9_300
"""A Stripe event is 9.4 KB on average (specs/billing.md §1.10)."""


def event(name: str) -> bytes:
    """A webhook of that id."""
    return b'{"id":"evt_%s%s"}' % (name.encode(), FILLING)


def signature(body: bytes) -> Mapping[str, str]:
    """What a vendor signs it with now."""
    return signed(body, at=datetime.now(UTC))


@dataclass
class Load:
    """What was sent and what became of it. `kept` are the bodies that were answered with `taken`."""

    address: str
    path: str
    make: Callable[[str], bytes] = event
    headers: Callable[[bytes], Mapping[str, str]] = signature
    taken: int = 200
    name: uuid.UUID = field(default_factory=uuid.uuid4)
    """In every message, with its number."""
    statuses: Counter[int] = field(default_factory=Counter)
    lost: int = 0
    """Requests whose connection ended before they were answered."""
    kept: list[bytes] = field(default_factory=list, repr=False)
    latencies: list[float] = field(default_factory=list, repr=False)

    def run(self, connections: int, go_on: Callable[[Load], bool]) -> None:
        """Sends over so many connections until `go_on` says no; what is under way is waited for."""
        numbers = itertools.count()

        async def everybody() -> None:
            await asyncio.gather(*(self._one(numbers, go_on) for _ in range(connections)))

        asyncio.run(everybody())

    async def _one(self, numbers: itertools.count[int], go_on: Callable[[Load], bool]) -> None:
        place = urlsplit(self.address)
        connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while go_on(self):
            body = self.make(f"{self.name.hex}_{next(numbers)}")
            try:
                connection = connection or await asyncio.open_connection(place.hostname, place.port)
                await self._send(*connection, body)
            except (OSError, EOFError):
                self.lost += connection is not None
                if connection is not None:
                    connection[1].close()
                connection = None
                await asyncio.sleep(0.01)
        if connection is not None:
            connection[1].close()

    async def _send(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> None:
        fields = {"Host": "x", "Content-Length": str(len(body)), **self.headers(body)}
        lines = (f"{name}: {value}" for name, value in fields.items())
        head = "\r\n".join((f"POST {self.path} HTTP/1.1", *lines, "", ""))
        began = time.perf_counter()
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        status = int(answer[9:12])
        _, is_there, length = answer.lower().partition(b"content-length: ")
        if is_there:
            await reader.readexactly(int(length.split(b"\r\n", 1)[0]))
        self.latencies.append(time.perf_counter() - began)
        self.statuses[status] += 1
        if status == self.taken:
            self.kept.append(body)
