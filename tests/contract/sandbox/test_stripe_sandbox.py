"""The official client, unchanged, against the sandbox's Stripe."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
import stripe

from conversion_sync.sandbox import stripe_api
from conversion_sync.sandbox.business import Business, generate
from conversion_sync.sandbox.faults import Rule
from conversion_sync.sandbox.stripe_events import events_of
from conversion_sync.sandbox.vendors import Vendors
from tests.contract.sandbox.conftest import NOW

Json = dict[str, Any]
Ask = Callable[..., Any]
RETENTION = timedelta(days=30)
KEY = "sk_live_sandbox_0001"


def seconds(at: datetime) -> int:
    return int(at.timestamp())


@pytest.fixture(scope="module")
def business() -> Business:
    """Older than events are kept, so that some are gone."""
    return generate(7, 120, 20, NOW, history_days=40)


@pytest.fixture
def url(vendors: Vendors, business: Business, serve: Callable[..., str]) -> str:
    return serve(stripe_api.app(vendors, business, RETENTION))


@pytest.fixture
def connect(url: str) -> Iterator[Callable[..., stripe.StripeClient]]:
    sessions: list[requests.Session] = []

    def make(key: str = KEY, retries: int = 0, version: str | None = None) -> stripe.StripeClient:
        sessions.append(requests.Session())
        return stripe.StripeClient(
            key,
            base_addresses={"api": url},
            http_client=stripe.RequestsClient(session=sessions[-1], timeout=60),
            max_network_retries=retries,
            stripe_version=version,
        )

    yield make
    for session in sessions:
        session.close()


@pytest.fixture
def client(connect: Callable[..., stripe.StripeClient]) -> stripe.StripeClient:
    return connect()


@pytest.fixture
def ask(client: stripe.StripeClient) -> Ask:
    """GETs a path of /v1, as plain dicts."""
    return lambda path, **parameters: client.raw_request("get", f"/v1/{path}", **parameters).data


@pytest.fixture
def everything(ask: Ask) -> Callable[..., list[Json]]:
    """All pages of a list, as they come."""

    def walk(path: str, **parameters: Any) -> list[Json]:
        found: list[Json] = []
        more = True
        while more:
            cursor = {"starting_after": found[-1]["id"]} if found else {}
            page = ask(path, limit=100, **parameters, **cursor)
            found += page["data"]
            more = page["has_more"]
        return found

    return walk


def refused(call: Callable[[], object], kind: type[stripe.StripeError] = stripe.InvalidRequestError) -> Any:
    with pytest.raises(kind) as caught:
        call()
    return caught.value


# -- events ----------------------------------------------------------------------------------------------


def test_events_come_newest_first_ten_a_page_as_the_typed_client_reads_them(
    client: stripe.StripeClient, ask: Ask
) -> None:
    page = client.v1.events.list()
    assert (len(page.data), page.has_more, page.object, page.url) == (10, True, "list", "/v1/events")
    times = [event.created for event in page.data]
    assert times == sorted(times, reverse=True)
    assert [event.id for event in page.data] == [event["id"] for event in ask("events")["data"]]
    members = {"id", "object", "api_version", "created", "data", "livemode", "type"}
    assert members <= set(ask("events")["data"][0])


def test_the_typed_client_walks_all_pages_in_either_direction(
    client: stripe.StripeClient, everything: Any
) -> None:
    names = [event["id"] for event in everything("events")]
    assert len(names) == len(set(names)) > 300
    forward = [event.id for event in client.v1.events.list({"limit": 100}).auto_paging_iter()]
    assert forward == names
    oldest = client.v1.events.list({"limit": 100, "ending_before": names[-1]})
    assert [event.id for event in oldest.auto_paging_iter()] == names[-2::-1]


def test_a_page_after_and_a_page_before_an_event_do_not_hold_it(ask: Ask, everything: Any) -> None:
    names = [event["id"] for event in everything("events")]
    after = ask("events", limit=3, starting_after=names[4])
    assert [event["id"] for event in after["data"]] == names[5:8]
    before = ask("events", limit=3, ending_before=names[8])
    assert ([event["id"] for event in before["data"]], before["has_more"]) == (names[5:8], True)
    first = ask("events", limit=10, ending_before=names[2])
    assert ([event["id"] for event in first["data"]], first["has_more"]) == (names[:2], False)
    last = ask("events", limit=10, starting_after=names[-3])
    assert ([event["id"] for event in last["data"]], last["has_more"]) == (names[-2:], False)


@pytest.mark.parametrize("bound", ["gt", "gte", "lt", "lte"])
def test_bounds_of_created_are_whole_seconds(everything: Any, bound: str) -> None:
    events = everything("events")
    middle = events[len(events) // 2]["created"]
    holds = {
        "gt": lambda at: at > middle,
        "gte": lambda at: at >= middle,
        "lt": lambda at: at < middle,
        "lte": lambda at: at <= middle,
    }[bound]
    expected = [event["id"] for event in events if holds(event["created"])]
    assert [event["id"] for event in everything("events", created={bound: middle})] == expected
    assert 0 < len(expected) < len(events)


def test_created_alone_is_that_very_second(everything: Any) -> None:
    events = everything("events")
    at = events[20]["created"]
    found = everything("events", created=at)
    assert [event["id"] for event in found] == [event["id"] for event in events if event["created"] == at]


def test_types_are_asked_for_by_name_by_names_or_by_stem(everything: Any) -> None:
    events = everything("events")
    for query, wanted in (
        ({"type": "invoice.paid"}, {"invoice.paid"}),
        ({"types": ["invoice.paid", "refund.created"]}, {"invoice.paid", "refund.created"}),
        (
            {"type": "customer.subscription.*"},
            {kind for event in events if (kind := event["type"]).startswith("customer.subscription.")},
        ),
        ({"type": "no.such.type"}, set()),
    ):
        found = everything("events", **query)
        assert [event["id"] for event in found] == [e["id"] for e in events if e["type"] in wanted]
        assert {event["type"] for event in found} == wanted - {"no.such.type"}


def test_events_older_than_thirty_days_are_gone(
    vendors: Vendors, everything: Any, ask: Ask, business: Business
) -> None:
    assert business.start < NOW - RETENTION
    names = [event["id"] for event in everything("events")]
    oldest = ask(f"events/{names[-1]}")
    assert seconds(NOW - RETENTION) <= oldest["created"] < seconds(NOW - RETENTION + timedelta(days=1))
    vendors.clock.shift(timedelta(days=2))
    assert len(everything("events")) < len(names)
    for key in ("starting_after", "ending_before"):
        fault = refused(lambda key=key: ask("events", **{key: names[-1]}))
        assert (fault.http_status, fault.param, "retention" in fault.user_message) == (400, key, True)
    assert refused(lambda: ask(f"events/{names[-1]}")).http_status == 404


def test_what_lies_ahead_of_the_clock_is_not_there_yet(vendors: Vendors, everything: Any, ask: Ask) -> None:
    newest = everything("events")[0]
    vendors.clock.shift(-timedelta(days=1))
    assert everything("events")[0]["created"] <= seconds(NOW - timedelta(days=1))
    assert refused(lambda: ask(f"events/{newest['id']}")).http_status == 404
    assert refused(lambda: ask("events", starting_after=newest["id"])).http_status == 400


def test_an_event_keeps_the_shape_it_was_made_in_whatever_version_is_asked_for(ask: Ask) -> None:
    shapes = {}
    for event in ask("events", type="invoice.paid", limit=100)["data"]:
        told = ask(f"events/{event['id']}", stripe_version="2026-10-28.endive")
        assert told == event
        shapes[event["api_version"]] = "subscription" in event["data"]["object"]
    assert shapes == {"2024-06-20": True, "2026-10-28.endive": False}


# -- objects ---------------------------------------------------------------------------------------------

LISTS = [
    "customers",
    "subscriptions",
    "invoices",
    "invoice_payments",
    "payment_intents",
    "charges",
    "refunds",
    "disputes",
    "credit_notes",
]


@pytest.mark.parametrize("name", LISTS)
def test_every_list_is_whole_newest_first_and_each_object_is_found_by_its_id(
    name: str, client: stripe.StripeClient, everything: Any, ask: Ask
) -> None:
    found = everything(name, **({"status": "all"} if name == "subscriptions" else {}))
    assert 0 < len(found) == len({each["id"] for each in found})
    times = [each["created"] for each in found]
    assert times == sorted(times, reverse=True)
    assert ask(f"{name}/{found[0]['id']}") == found[0]
    typed = getattr(client.v1, name).retrieve(found[0]["id"])
    assert (typed.id, typed.object) == (found[0]["id"], found[0]["object"])
    fault = refused(lambda: ask(f"{name}/nobody"))
    assert (fault.http_status, fault.code, fault.param) == (404, "resource_missing", "id")


FILTERS = [
    ("customers", "email"),
    ("invoices", "customer"),
    ("invoices", "status"),
    ("charges", "payment_intent"),
    ("refunds", "charge"),
    ("refunds", "payment_intent"),
    ("invoice_payments", "invoice"),
    ("credit_notes", "invoice"),
    ("disputes", "payment_intent"),
    ("payment_intents", "customer"),
]


@pytest.mark.parametrize(("name", "parameter"), FILTERS)
def test_a_filter_leaves_what_matches_it(name: str, parameter: str, everything: Any) -> None:
    found = everything(name)
    wanted = found[-1][parameter]
    expected = [each["id"] for each in found if each[parameter] == wanted]
    assert [each["id"] for each in everything(name, **{parameter: wanted})] == expected


def test_the_payment_of_an_invoice_is_found_from_its_payment_intent(everything: Any) -> None:
    link = everything("invoice_payments")[3]
    query = {"type": "payment_intent", "payment_intent": link["payment"]["payment_intent"]}
    assert everything("invoice_payments", payment=query) == [link]


def test_a_list_of_subscriptions_hides_the_canceled_ones_unless_asked(everything: Any) -> None:
    every = everything("subscriptions", status="all")
    canceled = [each for each in every if each["status"] == "canceled"]
    assert canceled
    assert everything("subscriptions") == [each for each in every if each["status"] != "canceled"]
    assert everything("subscriptions", status="canceled") == canceled


def test_subscriptions_are_found_by_their_period(everything: Any) -> None:
    every = everything("subscriptions", status="all")
    starts = {each["id"]: each["items"]["data"][0]["current_period_start"] for each in every}
    middle = sorted(starts.values())[len(starts) // 2]
    found = everything("subscriptions", status="all", current_period_start={"gte": middle})
    assert {each["id"] for each in found} == {name for name, start in starts.items() if start >= middle}
    assert 0 < len(found) < len(every)


def test_money_of_a_dispute_stands_in_its_balance_transactions(everything: Any) -> None:
    moved = {
        each["status"]: [row["amount"] for row in each["balance_transactions"]]
        for each in everything("disputes")
    }
    counts = {status: len(amounts) for status, amounts in moved.items()}
    assert (counts["won"], counts["lost"], counts["warning_closed"]) == (2, 1, 0)
    assert sum(moved["won"]) == 0


def test_some_events_are_listed_late_and_all_in_the_end(
    vendors: Vendors, business: Business, serve: Callable[..., str]
) -> None:
    url = serve(stripe_api.app(vendors, business, None, timedelta(minutes=5)))

    def lately() -> set[str]:
        since = {"created[gte]": seconds(NOW - timedelta(hours=12)), "limit": 100}
        asked = requests.get(f"{url}/v1/events", params=since, auth=(KEY, ""), timeout=60).json()
        return {event["id"] for event in asked["data"]}

    vendors.clock.shift(timedelta(minutes=6))
    every = lately()
    newest = max(event.at for event in events_of(business) if event.id in every)
    vendors.clock.shift(newest - NOW - timedelta(minutes=6) + timedelta(seconds=1))
    missing = every - lately()
    assert all(
        newest - event.at < timedelta(minutes=5) for event in events_of(business) if event.id in missing
    )
    vendors.clock.shift(timedelta(minutes=5))
    assert lately() == every


def test_an_invoice_embeds_ten_lines_and_lists_them_all(
    client: stripe.StripeClient, everything: Any, ask: Ask
) -> None:
    long = next(each for each in everything("invoices") if each["lines"]["has_more"])
    lines = long["lines"]
    assert (len(lines["data"]), lines["total_count"]) == (10, 13)
    path = lines["url"].removeprefix("/v1/")
    first = ask(path, limit=4)
    second = ask(path, limit=100, starting_after=first["data"][-1]["id"])
    every = first["data"] + second["data"]
    assert (len(every), every[:10], first["has_more"], second["has_more"]) == (13, lines["data"], True, False)
    back = ask(path, limit=2, ending_before=every[5]["id"])
    assert back["data"] == every[3:5]
    typed = client.v1.invoices.line_items.list(long["id"], {"limit": 5})
    assert [line.id for line in typed.auto_paging_iter()] == [line["id"] for line in every]
    assert refused(lambda: ask("invoices/in_nobody/lines")).http_status == 404


def test_what_is_expanded_stands_in_place_of_its_id(client: stripe.StripeClient, ask: Ask) -> None:
    plain = ask("refunds", limit=5)["data"]
    wide = ask("refunds", limit=5, expand=["data.charge.customer", "data.payment_intent"])["data"]
    for before, after in zip(plain, wide, strict=True):
        charge = ask(f"charges/{before['charge']}")
        assert after == before | {
            "charge": charge | {"customer": ask(f"customers/{charge['customer']}")},
            "payment_intent": ask(f"payment_intents/{before['payment_intent']}"),
        }
    typed = client.v1.refunds.retrieve(plain[0]["id"], {"expand": ["charge"]})
    assert isinstance(typed.charge, stripe.Charge)


def test_payments_of_an_invoice_are_there_only_when_expanded(ask: Ask) -> None:
    link = next(each for each in ask("invoice_payments", limit=100)["data"])
    plain = ask(f"invoices/{link['invoice']}")
    wide = ask(f"invoices/{link['invoice']}", expand=["payments"])
    assert "payments" not in plain
    assert wide == plain | {"payments": {"object": "list", "data": [link], "has_more": False}}


def test_an_object_has_the_shape_of_the_version_that_is_asked_for(
    connect: Any, ask: Ask, everything: Any
) -> None:
    old_client = connect(version="2025-02-24.acacia")
    for each in everything("invoices")[:40]:
        old = old_client.raw_request("get", f"/v1/invoices/{each['id']}").data
        assert ("parent" in each, "subscription" in each) == (True, False)
        assert ("parent" in old, "subscription" in old) == (False, True)
        assert old["subscription"] == each["parent"]["subscription_details"]["subscription"]
        shared = ("total", "total_excluding_tax", "amount_paid", "status", "billing_reason", "customer")
        assert [old[name] for name in shared] == [each[name] for name in shared]
        lines = old_client.raw_request("get", f"/v1/invoices/{each['id']}/lines").data["data"]
        assert ["proration" in line for line in lines] == [True] * len(lines)


# -- refusals --------------------------------------------------------------------------------------------

BAD: list[tuple[str, Json, str]] = [
    ("events", {"limit": 0}, "limit"),
    ("events", {"limit": 101}, "limit"),
    ("events", {"limit": "many"}, "limit"),
    ("events", {"created": {"gte": "yesterday"}}, "created[gte]"),
    ("events", {"created": {"after": 1}}, "created[after]"),
    ("events", {"types": [f"a.b{n}" for n in range(21)]}, "types"),
    ("events", {"types": ["invoice.*"]}, "types"),
    ("events", {"type": "a.b", "types": ["a.c"]}, "types"),
    ("events", {"starting_after": "evt_nobody"}, "starting_after"),
    ("events", {"ending_before": "evt_nobody"}, "ending_before"),
    ("events", {"starting_after": "evt_a", "ending_before": "evt_b"}, "ending_before"),
    ("events", {"colour": "red"}, "colour"),
    ("events", {"expand": ["data.data.object"]}, "expand"),
    ("invoices", {"expand": ["customer"]}, "expand"),
    ("invoices", {"expand": ["data.colour"]}, "expand"),
    ("customers", {"status": "all"}, "status"),
    ("customers/cus_00000000", {"colour": "red"}, "colour"),
    ("invoices/in_00000000_000/lines", {"created": 1}, "created"),
]


@pytest.mark.parametrize(("path", "query", "param"), BAD, ids=[f"{row[0]}-{n}" for n, row in enumerate(BAD)])
def test_a_parameter_that_makes_no_sense_is_refused_by_its_name(
    ask: Ask, path: str, query: Json, param: str
) -> None:
    fault = refused(lambda: ask(path, **query))
    assert (fault.http_status, fault.param, fault.error.type) == (400, param, "invalid_request_error")
    assert fault.request_id.startswith("req_")


def test_an_address_that_is_none_is_refused(client: stripe.StripeClient, ask: Ask) -> None:
    for call in (
        lambda: ask("nothing"),
        lambda: client.raw_request("get", "/v2/core/events"),
        lambda: client.v1.customers.create({"email": "a@example.com"}),
    ):
        fault = refused(call)
        assert (fault.http_status, "Unrecognized request URL" in fault.user_message) == (404, True)


@pytest.mark.parametrize("key", ["sk_live_of_nobody", "sk_test_sandbox_0001"])
def test_a_wrong_key_is_refused_before_anything_else(connect: Any, key: str) -> None:
    fault = refused(
        lambda: connect(key).raw_request("get", "/v1/nothing", colour="red"), stripe.AuthenticationError
    )
    assert (fault.http_status, key in fault.user_message) == (401, False)


def test_no_key_and_a_key_as_user_name(url: str) -> None:
    assert requests.get(f"{url}/v1/events", timeout=60).status_code == 401
    assert requests.get(f"{url}/v1/events", auth=(KEY, ""), timeout=60).status_code == 200
    assert requests.get(f"{url}/v1/events", auth=("", KEY), timeout=60).status_code == 401


# -- faults ----------------------------------------------------------------------------------------------

FAULTS: list[tuple[Json, type[stripe.StripeError], int | None]] = [
    ({"status": 429}, stripe.RateLimitError, 429),
    ({"status": 401}, stripe.AuthenticationError, 401),
    ({"status": 403}, stripe.PermissionError, 403),
    ({"status": 404}, stripe.InvalidRequestError, 404),
    ({"status": 500}, stripe.APIError, 500),
    ({"status": 502, "body": "<html>Bad gateway</html>"}, stripe.APIError, 502),
    ({"status": 200, "body": '{"object": "li'}, stripe.APIError, 200),
    ({"close_before_reply": True}, stripe.APIConnectionError, None),
    ({"drop_reply": True}, stripe.APIConnectionError, None),
]


@pytest.mark.parametrize(("action", "kind", "status"), FAULTS, ids=[json.dumps(row[0]) for row in FAULTS])
def test_a_planned_fault_happens_once_as_stripe_would_say_it(
    vendors: Vendors, ask: Ask, action: Json, kind: type[stripe.StripeError], status: int | None
) -> None:
    rule = {"vendor": "stripe", "path_contains": "/v1/events", "action": action}
    vendors.faults.add(Rule.model_validate(rule))
    assert ask("customers")["object"] == "list"
    fault = refused(lambda: ask("events"), kind)
    assert (type(fault), fault.http_status) == (kind, status)
    assert ask("events")["object"] == "list"


def test_a_limit_says_how_long_to_wait_and_the_client_does_not_wait_by_itself(
    vendors: Vendors, connect: Any
) -> None:
    rule = {
        "vendor": "stripe",
        "times": None,
        "action": {"status": 429, "headers": {"Retry-After": "7"}},
    }
    vendors.faults.add(Rule.model_validate(rule))
    patient = connect(retries=2)
    fault = refused(lambda: patient.raw_request("get", "/v1/events"), stripe.RateLimitError)
    assert (fault.headers["Retry-After"], fault.headers["stripe-rate-limited-reason"]) == ("7", "global-rate")
    assert fault.json_body["error"]["code"] == "rate_limit"
    assert vendors.books.requests["count"] == {"stripe /v1/events": 1}
