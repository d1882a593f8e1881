"""What becomes of each row Data Manager took in: looked up in the clicks, then booked or failed by a reason.

Source: specs/google_ads.md §5.5 (second stage), §5.6 (same transaction id overwrites), §8.5 rules 49 to 51.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from conversion_sync.sandbox.clicks import AdClick
from conversion_sync.sandbox.entries import Conversion, Copies, exact
from conversion_sync.sandbox.vendors import Vendors

PLATFORM = "google_ads"
PREFIX = "PROCESSING_ERROR_REASON_"
DENIED = 2
YOUNGEST_CLICK = timedelta(hours=6)
LOOKBACK = timedelta(days=90)
WELL_FORMED = re.compile(r"[A-Za-z0-9_-]{20,}")


def book(
    vendors: Vendors, request: Any, now: datetime, row_reason: str | None
) -> Iterator[tuple[Any, Counter[str]]]:
    """Process every destination; yields it with its rows by reason ("" for the good ones)."""
    for destination in request.destinations:
        counts: Counter[str] = Counter()
        for event in request.events:
            if _meant_for(event, destination):
                counts[row_reason or _row(vendors, request, destination, event, now)] += 1
        yield destination, counts


def _meant_for(event: Any, destination: Any) -> bool:
    return not event.destination_references or destination.reference in event.destination_references


def _row(vendors: Vendors, request: Any, destination: Any, event: Any, now: datetime) -> str:
    """Book one row; the reason it fails by, or ""."""
    account, action = destination.operating_account.account_id, destination.product_destination_id
    occurred_at = event.event_timestamp.ToDatetime(tzinfo=UTC)
    kind, click_id = _identifier(event)
    known = vendors.books.find(PLATFORM, account, action, event.transaction_id)
    reason = _consent(request, event)
    if not reason and known is None:
        reason = _click(vendors, event, action, occurred_at, now)
    if reason:
        return reason
    has_value = event.HasField("conversion_value")
    vendors.books.accept(
        Conversion(
            platform=PLATFORM,
            account=account,
            action=action,
            vendor_id=event.transaction_id,
            click_kind=kind,
            click_id=click_id,
            matched=True,
            value=exact(event.conversion_value) if has_value else None,
            currency=event.currency or None,
            occurred_at=occurred_at,
            received_at=now,
        ),
        Copies.OVERWRITES,
    )
    return ""


def _consent(request: Any, event: Any) -> str:
    stated = event.consent if event.HasField("consent") else request.consent
    return "DENIED_CONSENT" if stated.ad_user_data == DENIED else ""


def _identifier(event: Any) -> tuple[str, str]:
    """The click id that decides: gclid before gbraid before wbraid."""
    for kind in ("gclid", "gbraid", "wbraid"):
        value = getattr(event.ad_identifiers, kind)
        if value:
            return kind, value
    return "", ""


def _click(vendors: Vendors, event: Any, action: str, occurred_at: datetime, now: datetime) -> str:
    ids, standing = event.ad_identifiers, vendors.google_ads.now
    if ids.wbraid and (ids.gbraid or ids.gclid):
        return "INVALID_AD_IDENTIFIERS"
    if (ids.wbraid or ids.gbraid) and standing.action(action).counting == "ONE_PER_CLICK":
        return "ONE_PER_CLICK_CONVERSION_ACTION_NOT_PERMITTED_WITH_BRAID"
    kind, value = _identifier(event)
    if value in standing.foreign_clicks:
        return "INVALID_OPERATING_ACCOUNT_FOR_CLICK"
    click = vendors.clicks.find(kind, value)
    if click is not None:
        return click_age(click, occurred_at, now)
    return "CLICK_NOT_FOUND" if not kind or WELL_FORMED.fullmatch(value) else f"INVALID_{kind.upper()}"


def click_age(click: AdClick, occurred_at: datetime, now: datetime) -> str:
    """The reason by which a known click is refused, or "". The window is measured from both times."""
    if now - click.clicked_at < YOUNGEST_CLICK:
        return "TOO_RECENT_CLICK"
    if occurred_at < click.clicked_at:
        return "CONVERSION_PRECEDES_CLICK"
    if max(occurred_at, now) - click.clicked_at > LOOKBACK:
        return "EVENT_TOO_OLD"
    return ""
