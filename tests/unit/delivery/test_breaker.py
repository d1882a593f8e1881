"""When a platform counts as down, and how long it and a used-up quota are left alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from conversion_sync.delivery.breaker import Standing, after_answer, after_failure, failed, pause
from conversion_sync.delivery.pacing import jittered, quota_wait
from conversion_sync.model.conversion import Outcome
from conversion_sync.platforms.pace import Breaker
from conversion_sync.platforms.platform import Patience, SendResult
from tests.unit.platforms.rows import facts

NOW = datetime(2026, 11, 20, 22, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
DOWN = SendResult(outcome=Outcome.RETRY_LATER, code="http_503", text="Service unavailable")
RULE = Breaker(failures=4, window=10, share=0.5)


def even() -> float:
    """Neither shorter nor longer."""
    return 0.5


def after(marks: str, rule: Breaker = RULE) -> Standing:
    standing = Standing()
    for mark in marks:
        standing = (
            after_failure(standing, DOWN, rule, NOW, even) if mark == "x" else after_answer(standing, rule)
        )
    return standing


@pytest.mark.parametrize(
    ("marks", "is_open"),
    [
        ("xxx", False),
        ("xxxx", True),
        ("xxxoxxx", True),  # six of ten
        ("xxxoxo", False),
        ("xoxoxoxo", False),
        ("xoxoxoxox", True),  # five of ten
        ("x" + "o" * 9 + "xxx", False),
        ("xxx" + "o" * 40 + "xxx", False),
    ],
)
def test_it_opens_on_failures_in_a_row_or_on_their_share(marks: str, is_open: bool) -> None:
    assert after(marks).is_open is is_open


def test_what_is_well_costs_no_record() -> None:
    assert after("o" * 50) == Standing()
    assert after("xo" + "o" * 8) == replace(Standing(), recent="x" + "o" * 9)
    assert after("x" + "o" * 10) == Standing()


def test_it_says_since_when_and_why_and_when_it_is_tried_again() -> None:
    standing = after("xxxx")
    assert standing == Standing(
        recent="xxxx",
        opened_at=NOW,
        probe_at=NOW + MINUTE,
        openings=1,
        code="http_503",
        text="Service unavailable",
    )
    later = after_failure(standing, DOWN, RULE, NOW + MINUTE, even)
    assert (later.opened_at, later.probe_at, later.openings) == (NOW, NOW + 3 * MINUTE, 2)


def test_one_answer_closes_it_and_the_next_outage_begins_anew() -> None:
    assert after("xxxxxxxxo") == Standing()
    assert after("xxxxxxxxoxxx").is_open is False
    assert after("xxxxxxxxoxxxx").openings == 1


@pytest.mark.parametrize(("openings", "minutes"), [(0, 1), (1, 2), (5, 32), (6, 60), (700, 60)])
def test_pauses_double_up_to_an_hour(openings: int, minutes: int) -> None:
    assert pause(openings, Breaker(), even) == minutes * MINUTE


def test_jitter_is_a_fifth_either_way() -> None:
    assert jittered(HOUR, lambda: 0.0) == HOUR * 0.8
    assert jittered(HOUR, lambda: 1.0) == HOUR * 1.2


@pytest.mark.parametrize(
    ("answer", "bad"),
    [
        (DOWN, True),
        (SendResult(outcome=Outcome.RETRY_LATER, code="not_connected"), True),
        (SendResult(outcome=Outcome.AMBIGUOUS, code="no_answer"), True),
        (SendResult(outcome=Outcome.RETRY_LATER, code="50000"), True),
        (SendResult(outcome=Outcome.RETRY_LATER, code="40100"), False),
        (SendResult(outcome=Outcome.AMBIGUOUS, code="20001"), False),
        (SendResult(outcome=Outcome.RETRY_LATER, code="not_tried"), False),
        (SendResult(outcome=Outcome.HOLD, code="40105"), False),
        (SendResult(outcome=Outcome.BAD_BATCH, code="40002"), False),
        (SendResult(outcome=Outcome.DELIVERED, code="0"), False),
    ],
    ids=lambda value: value.code if isinstance(value, SendResult) else str(value),
)
def test_only_what_says_that_the_platform_is_not_well_counts(answer: SendResult, bad: bool) -> None:
    assert failed(answer, facts("tiktok")) is bad


LADDER = Patience(delay=MINUTE, then=(5 * MINUTE, 30 * MINUTE))
DAYS = Patience(delay=MINUTE, next_day=True)


@pytest.mark.parametrize(
    ("patience", "strikes", "asked", "wait"),
    [
        (LADDER, 0, None, MINUTE),
        (LADDER, 1, None, 5 * MINUTE),
        (LADDER, 9, None, 30 * MINUTE),
        (LADDER, 9, 7 * MINUTE, 7 * MINUTE),
        (DAYS, 0, None, MINUTE),
        (DAYS, 1, None, 2 * HOUR),
        (Patience(next_day=True), 0, None, 2 * HOUR),
        (Patience(delay=6 * HOUR), 3, None, 6 * HOUR),
        (LADDER, 0, 72 * HOUR, 24 * HOUR),
    ],
)
def test_a_quota_is_waited_for_as_told_or_as_its_code_says(
    patience: Patience, strikes: int, asked: timedelta | None, wait: timedelta
) -> None:
    assert quota_wait(patience, strikes, NOW, asked, even) == wait
