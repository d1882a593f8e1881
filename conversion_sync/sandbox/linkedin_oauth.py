"""LinkedIn's consent and tokens: 60 days of access from a refresh token whose year never grows.

Source: specs/meta_tiktok_linkedin_microsoft.md §3.5, §7.3 rule 11.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from starlette.routing import Route

from conversion_sync.sandbox.credentials import Credentials
from conversion_sync.sandbox.exchange import Call, Reply
from conversion_sync.sandbox.grants import TokenFault, Ways, fault_of, sign
from conversion_sync.sandbox.oauth import GRANTS, consent_route, exchanged, refused, token_route
from conversion_sync.sandbox.vendors import Vendors

ACCESS_LIFE, REFRESH_LIFE = timedelta(days=60), timedelta(days=365)
PREFIX = "AQ."


def ways(known: Credentials) -> Ways:
    """The refresh token's year runs from the consent, the first one's from its first use in the sandbox."""
    return Ways(
        vendor="linkedin",
        client_id=known.linkedin_client_id,
        client_secret=known.linkedin_client_secret,
        seed=known.linkedin_refresh_token,
        access_life=ACCESS_LIFE,
        refresh_life=REFRESH_LIFE,
        fixed_end=True,
        prefix=PREFIX,
    )


def routes(vendors: Vendors) -> list[Route]:
    """The consent and the token endpoint."""
    known = ways(vendors.credentials)
    return [
        consent_route(vendors, known, "/oauth/v2/authorization", lambda _: "linkedin"),
        token_route(vendors, known, "/oauth/v2/accessToken", lambda _: "linkedin", access_token),
    ]


def access_token(vendors: Vendors, call: Call) -> Reply:
    """Answer a refresh or a code."""
    form, known = call.form, vendors.credentials
    client = (form.get("client_id"), form.get("client_secret"))
    if client != (known.linkedin_client_id, known.linkedin_client_secret):
        return refused(401, "invalid_client", "Client authentication failed")
    if form.get("grant_type") not in GRANTS:
        return refused(400, "invalid_request", "The passed in grant_type is invalid")
    given = exchanged(ways(known), vendors, form)
    if given is None:
        return refused(400, "invalid_grant", "The provided authorization grant or refresh token is invalid")
    body = {"access_token": given.access, "scope": "r_ads,rw_conversions"}
    lives = {"expires_in": given.access_life, "refresh_token_expires_in": given.refresh_life}
    told = {name: int(life.total_seconds()) for name, life in lives.items() if life is not None}
    return Reply(body=body | told | ({"refresh_token": given.refresh} if given.refresh else {}))


def issue(credentials: Credentials, expires: datetime) -> str:
    """A signed token, so that a restarted sandbox still knows it."""
    claim = str(int(expires.timestamp()))
    return f"{PREFIX}{claim}.{sign(credentials.linkedin_client_secret, claim, 0)}"


def token_fault(vendors: Vendors, token: str | None) -> Reply | None:
    """The 401 a bad token earns, or None."""
    match fault_of(ways(vendors.credentials), vendors, token):
        case None:
            return None
        case TokenFault.EXPIRED:
            return _unauthorised(65602, "EXPIRED_ACCESS_TOKEN", "The token used in the request has expired")
        case TokenFault.REVOKED:
            text = "The token used in the request has been revoked by the user"
            return _unauthorised(65601, "REVOKED_ACCESS_TOKEN", text)
        case _:
            return _unauthorised(65600, "INVALID_ACCESS_TOKEN", "Invalid access token")


def _unauthorised(service_code: int, code: str, message: str) -> Reply:
    body = {"status": 401, "serviceErrorCode": service_code, "code": code, "message": message}
    return Reply(status=401, body=body)
