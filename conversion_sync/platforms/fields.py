"""What a vendor takes in a field of a row, said by a length or a list of words: `[fields]` of a catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRule:
    """The most characters, and the only values; None and empty: any."""

    longest: int | None = None
    words: frozenset[str] = frozenset()


class FieldKeys(BaseModel):
    """The shape of `[fields.<name>]`; see `FieldRule`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    longest: int | None = Field(default=None, gt=0)
    words: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.longest is None and not self.words:
            raise ValueError("neither longest nor words")
        return self


def rules_of(fields: Mapping[str, FieldKeys]) -> Mapping[str, FieldRule]:
    """What `[fields]` says, by the field's name."""
    return MappingProxyType(
        {name: FieldRule(longest=keys.longest, words=frozenset(keys.words)) for name, keys in fields.items()}
    )


def field_fault(rules: Mapping[str, FieldRule], name: str, value: str) -> str | None:
    """Why the vendor would refuse this value of the field; None when it is fine.

    A value is shown only where words are asked for: those come from the configuration, never from a person.
    """
    rule = rules.get(name)
    if rule is None:
        return None
    if rule.longest is not None and len(value) > rule.longest:
        return f"The {name} is longer than {rule.longest} characters."
    if rule.words and value not in rule.words:
        return f"The {name} {value!r} is none of {', '.join(sorted(rule.words))}."
    return None
