"""Who a Stripe record says the customer is, in its own words: read, never kept.

Source: specs/meta_tiktok_linkedin_microsoft.md §5.2 (the billing country reads phones); Stripe's objects
Customer, Invoice, Checkout Session, PaymentIntent and Charge.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from conversion_sync.billing.stripe.shapes import Json, moment
from conversion_sync.model.identifier import Contact

LATEST = 2**32
"""Seconds; no time a person lived to write."""
ADDRESS = {"city": "city", "state": "state", "postal_code": "postal_code", "country": "country"}


def contacts_of(kind: str, event: Json, thing: Json) -> Iterator[Contact]:
    """The contact one record gives, if it gives one; `kind` is the event's type."""
    match kind.split("."):
        case ["customer", "created" | "updated"]:
            yield from _contact("customer", event, _details(thing))
        case ["checkout", "session", "completed"]:
            yield from _contact("checkout", event, _details(_part(thing, "customer_details")))
        case ["invoice", "paid"]:
            yield from _contact("invoice", event, _of_invoice(thing))
        case ["payment_intent", "succeeded"]:
            if email := _text(thing.get("receipt_email")):
                yield from _contact("receipt", event, {"email": email})
            yield from _charges(_part(thing, "charges").get("data"))
            yield from _charges([thing.get("latest_charge")])
        case ["charge", _]:
            yield from _charges([thing])


def _of_invoice(invoice: Json) -> dict[str, str | None]:
    """An invoice tells its customer's details with a prefix."""
    names = ("email", "phone", "name", "address")
    return _details({name: invoice.get(f"customer_{name}") for name in names})


def _charges(listed: object) -> Iterator[Contact]:
    """What was written down when a charge was made, whichever later record shows it."""
    for charge in listed if isinstance(listed, list) else []:
        if isinstance(charge, Mapping) and charge.get("billing_details"):
            yield from _contact("charge", charge, _details(_part(charge, "billing_details")))


def _contact(of: str, record: Json, details: Mapping[str, str | None]) -> Iterator[Contact]:
    """Nothing without a time: which record is the newest could not be told."""
    created = record.get("created")
    at = moment(created) if isinstance(created, int) and 0 < created < LATEST else None
    if at is not None:
        yield Contact(of=of, source_ref=str(record.get("id")), stated_at=at, **details)


def _details(person: Json) -> dict[str, str | None]:
    address = _part(person, "address")
    return {name: _text(person.get(name)) for name in ("email", "phone", "name")} | {
        name: _text(address.get(key)) for name, key in ADDRESS.items()
    }


def _part(thing: Json, name: str) -> Mapping[str, Any]:
    part = thing.get(name)
    return part if isinstance(part, Mapping) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
