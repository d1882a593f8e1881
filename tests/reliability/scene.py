"""The world a kill happens in: one ad account of a case, ten payments, one of which the platform refuses.

A ledger is planned once a case and cloned for each run; the sandbox begins each with empty books and a
clock that only the uploaders move.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import requests
from cryptography.fernet import Fernet
from sqlalchemy import Engine, text

from conversion_sync.attribution.attribute import attribute
from conversion_sync.attribution.identify import identify
from conversion_sync.attribution.rules import write_rules
from conversion_sync.clicks.source import ClickPage
from conversion_sync.config.settings import Settings
from conversion_sync.credentials.keys import VARIABLE, keyring
from conversion_sync.credentials.source import stored_tokens
from conversion_sync.delivery.plan import plan
from conversion_sync.model.click import ClickIdKind
from conversion_sync.model.conversion import Outbound
from conversion_sync.model.revenue import EventKind
from conversion_sync.model.windows import Window
from conversion_sync.pipeline.configuration import settings_type
from conversion_sync.pipeline.land_clicks import land_click_page
from conversion_sync.platforms.platform import Catalogue, Platform
from conversion_sync.platforms.registry import catalogues, factories
from conversion_sync.store.engine import connect
from conversion_sync.store.migrate import migrate
from tests.contract.platforms.cases import Case
from tests.contract.platforms.running import Sandbox, old_clicks
from tests.integration import world

ACCOUNT = "main"
BAD = "pay5"
"""The payment that leaves with a time to come, which every platform refuses."""
REFUNDS = (("pay1", 40, 60), ("pay2", 100, 0), ("pay7", 30, 70), ("pay7", 20, 50))
"""Payment, what is paid back, what is left of its 100."""
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Vendors:
    """The sandbox with the times of the harness. `start` is when every run begins."""

    sandbox: Sandbox
    start: datetime

    def now(self) -> datetime:
        return datetime.fromisoformat(self.sandbox.read("clock")["now"])

    def set_clock(self, now: datetime) -> None:
        self._ask("POST", "clock", {"freeze": now.isoformat()})

    def begin(self, case: Case, *, dedup: bool) -> None:
        """Empty books, nothing held or wrong, the account as the case needs it, the clock at the start."""
        self.sandbox.mend()
        self.sandbox.stand(**case.standing)
        self._ask("DELETE", "ledger")
        self._ask("POST", "dedup", {case.platform: dedup})
        self.set_clock(self.start)

    def hold(self, vendor: str, path: str, nth: int, moment: str) -> None:
        rule = {"vendor": vendor, "path_contains": path, "nth": nth, "action": {"hold": moment}}
        self._ask("POST", "faults", [rule])

    def forget_faults(self) -> None:
        self._ask("DELETE", "faults")

    def is_held(self) -> bool:
        return bool(self.sandbox.read("holds")["held"])

    def let_go(self, *, cut: bool) -> None:
        """Lets what is held go on, or be lost, and waits until the vendors have done with it."""
        self._ask("DELETE", "holds?cut" if cut else "holds")
        while self.sandbox.read("requests")["in_flight"]:
            pass

    def counted(self) -> Mapping[str, int]:
        """Requests so far, by "vendor path"."""
        return dict(self.sandbox.read("requests")["count"])

    def booked(self, platform: str) -> dict[str, dict[str, Any]]:
        """The entries of a platform's books, by the name they have there."""
        return {
            entry["vendor_id"]: entry
            for entry in self.sandbox.read("ledger")
            if entry["platform"] == platform
        }

    def _ask(self, method: str, path: str, body: object = None) -> None:
        url = f"{self.sandbox.endpoints['admin']}/{path}"
        requests.request(method, url, json=body, timeout=60).raise_for_status()


def vendors_of(endpoints: Mapping[str, Any]) -> Vendors:
    truth = requests.get(f"{endpoints['admin']}/truth", timeout=60).json()
    end = datetime.fromisoformat(truth["end"]).astimezone(UTC)
    return Vendors(Sandbox(endpoints, old_clicks(truth)), end)


