"""Scrubbing of text: what reaches a log, an exception or the ledger holds no secret and no identifier.

Vendors echo tokens in URLs and hashed or plain identifiers in error texts; the SDKs put both into
exceptions. Source: specs/meta_tiktok_linkedin_microsoft.md §1.2 (leaks), §9.13.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

LONGEST = 500
"""Characters of vendor text that are kept."""

SEARCHED = 20 * LONGEST
"""Characters of vendor text that are searched for what must not be kept."""

HIDDEN = "[redacted]"

_NAMES = (
    r"access[_-]?token|refresh[_-]?token|id[_-]?token|appsecret[_-]?proof|client[_-]?secret|app[_-]?secret"
    r"|auth[_-]?code|api[_-]?key|developer[_-]?token|password|passwd|assertion"
)

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # `Bearer xyz`, `authorization: Basic xyz`
    (re.compile(r"\b(bearer|basic)(\s+)[A-Za-z0-9._~+/=|-]{6,}", re.IGNORECASE), rf"\1\2{HIDDEN}"),
    # `"access_token": "xyz"`, also escaped inside another JSON text, and Python's own single quotes
    (
        re.compile(rf"""((?:{_NAMES})\\*["']\s*[:=]\s*\\*)(["'])(?:(?!\2).)*?(\\*\2|$)""", re.IGNORECASE),
        rf"\1\2{HIDDEN}\3",
    ),
    # `access_token=xyz` in a URL or a form, `Access-Token: xyz` in a header
    (
        re.compile(rf"""\b((?:{_NAMES})\s*(?:=|:|%3D)\s*)(?!\[redacted)[^\s&"'<>,;)\]}}]+""", re.IGNORECASE),
        rf"\1{HIDDEN}",
    ),
    # user:password@ in an address
    (re.compile(r"(://[^\s/:@]*:)[^\s/@]+@"), rf"\1{HIDDEN}@"),
    # keys by their vendors' prefixes
    (
        re.compile(r"\b((?:sk|rk)_(?:live|test)|rk(?!_live_|_test_)|whsec)_[A-Za-z0-9_]{4,}"),
        rf"\1_{HIDDEN}",
    ),
    (re.compile(r"\bya29\.[A-Za-z0-9._-]{6,}"), HIDDEN),
    (re.compile(r"\bEAA[A-Za-z0-9]{20,}"), HIDDEN),
    # hashes of identifiers, and secrets that look like them
    (re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{64}(?![0-9A-Fa-f])"), HIDDEN),
    # e-mail addresses, also percent-encoded
    (re.compile(r"[A-Za-z0-9._%+'-]+(?:@|%40)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"), HIDDEN),
)


SHORTEST_SECRET = 12
"""Characters; anything shorter would be found in ordinary words."""
_configured: set[str] = set()


def hide(*secrets: str) -> None:
    """Makes these values of this process's configuration unspeakable, whatever they look like."""
    _configured.update(secret for secret in secrets if len(secret) >= SHORTEST_SECRET)


def redact(text: str) -> str:
    """The text without tokens, keys, secrets, 64-digit hashes and e-mail addresses; idempotent."""
    for secret in sorted(_configured, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def excerpt(text: str, *secrets: str) -> str:
    """`redact`, on one line, at most `LONGEST` characters; `secrets` are hidden wherever they stand.

    Redacted before it is cut: half a token is no pattern any more. Of a long text only the beginning is
    searched, which takes time that grows faster than the text; if little of that is left, it is not shown.
    """
    for secret in sorted(filter(None, secrets), key=len, reverse=True):  # one may begin like another
        text = text.replace(secret, HIDDEN)
    line = " ".join(redact(text[:SEARCHED]).split())
    if len(text) > SEARCHED and len(line) < 2 * LONGEST:
        return HIDDEN
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


class RedactingFilter(logging.Filter):
    """Scrubs each record's message and exception text; put it on handlers, so that it sees every logger."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrites the record in place where it must, and lets it pass."""
        try:
            said = record.getMessage()
        except (
            TypeError,
            ValueError,
        ):  # words and arguments that do not fit are the handler's to complain of
            record.msg, record.args = f"{record.msg} {record.args}", ()
            said = record.msg
        scrubbed = redact(said)
        if scrubbed != said:
            record.msg, record.args = scrubbed, ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        return True


class RedactingFactory:
    """Makes log records as before, and scrubs each: no handler of anybody's sees the rest."""

    def __init__(self, make: Callable[..., logging.LogRecord]) -> None:
        self._make = make
        self._filter = RedactingFilter()

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        """One record."""
        record = self._make(*args, **kwargs)
        self._filter.filter(record)
        return record


def install() -> None:
    """From now on this process logs nothing that is not scrubbed.

    Dagster attaches its own handlers to our loggers for the length of a run, so records are scrubbed
    where they are made.
    """
    make = logging.getLogRecordFactory()
    if not isinstance(make, RedactingFactory):
        logging.setLogRecordFactory(RedactingFactory(make))
