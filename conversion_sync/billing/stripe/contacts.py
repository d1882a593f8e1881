"""Who a Stripe record says the customer is, in its own words: read, never kept.

Of each kind of object only the newest record is read to the end, for only that one speaks.
Source: specs/meta_tiktok_linkedin_microsoft.md §5.2 (the billing country reads phones); Stripe's objects
Customer, Invoice, Checkout Session, PaymentIntent and Charge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from conversion_sync.billing.stripe.seen import Json
from conversion_sync.model.identifier import Contact

ADDRESS = ("city", "state", "postal_code", "country")
LATEST = 2**32
"""Seconds; no time a person lived to write."""

Speaker = tuple[int, str, Json]
"""When an object said who the customer is, the record that shows it, and the object."""


def hear(speakers: dict[str, Speaker], kind: str, event: Json, thing: Json) -> None:
    """Keeps what an event of this kind says in `speakers`, by kind of object, if that is newer."""
    match kind:
        case "invoice.paid":
            _keep(speakers, "invoice", event, thing)
        case "customer.created" | "customer.updated":
            _keep(speakers, "customer", event, thing)
        case "checkout.session.completed":
            _keep(speakers, "checkout", event, thing)
        case "payment_intent.succeeded":
            if thing.get("receipt_email"):
                _keep(speakers, "receipt", event, thing)
            _hear_charges(speakers, _part(thing, "charges").get("data"))
            _hear_charges(speakers, [thing.get("latest_charge")])
        case "charge.refunded":
            _hear_charges(speakers, [thing])


def contacts_of(speakers: Mapping[str, Speaker]) -> Iterator[Contact]:
    """What those who spoke last say."""
    for of, (seconds, source, thing) in speakers.items():
        at = datetime.fromtimestamp(seconds, UTC)
        yield Contact(of=of, source_ref=source, stated_at=at, **DETAILS[of](thing))


def _hear_charges(speakers: dict[str, Speaker], listed: object) -> None:
    """What was written down when a charge was made, whichever later record shows it."""
    for charge in listed if isinstance(listed, list) else []:
        if isinstance(charge, Mapping) and charge.get("billing_details"):
            _keep(speakers, "charge", charge, charge)


def _keep(speakers: dict[str, Speaker], of: str, record: Json, thing: Json) -> None:
    """Nothing without a time: which record is the newest could not be told."""
    created = record.get("created")
    if type(created) is not int or not 0 < created < LATEST:
        return
    source = str(record.get("id"))
    if of not in speakers or speakers[of][:2] <= (created, source):
        speakers[of] = (created, source, thing)


def _of_invoice(invoice: Json) -> dict[str, str | None]:
    """An invoice tells its customer's details with a prefix."""
    names = ("email", "phone", "name", "address")
    return _details({name: invoice.get(f"customer_{name}") for name in names})


def _details(person: Json) -> dict[str, str | None]:
    address = _part(person, "address")
    return {name: _text(person.get(name)) for name in ("email", "phone", "name")} | {
        name: _text(address.get(name)) for name in ADDRESS
    }


def _part(thing: Json, name: str) -> Mapping[str, Any]:
    part = thing.get(name)
    return part if isinstance(part, Mapping) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


DETAILS: Mapping[str, Callable[[Json], dict[str, str | None]]] = {
    "customer": _details,
    "invoice": _of_invoice,
    "checkout": lambda session: _details(_part(session, "customer_details")),
    "receipt": lambda payment: {"email": _text(payment.get("receipt_email"))},
    "charge": lambda charge: _details(_part(charge, "billing_details")),
}
"""Where each kind of object tells who the customer is."""
