"""What the demo shows at its end, and whether everything agrees with everything."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine

from conversion_sync.model.conversion import REASONS, Reason
from conversion_sync.model.money import decimal_amount
from conversion_sync.model.revenue import CASH_KINDS
from conversion_sync.model.windows import Window
from conversion_sync.reports.credit import credit_by_network
from conversion_sync.reports.reconciliation import Reconciliation, reconcile
from conversion_sync.reports.status import LawStatus, check_laws
from conversion_sync.reports.summary import Delivered, EventTotal, Read, RowTotal, delivered, summary
from conversion_sync.store.queries import query

HELD = frozenset({"settled", "accepted"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountBooks:
    """What one ad account holds: by our ledger, and by the platform's own books.

    `corrections` were made to conversions it held: each still counts, with a new value, or no more.
    """

    platform: str
    account: str
    ours: Delivered
    platforms_own: Delivered
    corrections: int = 0

    @property
    def agree(self) -> bool:
        """Count and value, to the cent."""
        return self.ours.conversions == self.platforms_own.conversions and _without_nothing(
            self.ours.value
        ) == _without_nothing(self.platforms_own.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class KindTotal:
    """Revenue events of one kind; `net` in major units by currency, empty for facts without money."""

    name: str
    entries: int
    net: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Earned:
    """What one network earned of the payments in one currency, by credit model, in major units."""

    network: str
    currency: str
    by_model: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """Rows that did not go out, by state and reason, counted per platform."""

    state: str
    reason: str
    sentence: str
    rows: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSummary:
    """Everything the demo tells. `sent_now` counts requests' rows of this very run."""

    start: datetime
    end: datetime
    is_new: bool
    read: Read
    events: tuple[EventTotal, ...]
    truth: Mapping[str, int]
    """Net of payments and refunds that really happened, minor units by currency."""
    billed: Mapping[str, int]
    """The same by our revenue events."""
    accounts: tuple[AccountBooks, ...]
    not_sent: tuple[NotSent, ...]
    earned: tuple[Earned, ...]
    reconciliation: tuple[Reconciliation, ...]
    laws: tuple[LawStatus, ...]
    failures: tuple[str, ...]
    """What failed in this run's days, with where to look."""
    sent_now: int
    received_twice: int
    example: str | None
    seconds: float = 0.0

    def by_kind(self) -> list[KindTotal]:
        """The events of all currencies together; what moved money first."""
        groups: dict[tuple[bool, str], list[EventTotal]] = defaultdict(list)
        for line in self.events:
            name = f"{line.kind}{'' if line.livemode else ' (test mode)'}"
            groups[line.lane != "money", name].append(line)
        return [
            KindTotal(
                name=name,
                entries=sum(line.entries for line in lines),
                net=_net(lines) if lines[0].lane == "money" else {},
            )
            for (_, name), lines in sorted(groups.items())
        ]

    @property
    def agrees(self) -> bool:
        """Whether every comparison holds."""
        return (
            not self.failures
            and self.truth == self.billed
            and all(account.agree for account in self.accounts)
            and all(not line.residual_minor for line in self.reconciliation)
            and all(not law.broken for law in self.laws)
            and not self.received_twice
        )


def collect(
    engine: Engine,
    admin: str,
    window: Window,
    *,
    models: Sequence[str],
    failures: Sequence[str],
    sent_now: int,
    is_new: bool,
    seconds: float,
) -> DemoSummary:
    """Reads our books and the sandbox's, and lays them side by side."""
    found = summary(engine)
    ours = delivered(found.rows)
    theirs = platforms_own(_get(admin, "/ledger/totals"))
    nothing = Delivered(conversions=0, value={})
    return DemoSummary(
        start=window.start,
        end=window.end,
        is_new=is_new,
        read=found.read,
        events=found.events,
        truth=net_by_currency(_get(admin, "/truth/totals")),
        billed=billed(found.events),
        accounts=tuple(
            AccountBooks(
                platform=platform,
                account=account,
                ours=held,
                platforms_own=theirs.get(platform, nothing),
                corrections=corrections(found.rows, platform, account),
            )
            for (platform, account), held in ours.items()
        ),
        not_sent=not_sent(found.rows),
        earned=earned(engine, models, main_currency(found.events)),
        reconciliation=tuple(reconcile(engine)),
        laws=check_laws(engine, None),
        failures=tuple(failures),
        sent_now=sent_now,
        received_twice=sum(1 for entry in _get(admin, "/ledger") if entry["times_received"] > 1),
        example=_example(engine),
        seconds=seconds,
    )


