"""The access log: once a minute how many requests ended how; no address, no query, nothing sent."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncIterator

EVERY = 60.0
"""Seconds."""

log = logging.getLogger(__name__)


class Tally:
    """Requests of this process since the last line, by what was asked and the outcome."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def count(self, what: str, outcome: str) -> None:
        """`what` is a name of ours: an account, a route, never a part of the request."""
        self._counts[what, outcome] += 1

    @contextlib.asynccontextmanager
    async def told(self) -> AsyncIterator[None]:
        """Writes the lines while the block runs, and a last one at its end."""
        telling = asyncio.create_task(self._tell())
        try:
            yield
        finally:
            telling.cancel()
            self._say()

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            self._say()

    def _say(self) -> None:
        counts, self._counts = self._counts, Counter()
        for (what, outcome), count in sorted(counts.items()):
            log.info("%s: %s, %d times", what, outcome, count)
