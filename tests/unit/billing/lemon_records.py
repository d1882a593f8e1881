"""Small factories: Lemon Squeezy's rows and webhooks as they are stored, in the documented shape."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from conversion_sync.billing.lemon_squeezy.normalise import book
from conversion_sync.billing.lemon_squeezy.records import received, record_of
from conversion_sync.billing.naming import Keys
from conversion_sync.billing.provider import RawRecord
from conversion_sync.model.revenue import CustomerBook, CustomerKey, RevenueEvent

Json = dict[str, Any]
START = datetime(2026, 9, 1, 12, tzinfo=UTC)
SEEN = datetime(2026, 11, 1, tzinfo=UTC)
CUSTOMER = CustomerKey("lemon_squeezy:main:7")
KEYS = Keys(provider="lemon_squeezy", account="main", user_id="cs_user_id", visitor_id="cs_anon_id")
SIGNS = {"USD": "$", "EUR": "€", "JPY": "¥", "KWD": "KD "}


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def stamp(at: datetime | None) -> str | None:
    return None if at is None else at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def row(kind: str, name: int, made: float, changed: float | None, attributes: Mapping[str, Any]) -> Json:
    """A resource made on a day and changed on another."""
    return {
        "type": kind,
        "id": str(name),
        "attributes": {
            "store_id": 1,
            "customer_id": 7,
            "user_name": "Jane Doe",
            "user_email": "jane@example.com",
            "test_mode": False,
            "urls": {"receipt": "https://example.com/?signature=0"},
            "created_at": stamp(day(made)),
            "updated_at": stamp(day(made if changed is None else changed)),
            **attributes,
        },
        "relationships": {},
        "links": {"self": f"https://api.lemonsqueezy.com/v1/{kind}/{name}"},
    }


def money(total: int, tax: int, currency: str, back: int, digits: int = 2) -> Json:
    whole, rest = divmod(total, 10**digits)
    words = f"{SIGNS.get(currency, '')}{whole:,}" + (f".{rest:0{digits}d}" if digits else "")
    return {
        "currency": currency,
        "currency_rate": "1.00000000",
        "subtotal": total - tax,
        "discount_total": 0,
        "tax": tax,
        "tax_inclusive": False,
        "total": total,
        "total_usd": total,
        "total_formatted": words,
        "refunded_amount": back,
    }


def invoice(
    name: int = 1,
    total: int = 1000,
    made: float = 0,
    changed: float | None = None,
    *,
    status: str = "paid",
    reason: str = "initial",
    subscription: int | None = 1,
    tax: int = 0,
    currency: str = "USD",
    back: int = 0,
    digits: int = 2,
    **more: Any,
) -> Json:
    """A subscription invoice; `back` of it was refunded when it changed."""
    attributes = {
        "subscription_id": subscription,
        "billing_reason": reason,
        "card_brand": "visa",
        "card_last_four": "4242",
        **money(total, tax, currency, back, digits),
        "status": status,
        "status_formatted": status.capitalize(),
        "refunded": back == total > 0,
        "refunded_at": stamp(day(changed or made)) if back else None,
    }
    return row("subscription-invoices", name, made, changed, attributes | more)


def order(
    name: int = 1,
    total: int = 1000,
    made: float = 0,
    changed: float | None = None,
    *,
    status: str = "paid",
    tax: int = 0,
    currency: str = "USD",
    back: int = 0,
    **more: Any,
) -> Json:
    """An order."""
    attributes = {
        "identifier": "104e18a2-d755-4d4b-80c4-a6c1dcbe1c10",
        "order_number": name,
        **money(total, tax, currency, back),
        "setup_fee": 0,
        "status": status,
        "refunded": back == total > 0,
        "refunded_at": stamp(day(changed or made)) if back else None,
        "first_order_item": {"id": 1, "order_id": name, "product_id": 1, "variant_id": 1, "price": total},
    }
    return row("orders", name, made, changed, attributes | more)


def subscription(
    name: int = 1,
    status: str = "active",
    made: float = 0,
    changed: float | None = None,
    *,
    variant: int = 10,
    quantity: int = 1,
    order_id: int | None = None,
    pause: Json | None = None,
    trial_ends: float | None = None,
    renews: float = 30,
    ends: float | None = None,
    **more: Any,
) -> Json:
    """A subscription, whose order has another number unless it is said."""
    attributes = {
        "order_id": name + 100 if order_id is None else order_id,
        "order_item_id": 1,
        "product_id": 1,
        "variant_id": variant,
        "product_name": "Example",
        "variant_name": "Default",
        "status": status,
        "pause": pause,
        "cancelled": status in ("cancelled", "expired"),
        "trial_ends_at": None if trial_ends is None else stamp(day(trial_ends)),
        "billing_anchor": 1,
        "first_subscription_item": {
            "id": 5,
            "subscription_id": name,
            "price_id": 1,
            "quantity": quantity,
            "is_usage_based": False,
        },
        "renews_at": stamp(day(renews)),
        "ends_at": None if ends is None else stamp(day(ends)),
    }
    return row("subscriptions", name, made, changed, attributes | more)


def customer(**more: Any) -> Json:
    """The customer's own row."""
    attributes = {
        "name": "Jane Doe",
        "email": "jane@example.com",
        "status": "subscribed",
        "city": "Berlin",
        "region": None,
        "country": "DE",
    }
    return row("customers", 7, 0, None, attributes | more)


def webhook(event: str, thing: Json, custom: Json | None = None, **meta: Any) -> bytes:
    """A webhook's body."""
    told = {"event_name": event, "test_mode": False, "webhook_id": "5b8f", **meta}
    return json.dumps({"meta": told | ({"custom_data": custom} if custom else {}), "data": thing}).encode()


def listed(*rows: Json) -> list[RawRecord]:
    return [record_of(each, SEEN) for each in rows]


def sent(event: str, thing: Json, custom: Json | None = None) -> list[RawRecord]:
    return received(webhook(event, thing, custom), SEEN)


def written(records: Iterable[RawRecord], keys: Keys = KEYS) -> CustomerBook:
    """The customer's book."""
    return book(CUSTOMER, records, keys)


def happened(records: Iterable[RawRecord]) -> list[tuple[str, float, int]]:
    """(kind, day, net) of each event, in order of time."""
    return [(event.kind.value, _day(event), event.net_minor) for event in written(records).events]


def _day(event: RevenueEvent) -> float:
    return (event.occurred_at - START) / timedelta(days=1)


def parked(records: Iterable[RawRecord]) -> list[tuple[str, str, str]]:
    return [(one.source_ref, one.reason, one.detail) for one in written(records).parked]
