"""The gate every request to an account passes: may it leave, when, with how many conversions; and what its
answer means for the next.

State is in PostgreSQL (sql/schema/0008_pacing.sql), so it is the same for every process and outlives
them. Whoever holds the account's delivery lock is alone at the gate; the reservation and the probe are
taken by single conditional statements all the same, so that a lock lost with its connection lets
nobody through twice. A request costs one statement; an answer costs one only where something is wrong.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta

from conversion_sync.delivery.breaker import Standing, after_answer, after_failure, failed, pause
from conversion_sync.delivery.desk import Desk
from conversion_sync.delivery.pacing import Chance, chance, quota_wait
from conversion_sync.delivery.tally import Pause
from conversion_sync.delivery.verdicts import LONGEST_ASKED, patience_of
from conversion_sync.model.conversion import ConversionKind, Outbound, Outcome
from conversion_sync.platforms.pace import EVERY, Lane, Limits
from conversion_sync.platforms.platform import (
    Catalogue,
    DedupPromise,
    Platform,
    SendResult,
    Settlement,
    SettlementStatus,
    fact_of,
)
from conversion_sync.store.queries import query

log = logging.getLogger(__name__)

LONGEST_PAUSE = timedelta(seconds=30)
"""How long a delivery waits for its next request; a longer wait ends it, and another goes on."""
BREAKER_OPEN, PARKED = "breaker_open", "parked"
"""Our own codes of requests that were not made."""
LANES = {ConversionKind.CONVERSION: Lane.CONVERSIONS, ConversionKind.ADJUSTMENT: Lane.CORRECTIONS}
WORDS = {
    "own_limit": "as many requests as may leave from one account have left",
}


@dataclass(frozen=True, slots=True)
class Granted:
    """A request may leave now, with up to so many conversions."""

    conversions: int


@dataclass(slots=True, kw_only=True)
class Gate:
    """One account's gate, for the length of a delivery."""

    desk: Desk
    facts: Catalogue
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    chance: Chance = chance
    _breaker: Standing = field(default_factory=Standing)
    _strikes: dict[str, int] = field(default_factory=dict)
    _parked: dict[str, Pause] = field(default_factory=dict)

    def open(self) -> None:
        """Reads how the account stands. The caller holds its delivery lock."""
        buckets = sorted({self.facts.bucket(lane) for lane in Lane} | {EVERY})
        with self.desk.engine.begin() as connection:
            rows = connection.execute(
                query("delivery/open_gate"), {**self.desk.key, "buckets": buckets, "now": self.clock()}
            ).all()
        for row in rows:
            self._strikes[row.bucket] = row.strikes
            if row.parked_until is not None:
                self._parked[row.bucket] = Pause(
                    what=PARKED,
                    since=row.parked_at,
                    until=row.parked_until,
                    why=_why(row.parked_code, row.parked_text),
                )
        self._breaker = Standing(
            recent=rows[0].recent,
            opened_at=rows[0].opened_at,
            probe_at=rows[0].probe_at,
            openings=rows[0].openings,
            code=rows[0].code or "",
            text=rows[0].text or "",
        )

    def enter(self, lane: Lane, most: int, *, fewest: int = 1) -> Granted | SendResult:
        """Waits until the next request may leave, or says why it may not for now.

        `most` conversions are wanted, fewer than `fewest` are of no use.
        """
        now = self.clock()
        probing = self._breaker.is_open
        if probing:
            most = min(most, self._probe_size)
            if fewest > most or (self._breaker.probe_at or now) > now:
                return _stop(self._breaker_pause(), now)
        bucket = self.facts.bucket(lane)
        limits = self.facts.limits.get(bucket, Limits())
        with self.desk.at_once() as connection:
            ticket = connection.execute(
                query("delivery/reserve_request"),
                {
                    **self.desk.key,
                    "bucket": bucket,
                    "now": now,
                    "spacing": limits.spacing,
                    "tolerance": limits.tolerance,
                    "longest": LONGEST_PAUSE,
                    "requests_per_day": limits.requests_per_day,
                    "conversions_per_day": limits.conversions_per_day,
                    "fewest": fewest,
                    "most": most,
                },
            ).one()
        if not ticket.granted:
            known = self._parked.get(bucket)
            if known is None or known.until < ticket.leave_at:
                known = Pause(what=PARKED, since=now, until=ticket.leave_at, why=_why("own_limit", ""))
                self._parked[bucket] = known
            return _stop(known, now)
        if probing and not self._take_probe(now):
            return _stop(self._breaker_pause(), now)
        if ticket.leave_at > now:
            self.sleep((ticket.leave_at - now).total_seconds())
        return Granted(int(ticket.conversions))

    def unused(self, lane: Lane, conversions: int) -> None:
        """Gives back what was granted for more conversions than there were."""
        bucket = self.facts.bucket(lane)
        if conversions > 0 and bucket in self.facts.limits:
            self._write("return_conversions", bucket=bucket, conversions=conversions)

    def told(self, lane: Lane, answer: SendResult) -> SendResult:
        """Takes note of an answer; returns it with the wait that follows from it, if one does."""
        now = self.clock()
        waits = [wait for wait in (self._quota(lane, answer, now), self._health(answer, now)) if wait]
        return replace(answer, retry_after=max(waits)) if waits else answer

    def pause(self) -> Pause | None:
        """Why, and until when, the account is left alone as a whole; None when it is not."""
        if self._breaker.is_open:
            return self._breaker_pause()
        now = self.clock()
        parked = [known for known in self._parked.values() if known.until > now]
        return max(parked, key=lambda known: known.until, default=None)

    @property
    def _probe_size(self) -> int:
        """Where a copy would count, no more than one conversion is put in doubt by a try."""
        if self.facts.dedup is DedupPromise.NONE:
            return 1
        return self.facts.breaker.probe_conversions

    def _take_probe(self, now: datetime) -> bool:
        rule = self.facts.breaker
        wait = pause(self._breaker.openings, rule, self.chance)
        with self.desk.engine.begin() as connection:
            taken = connection.execute(
                query("delivery/take_probe"), {**self.desk.key, "now": now, "next_probe_at": now + wait}
            ).one_or_none()
        if taken is None:
            return False
        self._breaker = replace(self._breaker, probe_at=taken.probe_at)
        return True

    def _breaker_pause(self) -> Pause:
        known = self._breaker
        now = self.clock()
        return Pause(
            what=BREAKER_OPEN,
            since=known.opened_at or now,
            until=known.probe_at or now,
            why=_why(known.code, known.text),
        )

    def _quota(self, lane: Lane, answer: SendResult, now: datetime) -> timedelta | None:
        """Parks the bucket where the answer says so; returns for how long."""
        bucket = self.facts.bucket(lane)
        strikes = self._strikes.get(bucket, 0)
        if fact_of(self.facts.quotas, answer.code) and answer.outcome is Outcome.RETRY_LATER:
            patience = patience_of(self.facts, answer.code)
            wait = quota_wait(patience, strikes, now, answer.retry_after, self.chance)
            self._park(bucket, answer, now, wait, strikes + 1)
            return wait
        if strikes:
            self._strikes[bucket] = 0
            self._write("forgive_bucket", bucket=bucket)
        if answer.retry_after is not None and answer.outcome is not Outcome.HOLD:
            wait = min(answer.retry_after, LONGEST_ASKED)
            self._park(bucket, answer, now, wait, 0)
            return wait
        if self.facts.usage is not None and answer.used is not None:
            wait = self.facts.usage.pause(answer.used)
            if wait:
                tolerance = self.facts.limits.get(bucket, Limits()).tolerance
                self._write("slow_bucket", bucket=bucket, until=now + wait + tolerance)
        return None

    def _park(self, bucket: str, answer: SendResult, now: datetime, wait: timedelta, strikes: int) -> None:
        self._strikes[bucket] = strikes
        self._parked[bucket] = Pause(
            what=PARKED, since=now, until=now + wait, why=_why(answer.code, answer.text)
        )
        self._write(
            "park_bucket",
            bucket=bucket,
            now=now,
            until=now + wait,
            strikes=strikes,
            code=answer.code,
            text=answer.text,
        )

    def _health(self, answer: SendResult, now: datetime) -> timedelta | None:
        """Moves the breaker; returns for how long it is open."""
        before = self._breaker
        if failed(answer, self.facts):
            self._breaker = after_failure(before, answer, self.facts.breaker, now, self.chance)
        elif before.recent or before.is_open:
            self._breaker = after_answer(before, self.facts.breaker)
        if self._breaker != before:
            self._write("write_breaker", **asdict(self._breaker))
        if before.is_open and not self._breaker.is_open:
            log.info("%s:%s answers again.", self.desk.platform, self.desk.account)
        until = self._breaker.probe_at
        return until - now if self._breaker.is_open and until is not None else None

    def _write(self, statement: str, **values: object) -> None:
        with self.desk.engine.begin() as connection:
            connection.execute(query(f"delivery/{statement}"), {**self.desk.key, **values})


