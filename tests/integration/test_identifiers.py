"""Who a customer is: kept under the rules accounts ask for, as the newest records say, sent with consent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from conversion_sync.billing.provider import RawRecord
from conversion_sync.model.click import ClickIdKind, Consent
from conversion_sync.model.identifier import HASH_OF_NOTHING
from conversion_sync.model.windows import Window
from conversion_sync.pipeline.build import context
from conversion_sync.pipeline.configuration import settings_type
from conversion_sync.pipeline.context import Context
from conversion_sync.pipeline.deliver import deliver
from conversion_sync.pipeline.normalise import normalise
from conversion_sync.pipeline.plan import plan
from conversion_sync.pipeline.pull import land_record_page
from conversion_sync.platforms.identifiers import digest
from conversion_sync.store.queries import query
from tests.integration.scripted import Scripted, facts, taken
from tests.integration.world import CUSTOMER, DAY, EVERYTHING, HOUR, NOW, TINY, click, land, link, rooms, rows
from tests.unit.billing.stripe_records import Json, event, invoice

ACCOUNT = ("stripe", "main")
ADDRESS = {"city": "London", "postal_code": "SW1A 1AA", "country": "GB"}
PERSON: Json = {"email": "Jane@Example.com", "phone": "07911 123456", "name": "Jane Doe", "address": ADDRESS}
CLEAR_WORDS = ("jane", "07911", "london", "sw1a", "doe")
EMAIL, PHONE = digest("jane@example.com"), digest("447911123456")


def asking(engine: Engine, **identifiers: Sequence[str]) -> Context:
    """A run's context, of a configuration in which each platform named asks for these identifiers."""
    accounts: dict[str, Json] = {
        "meta": {"dataset_id": "1", "access_token": "t"},
        "tiktok": {"pixel_code": "p", "access_token": "t"},
    }
    content = {
        "start": "2026-01-01T00:00:00Z",
        "upload_mode": "live",
        "billing": {"stripe": {"main": {"api_key": "k"}}},
        "platforms": {
            name: {"main": account | {"identifiers": list(identifiers.get(name, ()))}}
            for name, account in accounts.items()
        },
        "actions": {
            "purchase": {
                "kinds": ["first_payment"],
                "targets": {"meta": {"main": {"event_name": "Purchase"}}},
            }
        },
    }
    settings = settings_type().model_validate(content)
    return context(settings, engine, run_id="run-1", clock=lambda: NOW)


def customer(ago: timedelta, name: str = "cus_1", **person: Any) -> RawRecord:
    thing = {"id": name, "object": "customer", **PERSON, **person}
    return event("customer.updated", thing, NOW - ago)


def told(engine: Engine, *records: RawRecord) -> None:
    land_record_page(engine, ACCOUNT, records, NOW - 400 * DAY)


def kept(engine: Engine, customer_key: str = CUSTOMER) -> dict[str, str]:
    return dict(
        rows(
            engine, "select rule, value from customer_identifier where customer_key = :key", key=customer_key
        )
    )


def whole(engine: Engine) -> list[tuple[Any, ...]]:
    return rows(engine, "select * from customer_identifier order by 1, 2")


def counted(ctx: Context, window: Window = TINY) -> Mapping[str, int]:
    counts = normalise(ctx, window).counts
    return {name: counts[name] for name in ("customers", "identifiers", "unidentified")}


def test_nothing_of_a_person_is_kept_unless_an_account_asks(database) -> None:
    told(database.engine, customer(DAY))
    assert counted(asking(database.engine)) == {"customers": 1, "identifiers": 0, "unidentified": 0}
    assert (whole(database.engine), rows(database.engine, "select * from identifier_rule")) == ([], [])


def test_only_values_under_the_rules_asked_for_are_kept_and_a_person_nowhere_else(database) -> None:
    record = customer(DAY)
    told(database.engine, record)
    assert counted(asking(database.engine, meta=["email", "phone", "name"])) == {
        "customers": 1,
        "identifiers": 4,
        "unidentified": 0,
    }
    assert whole(database.engine) == [
        (CUSTOMER, rule, value, record.event_id, NOW - DAY)
        for rule, value in (
            ("email_plain", EMAIL),
            ("first_name_bare", digest("jane")),
            ("last_name_bare", digest("doe")),
            ("phone_digits", PHONE),
        )
    ]
    told_where = [table for table in tables(database.engine) if holds_a_person(database.engine, table)]
    assert told_where == ["raw_event"]


def tables(engine: Engine) -> list[str]:
    """Every table with rows of its own; partitions are read through theirs."""
    found = rows(
        engine,
        "select relname from pg_class where relkind in ('r', 'p') and not relispartition "
        "and relnamespace = 'public'::regnamespace order by 1",
    )
    return [name for (name,) in found]


def holds_a_person(engine: Engine, table: str) -> bool:
    content = rows(engine, f"select lower(row_to_json(found)::text) from {table} as found")
    return any(word in line for (line,) in content for word in CLEAR_WORDS)


