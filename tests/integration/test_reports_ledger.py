"""The ledger as people and programs read it: records, summary, explanation, status."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import Engine, text

from conversion_sync.delivery import attempts
from conversion_sync.delivery.attempts import Note, Page, Phase
from conversion_sync.errors import DataError
from conversion_sync.model.click import ClickIdKind
from conversion_sync.model.conversion import REASONS, ConversionKind, Reason, conversion_id
from conversion_sync.model.revenue import EventKind
from conversion_sync.reports.explain import explain
from conversion_sync.reports.ledger import LedgerRecord, ledger
from conversion_sync.reports.status import AccountStatus, Backlog, status
from conversion_sync.reports.summary import Delivered, EventTotal, Read, delivered, summary
from conversion_sync.store.partitions import ensure_months
from tests.integration.world import (
    CUSTOMER,
    DAY,
    HOUR,
    NOW,
    by_force,
    click,
    configure,
    event,
    land,
    link,
    mark,
    rooms,
)

PURCHASE = (("first_payment", "purchase"), ("renewal", "renewal"))
PAID = conversion_id("pay", "google_ads", "main", "purchase", ConversionKind.CONVERSION)


@pytest.fixture
def engine(database) -> Engine:
    """One payment settled at Google Ads and refused at Meta, and an upgrade that is not mapped."""
    engine: Engine = database.engine
    configure(engine, "google_ads", "meta", rules=PURCHASE)
    link(engine, "visitor", "v1", "customer", CUSTOMER)
    land(engine, click("g", 2 * DAY, ClickIdKind.GCLID), click("m", DAY, ClickIdKind.FBCLID))
    event(engine, "pay", EventKind.FIRST_PAYMENT, 5 * HOUR, net=1000, tax=190, object_id="in_1")
    event(engine, "up", EventKind.EXPANSION_PAYMENT, 4 * HOUR, net=500, object_id="in_2")
    rooms(engine)
    stand(engine, "google_ads", "settled", "confirmed", None)
    stand(engine, "meta", "rejected", "platform_refused", "2804003")
    return engine


def stand(engine: Engine, platform: str, state: str, reason: str, code: str | None) -> None:
    ensure_months(engine, "delivery_attempt", [NOW])
    known = conversion_id("pay", platform, "main", "purchase", ConversionKind.CONVERSION)
    said = "the platform's words" if code else None
    with engine.begin() as connection:
        by_force(connection)
        connection.execute(
            text(
                "update conversion set state = :state, reason = :reason, code = :code, attempts = 1 "
                "where conversion_id = :id"
            ),
            {"state": state, "reason": reason, "code": code, "id": known},
        )
        for phase, note in (
            (Phase.INTENT, Note((known,))),
            (Phase.OUTCOME, Note((known,), state, code, said)),
        ):
            page = Page(at=NOW, platform=platform, account="main", batch_id="b1", phase=phase, run_id="run")
            attempts.append(connection, page, [note])


def test_a_record_holds_all_that_is_documented(engine) -> None:
    (record,) = ledger(engine, state="settled")
    assert record == LedgerRecord(
        conversion_id=PAID,
        revenue_event="pay",
        object_type="invoice",
        object_id="in_1",
        invoice=None,
        subscription=None,
        payment=None,
        customer=None,
        platform="google_ads",
        account="main",
        action="purchase",
        kind="conversion",
        verb="send",
        event_kind="first_payment",
        state="settled",
        reason="confirmed",
        value_minor=1000,
        book_minor=1000,
        exponent=2,
        currency="USD",
        occurred_at=NOW - 5 * HOUR,
        click_id_kind="gclid",
        click_id="id-g",
        clicked_at=NOW - 2 * DAY,
        vendor_id=f"cs_{PAID}",
        attempts=1,
        code=None,
        text=None,
        deadline=record.deadline,
        not_before=NOW - 5 * HOUR,
    )


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, [("pay", "google_ads"), ("pay", "meta"), ("up", "google_ads"), ("up", "meta")]),
        ({"platform": "meta"}, [("pay", "meta"), ("up", "meta")]),
        ({"state": "rejected"}, [("pay", "meta")]),
        ({"reason": "not_mapped"}, [("up", "google_ads"), ("up", "meta")]),
        ({"reason": "not_mapped", "platform": "meta"}, [("up", "meta")]),
        ({"account": "other"}, []),
        ({"reason": "replanned"}, []),
        ({"start": NOW - 4 * HOUR}, [("up", "google_ads"), ("up", "meta")]),
        ({"end": NOW - 4 * HOUR}, [("pay", "google_ads"), ("pay", "meta")]),
    ],
)
def test_filters_choose_records(engine, filters: dict[str, object], found: list[tuple[str, str]]) -> None:
    records = ledger(engine, **filters)
    assert sorted((record.revenue_event, record.platform) for record in records) == found


def test_a_refused_record_says_what_the_platform_said(engine) -> None:
    (record,) = ledger(engine, state="rejected")
    assert (record.code, record.text, record.attempts) == ("2804003", "the platform's words", 1)


def money(kind: str, net: int) -> EventTotal:
    return EventTotal(
        kind=kind, lane="money", livemode=True, currency="USD", exponent=2, entries=1, net_minor=net
    )


def test_the_summary_counts_what_was_read_and_what_was_delivered(engine) -> None:
    found = summary(engine)
    assert found.read == Read(raw_events=0, clicks=2, ad_clicks=2, quarantined_clicks=0, parked_records=0)
    assert found.events == (
        money("expansion_payment", 500),
        money("first_payment", 1000),
    )
    assert delivered(found.rows) == {
        ("google_ads", "main"): Delivered(conversions=1, value={"USD": Decimal("10.00")}),
        ("meta", "main"): Delivered(conversions=0, value={}),
    }


@pytest.mark.parametrize("wanted", [PAID, PAID[:12], f"cs_{PAID}"])
def test_a_row_is_explained_by_its_id_its_beginning_or_the_vendors_id(engine, wanted: str) -> None:
    (found,) = explain(engine, wanted)
    (entry,) = found.entries
    assert found.billing["event_key"] == "pay"
    assert [visit["click_ref"] for visit in found.path] == ["g", "m"]
    assert [(proof["visitor_id"], proof["evidence"]) for proof in found.identity] == [("v1", "test")]
    assert entry.sentence == "The platform holds it."
    assert (entry.row["click_ref"], entry.window_start) == ("g", NOW - 5 * HOUR - 90 * DAY)
    assert [(tried["phase"], tried["outcome"]) for tried in entry.attempts] == [
        ("intent", None),
        ("outcome", "settled"),
    ]


@pytest.mark.parametrize("wanted", ["pay", "in_1"])
def test_an_event_or_a_billing_object_is_explained_at_every_account(engine, wanted: str) -> None:
    (found,) = explain(engine, wanted)
    assert [entry.row["platform"] for entry in found.entries] == ["google_ads", "meta"]


def test_an_id_nobody_knows_is_an_error_with_a_remedy(engine) -> None:
    with pytest.raises(DataError, match="Nothing in the ledger is called in_404"):
        explain(engine, "in_404")


def test_the_status_says_what_waits_and_for_whom(engine) -> None:
    with engine.begin() as connection:
        mark(engine, "pay", connection=connection)
    found = status(engine, NOW)
    assert found.accounts[1] == AccountStatus(
        platform="meta",
        account="main",
        planned=0,
        due=0,
        oldest_due=None,
        next_deadline=None,
        in_flight=0,
        accepted=0,
        held=0,
        unknown=0,
        last_delivery=NOW,
        awaited=0,
        oldest_awaited=None,
    )
    assert [(line.room, line.entries) for line in found.backlog] == [("attribute", 1), ("plan", 1)]
    assert isinstance(found.backlog[0], Backlog)
    (waiting,) = found.needs_human
    assert (waiting.platform, waiting.reason, waiting.code) == ("meta", "platform_refused", "2804003")
    assert waiting.remedy == REASONS[Reason.PLATFORM_REFUSED].remedy
    assert [law.broken for law in found.laws] == [0, 0, 0, 0]


def test_due_rows_and_their_deadline_are_counted(engine) -> None:
    event(engine, "again", EventKind.RENEWAL, 2 * HOUR, net=100)
    rooms(engine)
    account = status(engine, NOW).accounts[1]
    assert (account.planned, account.due, account.oldest_due) == (1, 1, NOW - 2 * HOUR)
    assert account.next_deadline == NOW - 2 * HOUR + 7 * DAY - HOUR


def test_a_law_that_is_broken_says_by_what(engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("delete from conversion where platform = 'meta' and event_key = 'up'"))
    broken = [(law.law, law.broken, law.detail) for law in status(engine, NOW).laws if law.broken]
    assert broken == [
        ("every event has exactly one row at every account", 1, "1 pairs do not"),
        ("billing = platforms + reasons, to the cent", 1, "meta:main is off by 500 USD minor units"),
    ]
