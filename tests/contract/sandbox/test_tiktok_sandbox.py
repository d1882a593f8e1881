from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from conversion_sync.sandbox import tiktok
from conversion_sync.sandbox.faults import Rule
from conversion_sync.sandbox.vendors import Vendors

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HASH = hashlib.sha256(b"jane@example.com").hexdigest()
AT = int((NOW - timedelta(hours=1)).timestamp())


def _event(**changes: Any) -> dict[str, Any]:
    event = {
        "event": "Purchase",
        "event_time": AT,
        "event_id": "cs_1",
        "user": {"ttclid": "E.C.P.known"},
        "properties": {"value": 1200, "currency": "JPY"},
    }
    return event | changes


@pytest.fixture
def send(vendors: Vendors, serve: Callable[..., str]) -> Callable[..., Any]:
    url = serve(tiktok.app(vendors)) + "/open_api/v1.3/event/track/"

    def post(*events: Any, token: str = vendors.credentials.tiktok_access_token, **members: Any) -> Any:
        body = {"event_source": "web", "event_source_id": "SANDBOXPIXEL01", "data": list(events)}
        headers = {"Access-Token": token} if token else {}
        return requests.post(url, json=body | members, headers=headers, timeout=60)

    return post


def test_an_accepted_event_is_booked(send: Any, vendors: Vendors) -> None:
    answer = send(_event())
    assert answer.status_code == 200
    assert {k: v for k, v in answer.json().items() if k != "request_id"} == {
        "code": 0,
        "message": "OK",
        "data": {},
    }
    (entry,) = vendors.books.dump()
    assert (entry["account"], entry["action"], entry["vendor_id"]) == ("SANDBOXPIXEL01", "Purchase", "cs_1")
    assert (entry["click_kind"], entry["click_id"], entry["matched"]) == ("ttclid", "E.C.P.known", True)
    assert (entry["total"], entry["currency"]) == ("1200", "JPY")
    assert entry["occurred_at"] == "2026-11-20T11:00:00+00:00"


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"event_id": 7}, 40002, "Invalid value for data.1.event_id: not a valid string"),
        ({"event": None}, 40002, "Invalid value for data.1.event: not a valid string"),
        ({"event_time": str(AT)}, 40002, "Invalid value for data.1.event_time: not a valid integer"),
        ({"event_time": AT * 1000}, 40002, "Invalid value for data.1.event_time: the time is in the future"),
        (
            {"event_time": AT - 7 * 86400},
            40002,
            "Invalid value for data.1.event_time: older than 7 days",
        ),
        (
            {"properties": {"value": "12"}},
            40002,
            "Invalid value for data.1.properties.value: not a valid number",
        ),
        (
            {"properties": {"value": 1, "currency": "XXQ"}},
            40002,
            "Invalid value for data.1.properties.currency: not a supported currency",
        ),
        (
            {"properties": {"contents": [{"content_id": 5}]}},
            40002,
            "Batch.1.properties.contents.0.content_id: Not a valid string",
        ),
        ({"user": {"email": "jane@example.com"}}, 40062, "PII not hashed: data.1.user.email"),
        ({"user": {"phone": HASH.upper()}}, 40062, "PII not hashed: data.1.user.phone"),
        ({"user": {"email": hashlib.sha256(b"").hexdigest()}}, 40062, "PII not hashed: data.1.user.email"),
        ({"user": {"city": "jane@example.com"}}, 40062, "PII not hashed: data.1.user.city"),
        ({"user": {"external_id": [HASH, "7"]}}, 40062, "PII not hashed: data.1.user.external_id"),
    ],
)
def test_one_bad_event_refuses_the_batch_at_http_200(
    send: Any, vendors: Vendors, changes: dict[str, Any], code: int, text: str
) -> None:
    answer = send(_event(), _event(**changes))
    assert (answer.status_code, answer.json()["code"], answer.json()["message"]) == (200, code, text)
    assert vendors.books.dump() == []


@pytest.mark.parametrize(
    ("members", "code", "text"),
    [
        ({"token": ""}, 40104, "Access token is empty"),
        ({"token": "wrong"}, 40105, "Access token is incorrect or has been revoked."),
        ({"event_source_id": "OTHER"}, 40001, "No permission to operate pixel code: OTHER"),
        (
            {"event_source": "shop"},
            40002,
            "Invalid value for event_source: must be web, app or offline.",
        ),
        ({"data": []}, 40002, "Invalid value for data: must be a non-empty list."),
        ({"data": [{}] * 1001}, 40061, "Invalid batch size: at most 1000 events."),
    ],
)
def test_access_and_envelope(send: Any, members: dict[str, Any], code: int, text: str) -> None:
    answer = send(_event(), **members)
    assert (answer.status_code, answer.json()["code"], answer.json()["message"]) == (200, code, text)


def test_offline_events_may_be_four_weeks_old(send: Any) -> None:
    old = _event(event_time=AT - 27 * 86400)
    assert send(old, event_source="offline").json()["code"] == 0


@pytest.mark.parametrize(("hours", "counts"), [(0, 1), (47, 1), (48, 2)])
def test_a_copy_counts_again_only_after_48_hours(
    send: Any, vendors: Vendors, hours: int, counts: int
) -> None:
    send(_event())
    vendors.clock.shift(timedelta(hours=hours))
    assert send(_event()).json()["code"] == 0
    (entry,) = vendors.books.dump()
    assert (entry["times_received"], entry["counts"]) == (2, counts)
    assert entry["total"] == str(1200 * counts)


def test_a_system_error_after_accepting_books_the_event(send: Any, vendors: Vendors) -> None:
    action = {"status": 200, "body": {"code": 50002, "message": "timeout"}, "after_accepting": True}
    vendors.faults.add(Rule.model_validate({"vendor": "tiktok", "nth": 2, "action": action}))
    answers = [send(_event(event_id=f"cs_{n}")).json()["code"] for n in range(3)]
    assert answers == [0, 50002, 0]
    assert [entry["vendor_id"] for entry in vendors.books.dump()] == ["cs_0", "cs_1", "cs_2"]
