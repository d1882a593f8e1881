"""What an hour's books mean in Dagster's colours. Pure; the table in tests/orchestration holds it.

Red is an hour that a run can still mend: rows that should have left and did not, rows an account's
refused credential holds, or refusals past the configured share. Rows refused for good below that
share, and rows only a human can decide about, leave the hour green with a warning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from conversion_sync.pipeline.report import FailureRow, HourReport


class Colour(StrEnum):
    """How the hour shows."""

    GREEN = "green"
    WARN = "warn"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`sentence` says what is the matter and what to do; empty when nothing is."""

    colour: Colour
    sentence: str = ""


def verdict(hour: HourReport, reject_share_red: float) -> Verdict:
    """The hour's colour, from the ledger."""
    held = sum(count for (state, _), count in hour.states.items() if state == "held")
    left = hour.retryable_left + held
    if left:
        return Verdict(
            Colour.RED,
            f"{left} of {hour.rows} rows have not left; mend what the table names, then re-materialize "
            "this hour: rows already sent are not sent again.",
        )
    answered = hour.sent + hour.rejected
    if answered and hour.rejected / answered > reject_share_red:
        return Verdict(
            Colour.RED,
            f"{hour.rejected} of {answered} conversions were refused, more than the accepted share "
            f"({reject_share_red:.0%}); see the table.",
        )
    if hour.rejected or hour.needs_human:
        return Verdict(
            Colour.WARN,
            f"{hour.rejected} rows were refused, {hour.needs_human} wait for a human; see the table.",
        )
    return Verdict(Colour.GREEN)


def summary(hours: Sequence[HourReport]) -> str:
    """What needs a look although no run can mend it, in one line; empty when nothing does."""
    counts = (
        (sum(hour.rejected for hour in hours), "refused by the platform"),
        (sum(hour.needs_human for hour in hours), "waiting for a person"),
    )
    said = " and ".join(f"{count} row{'s' if count > 1 else ''} {what}" for count, what in counts if count)
    first = next((row for hour in hours for row in hour.failures), None)
    if not said or first is None:
        return said
    words = f"{first.code} {first.text}".strip() or first.reason
    return f"{said}. The platform said: {words.rstrip('.')}. Remedy: {first.remedy}"


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
