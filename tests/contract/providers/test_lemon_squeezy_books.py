"""From Lemon Squeezy's lists, and from its webhooks, to books: what really happened, to the last unit."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta

import pytest

from conversion_sync.billing.provider import BillingProvider, RawRecord
from conversion_sync.model.revenue import CustomerBook, Precision
from conversion_sync.model.windows import Window
from tests.contract.platforms.running import Sandbox
from tests.contract.providers.cases import CASES, Json, lemon_squeezy_rows
from tests.contract.providers.conftest import Opened, Told
from tests.contract.providers.test_books import PAYMENTS, books, events

LEMON = [case for case in CASES if case.provider == "lemon_squeezy"]
of_lemon_squeezy = pytest.mark.parametrize("case", LEMON, indirect=True, ids=["lemon_squeezy"])
DAY = timedelta(days=1)
STATES = ("pause", "resume", "cancel_scheduled", "cancel_withdrawn", "seat_expansion", "seat_contraction")
BACK = ("refund", "refund_reversed", "chargeback", "chargeback_reversed")
WORDS = {"orders": "order", "subscription-invoices": "subscription_invoice"}
Books = dict[str, CustomerBook]


@pytest.fixture(scope="module")
def truth(_running: Sandbox) -> Json:
    known: Json = _running.read("truth/lemon_squeezy")
    return known


@pytest.fixture(scope="module")
def reader(_running: Sandbox) -> BillingProvider:
    """An account's adapter for the whole module."""
    (case,) = LEMON
    return case.open("main", case.account(_running.endpoints), lambda _: None)


@pytest.fixture(scope="module")
def sent(reader: BillingProvider, _running: Sandbox) -> list[RawRecord]:
    """The records of every webhook that was sent, each received a second later."""
    return [
        record
        for one in _running.read("webhooks/lemon_squeezy")
        for record in reader.received(
            json.dumps(one["body"]).encode(), datetime.fromisoformat(one["at"]) + timedelta(seconds=1)
        )
    ]


@pytest.fixture(scope="module")
def listed(reader: BillingProvider, _running: Sandbox) -> list[RawRecord]:
    start, end = (datetime.fromisoformat(_running.endpoints[name]) for name in ("start", "end"))
    window = Window(start - timedelta(days=1), end + timedelta(days=1))
    return [record for page in reader.pull(window) for record in page]


@pytest.fixture(scope="module")
def by_way(reader: BillingProvider, listed: list[RawRecord], sent: list[RawRecord]) -> dict[str, Books]:
    ways = {"listed": listed, "sent": sent, "both": [*sent, *listed]}
    return {way: books(reader, records) for way, records in ways.items()}


@pytest.fixture(params=["listed", "sent", "both"])
def written(request: pytest.FixtureRequest, by_way: dict[str, Books]) -> Books:
    return by_way[request.param]


@pytest.fixture(params=["listed", "both"])
def complete(request: pytest.FixtureRequest, by_way: dict[str, Books]) -> Books:
    """Those that lists told as well: no webhook tells that an order was a fraud."""
    return by_way[request.param]


def payments(truth: Json) -> list[Json]:
    return [payment for payment in truth["payments"] if payment["gross"]]


def test_every_payment_is_booked_once_as_what_it_was(written: Books, truth: Json) -> None:
    assert sorted(
        (
            event.customer_ref,
            event.subscription_ref or "",
            (event.source_object_type, event.source_object_id),
            event.kind.value,
            event.currency,
            event.gross_minor,
            event.net_minor,
            event.livemode,
        )
        for event in events(written, *PAYMENTS)
    ) == sorted(
        (
            payment["customer"],
            payment["subscription"] or "",
            (WORDS[payment["type"]], payment["id"]),
            payment["kind"],
            payment["currency"],
            payment["gross"],
            payment["net"],
            payment["livemode"],
        )
        for payment in payments(truth)
    )