@dataclass(frozen=True, slots=True)
class Paced:
    """A platform whose questions and checks pass the gate."""

    platform: Platform
    gate: Gate

    @property
    def catalogue(self) -> Catalogue:
        """The platform's facts."""
        return self.platform.catalogue

    def invalid(self, row: Outbound) -> str | None:
        """Why the platform would refuse the row."""
        return self.platform.invalid(row)

    def check(self, rows: Sequence[Outbound]) -> SendResult:
        """One request that only checks."""
        lane = LANES[rows[0].kind]
        entered = self.gate.enter(lane, len(rows), fewest=len(rows))
        if isinstance(entered, SendResult):
            return entered
        return self.gate.told(lane, self.platform.send(rows, validate_only=True))

    def settlement(self, request_ref: str) -> Settlement | None:
        """What became of an accepted request; None where nothing may be asked for now."""
        entered = self.gate.enter(Lane.QUESTIONS, 0, fewest=0)
        if isinstance(entered, SendResult):
            return None
        answer = self.platform.settlement(request_ref)
        self.gate.told(Lane.QUESTIONS, _as_result(answer))
        return answer


def _as_result(answer: Settlement) -> SendResult:
    """A settlement as the gate judges answers."""
    outcomes = {SettlementStatus.LATER: Outcome.RETRY_LATER, SettlementStatus.HOLD: Outcome.HOLD}
    outcome = outcomes.get(answer.status, Outcome.DELIVERED)
    return SendResult(outcome=outcome, code=answer.code, text=answer.text, retry_after=answer.retry_after)


def _stop(pause: Pause, now: datetime) -> SendResult:
    """A request that was not made."""
    return SendResult(
        outcome=Outcome.RETRY_LATER,
        code=pause.what,
        text=pause.sentence,
        retry_after=max(pause.until - now, timedelta()),
    )


def _why(code: str | None, text: str | None) -> str:
    return f"{WORDS.get(code or '', code or '')} {text or ''}".strip()
