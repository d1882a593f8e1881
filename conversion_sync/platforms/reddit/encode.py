"""A ledger row as Reddit's Conversions API v3 takes it.

Source: specs/meta_tiktok_linkedin_microsoft.md §4.2, §5.1; times, enums and members by the vendor's v3
reference "Post Conversion Events".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from conversion_sync.model.conversion import Outbound, Verb
from conversion_sync.model.identifier import Rule
from conversion_sync.platforms.amounts import money_fault, number, page, page_fault
from conversion_sync.platforms.checks import unsound
from conversion_sync.platforms.identifiers import filled, value_of

START, MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)


def request(batch: Sequence[Outbound], fields: Mapping[str, str]) -> dict[str, Any]:
    """The body of one request. `fields` are what the account is told of a customer, each with its rule."""
    return {"data": {"events": [event(row, fields) for row in batch]}}


def event(row: Outbound, fields: Mapping[str, str]) -> dict[str, Any]:
    """One event: time in milliseconds, `value` in major units, the address hashed."""
    kind = {"tracking_type": row.target["tracking_type"]}
    if row.target.get("custom_event_name"):
        kind["custom_event_name"] = row.target["custom_event_name"]
    about: dict[str, Any] = {"conversion_id": row.vendor_id}
    encoded: dict[str, Any] = {
        "event_at": (row.occurred_at - START) // MILLISECOND,
        "action_source": row.target.get("action_source", "WEBSITE"),
        "type": kind,
        "click_id": rdt_cid(row),
        "metadata": about,
    }
    if row.value is not None:
        about["currency"], about["value"] = row.value.currency, number(row.value)
    if row.landing_url:
        encoded["event_source_url"] = page(row.landing_url)
    user = filled(row.identifiers, fields) if row.identifiers else {}
    if address := value_of(Rule.IP_HASHED, row.ip_address):
        user["ip_address"] = address
    if row.user_agent:
        user["user_agent"] = row.user_agent
    if user:
        encoded["user"] = user
    return encoded


def rdt_cid(row: Outbound) -> str | None:
    """The click, unchanged."""
    return row.click_ids.get("rdt_cid") or (row.click_id if row.click_id_kind == "rdt_cid" else None)


def invalid(row: Outbound) -> str | None:
    """Why Reddit would refuse the row; None when it is fine."""
    if row.verb is not Verb.SEND:
        return "Reddit has no corrections."
    if not row.target.get("tracking_type"):
        return "The action has no tracking_type for this account."
    if not rdt_cid(row):
        return "The row has no rdt_cid."
    return unsound(row) or money_fault(row.value) or page_fault(row.landing_url)
