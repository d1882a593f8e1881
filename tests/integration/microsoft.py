"""Microsoft Advertising's simulated account, and deliveries to it through the real adapter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from conversion_sync.config.settings import UploadMode
from conversion_sync.delivery.deliver import deliver
from conversion_sync.delivery.desk import Desk
from conversion_sync.delivery.tally import Tally
from conversion_sync.model.click import ClickIdKind
from conversion_sync.model.revenue import EventKind
from conversion_sync.platforms.catalogue import catalogue_of
from conversion_sync.platforms.microsoft_ads.adapter import MicrosoftAdsAdapter
from conversion_sync.platforms.microsoft_ads.settings import Account
from conversion_sync.platforms.registry import fixed_tokens
from conversion_sync.sandbox.faults import Rule
from conversion_sync.sandbox.vendors import Vendors
from tests.integration.world import (
    CUSTOMER,
    DAY,
    EVERYTHING,
    HOUR,
    NOW,
    TINY,
    click,
    configure,
    event,
    land,
    link,
    rooms,
    rows,
)

PLATFORM, GOAL = "microsoft_ads", "Offline purchase"
CLICK = "0123456789abcdef0123456789abcdef"
TARGETS = {"purchase": {"conversion_name": GOAL}}


@dataclass(frozen=True, slots=True)
class Microsoft:
    """The vendor's books and ours, side by side."""

    vendors: Vendors
    engine: Engine
    url: str

    def pay(self, count: int, ago: timedelta = HOUR, *, apart: timedelta = timedelta(seconds=1)) -> None:
        """Payments of a dollar by somebody who clicked Microsoft's ad a day ago."""
        for number in range(count):
            event(self.engine, f"pay{number}", EventKind.FIRST_PAYMENT, ago + number * apart, net=100)
        rooms(self.engine)

    def refund(self, key: str, net: int, left: int, *, of: str = "pay0", minutes_ago: int = 30) -> None:
        """A refund in cents, after which so much is left of the payment."""
        ago = timedelta(minutes=minutes_ago)
        refunded = 100 - left
        event(self.engine, key, EventKind.REFUND, ago, net=-net, parent=of, left=left, refunded=refunded)
        rooms(self.engine, window=TINY)

    def deliver(self, now: datetime = NOW, *, targets: Mapping[str, Mapping[str, str]] = TARGETS) -> Tally:
        """One delivery at a time that both sides agree on, without its pauses."""
        self.vendors.clock.freeze(now)
        known = self.vendors.credentials
        account = Account.model_validate(
            {
                "customer_id": known.microsoft_customer_id,
                "customer_account_id": known.microsoft_account_id,
                "developer_token": known.microsoft_developer_token,
                "access_token": known.microsoft_access_token,
                "base_url": self.url,
            }
        )
        tokens = fixed_tokens(PLATFORM, "main", account)
        adapter = MicrosoftAdsAdapter(account, catalogue_of(PLATFORM, account), tokens, lambda: now)
        desk = Desk(
            engine=self.engine,
            platform=PLATFORM,
            account="main",
            run_id="run-1",
            targets=targets,
        )
        try:
            return deliver(desk, adapter, EVERYTHING, UploadMode.LIVE, lambda: now, sleep=lambda _: None)
        finally:
            adapter.close()

    def forget(self) -> None:
        """Our books as if nothing had ever been sent, and the account as if it had never been asked."""
        with self.engine.begin() as connection:
            connection.exec_driver_sql("truncate conversion, delivery_pace, delivery_breaker")
        rooms(self.engine)

    def go_wrong(self, path: str = "OfflineConversions/Apply", times: int | None = 1, **action: Any) -> None:
        """Changes the next answers of one list."""
        rule = {"vendor": "microsoft", "path_contains": path, "times": times, "action": action}
        self.vendors.faults.add(Rule.model_validate(rule))

    def states(self, kind: str = "conversion") -> Counter[tuple[str, str, str | None]]:
        """How many rows stand where, and by which code."""
        found = rows(
            self.engine,
            "select entry.state, entry.reason, entry.code from conversion as entry where kind = :kind",
            kind=kind,
        )
        return Counter((state, reason, code) for state, reason, code in found)

    def counted(self) -> tuple[int, str]:
        """What Microsoft counts, and what it is worth."""
        totals = self.vendors.books.totals()
        return sum(each["count"] for each in totals), str(sum(float(each["value"]) for each in totals))

    def held_by_ledger(self) -> str:
        """What Microsoft holds by our books."""
        [(cents,)] = rows(
            self.engine,
            "select coalesce(sum(book_minor), 0)::int from conversion where state = 'settled'",
        )
        return str(cents / 100)


def prepared(engine: Engine) -> Engine:
    """One account of Microsoft, with a customer who clicked its ad a day ago."""
    configure(engine, PLATFORM, rules=(("first_payment", "purchase"),))
    link(engine, "visitor", "v1", "customer", CUSTOMER)
    land(engine, click("c", DAY, ClickIdKind.MSCLKID, click_id=CLICK))
    return engine
