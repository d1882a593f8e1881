"""Requests held at a point: a vendor has one whole and says nothing until the admin lets it go.

Whoever watches learns that a request is at that very point, and may kill its sender there.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

LONGEST = 120.0
"""Seconds; a request nobody lets go then goes on by itself."""


@dataclass(slots=True, kw_only=True)
class _Held:
    vendor: str
    path: str
    moment: str
    let_go: threading.Event = field(default_factory=threading.Event)
    cut: bool = False


class Holds:
    """Thread-safe. The requests that are held now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: list[_Held] = []

    def wait(self, vendor: str, path: str, moment: str) -> bool:
        """Hold the calling thread's request; whether it goes on, or its connection is cut."""
        held = _Held(vendor=vendor, path=path, moment=moment)
        with self._lock:
            self._held.append(held)
        held.let_go.wait(LONGEST)
        with self._lock:
            if held in self._held:
                self._held.remove(held)
        return not held.cut

    def release(self, *, cut: bool = False) -> int:
        """Let all go that are held now; returns how many."""
        with self._lock:
            released, self._held = self._held, []
        for held in released:
            held.cut = cut
            held.let_go.set()
        return len(released)

    def to_json(self) -> list[dict[str, Any]]:
        """What is held, in the order it came."""
        with self._lock:
            return [{"vendor": held.vendor, "path": held.path, "moment": held.moment} for held in self._held]
