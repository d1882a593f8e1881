"""Google's access tokens as this sandbox makes them: signed, so that every vendor process can check one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from conversion_sync.sandbox.credentials import Credentials
from conversion_sync.sandbox.grants import TokenFault, Ways, epoch, epoch_of, sign
from conversion_sync.sandbox.vendors import Vendors

VENDOR = "google"
LIFE = timedelta(hours=1)

ADWORDS = "https://www.googleapis.com/auth/adwords"
DATA_MANAGER = "https://www.googleapis.com/auth/datamanager"
SCOPES = (ADWORDS, DATA_MANAGER)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a good token allows."""

    scopes: tuple[str, ...]


def issue(credentials: Credentials, scopes: tuple[str, ...], expires_at: datetime, revoked: int = 0) -> str:
    """A token for some of `SCOPES`, after so many revocations."""
    which = "".join(str(SCOPES.index(scope)) for scope in scopes)
    claim = f"{which}.{int(expires_at.timestamp())}"
    return f"ya29.{claim}.{sign(credentials.google_client_secret, claim, revoked)}"


def check(vendors: Vendors, token: str | None) -> Grant | TokenFault:
    """What a token allows, or why it is refused."""
    if token is None:
        return TokenFault.MISSING
    parts = token.split(".")
    if len(parts) != 4 or parts[0] != "ya29":
        return TokenFault.INVALID
    signed_in = epoch_of(ways(vendors.credentials), vendors, f"{parts[1]}.{parts[2]}", parts[3])
    if signed_in is None:
        return TokenFault.INVALID
    if signed_in < epoch(vendors, VENDOR):
        return TokenFault.REVOKED
    if datetime.fromtimestamp(int(parts[2]), UTC) <= vendors.clock.now():
        return TokenFault.EXPIRED
    return Grant(tuple(SCOPES[int(digit)] for digit in parts[1]))


def ways(known: Credentials) -> Ways:
    """Google's tokens: an hour, by a refresh token without an end. Source: specs/google_ads.md §1.4."""
    return Ways(
        vendor=VENDOR,
        client_id=known.google_client_id,
        client_secret=known.google_client_secret,
        seed=known.google_refresh_token,
        access_life=LIFE,
    )
