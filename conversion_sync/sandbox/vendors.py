"""What every simulated vendor is handed: the clock, the clicks, the accounts, the books and the faults."""

from __future__ import annotations

from dataclasses import dataclass, field

from conversion_sync.sandbox.books import Books
from conversion_sync.sandbox.clicks import AdClicks
from conversion_sync.sandbox.clock import Clock
from conversion_sync.sandbox.credentials import Credentials
from conversion_sync.sandbox.faults import Faults
from conversion_sync.sandbox.google_ads_standing import Standings
from conversion_sync.sandbox.holds import Holds
from conversion_sync.sandbox.sockets import Door


@dataclass(frozen=True, slots=True)
class Vendors:
    """`settle_seconds` is how long, on the sandbox's clock, Data Manager takes to process a request.

    `google_ads` says how the advertiser's account stands there; `doors` are the servers of the vendors that
    can refuse connections, by vendor.
    """

    clock: Clock
    clicks: AdClicks
    credentials: Credentials
    books: Books
    faults: Faults
    settle_seconds: float
    google_ads: Standings = field(default_factory=Standings)
    holds: Holds = field(default_factory=Holds)
    doors: dict[str, Door] = field(default_factory=dict)

    def mind_the_doors(self) -> None:
        """Closes and opens the vendors' ports as the fault plan says for this moment."""
        refusing = self.faults.refusing(self.clock.now())
        for vendor, door in self.doors.items():
            door.stand(closed=vendor in refusing)
