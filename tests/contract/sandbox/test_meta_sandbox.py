from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from facebook_business.api import FacebookAdsApi, FacebookSession

from conversion_sync.sandbox import meta
from conversion_sync.sandbox.faults import Rule
from conversion_sync.sandbox.vendors import Vendors

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HASH = hashlib.sha256(b"jane@example.com").hexdigest()
EMPTY_HASH = hashlib.sha256(b"").hexdigest()
DATASET = "880000000000001"
AT = int((NOW - timedelta(hours=1)).timestamp())


def _event(**changes: Any) -> dict[str, Any]:
    event = {
        "event_name": "Purchase",
        "event_time": AT,
        "event_id": "cs_1",
        "action_source": "system_generated",
        "user_data": {"fbc": "fb.1.1763467200000.IwAR0known"},
        "custom_data": {"value": 12.34, "currency": "USD"},
    }
    return event | changes


@pytest.fixture
def url(vendors: Vendors, serve: Callable[..., str]) -> str:
    return serve(meta.app(vendors))


@pytest.fixture
def send(url: str, vendors: Vendors) -> Callable[..., requests.Response]:
    def post(
        *events: Any, version: str = "v26.0", dataset: str = DATASET, **members: Any
    ) -> requests.Response:
        body = {"data": list(events), "access_token": vendors.credentials.meta_access_token} | members
        return requests.post(
            f"{url}/{version}/{dataset}/events",
            data=json.dumps(body),
            headers={"Content-Type": "application/json"},
            timeout=60,
        )

    return post


def _entry(vendors: Vendors) -> dict[str, Any]:
    (entry,) = vendors.books.dump()
    return entry


def test_an_accepted_event_is_booked_whole(send: Any, vendors: Vendors) -> None:
    answer = send(_event())
    assert answer.status_code == 200
    assert {k: v for k, v in answer.json().items() if k != "fbtrace_id"} == {
        "events_received": 1,
        "messages": [],
    }
    assert json.loads(answer.headers["x-app-usage"])["call_count"] == 28
    assert _entry(vendors) == {
        "platform": "meta",
        "account": DATASET,
        "action": "Purchase",
        "vendor_id": "cs_1",
        "click_kind": "fbclid",
        "click_id": "IwAR0known",
        "matched": True,
        "first_value": "12.34",
        "first_currency": "USD",
        "value": "12.34",
        "currency": "USD",
        "occurred_at": "2026-11-20T11:00:00+00:00",
        "received_at": "2026-11-20T12:00:00+00:00",
        "times_received": 1,
        "counts": 1,
        "counts_without_dedup": 1,
        "total": "12.34",
        "retracted": False,
        "terminal": False,
        "adjustments": [],
    }


@pytest.mark.parametrize(
    ("changes", "subcode"),
    [
        ({"event_time": int((NOW - timedelta(days=7, seconds=1)).timestamp())}, 2804003),
        (
            {
                "event_time": int((NOW - timedelta(days=63)).timestamp()),
                "action_source": "physical_store",
            },
            2804003,
        ),
        ({"event_time": AT * 1000}, None),
        ({"event_time": str(AT)}, None),
        ({"event_time": True}, None),
        ({"event_name": ""}, None),
        ({"action_source": "web"}, None),
        ({"user_data": None}, None),
        ({"custom_data": {"currency": "USD"}}, 2804009),
        ({"custom_data": {"value": 1}}, 2804010),
        ({"custom_data": {"value": -1, "currency": "USD"}}, None),
        ({"custom_data": {"value": float("nan"), "currency": "USD"}}, None),
        ({"custom_data": {"value": 1, "currency": "XXQ"}}, None),
        ({"user_data": {"em": ["jane@example.com"]}}, 2804016),
        ({"user_data": {"em": [HASH.upper()]}}, 2804016),
        ({"user_data": {"em": [EMPTY_HASH]}}, 2804016),
        ({"user_data": {"ph": "+1 650 555 1212"}}, 2804016),
        ({"user_data": {"external_id": ["jane@example.com"]}}, 2804016),
        ({"user_data": {}}, 2804050),
        ({"user_data": {"country": [HASH], "client_user_agent": "Mozilla"}}, 2804050),
        ({"user_data": {"fn": [HASH], "ge": [HASH]}}, 2804050),
        ({"user_data": {"db": [HASH], "client_user_agent": "Mozilla"}}, 2804050),
    ],
)
def test_one_bad_event_refuses_the_batch(
    send: Any, vendors: Vendors, changes: dict[str, Any], subcode: int | None
) -> None:
    answer = send(_event(), _event(event_id="cs_2", **changes))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (400, 100, "OAuthException")
    assert (error["message"], error.get("error_subcode")) == ("Invalid parameter", subcode)
    assert error["is_transient"] is False
    assert vendors.books.dump() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"action_source": "website"},
        {"event_time": int((NOW - timedelta(days=61)).timestamp()), "action_source": "physical_store"},
        {"event_time": int((NOW + timedelta(seconds=30)).timestamp())},
        {"event_name": "Renewal", "custom_data": {}},
        {"user_data": {"em": [HASH]}},
        {"custom_data": {"value": "19.90", "currency": "usd"}},
    ],
)
def test_what_is_unusual_but_allowed_is_taken_in(send: Any, changes: dict[str, Any]) -> None:
    assert send(_event(**changes)).json()["events_received"] == 1


