"""Deliver: everything that is due at one ad account, with the books written before and after.

One delivery works on an account at a time: it holds the account's lock in the database, so a second
run waits, and rows found in flight can only be a dead run's. Then, in order: recover those, release
what was held, expire what ran out of time, send conversions, ask after accepted requests, plan what
that made possible, send corrections, plan and send again until none is left: corrections of one payment
leave one after the other. A platform that is down or refuses the account stops the delivery; what was
not sent stays planned or held. So does an answer in doubt where a copy would count.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import tenacity
from sqlalchemy import Row

from conversion_sync.config.settings import UploadMode
from conversion_sync.delivery import books
from conversion_sync.delivery.books import Claimed, Desk, Verdict
from conversion_sync.delivery.isolate import STOPS, isolate
from conversion_sync.delivery.plan import plan
from conversion_sync.delivery.settle import settle_due
from conversion_sync.delivery.tally import Tally
from conversion_sync.delivery.validate import validate
from conversion_sync.delivery.verdicts import (
    NOT_TRIED,
    asked_delay,
    doubtful_since,
    in_doubt,
    passes_by_itself,
    verdicts_of,
)
from conversion_sync.model.conversion import ConversionKind, Outcome, Reason, State
from conversion_sync.model.windows import Window
from conversion_sync.platforms.platform import Catalogue, Platform, SendResult
from conversion_sync.store.locks import session_lock
from conversion_sync.store.queries import query

log = logging.getLogger(__name__)

TRIES = 4
"""How often a delivery goes on after a passing fault before it leaves the rest to the next run."""
LONGEST_PAUSE = 30.0
"""Seconds; a platform that asks for more is left to the next run."""


def deliver(
    desk: Desk, adapter: Platform, window: Window, mode: UploadMode, clock: Callable[[], datetime]
) -> Tally:
    """Sends what is due of the window and of earlier hours; returns what happened.

    `dry_run` sends nothing, `validate_only` asks the platform to check and changes no row.
    """
    tally = Tally()
    with session_lock(desk.engine, "deliver", desk.platform, desk.account):
        tally.recovered = _recover(desk, adapter, clock())
        _expire(desk, adapter, clock())
        if mode is UploadMode.VALIDATE_ONLY:
            validate(desk, adapter, window, clock(), tally)
        if mode is UploadMode.LIVE:
            _release_held(desk, clock())
            _send_kind(desk, adapter, window, ConversionKind.CONVERSION, clock, tally)
            tally.settlements.update(settle_due(desk, adapter, clock()).rows)
            if adapter.catalogue.can_retract:
                _send_corrections(desk, adapter, window, clock, tally)
    return tally


def _send_corrections(
    desk: Desk, adapter: Platform, window: Window, clock: Callable[[], datetime], tally: Tally
) -> None:
    """Sends corrections, and those that only the answers to these made possible, until nothing is due."""
    stale: Window | None = window
    while tally.stopped is None:
        plan(desk.engine, stale, clock())
        answered = tally.outcomes.total()
        _send_kind(desk, adapter, window, ConversionKind.ADJUSTMENT, clock, tally)
        if tally.outcomes.total() == answered:
            return
        stale = None


def _send_kind(
    desk: Desk,
    adapter: Platform,
    window: Window,
    kind: ConversionKind,
    clock: Callable[[], datetime],
    tally: Tally,
) -> None:
    """Sends until nothing is due, pausing and going on after passing faults a few times."""

    def one_pass() -> SendResult | None:
        return _drain(desk, adapter, window, kind, clock, tally)

    def asked(stop: SendResult | None) -> float:
        delay = asked_delay(adapter.catalogue, stop.code, stop.retry_after) if stop else None
        return delay.total_seconds() if delay else 0.0

    def pause(state: tenacity.RetryCallState) -> float:
        stop = state.outcome.result() if state.outcome else None
        return max(asked(stop), tenacity.wait_exponential_jitter(multiplier=0.5, max=LONGEST_PAUSE)(state))

    def worth_waiting(stop: SendResult | None) -> bool:
        if stop is None or not passes_by_itself(stop.outcome, adapter.catalogue):
            return False
        return asked(stop) <= LONGEST_PAUSE

    tally.stopped = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(TRIES),
        wait=pause,
        retry=tenacity.retry_if_result(worth_waiting),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        before_sleep=lambda _: _release_waiting(desk, clock()),
        sleep=time.sleep,
    )(one_pass)


def _drain(
    desk: Desk,
    adapter: Platform,
    window: Window,
    kind: ConversionKind,
    clock: Callable[[], datetime],
    tally: Tally,
) -> SendResult | None:
    """Claims and sends batch after batch; returns the answer that stopped it, or None when done."""
    facts = adapter.catalogue
    while True:
        batch = books.claim(
            desk, kind, clock(), window.end, facts.batch_size, per_action=facts.confirms_later
        )
        if not batch:
            return None
        stop = _send_batch(desk, adapter, batch, clock, tally)
        if stop is not None:
            if stop.outcome is Outcome.HOLD:
                _hold_due(desk, window, stop.code, clock())
            return stop


def _send_batch(
    desk: Desk, adapter: Platform, batch: Sequence[Claimed], clock: Callable[[], datetime], tally: Tally
) -> SendResult | None:
    facts = adapter.catalogue
    good = _refuse_invalid(desk, adapter, batch, clock(), tally)
    if not good:
        return None

    def send(rows: Sequence[Claimed]) -> SendResult:
        tally.requests += 1
        sent = [item.row for item in rows]
        answer = adapter.send(sent, validate_only=False)
        if answer.outcome is Outcome.BAD_BATCH:
            books.refused_whole(desk, sent, answer.code, answer.text, clock())
        return answer

    def send_again(rows: Sequence[Claimed]) -> SendResult:
        books.intend(desk, [item.row for item in rows], clock())
        return send(rows)

    answer = send(good)
    answers: Iterable[tuple[Sequence[Claimed], SendResult]] = [(good, answer)]
    if answer.outcome is Outcome.BAD_BATCH:
        answers = isolate(good, answer, send_again, facts)
    stop: SendResult | None = None
    for rows, result in answers:
        _record(desk, adapter, rows, result, clock(), tally)
        if result.outcome in STOPS and result.code not in facts.resend_alone:
            stop = result if stop is None or result.outcome is Outcome.HOLD else stop
    if stop is not None:
        log.error("%s:%s stopped: %s %s %s", desk.platform, desk.account, stop.code, stop.text, stop.remedy)
    return stop


def _record(
    desk: Desk, adapter: Platform, rows: Sequence[Claimed], result: SendResult, now: datetime, tally: Tally
) -> None:
    verdicts = verdicts_of(rows, result, adapter.catalogue, now)
    if result.request_ref and any(verdict.state is State.ACCEPTED for verdict in verdicts):
        with desk.engine.begin() as connection:
            connection.execute(
                query("delivery/open_poll"),
                {
                    **desk.key,
                    "request_ref": result.request_ref,
                    "now": now,
                    "next_poll_at": now + adapter.catalogue.first_status_after,
                },
            )
    books.record(desk, books.new_batch_id(), verdicts, now)
    tally.outcomes.update(verdict.outcome for verdict in verdicts)


def _refuse_invalid(
    desk: Desk, adapter: Platform, batch: Sequence[Claimed], now: datetime, tally: Tally
) -> list[Claimed]:
    """Rejects the rows the platform would refuse by its documented rules; returns the others."""
    good: list[Claimed] = []
    bad: list[Verdict] = []
    for item in batch:
        fault = adapter.invalid(item.row)
        if fault is None:
            good.append(item)
        else:
            bad.append(
                Verdict(
                    conversion_id=item.row.conversion_id,
                    occurred_at=item.row.occurred_at,
                    state=State.REJECTED,
                    reason=Reason.INVALID_ROW,
                    outcome=Outcome.REJECTED.value,
                    code=Reason.INVALID_ROW.value,
                    text=fault,
                )
            )
    books.record(desk, books.new_batch_id(), bad, now)
    tally.outcomes.update(verdict.outcome for verdict in bad)
    return good


def _recover(desk: Desk, adapter: Platform, now: datetime) -> int:
    """Decides about rows a dead delivery left in flight; returns how many may have arrived."""
    with desk.engine.begin() as connection:
        orphans = connection.execute(query("delivery/orphans"), desk.key).all()
    verdicts = [_orphaned(orphan, adapter.catalogue, now) for orphan in orphans]
    books.recover(desk, books.new_batch_id(), verdicts, now)
    return sum(verdict.in_doubt for verdict in verdicts)


def _orphaned(orphan: Row[Any], facts: Catalogue, now: datetime) -> Verdict:
    """`orphan` by sql/delivery/orphans.sql."""
    if orphan.first_sent_at is None:
        return Verdict(
            conversion_id=orphan.conversion_id,
            occurred_at=orphan.occurred_at,
            state=State.PLANNED,
            reason=Reason.WAITS_RETRY,
            outcome=Outcome.RETRY_LATER.value,
            code=NOT_TRIED,
            text="The platform refused its request; the delivery died before it was sent again.",
            not_before=now,
        )
    state, reason, not_before, doubtful = in_doubt(orphan.first_sent_at, facts, now, now)
    return Verdict(
        conversion_id=orphan.conversion_id,
        occurred_at=orphan.occurred_at,
        state=state,
        reason=reason,
        outcome=Outcome.AMBIGUOUS.value,
        text="The delivery that sent it died before it wrote down the answer.",
        not_before=not_before,
        in_doubt=doubtful,
    )


def _expire(desk: Desk, adapter: Platform, now: datetime) -> None:
    """Gives up what can no longer be sent; planning says of what never left why that is."""
    with desk.engine.begin() as connection:
        connection.execute(
            query("delivery/give_up"),
            {**desk.key, "now": now, "doubtful_since": doubtful_since(adapter.catalogue, now)},
        )
    with desk.engine.begin() as connection:
        late = connection.execute(query("delivery/expire"), {**desk.key, "now": now}).rowcount
    if late:
        plan(desk.engine, None, now)


def _release_held(desk: Desk, now: datetime) -> None:
    with desk.engine.begin() as connection:
        connection.execute(query("delivery/release_held"), {**desk.key, "now": now})


def _release_waiting(desk: Desk, now: datetime) -> None:
    """After a pause the rows that wait for it may go again at once."""
    with desk.engine.begin() as connection:
        connection.execute(
            query("delivery/release_waiting"), {**desk.key, "until": now + timedelta(hours=2), "now": now}
        )


def _hold_due(desk: Desk, window: Window, code: str, now: datetime) -> None:
    with desk.engine.begin() as connection:
        connection.execute(
            query("delivery/hold_due"), {**desk.key, "code": code or None, "now": now, "horizon": window.end}
        )
