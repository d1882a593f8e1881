"""Reading a request to Lemon Squeezy: key, media types, filters, page; and its way of saying no.

Source: specs/billing.md §4.1; vendor's pages "Requests" and "Responses" (JSON:API error objects).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from conversion_sync.sandbox.exchange import Call, Reply
from conversion_sync.sandbox.lemon_rows import Json

MEDIA = "application/vnd.api+json"
LARGEST, USUAL = 100, 10
FILTERS: Mapping[str, frozenset[str]] = {
    "stores": frozenset(),
    "customers": frozenset({"store_id", "email"}),
    "orders": frozenset({"store_id", "user_email", "order_number"}),
    "subscriptions": frozenset(
        {"store_id", "order_id", "order_item_id", "product_id", "variant_id", "user_email", "status"}
    ),
    "subscription-invoices": frozenset({"store_id", "status", "refunded", "subscription_id"}),
}
TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    415: "Unsupported Media Type",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
    503: "Service Unavailable",
}
UNFINDABLE = frozenset({"partial_refund"})
"""Statuses of an invoice that its filter knows nothing of: 200, and no row. Source: specs/billing.md §4.1."""


class RefusedError(Exception):
    """The request cannot be answered; carries what Lemon Squeezy says."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def refusal(status: int, detail: str, **more: object) -> Reply:
    """An error in JSON:API's shape."""
    error = {"detail": detail, "status": str(status), "title": TITLES.get(status, "Server Error"), **more}
    return Reply(status=status, body={"jsonapi": {"version": "1.0"}, "errors": [error]})


def plain_refusal(status: int, headers: dict[str, str]) -> Reply:
    """What is said for a status when nothing more is known: the body of a planned fault without one."""
    return Reply(
        status=status, body=refusal(status, TITLES.get(status, "Server Error")).body, headers=headers
    )


def check_access(call: Call, key: str) -> None:
    """Key and media types. Raises RefusedError."""
    if call.bearer != key:
        raise RefusedError(refusal(401, "Unauthenticated."))
    if MEDIA not in call.headers.get("accept", ""):
        raise RefusedError(refusal(406, "The requested resource is capable of generating only JSON:API."))
    if call.headers.get("content-type") != MEDIA:
        raise RefusedError(refusal(415, "The request entity has a media type which is not supported."))


def wanted(name: str, call: Call) -> Callable[[Json], bool] | None:
    """Which rows the filters let through, None for all. Raises RefusedError for one the list has not."""
    tests: list[Callable[[Json], bool]] = []
    for key, value in call.query.items():
        if key in ("page[number]", "page[size]"):
            continue
        found = re.fullmatch(r"filter\[(\w+)\]", key)
        if found is None:
            raise RefusedError(_bad(key, f"Query parameter {key} is not allowed."))
        field = found[1]
        if field not in FILTERS[name]:
            raise RefusedError(_bad(key, f"Filter parameter {field} is not allowed."))
        tests.append(_filter(name, field, value))
    return (lambda row: all(test(row) for test in tests)) if tests else None


def _filter(name: str, field: str, value: str) -> Callable[[Json], bool]:
    if field == "refunded":
        return lambda row: row["refunded"] is (value in ("true", "1"))
    if name == "subscription-invoices" and field == "status" and value in UNFINDABLE:
        return lambda _: False
    return lambda row: str(row.get(field)) == value


def page(call: Call) -> tuple[int, int]:
    """Number and size. Raises RefusedError."""
    return _whole(call, "page[number]", 1, None), _whole(call, "page[size]", USUAL, LARGEST)


def _whole(call: Call, key: str, usual: int, most: int | None) -> int:
    text = call.query.get(key, str(usual))
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text) or (most is not None and int(text) > most):
        bound = f"between 1 and {most}" if most else "at least 1"
        raise RefusedError(_bad(key, f"The {key} field must be {bound}."))
    return int(text)


def _bad(parameter: str, detail: str) -> Reply:
    return refusal(400, detail, source={"parameter": parameter})
