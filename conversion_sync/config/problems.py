"""Pydantic's complaints as one line each: which key, what is wrong, what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from datetime import date

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from conversion_sync.config.settings import Finding, Settings
from conversion_sync.config.values import child_of, is_secret, plain
from conversion_sync.redaction import redact

EXAMPLE = "conversion-sync.example.yaml"
NAME_OF_A_KEY = "[key]"
"""Pydantic's last step when the name of an entry is wrong, not its value."""
REMEDIES = {
    "enum": "Write one of them.",
    "literal_error": "Write one of them.",
    "tuple_type": "Write a list, for example [env:NAME].",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "Write a whole number."),
    **dict.fromkeys(("float_type", "float_parsing", "decimal_type", "decimal_parsing"), "Write a number."),
    **dict.fromkeys(
        ("greater_than", "greater_than_equal", "less_than", "less_than_equal"),
        "Write a number within that bound.",
    ),
}
"""By pydantic's types of faults."""
LONGEST = 60
"""Characters of a value that is shown; what is longer may be anything."""


def problems(fault: ValidationError, shape: type[Settings]) -> list[Finding]:
    """One finding a complaint, in pydantic's order, each with the value unless it may be a secret."""
    return [_finding(error, shape) for error in fault.errors(include_url=False)]


def _finding(error: ErrorDetails, shape: type[Settings]) -> Finding:
    place = error["loc"]
    key = ".".join(str(step) for step in place if step != NAME_OF_A_KEY) or "the file"
    problem, remedy = _words(error, place, shape)
    return Finding(key, problem, remedy)


def _words(error: ErrorDetails, place: Sequence[int | str], shape: type[Settings]) -> tuple[str, str]:
    if place and place[-1] == NAME_OF_A_KEY:
        return (
            "The name cannot be used.",
            "Use a known name; your own begin with a lower-case letter and hold a-z, 0-9 and _ only.",
        )
    if error["type"] == "extra_forbidden":
        return "Unknown key.", _nearest(place, shape)
    if error["type"] == "missing":
        return "The key is missing.", f"Add it; {EXAMPLE} shows how."
    return _wrong(error, place, shape), _remedy(error)


def _remedy(error: ErrorDetails) -> str:
    """The validator's own, else what helps against this type of fault."""
    own = error.get("ctx", {}).get("remedy")
    if isinstance(own, str):
        return own
    if error["type"] == "string_type" and isinstance(error["input"], int | float):
        return "Put the value in quotes."
    return REMEDIES.get(error["type"], f"Correct the value; {EXAMPLE} shows one.")


def _wrong(error: ErrorDetails, place: Sequence[int | str], shape: type[Settings]) -> str:
    said = error["msg"].removeprefix("Value error, ")
    said = said[:1].upper() + said[1:]
    given = error["input"]
    shown = isinstance(given, str | int | float | date) and not is_secret(_kind(place, shape))
    value = repr(given) if isinstance(given, str | bool | int | float) else str(given)
    return f"{said}, not {redact(value)}." if shown and len(value) <= LONGEST else f"{said}."


def _nearest(place: Sequence[int | str], shape: type[Settings]) -> str:
    known = _known_keys(place[:-1], shape)
    near = difflib.get_close_matches(str(place[-1]), known, n=1, cutoff=0.6)
    if near:
        return f"Did you mean {near[0]}?"
    return f"Remove it; the keys here are {', '.join(known)}."


def _known_keys(place: Sequence[int | str], shape: type[Settings]) -> list[str]:
    kind = plain(_kind(place, shape))
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return list(kind.model_fields)
    return []


def _kind(place: Sequence[int | str], shape: type[Settings]) -> object | None:
    """The type of what stands there; None where no key may."""
    kind: object | None = shape
    for step in place:
        kind = child_of(plain(kind), step)
    return kind