def attempts_so_far(engine: Engine) -> int:
    """How many rows were put into requests, ever."""
    with engine.connect() as connection:
        return int(connection.scalar(query("reports/attempts_made")) or 0)


def corrections(rows: Iterable[RowTotal], platform: str, account: str) -> int:
    """How many corrections one account took."""
    return sum(
        row.entries
        for row in rows
        if (row.platform, row.account, row.kind) == (platform, account, "adjustment") and row.state in HELD
    )


def platforms_own(totals: Iterable[Mapping[str, Any]]) -> dict[str, Delivered]:
    """The platforms' own books, summed over actions."""
    count: Counter[str] = Counter()
    value: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for line in totals:
        count[line["platform"]] += line["count"]
        if line["currency"]:
            value[line["platform"]][line["currency"]] += Decimal(line["value"])
    return {name: Delivered(conversions=count[name], value=dict(value[name])) for name in count}


def net_by_currency(totals: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """What really happened, summed over kinds."""
    net: Counter[str] = Counter()
    for name, line in totals.items():
        net[name.rpartition(":")[2]] += line["net"]
    return dict(sorted(net.items()))


def billed(events: Iterable[EventTotal]) -> dict[str, int]:
    """Net of the cash events by currency, test mode included: what the billing system holds."""
    net: Counter[str] = Counter()
    for line in events:
        if line.kind in CASH_KINDS:
            net[line.currency] += line.net_minor
    return dict(sorted(net.items()))


def not_sent(rows: Sequence[RowTotal]) -> tuple[NotSent, ...]:
    """Rows the platforms do not hold, the most frequent reason first."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in rows:
        if row.state not in HELD:
            counts[row.state, row.reason][row.platform] += row.entries
    return tuple(
        NotSent(state=state, reason=reason, sentence=REASONS[Reason(reason)].sentence, rows=dict(count))
        for (state, reason), count in sorted(counts.items(), key=lambda item: -item[1].total())
    )


def _net(lines: Iterable[EventTotal]) -> dict[str, Decimal]:
    net: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        net[line.currency] += decimal_amount(line.net_minor, line.exponent)
    return dict(net)


def main_currency(events: Iterable[EventTotal]) -> str:
    """The currency most payments are in; empty when there is none."""
    entries: Counter[str] = Counter()
    for line in events:
        if line.lane == "money":
            entries[line.currency] += line.entries
    return max(sorted(entries), key=entries.__getitem__, default="")


def earned(engine: Engine, models: Sequence[str], currency: str) -> tuple[Earned, ...]:
    """What each network earned of the payments in one currency."""
    table = credit_by_network(engine, models).reset_index()
    return tuple(
        Earned(
            network=str(line["network"]),
            currency=currency,
            by_model={model: decimal_amount(int(line[model]), int(line["exponent"])) for model in models},
        )
        for line in table[table["currency"] == currency].to_dict("records")
    )


def _without_nothing(value: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {currency: amount for currency, amount in value.items() if amount}


def _example(engine: Engine) -> str | None:
    with engine.connect() as connection:
        name: str | None = connection.scalar(query("reports/example"))
    return name


def _get(admin: str, path: str) -> Any:
    import requests

    answer = requests.get(f"{admin}{path}", timeout=60)
    answer.raise_for_status()
    return answer.json()
