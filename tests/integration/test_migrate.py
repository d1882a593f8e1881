"""Migrations: from nothing to the newest schema, once, whoever comes first and whoever was killed before."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Engine, text

from conversion_sync.errors import PermanentError
from conversion_sync.store import migrate as migrations
from conversion_sync.store.embedded import EmbeddedServer
from conversion_sync.store.engine import connect
from conversion_sync.store.migrate import migrate
from conversion_sync.store.queries import sql_folder
from tests.e2e.world import EMPTY, fresh_database

ALL = sorted(file.stem for file in (sql_folder() / "schema").glob("*.sql"))
COLUMNS = """
select table_name, column_name, data_type, is_nullable, column_default from information_schema.columns
where table_schema = 'public' and strpos(table_name, 'yoyo') = 0 order by 1, 2
"""
LOCK = "create table yoyo_lock (locked int primary key default 1, ctime timestamp, pid int not null)"
"""As the migration tool makes it before anything else."""


@pytest.fixture
def empty(server: EmbeddedServer) -> Iterator[str]:
    with fresh_database(server, EMPTY) as url:
        yield url


def schema(engine: Engine) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(COLUMNS))]


def applied(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("select migration_id from _yoyo_migration order by 1").fetchall()
    return [row[0] for row in rows]


def test_from_nothing_every_migration_is_applied_and_a_second_time_changes_nothing(
    empty: str, database
) -> None:
    assert migrate(empty) == ALL
    engine = connect(empty)
    first = schema(engine)
    assert first == schema(database.engine)
    assert len({row[0] for row in first}) > 15
    assert migrate(empty) == []
    assert (schema(engine), applied(empty)) == (first, ALL)
    engine.dispose()


def test_of_several_at_once_one_migrates_and_the_others_wait(empty: str) -> None:
    found: list[list[str]] = []
    at_once = threading.Barrier(3)

    def run() -> None:
        at_once.wait()
        found.append(migrate(empty))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [[], [], ALL]
    assert applied(empty) == ALL


def test_the_lock_a_killed_migration_left_keeps_nobody_out(empty: str) -> None:
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute(LOCK)
        connection.execute("insert into yoyo_lock (locked, ctime, pid) values (1, now(), 4194304)")
    assert migrate(empty) == ALL


def test_a_migration_that_fails_leaves_nothing_of_itself(
    empty: str, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "schema").mkdir()
    good, bad = "create table kept (id int)", "create table lost (id int); insert into lost values ('secret')"
    (tmp_path / "schema" / "0001_good.sql").write_text(good)
    (tmp_path / "schema" / "0002_bad.sql").write_text(bad)
    monkeypatch.setattr(migrations, "sql_folder", lambda: tmp_path)
    with pytest.raises(PermanentError) as told:
        migrate(empty)
    assert str(told.value) == (
        'A migration of the database failed: invalid input syntax for type integer: "secret". Remedy: '
        "Restore the schema the last release left, or report this message."
    )
    assert applied(empty) == ["0001_good"]
    engine = connect(empty)
    assert {row[0] for row in schema(engine)} == {"kept"}
    engine.dispose()
