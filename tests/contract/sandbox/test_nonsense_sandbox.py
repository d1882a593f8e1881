"""No vendor breaks on a body that makes no sense: it refuses it and books nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest
import requests

from conversion_sync.sandbox import google_oauth, linkedin, linkedin_oauth, meta, reddit, tiktok
from conversion_sync.sandbox.vendors import Vendors

TOMORROW = datetime(2026, 11, 21, 12, tzinfo=UTC)
BODIES = (
    b"",
    b"{",
    b"\xff\xfe",
    b"null",
    b"7",
    b'"text"',
    b"[]",
    b"[[]]",
    b"{}",
    b'{"data": {"a": 1}, "elements": {"a": 1}, "events": {"a": 1}}',
    b'{"data": [null], "elements": [null], "events": [null], "destinations": [null]}',
    b'{"data": [[]], "elements": [[]], "event_source": [], "destinations": 1}',
    b'{"data": [{"user": 1, "user_data": 1}], "event_source": "web", "event_source_id": "SANDBOXPIXEL01"}',
    b'{"data": {"events": [{"event_at": 1, "type": 1, "user": 1, "metadata": []}]}}',
    b'{"data": {"events": [{"event_at": 9e99, "action_source": [], "type": {}}]}}',
    b'{"data": {"events": [null]}}',
    b'{"data": [{"event_time": 1e99}], "event_source": "web", "event_source_id": "SANDBOXPIXEL01"}',
    b'{"elements": [{"conversion": 1, "conversionHappenedAt": [], "user": 1, "conversionValue": 1}]}',
    b'{"elements": [{"conversion": "urn:lla:llaPartnerConversion:900001", "user": {"userIds": [null, {}]}}]}',
)


def _headers(vendors: Vendors) -> dict[str, str]:
    return {
        "linkedin": f"Bearer {linkedin_oauth.issue(vendors.credentials, TOMORROW)}",
        "meta": f"Bearer {vendors.credentials.meta_access_token}",
        "reddit": f"Bearer {vendors.credentials.reddit_conversion_token}",
    }


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(
    ("vendor", "path"),
    [
        (google_oauth, "/token"),
        (meta, "/v26.0/880000000000001/events"),
        (tiktok, "/open_api/v1.3/event/track/"),
        (linkedin, "/rest/conversionEvents"),
        (linkedin, "/oauth/v2/accessToken"),
        (reddit, "/api/v3/pixels/a2_sandboxpixel/conversion_events"),
    ],
)
def test_nonsense_is_refused(
    vendors: Vendors, serve: Callable[..., str], vendor: ModuleType, path: str, body: bytes
) -> None:
    headers = {
        "Content-Type": "application/json",
        "Access-Token": vendors.credentials.tiktok_access_token,
        "Authorization": _headers(vendors).get(vendor.__name__.rpartition(".")[2], ""),
        "LinkedIn-Version": "202609",
        "X-RestLi-Method": "BATCH_CREATE",
    }
    answer = requests.post(serve(vendor.app(vendors)) + path, data=body, headers=headers, timeout=60)
    refused: dict[str, Any] = answer.json()
    if vendor is tiktok:
        assert (answer.status_code, refused["code"] // 10000) == (200, 4)
    else:
        assert 400 <= answer.status_code < 500
        assert "error" in refused or "message" in refused
    assert vendors.books.dump() == []


def test_tokens_of_the_past_are_refused_and_not_misread(vendors: Vendors) -> None:
    yesterday = TOMORROW - timedelta(days=2)
    assert (
        linkedin_oauth.token_fault(vendors, linkedin_oauth.issue(vendors.credentials, yesterday)) is not None
    )
    assert linkedin_oauth.token_fault(vendors, linkedin_oauth.issue(vendors.credentials, TOMORROW)) is None
