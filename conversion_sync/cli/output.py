"""How data is shown: money, moments, tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conversion_sync.model.money import decimal_amount

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

WIDTH = 120
"""Columns of what is written to a file or a pipe."""


def console(*, stderr: bool = False, width: int = WIDTH) -> Console:
    """Where people read; without colours, and `width` wide, when it is no terminal."""
    from rich.console import Console

    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, highlight=False, soft_wrap=not terminal, width=None if terminal else width)


def plain(value: Any) -> Any:
    """The JSON form: times ISO 8601 UTC, decimals as text, dataclasses as objects."""
    shown: Any = value
    match value:
        case datetime():
            shown = value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case Decimal():
            shown = format(value, "f")
        case Enum():
            shown = value.value
        case Path():
            shown = str(value)
        case Mapping():
            shown = {_name(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            shown = [plain(item) for item in value]
        case _ if is_dataclass(value):
            shown = {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return shown


def _name(key: object) -> str:
    return ":".join(map(str, key)) if isinstance(key, tuple) else str(key)


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """One JSON value on stdout."""
    sys.stdout.write(json.dumps(plain(value), ensure_ascii=False, indent=indent) + "\n")


def amount(minor: int | None, exponent: int | None, currency: str | None) -> str:
    """Minor units as people write money: `1,234.50 USD`; empty when there is none."""
    if minor is None or exponent is None or not currency:
        return ""
    return money(decimal_amount(minor, exponent), currency)


def money(value: Decimal, currency: str) -> str:
    """A decimal amount with its currency: whole where it has no smaller unit, else two digits or more."""
    text = f"{value:,f}"
    if "." in text:
        whole, digits = text.split(".")
        text = f"{whole}.{digits.rstrip('0').ljust(2, '0')}"
    return f"{text} {currency}"


def moneys(values: Mapping[str, Decimal]) -> str:
    """Amounts of several currencies in one line."""
    return " + ".join(money(value, currency) for currency, value in sorted(values.items())) or "-"


def when(moment: datetime | None) -> str:
    """A moment in UTC to the minute; a dash for none."""
    return "-" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def count(number: int, thing: str) -> str:
    """`1 row`, `2,000 rows`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table for people; columns whose name begins with `#` are numbers."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    shown = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        shown.add_column(
            column.removeprefix("#"), justify="right" if column.startswith("#") else "left", overflow="fold"
        )
    for row in rows:
        shown.add_row(*(Text(f"{cell:,}" if isinstance(cell, int) else str(cell)) for cell in row))
    return shown
