"""What a browser with the snippet sends, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import requests
from sqlalchemy import Engine

from conversion_sync.config.settings import Settings
from conversion_sync.model.windows import HOUR, Window, floor_hour
from conversion_sync.pipeline.build import context
from conversion_sync.pipeline.pull import pull_clicks
from tests.integration.receiver.serving import NOW, settings
from tests.integration.world import rows

SITE = "https://www.example.com"
AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0"
VISITOR = "0123456789abcdef"
GCLID = "Cj0KCQ" + "Ab_-" * 15
GRANTED = {"ad_storage": "granted", "ad_user_data": "granted", "ad_personalization": "granted"}


def collecting(**receiver: object) -> Settings:
    return settings(**({"collector": {"origins": [SITE]}} | receiver))


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def one_click(at: datetime = NOW, **ids: str) -> dict[str, Any]:
    return {"at": milliseconds(at), "ids": ids or {"gclid": GCLID}}


def message(*clicks: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    told = {"visitor_id": VISITOR, "sent_at": milliseconds(NOW), "consent": GRANTED}
    return told | {"clicks": clicks or [one_click()]} | changes


def user(user_id: str, at: datetime = NOW, **changes: Any) -> dict[str, Any]:
    stamp = milliseconds(at)
    return {"visitor_id": VISITOR, "sent_at": milliseconds(NOW), "user_id": user_id, "at": stamp} | changes


def tell(address: str, path: str, body: Any, **headers: str) -> requests.Response:
    """Sends as the snippet does: text/plain, from the site, with a browser's name."""
    sent = {"Origin": SITE, "User-Agent": AGENT, "Content-Type": "text/plain;charset=UTF-8"} | headers
    if isinstance(body, bytes):
        return requests.post(address + path, body, headers=sent)
    return requests.post(address + path, json=body, headers=sent)


def click_of(name: str) -> bytes:
    """A click of the length clicks have, with a name in its identifier."""
    click = one_click(gclid=f"{GCLID}{name}") | {"url": f"{SITE}/?gclid={GCLID}{name}", "referrer": ""}
    return json.dumps(message(click)).encode()


def from_site(_: bytes) -> Mapping[str, str]:
    """The headers of a browser at the site."""
    return {"Origin": SITE, "User-Agent": AGENT, "Content-Type": "text/plain;charset=UTF-8"}


def told(engine: Engine) -> list[tuple[Any, ...]]:
    """What waits in the collector's inbox, in the order of arrival."""
    return rows(
        engine,
        "select kind, received_at, visitor_id, body, user_agent, ip_address from collector_inbox "
        "order by inbox_id",
    )


def landed(engine: Engine, chosen: Settings, end: datetime = NOW) -> dict[str, int]:
    """Runs the clicks room for the hour before `end`; what it says of the collector."""
    hour = floor_hour(end)
    report = pull_clicks(context(chosen, engine, run_id="test"), Window(hour - HOUR, hour))
    return {name.removeprefix("collector "): count for name, count in report.counts.items()}
