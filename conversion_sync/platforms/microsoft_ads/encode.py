"""A ledger row as Microsoft Advertising takes it: an offline conversion, or the adjustment of one.

Microsoft gives conversions no id. A click, a goal and a time name one: a second with the same three is taken
for a copy and ignored, and an adjustment finds its conversion by them. Billing's times are whole seconds, in
which one customer may pay twice; so the fraction of the second is made of the row's vendor id. It is the same
in every copy of the row and in its adjustments, which carry the vendor id and the time of their original.
Source: specs/meta_tiktok_linkedin_microsoft.md §4.1.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from conversion_sync.model.conversion import ConversionKind, Outbound, Verb
from conversion_sync.platforms.amounts import money_fault, number
from conversion_sync.platforms.checks import unsound
from conversion_sync.platforms.identifiers import NOBODY, filled

CLICK_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
VERBS = {Verb.RESTATE: "Restate", Verb.RETRACT: "Retract"}
FRACTIONS = 1_000_000
"""Microseconds a second; Microsoft's times have ten times as many."""


def conversions(batch: Sequence[Outbound], fields: Mapping[str, str] = NOBODY) -> dict[str, Any]:
    """The body of one request with conversions."""
    return {"OfflineConversions": [conversion(row, fields) for row in batch]}


def adjustments(batch: Sequence[Outbound]) -> dict[str, Any]:
    """The body of one request with corrections."""
    return {"OfflineConversionAdjustments": [adjustment(row) for row in batch]}


def conversion(row: Outbound, fields: Mapping[str, str] = NOBODY) -> dict[str, Any]:
    """One offline conversion. Times are ISO 8601 in UTC, the value a number in major units.

    `fields` are those the account fills with the customer's identifiers, each with its rule.
    """
    encoded: dict[str, Any] = {**_named(row), **filled(row.identifiers, fields)}
    if row.value is not None:
        encoded["ConversionValue"] = number(row.value)
        encoded["ConversionCurrencyCode"] = row.value.currency
    return encoded


def adjustment(row: Outbound) -> dict[str, Any]:
    """One correction. A restatement carries the new absolute value, a retraction carries none."""
    if row.adjusted_at is None:
        raise ValueError("A correction needs the time it takes effect.")
    encoded: dict[str, Any] = {
        **_named(row),
        "AdjustmentType": VERBS[row.verb],
        "AdjustmentTime": _iso(row.adjusted_at),
    }
    if row.verb is Verb.RESTATE and row.value is not None:
        encoded["AdjustmentValue"] = number(row.value)
        encoded["AdjustmentCurrencyCode"] = row.value.currency
    return encoded


def conversion_time(row: Outbound) -> datetime:
    """The conversion's time as Microsoft is told it: its second, and a fraction that tells it from others."""
    moment = row.occurred_at if row.kind is ConversionKind.CONVERSION else row.original_at
    if moment is None:
        raise ValueError("A correction needs the time of what it corrects.")
    digest = hashlib.sha256(row.vendor_id.encode()).digest()
    return moment.replace(microsecond=int.from_bytes(digest[:8], "big") % FRACTIONS)


def msclkid(row: Outbound) -> str | None:
    """The click the conversion was sent for: the ledger's, never what the click table says by now."""
    return row.click_id if row.click_id_kind == "msclkid" else None


def invalid(row: Outbound) -> str | None:
    """Why Microsoft would refuse the row; None when it is fine."""
    if not row.target.get("conversion_name"):
        return "The action has no conversion_name for this account."
    click = msclkid(row)
    if not click:
        return "The row has no msclkid."
    if not CLICK_ID.fullmatch(click):
        return "The msclkid is neither 32 hexadecimal digits nor a GUID."
    if row.kind is ConversionKind.ADJUSTMENT:
        return unsound(row) or _invalid_adjustment(row)
    return unsound(row) or money_fault(row.value)


def _invalid_adjustment(row: Outbound) -> str | None:
    if row.verb not in VERBS:
        return f"A correction cannot {row.verb.value}."
    if row.adjusted_at is None or row.original_at is None:
        return "The correction lacks the time at which it takes effect, or the time of what it corrects."
    if row.verb is Verb.RESTATE and (row.value is None or row.value.minor <= 0):
        return "A restatement needs a value above zero; to nothing it is a retraction."
    return money_fault(row.value)


def _named(row: Outbound) -> Mapping[str, Any]:
    """What names a conversion, the same in every copy and every correction of it."""
    return {
        "MicrosoftClickId": msclkid(row),
        "ConversionName": row.target["conversion_name"],
        "ConversionTime": _iso(conversion_time(row)),
    }


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
