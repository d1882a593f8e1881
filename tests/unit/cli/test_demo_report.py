"""The demo agrees only when everything does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from conversion_sync.cli.demo_report import (
    AccountBooks,
    DemoSummary,
    KindTotal,
    NotSent,
    billed,
    net_by_currency,
    not_sent,
    platforms_own,
)
from conversion_sync.model.revenue import EventKind, lane_of
from conversion_sync.reports.reconciliation import Reconciliation
from conversion_sync.reports.status import LawStatus
from conversion_sync.reports.summary import Delivered, EventTotal, Read, RowTotal


def held(conversions: int, **value: str) -> Delivered:
    return Delivered(conversions=conversions, value={name: Decimal(amount) for name, amount in value.items()})


def books(ours: Delivered, theirs: Delivered) -> AccountBooks:
    return AccountBooks(platform="meta", account="main", ours=ours, platforms_own=theirs)


FINE = DemoSummary(
    start=datetime(2026, 11, 1, tzinfo=UTC),
    end=datetime(2026, 11, 2, tzinfo=UTC),
    is_new=True,
    read=Read(raw_events=1, clicks=1, ad_clicks=1, quarantined_clicks=0, parked_records=0),
    events=(),
    truth={"USD": 100},
    billed={"USD": 100},
    accounts=(books(held(1, USD="1"), held(1, USD="1.00")),),
    not_sent=(),
    earned=(),
    reconciliation=(
        Reconciliation(
            platform="meta", account="main", currency="USD", exponent=2, billing_minor=1, held_minor=1
        ),
    ),
    laws=(LawStatus(law="a law", broken=0, detail=""),),
    failures=(),
    sent_now=1,
    received_twice=0,
    example=None,
)


def test_a_demo_without_differences_agrees() -> None:
    assert FINE.agrees


@pytest.mark.parametrize(
    "difference",
    [
        {"truth": {"USD": 101}},
        {"billed": {}},
        {"accounts": (books(held(1, USD="1"), held(2, USD="1")),)},
        {"accounts": (books(held(1, USD="1"), held(1, USD="1.01")),)},
        {"accounts": (books(held(1, USD="1"), held(1, EUR="1")),)},
        {"reconciliation": (replace(FINE.reconciliation[0], held_minor=0),)},
        {"laws": (LawStatus(law="a law", broken=1, detail=""),)},
        {"received_twice": 1},
        {"failures": ("2026-11-01 meta_main_uploads: it is down",)},
    ],
)
def test_any_difference_is_a_disagreement(difference: dict[str, object]) -> None:
    assert not replace(FINE, **difference).agrees


def test_a_currency_of_which_nothing_is_left_is_no_difference() -> None:
    assert books(held(1, USD="1", EUR="0"), held(1, USD="1")).agree


def test_the_platforms_books_are_summed_over_actions() -> None:
    lines = [
        {"platform": "meta", "action": "Purchase", "currency": "USD", "count": 2, "value": "10.10"},
        {"platform": "meta", "action": "Upgrade", "currency": "USD", "count": 1, "value": "0.90"},
        {"platform": "tiktok", "action": "Purchase", "currency": "", "count": 1, "value": "0"},
    ]
    assert platforms_own(lines) == {"meta": held(3, USD="11.00"), "tiktok": held(1)}


def test_the_truth_is_summed_over_kinds() -> None:
    totals = {"renewal:USD": {"count": 1, "net": 5}, "refund:USD": {"count": 1, "net": -2}}
    assert net_by_currency(totals) == {"USD": 3}


def event(kind: str, net: int) -> EventTotal:
    return total(kind, "USD", 2, 1, net, lane=lane_of(EventKind(kind)).value)


def test_facts_that_moved_no_cash_are_not_billed() -> None:
    facts = [event("renewal", 5), event("refund", -2), event("credit", -4), event("cancellation", 9)]
    assert billed(facts) == {"USD": 3}


def row(platform: str, state: str, reason: str, entries: int) -> RowTotal:
    return RowTotal(
        platform=platform,
        account="main",
        kind="conversion",
        state=state,
        reason=reason,
        currency="USD",
        exponent=2,
        entries=entries,
        book_minor=0,
        retractions=0,
    )


def test_what_was_not_sent_is_counted_by_reason_and_platform() -> None:
    rows = [
        row("meta", "settled", "confirmed", 9),
        row("meta", "skipped", "no_consent", 1),
        row("meta", "skipped", "no_click", 2),
        row("google_ads", "skipped", "no_click", 3),
    ]
    assert not_sent(rows) == (
        NotSent(
            state="skipped",
            reason="no_click",
            sentence="No click of this platform is known for the customer before the payment.",
            rows={"meta": 2, "google_ads": 3},
        ),
        NotSent(
            state="skipped",
            reason="no_consent",
            sentence="The visitor refused the use of ad data.",
            rows={"meta": 1},
        ),
    )


def total(kind: str, currency: str, exponent: int, entries: int, net: int, **changes: Any) -> EventTotal:
    facts: dict[str, Any] = {
        "kind": kind,
        "lane": "money",
        "livemode": True,
        "currency": currency,
        "exponent": exponent,
        "entries": entries,
        "net_minor": net,
    }
    return EventTotal(**(facts | changes))


def test_a_kind_of_event_is_one_line_whatever_its_currencies() -> None:
    found = replace(
        FINE,
        events=(
            total("trial_started", "USD", 2, 3, 0, lane="state"),
            total("trial_started", "EUR", 2, 2, 0, lane="state"),
            total("renewal", "JPY", 0, 2, 1500),
            total("renewal", "USD", 2, 1, 1999),
            total("renewal", "USD", 2, 1, 500, livemode=False),
        ),
    )
    assert found.by_kind() == [
        KindTotal(name="renewal", entries=3, net={"JPY": Decimal(1500), "USD": Decimal("19.99")}),
        KindTotal(name="renewal (test mode)", entries=1, net={"USD": Decimal("5.00")}),
        KindTotal(name="trial_started", entries=5, net={}),
    ]
