"""Reading a request to Stripe: its key, its parameters, and what is wrong with them.

Source: specs/billing.md §1.8, §1.9, §1.10.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from conversion_sync.sandbox.exchange import Call, Reply
from conversion_sync.sandbox.stripe_answers import bad_parameter, no_such, refusal, unknown_parameter
from conversion_sync.sandbox.stripe_shelves import Shelf

MOST_TYPES = 20
PAGING = frozenset({"limit", "starting_after", "ending_before"})


def _ranged(name: str) -> frozenset[str]:
    return frozenset({name, *(f"{name}[{bound}]" for bound in ("gt", "gte", "lt", "lte"))})


CREATED = _ranged("created")
PERIODS = ("current_period_start", "current_period_end")
FILTERS: Mapping[str, frozenset[str]] = {
    "events": frozenset({"type", "delivery_success"}),
    "customers": frozenset({"email"}),
    "subscriptions": frozenset({"customer", "status"}).union(*map(_ranged, PERIODS)),
    "invoices": frozenset({"customer", "subscription", "status", "collection_method"}),
    "invoice_payments": frozenset({"invoice", "status", "payment[type]", "payment[payment_intent]"}),
    "payment_intents": frozenset({"customer"}),
    "charges": frozenset({"customer", "payment_intent"}),
    "refunds": frozenset({"charge", "payment_intent"}),
    "disputes": frozenset({"charge", "payment_intent"}),
    "credit_notes": frozenset({"customer", "invoice"}),
    "lines": frozenset(),
}


class RefusedError(Exception):
    """The request cannot be answered; carries what Stripe says."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def check_key(call: Call, right: str) -> None:
    """The key as a bearer token or as a basic user name. Raises RefusedError."""
    key = call.bearer or ""
    scheme, _, encoded = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            key = base64.b64decode(encoded, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            key = ""
    if not key:
        raise RefusedError(refusal(401, "You did not provide an API key."))
    if key != right:
        raise RefusedError(refusal(401, f"Invalid API Key provided: {key[:7]}****{key[-4:]}"))


def event_types(call: Call) -> set[str]:
    """The event types asked for, none for all. Raises RefusedError."""
    single = call.query.get("type")
    several = {value for key, value in call.query.items() if key.startswith("types[")}
    if single is not None and several:
        raise RefusedError(
            bad_parameter("types", "You may only specify one of these parameters: type, types.")
        )
    if len(several) > MOST_TYPES:
        raise RefusedError(bad_parameter("types", f"You may provide at most {MOST_TYPES} types."))
    if any("*" in kind for kind in several):
        raise RefusedError(bad_parameter("types", "Wildcards are not allowed in types."))
    return several if single is None else {single}


def check_parameters(name: str, call: Call) -> None:
    """Raises RefusedError for a parameter that the list does not have."""
    known = PAGING | FILTERS[name] | (frozenset() if name == "lines" else CREATED)
    for key in sorted(call.query):
        listed = key.startswith("expand[") or (name == "events" and key.startswith("types["))
        if key not in known and not listed:
            raise RefusedError(unknown_parameter(key))
    if "starting_after" in call.query and "ending_before" in call.query:
        raise RefusedError(
            bad_parameter("ending_before", "You cannot parameterize both starting_after and ending_before.")
        )


def bounds(call: Call, most: datetime, name: str = "created") -> tuple[datetime | None, datetime]:
    """[low, high) of what is asked for by name, in whole seconds; high is never after `most`."""
    second, none = timedelta(seconds=1), timedelta()
    lows: list[datetime] = []
    highs = [most + timedelta(microseconds=1)]
    for bound, least, last in (
        ("", none, second),
        ("[gte]", none, None),
        ("[gt]", second, None),
        ("[lt]", None, none),
        ("[lte]", None, second),
    ):
        key = name + bound
        if key not in call.query:
            continue
        at = _moment(key, call.query[key])
        lows += [] if least is None else [at + least]
        highs += [] if last is None else [at + last]
    return max(lows, default=None), min(highs)


def _moment(key: str, text: str) -> datetime:
    try:
        return datetime.fromtimestamp(int(text), UTC)
    except (ValueError, OverflowError, OSError):
        raise RefusedError(bad_parameter(key, f"Invalid integer: {text}")) from None


def page_size(call: Call) -> int:
    """How many a page holds. Raises RefusedError."""
    limit = call.query.get("limit", "10")
    if not limit.isdigit() or not 1 <= int(limit) <= 100:
        raise RefusedError(bad_parameter("limit", "This value must be between 1 and 100."))
    return int(limit)


def cursor(
    shelf: Shelf, name: str, call: Call, key: str, now: datetime, oldest: datetime | None = None
) -> str | None:
    """The id a page begins at. An event past its retention is none. Source: specs/billing.md §1.8."""
    wanted = call.query.get(key)
    if wanted is None:
        return None
    item = shelf.find(wanted)
    if item is None or item.at > now:
        raise RefusedError(no_such(name.removesuffix("s"), wanted, status=400, param=key))
    if oldest is not None and item.at < oldest:
        raise RefusedError(
            bad_parameter(key, f"The event {wanted} is no longer available: it aged out of retention.")
        )
    return wanted


def expansions(call: Call, prefix: str) -> list[list[str]]:
    """The paths asked for, without the prefix that a list demands."""
    paths = [value for key, value in sorted(call.query.items()) if key.startswith("expand[")]
    for path in paths:
        if not path.startswith(prefix):
            raise RefusedError(not_expandable(path))
    return [path.removeprefix(prefix).split(".") for path in paths]


def not_expandable(path: str) -> Reply:
    """The answer to an expansion that the object does not have."""
    return bad_parameter("expand", f"This property cannot be expanded ({path}).")
