"""From the stored records of one customer to what Stripe told, object by object and in order of time.

Records are read by the kind of object they show, not by their type: a type nobody heard of shows a refund all
the same. A record that lacks what its object must have is parked, the others are read.
Source: specs/billing.md §1.4 (references), §6.3 (mapping).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from conversion_sync.billing.facts import Naming, Standing
from conversion_sync.billing.provider import RawRecord
from conversion_sync.billing.stripe.catalogue import StripeCatalogue
from conversion_sync.billing.stripe.contacts import Speaker, hear
from conversion_sync.billing.stripe.disputes import DisputeFact, dispute_fact
from conversion_sync.billing.stripe.notes import NoteFact, note_fact
from conversion_sync.billing.stripe.one_offs import DONE, PaidFact, paid_fact
from conversion_sync.billing.stripe.refunds import ChargeFact, RefundFact, charge_fact, refund_fact
from conversion_sync.billing.stripe.seen import (
    Json,
    Seen,
    id_of,
    reference,
    rows,
    seen,
    time_of,
    whole,
    word,
    words,
)
from conversion_sync.billing.stripe.shapes import (
    InvoiceFact,
    InvoicePayment,
    invoice_fact,
    invoice_payment,
    references,
)
from conversion_sync.billing.stripe.subscriptions import Trial, standings_of, trials_of


@dataclass(slots=True)
class Told:
    """Everything the records say. States of an object are in order of time, events before listings."""

    invoices: dict[str, list[InvoiceFact]] = field(default_factory=lambda: defaultdict(list))
    invoice_payments: dict[str, InvoicePayment] = field(default_factory=dict)
    invoice_of_payment: dict[str, str] = field(default_factory=dict)
    paid: dict[str, PaidFact] = field(default_factory=dict)
    tax_of_payment: dict[str, int] = field(default_factory=dict)
    """What a finished checkout says of the tax in a payment without an invoice."""
    refunds: dict[str, list[RefundFact]] = field(default_factory=lambda: defaultdict(list))
    charges: dict[str, list[ChargeFact]] = field(default_factory=lambda: defaultdict(list))
    disputes: dict[str, list[DisputeFact]] = field(default_factory=lambda: defaultdict(list))
    notes: dict[str, list[NoteFact]] = field(default_factory=lambda: defaultdict(list))
    standings: dict[str, list[Standing]] = field(default_factory=lambda: defaultdict(list))
    trials: dict[str, list[Trial]] = field(default_factory=lambda: defaultdict(list))
    namings: list[Naming] = field(default_factory=list)
    speakers: dict[str, Speaker] = field(default_factory=dict, repr=False)
    """What says who the customer is: of each kind of object the newest."""
    deleted: bool = False
    """The customer was deleted at Stripe."""
    parked: list[tuple[str, str, str]] = field(default_factory=list)


def collect(records: Iterable[RawRecord], catalogue: StripeCatalogue) -> Told:
    """Reads every record once, in an order of its own, so that arrival does not matter."""
    told = Told()
    shown: list[Seen] = []
    for record in {record.event_id: record for record in records}.values():
        try:
            if (found := seen(record)) is not None:
                shown.append(found)
        except UNREADABLE as fault:
            told.parked.append(_unreadable(record.event_id, record.event_type, fault))
    for each in sorted(shown, key=lambda each: (each.listed, each.at, each.record)):
        try:
            _read(told, each, catalogue)
        except UNREADABLE as fault:
            told.parked.append(_unreadable(each.record, each.kind, fault))
    return told


UNREADABLE = (
    AttributeError,
    KeyError,
    LookupError,
    OSError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)


def _unreadable(record: str, kind: str, fault: Exception) -> tuple[str, str, str]:
    """The words of a fault may hold a value of the record: only its class, or the missing name, is told."""
    if isinstance(fault, KeyError):
        return record, "unreadable_record", f"{kind} without {fault.args[0]}"
    return record, "unreadable_record", f"{kind}: {type(fault).__name__}"


def _read(told: Told, each: Seen, catalogue: StripeCatalogue) -> None:
    named = references(each.thing)
    if named.invoice and named.payment:
        told.invoice_of_payment.setdefault(named.payment, named.invoice)
    what = each.thing.get("object") or _object_of(each.kind)
    if what == "subscription":
        _read_subscription(told, each, catalogue)
    elif isinstance(what, str) and what in READERS:
        READERS[what](told, each)


def _object_of(kind: str) -> str:
    """What a record's type says it shows, where the object itself does not."""
    stem = kind.removeprefix("object.").rpartition(".")[0] if not kind.startswith("object.") else kind[7:]
    return STEMS.get(stem, stem)


