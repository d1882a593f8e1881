"""A small SaaS company's life, from a seed: visits, sign-ups, trials, payments, upgrades, refunds, disputes.

Pure and deterministic: the same seed, size and end give the same business to the last identifier.
Each customer's story is drawn from a generator of its own, so a larger business begins like a
smaller one. Everything that is billed lies in [start, end).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from conversion_sync.sandbox.lives import Life
from conversion_sync.sandbox.plans import COMMON, INTERVALS, MARKETS
from conversion_sync.sandbox.records import Customer, Person
from conversion_sync.sandbox.stories import STORIES, Told, tell
from conversion_sync.sandbox.visits import Visit, visits_of_customer, visits_of_strangers

STRANGERS_PER_CUSTOMER = 3
NEWER_CHANNELS = ("reddit",)
"""Channels that brought visitors, and no customer yet."""
EVERY = 4
"""One in so many customers has a life that is told."""
HISTORY_DAYS = 14
"""With a fortnight's business everything lies within the 30 days that Stripe lists events for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Business:
    """Everything that ever happened. `strangers` visited and never signed up.

    Some customers came before `period_start`; nobody did before `start`. A few visits are older still:
    older than any platform's window for the customer who made them.
    """

    seed: int
    start: datetime
    period_start: datetime
    end: datetime
    customers: tuple[Customer, ...]
    strangers: tuple[Visit, ...]

    @property
    def drawn(self) -> tuple[Customer, ...]:
        """The customers whose lives have no story: the plain ones."""
        return tuple(customer for customer in self.customers if not customer.story)

    def visits(self) -> Iterator[Visit]:
        """Every visit, of customers and strangers."""
        for customer in self.customers:
            yield from customer.visits
        yield from self.strangers


def generate(
    seed: int, customers: int, days: int, end: datetime, *, history_days: int = HISTORY_DAYS
) -> Business:
    """The business of `customers` payers over the `days` before `end` (floored to the second).

    `history_days` is how long before that its oldest customers may have come; 0 for a new company.
    """
    end = end.astimezone(UTC).replace(microsecond=0)
    period_start = end - timedelta(days=days)
    start = period_start - timedelta(days=history_days)
    strangers = list(visits_of_strangers(seed, customers * STRANGERS_PER_CUSTOMER, start, end))
    for channel in NEWER_CHANNELS:
        strangers += visits_of_strangers(seed, customers // 2, start, end, channel)
    return Business(
        seed=seed,
        start=start,
        period_start=period_start,
        end=end,
        customers=tuple(_customer(seed, number, (start, period_start, end)) for number in range(customers)),
        strangers=tuple(strangers),
    )


def _customer(seed: int, number: int, span: tuple[datetime, datetime, datetime]) -> Customer:
    if number % EVERY == EVERY - 1:
        return _told_customer(seed, number, span)
    draw = Random(f"{seed}:customer:{number}")
    end = span[2]
    market = draw.choices(MARKETS[:COMMON], weights=(5, 3, 2))[0]
    interval = draw.choices(tuple(INTERVALS), weights=(8, 78, 14))[0]
    created = _came(draw, *span)
    trial_end = created + timedelta(days=draw.choice((7, 14))) if draw.random() < 0.4 else None
    people = _people(draw, number)
    life = Life(draw, name=f"{number:08d}", market=market, interval=interval, created=created, end=end)
    life.live(
        draw.choices((0, 1, 2), weights=(5, 3, 2))[0],
        trial_end,
        coupon=draw.choices((0, 20, 100), weights=(85, 10, 5))[0],
    )
    drawn = Told(life)
    return _customer_of(draw, number, span, created, people, drawn, trial_end=trial_end)


def _told_customer(seed: int, number: int, span: tuple[datetime, datetime, datetime]) -> Customer:
    """One with a story, early enough for it; the markets go round with each round of stories."""
    draw = Random(f"{seed}:customer:{number}")
    start, period_start, end = span
    turn = number // EVERY
    story = tuple(STORIES)[turn % len(STORIES)]
    market = MARKETS[(turn + turn // len(STORIES)) % len(MARKETS)]
    begin = max(start, min(period_start, end - timedelta(days=26)))
    created = begin + timedelta(seconds=int(draw.random() * (end - begin).total_seconds() * 0.3))
    told = tell(story, draw, name=f"{number:08d}", market=market, created=created, end=end)
    return _customer_of(draw, number, span, created, _people(draw, number), told, story=story)


def _customer_of(
    draw: Random,
    number: int,
    span: tuple[datetime, datetime, datetime],
    created: datetime,
    people: tuple[Person, ...],
    told: Told,
    *,
    trial_end: datetime | None = None,
    story: str = "",
) -> Customer:
    lives = [told.life, *([told.again] if told.again else [])]
    return Customer(
        number=number,
        id=f"cus_{number:08d}",
        people=people,
        subscription=told.life.subscription,
        known_by=draw.choices(("user", "visitor", "nothing"), weights=(84, 10, 6))[0],
        market=told.life.market,
        email=f"person{number}@example.com",
        livemode=draw.random() >= 0.01,
        old_shape=number % 5 == 0,
        created_at=created,
        trial_end=trial_end,
        changes=tuple(change for life in lives for change in life.changes),
        invoices=tuple(
            sorted(
                (invoice for life in lives for invoice in life.invoices), key=lambda invoice: invoice.paid_at
            )
        ),
        lost=tuple(told.lost),
        one_offs=tuple(told.one_offs),
        story=story,
        visits=tuple(visits_of_customer(draw, people, created, span[0], span[2])),
    )


def _came(draw: Random, start: datetime, period_start: datetime, end: datetime) -> datetime:
    """When a customer signs up: some before the period, a few in its last hours."""
    way = draw.choices(("before", "within", "just now"), weights=(20, 77, 3))[0]
    share = draw.random()
    if way == "before" and start < period_start:
        begin, until = start, period_start
    elif way == "just now":
        begin, until = end - timedelta(hours=6), end
    else:
        begin, until, share = period_start, end, share**1.3
    return begin + timedelta(seconds=int(share * ((until - begin).total_seconds() - 60)))


def _people(draw: Random, number: int) -> tuple[Person, ...]:
    """Whoever signs up, with one or more browsers, and for some a colleague."""
    names = [f"user_{number:06d}"]
    if draw.random() < 0.04:
        names.append(f"user_{number:06d}_colleague")
    return tuple(
        Person(
            user_id=name,
            visitor_ids=tuple(
                str(uuid.UUID(int=draw.getrandbits(128), version=4))
                for _ in range(draw.choice((1, 1, 1, 2, 3)))
            ),
        )
        for name in names
    )
