"""Microsoft's consent and tokens: an hour of access, and with each refresh another refresh token.

The former one stays good, unless the sandbox is told to rotate. Source:
specs/meta_tiktok_linkedin_microsoft.md §9.12; the lives and error texts are not in the specs.
"""

from __future__ import annotations

from datetime import timedelta

from starlette.routing import Route

from conversion_sync.sandbox.credentials import Credentials
from conversion_sync.sandbox.exchange import Call, Reply
from conversion_sync.sandbox.grants import TokenFault, Ways, epoch, fault_of
from conversion_sync.sandbox.oauth import GRANTS, consent_route, exchanged, refused, token_route
from conversion_sync.sandbox.vendors import Vendors

BASE = "/common/oauth2/v2.0"


def ways(known: Credentials) -> Ways:
    """An hour, and 90 days that begin anew with each refresh."""
    return Ways(
        vendor="microsoft",
        client_id=known.microsoft_client_id,
        client_secret=known.microsoft_client_secret,
        seed=known.microsoft_refresh_token,
        access_life=timedelta(hours=1),
        refresh_life=timedelta(days=90),
        mode="renew",
        prefix="EwB.",
    )


def routes(vendors: Vendors) -> list[Route]:
    """The consent and the token endpoint."""
    known = ways(vendors.credentials)
    return [
        consent_route(vendors, known, f"{BASE}/authorize", lambda _: "microsoft"),
        token_route(vendors, known, f"{BASE}/token", lambda _: "microsoft", token),
    ]


def token(vendors: Vendors, call: Call) -> Reply:
    """Answer a refresh or a code. A native application sends no secret."""
    form, known = call.form, vendors.credentials
    if form.get("client_id") != known.microsoft_client_id:
        return refused(400, "unauthorized_client", "AADSTS700016: Application was not found.")
    if form.get("client_secret", known.microsoft_client_secret) != known.microsoft_client_secret:
        return refused(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
    if form.get("grant_type") not in GRANTS:
        return refused(400, "unsupported_grant_type", "AADSTS70003: Unsupported grant type.")
    given = exchanged(ways(known), vendors, form)
    if given is None:
        return refused(400, "invalid_grant", "AADSTS70000: The provided grant is invalid or expired.")
    return Reply(
        body={
            "token_type": "Bearer",
            "scope": "https://ads.microsoft.com/msads.manage",
            "expires_in": 3599,
            "access_token": given.access,
            **({"refresh_token": given.refresh} if given.refresh else {}),
        }
    )


def token_fault(vendors: Vendors, token: str | None) -> int | None:
    """The code a bad access token earns, or None."""
    if token == vendors.credentials.microsoft_access_token and not epoch(vendors, "microsoft"):
        return None
    fault = fault_of(ways(vendors.credentials), vendors, token)
    if fault is None:
        return None
    return 109 if fault is TokenFault.EXPIRED else 105
