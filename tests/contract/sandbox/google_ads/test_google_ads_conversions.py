from __future__ import annotations

from datetime import timedelta
from typing import Any

import grpc
import pytest

from conversion_sync.sandbox.faults import Rule
from conversion_sync.sandbox.vendors import Vendors
from tests.contract.sandbox.google_ads.calls import (
    ACTION,
    CUSTOMER,
    GCLID,
    NOW,
    booked,
    click_row,
    errors_of,
    failure_in,
    faulty,
    name_of,
    written,
)

HASHED = [{"hashed_email": "a" * 64}]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (click_row(gclid="Cj0KCQiA-never-seen-click"), "EVENT_NOT_FOUND"),
        (click_row(gclid="cut off"), "UNPARSEABLE_GCLID"),
        (click_row(gclid=None, gbraid="?"), "UNPARSEABLE_GBRAID"),
        (click_row(gclid="Cj0KCQiA-young-click-0002"), "TOO_RECENT_EVENT"),
        (click_row(gclid="Cj0KCQiA-stale-click-0003"), "EXPIRED_EVENT"),
        (click_row(conversion_date_time=written(NOW - timedelta(days=11))), "CONVERSION_PRECEDES_EVENT"),
        (click_row(conversion_date_time="yesterday"), "INVALID_STRING_DATE_TIME_SECONDS_WITH_OFFSET"),
        (click_row(gclid=None), "REQUIRED"),
        (click_row(conversion_action=None), "REQUIRED"),
        (click_row(conversion_action=ACTION[:-1] + "9"), "NO_CONVERSION_ACTION_FOUND"),
        (click_row(currency_code="XXQ"), "UNSUPPORTED"),
        (click_row(order_id="jane@example.com"), "ORDER_ID_CONTAINS_PII"),
        (click_row(order_id="cs_0001"), "ORDER_ID_ALREADY_IN_USE"),
        (
            click_row(order_id=None, conversion_date_time=written(NOW - timedelta(days=10))),
            "CLICK_CONVERSION_ALREADY_EXISTS",
        ),
        (click_row(gclid=None, gbraid="a", wbraid="b"), "GBRAID_WBRAID_BOTH_SET"),
        (click_row(wbraid="b"), "VALUE_MUST_BE_UNSET"),
        (click_row(user_identifiers=[{"hashed_email": "jane@example.com"}]), "INVALID_USER_IDENTIFIER"),
        (click_row(user_identifiers=[{"mobile_id": "x"}]), "UNSUPPORTED_USER_IDENTIFIER"),
        (click_row(user_identifiers=HASHED * 6), "TOO_MANY"),
        (click_row(gclid=None, user_identifiers=HASHED), "CLICK_NOT_FOUND"),
    ],
)
def test_a_bad_click_conversion_fails_alone(
    upload: Any, vendors: Vendors, row: dict[str, Any], code: str
) -> None:
    answer = upload(click_row(order_id="cs_0200"), row)
    assert faulty(answer) == {1: code}
    assert (answer.results[0].gclid, answer.results[1].ByteSize()) == (GCLID, 0)
    assert (booked(vendors, "cs_0200")["total"], booked(vendors, "cs_0200")["currency"]) == ("7.5", "EUR")


@pytest.mark.parametrize(
    ("order_id", "code"),
    [("cs_0100", "DUPLICATE_ORDER_ID"), (None, "DUPLICATE_CLICK_CONVERSION_IN_REQUEST")],
)
def test_twins_in_one_request_both_fail(upload: Any, order_id: str | None, code: str) -> None:
    row = click_row(order_id=order_id)
    assert faulty(upload(row, row)) == {0: code, 1: code}


