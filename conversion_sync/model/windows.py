"""Half-open spans of UTC time and the hours that partition them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """[start, end), both aware UTC. Raises ValueError for naive times or an empty span."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.utcoffset() != timedelta(0) or self.end.utcoffset() != timedelta(0):
            raise ValueError("a window's bounds are aware UTC times")
        if self.start >= self.end:
            raise ValueError(f"a window ends after it starts, not {self.start} .. {self.end}")

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    def hours(self) -> Iterator[Window]:
        """The whole hours of the window, in order."""
        start = self.start
        while start < self.end:
            yield Window(start, min(start + HOUR, self.end))
            start += HOUR

    def days(self) -> Iterator[Window]:
        """Spans that end at each UTC midnight, in order; the first and last may be short."""
        start = self.start
        while start < self.end:
            midnight = datetime(start.year, start.month, start.day, tzinfo=UTC) + timedelta(days=1)
            yield Window(start, min(midnight, self.end))
            start = midnight


def moment(text: str) -> datetime:
    """A day or a moment as people write it; without an offset it is UTC. Raises ValueError."""
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is no moment; write 2026-11-01, 2026-11-01T05 or 2026-11-01T05:30+02:00."
        ) from None
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)


def floor_hour(moment: datetime) -> datetime:
    """The hour `moment` lies in."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
