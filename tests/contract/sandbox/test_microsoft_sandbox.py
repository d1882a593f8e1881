from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from conversion_sync.sandbox import microsoft
from conversion_sync.sandbox.books import Books
from conversion_sync.sandbox.faults import Rule
from conversion_sync.sandbox.microsoft_codes import CODES
from conversion_sync.sandbox.microsoft_goals import Goal, add_goal
from conversion_sync.sandbox.vendors import Vendors

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CLICK, OLD_CLICK = "0123456789abcdef0123456789abcdef", "89abcdef0123456789abcdef01234567"
GUID = "01234567-89AB-cdef-0123-456789abcdef"
GOAL, AT = "Offline purchase", "2026-11-20T11:00:00.6543217Z"
HASH = "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"
HASH_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

Post = Callable[..., requests.Response]


def conversion(**changes: Any) -> dict[str, Any]:
    row = {
        "MicrosoftClickId": CLICK,
        "ConversionName": GOAL,
        "ConversionTime": AT,
        "ConversionValue": 19.99,
        "ConversionCurrencyCode": "USD",
    }
    return row | changes


def adjustment(kind: str = "Restate", **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "MicrosoftClickId": CLICK,
        "ConversionName": GOAL,
        "ConversionTime": AT,
        "AdjustmentType": kind,
        "AdjustmentTime": "2026-11-20T11:30:00Z",
    }
    if kind == "Restate":
        row |= {"AdjustmentValue": 5.5, "AdjustmentCurrencyCode": "USD"}
    return row | changes


@pytest.fixture
def post(vendors: Vendors, serve: Callable[..., str]) -> Post:
    url = serve(microsoft.app(vendors)) + "/CampaignManagement/v13"
    known = vendors.credentials
    headers = {
        "Authorization": f"Bearer {known.microsoft_access_token}",
        "DeveloperToken": known.microsoft_developer_token,
        "CustomerId": known.microsoft_customer_id,
        "CustomerAccountId": known.microsoft_account_id,
    }

    def send(path: str, body: Any, **changes: str | None) -> requests.Response:
        sent = {name: value for name, value in (headers | changes).items() if value is not None}
        return requests.post(f"{url}/{path}", json=body, headers=sent, timeout=60)

    return send


@pytest.fixture
def apply(post: Post) -> Post:
    def send(*rows: Any, **headers: str | None) -> requests.Response:
        return post("OfflineConversions/Apply", {"OfflineConversions": list(rows)}, **headers)

    return send


@pytest.fixture
def adjust(post: Post) -> Post:
    def send(*rows: Any) -> requests.Response:
        return post("OfflineConversionAdjustments/Apply", {"OfflineConversionAdjustments": list(rows)})

    return send


def faults(answer: requests.Response) -> list[tuple[int, int, str | None]]:
    """Index, code and member of each row that was not taken in."""
    assert answer.status_code == 200
    return [(error["Index"], error["Code"], error["FieldPath"]) for error in answer.json()["PartialErrors"]]


def test_an_accepted_conversion_is_booked(apply: Post, vendors: Vendors) -> None:
    answer = apply(conversion(HashedEmailAddress=HASH))
    assert (answer.status_code, answer.json()) == (200, {"PartialErrors": []})
    (entry,) = vendors.books.dump()
    assert (entry["platform"], entry["account"], entry["action"]) == ("microsoft_ads", "180000001", GOAL)
    assert (entry["click_kind"], entry["click_id"], entry["matched"]) == ("msclkid", CLICK, True)
    assert (entry["total"], entry["currency"]) == ("19.99", "USD")
    assert entry["occurred_at"] == "2026-11-20T11:00:00.654321+00:00"


@pytest.mark.parametrize("click", [CLICK, CLICK.upper(), GUID])
def test_a_click_id_has_two_forms(apply: Post, click: str) -> None:
    assert faults(apply(conversion(MicrosoftClickId=click))) == []


