"""Who a customer is and which clicks came with them, as the company wrote it into billing objects.

Source: specs/billing.md §1.11.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from conversion_sync.billing.facts import Naming
from conversion_sync.model.identifier import Contact
from conversion_sync.model.revenue import CustomerKey, IdentityLink, LinkEnd

CLICK_PREFIX = "cs_"
CLICK_IDS = frozenset(
    {"gclid", "gbraid", "wbraid", "fbc", "fbp", "fbclid", "ttclid", "li_fat_id", "msclkid", "click_ts"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Which values name the product's user and the browser; and whose account this is."""

    provider: str
    account: str
    user_id: str
    visitor_id: str


def links(customer: CustomerKey, namings: Iterable[Naming], keys: Keys) -> Iterator[IdentityLink]:
    """Who the customer is, as those values say; the latest mention of each pair from each object."""
    latest: dict[tuple[LinkEnd, str, str, str], datetime] = {}
    for naming in namings:
        for end, name in ((LinkEnd.USER, keys.user_id), (LinkEnd.VISITOR, keys.visitor_id)):
            if value := naming.values.get(name):
                key = (end, str(value), f"billing_metadata:{name}", naming.source)
                latest[key] = max(naming.at, latest.get(key, naming.at))
        if naming.client_reference:
            key = (LinkEnd.USER, naming.client_reference, "client_reference_id", naming.source)
            latest[key] = max(naming.at, latest.get(key, naming.at))
    for (end, value, evidence, source), at in sorted(latest.items()):
        yield IdentityLink(
            from_end=end,
            from_id=value,
            to_end=LinkEnd.CUSTOMER,
            to_id=customer,
            evidence=evidence,
            source_ref=source,
            linked_at=at,
        )


def user_of(namings: Iterable[Naming], keys: Keys) -> Contact | None:
    """The user id the product knows the customer by, as it was said last."""
    named = [
        (naming.at, naming.source, str(user))
        for naming in namings
        if (user := naming.values.get(keys.user_id) or naming.client_reference)
    ]
    if not named:
        return None
    at, source, user = max(named)
    return Contact(of="user", source_ref=source, stated_at=at, external_id=user)


def click_ids(values: Mapping[str, object]) -> dict[str, str]:
    """Identifiers the company left there: `cs_gclid` is `gclid`. Source: specs/billing.md §1.11."""
    found = {
        name.removeprefix(CLICK_PREFIX): str(value)
        for name, value in values.items()
        if name.startswith(CLICK_PREFIX) and value
    }
    return {name: value for name, value in sorted(found.items()) if name in CLICK_IDS}
