"""Dagster's storage in our PostgreSQL: few connections, and the version it was written for."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import dagster as dg
import sqlalchemy

from conversion_sync.orchestration.instance import opened, write_instance
from conversion_sync.orchestration.storage import WRITTEN_FOR
from conversion_sync.store.open import dagster_url, ensure_database
from tests.conftest import Database


def test_the_storage_is_the_version_whose_private_parts_are_used() -> None:
    assert version("dagster-postgres") == WRITTEN_FOR, "look at orchestration/storage.py before raising this"


def test_storing_events_of_many_hours_opens_two_connections(database: Database, tmp_path: Path) -> None:
    ensure_database(database.url, "dagster_storage")
    url = dagster_url(database.url, "dagster_storage")
    with opened(write_instance(tmp_path), url) as instance:
        storage = instance.event_log_storage
        opened_by_events: list[object] = []
        sqlalchemy.event.listen(storage._engine, "connect", lambda *_: opened_by_events.append(1))
        for hour in range(24):
            partition = f"2026-11-01-{hour:02d}:00"
            instance.report_runless_asset_event(
                dg.AssetMaterialization(
                    "clicks", partition=partition, tags={"dagster/data_version": partition}
                )
            )
        assert storage.get_materialized_partitions(dg.AssetKey("clicks")) == {
            f"2026-11-01-{hour:02d}:00" for hour in range(24)
        }
        assert len(opened_by_events) <= 2


def test_the_instance_is_what_dagster_yaml_says(database: Database, tmp_path: Path) -> None:
    ensure_database(database.url, "dagster_storage")
    url = dagster_url(database.url, "dagster_storage")
    with opened(write_instance(tmp_path), url) as instance:
        storages = (instance.run_storage, instance.event_log_storage, instance.schedule_storage)
        assert {storage._engine.url.drivername for storage in storages} == {"postgresql+psycopg2"}
        assert instance.telemetry_enabled is False
        assert instance.run_monitoring_enabled is True
