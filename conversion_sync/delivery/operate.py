"""Operate: what a person decides about rows no delivery can go on with.

A refused row goes again, a row in doubt is found at the platform or is not, a held row is let go. The row
moves and is planned anew in one transaction, under planning's locks: what goes again follows the facts,
the consent and the deadlines of now, or ends with its reason. Each decision is a line of the attempts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from operator import itemgetter
from types import MappingProxyType

from sqlalchemy import Connection, Engine

from conversion_sync.delivery import attempts
from conversion_sync.delivery.attempts import Note, Page, Phase
from conversion_sync.delivery.books import new_batch_id
from conversion_sync.delivery.plan import replan
from conversion_sync.model.conversion import Reason, State
from conversion_sync.platforms.platform import Catalogue, DedupPromise
from conversion_sync.redaction import excerpt
from conversion_sync.store.locks import transaction_lock
from conversion_sync.store.partitions import ensure_months
from conversion_sync.store.queries import query

VENDOR_PREFIX = "cs_"
RELEASED_BY_HAND = (Reason.CREDENTIAL_OR_CONFIGURATION, Reason.ACCOUNT_SETTING)
NOT_CONFIGURED = "their ad account is not in the configuration any more"
IN_DOUBT = (
    "an earlier copy may have arrived, and another could count twice: look them up at the platform, "
    "then `conversion-sync settle ID --missing`"
)


class Decision(StrEnum):
    """What a person decides, as the attempts name it."""

    REPLAYED = "replayed"
    """It was refused, and is to go again."""
    FOUND = "found"
    """It may have arrived, and the platform shows it."""
    MISSING = "missing"
    """It may have arrived, and the platform does not have it: it is to go again."""
    RELEASED = "released"
    """It was held, and what held it is mended."""


@dataclass(frozen=True, slots=True)
class Move:
    """The states a decision is about (with what reasons; None: any), and where the row goes."""

    states: tuple[State, ...]
    state: State = State.PLANNED
    reason: Reason = Reason.READY
    reasons: tuple[Reason, ...] | None = None


MOVES: Mapping[Decision, Move] = MappingProxyType(
    {
        Decision.REPLAYED: Move((State.REJECTED,)),
        Decision.FOUND: Move((State.UNKNOWN,), State.SETTLED, Reason.CONFIRMED_BY_HAND),
        Decision.MISSING: Move((State.UNKNOWN, State.REJECTED)),
        Decision.RELEASED: Move((State.HELD,), reasons=RELEASED_BY_HAND),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which rows; what is not given chooses nothing out. [start, end) is the event's time.

    `ids` are conversion ids, or vendor-side ids, which a conversion and its corrections share.
    """

    ids: tuple[str, ...] = ()
    code: str | None = None
    platform: str | None = None
    account: str | None = None
    start: datetime | None = None
    end: datetime | None = None

    @property
    def empty(self) -> bool:
        """Whether it would choose everything there is."""
        return self == Choice()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Who decides: a user's name, what they want on record, the run they do it in."""

    name: str
    note: str = ""
    run_id: str = "cli"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A row a decision is about. `barred`: why the decision cannot be taken about it; empty when it can."""

    conversion_id: str
    event_key: str
    vendor_id: str
    platform: str
    account: str
    state: str
    reason: str
    code: str
    value_minor: int | None
    currency: str | None
    exponent: int | None
    barred: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """`moved` rows were decided about; `stand` counts how they stand after planning, by state and reason."""

    chosen: Sequence[Chosen]
    moved: int
    stand: Mapping[tuple[str, str], int]


Facts = Mapping[tuple[str, str], Catalogue]
"""The facts of each enabled ad account."""


def choose(connection: Connection, decision: Decision, choice: Choice, facts: Facts) -> list[Chosen]:
    """The rows a decision would be about, by account and deadline."""
    move = MOVES[decision]
    found = connection.execute(
        query("delivery/choose_rows"),
        {
            "states": [state.value for state in move.states],
            "reasons": [reason.value for reason in move.reasons] if move.reasons else None,
            "names": [bare(name) for name in choice.ids] or None,
            "bare": [bare(name) for name in choice.ids if name.startswith(VENDOR_PREFIX)] or None,
            "code": choice.code,
            "platform": choice.platform,
            "account": choice.account,
            "start": choice.start or "-infinity",
            "end": choice.end or "infinity",
        },
    )
    rows: list[Chosen] = []
    for row in found.mappings():
        doubted = row["doubted"] and _copy_counts(facts.get((row["platform"], row["account"])))
        if decision is Decision.MISSING and row["state"] == State.REJECTED.value and not doubted:
            continue
        barred = NOT_CONFIGURED if not row["configured"] and move.state is State.PLANNED else ""
        if doubted and decision is Decision.REPLAYED:
            barred = IN_DOUBT
        named = {name: value for name, value in row.items() if name not in ("configured", "doubted")}
        rows.append(Chosen(**named, barred=barred))
    return rows


def decide(
    engine: Engine, decision: Decision, choice: Choice, facts: Facts, by: Operator, now: datetime
) -> Decided:
    """Takes the decision about every chosen row that is not barred; a second time it changes nothing."""
    move = MOVES[decision]
    ensure_months(engine, "delivery_attempt", [now])
    moved: list[tuple[str, str, str]] = []
    with engine.begin() as connection:
        # Planning's lock first, the chain last: the order planning and delivery lock in.
        transaction_lock(connection, "plan")
        chosen = choose(connection, decision, choice, facts)
        rows = [row for row in chosen if not row.barred]
        if not rows:
            return Decided(chosen=chosen, moved=0, stand={})
        values = {
            "conversion_ids": [row.conversion_id for row in rows],
            "states": [state.value for state in move.states],
            "state": move.state.value,
            "reason": move.reason.value,
            "now": now,
        }

        def act() -> None:
            changed = connection.execute(query("delivery/decide_rows"), values)
            moved.extend((row.platform, row.account, row.conversion_id) for row in changed)

        connection.execute(query("delivery/mark_events_of"), {"event_keys": [row.event_key for row in rows]})
        replan(connection, None, now, first=act)
        ids = [conversion_id for _, _, conversion_id in moved]
        stand = Counter(
            (row.state, row.reason)
            for row in connection.execute(query("delivery/stand_of"), {"conversion_ids": ids})
        )
        _put_on_record(connection, decision, moved, by, now)
    return Decided(chosen=chosen, moved=len(moved), stand=stand)


def strangers(connection: Connection, choice: Choice, chosen: Sequence[Chosen]) -> dict[str, str]:
    """Of the ids a person named, those the decision is not about, and how they stand."""
    known = {name for row in chosen for name in (row.conversion_id, row.vendor_id)}
    others = [name for name in choice.ids if name not in known and bare(name) not in known]
    stand = {
        row.conversion_id: f"{row.state} ({row.reason})"
        for row in connection.execute(
            query("delivery/stand_of"), {"conversion_ids": [bare(name) for name in others]}
        )
    }
    return {name: stand.get(bare(name), "nothing is called so") for name in others}


def bare(name: str) -> str:
    """The conversion's id in a vendor-side id; any other id as it is."""
    return name.removeprefix(VENDOR_PREFIX)


def _copy_counts(facts: Catalogue | None) -> bool:
    return facts is None or facts.dedup is not DedupPromise.ALWAYS


def _put_on_record(
    connection: Connection,
    decision: Decision,
    moved: Sequence[tuple[str, str, str]],
    by: Operator,
    now: datetime,
) -> None:
    batch_id = new_batch_id()
    said = excerpt(f"{by.name}: {by.note}" if by.note else by.name)
    for (platform, name), rows in groupby(sorted(moved), key=itemgetter(0, 1)):
        page = Page(
            at=now,
            platform=platform,
            account=name,
            batch_id=batch_id,
            phase=Phase.OPERATOR,
            run_id=by.run_id,
        )
        note = Note([conversion_id for _, _, conversion_id in rows], decision.value, text=said)
        attempts.append(connection, page, [note])
