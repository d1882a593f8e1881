"""Reads a request's body: to a limit, in a time, and never more of all requests than fits in memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect, Request

IN_FLIGHT = 128 * 1024 * 1024
"""Bytes of all bodies that are read or wait for the disk."""
SLOWEST = 10.0
"""Seconds in which a body has to be there."""


class Refused(Exception):  # noqa: N818 - an answer
    """The body is not taken: `status` and the words to say."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


class Bodies:
    """The bodies under way in this process."""

    def __init__(self, limit: int, in_flight: int = IN_FLIGHT) -> None:
        self._limit, self._room = limit, in_flight

    @contextlib.asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytes]:
        """The exact bytes, for as long as the block holds them.

        Raises Refused: 413 over the limit, 408 when they do not come, 503 when too many are under way.
        """
        parts: list[bytes] = []
        size = 0
        try:
            if int(request.headers.get("content-length") or 0) > self._limit:
                raise self._too_large()
            async with asyncio.timeout(SLOWEST):
                async for part in request.stream():
                    size += len(part)
                    self._room -= len(part)
                    if size > self._limit:
                        raise self._too_large()
                    if self._room < 0:
                        raise Refused(503, "too much at once; send it again later")
                    parts.append(part)
            yield b"".join(parts)
        except TimeoutError:
            raise Refused(408, "the body did not come") from None
        except ClientDisconnect:
            raise Refused(400, "the body ended early") from None
        finally:
            self._room += size

    def _too_large(self) -> Refused:
        return Refused(413, f"the body is larger than {self._limit} bytes")
