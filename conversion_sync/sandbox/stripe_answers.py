"""Stripe's way of saying no: one error shape for everything that cannot be answered.

Source: specs/billing.md §1.10.
"""

from __future__ import annotations

from typing import Any

from conversion_sync.sandbox.exchange import Reply

MEANINGS = {
    401: ("invalid_request_error", None, "Invalid API Key provided."),
    402: ("card_error", "card_declined", "Your card was declined."),
    403: ("invalid_request_error", None, "The provided key does not have the required permissions."),
    404: ("invalid_request_error", "resource_missing", "No such resource."),
    409: ("idempotency_error", None, "The request conflicts with another one."),
    429: ("invalid_request_error", "rate_limit", "Request rate limit exceeded."),
}


def refusal(
    status: int, message: str, *, param: str | None = None, code: str | None = None, kind: str | None = None
) -> Reply:
    """An error in Stripe's shape."""
    error: dict[str, Any] = {"message": message, "type": kind or "invalid_request_error"}
    if param is not None:
        error["param"] = param
    if code is not None:
        error["code"] = code
    return Reply(status=status, body={"error": error})


def plain_refusal(status: int, headers: dict[str, str]) -> Reply:
    """What Stripe says for a status when nothing more is known: the body of a planned fault without one."""
    kind, code, message = MEANINGS.get(status, ("api_error", None, "Something went wrong on our end."))
    answer = refusal(status, message, code=code, kind=kind)
    if status == 429:
        headers = {"stripe-rate-limited-reason": "global-rate"} | headers
    return Reply(status=status, body=answer.body, headers=headers)


def no_such(kind: str, wanted: str, *, status: int = 404, param: str = "id") -> Reply:
    """The id names nothing."""
    return refusal(status, f"No such {kind}: '{wanted}'", param=param, code="resource_missing")


def unknown_parameter(name: str) -> Reply:
    """The request carries a parameter that the endpoint does not have."""
    return refusal(400, f"Received unknown parameter: {name}", param=name, code="parameter_unknown")


def bad_parameter(name: str, message: str) -> Reply:
    """The parameter's value makes no sense."""
    return refusal(400, message, param=name)


def no_such_url(method: str, path: str) -> Reply:
    """The address is none of the API's."""
    return refusal(404, f"Unrecognized request URL ({method}: {path}).")