STEMS = {"customer.subscription": "subscription", "charge.dispute": "dispute", "charge.refund": "refund"}


def _told_at(each: Seen) -> Json:
    """When and where an object said who the customer is: a listing says it as of the object's making."""
    created = each.thing.get("created") if each.listed else int(each.at.timestamp())
    return {"id": each.record, "created": created}


def _read_invoice(told: Told, each: Seen) -> None:
    if each.kind == "invoice.upcoming":
        return  # a preview: it has no id, and may never come to be
    fact = invoice_fact(each)
    told.invoices[fact.id].append(fact)
    for paid in rows(each.thing.get("payments")):
        _keep_payment(told, {**paid, "invoice": paid.get("invoice") or fact.id})
    if fact.paid_at is not None:
        _name(told, fact.metadata, None, fact.id, each)
        hear(told.speakers, "invoice.paid", _told_at(each), each.thing)


def _read_invoice_payment(told: Told, each: Seen) -> None:
    _keep_payment(told, each.thing)


def _keep_payment(told: Told, thing: Json) -> None:
    paid = invoice_payment(thing)
    if paid.payment and paid.invoice:
        told.invoice_of_payment.setdefault(paid.payment, paid.invoice)
    kept = told.invoice_payments.get(paid.id)
    if kept is None or kept.paid_at is None:
        told.invoice_payments[paid.id] = paid


def _read_subscription(told: Told, each: Seen, catalogue: StripeCatalogue) -> None:
    name = id_of(each.thing)
    _name(told, words(each.thing.get("metadata")), None, name, each)
    told.trials[name] += trials_of(each.thing)
    status = str(each.thing.get("status"))
    if catalogue.subscription.of(status) is None:
        told.parked.append((name, "unknown_subscription_status", word(status)))
        return
    told.standings[name] += standings_of(each, catalogue)


def _read_payment(told: Told, each: Seen) -> None:
    if each.thing.get("status", DONE) == DONE:
        _name(told, words(each.thing.get("metadata")), None, str(each.thing["id"]), each)
        hear(told.speakers, "payment_intent.succeeded", _told_at(each), each.thing)
        paid = paid_fact(each)
        told.paid.setdefault(paid.id, paid)


def _read_charge(told: Told, each: Seen) -> None:
    charge = charge_fact(each)
    told.charges[charge.id].append(charge)
    hear(told.speakers, "charge.refunded", _told_at(each), each.thing)


def _read_refund(told: Told, each: Seen) -> None:
    refund = refund_fact(each)
    told.refunds[refund.id].append(refund)


def _read_dispute(told: Told, each: Seen) -> None:
    dispute = dispute_fact(each)
    told.disputes[dispute.id].append(dispute)


def _read_note(told: Told, each: Seen) -> None:
    note = note_fact(each)
    told.notes[note.id].append(note)


def _read_customer(told: Told, each: Seen) -> None:
    if each.kind == "customer.deleted":
        told.deleted = True
        return
    _name(told, words(each.thing.get("metadata")), None, id_of(each.thing), each)
    hear(told.speakers, "customer.updated", _told_at(each), each.thing)


def _read_checkout(told: Told, each: Seen) -> None:
    thing = each.thing
    client = reference(thing.get("client_reference_id"))
    _name(told, words(thing.get("metadata")), client, id_of(thing), each)
    hear(told.speakers, "checkout.session.completed", _told_at(each), thing)
    details, payment = thing.get("total_details"), reference(thing.get("payment_intent"))
    if payment and isinstance(details, Mapping):
        told.tax_of_payment.setdefault(payment, whole(details.get("amount_tax") or 0))


def _name(told: Told, metadata: Mapping[str, str], client: str | None, source: str, each: Seen) -> None:
    """Of what is only listed nobody knows since when it is named so: since it was made."""
    if metadata or client:
        made_at = time_of(each.thing["created"]) if each.thing.get("created") else each.at
        at = made_at if each.listed else each.at
        told.namings.append(
            Naming(values=metadata, client_reference=client, source=source, at=at, made_at=made_at)
        )


READERS: Mapping[str, Callable[[Told, Seen], None]] = {
    "invoice": _read_invoice,
    "invoice_payment": _read_invoice_payment,
    "payment_intent": _read_payment,
    "charge": _read_charge,
    "refund": _read_refund,
    "dispute": _read_dispute,
    "credit_note": _read_note,
    "customer": _read_customer,
    "checkout.session": _read_checkout,
}
"""Every object that money or identity is read from, beside subscriptions. Others say nothing."""
