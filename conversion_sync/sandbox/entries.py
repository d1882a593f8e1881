"""One conversion in a platform's books: how copies of it count and what adjustments do to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

Key = tuple[str, str, str, str]
"""Platform, account, action, vendor id."""


class Copies(StrEnum):
    """What a further copy under the same vendor id does."""

    EACH_COUNTS = "each_counts"
    FIRST_IN_WINDOW_COUNTS = "first_in_window_counts"
    OVERWRITES = "overwrites"


class Applied(StrEnum):
    """What became of an adjustment."""

    APPLIED = "applied"
    IGNORED = "ignored"
    PENDING = "pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """One accepted row as it arrived. `vendor_id` is the transaction, order or event id, "" when absent.

    `matched` says whether the platform knows the click; `value` is in major units.
    """

    platform: str
    account: str
    action: str
    vendor_id: str
    click_kind: str
    click_id: str
    matched: bool
    value: Decimal | None
    currency: str | None
    occurred_at: datetime
    received_at: datetime


@dataclass(slots=True, kw_only=True)
class Adjustment:
    """A restatement or, with a value of None, a retraction. `at` is the time the caller gave it."""

    at: datetime
    value: Decimal | None
    currency: str | None
    received_at: datetime
    outcome: Applied = Applied.PENDING


@dataclass(slots=True, kw_only=True)
class Entry:
    """A conversion in the books. `value` is the latest copy's, `total` what the platform reports."""

    first: Conversion
    value: Decimal | None
    currency: str | None
    times_received: int = 1
    counts: int = 1
    total: Decimal = Decimal(0)
    counted_at: datetime
    """When the last counting copy came; windows run from here."""
    terminal: bool = False
    """Retracted or restated to zero: later adjustments are accepted and ignored."""
    retracted: bool = False
    adjustments: list[Adjustment] = field(default_factory=list)

    @property
    def counts_without_dedup(self) -> int:
        """How often it would count if every copy did; a retraction takes all of them back."""
        return 0 if self.retracted else self.times_received


def exact(number: float) -> Decimal:
    """The decimal a double was written as: 12.34 and not the binary fraction behind it."""
    return Decimal(repr(number).removesuffix(".0"))


def count_copy(entry: Entry, row: Conversion, copies: Copies, window: timedelta) -> None:
    """Count a further copy by the platform's rule; `window` runs from the last counting copy."""
    if copies is Copies.OVERWRITES:
        if not entry.terminal:
            entry.value, entry.currency, entry.total = row.value, row.currency, row.value or Decimal(0)
        return
    if copies is Copies.FIRST_IN_WINDOW_COUNTS and row.received_at - entry.counted_at < window:
        return
    entry.counts += 1
    entry.total += row.value or Decimal(0)
    entry.counted_at = row.received_at


def apply(entry: Entry, adjustment: Adjustment) -> Applied:
    """Restate or retract; restated to zero or retracted is terminal.

    Source: specs/google_ads.md §3.3.
    """
    entry.adjustments.append(adjustment)
    if entry.terminal:
        adjustment.outcome = Applied.IGNORED
        return adjustment.outcome
    adjustment.outcome = Applied.APPLIED
    if adjustment.value is None:
        entry.retracted, entry.terminal = True, True
        entry.counts, entry.total, entry.value = 0, Decimal(0), Decimal(0)
    else:
        entry.value = entry.total = adjustment.value
        entry.currency = adjustment.currency or entry.currency
        entry.terminal = adjustment.value == 0
    return adjustment.outcome


def entry_json(key: Key, entry: Entry) -> dict[str, Any]:
    """An entry as people and tests read it: the first copy's members, then how it stands now."""
    shown: dict[str, Any] = plain(entry)
    first: dict[str, Any] = shown.pop("first")
    first |= {"vendor_id": key[3], "first_value": first["value"], "first_currency": first["currency"]}
    first["counts_without_dedup"] = entry.counts_without_dedup
    del shown["counted_at"]
    return first | shown


def plain(value: Any) -> Any:
    """The JSON form: decimals as text, times as ISO 8601 UTC."""
    match value:
        case None | str() | int():
            return value
        case Decimal():
            return format(value, "f")
        case datetime():
            return value.astimezone(UTC).isoformat()
        case list():
            return [plain(item) for item in value]
        case dict():
            return {name: plain(item) for name, item in value.items()}
        case _:
            return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}


def as_key(parts: list[str]) -> Key:
    """A key from its JSON form."""
    platform, account, action, vendor_id = parts
    return (platform, account, action, vendor_id)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def adjustment_from(kept: dict[str, Any]) -> Adjustment:
    """An adjustment from its JSON form."""
    return Adjustment(
        at=datetime.fromisoformat(kept["at"]),
        value=_decimal(kept["value"]),
        currency=kept["currency"],
        received_at=datetime.fromisoformat(kept["received_at"]),
        outcome=Applied(kept["outcome"]),
    )


def entry_from(kept: dict[str, Any]) -> Entry:
    """An entry from its JSON form."""
    first = kept["first"]
    times = {name: datetime.fromisoformat(first[name]) for name in ("occurred_at", "received_at")}
    return Entry(
        first=Conversion(**{**first, **times, "value": _decimal(first["value"])}),
        value=_decimal(kept["value"]),
        currency=kept["currency"],
        times_received=kept["times_received"],
        counts=kept["counts"],
        total=Decimal(kept["total"]),
        counted_at=datetime.fromisoformat(kept["counted_at"]),
        terminal=kept["terminal"],
        retracted=kept["retracted"],
        adjustments=[adjustment_from(adjustment) for adjustment in kept["adjustments"]],
    )
