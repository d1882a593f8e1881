"""What a failing database is told as: one sentence of the server's, its remedy, and no value of a row."""

from __future__ import annotations

import psycopg
import psycopg2
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from conversion_sync.errors import ConfigurationError, ConversionSyncError, TransientError
from conversion_sync.store.copy import copy_rows
from conversion_sync.store.faults import database_fault

FAILS = """
create function fails() returns trigger language plpgsql as $$ begin
    raise exception using errcode = '{state}', message = 'it is so', detail = 'row of ' || new.platform;
end $$;
create trigger fails before insert on delivery_chain for each row execute function fails();
"""
FAILED = "The database failed: it is so."
REFUSED = "The database refuses this user something: it is so."
ROW = ("somebody@example.com", "main", "d")


def told(error: BaseException) -> ConversionSyncError:
    found = database_fault(error)
    assert found is not None
    assert "somebody" not in str(found)
    return found


@pytest.mark.parametrize(
    ("state", "family", "message"),
    [
        ("53100", TransientError, FAILED),  # the disk is full
        ("53200", TransientError, FAILED),  # out of memory
        ("57P01", TransientError, FAILED),  # shut down
        ("58030", TransientError, FAILED),  # input or output
        ("40001", TransientError, FAILED),  # somebody else was quicker
        ("42501", ConfigurationError, REFUSED),
    ],
)
def test_a_failing_database_says_so_by_whatever_way_it_is_asked(
    database, state: str, family: type[ConversionSyncError], message: str
) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql(FAILS.format(state=state))
    insert = "insert into delivery_chain values (:platform, :account, :digest)"
    values = dict(zip(("platform", "account", "digest"), ROW, strict=True))
    with pytest.raises(DBAPIError) as by_statement, database.engine.begin() as connection:
        connection.execute(text(insert), values)
    with pytest.raises(psycopg.Error) as by_copy, database.engine.begin() as connection:
        copy_rows(connection, "delivery_chain", ("platform", "account", "digest"), [ROW])
    with psycopg2.connect(database.url) as other, pytest.raises(psycopg2.Error) as by_dagsters_driver:
        other.cursor().execute("insert into delivery_chain values (%s, %s, %s)", ROW)
    other.close()
    for caught in (by_statement, by_copy, by_dagsters_driver):
        found = told(caught.value)
        assert (type(found), found.message) == (family, message)
        assert found.remedy
    with database.engine.connect() as connection:
        assert connection.scalar(text("select count(*) from delivery_chain")) == 0


def test_a_connection_that_breaks_is_a_failing_database(database) -> None:
    with pytest.raises(DBAPIError) as caught, database.engine.connect() as connection:
        connection.execute(text("select pg_terminate_backend(pg_backend_pid())"))
    assert type(told(caught.value)) is TransientError


@pytest.mark.parametrize(
    "statement", ["select nothing", "select 1 / 0", "insert into delivery_chain values (null)"]
)
def test_our_own_mistakes_stay_what_they_are(database, statement: str) -> None:
    with pytest.raises(DBAPIError) as caught, database.engine.begin() as connection:
        connection.execute(text(statement))
    assert database_fault(caught.value) is None
    assert database_fault(ValueError("no database")) is None
