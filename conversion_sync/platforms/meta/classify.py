"""What Meta's answer means for a batch: by numeric codes only, texts come in the token owner's language.

Source: specs/meta_tiktok_linkedin_microsoft.md §1.5, §6.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from conversion_sync.model.conversion import Outcome
from conversion_sync.platforms.http import Reply, members, parsed
from conversion_sync.platforms.platform import Catalogue, SendResult
from conversion_sync.platforms.verdict import FIRST_REDIRECT, FIRST_SERVER_ERROR, OK, by_status, verdict

REMEDY = "Check the access token, its access to the dataset, and the app in Meta's Events Manager."
AMBIGUOUS_STATUS = frozenset({502, 504})
TOO_MANY = 429
USAGE = ("call_count", "total_cputime", "total_time")
"""What an entry of a usage header says of quotas, in percent."""


def classify(facts: Catalogue, reply: Reply, rows: int, excerpt: Callable[[str], str]) -> SendResult:
    """The answer for a batch of `rows` events."""
    body = members(reply.document())
    if "error" in body:
        return _error(facts, reply, members(body["error"]), excerpt)
    if OK <= reply.status < FIRST_REDIRECT and "events_received" in body:
        received = body["events_received"]
        if received == rows and not isinstance(received, bool):
            return SendResult(
                outcome=Outcome.DELIVERED,
                code="ok",
                http_status=reply.status,
                retry_after=_regain(reply.headers),
                used=_used(reply.headers),
            )
        text = excerpt(f"{rows} events were sent, Meta says it received {received}.")
        unknown = Outcome.AMBIGUOUS
        return verdict(facts, "count_mismatch", text, remedy=REMEDY, status=reply.status, unknown=unknown)
    return by_status(facts, reply, excerpt(reply.text), remedy=REMEDY)


def _error(
    facts: Catalogue, reply: Reply, error: Mapping[str, object], excerpt: Callable[[str], str]
) -> SendResult:
    number = error.get("code")
    text = excerpt(_text(error) or reply.text)
    if not isinstance(number, int) or isinstance(number, bool):
        return by_status(facts, reply, text, remedy=REMEDY)
    subcode = error.get("error_subcode")
    code = f"{number}/{subcode}" if isinstance(subcode, int) and subcode else str(number)
    delay = reply.retry_after or _regain(reply.headers)
    if reply.status in AMBIGUOUS_STATUS:
        # Whatever the body says: a gateway speaks, and the events may be behind it.
        return SendResult(outcome=Outcome.AMBIGUOUS, code=code, text=text, http_status=reply.status)
    if error.get("is_transient") is True:
        return SendResult(
            outcome=Outcome.RETRY_LATER, code=code, text=text, http_status=reply.status, retry_after=delay
        )
    return verdict(
        facts,
        code,
        text,
        remedy=REMEDY,
        status=reply.status,
        unknown=_unknown(reply.status),
        retry_after=delay,
    )


def _unknown(status: int) -> Outcome:
    return Outcome.RETRY_LATER if status >= FIRST_SERVER_ERROR or status == TOO_MANY else Outcome.BAD_BATCH


def _text(error: Mapping[str, object]) -> str:
    parts = [error.get("message"), error.get("error_user_msg")]
    said = ". ".join(part.rstrip(".") for part in parts if isinstance(part, str) and part)
    trace = error.get("fbtrace_id")
    return f"{said} (fbtrace_id {trace})" if said and isinstance(trace, str) else said


def _regain(headers: Mapping[str, str]) -> timedelta | None:
    """The longest `estimated_time_to_regain_access`, in minutes, of the usage header."""
    minutes = [entry.get("estimated_time_to_regain_access") for entry in _business_usage(headers)]
    waits = [wait for wait in minutes if isinstance(wait, int) and 0 < wait <= 1440]
    return timedelta(minutes=max(waits)) if waits else None


def _used(headers: Mapping[str, str]) -> float | None:
    """The highest percentage of a quota that the usage headers say is used (§1.3); None without any."""
    entries = [members(parsed(headers.get("x-app-usage", ""))), *_business_usage(headers)]
    shares = [entry.get(name) for entry in entries for name in USAGE]
    used = [share for share in shares if isinstance(share, int | float) and not isinstance(share, bool)]
    return max(map(float, used), default=None)


def _business_usage(headers: Mapping[str, str]) -> list[Mapping[str, object]]:
    usage = members(parsed(headers.get("x-business-use-case-usage", "")))
    return [members(entry) for listed in usage.values() if isinstance(listed, list) for entry in listed]
