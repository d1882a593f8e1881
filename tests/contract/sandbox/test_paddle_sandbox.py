"""The official client, unchanged, and plain requests against the sandbox's Paddle."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from paddle_billing import Client, Options
from paddle_billing.Entities.DateTime import DateTime
from paddle_billing.Entities.Events.EventTypeName import EventTypeName
from paddle_billing.Exceptions.ApiError import ApiError
from paddle_billing.Resources.Adjustments.Operations import ListAdjustments
from paddle_billing.Resources.Events.Operations import ListEvents
from paddle_billing.Resources.Shared.Operations import Pager
from paddle_billing.Resources.Transactions.Operations import ListTransactions
from paddle_billing.Resources.Transactions.Operations.List.Includes import Includes

from conversion_sync.sandbox import paddle_api
from conversion_sync.sandbox.business import Business, generate
from conversion_sync.sandbox.faults import Rule
from conversion_sync.sandbox.paddle_events import events_of, live
from conversion_sync.sandbox.paddle_ids import ALPHABET, JITTER, stamp
from conversion_sync.sandbox.paddle_shelves import PaddleData
from conversion_sync.sandbox.paddle_truth import paddle_truth
from conversion_sync.sandbox.truth import truth
from conversion_sync.sandbox.vendors import Vendors
from tests.contract.sandbox.conftest import NOW

Json = dict[str, Any]
Ask = Callable[..., requests.Response]
KEY = "pdl_live_apikey_sandbox_0001"
DAY = timedelta(days=1)
OPERATORS = {"GT": operator.gt, "GTE": operator.ge, "LT": operator.lt, "LTE": operator.le}


@pytest.fixture(scope="module")
def business() -> Business:
    """Older than events are kept, so that some are gone."""
    return generate(7, 80, 20, NOW, history_days=100)


@pytest.fixture(scope="module")
def data(business: Business) -> PaddleData:
    return PaddleData(business)


@pytest.fixture
def url(vendors: Vendors, data: PaddleData, serve: Callable[..., str]) -> str:
    return serve(paddle_api.app(vendors, data, limited=False))


@pytest.fixture
def client(url: str) -> Client:
    return Client(KEY, options=Options(environment=SimpleNamespace(base_url=url)))


@pytest.fixture
def ask(url: str) -> Iterator[Ask]:
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {KEY}"
        yield lambda path, **query: session.get(f"{url}/{path}", params=query, timeout=60)


def pages(ask: Ask, path: str, **query: Any) -> Iterator[list[Json]]:
    answer = ask(path, **query).json()
    while True:
        yield answer["data"]
        if not answer["meta"]["pagination"]["has_more"]:
            return
        link = answer["meta"]["pagination"]["next"]
        answer = requests.get(link, headers={"Authorization": f"Bearer {KEY}"}, timeout=60).json()


def everything(ask: Ask, path: str, **query: Any) -> list[Json]:
    return [row for page in pages(ask, path, **query) for row in page]


def time_of(name: str) -> datetime:
    number = 0
    for character in name.split("_")[1][:10]:
        number = number * 32 + ALPHABET.index(character)
    return datetime.fromtimestamp(number / 1000, UTC)


def test_the_official_client_reads_every_event_of_its_window_and_knows_them_all(
    client: Client, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    start, end = NOW - 2 * DAY, NOW - DAY
    query = ListEvents(
        Pager(per_page=50), start=DateTime.from_datetime(start), end=DateTime.from_datetime(end)
    )
    read = list(client.events.list(query))
    told = [
        event
        for event in everything(ask, "events", per_page=200)
        if start <= moment(event, "occurred_at") <= end
    ]
    assert sorted(event.event_id for event in read) == sorted(event["event_id"] for event in told)
    kinds = {event.event_type.value for event in read}
    assert kinds >= {"transaction.completed", "subscription.created", "customer.created"}
    # The client prints what it cannot read.
    assert capsys.readouterr().out == ""


def moment(thing: Json, name: str) -> datetime:
    return datetime.fromisoformat(thing[name])


def test_the_official_client_reads_transactions_and_adjustments(client: Client) -> None:
    bills = list(client.transactions.list(ListTransactions(Pager(per_page=30))))
    back = list(client.adjustments.list(ListAdjustments(Pager(per_page=50))))
    assert {bill.status.value for bill in bills} == {"completed", "canceled"}
    assert {each.transaction_id for each in back} <= {bill.id for bill in bills}
    assert {each.status.value for each in back} >= {"approved", "reversed"}


def test_a_transaction_comes_with_whom_it_is_for_where_that_is_asked(
    client: Client, ask: Ask, business: Business
) -> None:
    bills = list(client.transactions.list(ListTransactions(includes=[Includes.Customer, Includes.Address])))
    countries = {bill.address.country_code.value for bill in bills if bill.address}
    assert countries == {customer.market.country for customer in live(business)}
    assert all(bill.customer and bill.customer.id == bill.customer_id for bill in bills)
    assert ask("transactions", include="everything").status_code == 400


def test_events_of_some_types_are_listed_alone(client: Client) -> None:
    wanted = [EventTypeName("adjustment.created"), EventTypeName("adjustment.updated")]
    read = list(client.events.list(ListEvents(Pager(per_page=200), event_types=wanted)))
    assert {event.event_type.value for event in read} == {"adjustment.created", "adjustment.updated"}


@pytest.mark.parametrize(
    ("path", "size", "most"),
    [("events", 50, 200), ("transactions", 30, 30), ("adjustments", 10, 50), ("subscriptions", 50, 200)],
)
def test_pages_have_their_size_and_never_more_than_the_most(
    ask: Ask, path: str, size: int, most: int
) -> None:
    assert ask(path).json()["meta"]["pagination"]["per_page"] == size
    answer = ask(path, per_page=1000).json()
    assert answer["meta"]["pagination"]["per_page"] == most
    assert len(answer["data"]) <= most


@pytest.mark.parametrize("path", ["transactions", "adjustments", "subscriptions", "customers"])
@pytest.mark.parametrize("order", ["id[ASC]", "id[DESC]"])
def test_lists_are_in_order_of_id_each_thing_once(ask: Ask, path: str, order: str) -> None:
    names = [row["id"] for row in everything(ask, path, per_page=7, order_by=order)]
    assert names == sorted(set(names), reverse=order.endswith("DESC]"))
    assert len(names) > 7


def test_the_newest_come_first_where_nobody_says(ask: Ask) -> None:
    names = [event["event_id"] for page in pages(ask, "events", per_page=100) for event in page]
    assert names == sorted(set(names), reverse=True)


def test_an_id_says_when(ask: Ask) -> None:
    for event in everything(ask, "events", per_page=200):
        late = time_of(event["event_id"]) - moment(event, "occurred_at").replace(microsecond=0)
        assert timedelta(0) <= late <= timedelta(seconds=1, milliseconds=JITTER)
    for row in everything(ask, "adjustments"):
        assert time_of(row["id"]) == moment(row, "created_at")


def test_events_are_listed_for_ninety_days(ask: Ask, vendors: Vendors, business: Business) -> None:
    told = {event["event_id"] for event in everything(ask, "events", per_page=200)}
    made = events_of(business)
    assert {event.id for event in made if event.at >= NOW - 90 * DAY} == told
    assert {event.id for event in made} - told


def test_what_lies_ahead_does_not_exist_and_the_rest_is_as_it_was(ask: Ask, vendors: Vendors) -> None:
    whole = {row["id"]: row for row in everything(ask, "transactions")}
    vendors.clock.freeze(NOW - 5 * DAY)
    then = {row["id"]: row for row in everything(ask, "transactions")}
    assert 0 < len(then) < len(whole)
    assert max(row["updated_at"] for row in then.values()) <= stamp(NOW - 5 * DAY)
    created = everything(ask, "events", event_type="transaction.created", per_page=200)
    assert {event["data"]["status"] for event in created} == {"ready", "billed", "completed"}


def test_some_events_appear_seconds_after_they_happened(
    ask: Ask, vendors: Vendors, business: Business
) -> None:
    soon = Counter()
    for event in events_of(business)[-120:]:
        vendors.clock.freeze(event.at)
        answer = ask("events", **{"from": stamp(event.at), "to": stamp(event.at)}).json()
        soon[event.id in {each["event_id"] for each in answer["data"]}] += 1
        vendors.clock.freeze(event.at + timedelta(seconds=10))
        answer = ask("events", **{"from": stamp(event.at), "to": stamp(event.at)}).json()
        assert event.id in {each["event_id"] for each in answer["data"]}
    assert soon[True] > soon[False] > 0


@pytest.mark.parametrize("member", ["created_at", "updated_at", "billed_at"])
def test_transactions_are_bounded_in_time(ask: Ask, member: str) -> None:
    every = {row["id"]: moment(row, member) for row in everything(ask, "transactions")}
    bound = sorted(every.values())[len(every) // 2]
    for sign, holds in OPERATORS.items():
        found = everything(ask, "transactions", **{f"{member}[{sign}]": stamp(bound)})
        assert {row["id"] for row in found} == {name for name, at in every.items() if holds(at, bound)}


def test_transactions_can_be_ordered_by_their_times(ask: Ask) -> None:
    times = [row["updated_at"] for row in everything(ask, "transactions", order_by="updated_at[ASC]")]
    assert times == sorted(times)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("transactions", {"origin": "subscription_recurring"}),
        ("transactions", {"status": "completed", "origin": "web,subscription_update"}),
        ("adjustments", {"status": "approved"}),
        ("adjustments", {"action": "refund"}),
        ("subscriptions", {"status": "canceled,trialing"}),
    ],
)
def test_filters_hold(ask: Ask, path: str, query: dict[str, str]) -> None:
    every = everything(ask, path)
    wanted = [row for row in every if all(row[key] in value.split(",") for key, value in query.items())]
    found = everything(ask, path, **query)
    assert sorted(row["id"] for row in found) == sorted(row["id"] for row in wanted)
    assert found


def test_all_subscriptions_are_listed_unless_filtered(ask: Ask, business: Business) -> None:
    found = everything(ask, "subscriptions")
    assert len(found) == sum(len(customer.subscriptions) for customer in live(business))
    assert {row["status"] for row in found} >= {"active", "canceled"}


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("events", {"created_at[GT]": "2026-11-01T00:00:00Z"}, "created_at[GT]"),
        ("adjustments", {"created_at[GT]": "2026-11-01T00:00:00Z"}, "created_at[GT]"),
        ("subscriptions", {"updated_at[GT]": "2026-11-01T00:00:00Z"}, "updated_at[GT]"),
        ("events", {"order_by": "occurred_at[ASC]"}, "order_by"),
        ("events", {"per_page": "many"}, "per_page"),
        ("events", {"from": "yesterday"}, "from"),
    ],
)
def test_what_a_list_cannot_do_is_refused_in_paddles_words(
    ask: Ask, path: str, query: dict[str, str], field: str
) -> None:
    answer = ask(path, **query)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (400, "request_error", "invalid_field")
    assert [each["field"] for each in error["errors"]] == [field]


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "authentication_missing"),
        ({"Authorization": "Basic abc"}, 403, "authentication_malformed"),
        ({"Authorization": "Bearer pdl_live_wrong"}, 403, "invalid_token"),
    ],
)
def test_a_wrong_key_opens_nothing(url: str, headers: dict[str, str], status: int, code: str) -> None:
    answer = requests.get(f"{url}/events", headers=headers, timeout=60)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_addresses_and_methods_that_do_not_exist(ask: Ask, url: str) -> None:
    assert ask("invoices").json()["error"]["code"] == "invalid_url"
    assert ask("transactions/txn_nobody").status_code == 404
    answer = requests.post(f"{url}/transactions", headers={"Authorization": f"Bearer {KEY}"}, timeout=60)
    assert answer.status_code == 405


def test_a_single_object_is_the_one_that_is_listed(ask: Ask) -> None:
    listed = ask("transactions").json()["data"][0]
    assert ask(f"transactions/{listed['id']}").json()["data"] == listed


def test_an_address_asks_240_times_a_minute(
    vendors: Vendors, data: PaddleData, serve: Callable[..., str]
) -> None:
    url = serve(paddle_api.app(vendors, data))
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {KEY}"
        codes = Counter(
            session.get(f"{url}/customers?per_page=1", timeout=60).status_code for _ in range(243)
        )
        assert codes == {200: 240, 429: 3}
        refused = session.get(f"{url}/customers", timeout=60)
        assert refused.json()["error"]["code"] == "too_many_requests"
        vendors.clock.shift(timedelta(seconds=int(refused.headers["Retry-After"])))
        assert session.get(f"{url}/customers", timeout=60).status_code == 200


def test_planned_faults_speak_paddles_language(client: Client, ask: Ask, vendors: Vendors) -> None:
    vendors.faults.add(
        Rule.model_validate(
            {"vendor": "paddle", "action": {"status": 429, "headers": {"Retry-After": "2"}}, "times": 1}
        )
    )
    with pytest.raises(ApiError) as caught:
        client.events.list()
    assert (caught.value.error_code, caught.value.retry_after) == ("too_many_requests", 2)
    cut = '{"data": [{"event_id": "evt_01'
    vendors.faults.add(
        Rule.model_validate({"vendor": "paddle", "action": {"status": 200, "body": cut}, "times": 1})
    )
    assert ask("events").text == cut


def test_the_business_is_the_one_that_happened(ask: Ask, business: Business) -> None:
    """Cash by month and currency, from what was captured."""
    cash: Counter[tuple[str, str]] = Counter()
    for bill in everything(ask, "transactions"):
        totals = bill["details"]["totals"]
        for one in bill["payments"]:
            if one["status"] == "captured":
                cash[one["captured_at"][:7], bill["currency_code"]] += int(one["amount"])
        assert sum(int(line["totals"]["total"]) for line in bill["details"]["line_items"]) == int(
            totals["total"]
        )
    happened: Counter[tuple[str, str]] = Counter()
    for payment in paddle_truth(business)["payments"]:
        happened[payment["paid_at"][:7], payment["currency"]] += payment["gross"]
    assert +cash == +happened


def test_customers_who_pay_in_the_same_currency_everywhere_pay_the_same_everywhere(
    business: Business,
) -> None:
    plain = {"USD", "EUR", "JPY"}
    here = {customer.id for customer in live(business)}
    everywhere, ours = Counter[str](), Counter[str]()
    for payment in truth(business)["payments"]:
        if payment["currency"] in plain and payment["customer"] in here:
            everywhere[payment["currency"]] += payment["net"]
    for payment in paddle_truth(business)["payments"]:
        if payment["currency"] in plain:
            ours[payment["currency"]] += payment["net"]
    assert ours == everywhere


def test_the_truth_is_told_in_paddles_names(ask: Ask, business: Business) -> None:
    told = paddle_truth(business)
    bills = {row["id"]: row["status"] for row in everything(ask, "transactions")}
    paid = {payment["invoice"] for payment in told["payments"]}
    assert paid == {name for name, status in bills.items() if status == "completed"}
    back = {row["id"]: row for row in everything(ask, "adjustments")}
    assert {refund["refund"] for refund in told["refunds"]} <= set(back)
    assert {refund["way"] for refund in told["refunds"]} >= {"refund", "refund_reversed", "chargeback"}
    for refund in told["refunds"]:
        row = back[refund["refund"]]
        assert row["transaction_id"] == refund["invoice"]
        assert row["action"].startswith(refund["way"].split("_")[0])
        if refund["status"] == "approved":
            assert row["status"] in {"approved", "reversed"}
            assert int(row["totals"]["total"]) == abs(refund["gross"])
            assert int(row["totals"]["subtotal"]) == abs(refund["net"])
        else:
            assert row["status"] == refund["status"]
