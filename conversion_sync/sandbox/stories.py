"""Lives that are told and not drawn: what happens to few customers, so that every business has it.

Each story writes one customer's life in weekly or monthly cycles, from early on; what would lie after the end
of the world does not happen. `STORIES` gives them to customers by turns. The cases: specs/billing.md §6.4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random

from conversion_sync.sandbox.lives import CHECKOUT, Life, Span
from conversion_sync.sandbox.plans import INTERVALS, Market, part
from conversion_sync.sandbox.records import Dispute, Invoice, Line, Note, OneOff, Refund

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(slots=True)
class Told:
    """A life and what is beside its subscription."""

    life: Life
    lost: list[Invoice] = field(default_factory=list)
    one_offs: list[OneOff] = field(default_factory=list)
    again: Life | None = None
    """The life of a second subscription."""


Story = Callable[[Told], None]


def tell(story: str, draw: Random, *, name: str, market: Market, created: datetime, end: datetime) -> Told:
    """The life of one customer by the name of its story."""
    monthly = story in MONTHLY
    life = Life(
        draw,
        name=name,
        market=market,
        interval="month" if monthly else "week",
        created=created,
        end=end,
        told=True,
    )
    told = Told(life)
    STORIES[story](told)
    return told


# -- steps -----------------------------------------------------------------------------------------------


def _begin(told: Told, plan: int = 0) -> Span:
    """The first period, paid at once."""
    life = told.life
    span = (life.created, life.created + life.period)
    life.change(life.created, "created", "active", plan, span)
    life.cycle(span, plan, 0, paid_before=False)
    return span


def _next(told: Told, span: Span, plan: int, *more: Line) -> Span:
    """The next period, billed with further lines."""
    life = told.life
    after = (span[1], span[1] + life.period)
    if span[1] >= life.end:
        return after
    life.change(span[1], "renewed", "active", plan, after)
    price = life.market.price(plan, life.interval) * life.quantity
    life.invoice(
        span[1], "subscription_cycle", [life.line(0, "Subscription", price, plan, after), *more], "renewal"
    )
    return after


def _rest(told: Told, plan: int, until: Span) -> Span:
    """The remaining periods till the end of the world."""
    while until[1] < told.life.end:
        until = _next(told, until, plan)
    return until


def _at(span: Span, share: float) -> datetime:
    return span[0] + timedelta(seconds=int((span[1] - span[0]).total_seconds() * share))


def _change_last(told: Told, place: int = -1, **changes: object) -> Invoice | None:
    """Changes an invoice that was paid in this world."""
    invoices = told.life.invoices
    if not invoices:
        return None
    invoices[place] = replace(invoices[place], **changes)  # type: ignore[arg-type]
    return invoices[place]


def _disputed(told: Told, outcome: str, *, inquiry: bool = False) -> None:
    """The first payment is disputed two days later, and decided after three more if there is time."""
    span = _begin(told)
    life = told.life
    if life.invoices:
        paid = life.invoices[0]
        opened, closed = paid.paid_at + 2 * DAY, paid.paid_at + 5 * DAY
        dispute = Dispute(id=f"dp_{life.name}", amount=paid.total, opened_at=opened, inquiry=inquiry)
        if closed < life.end and outcome:
            dispute = replace(dispute, closed_at=closed, outcome=outcome)
        if opened < life.end:
            _change_last(told, 0, dispute=dispute)
    _rest(told, 0, span)


# -- stories ---------------------------------------------------------------------------------------------


def _dispute_won(told: Told) -> None:
    _disputed(told, "won")


def _dispute_lost(told: Told) -> None:
    _disputed(told, "lost")


def _inquiry(told: Told) -> None:
    _disputed(told, "won", inquiry=True)


def _upgrade_next_cycle(told: Told) -> None:
    """The plan changes now, the new price is asked for from the next period on."""
    span = _begin(told)
    told.life.change(_at(span, 0.6), "upgraded", "active", 1, span)
    _rest(told, 1, span)


def _downgrade(told: Told) -> None:
    """Nothing comes back: the next period is cheaper."""
    span = _begin(told, 2)
    told.life.change(_at(span, 0.5), "downgraded", "active", 1, span)
    _rest(told, 1, span)


def _seats(told: Told) -> None:
    """Two seats more, billed with the next period; one of three goes again, and nothing comes back for it."""
    span = _begin(told)
    life = told.life
    at = _at(span, 0.4)
    rest, whole = int((span[1] - at).total_seconds()), int(life.period.total_seconds())
    price = life.market.price(0, life.interval)
    unused = life.line(
        1, "Unused time", -life.market.whole(part(price, rest, whole)), 0, (at, span[1]), proration=True
    )
    unused = replace(unused, credits=_first_line(life))
    life.quantity = 3
    life.change(at, "seats_added", "active", 0, span)
    remaining = life.market.whole(part(price * 3, rest, whole))
    added = life.line(2, "Remaining time", remaining, 0, (at, span[1]), proration=True)
    span = _next(told, span, 0, unused, added)
    life.quantity = 2
    life.change(_at(span, 0.5), "seats_removed", "active", 0, span)
    _rest(told, 0, span)


def _first_line(life: Life) -> tuple[str, str] | None:
    return (life.invoices[0].id, life.invoices[0].lines[0].id) if life.invoices else None


def _paused(told: Told, pause: str) -> None:
    """A rest within a period that is paid."""
    span = _begin(told)
    life = told.life
    life.pause = pause
    life.change(_at(span, 0.3), "paused", "paused" if pause == "subscription" else "active", 0, span)
    life.pause = ""
    life.change(_at(span, 0.7), "resumed", "active", 0, span)
    _rest(told, 0, span)


def _paused_subscription(told: Told) -> None:
    _paused(told, "subscription")


def _paused_collection(told: Told) -> None:
    _paused(told, "collection")


def _back_again(told: Told) -> None:
    """It ends after a period, and the customer comes back with another subscription two days later."""
    span = _begin(told)
    life = told.life
    life.change(span[1], "deleted", "canceled", 0, span)
    back = span[1] + 2 * DAY
    if back + CHECKOUT >= life.end or not life.invoices:
        return
    again = Life(
        life.draw,
        name=f"{life.name}b",
        market=life.market,
        interval=life.interval,
        created=back,
        end=life.end,
        told=True,
    )
    second = Told(again)
    span = _begin(second, 1)
    again.invoices[0] = replace(again.invoices[0], kind="reactivation_payment")
    _rest(second, 1, span)
    told.again = again


def _to_annual(told: Told) -> None:
    """From a month to a year, billed at once: the rest of the month back, the whole year in advance."""
    span = _begin(told)
    life = told.life
    at = _at(span, 0.2)
    if at + CHECKOUT >= life.end or not life.invoices:
        return
    rest, whole = int((span[1] - at).total_seconds()), int(life.period.total_seconds())
    price = life.market.price(0, life.interval)
    back = life.line(
        0, "Unused time", -life.market.whole(part(price, rest, whole)), 0, (at, span[1]), proration=True
    )
    life.interval, life.period = "year", INTERVALS["year"]
    year = (at, at + life.period)
    lines = [
        replace(back, credits=_first_line(life)),
        life.line(1, "Subscription", life.market.price(0, "year"), 0, year),
    ]
    life.change(at, "interval_changed", "active", 0, year)
    life.invoice(at, "subscription_update", lines, "expansion_payment")


def _refunds_in_parts(told: Told) -> None:
    """A quarter goes back, another one goes back and fails days later, then a third one."""
    span = _begin(told)
    life = told.life
    if life.invoices:
        paid = life.invoices[0]
        quarter = life.market.whole(part(paid.total, 1, 4))
        steps = (
            ((DAY, "succeeded"),),
            ((2 * DAY, "succeeded"), (4 * DAY, "failed")),
            ((5 * DAY, "pending"), (5 * DAY + HOUR, "succeeded")),
        )
        refunds = []
        for place, step in enumerate(steps):
            history = tuple((paid.paid_at + after, status) for after, status in step)
            history = tuple(entry for entry in history if entry[0] < life.end)
            if history:
                refunds.append(Refund(id=f"re_{life.name}_{place}", amount=quarter, history=history))
        _change_last(told, 0, refunds=tuple(refunds))
    _rest(told, 0, span)


def _credit_to_balance(told: Told) -> None:
    """A credit note gives a fifth of the first payment as balance, which pays part of the next invoice."""
    span = _begin(told)
    life = told.life
    noted = bool(life.invoices) and life.invoices[0].paid_at + DAY < life.end
    credit = 0
    if noted:
        paid = life.invoices[0]
        credit = life.market.whole(part(paid.total, 1, 5))
        note = Note(id=f"cn_{life.name}", at=paid.paid_at + DAY, amount=credit, way="balance")
        _change_last(told, 0, notes=(note,))
    before = len(life.invoices)
    span = _next(told, span, 0)
    if len(life.invoices) > before and credit:
        _change_last(told, credit=credit)
    _rest(told, 0, span)


def _paid_elsewhere(told: Told) -> None:
    """The first invoice is paid by bank transfer, past the billing system."""
    span = _begin(told)
    _change_last(told, 0, off_provider=True, payment_intent=None, charge=None)
    _rest(told, 0, span)


def _returned_elsewhere(told: Told) -> None:
    """Half of the first payment is given back past the billing system."""
    span = _begin(told)
    life = told.life
    if life.invoices and life.invoices[0].paid_at + DAY < life.end:
        paid = life.invoices[0]
        half = life.market.whole(part(paid.total, 1, 2))
        note = Note(id=f"cn_{life.name}", at=paid.paid_at + DAY, amount=half, way="out_of_band")
        _change_last(told, 0, notes=(note,))
    _rest(told, 0, span)


def _noted_before_payment(told: Told) -> None:
    """A cycle's invoice fails, a tenth is let off, then it is paid."""
    span = _begin(told)
    life = told.life
    before = len(life.invoices)
    span = _next(told, span, 0)
    if len(life.invoices) > before:
        bill = life.invoices[-1]
        failed, paid_at = bill.paid_at, bill.paid_at + 20 * HOUR
        tenth = life.market.whole(part(bill.total, 1, 10))
        note = Note(id=f"cn_{life.name}", at=failed + 10 * HOUR, amount=tenth, way="before_payment")
        if paid_at < life.end:
            _change_last(told, failed_at=(failed,), paid_at=paid_at, notes=(note,))
    _rest(told, 0, span)


