"""Several click tables in several databases: what is wrong with one keeps nothing from the others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy

from conversion_sync.cli.checks import click_tables
from conversion_sync.config.settings import Settings
from conversion_sync.errors import ConfigurationError
from conversion_sync.model.windows import Window
from conversion_sync.pipeline.build import context
from conversion_sync.pipeline.configuration import settings_type
from conversion_sync.pipeline.pull import pull_clicks
from tests.conftest import Database
from tests.integration.world import rows

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = Window(NOON, NOON + timedelta(hours=1))
COLUMNS = {"click_ref": "id", "clicked_at": "ts", "visitor_id": "anon", "email": "mail"}


@pytest.fixture
def settings(database: Database, server, tmp_path: Path) -> Settings:
    """A query on PostgreSQL, a table without a schema in SQLite, and one that is mapped wrongly."""
    lite = f"sqlite:///{tmp_path / 'clicks.db'}"
    made = "create table {} (id integer, ts {}, anon text, mail text)"
    other = sqlalchemy.create_engine(lite)
    with database.engine.begin() as warehouse, other.begin() as file:
        warehouse.exec_driver_sql("create schema events")
        warehouse.exec_driver_sql(made.format("events.visits", "timestamptz"))
        warehouse.exec_driver_sql(
            "insert into events.visits values (1, '2026-06-01 14:10+02', 'v1', 'A@b.co')"
        )
        file.exec_driver_sql(made.format("visits", "timestamp"))
        file.exec_driver_sql(
            "insert into visits values (1, '2026-06-01 14:20:00', 'v1', null), "
            "(2, '2026-06-01 14:30:00', '', 'x')"
        )
    other.dispose()
    return settings_type().model_validate(
        {
            "start": NOON,
            "billing": {},
            "platforms": {},
            "identity": {"match_email": True},
            "clicks": {
                "a_wrong": {"url": lite, "table": "visits", "columns": COLUMNS | {"gclid": "g"}},
                "shop": {
                    "url": lite,
                    "table": "visits",
                    "columns": COLUMNS,
                    "time_zone": "Europe/Berlin",
                },
                "warehouse": {
                    "url": database.url,
                    "query": "select id, ts, anon, mail from events.visits where ts >= :window_start",
                    "columns": COLUMNS,
                },
            },
        }
    )


def test_each_table_is_read_and_the_one_that_is_wrong_is_told(database: Database, settings: Settings) -> None:
    ctx = context(settings, database.engine, run_id="test")
    for _ in range(2):
        with pytest.raises(
            ConfigurationError, match=r"clicks\.a_wrong\.columns\.gclid: visits has no column g"
        ):
            pull_clicks(ctx, HOUR)
    assert rows(
        database.engine,
        "select source, click_ref, clicked_at, email_sha256 is not null from click order by source",
    ) == [
        ("shop", "1", NOON + timedelta(minutes=20), False),
        ("warehouse", "1", NOON + timedelta(minutes=10), True),
    ]
    assert rows(database.engine, "select source, click_ref, reason from quarantined_click") == [
        ("shop", "2", "no_visitor_or_user")
    ]
    assert rows(
        database.engine,
        "select source, rows_seen, rows_new, rows_quarantined from pull order by pull_id",
    ) == [
        ("clicks:shop", 2, 1, 1),
        ("clicks:warehouse", 1, 1, 0),
        ("clicks:shop", 2, 0, 1),
        ("clicks:warehouse", 1, 0, 0),
    ]
    assert rows(database.engine, "select from_end, to_end, evidence, source_ref from identity_link") == [
        ("visitor", "email", "click_table", "warehouse")
    ]


def test_a_check_refuses_the_wrong_mapping_with_the_columns_there_are(settings: Settings) -> None:
    found = {line.what: (line.level, line.detail, line.remedy) for line in click_tables(settings, HOUR)}
    assert found == {
        "clicks.a_wrong": (
            "error",
            "clicks.a_wrong.columns.gclid: visits has no column g.",
            "Use one of: id, ts, anon, mail.",
        ),
        "clicks.shop": ("ok", "readable, 2 rows in the last hour", ""),
        "clicks.warehouse": ("ok", "readable, 1 rows in the last hour", ""),
    }
