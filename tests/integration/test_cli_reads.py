"""The commands that read the books, on a real database, through the real command line."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from conversion_sync.model.click import ClickIdKind
from conversion_sync.model.conversion import ConversionKind, conversion_id
from conversion_sync.model.revenue import EventKind
from conversion_sync.reports.ledger import FIELDS
from tests.integration.world import CUSTOMER, DAY, HOUR, click, configure, event, land, link, rooms, set_state

PAID = conversion_id("pay", "google_ads", "main", "purchase", ConversionKind.CONVERSION)
CONFIGURATION = """
start: 2026-01-01T00:00:00Z
database: {url: "env:CS_TEST_DATABASE"}
billing: {stripe: {main: {api_key: "env:CS_TEST_KEY"}}}
platforms: {tiktok: {main: {pixel_code: P, access_token: "env:CS_TEST_KEY"}}}
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def command(tmp_path: Path) -> Run:
    """The command in a folder of its own; keyword arguments are environment variables."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "conversion_sync.cli", *arguments],
            cwd=tmp_path,
            env={**os.environ, "COLUMNS": "200", **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def on_books(command: Run, tmp_path: Path, database) -> Run:
    """The command on books with one settled and one unmapped payment."""
    engine = database.engine
    configure(engine, "google_ads", rules=(("first_payment", "purchase"),))
    link(engine, "visitor", "v1", "customer", CUSTOMER)
    land(engine, click("g", 2 * DAY, ids={ClickIdKind.GCLID: "id-g", ClickIdKind.FBCLID: "id-f"}))
    event(engine, "pay", EventKind.FIRST_PAYMENT, 5 * HOUR, net=1000, tax=190, object_id="in_1")
    event(engine, "up", EventKind.EXPANSION_PAYMENT, 4 * HOUR, net=500)
    rooms(engine)
    with engine.begin() as connection:
        connection.execute(text("update conversion set code = 'a, [b]' where event_key = 'up'"))
    set_state(engine, "pay", "settled")
    (tmp_path / "conversion_sync.yaml").write_text(CONFIGURATION)

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return command(
            *arguments, **{"CS_TEST_DATABASE": database.url, "CS_TEST_KEY": "sk_live_1"} | environment
        )

    return run


def test_without_a_configuration_a_command_says_what_to_do(command: Run) -> None:
    done = command("status")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0] == (
        "Error: There is no configuration: conversion_sync.yaml does not exist."
    )
    assert done.stderr.splitlines()[1].startswith("Remedy: ")


def test_a_missing_variable_is_named(command: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(CONFIGURATION)
    done = command("--config", "mine.yaml", "ledger", CS_TEST_KEY="sk_live_1")
    assert done.returncode == 2
    assert "CS_TEST_DATABASE" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_is_down_is_one_message(on_books: Run) -> None:
    done = on_books("status", CS_TEST_DATABASE="postgresql://user:hidden@127.0.0.1:9/none")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: The database 127.0.0.1/none cannot be used: ")
    assert "hidden" not in done.stderr
    assert "Remedy: Start it, or correct `database.url`" in done.stderr


def test_the_demo_option_needs_a_demo(command: Run) -> None:
    done = command("--demo", "status")
    assert (done.returncode, done.stderr) == (
        2,
        "Error: The demo was never run here.\nRemedy: Run: make demo\n",
    )


@pytest.mark.parametrize("wrong", [("ledger", "--from", "soon"), ("ledger", "--state", "sent"), ("nothing",)])
def test_a_wrong_command_line_is_a_usage_error(command: Run, wrong: tuple[str, ...]) -> None:
    done = command(*wrong)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_the_ledger_is_a_record_a_line(on_books: Run) -> None:
    done = on_books("ledger", "--format", "jsonl", "--state", "settled")
    (record,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert tuple(record) == FIELDS
    assert (record["conversion_id"], record["value_minor"], record["occurred_at"]) == (
        PAID,
        1000,
        "2026-11-20T07:00:00Z",
    )
    assert done.stdout == on_books("ledger", "--json", "--state", "settled").stdout


def test_the_ledger_as_csv_quotes_what_it_must(on_books: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(on_books("ledger", "--format", "csv").stdout)))
    assert [(row["revenue_event"], row["code"], row["text"]) for row in rows] == [
        ("pay", "", ""),
        ("up", "a, [b]", ""),
    ]


def test_the_ledger_as_a_table_shows_vendor_text_as_it_is(on_books: Run) -> None:
    shown = on_books("ledger", "--reason", "not_mapped").stdout
    assert "not_mapped a, [b]" in shown
    assert "purchase" not in shown
    assert on_books("ledger", "--account", "other").stdout == "No rows.\n"


def test_a_conversion_is_explained(on_books: Run) -> None:
    shown = on_books("explain", PAID[:8]).stdout
    for said in (
        "net 10.00 USD + tax 1.90 USD = 11.90 USD",
        "google gclid id-g  ← the click of google_ads:main\n",
        "meta fbclid id-f\n",
        "The platform holds it.",
        f"there called cs_{PAID}",
    ):
        assert said in shown
    assert json.loads(on_books("explain", "in_1", "--json").stdout)[0]["billing"]["event_key"] == "pay"


def test_an_unknown_id_is_an_error_without_a_trace(on_books: Run) -> None:
    done = on_books("explain", "in_404")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: Nothing in the ledger is called in_404.\nRemedy: ")


def test_the_status_tells_which_account_is_left_alone_and_until_when(on_books: Run, database) -> None:
    with database.engine.begin() as connection:
        connection.execute(
            text(
                "insert into delivery_breaker (platform, account, opened_at, probe_at, code, text) values "
                "('google_ads', 'main', '2026-11-20 08:00Z', '2026-11-20 09:30Z', 'http_503', 'out of order')"
            )
        )
    done = on_books("status")
    assert "google_ads:main is down since 2026-11-20 08:00 UTC (http_503 out of order)" in done.stdout
    assert "asked again from 2026-11-20 09:30 UTC on." in done.stdout
    [pause] = json.loads(on_books("status", "--json").stdout)["pauses"]
    assert (pause["what"], pause["code"], pause["bucket"]) == ("breaker_open", "http_503", "")
    assert pause["until"].startswith("2026-11-20T09:30:00")


def test_the_status_holds_the_laws(on_books: Run) -> None:
    done = on_books("status", "--json", "--full")
    found = json.loads(done.stdout)
    assert done.returncode == 0
    assert [(line["platform"], line["held"]) for line in found["accounts"]] == [("google_ads", 0)]
    assert [law["broken"] for law in found["laws"]] == [0, 0, 0, 0]


def test_a_broken_law_is_seen_by_whoever_calls(on_books: Run, database) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("delete from conversion where event_key = 'up'"))
    done = on_books("status", "--full")
    assert done.returncode == 1
    assert "✗ billing = platforms + reasons, to the cent" in done.stdout


def test_reading_commands_import_no_vendor_and_no_dagster() -> None:
    heavy = ["stripe", "google.ads", "facebook_business", "dagster", "pandas", "grpc"]
    modules = ["cli.main", "reports.ledger", "reports.status", "config.load", "store.open"]
    script = (
        f"import sys; {'; '.join(f'import conversion_sync.{name}' for name in modules)};"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_a_reader_that_has_seen_enough_ends_the_command_quietly(
    on_books: Run, tmp_path: Path, database, form: str
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-u", "-m", "conversion_sync.cli", "ledger", "--format", form],
        cwd=tmp_path,
        env={**os.environ, "CS_TEST_DATABASE": database.url, "CS_TEST_KEY": "sk_live_1"},
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert done.stderr == b""
