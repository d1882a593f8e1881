"""A customer's book from all of its stored Lemon Squeezy records: pure, in any order, any number of times.

Source: specs/billing.md §4.2 (the same money three times), §6.3 (mapping), §6.4 (edge cases).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from conversion_sync.billing.book import write
from conversion_sync.billing.facts import Cause, Facts, Movement, Way
from conversion_sync.billing.lemon_squeezy.bills import (
    CURRENCY,
    About,
    failure_of,
    paid_states,
    payment_of,
    refunds,
    taken_back,
)
from conversion_sync.billing.lemon_squeezy.catalogue import LemonCatalogue, catalogue
from conversion_sync.billing.lemon_squeezy.people import clicks_of, contacts_of, country_of, namings_of
from conversion_sync.billing.lemon_squeezy.subscriptions import Plan, lines_of, plans_of, standings_of
from conversion_sync.billing.lemon_squeezy.told import State, Told, collect
from conversion_sync.billing.naming import Keys
from conversion_sync.billing.provider import RawRecord
from conversion_sync.model.revenue import CustomerBook, CustomerKey


def book(customer: CustomerKey, records: Iterable[RawRecord], keys: Keys) -> CustomerBook:
    """Everything the records of one customer say."""
    return write(customer, facts_of(records, catalogue()), keys)


def facts_of(records: Iterable[RawRecord], vocabulary: LemonCatalogue) -> Facts:
    """What the records say, in the words every billing system's book is written from."""
    told = collect(records, vocabulary)
    reader = _Reader(told, vocabulary)
    for states in told.invoices.values():
        reader.read(states, reader.invoice)
    for states in told.orders.values():
        reader.read(states, reader.order)
    for states in told.subscriptions.values():
        reader.read(states, reader.subscription)
    facts = reader.facts
    facts.namings += namings_of(told)
    facts.contacts += contacts_of(told)
    facts.parked += told.parked
    return facts


