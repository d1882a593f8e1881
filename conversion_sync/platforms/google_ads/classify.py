"""What Google's answers mean: Data Manager's refusals and statuses, the Google Ads API's failures.

Several errors may stand on one row; the one that asks most of us decides. Errors without a row's
index are about the request. Source: specs/google_ads.md §4 (codes, precedence), §5.5 (two stages).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from conversion_sync.model.conversion import Outcome, Verb
from conversion_sync.platforms.http import Reply, members
from conversion_sync.platforms.platform import (
    Catalogue,
    RowResult,
    SendResult,
    Settlement,
    SettlementStatus,
    outcome_of,
)
from conversion_sync.platforms.verdict import PRECEDENCE, by_status, verdict

Excerpt = Callable[[str], str]

REMEDY = "Check the account's customer ids, its refresh token's scopes and the conversion_action_id."
EVENT_INDEX = re.compile(r"events(?:\.events)?\[(\d{1,9})\]")
REASON = re.compile(r"[A-Z][A-Z0-9_]{2,80}")


@dataclass(frozen=True, slots=True)
class Fault:
    """One error of the Google Ads API. `index` is the row it names, None when it is about the request."""

    code: str
    text: str
    index: int | None = None
    retry_after: timedelta | None = None


def refusal(facts: Catalogue, reply: Reply, rows: int, excerpt: Excerpt) -> SendResult:
    """Data Manager's answer to a request it did not take in."""
    error = members(members(reply.document()).get("error"))
    message = error.get("message")
    text = excerpt(message if isinstance(message, str) else reply.text)
    generic = by_status(facts, reply, text, remedy=REMEDY)
    named, others = _violations(error)
    codes = others or ([_error_info(error)] if not named else [next(iter(named.values()))[0]])
    code = next((code for code in codes if REASON.fullmatch(code)), "")
    if not code:
        return generic
    answer = verdict(
        facts,
        code,
        text,
        remedy=REMEDY,
        status=reply.status,
        unknown=generic.outcome,
        named=tuple(sorted(index for index in named if index < rows)),
        retry_after=reply.retry_after,
    )
    if answer.outcome is not Outcome.BAD_BATCH:
        return answer
    return _with_rows(answer, named, excerpt)


def _with_rows(answer: SendResult, named: Mapping[int, tuple[str, str]], excerpt: Excerpt) -> SendResult:
    return SendResult(
        outcome=answer.outcome,
        code=answer.code,
        text=answer.text,
        rows={
            index: RowResult(outcome=Outcome.REJECTED, code=named[index][0], text=excerpt(named[index][1]))
            for index in answer.named
        },
        named=answer.named,
        http_status=answer.http_status,
    )


def _violations(error: Mapping[str, object]) -> tuple[dict[int, tuple[str, str]], list[str]]:
    """The field violations by the row they name (reason, text), and the reasons of the others."""
    named: dict[int, tuple[str, str]] = {}
    others: list[str] = []
    for violation in _details(error, "BadRequest", "fieldViolations"):
        place, reason = str(violation.get("field", "")), str(violation.get("reason", ""))
        found = EVENT_INDEX.search(place)
        if found is None:
            others.append(reason)
        else:
            text = f"{place}: {violation.get('description', '')}"
            named.setdefault(int(found.group(1)), (reason, text))
    return named, others


def _error_info(error: Mapping[str, object]) -> str:
    reasons = [str(info.get("reason", "")) for info in _details(error, "ErrorInfo", None)]
    return reasons[0] if reasons else str(error.get("status", ""))


def _details(error: Mapping[str, object], kind: str, inner: str | None) -> list[Mapping[str, object]]:
    listed = error.get("details")
    found: list[Mapping[str, object]] = []
    for detail in listed if isinstance(listed, list) else []:
        entry = members(detail)
        if not str(entry.get("@type", "")).endswith(f"google.rpc.{kind}"):
            continue
        within = [entry] if inner is None else entry.get(inner)
        found.extend(members(each) for each in (within if isinstance(within, list) else []))
    return found


def settled(statuses: Sequence[str], counts: Mapping[str, int]) -> Settlement:
    """A request's status from its destinations'. A status nobody knows yet goes on being asked for."""
    kinds = set(statuses)
    if kinds == {"SUCCESS"}:
        status = SettlementStatus.SETTLED
    elif kinds == {"FAILED"}:
        status = SettlementStatus.FAILED
    elif kinds and kinds <= {"SUCCESS", "FAILED", "PARTIAL_SUCCESS"}:
        status = SettlementStatus.PARTIAL
    else:
        status = SettlementStatus.PENDING
    return Settlement(status=status, counts=counts, code=",".join(sorted(kinds)))


def partial_failure(
    facts: Catalogue, verbs: Sequence[Verb], faults: Sequence[Fault], excerpt: Excerpt
) -> SendResult:
    """The answer for a batch whose rows stand alone: rows that no error names are taken in."""
    rows: dict[int, RowResult] = {}
    for index, verb in enumerate(verbs):
        own = [_row(facts, fault, verb, excerpt) for fault in faults if fault.index == index]
        if own:
            rows[index] = min(own, key=lambda row: PRECEDENCE.index(row.outcome))
    whole = [fault for fault in faults if fault.index is None or fault.index >= len(verbs)]
    if whole:
        answer = request_fault(facts, whole, excerpt)
        return SendResult(
            outcome=answer.outcome,
            code=answer.code,
            text=answer.text,
            remedy=answer.remedy,
            rows=rows,
        )
    held = next((row for row in rows.values() if row.outcome is Outcome.HOLD), None)
    remedy = REMEDY if held is not None else ""
    return SendResult(outcome=Outcome.DELIVERED, code="ok", rows=rows, remedy=remedy)


def request_fault(facts: Catalogue, faults: Sequence[Fault], excerpt: Excerpt) -> SendResult:
    """The answer for a call that failed as a whole: nothing of it was taken in."""
    answers = [
        verdict(
            facts,
            fault.code,
            excerpt(fault.text),
            remedy=REMEDY,
            unknown=Outcome.BAD_BATCH,
            named=() if fault.index is None else (fault.index,),
            retry_after=fault.retry_after,
        )
        for fault in faults
    ]
    chosen = min(answers, key=lambda answer: PRECEDENCE.index(answer.outcome))
    if chosen.outcome in (Outcome.REJECTED, Outcome.DELIVERED):
        # A row's code on the whole call: some row is at fault, isolation finds it.
        return SendResult(outcome=Outcome.BAD_BATCH, code=chosen.code, text=chosen.text)
    return chosen


def _row(facts: Catalogue, fault: Fault, verb: Verb, excerpt: Excerpt) -> RowResult:
    outcome = outcome_of(facts.codes, f"{fault.code}:{verb.value}") or outcome_of(facts.codes, fault.code)
    return RowResult(outcome=outcome or Outcome.REJECTED, code=fault.code, text=excerpt(fault.text))