def test_the_cash_of_each_month_and_currency_is_the_businesss(by_way: dict[str, Books], truth: Json) -> None:
    """Lists alone date what came in parts, or late, by its last change: they tell the sums."""
    happened: Counter[tuple[str, str]] = Counter()
    for each in payments(truth) + truth["returns"]:
        happened[each["at"][:7], each["currency"]] += each["net"]
    by_month = {way: cash(by_way[way], "%Y-%m") for way in ("listed", "both")}
    assert (by_month["both"], len(happened) > 3) == (happened, True)
    totals = {way: cash(by_way[way], "") for way in ("listed", "both")}
    assert totals["listed"] == totals["both"]


def cash(written: Books, span: str) -> Counter[tuple[str, str]]:
    """Net cash by span of time and currency."""
    booked: Counter[tuple[str, str]] = Counter()
    for event in events(written, *PAYMENTS, *BACK):
        booked[event.occurred_at.strftime(span), str(event.currency)] += event.net_minor
    return booked


def test_when_it_was_paid_is_as_exact_as_it_is_told(written: Books, truth: Json) -> None:
    known = {(WORDS[each["type"]], each["id"]): each for each in payments(truth)}
    for event in events(written, *PAYMENTS):
        payment = known[event.source_object_type, event.source_object_id]
        assert event.occurred_at.isoformat() in (payment["at"], payment["created_at"])
        if event.occurred_at_precision is Precision.SECOND:
            assert event.occurred_at.isoformat() == payment["at"]


def test_money_that_was_waited_for_is_paid_when_it_came(by_way: dict[str, Books], truth: Json) -> None:
    written = by_way["sent"]
    late = {each["id"]: each["at"] for each in payments(truth) if each["failed"]}
    found = {
        event.source_object_id: event.occurred_at.isoformat()
        for event in events(written, *PAYMENTS)
        if event.source_object_id in late
    }
    assert (found, len(late) > 0) == (late, True)
    assert {event.source_object_id for event in events(written, "payment_failed")} >= set(late)


def failed(truth: Json) -> set[str]:
    """The payments of which something went back and came again: no webhook tells the second."""
    return {each["id"] for each in truth["returns"] if each["kind"] == "refund_reversed"}


def test_webhooks_tell_every_step_of_a_refund(by_way: dict[str, Books], truth: Json) -> None:
    written = by_way["sent"]
    back = [each for each in truth["returns"] if each["kind"] == "refund" and each["id"] not in failed(truth)]
    assert sorted(
        (
            (event.source_object_type, event.source_object_id),
            event.occurred_at.isoformat(),
            event.gross_minor,
            event.net_minor,
            event.cumulative_refunded_minor,
            event.net_after_minor,
        )
        for event in events(written, "refund")
        if event.source_object_id not in failed(truth)
    ) == sorted(
        (
            (WORDS[each["type"]], each["id"]),
            each["at"],
            each["gross"],
            each["net"],
            each["cumulative"],
            each["net_left"],
        )
        for each in back
    )
    assert max(Counter(each["id"] for each in back).values()) > 1


@pytest.mark.parametrize("kind", ["refund", "chargeback"])
def test_lists_tell_refunds_as_one_sum_and_fraud_as_money_taken_back(
    complete: Books, truth: Json, kind: str
) -> None:
    ways = (kind, f"{kind}_reversed")
    happened: Counter[str] = Counter()
    for each in truth["returns"]:
        happened[each["id"]] += each["gross"] * (each["kind"] in ways)
    booked: Counter[str] = Counter()
    for event in events(complete, *ways):
        booked[event.source_object_id] += event.gross_minor
    assert (booked, booked.total() < 0) == (
        Counter({name: sum_ for name, sum_ in happened.items() if sum_}),
        True,
    )


