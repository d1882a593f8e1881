"""A month's partition is there before its rows, made once, by whoever comes first."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from conversion_sync.store.copy import copy_rows
from conversion_sync.store.partitions import ensure_months

BOUNDS = """
select child.relname, pg_get_expr(child.relpartbound, child.oid) from pg_inherits
join pg_class as child on child.oid = inhrelid where inhparent = cast(:parent as regclass) order by 1
"""
COLUMNS = (
    "source",
    "click_ref",
    "clicked_at",
    "visitor_id",
    "click_ids",
    "ad_user_data",
    "ad_personalization",
)


def partitions(engine, parent: str) -> dict[str, str]:
    with engine.connect() as connection:
        return {row[0]: row[1] for row in connection.execute(text(BOUNDS), {"parent": parent})}


def test_each_month_has_one_partition_from_its_first_moment_to_the_next_in_utc(database) -> None:
    berlin = timezone(timedelta(hours=1))
    moments = [
        datetime(2026, 12, 31, 23, 59, 59, 999999, UTC),
        datetime(2027, 1, 1, 0, 30, tzinfo=berlin),
        datetime(2027, 1, 1, tzinfo=UTC),
    ]
    for _ in range(2):
        ensure_months(database.engine, "click", moments)
    assert partitions(database.engine, "click") == {
        "click_y2026m12": "FOR VALUES FROM ('2026-12-01 00:00:00+00') TO ('2027-01-01 00:00:00+00')",
        "click_y2027m01": "FOR VALUES FROM ('2027-01-01 00:00:00+00') TO ('2027-02-01 00:00:00+00')",
    }


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_a_sessions_time_zone_moves_no_bound(database, zone: str) -> None:
    with database.engine.begin() as connection:
        connection.execute(text(f"set local time zone '{zone}'"))
        connection.execute(text("select ensure_month('click', '2027-03-01 00:00:00+00')"))
        connection.execute(text("select ensure_month('click', '2027-03-31 23:59:59+00')"))
    assert partitions(database.engine, "click") == {
        "click_y2027m03": "FOR VALUES FROM ('2027-03-01 00:00:00+00') TO ('2027-04-01 00:00:00+00')"
    }


def test_several_at_once_make_it_once(database) -> None:
    at_once = threading.Barrier(4)
    faults: list[DBAPIError] = []
    months = [datetime(2027, month, 1, tzinfo=UTC) for month in (5, 6)]

    def make() -> None:
        at_once.wait()
        try:
            ensure_months(database.engine, "conversion", months)
        except DBAPIError as fault:
            faults.append(fault)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert list(partitions(database.engine, "conversion")) == ["conversion_y2027m05", "conversion_y2027m06"]


def test_dropping_a_month_takes_exactly_its_rows(database) -> None:
    moments = [datetime(2027, 1, 31, 23, 59, 59, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC)]
    rest = ("v", {"gclid": "g"}, "unknown", "unknown")
    ensure_months(database.engine, "click", moments)
    with database.engine.begin() as connection:
        rows = [("web", f"c{number}", at, *rest) for number, at in enumerate(moments)]
        assert copy_rows(connection, "click", COLUMNS, rows) == 2
        connection.execute(text("drop table click_y2027m01"))
        kept = connection.execute(text("select click_ref, click_ids from click")).all()
    assert kept == [("c1", {"gclid": "g"})]
