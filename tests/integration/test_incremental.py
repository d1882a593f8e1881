"""Law 4: whatever is landed, revised and linked, in any order and portion, equals one full recomputation.

The incremental world is told in batches and redoes only what they made stale. The other one is told
once how everything stands in the end, and redoes everything.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from conversion_sync.model.click import Click, ClickIdKind, Consent, Network
from conversion_sync.model.revenue import EventKind
from conversion_sync.pipeline.normalise import IDENTIFIER_COLUMNS
from conversion_sync.store.copy import copy_rows
from conversion_sync.store.partitions import ensure_months
from conversion_sync.store.queries import query
from tests.integration.world import (
    CUSTOMER,
    DAY,
    EVENT_COLUMNS,
    EVERYTHING,
    HOUR,
    LINK_COLUMNS,
    NOW,
    TINY,
    click,
    configure,
    event_row,
    land,
    rooms,
    rows,
)

CUSTOMERS = (CUSTOMER, "stripe:main:cus_2", "lemon_squeezy:store:7")
PAID = (HOUR, DAY, 9 * DAY, 40 * DAY, 2 * HOUR, 20 * DAY)
"""How long ago each payment was, of one customer after the other; its refund came half an hour later."""
TOLD = ("click", "click_time", "identity_link", "customer_identifier", "revenue_event", "dirty")
DERIVED = (
    "visitor_customer",
    "customer_alias",
    "quarantined_identity",
    "touch",
    "attributed_click",
    "credit",
    "conversion",
)


@dataclass(frozen=True)
class Revision:
    """One thing a click row says otherwise than before; nothing where there is no such row."""

    click_ref: str
    says: Mapping[str, object]


@dataclass(frozen=True)
class Payment:
    """What billing says of the payment of one number."""

    number: int
    net: int
    refunded: int


@dataclass(frozen=True)
class Retired:
    """Billing no longer knows the payment of this number."""

    number: int


@dataclass(frozen=True)
class Link:
    """Evidence found in billing records."""

    ends: tuple[str, str, str, str]
    ago: timedelta
    evidence: str = "test"


@dataclass(frozen=True)
class Email:
    """What billing says of a customer's e-mail, nothing where it knows none any more."""

    customer: str
    value: str | None
    ago: timedelta


def identified(ids: Mapping[ClickIdKind, str], network: Network) -> Mapping[str, object]:
    return {
        "click_ids": {kind.value: value for kind, value in ids.items()},
        "network": None if ids else network,
    }


@dataclass
class Facts:
    """How everything stands."""

    clicks: dict[str, Click] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    payments: dict[int, Payment] = field(default_factory=dict)
    emails: dict[str, Email] = field(default_factory=dict)


