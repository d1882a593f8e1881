"""The paths every vendor's OAuth has: the page of consent, and the exchange of a code or a refresh token."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from starlette.routing import Route

from conversion_sync.sandbox.exchange import AccountOf, Answer, Reply, endpoint
from conversion_sync.sandbox.grants import Given, Ways, consent, redeem, refresh
from conversion_sync.sandbox.vendors import Vendors

GRANTS = ("refresh_token", "authorization_code")


def consent_route(
    vendors: Vendors,
    known: Ways,
    path: str,
    account: AccountOf,
    *,
    id_field: str = "client_id",
    code_parameter: str = "code",
) -> Route:
    """The page a person is sent to. `id_field` and `code_parameter` are the vendor's words."""
    agree = partial(consent, known, id_field=id_field, code_parameter=code_parameter)
    return Route(path, endpoint(vendors, f"{known.vendor}_oauth", agree, account), methods=["GET"])


def token_route(vendors: Vendors, known: Ways, path: str, account: AccountOf, answer: Answer) -> Route:
    """A token endpoint."""
    return Route(path, endpoint(vendors, f"{known.vendor}_oauth", answer, account), methods=["POST"])


def exchanged(known: Ways, vendors: Vendors, form: Mapping[str, str]) -> Given | None:
    """The tokens for what a form of one of the `GRANTS` brings; None where that is not good."""
    if form["grant_type"] == "refresh_token":
        return refresh(known, vendors, form.get("refresh_token", ""))
    return redeem(known, vendors, form, "code")


def refused(status: int, error: str, description: str) -> Reply:
    """The refusal of RFC 6749, section 5.2."""
    return Reply(status=status, body={"error": error, "error_description": description})
