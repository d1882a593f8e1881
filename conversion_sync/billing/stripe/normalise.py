"""A customer's book from all of its stored Stripe records: pure, in any order, any number of times.

Source: specs/billing.md §6.3 (mapping), §6.4 (edge cases).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence, Set
from datetime import datetime
from typing import Any

from conversion_sync.billing.provider import RawRecord
from conversion_sync.billing.stripe.catalogue import StripeCatalogue, catalogue
from conversion_sync.billing.stripe.facts import Facts, collect
from conversion_sync.billing.stripe.identity import Keys, click_ids, contacts, links
from conversion_sync.billing.stripe.payments import Classified, Part, classify, spread
from conversion_sync.billing.stripe.refunds import Movement, Returned, Share, movements
from conversion_sync.billing.stripe.shapes import InvoiceFact, SubscriptionFact
from conversion_sync.model.revenue import (
    CustomerBook,
    CustomerKey,
    EventKey,
    EventKind,
    Parked,
    Precision,
    RevenueEvent,
    event_key,
)

PROVIDER = "stripe"
CURRENCY = re.compile(r"[A-Z]{3}")


def book(customer: CustomerKey, records: Iterable[RawRecord], keys: Keys) -> CustomerBook:
    """Everything the records of one customer say."""
    vocabulary = catalogue()
    facts = collect(records)
    parked = [_parked(keys, event, "unreadable_record", detail) for event, detail in facts.unreadable.items()]
    unsound = list(_unsound(facts, keys, vocabulary))
    parked += unsound
    left_out = {record.source_ref for record in unsound}
    payments = list(classify(list(facts.invoices.values()), left_out, _ended(facts), vocabulary))
    maker = _Maker(customer, keys, vocabulary)
    events = [event for payment in payments for event in maker.payments(payment)]
    corrections, more_parked = maker.corrections(facts, payments)
    events += corrections
    events += maker.states(facts, payments, left_out)
    return CustomerBook(
        customer_key=customer,
        events=tuple(sorted(events, key=lambda event: (event.occurred_at, event.event_key))),
        links=tuple(links(customer, facts, keys)),
        contacts=tuple(contacts(facts, keys)),
        parked=tuple(sorted(parked + more_parked, key=lambda record: (record.source_ref, record.reason))),
    )


def _unsound(facts: Facts, keys: Keys, vocabulary: StripeCatalogue) -> Iterator[Parked]:
    """Invoices nobody would guess about, with what is wrong with them."""
    for invoice in facts.invoices.values():
        if wrong := _wrong(invoice, vocabulary):
            yield _parked(keys, invoice.id, *wrong)


def _wrong(invoice: InvoiceFact, vocabulary: StripeCatalogue) -> tuple[str, str] | None:
    if not CURRENCY.fullmatch(invoice.currency):
        return "unknown_currency", invoice.currency
    if invoice.amount_paid < 0:
        return "negative_amount", str(invoice.amount_paid)
    if not vocabulary.invoice.knows(invoice.billing_reason):
        return "unknown_billing_reason", invoice.billing_reason
    return None


def _parked(keys: Keys, ref: str, reason: str, detail: str) -> Parked:
    return Parked(
        provider=PROVIDER, provider_account=keys.account, source_ref=ref, reason=reason, detail=detail
    )


def _ended(facts: Facts) -> dict[str, datetime]:
    return {
        subscription: state.ended_at or state.at
        for subscription, states in facts.subscriptions.items()
        for state in states
        if state.event_type == "customer.subscription.deleted"
    }


class _Maker:
    """Writes the events of one customer."""

    def __init__(self, customer: CustomerKey, keys: Keys, vocabulary: StripeCatalogue) -> None:
        self._ref = customer.split(":", 2)[2]
        self._keys = keys
        self._vocabulary = vocabulary

    def payments(self, payment: Classified) -> Iterator[RevenueEvent]:
        """One event for each part of a paid invoice."""
        invoice, parts = payment.invoice, payment.parts
        whole = (invoice.discount, invoice.credit_applied, invoice.off_provider)
        for part, *shares in zip(parts, *(spread(amount, parts) for amount in whole), strict=True):
            yield self._payment(invoice, part, *shares)

    def _key(self, kind_of: str, object_id: str, kind: EventKind, n: int = 0) -> EventKey:
        return event_key(PROVIDER, self._keys.account, kind_of, object_id, kind, n)

    def _payment(
        self, invoice: InvoiceFact, part: Part, discount: int | None, credit: int | None, off: int | None
    ) -> RevenueEvent:
        return RevenueEvent(
            event_key=self._key("invoice", invoice.id, part.kind),
            kind=part.kind,
            expansion=part.expansion,
            **self._invoice_columns(invoice),
            gross_minor=part.gross,
            tax_minor=part.gross - part.net,
            net_minor=part.net,
            discount_minor=discount or 0,
            credit_applied_minor=credit,
            off_provider_minor=off,
            is_first_for_customer=part.first_for_customer,
            is_first_for_subscription=part.first_for_subscription,
            price_ref_after=part.line.price if part.line else None,
            period_start=part.line.period_start if part.line else None,
            period_end=part.line.period_end if part.line else None,
        )

    def _invoice_columns(self, invoice: InvoiceFact) -> dict[str, Any]:
        return {
            "provider": PROVIDER,
            "provider_account": self._keys.account,
            "livemode": invoice.livemode,
            "occurred_at": invoice.paid_at,
            "occurred_at_precision": Precision.SECOND,
            "source_event_id": invoice.event_id,
            "source_api_version": invoice.api_version,
            "source_object_type": "invoice",
            "source_object_id": invoice.id,
            "customer_ref": self._ref,
            "customer_country": invoice.country,
            "subscription_ref": invoice.subscription,
            "invoice_ref": invoice.id,
            "payment_ref": invoice.payment,
            "currency": invoice.currency,
            "exponent": self._vocabulary.exponents.of(invoice.currency),
            "click_ids": click_ids(invoice.metadata),
        }

    def corrections(
        self, facts: Facts, payments: list[Classified]
    ) -> tuple[list[RevenueEvent], list[Parked]]:
        """Refunds and their reversals, each against the parts of the payment it corrects."""
        moved, unknown = movements(facts, self._vocabulary)
        parked = [_parked(self._keys, state.id, "unknown_refund_status", state.status) for state in unknown]
        by_invoice = {payment.invoice.id: payment for payment in payments}
        by_payment = {p.invoice.payment: p for p in payments if p.invoice.payment}
        returned: dict[str, Returned] = {}
        events: list[RevenueEvent] = []
        for movement in moved:
            invoice_id = facts.invoice_of_payment.get(movement.payment or "")
            payment = by_invoice.get(invoice_id or "") or by_payment.get(movement.payment or "")
            if payment is None:
                parked.append(
                    _parked(self._keys, movement.object_id, "refund_without_payment", str(movement.payment))
                )
                continue
            if movement.currency != payment.invoice.currency:
                parked.append(
                    _parked(self._keys, movement.object_id, "refund_in_other_currency", movement.currency)
                )
                continue
            so_far = returned.setdefault(payment.invoice.id, Returned(payment.parts))
            excess = so_far.excess()
            events += [self._correction(payment, movement, share) for share in so_far.take(movement)]
            if (more := so_far.excess() - excess) > 0:
                parked.append(_parked(self._keys, movement.object_id, "refund_exceeds_payment", str(more)))
        return events, parked

    def _correction(self, payment: Classified, movement: Movement, share: Share) -> RevenueEvent:
        invoice, part = payment.invoice, payment.parts[share.part]
        kind = EventKind.REFUND if movement.amount > 0 else EventKind.REFUND_REVERSED
        number = movement.number * (movement.object_type == "charge") * 100 + share.part
        columns = self._invoice_columns(invoice) | {
            "livemode": movement.livemode,
            "occurred_at": movement.at,
            "source_event_id": movement.event_id,
            "source_api_version": movement.api_version,
            "source_object_type": movement.object_type,
            "source_object_id": movement.object_id,
            "payment_ref": movement.payment,
        }
        return RevenueEvent(
            event_key=self._key(movement.object_type, movement.object_id, kind, number),
            kind=kind,
            is_full=share.is_full,
            parent_event_key=self._key("invoice", invoice.id, part.kind),
            **columns,
            gross_minor=share.gross,
            tax_minor=share.gross - share.net,
            net_minor=share.net,
            cumulative_refunded_minor=share.gross_refunded,
            net_after_minor=share.net_left,
        )

    def states(self, facts: Facts, payments: list[Classified], left_out: Set[str]) -> Iterator[RevenueEvent]:
        """Trials, free starts and cancellations: what happened without money."""
        paid = {payment.invoice.subscription: payment.invoice.paid_at for payment in reversed(payments)}
        for subscription, states in facts.subscriptions.items():
            trial = next((state for state in states if _starts_trial(state)), None)
            if trial is not None:
                yield self._state(trial, EventKind.TRIAL_STARTED, is_trial=True)
            free = [
                invoice
                for invoice in facts.invoices.values()
                if invoice.subscription == subscription
                and invoice.id not in left_out
                and invoice.total == invoice.amount_paid == 0
                and not self._of_trial(invoice, states)
            ]
            first = min(free, key=lambda invoice: (invoice.paid_at, invoice.id), default=None)
            if first is not None and first.paid_at <= paid.get(subscription, first.paid_at):
                yield self._free_start(subscription, first)
            gone = next((s for s in states if s.event_type == "customer.subscription.deleted"), None)
            if gone is not None:
                yield self._state(gone, EventKind.CANCELLATION)

    def _of_trial(self, invoice: InvoiceFact, states: Sequence[SubscriptionFact]) -> bool:
        """Whether it costs nothing because of a trial. A cycle's invoice comes when the trial is over.

        The one that starts a trial may be a second older than the subscription's own first event.
        """
        if invoice.billing_reason in self._vocabulary.invoice.cycle:
            return False
        so_far = [state for state in states if state.at <= invoice.paid_at] or states[:1]
        return so_far[-1].status == "trialing"

    def _free_start(self, subscription: str, first: InvoiceFact) -> RevenueEvent:
        """The first period that cost nothing."""
        return RevenueEvent(
            event_key=self._key("subscription", subscription, EventKind.FREE_STARTED),
            kind=EventKind.FREE_STARTED,
            **self._invoice_columns(first),
            gross_minor=0,
            tax_minor=0,
            net_minor=0,
        )

    def _state(self, state: SubscriptionFact, kind: EventKind, *, is_trial: bool = False) -> RevenueEvent:
        return RevenueEvent(
            event_key=self._key("subscription", state.id, kind),
            provider=PROVIDER,
            provider_account=self._keys.account,
            livemode=state.livemode,
            kind=kind,
            occurred_at=state.at,
            occurred_at_precision=Precision.SECOND,
            source_event_id=state.event_id,
            source_api_version=state.api_version,
            source_object_type="subscription",
            source_object_id=state.id,
            customer_ref=self._ref,
            subscription_ref=state.id,
            currency=state.currency,
            exponent=None if state.currency is None else self._vocabulary.exponents.of(state.currency),
            gross_minor=0,
            tax_minor=0,
            net_minor=0,
            interval=state.interval,
            interval_count=state.interval_count,
            price_ref_after=state.price,
            quantity_after=state.quantity,
            is_trial=is_trial,
            click_ids=click_ids(state.metadata),
        )


def _starts_trial(state: SubscriptionFact) -> bool:
    created = state.event_type == "customer.subscription.created"
    return state.status == "trialing" and (created or state.was not in (None, "trialing"))
