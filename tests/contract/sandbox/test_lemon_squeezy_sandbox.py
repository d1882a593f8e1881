"""The sandbox's Lemon Squeezy as its documentation describes it, asked with plain requests."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from conversion_sync.sandbox import lemon_api
from conversion_sync.sandbox.business import Business, generate
from conversion_sync.sandbox.faults import Rule
from conversion_sync.sandbox.lemon_data import LemonData
from conversion_sync.sandbox.lemon_truth import lemon_truth
from conversion_sync.sandbox.vendors import Vendors
from tests.contract.sandbox.conftest import NOW

Json = dict[str, Any]
MEDIA = "application/vnd.api+json"
KEY = "sandbox-lemon-squeezy-key"
LISTS = ("stores", "customers", "orders", "subscriptions", "subscription-invoices")
HEADERS = {"Accept": MEDIA, "Content-Type": MEDIA, "Authorization": f"Bearer {KEY}"}


@pytest.fixture(scope="module")
def business() -> Business:
    return generate(15, 150, 20, NOW, history_days=40)


@pytest.fixture(scope="module")
def data(business: Business) -> LemonData:
    return LemonData(business)


@pytest.fixture
def ask(vendors: Vendors, data: LemonData, serve: Callable[..., str]) -> Iterator[Callable[..., Any]]:
    """GETs a path of /v1 as documented, with whatever is changed."""
    url = serve(lemon_api.app(vendors, data))
    with requests.Session() as session:

        def get(path: str, *, headers: Json | None = None, **query: Any) -> requests.Response:
            pages = {f"page[{key[5:]}]": query[key] for key in query if key.startswith("page_")}
            filters = {f"filter[{key}]": query[key] for key in query if not key.startswith("page_")}
            named = pages | filters
            return session.get(
                f"{url}/v1/{path}", params=named, headers=HEADERS | (headers or {}), timeout=60
            )

        yield get


@pytest.fixture
def everything(ask: Callable[..., Any]) -> Callable[..., list[Json]]:
    """All pages of a list, one after the other."""

    def walk(path: str, **query: Any) -> list[Json]:
        found: list[Json] = []
        number = last = 1
        while number <= last:
            page = ask(path, page_number=number, page_size=100, **query).json()
            found += page["data"]
            number, last = number + 1, page["meta"]["page"]["lastPage"]
        return found

    return walk


def errors(response: requests.Response) -> tuple[int, str, str]:
    body = response.json()
    assert body["jsonapi"] == {"version": "1.0"}
    return response.status_code, body["errors"][0]["status"], body["errors"][0]["title"]


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_pages_of_resources_newest_first_ten_a_page(ask: Any, name: str) -> None:
    answer = ask(name)
    page = answer.json()
    times = [row["attributes"]["created_at"] for row in page["data"]]
    assert times == sorted(times, reverse=True)
    assert answer.headers["content-type"] == MEDIA
    assert {row["type"] for row in page["data"]} == {name}
    shown, total = len(page["data"]), page["meta"]["page"]["total"]
    assert page["meta"]["page"] == {
        "currentPage": 1,
        "from": 1,
        "lastPage": -(-total // 10),
        "perPage": 10,
        "to": min(total, 10),
        "total": total,
    }
    assert shown == min(total, 10)
    assert ("next" in page["links"], "prev" in page["links"]) == (total > 10, False)
    one = ask(f"{name}/{page['data'][-1]['id']}").json()["data"]
    assert one["attributes"].keys() == page["data"][-1]["attributes"].keys()


def test_pages_shift_when_rows_come_in_between(ask: Any, vendors: Vendors) -> None:
    vendors.clock.freeze(NOW - timedelta(days=5))
    first = [row["id"] for row in ask("orders", page_size=100).json()["data"]]
    vendors.clock.freeze(NOW)
    later = [row["id"] for row in ask("orders", page_size=100).json()["data"]]
    moved = later.index(first[0])
    assert moved > 0
    assert later[moved:] == first[: 100 - moved]


def test_a_page_past_the_end_is_empty(ask: Any) -> None:
    page = ask("orders", page_number=99, page_size=100).json()
    assert (page["data"], page["meta"]["page"]["from"]) == ([], None)


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("orders", {"status": "paid"}),
        ("orders", {"created_at": "2026-11-01"}),
        ("subscriptions", {"updated_at": "2026-11-01"}),
        ("subscription-invoices", {"customer_id": "1"}),
        ("orders", {"page_size": "101"}),
        ("orders", {"page_number": "0"}),
    ],
)
def test_what_a_list_cannot_be_asked_is_refused(ask: Any, name: str, query: Json) -> None:
    assert errors(ask(name, **query)) == (400, "400", "Bad Request")


def test_filters_let_through_what_they_name(everything: Any, data: LemonData) -> None:
    rows = everything("subscriptions")
    for field in ("status", "order_id", "variant_id", "user_email", "store_id"):
        value = rows[0]["attributes"][field]
        assert everything("subscriptions", **{field: value}) == [
            row for row in rows if row["attributes"][field] == value
        ]
    invoices = everything("subscription-invoices")
    full = [row for row in invoices if row["attributes"]["refunded"]]
    assert everything("subscription-invoices", refunded="true") == full
    states = Counter(row["attributes"]["status"] for row in invoices)
    assert min(states["refunded"], states["partial_refund"], len(full)) > 0
    assert everything("subscription-invoices", status="partial_refund") == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": ""}, 401),
        ({"Accept": "text/html"}, 406),
        ({"Content-Type": "application/json"}, 415),
    ],
)
def test_key_and_media_types_are_looked_at(ask: Any, headers: Json, status: int) -> None:
    assert errors(ask("orders", headers=headers))[:2] == (status, str(status))


@pytest.mark.parametrize("path", ["invoices", "orders/7", "orders/x", "orders/1/customer"])
def test_what_is_not_there_is_not_found(ask: Any, path: str) -> None:
    assert errors(ask(path)) == (404, "404", "Not Found")


def test_a_minute_holds_three_hundred_calls_and_says_how_many_are_left(ask: Any, vendors: Vendors) -> None:
    left = [ask("stores").headers["X-Ratelimit-Remaining"] for _ in range(300)]
    assert left == [str(number) for number in range(299, -1, -1)]
    refused = ask("stores")
    assert errors(refused) == (429, "429", "Too Many Requests")
    assert "Retry-After" not in refused.headers
    vendors.clock.shift(timedelta(minutes=1))
    assert ask("stores").headers["X-Ratelimit-Limit"] == "300"


def test_planned_faults_speak_its_language(ask: Any, vendors: Vendors) -> None:
    vendors.faults.add(Rule.model_validate({"vendor": "lemon_squeezy", "action": {"status": 429}}))
    assert errors(ask("orders")) == (429, "429", "Too Many Requests")
    rule = {"vendor": "lemon_squeezy", "action": {"status": 200, "body": '{"data": [{"ty'}}
    vendors.faults.add(Rule.model_validate(rule))
    assert ask("orders").text == '{"data": [{"ty'


def test_pre_signed_addresses_are_new_each_time(ask: Any, vendors: Vendors) -> None:
    first = ask("subscriptions").json()["data"][0]
    vendors.clock.shift(timedelta(seconds=1))
    second = ask("subscriptions").json()["data"][0]
    assert first["attributes"].pop("urls") != second["attributes"].pop("urls")
    assert first == second


# -- what it tells ---------------------------------------------------------------------------------------


def test_the_money_of_the_business_is_in_the_invoices_and_orders(everything: Any, business: Business) -> None:
    truth = lemon_truth(business)
    subscribed = {str(row["attributes"]["order_id"]) for row in everything("subscriptions")}
    told: Counter[str] = Counter()
    for name in ("subscription-invoices", "orders"):
        for row in everything(name):
            of = row["attributes"]
            if row["id"] in subscribed and name == "orders":
                continue
            if of["status"] not in ("pending", "failed", "fraudulent", "void"):
                told[of["currency"]] += of["total"] - of["refunded_amount"]
    happened: Counter[str] = Counter()
    for each in truth["payments"] + truth["returns"]:
        happened[each["currency"]] += each["gross"]
    assert dict(told) == dict(happened)
    assert len(told) > 3


def test_refunds_are_sums_that_grow_and_fall_when_one_fails(data: LemonData, business: Business) -> None:
    steps = lemon_truth(business)["returns"]
    several = Counter(each["id"] for each in steps if each["type"] == "subscription-invoices")
    name, count = several.most_common(1)[0]
    row = data.tables["subscription-invoices"].find(name)
    assert row is not None
    assert count > 1
    sums = [(each["cumulative"], datetime.fromisoformat(each["at"])) for each in steps if each["id"] == name]
    seen = [(state.attributes["refunded_amount"], state.at) for state in row.states[-count:]]
    assert seen == sums


def test_custom_data_is_in_webhooks_and_nowhere_else(
    everything: Any, data: LemonData, business: Business
) -> None:
    given = {value for link in lemon_truth(business)["links"] for value in [link["id"]]}
    listed = json.dumps([everything(name) for name in LISTS])
    assert not [value for value in given if value in listed]
    sent = [delivery.body["meta"] for delivery in data.webhooks(lemon_api.BASE, NOW)]
    told = {value for meta in sent for value in meta.get("custom_data", {}).values()}
    assert told == given
    assert all({"event_name", "test_mode", "webhook_id"} <= set(meta) for meta in sent)


def test_a_webhook_shows_its_object_as_the_lists_do_at_that_moment(
    ask: Any, data: LemonData, vendors: Vendors
) -> None:
    for sent in data.webhooks(lemon_api.BASE, NOW)[::25]:
        told = sent.body["data"]
        if told["type"] != "license-keys":
            vendors.clock.freeze(sent.at)
            assert ask(f"{told['type']}/{told['id']}").json()["data"] == told


def test_every_documented_event_of_a_subscription_is_sent(data: LemonData) -> None:
    assert {sent.event for sent in data.webhooks(lemon_api.BASE, NOW)} >= {
        "order_created",
        "order_refunded",
        "subscription_created",
        "subscription_updated",
        "subscription_cancelled",
        "subscription_resumed",
        "subscription_expired",
        "subscription_paused",
        "subscription_unpaused",
        "subscription_plan_changed",
        "subscription_payment_success",
        "subscription_payment_failed",
        "subscription_payment_recovered",
        "subscription_payment_refunded",
        "license_key_created",
    }