def test_a_newer_record_replaces_in_whatever_order_they_come(database) -> None:
    ctx = asking(database.engine, meta=["email", "phone", "address"])
    older, newer = customer(3 * DAY), customer(DAY, email="j@example.com", phone=None, address=None)
    told(database.engine, newer)
    normalise(ctx, TINY)
    told(database.engine, older)
    normalise(ctx, TINY)
    assert kept(database.engine) == {"email_plain": digest("j@example.com")}
    incremental = whole(database.engine)
    with database.engine.begin() as connection:
        connection.execute(text("truncate customer_identifier, identifier_rule"))
    assert counted(ctx)["identifiers"] == 1
    assert whole(database.engine) == incremental
    assert counted(ctx, EVERYTHING) == {"customers": 1, "identifiers": 0, "unidentified": 0}


def test_a_customer_who_is_deleted_is_forgotten(database) -> None:
    ctx = asking(database.engine, meta=["email"])
    told(database.engine, customer(3 * DAY), customer(3 * DAY, "cus_2", email="two@example.com"))
    normalise(ctx, TINY)
    told(
        database.engine, event("customer.deleted", {"id": "cus_1", "object": "customer", **PERSON}, NOW - DAY)
    )
    normalise(ctx, TINY)
    assert kept(database.engine) == {}
    assert kept(database.engine, "stripe:main:cus_2") == {"email_plain": digest("two@example.com")}


def test_what_no_account_asks_for_any_more_is_deleted_and_what_is_new_is_made_of_everybody(database) -> None:
    told(database.engine, customer(DAY), customer(DAY, "cus_2"))
    normalise(asking(database.engine, meta=["email", "phone"]), TINY)
    assert counted(asking(database.engine, meta=["email"]))["customers"] == 0
    assert kept(database.engine) == {"email_plain": EMAIL}
    other = asking(database.engine, meta=["email"], tiktok=["phone"])
    assert counted(other)["customers"] == 2
    assert kept(database.engine) == {"email_plain": EMAIL, "phone_e164": digest("+447911123456")}
    assert counted(other)["customers"] == 0
    normalise(asking(database.engine), TINY)
    assert (whole(database.engine), rows(database.engine, "select * from identifier_rule")) == ([], [])


def test_a_phone_without_any_country_is_dropped_and_counted(database) -> None:
    told(database.engine, customer(DAY, address=None, email="nobody"))
    ctx = asking(database.engine, meta=["email", "phone", "name"])
    assert counted(ctx) == {"customers": 1, "identifiers": 2, "unidentified": 2}
    assert set(kept(database.engine)) == {"first_name_bare", "last_name_bare"}


@pytest.mark.parametrize("value", ["", HASH_OF_NOTHING])
def test_the_database_refuses_nothing_and_its_hash(database, value: str) -> None:
    statement = text("insert into customer_identifier values ('c', 'email_plain', :value, 'r', now())")
    with pytest.raises(IntegrityError), database.engine.begin() as connection:
        connection.execute(statement, {"value": value})


@pytest.fixture
def paid(database) -> Engine:
    """A customer who clicked, told who they are, and paid; nothing is normalised yet."""
    engine: Engine = database.engine
    land(engine, click("c", DAY, ClickIdKind.FBCLID))
    link(engine, "visitor", "v1", "customer", CUSTOMER)
    told(engine, customer(2 * DAY), paid_invoice(NOW - HOUR))
    return engine


def paid_invoice(at: datetime) -> RawRecord:
    return event("invoice.paid", invoice(paid_at=at), at)


def delivered(ctx: Context, consent: Consent | None = None) -> list[Mapping[str, str]]:
    """The identifiers of each row that leaves, after every room."""
    platform = Scripted(taken, facts())
    normalise(ctx, EVERYTHING)
    plan(ctx, EVERYTHING)
    rooms(ctx.engine)
    if consent is not None:
        land(ctx.engine, click("c", DAY, ClickIdKind.FBCLID, consent=consent))
    ready = replace(ctx, platforms={("meta", "main"): lambda: platform})
    deliver(ready, EVERYTHING, "meta", "main")
    return [row.identifiers for request in platform.requests for row in request]


def test_a_row_carries_what_its_account_asks_for_and_no_other(paid: Engine) -> None:
    [sent] = delivered(asking(paid, meta=["email", "phone"], tiktok=["phone", "name"]))
    assert sent == {"email_plain": EMAIL, "phone_digits": PHONE}


def test_a_row_carries_nothing_of_a_person_unless_asked(paid: Engine) -> None:
    assert delivered(asking(paid, tiktok=["phone", "name"])) == [{}]


def test_consent_nobody_asked_for_is_no_refusal(paid: Engine) -> None:
    [sent] = delivered(asking(paid, meta=["email"]), Consent.UNKNOWN)
    assert sent == {"email_plain": EMAIL}


def test_of_who_refused_since_it_was_planned_nothing_leaves(paid: Engine) -> None:
    assert delivered(asking(paid, meta=["email"]), Consent.DENIED) == []


def test_the_books_hand_out_nobody_who_has_refused(paid: Engine) -> None:
    delivered(asking(paid, meta=["email"]), Consent.DENIED)
    [(name, at)] = rows(paid, "select conversion_id, occurred_at from conversion where platform = 'meta'")
    wanted = {"conversion_ids": name, "earliest": at, "latest": at, "rules": ["email_plain"]}
    with paid.begin() as connection:
        assert connection.execute(query("delivery/identifiers"), wanted).all() == []
