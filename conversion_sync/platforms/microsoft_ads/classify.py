"""What Microsoft's answer means for a batch, by numeric code alone: rows not taken in, or a request refused.

Of several errors on one row the one that asks most of us decides. An error among `PartialErrors` that names
no row of several leaves open which rows were taken in: they go again one by one, as copies do not count.
Source: specs/meta_tiktok_linkedin_microsoft.md §4.1, §6.4, §7.4 (the two envelopes).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from conversion_sync.model.conversion import Outbound, Outcome
from conversion_sync.platforms.http import Reply, members
from conversion_sync.platforms.microsoft_ads.encode import conversion_time
from conversion_sync.platforms.platform import Catalogue, RowResult, SendResult, outcome_of
from conversion_sync.platforms.verdict import FIRST_REDIRECT, OK, PRECEDENCE, by_status, remedy_of, verdict

Excerpt = Callable[[str], str]

FUTURE, SKEW = "5614", "5614/skew"
REMEDY = (
    "Check the account's credential, developer token and ids, and the goal's name, at Microsoft Advertising."
)
LISTS = ("Errors", "OperationErrors", "BatchErrors")
"""Where the two envelopes of a refused request keep their errors."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One error. `index` is the row it names, None when it names none."""

    code: str
    text: str
    index: int | None


def classify(
    facts: Catalogue, reply: Reply, batch: Sequence[Outbound], excerpt: Excerpt, now: datetime
) -> SendResult:
    """The answer for a batch of conversions or of corrections. `now` is our clock's time."""
    body = members(reply.document())
    if any(isinstance(body.get(name), list) for name in LISTS):
        return _refused(facts, reply, body, len(batch), excerpt)
    errors = body.get("PartialErrors")
    told = "PartialErrors" in body and (errors is None or isinstance(errors, list))
    if not told or not OK <= reply.status < FIRST_REDIRECT:
        return by_status(facts, reply, excerpt(reply.text), remedy=REMEDY)
    return _partial(facts, list(_faults(errors)), batch, excerpt, now)


def expired(facts: Catalogue, reply: Reply) -> bool:
    """Whether the request was refused because its access token is over."""
    body = members(reply.document())
    return any(fault.code in facts.renewable for name in LISTS for fault in _faults(body.get(name)))


def _partial(
    facts: Catalogue, faults: Sequence[Fault], batch: Sequence[Outbound], excerpt: Excerpt, now: datetime
) -> SendResult:
    rows: dict[int, RowResult] = {}
    unplaced: list[Fault] = []
    for fault in faults:
        index = 0 if fault.index is None and len(batch) == 1 else fault.index
        if index is None or not 0 <= index < len(batch):
            unplaced.append(fault)
            continue
        found = _row(facts, fault, batch[index], excerpt, now)
        rows[index] = min(found, rows.get(index, found), key=lambda row: PRECEDENCE.index(row.outcome))
    held = next((row for _, row in sorted(rows.items()) if row.outcome is Outcome.HOLD), None)
    remedy = remedy_of(facts, held.code, REMEDY) if held else ""
    if unplaced:
        text = excerpt(f"{unplaced[0].code} {unplaced[0].text}")
        outcome = outcome_of(facts.codes, "unplaced") or Outcome.AMBIGUOUS
        return SendResult(
            outcome=outcome, code="unplaced", text=text, remedy=remedy, rows=rows, http_status=OK
        )
    return SendResult(outcome=Outcome.DELIVERED, code="ok", rows=rows, remedy=remedy, http_status=OK)


def _row(facts: Catalogue, fault: Fault, row: Outbound, excerpt: Excerpt, now: datetime) -> RowResult:
    code = fault.code
    if code == FUTURE and conversion_time(row) - now < facts.clock_skew:
        code = SKEW
    outcome = outcome_of(facts.codes, code) or Outcome.REJECTED
    return RowResult(outcome=outcome, code=code, text=excerpt(fault.text))


def _refused(
    facts: Catalogue, reply: Reply, body: Mapping[str, object], rows: int, excerpt: Excerpt
) -> SendResult:
    """A request refused whole. An unlisted fault of the account may pass; one of the list is some row's."""
    found = [(name, fault) for name in LISTS for fault in _faults(body.get(name))]
    if not found:
        return by_status(facts, reply, excerpt(reply.text), remedy=REMEDY)
    generic = by_status(facts, reply, "", remedy=REMEDY).outcome
    answers = [
        verdict(
            facts,
            fault.code,
            excerpt(_traced(fault.text, body.get("TrackingId"))),
            remedy=REMEDY,
            status=reply.status,
            unknown=Outcome.RETRY_LATER if name == "Errors" else generic,
            retry_after=reply.retry_after,
        )
        for name, fault in found
    ]
    chosen = min(answers, key=lambda answer: PRECEDENCE.index(answer.outcome))
    if chosen.outcome not in (Outcome.REJECTED, Outcome.BAD_BATCH, Outcome.DELIVERED):
        return chosen
    # A row's code on the whole request: some row is at fault, isolation finds it.
    named = {fault.index: fault for _, fault in found if fault.index is not None and fault.index < rows}
    return SendResult(
        outcome=Outcome.BAD_BATCH,
        code=chosen.code,
        text=chosen.text,
        rows={
            index: RowResult(outcome=Outcome.REJECTED, code=fault.code, text=excerpt(fault.text))
            for index, fault in named.items()
        },
        named=tuple(sorted(named)),
        http_status=reply.status,
    )


def _faults(listed: object) -> Iterator[Fault]:
    for error in listed if isinstance(listed, list) else []:
        known = members(error)
        index = known.get("Index")
        yield Fault(
            code=_code(known),
            text=_text(known),
            index=index if type(index) is int and index >= 0 else None,
        )


def _code(error: Mapping[str, object]) -> str:
    """The numeric code; the symbol where there is none."""
    number, symbol = error.get("Code"), error.get("ErrorCode")
    if type(number) is int:
        return str(number)
    return symbol if isinstance(symbol, str) and symbol else "no_code"


def _text(error: Mapping[str, object]) -> str:
    said = [error.get(name) for name in ("ErrorCode", "Message", "FieldPath", "Details", "Detail")]
    return " ".join(text for text in said if isinstance(text, str) and text)


def _traced(text: str, tracking_id: object) -> str:
    return f"{text} (TrackingId {tracking_id})" if isinstance(tracking_id, str) else text
