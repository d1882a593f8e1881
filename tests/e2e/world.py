"""A business at the sandbox, a configuration that leads to it, and both clocks in the test's hand."""

from __future__ import annotations

import hashlib
import json
import urllib.request
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Engine

from conversion_sync.cli.demo_home import configuration
from conversion_sync.config.settings import Settings, UploadMode
from conversion_sync.model.windows import Window
from conversion_sync.pipeline.attribute import attribute
from conversion_sync.pipeline.build import context
from conversion_sync.pipeline.configuration import settings_type
from conversion_sync.pipeline.context import Context
from conversion_sync.pipeline.deliver import deliver
from conversion_sync.pipeline.inbox import billing_events
from conversion_sync.pipeline.normalise import normalise
from conversion_sync.pipeline.plan import plan
from conversion_sync.pipeline.pull import pull_clicks
from conversion_sync.pipeline.report import DeliveryReport
from conversion_sync.sandbox.process import running
from conversion_sync.store.embedded import EmbeddedServer
from tests.conftest import TEMPLATE
from tests.e2e.expected import AdPlatform, Booked, Correction, Delivery, Worth

Json = dict[str, Any]
EMPTY = "template0"
DAYS = {"google_ads": 90, "meta": 7, "tiktok": 28, "linkedin": 30, "microsoft_ads": 90}
"""Click windows the configuration asks for, where it does not leave them to the platform."""
ACTIONS: Json = {
    "purchase": {"kinds": ["first_payment"]},
    "renewal": {"kinds": ["renewal"], "value": {"rule": "multiple", "factor": "0.5"}},
    "upgrade": {"kinds": ["expansion_payment"], "value": {"rule": "gross"}},
    "trial": {"kinds": ["trial_started"], "value": {"rule": "fixed", "amount": "5.00", "currency": "USD"}},
}
NAMES = {
    "google_ads": {
        "purchase": "700000001",
        "renewal": "700000002",
        "upgrade": "700000004",
        "trial": "700000003",
    },
    "meta": {"purchase": "Purchase", "upgrade": "Upgrade", "trial": "StartTrial"},
    "tiktok": {"purchase": "Purchase", "renewal": "Subscribe", "upgrade": "Upgrade", "trial": "StartTrial"},
    "linkedin": {"purchase": "900001", "renewal": "900002", "upgrade": "900004", "trial": "900003"},
    "microsoft_ads": {
        "purchase": "Offline purchase",
        "renewal": "Offline renewal",
        "upgrade": "Offline upgrade",
        "trial": "Offline trial",
    },
}
"""Renewals are not for Meta here: what is not mapped must not be sent."""
NAME_KEY = {
    "google_ads": "conversion_action_id",
    "meta": "event_name",
    "tiktok": "event",
    "linkedin": "conversion_rule_id",
    "microsoft_ads": "conversion_name",
}


def _by_kind(platform: str) -> dict[str, str]:
    return {kind: name for action, name in NAMES[platform].items() for kind in ACTIONS[action]["kinds"]}


WORTHS: Mapping[str, Worth] = {
    "first_payment": Worth(rule="net"),
    "renewal": Worth(rule="share", share=Fraction(1, 2)),
    "expansion_payment": Worth(rule="gross"),
    "trial_started": Worth(rule="fixed", amount=Decimal("5.00"), currency="USD"),
}
PLATFORMS: Sequence[AdPlatform] = (
    AdPlatform(
        name="google_ads",
        click_ids=frozenset({"gclid", "gbraid", "wbraid"}),
        click_window=timedelta(days=DAYS["google_ads"]),
        oldest_event=timedelta(days=90),
        oldest_click=timedelta(days=90),
        youngest_click=timedelta(hours=6),
        corrects_for=timedelta(days=54),
        never_corrected=frozenset({"wbraid"}),
        actions=_by_kind("google_ads"),
    ),
    AdPlatform(
        name="meta",
        click_ids=frozenset({"fbclid"}),
        click_window=timedelta(days=DAYS["meta"]),
        oldest_event=timedelta(days=7),
        actions=_by_kind("meta"),
    ),
    AdPlatform(
        name="tiktok",
        click_ids=frozenset({"ttclid"}),
        click_window=timedelta(days=DAYS["tiktok"]),
        oldest_event=timedelta(days=7),
        actions=_by_kind("tiktok"),
    ),
    AdPlatform(
        name="linkedin",
        click_ids=frozenset({"li_fat_id"}),
        click_window=timedelta(days=DAYS["linkedin"]),
        oldest_event=timedelta(days=90),
        actions=_by_kind("linkedin"),
    ),
    AdPlatform(
        name="microsoft_ads",
        click_ids=frozenset({"msclkid"}),
        click_window=timedelta(days=DAYS["microsoft_ads"]),
        oldest_event=timedelta(days=90),
        corrects_for=timedelta(days=90),
        actions=_by_kind("microsoft_ads"),
    ),
)


