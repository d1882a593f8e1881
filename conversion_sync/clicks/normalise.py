"""One row of a user's click table as a click, or the reason it cannot be one."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from conversion_sync.model.click import (
    NETWORK_OF_CLICK_ID,
    Click,
    ClickIdKind,
    Consent,
    Network,
    QuarantinedClick,
)

FUTURE = timedelta(days=1)
"""A click may lie this far ahead of the clock, for clocks that go wrong, and no further."""


class Vocabulary(BaseModel):
    """The words of `networks.toml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    utm_source: Mapping[Network, frozenset[str]]
    shortest: Mapping[ClickIdKind, int]
    consent: Mapping[Consent, frozenset[str]]


@functools.cache
def vocabulary() -> Vocabulary:
    """How sources, identifiers and consents are written."""
    text = (files(__package__) / "networks.toml").read_text(encoding="utf-8")
    return Vocabulary.model_validate(tomllib.loads(text))


def read_row(source: str, row: Mapping[str, Any], zone: ZoneInfo, now: datetime) -> Click | QuarantinedClick:
    """`row` is keyed by our own column names; times without an offset are in `zone` (the earlier of two)."""
    ref, at = _text(row.get("click_ref")), row.get("clicked_at")
    if isinstance(at, datetime):
        at = (at.replace(tzinfo=zone) if at.tzinfo is None else at).astimezone(UTC)
    user, visitor = _text(row.get("user_id")), _text(row.get("visitor_id"))
    ids = {kind: value for kind in ClickIdKind if (value := _text(row.get(kind.value)))}
    problem = _problem(ref, at, user or visitor, ids, now)
    if problem is not None or ref is None or not isinstance(at, datetime):
        reason, detail = problem or ("unreadable_value", "the row cannot be read")
        return QuarantinedClick(source=source, click_ref=ref or "", reason=reason, detail=detail)
    kind_of = next((kind for kind in NETWORK_OF_CLICK_ID if kind in ids), None)
    return Click(
        source=source,
        click_ref=ref,
        clicked_at=at,
        visitor_id=visitor or f"user:{user}",
        user_id=user,
        network=_network(kind_of, row),
        click_id_kind=kind_of,
        click_id=None if kind_of is None else ids[kind_of],
        click_ids={kind.value: value for kind, value in ids.items()},
        campaign=_text(row.get("campaign")),
        landing_url=_text(row.get("landing_url")),
        referrer=_text(row.get("referrer")),
        user_agent=_text(row.get("user_agent")),
        ip_address=_text(row.get("ip_address")),
        ad_user_data=_consent(row.get("ad_user_data")),
        ad_personalization=_consent(row.get("ad_personalization")),
    )


def _problem(
    ref: str | None, at: object, person: str | None, ids: Mapping[ClickIdKind, str], now: datetime
) -> tuple[str, str] | None:
    """Why a row cannot be used: the first reason that applies."""
    cut = next(
        (kind for kind, shortest in vocabulary().shortest.items() if 0 < len(ids.get(kind, "")) < shortest),
        None,
    )
    checks = (
        (ref is None, "no_click_ref", f"a row of {at} has no id"),
        (at is None, "no_time", "the time is empty"),
        (not isinstance(at, datetime), "unreadable_value", f"the time is a {type(at).__name__}"),
        (isinstance(at, datetime) and at > now + FUTURE, "time_in_future", str(at)),
        (person is None, "no_visitor_or_user", "neither is filled in"),
        (cut is not None, f"truncated_{cut}", f"{len(ids.get(cut, '')) if cut else 0} characters"),
    )
    return next(((reason, detail) for applies, reason, detail in checks if applies), None)


def _network(kind: ClickIdKind | None, row: Mapping[str, Any]) -> Network:
    if kind is not None:
        return NETWORK_OF_CLICK_ID[kind]
    tag = (_text(row.get("utm_source")) or "").lower()
    if not tag:
        return Network.DIRECT
    return next((network for network, tags in vocabulary().utm_source.items() if tag in tags), Network.OTHER)


def _consent(value: object) -> Consent:
    word = str(value).strip().lower()
    return next(
        (consent for consent, words in vocabulary().consent.items() if word in words), Consent.UNKNOWN
    )


def _text(value: object) -> str | None:
    """The value as text; postgres and pandas have several ways to say that there is none."""
    if value is None:
        return None
    text = str(value).strip().replace("\x00", "")
    return text or None
