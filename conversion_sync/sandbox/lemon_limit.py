"""How many calls Lemon Squeezy takes in a minute. Source: specs/billing.md §4.1."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

PER_MINUTE = 300
MINUTE = timedelta(minutes=1)


class Minute:
    """Thread-safe. A minute begins with the first call after the last one ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began: datetime | None = None
        self._calls = 0

    def take(self, now: datetime) -> int | None:
        """Counts a call; how many are left, None where it is one too many."""
        with self._lock:
            if self._began is None or not self._began <= now < self._began + MINUTE:
                self._began, self._calls = now, 0
            self._calls += 1
            return PER_MINUTE - self._calls if self._calls <= PER_MINUTE else None
