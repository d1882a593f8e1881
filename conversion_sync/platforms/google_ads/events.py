"""Conversions as Data Manager's REST interface takes them: an IngestEventsRequest in JSON.

The vendor's message classes would make each row an object and JSON again, at many times the cost;
a test holds that what is written here is one of their messages. Source: specs/google_ads.md §5.2, §5.7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from conversion_sync.model.conversion import Outbound
from conversion_sync.platforms.amounts import number
from conversion_sync.platforms.google_ads.encode import action_id, identifiers, people

EVENT_SOURCE = "WEB"
CONSENTS = {"granted": "CONSENT_GRANTED", "denied": "CONSENT_DENIED"}


ADDRESS = frozenset({"givenName", "familyName", "regionCode", "postalCode"})


def ingestion(
    batch: Sequence[Outbound],
    fields: Mapping[str, str],
    customer_id: str,
    login_customer_id: str | None,
    *,
    validate_only: bool,
) -> dict[str, Any]:
    """An IngestEventsRequest: one destination per conversion action, each event bound to its own.

    `fields` are Data Manager's names for who a customer is, each with the rule its values are made under.
    """
    actions = sorted({action_id(row) for row in batch})
    request: dict[str, Any] = {
        "destinations": [_destination(action, customer_id, login_customer_id) for action in actions],
        "events": [event(row, fields) for row in batch],
        "validateOnly": validate_only,
    }
    if fields:
        request["encoding"] = "HEX"
    return request


def event(row: Outbound, fields: Mapping[str, str]) -> dict[str, Any]:
    """One event. The time is RFC 3339 in UTC, the value a double in major units."""
    clicked = identifiers(row)
    encoded: dict[str, Any] = {
        "destinationReferences": [action_id(row)],
        "transactionId": row.vendor_id,
        "eventTimestamp": _rfc3339(row.occurred_at),
        "eventSource": EVENT_SOURCE,
    }
    if clicked:
        encoded["adIdentifiers"] = clicked
    if told := _user_identifiers(people(row, fields, clicked)):
        encoded["userData"] = {"userIdentifiers": told}
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


def _user_identifiers(told: Mapping[str, str]) -> list[dict[str, Any]]:
    """Each of its own, but the parts of an address together: it is matched whole or not at all."""
    listed: list[dict[str, Any]] = [{name: value} for name, value in told.items() if name not in ADDRESS]
    if told.keys() >= ADDRESS:
        listed.append({"address": {name: told[name] for name in sorted(ADDRESS)}})
    return listed


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