@dataclass(frozen=True, kw_only=True)
class World:
    """A running sandbox; `home` holds the configuration that leads to it."""

    endpoints: Json
    home: Path
    clicks_url: str

    @property
    def window(self) -> Window:
        """The time the business lived in."""
        return Window(
            datetime.fromisoformat(self.endpoints["start"]), datetime.fromisoformat(self.endpoints["end"])
        )

    def ask(self, path: str) -> Any:
        """An answer of the sandbox's own interface."""
        with urllib.request.urlopen(self.endpoints["admin"] + path) as answer:
            return json.load(answer)

    def stop_clock(self, at: datetime) -> None:
        """From now on it is this time at every vendor."""
        self._tell("/clock", {"freeze": at.isoformat()})

    def change_faults(self, *rules: Json) -> None:
        """Adds rules to the fault plan, see `conversion_sync.sandbox.faults`."""
        self._tell("/faults", rules)

    def _tell(self, path: str, content: Any) -> None:
        request = urllib.request.Request(
            self.endpoints["admin"] + path,
            data=json.dumps(content).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request):
            return

    def requests(self) -> dict[str, int]:
        """How often each vendor was asked for anything else than to read its records."""
        counts: dict[str, int] = self.ask("/requests")["count"]
        return {name: count for name, count in counts.items() if not name.startswith("stripe ")}

    def changes(self, platform: str) -> int:
        """How often a platform took a conversion or a correction in."""
        return sum(
            entry["times_received"] + len(entry["adjustments"])
            for entry in self.ask("/ledger")
            if entry["platform"] == platform
        )

    def books(self) -> dict[str, Counter[Booked]]:
        """Every platform's books in the form `expected` computes them."""
        books: dict[str, Counter[Booked]] = {platform.name: Counter() for platform in PLATFORMS}
        for entry in self.ask("/ledger"):
            assert entry["times_received"] == 1, f"received more than once: {entry}"
            books[entry["platform"]][booked(entry)] += 1
        return books

    def settings(self, mode: UploadMode = UploadMode.LIVE) -> Settings:
        """The test's own configuration, its secrets filled in."""
        return settings_type().model_validate(_filled(*self.written(mode)))

    def written(self, mode: UploadMode = UploadMode.LIVE) -> tuple[Json, dict[str, str]]:
        """The configuration as plain data and the secrets it names: the demo's with other rules."""
        content, secrets = configuration(self.home, self.endpoints, self.clicks_url)
        content["upload_mode"] = mode.value
        content["platforms"]["meta"]["main"]["click_window_days"] = DAYS["meta"]
        content["platforms"]["linkedin"]["main"]["click_window_days"] = DAYS["linkedin"]
        for accounts in content["platforms"].values():
            accounts["main"]["identifiers"] = ["email"]
        content["actions"] = {
            action: facts
            | {
                "targets": {
                    platform: {"main": {NAME_KEY[platform]: names[action]}}
                    for platform, names in NAMES.items()
                    if action in names
                }
            }
            for action, facts in ACTIONS.items()
        }
        return content, secrets


def _filled(content: Any, secrets: Mapping[str, str]) -> Any:
    if isinstance(content, dict):
        return {key: _filled(value, secrets) for key, value in content.items()}
    if isinstance(content, str) and content.startswith("env:"):
        return secrets[content.removeprefix("env:")]
    return content


def booked(entry: Json) -> Booked:
    """An entry of the sandbox's books in the form `expected` computes it."""
    assert entry["matched"], f"the platform does not know this click: {entry}"
    occurred_at = datetime.fromisoformat(entry["occurred_at"])
    if entry["platform"] == "microsoft_ads":
        occurred_at = occurred_at.replace(microsecond=0)  # its fraction tells the row, not the time
    return Booked(
        platform=entry["platform"],
        action=entry["action"],
        click_kind=entry["click_kind"],
        click_id=entry["click_id"],
        occurred_at=occurred_at,
        value=Decimal(entry["first_value"]),
        currency=entry["first_currency"],
        total=Decimal(entry["total"]),
        counts=entry["counts"],
        corrections=tuple(
            Correction(
                at=datetime.fromisoformat(adjustment["at"]),
                value=None if adjustment["value"] is None else Decimal(adjustment["value"]),
            )
            for adjustment in entry["adjustments"]
        ),
    )


