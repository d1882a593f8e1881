"""How rows a platform took in are settled: the table of its final answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from conversion_sync.delivery.settle import decide
from conversion_sync.model.conversion import Reason, State
from conversion_sync.platforms.platform import Settlement, SettlementStatus
from tests.unit.delivery.test_isolate import claimed
from tests.unit.platforms.rows import facts

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
GOOGLE = facts("google_ads")
FAILED, PARTIAL = SettlementStatus.FAILED, SettlementStatus.PARTIAL

ANSWERS = [
    (FAILED, {"INVALID_GCLID": 1}, State.REJECTED, Reason.PLATFORM_REFUSED),
    (FAILED, {"A_REASON_OF_TOMORROW": 1}, State.REJECTED, Reason.NEEDS_REVIEW),
    (FAILED, {}, State.REJECTED, Reason.NEEDS_REVIEW),
    (PARTIAL, {}, State.REJECTED, Reason.NEEDS_REVIEW),
    (FAILED, {"DUPLICATE_TRANSACTION_ID": 1}, State.SETTLED, Reason.CONFIRMED),
    (FAILED, {"INVALID_MERCHANT_ID": 1}, State.HELD, Reason.ACCOUNT_SETTING),
    (FAILED, {"TOO_RECENT_CLICK": 1}, State.PLANNED, Reason.WAITS_RETRY),
]


@pytest.mark.parametrize(("status", "counts", "state", "reason"), ANSWERS)
def test_a_row_alone_is_settled_by_the_one_reason_counted(
    status: SettlementStatus, counts: dict[str, int], state: State, reason: Reason
) -> None:
    answer = Settlement(status=status, counts=counts, code=status.name)
    [verdict] = decide([claimed(1)], answer, GOOGLE, NOW, "r1", NOW - HOUR)
    assert (verdict.state, verdict.reason) == (state, reason)
    assert verdict.code == next(iter(counts), status.name)


def test_a_reason_that_asks_to_come_back_later_has_its_own_delay() -> None:
    answer = Settlement(status=FAILED, counts={"TOO_RECENT_CLICK": 1})
    [verdict] = decide([claimed(1)], answer, GOOGLE, NOW, "r1", NOW - HOUR)
    assert verdict.not_before == NOW + 6 * HOUR


def test_a_reason_is_believed_no_longer_than_the_same_code_at_once() -> None:
    code = "conversion_upload_error.UNKNOWN"
    row = claimed(1)._replace(later_code=code, later_tries=3, later_since=NOW - HOUR)
    answer = Settlement(status=FAILED, counts={code: 1})
    [verdict] = decide([row], answer, GOOGLE, NOW, "r1", NOW - HOUR)
    assert (verdict.state, verdict.reason) == (State.REJECTED, Reason.NEEDS_REVIEW)
