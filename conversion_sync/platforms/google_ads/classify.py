"""What the failures of the Google Ads API mean.

Several errors may stand on one row; the one that asks most of us decides. Errors without a row's
index are about the request. Source: specs/google_ads.md §4 (codes, precedence).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from conversion_sync.model.conversion import Outbound, Outcome, Verb
from conversion_sync.platforms.platform import Catalogue, RowResult, SendResult, outcome_of
from conversion_sync.platforms.verdict import PRECEDENCE, nameless, remedy_of, verdict

Excerpt = Callable[[str], str]

REMEDY = "Check the account's customer ids, its refresh token's scopes and the conversion_action_id."
OF_ANOTHER_ACCOUNT = frozenset(
    f"conversion_upload_error.INVALID_CUSTOMER_FOR_{what}" for what in ("CLICK", "CALL")
)
FEWEST_TO_BLAME = 5
"""Rows of a request below which its clicks are at fault and not the account. Source: §4.1, code 30."""
OPTIONAL = frozenset({"user_identifiers", "custom_variables", "consent", "cart_data"})
"""Parts of a row that matter no more once Google has it. Source: specs/google_ads.md §4 (precedence)."""
OF_ROWS = ("conversion_upload_error.", "conversion_adjustment_upload_error.", "mutate_error.")
"""Groups of errors that hold some rows of an account and not others: their action is at fault."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One error of the Google Ads API. `index` is the row it names, None when it is about the request;
    `field` the part of the row, "" when it says none.
    """

    code: str
    text: str
    index: int | None = None
    retry_after: timedelta | None = None
    field: str = ""


def partial_failure(
    facts: Catalogue, batch: Sequence[Outbound], faults: Sequence[Fault], excerpt: Excerpt
) -> SendResult:
    """The answer for a batch whose rows stand alone: rows that no error names are taken in."""
    of_row: dict[int, list[Fault]] = defaultdict(list)
    whole: list[Fault] = []
    for fault in faults:
        if fault.index is None or fault.index >= len(batch):
            whole.append(fault)
        else:
            of_row[fault.index].append(fault)
    rows = {index: _gravest(facts, batch[index], own, excerpt) for index, own in sorted(of_row.items())}
    rows = _blamed(facts, rows, len(batch))
    if whole:
        answer = request_fault(facts, batch, whole, excerpt)
        return replace(answer, rows={**answer.rows, **rows}, named=())
    if len(rows) == len(batch) and all(_of_account(row) for row in rows.values()):
        row = rows[0]
        return SendResult(
            outcome=row.outcome,
            code=row.code,
            text=row.text,
            remedy=remedy_of(facts, row.code, REMEDY),
            rows=rows,
        )
    held = next((row for row in rows.values() if row.outcome is Outcome.HOLD), None)
    remedy = remedy_of(facts, held.code, REMEDY) if held is not None else ""
    return SendResult(outcome=Outcome.DELIVERED, code="ok", rows=rows, remedy=remedy)


def request_fault(
    facts: Catalogue, batch: Sequence[Outbound], faults: Sequence[Fault], excerpt: Excerpt
) -> SendResult:
    """The answer for a call that failed as a whole: nothing of it was taken in."""
    scrubbed = nameless(batch, excerpt)
    answers = [
        verdict(
            facts,
            fault.code,
            scrubbed(fault.text),
            remedy=remedy_of(facts, fault.code, REMEDY),
            unknown=Outcome.BAD_BATCH,
            named=() if fault.index is None else (fault.index,),
            retry_after=fault.retry_after,
        )
        for fault in faults
    ]
    chosen = min(answers, key=lambda answer: PRECEDENCE.index(answer.outcome))
    if chosen.outcome is Outcome.HOLD and remedy_of(facts, chosen.code, ""):
        # What a row's last attempt says is where a person looks for what to do.
        told = RowResult(outcome=Outcome.HOLD, code=chosen.code, text=f"{chosen.text} {chosen.remedy}")
        return replace(chosen, rows=dict.fromkeys(range(len(batch)), told))
    if chosen.outcome not in (Outcome.REJECTED, Outcome.DELIVERED):
        return chosen
    if len(batch) == 1 and _gravest(facts, batch[0], faults, excerpt).outcome is Outcome.DELIVERED:
        return SendResult(outcome=Outcome.DELIVERED, code=chosen.code, text=chosen.text)
    # A row's code on the whole call: some row is at fault, isolation finds it.
    return SendResult(outcome=Outcome.BAD_BATCH, code=chosen.code, text=chosen.text)


def _gravest(facts: Catalogue, row: Outbound, faults: Sequence[Fault], excerpt: Excerpt) -> RowResult:
    """What a row's errors say together."""
    scrubbed = nameless([row], excerpt)
    found = [_row(facts, fault, row.verb, scrubbed) for fault in faults]
    asked = [each for each, fault in zip(found, faults, strict=True) if fault.field not in OPTIONAL]
    if asked and all(each.outcome is Outcome.DELIVERED for each in asked):
        return asked[0]
    return min(found, key=lambda each: PRECEDENCE.index(each.outcome))


def _row(facts: Catalogue, fault: Fault, verb: Verb, excerpt: Excerpt) -> RowResult:
    known = facts.codes.get(f"{fault.code}:{verb.value}") or outcome_of(facts.codes, fault.code)
    outcome, text = known or Outcome.REJECTED, excerpt(fault.text)
    if outcome is Outcome.HOLD:
        text = f"{text} {remedy_of(facts, fault.code, '')}".rstrip()
    return RowResult(outcome=outcome, code=fault.code, text=text)


def _blamed(facts: Catalogue, rows: Mapping[int, RowResult], size: int) -> dict[int, RowResult]:
    """Rows refused for their click's account are held where most are: the account is wrong then."""
    strangers = [index for index, row in rows.items() if row.code in OF_ANOTHER_ACCOUNT]
    if size < FEWEST_TO_BLAME or 2 * len(strangers) <= size:
        return dict(rows)
    held = {
        index: replace(
            rows[index],
            outcome=Outcome.HOLD,
            text=f"{rows[index].text} {remedy_of(facts, rows[index].code, REMEDY)}",
        )
        for index in strangers
    }
    return {**rows, **held}


def _of_account(row: RowResult) -> bool:
    """Whether what holds a row holds every row of the account, whatever its action."""
    return row.outcome is Outcome.HOLD and not row.code.startswith(OF_ROWS)
