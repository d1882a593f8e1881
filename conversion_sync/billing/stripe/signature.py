"""Who sent a Stripe webhook: `Stripe-Signature: t=<seconds>,v1=<hex>[,v1=<hex>]`, over `t`, a dot, the body.

Source: specs/billing.md §7. Other schemes (`v0`) and unknown keys are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from conversion_sync.billing.signatures import Verdict, fields, header, timed

HEADER = "Stripe-Signature"


def verify(
    body: bytes, headers: Mapping[str, str], secrets: Sequence[str], now: datetime, tolerance: timedelta
) -> Verdict:
    """The verdict on the exact bytes received; `now` is aware, and may be `tolerance` off either way."""
    value = header(headers, HEADER)
    if value is None:
        return Verdict.MISSING
    found = fields(value, ",")
    return timed(
        body,
        stamps=found.get("t", ()),
        between=b".",
        signatures=found.get("v1", ()),
        secrets=secrets,
        now=now,
        tolerance=tolerance,
    )