GBRAID = {"gclid": None, "gbraid": "0AAAAA-known-gbraid-0004"}
NAMED = [{"conversion_custom_variable": f"customers/{CUSTOMER}/conversionCustomVariables/1", "value": "x"}]
EXTERNAL = {"external_attribution_credit": 0.5, "external_attribution_model": "model"}
STANDING: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"conversion_customer": "5555555555"}, {}, "UNAUTHORIZED_CUSTOMER"),
    ({"actions": {"700000001": {"status": "REMOVED"}}}, {}, "NO_CONVERSION_ACTION_FOUND"),
    ({"actions": {"700000001": {"type": "WEBPAGE"}}}, {}, "INVALID_CONVERSION_ACTION_TYPE"),
    (
        {"actions": {"700000001": {"created_at": (NOW - timedelta(hours=5)).isoformat()}}},
        {},
        "TOO_RECENT_CONVERSION_ACTION",
    ),
    ({"foreign_clicks": [GCLID]}, {}, "INVALID_CUSTOMER_FOR_CLICK"),
    (
        {"tracking_since": (NOW - timedelta(days=9)).isoformat()},
        {},
        "CONVERSION_TRACKING_NOT_ENABLED_AT_IMPRESSION_TIME",
    ),
    ({"actions": {"700000001": {"lookback_days": 9}}}, {}, "EXPIRED_EVENT"),
    ({"terms_accepted": False}, {"user_identifiers": HASHED}, "CUSTOMER_NOT_ACCEPTED_CUSTOMER_DATA_TERMS"),
    (
        {"leads_enabled": False},
        {"user_identifiers": HASHED},
        "CUSTOMER_NOT_ENABLED_ENHANCED_CONVERSIONS_FOR_LEADS",
    ),
    (
        {"policy_prohibits": True},
        {"user_identifiers": HASHED},
        "CUSTOMER_DATA_POLICY_PROHIBITS_ENHANCED_CONVERSIONS",
    ),
    (
        {"actions": {"700000001": {"counting": "ONE_PER_CLICK"}}},
        GBRAID,
        "ONE_PER_CLICK_CONVERSION_ACTION_NOT_PERMITTED_WITH_BRAID",
    ),
    ({"strict_identifiers": True}, {"gbraid": "0AAAAA-known-gbraid-0004"}, "VALUE_MUST_BE_UNSET"),
    ({}, {**GBRAID, "custom_variables": NAMED}, "VALUE_MUST_BE_UNSET"),
    ({}, {"custom_variables": NAMED}, "CUSTOM_VARIABLE_NOT_ENABLED"),
    (
        {},
        {"custom_variables": [NAMED[0] | {"value": "jane@example.com"}]},
        "CUSTOM_VARIABLE_VALUE_CONTAINS_PII",
    ),
    ({}, {"user_ip_address": "203.0.113.7"}, "CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE"),
    (
        {},
        {"external_attribution_data": EXTERNAL},
        "EXTERNAL_ATTRIBUTION_DATA_SET_FOR_NON_EXTERNALLY_ATTRIBUTED_CONVERSION_ACTION",
    ),
    (
        {"actions": {"700000001": {"externally_attributed": True}}},
        {},
        "EXTERNAL_ATTRIBUTION_DATA_NOT_SET_FOR_EXTERNALLY_ATTRIBUTED_CONVERSION_ACTION",
    ),
    (
        {"actions": {"700000001": {"externally_attributed": True}}},
        {"external_attribution_data": EXTERNAL},
        "ORDER_ID_NOT_PERMITTED_FOR_EXTERNALLY_ATTRIBUTED_CONVERSION_ACTION",
    ),
    (
        {"actions": {"700000001": {"externally_attributed": True}}},
        {"external_attribution_data": EXTERNAL, "order_id": None, "user_identifiers": HASHED},
        "EXTERNALLY_ATTRIBUTED_CONVERSION_ACTION_NOT_PERMITTED_WITH_USER_IDENTIFIER",
    ),
]


@pytest.mark.parametrize(("standing", "changes", "code"), STANDING, ids=[code for *_, code in STANDING])
def test_how_the_account_stands_decides_about_a_row(
    upload: Any, vendors: Vendors, standing: dict[str, Any], changes: dict[str, Any], code: str
) -> None:
    vendors.google_ads.change(**standing)
    assert faulty(upload(click_row(**changes))) == {0: code}
    assert [entry for entry in vendors.books.dump() if entry["vendor_id"] == "cs_0100"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"gbraid": "0AAAAA-known-gbraid-0004"},
        {"user_identifiers": HASHED},
        GBRAID,
        {"gclid": None, "wbraid": "ClgKCQ-known-wbraid-0005"},
        {"consent": {"ad_user_data": 3, "ad_personalization": 3}},
    ],
    ids=str,
)
def test_identifiers_that_may_travel_together_do(
    upload: Any, vendors: Vendors, changes: dict[str, Any]
) -> None:
    assert faulty(upload(click_row(**changes))) == {}
    assert booked(vendors, "cs_0100")["counts"] == 1


