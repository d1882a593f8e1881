"""A platform that answers as a test says, and deliveries to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Engine

from conversion_sync.config.settings import UploadMode
from conversion_sync.delivery.deliver import deliver
from conversion_sync.delivery.desk import Desk
from conversion_sync.delivery.tally import Tally
from conversion_sync.model.click import ClickIdKind
from conversion_sync.model.conversion import Outbound, Outcome
from conversion_sync.model.revenue import EventKind
from conversion_sync.model.windows import Window
from conversion_sync.platforms.platform import Catalogue, DedupPromise, SendResult, Settlement
from tests.integration.world import (
    CUSTOMER,
    DAY,
    EVERYTHING,
    HOUR,
    NOW,
    click,
    configure,
    event,
    land,
    link,
    rooms,
    rows,
)

KINDS = {"google_ads": ClickIdKind.GCLID, "meta": ClickIdKind.FBCLID, "tiktok": ClickIdKind.TTCLID}


def enable(engine: Engine, platform: str) -> Engine:
    """One ad account, with a customer who clicked its ad a day ago."""
    configure(engine, platform, rules=(("first_payment", "purchase"),))
    link(engine, "visitor", "v1", "customer", CUSTOMER)
    land(engine, click("c", DAY, KINDS[platform]))
    return engine


def facts(**changes: object) -> Catalogue:
    known: dict[str, object] = {
        "platform": "meta",
        "network": "meta",
        "api_version": "v1",
        "sunset": None,
        "batch_size": 4,
        "click_window": 28 * DAY,
        "max_event_age": 7 * DAY,
        "max_click_age": None,
        "deadline_margin": HOUR,
        "min_click_age": timedelta(),
        "dedup": DedupPromise.NONE,
        "dedup_window": 2 * DAY,
        "can_restate": False,
        "can_retract": False,
        "adjustment_window": timedelta(),
        "confirms_later": False,
        "first_status_after": timedelta(),
        "isolation_requests": 60,
        "codes": {"bad": Outcome.REJECTED, "again": Outcome.RETRY_LATER},
    }
    return Catalogue(**(known | changes))  # type: ignore[arg-type]


Script = Callable[[Sequence[Outbound]], SendResult]


class Scripted:
    """A platform that answers as told and keeps what it was sent."""

    def __init__(self, script: Script, catalogue: Catalogue | None = None) -> None:
        self.script, self.catalogue = script, catalogue or facts()
        self.requests: list[list[Outbound]] = []
        self.statuses: dict[str, Settlement] = {}

    def invalid(self, row: Outbound) -> str | None:
        return "the click id is empty" if row.click_id == "broken" else None

    def send(self, batch: Sequence[Outbound], *, validate_only: bool) -> SendResult:
        self.requests.append(list(batch))
        return self.script(batch)

    def settlement(self, request_ref: str) -> Settlement:
        return self.statuses[request_ref]

    def close(self) -> None:
        pass

    @property
    def sent(self) -> list[str]:
        return [row.vendor_id for request in self.requests for row in request]


def taken(_: Sequence[Outbound]) -> SendResult:
    return SendResult(outcome=Outcome.DELIVERED)


def payments(engine: Engine, count: int, ago: timedelta = HOUR) -> None:
    for number in range(count):
        event(engine, f"pay{number}", EventKind.FIRST_PAYMENT, ago + number * timedelta(seconds=1), net=100)
    rooms(engine)


def run(
    engine: Engine,
    platform: Scripted,
    now: datetime = NOW,
    mode: UploadMode = UploadMode.LIVE,
    window: Window = EVERYTHING,
) -> Tally:
    """One delivery at a moment, without its pauses."""
    name = platform.catalogue.platform
    desk = Desk(
        engine=engine,
        platform=name,
        account="main",
        run_id="run-1",
        targets={"purchase": {"event_name": "Purchase"}},
    )
    return deliver(desk, platform, window, mode, lambda: now, sleep=lambda _: None)


def states(engine: Engine) -> dict[tuple[str, str], int]:
    return {
        (state, reason): count
        for state, reason, count in rows(
            engine, "select state, reason, count(*)::int from conversion group by 1, 2"
        )
    }


class DiedError(Exception):
    pass
