"""Operate: a person's decision about rows, listed first and taken when they say so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from conversion_sync.attribution.rules import write_rules
from conversion_sync.delivery import operate
from conversion_sync.delivery.operate import Choice, Chosen, Decision, Operator
from conversion_sync.errors import ConfigurationError
from conversion_sync.model.money import decimal_amount
from conversion_sync.pipeline.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatedGroup:
    """Rows of one account with one state, reason and code: how many, and worth what by currency.

    `barred` says why the decision cannot be taken about them; empty when it can.
    """

    platform: str
    account: str
    state: str
    reason: str
    code: str
    rows: int
    value: Mapping[str, Decimal]
    barred: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationReport:
    """What a decision is about, and, unless `dry_run`, what came of it.

    `stand` counts the `moved` rows as planning left them, by state and reason. `strangers` are ids that
    were named in vain, with how they stand.
    """

    decision: str
    dry_run: bool
    groups: tuple[OperatedGroup, ...]
    moved: int
    stand: Mapping[str, int]
    strangers: Mapping[str, str]

    @property
    def can_go(self) -> int:
        """How many rows the decision can be taken about."""
        return sum(group.rows for group in self.groups if not group.barred)


def operate_on(
    ctx: Context, decision: Decision, choice: Choice, by: Operator, *, dry_run: bool
) -> OperationReport:
    """Lists what a decision is about, and takes it unless `dry_run`.

    Raises ConfigurationError for a choice that leaves nothing out, and where a person's word is missing.
    """
    _check(decision, choice, by)
    if dry_run:
        with ctx.engine.connect() as connection:
            chosen: Sequence[Chosen] = operate.choose(connection, decision, choice, ctx.catalogues)
            strange = operate.strangers(connection, choice, chosen)
        return _report(decision, chosen, strange)
    with ctx.engine.connect() as connection:
        before = operate.choose(connection, decision, choice, ctx.catalogues)
        strange = operate.strangers(connection, choice, before)
    write_rules(ctx.engine, ctx.settings, ctx.catalogues)
    done = operate.decide(ctx.engine, decision, choice, ctx.catalogues, by, ctx.clock())
    stand = {f"{state} ({reason})": rows for (state, reason), rows in sorted(done.stand.items())}
    return _report(decision, done.chosen, strange, dry_run=False, moved=done.moved, stand=stand)


def _check(decision: Decision, choice: Choice, by: Operator) -> None:
    if decision in (Decision.FOUND, Decision.MISSING) and not choice.ids:
        raise ConfigurationError(
            "No conversion is named.",
            remedy="Name each one you looked up; `conversion-sync dead-letters --state unknown` lists them.",
        )
    if decision is Decision.MISSING and not by.note.strip():
        raise ConfigurationError(
            "A copy that did arrive would count twice, so what you saw at the platform goes on record.",
            remedy='Add --note "where you looked and what you saw".',
        )
    if choice.empty:
        raise ConfigurationError(
            "Nothing says which rows.",
            remedy="Give ids, or one of --code, --platform, --account, --from, --to.",
        )


def _report(
    decision: Decision,
    chosen: Sequence[Chosen],
    strange: Mapping[str, str],
    *,
    dry_run: bool = True,
    moved: int = 0,
    stand: Mapping[str, int] | None = None,
) -> OperationReport:
    counts: Counter[tuple[str, ...]] = Counter()
    values: dict[tuple[str, ...], dict[str, Decimal]] = {}
    for row in chosen:
        key = (row.platform, row.account, row.state, row.reason, row.code, row.barred)
        counts[key] += 1
        value = values.setdefault(key, {})
        if row.value_minor is not None and row.exponent is not None and row.currency:
            amount = decimal_amount(row.value_minor, row.exponent)
            value[row.currency] = value.get(row.currency, Decimal(0)) + amount
    groups = tuple(
        OperatedGroup(
            platform=key[0],
            account=key[1],
            state=key[2],
            reason=key[3],
            code=key[4],
            barred=key[5],
            rows=rows,
            value=values[key],
        )
        for key, rows in sorted(counts.items())
    )
    return OperationReport(
        decision=decision.value,
        dry_run=dry_run,
        groups=groups,
        moved=moved,
        stand=stand or {},
        strangers=strange,
    )
