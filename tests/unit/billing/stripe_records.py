"""Small factories: Stripe's events as they are stored, in the shapes of before and after 2025-03-31."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from conversion_sync.billing.naming import Keys
from conversion_sync.billing.provider import RawRecord
from conversion_sync.billing.stripe.normalise import book
from conversion_sync.billing.stripe.seen import Seen, seen
from conversion_sync.billing.stripe.shapes import references
from conversion_sync.model.revenue import CustomerBook, CustomerKey, RevenueEvent

Json = dict[str, Any]

START = datetime(2026, 9, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
OLD, NEW = "2024-06-20", "2026-10-28.endive"
CUSTOMER = CustomerKey("stripe:main:cus_1")
KEYS = Keys(provider="stripe", account="main", user_id="cs_user_id", visitor_id="cs_anon_id")


def day(number: float) -> datetime:
    return START + number * DAY


def seconds(at: datetime) -> int:
    return int(at.timestamp())


def event(
    kind: str, thing: Mapping[str, Any], at: datetime, *, name: str = "", old: bool = False, **data: Any
) -> RawRecord:
    """An event of this kind; `name` tells two of one object, kind and time apart."""
    event_id = f"evt_{kind}_{thing['id']}_{seconds(at)}{name}"
    version = OLD if old else NEW
    body = {
        "id": event_id,
        "object": "event",
        "api_version": version,
        "created": seconds(at),
        "data": {"object": thing, **data},
        "livemode": True,
        "type": kind,
    }
    named = references(thing)
    return RawRecord(
        event_id=event_id,
        event_type=kind,
        created_at=at,
        livemode=True,
        api_version=version,
        customer_ref=named.customer,
        invoice_ref=named.invoice,
        payment_ref=named.payment,
        body=json.dumps(body),
    )


def seen_of(record: RawRecord, said: Mapping[str, Any] | None = None) -> Seen:
    """What a record shows; what is `said` stands over its object's members."""
    found = seen(record)
    assert found is not None
    return replace(found, thing={**found.thing, **(said or {})})


def line(
    amount: int,
    *,
    price: str = "price_a",
    quantity: int = 1,
    proration: bool = False,
    discount: int = 0,
    tax: int = 0,
    inclusive: bool = False,
    subscription: str | None = "sub_1",
    old: bool = False,
) -> Json:
    """A line of 30 days from the first of September; `amount` is before `discount`."""
    common: Json = {
        "amount": amount,
        "quantity": quantity,
        "discount_amounts": [{"amount": discount, "discount": "di_1"}] if discount else [],
        "period": {"start": seconds(START), "end": seconds(day(30))},
    }
    if old:
        return common | {
            "price": {"id": price},
            "proration": proration,
            "subscription": subscription,
            "tax_amounts": [{"amount": tax, "inclusive": inclusive}] if tax else [],
        }
    behaviour = "inclusive" if inclusive else "exclusive"
    return common | {
        "parent": {
            "type": "subscription_item_details",
            "subscription_item_details": {"proration": proration, "subscription": subscription},
        },
        "pricing": {"price_details": {"price": price}},
        "taxes": [{"amount": tax, "tax_behavior": behaviour}] if tax else [],
    }


def invoice(
    name: str = "in_1",
    total: int = 1000,
    *,
    paid_at: datetime = START,
    paid: int | None = None,
    net: int | None = None,
    reason: str | None = "subscription_create",
    subscription: str | None = "sub_1",
    payment: str | None = "pi_1",
    currency: str = "usd",
    lines: Sequence[Json] | None = None,
    discount: int = 0,
    metadata: Mapping[str, str] | None = None,
    old: bool = False,
    **more: Any,
) -> Json:
    """A paid invoice; everything of it is paid and nothing of it is tax, unless said otherwise.

    Only the old shape names the payment.
    """
    net = total if net is None else net
    common: Json = {
        "id": name,
        "object": "invoice",
        "customer": "cus_1",
        "customer_address": {"country": "DE"},
        "currency": currency,
        "billing_reason": reason,
        "livemode": True,
        "total": total,
        "total_excluding_tax": net,
        "amount_paid": total if paid is None else paid,
        "total_discount_amounts": [{"amount": discount, "discount": "di_1"}] if discount else [],
        "status_transitions": {"paid_at": seconds(paid_at)},
        "metadata": {},
        "lines": {
            "data": [line(total, subscription=subscription, old=old)] if lines is None else list(lines)
        },
    }
    details = {"metadata": dict(metadata or {})}
    if old:
        shaped: Json = {
            "payment_intent": payment,
            "charge": "ch_1",
            "subscription": subscription,
            "subscription_details": details if subscription else None,
            "tax": total - net,
        }
    else:
        parent = {"subscription_details": {**details, "subscription": subscription}} if subscription else None
        shaped = {"parent": parent, "total_taxes": [{"amount": total - net}] if total > net else []}
    return common | shaped | more


