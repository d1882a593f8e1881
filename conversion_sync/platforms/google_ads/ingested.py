"""What Data Manager's answers mean: the details of a refusal, and what became of a request.

Source: specs/google_ads.md §5.5 (two stages).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from conversion_sync.model.conversion import Outbound, Outcome
from conversion_sync.platforms.google_ads.classify import REMEDY
from conversion_sync.platforms.google_ads.rpc import Failed
from conversion_sync.platforms.http import LONGEST_DELAY
from conversion_sync.platforms.platform import (
    Catalogue,
    RowResult,
    SendResult,
    Settlement,
    SettlementStatus,
    outcome_of,
)
from conversion_sync.platforms.verdict import nameless, remedy_of, verdict

Excerpt = Callable[[str], str]
Violations = Mapping[int, tuple[str, str]]
"""Reason and text, by the row they name."""

EVENT_INDEX = re.compile(r"events(?:\.events)?\[(\d{1,9})\]")
REASON_PREFIX = "PROCESSING_ERROR_REASON_"
DAYS_QUOTA = "RESOURCE_EXHAUSTED/day"
PER_DAY = re.compile(r"per.?day|daily", re.IGNORECASE)
REASON = re.compile(r"[A-Z][A-Z0-9_]{2,80}")


def refusal(facts: Catalogue, failed: Failed, batch: Sequence[Outbound], excerpt: Excerpt) -> SendResult:
    """Data Manager's answer to a request it did not take in.

    A reason the catalogue does not list has the class of the call's status.
    """
    excerpt = nameless(batch, excerpt)
    text = excerpt(failed.text)
    named, others = _violations(failed)
    told = [info.reason for info in _details(failed, "ErrorInfo")][:1]
    codes = others or ([reason for reason, _ in named.values()][:1] if named else told)
    code = next((code for code in codes if REASON.fullmatch(code)), failed.code)
    if outcome_of(facts.codes, code) is Outcome.RETRY_LATER and _is_of_a_day(failed):
        code = DAYS_QUOTA
    answer = verdict(
        facts,
        code,
        text,
        remedy=REMEDY,
        unknown=outcome_of(facts.codes, failed.code) or Outcome.BAD_BATCH,
        named=tuple(sorted(index for index in named if index < len(batch))),
        retry_after=_retry_info(failed),
    )
    if answer.outcome is Outcome.HOLD and remedy_of(facts, code, ""):
        held = RowResult(outcome=Outcome.HOLD, code=code, text=f"{text} {answer.remedy}")
        return replace(answer, rows=dict.fromkeys(range(len(batch)), held))
    if answer.outcome is not Outcome.BAD_BATCH:
        return answer
    return _with_rows(answer, named, excerpt)


def _with_rows(answer: SendResult, named: Violations, excerpt: Excerpt) -> SendResult:
    rows = {
        index: RowResult(outcome=Outcome.REJECTED, code=named[index][0], text=excerpt(named[index][1]))
        for index in answer.named
    }
    return replace(answer, rows=rows)


def _violations(failed: Failed) -> tuple[Violations, list[str]]:
    """The field violations by the row they name, and the reasons of the others."""
    named: dict[int, tuple[str, str]] = {}
    others: list[str] = []
    for detail in _details(failed, "BadRequest"):
        for violation in detail.field_violations:
            found = EVENT_INDEX.search(violation.field)
            if found is None:
                others.append(violation.reason)
            else:
                text = f"{violation.field}: {violation.description}"
                named.setdefault(int(found.group(1)), (violation.reason, text))
    return named, others


def _is_of_a_day(failed: Failed) -> bool:
    """Whether the quota that is used up is a day's, by what the details call it."""
    limits = [info.metadata.get("quota_limit", "") for info in _details(failed, "ErrorInfo")]
    told = [
        name
        for detail in _details(failed, "QuotaFailure")
        for violation in detail.violations
        for name in (violation.quota_id, violation.description, violation.subject)
    ]
    return any(PER_DAY.search(name) for name in (*limits, *told))


def _retry_info(failed: Failed) -> timedelta | None:
    """The delay of `google.rpc.RetryInfo`."""
    for detail in _details(failed, "RetryInfo"):
        told = detail.retry_delay
        seconds = min(max(told.seconds, 0), LONGEST_DELAY.total_seconds())
        return timedelta(seconds=seconds, microseconds=told.nanos // 1000)
    return None


def _details(failed: Failed, kind: str) -> Iterator[Any]:
    return (detail for detail in failed.details if detail.DESCRIPTOR.full_name == f"google.rpc.{kind}")


def status_of(answer: Any) -> Settlement | None:
    """What a RetrieveRequestStatusResponse says became of a request; None where it names no destination.

    A status nobody knows yet goes on being asked for.
    """
    places = answer.request_status_per_destination
    if not places:
        return None
    counts: Counter[str] = Counter()
    for place in places:
        for counted in place.error_info.error_counts:
            counts[_name(counted, "reason").removeprefix(REASON_PREFIX)] += counted.record_count
    return settled([_name(place, "request_status") for place in places], counts)


def _name(message: Any, field: str) -> str:
    """The name of a field's enum value; the number of one this version does not know."""
    number = getattr(message, field)
    known = message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number.get(number)
    return known.name if known else str(number)


def settled(statuses: Sequence[str], counts: Mapping[str, int]) -> Settlement:
    """A request's status from its destinations'."""
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
