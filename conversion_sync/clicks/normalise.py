"""One row of a click table or of the collector as a click, or the reason it cannot be one."""

from __future__ import annotations

import functools
import hashlib
import ipaddress
import re
import tomllib
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from conversion_sync.clicks.junk import ClickIdForm, crawler_of, id_fault
from conversion_sync.clicks.several import ids_in
from conversion_sync.model.click import (
    Click,
    ClickIdKind,
    Consent,
    Network,
    QuarantinedClick,
)
from conversion_sync.model.identifier import HASH_OF_NOTHING

FUTURE = timedelta(days=1)
"""A click may lie this far ahead of the clock, for clocks that go wrong, and no further."""

READABLE = (str, int, Decimal, uuid.UUID, ipaddress.IPv4Address, ipaddress.IPv6Address)
"""Types of a column whose text is the value."""
TIMES = ("clicked_at", "ingested_at")
HASH = re.compile(r"[0-9a-f]{64}")
HashEmail = Callable[[str], str | None]
"""The SHA-256 of an e-mail under `Rule.EMAIL_PLAIN`; None for what is no e-mail."""


class Vocabulary(BaseModel):
    """The words of `networks.toml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    utm_source: Mapping[Network, frozenset[str]]
    click_id: Mapping[ClickIdKind | Literal["any"], ClickIdForm]
    consent: Mapping[Consent, frozenset[str]]


@functools.cache
def vocabulary() -> Vocabulary:
    """How sources, identifiers and consents are written."""
    text = (files(__package__) / "networks.toml").read_text(encoding="utf-8")
    return Vocabulary.model_validate(tomllib.loads(text))


def read_row(
    source: str,
    row: Mapping[str, Any],
    zone: ZoneInfo,
    now: datetime,
    hash_email: HashEmail | None = None,
) -> list[Click | QuarantinedClick]:
    """`row` is keyed by our own column names; times without an offset are in `zone` (the earlier of two).

    A time is a datetime or ISO 8601 text. A row without an id is quarantined under a digest of the row. An
    identifier that cannot be one is quarantined; the row is a click without it, if it has another. An id with
    a column of its own comes before the same in `click_ids`. Without `hash_email` no e-mail is read.
    """
    ref = _readable(row.get("click_ref")) or _digest(row)
    forms = vocabulary().click_id

    def refused(reason: str, detail: str) -> QuarantinedClick:
        return QuarantinedClick(source=source, click_ref=ref, reason=reason, detail=detail)

    try:
        several = _several(row.get("click_ids"))
        texts = {name: _text(name, value) for name, value in (several | dict(row)).items() if _is_text(name)}
        texts |= {name: _text(name, several[name]) for name in several if not texts.get(name)}
        at, written = (_moment(name, row.get(name), zone) for name in TIMES)
    except _UnreadableError as fault:
        return [refused("unreadable_value", str(fault))]
    if at is None:
        return [refused("no_time", "the time is empty")]
    user, visitor = (_somebody(texts.get(name)) for name in ("user_id", "visitor_id"))
    agent = texts.get("user_agent")
    problem = _problem(texts.get("click_ref"), at, user or visitor, agent, min(now, written or now))
    if problem is not None:
        return [refused(*problem)]
    ids = {kind: value for kind in ClickIdKind if (value := texts.get(kind.value))}
    faults = {kind: wrong for kind, value in ids.items() if (wrong := id_fault(forms, kind, value))}
    sound = {kind.value: value for kind, value in ids.items() if kind not in faults}
    bad = [refused(*wrong) for wrong in faults.values()]
    email, wrong_email = _email(texts, hash_email)
    bad += [refused(*wrong_email)] if wrong_email else []
    if ids and not sound:
        return list(bad)
    click = Click(
        source=source,
        click_ref=ref,
        clicked_at=at,
        visitor_id=visitor or f"user:{user}",
        user_id=user,
        network=None if sound else _tagged(texts.get("utm_source")),
        click_ids=sound,
        campaign=texts.get("campaign"),
        landing_url=texts.get("landing_url"),
        referrer=texts.get("referrer"),
        user_agent=agent,
        ip_address=texts.get("ip_address"),
        ad_user_data=_consent(texts.get("ad_user_data")),
        ad_personalization=_consent(texts.get("ad_personalization")),
        email_sha256=email,
    )
    return [click, *bad]


def _somebody(name: str | None) -> str | None:
    """A name unless it is what pages send for a missing one: it would make all its visitors one."""
    return None if name and name.lower() in vocabulary().click_id["any"].never else name


def _is_text(name: str) -> bool:
    return name not in TIMES and name != "click_ids"


def _several(value: object) -> dict[str, object]:
    try:
        return {} if value is None else ids_in(value)
    except ValueError:
        raise _UnreadableError("click_ids holds neither an object, nor pairs, nor an address") from None


def _email(
    texts: Mapping[str, str | None], hash_email: HashEmail | None
) -> tuple[str | None, tuple[str, str] | None]:
    """The hash of the row's e-mail, or why it cannot be one: without the e-mail."""
    clear, hashed = texts.get("email"), (texts.get("email_sha256") or "").lower()
    if hash_email is None:
        return None, None
    if clear:
        made = hash_email(clear)
        return made, None if made else ("impossible_email", f"{len(clear)} characters that are no e-mail")
    if not hashed:
        return None, None
    if not HASH.fullmatch(hashed) or hashed == HASH_OF_NOTHING:
        return None, ("impossible_email_sha256", f"{len(hashed)} characters that are no hash of an e-mail")
    return hashed, None


