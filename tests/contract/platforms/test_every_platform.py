"""What every platform's adapter must do, against the sandbox's vendors over real sockets.

A platform is an entry in `cases`. What a platform's own catalogue promises about copies decides what its
books must show.
"""

from __future__ import annotations

import socket
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from conversion_sync.delivery.isolate import isolate
from conversion_sync.delivery.rows import Claimed
from conversion_sync.delivery.verdicts import verdicts_of
from conversion_sync.model.conversion import (
    ConversionId,
    Outbound,
    Outcome,
    Reason,
    State,
)
from conversion_sync.model.money import Money
from conversion_sync.platforms import http
from conversion_sync.platforms.platform import DedupPromise, Platform, SendResult
from conversion_sync.platforms.registry import kinds
from tests.contract.platforms.cases import CASES, Case
from tests.contract.platforms.running import (
    TAKEN,
    Json,
    Opened,
    Sandbox,
    assert_taken,
    counts,
    row,
    rows,
    send,
)


def states(platform: Platform, batch: Sequence[Outbound], answer: SendResult) -> set[tuple[State, Reason]]:
    """What delivery makes of the answer."""
    now = datetime.now(UTC)
    return {
        (verdict.state, verdict.reason)
        for verdict in verdicts_of(claimed(batch), answer, platform.catalogue, now)
    }


def claimed(batch: Sequence[Outbound]) -> list[Claimed]:
    now = datetime.now(UTC)
    return [
        Claimed(row=each, attempts=1, first_sent_at=now, batch_group="", in_doubt=False) for each in batch
    ]


def test_every_platform_of_the_configuration_is_here() -> None:
    assert {case.platform for case in CASES} == set(kinds())


VALUES = [
    (Money(1999, "USD", 2), "19.99"),
    (Money(5000, "EUR", 2), "50"),
    (Money(1999, "JPY", 0), "1999"),
    (Money(12345, "KWD", 3), "12.345"),
    (Money(123456789, "USD", 2), "1234567.89"),
]


@pytest.mark.parametrize(("value", "booked"), VALUES)
def test_a_row_is_booked_once_with_exactly_its_value_click_and_time(
    sandbox: Sandbox, case: Case, platform: Platform, value: Money, booked: str
) -> None:
    sent = row(sandbox, case, value=value)
    assert platform.invalid(sent) is None
    assert_taken(platform, send(platform, sent))
    [entry] = sandbox.booked(case.name(sent))
    names = ("platform", "action", "click_kind", "click_id", "matched", "value", "currency", "occurred_at")
    assert {name: entry[name] for name in (*names, "times_received", "counts", "total")} == {
        "platform": case.platform,
        "action": case.action,
        "click_kind": case.click_kind,
        "click_id": sent.click_id,
        "matched": True,
        "value": booked,
        "currency": value.currency,
        "occurred_at": case.arrives(sent).isoformat(),
        "times_received": 1,
        "counts": 1,
        "total": booked,
    }


def test_a_row_without_a_value_is_booked_without_one(
    sandbox: Sandbox, case: Case, platform: Platform
) -> None:
    sent = row(sandbox, case, value=None, target=case.valueless)
    assert platform.invalid(sent) is None
    assert_taken(platform, send(platform, sent))
    [entry] = sandbox.booked(case.name(sent))
    assert (entry["value"], entry["currency"], entry["counts"]) == (None, None, 1)


def test_every_row_of_a_batch_is_booked_under_its_own_name(
    sandbox: Sandbox, case: Case, platform: Platform
) -> None:
    batch = [row(sandbox, case, nth, value=Money(100 + nth, "USD", 2)) for nth in range(3)]
    assert_taken(platform, send(platform, *batch))
    booked = {entry["vendor_id"]: entry for entry in sandbox.booked(*map(case.name, batch))}
    assert {name: (entry["click_id"], entry["value"]) for name, entry in booked.items()} == {
        case.name(each): (each.click_id, f"1.0{nth}".rstrip("0").rstrip("."))
        for nth, each in enumerate(batch)
    }


