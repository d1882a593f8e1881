"""Reading a request to Paddle: its key, its parameters, and what is wrong with them.

Source: specs/billing.md §3.1; Paddle's reference of each list (a page larger than the most is the most).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from conversion_sync.sandbox.exchange import Call, Reply

DOCS = "https://developer.paddle.com/errors"
OPERATORS: Mapping[str, Callable[[datetime, datetime], bool]] = {
    "": lambda at, bound: at == bound,
    "[GT]": lambda at, bound: at > bound,
    "[GTE]": lambda at, bound: at >= bound,
    "[LT]": lambda at, bound: at < bound,
    "[LTE]": lambda at, bound: at <= bound,
}
CODES = {
    400: ("bad_request", "Invalid request."),
    401: ("authentication_missing", "No authentication header present."),
    403: ("forbidden", "You aren't permitted to perform this request."),
    404: ("not_found", "Entity not found."),
    409: ("conflict", "Request conflicts with another change."),
    429: ("too_many_requests", "Too many requests, please retry later."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class List:
    """What a list can be asked: its filters, its times, its orders, its page sizes."""

    filters: frozenset[str]
    times: frozenset[str] = frozenset()
    plain_times: frozenset[str] = frozenset()
    orders: frozenset[str] = field(default=frozenset({"id"}))
    size: int = 50
    most: int = 200


LISTS: Mapping[str, List] = {
    "events": List(filters=frozenset({"event_type", "filter"}), plain_times=frozenset({"from", "to"})),
    "transactions": List(
        filters=frozenset(
            {
                "id",
                "status",
                "origin",
                "subscription_id",
                "customer_id",
                "collection_mode",
                "invoice_number",
                "include",
            }
        ),
        times=frozenset({"created_at", "updated_at", "billed_at"}),
        orders=frozenset({"id", "created_at", "updated_at", "billed_at"}),
        size=30,
        most=30,
    ),
    "adjustments": List(
        filters=frozenset({"id", "action", "status", "customer_id", "transaction_id", "subscription_id"}),
        size=10,
        most=50,
    ),
    "subscriptions": List(
        filters=frozenset(
            {
                "id",
                "status",
                "customer_id",
                "address_id",
                "price_id",
                "collection_mode",
                "scheduled_change_action",
            }
        ),
        times=frozenset({"next_billed_at"}),
    ),
    "customers": List(filters=frozenset({"id", "status", "email", "search"})),
}


class RefusedError(Exception):
    """The request cannot be answered; carries what Paddle says."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def refusal(
    status: int, code: str, detail: str, errors: list[dict[str, str]] | None = None, **headers: str
) -> Reply:
    """An error in Paddle's shape."""
    error: dict[str, Any] = {
        "type": "request_error" if status < 500 else "api_error",
        "code": code,
        "detail": detail,
        "documentation_url": f"{DOCS}/shared/{code}",
    }
    if errors:
        error["errors"] = errors
    told = {key.replace("_", "-"): value for key, value in headers.items()}
    return Reply(status=status, body={"error": error, "meta": {"request_id": uuid.uuid4().hex}}, headers=told)


def plain_refusal(status: int, headers: dict[str, str]) -> Reply:
    """What Paddle says for a status when nothing more is known: the body of a planned fault without one."""
    code, detail = CODES.get(status, ("internal_error", "Something went wrong on our end."))
    return Reply(status=status, body=refusal(status, code, detail).body, headers=headers)


def check_key(call: Call, right: str) -> None:
    """The key as a bearer token. Raises RefusedError."""
    if "authorization" not in call.headers:
        raise RefusedError(refusal(401, *CODES[401]))
    if call.bearer is None:
        said = "Authentication header included, but incorrectly formatted."
        raise RefusedError(refusal(403, "authentication_malformed", said))
    if call.bearer != right:
        raise RefusedError(refusal(403, "invalid_token", "The provided token is not valid."))


def bad_field(name: str, message: str) -> RefusedError:
    """A parameter that does not exist, or whose value makes no sense."""
    errors = [{"field": name, "message": message}]
    return RefusedError(refusal(400, "invalid_field", "Request does not pass validation.", errors))


def check_parameters(name: str, call: Call) -> None:
    """Raises RefusedError for a parameter that the list does not have."""
    known = LISTS[name]
    for key in call.query:
        stem = re.sub(r"\[(GT|GTE|LT|LTE)\]$", "", key)
        timed = stem in known.times
        if key not in known.filters | known.plain_times | {"after", "per_page", "order_by"} and not timed:
            raise bad_field(key, "is not a parameter of this operation")


def moment(key: str, text: str) -> datetime:
    """RFC 3339; without an offset it is UTC. Raises RefusedError."""
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise bad_field(key, "must be an RFC 3339 datetime string") from None
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)


def time_tests(name: str, call: Call) -> list[tuple[str, Callable[[datetime], bool]]]:
    """The times asked for: a member of the object, and what must hold of it."""
    tests: list[tuple[str, Callable[[datetime], bool]]] = []
    for key, text in call.query.items():
        stem, _, operator = key.partition("[")
        if stem in LISTS[name].times:
            bound, compare = moment(key, text), OPERATORS[f"[{operator}" if operator else ""]
            tests.append((stem, partial(_holds, compare, bound)))
    return tests


def _holds(compare: Callable[[datetime, datetime], bool], bound: datetime, at: datetime) -> bool:
    return compare(at, bound)


def page_size(name: str, call: Call) -> int:
    """How many a page holds. Raises RefusedError."""
    known = LISTS[name]
    text = call.query.get("per_page", str(known.size))
    if not text.isdigit() or int(text) < 1:
        raise bad_field("per_page", "must be a positive number")
    return min(int(text), known.most)


def order(name: str, call: Call) -> tuple[str, bool]:
    """The member things are ordered by, and whether the largest comes first. Raises RefusedError."""
    text = call.query.get("order_by", "id[DESC]")
    found = re.fullmatch(r"([a-z_]+)\[(ASC|DESC)\]", text, re.IGNORECASE)
    if found is None or found[1] not in LISTS[name].orders:
        raise bad_field("order_by", "is not a field this operation can be ordered by")
    return found[1], found[2].upper() == "DESC"
