"""What every simulated vendor is handed: the clock, the clicks, the accounts, the books and the faults."""

from __future__ import annotations

from dataclasses import dataclass

from conversion_sync.sandbox.books import Books
from conversion_sync.sandbox.clicks import AdClicks
from conversion_sync.sandbox.clock import Clock
from conversion_sync.sandbox.credentials import Credentials
from conversion_sync.sandbox.faults import Faults


@dataclass(frozen=True, slots=True)
class Vendors:
    """`settle_seconds` is how long, on the sandbox's clock, Data Manager takes to process a request."""

    clock: Clock
    clicks: AdClicks
    credentials: Credentials
    books: Books
    faults: Faults
    settle_seconds: float
