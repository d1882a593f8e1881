"""How long a code that asks to come back later is believed: `[[retries]]` of a catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from conversion_sync.platforms.platform import Patience


class Retries(BaseModel):
    """How often codes that ask to come back later are obeyed, and how soon; see `Patience`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    codes: tuple[str, ...] = Field(min_length=1)
    tries: int | None = Field(default=None, gt=0)
    hours_after_original: float | None = Field(default=None, gt=0)
    delay_hours: float | None = Field(default=None, gt=0)
    delay_minutes: tuple[Annotated[float, Field(gt=0)], ...] = ()
    """One pause after the other, the last of them for good."""
    next_day: bool = False

    @property
    def delays(self) -> tuple[timedelta, ...]:
        """How soon; empty where the pauses are left to us."""
        if self.delay_hours is not None:
            return (timedelta(hours=self.delay_hours),)
        return tuple(timedelta(minutes=minutes) for minutes in self.delay_minutes)

    @property
    def pauses(self) -> bool:
        """Whether it says how soon."""
        return bool(self.delays) or self.next_day

    @field_validator("delay_minutes", mode="before")
    @classmethod
    def _one_or_more(cls, given: object) -> object:
        return (given,) if isinstance(given, int | float) else given

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.tries is None and self.hours_after_original is None and not self.pauses:
            raise ValueError(f"neither a bound nor a delay for {', '.join(self.codes)}")
        if self.delay_hours is not None and self.delay_minutes:
            raise ValueError(f"hours and minutes for {', '.join(self.codes)}")
        return self


def patience_of(listed: Iterable[Retries]) -> Mapping[str, Patience]:
    """What all `[[retries]]` say, by code."""
    known = {
        code: Patience(
            tries=retries.tries,
            after_original=_hours(retries.hours_after_original),
            delay=retries.delays[0] if retries.delays else None,
            then=retries.delays[1:],
            next_day=retries.next_day,
        )
        for retries in listed
        for code in retries.codes
    }
    return MappingProxyType(known)


def _hours(hours: float | None) -> timedelta | None:
    return None if hours is None else timedelta(hours=hours)
