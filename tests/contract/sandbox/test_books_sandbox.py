from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.routing import Route

from conversion_sync.sandbox.books import Books
from conversion_sync.sandbox.entries import Adjustment, Applied, Conversion, Copies
from conversion_sync.sandbox.exchange import Call, Reply, endpoint
from conversion_sync.sandbox.faults import Faults
from conversion_sync.sandbox.vendors import Vendors

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEY = ("google_ads", "1234567890", "700000001", "cs_1")


def _conversion(**changes: Any) -> Conversion:
    made = {
        "platform": "google_ads",
        "account": "1234567890",
        "action": "700000001",
        "vendor_id": "cs_1",
        "click_kind": "gclid",
        "click_id": "click",
        "matched": True,
        "value": Decimal("10.50"),
        "currency": "USD",
        "occurred_at": NOW - timedelta(days=1),
        "received_at": NOW,
    }
    return Conversion(**(made | changes))


def _adjustment(value: str | None) -> Adjustment:
    return Adjustment(at=NOW, value=None if value is None else Decimal(value), currency=None, received_at=NOW)


def test_books_outlive_a_restart(tmp_path: Path) -> None:
    books, path = Books(), tmp_path / "books.json"
    entry = books.accept(_conversion(), Copies.OVERWRITES)
    books.adjust(entry, _adjustment("4.20"))
    books.accept(_conversion(vendor_id="", platform="meta", value=None), Copies.EACH_COUNTS)
    books.adjust_later((*KEY[:3], "cs_coming"), _adjustment(None))
    books.note("topic", "name", {"member": 1})
    with books.request("meta", "/path", "1"):
        pass
    books.save(path)
    again = Books()
    again.load(path)
    assert (again.dump(), again.totals(), again.requests) == (books.dump(), books.totals(), books.requests)
    assert again.noted("topic", "name") == {"member": 1}
    assert again.last_received("google_ads", "1234567890") == NOW
    assert again.accept(_conversion(vendor_id="cs_coming"), Copies.OVERWRITES).retracted is True
    again.accept(_conversion(vendor_id="", platform="meta"), Copies.EACH_COUNTS)
    assert [e["vendor_id"] for e in again.dump() if e["platform"] == "meta"] == ["unnamed-1", "unnamed-2"]
    assert [found.name for found in tmp_path.iterdir()] == ["books.json"]


def test_no_file_leaves_the_books_as_they_are(tmp_path: Path) -> None:
    books = Books()
    books.accept(_conversion(), Copies.OVERWRITES)
    books.load(tmp_path / "none.json")
    assert len(books.dump()) == 1


@pytest.mark.parametrize(
    ("first", "second", "counts", "total"),
    [("0", "5", 1, "0"), (None, "5", 0, "0"), ("3", "5", 1, "5"), ("3", None, 0, "0")],
)
def test_zero_and_retraction_are_terminal(
    first: str | None, second: str | None, counts: int, total: str
) -> None:
    books = Books()
    entry = books.accept(_conversion(), Copies.OVERWRITES)
    assert books.adjust(entry, _adjustment(first)) is Applied.APPLIED
    ignored = first in {"0", None}
    assert books.adjust(entry, _adjustment(second)) is (Applied.IGNORED if ignored else Applied.APPLIED)
    assert (entry.counts, entry.total) == (counts, Decimal(total))


def test_a_retracted_conversion_is_not_overwritten() -> None:
    books = Books()
    books.adjust(books.accept(_conversion(), Copies.OVERWRITES), _adjustment(None))
    books.accept(_conversion(value=Decimal(99)), Copies.OVERWRITES)
    (entry,) = books.dump()
    assert (entry["times_received"], entry["counts"], entry["total"]) == (2, 0, "0")


def test_totals_by_platform_action_and_currency() -> None:
    books = Books()
    for number, (action, currency, value) in enumerate(
        [("a", "USD", "1.10"), ("a", "USD", "2.20"), ("a", "JPY", "300"), ("b", None, None)]
    ):
        amount = None if value is None else Decimal(value)
        books.accept(
            _conversion(vendor_id=f"cs_{number}", action=action, currency=currency, value=amount),
            Copies.EACH_COUNTS,
        )
    assert books.totals() == [
        {"platform": "google_ads", "action": "a", "currency": "JPY", "count": 1, "value": "300"},
        {"platform": "google_ads", "action": "a", "currency": "USD", "count": 2, "value": "3.30"},
        {"platform": "google_ads", "action": "b", "currency": "", "count": 1, "value": "0"},
    ]


