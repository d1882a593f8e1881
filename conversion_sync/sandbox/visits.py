"""Visits to the company's site: ad clicks with their identifiers, tagged and direct visits, sign-ins."""

from __future__ import annotations

import string
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Protocol

AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Safari",
)
CHANNELS = ("google", "meta", "tiktok", "linkedin", "microsoft", "newsletter", "direct")
WEIGHTS = (34, 22, 10, 8, 3, 6, 17)
SOURCES = {"meta": "facebook", "microsoft": "bing"}
URL_SAFE = string.ascii_letters + string.digits + "-_"
LATE_SHARE = 0.03
"""Of the rows, this share is written hours after the visit."""
WIDEST_WINDOW = timedelta(days=90)
"""No platform credits a click older than this; nothing older than `start` is younger."""
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What the visitor said, as the table spells it; None where nobody asked."""

    ad_user_data: str | None
    ad_personalization: str | None


GRANTED = Consent(ad_user_data="granted", ad_personalization="granted")
CONSENTS = (
    GRANTED,
    Consent(ad_user_data="denied", ad_personalization="denied"),
    Consent(ad_user_data="granted", ad_personalization="denied"),
    Consent(ad_user_data=None, ad_personalization=None),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One row of the click table. `ids` are the ad identifiers by the name of their URL parameter."""

    at: datetime
    written_at: datetime
    channel: str
    visitor_id: str
    user_id: str | None
    ids: dict[str, str] = field(default_factory=dict)
    utm_source: str | None
    campaign: str | None
    agent: str
    ip: str
    consent: Consent

    @property
    def page(self) -> str:
        """The landing page's address as the ad linked it."""
        tags = {"utm_source": self.utm_source, "utm_campaign": self.campaign, **self.ids}
        query = "&".join(f"{name}={value}" for name, value in tags.items() if value)
        return "https://app.example.com/pricing" + (f"?{query}" if query else "")


class Visiting(Protocol):
    """Somebody who visits: a user and their browsers."""

    @property
    def user_id(self) -> str:
        """The user they are once signed in."""
        ...

    @property
    def visitor_ids(self) -> tuple[str, ...]:
        """Their browsers."""
        ...


def visits_of_customer(
    draw: Random, people: Sequence[Visiting], created: datetime, start: datetime, end: datetime
) -> Iterator[Visit]:
    """Clicks before the sign-up, a few after it, and a signed-in visit from most of the browsers."""
    consent = draw.choices(CONSENTS, weights=(93, 3, 2, 2))[0]
    for place, person in enumerate(people):
        joined = created + timedelta(days=2 * place)
        for at in _before(draw, joined, start):
            yield _visit(draw, at, draw.choice(person.visitor_ids), None, consent, end)
        for browser, visitor in enumerate(person.visitor_ids):
            signed_in = joined + timedelta(days=browser, seconds=draw.randint(0, 60))
            if (browser == 0 or draw.random() < 0.8) and signed_in < end:
                yield _visit(draw, signed_in, visitor, person.user_id, consent, end, channel="direct")
        for at in _after(draw, joined, end):
            yield _visit(draw, at, person.visitor_ids[0], person.user_id, consent, end)


def _before(draw: Random, joined: datetime, start: datetime) -> Iterator[datetime]:
    """Hours to weeks before; now and then more than any window before, which may be before `start`."""
    for _ in range(draw.choices(range(7), weights=(14, 26, 22, 16, 11, 7, 4))[0]):
        usual = draw.choices((4 * HOUR, 216 * HOUR), weights=(3, 7))[0]
        at = joined - timedelta(seconds=int(draw.expovariate(1 / usual.total_seconds())) + 1)
        if at >= start:
            yield at
    if draw.random() < 0.05:
        at = joined - timedelta(seconds=draw.randint(29 * 86400, 80 * 86400))
        if at >= start:
            yield at
    if draw.random() < 0.04:
        yield joined - WIDEST_WINDOW - timedelta(seconds=draw.randint(86400, 30 * 86400))


def _after(draw: Random, joined: datetime, end: datetime) -> Iterator[datetime]:
    for _ in range(draw.choices((0, 1, 2), weights=(70, 20, 10))[0]):
        left = int((end - joined).total_seconds())
        if left > 0:
            yield joined + timedelta(seconds=draw.randrange(left))


def visits_of_strangers(
    seed: int, count: int, start: datetime, end: datetime, channel: str | None = None
) -> Iterator[Visit]:
    """Visits of people who never sign up, spread so that each hour has some if there are enough.

    With `channel` all come from there, and are drawn apart from the others.
    """
    draw = Random(f"{seed}:strangers" + (f":{channel}" if channel else ""))
    hours = max(1, (end - start) // HOUR)
    for number in range(count):
        visitor = str(uuid.UUID(int=draw.getrandbits(128), version=4))
        consent = draw.choices(CONSENTS, weights=(87, 10, 1, 2))[0]
        hour = (number * 7919) % hours if hours % 7919 else number % hours
        at = start + hour * HOUR + timedelta(seconds=draw.randrange(3600))
        for _ in range(draw.choices((1, 2, 3), weights=(70, 20, 10))[0]):
            if at < end:
                yield _visit(draw, at, visitor, None, consent, end, channel)
            at += timedelta(seconds=int(draw.expovariate(1 / 86400)) + 1)


def _visit(
    draw: Random,
    at: datetime,
    visitor: str,
    user: str | None,
    consent: Consent,
    end: datetime,
    channel: str | None = None,
) -> Visit:
    channel = channel or draw.choices(CHANNELS, weights=WEIGHTS)[0]
    late = timedelta(minutes=draw.randint(30, 300)) if draw.random() < LATE_SHARE else timedelta(seconds=2)
    is_tagged = channel != "direct"
    return Visit(
        at=at,
        written_at=min(at + late, end - timedelta(seconds=1)),
        channel=channel,
        visitor_id=visitor,
        user_id=user,
        ids=_identifiers(draw, channel),
        utm_source=SOURCES.get(channel, channel) if is_tagged else None,
        campaign=f"{channel}-{draw.randint(1, 6)}" if is_tagged else None,
        agent=draw.choice(AGENTS),
        ip=f"203.0.113.{draw.randint(1, 254)}",
        consent=consent,
    )


def _identifiers(draw: Random, channel: str) -> dict[str, str]:
    found: dict[str, str] = {}
    match channel:
        case "google":
            kind = draw.choices(("gclid", "gbraid", "wbraid"), weights=(92, 5, 3))[0]
            found = {kind: ("Cj0KCQ" if kind == "gclid" else "0AAAAA") + _text(draw, draw.randint(54, 84))}
        case "meta":
            found = {"fbclid": "IwAR" + _text(draw, 57)}
        case "tiktok":
            found = {"ttclid": "E.C.P." + _text(draw, 70)}
        case "linkedin":
            found = {"li_fat_id": str(uuid.UUID(int=draw.getrandbits(128), version=4))}
        case "microsoft":
            found = {"msclkid": f"{draw.getrandbits(128):032x}"}
        case "reddit":
            found = {"rdt_cid": str(draw.getrandbits(62)) + _text(draw, 40)}
    return found


def _text(draw: Random, length: int) -> str:
    return "".join(draw.choices(URL_SAFE, k=length))
