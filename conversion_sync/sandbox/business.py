"""A small SaaS company's life, from a seed: visits, sign-ups, trials, payments, upgrades, refunds.

Pure and deterministic: the same seed, size and end give the same business to the last identifier.
Each customer's story is drawn from a generator of its own, so a larger business begins like a
smaller one. Amounts are Stripe's minor units; times are whole seconds, aware UTC, all of them in
[start, end).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from conversion_sync.sandbox.visits import Visit, visits_of_customer, visits_of_strangers

MONTH = timedelta(days=30)
YEAR = timedelta(days=365)
COLLECTION_DELAY = timedelta(hours=1)
"""A cycle's invoice is a draft for about an hour before it is collected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tax:
    """`percent` on top of the price, or inside it when `inclusive`."""

    percent: int
    inclusive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """Where a customer pays: a currency, its tax, three plans' monthly prices in Stripe's minor units."""

    currency: str
    country: str
    tax: Tax
    prices: tuple[int, int, int]


MARKETS = (
    Market(currency="usd", country="US", tax=Tax(percent=0, inclusive=False), prices=(2900, 5900, 9900)),
    Market(currency="eur", country="DE", tax=Tax(percent=19, inclusive=False), prices=(2900, 4900, 8900)),
    Market(currency="jpy", country="JP", tax=Tax(percent=10, inclusive=True), prices=(3300, 5500, 9900)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of an invoice; `amount` is before `discount`, with the tax inside if that is inclusive."""

    id: str
    description: str
    amount: int
    discount: int
    tax: int
    price: str
    quantity: int
    proration: bool
    period_start: datetime
    period_end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money back for a payment. `history` is (time, status): the first entry is its creation."""

    id: str
    amount: int
    history: tuple[tuple[datetime, str], ...]

    @property
    def succeeded(self) -> bool:
        """Whether the money went back in the end."""
        return self.history[-1][1] == "succeeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """A paid invoice: `total` with all taxes, of which `tax`. `kind` is what it is to the business."""

    id: str
    payment_intent: str | None
    charge: str | None
    paid_at: datetime
    billing_reason: str
    lines: tuple[Line, ...]
    total: int
    tax: int
    kind: str
    refunds: tuple[Refund, ...] = ()

    @property
    def net(self) -> int:
        """What is left of the total without tax."""
        return self.total - self.tax


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A moment in a subscription's life: `what` is created, started, upgraded or deleted."""

    at: datetime
    what: str
    status: str
    price: str
    previous_price: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A payer with a subscription. `known_by`: what billing metadata names (user, visitor, nothing)."""

    number: int
    id: str
    user_id: str
    visitor_ids: tuple[str, ...]
    subscription: str
    known_by: str
    market: Market
    email: str
    livemode: bool
    old_shape: bool
    created_at: datetime
    trial_end: datetime | None
    interval: str
    changes: tuple[Change, ...]
    invoices: tuple[Invoice, ...]
    visits: tuple[Visit, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Business:
    """Everything that ever happened. `strangers` visited and never signed up."""

    seed: int
    start: datetime
    end: datetime
    customers: tuple[Customer, ...]
    strangers: tuple[Visit, ...]

    def visits(self) -> Iterator[Visit]:
        """Every visit, of customers and strangers."""
        for customer in self.customers:
            yield from customer.visits
        yield from self.strangers


def generate(seed: int, customers: int, days: int, end: datetime) -> Business:
    """The business of `customers` payers over the `days` before `end` (floored to the second)."""
    end = end.astimezone(UTC).replace(microsecond=0)
    start = end - timedelta(days=days)
    return Business(
        seed=seed,
        start=start,
        end=end,
        customers=tuple(_customer(seed, number, start, end) for number in range(customers)),
        strangers=tuple(visits_of_strangers(seed, customers * 3, start, end)),
    )


def _customer(seed: int, number: int, start: datetime, end: datetime) -> Customer:
    draw = Random(f"{seed}:customer:{number}")
    market = draw.choices(MARKETS, weights=(5, 3, 2))[0]
    created = start + timedelta(seconds=int(draw.random() ** 1.3 * ((end - start).total_seconds() - 7200)))
    interval = "year" if draw.random() < 0.15 else "month"
    plan = draw.choices((0, 1, 2), weights=(5, 3, 2))[0]
    trial = draw.random() < 0.4
    trial_end = created + timedelta(days=draw.choice((7, 14))) if trial else None
    visitors = tuple(
        str(uuid.UUID(int=draw.getrandbits(128), version=4)) for _ in range(draw.choice((1, 1, 1, 2, 3)))
    )
    story = _Story(draw, number, market, interval, created, end)
    story.live(plan, trial_end, coupon=draw.choices((0, 20, 100), weights=(85, 10, 5))[0])
    user = f"user_{number:06d}"
    return Customer(
        number=number,
        id=f"cus_{number:08d}",
        user_id=user,
        visitor_ids=visitors,
        subscription=f"sub_{number:08d}",
        known_by=draw.choices(("user", "visitor", "nothing"), weights=(84, 10, 6))[0],
        market=market,
        email=f"person{number}@example.com",
        livemode=draw.random() >= 0.01,
        old_shape=number % 5 == 0,
        created_at=created,
        trial_end=trial_end,
        interval=interval,
        changes=tuple(sorted(story.changes, key=lambda change: change.at)),
        invoices=tuple(sorted(story.invoices, key=lambda invoice: invoice.paid_at)),
        visits=tuple(visits_of_customer(draw, user, visitors, created, start, end)),
    )


class _Story:
    """Draws one subscription's life in order of time; stops at the end of the world."""

    def __init__(
        self, draw: Random, number: int, market: Market, interval: str, created: datetime, end: datetime
    ) -> None:
        self.draw, self.number, self.market, self.interval = draw, number, market, interval
        self.created, self.end = created, end
        self.changes: list[Change] = []
        self.invoices: list[Invoice] = []

    def live(self, plan: int, trial_end: datetime | None, *, coupon: int) -> None:
        """The whole life: creation, perhaps a trial, cycles with upgrades and refunds, perhaps an end."""
        status = "trialing" if trial_end else "active"
        self._change(self.created, "created", status, plan)
        period = YEAR if self.interval == "year" else MONTH
        due, reason = self.created, "subscription_create"
        if trial_end is not None:
            self._free_invoice(self.created, trial_end, plan, "Free trial", "trial")
            due, reason = trial_end + COLLECTION_DELAY, "subscription_cycle"
            if due < self.end:
                self._change(trial_end, "started", "active", plan)
        paid_before = False
        while due < self.end:
            discount = coupon if not self.invoices or (trial_end and len(self.invoices) == 1) else 0
            if discount == 100:
                self._free_invoice(due, due + period, plan, "Subscription, 100% off", "free", reason)
            else:
                self._payment(
                    due, period, plan, discount, reason, "renewal" if paid_before else "first_payment"
                )
                paid_before = True
            if self.draw.random() < 0.06:
                self._change(due + period * 0.4, "deleted", "canceled", plan)
                return
            if paid_before and plan < 2 and self.draw.random() < 0.12:
                plan = self._upgrade(due + period * self.draw.uniform(0.2, 0.6), due + period, period, plan)
            due, reason = due + period, "subscription_cycle"

    def _price(self, plan: int) -> int:
        return self.market.prices[plan] * (10 if self.interval == "year" else 1)

    def _price_id(self, plan: int) -> str:
        return f"price_{self.market.currency}_{self.interval}_{plan}"

    def _change(self, at: datetime, what: str, status: str, plan: int, previous: int | None = None) -> None:
        if at < self.end:
            before = None if previous is None else self._price_id(previous)
            self.changes.append(
                Change(
                    at=_second(at),
                    what=what,
                    status=status,
                    price=self._price_id(plan),
                    previous_price=before,
                )
            )

    def _line(
        self, place: int, text: str, amount: int, plan: int, span: tuple[datetime, datetime], **more: int
    ) -> Line:
        discount = more.get("discount", 0)
        return Line(
            id=f"il_{self.number:08d}_{len(self.invoices):03d}_{place:02d}",
            description=text,
            amount=amount,
            discount=discount,
            tax=self._tax(amount - discount),
            price=self._price_id(plan),
            quantity=1,
            proration=bool(more.get("proration", 0)),
            period_start=_second(span[0]),
            period_end=_second(span[1]),
        )

    def _tax(self, taxed: int) -> int:
        tax = self.market.tax
        base = 100 + tax.percent if tax.inclusive else 100
        sign = -1 if taxed < 0 else 1
        return sign * ((abs(taxed) * tax.percent * 2 + base) // (2 * base))

    def _free_invoice(
        self,
        at: datetime,
        until: datetime,
        plan: int,
        text: str,
        kind: str,
        reason: str = "subscription_create",
    ) -> None:
        amount = 0 if kind == "trial" else self._price(plan)
        line = self._line(0, text, amount, plan, (at, until), discount=amount)
        self._invoice(at, reason, (line,), kind, free=True)

    def _payment(
        self, at: datetime, period: timedelta, plan: int, coupon: int, reason: str, kind: str
    ) -> None:
        price = self._price(plan)
        line = self._line(0, "Subscription", price, plan, (at, at + period), discount=price * coupon // 100)
        extras = self.draw.choices((0, 12), weights=(98, 2))[0]
        seats = [
            self._line(place, f"Add-on {place}", 100, plan, (at, at + period))
            for place in range(1, extras + 1)
        ]
        self._invoice(at, reason, (line, *seats), kind)

    def _upgrade(self, at: datetime, until: datetime, period: timedelta, plan: int) -> int:
        """An upgrade billed at once: the unused rest of the old plan back, the same span of the new."""
        if at >= self.end:
            return plan
        share = (until - at) / period
        unused = -round(self._price(plan) * share)
        remaining = round(self._price(plan + 1) * share)
        self._change(at, "upgraded", "active", plan + 1, plan)
        lines = (
            self._line(0, "Unused time", unused, plan, (at, until), proration=1),
            self._line(1, "Remaining time", remaining, plan + 1, (at, until), proration=1),
        )
        self._invoice(at, "subscription_update", lines, "expansion_payment")
        return plan + 1

    def _invoice(
        self, at: datetime, reason: str, lines: tuple[Line, ...], kind: str, *, free: bool = False
    ) -> None:
        at = _second(at)
        if at >= self.end:
            return
        name = f"{self.number:08d}_{len(self.invoices):03d}"
        tax = sum(line.tax for line in lines)
        total = sum(line.amount - line.discount for line in lines)
        total += 0 if self.market.tax.inclusive else tax
        self.invoices.append(
            Invoice(
                id=f"in_{name}",
                payment_intent=None if free else f"pi_{name}",
                charge=None if free else f"ch_{name}",
                paid_at=at,
                billing_reason=reason,
                lines=lines,
                total=total,
                tax=tax,
                kind=kind,
                refunds=() if free else self._refunds(name, at, total),
            )
        )

    def _refunds(self, name: str, paid_at: datetime, total: int) -> tuple[Refund, ...]:
        if self.draw.random() >= 0.1:
            return ()
        shares = self.draw.choices(((1.0,), (0.3,), (0.2, 0.3, 0.5), (0.25, 0.1)), weights=(5, 3, 1, 1))[0]
        at, left, refunds = paid_at, total, []
        for place, share in enumerate(shares):
            at += timedelta(seconds=int(self.draw.expovariate(1 / 200_000)) + 600)
            last = place == len(shares) - 1 and sum(shares) == 1.0
            amount = left if last else round(total * share)
            refund = self._refund(f"re_{name}_{place}", at, amount)
            if refund is None:
                break
            refunds.append(refund)
            left -= amount if refund.succeeded else 0
            if not refund.succeeded:
                break
        return tuple(refunds)

    def _refund(self, name: str, at: datetime, amount: int) -> Refund | None:
        if at >= self.end:
            return None
        way = self.draw.choices(("at once", "later", "fails"), weights=(80, 14, 6))[0]
        history = [(at, "succeeded" if way == "at once" else "pending")]
        if way != "at once":
            done = at + timedelta(hours=self.draw.randint(2, 30))
            if done < self.end:
                history.append((done, "succeeded" if way == "later" else "failed"))
        return Refund(id=name, amount=amount, history=tuple(history))


def _second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
