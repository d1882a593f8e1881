"""A span of time as the reports' statements take it: half-open, open ends allowed."""

from __future__ import annotations

from datetime import datetime


def span(start: datetime | None, end: datetime | None) -> dict[str, object]:
    """`start` and `end` as bind values; None leaves that end open."""
    return {"start": start or "-infinity", "end": end or "infinity"}
