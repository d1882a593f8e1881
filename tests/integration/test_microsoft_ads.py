"""Microsoft Advertising through real deliveries: every code's class, corrections that find what was sent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from conversion_sync.model.click import ClickIdKind
from conversion_sync.reports.reconciliation import reconcile
from conversion_sync.sandbox import microsoft
from conversion_sync.sandbox.books import Books
from conversion_sync.sandbox.clicks import AdClick, AdClicks
from conversion_sync.sandbox.clock import Clock
from conversion_sync.sandbox.credentials import Credentials
from conversion_sync.sandbox.faults import Faults
from conversion_sync.sandbox.microsoft_goals import Goal, add_goal
from conversion_sync.sandbox.vendors import Vendors
from tests.contract.sandbox.conftest import Stage
from tests.integration.microsoft import CLICK, GOAL, PLATFORM, Microsoft, prepared
from tests.integration.world import DAY, HOUR, NOW, TINY, click, land, rooms, rows

MINUTE = timedelta(minutes=1)
ADJUSTMENTS = "OfflineConversionAdjustments/Apply"


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


@pytest.fixture
def account(stage: Stage, database) -> Microsoft:
    clicks = AdClicks([AdClick(kind="msclkid", value=CLICK, clicked_at=NOW - DAY, campaign="brand")])
    vendors = Vendors(Clock(), clicks, Credentials(), Books(), Faults(), settle_seconds=0)
    stage.app = microsoft.app(vendors)
    return Microsoft(vendors, prepared(database.engine), stage.url)


REFUSED, HELD = ("rejected", "platform_refused"), ("held", "credential_or_configuration")
WAITS, REVIEW = ("planned", "waits_retry"), ("rejected", "needs_review")
ROWS = (5603, 5604, 5607, 5608, 5609, 5610, 5611, 5616, 5617, *range(5618, 5627))
HUMAN = (105, 106, 109, 5605, 5606, 5613, 5627)
LATER = {0: MINUTE / 2, 117: MINUTE, 207: MINUTE, 5612: 5 * MINUTE, 5615: 2 * HOUR}
OURS = (5600, 5601, 5602)

OF_ROWS: dict[int, tuple[str, str]] = {
    **dict.fromkeys((*ROWS, *OURS), REFUSED),
    **dict.fromkeys(HUMAN, HELD),
    **dict.fromkeys(LATER, WAITS),
    9999: REVIEW,
}


def test_every_row_refused_with_a_code_ends_in_the_codes_class(account: Microsoft) -> None:
    account.pay(len(OF_ROWS))
    errors = [
        {"Index": place, "Code": code, "ErrorCode": "Symbol", "Message": "said"}
        for place, code in enumerate(OF_ROWS)
    ]
    account.go_wrong(status=200, body={"PartialErrors": errors})
    account.deliver()
    found = rows(account.engine, "select code, state, reason from conversion")
    assert {int(code): (state, reason) for code, state, reason in found} == OF_ROWS
    waiting = rows(account.engine, "select code, not_before from conversion where state = 'planned'")
    assert {int(code): at - NOW for code, at in waiting} == LATER

    account.deliver(NOW + 2 * HOUR)
    taken = len(HUMAN) + len(LATER)
    assert account.counted() == (taken, f"{taken}.0")
    left = rows(account.engine, "select code, state, reason from conversion where state <> 'settled'")
    assert {int(code): (state, reason) for code, state, reason in left} == {
        code: ends for code, ends in OF_ROWS.items() if ends in (REFUSED, REVIEW)
    }


def account_fault(code: int) -> dict[str, Any]:
    return {"TrackingId": "T", "Type": "AdApiFaultDetail", "Errors": [{"Code": code, "Message": "said"}]}


def list_fault(code: int) -> dict[str, Any]:
    errors = [{"Code": code, "Message": "said", "Details": None}]
    return {"TrackingId": "T", "Type": "ApiFaultDetail", "OperationErrors": errors, "BatchErrors": []}


OF_REQUESTS: list[tuple[int, Any, int, tuple[str, str]]] = [
    *((code, list_fault, 400, REFUSED) for code in (*ROWS, 5600, 5602)),
    (5601, list_fault, 400, HELD),  # too long even of one row: no row's fault
    *((code, list_fault, 400, HELD) for code in HUMAN[3:]),
    *((code, account_fault, 401, HELD) for code in HUMAN[:3]),
    *((code, account_fault, 500, WAITS) for code in (0, 207)),
    (117, account_fault, 429, WAITS),
    *((code, list_fault, 400, WAITS) for code in (5612, 5615)),
]


def test_every_request_refused_with_a_code_ends_in_the_codes_class(account: Microsoft) -> None:
    account.pay(2)
    found = {}
    for code, shape, status, _ in OF_REQUESTS:
        account.go_wrong(times=None, status=status, body=shape(code))
        account.deliver()
        found[code] = account.states()
        account.vendors.faults.clear()
        account.forget()
    assert found == {code: {(*ends, str(code)): 2} for code, _, _, ends in OF_REQUESTS}
    assert account.counted() == (0, "0")
    account.deliver()
    assert account.counted() == (2, "2.0")


@pytest.mark.parametrize("code", [5603, 5605, 5612, 5627])
def test_a_correction_refused_with_a_code_ends_in_the_codes_class(account: Microsoft, code: int) -> None:
    ends = {5603: REFUSED, 5605: HELD, 5612: WAITS, 5627: HELD}[code]
    account.pay(1)
    account.deliver()
    account.refund("r1", 30, 70)
    account.go_wrong(ADJUSTMENTS, row_reason=str(code))
    account.deliver()
    assert account.states("adjustment") == {(*ends, str(code)): 1}
    assert account.counted() == (1, "1.0")
    account.deliver(NOW + HOUR)
    assert account.counted() == (1, "1.0" if ends is REFUSED else "0.7")


def test_one_bad_row_costs_one_row(account: Microsoft) -> None:
    account.pay(3)
    with account.engine.begin() as connection:
        connection.exec_driver_sql("update conversion set currency = 'ABC' where event_key = 'pay1'")
    account.deliver()
    assert account.states() == {("settled", "confirmed", "ok"): 2, (*REFUSED, "5611"): 1}
    assert account.counted() == (2, "2.0")


def test_clocks_that_differ_cost_five_minutes_and_one_try(account: Microsoft) -> None:
    account.pay(1)
    account.go_wrong(row_reason="5614", times=2)
    account.deliver()
    assert account.states() == {(*WAITS, "5614/skew"): 1}
    account.deliver(NOW + 4 * MINUTE)
    assert account.states() == {(*WAITS, "5614/skew"): 1}
    account.deliver(NOW + 5 * MINUTE)
    assert account.states() == {(*REVIEW, "5614/skew"): 1}


def test_a_new_goal_is_waited_for(account: Microsoft) -> None:
    add_goal(account.vendors, Goal(name=GOAL, created_at=NOW - HOUR))
    account.pay(1)
    for hours in (0, 1):
        account.deliver(NOW + hours * HOUR)
        assert account.states() == {(*WAITS, "5615"): 1}
    account.deliver(NOW + 2 * HOUR)
    assert account.counted() == (1, "1.0")


@pytest.mark.parametrize("lost", [{"drop_reply": True}, {"status": 502, "after_accepting": True}])
def test_what_may_have_arrived_goes_again_and_counts_once(account: Microsoft, lost: dict[str, Any]) -> None:
    account.pay(3)
    account.go_wrong(**lost)
    account.deliver()
    assert account.states() == {("settled", "confirmed", "ok"): 3}
    assert account.counted() == (3, "3.0")
    assert [entry["times_received"] for entry in account.vendors.books.dump()] == [2, 2, 2]


def test_an_error_that_names_no_row_has_the_rows_sent_alone_and_counted_once(account: Microsoft) -> None:
    account.pay(3)
    unnamed = {"PartialErrors": [{"Code": 5604, "ErrorCode": "Symbol", "Message": "one of them"}]}
    account.go_wrong(status=200, body=unnamed, after_accepting=True)
    account.deliver()
    assert account.states() == {("settled", "confirmed", "ok"): 3}
    assert account.counted() == (3, "3.0")
    paths = account.vendors.books.requests["count"]
    assert paths["microsoft /CampaignManagement/v13/OfflineConversions/Apply"] == 4


def test_payments_of_one_click_in_one_second_all_count(account: Microsoft) -> None:
    account.pay(4, apart=timedelta())
    account.deliver()
    assert account.counted() == (4, "4.0")


def test_corrections_leave_the_vendors_books_equal_to_ours(account: Microsoft) -> None:
    account.pay(4, apart=timedelta())
    account.deliver()
    account.refund("partly", 30, 70, of="pay0")
    account.refund("wholly", 100, 0, of="pay1")
    account.refund("again", 20, 50, of="pay0", minutes_ago=20)
    account.deliver()
    account.refund("last", 50, 0, of="pay0", minutes_ago=10)
    account.deliver(NOW + MINUTE)
    assert account.states("adjustment")["settled", "confirmed", "ok"] == 3
    assert account.counted() == (2, "2.0")
    assert account.held_by_ledger() == "2.0"
    [line] = reconcile(account.engine)
    assert (line.platform, line.held_minor, line.residual_minor) == (PLATFORM, 200, 0)


def test_a_correction_waits_until_its_conversion_is_held(account: Microsoft) -> None:
    account.pay(1)
    account.go_wrong(row_reason="5612")
    account.deliver()
    account.refund("r1", 30, 70)
    account.deliver(NOW + MINUTE)
    assert account.counted() == (0, "0")
    account.deliver(NOW + HOUR)
    assert account.counted() == (1, "0.7")
    assert account.states("adjustment") == {("skipped", "netted_before_send", None): 1}


def test_a_correction_names_the_click_that_was_sent_whatever_the_click_row_says_now(
    account: Microsoft,
) -> None:
    account.pay(2)
    account.deliver()
    moved = click("c", DAY / 2, ClickIdKind.MSCLKID, click_id="f" * 32)
    land(account.engine, moved)
    rooms(account.engine, window=TINY)
    account.refund("partly", 30, 70, of="pay0")
    account.refund("wholly", 100, 0, of="pay1")
    account.deliver()
    assert account.counted() == (1, "0.7")
    assert {entry["click_id"] for entry in account.vendors.books.dump()} == {CLICK}
    assert rows(account.engine, "select click_ids ->> 'msclkid' from click") == [("f" * 32,)]


def test_a_copy_names_the_click_that_was_sent_whatever_the_click_row_says_now(account: Microsoft) -> None:
    account.pay(1)
    account.go_wrong(times=None, drop_reply=True)
    account.deliver()
    assert account.states() == {("planned", "resend_in_doubt", "no_answer"): 1}
    land(account.engine, click("c", DAY / 2, ClickIdKind.MSCLKID, click_id="f" * 32))
    rooms(account.engine, window=TINY)
    account.vendors.faults.clear()
    account.deliver(NOW + HOUR)
    assert account.counted() == (1, "1.0")


def test_a_correction_that_may_have_arrived_goes_again_and_counts_once(account: Microsoft) -> None:
    account.pay(1)
    account.deliver()
    account.refund("r1", 30, 70)
    account.go_wrong(ADJUSTMENTS, drop_reply=True)
    account.deliver()
    (entry,) = account.vendors.books.dump()
    assert (entry["total"], len(entry["adjustments"])) == ("0.7", 2)
    assert account.held_by_ledger() == "0.7"


def test_too_old_is_skipped_before_it_is_sent(account: Microsoft) -> None:
    account.pay(1)
    account.deliver(NOW + 90 * DAY - 2 * HOUR)
    [(state, reason)] = rows(account.engine, "select state, reason from conversion")
    assert (state, reason) == ("skipped", "event_too_old")
    assert account.vendors.books.requests["count"] == {}


def test_a_correction_after_the_window_is_skipped_and_the_books_say_so(account: Microsoft) -> None:
    account.pay(1)
    account.deliver()
    account.refund("r1", 30, 70)
    account.deliver(NOW + 90 * DAY)
    assert account.states("adjustment") == {("skipped", "adjustment_too_old", None): 1}
    assert account.counted() == (1, "1.0")


ELSEWHERE = {"purchase": {"conversion_name": "Offline renewal"}}


def test_a_correction_goes_to_the_goal_its_conversion_went_to(account: Microsoft) -> None:
    account.pay(1)
    account.deliver()
    account.refund("r1", 30, 70)
    account.deliver(targets=ELSEWHERE)
    assert account.counted() == (1, "0.7")
    assert account.held_by_ledger() == "0.7"


def test_a_copy_goes_to_the_goal_the_first_one_went_to(account: Microsoft) -> None:
    account.pay(2)
    account.go_wrong(times=None, drop_reply=True)
    account.deliver()
    account.vendors.faults.clear()
    account.deliver(NOW + HOUR, targets=ELSEWHERE)
    assert account.counted() == (2, "2.0")
    assert {entry["action"] for entry in account.vendors.books.dump()} == {GOAL}


def test_what_was_not_taken_in_goes_to_the_goal_of_today(account: Microsoft) -> None:
    account.pay(1)
    account.go_wrong(row_reason="5606")
    account.deliver()
    account.deliver(NOW + HOUR, targets=ELSEWHERE)
    assert [entry["action"] for entry in account.vendors.books.dump()] == ["Offline renewal"]
