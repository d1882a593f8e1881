"""LinkedIn's token endpoint: 60-day access tokens from a refresh token whose year never grows.

Source: specs/meta_tiktok_linkedin_microsoft.md §3.5, §7.3 rule 11.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

from conversion_sync.sandbox.credentials import Credentials
from conversion_sync.sandbox.exchange import Call, Reply
from conversion_sync.sandbox.vendors import Vendors

ACCESS_LIFE, REFRESH_LIFE = timedelta(days=60), timedelta(days=365)
TOPIC = "linkedin_refresh_token"


def access_token(vendors: Vendors, call: Call) -> Reply:
    """Answer a refresh. The refresh token's year runs from its first use in the sandbox."""
    form, known = call.form, vendors.credentials
    client = (form.get("client_id"), form.get("client_secret"))
    if client != (known.linkedin_client_id, known.linkedin_client_secret):
        return _refusal(401, "invalid_client", "Client authentication failed")
    if form.get("grant_type") != "refresh_token":
        return _refusal(400, "invalid_request", "The passed in grant_type is invalid")
    now = vendors.clock.now()
    ends = _refresh_ends(vendors, now)
    if form.get("refresh_token") != known.linkedin_refresh_token or ends <= now:
        return _refusal(400, "invalid_grant", "The provided authorization grant or refresh token is invalid")
    expires = min(now + ACCESS_LIFE, ends)
    return Reply(
        body={
            "access_token": issue(known, expires),
            "expires_in": int((expires - now).total_seconds()),
            "refresh_token": known.linkedin_refresh_token,
            "refresh_token_expires_in": int((ends - now).total_seconds()),
            "scope": "r_ads,rw_conversions",
        }
    )


def issue(credentials: Credentials, expires: datetime) -> str:
    """A signed token, so that a restarted sandbox still knows it."""
    claim = str(int(expires.timestamp()))
    return f"AQ.{claim}.{_signature(credentials, claim)}"


def token_fault(vendors: Vendors, token: str | None) -> Reply | None:
    """The 401 a bad token earns, or None."""
    parts = (token or "").split(".")
    known = vendors.credentials
    if len(parts) != 3 or not hmac.compare_digest(parts[2], _signature(known, parts[1])):
        return _unauthorised(65600, "INVALID_ACCESS_TOKEN", "Invalid access token")
    if datetime.fromtimestamp(int(parts[1]), UTC) <= vendors.clock.now():
        return _unauthorised(65602, "EXPIRED_ACCESS_TOKEN", "The token used in the request has expired")
    return None


def _refresh_ends(vendors: Vendors, now: datetime) -> datetime:
    name = vendors.credentials.linkedin_client_id
    noted = vendors.books.noted(TOPIC, name)
    if noted is None:
        noted = {"ends": (now + REFRESH_LIFE).isoformat()}
        vendors.books.note(TOPIC, name, noted)
    return datetime.fromisoformat(noted["ends"])


def _signature(credentials: Credentials, claim: str) -> str:
    key = credentials.linkedin_client_secret.encode()
    return hmac.new(key, claim.encode(), hashlib.sha256).hexdigest()


def _unauthorised(service_code: int, code: str, message: str) -> Reply:
    body = {"status": 401, "serviceErrorCode": service_code, "code": code, "message": message}
    return Reply(status=401, body=body)


def _refusal(status: int, error: str, description: str) -> Reply:
    return Reply(status=status, body={"error": error, "error_description": description})
