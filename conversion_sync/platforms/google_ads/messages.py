"""Rows as the Google Ads API takes them: the members of its messages, to be added to a request.

Adding members to a raw protobuf message is the fastest way the package has. Enums go by their numbers,
times to the second with an offset. Source: specs/google_ads.md §1.9, §2.2, §3.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from conversion_sync.model.conversion import Outbound, Verb
from conversion_sync.platforms.amounts import number
from conversion_sync.platforms.google_ads.encode import action_id, identifiers, people

CONSENTS = {"granted": 2, "denied": 3}
WEB = 3
"""ConversionEnvironment."""
ADJUSTMENT_TYPES = {Verb.RETRACT: 2, Verb.RESTATE: 3}


FIRST_PARTY = 2
"""UserIdentifierSource."""


def apart(batch: Sequence[Outbound]) -> Sequence[Outbound]:
    """The rows, with those of one action and click in the same second a second apart each.

    Google drops a second conversion of the same click, action and time; whether another order id saves it
    is not said. A row that goes again without its twin is known by its order id. Source: §2.6, §4.1 (23).
    """
    places = {(action_id(row), row.click_id, row.occurred_at.replace(microsecond=0)) for row in batch}
    if len(places) == len(batch):
        return batch
    taken: set[tuple[str, str | None, datetime]] = set()
    spread: dict[str, Outbound] = {}
    for row in sorted(batch, key=lambda each: (each.occurred_at, each.vendor_id)):
        at = row.occurred_at
        while (place := (action_id(row), row.click_id, at.replace(microsecond=0))) in taken:
            at += timedelta(seconds=1)
        taken.add(place)
        spread[row.vendor_id] = row if at == row.occurred_at else row._replace(occurred_at=at)
    return [spread[row.vendor_id] for row in batch]


def click_conversion(row: Outbound, customer_id: str, fields: Mapping[str, str]) -> dict[str, Any]:
    """A ClickConversion. `fields` are its names for who a customer is, each with the rule of its values."""
    clicked = identifiers(row)
    members: dict[str, Any] = {
        "conversion_action": _action(row, customer_id),
        "conversion_date_time": _with_offset(row.occurred_at),
        "conversion_environment": WEB,
        "order_id": row.vendor_id,
        **clicked,
    }
    if told := people(row, fields, clicked):
        members["user_identifiers"] = [
            {name: value, "user_identifier_source": FIRST_PARTY} for name, value in told.items()
        ]
    consent = {}
    if stated := CONSENTS.get(row.ad_user_data):
        consent["ad_user_data"] = stated
    if stated := CONSENTS.get(row.ad_personalization):
        consent["ad_personalization"] = stated
    if consent:
        members["consent"] = consent
    if row.value is not None:
        members["conversion_value"] = number(row.value)
        members["currency_code"] = row.value.currency
    return members


def adjustment(row: Outbound, customer_id: str, _: Mapping[str, str]) -> dict[str, Any]:
    """A ConversionAdjustment. A restatement carries the new absolute value, a retraction carries none.

    It says nothing of who the customer is: only enhancements may.
    """
    if row.adjusted_at is None:
        raise ValueError("A correction needs the time it takes effect.")
    members: dict[str, Any] = {
        "order_id": row.vendor_id,
        "conversion_action": _action(row, customer_id),
        "adjustment_type": ADJUSTMENT_TYPES[row.verb],
        "adjustment_date_time": _with_offset(row.adjusted_at),
    }
    if row.verb is Verb.RESTATE and row.value is not None:
        members["restatement_value"] = {
            "adjusted_value": number(row.value),
            "currency_code": row.value.currency,
        }
    return members


def _action(row: Outbound, customer_id: str) -> str:
    return f"customers/{customer_id}/conversionActions/{action_id(row)}"


def _with_offset(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(" ", "seconds")
