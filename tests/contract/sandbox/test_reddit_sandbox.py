from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from conversion_sync.sandbox import reddit
from conversion_sync.sandbox.faults import Rule
from conversion_sync.sandbox.vendors import Vendors

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HASH = hashlib.sha256(b"jane@example.com").hexdigest()
HASH_OF_NOTHING = hashlib.sha256(b"").hexdigest()
AT = int((NOW - timedelta(hours=1)).timestamp() * 1000) + 250
HOUR = 3_600_000


def _event(**changes: Any) -> dict[str, Any]:
    event = {
        "event_at": AT,
        "action_source": "WEBSITE",
        "type": {"tracking_type": "PURCHASE"},
        "click_id": "2222known",
        "user": {"email": HASH, "user_agent": "Mozilla/5.0"},
        "metadata": {"conversion_id": "cs_1", "value": 19.99, "currency": "USD"},
    }
    return event | changes


@pytest.fixture
def send(vendors: Vendors, serve: Callable[..., str]) -> Callable[..., requests.Response]:
    base = serve(reddit.app(vendors))

    def post(
        *events: Any,
        token: str = vendors.credentials.reddit_conversion_token,
        pixel: str = vendors.credentials.reddit_pixel_id,
        body: Any = None,
    ) -> requests.Response:
        url = f"{base}/api/v3/pixels/{pixel}/conversion_events"
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        sent = {"data": {"events": list(events)}} if body is None else body
        return requests.post(url, json=sent, headers=headers, timeout=60)

    return post


def test_an_accepted_event_is_booked(send: Any, vendors: Vendors) -> None:
    answer = send(_event())
    assert (answer.status_code, answer.json()) == (
        200,
        {"data": {"message": "Successfully processed 1 conversion events."}},
    )
    (entry,) = vendors.books.dump()
    assert (entry["account"], entry["action"], entry["vendor_id"]) == ("a2_sandboxpixel", "PURCHASE", "cs_1")
    assert (entry["click_kind"], entry["click_id"], entry["matched"]) == ("rdt_cid", "2222known", True)
    assert (entry["total"], entry["currency"]) == ("19.99", "USD")
    assert entry["occurred_at"] == "2026-11-20T11:00:00.250000+00:00"


def test_a_custom_event_goes_by_its_own_name(send: Any, vendors: Vendors) -> None:
    custom = {"tracking_type": "CUSTOM", "custom_event_name": "Renewal"}
    assert send(_event(type=custom)).status_code == 200
    (entry,) = vendors.books.dump()
    assert entry["action"] == "Renewal"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"event_at": AT - 168 * HOUR}, "event_at timestamp must be less than 168h0m0s old"),
        ({"event_at": AT // 1000}, "event_at timestamp must be less than 168h0m0s old"),
        ({"event_at": AT + 2 * HOUR}, "event_at timestamp must not be in the future"),
        ({"event_at": 10**30}, "event_at timestamp must not be in the future"),
        ({"type": {"tracking_type": "Purchase"}}, "invalid tracking_type: Purchase"),
        ({"type": {}}, "invalid tracking_type: None"),
        ({"type": {"tracking_type": "CUSTOM"}}, "missing custom_event_name"),
        ({"click_id": "", "user": {"user_agent": "x"}}, "at least one match key is required"),
        ({"user": {"email": "jane@example.com"}}, "email must be a SHA-256 hash"),
        ({"user": {"phone_number": "+16505551212"}}, "phone_number must be a SHA-256 hash"),
        ({"user": {"external_id": HASH.upper()}}, "external_id must be a SHA-256 hash"),
        ({"user": {"email": HASH_OF_NOTHING}}, "email must be a SHA-256 hash"),
        ({"user": {"uuid": "jane@example.com"}}, "user must not hold unhashed identifiers"),
        ({"metadata": {"value": 1}}, "value and currency must be sent together"),
        ({"metadata": {"value": -1, "currency": "USD"}}, "value must not be negative"),
        ({"metadata": {"value": 1, "currency": "XXQ"}}, "invalid currency: XXQ"),
        ({"type": {"tracking_type": "SEARCH"}}, "value is not supported for SEARCH"),
    ],
)
def test_one_bad_event_refuses_the_batch_and_comes_back_with_its_fault(
    send: Any, vendors: Vendors, changes: dict[str, Any], text: str
) -> None:
    bad = _event(**changes)
    answer = send(_event(metadata={"conversion_id": "cs_0"}), bad)
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "message": "There were 1 invalid conversion events. None were processed.",
            "invalid_events": [{"error_message": text, "event": bad}],
        },
    )
    assert vendors.books.dump() == []


