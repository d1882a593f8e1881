"""What TikTok's answer means for a batch: the body's `code` says it, the HTTP status next to nothing.

Source: specs/meta_tiktok_linkedin_microsoft.md §2.3, §6.2.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from conversion_sync.model.conversion import Outcome
from conversion_sync.platforms.http import Reply, members
from conversion_sync.platforms.platform import Catalogue, RowResult, SendResult
from conversion_sync.platforms.verdict import OK, by_status, verdict

REMEDY = "Check the access token and the pixel's permissions in TikTok's Events Manager."
NAMED = re.compile(r"\b(?:Batch|data)\.(\d+)\b")


def classify(facts: Catalogue, reply: Reply, rows: int, excerpt: Callable[[str], str]) -> SendResult:
    """The answer for a batch of `rows` events."""
    body = members(reply.document())
    number = body.get("code")
    if not isinstance(number, int) or isinstance(number, bool):
        return by_status(facts, reply, excerpt(reply.text), remedy=REMEDY)
    code = str(number)
    message = body.get("message")
    text = _text(message if isinstance(message, str) else "", body.get("request_id"), excerpt)
    answer = verdict(
        facts,
        code,
        text,
        remedy=REMEDY,
        status=reply.status,
        unknown=Outcome.AMBIGUOUS,
        retry_after=reply.retry_after,
    )
    if answer.outcome is Outcome.DELIVERED and reply.status != OK:
        # Success is 200 and the code together; a gateway's answer may repeat an old body.
        return verdict(
            facts, "unreadable", text, remedy=REMEDY, status=reply.status, unknown=Outcome.AMBIGUOUS
        )
    if answer.outcome is not Outcome.BAD_BATCH or not isinstance(message, str):
        return answer
    return _blame(answer, named(message, rows))


def token_refused(facts: Catalogue, reply: Reply) -> bool:
    """Whether another token may help (§6.2)."""
    return str(members(reply.document()).get("code")) in facts.renewable


def named(message: str, rows: int) -> tuple[int, ...]:
    """The indexes a message blames, as in `Batch.3.properties` or `data.0.event_id`."""
    return tuple(sorted({index for text in NAMED.findall(message) if (index := int(text[:9])) < rows}))


def _blame(answer: SendResult, indexes: tuple[int, ...]) -> SendResult:
    refused = RowResult(outcome=Outcome.REJECTED, code=answer.code, text=answer.text)
    return SendResult(
        outcome=answer.outcome,
        code=answer.code,
        text=answer.text,
        rows=dict.fromkeys(indexes, refused),
        named=indexes,
        http_status=answer.http_status,
    )


def _text(message: str, request_id: object, excerpt: Callable[[str], str]) -> str:
    return excerpt(f"{message} (request_id {request_id})" if isinstance(request_id, str) else message)