REFS = st.sampled_from(["c1", "c2", "c3"])
AGOS = st.sampled_from([0 * HOUR, 2 * HOUR, 30 * HOUR, 10 * DAY, 30 * DAY, 60 * DAY, 100 * DAY])
VISITORS = st.sampled_from(["v1", "v2", "v3"])
USERS = st.sampled_from([None, "u1", "u2"])
CAMPAIGNS = st.sampled_from([None, "spring"])
CONSENTS = st.sampled_from(list(Consent))
EMAILS = st.sampled_from([None, "h1", "h2"])
IDS = st.dictionaries(
    st.sampled_from([ClickIdKind.GCLID, ClickIdKind.GBRAID, ClickIdKind.FBC, ClickIdKind.FBCLID]),
    st.sampled_from(["a", "b"]),
)
NETWORKS = st.sampled_from([Network.DIRECT, Network.OTHER, Network.META])
VISITS = st.builds(
    click,
    REFS,
    AGOS,
    ids=IDS,
    network=NETWORKS,
    visitor=VISITORS,
    user=USERS,
    campaign=CAMPAIGNS,
    consent=CONSENTS,
    email=EMAILS,
)
REVISIONS = st.builds(
    Revision,
    REFS,
    st.one_of(
        st.fixed_dictionaries({"ad_user_data": CONSENTS}),
        st.fixed_dictionaries({"clicked_at": AGOS.map(lambda ago: NOW - ago)}),
        st.fixed_dictionaries({"visitor_id": VISITORS}),
        st.fixed_dictionaries({"user_id": USERS}),
        st.fixed_dictionaries({"email_sha256": EMAILS}),
        st.fixed_dictionaries({"campaign": CAMPAIGNS}),
        st.fixed_dictionaries({"landing_url": st.sampled_from(["https://a.example/", None])}),
        st.builds(identified, IDS, NETWORKS),
    ),
)
ENDS = [
    ("visitor", "v1", "customer", CUSTOMERS[0]),
    ("visitor", "v2", "customer", CUSTOMERS[1]),
    ("visitor", "v3", "user", "u1"),
    ("visitor", "v3", "user", "u2"),
    ("user", "u1", "customer", CUSTOMERS[0]),
    ("user", "u1", "customer", CUSTOMERS[1]),
    ("user", "u2", "customer", CUSTOMERS[1]),
    ("visitor", "v1", "email", "h1"),
    ("user", "u1", "email", "h2"),
]
MERGES = [("customer", one, "customer", other) for one, other in itertools.permutations(CUSTOMERS, 2)]
MOMENTS = st.sampled_from([HOUR, 3 * DAY, 50 * DAY])
PAYMENTS = st.builds(
    Payment, st.sampled_from(range(len(PAID))), st.sampled_from([1000, 1001]), st.sampled_from([0, 300, 1000])
)
RETIRED = st.builds(Retired, st.integers(0, len(PAID) - 1))
FACTS = st.one_of(VISITS, st.builds(Link, st.sampled_from(ENDS), MOMENTS), PAYMENTS, RETIRED)
HALF_REVISIONS = st.booleans().flatmap(lambda revised: REVISIONS if revised else FACTS)
BATCHES = st.lists(st.lists(HALF_REVISIONS, min_size=1, max_size=4), min_size=1, max_size=5)
BEGINNING = (
    click("c1", 2 * DAY, ids={ClickIdKind.GCLID: "a", ClickIdKind.FBCLID: "a"}, user="u1"),
    click("c2", 30 * HOUR, None, user="u1"),
    *(Link(ends, 3 * DAY) for ends in ENDS[:2]),
    Payment(0, 1000, 0),
    Payment(1, 1001, 0),
)
"""Two customers who paid, and visits of one: what comes after has something to change."""
STRANGERS = (
    click("c1", 2 * DAY, user="u1", visitor="v1"),
    click("c2", 30 * HOUR, user="u2", visitor="v2", email="h1"),
    click("c3", 10 * DAY, visitor="v3", email="h2"),
    *(Payment(number, 1000, 0) for number in range(len(PAID))),
)
"""Customers who paid, and visits of nobody knows whom."""


@pytest.fixture
def engine(database) -> Engine:
    configure(database.engine, "google_ads", "meta", rules=(("first_payment", "purchase"),))
    ensure_months(database.engine, "conversion", (NOW - ago for ago in PAID))
    return database.engine


OFTEN = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


CAPTURED_TWICE = [
    [
        click("c1", timedelta(0), click_id="a", visitor="v2", consent=Consent.DENIED),
        click("c3", timedelta(0), click_id="a", visitor="v2"),
        Revision("c3", {"clicked_at": NOW - timedelta(days=1, hours=6)}),
    ],
    [Revision("c1", {"ad_user_data": Consent.GRANTED})],
]
"""A click captured twice, whose later capture changes what the earlier one earned."""


@OFTEN
@example(CAPTURED_TWICE, False)
@given(BATCHES, st.booleans())
def test_increments_of_revised_facts_equal_one_full_recomputation(engine, told, clicks_first) -> None:
    compare(engine, [BEGINNING, *told], clicks_first)


@OFTEN
@given(st.integers(0, 2**32), st.booleans())
def test_increments_of_who_is_whom_equal_one_full_recomputation(engine, seed, clicks_first) -> None:
    compare(engine, [STRANGERS, *evidence(random.Random(seed))], clicks_first)


def evidence(chance: random.Random) -> list[list[object]]:
    """Evidence of a few sorts, dense enough to meet: what hypothesis draws by itself rarely does."""
    payers = [("user", user, "customer", customer) for user in ("u1", "u2") for customer in CUSTOMERS]
    moments = (HOUR, 3 * DAY, 50 * DAY)
    emails = (None, "h1", "h2")
    sorts = (
        lambda: Link(chance.choice(payers), chance.choice(moments)),
        lambda: Link(chance.choice(payers), chance.choice(moments), "client_reference_id"),
        lambda: Link(chance.choice(MERGES), chance.choice(moments)),
        lambda: Link(chance.choice(ENDS), chance.choice(moments), "collector_identify"),
        lambda: Email(chance.choice(CUSTOMERS), chance.choice(emails), chance.choice(moments)),
        lambda: Revision(chance.choice(("c1", "c2", "c3")), {"email_sha256": chance.choice(emails)}),
        lambda: Payment(chance.randrange(len(PAID)), 1000, chance.choice((0, 1000))),
        lambda: Retired(chance.randrange(len(PAID))),
    )
    told = chance.sample(sorts, chance.randint(1, 4))
    return [[chance.choice(told)() for _ in range(chance.randint(1, 3))] for _ in range(chance.randint(2, 6))]


