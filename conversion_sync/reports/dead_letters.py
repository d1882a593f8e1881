"""Dead letters: the rows no delivery can go on with, as a queue a person can work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Engine, RowMapping

from conversion_sync.model.conversion import REASONS, Reason, State
from conversion_sync.model.money import decimal_amount
from conversion_sync.platforms.platform import Catalogue, fact_of
from conversion_sync.reports.span import span
from conversion_sync.store.queries import query

WAITING = (State.REJECTED, State.UNKNOWN)
"""Shown by default; held rows go out by themselves for the most part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One row. Amounts in minor units, times aware UTC; `since` is when it got where it is."""

    conversion_id: str
    vendor_id: str
    platform: str
    account: str
    state: str
    reason: str
    code: str
    text: str
    kind: str
    verb: str
    event_kind: str
    value_minor: int | None
    currency: str | None
    exponent: int | None
    occurred_at: datetime
    since: datetime
    deadline: datetime | None
    attempts: int
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rows of one account with one state and code: how many, worth what by currency, what to do."""

    platform: str
    account: str
    state: str
    reason: str
    code: str
    entries: int
    value: Mapping[str, Decimal]
    oldest: datetime
    next_deadline: datetime | None
    sentence: str
    remedy: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetters:
    """The groups of everything chosen, and one page of its rows; `more` rows come after the page."""

    groups: tuple[Group, ...]
    rows: tuple[DeadLetter, ...]
    skipped: int
    more: int


def dead_letters(
    engine: Engine,
    facts: Mapping[tuple[str, str], Catalogue],
    *,
    states: Sequence[State] = WAITING,
    platform: str | None = None,
    account: str | None = None,
    code: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 50,
    skip: int = 0,
) -> DeadLetters:
    """What waits for a person. `facts` are the enabled accounts' catalogues.

    [start, end) is the event's time.
    """
    chosen = {
        "states": [state.value for state in states],
        "platform": platform,
        "account": account,
        "code": code,
        **span(start, end),
    }
    with engine.connect() as connection:
        counted = connection.execute(query("reports/dead_letter_groups"), chosen).mappings().all()
        page = connection.execute(query("reports/dead_letters"), {**chosen, "most": limit, "skip": skip})
        rows = tuple(
            DeadLetter(
                **row, remedy=remedy(facts.get((row["platform"], row["account"])), row["code"], row["reason"])
            )
            for row in page.mappings()
        )
    total = sum(row["entries"] for row in counted)
    return DeadLetters(
        groups=_groups(counted, facts), rows=rows, skipped=skip, more=max(total - skip - len(rows), 0)
    )


def remedy(facts: Catalogue | None, code: str, reason: str) -> str:
    """What to do about a row: what the platform's catalogue knows of the code, else what its reason says.

    Of a row in doubt the code says only why its last copy was refused, nothing of the one to look up.
    """
    doubted = reason == Reason.MAY_HAVE_ARRIVED.value
    known = fact_of(facts.remedies, code) if facts is not None and code and not doubted else None
    return known or REASONS[Reason(reason)].remedy


def next_command(state: str, platform: str, account: str, code: str) -> str:
    """The command that goes on with rows once they are mended."""
    place = f"--platform {platform} --account {account}" + (f" --code {code}" if code else "")
    match State(state):
        case State.REJECTED:
            return f"conversion-sync replay {place}"
        case State.HELD:
            return f"conversion-sync release {place}"
        case _:
            return "conversion-sync settle ID… --delivered | --missing --note WHAT-YOU-SAW"


def _groups(counted: Sequence[RowMapping], facts: Mapping[tuple[str, str], Catalogue]) -> tuple[Group, ...]:
    found: dict[tuple[str, ...], Group] = {}
    for row in counted:
        platform, account, state, reason, code = key = tuple(
            str(row[name]) for name in ("platform", "account", "state", "reason", "code")
        )
        known = found.get(key)
        value = dict(known.value) if known else {}
        if isinstance(row["value_minor"], int) and isinstance(row["exponent"], int):
            currency = str(row["currency"])
            amount = decimal_amount(row["value_minor"], row["exponent"])
            value[currency] = value.get(currency, Decimal(0)) + amount
        deadlines = [_moment(row["next_deadline"]), known.next_deadline if known else None]
        found[key] = Group(
            platform=platform,
            account=account,
            state=state,
            reason=reason,
            code=code,
            entries=int(str(row["entries"])) + (known.entries if known else 0),
            value=value,
            oldest=min(
                moment for moment in (_moment(row["oldest"]), known.oldest if known else None) if moment
            ),
            next_deadline=min((moment for moment in deadlines if moment), default=None),
            sentence=REASONS[Reason(reason)].sentence,
            remedy=remedy(facts.get((platform, account)), code, reason),
            command=next_command(state, platform, account, code),
        )
    return tuple(found.values())


def _moment(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None
