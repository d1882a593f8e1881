"""Who a customer is and which clicks came with them, as the company wrote it into billing objects.

Each click id counts once a customer, however many objects repeat it: at its own time where one of them has
it (`cs_click_ts`), else when the first of them was made.

Source: specs/billing.md §1.11.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from conversion_sync.billing.facts import Naming
from conversion_sync.model.click import ClickIdKind
from conversion_sync.model.identifier import Contact
from conversion_sync.model.revenue import BilledClick, CustomerKey, IdentityLink, LinkEnd, RevenueEvent

CLICK_PREFIX = "cs_"
KINDS = frozenset(kind.value for kind in ClickIdKind)
CLICK_TIME = "click_ts"
CLICK_IDS = KINDS | {"fbp", CLICK_TIME}
FORMER = "cs_former_customer"
"""What names the customer somebody was before, under another billing account, by its key here."""
NOBODY = frozenset(
    {"", "undefined", "null", "none", "nan", "[object object]", "anonymous", "guest", "unknown"}
)
MILLISECONDS = 10**11
"""From here on a number is milliseconds since 1970, not seconds: as seconds it would be the year 5138."""


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
    ends = ((LinkEnd.USER, keys.user_id), (LinkEnd.VISITOR, keys.visitor_id), (LinkEnd.CUSTOMER, FORMER))
    for naming in namings:
        said = [(end, naming.values.get(name), f"billing_metadata:{name}") for end, name in ends]
        for end, value, evidence in (*said, (LinkEnd.USER, naming.client_reference, "client_reference_id")):
            if value and _is_one(end, value, customer):
                key = (end, str(value), evidence, naming.source)
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


def _is_one(end: LinkEnd, value: object, customer: CustomerKey) -> bool:
    """Whether a value may name somebody: a template nobody filled in names everybody."""
    if end is LinkEnd.CUSTOMER:
        return str(value).count(":") >= 2 and str(value) != customer
    return str(value).strip().lower() not in NOBODY


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


def clicks(namings: Iterable[Naming], events: Iterable[RevenueEvent]) -> Iterator[BilledClick]:
    """Each click id once, from the objects and from what was paid. A time nobody can read counts as none."""
    told = [
        *((naming.made_at or naming.at, naming.source, naming.values) for naming in namings),
        *((event.occurred_at, event.source_object_id, _left(event.click_ids)) for event in events),
    ]
    seen: set[tuple[str, str]] = set()
    for _, at, source, ids, left in sorted((_click(*each) for each in told), key=lambda found: found[:4]):
        new = {kind: value for kind, value in ids if (kind, value) not in seen}
        seen |= new.items()
        if new:
            yield BilledClick(
                source_ref=source,
                clicked_at=at,
                click_ids=new,
                ad_user_data=left.get("cs_ad_user_data"),
                ad_personalization=left.get("cs_ad_personalization"),
            )


Told = tuple[bool, datetime, str, list[tuple[str, str]], Mapping[str, str]]
"""Whether its time is only the object's, the time, the object, its click ids, and all that was left there."""


def _click(made_at: datetime, source: str, left: Mapping[str, str]) -> Told:
    clicked_at = click_time(left.get(CLICK_PREFIX + CLICK_TIME))
    ids = [(kind, value) for kind, value in click_ids(left).items() if kind in KINDS]
    return clicked_at is None, clicked_at or made_at, source, ids, left


def _left(ids: Mapping[str, str]) -> dict[str, str]:
    return {CLICK_PREFIX + name: value for name, value in ids.items()}


def click_time(text: object) -> datetime | None:
    """ISO 8601, or seconds or milliseconds since 1970, in UTC; None for anything else."""
    written = str(text or "").strip()
    try:
        if written.isascii() and written.isdigit():
            number = int(written)
            return datetime.fromtimestamp(number / 1000 if number >= MILLISECONDS else number, UTC)
        at = datetime.fromisoformat(written)
    except (ValueError, OverflowError, OSError):
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)


def click_ids(values: Mapping[str, object]) -> dict[str, str]:
    """Identifiers the company left there: `cs_gclid` is `gclid`. Source: specs/billing.md §1.11."""
    found = {
        name.removeprefix(CLICK_PREFIX): str(value)
        for name, value in values.items()
        if name.startswith(CLICK_PREFIX) and value
    }
    return {name: value for name, value in sorted(found.items()) if name in CLICK_IDS}
