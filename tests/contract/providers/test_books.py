"""From the vendor's own lists to books: what really happened in the seeded business, to the last unit."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import pytest

from conversion_sync.billing.provider import BillingProvider, RawRecord
from conversion_sync.model.revenue import CustomerBook, RevenueEvent, customer_key
from tests.contract.platforms.running import Sandbox
from tests.contract.providers.cases import CASES, Case, Json
from tests.contract.providers.conftest import Account, Opened, Told

STRIPE = [case for case in CASES if case.provider == "stripe"]
pytestmark = pytest.mark.parametrize("case", STRIPE, indirect=True, ids=["stripe"])


def by_customer(records: Iterable[RawRecord]) -> dict[str, list[RawRecord]]:
    """Records with their customer; what names none has it from the payment or invoice it names."""
    kept = list(records)
    owner: dict[str | None, str] = {}
    named = 0
    while True:
        for record in kept:
            refs = (record.invoice_ref, record.payment_ref)
            known = record.customer_ref or owner.get(refs[0]) or owner.get(refs[1])
            if known:
                owner |= {ref: known for ref in refs if ref}
        if len(owner) == named:
            break
        named = len(owner)
    found: dict[str, list[RawRecord]] = defaultdict(list)
    for record in kept:
        customer = record.customer_ref or owner.get(record.invoice_ref) or owner.get(record.payment_ref)
        if customer:
            found[customer].append(record)
    return found


def books(provider: BillingProvider, records: Iterable[RawRecord]) -> dict[str, CustomerBook]:
    return {
        customer: provider.normalise(customer_key(provider.provider, provider.account, customer), own)
        for customer, own in by_customer(records).items()
    }


def events(written: Mapping[str, CustomerBook], *kinds: str) -> list[RevenueEvent]:
    return [event for book in written.values() for event in book.events if event.kind.value in kinds]


@pytest.fixture(scope="module")
def truth(_running: Sandbox) -> Json:
    known: Json = _running.read("truth")
    return known


@pytest.fixture
def written(account: Account, told: Told) -> dict[str, CustomerBook]:
    return books(account.provider, account.pull(told.window))


PAYMENTS = ("first_payment", "renewal", "expansion_payment", "reactivation_payment", "one_off_payment")


def test_every_payment_is_booked_once_as_what_it_was(written: dict[str, CustomerBook], truth: Json) -> None:
    happened = [
        (
            payment["customer"],
            payment["subscription"],
            payment["invoice"],
            payment["kind"],
            datetime.fromisoformat(payment["paid_at"]),
            payment["currency"],
            payment["gross"],
            payment["net"],
            payment["livemode"],
        )
        for payment in truth["payments"]
        if payment["gross"]
    ]
    booked = [
        (
            event.customer_ref,
            event.subscription_ref,
            event.invoice_ref,
            event.kind.value,
            event.occurred_at,
            event.currency,
            event.gross_minor,
            event.net_minor,
            event.livemode,
        )
        for event in events(written, *PAYMENTS)
    ]
    assert sorted(booked, key=str) == sorted(happened, key=str)


BACK = ("refund", "refund_reversed", "chargeback", "chargeback_reversed")


def test_everything_that_went_back_or_came_again_is_booked_once_with_its_share(
    written: dict[str, CustomerBook], truth: Json
) -> None:
    names = ("way", "customer", "refund", "invoice", "gross", "net", "net_left")
    happened = [
        tuple(row[name] for name in names) for row in truth["refunds"] if row["status"] == "succeeded"
    ]
    booked = [
        (
            event.kind.value,
            event.customer_ref,
            event.source_object_id,
            event.invoice_ref,
            event.gross_minor,
            event.net_minor,
            event.net_after_minor,
        )
        for event in events(written, *BACK)
    ]
    assert sorted(booked, key=str) == sorted(happened, key=str)
    assert {refund["status"] for refund in truth["refunds"]} >= {"succeeded", "failed"}
    assert {row["way"] for row in truth["refunds"]} == set(BACK)


def test_what_was_paid_or_given_back_by_other_means_says_so(
    written: dict[str, CustomerBook], truth: Json
) -> None:
    happened = {
        (row["invoice"], row["gross"])
        for part in ("payments", "refunds")
        for row in truth[part]
        if row["off_provider"]
    }
    found = {
        (event.invoice_ref, event.gross_minor)
        for event in events(written, *PAYMENTS, *BACK)
        if event.off_provider_minor
    }
    assert found == happened
    assert {gross > 0 for _, gross in happened} == {True, False}


def test_balance_that_was_given_is_told_and_is_no_cash(written: dict[str, CustomerBook], truth: Json) -> None:
    happened = [(row["credit_note"], row["gross"], row["net"]) for row in truth["credits"]]
    booked = [
        (event.source_object_id, event.gross_minor, event.net_minor) for event in events(written, "credit")
    ]
    assert (sorted(booked), len(happened) > 0) == (sorted(happened), True)


def test_the_net_cash_of_every_month_and_currency_is_what_came_in(
    written: dict[str, CustomerBook], truth: Json
) -> None:
    sums: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for event in events(written, *PAYMENTS, *BACK):
        if event.livemode:
            sums[f"{event.occurred_at:%Y-%m}"][str(event.currency)] += event.net_minor
    assert sums == truth["net_by_month"]


STATES = (
    *("upgrade", "downgrade", "seat_expansion", "seat_contraction", "interval_change", "pause", "resume"),
    *("cancel_scheduled", "cancel_withdrawn", "cancellation", "reactivation"),
)


def test_what_happened_to_subscriptions_without_money_is_told(
    written: dict[str, CustomerBook], truth: Json
) -> None:
    happened = [
        (row["kind"], row["subscription"], datetime.fromisoformat(row["at"])) for row in truth["states"]
    ]
    booked = [
        (event.kind.value, str(event.subscription_ref), event.occurred_at)
        for event in events(written, *STATES)
    ]
    assert sorted(booked) == sorted(happened)
    assert {kind for kind, _, _ in happened} == set(STATES)


def test_invoices_that_nobody_paid_are_told_once(written: dict[str, CustomerBook], truth: Json) -> None:
    happened = [(row["kind"], row["invoice"], datetime.fromisoformat(row["at"])) for row in truth["failures"]]
    booked = [
        (event.kind.value, str(event.invoice_ref), event.occurred_at)
        for event in events(written, "payment_failed", "uncollectible")
    ]
    assert sorted(booked) == sorted(happened)
    assert {kind for kind, _, _ in happened} == {"payment_failed", "uncollectible"}


def test_trials_and_free_starts_are_told_apart(written: dict[str, CustomerBook], truth: Json) -> None:
    trials = {trial["subscription"]: trial["started_at"] for trial in truth["trials"]}
    assert {
        event.subscription_ref: event.occurred_at.isoformat() for event in events(written, "trial_started")
    } == trials
    free = {payment["subscription"] for payment in truth["payments"] if payment["kind"] == "free"}
    found = events(written, "free_started")
    assert {event.subscription_ref for event in found} == free
    assert len(found) == len(free) > 0


def test_customers_are_linked_to_whom_the_metadata_names(
    written: dict[str, CustomerBook], truth: Json
) -> None:
    named = {(link["from"], link["id"], link["is"]) for link in truth["links"] if link["to"] == "customer"}
    found = {
        (str(link.from_end), link.from_id, str(link.to_id).split(":", 2)[2])
        for book in written.values()
        for link in book.links
    }
    assert found == named


def test_nothing_of_a_known_vendor_is_parked(written: dict[str, CustomerBook]) -> None:
    assert [record for book in written.values() for record in book.parked] == []


def test_both_shapes_are_among_the_records_and_give_the_same_kinds_of_events(
    written: dict[str, CustomerBook], truth: Json
) -> None:
    kinds: dict[str, set[str]] = defaultdict(set)
    for customer in truth["customers"]:
        kinds[customer["shape"]] |= {event.kind.value for event in written[customer["id"]].events}
    common = {"first_payment", "renewal", "expansion_payment", "refund", "trial_started", "cancellation"}
    assert common <= kinds["old"] & kinds["new"]


def test_the_lines_of_a_long_invoice_are_all_in_its_record(account: Account, told: Told) -> None:
    long = {
        item.id: item.said["data"]["object"]["lines"]["total_count"]
        for item in told.items
        if item.said["type"] == "invoice.paid" and item.said["data"]["object"]["lines"]["has_more"]
    }
    completed = {}
    shapes = set()
    for record in account.pull(told.window):
        if record.event_id in long:
            lines = json.loads(record.body)["data"]["object"]["lines"]
            completed[record.event_id] = len({line["id"] for line in lines["data"]})
            shapes.add((record.api_version, lines["has_more"]))
    assert (completed, set(long.values())) == (long, {13})
    assert shapes == {("2024-06-20", False), ("2026-10-28.endive", False)}


def by_id(records: Iterable[RawRecord]) -> list[RawRecord]:
    return sorted(records, key=lambda record: record.event_id)


@pytest.mark.parametrize("action", [{"status": 429, "headers": {"Retry-After": "3"}}, {"drop_reply": True}])
def test_a_fault_while_lines_are_completed_leaves_none_out(
    sandbox: Sandbox, case: Case, account: Account, opened: Opened, told: Told, action: Any
) -> None:
    expected = account.pull(told.window)
    other = opened()
    sandbox.go_wrong(case.vendor, path="/lines", **action)
    assert by_id(other.pull(told.window)) == by_id(expected)
    assert len(other.waits) == 1


def test_hours_pulled_one_by_one_give_the_books_of_one_pull(
    account: Account, told: Told, written: dict[str, CustomerBook]
) -> None:
    windows = list(told.window.days())[::-1]
    records = [record for window in windows for record in account.pull(window)]
    assert books(account.provider, records) == written


def test_two_accounts_share_no_event_and_no_link(
    opened: Opened, told: Told, written: dict[str, CustomerBook]
) -> None:
    second = opened("second")
    other = books(second.provider, second.pull(told.window))
    keys = [{event.event_key for book in each.values() for event in book.events} for each in (written, other)]
    assert (len(keys[0]), keys[0] & keys[1]) == (len(keys[1]), set())
    assert {event.provider_account for book in other.values() for event in book.events} == {"second"}
    assert {link.to_id for book in other.values() for link in book.links} == {
        link.to_id.replace(":main:", ":second:") for book in written.values() for link in book.links
    }
