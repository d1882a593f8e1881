"""Visits to the company's site: ad clicks with their identifiers, tagged and direct visits, sign-ins."""

from __future__ import annotations

import string
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Safari",
)
CHANNELS = ("google", "meta", "tiktok", "linkedin", "microsoft", "newsletter", "direct")
WEIGHTS = (34, 22, 10, 8, 3, 6, 17)
URL_SAFE = string.ascii_letters + string.digits + "-_"
LATE_SHARE = 0.03
"""Of the rows, this share is written hours after the visit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One row of the click table. `ids` are the ad identifiers by the name of their URL parameter."""

    at: datetime
    written_at: datetime
    channel: str
    visitor_id: str
    user_id: str | None
    ids: dict[str, str] = field(default_factory=dict)
    utm_source: str | None = None
    campaign: str | None = None
    agent: str
    ip: str
    consent: str = "granted"


def visits_of_customer(
    draw: Random,
    user: str,
    visitors: tuple[str, ...],
    created: datetime,
    start: datetime,
    end: datetime,
) -> Iterator[Visit]:
    """Clicks before the sign-up, a few after it, and a signed-in visit from most of the browsers."""
    consent = "denied" if draw.random() < 0.03 else "granted"
    for _ in range(draw.choices(range(7), weights=(14, 26, 22, 16, 11, 7, 4))[0]):
        before = timedelta(seconds=int(draw.expovariate(1 / (9 * 86400))))
        if created - before >= start:
            yield _visit(draw, created - before, draw.choice(visitors), None, consent, end)
    for place, visitor in enumerate(visitors):
        if place == 0 or draw.random() < 0.8:
            signed_in = created + timedelta(seconds=place * 86400 + draw.randint(0, 60))
            if signed_in < end:
                yield _visit(draw, signed_in, visitor, user, consent, end, channel="direct")
    for _ in range(draw.choices((0, 1, 2), weights=(70, 20, 10))[0]):
        after = created + (end - created) * draw.random()
        yield _visit(draw, after.replace(microsecond=0), visitors[0], user, consent, end)


def visits_of_strangers(seed: int, count: int, start: datetime, end: datetime) -> Iterator[Visit]:
    """Visits of people who never sign up."""
    draw = Random(f"{seed}:strangers")
    span = int((end - start).total_seconds())
    for _ in range(count):
        visitor = str(uuid.UUID(int=draw.getrandbits(128), version=4))
        at = start + timedelta(seconds=draw.randrange(span))
        yield _visit(draw, at, visitor, None, "granted" if draw.random() < 0.9 else "denied", end)


def _visit(
    draw: Random,
    at: datetime,
    visitor: str,
    user: str | None,
    consent: str,
    end: datetime,
    channel: str | None = None,
) -> Visit:
    channel = channel or draw.choices(CHANNELS, weights=WEIGHTS)[0]
    late = timedelta(minutes=draw.randint(30, 300)) if draw.random() < LATE_SHARE else timedelta(seconds=2)
    source = {"newsletter": "newsletter", "meta": "facebook", "microsoft": "bing"}.get(channel, channel)
    return Visit(
        at=at,
        written_at=min(at + late, end - timedelta(seconds=1)),
        channel=channel,
        visitor_id=visitor,
        user_id=user,
        ids=_identifiers(draw, channel),
        utm_source=None if channel == "direct" else source,
        campaign=None if channel == "direct" else f"{channel}-{draw.randint(1, 6)}",
        agent=draw.choice(AGENTS),
        ip=f"203.0.113.{draw.randint(1, 254)}",
        consent=consent,
    )


def _identifiers(draw: Random, channel: str) -> dict[str, str]:
    match channel:
        case "google":
            kind = draw.choices(("gclid", "gbraid", "wbraid"), weights=(92, 5, 3))[0]
            return {kind: ("Cj0KCQ" if kind == "gclid" else "0AAAAA") + _text(draw, draw.randint(54, 84))}
        case "meta":
            return {"fbclid": "IwAR" + _text(draw, 57)}
        case "tiktok":
            return {"ttclid": "E.C.P." + _text(draw, 70)}
        case "linkedin":
            return {"li_fat_id": str(uuid.UUID(int=draw.getrandbits(128), version=4))}
        case "microsoft":
            return {"msclkid": f"{draw.getrandbits(128):032x}"}
        case _:
            return {}


def _text(draw: Random, length: int) -> str:
    return "".join(draw.choices(URL_SAFE, k=length))
