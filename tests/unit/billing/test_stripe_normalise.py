"""A customer's book: whole rows, who the customer is, what happened without money, in any order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from conversion_sync.billing.naming import Keys
from conversion_sync.billing.provider import RawRecord
from conversion_sync.billing.stripe.normalise import book
from conversion_sync.model.revenue import (
    EventKey,
    EventKind,
    IdentityLink,
    LinkEnd,
    Precision,
    RevenueEvent,
)
from tests.unit.billing.stripe_records import (
    CUSTOMER,
    NEW,
    START,
    customer,
    day,
    event,
    invoice,
    money,
    paid,
    parked,
    seconds,
    session,
    shown,
    subscription,
    written,
)


def test_a_payment_is_written_whole() -> None:
    record = paid(
        total=1190,
        net=1000,
        paid=595,
        discount=100,
        starting_balance=-595,
        ending_balance=0,
        amount_paid_off_stripe=5,
        metadata={"cs_gclid": "g-1", "cs_fbc": "fb.1", "cs_plan": "x", "gclid": "no", "cs_ttclid": ""},
    )
    assert written([record]).events == (
        RevenueEvent(
            event_key=EventKey("stripe:main:invoice:in_1:first_payment"),
            provider="stripe",
            provider_account="main",
            livemode=True,
            kind=EventKind.FIRST_PAYMENT,
            occurred_at=START,
            occurred_at_precision=Precision.SECOND,
            source_event_id=record.event_id,
            source_api_version=NEW,
            source_object_type="invoice",
            source_object_id="in_1",
            customer_ref="cus_1",
            customer_country="DE",
            subscription_ref="sub_1",
            invoice_ref="in_1",
            currency="USD",
            exponent=2,
            gross_minor=595,
            tax_minor=95,
            net_minor=500,
            discount_minor=100,
            credit_applied_minor=595,
            off_provider_minor=5,
            price_ref_after="price_a",
            is_first_for_customer=True,
            is_first_for_subscription=True,
            period_start=START,
            period_end=day(30),
            click_ids={"fbc": "fb.1", "gclid": "g-1"},
        ),
    )


def test_a_trial_is_written_whole() -> None:
    record = subscription("created", "trialing", metadata={"cs_gclid": "g-1"})
    assert written([record]).events == (
        RevenueEvent(
            event_key=EventKey("stripe:main:subscription:sub_1:trial_started"),
            provider="stripe",
            provider_account="main",
            livemode=True,
            kind=EventKind.TRIAL_STARTED,
            occurred_at=START,
            occurred_at_precision=Precision.SECOND,
            source_event_id=record.event_id,
            source_api_version=NEW,
            source_object_type="subscription",
            source_object_id="sub_1",
            customer_ref="cus_1",
            subscription_ref="sub_1",
            currency="USD",
            exponent=2,
            gross_minor=0,
            tax_minor=0,
            net_minor=0,
            interval="month",
            interval_count=1,
            price_ref_after="price_a",
            quantity_after=3,
            is_trial=True,
            click_ids={"gclid": "g-1"},
        ),
    )


TRIAL = subscription("created", "trialing")
FREE = paid("in_0", 0)
LIFE: list[tuple[str, list[RawRecord], list[tuple[str, str]]]] = [
    ("a trial and its own invoice", [TRIAL, FREE], [("trial_started", "sub_1")]),
    (
        "a trial whose invoice is a second older than its first event",
        [subscription("created", "trialing", day(0.01)), FREE],
        [("trial_started", "sub_1")],
    ),
    (
        "another plan while on trial",
        [TRIAL, FREE, paid("in_2", 0, reason="subscription_update", paid_at=day(2))],
        [("trial_started", "sub_1")],
    ),
    (
        "into trial by an update",
        [
            subscription("created", "incomplete"),
            subscription("updated", "trialing", day(1), was={"status": "incomplete"}),
            subscription("updated", "trialing", day(2), was={"metadata": {}}),
        ],
        [("trial_started", "sub_1")],
    ),
    (
        "still on trial",
        [subscription("updated", "trialing", day(1), was={"status": "trialing"})],
        [],
    ),
    (
        "a trial, then a first period for nothing, then money",
        [
            TRIAL,
            FREE,
            subscription("updated", "active", day(14), was={"status": "trialing"}),
            paid("in_1", 0, reason="subscription_cycle", paid_at=day(14)),
            paid("in_2", reason="subscription_cycle", paid_at=day(44)),
        ],
        [("trial_started", "sub_1"), ("free_started", "in_1"), ("first_payment", "in_2")],
    ),
    (
        "a coupon for everything",
        [subscription(), FREE, paid("in_2", 0, reason="subscription_cycle", paid_at=day(30))],
        [("free_started", "in_0")],
    ),
    (
        "a free month after paid ones",
        [subscription(), paid("in_0"), paid("in_2", 0, reason="subscription_cycle", paid_at=day(30))],
        [("first_payment", "in_0")],
    ),
    (
        "free in a currency nobody knows",
        [subscription(), paid("in_0", 0, currency="usdc")],
        [],
    ),
    (
        "credit paid for it, so it was not free",
        [subscription(), paid("in_0", paid=0)],
        [],
    ),
    (
        "an end",
        [subscription(), subscription("deleted", "canceled", day(5))],
        [("cancellation", "sub_1")],
    ),
    (
        "an update that only moved the period",
        [
            subscription(),
            subscription("updated", "active", day(30), was={"items": {"data": [{"id": "si_1"}]}}),
        ],
        [],
    ),
]


@pytest.mark.parametrize(("records", "expected"), [row[1:] for row in LIFE], ids=[row[0] for row in LIFE])
def test_a_subscription_tells_what_happened_without_money(
    records: Sequence[RawRecord], expected: list[tuple[str, str]]
) -> None:
    found = [shown(event, "kind", "source_object_id") for event in written(records).events]
    assert found == expected


def link(end: LinkEnd, value: str, evidence: str, source: str, at: float) -> IdentityLink:
    return IdentityLink(
        from_end=end,
        from_id=value,
        to_end=LinkEnd.CUSTOMER,
        to_id=CUSTOMER,
        evidence=evidence,
        source_ref=source,
        linked_at=day(at),
    )


USER, VISITOR = "billing_metadata:cs_user_id", "billing_metadata:cs_anon_id"
LINKS: list[tuple[str, list[RawRecord], list[IdentityLink]]] = [
    ("nobody", [customer(0, None), customer(1, {}), session(2, None), session(3, "")], []),
    (
        "a user on the customer",
        [customer(0, {"cs_user_id": "u1", "other": "x"}, "created")],
        [link(LinkEnd.USER, "u1", USER, "cus_1", 0)],
    ),
    (
        "a browser on the subscription and its invoice",
        [
            subscription(metadata={"cs_anon_id": "v1"}),
            paid(metadata={"cs_anon_id": "v1"}, paid_at=day(1)),
        ],
        [
            link(LinkEnd.VISITOR, "v1", VISITOR, "in_1", 1),
            link(LinkEnd.VISITOR, "v1", VISITOR, "sub_1", 0),
        ],
    ),
    (
        "both in a checkout",
        [session(2, "u9", {"cs_user_id": "u1", "cs_anon_id": "v1"})],
        [
            link(LinkEnd.USER, "u1", USER, "cs_1", 2),
            link(LinkEnd.USER, "u9", "client_reference_id", "cs_1", 2),
            link(LinkEnd.VISITOR, "v1", VISITOR, "cs_1", 2),
        ],
    ),
    (
        "the latest mention",
        [customer(0, {"cs_user_id": "u1"}, "created"), customer(7, {"cs_user_id": "u1"})],
        [link(LinkEnd.USER, "u1", USER, "cus_1", 7)],
    ),
    (
        "another user later",
        [customer(0, {"cs_user_id": "u1"}, "created"), customer(7, {"cs_user_id": "u2"})],
        [link(LinkEnd.USER, "u1", USER, "cus_1", 0), link(LinkEnd.USER, "u2", USER, "cus_1", 7)],
    ),
    ("a number is a name", [customer(0, {"cs_user_id": 17})], [link(LinkEnd.USER, "17", USER, "cus_1", 0)]),
    ("an empty name", [customer(0, {"cs_user_id": ""})], []),
]


@pytest.mark.parametrize(("records", "expected"), [row[1:] for row in LINKS], ids=[row[0] for row in LINKS])
def test_metadata_says_who_the_customer_is(
    records: Sequence[RawRecord], expected: list[IdentityLink]
) -> None:
    assert written(records).links == tuple(expected)


def test_the_keys_of_metadata_are_the_accounts_own() -> None:
    keys = Keys(provider="stripe", account="main", user_id="uid", visitor_id="vid")
    found = book(CUSTOMER, [customer(0, {"uid": "u1", "vid": "v1", "cs_user_id": "u2"})], keys).links
    assert [(str(each.from_end), each.from_id, each.evidence) for each in found] == [
        ("user", "u1", "billing_metadata:uid"),
        ("visitor", "v1", "billing_metadata:vid"),
    ]


BROKEN: list[tuple[str, Mapping[str, Any], str]] = [
    ("invoice.paid", {"id": "in_9", "object": "invoice", "customer": "cus_1"}, "invoice.paid without total"),
    ("refund.created", {"id": "re_9", "object": "refund", "amount": "many"}, "refund.created: TypeError"),
    ("refund.updated", {"id": "re_9", "object": "refund", "amount": None}, "refund.updated: TypeError"),
    (
        "customer.updated",
        {"id": "cus_1", "object": "customer", "metadata": "u1"},
        "customer.updated: TypeError",
    ),
    (
        "invoice.paid",
        invoice("in_9") | {"lines": {"data": ["il_1"]}},
        "invoice.paid: TypeError",
    ),
]


@pytest.mark.parametrize(
    ("kind", "thing", "why"), BROKEN, ids=[f"{row[0]}-{n}" for n, row in enumerate(BROKEN)]
)
def test_a_record_that_cannot_be_read_is_parked_and_the_others_are_written(
    kind: str, thing: Mapping[str, Any], why: str
) -> None:
    record = event(kind, thing, day(2))
    assert money([paid(), record]) == [("first_payment", "in_1", 1000, 1000)]
    assert parked([paid(), record]) == [(record.event_id, "unreadable_record", why)]


def test_an_event_without_its_object_is_parked() -> None:
    whole = json.loads(paid().body)
    record = replace(paid(), body=json.dumps(whole | {"data": {}}))
    assert parked([record]) == [(record.event_id, "unreadable_record", "invoice.paid without object")]


@pytest.mark.parametrize("status", ["draft", "open", "void"])
def test_an_invoice_that_nobody_paid_writes_nothing(status: str) -> None:
    thing = invoice(paid=0, status=status, status_transitions={})
    record = event("invoice.voided" if status == "void" else "invoice.updated", thing, day(1))
    assert written([record]).events == written([record]).parked == ()


def test_a_thin_event_is_kept_and_says_nothing() -> None:
    thin = {
        "id": "evt_1",
        "object": "v2.core.event",
        "type": "v1.invoice.paid",
        "created": "2026-09-01T12:00:00Z",
    }
    record = replace(paid(), event_type="v1.invoice.paid", body=json.dumps(thin))
    assert written([record]).events == written([record]).parked == ()


def test_records_of_the_test_mode_are_marked_as_such() -> None:
    whole = json.loads(paid().body)
    whole["livemode"] = whole["data"]["object"]["livemode"] = False
    assert [each.livemode for each in written([replace(paid(), body=json.dumps(whole))]).events] == [False]


def test_two_renderings_of_one_invoice_are_one_payment() -> None:
    later = json.loads(paid(total=9999).body)
    later |= {"id": "evt_later", "created": seconds(day(1))}
    again = replace(paid(), event_id="evt_later", created_at=day(1), body=json.dumps(later))
    assert money([again, paid()]) == [("first_payment", "in_1", 1000, 1000)]