def compare(engine: Engine, told: Iterable[Iterable[object]], clicks_first: bool) -> None:
    """Tells one world in batches and another one everything at once."""
    forget_everything(engine)
    standing = Facts()
    for batch in told:
        tell(engine, standing, batch, clicks_first)
        rooms(engine, window=TINY, match_email=True)
    increments = derived(engine)
    assert rows(engine, "select count(*) from dirty") == [(0,)]

    forget_everything(engine)
    land(engine, *standing.clicks.values())
    write_books(engine, standing, standing.links)
    rooms(engine, window=EVERYTHING, match_email=True)
    assert increments == derived(engine)


def tell(engine: Engine, standing: Facts, batch: Iterable[object], clicks_first: bool) -> None:
    """Lands a batch as the rooms do: a page of clicks, and the books of all customers."""
    page, links = [], [fact for fact in batch if isinstance(fact, Link)]
    standing.links += links
    for fact in batch:
        if row := version(standing, fact):
            page.append(row)
            standing.clicks[row.click_ref] = row
        elif isinstance(fact, Payment):
            standing.payments[fact.number] = fact
        elif isinstance(fact, Retired):
            standing.payments.pop(fact.number, None)
        elif isinstance(fact, Email):
            standing.emails[fact.customer] = fact
    if clicks_first:
        land(engine, *page)
    write_books(engine, standing, links)
    if not clicks_first:
        land(engine, *page)


def version(standing: Facts, fact: object) -> Click | None:
    """The click row as it stands after this fact, if the fact is about one."""
    if isinstance(fact, Revision):
        known = standing.clicks.get(fact.click_ref)
        return known and replace(known, **fact.says)
    return fact if isinstance(fact, Click) else None


def write_books(engine: Engine, standing: Facts, links: Iterable[Link]) -> None:
    with engine.begin() as connection:
        connection.execute(query("landing/book_work_tables"))
        events = [(*row, {}) for payment in standing.payments.values() for row in events_of(payment)]
        copy_rows(connection, "staged_revenue_event", (*EVENT_COLUMNS, "click_ids"), events)
        copy_rows(
            connection,
            "staged_identity_link",
            LINK_COLUMNS,
            [(*link.ends, link.evidence, "test", NOW - link.ago) for link in links],
        )
        copy_rows(
            connection,
            "staged_identifier",
            IDENTIFIER_COLUMNS,
            [
                (said.customer, "email_plain", said.value, "test", NOW - said.ago)
                for said in standing.emails.values()
                if said.value
            ],
        )
        connection.execute(query("landing/upsert_revenue_events"))
        connection.execute(query("landing/retire_revenue_events"), {"customers": list(CUSTOMERS)})
        connection.execute(query("landing/upsert_identity_links"))
        for step in ("mark_changed_emails", "replace_identifiers"):
            connection.execute(query(f"landing/{step}"), {"customers": list(CUSTOMERS)})


def events_of(payment: Payment) -> Iterable[tuple[object, ...]]:
    key, ago = f"pay{payment.number}", PAID[payment.number]
    customer = CUSTOMERS[payment.number % len(CUSTOMERS)]
    common = {"customer": customer, "account": account_of(customer), "content_hash": repr(payment)}
    yield event_row(key, EventKind.FIRST_PAYMENT, ago, net=payment.net, **common)
    if payment.refunded:
        yield event_row(
            f"back{payment.number}",
            EventKind.REFUND,
            ago - HOUR / 2,
            net=-payment.refunded,
            parent=key,
            left=payment.net - payment.refunded,
            refunded=payment.refunded,
            **common,
        )


def account_of(customer: str) -> str:
    return customer.rpartition(":")[0]


def forget_everything(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text(f"truncate {', '.join((*TOLD, *DERIVED))}"))


def derived(engine: Engine) -> dict[str, list[str]]:
    """Everything the rooms wrote, without when they did and without rows that were taken the place of."""
    clicks = "select (to_jsonb(click) - 'ingested_at')::text from click"
    links = "select (to_jsonb(identity_link) - 'observed_at')::text from identity_link"
    books = (
        "select (to_jsonb(conversion) - '{planned_at,changed_at}'::text[])::text "
        "from conversion where reason <> 'replanned'"
    )
    plain = {table: f"select to_jsonb({table})::text from {table}" for table in DERIVED}
    unclear = "select (to_jsonb(quarantined_identity) - 'quarantined_at')::text from quarantined_identity"
    statements = plain | {
        "quarantined_identity": unclear,
        "click": clicks,
        "identity_link": links,
        "conversion": books,
    }
    return {table: sorted(row for (row,) in rows(engine, said)) for table, said in statements.items()}