def test_a_copy_counts_once_exactly_where_the_catalogue_promises_it(
    sandbox: Sandbox, case: Case, platform: Platform
) -> None:
    sent = row(sandbox, case)
    for _ in range(2):
        assert_taken(platform, send(platform, sent))
    [entry] = sandbox.booked(case.name(sent))
    promised = platform.catalogue.dedup is not DedupPromise.NONE
    assert (entry["times_received"], entry["counts"]) == (2, 1 if promised else 2)


def test_a_check_books_nothing(sandbox: Sandbox, case: Case, platform: Platform) -> None:
    batch = rows(sandbox, case, 2)
    answer = platform.send(batch, validate_only=True)
    assert (answer.outcome, answer.rows) == (Outcome.DELIVERED, {})
    assert counts(sandbox, *batch) == [0, 0]


@pytest.mark.parametrize("places", [{0}, {3}, {7}, {0, 1, 2}, {1, 6}], ids=str)
def test_bad_rows_are_found_and_the_others_are_booked_once(
    sandbox: Sandbox, case: Case, platform: Platform, places: set[int]
) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    batch = [
        row(sandbox, case, occurred_at=tomorrow) if place in places else row(sandbox, case)
        for place in range(8)
    ]
    refusal = send(platform, *batch)
    good = [int(place not in places) for place in range(8)]
    if case.alone:
        assert (refusal.outcome, set(refusal.rows), counts(sandbox, *batch)) == (
            Outcome.DELIVERED,
            places,
            good,
        )
        assert {(answer.outcome, bool(answer.code and answer.text)) for answer in refusal.rows.values()} == {
            (Outcome.REJECTED, True)
        }
        return
    assert (refusal.outcome, counts(sandbox, *batch)) == (Outcome.BAD_BATCH, [0] * 8)

    requests: list[int] = []

    def again(some: Sequence[Claimed]) -> SendResult:
        requests.append(len(some))
        return send(platform, *(item.row for item in some))

    found = list(isolate(claimed(batch), refusal, again, platform.catalogue))
    answers = {item.row.vendor_id: answer for group, answer in found for item in group}
    assert len(answers) == 8
    refused = [answers[batch[place].vendor_id] for place in sorted(places)]
    assert {answer.outcome for answer in refused} == {Outcome.REJECTED}
    assert all(answer.code and answer.text for answer in refused)
    assert {answers[each.vendor_id].outcome for each in batch} <= {*TAKEN, Outcome.REJECTED}
    assert counts(sandbox, *batch) == good
    assert len(requests) <= 12


def test_a_batch_of_bad_rows_alone_leaves_nothing_behind(
    sandbox: Sandbox, case: Case, platform: Platform
) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    batch = [row(sandbox, case, occurred_at=tomorrow) for _ in range(2)]
    refusal = send(platform, *batch)
    if case.alone:
        assert [refusal.rows[place].outcome for place in range(2)] == [Outcome.REJECTED] * 2
        assert counts(sandbox, *batch) == [0, 0]
        return

    def again(some: Sequence[Claimed]) -> SendResult:
        return send(platform, *(item.row for item in some))

    found = list(isolate(claimed(batch), refusal, again, platform.catalogue))
    assert [answer.outcome for group, answer in found for _ in group] == [Outcome.REJECTED] * 2
    assert counts(sandbox, *batch) == [0, 0]


def test_a_wrong_credential_holds_every_row_and_says_what_to_do(
    sandbox: Sandbox, case: Case, opened: Opened
) -> None:
    batch = rows(sandbox, case, 3)
    platform = opened(case, **case.wrong)
    answer = send(platform, *batch)
    assert (answer.outcome, answer.rows, answer.named) == (Outcome.HOLD, {}, ())
    assert answer.remedy.endswith(".")
    assert states(platform, batch, answer) == {(State.HELD, Reason.CREDENTIAL_OR_CONFIGURATION)}
    assert counts(sandbox, *batch) == [0, 0, 0]
    mended = opened(case)
    assert_taken(mended, send(mended, *batch))