def named(platform: str, vendor_id: str, click_id: str, occurred_at: datetime) -> str:
    """What the sandbox's books call a row of the ledger; Microsoft has no ids of conversions."""
    if platform != "microsoft_ads":
        return vendor_id
    digits = int(hashlib.sha256(vendor_id.encode()).hexdigest()[:16], 16) % 1_000_000
    return f"{click_id} {occurred_at.astimezone(UTC).replace(microsecond=digits).isoformat()}"


def recent_midnight() -> datetime:
    """An end at which every run finds the same business, whatever the hour of day.

    Old enough that no click is too fresh, young enough that no payment of the days before is too old.
    """
    return (datetime.now(UTC) - timedelta(hours=12)).replace(hour=0, minute=0, second=0, microsecond=0)


@contextmanager
def living(folder: Path, server: EmbeddedServer, *options: str) -> Iterator[World]:
    """A sandbox with its click table in a database of its own."""
    with fresh_database(server, EMPTY) as clicks_url:
        arguments = ["--database-url", clicks_url, "--event-retention-days", "0", "--settle-seconds", "0"]
        with running(folder / "sandbox", [*arguments, *options]) as endpoints:
            yield World(endpoints=endpoints, home=folder, clicks_url=clicks_url)


@contextmanager
def fresh_database(server: EmbeddedServer, template: str = TEMPLATE) -> Iterator[str]:
    """The address of a new database, which is gone afterwards."""
    name = f"e2e_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute(f"create database {name} template {template}")
    yield server.url(name)
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute(f"drop database {name} with (force)")


class Company:
    """The product at work for the business: its database, its configuration and the time of day."""

    def __init__(self, world: World, engine: Engine, mode: UploadMode = UploadMode.LIVE) -> None:
        self.world, self.engine = world, engine
        self.now = datetime.now(UTC)
        self.settings = world.settings(mode)

    def context(self, run_id: str = "e2e") -> Context:
        """What the rooms are handed; time is the test's, so nothing waits for it to pass."""
        known = context(self.settings, self.engine, run_id=run_id, clock=lambda: self.now)
        return replace(known, sleep=lambda _: None)

    def prepare(self, window: Window) -> None:
        """Everything up to the plan for a window."""
        ctx = self.context()
        for room in (billing_events, pull_clicks, normalise, attribute, plan):
            room(ctx, window)

    def deliver(self, window: Window) -> list[DeliveryReport]:
        """Everything due at every account."""
        ctx = self.context()
        return [deliver(ctx, window, platform, account) for platform, account in self.settings.accounts()]

    def run(self, window: Window, now: datetime) -> list[DeliveryReport]:
        """One run of the product at a time of day."""
        self.now = now
        self.world.stop_clock(now)
        self.prepare(window)
        return self.deliver(window)


def prompt(windows: Iterable[Window], lag: timedelta = timedelta(minutes=10)) -> list[Delivery]:
    """Each window delivered soon after its end, as the schedule does."""
    return [Delivery(reads_until=window.end, now=window.end + lag) for window in windows]


OWN_TABLES = """
select table_name from information_schema.tables
where table_schema = 'public' and table_type = 'BASE TABLE'
    and table_name not in (select inhrelid::regclass::text from pg_inherits)
    and strpos(table_name, 'yoyo') = 0
order by table_name
"""


def tables(engine: Engine, leave_out: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Every table of the product as sorted rows of text, without the columns (or, if none are
    named, the tables) to leave out."""
    found: dict[str, list[str]] = {}
    with engine.connect() as connection:
        names = connection.exec_driver_sql(OWN_TABLES).scalars().all()
        for name in names:
            if name in leave_out and not leave_out[name]:
                continue
            columns = [*leave_out.get(name, ()), *leave_out.get("*", ())]
            minus = "".join(f" - '{column}'" for column in columns)
            rows = connection.exec_driver_sql(f"select (to_jsonb(t){minus})::text from {name} as t").scalars()
            found[name] = sorted(rows)
    return found
