"""From the records of a customer to what platforms may be told of who that is, each value under its rule.

Pure. What a rule can make nothing of is dropped and counted.
Source: specs/meta_tiktok_linkedin_microsoft.md §5.2 (phone country), specs/google_ads.md §6 (titles).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from conversion_sync.model.identifier import Contact, Identified, Identifier, Rule
from conversion_sync.platforms.identifiers import Given, regions, value_of


@dataclass(frozen=True, slots=True)
class Made:
    """The values of one customer, and what was given but came to nothing, by identifier."""

    values: tuple[Identified, ...]
    dropped: Mapping[str, int]


def identify(contacts: Iterable[Contact], rules: Iterable[Rule]) -> Made:
    """What the records of a customer give under these rules, whatever their order.

    Of each kind of object the newest record speaks, so that what was taken out there is gone; among those
    the newest that gives the field. An address is taken whole from one record.
    """
    known = _newest_of_each_kind(contacts)
    made: list[Identified] = []
    dropped: Counter[str] = Counter()
    for rule in _stored(frozenset(rules)):
        identifier, pick = SOURCES[rule]
        found = pick(known)
        if found is None:
            continue
        record, text, country = found
        value = value_of(rule, text, country)
        if value is None:
            dropped[identifier.value] = 1
        else:
            made.append(
                Identified(rule=rule, value=value, source_ref=record.source_ref, stated_at=record.stated_at)
            )
    return Made(tuple(made), dropped)


@lru_cache(maxsize=64)
def _stored(rules: frozenset[Rule]) -> tuple[Rule, ...]:
    return tuple(sorted(rules & SOURCES.keys()))


def split_name(full: str) -> tuple[str, str] | None:
    """First and last name of a full one, None unless it is exactly two words beside titles."""
    words = [word.strip(",") for word in full.split()]
    named = [word for word in words if word.lower().replace(".", "") not in regions()["titles"]]
    return (named[0], named[1]) if len(named) == 2 else None


def _newest_of_each_kind(contacts: Iterable[Contact]) -> list[Contact]:
    newest: dict[str, Contact] = {}
    for contact in contacts:
        other = newest.get(contact.of)
        if other is None or _age(other) < _age(contact):
            newest[contact.of] = contact
    return sorted(newest.values(), key=_age, reverse=True)


def _age(contact: Contact) -> tuple[float, str]:
    return contact.stated_at.timestamp(), contact.source_ref


Found = tuple[Contact, str, Given] | None
"""The record that speaks, the text it gives, and the country to read it by."""
Pick = Callable[[Sequence[Contact]], Found]


def _field(name: str) -> Pick:
    def pick(known: Sequence[Contact]) -> Found:
        for contact in known:
            if text := getattr(contact, name):
                return contact, text, contact.country or _first_country(known)
        return None

    return pick


def _part_of_name(place: int) -> Pick:
    def pick(known: Sequence[Contact]) -> Found:
        for contact in known:
            if contact.name and contact.name.strip():
                parts = split_name(contact.name)
                return contact, parts[place] if parts else "", None
        return None

    return pick


def _part_of_address(name: str) -> Pick:
    def pick(known: Sequence[Contact]) -> Found:
        full = (contact for contact in known if contact.postal_code or contact.city)
        contact = next(full, None) or next((each for each in known if each.country), None)
        text = getattr(contact, name) if contact else None
        return (contact, text, contact.country) if contact and text else None

    return pick


def _first_country(known: Sequence[Contact]) -> Given:
    return next((contact.country for contact in known if contact.country), None)


SOURCES: Mapping[Rule, tuple[Identifier, Pick]] = MappingProxyType(
    {
        **dict.fromkeys(
            (Rule.EMAIL_PLAIN, Rule.EMAIL_CANONICAL, Rule.EMAIL_GOOGLE), (Identifier.EMAIL, _field("email"))
        ),
        **dict.fromkeys((Rule.PHONE_DIGITS, Rule.PHONE_E164), (Identifier.PHONE, _field("phone"))),
        **dict.fromkeys((Rule.FIRST_NAME_PLAIN, Rule.FIRST_NAME_BARE), (Identifier.NAME, _part_of_name(0))),
        **dict.fromkeys((Rule.LAST_NAME_PLAIN, Rule.LAST_NAME_BARE), (Identifier.NAME, _part_of_name(1))),
        **dict.fromkeys((Rule.CITY_BARE, Rule.CITY_CLEAR), (Identifier.ADDRESS, _part_of_address("city"))),
        **dict.fromkeys((Rule.STATE_BARE, Rule.STATE_CLEAR), (Identifier.ADDRESS, _part_of_address("state"))),
        **dict.fromkeys(
            (Rule.ZIP_META, Rule.ZIP_BARE, Rule.ZIP_CLEAR),
            (Identifier.ADDRESS, _part_of_address("postal_code")),
        ),
        **dict.fromkeys(
            (Rule.COUNTRY_HASHED, Rule.COUNTRY_CLEAR, Rule.REGION_CLEAR),
            (Identifier.ADDRESS, _part_of_address("country")),
        ),
        **dict.fromkeys(
            (Rule.EXTERNAL_ID_HASHED, Rule.EXTERNAL_ID_CLEAR),
            (Identifier.EXTERNAL_ID, _field("external_id")),
        ),
    }
)
"""Which identifier each stored rule belongs to, and where in a customer's records its text stands."""
