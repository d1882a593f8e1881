"""What really happened, as plain lists: the yardstick tests compute their expectations from.

Amounts are minor units as Stripe counts them, signed as they moved the company's money; times are ISO 8601
UTC.
Money that went back stands in `refunds`, whichever `way` it went: refund, refund_reversed, chargeback or
chargeback_reversed, those that came again with a negative `amount`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from conversion_sync.sandbox.business import Business
from conversion_sync.sandbox.plans import part
from conversion_sync.sandbox.records import Customer, Invoice
from conversion_sync.sandbox.returns import returns

Json = dict[str, Any]
MONEY = ("gross", "tax", "net")
STATES = {
    "upgraded": "upgrade",
    "downgraded": "downgrade",
    "seats_added": "seat_expansion",
    "seats_removed": "seat_contraction",
    "interval_changed": "interval_change",
    "paused": "pause",
    "resumed": "resume",
    "cancel_scheduled": "cancel_scheduled",
    "cancel_withdrawn": "cancel_withdrawn",
    "deleted": "cancellation",
}
"""What a change of a subscription is called as an event without money."""


def truth(business: Business) -> Json:
    """Customers, clicks, links, trials, payments, money that went back, credit and changes."""
    customers = business.customers
    return {
        "start": business.start.isoformat(),
        "period_start": business.period_start.isoformat(),
        "end": business.end.isoformat(),
        "customers": [_customer(customer) for customer in customers],
        "links": [link for customer in customers for link in _links(customer)],
        "clicks": list(_clicks(business)),
        "trials": [_trial(customer) for customer in customers if customer.trial_end is not None],
        "payments": [row for customer in customers for row in _payments(customer)],
        "refunds": [row for customer in customers for row in returns(customer)],
        "credits": [row for customer in customers for row in _credits(customer)],
        "failures": [row for customer in customers for row in _failures(customer)],
        "states": [row for customer in customers for row in _states(customer)],
        "net_by_month": net_by_month(business),
    }


def totals(business: Business) -> Json:
    """Counts and sums by "kind:CURRENCY"; what went back is negative, refunds that did not are left out."""
    sums: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(("count", *MONEY), 0))
    for kind, row in _moved(business):
        _add(sums[f"{kind}:{row['currency']}"], row)
    return dict(sorted(sums.items()))


def net_by_month(business: Business) -> Json:
    """The net cash of live customers by month and currency: "2026-11" and then "USD"."""
    sums: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for _, row in _moved(business):
        if row["livemode"]:
            at = row.get("paid_at") or row["created_at"]
            sums[at[:7]][row["currency"]] += row["net"]
    return {month: dict(sorted(by.items())) for month, by in sorted(sums.items())}


def _moved(business: Business) -> Iterator[tuple[str, Json]]:
    """Every row of money with its kind."""
    for customer in business.customers:
        for payment in _payments(customer):
            yield payment["kind"], payment
        for row in returns(customer):
            if row["status"] == "succeeded":
                yield row["way"], row


def _add(sums: dict[str, int], row: Json) -> None:
    sums["count"] += 1
    for name in MONEY:
        sums[name] += row[name]


def _customer(customer: Customer) -> Json:
    return {
        "id": customer.id,
        "subscription": customer.subscription,
        "users": [person.user_id for person in customer.people],
        "visitors": [visitor for person in customer.people for visitor in person.visitor_ids],
        "known_by": customer.known_by,
        "livemode": customer.livemode,
        "created_at": customer.created_at.isoformat(),
        "currency": customer.market.currency.upper(),
        "country": customer.market.country,
        "interval": customer.interval,
        "shape": "old" if customer.old_shape else "new",
        "story": customer.story,
    }


def _links(customer: Customer) -> Iterator[Json]:
    """Who is who, as billing metadata and signed-in visits say it; nothing is concluded here."""
    first = customer.people[0]
    if customer.known_by == "visitor":
        yield {"from": "visitor", "id": first.visitor_ids[0], "to": "customer", "is": customer.id}
    elif customer.known_by == "user":
        for person in customer.people:
            yield {"from": "user", "id": person.user_id, "to": "customer", "is": customer.id}
    signed_in = {visit.visitor_id: visit.user_id for visit in customer.visits if visit.user_id is not None}
    for visitor, user in signed_in.items():
        yield {"from": "visitor", "id": visitor, "to": "user", "is": user}


def _clicks(business: Business) -> Iterator[Json]:
    for visit in business.visits():
        yield {
            "at": visit.at.isoformat(),
            "written_at": visit.written_at.isoformat(),
            "channel": visit.channel,
            "visitor": visit.visitor_id,
            "user": visit.user_id,
            "ids": visit.ids,
            "campaign": visit.campaign,
            "ad_user_data": visit.consent.ad_user_data,
            "ad_personalization": visit.consent.ad_personalization,
        }


def _trial(customer: Customer) -> Json:
    ended = customer.trial_end
    started = any(change.what == "started" for change in customer.changes)
    return {
        "customer": customer.id,
        "subscription": customer.subscription,
        "started_at": customer.created_at.isoformat(),
        "ends_at": ended.isoformat() if ended else None,
        "became_active": started,
        "currency": customer.market.currency.upper(),
        "livemode": customer.livemode,
    }


def _payments(customer: Customer) -> Iterator[Json]:
    """What was paid, by what it paid for: a cycle's invoice may also pay for what was added before."""
    for invoice in customer.invoices:
        added = sum(line.amount for line in invoice.lines if line.proration)
        if invoice.kind != "renewal" or added <= 0:
            yield _payment(customer, invoice, invoice.kind, invoice.paid, invoice.paid_net)
            continue
        whole = sum(line.amount for line in invoice.lines)
        gross, net = part(invoice.paid, added, whole), part(invoice.paid_net, added, whole)
        yield _payment(customer, invoice, "renewal", invoice.paid - gross, invoice.paid_net - net)
        yield _payment(customer, invoice, "expansion_payment", gross, net)
    for paid in customer.one_offs:
        yield {
            "invoice": None,
            "payment_intent": paid.payment_intent,
            "customer": customer.id,
            "subscription": None,
            "kind": "one_off_payment",
            "billing_reason": None,
            "paid_at": paid.at.isoformat(),
            "currency": customer.market.currency.upper(),
            "gross": paid.amount,
            "tax": 0,
            "net": paid.amount,
            "off_provider": False,
            "livemode": customer.livemode,
        }