def _one_offs(told: Told) -> None:
    """Two payments without an invoice, of the second of which a part goes back."""
    span = _begin(told)
    life = told.life
    for place, share in enumerate((0.3, 0.5)):
        at, amount = _at(span, share), life.market.add_on * (4 + place)
        if at >= life.end or not life.invoices:
            continue
        back = at + DAY
        part_back = life.market.whole(part(amount, 1, 2))
        refund = Refund(id=f"re_{life.name}_one_off", amount=part_back, history=((back, "succeeded"),))
        told.one_offs.append(
            OneOff(
                payment_intent=f"pi_{life.name}_one_off_{place}",
                charge=f"ch_{life.name}_one_off_{place}",
                at=at,
                amount=amount,
                refunds=(refund,) if place and back < life.end else (),
            )
        )
    _rest(told, 0, span)


def _never_paid(told: Told) -> None:
    """The second period's invoice fails three times, is given up, and the subscription ends."""
    span = _begin(told)
    life = told.life
    if span[1] >= life.end:
        return
    after = (span[1], span[1] + life.period)
    life.change(span[1], "renewed", "active", 0, after)
    price = life.market.price(0, life.interval)
    line = life.line(0, "Subscription", price, 0, after)
    failed = tuple(at for days in (0, 1, 2) if (at := span[1] + HOUR + days * DAY) < life.end)
    lost_at = span[1] + 3 * DAY
    name = f"{life.name}_lost"
    told.lost.append(
        Invoice(
            id=f"in_{name}",
            subscription=life.subscription,
            payment_intent=f"pi_{name}",
            charge=f"ch_{name}",
            created_at=span[1],
            failed_at=failed,
            paid_at=life.end + 400 * DAY,
            billing_reason="subscription_cycle",
            lines=(line,),
            total=line.amount + (0 if life.market.tax.inclusive else line.tax),
            tax=line.tax,
            kind="renewal",
            lost_at=lost_at if lost_at < life.end else None,
        )
    )
    life.change(span[1] + HOUR, "past_due", "past_due", 0, after)
    life.change(lost_at, "deleted", "canceled", 0, after)


