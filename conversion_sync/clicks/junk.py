"""Clicks nobody made: programs that name themselves, and identifiers no network gives out.

What an identifier cannot be is data (`networks.toml`); which programs there are is a library's. Neither
proves that a click is a person's: a program that pretends to be a browser is the network's to find.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from conversion_sync.model.click import ClickIdKind

if TYPE_CHECKING:
    from crawlerdetect import CrawlerDetect

AGENTS = 65_536
"""User agents whose answer is remembered: a click table has far fewer than rows."""
NAME = 60
"""Characters of a crawler's name that are kept."""


class ClickIdForm(BaseModel):
    """What identifiers of a kind look like. Lengths in characters; `pattern` is of the whole identifier."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shortest: int = Field(default=1, ge=1)
    longest: int = Field(default=2000, ge=1)
    pattern: re.Pattern[str] | None = None
    never: frozenset[str] = frozenset()
    """Words that stand for a missing value, in lower case."""


def id_fault(
    forms: Mapping[ClickIdKind | Literal["any"], ClickIdForm], kind: ClickIdKind, value: str
) -> tuple[str, str] | None:
    """Why an identifier cannot be one, as a reason and its detail, which never holds the identifier."""
    for form in (forms.get("any"), forms.get(kind)):
        if form is None:
            continue
        if value.lower() in form.never:
            return f"impossible_{kind}", "a word for a missing value"
        if len(value) < form.shortest:
            return f"truncated_{kind}", f"{len(value)} characters, at least {form.shortest} are expected"
        if len(value) > form.longest:
            return f"impossible_{kind}", f"{len(value)} characters, at most {form.longest} are possible"
        if form.pattern and not form.pattern.fullmatch(value):
            return f"impossible_{kind}", f"{len(value)} characters in a form {kind} never has"
    return None


@functools.lru_cache(maxsize=AGENTS)
def crawler_of(user_agent: str) -> str | None:
    """The crawler, monitor or library a user agent names; None for what may be a person's browser."""
    detector = _detector()
    if not detector.is_crawler(user_agent):
        return None
    return (detector.get_matches() or "a crawler")[:NAME]


@functools.cache
def _detector() -> CrawlerDetect:
    """Some fifty milliseconds of compiling, once a process."""
    from crawlerdetect import CrawlerDetect

    return CrawlerDetect()
