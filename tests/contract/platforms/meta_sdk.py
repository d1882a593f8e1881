"""Meta's own typed objects, as the oracle of what we write by ourselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FIELDS = {
    "em": "email_plain",
    "ph": "phone_digits",
    "fn": "first_name_bare",
    "ln": "last_name_bare",
    "ct": "city_bare",
    "st": "state_bare",
    "zp": "zip_meta",
    "country": "country_hashed",
    "external_id": "external_id_hashed",
}
NAMES = {
    "em": "emails",
    "ph": "phones",
    "fn": "first_names",
    "ln": "last_names",
    "ct": "cities",
    "st": "states",
    "zp": "zip_codes",
    "country": "country_codes",
    "external_id": "external_ids",
}


def typed(wire: Mapping[str, Any]) -> Any:
    """The SDK's object for an encoded event."""
    from facebook_business.adobjects.serverside.action_source import ActionSource
    from facebook_business.adobjects.serverside.custom_data import CustomData
    from facebook_business.adobjects.serverside.event import Event
    from facebook_business.adobjects.serverside.user_data import UserData

    custom = wire.get("custom_data")
    return Event(
        **{name: wire[name] for name in ("event_name", "event_time", "event_id")},
        event_source_url=wire.get("event_source_url"),
        action_source=ActionSource(wire["action_source"]),
        user_data=UserData(**{NAMES.get(name, name): value for name, value in wire["user_data"].items()}),
        custom_data=CustomData(**custom) if custom else None,
    )
