"""What a check without sending refuses stands among the failures of its hour."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from conversion_sync.model.conversion import Outcome
from conversion_sync.model.windows import floor_hour
from conversion_sync.pipeline.hours import MOST_FAILURES, refused_by_check, with_refused
from conversion_sync.pipeline.report import HourReport
from conversion_sync.platforms.platform import RowResult
from tests.unit.platforms.rows import PAID_AT, row

HOUR = timedelta(hours=1)
EMPTY = HourReport(
    hour=floor_hour(PAID_AT),
    rows=1,
    states={("planned", "ready"): 1},
    value_minor={},
    sent=0,
    rejected=0,
    retryable_left=0,
    needs_human=0,
    failures=(),
)


@pytest.mark.parametrize(
    ("code", "reason"), [("invalid_row", "invalid_row"), ("100/2804003", "platform_refused")]
)
def test_a_refused_row_says_why_and_stays_planned(code: str, reason: str) -> None:
    found = refused_by_check(row(), RowResult(outcome=Outcome.REJECTED, code=code, text="too old"))
    assert (found.state, found.reason, found.code, found.text, found.value) == (
        "planned",
        reason,
        code,
        "too old",
        "19.99 USD",
    )


def test_each_hour_gets_its_own_and_no_more_than_fit() -> None:
    refusal = RowResult(outcome=Outcome.REJECTED, code="bad")
    here = [refused_by_check(row(), refusal) for _ in range(MOST_FAILURES + 1)]
    before = refused_by_check(row(occurred_at=PAID_AT - HOUR), refusal)
    elsewhere = refused_by_check(row(occurred_at=PAID_AT - 9 * HOUR), refusal)
    reports = [replace(EMPTY, hour=EMPTY.hour - HOUR), EMPTY]
    found = with_refused(reports, [*here, before, elsewhere])
    assert [report.failures for report in found] == [(before,), tuple(here[:MOST_FAILURES])]
