"""From the stored records of one customer to what Stripe told: paid, refunded, subscribed, and who it was."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from conversion_sync.billing.facts import Naming
from conversion_sync.billing.provider import RawRecord
from conversion_sync.billing.stripe.contacts import Speaker, hear
from conversion_sync.billing.stripe.shapes import (
    ChargeFact,
    InvoiceFact,
    Json,
    RefundFact,
    SubscriptionFact,
    invoice_fact,
    moment,
    reference,
    references,
    refund_fact,
    subscription_fact,
)


@dataclass(slots=True)
class Told:
    """Everything the records say, each event once."""

    invoices: dict[str, InvoiceFact] = field(default_factory=dict)
    invoice_of_payment: dict[str, str] = field(default_factory=dict)
    refunds: dict[str, list[RefundFact]] = field(default_factory=lambda: defaultdict(list))
    charges: dict[str, list[ChargeFact]] = field(default_factory=lambda: defaultdict(list))
    subscriptions: dict[str, list[SubscriptionFact]] = field(default_factory=lambda: defaultdict(list))
    namings: list[Naming] = field(default_factory=list)
    speakers: dict[str, Speaker] = field(default_factory=dict, repr=False)
    """What says who the customer is: of each kind of object the newest."""
    deleted: bool = False
    """The customer was deleted at Stripe."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Events that lack what their type promises, with what is wrong."""


def collect(records: Iterable[RawRecord]) -> Told:
    """Reads the records in order of their ids' time, so that arrival does not matter."""
    told = Told()
    unique = {record.event_id: record for record in records}
    for record in sorted(unique.values(), key=lambda record: (record.created_at, record.event_id)):
        try:
            event = json.loads(record.body)
            thing = event["data"]["object"]
            _link(told, thing)
            hear(told.speakers, record.event_type, event, thing)
            _read(told, record.event_type, event, thing)
        except KeyError as fault:
            told.unreadable[record.event_id] = f"{record.event_type} without {fault.args[0]}"
        except (AttributeError, TypeError, ValueError, OverflowError, OSError) as fault:
            # Its words may hold a value of the record: only the class is told.
            told.unreadable[record.event_id] = f"{record.event_type}: {type(fault).__name__}"
    return told


def _link(told: Told, thing: Json) -> None:
    named = references(thing)
    if named.invoice and named.payment:
        told.invoice_of_payment.setdefault(named.payment, named.invoice)


def _read(told: Told, kind: str, event: Json, thing: Json) -> None:
    match kind.split("."):
        case ["invoice", "paid"]:
            fact = invoice_fact(event, thing)
            told.invoices.setdefault(fact.id, fact)
            _name(told, fact.metadata, None, fact.id, fact.paid_at)
        case ["refund", _]:
            refund = refund_fact(event, thing)
            told.refunds[refund.id].append(refund)
        case ["charge", "refunded"]:
            _charge(told, event, thing)
        case ["customer", "subscription", _]:
            subscription = subscription_fact(event, thing)
            told.subscriptions[subscription.id].append(subscription)
            _name(told, subscription.metadata, None, subscription.id, subscription.at)
        case ["customer", "deleted"]:
            told.deleted = True
        case ["customer", _] | ["checkout", "session", "completed"]:
            at = moment(event["created"])
            if at is not None:
                client = reference(thing.get("client_reference_id"))
                _name(told, thing.get("metadata") or {}, client, str(thing["id"]), at)


def _name(told: Told, metadata: Mapping[str, Any], client: str | None, source: str, at: datetime) -> None:
    if metadata or client:
        told.namings.append(Naming(values=dict(metadata), client_reference=client, source=source, at=at))


def _charge(told: Told, event: Json, thing: Json) -> None:
    at = moment(event["created"])
    if at is None:
        return
    payment = references(thing).payment
    told.charges[str(thing["id"])].append(
        ChargeFact(
            id=str(thing["id"]),
            event_id=str(event["id"]),
            api_version=event.get("api_version"),
            livemode=bool(event.get("livemode")),
            payment=payment,
            amount_refunded=int(thing.get("amount_refunded") or 0),
            currency=str(thing["currency"]).upper(),
            at=at,
        )
    )