def _problem(
    ref: str | None, at: datetime, person: str | None, agent: str | None, latest: datetime
) -> tuple[str, str] | None:
    """Why a row cannot be used: the first reason that applies."""
    if ref is None:
        return "no_click_ref", f"a row of {at} has no id"
    if at > latest + FUTURE:
        return "time_in_future", f"clicked at {at}, seen at {latest}"
    if person is None:
        return "no_visitor_or_user", "neither is filled in"
    if agent and (crawler := crawler_of(agent)):
        return "crawler", f"the user agent names {crawler}"
    return None


def _tagged(utm_source: str | None) -> Network:
    if utm_source is None:
        return Network.DIRECT
    tag = utm_source.lower()
    return next((network for network, tags in vocabulary().utm_source.items() if tag in tags), Network.OTHER)


def _consent(value: str | None) -> Consent:
    word = (value or "").lower()
    return next(
        (consent for consent, words in vocabulary().consent.items() if word in words), Consent.UNKNOWN
    )


class _UnreadableError(Exception):
    """A value of a row cannot be read; the text names the column and never the value."""


def _text(name: str, value: object) -> str | None:
    """The value as text; blank is none."""
    text = _readable(value)
    if text is None and value is not None and not isinstance(value, str):
        raise _UnreadableError(f"{name} holds a {type(value).__name__}, not text")
    return text


def _readable(value: object) -> str | None:
    return str(value).strip().replace("\x00", "") or None if isinstance(value, READABLE) else None


def _moment(name: str, value: object, zone: ZoneInfo) -> datetime | None:
    """The value in UTC. A local time that a clock change makes happen twice is the earlier one."""
    if value is None or value == "":
        return None
    try:
        at = datetime.fromisoformat(value.strip()) if isinstance(value, str) else value
        if isinstance(at, datetime):
            return (at.replace(tzinfo=zone, fold=0) if at.tzinfo is None else at).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _UnreadableError(f"{name} holds text that is no time") from None
    raise _UnreadableError(f"{name} holds a {type(value).__name__}, not a time")


def _digest(row: Mapping[str, Any]) -> str:
    text = "\x1f".join(f"{name}={row[name]!r}" for name in sorted(row))
    return f"row:{hashlib.sha256(text.encode(errors='replace')).hexdigest()[:16]}"
