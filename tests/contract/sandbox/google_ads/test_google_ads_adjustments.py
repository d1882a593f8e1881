from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

import grpc
import pytest

from conversion_sync.sandbox import google_ads
from conversion_sync.sandbox.entries import Conversion, Copies
from conversion_sync.sandbox.faults import Rule
from conversion_sync.sandbox.vendors import Vendors
from tests.contract.sandbox.google_ads.calls import (
    ACTION,
    ADJUST,
    CUSTOMER,
    GCLID,
    MESSAGES,
    NOW,
    RETRACT,
    booked,
    faulty,
    restatement,
    retraction,
    written,
)


def test_a_retraction_takes_count_and_value_away(adjust: Any, vendors: Vendors) -> None:
    answer = adjust(retraction(), job_id=7)
    assert (answer.job_id, answer.partial_failure_error.code) == (7, 0)
    (result,) = answer.results
    assert (result.order_id, result.conversion_action, result.adjustment_type) == ("cs_0001", ACTION, RETRACT)
    entry = booked(vendors)
    assert (entry["retracted"], entry["counts"], entry["total"]) == (True, 0, "0")
    assert entry["adjustments"] == [
        {
            "at": "2026-11-20T11:00:00+00:00",
            "value": None,
            "currency": None,
            "received_at": "2026-11-20T12:00:00+00:00",
            "outcome": "applied",
        }
    ]


def test_a_restatement_sets_the_value(adjust: Any, vendors: Vendors) -> None:
    adjust(restatement(5.5))
    entry = booked(vendors)
    assert (entry["counts"], entry["total"], entry["first_value"]) == (1, "5.5", "12.34")


PAIR = {"gclid": GCLID, "conversion_date_time": written(NOW - timedelta(days=10))}


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (retraction(order_id="cs_unknown"), "CONVERSION_NOT_FOUND"),
        (retraction(order_id="cs_0wbr"), "CONVERSION_NOT_FOUND"),
        (retraction(order_id="cs_0055"), "CONVERSION_EXPIRED"),
        (retraction(order_id=None), "REQUIRED"),
        (retraction(order_id=""), "TOO_SHORT"),
        (retraction(gclid_date_time_pair=PAIR), "GCLID_DATE_TIME_PAIR_AND_ORDER_ID_BOTH_SET"),
        (
            retraction(
                order_id=None,
                gclid_date_time_pair=PAIR | {"conversion_date_time": written(NOW - timedelta(days=1))},
            ),
            "CONVERSION_NOT_FOUND",
        ),
        (retraction(conversion_action=ACTION[:-1] + "9"), "NO_CONVERSION_ACTION_FOUND"),
        (
            retraction(adjustment_date_time="2026-11-20T11:00:00Z"),
            "INVALID_STRING_DATE_TIME_SECONDS_WITH_OFFSET",
        ),
        (retraction(adjustment_date_time="2026-11-31 11:00:00+00:00"), "INVALID_FIELD_VALUES_IN_DATE_TIME"),
        (retraction(adjustment_date_time="2026-11-20 12:02:00+00:00"), "LATER_THAN_MAXIMUM_DATE"),
        (retraction(adjustment_date_time=None), "REQUIRED"),
        (retraction(adjustment_date_time=written(NOW - timedelta(days=1))), "ADJUSTMENT_PRECEDES_CONVERSION"),
        (retraction(restatement_value={"adjusted_value": 1.0}), "VALUE_MUST_BE_UNSET"),
        (restatement(None), "REQUIRED"),
        (restatement(-1.0), "INVALID_VALUE"),
        (retraction(adjustment_type=4), "CONVERSION_ACTION_NOT_ELIGIBLE_FOR_ENHANCEMENT"),
        (retraction(adjustment_type=None), "REQUIRED"),
    ],
)
def test_a_bad_adjustment_fails_alone(adjust: Any, vendors: Vendors, row: dict[str, Any], code: str) -> None:
    answer = adjust(row, restatement(order_id="cs_0001", adjustment_date_time=written(NOW)))
    assert faulty(answer) == {0: code}
    assert (answer.results[0].ByteSize(), answer.results[1].order_id) == (0, "cs_0001")
    assert booked(vendors)["total"] == "5"


def test_a_conversion_without_order_id_is_found_by_click_and_time(adjust: Any, vendors: Vendors) -> None:
    assert faulty(adjust(retraction(order_id=None, gclid_date_time_pair=PAIR))) == {}
    assert booked(vendors, "unnamed-1")["retracted"] is True