def _payment(customer: Customer, invoice: Invoice, kind: str, gross: int, net: int) -> Json:
    return {
        "invoice": invoice.id,
        "payment_intent": invoice.payment_intent,
        "customer": customer.id,
        "subscription": invoice.subscription,
        "kind": kind,
        "billing_reason": invoice.billing_reason,
        "paid_at": invoice.paid_at.isoformat(),
        "currency": customer.market.currency.upper(),
        "gross": gross,
        "tax": gross - net,
        "net": net,
        "off_provider": invoice.off_provider,
        "livemode": customer.livemode,
    }


def _credits(customer: Customer) -> Iterator[Json]:
    """Balance the company gave: no cash moved."""
    for invoice in customer.invoices:
        for note in invoice.notes:
            if note.way == "balance":
                net = part(note.amount, invoice.net, invoice.total)
                yield {
                    "credit_note": note.id,
                    "invoice": invoice.id,
                    "customer": customer.id,
                    "at": note.at.isoformat(),
                    "currency": customer.market.currency.upper(),
                    "gross": -note.amount,
                    "net": -net,
                    "livemode": customer.livemode,
                }


def _failures(customer: Customer) -> Iterator[Json]:
    """Invoices that somebody tried to collect in vain, each once; and those that were given up."""
    for invoice in (*customer.invoices, *customer.lost):
        times = {
            "payment_failed": min(invoice.failed_at, default=None),
            "uncollectible": invoice.lost_at,
        }
        for kind, at in times.items():
            if at is not None:
                yield {
                    "kind": kind,
                    "invoice": invoice.id,
                    "customer": customer.id,
                    "at": at.isoformat(),
                    "livemode": customer.livemode,
                }


def _states(customer: Customer) -> Iterator[Json]:
    """What happened to subscriptions without money. A comeback begins when it is paid for."""
    for change in customer.changes:
        if change.what in STATES:
            yield _state(customer, change.subscription, STATES[change.what], change.at.isoformat())
    for invoice in customer.invoices:
        if invoice.kind == "reactivation_payment":
            yield _state(customer, str(invoice.subscription), "reactivation", invoice.paid_at.isoformat())


def _state(customer: Customer, subscription: str, kind: str, at: str) -> Json:
    return {
        "kind": kind,
        "subscription": subscription,
        "customer": customer.id,
        "at": at,
        "livemode": customer.livemode,
    }