def test_many_threads_lose_nothing() -> None:
    books = Books()

    def work(lane: int) -> None:
        for number in range(200):
            books.accept(_conversion(vendor_id=f"cs_{number}"), Copies.EACH_COUNTS)
            with books.request("meta", "/path", str(lane)):
                pass

    threads = [threading.Thread(target=work, args=(lane,)) for lane in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {entry["counts"] for entry in books.dump()} == {4}
    assert books.requests["count"] == {"meta /path": 800}


def test_concurrency_of_an_account_is_the_highest_seen(vendors: Vendors, serve: Callable[..., str]) -> None:
    together = threading.Barrier(3)

    def answer(_: Vendors, call: Call) -> Reply:
        if call.body == b"wait":
            together.wait(timeout=60)
        return Reply()

    handler = endpoint(vendors, "meta", answer, lambda call: call.path_values["dataset"])
    url = serve(Starlette(routes=[Route("/{dataset}/events", handler, methods=["POST"])])) + "/7/events"
    threads = [
        threading.Thread(target=requests.post, args=(url,), kwargs={"data": b"wait", "timeout": 10})
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    requests.post(url, timeout=60)
    assert vendors.books.requests == {
        "count": {"meta /7/events": 4},
        "highest_concurrency": {"meta 7": 3},
        "in_flight": {},
    }


def _statuses(faults: Faults, *paths: str) -> list[int | None]:
    actions = (faults.take("meta", path) for path in paths)
    return [action.status if action else None for action in actions]


@pytest.mark.parametrize(
    ("rules", "statuses"),
    [
        ([{"action": {"status": 500}}], [500, None, None, None]),
        ([{"nth": 2, "times": 2, "action": {"status": 500}}], [None, 500, 500, None]),
        ([{"nth": 3, "times": None, "action": {"status": 500}}], [None, None, 500, 500]),
        ([{"vendor": "tiktok", "action": {"status": 500}}], [None, None, None, None]),
        ([{"path_contains": "/other", "action": {"status": 500}}], [None, None, None, None]),
        ([{"action": {"status": 500}}, {"times": 2, "action": {"status": 400}}], [500, 400, None, None]),
        ([{"action": {"status": 500}}, {"nth": 3, "action": {"status": 400}}], [500, None, 400, None]),
    ],
)
def test_which_request_a_rule_acts_on(rules: list[dict[str, Any]], statuses: list[int | None]) -> None:
    faults = Faults.from_json({"vendor": "meta"} | rule for rule in rules)
    assert _statuses(faults, *["/v26.0/1/events"] * 4) == statuses


def test_a_rule_may_last_for_a_while_on_the_sandboxs_clock() -> None:
    rule = {"vendor": "meta", "nth": 2, "seconds": 60, "action": {"status": 503}}
    faults = Faults.from_json([rule])
    asked = [0, 1, 30, 59, 60, 61]
    actions = [faults.take("meta", "/events", NOW + timedelta(seconds=second)) for second in asked]
    assert [action.status if action else None for action in actions] == [None, 503, 503, 503, None, None]
    assert faults.to_json() == []


def test_a_closed_port_is_a_rule_that_no_request_spends() -> None:
    faults = Faults.from_json([{"vendor": "meta", "seconds": 60, "action": {"refuse": True}}])
    assert faults.refusing(NOW) == {"meta"}
    assert faults.take("tiktok", "/", NOW) is None
    assert faults.refusing(NOW + timedelta(seconds=59)) == {"meta"}
    assert faults.refusing(NOW + timedelta(seconds=60)) == frozenset()


def test_a_plan_goes_to_json_and_back_and_can_be_cleared() -> None:
    rules = [
        {
            "vendor": "meta",
            "path_contains": "/events",
            "times": None,
            "action": {"status": 503, "body": {"error": "x"}, "headers": {"retry-after": "9"}},
        }
    ]
    faults = Faults.from_json(rules)
    assert faults.to_json() == rules
    faults.clear()
    assert (faults.to_json(), faults.take("meta", "/events")) == ([], None)


def test_a_spent_rule_leaves_the_plan() -> None:
    faults = Faults.from_json([{"vendor": "meta", "action": {"status": 500}}])
    faults.take("meta", "/")
    assert faults.to_json() == []


@pytest.mark.parametrize(
    "rule",
    [
        {"vendor": "meta"},
        {"vendor": "meta", "nth": 0, "action": {}},
        {"vendor": "meta", "action": {"code": 500}},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Faults.from_json([rule])
