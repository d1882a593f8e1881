"""A clerk writes the outcome of one request down while the next is claimed.

Both are work of the database, on rows that have nothing to do with each other. The order of the books
stays: an intent is written only after the outcome before it is committed, and until then its claim is
no more than locks of an open transaction, which a crash undoes.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

PATIENCE = 0.5
"""Seconds a claim holds its rows for the outcome before it. Planning may hold what the outcome waits for and
wait for what the claim holds: a ring through this process, which the database cannot see."""


@dataclass(slots=True, kw_only=True)
class Clerk:
    """One thread, with at most one outcome in hand."""

    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "clerk"))
    _in_hand: Future[None] | None = None

    def hand(self, write: Callable[[], None]) -> None:
        """Has an outcome written, after the one before it."""
        self.wait()
        self._in_hand = self._threads.submit(write)

    def wait(self, longest: float | None = None) -> None:
        """Returns when nothing is in hand; raises what went wrong with it.

        Raises TimeoutError when it takes longer than `longest` seconds: it is still in hand then.
        """
        if self._in_hand is not None:
            fault = self._in_hand.exception(longest)
            self._in_hand = None
            if fault is not None:
                raise fault

    def close(self) -> None:
        """Ends the thread, when it has written what is in hand."""
        self._threads.shutdown()
