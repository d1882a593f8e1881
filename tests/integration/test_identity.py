"""Who is whom: the strongest evidence decides, the latest of it, and what contradicts itself is nobody's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console
from sqlalchemy import Engine

from conversion_sync.attribution.identify import identify
from conversion_sync.cli.explain import _show as show_explanation
from conversion_sync.cli.status import _show as show_status
from conversion_sync.clicks.source import ClickPage
from conversion_sync.model.click import ClickIdKind, QuarantinedClick
from conversion_sync.model.revenue import EventKind
from conversion_sync.pipeline.land_clicks import land_click_page
from conversion_sync.reports.explain import explain
from conversion_sync.reports.status import status
from conversion_sync.store.copy import copy_rows
from conversion_sync.store.queries import query
from tests.integration.world import (
    CUSTOMER,
    DAY,
    HOUR,
    LINK_COLUMNS,
    NOW,
    TINY,
    click,
    configure,
    event,
    land,
    ledger,
    rooms,
    rows,
    set_state,
)

A, B = CUSTOMER, "stripe:main:cus_2"
OLD, ELSEWHERE = "lemon_squeezy:store:7", "paddle:main:ctm_1"
Evidence = tuple[str, str, str, str, str, timedelta]
BROWSER: tuple[str, str, str, str] = ("visitor", "v1", "user", "u1")


@pytest.fixture
def engine(database) -> Engine:
    configure(database.engine, "google_ads", rules=(("first_payment", "purchase"), ("renewal", "renewal")))
    return database.engine


def say(engine: Engine, *evidence: Evidence) -> None:
    """Links with their evidence, as billing records and identify calls write them."""
    with engine.begin() as connection:
        connection.execute(query("landing/book_work_tables"))
        copy_rows(
            connection,
            "staged_identity_link",
            LINK_COLUMNS,
            [(*ends, by, "source", NOW - ago) for *ends, by, ago in evidence],
        )
        connection.execute(query("landing/upsert_identity_links"))


def email(engine: Engine, customer: str, *values: str) -> None:
    """The e-mail billing knows a customer by."""
    with engine.begin() as connection:
        connection.execute(query("landing/book_work_tables"))
        copy_rows(
            connection,
            "staged_identifier",
            ("customer_key", "rule", "value", "source_ref", "stated_at"),
            [(customer, "email_plain", value, "rec", NOW - DAY) for value in values],
        )
        for step in ("mark_changed_emails", "replace_identifiers"):
            connection.execute(query(f"landing/{step}"), {"customers": [customer]})


def owner(engine: Engine, visitor: str = "v1") -> tuple[str, str] | None:
    found = rows(
        engine,
        "select customer_key, evidence from visitor_customer where visitor_id = :visitor",
        visitor=visitor,
    )
    return found[0] if found else None


def unclear(engine: Engine) -> list[tuple[str, str, str, str]]:
    return rows(
        engine, "select of_end, of_id, candidate, reason from quarantined_identity order by of_id, candidate"
    )


def payers(engine: Engine) -> dict[str, str]:
    return dict(rows(engine, "select customer_key, canonical_key from customer_alias"))


METADATA = "billing_metadata:cs_user_id"


@pytest.mark.parametrize(
    ("evidence", "whose"),
    [
        pytest.param(
            [
                ("visitor", "v1", "customer", A, "billing_metadata:cs_anon_id", 9 * DAY),
                (*BROWSER, "collector_identify", DAY),
                ("user", "u1", "customer", B, METADATA, DAY),
            ],
            (A, "billing_metadata:cs_anon_id"),
            id="what billing says of the browser comes before what its user says, however late",
        ),
        pytest.param(
            [
                (*BROWSER, "click_table", DAY),
                ("user", "u1", "customer", A, METADATA, 2 * DAY),
                ("user", "u1", "customer", B, "client_reference_id", DAY),
            ],
            (B, "client_reference_id"),
            id="the latest customer of a user",
        ),
        pytest.param(
            [
                (*BROWSER, "click_table", DAY),
                ("user", "u1", "customer", A, METADATA, DAY),
                ("user", "u1", "customer", B, "client_reference_id", DAY),
            ],
            (A, METADATA),
            id="of one moment the evidence believed more",
        ),
        pytest.param(
            [
                (*BROWSER, "click_table", DAY),
                ("visitor", "v1", "user", "u2", "collector_identify", DAY),
                ("user", "u1", "customer", A, METADATA, DAY),
                ("user", "u2", "customer", B, METADATA, DAY),
            ],
            (B, METADATA),
            id="an identify call before a click row of the same moment",
        ),
        pytest.param(
            [
                (*BROWSER, "collector_identify", 2 * DAY),
                ("visitor", "v1", "user", "u2", "collector_identify", DAY),
                ("user", "u1", "customer", A, METADATA, DAY),
            ],
            None,
            id="the latest user, who pays nothing yet",
        ),
        pytest.param(
            [
                (*BROWSER, "click_table", DAY),
                ("user", "u1", "customer", OLD, METADATA, 9 * DAY),
                ("user", "u1", "customer", A, METADATA, DAY),
            ],
            (A, METADATA),
            id="the customer a user became at another billing system",
        ),
        pytest.param(
            [
                ("visitor", "v1", "customer", OLD, METADATA, DAY),
                ("customer", OLD, "customer", ELSEWHERE, METADATA, 9 * DAY),
                ("customer", ELSEWHERE, "customer", A, METADATA, 5 * DAY),
            ],
            (A, METADATA),
            id="the end of a chain of customers",
        ),
        pytest.param(
            [
                ("visitor", "v1", "customer", OLD, METADATA, DAY),
                ("customer", OLD, "customer", A, METADATA, 9 * DAY),
                ("customer", OLD, "customer", B, METADATA, 5 * DAY),
            ],
            (B, METADATA),
            id="the customer another one became last",
        ),
    ],
)
def test_the_strongest_evidence_decides_and_the_latest_of_it(engine, evidence, whose) -> None:
    say(engine, *evidence)
    identify(engine)
    assert owner(engine) == whose
    assert unclear(engine) == []


@pytest.mark.parametrize(
    ("evidence", "disputed"),
    [
        pytest.param(
            [
                (*BROWSER, "click_table", DAY),
                ("user", "u1", "customer", A, METADATA, DAY),
                ("user", "u1", "customer", B, METADATA, DAY),
            ],
            [("visitor", "v1", who, "user_of_several_customers") for who in (A, B)],
            id="a user of two customers at once",
        ),
        pytest.param(
            [
                (*BROWSER, "click_table", DAY),
                ("visitor", "v1", "user", "u2", "click_table", DAY),
                ("user", "u1", "customer", A, METADATA, DAY),
                ("user", "u2", "customer", B, METADATA, 3 * DAY),
            ],
            [("visitor", "v1", who, "visitor_of_several_users") for who in (A, B)],
            id="a browser of two users at once",
        ),
        pytest.param(
            [
                (*BROWSER, "click_table", DAY),
                ("visitor", "v1", "user", "u2", "click_table", DAY),
                ("user", "u1", "customer", A, METADATA, DAY),
            ],
            [("visitor", "v1", A, "visitor_of_several_users")],
            id="a browser of two users at once, one of whom pays nothing",
        ),
        pytest.param(
            [
                ("visitor", "v1", "customer", A, METADATA, DAY),
                ("visitor", "v1", "customer", B, METADATA, DAY),
            ],
            [("visitor", "v1", who, "visitor_of_several_customers") for who in (A, B)],
            id="a browser of two customers at once",
        ),
        pytest.param(
            [
                ("customer", A, "customer", B, METADATA, DAY),
                ("customer", B, "customer", OLD, METADATA, 2 * DAY),
                ("customer", OLD, "customer", A, METADATA, 3 * DAY),
            ],
            [
                ("customer", OLD, A, "merge_ring"),
                ("customer", A, B, "merge_ring"),
                ("customer", B, OLD, "merge_ring"),
            ],
            id="customers that became each other",
        ),
        pytest.param(
            [
                ("customer", OLD, "customer", A, METADATA, DAY),
                ("customer", OLD, "customer", B, METADATA, DAY),
            ],
            [("customer", OLD, who, "customer_of_several_customers") for who in (A, B)],
            id="a customer that became two at once",
        ),
    ],
)
def test_what_contradicts_itself_belongs_to_nobody_until_later_evidence_decides(
    engine, evidence, disputed
) -> None:
    say(engine, *evidence)
    counts = identify(engine)
    assert unclear(engine) == disputed
    assert owner(engine) is None
    assert all(who == whom for who, whom in payers(engine).items())
    assert counts["identities quarantined"] == len({who for _, who, *_ in disputed})
    (from_end, from_id, to_end, to_id, by, _) = evidence[0]
    say(engine, (from_end, from_id, to_end, to_id, by, HOUR))
    if from_end == "customer" and len(evidence) == 3:
        say(engine, ("customer", OLD, "customer", "paddle:main:end", METADATA, HOUR))
    elif evidence[1][0] == "user":
        say(engine, ("user", "u1", "customer", A, METADATA, HOUR))
    identify(engine)
    assert unclear(engine) == []


def test_tied_evidence_of_one_payer_is_no_contradiction(engine) -> None:
    say(
        engine,
        (*BROWSER, "click_table", DAY),
        ("user", "u1", "customer", A, METADATA, DAY),
        ("user", "u1", "customer", B, METADATA, DAY),
    )
    identify(engine)
    assert owner(engine) is None
    say(engine, ("customer", A, "customer", B, METADATA, DAY))
    identify(engine)
    assert (owner(engine), unclear(engine)) == ((B, METADATA), [])


def test_an_email_matches_only_where_nothing_else_speaks_and_where_it_is_asked_for(engine) -> None:
    land(engine, click("c", DAY, email="hash"), click("d", DAY, visitor="v2", user="u2", email="hash"))
    say(engine, ("user", "u2", "customer", B, METADATA, DAY))
    email(engine, A, "hash")
    identify(engine)
    assert (owner(engine), owner(engine, "v2")) == (None, (B, METADATA))
    identify(engine, match_email=True)
    assert (owner(engine), owner(engine, "v2")) == ((A, "email_hash"), (B, METADATA))
    email(engine, A, "another")
    identify(engine, match_email=True)
    assert owner(engine) is None
    email(engine, A, "hash")
    identify(engine, match_email=True)
    identify(engine, match_email=False)
    assert owner(engine) is None


def test_an_email_of_an_identify_call_speaks_for_all_browsers_of_its_user(engine) -> None:
    say(engine, (*BROWSER, "click_table", DAY), ("user", "u1", "email", "hash", "collector_identify", DAY))
    email(engine, A, "hash")
    identify(engine, match_email=True)
    assert owner(engine) == (A, "email_hash")


def test_an_email_of_several_customers_matches_none(engine) -> None:
    land(engine, click("c", DAY, email="hash"))
    email(engine, A, "hash")
    email(engine, B, "hash")
    identify(engine, match_email=True)
    assert owner(engine) is None
    assert unclear(engine) == [("visitor", "v1", who, "email_of_several_customers") for who in (A, B)]
    email(engine, B)
    identify(engine, match_email=True)
    assert (owner(engine), unclear(engine)) == ((A, "email_hash"), [])


def test_a_revised_row_takes_its_email_along(engine) -> None:
    land(engine, click("c", DAY, email="hash"))
    land(engine, click("c", DAY, email="other"))
    assert rows(engine, "select from_end, from_id, to_end, to_id, evidence from identity_link") == [
        ("visitor", "v1", "email", "other", "click_table")
    ]


def pay(engine: Engine, key: str, ago: timedelta, customer: str, kind=EventKind.FIRST_PAYMENT) -> None:
    account = customer.rpartition(":")[0]
    event(engine, key, kind, ago, net=1000, customer=customer, account=account)


def reasons(engine: Engine) -> dict[str, str]:
    return dict(rows(engine, "select event_key, reason from conversion where reason <> 'replanned'"))


def test_whoever_paid_elsewhere_before_pays_no_first_time_whenever_that_is_learnt(engine) -> None:
    land(engine, click("c", 10 * DAY, user="u1"))
    say(engine, ("user", "u1", "customer", A, METADATA, HOUR))
    pay(engine, "new", HOUR, A)
    pay(engine, "more", HOUR / 2, A, EventKind.RENEWAL)
    rooms(engine, window=TINY)
    assert reasons(engine) == {"new": "ready", "more": "ready"}

    pay(engine, "old", 9 * DAY, OLD)
    rooms(engine, window=TINY)
    assert reasons(engine) == {"new": "ready", "more": "ready", "old": "no_click"}

    say(engine, ("user", "u1", "customer", OLD, METADATA, 9 * DAY))
    rooms(engine, window=TINY)
    assert payers(engine) == {OLD: A}
    assert reasons(engine) == {"new": "paid_elsewhere", "more": "ready", "old": "ready"}


def test_a_payment_elsewhere_that_comes_late_or_goes_is_minded(engine) -> None:
    land(engine, click("c", 10 * DAY, user="u1"))
    say(
        engine,
        ("user", "u1", "customer", A, METADATA, HOUR),
        ("user", "u1", "customer", OLD, METADATA, 9 * DAY),
    )
    pay(engine, "new", HOUR, A)
    rooms(engine, window=TINY)
    assert reasons(engine) == {"new": "ready"}
    pay(engine, "old", 9 * DAY, OLD, EventKind.RENEWAL)
    rooms(engine, window=TINY)
    assert reasons(engine)["new"] == "paid_elsewhere"
    with engine.begin() as connection:
        connection.execute(query("landing/book_work_tables"))
        connection.execute(query("landing/retire_revenue_events"), {"customers": [OLD]})
    rooms(engine, window=TINY)
    assert reasons(engine)["new"] == "ready"


def test_a_customer_who_turns_out_to_be_anothers_leaves_a_first_payment_behind(engine) -> None:
    land(engine, click("c", 10 * DAY, user="u1"))
    say(
        engine,
        ("user", "u1", "customer", A, METADATA, HOUR),
        ("customer", OLD, "customer", A, METADATA, 9 * DAY),
    )
    pay(engine, "old", 9 * DAY, OLD)
    pay(engine, "new", HOUR, A)
    rooms(engine, window=TINY)
    assert reasons(engine) == {"new": "paid_elsewhere", "old": "ready"}
    say(engine, ("customer", OLD, "customer", B, METADATA, HOUR))
    rooms(engine, window=TINY)
    assert reasons(engine) == {"new": "ready", "old": "no_click"}


def test_a_first_payment_that_left_stays_what_it_was_told(engine) -> None:
    land(engine, click("c", 10 * DAY, user="u1"))
    say(engine, ("user", "u1", "customer", A, METADATA, HOUR))
    pay(engine, "new", HOUR, A)
    rooms(engine, window=TINY)
    set_state(engine, "new", "settled")
    pay(engine, "old", 9 * DAY, OLD)
    say(engine, ("user", "u1", "customer", OLD, METADATA, 9 * DAY))
    rooms(engine, window=TINY)
    assert ledger(engine, "new") == {"google_ads": ("settled", "confirmed", 1000)}


def test_an_email_alone_tells_who_moved_where_it_is_asked_for(engine) -> None:
    land(engine, click("c", 10 * DAY, user="u1"))
    say(engine, ("user", "u1", "customer", A, METADATA, HOUR))
    pay(engine, "old", 9 * DAY, OLD)
    pay(engine, "new", HOUR, A)
    email(engine, OLD, "hash")
    email(engine, A, "hash")
    rooms(engine, window=TINY)
    assert reasons(engine) == {"new": "ready", "old": "no_click"}
    rooms(engine, window=TINY, match_email=True)
    assert len(payers(engine)) == 1
    assert reasons(engine) == {"new": "paid_elsewhere", "old": "ready"}
    email(engine, B, "hash")
    rooms(engine, window=TINY, match_email=True)
    assert payers(engine) == {}
    assert reasons(engine) == {"new": "quarantined_identity", "old": "quarantined_identity"}
    rows(engine, "delete from customer_identifier returning rule")
    rooms(engine, window=TINY)
    assert (unclear(engine), reasons(engine)) == ([], {"new": "ready", "old": "no_click"})


def test_payments_a_disputed_click_could_have_earned_say_so_and_no_others(engine) -> None:
    land(engine, click("c", 10 * DAY), click("f", 20 * DAY, ClickIdKind.FBCLID))
    say(
        engine,
        ("visitor", "v1", "customer", A, METADATA, DAY),
        ("visitor", "v1", "customer", B, METADATA, DAY),
    )
    pay(engine, "inside", HOUR, A)
    pay(engine, "theirs", HOUR, B)
    pay(engine, "before", 11 * DAY, A)
    pay(engine, "nobody", HOUR, "stripe:main:cus_3")
    rooms(engine, window=TINY)
    assert reasons(engine) == {
        "inside": "quarantined_identity",
        "theirs": "quarantined_identity",
        "before": "no_click",
        "nobody": "no_click",
    }
    land(engine, click("c", 10 * DAY, None))
    rooms(engine, window=TINY)
    assert set(reasons(engine).values()) == {"no_click"}
    land(engine, click("c", 10 * DAY))
    say(engine, ("visitor", "v1", "customer", A, METADATA, HOUR))
    rooms(engine, window=TINY)
    assert reasons(engine) == {
        "inside": "ready",
        "theirs": "no_click",
        "before": "no_click",
        "nobody": "no_click",
    }


def test_a_link_after_the_payment_opens_what_it_can_matter_to_and_nothing_else(engine) -> None:
    land(engine, click("c", 10 * DAY, user="u1"))
    for key, ago, customer in (
        ("before", 11 * DAY, A),
        ("after", 9 * DAY, A),
        ("theirs", DAY, B),
        ("moved", HOUR, OLD),
    ):
        pay(engine, key, ago, customer)
    rooms(engine, window=TINY)
    say(engine, ("user", "u1", "customer", A, METADATA, HOUR))
    identify(engine)
    stale = "select room, key from dirty order by 1, 2"
    assert rows(engine, stale) == [("attribute", "after")]
    rooms(engine, window=TINY)
    say(engine, ("customer", OLD, "customer", A, METADATA, HOUR))
    identify(engine)
    assert rows(engine, stale) == [
        ("attribute", "moved"),
        ("plan", "after"),
        ("plan", "before"),
        ("plan", "moved"),
    ]


def test_people_are_told_what_is_unclear_what_was_merged_and_what_was_put_aside(engine) -> None:
    page = ClickPage(
        clicks=[click("c", 10 * DAY)],
        quarantined=[QuarantinedClick(source="web", click_ref="7", reason="no_time", detail="it is empty")],
    )
    land_click_page(engine, page, NOW)
    say(
        engine,
        ("visitor", "v1", "customer", A, METADATA, DAY),
        ("visitor", "v1", "customer", B, METADATA, DAY),
        ("customer", OLD, "customer", A, METADATA, DAY),
    )
    pay(engine, "old", HOUR, OLD)
    rooms(engine, window=TINY)
    found = status(engine, datetime.now(UTC))
    assert [(one.reason, one.of_end, one.entries, one.example, one.candidate) for one in found.disputed] == [
        ("visitor_of_several_customers", "visitor", 1, "v1", A)
    ]
    assert [(one.source, one.reason, one.entries, one.example) for one in found.put_aside] == [
        ("web", "no_time", 1, "7")
    ]
    [explained] = explain(engine, "old")
    assert [(one["customer_key"], one["into_key"], one["evidence"]) for one in explained.merged] == [
        (OLD, A, METADATA)
    ]
    assert [(one["of_id"], one["candidate"], one["reason"]) for one in explained.disputed] == [
        ("v1", A, "visitor_of_several_customers")
    ]
    assert [entry.row["reason"] for entry in explained.entries] == ["quarantined_identity"]
    console = Console(width=400)
    with console.capture() as shown:
        show_status(console, found, full=False)
        show_explanation(console, explained)
    words = " ".join(shown.get().split())
    assert "1 row of clicks.web as no_time, for example 7: it is empty" in words
    assert f"1 visitor (visitor_of_several_customers), for example v1, who could be {A}." in words
    assert f"customer {OLD} became {A}: {METADATA} of source" in words
    assert f"unclear: visitor v1 could be {A} (visitor_of_several_customers)" in words
