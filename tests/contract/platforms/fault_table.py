"""Every code a vendor is known to answer with, through a real delivery to its simulation.

One world, an ad account for each answer. Where its rows end is written by hand, from the classes of the
specification: delivered, refused, a batch refused for some rows, later, a human, may have arrived.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine
from starlette.applications import Starlette

from conversion_sync.config.settings import UploadMode
from conversion_sync.delivery.deliver import deliver
from conversion_sync.delivery.desk import Desk
from conversion_sync.model.click import ClickIdKind
from conversion_sync.model.revenue import EventKind
from conversion_sync.platforms.registry import adapter_of, fixed_tokens, kinds
from conversion_sync.sandbox.books import Books
from conversion_sync.sandbox.clicks import AdClicks
from conversion_sync.sandbox.clock import Clock
from conversion_sync.sandbox.credentials import Credentials
from conversion_sync.sandbox.faults import Faults, Rule
from conversion_sync.sandbox.vendors import Vendors
from tests.contract.sandbox.conftest import Stage
from tests.integration.world import (
    CUSTOMER,
    DAY,
    EVERYTHING,
    HOUR,
    NOW,
    click,
    configure,
    event,
    land,
    link,
    rooms,
    rows,
)

End = tuple[str, str]
"""State and reason."""
DONE: End = ("settled", "confirmed")
REFUSED: End = ("rejected", "platform_refused")
REVIEW: End = ("rejected", "needs_review")
WAITS: End = ("planned", "waits_retry")
HELD: End = ("held", "credential_or_configuration")
AGAIN: End = ("planned", "resend_in_doubt")
UNKNOWN: End = ("unknown", "may_have_arrived")

TWO = ("pay0", "pay1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the vendor says, how often, and where both rows of the delivery end.

    `nth` are the requests it is said to, None for all of them.
    """

    says: Mapping[str, Any]
    ends: tuple[End, End]
    nth: Sequence[int] | None = None


def always(says: Mapping[str, Any], end: End) -> Answer:
    """Said to every request: both rows end alike."""
    return Answer(says=says, ends=(end, end))


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """One platform at its simulation. `settings` are an account's, for an address."""

    platform: str
    app: Callable[[Vendors], Starlette]
    click_kind: ClickIdKind
    settings: Callable[[Credentials, str], dict[str, Any]]
    target: Mapping[str, str]


@dataclass(slots=True)
class Table:
    """A world with two payments, and an account for each answer."""

    vendor: Vendor
    answers: Mapping[str, Answer]
    engine: Engine
    stage: Stage
    vendors: Vendors = field(init=False)

    def __post_init__(self) -> None:
        self.vendors = Vendors(Clock(), AdClicks([]), Credentials(), Books(), Faults(), settle_seconds=0)
        self.stage.app = self.vendor.app(self.vendors)
        platform, rules = self.vendor.platform, (("first_payment", "purchase"),)
        configure(self.engine, platform, rules=rules, accounts=sorted(self.answers))
        link(self.engine, "visitor", "v1", "customer", CUSTOMER)
        land(self.engine, click("c", DAY, self.vendor.click_kind, click_id=f"click-{'x' * 40}"))
        for number, key in enumerate(TWO):
            event(self.engine, key, EventKind.FIRST_PAYMENT, HOUR - number * timedelta(minutes=1), net=100)
        rooms(self.engine)

    def answered(self) -> dict[str, tuple[End, ...]]:
        """Where the rows of each account end after a delivery to which its answer is given."""
        for name, answer in self.answers.items():
            for nth in answer.nth or (1,):
                rule = {"vendor": self.vendor.platform, "nth": nth, "action": dict(answer.says)}
                times = {"times": None} if answer.nth is None else {}
                self.vendors.faults.add(Rule.model_validate(rule | times))
            self.deliver(name, NOW)
            self.vendors.faults.clear()
        return self.ends()

    def healed(self, later: timedelta) -> dict[str, tuple[End, ...]]:
        """Where they end after one more delivery, with nothing wrong any more."""
        for name in self.answers:
            self.deliver(name, NOW + later)
        return self.ends()

    def deliver(self, account: str, now: datetime) -> None:
        """One delivery to one account, at a time both sides agree on, without its pauses."""
        self.vendors.clock.freeze(now)
        platform = self.vendor.platform
        settings = self.vendor.settings(self.vendors.credentials, self.stage.url)
        adapter = adapter_of(platform, account, kinds()[platform].account(**settings), fixed_tokens)
        desk = Desk(
            engine=self.engine,
            platform=platform,
            account=account,
            run_id="run-1",
            targets={"purchase": self.vendor.target},
        )
        try:
            deliver(desk, adapter, EVERYTHING, UploadMode.LIVE, lambda: now, sleep=lambda _: None)
        finally:
            adapter.close()

    def ends(self) -> dict[str, tuple[End, ...]]:
        """State and reason of each account's rows, in the order of their payments."""
        found: dict[str, list[End]] = {name: [] for name in self.answers}
        for account, state, reason in rows(
            self.engine, "select account, state, reason from conversion order by event_key"
        ):
            found[account].append((state, reason))
        return {name: tuple(ends) for name, ends in found.items()}

    def wanted(self) -> dict[str, tuple[End, ...]]:
        """Where the specification says they end."""
        return {name: answer.ends for name, answer in self.answers.items()}

    def wanted_healed(self) -> dict[str, tuple[End, ...]]:
        """What waited has gone; what was refused, or is a person's to look up, has not."""
        gone = (WAITS, HELD, AGAIN)
        return {
            name: tuple(DONE if end in gone else end for end in answer.ends)
            for name, answer in self.answers.items()
        }

    def counted(self) -> int:
        """How many conversions the vendor counts."""
        return sum(int(entry["counts"]) for entry in self.vendors.books.dump())


def assert_table(table: Table, *, beyond: int) -> None:
    """Every answer ends as the specification says; what waits for better times goes when they come.

    The vendor counts so many conversions `beyond` those we hold settled: some that arrived in doubt, less
    those it only said to have.
    """
    assert table.answered() == table.wanted()
    assert table.healed(timedelta(hours=7)) == table.wanted_healed()
    settled = sum(ends.count(DONE) for ends in table.wanted_healed().values())
    assert table.counted() == settled + beyond
