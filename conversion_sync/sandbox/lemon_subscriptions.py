"""Subscriptions as Lemon Squeezy keeps them: one row whose status says where it stands.

Some things happen here that happen nowhere else: a cancelled one runs to its end before it expires, a few
are paused for a day, a few are cancelled and taken up again. Source: specs/billing.md §4.1, §4.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from conversion_sync.sandbox.lemon_bills import (
    PRODUCT,
    STORE,
    variant_id,
)
from conversion_sync.sandbox.lemon_customers import Part, customer_id
from conversion_sync.sandbox.lemon_rows import Json, Row, State, stamp
from conversion_sync.sandbox.records import Change, Term

STATUSES = {"trialing": "on_trial", "canceled": "expired"}
EVENTS = {
    "created": "subscription_created",
    "paused": "subscription_paused",
    "resumed": "subscription_unpaused",
    "cancel_scheduled": "subscription_cancelled",
    "cancel_withdrawn": "subscription_resumed",
}
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A change of a subscription: its term then, what is different from an ordinary one, and what is told."""

    at: datetime
    term: Term
    differs: Json
    told: str | None = None


def subscription_row(part: Part, end: datetime, custom: Mapping[str, str]) -> Row:
    """The subscription with all its states."""
    name = part.id
    ordinary = list(_ordinary(part))
    left = min((turn.at for turn in ordinary if turn.differs.get("cancelled")), default=end)
    others = [turn for turn in (*_late(part), *_detours(part)) if turn.at < min(left, end)]
    turns = sorted((*ordinary, *others), key=lambda turn: turn.at)
    return Row(
        type="subscriptions",
        id=name,
        states=[_state(part, turn, first=turn is turns[0]) for turn in turns],
        related=("store", "customer", "order", "order-item", "product", "variant", "subscription-items"),
        links={
            "update_payment_method": f"https://example.lemonsqueezy.example/subscription/{name}/payment",
            "customer_portal": "https://example.lemonsqueezy.example/billing",
        },
        custom=custom,
    )


def _state(part: Part, turn: Turn, *, first: bool) -> State:
    """`subscription_updated` also fires after every other event of a subscription."""
    told = () if turn.told is None else (turn.told,)
    return State(
        at=turn.at,
        attributes=_attributes(part, turn.term) | turn.differs,
        told=told if first else (*told, "subscription_updated"),
    )


def _ordinary(part: Part) -> Iterator[Turn]:
    """What happens to every subscription. One that ends was cancelled half-way since the last turn."""
    before = part.created_at
    for change in part.changes:
        if change.what == "deleted":
            last = change.before or change.now
            ends = {"cancelled": True, "ends_at": stamp(change.at), "pause": None}
            if not last.ends_with_period and last.status != "past_due":
                yield Turn(
                    at=before + (change.at - before) / 2,
                    term=last,
                    differs=_status("cancelled") | ends,
                    told="subscription_cancelled",
                )
            yield Turn(
                at=change.at, term=last, differs=_status("expired") | ends, told="subscription_expired"
            )
        else:
            yield Turn(at=change.at, term=change.now, differs=_differs(change.now), told=_told(change))
        before = change.at


def _differs(term: Term) -> Json:
    """A pause serves nothing, or for nothing; one that ends with its period is cancelled and goes on."""
    if term.pause:
        mode = {"subscription": "void", "collection": "free"}[term.pause]
        return _status("paused") | {"pause": {"mode": mode, "resumes_at": None}}
    if term.ends_with_period:
        return _status("cancelled") | {"cancelled": True, "ends_at": stamp(term.period_end)}
    return {}


def _told(change: Change) -> str | None:
    """A plan that changes is told apart; more seats are an update."""
    if change.before is not None and change.what != "created" and change.before.price != change.now.price:
        return "subscription_plan_changed"
    return EVENTS.get(change.what)


def _late(part: Part) -> Iterator[Turn]:
    """While a payment is waited for the subscription is past due."""
    for _, invoice in part.invoices:
        if invoice.failed_at and invoice not in part.customer.lost:
            term = _term_at(part, invoice.paid_at)
            yield Turn(at=invoice.failed_at[0], term=term, differs=_status("past_due"))
            yield Turn(at=invoice.paid_at, term=term, differs={})


def _detours(part: Part) -> Iterator[Turn]:
    """A day's pause, or a day's mind to leave, after the last thing that happened to those that live on."""
    last, number = part.changes[-1], part.customer.number
    if part.customer.story or last.now.status != "active" or last.what == "deleted":
        return
    at, term = last.at + DAY * 2, last.now
    if number % 9 == 4:
        mode = ("void", "free")[number % 2]
        pause = {"mode": mode, "resumes_at": stamp(at + DAY)}
        yield Turn(at=at, term=term, differs=_status("paused") | {"pause": pause}, told="subscription_paused")
        yield Turn(at=at + DAY, term=term, differs={}, told="subscription_unpaused")
    elif number % 9 == 5:
        ends = {"cancelled": True, "ends_at": stamp(term.period_end)}
        yield Turn(at=at, term=term, differs=_status("cancelled") | ends, told="subscription_cancelled")
        yield Turn(at=at + DAY, term=term, differs={}, told="subscription_resumed")


def _term_at(part: Part, moment: datetime) -> Term:
    return [change.now for change in part.changes if change.at <= moment][-1]


def _attributes(part: Part, term: Term) -> Json:
    name, customer, created = part.id, part.customer, stamp(part.created_at)
    return {
        "store_id": STORE,
        "customer_id": customer_id(customer),
        "order_id": part.order_id,
        "order_item_id": part.order_id + 500_000,
        "product_id": PRODUCT,
        "variant_id": variant_id(term.price),
        "product_name": "Example",
        "variant_name": term.price,
        "user_name": f"Person {customer.number}",
        "user_email": customer.email,
        **_status(STATUSES.get(term.status, term.status)),
        "card_brand": "visa",
        "card_last_four": "4242",
        "payment_processor": "stripe",
        "pause": None,
        "cancelled": False,
        "trial_ends_at": stamp(part.trial_end),
        "billing_anchor": part.created_at.day,
        "first_subscription_item": {
            "id": name + 500_000,
            "subscription_id": name,
            "price_id": variant_id(term.price) + 8_000,
            "quantity": term.quantity,
            "is_usage_based": False,
            "created_at": created,
            "updated_at": created,
        },
        "renews_at": stamp(term.period_end),
        "ends_at": None,
        "test_mode": not customer.livemode,
    }


def _status(status: str) -> Json:
    return {"status": status, "status_formatted": status.replace("_", " ").capitalize()}
