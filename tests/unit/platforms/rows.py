"""Small factories: a row as delivery hands it out, and an answer as a vendor gives it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from conversion_sync.model.conversion import ConversionId, ConversionKind, Outbound, Verb
from conversion_sync.model.money import Money
from conversion_sync.platforms.catalogue import catalogue_of
from conversion_sync.platforms.http import Reply
from conversion_sync.platforms.platform import Catalogue
from conversion_sync.platforms.registry import kinds
from conversion_sync.redaction import excerpt

PAID_AT = datetime(2026, 11, 19, 9, 30, 15, 250000, tzinfo=UTC)
CLICKED_AT = datetime(2026, 11, 18, 8, 0, 0, 125000, tzinfo=UTC)

ACCOUNTS: Mapping[str, Mapping[str, Any]] = {
    "google_ads": {
        "customer_id": "1234567890",
        "client_id": "client",
        "client_secret": "client-secret",
        "refresh_token": "refresh-token",
    },
    "meta": {"dataset_id": "880000000000001", "access_token": "meta-token"},
    "tiktok": {"pixel_code": "SANDBOXPIXEL01", "access_token": "tiktok-token"},
    "linkedin": {"access_token": "linkedin-token"},
    "reddit": {"pixel_id": "a2_sandboxpixel", "access_token": "reddit-token"},
    "microsoft_ads": {
        "customer_id": "250000001",
        "customer_account_id": "180000001",
        "developer_token": "developer-token",
        "access_token": "microsoft-token",
    },
}


def facts(platform: str, **account: Any) -> Catalogue:
    """A platform's catalogue, with account settings."""
    return catalogue_of(platform, kinds()[platform].account(**{**ACCOUNTS[platform], **account}))


def row(**changes: Any) -> Outbound:
    """A purchase of 19.99 USD; the caller gives the target and the click."""
    known: dict[str, Any] = {
        "conversion_id": ConversionId("0123456789abcdef0123456789abcdef"),
        "vendor_id": "cs_0123456789abcdef0123456789abcdef",
        "kind": ConversionKind.CONVERSION,
        "verb": Verb.SEND,
        "event_kind": "purchase",
        "action": "purchase",
        "target": {},
        "value": Money(1999, "USD", 2),
        "occurred_at": PAID_AT,
        "click_id_kind": None,
        "click_id": None,
        "clicked_at": CLICKED_AT,
    }
    return Outbound(**(known | changes))


def reply(status: int, body: Any = "", headers: Mapping[str, str] | None = None) -> Reply:
    """An answer; a text goes verbatim, anything else as JSON."""
    text = body if isinstance(body, str) else json.dumps(body)
    return Reply(status=status, headers=headers or {}, text=text)


__all__ = ["excerpt", "facts", "reply", "row"]
