"""What an hour's books mean in Dagster's colours. Pure; the table in tests/orchestration holds it.

Red is an hour that a run can still mend: rows that should have left and did not, and rows an
account's refused credential holds. Red for good, as no run can mend it, is one with refusals past the
configured share. Rows refused below that share, and rows only a person can decide about, leave the
hour green with a warning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from conversion_sync.config.settings import Schedule
from conversion_sync.delivery.tally import Pause
from conversion_sync.model.conversion import Reason, State
from conversion_sync.pipeline.report import FailureRow, HourReport

RELEASED_BY_A_RUN = (State.HELD.value, Reason.CREDENTIAL_OR_CONFIGURATION.value)
"""Held rows that go out by themselves once the account is mended; others wait for a decision."""


class Colour(StrEnum):
    """How the hour shows."""

    GREEN = "green"
    WARN = "warn"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`sentence` says what is the matter and what to do; empty when nothing is.

    `for_good`: red, and no run can change that.
    """

    colour: Colour
    sentence: str = ""
    for_good: bool = False


def verdict(hour: HourReport, limits: Schedule, pause: Pause | None = None) -> Verdict:
    """The hour's colour, from the ledger. `pause` is why its account is left alone, if it is."""
    held = hour.states.get(RELEASED_BY_A_RUN, 0)
    left = hour.retryable_left + held
    if left and pause is not None and not held:
        said = f"{left} of {hour.rows} rows wait. {pause.sentence} Nothing is to be done."
        return Verdict(Colour.RED, said)
    if left:
        return Verdict(
            Colour.RED,
            f"{left} of {hour.rows} rows have not left; mend what the table names, then re-materialize "
            "this hour: rows already sent are not sent again.",
        )
    answered = hour.sent + hour.rejected
    many = hour.rejected >= limits.reject_rows_red
    if many and hour.rejected / answered > limits.reject_share_red:
        return Verdict(
            Colour.RED,
            f"{hour.rejected} of {answered} conversions were refused, more than the accepted share "
            f"({limits.reject_share_red:.0%}): no run mends that; look at what the table names.",
            for_good=True,
        )
    if hour.rejected or hour.needs_human:
        return Verdict(Colour.WARN, f"{_for_a_person([hour])}; see the table.")
    return Verdict(Colour.GREEN)


def summary(hours: Sequence[HourReport]) -> str:
    """What needs a look although no run can mend it, in one line; empty when nothing does."""
    said = _for_a_person(hours)
    first = next((row for hour in hours for row in hour.failures), None)
    if not said or first is None:
        return said
    words = f"{first.code} {first.text}".strip() or first.reason
    return f"{said}. The platform said: {words.rstrip('.')}. Remedy: {first.remedy}"


def _for_a_person(hours: Sequence[HourReport]) -> str:
    counts = (
        (sum(hour.rejected for hour in hours), "refused by the platform"),
        (sum(hour.needs_human for hour in hours), "waiting for a person"),
    )
    return " and ".join(f"{count} row{'s' if count > 1 else ''} {what}" for count, what in counts if count)


def table(failures: Sequence[FailureRow]) -> str:
    """The rows as a Markdown table."""
    head = "| conversion | state | reason | code | said | value | what to do |\n|---|---|---|---|---|---|---|"
    lines = [
        "| "
        + " | ".join(
            _cell(text)
            for text in (row.conversion_id, row.state, row.reason, row.code, row.text, row.value, row.remedy)
        )
        + " |"
        for row in failures
    ]
    return "\n".join([head, *lines])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ") or "-"
