"""Who sent a Lemon Squeezy webhook: `X-Signature: <hex>`, over the body alone.

Source: specs/billing.md §7. Nothing in it says when it was signed: a replay is recognised by its
content alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from conversion_sync.billing.signatures import Verdict, header, signed_by

HEADER = "X-Signature"
DIGEST = re.compile(r"[0-9a-f]{64}")


def verify(
    body: bytes,
    headers: Mapping[str, str],
    secrets: Sequence[str],
    now: datetime,  # noqa: ARG001 - the shape all providers share
    tolerance: timedelta,  # noqa: ARG001
) -> Verdict:
    """The verdict on the exact bytes received, whenever that is."""
    value = header(headers, HEADER)
    if value is None:
        return Verdict.MISSING
    if not DIGEST.fullmatch(value):
        return Verdict.MALFORMED
    return Verdict.GENUINE if signed_by(body, [value], secrets) else Verdict.FORGED