def paid(*args: Any, **changes: Any) -> RawRecord:
    """The event that an invoice is paid."""
    thing = invoice(*args, **changes)
    at = datetime.fromtimestamp(thing["status_transitions"]["paid_at"], UTC)
    return event("invoice.paid", thing, at, old=changes.get("old", False))


def paid_by(invoice_id: str = "in_1", payment: str = "pi_1", at: datetime = START) -> RawRecord:
    """The event that says which payment paid an invoice."""
    thing = {
        "id": f"inpay_{payment}",
        "object": "invoice_payment",
        "invoice": invoice_id,
        "payment": {"type": "payment_intent", "payment_intent": payment},
    }
    return event("invoice_payment.paid", thing, at)


def refund(
    name: str = "re_1",
    amount: int = 1000,
    *,
    status: str | None = "succeeded",
    created: datetime | None = None,
    at: datetime | None = None,
    kind: str = "created",
    payment: str | None = "pi_1",
    currency: str = "usd",
    **more: Any,
) -> RawRecord:
    """A state of a refund; asked for a day after the start, seen as it was asked for."""
    created = created or day(1)
    thing = {
        "id": name,
        "object": "refund",
        "amount": amount,
        "charge": "ch_1",
        "created": seconds(created),
        "currency": currency,
        "payment_intent": payment,
        "status": status,
    }
    return event(f"refund.{kind}", thing | more, at or created)


def charge_refunded(so_far: int, at: datetime, *, name: str = "", **more: Any) -> RawRecord:
    """What accounts on old versions tell: how much of the charge is back by now."""
    thing = {
        "id": "ch_1",
        "object": "charge",
        "customer": "cus_1",
        "payment_intent": "pi_1",
        "invoice": "in_1",
        "amount_refunded": so_far,
        "currency": "usd",
    }
    return event("charge.refunded", thing | more, at, name=name, old=True)


def subscription(
    what: str = "created",
    status: str = "active",
    at: datetime = START,
    *,
    name: str = "sub_1",
    was: Mapping[str, Any] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> RawRecord:
    """A monthly subscription to three of one price, as an event shows it."""
    thing = {
        "id": name,
        "object": "subscription",
        "customer": "cus_1",
        "currency": "usd",
        "status": status,
        "ended_at": seconds(at) if what == "deleted" else None,
        "items": {
            "data": [
                {
                    "id": "si_1",
                    "price": {"id": "price_a", "recurring": {"interval": "month", "interval_count": 1}},
                    "quantity": 3,
                }
            ]
        },
        "metadata": dict(metadata or {}),
    }
    data = {} if was is None else {"previous_attributes": dict(was)}
    return event(f"customer.subscription.{what}", thing, at, **data)


def customer(at: float, metadata: Mapping[str, Any] | None, kind: str = "updated") -> RawRecord:
    """A customer with metadata."""
    return event(f"customer.{kind}", {"id": "cus_1", "object": "customer", "metadata": metadata}, day(at))


def session(at: float, client: str | None, metadata: Mapping[str, Any] | None = None) -> RawRecord:
    """A finished checkout."""
    thing = {
        "id": "cs_1",
        "object": "checkout.session",
        "customer": "cus_1",
        "client_reference_id": client,
        "metadata": metadata,
    }
    return event("checkout.session.completed", thing, day(at))


def written(records: Iterable[RawRecord]) -> CustomerBook:
    """The customer's book."""
    return book(CUSTOMER, records, KEYS)


def shown(event: RevenueEvent, *names: str) -> tuple[Any, ...]:
    """Some columns of an event; those of a closed vocabulary as plain text."""
    values = (getattr(event, name) for name in names)
    return tuple(str(value) if isinstance(value, str) else value for value in values)


def money(records: Iterable[RawRecord]) -> list[tuple[str, str, int, int]]:
    """(kind, object, gross, net) of each event, in order of time."""
    return [
        (event.kind.value, event.source_object_id, event.gross_minor, event.net_minor)
        for event in written(records).events
    ]


def parked(records: Iterable[RawRecord]) -> list[tuple[str, str, str]]:
    """(object, reason, detail) of what nobody would guess about."""
    return [(record.source_ref, record.reason, record.detail) for record in written(records).parked]
