"""To the cent: what platforms hold plus what the reasons explain is what billing says.

Source: DESIGN.md §4, law 5.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from conversion_sync.reports.span import span
from conversion_sync.store.queries import query


@dataclass(frozen=True, slots=True, kw_only=True)
class NotHeld:
    """Net of the rows the platform does not hold, for one state and reason."""

    state: str
    reason: str
    entries: int
    minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """One ad account and currency; amounts in minor units, 10**`exponent` of which make one.

    billing = held + value rule + revised + retired + Σ not held; what is left over is the residual, and
    must be 0. `value_rule_minor` is what billing had more than the platform was told, when it was told.
    `revised_minor` is what billing changed of these facts since, `retired_minor` what the platform was
    told of facts billing no longer states (so negative where it still holds them).
    """

    platform: str
    account: str
    currency: str
    exponent: int
    billing_minor: int = 0
    held_minor: int = 0
    held_entries: int = 0
    value_rule_minor: int = 0
    revised_minor: int = 0
    retired_minor: int = 0
    not_held: tuple[NotHeld, ...] = ()

    @property
    def residual_minor(self) -> int:
        """What nothing explains."""
        not_held = sum(group.minor for group in self.not_held)
        explained = self.value_rule_minor + self.revised_minor + self.retired_minor + not_held
        return self.billing_minor - self.held_minor - explained


def reconcile(
    engine: Engine, start: datetime | None = None, end: datetime | None = None
) -> list[Reconciliation]:
    """One reconciliation per enabled ad account and currency, for events of [start, end)."""
    with engine.connect() as connection:
        rows = connection.execute(query("reports/reconciliation"), span(start, end)).all()
    found = []
    for key, group in itertools.groupby(
        rows, key=lambda row: (row.platform, row.account, row.currency, row.exponent)
    ):
        lines = list(group)
        whole = {row.part: row for row in lines if row.part != "not_held"}
        minor = {part: int(row.minor) for part, row in whole.items()}
        found.append(
            Reconciliation(
                platform=key[0],
                account=key[1],
                currency=key[2],
                exponent=key[3],
                billing_minor=minor.get("billing", 0),
                held_minor=minor.get("held", 0),
                held_entries=int(whole["held"].entries) if "held" in whole else 0,
                value_rule_minor=minor.get("value_rule", 0),
                revised_minor=minor.get("revised", 0),
                retired_minor=minor.get("retired", 0),
                not_held=tuple(
                    NotHeld(state=row.state, reason=row.reason, entries=row.entries, minor=row.minor)
                    for row in lines
                    if row.part == "not_held"
                ),
            )
        )
    return found