def test_the_history_of_restatements(adjust: Any) -> None:
    first, later = written(NOW - timedelta(hours=2)), written(NOW - timedelta(hours=1))
    assert faulty(adjust(restatement(adjustment_date_time=first))) == {}
    assert faulty(adjust(restatement(4.0, adjustment_date_time=later))) == {}
    assert faulty(adjust(restatement(3.0, adjustment_date_time=later))) == {0: "RESTATEMENT_ALREADY_EXISTS"}
    older = written(NOW - timedelta(minutes=90))
    assert faulty(adjust(restatement(adjustment_date_time=older))) == {0: "MORE_RECENT_RESTATEMENT_FOUND"}


@pytest.mark.parametrize(("terminal", "counts"), [(retraction(), 0), (restatement(0.0), 1)])
def test_after_a_terminal_state_a_restatement_is_accepted_and_ignored(
    adjust: Any, vendors: Vendors, terminal: dict[str, Any], counts: int
) -> None:
    adjust(terminal)
    assert faulty(adjust(restatement(9.0, adjustment_date_time=written(NOW)))) == {}
    entry = booked(vendors)
    assert (entry["counts"], entry["total"], entry["terminal"]) == (counts, "0", True)
    assert [kept["outcome"] for kept in entry["adjustments"]] == ["applied", "ignored"]


def test_a_second_retraction_is_told(adjust: Any) -> None:
    adjust(retraction())
    again = retraction(adjustment_date_time=written(NOW))
    assert faulty(adjust(again)) == {0: "CONVERSION_ALREADY_RETRACTED"}


def test_both_copies_in_one_request_fail(adjust: Any, vendors: Vendors) -> None:
    answer = adjust(retraction(), retraction())
    assert faulty(answer) == dict.fromkeys((0, 1), "DUPLICATE_ADJUSTMENT_IN_REQUEST")
    assert answer.partial_failure_error.message.endswith("Multiple errors in 'details'.")
    assert booked(vendors)["retracted"] is False


def test_validate_only_stores_nothing(adjust: Any, vendors: Vendors) -> None:
    answer = adjust(retraction(), retraction(order_id="cs_unknown"), validate_only=True)
    assert (faulty(answer), len(answer.results)) == ({1: "CONVERSION_NOT_FOUND"}, 0)
    assert booked(vendors)["retracted"] is False


def test_an_early_adjustment_waits_for_its_conversion(vendors: Vendors) -> None:
    slow = Vendors(
        vendors.clock, vendors.clicks, vendors.credentials, vendors.books, vendors.faults, settle_seconds=60
    )
    request = MESSAGES[ADJUST][0](customer_id=CUSTOMER, partial_failure=True)
    request.conversion_adjustments.add(**restatement(order_id="cs_coming"))
    arrived = Conversion(
        platform="google_ads",
        account=CUSTOMER,
        action="700000001",
        vendor_id="cs_coming",
        click_kind="gclid",
        click_id=GCLID,
        matched=True,
        value=Decimal(9),
        currency="USD",
        occurred_at=NOW - timedelta(hours=2),
        received_at=NOW,
    )
    slow.books.accept(
        Conversion(**asdict(arrived) | {"vendor_id": "cs_other"}),
        Copies.OVERWRITES,
    )
    assert faulty(google_ads.upload_adjustments(slow, request, "R")) == {}
    slow.books.accept(arrived, Copies.OVERWRITES)
    assert booked(slow, "cs_coming")["total"] == "5"


def test_a_dropped_reply_leaves_the_adjustment_applied(adjust: Any, vendors: Vendors) -> None:
    vendors.faults.add(Rule.model_validate({"vendor": "google_ads", "action": {"drop_reply": True}}))
    with pytest.raises(grpc.RpcError) as raised:
        adjust(retraction())
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
    assert booked(vendors)["retracted"] is True
    again = retraction(adjustment_date_time=written(NOW))
    assert faulty(adjust(again)) == {0: "CONVERSION_ALREADY_RETRACTED"}


OWN = "700000001"
SET: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (
        {"always_default_value": True},
        restatement(),
        "CANNOT_RESTATE_CONVERSION_ACTION_THAT_ALWAYS_USES_DEFAULT_CONVERSION_VALUE",
    ),
    ({"type": "UPLOAD_CALLS"}, retraction(), "INVALID_CONVERSION_ACTION_TYPE"),
    (
        {"created_at": (NOW - timedelta(hours=5)).isoformat()},
        retraction(),
        "TOO_RECENT_CONVERSION_ACTION",
    ),
]


@pytest.mark.parametrize(("action", "row", "code"), SET, ids=[code for *_, code in SET])
def test_how_the_action_is_set_decides_about_an_adjustment(
    adjust: Any, vendors: Vendors, action: dict[str, Any], row: dict[str, Any], code: str
) -> None:
    vendors.google_ads.change(actions={OWN: action})
    assert faulty(adjust(row)) == {0: code}
    assert booked(vendors)["adjustments"] == []
