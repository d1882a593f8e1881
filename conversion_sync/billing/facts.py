"""What the stored records of one customer say, in words no billing system owns.

A provider's reader makes these facts from its shapes; `billing.book` writes the customer's book from
them. Amounts are integer minor units of `currency` (ISO, upper case) in the provider's exponent, times
aware UTC. Facts come in any order, each as often as records tell it: the reader hands every payment,
movement and credit out once, every state of a subscription in order of time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from conversion_sync.model.identifier import Contact
from conversion_sync.model.revenue import Precision


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The object a fact is about, and the record that tells it."""

    object_type: str
    object_id: str
    record: str
    api_version: str | None = None
    livemode: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of a bill: `net` is without discounts and tax and may be negative."""

    net: int
    proration: bool = False
    price: str | None = None
    quantity: int | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None


class Cause(StrEnum):
    """Why money of a subscription was asked for."""

    CYCLE = "cycle"
    """A period began."""
    CHANGE = "change"
    """Its plan or quantity changed."""
    USAGE = "usage"
    """It was used more than was paid for."""
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A bill that was paid, or that cost nothing.

    `gross` is the cash taken for it, without what was overpaid; `net` the same without tax. Of a bill that
    credit paid for both are 0 and `is_free` is not set. `payments` are the references its refunds name it
    by. A `wrong` one (reason, detail) is parked, but was paid: what follows it is no first payment.
    """

    source: Source
    subscription: str | None
    invoice: str | None
    payment: str | None
    currency: str
    exponent: int
    paid_at: datetime
    precision: Precision = Precision.SECOND
    cause: Cause = Cause.OTHER
    gross: int
    net: int
    is_free: bool = False
    is_trial: bool = False
    """It pays for a trial."""
    discount: int = 0
    credit_applied: int | None = None
    off_provider: int | None = None
    country: str | None = None
    lines: tuple[Line, ...] = ()
    click_ids: Mapping[str, str] = field(default_factory=dict)
    reconstructed: bool = False
    wrong: tuple[str, str] | None = None


class Way(StrEnum):
    """How money of a payment moves back, and comes again."""

    REFUND = "refund"
    CHARGEBACK = "chargeback"
    DETACHED = "detached"
    """The payment is none any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """Money that went back (`amount` > 0) or, when that failed or was won, came again (`amount` < 0).

    It names its payment by `payment` or `invoice`. `number` tells movements of one object and direction
    apart and must not depend on which of them are known.
    """

    source: Source
    way: Way = Way.REFUND
    number: int = 0
    payment: str | None = None
    invoice: str | None = None
    amount: int
    currency: str
    at: datetime
    precision: Precision = Precision.SECOND
    off_provider: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """Balance given to the customer (`gross` > 0) or taken again (`gross` < 0): no cash moved."""

    source: Source
    subscription: str | None = None
    invoice: str | None = None
    gross: int
    net: int
    currency: str
    exponent: int
    at: datetime
    precision: Precision = Precision.SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A bill that was not paid: `uncollectible` when nobody tries any more."""

    source: Source
    subscription: str | None
    invoice: str | None
    currency: str
    exponent: int
    at: datetime
    uncollectible: bool = False


class Status(StrEnum):
    """Where a subscription stands."""

    WAITING = "waiting"
    """It has not begun: its first payment is missing."""
    TRIALING = "trialing"
    LIVE = "live"
    """It runs, paid or late."""
    PAUSED = "paused"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A part of a subscription. `amount` is what one of it costs each interval; None where nobody says."""

    id: str
    price: str | None
    quantity: int | None = None
    amount: int | None = None
    interval: str | None = None
    """day, week, month or year."""
    interval_count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A subscription as one record shows it. `before` is how it stood just before, where the record says so.

    `collects` is unset while it runs but nobody is asked for money; `cancels_at` is when it will end.
    """

    source: Source
    at: datetime
    precision: Precision = Precision.SECOND
    status: Status
    begins: bool = False
    """The record says that it was made."""
    collects: bool = True
    cancels_at: datetime | None = None
    ended_at: datetime | None = None
    currency: str | None = None
    exponent: int | None = None
    items: tuple[Item, ...] = ()
    click_ids: Mapping[str, str] = field(default_factory=dict)
    reconstructed: bool = False
    before: Standing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """Values a company left with an object that may name the user or browser behind the customer."""

    values: Mapping[str, str]
    client_reference: str | None = None
    source: str
    at: datetime
    made_at: datetime | None = None
    """When the object was made, where that is another time than when it said so."""


@dataclass(slots=True, kw_only=True)
class Facts:
    """Everything the records of one customer say."""

    payments: list[Payment] = field(default_factory=list)
    invoice_of_payment: dict[str, str] = field(default_factory=dict)
    """Which bill a payment reference paid, where the payment itself does not say."""
    movements: list[Movement] = field(default_factory=list)
    credits: list[Credit] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    standings: dict[str, list[Standing]] = field(default_factory=dict)
    """By subscription."""
    carried_over: set[str] = field(default_factory=set)
    """Subscriptions paid for at another billing system before: nothing here is their first payment."""
    namings: list[Naming] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list, repr=False)
    deleted: bool = False
    """The customer was deleted at the provider: nobody is told who it was."""
    parked: list[tuple[str, str, str]] = field(default_factory=list)
    """What nobody would guess about: reference, reason, detail."""
