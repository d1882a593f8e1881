"""Who sent a Paddle webhook: `Paddle-Signature: ts=<seconds>;h1=<hex>[;h1=<hex>]`, over `ts`, colon, body.

Source: specs/billing.md §7. Paddle's package allows five seconds, which queues and clocks exceed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from conversion_sync.billing.signatures import Verdict, fields, header, timed

HEADER = "Paddle-Signature"


def verify(
    body: bytes, headers: Mapping[str, str], secrets: Sequence[str], now: datetime, tolerance: timedelta
) -> Verdict:
    """The verdict on the exact bytes received; `now` is aware, and may be `tolerance` off either way."""
    value = header(headers, HEADER)
    if value is None:
        return Verdict.MISSING
    found = fields(value, ";")
    return timed(
        body,
        stamps=found.get("ts", ()),
        between=b":",
        signatures=found.get("h1", ()),
        secrets=secrets,
        now=now,
        tolerance=tolerance,
    )
