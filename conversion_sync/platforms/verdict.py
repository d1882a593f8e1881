"""How every adapter words an answer: a code, its outcome from the catalogue, and what a human must do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cache

from conversion_sync.model.conversion import Outbound, Outcome, Reason
from conversion_sync.platforms.http import Reply
from conversion_sync.platforms.platform import (
    Catalogue,
    RowResult,
    SendResult,
    Settlement,
    SettlementStatus,
    fact_of,
    outcome_of,
)
from conversion_sync.redaction import HIDDEN

FIRST_SERVER_ERROR = 500
OK, FIRST_REDIRECT, FIRST_CLIENT_ERROR = 200, 300, 400
SHORTEST_IDENTIFIER = 6
"""Characters; anything shorter would be found in every text."""
PRECEDENCE = (
    Outcome.HOLD,
    Outcome.BAD_BATCH,
    Outcome.REJECTED,
    Outcome.AMBIGUOUS,
    Outcome.RETRY_LATER,
    Outcome.ACCEPTED,
    Outcome.DELIVERED,
)
"""Of several answers for one row the first of these decides: it asks most of us."""


def verdict(
    facts: Catalogue,
    code: str,
    text: str,
    *,
    remedy: str,
    status: int | None = None,
    unknown: Outcome = Outcome.BAD_BATCH,
    named: Sequence[int] = (),
    retry_after: timedelta | None = None,
) -> SendResult:
    """The answer for a whole batch. `unknown` is the class of a code the catalogue does not list, `remedy`
    what a person does about one for which it names nothing.
    """
    outcome = outcome_of(facts.codes, code) or unknown
    return SendResult(
        outcome=outcome,
        code=code,
        text=text,
        remedy=remedy_of(facts, code, remedy) if outcome is Outcome.HOLD else "",
        named=named if outcome is Outcome.BAD_BATCH else (),
        http_status=status,
        retry_after=retry_after if outcome in (Outcome.RETRY_LATER, Outcome.AMBIGUOUS) else None,
    )


def remedy_of(facts: Catalogue, code: str, general: str) -> str:
    """What a person does about a code: as the catalogue says, else `general`."""
    return fact_of(facts.remedies, code) or general


def by_status(facts: Catalogue, reply: Reply, text: str, *, remedy: str) -> SendResult:
    """The answer of a reply whose body says nothing: by its HTTP status alone.

    A 2xx without a readable body may have been taken in; a redirect never comes from the vendor.
    """
    if OK <= reply.status < FIRST_REDIRECT:
        return verdict(
            facts, "unreadable", text, remedy=remedy, status=reply.status, unknown=Outcome.AMBIGUOUS
        )
    if reply.status < FIRST_CLIENT_ERROR:
        unknown, remedy = Outcome.HOLD, "Check the account's endpoint: it answers with a redirect."
    else:
        unknown = Outcome.RETRY_LATER if reply.status >= FIRST_SERVER_ERROR else Outcome.BAD_BATCH
    return verdict(
        facts,
        f"http_{reply.status}",
        text,
        remedy=remedy,
        status=reply.status,
        unknown=unknown,
        retry_after=reply.retry_after,
    )


def nameless(batch: Sequence[Outbound], excerpt: Callable[[str], str]) -> Callable[[str], str]:
    """`excerpt` that also hides what tells the batch's people apart: vendors echo what they refuse."""

    @cache
    def longest_first() -> Sequence[str]:
        known = {value for row in batch for value in (row.click_id, row.ip_address, row.user_agent) if value}
        known.update(value for row in batch for value in (*row.click_ids.values(), *row.identifiers.values()))
        return sorted((value for value in known if len(value) >= SHORTEST_IDENTIFIER), key=len)[::-1]

    def scrubbed(text: str) -> str:
        for value in longest_first() if len(text) >= SHORTEST_IDENTIFIER else ():
            text = text.replace(value, HIDDEN)
        return excerpt(text)

    return scrubbed


def checked_here(batch: Sequence[Outbound], invalid: Callable[[Outbound], str | None]) -> SendResult:
    """The answer of a platform that offers no check of its own: our rules, row by row."""
    faults = {index: fault for index, row in enumerate(batch) if (fault := invalid(row)) is not None}
    return SendResult(
        outcome=Outcome.DELIVERED,
        code="checked_here",
        rows={
            index: RowResult(outcome=Outcome.REJECTED, code=Reason.INVALID_ROW.value, text=fault)
            for index, fault in faults.items()
        },
    )


def nothing_to_ask() -> Settlement:
    """The settlement of a platform that answers at once."""
    return Settlement(
        status=SettlementStatus.HOLD,
        code="nothing_to_ask",
        text="This platform confirms at once, never later.",
    )
