"""Conversions as Data Manager's REST interface takes them: an IngestEventsRequest in JSON.

The vendor's message classes would make each row an object and JSON again, at many times the cost;
a test holds that what is written here is one of their messages. Source: specs/google_ads.md §5.2, §5.7.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from conversion_sync.model.conversion import Outbound
from conversion_sync.platforms.amounts import number
from conversion_sync.platforms.google_ads.encode import action_id, identifiers

EVENT_SOURCE = "WEB"
CONSENTS = {"granted": "CONSENT_GRANTED", "denied": "CONSENT_DENIED"}


def ingestion(
    batch: Sequence[Outbound], customer_id: str, login_customer_id: str | None, *, validate_only: bool
) -> dict[str, Any]:
    """An IngestEventsRequest: one destination per conversion action, each event bound to its own."""
    actions = sorted({action_id(row) for row in batch})
    return {
        "destinations": [_destination(action, customer_id, login_customer_id) for action in actions],
        "events": [event(row) for row in batch],
        "validateOnly": validate_only,
    }


def event(row: Outbound) -> dict[str, Any]:
    """One event. The time is RFC 3339 in UTC, the value a double in major units."""
    encoded: dict[str, Any] = {
        "destinationReferences": [action_id(row)],
        "transactionId": row.vendor_id,
        "eventTimestamp": _rfc3339(row.occurred_at),
        "eventSource": EVENT_SOURCE,
        "adIdentifiers": identifiers(row),
    }
    consent = {}
    if stated := CONSENTS.get(row.ad_user_data):
        consent["adUserData"] = stated
    if stated := CONSENTS.get(row.ad_personalization):
        consent["adPersonalization"] = stated
    if consent:
        encoded["consent"] = consent
    if row.value is not None:
        encoded["conversionValue"] = number(row.value)
        encoded["currency"] = row.value.currency
    return encoded


def _destination(action: str, customer_id: str, login_customer_id: str | None) -> dict[str, Any]:
    encoded: dict[str, Any] = {
        "reference": action,
        "operatingAccount": {"accountType": "GOOGLE_ADS", "accountId": customer_id},
        "productDestinationId": action,
    }
    if login_customer_id is not None:
        encoded["loginAccount"] = {"accountType": "GOOGLE_ADS", "accountId": login_customer_id}
    return encoded


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()[:-6] + "Z"
