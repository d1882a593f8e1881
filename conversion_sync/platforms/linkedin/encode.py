"""A ledger row as LinkedIn's Conversions API takes it.

Source: specs/meta_tiktok_linkedin_microsoft.md §3.2.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from conversion_sync.model.conversion import Outbound, Verb
from conversion_sync.model.money import plain_text
from conversion_sync.platforms.amounts import money_fault

RULE_URN = "urn:lla:llaPartnerConversion:"
CLICK_ID_TYPE = "LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID"
RULE_ID = re.compile(r"[0-9]+")


def request(batch: Sequence[Outbound]) -> dict[str, Any]:
    """The body of one BATCH_CREATE."""
    return {"elements": [element(row) for row in batch]}


def element(row: Outbound) -> dict[str, Any]:
    """One conversion event: time in milliseconds, the amount a decimal text in major units."""
    encoded: dict[str, Any] = {
        "conversion": f"{RULE_URN}{row.target['conversion_rule_id']}",
        "conversionHappenedAt": _milliseconds(row.occurred_at),
        "eventId": row.vendor_id,
        "user": {"userIds": [{"idType": CLICK_ID_TYPE, "idValue": li_fat_id(row)}]},
    }
    if row.value is not None:
        amount = plain_text(row.value.decimal())
        encoded["conversionValue"] = {"currencyCode": row.value.currency, "amount": amount}
    return encoded


def li_fat_id(row: Outbound) -> str | None:
    """The click, unchanged."""
    return row.click_ids.get("li_fat_id") or (row.click_id if row.click_id_kind == "li_fat_id" else None)


def invalid(row: Outbound) -> str | None:
    """Why LinkedIn would refuse the row; None when it is fine.

    LinkedIn takes any currency in silence, so the form of its code is checked here (§3.3).
    """
    if row.verb is not Verb.SEND:
        return "LinkedIn has no corrections."
    if not RULE_ID.fullmatch(row.target.get("conversion_rule_id", "")):
        return "The action has no numeric conversion_rule_id for this account."
    if not li_fat_id(row):
        return "The row has no li_fat_id."
    return money_fault(row.value)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000
