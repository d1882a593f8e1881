"""A vendor in a hurry: signed webhooks over many connections at once, each answer noted.

Its own few lines of HTTP/1.1, because the client shares the cores with what it measures.
"""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from tests.integration.receiver.serving import signed

FILLING = b'","filling":"' + b"x" * 9_300
"""A Stripe event is 9.4 KB on average (specs/billing.md §1.10)."""


@dataclass
class Load:
    """What was sent and what became of it. `kept` are the bodies that were answered 200."""

    address: str
    path: str
    filling: bytes = FILLING
    name: uuid.UUID = field(default_factory=uuid.uuid4)
    """In the id of every event."""
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
            body = b'{"id":"evt_%s_%d%s"}' % (self.name.hex.encode(), next(numbers), self.filling)
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
        [(name, value)] = signed(body, at=datetime.now(UTC)).items()
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{name}: {value}\r\n\r\n"
        )
        began = time.perf_counter()
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        status = int(answer[9:12])
        fields = answer.lower()
        if b"content-length: " in fields:
            await reader.readexactly(int(fields.split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0]))
        self.latencies.append(time.perf_counter() - began)
        self.statuses[status] += 1
        if status == 200:
            self.kept.append(body)
