"""A ledger row as Meta's Conversions API takes it.

Source: specs/meta_tiktok_linkedin_microsoft.md §1.2 (fields), §1.3 (rules).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from conversion_sync.model.conversion import Outbound, Verb
from conversion_sync.platforms.amounts import money_fault, number, page, page_fault
from conversion_sync.platforms.checks import unsound
from conversion_sync.platforms.fields import field_fault
from conversion_sync.platforms.identifiers import NOBODY, filled
from conversion_sync.platforms.platform import Catalogue

FBC = re.compile(r"fb\.[0-9]\.[0-9]{10,}\.[^.\s]+(\.[^.\s]+)?")
"""Four dot parts, or five: the vendor's parameter builder appends a marker."""


def event(row: Outbound, fields: Mapping[str, str] = NOBODY) -> dict[str, Any]:
    """The event as it stands in `data`. `event_time` is in seconds, `value` in major units.

    `fields` are those of `user_data` the account fills with the customer's identifiers, each with its rule.
    The currency is in lower case because the vendor's own serialiser writes it so.
    """
    source = _action_source(row)
    user: dict[str, Any] = {"fbc": fbc(row)}
    if row.ip_address:
        user["client_ip_address"] = row.ip_address
    if row.user_agent:
        user["client_user_agent"] = row.user_agent
    if row.identifiers:
        user |= {name: [value] for name, value in filled(row.identifiers, fields).items()}
    encoded: dict[str, Any] = {
        "event_name": row.target["event_name"],
        "event_time": _seconds(row.occurred_at),
        "event_id": row.vendor_id,
        "action_source": source,
        "user_data": user,
    }
    if source == "website" and row.landing_url:
        encoded["event_source_url"] = page(row.landing_url)
    if row.value is not None:
        encoded["custom_data"] = {"value": number(row.value), "currency": row.value.currency.lower()}
    return encoded


def fbc(row: Outbound) -> str | None:
    """The click in Meta's form: as the site kept it, else built from the click id and its time."""
    kept = row.click_ids.get("fbc") or (row.click_id if row.click_id_kind == "fbc" else None)
    if kept and FBC.fullmatch(kept):
        return kept
    fbclid = row.click_ids.get("fbclid") or (row.click_id if row.click_id_kind == "fbclid" else None)
    if not fbclid or row.clicked_at is None:
        return None
    return f"fb.1.{_milliseconds(row.clicked_at)}.{fbclid}"


def invalid(facts: Catalogue, row: Outbound) -> str | None:
    """Why Meta would refuse the row; None when it is fine."""
    if row.verb is not Verb.SEND:
        return "Meta has no corrections."
    if not row.target.get("event_name"):
        return "The action has no event_name for this account."
    if fault := field_fault(facts.fields, "action_source", _action_source(row)):
        return fault
    if fbc(row) is None:
        return "The row has neither a well-formed fbc nor an fbclid with the time of its click."
    return unsound(row) or _money(row) or _website(row)


def _money(row: Outbound) -> str | None:
    if row.target["event_name"] == "Purchase" and row.value is None:
        return "A Purchase needs a value and a currency."
    return money_fault(row.value)


def _website(row: Outbound) -> str | None:
    if _action_source(row) != "website":
        return None
    if not row.landing_url:
        return "A website event needs the landing URL of its click."
    return page_fault(row.landing_url)


def _action_source(row: Outbound) -> str:
    source: Mapping[str, str] = row.target
    return source.get("action_source") or "system_generated"


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _milliseconds(moment: datetime) -> int:
    return _seconds(moment) * 1000 + moment.microsecond // 1000
