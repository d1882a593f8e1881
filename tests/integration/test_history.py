"""The past of a billing account: read before it is needed, its holes found, what was missed mended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from conversion_sync.billing.naming import Keys
from conversion_sync.billing.provider import RawRecord
from conversion_sync.billing.stripe.normalise import book
from conversion_sync.errors import TransientError
from conversion_sync.model.revenue import CustomerBook, CustomerKey
from conversion_sync.model.windows import Window
from conversion_sync.pipeline.configuration import settings_type
from conversion_sync.pipeline.context import Context
from conversion_sync.pipeline.history import backfill, histories, read_pasts, renormalise
from conversion_sync.pipeline.normalise import normalise
from conversion_sync.pipeline.pull import pull_billing
from tests.conftest import Database
from tests.integration.world import DAY, HOUR, NOW, rows
from tests.unit.billing.stripe_records import paid

ACCOUNT = ("stripe", "main")
LAST = Window(NOW - HOUR, NOW)
KEYS = Keys(provider="stripe", account="main", user_id="cs_user_id", visitor_id="cs_anon_id")


class Vendor:
    """A billing system with these records: events for 30 days, objects for ever. Notes what it was asked."""

    provider, account = ACCOUNT
    retention = 30 * DAY

    def __init__(self, records: Sequence[RawRecord], step: timedelta | None = 30 * DAY) -> None:
        self.records = list(records)
        self.history_step = step
        self.hidden: set[str] = set()
        self.listed: list[Window] = []
        self.pulled: list[Window] = []
        self.fails_after: int | None = None

    def pull(self, window: Window) -> Iterator[Sequence[RawRecord]]:
        self.pulled.append(window)
        yield [one for one in self.records if one.created_at in window and one.event_id not in self.hidden]

    def objects(self, window: Window) -> Iterator[Sequence[RawRecord]]:
        if self.fails_after is not None and len(self.listed) >= self.fails_after:
            raise TransientError("The vendor is away.", remedy="Run again.")
        self.listed.append(window)
        yield [one for one in self.records if one.created_at in window]

    def received(self, body: bytes, received_at: datetime) -> Sequence[RawRecord]:
        raise NotImplementedError

    def normalise(self, customer: CustomerKey, records: Iterable[RawRecord]) -> CustomerBook:
        return book(customer, records, KEYS)

    def close(self) -> None:
        """Nothing is open."""


def payments(*ago: timedelta) -> list[RawRecord]:
    return [
        paid(
            f"in_{number}",
            reason="subscription_create" if not number else "subscription_cycle",
            paid_at=NOW - each,
        )
        for number, each in enumerate(ago)
    ]


def at_work(database: Database, vendor: Vendor, now: datetime = NOW, **account: Any) -> Context:
    settings = settings_type().model_validate(
        {
            "start": "2026-01-01T00:00:00Z",
            "billing": {"stripe": {"main": {"api_key": "k", **account}}},
            "platforms": {},
        }
    )
    return Context(
        settings=settings,
        engine=database.engine,
        providers={ACCOUNT: lambda: vendor},
        click_sources={},
        platforms={},
        catalogues={},
        clock=lambda: now,
    )


def hour(ctx: Context, ago: timedelta = HOUR) -> Window:
    return Window(NOW - ago, NOW - ago + HOUR)


def kinds(database: Database) -> list[str]:
    return [
        kind
        for (kind,) in rows(
            database.engine, "select kind from revenue_event where retired_at is null order by occurred_at"
        )
    ]


def test_a_renewal_is_one_only_because_the_past_is_known(database: Database) -> None:
    vendor = Vendor(payments(400 * DAY, 370 * DAY, HOUR))
    ctx = at_work(database, vendor)
    pull_billing(ctx, hour(ctx))
    normalise(ctx, hour(ctx))
    assert kinds(database) == ["first_payment"]
    assert read_pasts(ctx, hour(ctx)).counts == {"stripe:main history": 2}
    normalise(ctx, hour(ctx))
    assert kinds(database) == ["first_payment", "renewal", "renewal"]


def test_the_past_is_read_once_in_steps_that_grow_where_it_is_empty(database: Database) -> None:
    vendor = Vendor(payments(400 * DAY, 370 * DAY, HOUR))
    ctx = at_work(database, vendor, history_from="2019-01-01")
    read_pasts(ctx, hour(ctx))
    spans = vendor.listed
    assert spans[0].start.isoformat() == "2019-01-01T00:00:00+00:00"
    assert [one.start for one in spans[1:]] == [one.end for one in spans[:-1]]
    # What is still listed is pulled, up to the window that is synced.
    assert vendor.pulled == [Window(spans[-1].end, LAST.start)]
    assert NOW - spans[-1].end < 30 * DAY
    lengths = [one.end - one.start for one in spans]
    assert lengths[:5] == [30 * DAY, 60 * DAY, 120 * DAY, 240 * DAY, 480 * DAY]
    assert max(lengths) <= 720 * DAY
    assert len(spans) < 25
    assert read_pasts(ctx, hour(ctx)).counts == {}
    assert vendor.listed == spans


def test_a_past_that_cannot_be_asked_by_time_is_read_whole(database: Database) -> None:
    vendor = Vendor(payments(400 * DAY, HOUR), step=None)
    assert read_pasts(at_work(database, vendor), LAST).counts == {"stripe:main history": 1}
    assert len(vendor.listed) == 1


def test_a_run_that_dies_goes_on_where_it_was(database: Database) -> None:
    vendor = Vendor(payments(100 * DAY, HOUR))
    ctx = at_work(database, vendor, history_from="2026-01-01")
    vendor.fails_after = 2
    with pytest.raises(TransientError):
        read_pasts(ctx, hour(ctx))
    (half,) = histories(database.engine)
    assert (half.complete, half.read_until) == (False, vendor.listed[-1].end)
    vendor.fails_after = None
    read_pasts(ctx, hour(ctx))
    assert len({one.start for one in vendor.listed}) == len(vendor.listed)
    assert histories(database.engine)[0].complete


def test_a_history_that_is_to_begin_earlier_is_read_anew(database: Database) -> None:
    vendor = Vendor(payments(700 * DAY, HOUR))
    read_pasts(at_work(database, vendor, history_from="2026-01-01"), LAST)
    earlier = at_work(database, vendor, history_from="2024-01-01")
    assert read_pasts(earlier, LAST).counts == {"stripe:main history": 1}
    assert read_pasts(at_work(database, vendor, history_from="2026-01-01"), LAST).counts == {}


def test_hours_nobody_pulled_are_read_before_the_next_is_synced(database: Database) -> None:
    vendor = Vendor(payments(HOUR))
    read_pasts(at_work(database, vendor, history_from="2026-10-01"), LAST)
    vendor.records += payments(HOUR, HOUR - 10 * DAY, HOUR - 40 * DAY)[1:]
    later = NOW + 60 * DAY
    after = at_work(database, vendor, now=later, history_from="2026-10-01")
    pull_billing(after, Window(later - 2 * HOUR, later - HOUR))
    vendor.listed.clear(), vendor.pulled.clear()
    last = Window(later - HOUR, later)
    assert read_pasts(after, last).counts == {
        "stripe:main hours missed": 60 * 24 - 1,
        "stripe:main records read for them": 3,
    }
    # As objects where the events are gone, as events where they are not.
    assert (vendor.listed[0].start, vendor.pulled[-1].end) == (LAST.start, later - 2 * HOUR)
    assert vendor.listed[-1].end == vendor.pulled[0].start == later - 29 * DAY
    assert read_pasts(after, last).counts == {}


def test_of_a_window_no_longer_listed_the_objects_are_read(database: Database) -> None:
    vendor = Vendor(payments(50 * DAY, 40 * DAY, HOUR))
    ctx = at_work(database, vendor, history_from="2026-09-01")
    old = Window(NOW - 41 * DAY, NOW - 39 * DAY)
    pull_billing(ctx, old)
    assert read_pasts(ctx, old).counts == {"stripe:main history": 2}
    assert (vendor.listed[-1].end, vendor.pulled) == (old.end, [])


def test_what_is_too_old_to_be_listed_is_not_asked_for(database: Database) -> None:
    vendor = Vendor(payments(40 * DAY))
    ctx = at_work(database, vendor)
    found = pull_billing(ctx, Window(NOW - 40 * DAY - HOUR, NOW - 40 * DAY + HOUR)).counts
    assert (vendor.pulled, found["stripe:main hours no longer listed"]) == ([], 2)
    edge = Window(NOW - 29 * DAY - 2 * HOUR, NOW - 29 * DAY + HOUR)
    assert pull_billing(ctx, edge).counts["stripe:main hours no longer listed"] == 2


def test_a_backfill_tells_what_it_mended(database: Database) -> None:
    vendor = Vendor(payments(5 * DAY, 2 * DAY, HOUR))
    vendor.hidden = {vendor.records[1].event_id}
    ctx = at_work(database, vendor, history_from="2026-10-01")
    pull_billing(ctx, Window(NOW - 6 * DAY, NOW))
    normalise(ctx, hour(ctx))
    assert kinds(database) == ["first_payment", "renewal"]
    week = Window(NOW - 4 * DAY, NOW)
    assert backfill(ctx, week).counts == {
        "stripe:main objects": 2,
        "stripe:main new states": 1,
        "stripe:main repaired": 1,
    }
    assert backfill(ctx, week).counts["stripe:main repaired"] == 0
    assert kinds(database) == ["first_payment", "renewal", "renewal"]


def test_writing_every_book_anew_changes_what_differs_and_asks_nobody(database: Database) -> None:
    vendor = Vendor(payments(5 * DAY, HOUR))
    ctx = at_work(database, vendor)
    pull_billing(ctx, Window(NOW - 6 * DAY, NOW))
    normalise(ctx, hour(ctx))
    asked = (list(vendor.pulled), list(vendor.listed))
    assert renormalise(ctx).counts["stripe:main changed"] == 0
    with database.engine.begin() as connection:
        connection.execute(
            text(
                "update revenue_event set net_minor = 1, tax_minor = gross_minor - 1, content_hash = 'old' "
                "where kind = 'renewal'"
            )
        )
    found = renormalise(ctx).counts
    assert (found["stripe:main customers"], found["stripe:main changed"]) == (1, 1)
    assert rows(database.engine, "select revision from revenue_event order by kind") == [(1,), (2,)]
    assert (vendor.pulled, vendor.listed) == asked
