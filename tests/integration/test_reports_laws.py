"""Each law of the ledger is a question to the database, and each can be answered with no."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from conversion_sync.delivery import attempts
from conversion_sync.delivery.attempts import Note, Page, Phase
from conversion_sync.model.click import ClickIdKind
from conversion_sync.model.revenue import EventKind
from conversion_sync.reports.laws import ChainBreak, chain_breaks, conservation, credit_sums
from conversion_sync.reports.status import check_laws
from conversion_sync.store.partitions import ensure_months
from tests.integration.world import CUSTOMER, DAY, HOUR, NOW, click, configure, event, land, link, rooms, rows

PURCHASE = (("first_payment", "purchase"),)
ONE_MORE_ACCOUNT = (
    "insert into plan_account select 'tiktok', account, network, 1, 1, 1, 1, 1, false, false, 1 "
    "from plan_account limit 1"
)


def page(phase: Phase, minutes: int) -> Page:
    return Page(
        at=NOW + minutes * HOUR / 60,
        platform="meta",
        account="main",
        batch_id="b1",
        phase=phase,
        run_id="run",
    )


@pytest.fixture
def chained(database) -> Engine:
    """Four lines: two rows leave, one is answered, another leaves."""
    ensure_months(database.engine, "delivery_attempt", [NOW])
    with database.engine.begin() as connection:
        attempts.append(connection, page(Phase.INTENT, 1), [Note(("c1", "c2"))])
    with database.engine.begin() as connection:
        attempts.append(connection, page(Phase.OUTCOME, 3), [Note(("c3",), text="fbtrace \u00e9")])
        attempts.append(connection, page(Phase.INTENT, 4), [Note(("c4",))])
    return database.engine


def change(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))


def ids(engine: Engine) -> list[int]:
    return [number for (number,) in rows(engine, "select attempt_id from delivery_attempt order by 1")]


def test_an_untouched_chain_holds(chained) -> None:
    assert chain_breaks(chained) == []
    assert chain_breaks(chained, NOW + 3 * HOUR / 60) == []


def test_an_empty_book_holds(database) -> None:
    assert chain_breaks(database.engine) == []
    assert [law.broken for law in check_laws(database.engine, None)] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("place", "column", "value"),
    [(1, "conversion_id", "other"), (2, "outcome", "delivered"), (2, "text", "nothing"), (3, "run_id", "me")],
)
def test_a_changed_line_is_found(chained, place: int, column: str, value: str) -> None:
    number = ids(chained)[place]
    change(chained, f"update delivery_attempt set {column} = '{value}' where attempt_id = {number}")
    assert chain_breaks(chained) == [
        ChainBreak(
            platform="meta",
            account="main",
            attempt_id=number,
            problem="the line was changed after it was written",
        )
    ]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_lost_line_is_found_at_the_line_after_it(chained, place: int) -> None:
    numbers = ids(chained)
    change(chained, f"delete from delivery_attempt where attempt_id = {numbers[place]}")
    assert [found.attempt_id for found in chain_breaks(chained)] == [numbers[place + 1]]


@pytest.mark.parametrize("condition", ["attempt_id = (select max(attempt_id) from delivery_attempt)", "true"])
def test_a_lost_end_is_found(chained, condition: str) -> None:
    change(chained, f"delete from delivery_attempt where {condition}")
    assert [found.attempt_id for found in chain_breaks(chained)] == [None]


def paid(engine: Engine) -> None:
    configure(engine, "google_ads", "meta", rules=PURCHASE)
    link(engine, "visitor", "v1", "customer", CUSTOMER)
    land(
        engine,
        click("g", 3 * DAY, ClickIdKind.GCLID),
        click("m", 2 * DAY, ClickIdKind.FBCLID),
        click("d", DAY, None),
    )
    event(engine, "pay", EventKind.FIRST_PAYMENT, HOUR, net=1000)
    rooms(engine)


def test_every_pair_has_its_row_and_credit_sums_to_the_payment(database) -> None:
    paid(database.engine)
    assert conservation(database.engine) == 0
    assert credit_sums(database.engine) == {}


@pytest.mark.parametrize(
    ("tampering", "pairs"),
    [
        ("delete from conversion where platform = 'meta'", 1),
        ("update conversion set reason = 'replanned'", 2),
        (ONE_MORE_ACCOUNT, 1),
    ],
)
def test_a_pair_without_its_row_breaks_conservation(database, tampering: str, pairs: int) -> None:
    paid(database.engine)
    change(database.engine, tampering)
    assert conservation(database.engine) == pairs
    assert conservation(database.engine, NOW - 2 * HOUR, NOW) == pairs
    assert conservation(database.engine, NOW, NOW + HOUR) == 0


def test_a_share_too_much_is_found_under_its_model(database) -> None:
    paid(database.engine)
    change(database.engine, "update credit set credit_minor = credit_minor + 1 where model = 'linear'")
    assert credit_sums(database.engine) == {"linear": 1}
