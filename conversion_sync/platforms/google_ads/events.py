"""Conversions as Data Manager takes them: the members of its messages, added to a request.

Adding members to a raw protobuf message is the fastest way the package has. Enums go by their numbers.
Source: specs/google_ads.md §5.2, §5.7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from conversion_sync.model.conversion import Outbound
from conversion_sync.platforms.amounts import number
from conversion_sync.platforms.google_ads.encode import action_id, identifiers, people

WEB = 1
"""EventSource."""
HEX = 1
"""Encoding."""
GOOGLE_ADS = 1
"""AccountType."""
CONSENTS = {"granted": 1, "denied": 2}
ADDRESS = frozenset({"given_name", "family_name", "region_code", "postal_code"})
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECONDS_OF_A_DAY = 86_400


def ingestion(
    request: Any,
    batch: Sequence[Outbound],
    fields: Mapping[str, str],
    customer_id: str,
    login_customer_id: str | None,
    *,
    validate_only: bool,
) -> Any:
    """Fills an empty IngestEventsRequest: one destination per conversion action, each event bound to its own.

    `fields` are Data Manager's names for who a customer is, each with the rule its values are made under.
    """
    for action in sorted({action_id(row) for row in batch}):
        request.destinations.add(**_destination(action, customer_id, login_customer_id))
    add = request.events.add
    for row in batch:
        add(**event(row, fields))
    request.validate_only = validate_only
    if fields:
        request.encoding = HEX
    return request


def event(row: Outbound, fields: Mapping[str, str]) -> dict[str, Any]:
    """An Event. The value is a double in major units."""
    clicked = identifiers(row)
    members: dict[str, Any] = {
        "destination_references": (action_id(row),),
        "transaction_id": row.vendor_id,
        "event_timestamp": _timestamp(row.occurred_at),
        "event_source": WEB,
    }
    if clicked:
        members["ad_identifiers"] = clicked
    if told := _user_identifiers(people(row, fields, clicked)):
        members["user_data"] = {"user_identifiers": told}
    consent = {}
    if stated := CONSENTS.get(row.ad_user_data):
        consent["ad_user_data"] = stated
    if stated := CONSENTS.get(row.ad_personalization):
        consent["ad_personalization"] = stated
    if consent:
        members["consent"] = consent
    if row.value is not None:
        members["conversion_value"] = number(row.value)
        members["currency"] = row.value.currency
    return members


def _user_identifiers(told: Mapping[str, str]) -> list[dict[str, Any]]:
    """Each of its own, but the parts of an address together: it is matched whole or not at all."""
    listed: list[dict[str, Any]] = [{name: value} for name, value in told.items() if name not in ADDRESS]
    if told.keys() >= ADDRESS:
        listed.append({"address": {name: told[name] for name in sorted(ADDRESS)}})
    return listed


def _destination(action: str, customer_id: str, login_customer_id: str | None) -> dict[str, Any]:
    members: dict[str, Any] = {
        "reference": action,
        "operating_account": {"account_type": GOOGLE_ADS, "account_id": customer_id},
        "product_destination_id": action,
    }
    if login_customer_id is not None:
        members["login_account"] = {"account_type": GOOGLE_ADS, "account_id": login_customer_id}
    return members


def _timestamp(moment: datetime) -> dict[str, int]:
    since = moment - EPOCH
    return {
        "seconds": since.days * SECONDS_OF_A_DAY + since.seconds,
        "nanos": since.microseconds * 1000,
    }
