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

    @property
    def rows(self) -> int:
        """How many rows were read; one may be a click and have an identifier in quarantine."""
        return len({one.click_ref for one in self.clicks} | {one.click_ref for one in self.quarantined})


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
