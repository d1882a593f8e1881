"""The keys about how fast an account is asked: the same in a catalogue and in an account's settings."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Bucket = Literal["every", "conversions", "corrections", "questions"]
"""What is counted together: one kind of request, or all that have no bucket of their own."""


class LimitSettings(BaseModel):
    """What may leave from one account in a span of time; conversions where the vendor counts them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests_per_second: float | None = Field(default=None, gt=0)
    requests_per_minute: float | None = Field(default=None, gt=0)
    requests_per_day: int | None = Field(default=None, gt=0)
    conversions_per_day: int | None = Field(default=None, gt=0)


class BreakerSettings(BaseModel):
    """When an account counts as down, and how it is tried again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    failures: int | None = Field(default=None, ge=1)
    """Failed answers in a row."""
    window: int | None = Field(default=None, ge=1, le=1000)
    share: float | None = Field(default=None, gt=0, le=1)
    """Of the last `window` answers."""
    probe_conversions: int | None = Field(default=None, ge=1)
    first_pause_minutes: float | None = Field(default=None, gt=0)
    longest_pause_minutes: float | None = Field(default=None, gt=0)
