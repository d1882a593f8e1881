"""What the business is made of: people, subscriptions, invoices, and money that went back.

No billing system owns any of it: each renders the same lives. Times are whole seconds, aware UTC; amounts are
minor units as Stripe counts them, see `Market.exponent`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from conversion_sync.sandbox.plans import Market, part
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
    quantity: int = 1
    credits: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money back for a payment. `history` is (time, status): the first entry is its creation.

    One that succeeded may still fail: the money comes again.
    """

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

    @property
    def went(self) -> bool:
        """Whether the money ever went back."""
        return any(status == "succeeded" for _, status in self.history)

    def status_at(self, moment: datetime) -> str:
        """Its status at a moment not before its creation."""
        return [status for at, status in self.history if at <= moment][-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """A bank takes a payment back. An inquiry moves no money; else it goes when the dispute is opened, and
    comes again when it is closed as won. `outcome` is won, lost, or empty while it is open.
    """

    id: str
    amount: int
    opened_at: datetime
    inquiry: bool = False
    closed_at: datetime | None = None
    outcome: str = ""

    @property
    def is_won(self) -> bool:
        """Whether the money came again."""
        return self.outcome == "won" and not self.inquiry


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A credit note that no refund comes with. `way`: before_payment lowers what is asked for, balance is
    credit for later invoices, out_of_band is money given back past the billing system.
    """

    id: str
    at: datetime
    amount: int
    way: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """An invoice that gets paid: `total` with all taxes, of which `tax`.

    `kind` is what it is to the business: trial, free, first_payment, renewal, expansion_payment,
    reactivation_payment or one_off_payment. `failed_at` are the attempts to collect it that did not work;
    when it is given up at `lost_at`, it is never paid, and `paid_at` is no time of this world.
    `credit` is the part that customer credit paid. `off_provider` says that it was paid by other means.
    """

    id: str
    subscription: str | None
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
    credit: int = 0
    off_provider: bool = False
    lost_at: datetime | None = None
    refunds: tuple[Refund, ...] = ()
    dispute: Dispute | None = None
    notes: tuple[Note, ...] = ()

    @property
    def paid(self) -> int:
        """The cash: what neither credit nor a note before the payment took off."""
        noted = sum(note.amount for note in self.notes if note.way == "before_payment")
        return self.total - self.credit - noted

    @property
    def paid_net(self) -> int:
        """The cash without its share of the tax."""
        return part(self.paid, self.net, self.total) if self.total else 0

    @property
    def net(self) -> int:
        """What is left of the total without tax."""
        return self.total - self.tax


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """What a subscription is at a time: its status, price, seats and billing period.

    `pause` is "subscription" while it stands still, "collection" while it runs and nobody is asked for money.
    """

    status: str
    price: str
    period_start: datetime
    period_end: datetime
    quantity: int = 1
    pause: str = ""
    ends_with_period: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A moment in a subscription's life: `what` is created, started, renewed, upgraded, downgraded,
    seats_added, seats_removed, interval_changed, paused, resumed, cancel_scheduled, cancel_withdrawn,
    past_due or deleted.
    """

    subscription: str
    at: datetime
    what: str
    now: Term
    before: Term | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOff:
    """A payment that no invoice asks for."""

    payment_intent: str
    charge: str
    at: datetime
    amount: int
    refunds: tuple[Refund, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user of the product and the browsers they came with."""

    user_id: str
    visitor_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A payer with a subscription, perhaps a second one after it. The first of `people` signed up; the others
    share the account.

    `known_by`: what billing metadata names (user, visitor, nothing). `story` names a life that was not drawn
    but told, see `stories`. `lost` are invoices that nobody ever paid.
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
    changes: tuple[Change, ...]
    invoices: tuple[Invoice, ...]
    lost: tuple[Invoice, ...] = ()
    one_offs: tuple[OneOff, ...] = ()
    story: str = ""
    visits: tuple[Visit, ...] = field(repr=False)

    @property
    def interval(self) -> str:
        """How often the first subscription is paid for at the beginning."""
        return self.changes[0].now.price.split("_")[2]

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """Its subscriptions, the first one first."""
        return tuple(dict.fromkeys(change.subscription for change in self.changes))