def test_every_bad_event_is_told(send: Any) -> None:
    names = [f"cs_{number}" for number in range(3)]
    events = [_event(event_at=1, metadata={"conversion_id": name}) for name in names]
    told = send(_event(), *events).json()
    assert told["message"] == "There were 3 invalid conversion events. None were processed."
    assert [event["event"]["metadata"]["conversion_id"] for event in told["invalid_events"]] == names


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"action_source": "website"}, "invalid action_source: website"),
        ({"event_at": "2026-11-20T11:00:00Z"}, 'JSON error "unexpected type" on field "event_at"'),
        ({"event_at": True}, 'JSON error "unexpected type" on field "event_at"'),
        ({"test_id": "t2_x"}, 'JSON error "unknown field" on field "test_id"'),
        ({"metadata": {"value": "19.99"}}, 'JSON error "unexpected type" on field "metadata value"'),
        ({"user": {"em": HASH}}, 'JSON error "unknown field" on field "user em"'),
    ],
)
def test_what_cannot_be_read_refuses_the_request_without_naming_the_event(
    send: Any, vendors: Vendors, changes: dict[str, Any], text: str
) -> None:
    answer = send(_event(), _event(**changes))
    assert (answer.status_code, answer.json()) == (400, {"error": {"code": 400, "message": text}})
    assert vendors.books.dump() == []


@pytest.mark.parametrize("name", ["event_at", "action_source", "type"])
def test_what_is_missing_is_named(send: Any, name: str) -> None:
    event = _event()
    del event[name]
    assert send(event).json()["error"]["message"] == f"missing {name}"


@pytest.mark.parametrize(
    ("options", "status", "text"),
    [
        ({"token": ""}, 401, "This server could not verify that you are authorized."),
        ({"token": "wrong"}, 401, "This server could not verify that you are authorized."),
        ({"pixel": "a2_other"}, 403, "You do not have access to this pixel."),
        ({"body": {"events": []}}, 400, "missing events"),
        ({"body": {"data": {"events": []}}}, 400, "missing events"),
        ({"body": {"data": {"events": [{}] * 1001}}}, 400, "events must not hold more than 1000 items"),
    ],
)
def test_access_and_envelope(send: Any, options: dict[str, Any], status: int, text: str) -> None:
    answer = send(_event(), **options)
    assert (answer.status_code, answer.json()["error"]["message"]) == (status, text)


def test_a_value_that_is_no_number_is_no_json(vendors: Vendors, serve: Callable[..., str]) -> None:
    answer = requests.post(
        serve(reddit.app(vendors)) + "/api/v3/pixels/a2_sandboxpixel/conversion_events",
        data=b'{"data": {"events": [{"metadata": {"value": NaN}}]}}',
        headers={"Authorization": f"Bearer {vendors.credentials.reddit_conversion_token}"},
        timeout=60,
    )
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        400,
        "JSON error: unexpected value NaN",
    )


@pytest.mark.parametrize(("hours", "counts"), [(0, 1), (47, 1), (48, 2)])
def test_a_copy_counts_again_only_after_two_days(
    send: Any, vendors: Vendors, hours: int, counts: int
) -> None:
    send(_event())
    vendors.clock.shift(timedelta(hours=hours))
    assert send(_event()).status_code == 200
    (entry,) = vendors.books.dump()
    assert (entry["times_received"], entry["counts"]) == (2, counts)


def test_the_same_id_under_another_type_is_another_conversion(send: Any, vendors: Vendors) -> None:
    send(_event(), _event(type={"tracking_type": "LEAD"}))
    assert [(entry["action"], entry["counts"]) for entry in vendors.books.dump()] == [
        ("LEAD", 1),
        ("PURCHASE", 1),
    ]


def test_a_connection_cut_after_accepting_books_the_event(send: Any, vendors: Vendors) -> None:
    vendors.faults.add(Rule.model_validate({"vendor": "reddit", "action": {"drop_reply": True}}))
    with pytest.raises(requests.ConnectionError):
        send(_event())
    assert [entry["vendor_id"] for entry in vendors.books.dump()] == ["cs_1"]
