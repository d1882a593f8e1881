"""From the stored records of a customer to what Paddle told: billed, adjusted, subscribed, who it was."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from conversion_sync.billing.facts import Naming
from conversion_sync.billing.listed import PREFIX, read_listed
from conversion_sync.billing.paddle.catalogue import PaddleCatalogue
from conversion_sync.billing.paddle.shapes import (
    Adjustment,
    Seen,
    Subscription,
    Transaction,
    adjustment,
    subscription,
    transaction,
)
from conversion_sync.billing.paddle.values import Json, custom_data, moment, named, named_or_none, part
from conversion_sync.billing.provider import RawRecord
from conversion_sync.model.identifier import Contact

IMPORTED = "imported"


@dataclass(slots=True)
class Told:
    """Everything the records say, by object, each object's states in order of time."""

    transactions: dict[str, list[Transaction]] = field(default_factory=dict)
    adjustments: dict[str, list[Adjustment]] = field(default_factory=dict)
    subscriptions: dict[str, list[Subscription]] = field(default_factory=dict)
    subscription_of: dict[str, str] = field(default_factory=dict)
    """Which subscription a transaction began."""
    countries: dict[str, tuple[datetime, str]] = field(default_factory=dict)
    """By address: when it was said, and what."""
    namings: list[Naming] = field(default_factory=list)
    contacts: dict[str, Contact] = field(default_factory=dict, repr=False)
    """Of customer and address, what was said last."""
    parked: list[tuple[str, str, str]] = field(default_factory=list)


def collect(records: Iterable[RawRecord], vocabulary: PaddleCatalogue) -> Told:
    """Reads every record once, in an order that does not depend on how they came."""
    told = Told()
    unique = {record.event_id: record for record in records}
    for record in sorted(unique.values(), key=lambda record: (record.created_at, record.event_id)):
        try:
            _read(told, record, vocabulary)
        except KeyError as fault:
            told.parked.append(
                (record.event_id, "unreadable_record", f"{record.event_type} without {fault.args[0]}")
            )
        except (AttributeError, ArithmeticError, RecursionError, TypeError, ValueError) as fault:
            # Its words may hold a value of the record: only the class is told.
            told.parked.append(
                (record.event_id, "unreadable_record", f"{record.event_type}: {type(fault).__name__}")
            )
    told.transactions = {name: sorted(states, key=_in_time) for name, states in told.transactions.items()}
    told.adjustments = {name: sorted(states, key=_in_time) for name, states in told.adjustments.items()}
    told.subscriptions = {name: sorted(states, key=_in_time) for name, states in told.subscriptions.items()}
    return told


def _in_time(state: Transaction | Adjustment | Subscription) -> tuple[datetime, bool, datetime, str]:
    return state.updated_at, state.seen.listed, state.seen.at, state.seen.record


def _read(told: Told, record: RawRecord, vocabulary: PaddleCatalogue) -> None:
    listed = record.event_type.startswith(f"{PREFIX}.")
    if not listed and record.event_type in vocabulary.events.other:
        return
    if not listed and record.event_type not in vocabulary.events.read:
        told.parked.append((record.event_id, "unknown_event_type", record.event_type))
        return
    entity, verb = (
        record.event_type.removeprefix(f"{PREFIX}.").split(".")[0],
        record.event_type.split(".")[-1],
    )
    thing = part(read_listed(record)[1] if listed else json.loads(record.body)["data"])
    seen = Seen(
        record=record.event_id,
        listed=listed,
        at=record.created_at,
        livemode=record.livemode,
        begins=not listed and verb == "created",
        imported=not listed and verb == IMPORTED,
    )
    match entity:
        case "transaction":
            _read_transaction(told, transaction(seen, thing), thing)
        case "adjustment":
            shown = adjustment(seen, thing)
            told.adjustments.setdefault(shown.id, []).append(shown)
        case "subscription":
            _read_subscription(told, subscription(seen, thing))
        case "customer":
            _read_customer(told, seen, thing)
        case "address":
            _read_address(told, seen, thing)


def _read_transaction(told: Told, shown: Transaction, thing: Json) -> None:
    told.transactions.setdefault(shown.id, []).append(shown)
    _name(told, shown.custom_data, shown.id, shown.created_at)
    # A listed one brings its customer and address along, where they were asked for.
    if thing.get("customer"):
        _read_customer(told, shown.seen, part(thing["customer"]))
    if thing.get("address"):
        _read_address(told, shown.seen, part(thing["address"]))


def _read_subscription(told: Told, shown: Subscription) -> None:
    told.subscriptions.setdefault(shown.id, []).append(shown)
    _name(told, shown.custom_data, shown.id, shown.updated_at)
    if shown.transaction:
        told.subscription_of[shown.transaction] = shown.id


def _read_customer(told: Told, seen: Seen, thing: Json) -> None:
    name, at = named(thing["id"]), moment(thing.get("updated_at") or thing["created_at"])
    _name(told, custom_data(thing), name, at, moment(thing["created_at"]) if thing.get("created_at") else at)
    contact = Contact(
        of="customer",
        source_ref=seen.record,
        stated_at=at,
        email=named_or_none(thing.get("email")),
        name=named_or_none(thing.get("name")),
    )
    _hear(told, contact)


def _read_address(told: Told, seen: Seen, thing: Json) -> None:
    name, at = named(thing["id"]), moment(thing.get("updated_at") or thing["created_at"])
    country = named_or_none(thing.get("country_code"))
    if country and (name not in told.countries or told.countries[name] <= (at, country)):
        told.countries[name] = at, country
    contact = Contact(
        of="address",
        source_ref=seen.record,
        stated_at=at,
        city=named_or_none(thing.get("city")),
        state=named_or_none(thing.get("region")),
        postal_code=named_or_none(thing.get("postal_code")),
        country=country,
    )
    _hear(told, contact)


def _hear(told: Told, contact: Contact) -> None:
    """The newest speaks; of two alike the record that sorts first, so that order does not matter."""
    known = told.contacts.get(contact.of)
    if known is None or _rank(known) < _rank(contact):
        told.contacts[contact.of] = contact


def _rank(contact: Contact) -> tuple[Any, ...]:
    return contact.stated_at, not contact.source_ref.startswith(f"{PREFIX}:"), contact.source_ref


def _name(
    told: Told, values: Mapping[str, str], source: str, at: datetime, made_at: datetime | None = None
) -> None:
    if values:
        told.namings.append(Naming(values=values, source=source, at=at, made_at=made_at))
