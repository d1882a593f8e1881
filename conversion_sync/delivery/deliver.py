"""Deliver: everything that is due at one ad account, with the books written before and after.

One delivery works on an account at a time: it holds the account's lock in the database, so a second
run waits, and rows found in flight can only be a dead run's. Then, in order: recover those, release
what was held, expire what ran out of time, send conversions, ask after accepted requests, plan what
that made possible, send corrections, plan and send again until none is left: corrections of one payment
leave one after the other. Every request passes the account's gate first, before a row is claimed for it.
A platform that is down, throttles or refuses the account stops the delivery; what was not sent stays
planned or held. So does an answer in doubt where a copy would count.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from functools import partial

import tenacity

from conversion_sync.config.settings import UploadMode
from conversion_sync.delivery import books
from conversion_sync.delivery.batch import send_batch
from conversion_sync.delivery.clerk import PATIENCE, Clerk
from conversion_sync.delivery.desk import Desk, at_work
from conversion_sync.delivery.gate import LANES, LONGEST_PAUSE, Gate, Paced
from conversion_sync.delivery.pacing import jittered
from conversion_sync.delivery.plan import plan
from conversion_sync.delivery.rows import Claimed
from conversion_sync.delivery.settle import settle_due
from conversion_sync.delivery.standing import expire, hold_due, recover, release_held
from conversion_sync.delivery.tally import Tally
from conversion_sync.delivery.validate import validate
from conversion_sync.delivery.verdicts import asked_delay, passes_by_itself
from conversion_sync.delivery.work import Work
from conversion_sync.model.conversion import ConversionKind, Outcome
from conversion_sync.model.windows import Window
from conversion_sync.platforms.platform import Platform, SendResult
from conversion_sync.store.locks import session_lock
from conversion_sync.store.queries import query

TRIES = 4
"""How often a delivery goes on after a passing fault before it leaves the rest to the next run."""
FIRST_PAUSE = 0.5
"""Seconds; doubles with every try."""


def deliver(
    desk: Desk,
    adapter: Platform,
    window: Window,
    mode: UploadMode,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None] = time.sleep,
) -> Tally:
    """Sends what is due of the window and of earlier hours; returns what happened.

    `dry_run` sends nothing, `validate_only` asks the platform to check and changes no row.
    """
    with (
        set_aside(),
        session_lock(desk.engine, "deliver", desk.platform, desk.account),
        at_work(desk) as place,
        closing(Clerk()) as clerk,
    ):
        gate = Gate(desk=place, facts=adapter.catalogue, clock=clock, sleep=sleep)
        work = Work(
            desk=place, adapter=adapter, window=window, clock=clock, sleep=sleep, gate=gate, clerk=clerk
        )
        tally, paced = work.tally, Paced(adapter, gate)
        tally.recovered = recover(place, adapter, clock())
        expire(place, adapter, clock())
        if mode is not UploadMode.DRY_RUN:
            gate.open()
        if mode is UploadMode.VALIDATE_ONLY:
            validate(place, paced, window, clock(), tally)
        if mode is UploadMode.LIVE:
            release_held(place, clock())
            _send_kind(work, ConversionKind.CONVERSION)
            tally.settlements.update(settle_due(place, paced, clock()).rows)
            if adapter.catalogue.can_retract:
                _send_corrections(work)
        tally.pause = gate.pause()
    return tally


@contextmanager
def set_aside() -> Iterator[None]:
    """What is in memory already is not searched for garbage meanwhile.

    Each batch makes objects enough to set searches off, and what they would look through are packages.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _send_corrections(work: Work) -> None:
    """Sends corrections, and those that only the answers to these made possible, until nothing is due."""
    stale: Window | None = work.window
    while work.tally.stopped is None:
        plan(work.desk.engine, stale, work.clock())
        answered = work.tally.outcomes.total()
        _send_kind(work, ConversionKind.ADJUSTMENT)
        if work.tally.outcomes.total() == answered:
            return
        stale = None


def _send_kind(work: Work, kind: ConversionKind) -> None:
    """Sends until nothing is due, pausing and going on after passing faults a few times."""
    facts = work.adapter.catalogue
    growing = tenacity.wait_exponential(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE.total_seconds())

    def asked(stop: SendResult | None) -> timedelta | None:
        return asked_delay(facts, stop.code, stop.retry_after) if stop else None

    def pause(state: tenacity.RetryCallState) -> float:
        wait = asked(state.outcome.result() if state.outcome else None)
        if wait is None:
            wait = jittered(timedelta(seconds=growing(state)), work.gate.chance)
        return wait.total_seconds()

    def worth_waiting(stop: SendResult | None) -> bool:
        if stop is None or not passes_by_itself(stop.outcome, facts):
            return False
        return (asked(stop) or timedelta()) <= LONGEST_PAUSE

    work.tally.stopped = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(TRIES),
        wait=pause,
        retry=tenacity.retry_if_result(worth_waiting),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        before_sleep=lambda _: _release_waiting(work),
        sleep=work.sleep,
    )(lambda: _drain(work, kind))


def _drain(work: Work, kind: ConversionKind) -> SendResult | None:
    """Claims and sends batch after batch; returns what stopped it, or None when nothing is due."""
    try:
        return _batch_after_batch(work, kind)
    finally:
        work.clerk.wait()


def _batch_after_batch(work: Work, kind: ConversionKind) -> SendResult | None:
    facts = work.adapter.catalogue
    while _is_due(work, kind):
        entered = work.gate.enter(LANES[kind], facts.batch_size)
        if isinstance(entered, SendResult):
            return entered
        batch = _claim(work, kind, entered.conversions)
        work.gate.unused(LANES[kind], entered.conversions - len(batch))
        if not batch:
            return None
        stop = send_batch(work, batch)
        if stop is not None:
            if stop.outcome is Outcome.HOLD:
                hold_due(work.desk, work.window, stop.code, work.clock())
            return stop
    return None


def _claim(work: Work, kind: ConversionKind, most: int) -> list[Claimed]:
    """The next batch, in flight: claimed while the outcome before it is written, if that goes quickly."""
    claim = partial(
        books.claim,
        work.desk,
        kind,
        work.clock(),
        work.window.end,
        most,
        per_action=work.adapter.catalogue.confirms_later,
    )
    try:
        return claim(before=lambda: work.clerk.wait(PATIENCE))
    except TimeoutError:
        work.clerk.wait()
        return claim()


def _is_due(work: Work, kind: ConversionKind) -> bool:
    """Whether there is a request to make: the gate counts those it lets through."""
    due = {**work.desk.key, "kind": kind.value, "now": work.clock(), "horizon": work.window.end}
    with work.desk.at_once() as connection:
        return connection.execute(query("delivery/any_due"), due).one_or_none() is not None


def _release_waiting(work: Work) -> None:
    """The rows that wait because this delivery does may go again with it."""
    rows = list(work.backing_off)
    work.backing_off.clear()
    if rows:
        books.release(work.desk, rows, work.clock())
