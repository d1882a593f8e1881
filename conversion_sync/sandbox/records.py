"""What the business is made of: people, subscriptions, invoices, refunds.

Times are whole seconds, aware UTC; amounts are Stripe's minor units.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from conversion_sync.sandbox.plans import Market
from conversion_sync.sandbox.visits import Visit


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of an invoice; `amount` is before `discount`, with the tax inside if that is inclusive.

    `credits` names the (invoice, line) whose unused rest a negative line gives back.
    """

    id: str
    description: str
    amount: int
    discount: int
    tax: int
    price: str
    proration: bool
    period_start: datetime
    period_end: datetime
    credits: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money back for a payment. `history` is (time, status): the first entry is its creation."""

    id: str
    amount: int
    history: tuple[tuple[datetime, str], ...]
    credit_note: str | None = None

    @property
    def created_at(self) -> datetime:
        """When it was asked for."""
        return self.history[0][0]

    @property
    def succeeded(self) -> bool:
        """Whether the money went back in the end."""
        return self.history[-1][1] == "succeeded"

    def status_at(self, moment: datetime) -> str:
        """Its status at a moment not before its creation."""
        return [status for at, status in self.history if at <= moment][-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """An invoice that gets paid: `total` with all taxes, of which `tax`.

    `kind` is what it is to the business: trial, free, first_payment, renewal or expansion_payment.
    `failed_at` are the attempts to collect it that did not work.
    """

    id: str
    payment_intent: str | None
    charge: str | None
    created_at: datetime
    failed_at: tuple[datetime, ...]
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
class Term:
    """What a subscription is at a time: its status, price and billing period."""

    status: str
    price: str
    period_start: datetime
    period_end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A moment in a subscription's life: `what` is created, started, renewed, upgraded or deleted."""

    at: datetime
    what: str
    now: Term
    before: Term | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user of the product and the browsers they came with."""

    user_id: str
    visitor_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A payer with a subscription. The first of `people` signed up; the others share the account.

    `known_by`: what billing metadata names (user, visitor, nothing).
    """

    number: int
    id: str
    people: tuple[Person, ...]
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
