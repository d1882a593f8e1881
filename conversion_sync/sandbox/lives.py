"""One subscription's life: a trial perhaps, cycles, upgrades, refunds, perhaps an end.

Drawn in order of time by `live`, or told step by step by `stories`; what would lie at or after the end of the
world does not happen.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from conversion_sync.sandbox.plans import INTERVALS, Market, add_on_price_id, part, price_id
from conversion_sync.sandbox.records import Change, Invoice, Line, Refund, Term

COLLECTION_DELAY = timedelta(hours=1)
"""A cycle's invoice is a draft for about an hour before it is collected."""
CHECKOUT = timedelta(seconds=4)
"""From the invoice to the money when the customer is at the desk."""
ADD_ONS = 12
"""More lines than an invoice embeds."""


Span = tuple[datetime, datetime]


class Life:
    """Writes one life into `changes` and `invoices`; a `told` one has no accidents but those of its story.

    `name` is the customer's number, for a second subscription with a letter after it.
    """

    def __init__(
        self,
        draw: Random,
        *,
        name: str,
        market: Market,
        interval: str,
        created: datetime,
        end: datetime,
        told: bool = False,
    ) -> None:
        self.draw, self.name, self.market, self.interval = draw, name, market, interval
        self.created, self.end, self.told = created, end, told
        self.period = INTERVALS[interval]
        self.quantity, self.pause, self.ends_with_period = 1, "", False
        self.changes: list[Change] = []
        self.invoices: list[Invoice] = []

    @property
    def subscription(self) -> str:
        """Its subscription's id."""
        return f"sub_{self.name}"

    def live(self, plan: int, trial_end: datetime | None, *, coupon: int) -> None:
        """The whole life; `coupon` is the percentage off the first invoice that asks for money."""
        due = self.created
        if trial_end is None:
            self.change(due, "created", "active", plan, (due, due + self.period))
        else:
            self.change(due, "created", "trialing", plan, (due, trial_end))
            self._invoice_trial(due, trial_end, plan)
            due = trial_end
            if self.draw.random() < 0.25:
                self.change(due, "deleted", "canceled", plan, (self.created, due))
                return
        cycle, paid_before = 0, False
        while due < self.end:
            span = (due, due + self.period)
            if due > self.created:
                self.change(due, "renewed" if cycle else "started", "active", plan, span)
            paid_before |= self.cycle(span, plan, coupon if cycle == 0 else 0, paid_before=paid_before)
            if self.draw.random() < 0.06:
                self.change(due + self.period * 2 // 5, "deleted", "canceled", plan, span)
                return
            if paid_before and plan < 2 and self.draw.random() < 0.12:
                plan = self._upgrade(due + self.period * self.draw.randint(45, 75) // 100, span, plan)
            due, cycle = span[1], cycle + 1

    def cycle(self, span: Span, plan: int, coupon: int, *, paid_before: bool) -> bool:
        """Bills a period; says whether it asked for money."""
        first = span[0] == self.created
        price = self.market.price(plan, self.interval) * self.quantity
        lines = [self.line(0, "Subscription", price, plan, span, discount=price * coupon // 100)]
        if coupon == 100:
            kind = "free"
        else:
            kind = "renewal" if paid_before else "first_payment"
            if not self.told and self.draw.random() < 0.02:
                lines += [self._add_on(place, span) for place in range(1, ADD_ONS + 1)]
        self.invoice(span[0], "subscription_create" if first else "subscription_cycle", lines, kind)
        return coupon != 100

    def _invoice_trial(self, at: datetime, until: datetime, plan: int) -> None:
        line = self.line(0, "Free trial", 0, plan, (at, until))
        self.invoice(at, "subscription_create", [line], "trial")

    def _upgrade(self, at: datetime, span: Span, plan: int) -> int:
        """An upgrade billed at once: the unused rest of the old plan back, the same span of the new.

        What comes back is a share of what was really debited for the period.
        """
        if at >= self.end or not self.invoices:
            return plan
        debited = self.invoices[-1]
        old = debited.lines[0]
        rest, whole = int((span[1] - at).total_seconds()), int(self.period.total_seconds())
        new = self.market.whole(part(self.market.price(plan + 1, self.interval), rest, whole))
        unused = -self.market.whole(part(old.amount - old.discount, rest, whole))
        back = self.line(0, "Unused time", unused, plan, (at, span[1]), proration=True)
        lines = [
            replace(back, credits=(debited.id, old.id)),
            self.line(1, "Remaining time", new, plan + 1, (at, span[1]), proration=True),
        ]
        self.change(at, "upgraded", "active", plan + 1, span)
        self.invoice(at, "subscription_update", lines, "expansion_payment")
        return plan + 1

    def change(self, at: datetime, what: str, status: str, plan: int, span: Span) -> None:
        """Something happens, if the world still stands."""
        if at >= self.end:
            return
        now = Term(
            status=status,
            price=price_id(self.market, self.interval, plan),
            period_start=span[0],
            period_end=span[1],
            quantity=self.quantity,
            pause=self.pause,
            ends_with_period=self.ends_with_period,
        )
        before = self.changes[-1].now if self.changes else None
        self.changes.append(
            Change(subscription=self.subscription, at=_second(at), what=what, now=now, before=before)
        )

    def line(
        self,
        place: int,
        text: str,
        amount: int,
        plan: int,
        span: Span,
        *,
        discount: int = 0,
        proration: bool = False,
    ) -> Line:
        """A line for the current number of seats."""
        return Line(
            id=f"il_{self.name}_{len(self.invoices):03d}_{place:02d}",
            description=text,
            amount=amount,
            discount=discount,
            tax=self.market.tax.on(amount - discount),
            price=price_id(self.market, self.interval, plan),
            proration=proration,
            period_start=_second(span[0]),
            period_end=_second(span[1]),
            quantity=self.quantity,
        )

    def _add_on(self, place: int, span: Span) -> Line:
        line = self.line(place, f"Add-on {place}", self.market.add_on, 0, span)
        return replace(line, price=add_on_price_id(self.market, self.interval))

    def invoice(self, at: datetime, reason: str, lines: list[Line], kind: str) -> None:
        """An invoice that gets paid, if the world still stands."""
        at = _second(at)
        tax = sum(line.tax for line in lines)
        total = sum(line.amount - line.discount for line in lines)
        total += 0 if self.market.tax.inclusive else tax
        failed, paid_at = self._collected(at, reason, total)
        if paid_at >= self.end:
            return
        name = f"{self.name}_{len(self.invoices):03d}"
        self.invoices.append(
            Invoice(
                id=f"in_{name}",
                subscription=self.subscription,
                payment_intent=f"pi_{name}" if total else None,
                charge=f"ch_{name}" if total else None,
                created_at=at,
                failed_at=failed,
                paid_at=paid_at,
                billing_reason=reason,
                lines=tuple(lines),
                total=total,
                tax=tax,
                kind=kind,
                refunds=self._refunds(name, paid_at, total) if total else (),
            )
        )

    def _collected(self, at: datetime, reason: str, total: int) -> tuple[tuple[datetime, ...], datetime]:
        """When collecting failed, and when it worked; a cycle's retries take up to two days and a half."""
        if not total:
            return (), at
        if reason != "subscription_cycle":
            return (), at + CHECKOUT
        first = at + COLLECTION_DELAY
        if self.told or self.draw.random() >= 0.04:
            return (), first
        return (first,), first + timedelta(minutes=self.draw.randint(360, 3300))

    def _refunds(self, name: str, paid_at: datetime, total: int) -> tuple[Refund, ...]:
        if self.told or self.draw.random() >= 0.1:
            return ()
        percents = self.draw.choices(((100,), (30,), (20, 30, 50), (25, 10)), weights=(5, 3, 1, 1))[0]
        at, left, refunds = paid_at, total, []
        for place, percent in enumerate(percents):
            at += timedelta(seconds=int(self.draw.expovariate(1 / 200_000)) + 600)
            is_rest = place == len(percents) - 1 and sum(percents) == 100
            refund = self._refund(
                f"{name}_{place}", at, left if is_rest else self.market.whole(part(total, percent, 100))
            )
            if refund is None:
                break
            refunds.append(refund)
            if not refund.succeeded:
                break
            left -= refund.amount
        return tuple(refunds)

    def _refund(self, name: str, at: datetime, amount: int) -> Refund | None:
        way = self.draw.choices(("at once", "later", "fails"), weights=(78, 14, 8))[0]
        history = [(at, "succeeded" if way == "at once" else "pending")]
        if way != "at once":
            done = at + timedelta(minutes=self.draw.randint(120, 1800))
            history.append((done, "succeeded" if way == "later" else "failed"))
        note = f"cn_{name}" if way == "at once" and self.draw.random() < 0.3 else None
        happened = tuple(entry for entry in history if entry[0] < self.end)
        if not happened:
            return None
        return Refund(id=f"re_{name}", amount=amount, history=happened, credit_note=note)


def _second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
