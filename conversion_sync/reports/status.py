"""How things stand now: accounts, sources, backlog, laws, and what waits for a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine

from conversion_sync.model.conversion import REASONS, Reason
from conversion_sync.reports import laws
from conversion_sync.reports.reconciliation import reconcile
from conversion_sync.store.queries import query

RECENT = timedelta(days=7)
"""Refused rows, rows put aside and the quick check of the laws look this far back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountStatus:
    """One ad account. `due` rows of `planned` could leave now; times aware UTC."""

    platform: str
    account: str
    planned: int
    due: int
    oldest_due: datetime | None
    next_deadline: datetime | None
    in_flight: int
    accepted: int
    held: int
    unknown: int
    last_delivery: datetime | None
    awaited: int
    """Requests the platform has not confirmed yet, the oldest taken in at `oldest_awaited`."""
    oldest_awaited: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseStatus:
    """An account that is left alone: `what` is `breaker_open` or `parked`, `until` when it is asked again.

    `bucket` is the kind of requests that wait, empty for all.
    """

    platform: str
    account: str
    bucket: str
    what: str
    since: datetime
    until: datetime
    code: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """The newest pull of one source: how far it read, and how many of its rows came late."""

    source: str
    read_until: datetime
    pulled_at: datetime
    rows_seen: int
    rows_new: int
    rows_late: int
    rows_quarantined: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxStatus:
    """Webhooks of one billing account that are kept and not landed: `parked` ones nobody can read."""

    provider: str
    account: str
    waiting: int
    oldest: datetime | None
    parked: int
    reason: str | None
    """Of one of the parked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What changed and was not redone yet, in one room."""

    room: str
    entries: int
    oldest: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Disputed:
    """Visitors or customers whose evidence contradicts itself, for one reason, with one of them."""

    reason: str
    of_end: str
    entries: int
    oldest: datetime
    example: str
    candidate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PutAside:
    """Rows of one click table that cannot be used, for one reason, with one of them."""

    source: str
    reason: str
    entries: int
    newest: datetime
    example: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Rows that wait for a person: why, what the platform said of one of them, and what to do."""

    platform: str
    account: str
    state: str
    reason: str
    entries: int
    example: str
    code: str
    text: str
    sentence: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LawStatus:
    """One law of the ledger; `broken` is how many things break it."""

    law: str
    broken: int
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Everything `conversion-sync status` shows."""

    accounts: tuple[AccountStatus, ...]
    pauses: tuple[PauseStatus, ...]
    sources: tuple[SourceStatus, ...]
    inbox: tuple[InboxStatus, ...]
    put_aside: tuple[PutAside, ...]
    disputed: tuple[Disputed, ...]
    backlog: tuple[Backlog, ...]
    laws: tuple[LawStatus, ...]
    needs_human: tuple[Waiting, ...]


def status(engine: Engine, now: datetime, *, full: bool = False) -> Status:
    """The state of the books at `now`; `full` checks the laws over everything and not only the last week."""
    since = None if full else now - RECENT
    with engine.connect() as connection:
        accounts = connection.execute(query("reports/status_accounts"), {"now": now}).mappings().all()
        pauses = connection.execute(query("reports/status_pauses"), {"now": now}).mappings().all()
        sources = connection.execute(query("reports/status_sources")).mappings().all()
        inbox = connection.execute(query("receiver/deliveries_waiting")).mappings().all()
        recent = {"since": now - RECENT}
        aside = connection.execute(query("reports/status_quarantine"), recent).mappings().all()
        disputed = connection.execute(query("reports/status_disputes")).mappings().all()
        backlog = connection.execute(query("reports/status_backlog")).mappings().all()
        waiting = connection.execute(query("reports/status_needs_human"), recent).mappings().all()
    return Status(
        accounts=tuple(AccountStatus(**row) for row in accounts),
        pauses=tuple(PauseStatus(**row) for row in pauses),
        sources=tuple(SourceStatus(**row) for row in sources),
        inbox=tuple(InboxStatus(**row) for row in inbox),
        put_aside=tuple(PutAside(**row) for row in aside),
        disputed=tuple(Disputed(**row) for row in disputed),
        backlog=tuple(Backlog(**row) for row in backlog),
        laws=check_laws(engine, since),
        needs_human=tuple(
            Waiting(
                **row,
                sentence=REASONS[Reason(row["reason"])].sentence,
                remedy=REASONS[Reason(row["reason"])].remedy,
            )
            for row in waiting
        ),
    )


def check_laws(engine: Engine, since: datetime | None) -> tuple[LawStatus, ...]:
    """The laws that can be read from the database, for events and attempts since then (None: all)."""
    pairs = laws.conservation(engine, since)
    drift = [line for line in reconcile(engine, since) if line.residual_minor]
    breaks = laws.chain_breaks(engine, since)
    credit = laws.credit_sums(engine, since)
    return (
        LawStatus(
            law="every event has exactly one row at every account",
            broken=pairs,
            detail=f"{pairs} pairs do not" if pairs else "",
        ),
        LawStatus(
            law="billing = platforms + reasons, to the cent",
            broken=len(drift),
            detail=", ".join(
                f"{line.platform}:{line.account} is off by {line.residual_minor} {line.currency} minor units"
                for line in drift
            ),
        ),
        LawStatus(
            law="no line of the attempts is missing or changed",
            broken=len(breaks),
            detail=", ".join(
                f"{line.platform}:{line.account} attempt {line.attempt_id or 'end'}: {line.problem}"
                for line in breaks[:3]
            ),
        ),
        LawStatus(
            law="credit sums to the payment",
            broken=sum(credit.values()),
            detail=", ".join(f"{model}: {events} events" for model, events in credit.items()),
        ),
    )
