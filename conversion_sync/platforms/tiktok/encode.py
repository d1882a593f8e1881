"""A ledger row as TikTok's Events API 2.0 takes it.

Source: specs/meta_tiktok_linkedin_microsoft.md §2.1, §2.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conversion_sync.model.conversion import Outbound, Verb
from conversion_sync.platforms.amounts import money_fault, number, page, page_fault
from conversion_sync.platforms.checks import unsound
from conversion_sync.platforms.fields import field_fault
from conversion_sync.platforms.identifiers import NOBODY, filled
from conversion_sync.platforms.platform import Catalogue


def request(pixel_code: str, batch: Sequence[Outbound], fields: Mapping[str, str] = NOBODY) -> dict[str, Any]:
    """The body of one request."""
    data = [event(row, fields) for row in batch]
    return {"event_source": "web", "event_source_id": pixel_code, "data": data}


def event(row: Outbound, fields: Mapping[str, str] = NOBODY) -> dict[str, Any]:
    """One element of `data`. `event_time` is in seconds, `value` in major units.

    `fields` are those of `user` the account fills with the customer's identifiers, each with its rule.
    """
    user: dict[str, Any] = {"ttclid": ttclid(row)}
    if row.ip_address:
        user["ip"] = row.ip_address
    if row.user_agent:
        user["user_agent"] = row.user_agent
    if row.identifiers:
        user |= filled(row.identifiers, fields)
    encoded: dict[str, Any] = {
        "event": row.target["event"],
        "event_time": int(row.occurred_at.timestamp()),
        "event_id": row.vendor_id,
        "user": user,
    }
    if row.value is not None:
        encoded["properties"] = {"currency": row.value.currency, "value": number(row.value)}
    if row.landing_url:
        encoded["page"] = {"url": page(row.landing_url)}
    return encoded


def ttclid(row: Outbound) -> str | None:
    """The click, unchanged."""
    return row.click_ids.get("ttclid") or (row.click_id if row.click_id_kind == "ttclid" else None)


def invalid(facts: Catalogue, row: Outbound) -> str | None:
    """Why TikTok would refuse the row; None when it is fine."""
    if row.verb is not Verb.SEND:
        return "TikTok has no corrections."
    if not row.target.get("event"):
        return "The action has no event for this account."
    click = ttclid(row)
    if not click:
        return "The row has no ttclid."
    return (
        field_fault(facts.fields, "ttclid", click)
        or unsound(row)
        or money_fault(row.value)
        or page_fault(row.landing_url)
    )