LATER = {(State.PLANNED, Reason.WAITS_RETRY)}


def test_too_many_requests_wait_as_long_as_the_platform_asks(
    sandbox: Sandbox, case: Case, platform: Platform
) -> None:
    for action in ({"status": 429, "body": "<html>Slow down</html>"}, dict(case.limited)):
        sent = row(sandbox, case)
        sandbox.go_wrong(case.vendor, **case.worded({"headers": {"Retry-After": "120"}, **action}))
        answer = send(platform, sent)
        assert (answer.outcome, answer.retry_after) == (Outcome.RETRY_LATER, timedelta(seconds=120))
        assert (states(platform, [sent], answer), counts(sandbox, sent)) == (LATER, [0])
        assert_taken(platform, send(platform, sent))
        assert counts(sandbox, sent) == [1]


def test_a_vendor_that_is_down_is_tried_again_later(sandbox: Sandbox, case: Case, platform: Platform) -> None:
    sent = row(sandbox, case)
    sandbox.go_wrong(case.vendor, **case.worded({"status": 503, "body": "<html>Down for a moment</html>"}))
    answer = send(platform, sent)
    assert (answer.outcome, answer.http_status) == (Outcome.RETRY_LATER, 503 if case.http else None)
    assert (states(platform, [sent], answer), counts(sandbox, sent)) == (LATER, [0])
    assert_taken(platform, send(platform, sent))
    assert counts(sandbox, sent) == [1]


def test_a_vendor_that_breaks_is_asked_again_only_where_a_copy_cannot_count(
    sandbox: Sandbox, case: Case, platform: Platform
) -> None:
    sent = row(sandbox, case)
    broken = {"status": 500, "body": "<html>Something broke</html>", "after_accepting": True}
    sandbox.go_wrong(case.vendor, **case.worded(broken))
    answer = send(platform, sent)
    assert (answer.http_status, counts(sandbox, sent)) == (500 if case.http else None, [1])
    if platform.catalogue.dedup is DedupPromise.NONE:
        assert states(platform, [sent], answer) == {(State.UNKNOWN, Reason.MAY_HAVE_ARRIVED)}
        return
    assert states(platform, [sent], answer) == LATER
    assert_taken(platform, send(platform, sent))
    assert counts(sandbox, sent) == [1]


def test_a_vendor_nobody_answers_for_is_tried_again_later(
    sandbox: Sandbox, case: Case, opened: Opened
) -> None:
    sent = row(sandbox, case)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        platform = opened(case, **case.at(f"http://127.0.0.1:{held.getsockname()[1]}"))
        answer = send(platform, sent)
    assert (answer.outcome, answer.code) == (Outcome.RETRY_LATER, "not_connected")
    assert states(platform, [sent], answer) == LATER


IN_DOUBT: list[tuple[Json, int]] = [
    ({"close_before_reply": True}, 0),
    ({"drop_reply": True}, 1),
    ({"status": 502, "body": "<html>Bad gateway</html>", "after_accepting": True}, 1),
    ({"status": 504, "body": "", "after_accepting": True}, 1),
    ({"status": 200, "body": "<html>Sign in to the network</html>", "after_accepting": True}, 1),
    ({"status": 200, "body": "", "after_accepting": True}, 1),
    ({"status": 200, "body": "null"}, 0),
    ({"status": 200, "body": "[]"}, 0),
    ({"status": 200, "body": '"OK"'}, 0),
    ({"status": 200, "body": "{}"}, 0),
    ({"status": 200, "body": {"ok": True, "code": "0", "events_received": "1", "elements": [{}, {}]}}, 0),
    ({"status": 200, "body": "{" * 5000}, 0),
]


