"""Records as Paddle tells them, with everything a real one holds, to be changed at will."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from conversion_sync.billing.naming import Keys
from conversion_sync.billing.paddle.normalise import book
from conversion_sync.billing.paddle.records import object_record, record_of
from conversion_sync.billing.provider import RawRecord
from conversion_sync.model.revenue import CustomerBook, RevenueEvent, customer_key

Json = dict[str, Any]
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEYS = Keys(provider="paddle", account="main", user_id="cs_user_id", visitor_id="cs_anon_id")
CUSTOMER = "ctm_01hv6y1jedq4p1n0yqn5ba3ky4"
SUB = "sub_01hv8x29kz0t586xy6zn1a62ny"
NUMBERS = count()


def day(days: float) -> datetime:
    return START + timedelta(days=days)


def stamp(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def event(kind: str, data: Json, at: datetime, *, livemode: bool = True) -> RawRecord:
    name = f"evt_01hv8y{next(NUMBERS):020d}"
    told = {"event_id": name, "event_type": kind, "occurred_at": stamp(at), "data": data}
    return record_of(told, livemode=livemode, fallback=at)


def listed(kind: str, data: Json, at: datetime) -> RawRecord:
    return object_record(data, kind, livemode=True, listed_at=at)


def price(name: str = "pri_month_a", amount: int = 3000, interval: str = "month", **changes: Any) -> Json:
    return {
        "id": name,
        "product_id": "pro_01gsz4t5hdjse780zja8vvr7jg",
        "type": "standard",
        "description": name,
        "billing_cycle": {"interval": interval, "frequency": 1},
        "trial_period": None,
        "tax_mode": "account_setting",
        "unit_price": {"amount": str(amount), "currency_code": "USD"},
        "unit_price_overrides": [],
        "quantity": {"minimum": 1, "maximum": 100},
        "status": "active",
        "custom_data": None,
    } | changes


def line(
    net: int, tax: int = 0, *, price_id: str = "pri_month_a", quantity: int = 1, prorated: bool = False
) -> Json:
    totals = {"subtotal": str(net), "discount": "0", "tax": str(tax), "total": str(net + tax)}
    period = {"starts_at": stamp(day(0)), "ends_at": stamp(day(30))}
    return {
        "id": f"txnitm_{price_id}_{net}",
        "price_id": price_id,
        "quantity": quantity,
        "tax_rate": "0.2",
        "totals": totals,
        "unit_totals": totals,
        "proration": {"rate": "0.5", "billing_period": period} if prorated else None,
        "product": {"id": "pro_01gsz4t5hdjse780zja8vvr7jg", "name": "Plan"},
    }


def attempt(amount: int, at: datetime, status: str = "captured", method: str = "card") -> Json:
    return {
        "payment_attempt_id": "9f2c1d3e-0000-4000-8000-000000000000",
        "stored_payment_method_id": "281ff2ca-8550-42b9-bf39-15948e7de62d",
        "payment_method_id": "paymtd_01hv8x1tpjfnttxddw73xnqx6s",
        "amount": str(amount),
        "status": status,
        "error_code": "declined" if status == "error" else None,
        "method_details": {"type": method, "card": None},
        "created_at": stamp(at),
        "captured_at": stamp(at) if status == "captured" else None,
    }


def transaction(
    name: str = "txn_1",
    gross: int = 3600,
    net: int | None = None,
    *,
    at: datetime = START,
    origin: str = "web",
    subscription: str | None = SUB,
    lines: list[Json] | None = None,
    **changes: Any,
) -> Json:
    """A completed one, paid at a moment. `totals` and other members can be changed."""
    net = gross if net is None else net
    totals: Json = {
        "subtotal": str(net),
        "discount": "0",
        "tax": str(gross - net),
        "total": str(gross),
        "credit": "0",
        "credit_to_balance": "0",
        "balance": "0",
        "grand_total": str(gross),
        "grand_total_tax": str(gross - net),
        "fee": "150",
        "earnings": str(net - 150),
        "currency_code": "USD",
    } | changes.pop("totals", {})
    return {
        "id": name,
        "status": "completed",
        "customer_id": CUSTOMER,
        "address_id": "add_01hv8gq3318ktkfengj2r75gfx",
        "business_id": None,
        "custom_data": None,
        "currency_code": "USD",
        "origin": origin,
        "subscription_id": subscription,
        "invoice_id": "inv_01hv8x29kz0t586xy6zn1a62ny",
        "invoice_number": "325-10566",
        "collection_mode": "automatic",
        "discount_id": None,
        "billing_details": None,
        "billing_period": {"starts_at": stamp(at), "ends_at": stamp(at + timedelta(days=30))},
        "items": [{"price": price(), "quantity": 1, "proration": None}],
        "details": {
            "tax_rates_used": [],
            "totals": totals,
            "adjusted_totals": totals,
            "payout_totals": None,
            "adjusted_payout_totals": None,
            "line_items": [line(net, gross - net)] if lines is None else lines,
        },
        "payments": [attempt(gross, at)] if gross > 0 else [],
        "checkout": {"url": "https://shop.example/pay"},
        "created_at": stamp(at - timedelta(minutes=1)),
        "updated_at": stamp(at + timedelta(seconds=2)),
        "billed_at": stamp(at),
        "revised_at": None,
    } | changes


def completed(name: str = "txn_1", gross: int = 3600, net: int | None = None, **changes: Any) -> RawRecord:
    thing = transaction(name, gross, net, **changes)
    return event("transaction.completed", thing, changes.get("at", START) + timedelta(seconds=2))


def subscription(
    status: str = "active",
    *,
    at: datetime = START,
    name: str = SUB,
    items: Iterable[Json] | None = None,
    **changes: Any,
) -> Json:
    return {
        "id": name,
        "status": status,
        "customer_id": CUSTOMER,
        "address_id": "add_01hv8gq3318ktkfengj2r75gfx",
        "business_id": None,
        "currency_code": "USD",
        "created_at": stamp(START),
        "updated_at": stamp(at),
        "started_at": stamp(START),
        "first_billed_at": stamp(START),
        "next_billed_at": stamp(at + timedelta(days=30)),
        "paused_at": stamp(at) if status == "paused" else None,
        "canceled_at": stamp(at) if status == "canceled" else None,
        "collection_mode": "automatic",
        "billing_details": None,
        "current_billing_period": None,
        "billing_cycle": {"interval": "month", "frequency": 1},
        "scheduled_change": None,
        "items": [item()] if items is None else list(items),
        "custom_data": None,
        "management_urls": None,
        "discount": None,
        "import_meta": None,
    } | changes


def item(quantity: int = 1, trial: tuple[datetime, datetime] | None = None, **of_price: Any) -> Json:
    return {
        "status": "active",
        "quantity": quantity,
        "recurring": True,
        "created_at": stamp(START),
        "updated_at": stamp(START),
        "previously_billed_at": None,
        "next_billed_at": None,
        "trial_dates": {"starts_at": stamp(trial[0]), "ends_at": stamp(trial[1])} if trial else None,
        "price": price(**of_price),
        "product": {"id": "pro_01gsz4t5hdjse780zja8vvr7jg", "name": "Plan"},
    }


def subscribed(kind: str, status: str = "active", at: datetime = START, **changes: Any) -> RawRecord:
    return event(f"subscription.{kind}", subscription(status, at=at, **changes), at)


def adjustment(
    name: str = "adj_1",
    total: int = 600,
    tax: int = 0,
    *,
    action: str = "refund",
    status: str = "approved",
    at: datetime = START + timedelta(days=3),
    of: str = "txn_1",
    **changes: Any,
) -> Json:
    totals = {"subtotal": str(total - tax), "tax": str(tax), "total": str(total)}
    return {
        "id": name,
        "action": action,
        "type": "partial",
        "transaction_id": of,
        "subscription_id": SUB,
        "customer_id": CUSTOMER,
        "reason": "requested",
        "credit_applied_to_balance": None,
        "currency_code": "USD",
        "status": status,
        "items": [
            {
                "id": f"adjitm_{name}",
                "item_id": "txnitm_1",
                "type": "partial",
                "amount": str(total),
                "proration": None,
                "totals": totals,
            }
        ],
        "totals": totals | {"fee": "0", "retained_fee": "0", "earnings": "0", "currency_code": "USD"},
        "payout_totals": None,
        "tax_rates_used": [],
        "created_at": stamp(at),
        "updated_at": stamp(at),
    } | changes


def adjusted(
    name: str = "adj_1", total: int = 600, tax: int = 0, *, seen: datetime | None = None, **changes: Any
) -> RawRecord:
    """`seen` is when it came to stand so; without it, when it was made."""
    thing = adjustment(name, total, tax, **changes)
    if seen is not None:
        thing["updated_at"] = stamp(seen)
    kind = "adjustment.created" if seen is None else "adjustment.updated"
    return event(kind, thing, seen or changes.get("at", day(3)))


def written(records: Iterable[RawRecord], keys: Keys = KEYS) -> CustomerBook:
    return book(customer_key("paddle", keys.account, CUSTOMER), records, keys)


def told(records: Iterable[RawRecord]) -> list[tuple[str, int, int]]:
    """Kind, gross and net of every event, in order of time."""
    return [(each.kind.value, each.gross_minor, each.net_minor) for each in written(records).events]


def parked(records: Iterable[RawRecord]) -> list[tuple[str, str]]:
    return [(each.reason, each.detail) for each in written(records).parked]


def only(records: Iterable[RawRecord], kind: str) -> RevenueEvent:
    [found] = [each for each in written(records).events if each.kind.value == kind]
    return found


def body(record: RawRecord) -> Json:
    known: Json = json.loads(record.body)
    return known
