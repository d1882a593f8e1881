"""What the admin can change about copies and moments: promises broken, requests held."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from conversion_sync.sandbox import admin, tiktok
from conversion_sync.sandbox.business import generate
from conversion_sync.sandbox.faults import Rule
from conversion_sync.sandbox.lemon_data import LemonData
from conversion_sync.sandbox.vendors import Vendors
from tests.contract.sandbox.conftest import NOW

EVENT = {
    "event": "Purchase",
    "event_time": int(datetime(2026, 11, 20, 11, tzinfo=UTC).timestamp()),
    "event_id": "cs_1",
    "user": {"ttclid": "E.C.P.known"},
    "properties": {"currency": "USD", "value": 12.34},
    "page": {"url": "https://shop.example/"},
}


@pytest.fixture
def ask(serve: Callable[..., str], vendors: Vendors) -> Iterator[Callable[..., Any]]:
    """Asks the admin."""
    business = generate(1, 1, 1, NOW, history_days=0)
    url = serve(admin.app(vendors, business, LemonData(business)))
    yield lambda method, path, body=None: requests.request(method, url + path, json=body, timeout=60)
    vendors.holds.release()


@pytest.fixture
def send(serve: Callable[..., str], vendors: Vendors) -> Callable[[], requests.Response]:
    """Sends the event to TikTok."""
    url = serve(tiktok.app(vendors))
    known = vendors.credentials

    def post() -> requests.Response:
        return requests.post(
            f"{url}/open_api/v1.3/event/track/",
            json={"event_source": "web", "event_source_id": known.tiktok_pixel_code, "data": [EVENT]},
            headers={"Access-Token": known.tiktok_access_token},
            timeout=60,
        )

    return post


def test_without_dedup_every_copy_counts(ask: Callable[..., Any], send: Callable[[], Any]) -> None:
    send()
    send()
    assert ask("GET", "/dedup").json() == {"tiktok": {"kept": True, "counts": 1, "counts_without": 2}}
    ask("POST", "/dedup", {"tiktok": False})
    send()
    assert ask("GET", "/dedup").json() == {"tiktok": {"kept": False, "counts": 2, "counts_without": 3}}
    ask("POST", "/dedup", {"tiktok": True})
    send()
    [entry] = ask("GET", "/ledger").json()
    assert (entry["counts"], entry["counts_without_dedup"]) == (2, 4)


def test_a_promise_that_makes_no_sense_is_refused(ask: Callable[..., Any]) -> None:
    assert ask("POST", "/dedup", {"tiktok": "perhaps"}).status_code == 422
    assert ask("GET", "/dedup").json() == {}


def test_books_can_begin_anew(ask: Callable[..., Any], send: Callable[[], Any]) -> None:
    send()
    assert ask("DELETE", "/ledger").json() == []
    assert ask("GET", "/ledger").json() == []
    send()
    assert [entry["times_received"] for entry in ask("GET", "/ledger").json()] == [1]


@pytest.mark.parametrize(("moment", "booked"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize("cut", [False, True])
def test_a_request_is_held_at_its_moment_until_it_is_let_go(
    ask: Callable[..., Any], send: Callable[[], Any], vendors: Vendors, moment: str, booked: int, cut: bool
) -> None:
    vendors.faults.add(Rule.model_validate({"vendor": "tiktok", "action": {"hold": moment}}))
    answers: list[Any] = []

    def sending() -> None:
        try:
            answers.append(send().json()["code"])
        except requests.ConnectionError:
            answers.append("cut")

    thread = threading.Thread(target=sending)
    thread.start()
    while not (held := ask("GET", "/holds").json()["held"]):
        assert thread.is_alive()
    assert [(each["vendor"], each["moment"]) for each in held] == [("tiktok", moment)]
    assert len(ask("GET", "/ledger").json()) == booked
    assert ask("DELETE", "/holds?cut" if cut else "/holds").json() == {"let_go": 1}
    thread.join()
    assert answers == ["cut" if cut else 0]
    assert len(ask("GET", "/ledger").json()) == (0 if cut and moment == "before" else 1)
