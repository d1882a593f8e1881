"""A user's click table is read on real databases: by window, in pages, with a remedy for every mistake."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy import Engine

from conversion_sync.clicks.registry import sources
from conversion_sync.clicks.table import TableClicks
from conversion_sync.config.settings import ClickTable
from conversion_sync.errors import ConfigurationError, TransientError
from conversion_sync.model.windows import Window
from conversion_sync.pipeline.configuration import settings_type
from tests.conftest import Database

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = Window(NOON, NOON + timedelta(hours=1))
COLUMNS = {"click_ref": "id", "clicked_at": "ts", "visitor_id": "anon"}


@pytest.fixture(params=["postgresql", "sqlite"])
def tables(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Engine, str]]:
    """A database with an empty `ad_clicks`, and its address as a user writes it."""
    if request.param == "postgresql":
        database: Database = request.getfixturevalue("database")
        engine, url = database.engine, database.url
    else:
        url = f"sqlite:///{tmp_path / 'clicks.db'}"
        engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "create table ad_clicks (id integer, ts timestamp, written timestamp, anon text, secret text)"
        )
    yield engine, url
    engine.dispose()


def fill(engine: Engine, rows: list[tuple[int | None, str | None, str | None]]) -> None:
    with engine.begin() as connection:
        connection.execute(
            sqlalchemy.text("insert into ad_clicks (id, ts, written, anon) values (:id, :ts, :written, 'a')"),
            [{"id": ref, "ts": at, "written": written} for ref, at, written in rows],
        )


def source(url: str, table: str | None = "ad_clicks", **changes: object) -> TableClicks:
    content = {"url": url, "table": table, "columns": COLUMNS, **changes}
    return TableClicks("web", ClickTable.model_validate(content), lambda: NOON + timedelta(days=30))


def refs(clicks: TableClicks, window: Window = HOUR) -> list[str]:
    try:
        return [click.click_ref for page in clicks.read(window) for click in page.clicks]
    finally:
        clicks.close()


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")


def test_the_window_is_half_open_and_begins_at_the_overlap(tables: tuple[Engine, str]) -> None:
    engine, url = tables
    tick = timedelta(microseconds=1)
    start = NOON - timedelta(minutes=15)
    moments = [start - tick, start, NOON, HOUR.end - tick, HOUR.end]
    fill(engine, [(n, stamp(at), None) for n, at in enumerate(moments)])
    assert refs(source(url, overlap_minutes=15)) == ["1", "2", "3"]


def test_without_a_time_of_writing_late_rows_are_met_by_looking_back_a_day(
    tables: tuple[Engine, str],
) -> None:
    engine, url = tables
    fill(engine, [(n, stamp(NOON - n * timedelta(hours=12)), None) for n in range(4)])
    assert refs(source(url)) == ["2", "1", "0"]
    assert refs(source(url, overlap_minutes=36 * 60)) == ["3", "2", "1", "0"]
    assert refs(source(url, columns=COLUMNS | {"ingested_at": "written"})) == ["0"]


def test_a_row_that_does_not_say_when_it_was_written_is_read_by_when_it_was_clicked(
    tables: tuple[Engine, str],
) -> None:
    engine, url = tables
    fill(engine, [(1, stamp(NOON), None), (2, stamp(NOON - timedelta(days=2)), None)])
    assert refs(source(url, columns=COLUMNS | {"ingested_at": "written"})) == ["1"]


QUERIES = {
    "a window laid around it": "select id, ts as clicked, anon from ad_clicks;",
    "the window bound into it": (
        "select id, ts as clicked, anon from ad_clicks where ts >= :window_start and ts < :window_end"
    ),
    "a common table expression, colons and a comment": (
        "with seen as (select id, ts, anon, ' :no 10%' as odd, '12:30' as noon from ad_clicks)\n"
        "select id, ts as clicked, anon, odd from seen where odd = ' :no 10%' -- :what"
    ),
    "an aggregate": "select min(id) as id, min(ts) as clicked, anon from ad_clicks group by anon, ts",
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_a_query_is_read_like_a_table(tables: tuple[Engine, str], query: str) -> None:
    engine, url = tables
    fill(engine, [(n, stamp(NOON + n * timedelta(minutes=40)), None) for n in range(-40, 3)])
    columns = {"click_ref": "id", "clicked_at": "clicked", "visitor_id": "anon"}
    assert refs(source(url, None, query=query, columns=columns, overlap_minutes=15)) == ["0", "1"]


def test_an_empty_query_is_read_too(tables: tuple[Engine, str]) -> None:
    assert refs(source(tables[1], None, query="select id, ts, anon from ad_clicks")) == []


def test_several_click_ids_stand_in_one_column(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql("create schema events")
        connection.exec_driver_sql(
            "create table events.pages (id int, at timestamptz, anon text, params jsonb)"
        )
        connection.exec_driver_sql(
            "insert into events.pages values "
            """(1, '2026-06-01 12:10Z', 'a', '{"gclid": "Cj0KCQabcdefghijklmnop", "utm": 1}'), """
            """(2, '2026-06-01 12:20Z', 'a', '[{"key": "ttclid", "value": {"string_value": "E.C.P.t"}}]'), """
            """(3, '2026-06-01 12:30Z', 'a', '7')"""
        )
    columns = {"click_ref": "id", "clicked_at": "at", "visitor_id": "anon", "click_ids": "params"}
    found = {
        "table": source(database.url, "events.pages", columns=columns),
        "query": source(
            database.url,
            None,
            columns=columns | {"clicked_at": "moment"},
            query="select id, at::timestamptz as moment, anon, params::jsonb from events.pages",
            time_zone="Asia/Tokyo",
        ),
    }
    for clicks in found.values():
        pages = list(clicks.read(HOUR))
        clicks.close()
        assert [(row.clicked_at, row.click_ids) for page in pages for row in page.clicks] == [
            (NOON + timedelta(minutes=10), {"gclid": "Cj0KCQabcdefghijklmnop"}),
            (NOON + timedelta(minutes=20), {"ttclid": "E.C.P.t"}),
        ]
        assert [row.detail for page in pages for row in page.quarantined] == [
            "click_ids holds neither an object, nor pairs, nor an address"
        ]


def test_a_query_that_is_none_is_told_in_the_databases_words(database: Database) -> None:
    clicks = source(database.url, None, query="select id, ts, anon from nothing_there")
    with pytest.raises(ConfigurationError, match=r'clicks.web.query: .* relation "nothing_there" does not'):
        list(clicks.read(HOUR))
    clicks.close()


def test_a_query_cannot_write(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql("create table kept (id int, ts timestamptz, anon text)")
        connection.exec_driver_sql(
            "create function drop_in(text) returns int language sql as "
            "'insert into kept values (1, now(), $1) returning 1'"
        )
    for query in (
        "with gone as (delete from kept returning *) select * from gone",
        "select drop_in('x') as id, now() as ts, 'a' as anon",
        "select id, ts, anon from kept) as clicks; delete from kept; select * from (select 1",
    ):
        clicks = source(database.url, None, query=query)
        with pytest.raises((ConfigurationError, TransientError)) as caught:
            list(clicks.read(Window(NOON - timedelta(days=99), datetime.now(UTC) + timedelta(days=99))))
        clicks.close()
        assert "clicks.web." in str(caught.value)


def test_rows_written_late_are_found_by_when_they_were_written(tables: tuple[Engine, str]) -> None:
    engine, url = tables
    old = stamp(NOON - timedelta(days=3))
    fill(engine, [(1, old, stamp(NOON)), (2, stamp(NOON), stamp(NOON + timedelta(days=1)))])
    assert refs(source(url, columns=COLUMNS | {"ingested_at": "written"})) == ["1"]


def test_rows_come_in_order_of_time_and_id(tables: tuple[Engine, str]) -> None:
    engine, url = tables
    late, early = stamp(NOON + timedelta(minutes=9)), stamp(NOON)
    fill(engine, [(3, late, None), (2, early, None), (1, early, None)])
    assert refs(source(url)) == ["1", "2", "3"]


def test_pages_are_bounded(tables: tuple[Engine, str]) -> None:
    engine, url = tables
    fill(engine, [(n, stamp(NOON), None) for n in range(10_001)])
    clicks = source(url)
    assert [len(page.clicks) for page in clicks.read(HOUR)] == [10_000, 1]
    clicks.close()


def test_unusable_rows_are_quarantined_and_the_rest_is_read(tables: tuple[Engine, str]) -> None:
    engine, url = tables
    odd = "infinity" if engine.dialect.name == "postgresql" else "yesterday"
    fill(engine, [(1, stamp(NOON), stamp(NOON)), (2, None, stamp(NOON)), (3, odd, stamp(NOON))])
    clicks = source(url, columns=COLUMNS | {"ingested_at": "written"})
    pages = list(clicks.read(HOUR))
    clicks.close()
    assert [click.click_ref for page in pages for click in page.clicks] == ["1"]
    assert [(row.click_ref, row.reason) for page in pages for row in page.quarantined] == [
        ("2", "no_time"),
        ("3", "unreadable_value"),
    ]


def test_an_hour_that_happens_twice_misses_no_row(tables: tuple[Engine, str]) -> None:
    engine, url = tables
    fill(engine, [(n, f"2025-10-26 02:{minute}:00", None) for n, minute in enumerate(("05", "30", "55"))])
    midnight = datetime(2025, 10, 26, 0, tzinfo=UTC)
    hours = Window(midnight - timedelta(hours=1), midnight + timedelta(hours=3)).hours()
    read = {
        ref for hour in hours for ref in refs(source(url, time_zone="Europe/Berlin", overlap_minutes=0), hour)
    }
    assert read == {"0", "1", "2"}


def test_a_column_with_an_offset_is_read_by_its_own_time(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql("create schema marketing")
        connection.exec_driver_sql("create table marketing.visits (id text, ts timestamptz, anon text)")
        connection.exec_driver_sql("insert into marketing.visits values ('x', '2026-06-01 14:30+02', 'a')")
    clicks = source(database.url, table="marketing.visits", time_zone="Asia/Tokyo")
    pages = list(clicks.read(HOUR))
    clicks.close()
    assert [click.clicked_at for page in pages for click in page.clicks] == [NOON + timedelta(minutes=30)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"table": "no_such"},
            (
                "clicks.web.table: there is no table no_such. Remedy: Name an existing table or view, "
                "with its schema; there are: "
            ),
        ),
        (
            {"columns": COLUMNS | {"gclid": "google_id"}},
            (
                "clicks.web.columns.gclid: ad_clicks has no column google_id. "
                "Remedy: Use one of: id, ts, written, anon, secret."
            ),
        ),
        (
            {
                "table": None,
                "query": "select id, ts, anon from ad_clicks",
                "columns": COLUMNS | {"gclid": "g"},
            },
            "clicks.web.columns.gclid: the query has no column g. Remedy: Use one of: id, ts, anon.",
        ),
        (
            {"table": None, "query": "select id, id as ts, anon from ad_clicks union select 1, 1, 'a'"},
            "clicks.web.columns.clicked_at: ts is of another type, not a timestamp. Remedy: Map a column",
        ),
        (
            {"columns": COLUMNS | {"clicked_at": "anon"}},
            (
                "clicks.web.columns.clicked_at: anon is TEXT, not a timestamp. "
                "Remedy: Map a column of a timestamp type, or make one of it in a view or a query."
            ),
        ),
    ],
)
def test_a_wrong_mapping_names_the_key_and_what_there_is(
    tables: tuple[Engine, str], changes: dict[str, object], message: str
) -> None:
    clicks = source(**({"url": tables[1]} | changes))  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError) as caught:
        list(clicks.read(HOUR))
    clicks.close()
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (
            "no address",
            (
                "clicks.web.url is not a database address SQLAlchemy knows. "
                "Remedy: Write for example postgresql://user:password@host/name."
            ),
        ),
        (
            "postgresql+pg8000://u:hunter2@h/n",
            "clicks.web.url needs the driver pg8000, which is not installed. Remedy: Install it.",
        ),
    ],
)
def test_an_address_nobody_can_use_is_a_configuration_fault(url: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        list(source(url).read(HOUR))
    assert str(caught.value) == message


def test_a_database_that_is_down_is_transient_and_names_no_password() -> None:
    clicks = source("postgresql://reader:hunter2@127.0.0.1:1/clicks")
    with pytest.raises(TransientError) as caught:
        list(clicks.read(HOUR))
    assert caught.value.message.startswith("The database of clicks.web.url cannot be read: ")
    assert "hunter2" not in str(caught.value)


def test_the_registry_builds_each_table_only_when_asked() -> None:
    settings = settings_type().model_validate(
        {
            "start": NOON,
            "billing": {},
            "platforms": {},
            "actions": {},
            "clicks": {"web": {"url": "no address", "table": "t", "columns": COLUMNS}},
        }
    )
    assert {name: build().name for name, build in sources(settings).items()} == {"web": "web"}