@dataclass(frozen=True)
class Scene:
    """A case with its planned ledger, the database `template` of the server of the database `server`."""

    case: Case
    vendors: Vendors
    server: str
    template: str
    payments: int = 10
    key: str = field(default_factory=lambda: Fernet.generate_key().decode())

    @cached_property
    def settings(self) -> Settings:
        return settings_type().model_validate(
            {
                "start": "2026-01-01T00:00:00Z",
                "billing": {},
                "upload_mode": "live",
                "platforms": {
                    self.case.platform: {ACCOUNT: self.case.account(self.vendors.sandbox.endpoints)}
                },
                "actions": {
                    "purchase": {
                        "kinds": ["first_payment"],
                        "targets": {self.case.platform: {ACCOUNT: dict(self.case.target)}},
                    }
                },
            }
        )

    @property
    def window(self) -> Window:
        return Window(self.vendors.start - timedelta(days=60), self.vendors.start + timedelta(days=60))

    def adapter(self, engine: Engine, clock: Callable[[], datetime]) -> Platform:
        """The account's, with its tokens kept in the ledger's database."""
        tokens = stored_tokens(keyring({VARIABLE: self.key}), engine, clock)
        return factories(self.settings, tokens)[self.case.platform, ACCOUNT]()

    @cached_property
    def facts(self) -> Catalogue:
        return catalogues(self.settings)[self.case.platform, ACCOUNT]

    @contextmanager
    def ledger(self) -> Iterator[Engine]:
        """A database of its own that is the template."""
        name = f"run_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.server, autocommit=True) as admin:
            admin.execute(f"create database {name} template {self.template}")
        engine = connect(f"{database(self.server, name)}&application_name=harness")
        try:
            yield engine
        finally:
            engine.dispose()
            with psycopg.connect(self.server, autocommit=True) as admin:
                admin.execute(f"drop database {name} with (force)")

    def name(self, row: Any) -> str:
        """What the platform's books call a row of the ledger."""
        return self.case.name(cast("Outbound", row))


def database(server: str, name: str) -> str:
    """The address of another database of the server."""
    return server.replace("/postgres?", f"/{name}?", 1)


@contextmanager
def scene(case: Case, vendors: Vendors, server: str, payments: int = 10) -> Iterator[Scene]:
    """The case's ledger with its payments planned; gone afterwards."""
    template = f"scene_{case.id.replace('-', '_')}_{uuid.uuid4().hex[:8]}"
    made = Scene(case, vendors, server, template, payments)
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"create database {template}")
    try:
        migrate(database(server, template))
        engine = connect(database(server, template))
        _payments(made, engine)
        engine.dispose()
        yield made
    finally:
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(f"drop database {template} with (force)")


def _payments(scene: Scene, engine: Engine) -> None:
    click_id, clicked_at = scene.vendors.sandbox.clicks[scene.case.click_kind][0]
    write_rules(engine, scene.settings, catalogues(scene.settings))
    world.link(engine, "visitor", "v1", "customer", world.CUSTOMER, ago(clicked_at))
    click = world.click("c", ago(clicked_at), ClickIdKind(scene.case.click_kind), click_id=click_id)
    land_click_page(engine, ClickPage(clicks=(click,), quarantined=()), clicked_at)
    for number in range(scene.payments):
        at = clicked_at + (number + 1) * MINUTE
        world.event(engine, f"pay{number}", EventKind.FIRST_PAYMENT, ago(at), net=100)
    _rooms(scene, engine)


def refund(scene: Scene, engine: Engine) -> None:
    """What billing paid back since; planned, where the platform takes corrections."""
    for number, (key, net, left) in enumerate(REFUNDS):
        at = scene.vendors.start - (len(REFUNDS) - number) * MINUTE
        world.event(
            engine,
            f"refund{number}",
            EventKind.REFUND,
            ago(at),
            net=-net,
            parent=key,
            left=left,
            refunded=100 - left,
        )
    _rooms(scene, engine)


def _rooms(scene: Scene, engine: Engine) -> None:
    identify(engine)
    attribute(engine, scene.window, models=world.MODELS, half_life=timedelta(days=7))
    plan(engine, scene.window, scene.vendors.start)


def ago(at: datetime) -> timedelta:
    """The span by which the factories of rows say a time."""
    return world.NOW - at


def bad_row(engine: Engine) -> str:
    with engine.connect() as connection:
        return str(
            connection.scalar(text("select vendor_id from conversion where event_key = :key"), {"key": BAD})
        )


def spoiled(row: Outbound, now: datetime) -> Outbound:
    """The row as a platform refuses it."""
    return row._replace(occurred_at=now + timedelta(days=3))


def rows_of(engine: Engine) -> list[SimpleNamespace]:
    """Every row of the ledger, as far as a judge needs it."""
    with engine.connect() as connection:
        found = connection.execute(
            text(
                "select kind, state, reason, vendor_id, click_id, occurred_at, parent_conversion_id"
                " from conversion order by occurred_at, conversion_id"
            )
        )
        return [SimpleNamespace(**row) for row in found.mappings()]