def test_the_error_text_comes_in_french(send: Any) -> None:
    error = send(_event(custom_data={"currency": "USD"})).json()["error"]
    assert error["error_user_title"] == "Valeur manquante"


@pytest.mark.parametrize(
    ("members", "status", "code", "subcode"),
    [
        ({"access_token": "wrong"}, 401, 190, None),
        ({"access_token": None}, 401, 190, None),
        ({"dataset": "1"}, 400, 100, 33),
        ({"version": "v20.0"}, 400, 2635, None),
        ({"appsecret_proof": "wrong"}, 400, 100, None),
        ({"data": []}, 400, 100, None),
        ({"data": "no json"}, 400, 100, None),
        ({"data": [1]}, 400, 100, None),
        ({"data": [{}] * 1001}, 400, 100, None),
    ],
)
def test_access_and_shape_are_checked_before_events(
    send: Any, vendors: Vendors, members: dict[str, Any], status: int, code: int, subcode: int | None
) -> None:
    answer = send(_event(), **members)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error.get("error_subcode")) == (status, code, subcode)
    assert vendors.books.dump() == []


def test_a_version_ends_by_the_clock(send: Any, vendors: Vendors) -> None:
    end = meta.VERSIONS["v21.0"]
    assert end is not None
    for now, code in ((end - timedelta(seconds=1), 100), (end, 2635)):
        vendors.clock.freeze(now)
        answer = send(_event(), version="v21.0", data=[])
        assert answer.json()["error"]["code"] == code


@pytest.mark.parametrize("form", ["list", "text", "list_of_text"])
def test_data_may_be_a_list_or_json_text(url: str, vendors: Vendors, form: str) -> None:
    rows = [_event()]
    data = {"list": rows, "text": json.dumps(rows), "list_of_text": [json.dumps(_event())]}[form]
    token = vendors.credentials.meta_access_token
    answer = requests.post(
        f"{url}/v21.0/{DATASET}/events",
        json={"data": data},
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
    )
    assert answer.json()["events_received"] == 1


def test_the_official_client_is_understood(
    url: str, vendors: Vendors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FacebookSession, "GRAPH", url)
    known = vendors.credentials
    session = FacebookSession(
        app_secret=known.meta_app_secret, access_token=known.meta_access_token, timeout=60
    )
    api = FacebookAdsApi(session, api_version="v26.0")
    answer = api.call("POST", (DATASET, "events"), params={"data": [json.dumps(_event())]})
    assert answer.json()["events_received"] == 1
    proof = hmac.new(known.meta_app_secret.encode(), known.meta_access_token.encode(), hashlib.sha256)
    assert meta.appsecret_proof(known.meta_app_secret, known.meta_access_token) == proof.hexdigest()


def test_server_copies_both_count(send: Any, vendors: Vendors) -> None:
    send(_event())
    send(_event())
    entry = _entry(vendors)
    assert (entry["times_received"], entry["counts"], entry["total"]) == (2, 2, "24.68")
    assert vendors.books.totals() == [
        {"platform": "meta", "action": "Purchase", "currency": "USD", "count": 2, "value": "24.68"}
    ]


@pytest.mark.parametrize("fbc", ["fb.1.1763467200000.Unknown", "nonsense", None])
def test_an_unknown_click_is_accepted_and_unmatched(send: Any, vendors: Vendors, fbc: str | None) -> None:
    send(_event(user_data={"fbc": fbc, "em": [HASH]}))
    assert _entry(vendors)["matched"] is False


def test_a_marker_after_the_click_id_is_no_part_of_it(send: Any, vendors: Vendors) -> None:
    send(_event(user_data={"fbc": "fb.1.1763467200000.IwAR0known.AQIDBAUG"}))
    assert (_entry(vendors)["click_id"], _entry(vendors)["matched"]) == ("IwAR0known", True)


def test_the_dataset_can_be_looked_at(url: str, vendors: Vendors) -> None:
    good = requests.get(
        f"{url}/v26.0/{DATASET}",
        params={"fields": "name", "access_token": vendors.credentials.meta_access_token},
        timeout=60,
    )
    assert good.json()["id"] == DATASET
    assert requests.get(f"{url}/v26.0/{DATASET}", timeout=60).status_code == 401


def test_a_dropped_reply_leaves_the_event_booked(send: Any, vendors: Vendors) -> None:
    vendors.faults.add(Rule.model_validate({"vendor": "meta", "action": {"drop_reply": True}}))
    with pytest.raises(requests.ConnectionError):
        send(_event())
    assert _entry(vendors)["vendor_id"] == "cs_1"
    assert send(_event()).status_code == 200


def test_a_connection_closed_before_the_reply_books_nothing(send: Any, vendors: Vendors) -> None:
    vendors.faults.add(Rule.model_validate({"vendor": "meta", "action": {"close_before_reply": True}}))
    with pytest.raises(requests.ConnectionError):
        send(_event())
    assert vendors.books.dump() == []


def test_a_gateway_error_after_accepting_books_the_event(send: Any, vendors: Vendors) -> None:
    action = {"status": 502, "body": "<html>Bad gateway</html>", "after_accepting": True}
    vendors.faults.add(Rule.model_validate({"vendor": "meta", "action": action}))
    answer = send(_event())
    assert (answer.status_code, answer.text) == (502, "<html>Bad gateway</html>")
    assert _entry(vendors)["total"] == "12.34"