BAD_CONVERSIONS: list[tuple[dict[str, Any], int, str]] = [
    ({"MicrosoftClickId": ""}, 5603, "MicrosoftClickId"),
    ({"MicrosoftClickId": None}, 5603, "MicrosoftClickId"),
    ({"MicrosoftClickId": "Cj0KCQiA-known-click-0001"}, 5604, "MicrosoftClickId"),
    ({"MicrosoftClickId": CLICK[:-1]}, 5604, "MicrosoftClickId"),
    ({"MicrosoftClickId": 7}, 5604, "MicrosoftClickId"),
    ({"ConversionName": None}, 5605, "ConversionName"),
    ({"ConversionName": "offline purchase"}, 5606, "ConversionName"),
    ({"ConversionTime": None}, 5608, "ConversionTime"),
    ({"ConversionTime": "2026-11-20 11:00:00"}, 5607, "ConversionTime"),
    ({"ConversionTime": "2026-11-20T11:00:00"}, 5607, "ConversionTime"),
    ({"ConversionTime": "2026-11-31T11:00:00Z"}, 5607, "ConversionTime"),
    ({"ConversionTime": 1795172400}, 5607, "ConversionTime"),
    ({"ConversionTime": "2026-08-22T11:59:59Z"}, 5609, "ConversionTime"),
    ({"ConversionTime": "2026-11-20T12:00:00.1Z"}, 5614, "ConversionTime"),
    ({"ConversionTime": "2026-11-18T12:00:00Z"}, 5616, "ConversionTime"),
    ({"ConversionValue": -1}, 5610, "ConversionValue"),
    ({"ConversionValue": "19.99"}, 5610, "ConversionValue"),
    ({"ConversionValue": True}, 5610, "ConversionValue"),
    ({"ConversionCurrencyCode": "usd"}, 5611, "ConversionCurrencyCode"),
    ({"ConversionCurrencyCode": "XXX"}, 5611, "ConversionCurrencyCode"),
    ({"HashedEmailAddress": "jane@example.com"}, 9999, "HashedEmailAddress"),
    ({"HashedPhoneNumber": HASH_OF_NOTHING}, 9999, "HashedPhoneNumber"),
]


@pytest.mark.parametrize(("changes", "code", "field"), BAD_CONVERSIONS)
def test_a_bad_conversion_fails_alone(
    apply: Post, vendors: Vendors, changes: dict[str, Any], code: int, field: str
) -> None:
    others = conversion(), conversion(ConversionTime="2026-11-20T11:00:01Z")
    answer = apply(others[0], conversion(**changes), others[1])
    assert faults(answer) == [(1, code, field)]
    (error,) = answer.json()["PartialErrors"]
    assert (error["ErrorCode"], error["Type"]) == (CODES[code].symbol, "BatchError")
    assert len(vendors.books.dump()) == 2


@pytest.mark.parametrize("oldest", ["2026-08-22T12:00:00Z"])
def test_a_conversion_of_ninety_days_is_taken(apply: Post, oldest: str) -> None:
    assert faults(apply(conversion(MicrosoftClickId=GUID, ConversionTime=oldest))) == []


def test_a_click_outside_the_goals_window_is_refused(apply: Post, vendors: Vendors) -> None:
    row = conversion(MicrosoftClickId=OLD_CLICK)
    assert faults(apply(row)) == []
    add_goal(vendors, Goal(name=GOAL, window=30 * 24 * 60))
    assert faults(apply(row)) == [(0, 5617, "MicrosoftClickId")]


def test_a_new_goal_takes_nothing_for_two_hours(apply: Post, vendors: Vendors) -> None:
    add_goal(vendors, Goal(name="Fresh", created_at=NOW - timedelta(minutes=119)))
    row = conversion(ConversionName="Fresh")
    assert faults(apply(row)) == [(0, 5615, "ConversionName")]
    vendors.clock.shift(timedelta(minutes=1))
    assert faults(apply(row)) == []


def test_a_goal_of_another_type_takes_no_offline_conversion(apply: Post, vendors: Vendors) -> None:
    add_goal(vendors, Goal(name="Visited", type="Url"))
    assert faults(apply(conversion(ConversionName="Visited"))) == [(0, 5606, "ConversionName")]


def test_the_same_click_goal_and_time_counts_once_for_ever_and_nobody_says_so(
    apply: Post, vendors: Vendors
) -> None:
    for value in (19.99, 5, 7):
        assert faults(apply(conversion(ConversionValue=value))) == []
        vendors.clock.shift(timedelta(days=29))
    apply(conversion(ConversionName="Offline renewal"))
    apply(conversion(ConversionTime="2026-11-20T11:00:00.654322Z"))
    assert [(e["action"], e["times_received"], e["counts"], e["total"]) for e in vendors.books.dump()] == [
        (GOAL, 3, 1, "19.99"),
        (GOAL, 1, 1, "19.99"),
        ("Offline renewal", 1, 1, "19.99"),
    ]


def test_a_restatement_replaces_and_a_retraction_takes_back(
    apply: Post, adjust: Post, vendors: Vendors
) -> None:
    apply(conversion())
    assert faults(adjust(adjustment(), adjustment(AdjustmentValue=4))) == []
    (entry,) = vendors.books.dump()
    assert (entry["total"], entry["counts"], len(entry["adjustments"])) == ("4", 1, 2)
    assert faults(adjust(adjustment("Retract", AdjustmentCurrencyCode="whatever"))) == []
    (entry,) = vendors.books.dump()
    assert (entry["total"], entry["counts"], entry["retracted"]) == ("0", 0, True)


