"""What Reddit's answer means for a batch: taken whole, or refused whole with the bad events told back.

Source: specs/meta_tiktok_linkedin_microsoft.md §4.2, §6.4.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from conversion_sync.model.conversion import Outbound, Outcome
from conversion_sync.platforms.http import Reply, members
from conversion_sync.platforms.platform import Catalogue, RowResult, SendResult
from conversion_sync.platforms.verdict import OK, by_status, verdict

Excerpt = Callable[[str], str]

REMEDY = "Check pixel_id and access_token in Reddit's Events Manager."
BAD_REQUEST = 400
COUNT = re.compile(r"processed (\d{1,9}) ")


def classify(facts: Catalogue, reply: Reply, batch: Sequence[Outbound], excerpt: Excerpt) -> SendResult:
    """The answer for a batch."""
    body = members(reply.document())
    if reply.status == OK:
        return _taken(facts, reply, members(body.get("data")).get("message"), len(batch), excerpt)
    invalid = body.get("invalid_events")
    if reply.status == BAD_REQUEST and isinstance(invalid, list):
        return _refused(facts, body.get("message"), invalid, batch, excerpt)
    return by_status(facts, reply, excerpt(_words(body) or reply.text), remedy=REMEDY)


def _taken(facts: Catalogue, reply: Reply, message: object, rows: int, excerpt: Excerpt) -> SendResult:
    if not isinstance(message, str):
        return by_status(facts, reply, excerpt(reply.text), remedy=REMEDY)
    told = COUNT.search(message)
    if told and int(told.group(1)) != rows:
        text = excerpt(f"{rows} events were sent, Reddit says: {message}")
        unknown = Outcome.AMBIGUOUS
        return verdict(facts, "count_mismatch", text, remedy=REMEDY, status=OK, unknown=unknown)
    return SendResult(outcome=Outcome.DELIVERED, code="ok", http_status=OK)


def _refused(
    facts: Catalogue, message: object, invalid: Sequence[object], batch: Sequence[Outbound], excerpt: Excerpt
) -> SendResult:
    """Bad events come back whole: their conversion ids say which rows they are."""
    places = {row.vendor_id: index for index, row in enumerate(batch)}
    texts: dict[int, str] = {}
    for told in map(members, invalid):
        fault, name = told.get("error_message"), _conversion_id(told)
        if name in places:
            texts.setdefault(places[name], excerpt(fault) if isinstance(fault, str) else "")
    refused = verdict(
        facts,
        "invalid_events",
        excerpt(message) if isinstance(message, str) else "",
        remedy=REMEDY,
        status=BAD_REQUEST,
        named=tuple(sorted(texts)),
    )
    rows = {
        index: RowResult(outcome=Outcome.REJECTED, code=refused.code, text=text)
        for index, text in texts.items()
    }
    return SendResult(
        outcome=refused.outcome,
        code=refused.code,
        text=refused.text,
        rows=rows,
        named=refused.named,
        http_status=BAD_REQUEST,
    )


def _conversion_id(told: Mapping[str, object]) -> str:
    name = members(members(told.get("event")).get("metadata")).get("conversion_id")
    return name if isinstance(name, str) else ""


def _words(body: Mapping[str, object]) -> str:
    said = members(body.get("error")).get("message") or body.get("message")
    return said if isinstance(said, str) else ""
