"""How a value is written where not any text will do, and what a person is told who writes it otherwise."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError


def told(problem: str, remedy: str) -> PydanticCustomError:
    """The fault a validator raises that knows the remedy better than `config.problems` does."""
    return PydanticCustomError("told", "{problem}", {"problem": problem, "remedy": remedy})


def form(pattern: str, problem: str, remedy: str) -> AfterValidator:
    """A text that matches the pattern whole."""

    def check(value: str) -> str:
        if re.fullmatch(pattern, value) is None:
            raise told(problem, remedy)
        return value

    return AfterValidator(check)


Digits = Annotated[str, form("[0-9]+", "must be digits only", "Write digits only, in quotes.")]
Currency = Annotated[
    str, form("[A-Z]{3}", "must be an ISO 4217 code", "Write its three capital letters, for example USD.")
]
