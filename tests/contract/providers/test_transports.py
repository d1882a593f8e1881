"""Whichever way a record comes, the book is the same: pulled, received by webhook, or listed as an object.

For billing systems with an event feed, whose webhooks bring what it holds. Lemon Squeezy has none:
`test_lemon_squeezy_books`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from conversion_sync.billing.provider import RawRecord
from conversion_sync.model.revenue import CustomerBook, RevenueEvent, lane_of
from tests.contract.platforms.running import Sandbox
from tests.contract.providers.cases import CASES, Case
from tests.contract.providers.conftest import Account, Opened, Told
from tests.contract.providers.test_books import books

FEEDS = [case for case in CASES if case.provider != "lemon_squeezy"]
NOW = datetime(2030, 1, 1, tzinfo=UTC)
pytestmark = pytest.mark.parametrize("case", FEEDS, indirect=True, ids=[case.provider for case in FEEDS])


@pytest.fixture
def pulled(account: Account, told: Told) -> list[RawRecord]:
    return account.pull(told.window)


@pytest.fixture
def listed(account: Account, told: Told) -> list[RawRecord]:
    return [record for page in account.provider.objects(told.window) for record in page]


def rows(written: Mapping[str, CustomerBook], *without: str) -> set[tuple[Any, ...]]:
    """Every fact of money, with what a platform could be told of it."""
    return {
        columns(event)
        for book in written.values()
        for event in book.events
        if lane_of(event.kind).value == "money" and event.source_object_id not in without
    }


def columns(event: RevenueEvent) -> tuple[Any, ...]:
    names = (
        *("event_key", "kind", "occurred_at", "currency", "exponent", "gross_minor", "net_minor"),
        *("is_full", "parent_event_key", "subscription_ref", "invoice_ref", "payment_ref", "net_after_minor"),
        *("off_provider_minor", "credit_applied_minor", "is_first_for_customer", "livemode"),
    )
    return tuple(getattr(event, name) for name in names)


def states(written: Mapping[str, CustomerBook], *kinds: str) -> set[tuple[str, datetime]]:
    return {
        (event.event_key, event.occurred_at)
        for book in written.values()
        for event in book.events
        if event.kind.value in kinds
    }


def came_back(written: Mapping[str, CustomerBook]) -> list[str]:
    """Refunds that went and came again: an object says only how they ended."""
    return [
        event.source_object_id
        for book in written.values()
        for event in book.events
        if event.kind.value == "refund_reversed"
    ]


def shuffled(records: Iterable[RawRecord]) -> list[RawRecord]:
    return sorted(records, key=lambda record: record.event_id[::-1])


def test_a_webhook_is_the_record_that_is_pulled(
    account: Account, told: Told, pulled: list[RawRecord]
) -> None:
    received = {
        record.event_id: record
        for one in told.items
        for record in account.provider.received(json.dumps(one.said, indent=2).encode(), NOW)
    }
    for record in pulled:
        twin = received[record.event_id]
        assert json.loads(twin.body) == json.loads(record.body)
        assert (twin.event_type, twin.created_at, twin.livemode) == (
            *(record.event_type, record.created_at, record.livemode),
        )
        assert (twin.customer_ref, twin.invoice_ref, twin.payment_ref) == (
            *(record.customer_ref, record.invoice_ref, record.payment_ref),
        )
    assert books(account.provider, received.values()) == books(account.provider, pulled)


def test_objects_give_the_money_that_events_give(
    account: Account, pulled: list[RawRecord], listed: list[RawRecord]
) -> None:
    told, shown = books(account.provider, pulled), books(account.provider, listed)
    undone = came_back(told)
    # What came back changes what is left after the next one: those payments are compared as they end.
    parents = {
        event.parent_event_key
        for book in told.values()
        for event in book.events
        if event.source_object_id in undone
    }
    parts = {
        event.source_object_id
        for book in told.values()
        for event in book.events
        if event.parent_event_key in parents
    }
    assert rows(shown, *parts) == rows(told, *parts)
    for kinds in (("trial_started",), ("cancellation",), ("free_started",), ("reactivation",)):
        assert states(shown, *kinds) == states(told, *kinds)
    assert [record for book in shown.values() for record in book.parked] == []


def test_objects_beside_events_change_nothing(
    account: Account, pulled: list[RawRecord], listed: list[RawRecord]
) -> None:
    alone = books(account.provider, pulled)
    both = books(account.provider, shuffled([*listed, *pulled]))
    assert {name: book.events for name, book in both.items()} == {
        name: book.events for name, book in alone.items()
    }


def test_a_listed_object_is_one_record_however_often_it_is_listed(
    opened: Opened, told: Told, listed: list[RawRecord]
) -> None:
    again = [record for page in opened().provider.objects(told.window) for record in page]
    assert len({record.event_id for record in listed}) > 100
    assert {record.event_id for record in again} == {record.event_id for record in listed}
    assert all(record.event_type.startswith("object.") for record in listed)


@pytest.mark.parametrize("action", [{"status": 429}, {"status": 200, "body": '{"data": [{"id": "in_1'}])
def test_a_fault_while_objects_are_listed_leaves_none_out(
    sandbox: Sandbox, case: Case, opened: Opened, told: Told, listed: list[RawRecord], action: Any
) -> None:
    other = opened()
    sandbox.go_wrong(case.vendor, **action)
    found = [record for page in other.provider.objects(told.window) for record in page]
    assert {record.event_id for record in found} == {record.event_id for record in listed}
    assert len(other.waits) == 1
