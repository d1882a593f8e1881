"""One record's object as far as books are made of it: a transaction, an adjustment, a subscription.

Everything is read or the record is none: KeyError, TypeError or ValueError. The rest is not looked at.
Source: specs/billing.md §3.1, §3.2, §3.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from conversion_sync.billing.facts import Item, Line
from conversion_sync.billing.paddle.values import (
    Json,
    amount,
    count,
    custom_data,
    moment,
    moment_or_none,
    named,
    named_or_none,
    part,
    part_or_empty,
    parts,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The record that shows an object. Objects that were listed come after events of the same time."""

    record: str
    listed: bool
    at: datetime
    livemode: bool
    begins: bool = False
    """The record is the event of the object's making."""
    imported: bool = False
    """It came from another billing system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """A transaction's money, in the currency's lowest unit; None where an old one does not say."""

    total: int
    tax: int
    discount: int
    credit: int
    credit_to_balance: int
    grand_total: int
    grand_total_tax: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try to collect."""

    amount: int
    status: str
    method: str | None
    created_at: datetime
    captured_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """A transaction as one record shows it."""

    seen: Seen
    id: str
    status: str
    origin: str
    subscription: str | None
    currency: str
    address: str | None
    created_at: datetime
    updated_at: datetime
    billed_at: datetime | None
    totals: Totals | None
    attempts: tuple[Attempt, ...]
    lines: tuple[Line, ...]
    sells_trial: bool
    """A price of it has a trial that costs money."""
    custom_data: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """An adjustment as one record shows it. `tax_only` is what of `total` gives back nothing but tax."""

    seen: Seen
    id: str
    action: str
    status: str
    transaction: str
    subscription: str | None
    currency: str
    total: int
    tax: int
    tax_only: int
    to_balance: bool | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A subscription as one record shows it; the times are those it says of itself."""

    seen: Seen
    id: str
    status: str
    currency: str | None
    transaction: str | None
    started_at: datetime
    updated_at: datetime
    paused_at: datetime | None
    canceled_at: datetime | None
    trial_from: datetime | None
    change: str | None
    change_at: datetime | None
    items: tuple[Item, ...]
    imported: bool
    custom_data: Mapping[str, str]


def transaction(seen: Seen, thing: Json) -> Transaction:
    """A transaction; its money is looked at only where it has some."""
    status = named(thing["status"])
    created = moment(thing["created_at"])
    details = part_or_empty(thing.get("details"))
    period = part_or_empty(thing.get("billing_period"))
    return Transaction(
        seen=seen,
        id=named(thing["id"]),
        status=status,
        origin=named(thing["origin"]),
        subscription=named_or_none(thing.get("subscription_id")),
        currency=named(thing["currency_code"]).upper(),
        address=named_or_none(thing.get("address_id")),
        created_at=created,
        updated_at=moment_or_none(thing.get("updated_at")) or seen.at,
        billed_at=moment_or_none(thing.get("billed_at")),
        totals=_totals(part(details["totals"])) if "totals" in details else None,
        attempts=tuple(_attempt(each) for each in parts(thing.get("payments"))),
        lines=tuple(_line(each, period) for each in parts(details.get("line_items"))),
        sells_trial=any(_sells_trial(each) for each in parts(thing.get("items"))),
        custom_data=custom_data(thing),
    )


def _totals(totals: Json) -> Totals:
    tax = totals.get("grand_total_tax")
    total = amount(totals["total"])
    grand = totals.get("grand_total")
    return Totals(
        total=total,
        tax=amount(totals["tax"]),
        discount=amount(totals.get("discount") or "0"),
        credit=amount(totals.get("credit") or "0"),
        credit_to_balance=amount(totals.get("credit_to_balance") or "0"),
        grand_total=max(total, 0) if grand is None else amount(grand),
        grand_total_tax=None if tax is None else amount(tax),
    )


def _attempt(attempt: Json) -> Attempt:
    method = part_or_empty(attempt.get("method_details")).get("type")
    return Attempt(
        amount=amount(attempt["amount"]),
        status=named(attempt["status"]),
        method=named_or_none(method),
        created_at=moment(attempt["created_at"]),
        captured_at=moment_or_none(attempt.get("captured_at")),
    )


def _line(line: Json, period: Json) -> Line:
    totals = part(line["totals"])
    proration = part_or_empty(line.get("proration"))
    span = part_or_empty(proration.get("billing_period")) or period
    quantity = count(line.get("quantity"))
    return Line(
        net=amount(totals["total"]) - amount(totals["tax"]),
        proration=bool(proration),
        price=named_or_none(line.get("price_id")),
        # What is given back counts down: as many units, the other way.
        quantity=None if quantity is None else abs(quantity),
        period_start=moment_or_none(span.get("starts_at")),
        period_end=moment_or_none(span.get("ends_at")),
    )


def _sells_trial(item: Json) -> bool:
    trial = part_or_empty(part_or_empty(item.get("price")).get("trial_period"))
    price = part_or_empty(trial.get("unit_price"))
    return bool(price) and amount(price["amount"]) > 0


def adjustment(seen: Seen, thing: Json) -> Adjustment:
    """An adjustment."""
    totals = part(thing["totals"])
    total, tax = amount(totals["total"]), amount(totals["tax"])
    only = sum(
        amount(part(item["totals"])["total"])
        for item in parts(thing.get("items"))
        if item.get("type") == "tax"
    )
    created = moment(thing["created_at"])
    applied = thing.get("credit_applied_to_balance")
    return Adjustment(
        seen=seen,
        id=named(thing["id"]),
        action=named(thing["action"]),
        status=named(thing["status"]),
        transaction=named(thing["transaction_id"]),
        subscription=named_or_none(thing.get("subscription_id")),
        currency=named(thing["currency_code"]).upper(),
        total=total,
        tax=tax,
        tax_only=total if total == tax else min(only, total),
        to_balance=applied if isinstance(applied, bool) else None,
        created_at=created,
        updated_at=moment_or_none(thing.get("updated_at")) or created,
    )


def subscription(seen: Seen, thing: Json) -> Subscription:
    """A subscription."""
    change = part_or_empty(thing.get("scheduled_change"))
    items = parts(thing.get("items"))
    created = moment(thing["created_at"])
    trials = [
        start
        for item in items
        if (start := moment_or_none(part_or_empty(item.get("trial_dates")).get("starts_at")))
    ]
    return Subscription(
        seen=seen,
        id=named(thing["id"]),
        status=named(thing["status"]),
        currency=named(thing["currency_code"]).upper() if thing.get("currency_code") else None,
        transaction=named_or_none(thing.get("transaction_id")),
        started_at=moment_or_none(thing.get("started_at")) or created,
        updated_at=moment_or_none(thing.get("updated_at")) or seen.at,
        paused_at=moment_or_none(thing.get("paused_at")),
        canceled_at=moment_or_none(thing.get("canceled_at")),
        trial_from=min(trials, default=None),
        change=named(change["action"]) if change else None,
        change_at=moment_or_none(change.get("effective_at")),
        items=tuple(_item(item) for item in items if item.get("recurring") is not False),
        imported=seen.imported or bool(thing.get("import_meta")),
        custom_data=custom_data(thing),
    )


def _item(item: Json) -> Item:
    price = part(item["price"])
    cycle = part_or_empty(price.get("billing_cycle"))
    unit = part_or_empty(price.get("unit_price"))
    name = named(price["id"])
    return Item(
        id=name,
        price=name,
        quantity=count(item.get("quantity")),
        amount=amount(unit["amount"]) if unit else None,
        interval=named_or_none(cycle.get("interval")),
        interval_count=count(cycle.get("frequency")) or 1,
    )
