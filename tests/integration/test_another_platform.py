"""A platform is a folder with its facts and its adapter: one nobody knows is planned, delivered, shown."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from dagster import AssetKey

from conversion_sync import platforms
from conversion_sync.cli import checks
from conversion_sync.config.settings import Settings
from conversion_sync.model.click import ClickIdKind
from conversion_sync.model.revenue import EventKind
from conversion_sync.orchestration.build import build
from conversion_sync.pipeline.attribute import attribute
from conversion_sync.pipeline.build import context
from conversion_sync.pipeline.configuration import load_settings, settings_type
from conversion_sync.pipeline.deliver import deliver
from conversion_sync.pipeline.plan import plan
from conversion_sync.platforms import registry
from tests.conftest import Database
from tests.integration.world import CUSTOMER, DAY, EVERYTHING, HOUR, NOW, click, event, land, link, rows
from tests.unit.platforms.peer import Peer, peer, saying

CATALOGUE = """
platform = "postcards"
network = "pinterest"
api_version = "v1"
batch_size = 10
click_window_days = 30
max_event_age_days = 7
deadline_margin_minutes = 60
dedup = "always"
isolation_requests = 60

[codes]
delivered = ["stamped"]
hold = ["http_401"]
retry_later = ["http_429", "http_5*", "not_connected"]
ambiguous = ["no_answer", "unreadable"]
"""

SETTINGS = """
from pydantic import SecretStr
from conversion_sync.config.settings import AccountSettings, TargetSettings

class Account(AccountSettings):
    address: str
    stamp: SecretStr

    def fixed_token(self):
        return self.stamp

class Target(TargetSettings):
    motif: str
"""

ADAPTER = """
from conversion_sync.model.conversion import Outcome
from conversion_sync.platforms.http import Bearer, Wire
from conversion_sync.platforms.platform import Preflight, SendResult
from conversion_sync.platforms.tokens import signed
from conversion_sync.platforms.verdict import by_status, checked_here, nothing_to_ask

class Postcards:
    def __init__(self, account, facts, tokens):
        self.catalogue, self.tokens, self.address, self.wire = facts, tokens, account.address, Wire(tokens)

    def invalid(self, row):
        return None if row.click_ids.get("epik") else "The row has no epik."

    def send(self, batch, *, validate_only):
        if validate_only:
            return checked_here(batch, self.invalid)
        cards = [
            {"motif": row.target["motif"], "id": row.vendor_id, "epik": row.click_ids["epik"]}
            for row in batch
        ]
        answer = signed(
            self.tokens,
            lambda token: self.wire.post_json(self.address, cards, auth=Bearer(token)),
            lambda reply: reply.status == 401,
        )
        if isinstance(answer, SendResult):
            return answer
        if answer.document() == {"stamped": len(cards)}:
            return SendResult(outcome=Outcome.DELIVERED, code="stamped")
        return by_status(self.catalogue, answer, self.wire.excerpt(answer.text), remedy="Buy stamps.")

    def settlement(self, request_ref):
        return nothing_to_ask()

    def preflight(self, targets):
        return Preflight(said="the office is open")

    def close(self):
        self.wire.close()

adapter = Postcards
"""


def forget() -> None:
    """What was found before is looked for again."""
    for name in [name for name in sys.modules if name.startswith("conversion_sync.platforms.postcards")]:
        del sys.modules[name]
    registry.kinds.cache_clear()
    settings_type.cache_clear()
    importlib.invalidate_caches()


@pytest.fixture
def postcards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A platform's folder beside the others', on another disk."""
    folder = tmp_path / "platforms" / "postcards"
    folder.mkdir(parents=True)
    for name, text in {"catalogue.toml": CATALOGUE, "settings.py": SETTINGS, "adapter.py": ADAPTER}.items():
        (folder / name).write_text(text)
    (folder / "__init__.py").touch()
    monkeypatch.setattr(platforms, "__path__", [*platforms.__path__, str(folder.parent)])
    forget()
    yield
    monkeypatch.undo()
    forget()


@pytest.fixture
def office() -> Iterator[Peer]:
    with peer(saying(200, b'{"stamped": 2}')) as vendor:
        yield vendor


@pytest.fixture
def settings(postcards: None, office: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """As a file names it."""
    monkeypatch.setenv("STAMP", "stamp-of-the-office")
    content = {
        "start": (NOW - 2 * DAY).isoformat(),
        "upload_mode": "live",
        "billing": {"stripe": {"main": {"api_key": "env:STAMP"}}},
        "platforms": {"postcards": {"main": {"address": office.url, "stamp": "env:STAMP"}}},
        "actions": {
            "purchase": {
                "kinds": ["first_payment"],
                "targets": {"postcards": {"main": {"motif": "lighthouse"}}},
            }
        },
    }
    file = tmp_path / "conversion_sync.yaml"
    file.write_text(yaml.safe_dump(content))
    return load_settings(file)


def test_a_platform_nobody_knows_is_delivered_to(
    database: Database, settings: Settings, office: Peer
) -> None:
    engine = database.engine
    link(engine, "visitor", "v1", "customer", CUSTOMER)
    land(engine, click("c", DAY, ClickIdKind.EPIK, click_id="epik-of-the-click"))
    for key in ("pay1", "pay2"):
        event(engine, key, EventKind.FIRST_PAYMENT, HOUR, net=100)
    ctx = context(settings, engine, run_id="r", clock=lambda: NOW)
    attribute(ctx, EVERYTHING)
    plan(ctx, EVERYTHING)

    report = deliver(ctx, EVERYTHING, "postcards", "main")

    assert (report.requests, report.outcomes, report.stopped) == (1, {"delivered": 2}, "")
    assert rows(engine, "select platform, state, reason, count(*)::int from conversion group by 1, 2, 3") == [
        ("postcards", "settled", "confirmed", 2)
    ]
    head, _, body = office.requests[0].decode().partition("\r\n\r\n")
    assert "Authorization: Bearer stamp-of-the-office" in head
    sent = rows(engine, "select vendor_id from conversion order by 1")
    assert sorted(json.loads(body), key=lambda card: card["id"]) == [
        {"motif": "lighthouse", "id": name, "epik": "epik-of-the-click"} for (name,) in sent
    ]


def test_a_platform_nobody_knows_is_checked_and_has_its_upload_in_dagster(settings: Settings) -> None:
    [line] = checks.platforms(settings, NOW, registry.fixed_tokens)
    assert (line.level, line.what) == ("ok", "postcards:main")
    assert AssetKey("postcards_main_uploads") in build(settings).resolve_all_asset_keys()
