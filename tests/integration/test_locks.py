"""Locks exclude a second holder and go with whoever held them."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from conversion_sync.store.engine import KEPT_ALIVE, connect
from conversion_sync.store.locks import lock_number, session_lock, transaction_lock

OURS = (
    "select count(*) from pg_locks where locktype = 'advisory'"
    " and database = (select oid from pg_database where datname = current_database())"
)
WAITING = f"{OURS} and not granted"
HELD = f"{OURS} and granted"
HOLDER = """
import sys
from conversion_sync.store.engine import connect
from conversion_sync.store.locks import session_lock
with session_lock(connect(sys.argv[1]), "deliver", "meta", "main"):
    print("held", flush=True)
    sys.stdin.read()
"""


def until(engine: Engine, statement: str, number: int, worker: threading.Thread) -> None:
    """Looks until the server says so, as long as the other one lives."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while (
            connection.scalar(
                text(
                    f"{statement} and database = (select oid from pg_database"
                    " where datname = current_database())"
                )
            )
            != number
        ):
            assert worker.is_alive(), "it did not wait"


def started(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def holding(url: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_holder_waits_until_the_first_is_done_and_says_so(database, caplog) -> None:
    caplog.set_level("INFO")
    order: list[str] = []

    def second() -> None:
        with session_lock(database.engine, "deliver", "meta", "main"):
            order.append("second")

    with session_lock(database.engine, "deliver", "meta", "main"):
        worker = started(second)
        until(database.engine, WAITING, 1, worker)
        order.append("first")
    worker.join()
    assert order == ["first", "second"]
    assert "Another run works on deliver:meta:main; waiting for it to finish." in caplog.messages


def test_other_work_does_not_wait(database) -> None:
    with (
        session_lock(database.engine, "deliver", "meta", "main"),
        session_lock(database.engine, "deliver", "meta", "other"),
        database.engine.connect() as connection,
    ):
        assert connection.scalar(text(HELD)) == 2


def test_an_idle_holders_connection_is_kept_alive(database) -> None:
    engine = connect(database.url)
    with engine.connect() as connection:
        told = connection.connection.dbapi_connection.info.get_parameters()
    engine.dispose()
    assert {name: told.get(name) for name in KEPT_ALIVE} == {
        name: str(seconds) for name, seconds in KEPT_ALIVE.items()
    }


def test_a_killed_holder_holds_nothing(database) -> None:
    process = holding(database.url)
    order: list[str] = []

    def second() -> None:
        with session_lock(database.engine, "deliver", "meta", "main"):
            order.append("second")

    worker = started(second)
    until(database.engine, WAITING, 1, worker)
    assert order == []
    process.kill()
    process.communicate()
    worker.join(timeout=60)
    assert order == ["second"]


def test_a_fault_inside_gives_the_lock_back(database) -> None:
    with pytest.raises(ZeroDivisionError), session_lock(database.engine, "deliver", "meta", "main"):
        raise ZeroDivisionError
    other = connect(database.url)
    with other.connect() as connection:
        number = {"number": lock_number("deliver", "meta", "main")}
        assert connection.scalar(text("select pg_try_advisory_lock(:number)"), number) is True
    other.dispose()


def test_a_transactions_lock_ends_with_it(database) -> None:
    with database.engine.connect() as first, database.engine.connect() as second:
        number = {"number": lock_number("plan")}
        transaction_lock(first, "plan")
        assert second.scalar(text("select pg_try_advisory_xact_lock(:number)"), number) is False
        first.rollback()
        assert second.scalar(text("select pg_try_advisory_xact_lock(:number)"), number) is True


def test_a_name_has_the_same_number_for_ever_and_its_parts_are_kept_apart() -> None:
    assert lock_number("deliver", "meta", "main") == 4505514587315450538
    assert lock_number("a", "b") != lock_number("ab")
