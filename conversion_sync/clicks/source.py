"""The seam between the pipeline and a click table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from conversion_sync.model.click import Click, QuarantinedClick
from conversion_sync.model.windows import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickPage:
    """Some rows of a click table: those that can be used and those that cannot."""

    clicks: Sequence[Click]
    quarantined: Sequence[QuarantinedClick]


class ClickSource(Protocol):
    """One click table of the user."""

    @property
    def name(self) -> str:
        """The table's name in the configuration."""
        ...

    def read(self, window: Window) -> Iterator[ClickPage]:
        """Rows clicked (or, if the table says when rows were written, written) in the window or the
        overlap before it, in pages of bounded size.

        Raises ConfigurationError when a mapped column or the table is missing, TransientError when
        the database is down.
        """
        ...

    def close(self) -> None:
        """Release connections."""
        ...
