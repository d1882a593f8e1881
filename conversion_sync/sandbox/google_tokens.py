"""Google's access tokens as this sandbox makes them: signed, so that every vendor process can check one."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from conversion_sync.sandbox.credentials import Credentials

ADWORDS = "https://www.googleapis.com/auth/adwords"
DATA_MANAGER = "https://www.googleapis.com/auth/datamanager"
SCOPES = (ADWORDS, DATA_MANAGER)


class TokenFault(StrEnum):
    """Why a token is refused."""

    MISSING = "missing"
    INVALID = "invalid"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a good token allows."""

    scopes: tuple[str, ...]


def issue(credentials: Credentials, scopes: tuple[str, ...], expires_at: datetime) -> str:
    """A token for some of `SCOPES`."""
    which = "".join(str(SCOPES.index(scope)) for scope in scopes)
    claim = f"{which}.{int(expires_at.timestamp())}"
    return f"ya29.{claim}.{_signature(credentials, claim)}"


def check(credentials: Credentials, token: str | None, now: datetime) -> Grant | TokenFault:
    """What a token allows, or why it is refused."""
    if token is None:
        return TokenFault.MISSING
    parts = token.split(".")
    if len(parts) != 4 or parts[0] != "ya29":
        return TokenFault.INVALID
    claim = f"{parts[1]}.{parts[2]}"
    if not hmac.compare_digest(parts[3], _signature(credentials, claim)):
        return TokenFault.INVALID
    if datetime.fromtimestamp(int(parts[2]), UTC) <= now:
        return TokenFault.EXPIRED
    return Grant(tuple(SCOPES[int(digit)] for digit in parts[1]))


def _signature(credentials: Credentials, claim: str) -> str:
    key = credentials.google_client_secret.encode()
    return hmac.new(key, claim.encode(), hashlib.sha256).hexdigest()
