"""TikTok's consent and its three kinds of tokens.

`/tt_user/` gives out tokens of a day with a refresh token that rotates unless told otherwise; the
Marketing API's own path a token without an end. Source: specs/meta_tiktok_linkedin_microsoft.md §2.4, §7.2.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from starlette.routing import Route

from conversion_sync.sandbox.credentials import Credentials
from conversion_sync.sandbox.exchange import Answer, Call, Reply
from conversion_sync.sandbox.grants import TokenFault, Ways, epoch, fault_of, redeem, refresh
from conversion_sync.sandbox.oauth import consent_route, token_route
from conversion_sync.sandbox.vendors import Vendors

API = "/open_api/v1.3"
BAD_REFRESH, BAD_GRANT, BAD_CODE, BAD_APP = 40107, 40108, 40110, 40113
SAID = {
    BAD_REFRESH: "The refresh token is invalid or has been used.",
    BAD_GRANT: "The grant type is invalid.",
    BAD_CODE: "The auth code is invalid or has expired.",
    BAD_APP: "The app id or secret is incorrect.",
}


def ways(known: Credentials) -> Ways:
    """A day of access, a year of refresh, which rolls."""
    return Ways(
        vendor="tiktok",
        client_id=known.tiktok_client_id,
        client_secret=known.tiktok_client_secret,
        seed=known.tiktok_refresh_token,
        access_life=timedelta(seconds=86400),
        refresh_life=timedelta(seconds=31536000),
        mode="rotate",
        prefix="act.",
    )


def routes(vendors: Vendors) -> list[Route]:
    """Both consents, and the token endpoints of both."""
    known = ways(vendors.credentials)

    def client(_: Call) -> str:
        return known.client_id

    user, portal = partial(_token, known, ("client_id", "client_secret")), ("app_id", "secret")
    tokens: dict[str, Answer] = {
        "/tt_user/oauth2/token/": user,
        "/tt_user/oauth2/refresh_token/": user,
        "/oauth2/access_token/": _long_term,
        "/oauth2/refresh_token/": partial(_token, known, portal),
    }
    return [
        consent_route(vendors, known, "/v2/auth/authorize", client, id_field="client_key"),
        consent_route(vendors, known, "/portal/auth", client, id_field="app_id", code_parameter="auth_code"),
        *(token_route(vendors, known, f"{API}{path}", client, answer) for path, answer in tokens.items()),
    ]


def token_fault(vendors: Vendors, token: str) -> tuple[int, str] | None:
    """The code and the words a bad access token earns, or None."""
    if not token:
        return 40104, "Access token is empty"
    if token == vendors.credentials.tiktok_access_token and not epoch(vendors, "tiktok"):
        return None
    fault = fault_of(ways(vendors.credentials), vendors, token)
    if fault is TokenFault.EXPIRED:
        return 40102, "Access token has expired."
    return None if fault is None else (40105, "Access token is incorrect or has been revoked.")


def _token(known: Ways, names: tuple[str, str], vendors: Vendors, call: Call) -> Reply:
    asked = _asked(call)
    if tuple(asked.get(name) for name in names) != (known.client_id, known.client_secret):
        return _refused(BAD_APP)
    if call.path.endswith("refresh_token/"):
        if asked.get("grant_type") != "refresh_token":
            return _refused(BAD_GRANT)
        given = refresh(known, vendors, str(asked.get("refresh_token", "")))
        if given is None:
            return _refused(BAD_REFRESH)
    else:
        if asked.get("grant_type") != "authorization_code":
            return _refused(BAD_GRANT)
        given = redeem(known, vendors, asked, "auth_code")
        if given is None:
            return _refused(BAD_CODE)
    data: dict[str, Any] = {"access_token": given.access, "open_id": "sandbox-user", "token_type": "Bearer"}
    data["scope"] = "user.info.basic"
    if given.refresh:
        data["refresh_token"] = given.refresh
    if given.access_life is not None:
        data["expires_in"] = int(given.access_life.total_seconds())
    if given.refresh_life is not None:
        data["refresh_token_expires_in"] = int(given.refresh_life.total_seconds())
    return _answer(0, "OK", data)


def _long_term(vendors: Vendors, call: Call) -> Reply:
    """The Marketing API's exchange: a token without an end and without a refresh token."""
    asked, known = _asked(call), ways(vendors.credentials)
    if (asked.get("app_id"), asked.get("secret")) != (known.client_id, known.client_secret):
        return _refused(BAD_APP)
    given = redeem(replace(known, lasting=True), vendors, asked, "auth_code")
    if given is None:
        return _refused(BAD_CODE)
    return _answer(
        0, "OK", {"access_token": given.access, "advertiser_ids": ["7000000000000000001"], "scope": [4]}
    )


def _asked(call: Call) -> Mapping[str, Any]:
    try:
        body = json.loads(call.body)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _refused(code: int) -> Reply:
    return _answer(code, SAID[code], {})


def _answer(code: int, message: str, data: Mapping[str, Any]) -> Reply:
    request_id = secrets.token_hex(16).upper()
    return Reply(body={"code": code, "message": message, "request_id": request_id, "data": data})
