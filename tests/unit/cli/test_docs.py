"""The pages people read name everything the product can say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from conversion_sync.billing import registry as billing
from conversion_sync.cli.main import application
from conversion_sync.config.settings import (
    Action,
    Attribution,
    ClickTable,
    Identity,
    Receiver,
    Schedule,
)
from conversion_sync.model.conversion import REASONS, State
from conversion_sync.model.revenue import ADJUSTMENT_KINDS, EventKind
from conversion_sync.platforms.registry import kinds
from conversion_sync.reports.ledger import FIELDS

DOCS = Path(__file__).resolve().parents[3] / "docs"
LEDGER = (DOCS / "ledger.md").read_text(encoding="utf-8")
CONFIGURATION = (DOCS / "configuration.md").read_text(encoding="utf-8")
OPERATIONS = (DOCS / "operations.md").read_text(encoding="utf-8")


def test_every_reason_stands_in_the_page_as_the_product_says_it() -> None:
    table = "\n".join(
        f"| `{reason.value}` | {words.sentence} | {words.remedy} |" for reason, words in REASONS.items()
    )
    assert table in LEDGER


@pytest.mark.parametrize("state", State)
def test_every_state_is_documented(state: State) -> None:
    assert f"\n| `{state.value}` | " in LEDGER


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_of_the_record_is_documented(field: str) -> None:
    rows = [line for line in LEDGER.splitlines() if line.startswith("| `")]
    assert any(f"`{field}`" in row.split("|")[1] for row in rows)


def keys() -> Iterator[str]:
    parts = (
        *billing.kinds().values(),
        ClickTable,
        Action,
        Attribution,
        Identity,
        Schedule,
        Receiver,
        *(kind.account for kind in kinds().values()),
    )
    for part in parts:
        yield from part.model_fields
    yield from ("start", "upload_mode", "home", "database.url", "database.dagster_database")


@pytest.mark.parametrize("key", sorted(set(keys())))
def test_every_key_of_the_configuration_is_documented(key: str) -> None:
    assert re.search(rf"`(?:[\w<>]+\.)*\.?{re.escape(key)}[.`]", CONFIGURATION)


@pytest.mark.parametrize(
    "kind", [kind for kind in EventKind if kind not in ADJUSTMENT_KINDS and "credit" not in kind]
)
def test_every_kind_that_can_be_mapped_is_documented(kind: EventKind) -> None:
    assert f"`{kind.value}`" in CONFIGURATION


def test_every_command_is_documented() -> None:
    commands = {
        command.callback.__name__.replace("_", "-")
        for command in application().registered_commands
        if command.callback
    }
    told = set(
        re.findall(r"`([\w-]+)", "\n".join(line for line in OPERATIONS.splitlines() if line[:3] == "| `"))
    )
    assert commands <= told