@pytest.mark.parametrize(
    "other",
    [
        {"MicrosoftClickId": GUID},
        {"ConversionName": "Offline renewal"},
        {"ConversionTime": "2026-11-20T11:00:00Z"},
    ],
)
def test_an_adjustment_of_a_conversion_nobody_knows_changes_nothing_and_nobody_says_so(
    apply: Post, adjust: Post, vendors: Vendors, other: dict[str, str]
) -> None:
    apply(conversion())
    assert faults(adjust(adjustment(**other))) == []
    (entry,) = vendors.books.dump()
    assert (entry["total"], entry["adjustments"]) == ("19.99", [])


BAD_ADJUSTMENTS: list[tuple[dict[str, Any], int, str]] = [
    (adjustment(MicrosoftClickId=None), 5603, "MicrosoftClickId"),
    (adjustment(MicrosoftClickId="no"), 5604, "MicrosoftClickId"),
    (adjustment(ConversionName=""), 5605, "ConversionName"),
    (adjustment(ConversionName="nobody's"), 5606, "ConversionName"),
    (adjustment(ConversionTime="yesterday"), 5607, "ConversionTime"),
    (adjustment(ConversionTime=""), 5608, "ConversionTime"),
    (adjustment(ConversionTime="2026-08-22T11:59:59Z"), 5609, "ConversionTime"),
    (adjustment("Restated"), 5618, "AdjustmentType"),
    (adjustment(AdjustmentTime=None), 5619, "AdjustmentTime"),
    (adjustment(AdjustmentTime="2026-11-20T11:00:00Z"), 5620, "AdjustmentTime"),
    (adjustment(AdjustmentTime="soon"), 5621, "AdjustmentTime"),
    (adjustment(AdjustmentTime="2026-11-20T12:00:01Z"), 5622, "AdjustmentTime"),
    (adjustment(AdjustmentTime="2026-08-22T11:59:59Z"), 5623, "AdjustmentTime"),
    (adjustment("Retract", AdjustmentValue=0), 5624, "AdjustmentValue"),
    (adjustment(AdjustmentValue=None), 5625, "AdjustmentValue"),
    (adjustment(AdjustmentCurrencyCode=None), 5626, "AdjustmentCurrencyCode"),
    (adjustment(AdjustmentValue=-2), 5610, "AdjustmentValue"),
    (adjustment(AdjustmentCurrencyCode="EURO"), 5611, "AdjustmentCurrencyCode"),
]


@pytest.mark.parametrize(("row", "code", "field"), BAD_ADJUSTMENTS)
def test_a_bad_adjustment_fails_alone(
    apply: Post, adjust: Post, vendors: Vendors, row: dict[str, Any], code: int, field: str
) -> None:
    apply(conversion())
    assert faults(adjust(row, adjustment())) == [(0, code, field)]
    (entry,) = vendors.books.dump()
    assert (entry["total"], len(entry["adjustments"])) == ("5.5", 1)


def test_an_adjustment_may_be_as_old_as_its_conversion_and_no_older(adjust: Post) -> None:
    edge = "2026-08-22T12:00:00Z"
    assert faults(adjust(adjustment(ConversionTime=edge, AdjustmentTime=edge))) == []


def test_a_goal_may_take_no_adjustments(adjust: Post, vendors: Vendors) -> None:
    add_goal(vendors, Goal(name=GOAL, adjustable=False))
    assert faults(adjust(adjustment())) == [(0, 5627, "AdjustmentType")]


def test_a_row_reason_fails_every_row_and_books_none(apply: Post, vendors: Vendors) -> None:
    vendors.faults.add(Rule.model_validate({"vendor": "microsoft", "action": {"row_reason": "5613"}}))
    assert faults(apply(conversion(), conversion())) == [(0, 5613, None), (1, 5613, None)]
    assert vendors.books.dump() == []


WHOLE: list[tuple[list[Any], int]] = [
    ([], 5600),
    ([conversion()] * 1001, 5601),
]


@pytest.mark.parametrize(("rows", "code"), WHOLE, ids=["empty", "too long"])
def test_a_list_may_be_refused_whole(apply: Post, vendors: Vendors, rows: list[Any], code: int) -> None:
    answer = apply(*rows)
    body = answer.json()
    assert (answer.status_code, body["Type"], body["BatchErrors"]) == (400, "ApiFaultDetail", [])
    assert [(error["Code"], error["ErrorCode"]) for error in body["OperationErrors"]] == [
        (code, CODES[code].symbol)
    ]
    assert vendors.books.dump() == []


