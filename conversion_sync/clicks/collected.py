"""What a browser told the collector, as a click or as who its user is; its own words about times are checked.

A message is raw: `receiver` keeps it, and this reads it when it is landed. The browser's clock may be wrong,
so its times are moved by what it was off when it sent them, and none lies after the message came.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from conversion_sync.clicks.junk import crawler_of
from conversion_sync.clicks.normalise import read_row
from conversion_sync.model.click import COLLECTOR, Click, ClickIdKind, QuarantinedClick

EVIDENCE = "collector_identify"
BROWSER_IDS = ("fbp", "ttp")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RIGHT_CLOCK = 5 * MINUTE
"""A message may be so long under way; a clock that is off by more is wrong."""
GREENWICH = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A row of `collector_inbox`. Times in `body` are milliseconds of the browser's clock."""

    kind: str
    received_at: datetime
    visitor_id: str
    body: Mapping[str, Any] = field(repr=False)
    user_agent: str | None
    ip_address: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """A browser said who uses it."""

    visitor_id: str
    user_id: str
    linked_at: datetime


Read = Click | Identified | QuarantinedClick


def read_message(message: Message) -> list[Read]:
    """What to keep of it. Nothing a browser sends can fail here: what cannot be read is quarantined."""
    try:
        if message.kind == "identify":
            return [_identified(message)]
        return [*_clicked(message)]
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as fault:
        detail = f"a {message.kind} of a form the collector does not take ({type(fault).__name__})"
        return [_refused(message, "unreadable_message", detail)]


def _clicked(message: Message) -> list[Click | QuarantinedClick]:
    body = message.body
    utm, consent, browser = (body.get(name) or {} for name in ("utm", "consent", "browser"))
    # Whoever refuses the storage of a click has refused what would be told of it.
    refuses = consent.get("ad_storage") == "denied"
    ids = {kind.value: body["ids"].get(kind.value) for kind in ClickIdKind}
    row = {
        "click_ref": _ref(message),
        "clicked_at": _moment(message),
        "visitor_id": message.visitor_id,
        **ids,
        "utm_source": utm.get("source"),
        "campaign": utm.get("campaign"),
        "landing_url": body.get("url"),
        "referrer": body.get("referrer"),
        "user_agent": message.user_agent,
        "ip_address": message.ip_address,
        "ad_user_data": "denied" if refuses else consent.get("ad_user_data"),
        "ad_personalization": "denied" if refuses else consent.get("ad_personalization"),
    }
    known = {name: value for name in BROWSER_IDS if (value := browser.get(name))}
    return [
        dataclasses.replace(one, browser_ids=known) if isinstance(one, Click) else one
        for one in read_row(COLLECTOR, row, GREENWICH, message.received_at)
    ]


def _identified(message: Message) -> Identified | QuarantinedClick:
    if message.user_agent and (crawler := crawler_of(message.user_agent)):
        return _refused(message, "crawler", f"the user agent names {crawler}")
    return Identified(
        visitor_id=message.visitor_id, user_id=message.body["user_id"], linked_at=_moment(message)
    )


def _moment(message: Message) -> datetime:
    """When it was, by our clock. One that is wrong is corrected by whole minutes, so that a copy agrees."""
    at, sent = (EPOCH + timedelta(milliseconds=message.body[name]) for name in ("at", "sent_at"))
    off = message.received_at - sent
    corrected = at if abs(off) < RIGHT_CLOCK else at + round(off / MINUTE) * MINUTE
    return min(corrected, message.received_at)


def _ref(message: Message) -> str:
    """The click's id: the same for every copy of it, and nobody's who does not know the visitor's."""
    ids = message.body["ids"]
    return _digest([message.visitor_id, sorted(ids.items()) if ids else message.body["at"]])


def _refused(message: Message, reason: str, detail: str) -> QuarantinedClick:
    ref = f"{message.kind}:{_digest([message.visitor_id, message.body])}"
    return QuarantinedClick(source=COLLECTOR, click_ref=ref, reason=reason, detail=detail)


def _digest(parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
