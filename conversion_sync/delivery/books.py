"""The ledger as delivery uses it: claim, read, record. Each call that changes rows is one transaction.

State changes are conditional on the state they expect, so a late or repeated call changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection, Engine

from conversion_sync.delivery import attempts
from conversion_sync.delivery.attempts import Line, Page, Phase
from conversion_sync.errors import TransientError
from conversion_sync.model.conversion import (
    ConversionId,
    ConversionKind,
    Outbound,
    Outcome,
    Reason,
    State,
    Verb,
)
from conversion_sync.model.money import Money
from conversion_sync.platforms.identifiers import NOBODY
from conversion_sync.store.partitions import ensure_months
from conversion_sync.store.queries import query


class Keyed(Protocol):
    """Anything that says of which ledger row it is."""

    @property
    def conversion_id(self) -> str:
        """The row's name."""
        ...

    @property
    def occurred_at(self) -> datetime:
        """The time of its event, which says in which partition it is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One account's place at the ledger: which account, which run, which targets its actions have."""

    engine: Engine
    platform: str
    account: str
    run_id: str
    targets: Mapping[str, Mapping[str, str]]
    rules: tuple[str, ...] = ()
    """Under which rules the account sends customers' identifiers; none unless its configuration says so."""
    _months: set[tuple[int, int]] = field(default_factory=set, repr=False, compare=False)

    def open_month(self, now: datetime) -> None:
        """Makes sure attempts of this moment have their partition; asks once a month."""
        if (now.year, now.month) not in self._months:
            ensure_months(self.engine, "delivery_attempt", [now])
            self._months.add((now.year, now.month))

    @contextmanager
    def by_key(self) -> Iterator[Connection]:
        """A transaction in which rows are looked up by index alone."""
        with self.engine.begin() as connection:
            connection.execute(query("delivery/by_key"))
            yield connection

    @property
    def key(self) -> dict[str, str]:
        """The account as bind values."""
        return {"platform": self.platform, "account": self.account}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A row in flight, with what deciding about it needs."""

    row: Outbound
    attempts: int
    first_sent_at: datetime
    batch_group: str
    in_doubt: bool
    """An earlier copy of it may have arrived."""
    batch_id: str = ""
    """Of the claim that put it in flight."""
    later_code: str | None = None
    """Why it last had to wait, which happened `later_tries` times in a row since `later_since`."""
    later_tries: int = 0
    later_since: datetime | None = None
    original_sent_at: datetime | None = None
    """When the conversion a correction corrects was sent."""


class Verdict(NamedTuple):
    """The state a row goes to, and why. `counts_as_attempt` is False where nothing left for good reason.

    `occurred_at` is the row's, the other half of its key.
    """

    conversion_id: ConversionId
    occurred_at: datetime
    state: State
    reason: Reason
    outcome: str
    code: str = ""
    text: str = ""
    not_before: datetime | None = None
    in_doubt: bool = False
    counts_as_attempt: bool = True
    request_ref: str | None = None
    batch_group: str | None = None
    alone: bool = False
    """It goes again in a request of its own."""


BECOMES = attrgetter(
    "state",
    "reason",
    "code",
    "not_before",
    "in_doubt",
    "counts_as_attempt",
    "request_ref",
    "batch_group",
    "alone",
)
"""What a verdict writes into a row."""
KINDS = {kind.value: kind for kind in ConversionKind}
VERBS = {verb.value: verb for verb in Verb}


def claim(
    desk: Desk, kind: ConversionKind, now: datetime, horizon: datetime, size: int, *, per_action: bool
) -> list[Claimed]:
    """Puts the next batch in flight and commits the intent; empty when nothing is due."""
    desk.open_month(now)
    batch_id = new_batch_id()
    with desk.by_key() as connection:
        claimed = connection.execute(
            query("delivery/claim"),
            {
                **desk.key,
                "kind": kind.value,
                "now": now,
                "horizon": horizon,
                "per_action": per_action,
                "batch_size": size,
                "batch_id": batch_id,
                "targets": json.dumps({action: dict(target) for action, target in desk.targets.items()}),
            },
        ).all()
        batch = read(connection, desk, claimed)
        _intend(connection, desk, [item.row for item in batch], batch_id, now)
    return batch


def intend(desk: Desk, rows: Sequence[Claimed], now: datetime) -> str:
    """Commits the intent of one more request for rows of one claim; returns its batch id.

    Raises TransientError when they are another delivery's by now: this one has lost the account's lock.
    """
    batch_id = new_batch_id()
    desk.open_month(now)
    sent = [item.row for item in rows]
    with desk.by_key() as connection:
        connection.execute(query("delivery/hold_rows"), _keys(sent))
        ours = {**_keys(sent), "claimed_as": rows[0].batch_id, "now": now}
        if connection.execute(query("delivery/sent_again"), ours).rowcount != len(rows):
            raise TransientError(
                f"Another delivery to {desk.platform}:{desk.account} has taken over: the connection that "
                "held this one's lock is lost.",
                remedy="None needed: what is left is the other's. If it happens often, look for what ends "
                "idle connections to the database.",
            )
        _intend(connection, desk, sent, batch_id, now)
    return batch_id


def release(desk: Desk, rows: Sequence[Outbound], now: datetime) -> None:
    """Lets rows go again that wait only because their delivery pauses."""
    with desk.by_key() as connection:
        connection.execute(query("delivery/hold_rows"), _keys(rows))
        connection.execute(query("delivery/release_waiting"), {**_keys(rows), "now": now})


def refused_whole(desk: Desk, rows: Sequence[Outbound], code: str, text: str, now: datetime) -> None:
    """Commits that a request was refused as a whole. Its rows stay in flight: a search goes on with them."""
    desk.open_month(now)
    lines = [Line(row.conversion_id, Outcome.BAD_BATCH.value, code or None, text or None) for row in rows]
    with desk.by_key() as connection:
        connection.execute(query("delivery/hold_rows"), _keys(rows))
        connection.execute(query("delivery/not_taken_in"), _keys(rows))
        attempts.append(connection, _page(desk, new_batch_id(), Phase.OUTCOME, now), lines)


def read(connection: Connection, desk: Desk, rows: Sequence[Keyed]) -> list[Claimed]:
    """Ledger rows as adapters see them, in the order they are named."""
    if not rows:
        return []
    found = connection.execute(query("delivery/outbound"), _keys(rows)).all()
    people = _people(connection, desk, rows)
    return [_claimed(desk, people.get(row.conversion_id, NOBODY), *row) for row in found]


def _people(connection: Connection, desk: Desk, rows: Sequence[Keyed]) -> Mapping[str, Mapping[str, str]]:
    """Who the customers of rows are, by conversion id, as far as the account may be told."""
    if not desk.rules:
        return {}
    wanted = {**_keys(rows), "rules": list(desk.rules)}
    found = connection.execute(query("delivery/identifiers"), wanted)
    return {row.conversion_id: row.identifiers for row in found}


def record(desk: Desk, batch_id: str, verdicts: Iterable[Verdict], now: datetime) -> None:
    """Commits the outcome of a request for rows in flight, with its attempts."""
    _write(desk, batch_id, list(verdicts), now, Phase.OUTCOME, State.IN_FLIGHT)


def recover(desk: Desk, batch_id: str, verdicts: Iterable[Verdict], now: datetime) -> None:
    """Commits what is decided about rows a dead delivery left in flight."""
    _write(desk, batch_id, list(verdicts), now, Phase.RECOVERY, State.IN_FLIGHT)


def settle(desk: Desk, batch_id: str, verdicts: Iterable[Verdict], now: datetime) -> None:
    """Commits how the platform finally answered for accepted rows."""
    _write(desk, batch_id, list(verdicts), now, Phase.SETTLEMENT, State.ACCEPTED)


def new_batch_id() -> str:
    """A fresh name for one request."""
    return uuid.uuid4().hex


def _write(
    desk: Desk, batch_id: str, verdicts: list[Verdict], now: datetime, phase: Phase, from_state: State
) -> None:
    if not verdicts:
        return
    desk.open_month(now)
    known = [verdict for verdict in verdicts if _is_known(verdict)]
    lines = [
        Line(
            verdict.conversion_id,
            verdict.outcome,
            verdict.code or None,
            verdict.text or None,
            verdict.request_ref,
        )
        for verdict in verdicts
    ]
    with desk.by_key() as connection:
        # Stale marks before ledger rows, the order planning locks in: neither waits for the other in a ring.
        if known:
            connection.execute(query("delivery/mark_corrections"), _keys(known))
        connection.execute(query("delivery/hold_rows"), _keys(verdicts))
        for becomes, rows in _alike(verdicts):
            connection.execute(
                query("delivery/record_outcomes"),
                {**_keys(rows), **becomes, "from_state": from_state.value, "now": now},
            )
        attempts.append(connection, _page(desk, batch_id, phase, now), lines)


def _alike(verdicts: Sequence[Verdict]) -> list[tuple[dict[str, Any], list[Verdict]]]:
    """Verdicts that say the same, as bind values, each with the rows it is said of."""
    groups: dict[tuple[object, ...], list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        groups[BECOMES(verdict)].append(verdict)
    return [
        (
            {
                "state": first.state.value,
                "reason": first.reason.value,
                "code": first.code or None,
                "not_before": first.not_before,
                "in_doubt": first.in_doubt,
                "counts_as_attempt": first.counts_as_attempt,
                "request_ref": first.request_ref,
                "batch_group": first.batch_group,
                "alone": first.alone,
            },
            rows,
        )
        for rows in groups.values()
        for first in rows[:1]
    ]


def _keys(rows: Sequence[Keyed]) -> dict[str, Any]:
    """Which rows, as bind values; the times say which partitions they are in."""
    times = [row.occurred_at for row in rows]
    return {
        "conversion_ids": ",".join(row.conversion_id for row in rows),
        "earliest": min(times),
        "latest": max(times),
    }


def _page(desk: Desk, batch_id: str, phase: Phase, now: datetime, request_sha256: str | None = None) -> Page:
    return Page(
        at=now,
        platform=desk.platform,
        account=desk.account,
        batch_id=batch_id,
        phase=phase,
        run_id=desk.run_id,
        request_sha256=request_sha256,
    )


def _is_known(verdict: Verdict) -> bool:
    """Whether the platform holds the row, or certainly does not; corrections depend on it."""
    return verdict.state not in (State.ACCEPTED, State.UNKNOWN) and not verdict.in_doubt


def _intend(
    connection: Connection, desk: Desk, rows: Sequence[Outbound], batch_id: str, now: datetime
) -> None:
    page = _page(desk, batch_id, Phase.INTENT, now, request_digest(rows))
    attempts.append(connection, page, [Line(row.conversion_id) for row in rows])


def request_digest(rows: Sequence[Outbound]) -> str:
    """SHA-256 of what is asked of the platform, in our own canonical form (an SDK's is not stable)."""
    return hashlib.sha256("\n".join(map(_asked, rows)).encode(errors="surrogatepass")).hexdigest()


def _asked(row: Outbound) -> str:
    """What is asked for one row; times as seconds, which cost a fraction of their text."""
    value, adjusted_at = row.value, row.adjusted_at
    return (
        f"{row.vendor_id} {row.verb.value} {row.target}"
        f" {value.minor if value else ''} {value.currency if value else ''}"
        f" {row.occurred_at.timestamp()} {adjusted_at.timestamp() if adjusted_at else ''} {row.click_id}"
        f" {row.landing_url} {row.user_agent} {row.ip_address} {row.ad_user_data} {row.ad_personalization}"
        f" {row.identifiers or ''}"
    )


def _claimed(  # noqa: PLR0917
    desk: Desk,
    identifiers: Mapping[str, str],
    conversion_id: str,
    vendor_id: str,
    kind: str,
    verb: str,
    event_kind: str,
    action: str,
    value_minor: int | None,
    currency: str,
    exponent: int,
    occurred_at: datetime,
    click_id_kind: str | None,
    click_id: str | None,
    clicked_at: datetime | None,
    adjusted_at: datetime | None,
    attempts: int,
    first_sent_at: datetime,
    batch_group: str,
    batch_id: str,
    in_doubt: bool,
    later_code: str | None,
    later_tries: int,
    later_since: datetime | None,
    original_sent_at: datetime | None,
    original_at: datetime | None,
    sent_target: dict[str, str] | None,
    other_click_ids: dict[str, str] | None,
    landing_url: str | None,
    user_agent: str | None,
    ip_address: str | None,
    ad_user_data: str,
    ad_personalization: str,
) -> Claimed:
    """A row of sql/delivery/outbound.sql, its columns in their order, with who the customer is."""
    only = {click_id_kind: click_id} if click_id_kind and click_id else {}
    return Claimed(
        attempts=attempts,
        first_sent_at=first_sent_at,
        batch_group=batch_group,
        batch_id=batch_id,
        in_doubt=in_doubt,
        later_code=later_code,
        later_tries=later_tries,
        later_since=later_since,
        original_sent_at=original_sent_at,
        row=Outbound(
            conversion_id=ConversionId(conversion_id),
            vendor_id=vendor_id,
            kind=KINDS[kind],
            verb=VERBS[verb],
            event_kind=event_kind,
            action=action,
            target=sent_target or desk.targets.get(action, {}),
            value=None if value_minor is None else Money(value_minor, currency, exponent),
            occurred_at=occurred_at,
            click_id_kind=click_id_kind,
            click_id=click_id,
            click_ids=only if other_click_ids is None else other_click_ids,
            clicked_at=clicked_at,
            landing_url=landing_url,
            user_agent=user_agent,
            ip_address=ip_address,
            identifiers=identifiers,
            ad_user_data=ad_user_data,
            ad_personalization=ad_personalization,
            adjusted_at=adjusted_at,
            original_at=original_at,
        ),
    )