def test_trials_free_starts_and_ends_are_told(written: Books, truth: Json) -> None:
    trials = events(written, "trial_started")
    assert {event.subscription_ref: event.occurred_at.isoformat() for event in trials} == truth["trials"]
    assert sorted(str(event.subscription_ref) for event in events(written, "free_started")) == truth["free"]
    ended = events(written, "cancellation")
    assert {event.subscription_ref: event.occurred_at.isoformat() for event in ended} == truth["ended"]


def test_every_change_of_a_subscription_is_among_the_books(by_way: dict[str, Books]) -> None:
    told = Counter(event.kind.value for book in by_way["both"].values() for event in book.events)
    changes = ("pause", "resume", "cancel_scheduled", "cancel_withdrawn", "upgrade", "downgrade")
    changes += ("seat_expansion", "seat_contraction", "uncollectible", "reactivation")
    assert {kind: told[kind] > 0 for kind in changes} == dict.fromkeys(changes, True)
    assert told["pause"] == told["resume"]


def test_what_happens_to_a_subscription_is_told_when_it_does(by_way: dict[str, Books], truth: Json) -> None:
    happened = {tuple(each) for each in truth["states"]}
    kinds = {kind for kind, _, _ in happened}
    found = {
        (event.kind.value, str(event.subscription_ref), event.occurred_at.isoformat())
        for event in events(by_way["sent"], *kinds)
    }
    assert (found >= happened, kinds) == (True, set(STATES))


def test_customers_are_linked_to_whom_the_checkout_named(by_way: dict[str, Books], truth: Json) -> None:
    named = {(link["from"], link["id"], link["is"]) for link in truth["links"]}
    found = {
        (str(link.from_end), link.from_id, str(link.to_id).split(":", 2)[2])
        for book in by_way["sent"].values()
        for link in book.links
    }
    assert found == named


def test_nothing_of_a_known_vendor_is_parked(written: Books) -> None:
    assert [record for book in written.values() for record in book.parked] == []


def test_a_state_is_one_record_whichever_way_it_came(listed: list[RawRecord], sent: list[RawRecord]) -> None:
    by_id = {record.event_id: record for record in sent}
    same = [record for record in listed if record.event_id in by_id]
    assert len(same) > 300
    for record in same:
        other = by_id[record.event_id]
        assert json.loads(other.body)["object"] == json.loads(record.body)["object"]
        assert (other.created_at, other.customer_ref) == (record.created_at, record.customer_ref)


def test_the_last_state_listed_gives_the_book_of_the_same_state_sent(
    reader: BillingProvider, listed: list[RawRecord], sent: list[RawRecord]
) -> None:
    names = {record.event_id for record in sent}
    seen = {record.event_id for record in listed}
    by_list = books(reader, [record for record in listed if record.event_id in names])
    by_webhook = books(reader, [record for record in sent if record.event_id in seen])
    assert by_list == by_webhook


@of_lemon_squeezy
def test_a_crawl_finds_all_that_changed_and_a_pull_nothing_else(opened: Opened, told: Told) -> None:
    account = opened(update_days=0, overlap_minutes=0)
    parts = [item for item in told.items if item.said["attributes"].get("status") == "partial_refund"]
    made, changed = next(item for item in parts if item.moments[1] - item.moments[0] > DAY).moments
    window = Window(changed - timedelta(hours=1), changed + timedelta(hours=1))
    pulled = {record.event_id for record in account.pull(window)}
    crawled = {record.event_id for page in account.provider.objects(window) for record in page}
    assert made < window.start
    assert pulled <= told.between(window.start, window.end) <= crawled
    whole = [record.event_id for page in account.provider.objects(told.window) for record in page]
    assert sorted(whole) == told.ids


@of_lemon_squeezy
def test_only_the_store_asked_for_is_read(opened: Opened, told: Told, sandbox: Sandbox) -> None:
    store = next(iter(lemon_squeezy_rows(sandbox.endpoints, "stores")))["id"]
    one = opened(store_id=store).pull(told.window)
    assert sorted(record.event_id for record in one) == told.ids
    assert opened(store_id="1").pull(told.window) == []