def test_without_dedup_a_copy_counts(upload: Any, vendors: Vendors) -> None:
    vendors.books.keep_promises({"google_ads": False})
    for _ in range(2):
        assert faulty(upload(click_row())) == {}
    assert booked(vendors, "cs_0100")["counts"] == 2


def test_a_copy_is_refused_and_counted_and_changes_nothing(upload: Any, vendors: Vendors) -> None:
    upload(click_row())
    assert faulty(upload(click_row(conversion_value=99.0))) == {0: "ORDER_ID_ALREADY_IN_USE"}
    entry = booked(vendors, "cs_0100")
    assert (entry["times_received"], entry["counts"], entry["total"]) == (2, 1, "7.5")


def test_the_same_order_of_another_action_is_no_copy(upload: Any) -> None:
    other = click_row(conversion_action=ACTION[:-1] + "3")
    assert faulty(upload(click_row(), other)) == {}


def test_a_project_off_the_allow_list_is_told_on_the_request_or_on_each_row(
    upload: Any, vendors: Vendors
) -> None:
    vendors.google_ads.change(allow_listed=False)
    with pytest.raises(grpc.RpcError) as raised:
        upload(click_row())
    assert raised.value.code() is grpc.StatusCode.PERMISSION_DENIED
    refused = "CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE"
    assert [name_of(e) for e in failure_in(raised.value.trailing_metadata()).errors] == [refused]
    vendors.google_ads.change(refuses_rows=True)
    assert faulty(upload(click_row(), click_row(order_id="cs_0101"))) == {0: refused, 1: refused}


def test_a_check_finds_the_same_faults_and_books_nothing(upload: Any, vendors: Vendors) -> None:
    answer = upload(click_row(), click_row(gclid="cut off", order_id="cs_0101"), validate_only=True)
    assert (faulty(answer), len(answer.results)) == ({1: "UNPARSEABLE_GCLID"}, 0)
    assert [entry for entry in vendors.books.dump() if entry["vendor_id"] == "cs_0100"] == []


def test_a_job_id_comes_back(upload: Any) -> None:
    assert upload(click_row(), job_id=7).job_id == 7
    assert upload(click_row(order_id="cs_0101")).job_id >= 2**31


def test_planned_errors_lie_on_the_rows_they_name_or_on_none(upload: Any, vendors: Vendors) -> None:
    errors = [
        {"index": 0, "error": "internal_error.INTERNAL_ERROR"},
        {"index": -1, "error": "conversion_upload_error.999"},
        {"index": -1, "error": "field_error.REQUIRED"},
    ]
    plan = {"vendor": "google_ads", "action": {"row_errors": errors}}
    vendors.faults.add(Rule.model_validate(plan))
    sent = [click_row(order_id=f"cs_030{number}") for number in range(3)]
    found = errors_of(upload(*sent))
    assert found == [
        ("internal_error", 2, 0),
        ("conversion_upload_error", 999, 2),
        ("field_error", 2, 2),
    ]
    kept = {entry["vendor_id"] for entry in vendors.books.dump()}
    assert kept & {"cs_0300", "cs_0301", "cs_0302"} == {"cs_0301"}

    plan["action"] = {"row_errors": [{"error": "internal_error.INTERNAL_ERROR"}]}
    vendors.faults.add(Rule.model_validate(plan))
    assert errors_of(upload(click_row(order_id="cs_0304"))) == [("internal_error", 2, None)]


@pytest.mark.parametrize(
    ("strict", "within", "later"),
    [
        (False, {}, {}),
        (
            True,
            dict.fromkeys((0, 1), "DUPLICATE_CLICK_CONVERSION_IN_REQUEST"),
            {0: "CLICK_CONVERSION_ALREADY_EXISTS"},
        ),
    ],
)
def test_whether_another_order_id_saves_the_same_click_and_time(
    upload: Any, vendors: Vendors, strict: bool, within: dict[int, str], later: dict[int, str]
) -> None:
    vendors.google_ads.change(strict_copies=strict)
    assert faulty(upload(click_row(order_id="cs_0401"), click_row(order_id="cs_0402"))) == within
    upload(click_row(order_id="cs_0403"))
    assert faulty(upload(click_row(order_id="cs_0404"))) == later
