"""The sandbox's clock: the wall clock, shifted or frozen by the admin interface."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta


class Clock:
    """Thread-safe. `shift` moves it, `freeze` stops it, `run` lets it go on from the wall clock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offset = timedelta(0)
        self._frozen: datetime | None = None

    def now(self) -> datetime:
        """Aware UTC."""
        with self._lock:
            return self._frozen if self._frozen is not None else datetime.now(UTC) + self._offset

    def shift(self, by: timedelta) -> None:
        """Move the clock by a span."""
        with self._lock:
            if self._frozen is not None:
                self._frozen += by
            else:
                self._offset += by

    def freeze(self, at: datetime) -> None:
        """Stop at a moment."""
        with self._lock:
            self._frozen = at.astimezone(UTC)

    def run(self) -> None:
        """Follow the wall clock again, without shift."""
        with self._lock:
            self._frozen, self._offset = None, timedelta(0)
