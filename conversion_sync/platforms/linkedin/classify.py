"""What LinkedIn's answer means for a batch: by HTTP status, element statuses, and indexes in the text.

Source: specs/meta_tiktok_linkedin_microsoft.md §3.3, §6.3.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from conversion_sync.model.conversion import Outcome
from conversion_sync.platforms.http import Reply, members
from conversion_sync.platforms.platform import Catalogue, RowResult, SendResult, outcome_of
from conversion_sync.platforms.verdict import by_status, verdict

Excerpt = Callable[[str], str]

REMEDY = "Check the access token and the account's roles in LinkedIn's Campaign Manager."
OK, CREATED, BAD_REQUEST = 200, 201, 400
HTTP_STATUSES = range(100, 600)
SECTION = re.compile(r"Index:\s*(\d{1,9})\s*,?(.*?)(?=Index:\s*\d|\Z)", re.DOTALL)
INDICES = re.compile(r"indices\s*\[([\d,\s]*)\]")
NAME = re.compile(r"[A-Z][A-Z_]{2,60}")


def classify(facts: Catalogue, reply: Reply, rows: int, excerpt: Excerpt) -> SendResult:
    """The answer for a batch of `rows` elements."""
    body = members(reply.document())
    elements = body.get("elements")
    if reply.status == OK and isinstance(elements, list):
        return _elements(facts, elements, rows, excerpt)
    if reply.status == CREATED:
        return _created(facts, rows)
    message = body.get("message")
    if not isinstance(message, str):
        return by_status(facts, reply, excerpt(reply.text), remedy=REMEDY)
    if reply.status < BAD_REQUEST:
        return by_status(facts, reply, excerpt(message), remedy=REMEDY)
    answer = _refusal(facts, reply, body.get("code"), message, excerpt)
    return _blame(answer, message, rows, excerpt) if answer.outcome is Outcome.BAD_BATCH else answer


def _refusal(facts: Catalogue, reply: Reply, name: object, message: str, excerpt: Excerpt) -> SendResult:
    generic = by_status(facts, reply, excerpt(message), remedy=REMEDY)
    code = f"http_{reply.status}/{name}" if isinstance(name, str) and NAME.fullmatch(name) else None
    if reply.status == BAD_REQUEST:
        code = next((said for words, said in facts.said_in_words.items() if words in message), code)
    if code is None:
        return generic
    return verdict(
        facts,
        code,
        generic.text,
        remedy=REMEDY,
        status=reply.status,
        unknown=generic.outcome,
        retry_after=reply.retry_after,
    )


def _created(facts: Catalogue, rows: int) -> SendResult:
    if rows == 1:
        return SendResult(outcome=Outcome.DELIVERED, code="http_201", http_status=CREATED)
    text = f"{rows} events were sent, LinkedIn answers for one."
    unknown = Outcome.AMBIGUOUS
    return verdict(facts, "count_mismatch", text, remedy=REMEDY, status=CREATED, unknown=unknown)


def _elements(facts: Catalogue, elements: Sequence[object], rows: int, excerpt: Excerpt) -> SendResult:
    if len(elements) != rows:
        text = f"{rows} events were sent, LinkedIn answers for {len(elements)}."
        unknown = Outcome.AMBIGUOUS
        return verdict(facts, "count_mismatch", text, remedy=REMEDY, status=OK, unknown=unknown)
    results = {
        index: _element(facts, members(element), excerpt)
        for index, element in enumerate(elements)
        if not _is_created(element)
    }
    others = {index: result for index, result in results.items() if result.outcome is not Outcome.DELIVERED}
    return SendResult(outcome=Outcome.DELIVERED, code="element_201", rows=others, http_status=OK)


def _is_created(element: object) -> bool:
    """Whether all it says is 201, the answer nearly every element has."""
    return element == {"status": CREATED} and type(members(element)["status"]) is int


def _element(facts: Catalogue, element: Mapping[str, object], excerpt: Excerpt) -> RowResult:
    status = element.get("status")
    code = f"element_{status}" if type(status) is int and status in HTTP_STATUSES else "element_unreadable"
    error = members(element.get("error"))
    message = error.get("message") or element.get("message")
    text = excerpt(message) if isinstance(message, str) else ""
    return RowResult(outcome=outcome_of(facts.codes, code) or Outcome.AMBIGUOUS, code=code, text=text)


def _blame(answer: SendResult, message: str, rows: int, excerpt: Excerpt) -> SendResult:
    texts = {index: text for index, text in faults(message).items() if index < rows}
    return SendResult(
        outcome=answer.outcome,
        code=answer.code,
        text=answer.text,
        rows={
            index: RowResult(outcome=Outcome.REJECTED, code=answer.code, text=excerpt(text))
            for index, text in texts.items()
        },
        named=tuple(sorted(texts)),
        http_status=answer.http_status,
    )


def faults(message: str) -> dict[int, str]:
    """What a message says by index: `Index: N, …` names a row and its faults, `indices [a, b]` rows alone."""
    found: dict[int, str] = {}
    for index, text in SECTION.findall(message):
        found[int(index)] = f"{found.get(int(index), '')} {text}".strip()
    for listed in INDICES.findall(message):
        for index in re.findall(r"\d{1,9}", listed):
            found.setdefault(int(index), message)
    return found
