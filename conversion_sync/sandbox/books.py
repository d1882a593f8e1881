"""The platforms' own books: every conversion they accepted, and how often and how much each one counts.

Acceptance and counting are separate: a platform that takes a duplicate in without complaint may count it
again (`Copies.EACH_COUNTS`), drop it inside a window, or overwrite the value (specs/google_ads.md §5.6).
"""

from __future__ import annotations

import json
import threading
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from conversion_sync.sandbox.entries import (
    Adjustment,
    Applied,
    Conversion,
    Copies,
    Entry,
    Key,
    adjustment_from,
    apply,
    as_key,
    count_copy,
    entry_from,
    entry_json,
    plain,
)

LOG = 100_000
"""Requests the log remembers."""


class Books:
    """Thread-safe. One entry per (platform, account, action, vendor id)."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._entries: dict[Key, Entry] = {}
        self._pending: dict[Key, list[Adjustment]] = {}
        self._notes: dict[str, dict[str, Any]] = {}
        self._requests: Counter[str] = Counter()
        self._log: deque[tuple[str, str, datetime]] = deque(maxlen=LOG)
        self._in_flight: Counter[str] = Counter()
        self._highest: dict[str, int] = {}
        self._last: dict[str, datetime] = {}
        self._unnamed = 0
        self._promises: dict[str, bool] = {}

    # -- acceptance ------------------------------------------------------------------------------

    def accept(self, row: Conversion, copies: Copies, window: timedelta = timedelta(0)) -> Entry:
        """Take a row in and count it by the platform's rule for copies."""
        with self._lock:
            key = self._key(row)
            self._last[f"{row.platform} {row.account}"] = row.received_at
            entry = self._entries.get(key)
            if entry is None:
                entry = Entry(first=row, value=row.value, currency=row.currency, counted_at=row.received_at)
                entry.total = row.value or Decimal(0)
                self._entries[key] = entry
                for adjustment in self._pending.pop(key, []):
                    apply(entry, adjustment)
                return entry
            entry.times_received += 1
            count_copy(entry, row, copies if self.drops_copies(row.platform) else Copies.EACH_COUNTS, window)
            return entry

    def drops_copies(self, platform: str) -> bool:
        """Whether the platform keeps its word about copies; else each counts."""
        with self._lock:
            return self._promises.get(platform, True)

    def keep_promises(self, promises: Mapping[str, bool]) -> None:
        """Says platform by platform whether it keeps its word about copies from now on."""
        with self._lock:
            self._promises |= promises

    def dedup(self) -> dict[str, dict[str, Any]]:
        """By platform: whether it keeps its word, how many count, and how many would if every copy did."""
        with self._lock:
            platforms = {key[0] for key in self._entries} | self._promises.keys()
            booked = {
                name: [entry for key, entry in self._entries.items() if key[0] == name] for name in platforms
            }
            return {
                name: {
                    "kept": self.drops_copies(name),
                    "counts": sum(entry.counts for entry in booked[name]),
                    "counts_without": sum(entry.counts_without_dedup for entry in booked[name]),
                }
                for name in sorted(platforms)
            }

    def refuse_copy(self, entry: Entry) -> None:
        """Count that a row which is here already came again and was refused."""
        with self._lock:
            entry.times_received += 1

    def find(self, platform: str, account: str, action: str, vendor_id: str) -> Entry | None:
        """The entry under this id; live, so the caller only reads it."""
        with self._lock:
            return self._entries.get((platform, account, action, vendor_id))

    def of_click(self, platform: str, account: str, action: str, click_id: str) -> list[Entry]:
        """The entries of a click under an action."""
        with self._lock:
            return [
                entry
                for key, entry in self._entries.items()
                if key[:3] == (platform, account, action) and entry.first.click_id == click_id
            ]

    def last_received(self, platform: str, account: str) -> datetime | None:
        """When the account last took a conversion in."""
        with self._lock:
            return self._last.get(f"{platform} {account}")

    def adjust(self, entry: Entry, adjustment: Adjustment) -> Applied:
        """Restate or retract; after a terminal state it is kept and ignored."""
        with self._lock:
            return apply(entry, adjustment)

    def adjust_later(self, key: Key, adjustment: Adjustment) -> Applied:
        """Keep an adjustment for a conversion that has not come yet."""
        with self._lock:
            self._pending.setdefault(key, []).append(adjustment)
            return Applied.PENDING

    def forget(self) -> None:
        """Begin with empty books; what they say of requests and of accounts stays."""
        with self._lock:
            self._entries, self._pending, self._last = {}, {}, {}

    def _key(self, row: Conversion) -> Key:
        vendor_id = row.vendor_id
        if not vendor_id:
            self._unnamed += 1
            vendor_id = f"unnamed-{self._unnamed}"
        return (row.platform, row.account, row.action, vendor_id)

    # -- the vendors' notes and counters -----------------------------------------------------------

    def note(self, topic: str, name: str, value: Mapping[str, Any]) -> None:
        """Keep a vendor's own JSON-able state, so that a restart does not lose it."""
        with self._lock:
            self._notes.setdefault(topic, {})[name] = dict(value)

    def noted(self, topic: str, name: str) -> Mapping[str, Any] | None:
        """What was noted, or None."""
        with self._lock:
            value: Mapping[str, Any] | None = self._notes.get(topic, {}).get(name)
            return value

    @contextmanager
    def noting(self, topic: str, name: str) -> Iterator[dict[str, Any]]:
        """What was noted, to change in the block, with nobody else at the books meanwhile."""
        with self._lock:
            yield self._notes.setdefault(topic, {}).setdefault(name, {})

    @contextmanager
    def request(self, vendor: str, path: str, account: str) -> Iterator[None]:
        """Count a request by vendor and path, and how many of the account run at once."""
        lane = f"{vendor} {account}"
        with self._lock:
            self._requests[f"{vendor} {path}"] += 1
            self._log.append((vendor, path, datetime.now(UTC)))
            self._in_flight[lane] += 1
            self._highest[lane] = max(self._highest.get(lane, 0), self._in_flight[lane])
        try:
            yield
        finally:
            with self._lock:
                self._in_flight[lane] -= 1

    @property
    def requests(self) -> dict[str, Any]:
        """Requests by "vendor path"; the highest concurrency, and how many run now, by "vendor account"."""
        with self._lock:
            return {
                "count": dict(self._requests),
                "highest_concurrency": dict(self._highest),
                "in_flight": dict(+self._in_flight),
            }

    def request_log(self) -> list[dict[str, str]]:
        """The newest requests, oldest first, with the moment each came in by the wall clock."""
        with self._lock:
            return [{"vendor": vendor, "path": path, "at": at.isoformat()} for vendor, path, at in self._log]

    # -- reading -----------------------------------------------------------------------------------

    def dump(self) -> list[dict[str, Any]]:
        """Every entry, JSON-able, in order of key. Values are decimal text, times ISO 8601 UTC."""
        with self._lock:
            return [entry_json(key, entry) for key, entry in sorted(self._entries.items())]

    def totals(self) -> list[dict[str, Any]]:
        """What each platform reports per action and currency: how many count, and their value."""
        sums: dict[tuple[str, str, str], tuple[int, Decimal]] = {}
        with self._lock:
            for (platform, _, action, _), entry in self._entries.items():
                place = (platform, action, entry.currency or "")
                count, value = sums.get(place, (0, Decimal(0)))
                sums[place] = (count + entry.counts, value + entry.total)
        return [
            {
                "platform": platform,
                "action": action,
                "currency": currency,
                "count": count,
                "value": str(value),
            }
            for (platform, action, currency), (count, value) in sorted(sums.items())
        ]

    # -- keeping -----------------------------------------------------------------------------------

    def save(self, path: Path) -> None:
        """Write everything to a file, atomically."""
        with self._lock:
            text = json.dumps(
                {
                    "entries": [[key, plain(entry)] for key, entry in self._entries.items()],
                    "pending": [[k, plain(v)] for k, v in self._pending.items()],
                    "notes": self._notes,
                    "requests": self._requests,
                    "highest": self._highest,
                    "last": plain(self._last),
                    "unnamed": self._unnamed,
                }
            )
        draft = path.with_name(path.name + ".draft")
        draft.write_text(text)
        draft.replace(path)

    def load(self, path: Path) -> None:
        """Take over what `save` wrote; a file that does not exist leaves the books as they are."""
        if not path.exists():
            return
        kept = json.loads(path.read_text())
        with self._lock:
            self._entries = {as_key(key): entry_from(entry) for key, entry in kept["entries"]}
            self._pending = {as_key(k): [adjustment_from(a) for a in v] for k, v in kept["pending"]}
            self._notes = kept["notes"]
            self._requests = Counter(kept["requests"])
            self._highest = kept["highest"]
            self._last = {lane: datetime.fromisoformat(at) for lane, at in kept["last"].items()}
            self._unnamed = kept["unnamed"]
