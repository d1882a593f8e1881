"""What becomes of a row by its platform's answer: the table of outcomes, and how long a code is believed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conversion_sync.delivery.isolate import Group
from conversion_sync.delivery.rows import Claimed
from conversion_sync.delivery.verdicts import (
    NOT_TRIED,
    alone_group,
    passes_by_itself,
    retry_delay,
    verdicts_of,
)
from conversion_sync.model.conversion import ConversionKind, Outcome, Reason, State
from conversion_sync.platforms.platform import Catalogue, DedupPromise, RowResult, SendResult
from tests.unit.delivery.test_isolate import claimed
from tests.unit.platforms.rows import facts

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
GOOGLE, META, TIKTOK = facts("google_ads"), facts("meta"), facts("tiktok")
CORRECTION, CLICK = "conversion_adjustment_upload_error", "conversion_upload_error"

AGAIN = (State.PLANNED, Reason.WAITS_RETRY)
SPENT = (State.REJECTED, Reason.NEEDS_REVIEW)


def item(**changes: Any) -> Claimed:
    return claimed(1)._replace(**changes)


def of(row: Claimed, answer: SendResult, known: Catalogue) -> tuple[State, Reason, timedelta | None]:
    [verdict] = verdicts_of([row], answer, known, NOW)
    wait = None if verdict.not_before is None else verdict.not_before - NOW
    return verdict.state, verdict.reason, wait


def later(code: str) -> SendResult:
    return SendResult(outcome=Outcome.DELIVERED, rows={0: RowResult(outcome=Outcome.RETRY_LATER, code=code)})


TRIES = [
    (f"{CORRECTION}.UNKNOWN", 2, AGAIN),
    (f"{CORRECTION}.UNKNOWN", 3, SPENT),
    (f"{CLICK}.UNSPECIFIED", 3, SPENT),
    (f"{CLICK}.EVENT_NOT_FOUND", 0, AGAIN),
    (f"{CLICK}.EVENT_NOT_FOUND", 1, SPENT),
    (f"{CLICK}.CLICK_NOT_FOUND", 1, SPENT),
    ("quota_error.RESOURCE_TEMPORARILY_EXHAUSTED", 500, AGAIN),
    ("internal_error.INTERNAL_ERROR", 500, AGAIN),
    (NOT_TRIED, 500, AGAIN),
]


@pytest.mark.parametrize(("code", "before", "expected"), TRIES)
def test_a_code_is_obeyed_as_often_as_the_catalogue_says(
    code: str, before: int, expected: tuple[State, Reason]
) -> None:
    row = item(later_code=code, later_tries=before, later_since=NOW - 30 * DAY)
    assert of(row, later(code), GOOGLE)[:2] == expected


def test_answers_with_other_codes_in_between_do_not_count() -> None:
    row = item(later_code="grpc_UNAVAILABLE", later_tries=50, later_since=NOW - DAY, attempts=51)
    assert of(row, later(f"{CORRECTION}.UNKNOWN"), GOOGLE)[:2] == AGAIN


@pytest.mark.parametrize(
    ("sent_ago", "expected"), [(47 * HOUR, AGAIN), (48 * HOUR, SPENT), (None, AGAIN)], ids=str
)
def test_a_conversion_that_is_not_found_is_looked_for_two_days(
    sent_ago: timedelta | None, expected: tuple[State, Reason]
) -> None:
    row = item(original_sent_at=None if sent_ago is None else NOW - sent_ago)
    assert of(row, later(f"{CORRECTION}.CONVERSION_NOT_FOUND"), GOOGLE)[:2] == expected


UNKNOWN = [(10, 25 * HOUR, SPENT), (9, 25 * HOUR, AGAIN), (500, 23 * HOUR, AGAIN), (0, timedelta(), AGAIN)]


@pytest.mark.parametrize(("before", "since", "expected"), UNKNOWN)
def test_a_code_nobody_knows_is_believed_for_a_day(
    before: int, since: timedelta, expected: tuple[State, Reason]
) -> None:
    row = item(later_code="never seen", later_tries=before, later_since=NOW - since)
    assert of(row, later("never seen"), META)[:2] == expected


def test_a_row_that_may_have_arrived_is_not_refused_but_a_persons() -> None:
    code = f"{CORRECTION}.UNKNOWN"
    row = item(later_code=code, later_tries=3, in_doubt=True)
    assert of(row, later(code), GOOGLE)[:2] == (State.UNKNOWN, Reason.MAY_HAVE_ARRIVED)


@pytest.mark.parametrize(
    "known", [META, TIKTOK, GOOGLE, facts("microsoft_ads")], ids=lambda known: known.platform
)
@pytest.mark.parametrize("outcome", [Outcome.REJECTED, Outcome.BAD_BATCH])
@pytest.mark.parametrize("kind", ConversionKind)
def test_a_refusal_says_nothing_of_an_earlier_copy_in_doubt(
    known: Catalogue, outcome: Outcome, kind: ConversionKind
) -> None:
    row = item(in_doubt=True, attempts=2, later_code="no_answer", later_tries=1)
    row = row._replace(row=row.row._replace(kind=kind))
    refusal = SendResult(outcome=outcome, code="EVENT_TOO_OLD", text="too old")
    [verdict] = verdicts_of([row], refusal, known, NOW)
    assert (verdict.state, verdict.reason, verdict.in_doubt) == (State.UNKNOWN, Reason.MAY_HAVE_ARRIVED, True)
    assert (verdict.outcome, verdict.code, verdict.text) == (outcome.value, "EVENT_TOO_OLD", "too old")
    assert of(row._replace(in_doubt=False), refusal, known)[0] is State.REJECTED


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ({"attempts": 2, "later_tries": 1}, State.REJECTED),
        ({"attempts": 3, "later_tries": 2}, State.REJECTED),
        ({"attempts": 3, "later_tries": 1}, State.UNKNOWN),
        ({"attempts": 2, "later_tries": 1, "batch_group": ""}, State.UNKNOWN),
        ({"attempts": 2, "later_tries": 1, "later_code": "no_answer"}, State.UNKNOWN),
    ],
)
def test_a_row_sought_in_a_request_taken_in_part_is_refused_alone(
    before: dict[str, Any], expected: State
) -> None:
    row = item(**{"in_doubt": True, "later_code": "20001", "batch_group": alone_group(claimed(1)), **before})
    assert of(row, SendResult(outcome=Outcome.BAD_BATCH, code="40002"), TIKTOK)[0] is expected


DELAYS = [
    (f"{CLICK}.TOO_RECENT_EVENT", None, 6 * HOUR),
    (f"{CORRECTION}.TOO_RECENT_CONVERSION", None, DAY),
    (f"{CLICK}.EVENT_NOT_FOUND", None, DAY),
    (f"{CLICK}.EVENT_NOT_FOUND", 2 * HOUR, 2 * HOUR),
    ("grpc_UNAVAILABLE", None, timedelta(seconds=30)),
    ("grpc_UNAVAILABLE", 3 * HOUR, 3 * HOUR),
]


@pytest.mark.parametrize(("code", "asked", "wait"), DELAYS)
def test_the_answers_own_delay_goes_before_the_codes_and_that_before_ours(
    code: str, asked: timedelta | None, wait: timedelta
) -> None:
    answer = SendResult(outcome=Outcome.RETRY_LATER, code=code, retry_after=asked)
    assert of(item(), answer, GOOGLE) == (*AGAIN, wait)


MINUTE = timedelta(minutes=1)
PAUSES = [
    (TIKTOK, "50000", [5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 40 * MINUTE, HOUR, HOUR]),
    (TIKTOK, "51010", [5 * MINUTE, 10 * MINUTE]),
    (TIKTOK, "40100", [MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 10 * MINUTE]),
    (META, "4/1504022", [MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, HOUR]),
    (facts("linkedin"), "http_429/TOO_MANY_REQUESTS", [MINUTE, 12 * HOUR, 12 * HOUR]),
]


@pytest.mark.parametrize(("known", "code", "waits"), PAUSES, ids=[code for _, code, _ in PAUSES])
def test_the_pauses_of_a_code_grow_as_its_catalogue_says(
    known: Catalogue, code: str, waits: list[timedelta]
) -> None:
    answer = SendResult(outcome=Outcome.RETRY_LATER, code=code)
    seen = [of(item(later_code=code, later_tries=tries), answer, known) for tries in range(len(waits))]
    assert seen == [(*AGAIN, wait) for wait in waits]
    assert of(item(later_code="another", later_tries=9), answer, known) == (*AGAIN, waits[0])


@pytest.mark.parametrize(
    ("attempts", "asked", "wait"),
    [
        (1, None, timedelta(seconds=30)),
        (2, None, timedelta(minutes=1)),
        (20, None, HOUR),
        (1, 5 * HOUR, 5 * HOUR),
        (20, timedelta(), timedelta()),
        (1, 3 * DAY, DAY),
    ],
)
def test_the_platforms_own_delay_is_kept_up_to_a_day(
    attempts: int, asked: timedelta | None, wait: timedelta
) -> None:
    assert retry_delay(attempts, asked) == wait


@pytest.mark.parametrize(
    ("outcome", "known", "expected"),
    [
        (Outcome.RETRY_LATER, META, True),
        (Outcome.AMBIGUOUS, META, False),
        (Outcome.AMBIGUOUS, TIKTOK, True),
        (Outcome.AMBIGUOUS, GOOGLE, True),
        (Outcome.HOLD, GOOGLE, False),
    ],
)
def test_a_delivery_goes_on_only_after_what_passes_by_itself(
    outcome: Outcome, known: Catalogue, expected: bool
) -> None:
    assert passes_by_itself(outcome, known) is expected


PARTIAL = SendResult(outcome=Outcome.AMBIGUOUS, code="20001")


def test_rows_of_a_partial_answer_go_again_at_once_each_by_itself() -> None:
    rows: Group = [claimed(1), claimed(2)]
    [(verdict, alike)] = verdicts_of(rows, PARTIAL, TIKTOK, NOW).items()
    assert (verdict.alone, verdict.reason, verdict.not_before) == (True, Reason.RESEND_IN_DOUBT, NOW)
    assert alike == [item.row for item in rows]


def test_a_row_that_went_alone_already_waits_like_any_other() -> None:
    row = item(batch_group=alone_group(claimed(1)), attempts=2, in_doubt=True)
    assert of(row, PARTIAL, TIKTOK) == (State.PLANNED, Reason.RESEND_IN_DOUBT, timedelta(minutes=1))


def test_other_answers_in_doubt_keep_their_batch_together() -> None:
    [verdict] = verdicts_of([claimed(1)], SendResult(outcome=Outcome.AMBIGUOUS, code="50002"), TIKTOK, NOW)
    assert verdict.batch_group is None


@pytest.mark.parametrize("known", [META, replace(TIKTOK, dedup=DedupPromise.NONE)], ids=["meta", "none"])
def test_a_partial_answer_is_never_sent_again_where_copies_count(known: Catalogue) -> None:
    assert of(item(), PARTIAL, known) == (State.UNKNOWN, Reason.MAY_HAVE_ARRIVED, None)
