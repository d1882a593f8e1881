"""Listed objects beside events: the same book, told by either."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from conversion_sync.billing.paddle.adapter import PaddleProvider
from conversion_sync.billing.paddle.settings import Account
from conversion_sync.errors import DataError
from tests.unit.billing.paddle.records import (
    SUB,
    adjusted,
    adjustment,
    attempt,
    completed,
    day,
    item,
    listed,
    only,
    stamp,
    subscribed,
    subscription,
    told,
    transaction,
    written,
)

LISTED_AT = day(90)
TRIAL = {"items": [item(trial=(day(0), day(14)))]}


def test_a_transaction_is_booked_from_its_list() -> None:
    record = listed("transaction", transaction("txn_1", 3600, 3000), LISTED_AT)
    by_event, by_list = completed("txn_1", 3600, 3000), record
    assert told([by_list]) == told([by_event])
    assert written([by_list, by_event]).events == written([by_event]).events


def test_a_trial_of_long_ago_is_told_from_its_dates() -> None:
    record = listed("subscription", subscription("active", at=day(60), **TRIAL), LISTED_AT)
    trial = only([record], "trial_started")
    assert (trial.occurred_at, trial.reconstructed) == (day(0), True)


def test_the_trials_own_event_speaks_before_its_dates() -> None:
    record = listed("subscription", subscription("active", at=day(60), **TRIAL), LISTED_AT)
    trial = only([record, subscribed("created", "trialing", **TRIAL)], "trial_started")
    assert (trial.occurred_at, trial.reconstructed) == (day(0), False)


def test_an_end_is_when_it_ended_however_late_it_was_listed() -> None:
    gone = subscription("canceled", at=day(20)) | {"updated_at": stamp(day(70))}
    assert only([listed("subscription", gone, LISTED_AT)], "cancellation").occurred_at == day(20)


def test_a_refund_that_was_reversed_went_and_came_again() -> None:
    gone = adjustment(status="reversed") | {"updated_at": stamp(day(6))}
    records = [completed("txn_1", 3600, 3000), listed("adjustment", gone, LISTED_AT)]
    by_events = [completed("txn_1", 3600, 3000), adjusted(), adjusted(status="reversed", seen=day(6))]
    assert (
        told(records)
        == told(by_events)
        == [
            ("first_payment", 3600, 3000),
            ("refund", -600, -500),
            ("refund_reversed", 600, 500),
        ]
    )


def test_a_reversed_chargeback_is_not_reversed_twice() -> None:
    gone = adjustment("adj_1", 3600, action="chargeback", status="reversed")
    back = adjustment("adj_2", 3600, action="chargeback_reverse", at=day(40))
    records = [
        completed("txn_1", 3600, 3000),
        *(listed("adjustment", each, LISTED_AT) for each in (gone, back)),
    ]
    assert [kind for kind, _, _ in told(records)] == ["first_payment", "chargeback", "chargeback_reversed"]


def test_who_it_is_for_comes_along_with_the_list() -> None:
    thing = transaction(
        customer={
            "id": "ctm_01hv6y1jedq4p1n0yqn5ba3ky4",
            "email": "jane@example.com",
            "custom_data": {"cs_user_id": "u1"},
            "updated_at": stamp(day(0)),
        },
        address={"id": "add_01hv8gq3318ktkfengj2r75gfx", "country_code": "DE", "created_at": stamp(day(0))},
    )
    book = written([listed("transaction", thing, LISTED_AT)])
    assert {(contact.of, contact.email, contact.country) for contact in book.contacts} >= {
        ("customer", "jane@example.com", None),
        ("address", None, "DE"),
    }
    assert book.events[0].customer_country == "DE"


def test_the_same_state_listed_twice_is_one_record() -> None:
    first, again = (listed("subscription", subscription(), at) for at in (day(80), day(81)))
    assert first.event_id == again.event_id
    assert first.created_at == day(0)


def test_an_open_checkout_that_was_listed_is_nothing() -> None:
    thing = transaction(status="ready", subscription=None, payments=[attempt(3600, day(0), "created")])
    assert told([listed("transaction", thing, LISTED_AT)]) == []


PROVIDER = PaddleProvider("main", Account(api_key="pdl_live_canary"))


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{}", b"\xff", b'{"event_id": "evt_1", "event_type": "x.y"}', b"[" * 20_000],
)
def test_a_webhook_that_holds_no_event_says_so(body: bytes) -> None:
    with pytest.raises(DataError) as caught:
        PROVIDER.received(body, datetime(2026, 1, 1, tzinfo=UTC))
    assert caught.value.remedy


def test_a_webhook_without_a_time_has_that_of_its_id_or_of_its_coming() -> None:
    came = datetime(2026, 1, 1, tzinfo=UTC)
    by_id = b'{"event_id": "evt_01hv8y5ehszzq0yv20ttx3166y", "event_type": "x.y", "data": {}}'
    by_nothing = b'{"event_id": "evt_odd", "event_type": "x.y", "data": {}}'
    made = datetime(2024, 4, 12, 10, 38, 0, 761000, tzinfo=UTC)
    assert PROVIDER.received(by_id, came)[0].created_at == made
    assert PROVIDER.received(by_nothing, came)[0].created_at == came


def test_nothing_of_the_test_environment_is_live() -> None:
    test = PaddleProvider("main", Account(api_key="k", api_base="https://sandbox-api.paddle.com"))
    body = b'{"event_id": "evt_odd", "event_type": "x.y", "data": {}}'
    assert test.received(body, day(0))[0].livemode is False
    assert PROVIDER.received(body, day(0))[0].livemode is True


def test_a_subscription_keeps_the_key_of_its_changes() -> None:
    record = subscribed("paused", "paused", day(8))
    again = listed("subscription", subscription("paused", at=day(8)) | {"name": SUB}, LISTED_AT)
    events = written([subscribed("created"), record, again]).events
    assert [each.event_key for each in events] == [
        f"paddle:main:subscription:{SUB}:pause:{int(day(8).timestamp())}"
    ]
