"""Stripe's objects say the same in either shape, whatever is expanded, missing or null."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from conversion_sync.billing.facts import Line, Status
from conversion_sync.billing.stripe.catalogue import catalogue
from conversion_sync.billing.stripe.refunds import refund_fact
from conversion_sync.billing.stripe.shapes import InvoiceFact, References, invoice_fact, references
from conversion_sync.billing.stripe.subscriptions import standings_of
from tests.unit.billing.stripe_records import (
    NEW,
    OLD,
    START,
    Json,
    day,
    invoice,
    line,
    paid,
    refund,
    seen_of,
    subscription,
)


def fact(said: Json | None = None, **changes: Any) -> InvoiceFact:
    """A paid invoice; what is `said` stands over its members."""
    return invoice_fact(seen_of(paid(**changes), said))


def either(*, old: bool) -> InvoiceFact:
    first = line(1500, discount=150, tax=135, inclusive=True, quantity=2, old=old)
    credit = line(-350, price="price_b", proration=True, tax=-35, inclusive=True, old=old)
    return fact(
        total=1000,
        net=900,
        paid=700,
        discount=150,
        lines=[first, credit],
        metadata={"cs_user_id": "u1"},
        starting_balance=-300,
        ending_balance=0,
        old=old,
    )


def test_both_shapes_of_an_invoice_are_the_same_fact() -> None:
    new, old = either(old=False), either(old=True)
    lines = tuple(
        Line(
            net=net,
            proration=proration,
            price=price,
            quantity=quantity,
            period_start=START,
            period_end=day(30),
        )
        for net, proration, price, quantity in ((1215, False, "price_a", 2), (-315, True, "price_b", 1))
    )
    expected = InvoiceFact(
        seen=new.seen,
        id="in_1",
        status="paid",
        customer="cus_1",
        country="DE",
        subscription="sub_1",
        payment=None,
        currency="USD",
        billing_reason="subscription_create",
        paid_at=START,
        lost_at=None,
        amount_paid=700,
        total=1000,
        net_total=900,
        discount=150,
        credit_applied=300,
        off_provider=None,
        metadata={"cs_user_id": "u1"},
        lines=lines,
    )
    assert new == expected
    assert old == replace(expected, seen=old.seen, payment="pi_1")
    assert (new.seen.api_version, old.seen.api_version) == (NEW, OLD)


TAXES: list[tuple[Json, int]] = [
    ({"total_excluding_tax": 840}, 840),
    ({"total_excluding_tax": None, "total_taxes": [{"amount": 100}, {"amount": 60}]}, 840),
    ({"total_excluding_tax": None, "total_taxes": None, "tax": 190}, 810),
    ({"total_excluding_tax": None, "total_taxes": None, "tax": None}, 1000),
    ({"total_excluding_tax": 0}, 0),
]


@pytest.mark.parametrize(("said", "net"), TAXES, ids=[str(said) for said, _ in TAXES])
def test_the_total_without_tax_is_found_wherever_it_stands(said: Json, net: int) -> None:
    assert fact(said).net_total == net


SUBSCRIPTIONS: list[tuple[Json, str | None]] = [
    ({"parent": {"subscription_details": {"subscription": "sub_9"}}, "subscription": None}, "sub_9"),
    ({"parent": {"subscription_details": {"subscription": {"id": "sub_9"}}}}, "sub_9"),
    ({"parent": None, "subscription": "sub_9"}, "sub_9"),
    ({"parent": {"quote_details": {"quote": "qt_1"}}, "subscription": None}, "sub_1"),
    ({"parent": None, "lines": {"data": [line(5, subscription="sub_7", old=True)]}}, "sub_7"),
    ({"parent": None, "lines": {"data": [{"amount": 5}]}}, None),
    ({"parent": None, "lines": None}, None),
]


@pytest.mark.parametrize(("said", "found"), SUBSCRIPTIONS)
def test_the_subscription_is_found_in_the_parent_then_the_invoice_then_a_line(
    said: Json, found: str | None
) -> None:
    assert fact(said).subscription == found


PAYMENTS: list[tuple[Json, str | None]] = [
    ({}, None),
    ({"payment_intent": "pi_9", "charge": "ch_9"}, "pi_9"),
    ({"payment_intent": {"id": "pi_9"}}, "pi_9"),
    ({"payment_intent": None, "charge": "ch_9"}, "ch_9"),
    ({"payments": {"data": [{"payment": {"type": "payment_intent", "payment_intent": "pi_9"}}]}}, "pi_9"),
    ({"payments": {"data": [{"payment": {"type": "payment_record"}}]}}, None),
    ({"payments": {"data": []}}, None),
]


@pytest.mark.parametrize(("said", "found"), PAYMENTS)
def test_the_payment_of_an_invoice_is_found_inline_or_expanded(said: Json, found: str | None) -> None:
    assert fact(said).payment == found


OUTSIDE: list[tuple[Json, int | None]] = [
    ({}, None),
    ({"amount_paid_off_stripe": 400}, 400),
    ({"amount_paid_off_stripe": 0}, 0),
    ({"paid_out_of_band": True}, 1000),
    ({"paid_out_of_band": False}, None),
]


@pytest.mark.parametrize(("said", "off"), OUTSIDE)
def test_what_was_paid_outside_of_stripe_is_told(said: Json, off: int | None) -> None:
    assert fact(said).off_provider == off


def test_an_invoice_without_a_payment_time_was_paid_when_its_event_says() -> None:
    record = paid(paid_at=day(2))
    assert invoice_fact(seen_of(record, invoice(paid_at=START))).paid_at == START
    assert invoice_fact(seen_of(record, invoice(status_transitions={}))).paid_at == day(2)


@pytest.mark.parametrize(("balances", "applied"), [((-500, -200), 300), ((None, 0), None), ((0, None), None)])
def test_credit_is_told_where_both_balances_are_known(balances: Any, applied: int | None) -> None:
    assert fact(starting_balance=balances[0], ending_balance=balances[1]).credit_applied == applied


def test_metadata_of_the_subscription_stands_over_the_invoices_own() -> None:
    own = {"a": "invoice", "b": "invoice"}
    for old in (False, True):
        found = fact({"metadata": own}, metadata={"a": "subscription"}, old=old).metadata
        assert found == {"a": "subscription", "b": "invoice"}


REFERENCES: list[tuple[Json, References]] = [
    ({"object": "customer", "id": "cus_1"}, References(customer="cus_1")),
    ({"object": "invoice", "id": "in_1", "customer": "cus_1"}, References(customer="cus_1", invoice="in_1")),
    (
        {"object": "invoice", "id": "in_1", "customer": None, "customer_account": "acct_1", "charge": "ch_1"},
        References(customer="acct_1", invoice="in_1", payment="ch_1"),
    ),
    (
        {"object": "invoice_payment", "id": "inpay_1", "invoice": "in_1", "payment": {"charge": "ch_1"}},
        References(invoice="in_1", payment="ch_1"),
    ),
    (
        {"object": "invoice_payment", "invoice": {"id": "in_1"}, "payment": {"payment_intent": "pi_1"}},
        References(invoice="in_1", payment="pi_1"),
    ),
    (
        {"object": "payment_intent", "id": "pi_1", "customer": {"id": "cus_1"}, "invoice": "in_1"},
        References(customer="cus_1", invoice="in_1", payment="pi_1"),
    ),
    ({"object": "charge", "id": "ch_1", "payment_intent": "pi_1"}, References(payment="pi_1")),
    ({"object": "charge", "id": "ch_1", "payment_intent": None}, References(payment="ch_1")),
    ({"object": "refund", "id": "re_1", "charge": "ch_1"}, References(payment="ch_1")),
    (
        {"object": "refund", "id": "re_1", "charge": {"id": "ch_1"}, "payment_intent": "pi_1"},
        References(payment="pi_1"),
    ),
    ({"object": "dispute", "id": "dp_1", "charge": "ch_1"}, References(payment="ch_1")),
    (
        {"object": "checkout.session", "id": "cs_1", "customer": "cus_1", "payment_intent": "pi_1"},
        References(customer="cus_1"),
    ),
    ({"object": "payout", "id": "po_1"}, References()),
]


@pytest.mark.parametrize(("thing", "named"), REFERENCES, ids=[row[0]["object"] for row in REFERENCES])
def test_every_object_names_its_customer_invoice_and_payment(thing: Json, named: References) -> None:
    assert references(thing) == named


def test_a_refund_without_a_payment_intent_is_its_charges() -> None:
    found = refund_fact(seen_of(refund(amount=300, status="pending", at=day(2), payment=None)))
    assert (found.payment, found.amount, found.status) == ("ch_1", 300, "pending")
    assert (found.created_at, found.seen.at) == (day(1), day(2))


def items(*rows: tuple[str, str, int]) -> Json:
    return {
        "data": [
            {
                "id": name,
                "price": {"id": price, "unit_amount": 500, "recurring": {"interval": "month"}},
                "quantity": quantity,
            }
            for name, price, quantity in rows
        ]
    }


WAS: list[tuple[Json, list[tuple[str | None, int | None]]]] = [
    ({"status": "trialing"}, [("price_a", 3), ("price_b", 1)]),
    ({"items": items(("si_1", "price_0", 3), ("si_2", "price_b", 1))}, [("price_0", 3), ("price_b", 1)]),
    ({"items": {"data": [{"id": "si_1", "quantity": 2}]}}, [("price_a", 2)]),
    ({"quantity": 9, "plan": {"id": "plan_0", "amount": 1, "interval": "month"}}, [("plan_0", 9)] * 2),
]


@pytest.mark.parametrize(("was", "before"), WAS, ids=[str(list(row[0])) for row in WAS])
def test_a_subscription_is_read_with_what_it_was_before_item_by_item(
    was: Json, before: list[tuple[str | None, int | None]]
) -> None:
    record = subscription("updated", "active", day(3), was=was)
    now = {"items": items(("si_1", "price_a", 3), ("si_2", "price_b", 1))}
    (found,) = standings_of(seen_of(record, now), catalogue())
    assert [(item.price, item.quantity) for item in found.items] == [("price_a", 3), ("price_b", 1)]
    assert found.before is not None
    assert [(item.price, item.quantity) for item in found.before.items] == before
    assert found.before.status is (Status.TRIALING if "status" in was else Status.LIVE)


EXPONENTS = [
    *[("USD", 2), ("EUR", 2), ("HUF", 2), ("TWD", 2)],
    *[("JPY", 0), ("KRW", 0), ("XPF", 0), ("KWD", 3), ("TND", 3), ("ISK", 2), ("UGX", 2)],
]


@pytest.mark.parametrize(("currency", "exponent"), EXPONENTS)
def test_amounts_count_in_stripes_own_minor_units(currency: str, exponent: int) -> None:
    assert catalogue().exponents.of(currency) == exponent