@pytest.mark.parametrize("body", [None, [], {}, {"OfflineConversions": "all"}])
def test_a_body_without_a_list_is_an_empty_one(post: Post, body: Any) -> None:
    assert post("OfflineConversions/Apply", body).json()["OperationErrors"][0]["Code"] == 5600


def test_a_null_in_the_list_refuses_it_whole_and_is_named(apply: Post, vendors: Vendors) -> None:
    answer = apply(conversion(), None, conversion(), None)
    body = answer.json()
    assert (answer.status_code, body["Type"], body["OperationErrors"]) == (400, "ApiFaultDetail", [])
    assert [(error["Index"], error["Code"]) for error in body["BatchErrors"]] == [(1, 5602), (3, 5602)]
    assert vendors.books.dump() == []


def test_a_thousand_rows_are_taken(apply: Post, vendors: Vendors) -> None:
    rows = [conversion(ConversionTime=f"2026-11-20T11:00:00.{n:04d}Z") for n in range(1000)]
    assert faults(apply(*rows)) == []
    assert len(vendors.books.dump()) == 1000


GATE: list[tuple[dict[str, str | None], int, int]] = [
    ({"Authorization": None}, 105, 401),
    ({"Authorization": "Bearer somebody"}, 105, 401),
    ({"DeveloperToken": None}, 105, 401),
    ({"DeveloperToken": "somebody's"}, 105, 401),
    ({"CustomerId": None}, 106, 400),
    ({"CustomerId": "1"}, 106, 400),
    ({"CustomerAccountId": None}, 106, 400),
    ({"CustomerAccountId": "1"}, 106, 400),
]


@pytest.mark.parametrize(("headers", "code", "status"), GATE)
def test_all_four_headers_are_looked_at(
    apply: Post, vendors: Vendors, headers: dict[str, str | None], code: int, status: int
) -> None:
    answer = apply(conversion(), **headers)
    body = answer.json()
    assert (answer.status_code, body["Type"]) == (status, "AdApiFaultDetail")
    assert [(error["Code"], error["ErrorCode"]) for error in body["Errors"]] == [(code, CODES[code].symbol)]
    assert vendors.books.dump() == []


def test_goals_are_told_by_type(post: Post, vendors: Vendors) -> None:
    add_goal(vendors, Goal(name="Visited", type="Url", window=60, count="Unique", revenue="NoValue"))
    every = {"ConversionGoalIds": None, "ConversionGoalTypes": "Url,OfflineConversion"}
    found = post("ConversionGoals/QueryByIds", every).json()["ConversionGoals"]
    assert [(goal["Name"], goal["Type"]) for goal in found] == [
        *((name, "OfflineConversion") for _, name in vendors.credentials.microsoft_goals),
        ("Visited", "Url"),
    ]
    visited = found[-1]
    assert (visited["CountType"], visited["ConversionWindowInMinutes"]) == ("Unique", 60)
    assert (visited["Revenue"]["Type"], visited["Status"]) == ("NoValue", "Active")
    one = {"ConversionGoalIds": [visited["Id"]], "ConversionGoalTypes": "Url,OfflineConversion"}
    assert post("ConversionGoals/QueryByIds", one).json()["ConversionGoals"] == [visited]
    assert post("ConversionGoals/QueryByIds", every, CustomerId="1").json()["Type"] == "AdApiFaultDetail"


def test_goals_outlive_a_restart(vendors: Vendors, post: Post, tmp_path: Any) -> None:
    add_goal(vendors, Goal(name="Fresh", created_at=NOW))
    vendors.books.save(tmp_path / "books.json")
    again = Books()
    again.load(tmp_path / "books.json")
    assert again.noted("microsoft_goals", "Fresh") == vendors.books.noted("microsoft_goals", "Fresh")


PLANNED: list[tuple[dict[str, Any], int]] = [
    ({"status": 503, "body": "<html>"}, 0),
    ({"status": 500, "body": "", "after_accepting": True}, 1),
]


@pytest.mark.parametrize(("action", "booked"), PLANNED)
def test_the_fault_plan_reaches_microsoft(
    apply: Post, vendors: Vendors, action: dict[str, Any], booked: int
) -> None:
    vendors.faults.add(Rule.model_validate({"vendor": "microsoft", "action": action}))
    assert apply(conversion()).status_code == action["status"]
    assert len(vendors.books.dump()) == booked