@dataclass(slots=True)
class _Reader:
    """Reads the rows of one customer, each with what the others say of it."""

    told: Told
    words: LemonCatalogue
    facts: Facts = field(default_factory=Facts)
    country: str | None = None
    of_subscription: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """The invoices of each subscription, first made first."""
    began: dict[str, str] = field(default_factory=dict)
    """The subscription each order began."""
    plans: dict[str, Plan] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.country = country_of(self.told)
        for name, states in sorted(self.told.invoices.items(), key=lambda each: _made(each[1])):
            self.of_subscription[states[-1].text("subscription_id") or ""].append(name)
        for name, states in self.told.subscriptions.items():
            if (order := states[-1].text("order_id")) is not None:
                self.began.setdefault(order, name)
        self.plans = plans_of(self.told.subscriptions, list(self._whole_periods()))

    def _whole_periods(self) -> Iterator[tuple[str, State]]:
        """The paid invoices that are not for a change, with their subscriptions."""
        for name, invoices in self.of_subscription.items():
            for states in map(self.told.invoices.__getitem__, invoices):
                last = states[-1]
                cause = self.words.reason.of(str(last.of.get("billing_reason")))
                if cause in (Cause.CYCLE, Cause.OTHER) and last.text("status") in self.words.invoice.paid:
                    yield name, last

    def read(self, states: Sequence[State], reader: Callable[[Sequence[State]], None]) -> None:
        """Reads one row; what it lacks parks it alone."""
        try:
            reader(states)
        except KeyError as fault:
            self._park(states[-1].ref, "unreadable_record", f"without {fault.args[0]}")
        except (AttributeError, OverflowError, TypeError, ValueError) as fault:
            # Its words may hold a value of the record: only the class is told.
            self._park(states[-1].ref, "unreadable_record", type(fault).__name__)

    def invoice(self, states: Sequence[State]) -> None:
        """A subscription invoice."""
        known = self._known(states, "invoice", self.words.invoice.knows)
        if not known:
            return
        last = known[-1]
        subscription = last.text("subscription_id")
        rows = self.told.subscriptions.get(subscription or "", [])
        paid = paid_states(known, self.words.invoice.paid)
        if not paid:
            if last.status in self.words.invoice.void and last.whole("total") > 0:
                self.facts.failures.append(failure_of(last, subscription, self.words, final=True))
        else:
            cause = self.words.reason.of(str(last.of["billing_reason"]))
            if cause is None:
                self._park(last.ref, "unknown_billing_reason", str(last.of["billing_reason"]))
            lines = lines_of(rows, paid[0])
            about = About(
                country=self.country,
                subscription=subscription,
                cause=cause or Cause.OTHER,
                lines=lines if cause is Cause.CHANGE else lines[:1],
                click_ids=tuple(self._clicks(subscription).items()),
            )
            payment = payment_of(known, paid, about, self.words)
            since = known[known.index(paid[0]) :]
            moved = [
                *refunds(paid, last.ref),
                *taken_back(since, Way.DETACHED, self.words.invoice.unpaid, last.ref, payment.gross),
            ]
            self.facts.payments.append(payment)
            self.facts.movements += moved
        if self._failed(known, rows):
            self.facts.failures.append(failure_of(known[0], subscription, self.words, final=False))

    def _failed(self, known: Sequence[State], rows: Sequence[State]) -> bool:
        """Whether it was waited for while its subscription was late: one that waits may be on its way."""
        return known[0].status in self.words.invoice.waiting and any(
            row.text("status") in self.words.subscription.late and row.updated_at >= known[0].created_at
            for row in rows
        )

    def order(self, states: Sequence[State]) -> None:
        """An order: money of its own, or the beginning of a subscription."""
        known = self._known(states, "order", self.words.order.knows)
        if not known:
            return
        last = known[-1]
        subscription = self.began.get(last.id)
        paid = paid_states(known, self.words.order.paid | self.words.order.fraud)
        is_trial = subscription is not None and self._is_set_up_fee(paid, subscription)
        if subscription is not None and not is_trial:
            first = self._first_paid(subscription)
            if first is not None:
                self.facts.movements += self._frauds(known, first.ref, first.whole("total"))
            return
        if not paid:
            if last.status in self.words.order.failed and last.whole("total") > 0:
                self.facts.failures.append(failure_of(last, None, self.words, final=False))
            return
        names = (last.ref, None if subscription is None else f"subscriptions:{subscription}")
        about = About(
            country=self.country,
            subscription=subscription,
            is_trial=is_trial,
            click_ids=tuple(clicks_of(self.told, names).items()),
        )
        payment = payment_of(known, paid, about, self.words)
        moved = [
            *refunds(paid, last.ref),
            *self._frauds(known, last.ref, payment.gross),
        ]
        self.facts.payments.append(payment)
        self.facts.movements += moved

    def _frauds(self, known: Sequence[State], bill: str, amount: int) -> Iterator[Movement]:
        return taken_back(known, Way.CHARGEBACK, self.words.order.fraud, bill, amount)

    def _is_set_up_fee(self, paid: Sequence[State], subscription: str) -> bool:
        """Whether it took money at a trial's start that no invoice tells. Source: specs/billing.md §6.3."""
        until = self.told.subscriptions[subscription][-1].time("trial_ends_at")
        fee = paid[-1].of.get("setup_fee") if paid else None
        if until is None or type(fee) is not int or fee <= 0:
            return False
        first = self._first_paid(subscription)
        return first is None or first.created_at >= until or not first.of.get("total")

    def _first_paid(self, subscription: str) -> State | None:
        """The invoice that tells the money of the order once more."""
        for name in self.of_subscription.get(subscription, []):
            paid = [
                state for state in self.told.invoices[name] if state.text("status") in self.words.invoice.paid
            ]
            if paid:
                return paid[-1]
        return None

    def subscription(self, states: Sequence[State]) -> None:
        """A subscription's standings."""
        name = states[-1].id
        first = self._first_paid(name)
        said = None if first is None else first.text("currency")
        currency = said.upper() if said and CURRENCY.fullmatch(said.upper()) else None
        found, unknown = standings_of(states, self.plans, currency, self._clicks(name), self.words)
        self.facts.parked += unknown
        if found:
            self.facts.standings[name] = found

    def _clicks(self, subscription: str | None) -> dict[str, str]:
        rows = self.told.subscriptions.get(subscription or "", [])
        order = rows[-1].text("order_id") if rows else None
        return clicks_of(self.told, (f"subscriptions:{subscription}", f"orders:{order}" if order else None))

    def _known(self, states: Sequence[State], what: str, knows: Callable[[str], bool]) -> list[State]:
        """The states whose status has a meaning; the first of the others is parked, and says nothing."""
        unknown = [state for state in states if not knows(state.status)]
        for state in unknown[:1]:
            self._park(state.ref, f"unknown_{what}_status", state.status)
        return [state for state in states if knows(state.status)]

    def _park(self, ref: str, reason: str, detail: str) -> None:
        self.facts.parked.append((ref, reason, detail))


def _made(states: Sequence[State]) -> tuple[object, str]:
    return states[0].created_at, states[0].id
