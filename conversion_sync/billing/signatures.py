"""What the signatures of webhooks have in common: HMAC-SHA256 in hexadecimal, compared in constant time.

Our own, because the vendors' packages differ where it matters: one forgets to look at the time unless told,
one lets an environment variable decide whether to and breaks at a key it does not know (specs/billing.md §7).
Tests hold ours to theirs wherever they are right.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

SECONDS = re.compile(r"[0-9]{1,12}")


class Verdict(StrEnum):
    """What a signature proves, or why it proves nothing."""

    GENUINE = "genuine"
    MISSING = "missing"
    """No signature came."""
    MALFORMED = "malformed"
    """The header is none of this vendor's."""
    STALE = "stale"
    """Signed too long ago, or by a clock that is ahead: a replay, or a clock that is wrong."""
    FORGED = "forged"
    """No secret makes this signature of this body."""


def header(headers: Mapping[str, str], name: str) -> str | None:
    """A header's value, whatever case its name is written in; None where it is missing or empty."""
    wanted = name.lower()
    found = next((value for key, value in headers.items() if key.lower() == wanted), None)
    return found.strip() or None if found is not None else None


def fields(value: str, separator: str) -> dict[str, list[str]]:
    """`t=1,v1=a,v1=b` as its values by key, in order; parts that are no pair are left out."""
    found: dict[str, list[str]] = {}
    for part in value.split(separator):
        key, equals, text = part.strip().partition("=")
        if equals:
            found.setdefault(key, []).append(text)
    return found


def timed(
    body: bytes,
    *,
    stamps: Collection[str],
    between: bytes,
    signatures: Collection[str],
    secrets: Iterable[str],
    now: datetime,
    tolerance: timedelta,
) -> Verdict:
    """The verdict on signatures of the time, `between` and the body, with the time they say."""
    stamp = next(iter(stamps), "")
    if len(stamps) != 1 or not SECONDS.fullmatch(stamp) or not signatures:
        return Verdict.MALFORMED
    if not signed_by(stamp.encode() + between + body, signatures, secrets):
        return Verdict.FORGED
    if abs(now.timestamp() - int(stamp)) > tolerance.total_seconds():
        return Verdict.STALE
    return Verdict.GENUINE


def signed_by(message: bytes, signatures: Iterable[str], secrets: Iterable[str]) -> bool:
    """Whether any of the signatures is any secret's; every pair is compared, whatever the others say."""
    given = [signature.encode() for signature in signatures]
    genuine = False
    for secret in secrets:
        expected = hmac.new(secret.encode(), message, hashlib.sha256).hexdigest().encode()
        for signature in given:
            genuine |= hmac.compare_digest(expected, signature)
    return genuine
