"""From a customer's records to values under rules: newest first, never mixed, never guessed."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conversion_sync.model.identifier import Contact, Rule
from conversion_sync.platforms.contacts import SOURCES, identify, split_name
from conversion_sync.platforms.identifiers import digest

NAMES = [
    ("Jane Doe", ("Jane", "Doe")),
    (" Dr.  Jane   Doe ", ("Jane", "Doe")),
    ("Jane Doe, PhD", ("Jane", "Doe")),
    ("Martin Luther King Jr.", None),
    ("Jane", None),
    ("Mr. Doe", None),
    ("", None),
]


@pytest.mark.parametrize(("full", "expected"), NAMES)
def test_a_full_name_is_split_only_where_nobody_has_to_guess(
    full: str, expected: tuple[str, str] | None
) -> None:
    assert split_name(full) == expected


START = datetime(2026, 11, 1, tzinfo=UTC)


def contact(of: str, hours: int, **known: Any) -> Contact:
    return Contact(of=of, source_ref=f"{of}_{hours}", stated_at=START + timedelta(hours=hours), **known)


def values(contacts: Sequence[Contact]) -> dict[str, tuple[str, str]]:
    """Every stored rule's value, turned back into its text's digest, with the record it is of."""
    return {made.rule.value: (made.value, made.source_ref) for made in identify(contacts, Rule).values}


FULL = contact(
    "customer",
    0,
    email="jane@example.com",
    phone="07911 123456",
    name="Jane Doe",
    city="London",
    state=None,
    postal_code="SW1A 1AA",
    country="GB",
    external_id="user_1",
)


def test_every_stored_rule_is_filled_from_a_full_record() -> None:
    made = identify([FULL], Rule)
    state = {Rule.STATE_BARE, Rule.STATE_CLEAR}
    assert (
        {value.rule for value in made.values} == set(Rule) - {Rule.IP_HASHED} - state == set(SOURCES) - state
    )
    assert made.dropped == {}


def test_only_the_rules_asked_for_are_made() -> None:
    asked = [Rule.EMAIL_PLAIN, Rule.IP_HASHED]
    assert [(made.rule, made.value) for made in identify([FULL], asked).values] == [
        (Rule.EMAIL_PLAIN, digest("jane@example.com"))
    ]
    assert identify([FULL], []).values == ()


def test_a_newer_record_replaces_and_what_was_taken_out_is_gone() -> None:
    moved = contact("customer", 5, email=None, phone="+33 1 23 45 67 89", name="Jane Roe", country="FR")
    assert values([FULL, moved]) == values([moved, FULL]) == values([moved])
    assert "email_plain" not in values([FULL, moved])


def test_the_newest_record_that_gives_a_field_speaks_for_it() -> None:
    invoice = contact("invoice", 9, email="billing@example.com", country="FR")
    known = values([FULL, invoice])
    assert known["email_plain"] == (digest("billing@example.com"), "invoice_9")
    assert known["external_id_clear"] == ("user_1", "customer_0")


def test_an_address_is_never_put_together_from_two_records() -> None:
    invoice = contact("invoice", 9, postal_code="75001", country="FR")
    known = values([FULL, invoice])
    assert known["zip_clear"] == ("75001", "invoice_9")
    assert known["country_clear"] == ("fr", "invoice_9")
    assert "city_bare" not in known


def test_a_phone_is_read_in_the_country_of_its_own_record_first() -> None:
    other = contact("checkout", 9, phone=None, country="US")
    assert values([FULL, other])["phone_e164"] == (digest("+447911123456"), "customer_0")
    bare = contact("customer", 9, phone="07911 123456")
    assert values([bare, contact("invoice", 1, country="GB")])["phone_e164"][0] == digest("+447911123456")


def test_what_came_to_nothing_is_counted_once_an_identifier() -> None:
    made = identify([contact("customer", 0, email="nobody", phone="07911 123456", name="Cher")], Rule)
    assert (made.values, made.dropped) == ((), {"email": 1, "phone": 1, "name": 1})


CONTACTS = [
    FULL,
    contact("customer", 3, email="j@example.com"),
    contact("invoice", 2, country="US", name="J D"),
    contact("checkout", 3, phone="5105550011"),
]


@pytest.mark.parametrize("order", list(itertools.permutations(CONTACTS)))
def test_the_order_of_records_changes_nothing(order: Sequence[Contact]) -> None:
    assert identify(order, Rule) == identify(CONTACTS, Rule)


def test_a_persons_details_stay_out_of_what_is_printed() -> None:
    [made] = identify([FULL], [Rule.CITY_CLEAR]).values
    assert not re.search("jane|doe|7911|london|sw1a|user_1", f"{FULL!r} {made!r}", re.IGNORECASE)
