"""Stripe's events as raw records, whichever way they came: read for their envelope, kept as they are.

Of a body only what the envelope needs is decoded; its text is kept without the space between its parts.
Source: specs/billing.md §1.4 (references), §1.8 (snapshot and thin events).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypedDict

import msgspec

from conversion_sync.billing.provider import RawRecord
from conversion_sync.billing.stripe.shapes import References, references
from conversion_sync.errors import DataError

THIN = "v2.core.event"
"""What a thin event says it is: it names an object and holds none."""
Lines = Callable[[str], list[Any]]
"""All lines of an invoice by its id."""


class Thing(TypedDict, total=False):
    """What references are read from; anything else of an object is skipped unread."""

    id: Any
    object: Any
    customer: Any
    customer_account: Any
    invoice: Any
    payment_intent: Any
    charge: Any
    payment: Any
    payments: Any
    lines: msgspec.Raw


class Data(msgspec.Struct):
    """An event's data; a thin event's is of another kind."""

    object: Thing | None = None


class Envelope(msgspec.Struct):
    """What every event has. `created` is seconds, or ISO 8601 in a thin one."""

    id: str
    type: str
    created: int | str
    data: Data | None = None
    object: Any = None
    livemode: Any = False
    api_version: str | None = None


class Outside(msgspec.Struct):
    """An event whose inside is of no known shape."""

    id: str
    type: str
    created: int | str
    livemode: Any = False
    api_version: Any = None


class More(msgspec.Struct):
    """Whether a list goes on."""

    has_more: Any = False


ENVELOPES, OUTSIDES = msgspec.json.Decoder(Envelope), msgspec.json.Decoder(Outside)
MORE = msgspec.json.Decoder(More)


def record_of(text: bytes | msgspec.Raw, lines: Lines) -> RawRecord:
    """An event as it is kept; an invoice that came with the first of its lines alone gets all of them.

    What is no event of a known shape is kept with no reference, as long as it has an id, a type and a time.
    Raises ValueError (msgspec's) or OverflowError where it has not; what `lines` raises.
    """
    try:
        envelope = ENVELOPES.decode(text)
    except msgspec.ValidationError:
        outside = OUTSIDES.decode(text)
        version = outside.api_version if isinstance(outside.api_version, str) else None
        envelope = Envelope(
            outside.id, outside.type, outside.created, livemode=outside.livemode, api_version=version
        )
    thing = (envelope.data.object if envelope.data else None) or Thing()
    if _lacks_lines(thing):
        text = _completed(text, lines)
    named = _references(thing)
    return RawRecord(
        event_id=envelope.id,
        event_type=envelope.type,
        created_at=_time(envelope.created),
        livemode=bool(envelope.livemode),
        api_version=envelope.api_version,
        customer_ref=named.customer,
        invoice_ref=named.invoice,
        payment_ref=named.payment,
        body=compact(text),
    )


def received(body: bytes, lines: Lines) -> RawRecord:
    """The event in a webhook's body. Raises DataError where there is none, and what `lines` raises."""
    try:
        try:
            return record_of(body, lines)
        except msgspec.DecodeError:
            return record_of(repaired(body), lines)
    except (OSError, OverflowError, RecursionError, TypeError, ValueError) as fault:
        raise DataError(
            f"The body of a Stripe webhook holds no event ({type(fault).__name__}).",
            remedy="Check which endpoint sends it here; the body is kept.",
        ) from None


def compact(text: bytes | msgspec.Raw) -> str:
    """JSON without the space between its parts, each part as it was written."""
    return msgspec.json.format(bytes(text), indent=-1).decode()


def repaired(text: bytes) -> bytes:
    """JSON in which a question mark stands for what is half of a character: no database keeps that.

    Raises ValueError or RecursionError where it is none.
    """
    return json.dumps(json.loads(text), ensure_ascii=False).encode(errors="replace")


def _references(thing: Mapping[str, Any]) -> References:
    try:
        return references(thing)
    except (AttributeError, TypeError, ValueError):
        return References()


def _lacks_lines(thing: Thing) -> bool:
    """Whether an object is an invoice with more lines than it embeds (specs/billing.md §1.5)."""
    lines = thing.get("lines")
    if thing.get("object") != "invoice" or lines is None or not isinstance(thing.get("id"), str):
        return False
    try:
        return bool(MORE.decode(lines).has_more)
    except msgspec.ValidationError:
        return False


def _completed(text: bytes | msgspec.Raw, lines: Lines) -> bytes:
    event = json.loads(bytes(text))
    thing = event["data"]["object"]
    thing["lines"] |= {"data": lines(thing["id"]), "has_more": False}
    return json.dumps(event, ensure_ascii=False).encode()


def _time(created: int | str) -> datetime:
    if isinstance(created, int):
        return datetime.fromtimestamp(created, UTC)
    return datetime.fromisoformat(created).astimezone(UTC)
