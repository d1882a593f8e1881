"""A ledger row as Google takes it: events for Data Manager, adjustments for the Google Ads API.

Both are written as JSON mappings of the vendor's messages; times as each API wants them. A correction
names its conversion by the order id alone, which is the conversion's transaction id.
Source: specs/google_ads.md §2.3 (identifiers), §3.1 (adjustments), §5.2 (events).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from conversion_sync.model.conversion import ConversionKind, Outbound, Verb
from conversion_sync.platforms.amounts import money_fault, number

CLICK_KINDS = ("gclid", "gbraid", "wbraid")
ACTION_ID = re.compile(r"[0-9]+")
EVENT_SOURCE = "WEB"
SHORTEST_TRANSACTION_ID = 4
CONSENTS = {"granted": "CONSENT_GRANTED", "denied": "CONSENT_DENIED"}
VERBS = {Verb.RESTATE: "RESTATEMENT", Verb.RETRACT: "RETRACTION"}


def ingestion(
    batch: Sequence[Outbound], customer_id: str, login_customer_id: str | None, *, validate_only: bool
) -> dict[str, Any]:
    """An IngestEventsRequest: one destination per conversion action, each event bound to its own."""
    actions = sorted({_action_id(row) for row in batch})
    return {
        "destinations": [_destination(action, customer_id, login_customer_id) for action in actions],
        "events": [event(row) for row in batch],
        "validateOnly": validate_only,
    }


def event(row: Outbound) -> dict[str, Any]:
    """One event. The time is RFC 3339 in UTC, the value a double in major units."""
    encoded: dict[str, Any] = {
        "destinationReferences": [_action_id(row)],
        "transactionId": row.vendor_id,
        "eventTimestamp": _rfc3339(row.occurred_at),
        "eventSource": EVENT_SOURCE,
        "adIdentifiers": dict(identifiers(row)),
    }
    consent = {
        "adUserData": CONSENTS.get(row.ad_user_data),
        "adPersonalization": CONSENTS.get(row.ad_personalization),
    }
    if stated := {name: value for name, value in consent.items() if value}:
        encoded["consent"] = stated
    if row.value is not None:
        encoded["conversionValue"] = number(row.value)
        encoded["currency"] = row.value.currency
    return encoded


def adjustments(batch: Sequence[Outbound], customer_id: str, *, validate_only: bool) -> dict[str, Any]:
    """An UploadConversionAdjustmentsRequest."""
    return {
        "customerId": customer_id,
        "conversionAdjustments": [adjustment(row, customer_id) for row in batch],
        "partialFailure": True,
        "validateOnly": validate_only,
    }


def adjustment(row: Outbound, customer_id: str) -> dict[str, Any]:
    """One correction. A restatement carries the new absolute value, a retraction carries none."""
    if row.adjusted_at is None:
        raise ValueError("A correction needs the time it takes effect.")
    encoded: dict[str, Any] = {
        "orderId": row.vendor_id,
        "conversionAction": f"customers/{customer_id}/conversionActions/{_action_id(row)}",
        "adjustmentType": VERBS[row.verb],
        "adjustmentDateTime": _with_offset(row.adjusted_at),
    }
    if row.verb is Verb.RESTATE and row.value is not None:
        encoded["restatementValue"] = {
            "adjustedValue": number(row.value),
            "currencyCode": row.value.currency,
        }
    return encoded


def identifiers(row: Outbound) -> Mapping[str, str]:
    """The click's ids that may travel together: gclid with gbraid, else one alone."""
    known = {kind: row.click_ids[kind] for kind in CLICK_KINDS if row.click_ids.get(kind)}
    if row.click_id and row.click_id_kind in CLICK_KINDS:
        known.setdefault(row.click_id_kind, row.click_id)
    if "gclid" in known or "gbraid" in known:
        known.pop("wbraid", None)
    return known


def invalid(row: Outbound) -> str | None:
    """Why Google would refuse the row; None when it is fine."""
    if not ACTION_ID.fullmatch(_action_id(row)):
        return "The action has no numeric conversion_action_id for this account."
    if len(row.vendor_id) < SHORTEST_TRANSACTION_ID:
        return "The transaction id is too short."
    if not identifiers(row):
        return "The row has neither gclid nor gbraid nor wbraid."
    if row.kind is ConversionKind.ADJUSTMENT:
        return _invalid_adjustment(row)
    return money_fault(row.value)


def _invalid_adjustment(row: Outbound) -> str | None:
    if row.verb not in VERBS:
        return f"A correction cannot {row.verb.value}."
    if set(identifiers(row)) == {"wbraid"}:
        return "Google cannot correct conversions of wbraid clicks."
    if row.adjusted_at is None:
        return "The correction has no time at which it takes effect."
    if row.verb is Verb.RESTATE and (row.value is None or row.value.minor <= 0):
        return "A restatement needs a value above zero; to nothing it is a retraction."
    return money_fault(row.value)


def _destination(action: str, customer_id: str, login_customer_id: str | None) -> dict[str, Any]:
    encoded: dict[str, Any] = {
        "reference": action,
        "operatingAccount": {"accountType": "GOOGLE_ADS", "accountId": customer_id},
        "productDestinationId": action,
    }
    if login_customer_id is not None:
        encoded["loginAccount"] = {"accountType": "GOOGLE_ADS", "accountId": login_customer_id}
    return encoded


def _action_id(row: Outbound) -> str:
    return row.target.get("conversion_action_id", "")


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _with_offset(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S+00:00")