@pytest.mark.parametrize(("action", "arrived"), IN_DOUBT, ids=[str(a)[:60] for a, _ in IN_DOUBT])
def test_an_answer_that_never_came_or_makes_no_sense_leaves_the_row_in_doubt(
    sandbox: Sandbox, case: Case, platform: Platform, action: Json, arrived: int
) -> None:
    sent = row(sandbox, case)
    sandbox.go_wrong(case.vendor, **case.worded(action))
    answer = send(platform, sent)
    whole = [result.outcome for result in answer.rows.values()] or [answer.outcome]
    assert whole == [Outcome.AMBIGUOUS]
    assert counts(sandbox, sent) == [arrived]
    promised = platform.catalogue.dedup is not DedupPromise.NONE
    expected = (
        (State.PLANNED, Reason.RESEND_IN_DOUBT) if promised else (State.UNKNOWN, Reason.MAY_HAVE_ARRIVED)
    )
    assert states(platform, [sent], answer) == {expected}
    if promised:
        assert_taken(platform, send(platform, sent))
        assert counts(sandbox, sent) == [1]


@pytest.mark.parametrize("case", [case for case in CASES if case.http], ids=lambda case: case.id)
def test_an_answer_that_drips_for_ever_is_given_up_and_leaves_the_row_in_doubt(
    sandbox: Sandbox, case: Case, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_taken(platform, send(platform, row(sandbox, case)))
    monkeypatch.setattr(http, "EXCHANGE_SECONDS", 1.5)
    sent = row(sandbox, case)
    sandbox.go_wrong(case.vendor, drip_seconds=1)
    answer = send(platform, sent)
    assert (answer.outcome, answer.code) == (Outcome.AMBIGUOUS, "no_answer")
    assert counts(sandbox, sent) == [1]


def test_a_batch_lost_on_its_way_back_is_in_doubt_as_a_whole(
    sandbox: Sandbox, case: Case, platform: Platform
) -> None:
    batch = rows(sandbox, case, 3)
    sandbox.go_wrong(case.vendor, drop_reply=True)
    answer = send(platform, *batch)
    assert (answer.outcome, answer.rows, counts(sandbox, *batch)) == (Outcome.AMBIGUOUS, {}, [1, 1, 1])


def test_a_redirect_is_never_taken_for_success(sandbox: Sandbox, case: Case, platform: Platform) -> None:
    sent = row(sandbox, case)
    before = sandbox.requests(case.vendor)
    elsewhere = f"{sandbox.endpoints['admin']}/health"
    sandbox.go_wrong(case.vendor, **case.worded({"status": 302, "headers": {"Location": elsewhere}}))
    answer = send(platform, sent)
    assert answer.outcome in {Outcome.HOLD, Outcome.AMBIGUOUS}
    assert (bool(answer.remedy), counts(sandbox, sent)) == (answer.outcome is Outcome.HOLD, [0])
    assert sandbox.requests(case.vendor) == before + 1


@pytest.mark.parametrize("outcome", [Outcome.DELIVERED, Outcome.RETRY_LATER])
def test_an_adapter_sends_exactly_one_request_and_never_repeats_it(
    sandbox: Sandbox, case: Case, platform: Platform, outcome: Outcome
) -> None:
    sent = row(sandbox, case)
    before = sandbox.requests(case.vendor)
    if outcome is Outcome.RETRY_LATER:
        sandbox.go_wrong(case.vendor, times=None, **case.worded({"status": 503}))
    answer = send(platform, sent)
    assert (answer.outcome is Outcome.RETRY_LATER) == (outcome is Outcome.RETRY_LATER)
    assert sandbox.requests(case.vendor) == before + 1


def test_a_batch_as_large_as_the_catalogue_says_is_taken(
    sandbox: Sandbox, case: Case, platform: Platform
) -> None:
    first = row(sandbox, case)
    names = [uuid.uuid4().hex for _ in range(platform.catalogue.batch_size)]
    batch = [first._replace(conversion_id=ConversionId(name), vendor_id=f"cs_{name}") for name in names]
    assert_taken(platform, send(platform, *batch))
    assert counts(sandbox, *batch) == [1] * len(batch)
