"""Who a Lemon Squeezy record says the customer is: read, never kept; and what the checkout was given.

Of each kind of object only the newest speaks. Source: specs/billing.md §4.2 (custom data);
specs/meta_tiktok_linkedin_microsoft.md §5.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from conversion_sync.billing.facts import Naming
from conversion_sync.billing.lemon_squeezy.told import State, Told, text_of
from conversion_sync.billing.naming import click_ids
from conversion_sync.model.identifier import Contact


def country_of(told: Told) -> str | None:
    """The country the customer's row says last."""
    said = (state.text("country") for state in reversed(told.customers))
    return next((country.upper() for country in said if country is not None), None)


def contacts_of(told: Told) -> Iterator[Contact]:
    """What the newest of each kind says."""
    for state in told.customers[-1:]:
        yield Contact(
            of="customer",
            source_ref=state.record,
            stated_at=state.updated_at,
            email=state.text("email"),
            name=state.text("name"),
            city=state.text("city"),
            state=state.text("region"),
            country=state.text("country"),
        )
    kinds = (("order", told.orders), ("subscription", told.subscriptions), ("invoice", told.invoices))
    for of, rows in kinds:
        newest = max(chain.from_iterable(rows.values()), key=_newest, default=None)
        if newest is not None:
            yield Contact(
                of=of,
                source_ref=newest.record,
                stated_at=newest.updated_at,
                email=newest.text("user_email"),
                name=newest.text("user_name"),
            )


def _newest(state: State) -> tuple[object, str]:
    return state.updated_at, state.record


def namings_of(told: Told) -> list[Naming]:
    """What the checkout was given, as each order or subscription told it."""
    return [
        Naming(
            values={
                str(name): said for name, value in custom.items() if (said := text_of(value)) is not None
            },
            source=about,
            at=at,
        )
        for at, about, custom in told.custom
    ]


def clicks_of(told: Told, names: Iterable[str | None]) -> dict[str, str]:
    """The click ids given for any of these orders and subscriptions; the first that was said stays."""
    wanted = {name for name in names if name}
    found: dict[str, str] = {}
    for _, about, custom in sorted(told.custom, key=lambda said: (said[0], said[1])):
        if about in wanted:
            values = {str(name): said for name, value in custom.items() if (said := text_of(value))}
            found = click_ids(values) | found
    return dict(sorted(found.items()))
