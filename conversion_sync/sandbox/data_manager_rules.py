"""What makes Data Manager refuse a whole request at once: structure, destinations, required fields, formats.

Source: specs/google_ads.md §5.5 (first stage), §8.5 rules 46 to 48.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from conversion_sync.sandbox.currencies import CURRENCIES
from conversion_sync.sandbox.google_ads_standing import Standing, too_young
from conversion_sync.sandbox.vendors import Vendors

GOOGLE_ADS, HEX, BASE64 = 1, 1, 2
INVALID, DENIED, NOT_FOUND = "INVALID_ARGUMENT", "PERMISSION_DENIED", "NOT_FOUND"
MOST_DESTINATIONS, MOST_EVENTS, MOST_IDENTIFIERS = 10, 2000, 10
SHORTEST_ID, LONGEST_ID = 4, 512
SKEW = timedelta(seconds=60)
OLDEST = timedelta(days=540)
TYPES = frozenset({"UPLOAD_CLICKS", "WEBPAGE"})
HASH_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
CLICK_FIELDS = ("gclid", "gbraid", "wbraid")


@dataclass(frozen=True, slots=True)
class Fault:
    """One field violation; `reason` is an ErrorReason without prefix."""

    reason: str
    field: str
    description: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is refused, with its gRPC status."""

    status: str
    faults: tuple[Fault, ...]

    @classmethod
    def of(cls, status: str, reason: str, field: str, description: str) -> Refusal:
        """A refusal with one fault."""
        return cls(status, (Fault(reason, field, description),))


def violations(vendors: Vendors, request: Any) -> Refusal | None:
    """The first level at which the request fails, with all its faults; None when it is good."""
    now = vendors.clock.now()
    standing = vendors.google_ads.now
    refusal = (
        _sizes(request)
        or _destinations(vendors, request)
        or _actions(standing, request, now)
        or _terms(standing, request)
    )
    if refusal:
        return refusal
    faults = [
        Fault(fault.reason, f"events.events[{index}].{fault.field}", fault.description)
        for index, event in enumerate(request.events)
        for fault in _event(event, request.encoding, now)
    ]
    return Refusal(INVALID, tuple(faults)) if faults else None


def _sizes(request: Any) -> Refusal | None:
    for name, most, too_many in (
        ("destinations", MOST_DESTINATIONS, "TOO_MANY_DESTINATIONS"),
        ("events", MOST_EVENTS, "TOO_MANY_EVENTS"),
    ):
        size = len(getattr(request, name))
        if size == 0:
            return Refusal.of(INVALID, "REQUIRED_FIELD_MISSING", name, "The field is required.")
        if size > most:
            return Refusal.of(INVALID, too_many, name, f"At most {most} are allowed, got {size}.")
    return None


def _destinations(vendors: Vendors, request: Any) -> Refusal | None:
    known = vendors.credentials
    actions = {action_id for _, action_id in known.google_actions}
    for index, destination in enumerate(request.destinations):
        place = f"destinations[{index}]"
        account = destination.operating_account
        if account.account_type != GOOGLE_ADS:
            text = "The account type is not GOOGLE_ADS."
            return Refusal.of(
                INVALID, "DESTINATION_ACCOUNT_TYPE_MISMATCH", f"{place}.operating_account", text
            )
        if account.account_id != known.google_customer_id:
            text = "The caller does not have permission on the operating account."
            return Refusal.of(DENIED, "PERMISSION_DENIED", f"{place}.operating_account", text)
        login = destination.login_account.account_id
        if login not in {"", known.google_login_customer_id, known.google_customer_id}:
            text = "The login account does not manage the operating account."
            return Refusal.of(
                INVALID, "OPERATING_ACCOUNT_LOGIN_ACCOUNT_MISMATCH", f"{place}.login_account", text
            )
        if destination.product_destination_id not in actions:
            text = "The conversion action was not found."
            return Refusal.of(
                NOT_FOUND, "INVALID_CONVERSION_ACTION_ID", f"{place}.product_destination_id", text
            )
    return None


def _actions(standing: Standing, request: Any, now: datetime) -> Refusal | None:
    """What the customer and its conversion actions must be. Source: §5.2, §8.5 rule 47."""
    for index, destination in enumerate(request.destinations):
        place = f"destinations[{index}]"
        if standing.conversion_customer not in {None, destination.operating_account.account_id}:
            text = "The operating account is not the conversion customer."
            return Refusal.of(
                INVALID, "OPERATING_ACCOUNT_LOGIN_ACCOUNT_MISMATCH", f"{place}.operating_account", text
            )
        kept = standing.action(destination.product_destination_id)
        field = f"{place}.product_destination_id"
        if kept.status == "REMOVED":
            return Refusal.of(
                NOT_FOUND, "INVALID_CONVERSION_ACTION_ID", field, "The conversion action was removed."
            )
        if kept.type not in TYPES:
            text = "The conversion action takes no such events."
            return Refusal.of(INVALID, "INVALID_CONVERSION_ACTION_TYPE", field, text)
        if too_young(kept.created_at, now):
            text = "The conversion action was created too recently."
            return Refusal.of(INVALID, "CONVERSION_ACTION_TOO_RECENTLY_CREATED", field, text)
    return None


