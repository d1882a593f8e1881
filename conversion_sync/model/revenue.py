"""Revenue events: what happened at the billing system, one row per fact, independent of transport.

Source: specs/billing.md §6. The kinds and the shape of `event_key` are final: new providers and
cases use them, they do not change them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

from conversion_sync.model.identifier import Contact

EventKey = NewType("EventKey", str)
CustomerKey = NewType("CustomerKey", str)


class Lane(StrEnum):
    """Money rows say cash moved; state rows say a subscription changed. Never both for one amount."""

    MONEY = "money"
    STATE = "state"


class EventKind(StrEnum):
    """The closed vocabulary of revenue events."""

    FIRST_PAYMENT = "first_payment"
    RENEWAL = "renewal"
    EXPANSION_PAYMENT = "expansion_payment"
    REACTIVATION_PAYMENT = "reactivation_payment"
    ONE_OFF_PAYMENT = "one_off_payment"
    TRIAL_PAYMENT = "trial_payment"
    REFUND = "refund"
    REFUND_REVERSED = "refund_reversed"
    CHARGEBACK = "chargeback"
    CHARGEBACK_REVERSED = "chargeback_reversed"
    CREDIT = "credit"
    CREDIT_REVERSED = "credit_reversed"
    PAYMENT_REVERSED = "payment_reversed"
    TRIAL_STARTED = "trial_started"
    FREE_STARTED = "free_started"
    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"
    SEAT_EXPANSION = "seat_expansion"
    SEAT_CONTRACTION = "seat_contraction"
    INTERVAL_CHANGE = "interval_change"
    PAUSE = "pause"
    RESUME = "resume"
    REACTIVATION = "reactivation"
    CANCEL_SCHEDULED = "cancel_scheduled"
    CANCEL_WITHDRAWN = "cancel_withdrawn"
    CANCELLATION = "cancellation"
    PAYMENT_FAILED = "payment_failed"
    UNCOLLECTIBLE = "uncollectible"


PAYMENT_KINDS = frozenset(
    {
        EventKind.FIRST_PAYMENT,
        EventKind.RENEWAL,
        EventKind.EXPANSION_PAYMENT,
        EventKind.REACTIVATION_PAYMENT,
        EventKind.ONE_OFF_PAYMENT,
        EventKind.TRIAL_PAYMENT,
    }
)
"""Money that came in: what a platform can be told as a conversion."""

ADJUSTMENT_KINDS = frozenset(
    {
        EventKind.REFUND,
        EventKind.REFUND_REVERSED,
        EventKind.CHARGEBACK,
        EventKind.CHARGEBACK_REVERSED,
        EventKind.PAYMENT_REVERSED,
    }
)
"""Money that changed an earlier payment: what a platform can be told as a correction of it."""

CASH_KINDS = PAYMENT_KINDS | ADJUSTMENT_KINDS
"""What moved cash. Balance given to a customer is told in the money lane and moves none."""

MONEY_KINDS = CASH_KINDS | {EventKind.CREDIT, EventKind.CREDIT_REVERSED}


def lane_of(kind: EventKind) -> Lane:
    """The lane a kind belongs to."""
    return Lane.MONEY if kind in MONEY_KINDS else Lane.STATE


class Expansion(StrEnum):
    """What an `expansion_payment` paid for."""

    UPGRADE = "upgrade"
    SEATS = "seats"
    USAGE = "usage"
    MIXED = "mixed"


class Precision(StrEnum):
    """How exact `occurred_at` is."""

    EXACT = "exact"
    SECOND = "second"
    APPROXIMATED = "approximated"


class Transport(StrEnum):
    """How the raw record reached us."""

    EVENTS = "events"
    OBJECTS = "objects"
    WEBHOOK = "webhook"
    BACKFILL = "backfill"


def event_key(
    provider: str, account: str, object_type: str, object_id: str, kind: EventKind, n: int = 0
) -> EventKey:
    """`provider:account:object_type:object_id:kind[:n]`; `n` > 0 tells parts of one object apart."""
    parts = [provider, account, object_type, object_id, kind.value]
    if n:
        parts.append(str(n))
    return EventKey(":".join(parts))


def customer_key(provider: str, account: str, customer_ref: str) -> CustomerKey:
    """`provider:account:customer_ref`."""
    return CustomerKey(f"{provider}:{account}:{customer_ref}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RevenueEvent:
    """One billing fact. Amounts are signed integer minor units (refunds negative; gross = net + tax).

    `occurred_at` is aware UTC. `parent_event_key` names the payment an adjustment corrects.
    `click_ids` holds identifiers found in billing metadata: `cs_gclid` becomes key `gclid`.
    Columns of table `revenue_event` have the same names, in the same order.
    """

    event_key: EventKey
    provider: str
    provider_account: str
    livemode: bool
    kind: EventKind
    expansion: Expansion | None = None
    is_full: bool | None = None
    occurred_at: datetime
    occurred_at_precision: Precision
    source_event_id: str
    source_api_version: str | None
    source_object_type: str
    source_object_id: str
    parent_event_key: EventKey | None = None
    customer_ref: str | None
    customer_country: str | None = None
    subscription_ref: str | None = None
    invoice_ref: str | None = None
    payment_ref: str | None = None
    currency: str | None
    exponent: int | None
    gross_minor: int
    tax_minor: int
    net_minor: int
    discount_minor: int = 0
    credit_applied_minor: int | None = None
    off_provider_minor: int | None = None
    cumulative_refunded_minor: int | None = None
    """Gross refunded on the parent up to and including this row, as a positive number."""
    net_after_minor: int | None = None
    """For adjustments: what is left of the parent's net after this row."""
    interval: str | None = None
    interval_count: int | None = None
    price_ref_before: str | None = None
    price_ref_after: str | None = None
    quantity_before: int | None = None
    quantity_after: int | None = None
    mrr_before_minor: int | None = None
    mrr_after_minor: int | None = None
    is_first_for_customer: bool = False
    is_first_for_subscription: bool = False
    is_trial: bool = False
    reconstructed: bool = False
    period_start: datetime | None = None
    period_end: datetime | None = None
    click_ids: Mapping[str, str] = field(default_factory=dict)


class LinkEnd(StrEnum):
    """What an identity link connects. A visitor is a browser, a user an account in the product, a
    customer a payer in the billing system, an e-mail the hash of one under `Rule.EMAIL_PLAIN`."""

    VISITOR = "visitor"
    USER = "user"
    CUSTOMER = "customer"
    EMAIL = "email"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityLink:
    """`from_id` belongs to `to_id`, as `evidence` of `source_ref` says, since `linked_at` (UTC)."""

    from_end: LinkEnd
    from_id: str
    to_end: LinkEnd
    to_id: str
    evidence: str
    source_ref: str
    linked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledClick:
    """Click ids a company left with a billing object, by kind: a click of the customer.

    `clicked_at` (UTC) is the click's own time where it was left too, else when the object was made. Consents
    are as they were written.
    """

    source_ref: str
    clicked_at: datetime
    click_ids: Mapping[str, str]
    ad_user_data: str | None = None
    ad_personalization: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """A raw record the normaliser would not guess about: stored, counted and shown, never fatal."""

    provider: str
    provider_account: str
    source_ref: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerBook:
    """Everything the raw records of one customer say."""

    customer_key: CustomerKey
    events: tuple[RevenueEvent, ...]
    links: tuple[IdentityLink, ...]
    parked: tuple[Parked, ...]
    clicks: tuple[BilledClick, ...] = ()
    contacts: tuple[Contact, ...] = ()
    """Who the records say the customer is, in their own words: for making identifiers, never kept."""