def _cancels(told: Told) -> None:
    """It is to end with the period, then not, then it is again and does."""
    span = _begin(told)
    life = told.life
    for share, what in ((0.2, "cancel_scheduled"), (0.4, "cancel_withdrawn"), (0.6, "cancel_scheduled")):
        life.ends_with_period = what == "cancel_scheduled"
        life.change(_at(span, share), what, "active", 0, span)
    life.change(span[1], "deleted", "canceled", 0, span)


STORIES: dict[str, Story] = {
    "dispute_won": _dispute_won,
    "seats": _seats,
    "back_again": _back_again,
    "to_annual": _to_annual,
    "refunds_in_parts": _refunds_in_parts,
    "one_offs": _one_offs,
    "dispute_lost": _dispute_lost,
    "upgrade_next_cycle": _upgrade_next_cycle,
    "paused_subscription": _paused_subscription,
    "credit_to_balance": _credit_to_balance,
    "never_paid": _never_paid,
    "paid_elsewhere": _paid_elsewhere,
    "inquiry": _inquiry,
    "cancels": _cancels,
    "returned_elsewhere": _returned_elsewhere,
    "downgrade": _downgrade,
    "paused_collection": _paused_collection,
    "noted_before_payment": _noted_before_payment,
}
MONTHLY = frozenset({"to_annual"})