def _terms(standing: Standing, request: Any) -> Refusal | None:
    """What user data needs of the customer. Source: §2.7, §5.5."""
    if not any(event.user_data.user_identifiers for event in request.events):
        return None
    for good, name in (
        (standing.terms_accepted, "ENHANCED_CONVERSIONS_TERMS_NOT_SIGNED"),
        (standing.leads_enabled, "NOT_ENABLED_ENHANCED_CONVERSIONS_FOR_LEADS"),
        (not standing.policy_prohibits, "DATA_POLICY_PROHIBITS_ENHANCED_CONVERSIONS"),
    ):
        if not good:
            text = "The destination account may not receive user data."
            return Refusal.of(
                INVALID, f"DESTINATION_ACCOUNT_{name}", "destinations[0].operating_account", text
            )
    return None


def _event(event: Any, encoding: int, now: datetime) -> Iterator[Fault]:
    yield from _required(event, encoding)
    yield from _time(event, now)
    yield from _transaction_id(event.transaction_id)
    yield from _value(event)
    yield from _user_data(event, encoding)


def _required(event: Any, encoding: int) -> Iterator[Fault]:
    if not event.HasField("event_timestamp"):
        yield Fault("REQUIRED_FIELD_MISSING", "event_timestamp", "The event timestamp is required.")
    if event.event_source == 0:
        yield Fault("REQUIRED_FIELD_MISSING", "event_source", "The event source is required.")
    identifiers = len(event.user_data.user_identifiers)
    if identifiers and encoding not in {HEX, BASE64}:
        yield Fault("REQUIRED_FIELD_MISSING", "encoding", "The encoding is required with user data.")
    if not identifiers and not any(getattr(event.ad_identifiers, name) for name in CLICK_FIELDS):
        yield Fault("NO_IDENTIFIERS_PROVIDED", "ad_identifiers", "At least one identifier is required.")


def _time(event: Any, now: datetime) -> Iterator[Fault]:
    if not event.HasField("event_timestamp"):
        return
    at = event.event_timestamp.ToDatetime(tzinfo=UTC)
    if at > now + SKEW or at < now - OLDEST:
        yield Fault("EVENT_TIME_INVALID", "event_timestamp", "The event time is in the future or too old.")


def _transaction_id(text: str) -> Iterator[Fault]:
    if text and len(text) < SHORTEST_ID:
        yield Fault("FIELD_VALUE_TOO_SHORT", "transaction_id", "The transaction ID is too short.")
    if len(text) > LONGEST_ID:
        yield Fault("FIELD_VALUE_TOO_LONG", "transaction_id", "The transaction ID is too long.")


def _value(event: Any) -> Iterator[Fault]:
    if event.currency and event.currency not in CURRENCIES:
        yield Fault("INVALID_CURRENCY_CODE", "currency", "The currency code is not valid.")
    if not math.isfinite(event.conversion_value) or event.conversion_value < 0:
        yield Fault("INVALID_NUMBER_FORMAT", "conversion_value", "The conversion value is not valid.")


def _user_data(event: Any, encoding: int) -> Iterator[Fault]:
    identifiers = event.user_data.user_identifiers
    if len(identifiers) > MOST_IDENTIFIERS:
        text = f"At most {MOST_IDENTIFIERS} user identifiers are allowed."
        yield Fault("TOO_MANY_USER_IDENTIFIERS", "user_data.user_identifiers", text)
    for index, identifier in enumerate(identifiers):
        kind = identifier.WhichOneof("identifier")
        place = f"user_data.user_identifiers[{index}].{kind}"
        if kind == "address":
            yield from _address(identifier.address, encoding, place)
        else:
            yield from _hashed(getattr(identifier, kind) if kind else "", encoding, place)


def _address(address: Any, encoding: int, place: str) -> Iterator[Fault]:
    """Names hashed, region and postal code plain, all of them (§6)."""
    for name in ("given_name", "family_name"):
        yield from _hashed(getattr(address, name), encoding, f"{place}.{name}")
    if not re.fullmatch(r"[A-Z]{2}", address.region_code):
        yield Fault("INVALID_FORMAT", f"{place}.region_code", "The region code is not valid.")
    if not address.postal_code or "@" in address.postal_code:
        yield Fault("REQUIRED_FIELD_MISSING", f"{place}.postal_code", "The postal code is required.")


def _hashed(text: str, encoding: int, place: str) -> Iterator[Fault]:
    reason = _hash_fault(text, encoding)
    if reason:
        yield Fault(reason, place, "The value is not an encoded SHA-256 hash.")


def _hash_fault(text: str, encoding: int) -> str | None:
    if encoding == BASE64:
        try:
            size = len(base64.b64decode(text, validate=True))
        except binascii.Error:
            return "INVALID_BASE64_ENCODING"
        return None if size == 32 else "INVALID_SHA256_FORMAT"
    if not re.fullmatch(r"[0-9a-fA-F]*", text):
        return "INVALID_HEX_ENCODING"
    good = text != HASH_OF_NOTHING and re.fullmatch(r"[0-9a-f]{64}", text)
    return None if good else "INVALID_SHA256_FORMAT"
