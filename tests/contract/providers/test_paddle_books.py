"""From Paddle's lists to books: what really happened, to the last unit, whichever way it was told."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from conversion_sync.billing.provider import BillingProvider, RawRecord
from conversion_sync.model.revenue import CustomerBook, Lane, RevenueEvent, lane_of
from tests.contract.platforms.running import Sandbox
from tests.contract.providers.cases import CASES, Case, Json
from tests.contract.providers.conftest import Told
from tests.contract.providers.test_books import PAYMENTS, books, events

PADDLE = [case for case in CASES if case.provider == "paddle"]
pytestmark = pytest.mark.parametrize("case", PADDLE, indirect=True, ids=["paddle"])
Books = dict[str, CustomerBook]
RETURNS = ("refund", "refund_reversed", "chargeback", "chargeback_reversed")


@pytest.fixture(scope="module")
def truth(_running: Sandbox) -> Json:
    known: Json = _running.read("truth/paddle")
    return known


@pytest.fixture(scope="module")
def provider(_running: Sandbox, case: Case) -> BillingProvider:
    return case.open("main", case.account(_running.endpoints), lambda _: None)


@pytest.fixture(scope="module")
def pulled(provider: BillingProvider, told: Told) -> list[RawRecord]:
    return [record for page in provider.pull(told.window) for record in page]


@pytest.fixture(scope="module")
def listed(provider: BillingProvider, told: Told) -> list[RawRecord]:
    return [record for page in provider.objects(told.window) for record in page]


@pytest.fixture(scope="module")
def written(provider: BillingProvider, pulled: list[RawRecord]) -> Books:
    return books(provider, pulled)


def test_every_payment_is_booked_once_as_what_it_was(written: Books, truth: Json) -> None:
    happened = [
        (
            payment["customer"],
            payment["subscription"] or "",
            payment["invoice"],
            payment["kind"],
            datetime.fromisoformat(payment["paid_at"]),
            payment["currency"],
            payment["gross"],
            payment["net"],
        )
        for payment in truth["payments"]
        if payment["gross"]
    ]
    booked = [
        (
            event.customer_ref,
            event.subscription_ref or "",
            event.invoice_ref,
            event.kind.value,
            event.occurred_at,
            event.currency,
            event.gross_minor,
            event.net_minor,
        )
        for event in events(written, *PAYMENTS)
    ]
    assert sorted(booked) == sorted(happened)
    assert {event.livemode for event in events(written, *PAYMENTS)} == {True}


def test_every_refund_that_was_approved_is_booked_once_with_its_share(written: Books, truth: Json) -> None:
    happened = [
        tuple(refund[name] for name in ("customer", "refund", "invoice", "gross", "net", "net_left"))
        for refund in truth["refunds"]
        if refund["status"] == "approved"
    ]
    booked = [
        (
            event.customer_ref,
            event.source_object_id,
            event.invoice_ref,
            event.gross_minor,
            event.net_minor,
            event.net_after_minor,
        )
        for event in events(written, *RETURNS)
    ]
    assert {event.kind.value for event in events(written, *RETURNS)} == set(RETURNS)
    assert sorted(booked) == sorted(happened)
    assert {refund["status"] for refund in truth["refunds"]} >= {"approved", "rejected"}


def test_net_cash_of_a_month_is_the_businesss_own(written: Books, truth: Json) -> None:
    cash: Counter[tuple[str, str | None]] = Counter()
    for event in events(written, *PAYMENTS, *RETURNS):
        cash[f"{event.occurred_at:%Y-%m}", event.currency] += event.net_minor
    happened: Counter[tuple[str, str | None]] = Counter()
    for payment in truth["payments"]:
        happened[payment["paid_at"][:7], payment["currency"]] += payment["net"]
    for refund in truth["refunds"]:
        if refund["status"] == "approved":
            happened[refund["created_at"][:7], refund["currency"]] += refund["net"]
    assert dict(cash) == {key: value for key, value in happened.items() if value or key in cash}


def test_trials_and_free_starts_are_told_apart(written: Books, truth: Json) -> None:
    trials = {trial["subscription"]: trial["started_at"] for trial in truth["trials"]}
    assert {
        event.subscription_ref: event.occurred_at.isoformat() for event in events(written, "trial_started")
    } == trials
    free = {payment["subscription"] for payment in truth["payments"] if payment["kind"] == "free"}
    assert {event.subscription_ref for event in events(written, "free_started")} == free != set()


def test_every_change_of_a_subscription_is_told_as_what_it_was(written: Books, truth: Json) -> None:
    happened = {(state["kind"], state["subscription"], state["at"]) for state in truth["states"]}
    kinds = {kind for kind, _, _ in happened}
    booked = {
        (event.kind.value, event.subscription_ref, event.occurred_at.isoformat())
        for event in events(written, *kinds)
    }
    assert booked == happened
    assert kinds >= {"upgrade", "downgrade", "seat_expansion", "seat_contraction", "interval_change"}
    assert kinds >= {
        "pause",
        "resume",
        "reactivation",
        "cancel_scheduled",
        "cancel_withdrawn",
        "cancellation",
    }


def test_bills_nobody_paid_and_credit_are_told(written: Books, truth: Json) -> None:
    happened = {(row["kind"], row["invoice"], row["at"]) for row in truth["failures"]}
    booked = {
        (event.kind.value, event.invoice_ref, event.occurred_at.isoformat())
        for event in events(written, "payment_failed", "uncollectible")
    }
    assert booked == happened
    assert {kind for kind, _, _ in happened} == {"payment_failed", "uncollectible"}
    credit = {(row["credit_note"], row["gross"], row["net"]) for row in truth["credits"]}
    found = events(written, "credit")
    assert (
        {(event.source_object_id, event.gross_minor, event.net_minor) for event in found} == credit != set()
    )


def test_customers_are_linked_to_whom_the_custom_data_names(written: Books, truth: Json) -> None:
    named = {(link["from"], link["id"], link["is"]) for link in truth["links"] if link["to"] == "customer"}
    found = {
        (str(link.from_end), link.from_id, str(link.to_id).split(":", 2)[2])
        for book in written.values()
        for link in book.links
    }
    assert found == named


def test_nothing_of_a_known_vendor_is_parked(written: Books) -> None:
    assert [record for book in written.values() for record in book.parked] == []


def test_who_a_customer_is_is_known_by_customer_and_address(written: Books, truth: Json) -> None:
    emails = {
        contact.email for book in written.values() for contact in book.contacts if contact.of == "customer"
    }
    countries = {event.customer_country for event in events(written, *PAYMENTS)}
    assert len(emails) == len(truth["customers"])
    assert countries == {customer["country"] for customer in truth["customers"]}


def told_alike(written: Books, lane: Lane) -> dict[str, list[RevenueEvent]]:
    """Events by customer, without which record told them."""
    found: dict[str, list[RevenueEvent]] = defaultdict(list)
    for customer, book in written.items():
        found[customer] += [
            replace(event, source_event_id="", reconstructed=False)
            for event in book.events
            if lane_of(event.kind) is lane
        ]
    return {customer: told for customer, told in found.items() if told}


def test_listed_objects_give_the_money_that_events_give(
    provider: BillingProvider, written: Books, listed: list[RawRecord]
) -> None:
    from_objects = books(provider, listed)
    assert told_alike(from_objects, Lane.MONEY) == told_alike(written, Lane.MONEY)
    assert [record for book in from_objects.values() for record in book.parked] == []


def test_listed_objects_tell_trials_ends_and_failures_alike(
    provider: BillingProvider, written: Books, listed: list[RawRecord]
) -> None:
    kinds = {"trial_started", "free_started", "cancellation", "payment_failed"}

    def alike(told: Books) -> list[RevenueEvent]:
        found = [event for each in told_alike(told, Lane.STATE).values() for event in each]
        mine = [replace(event, mrr_before_minor=None) for event in found if event.kind.value in kinds]
        return sorted(mine, key=lambda event: event.event_key)

    assert [(event.event_key, event.occurred_at) for event in alike(books(provider, listed))] == [
        (event.event_key, event.occurred_at) for event in alike(written)
    ]


def test_objects_add_nothing_to_events(
    provider: BillingProvider, written: Books, pulled: list[RawRecord], listed: list[RawRecord]
) -> None:
    both = books(provider, [*listed, *pulled])
    assert told_alike(both, Lane.MONEY) == told_alike(written, Lane.MONEY)
    assert told_alike(both, Lane.STATE) == told_alike(written, Lane.STATE)
    assert {customer: book.events for customer, book in both.items()} == {
        customer: book.events for customer, book in written.items()
    }


def test_a_webhook_is_the_record_that_pulling_gives(
    provider: BillingProvider, told: Told, pulled: list[RawRecord]
) -> None:
    known = {record.event_id: record for record in pulled}
    for item in told.items[:50]:
        body = json.dumps(item.said | {"notification_id": "ntf_01"}).encode()
        [record] = provider.received(body, datetime(2020, 1, 1, tzinfo=UTC))
        assert replace(record, body="") == replace(known[item.id], body="")


def test_windows_read_one_by_one_give_the_books_of_one(
    provider: BillingProvider, told: Told, written: Books
) -> None:
    records: Iterable[RawRecord] = [
        record
        for window in list(told.window.days())[::-1]
        for page in provider.pull(window)
        for record in page
    ]
    assert books(provider, records) == written
