"""From the stored records of one customer to facts: what was paid, refunded, subscribed, and who it was."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from conversion_sync.billing.provider import RawRecord
from conversion_sync.billing.stripe.contacts import Speaker, hear
from conversion_sync.billing.stripe.shapes import (
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeFact:
    """How much of a charge had been refunded, as one event shows it."""

    id: str
    event_id: str
    api_version: str | None
    livemode: bool
    payment: str | None
    amount_refunded: int
    currency: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """Metadata that may name the user or browser behind a customer."""

    metadata: Mapping[str, str]
    client_reference: str | None
    source: str
    at: datetime


@dataclass(slots=True)
class Facts:
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


def collect(records: Iterable[RawRecord]) -> Facts:
    """Reads the records in order of their ids' time, so that arrival does not matter."""
    facts = Facts()
    unique = {record.event_id: record for record in records}
    for record in sorted(unique.values(), key=lambda record: (record.created_at, record.event_id)):
        try:
            event = json.loads(record.body)
            thing = event["data"]["object"]
            _link(facts, thing)
            hear(facts.speakers, record.event_type, event, thing)
            _read(facts, record.event_type, event, thing)
        except KeyError as fault:
            facts.unreadable[record.event_id] = f"{record.event_type} without {fault.args[0]}"
        except (AttributeError, TypeError, ValueError, OverflowError, OSError) as fault:
            # Its words may hold a value of the record: only the class is told.
            facts.unreadable[record.event_id] = f"{record.event_type}: {type(fault).__name__}"
    return facts


def _link(facts: Facts, thing: Json) -> None:
    named = references(thing)
    if named.invoice and named.payment:
        facts.invoice_of_payment.setdefault(named.payment, named.invoice)


def _read(facts: Facts, kind: str, event: Json, thing: Json) -> None:
    match kind.split("."):
        case ["invoice", "paid"]:
            fact = invoice_fact(event, thing)
            facts.invoices.setdefault(fact.id, fact)
            _name(facts, fact.metadata, None, fact.id, fact.paid_at)
        case ["refund", _]:
            refund = refund_fact(event, thing)
            facts.refunds[refund.id].append(refund)
        case ["charge", "refunded"]:
            _charge(facts, event, thing)
        case ["customer", "subscription", _]:
            subscription = subscription_fact(event, thing)
            facts.subscriptions[subscription.id].append(subscription)
            _name(facts, subscription.metadata, None, subscription.id, subscription.at)
        case ["customer", "deleted"]:
            facts.deleted = True
        case ["customer", _] | ["checkout", "session", "completed"]:
            at = moment(event["created"])
            if at is not None:
                client = reference(thing.get("client_reference_id"))
                _name(facts, thing.get("metadata") or {}, client, str(thing["id"]), at)


def _name(facts: Facts, metadata: Mapping[str, Any], client: str | None, source: str, at: datetime) -> None:
    if metadata or client:
        facts.namings.append(Naming(metadata=dict(metadata), client_reference=client, source=source, at=at))


def _charge(facts: Facts, event: Json, thing: Json) -> None:
    at = moment(event["created"])
    if at is None:
        return
    payment = references(thing).payment
    facts.charges[str(thing["id"])].append(
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
