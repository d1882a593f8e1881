"""A ledger row as LinkedIn's Conversions API takes it.

Source: specs/meta_tiktok_linkedin_microsoft.md §3.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from conversion_sync.model.conversion import Outbound, Verb
from conversion_sync.model.money import plain_text
from conversion_sync.platforms.amounts import money_fault
from conversion_sync.platforms.checks import unsound
from conversion_sync.platforms.identifiers import NOBODY, filled

RULE_URN = "urn:lla:llaPartnerConversion:"
EXTERNAL_IDS = "externalIds"
CLICK_ID_TYPE = "LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID"
RULE_ID = re.compile(r"[0-9]+")


def request(batch: Sequence[Outbound], fields: Mapping[str, str] = NOBODY) -> dict[str, Any]:
    """The body of one BATCH_CREATE."""
    return {"elements": [element(row, fields) for row in batch]}


def element(row: Outbound, fields: Mapping[str, str] = NOBODY) -> dict[str, Any]:
    """One conversion event: time in milliseconds, the amount a decimal text in major units.

    `fields` are id types the account fills with the customer's identifiers, each with its rule, and
    `externalIds`. There is no `userInfo`: it holds names in the clear, which are not kept.
    """
    encoded: dict[str, Any] = {
        "conversion": f"{RULE_URN}{row.target['conversion_rule_id']}",
        "conversionHappenedAt": _milliseconds(row.occurred_at),
        "eventId": row.vendor_id,
        "user": {"userIds": [{"idType": CLICK_ID_TYPE, "idValue": li_fat_id(row)}]},
    }
    if row.identifiers:
        _identify(encoded["user"], filled(row.identifiers, fields))
    if row.value is not None:
        amount = plain_text(row.value.decimal())
        encoded["conversionValue"] = {"currencyCode": row.value.currency, "amount": amount}
    return encoded


def _identify(user: dict[str, Any], known: dict[str, str]) -> None:
    external = known.pop(EXTERNAL_IDS, None)
    user["userIds"] += [{"idType": kind, "idValue": value} for kind, value in known.items()]
    if external is not None:
        user[EXTERNAL_IDS] = [external]


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
    return unsound(row) or money_fault(row.value)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000
