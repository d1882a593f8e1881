"""From the stored records of one customer to what Lemon Squeezy told: every state its rows were seen in.

Rows are overwritten, so what happened is between two states. States are ordered by `updated_at`, which
the row itself says: neither when nor how often a record came makes a difference.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from conversion_sync.billing.facts import Source
from conversion_sync.billing.lemon_squeezy.catalogue import LemonCatalogue
from conversion_sync.billing.lemon_squeezy.records import WEBHOOK, Json, is_resource, moment
from conversion_sync.billing.listed import PREFIX, read_listed
from conversion_sync.billing.provider import RawRecord

WORDS = {"orders": "order", "subscriptions": "subscription", "subscription-invoices": "subscription_invoice"}
"""What an object is called in keys."""
LARGEST = 2**53
"""No amount; nor could every program on the way tell it exactly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A row as one record shows it."""

    type: str
    id: str
    record: str
    livemode: bool
    created_at: datetime
    updated_at: datetime
    of: Json = field(repr=False)
    """Its attributes."""

    @property
    def ref(self) -> str:
        """Its name among the customer's orders and invoices, whose numbers may be the same."""
        return f"{self.type}:{self.id}"

    @property
    def source(self) -> Source:
        """The object a fact of it is about."""
        return Source(
            object_type=WORDS[self.type], object_id=self.id, record=self.record, livemode=self.livemode
        )

    @property
    def status(self) -> str:
        """Raises KeyError where it has none."""
        return str(self.of["status"])

    def whole(self, name: str) -> int:
        """An amount. Raises KeyError, TypeError or OverflowError where it is none."""
        value = self.of[name]
        if type(value) is not int:
            raise TypeError(name)
        if abs(value) > LARGEST:
            raise OverflowError(name)
        return value

    def time(self, name: str) -> datetime | None:
        """A time; None where it is missing or none."""
        try:
            return moment(self.of.get(name))
        except (OverflowError, ValueError):
            return None

    def text(self, name: str) -> str | None:
        """A word or a number as text; None where it is neither or empty."""
        return text_of(self.of.get(name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Everything the records say. Keys are ids, states in order of time."""

    orders: dict[str, list[State]] = field(default_factory=lambda: defaultdict(list))
    subscriptions: dict[str, list[State]] = field(default_factory=lambda: defaultdict(list))
    invoices: dict[str, list[State]] = field(default_factory=lambda: defaultdict(list))
    customers: list[State] = field(default_factory=list)
    custom: list[tuple[datetime, str, Json]] = field(default_factory=list)
    """When, about which order or subscription, and the checkout's custom data."""
    parked: list[tuple[str, str, str]] = field(default_factory=list)


def text_of(value: object) -> str | None:
    """A word or a number as text; None where it is neither or empty."""
    if type(value) is int:
        return str(value)
    return value if isinstance(value, str) and value.strip() else None


def collect(records: Iterable[RawRecord], catalogue: LemonCatalogue) -> Told:
    """Reads each record once; one that cannot be read, or whose type nobody knows, is parked."""
    told = Told()
    unique = {record.event_id: record for record in records}
    states: list[State] = []
    for record in (unique[name] for name in sorted(unique)):
        family, _, kind = record.event_type.partition(".")
        try:
            if family == WEBHOOK:
                _hear(told, record, kind, catalogue)
            elif family == PREFIX and kind in catalogue.types.read:
                states.append(_state(record))
            elif family != PREFIX or kind not in catalogue.types.kept:
                told.parked.append((record.event_id, "unknown_type", record.event_type))
        except KeyError as fault:
            told.parked.append(
                (record.event_id, "unreadable_record", f"{record.event_type} without {fault.args[0]}")
            )
        except (AttributeError, OverflowError, RecursionError, TypeError, ValueError) as fault:
            # Its words may hold a value of the record: only the class is told.
            told.parked.append(
                (record.event_id, "unreadable_record", f"{record.event_type}: {type(fault).__name__}")
            )
    for state in sorted(states, key=_in_time):
        _shelve(told, state)
    return told


def _state(record: RawRecord) -> State:
    _, thing = read_listed(record)
    if not is_resource(thing):
        raise TypeError("no object")
    of: Mapping[str, Any] = thing["attributes"]
    made = moment(of.get("created_at")) or record.created_at
    return State(
        type=str(thing["type"]),
        id=str(thing["id"]),
        record=record.event_id,
        livemode=record.livemode,
        created_at=made,
        updated_at=moment(of.get("updated_at")) or made,
        of=of,
    )


def _in_time(state: State) -> tuple[datetime, int, str]:
    """Of two states of one moment the one with more refunded is the later."""
    refunded = state.of.get("refunded_amount")
    return state.updated_at, refunded if type(refunded) is int else 0, state.record


def _shelve(told: Told, state: State) -> None:
    match state.type:
        case "customers":
            told.customers.append(state)
        case "orders":
            told.orders[state.id].append(state)
        case "subscriptions":
            told.subscriptions[state.id].append(state)
        case "subscription-invoices":
            told.invoices[state.id].append(state)


def _hear(told: Told, record: RawRecord, event: str, catalogue: LemonCatalogue) -> None:
    """Custom data, with the order or subscription it was given for."""
    if event not in catalogue.events.known:
        told.parked.append((record.event_id, "unknown_webhook", event))
    body = json.loads(record.body)
    custom = body["meta"].get("custom_data")
    if not custom:
        return
    if not isinstance(custom, Mapping):
        raise TypeError("custom data is no object")
    thing = body["data"]
    name = _about(thing["type"], str(thing["id"]), thing["attributes"])
    if name is not None:
        told.custom.append((record.created_at, name, custom))


def _about(kind: str, name: str, of: Json) -> str | None:
    if kind in ("orders", "subscriptions"):
        return f"{kind}:{name}"
    for key, of_kind in (("subscription_id", "subscriptions"), ("order_id", "orders")):
        if (found := text_of(of.get(key))) is not None:
            return f"{of_kind}:{found}"
    return None
