"""The book of a customer from facts: every revenue event with its key, its money and its place in time.

Pure: the same facts give the same book, whichever records told them and in whatever order.
Source: specs/billing.md §6 (kinds, fields, keys), §6.4 (edge cases).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from conversion_sync.billing.facts import (
    Cause,
    Credit,
    Facts,
    Failure,
    Movement,
    Payment,
    Source,
    Standing,
    Status,
    Way,
)
from conversion_sync.billing.naming import Keys, clicks, links, user_of
from conversion_sync.billing.payments import Classified, Part, classify, spread
from conversion_sync.billing.returns import Returned, Share
from conversion_sync.billing.standings import ONCE, Change, changes, main_item, mrr, seats
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

BACK = {
    Way.REFUND: EventKind.REFUND,
    Way.CHARGEBACK: EventKind.CHARGEBACK,
    Way.DETACHED: EventKind.PAYMENT_REVERSED,
}
AGAIN = {
    Way.REFUND: EventKind.REFUND_REVERSED,
    Way.CHARGEBACK: EventKind.CHARGEBACK_REVERSED,
    Way.DETACHED: EventKind.REFUND_REVERSED,
}
"""What money that comes again is called, by the way it went."""
PARTS_OF_ONE = 100
"""More parts than a bill is split into: tells them apart in the keys of one object's movements."""


def write(customer: CustomerKey, facts: Facts, keys: Keys) -> CustomerBook:
    """Everything the facts of one customer say."""
    ended = {
        name: state.ended_at or state.at
        for name, states in facts.standings.items()
        for state in states
        if state.status is Status.ENDED
    }
    payments = list(classify(facts.payments, ended, facts.carried_over))
    writer = _Writer(customer, keys)
    events = [event for payment in payments for event in writer.payments(payment)]
    corrections, unplaced = writer.corrections(facts, payments)
    events += corrections
    events += map(writer.credit, facts.credits)
    events += writer.failures(facts.failures)
    for subscription, states in facts.standings.items():
        events += map(writer.change, changes(states))
        events += writer.free_start(subscription, states, facts.payments, payments)
    events += writer.reactivations(payments)
    wrong = [(bill.source.object_id, *bill.wrong) for bill in facts.payments if bill.wrong]
    parked = {(ref, reason): detail for ref, reason, detail in (*facts.parked, *wrong, *unplaced)}
    user = user_of(facts.namings, keys)
    once = {event.event_key: event for event in reversed(events)}
    return CustomerBook(
        customer_key=customer,
        events=tuple(sorted(once.values(), key=lambda event: (event.occurred_at, event.event_key))),
        links=tuple(links(customer, facts.namings, keys)),
        clicks=tuple(clicks(facts.namings, once.values())),
        contacts=() if facts.deleted else (*facts.contacts, *([user] if user else [])),
        parked=tuple(
            Parked(
                provider=keys.provider,
                provider_account=keys.account,
                source_ref=ref,
                reason=reason,
                detail=detail,
            )
            for (ref, reason), detail in sorted(parked.items())
        ),
    )


Unplaced = tuple[str, str, str]
"""Reference, reason, detail of something nobody would guess about."""


class _Writer:
    """Writes the events of one customer."""

    def __init__(self, customer: CustomerKey, keys: Keys) -> None:
        self._ref = customer.split(":", 2)[2]
        self._keys = keys

    def _key(self, source: Source, kind: EventKind, n: int = 0) -> EventKey:
        return event_key(
            self._keys.provider, self._keys.account, source.object_type, source.object_id, kind, n
        )

    def _columns(self, source: Source, at: datetime, precision: Precision) -> dict[str, Any]:
        return {
            "provider": self._keys.provider,
            "provider_account": self._keys.account,
            "livemode": source.livemode,
            "occurred_at": at,
            "occurred_at_precision": precision,
            "source_event_id": source.record,
            "source_api_version": source.api_version,
            "source_object_type": source.object_type,
            "source_object_id": source.object_id,
            "customer_ref": self._ref,
        }

    def payments(self, payment: Classified) -> Iterator[RevenueEvent]:
        """One event for each part of a paid bill."""
        bill, parts = payment.bill, payment.parts
        whole = (bill.discount, bill.credit_applied, bill.off_provider)
        for part, *shares in zip(parts, *(spread(amount, parts) for amount in whole), strict=True):
            yield self._payment(bill, part, *shares)

    def _payment(
        self, bill: Payment, part: Part, discount: int | None, credit: int | None, off: int | None
    ) -> RevenueEvent:
        return RevenueEvent(
            event_key=self._key(bill.source, part.kind),
            kind=part.kind,
            expansion=part.expansion,
            **self._bill_columns(bill),
            gross_minor=part.gross,
            tax_minor=part.gross - part.net,
            net_minor=part.net,
            discount_minor=discount or 0,
            credit_applied_minor=credit,
            off_provider_minor=off,
            is_first_for_customer=part.first_for_customer,
            is_first_for_subscription=part.first_for_subscription,
            is_trial=bill.is_trial,
            price_ref_after=part.line.price if part.line else None,
            period_start=part.line.period_start if part.line else None,
            period_end=part.line.period_end if part.line else None,
        )

    def _bill_columns(self, bill: Payment) -> dict[str, Any]:
        return self._columns(bill.source, bill.paid_at, bill.precision) | {
            "customer_country": bill.country,
            "subscription_ref": bill.subscription,
            "invoice_ref": bill.invoice,
            "payment_ref": bill.payment,
            "currency": bill.currency,
            "exponent": bill.exponent,
            "click_ids": bill.click_ids,
            "reconstructed": bill.reconstructed,
        }

    def corrections(
        self, facts: Facts, payments: Sequence[Classified]
    ) -> tuple[list[RevenueEvent], list[Unplaced]]:
        """Money that went back and came again, each against the parts of the payment it corrects."""
        by_bill = {payment.bill.source.object_id: payment for payment in payments}
        by_bill |= {payment.bill.invoice: payment for payment in payments if payment.bill.invoice}
        by_payment = {payment.bill.payment: payment for payment in payments if payment.bill.payment}
        returned: dict[tuple[str, str], Returned] = {}
        events: list[RevenueEvent] = []
        unplaced: list[Unplaced] = []
        for movement in sorted(facts.movements, key=_in_time):
            ref = movement.source.object_id
            bill_ref = movement.invoice or facts.invoice_of_payment.get(movement.payment or "")
            payment = by_bill.get(bill_ref or "") or by_payment.get(movement.payment or "")
            if payment is None:
                named = str(movement.payment or movement.invoice)
                unplaced.append((ref, f"{movement.way.value}_without_payment", named))
                continue
            if movement.currency != payment.bill.currency:
                unplaced.append((ref, f"{movement.way.value}_in_other_currency", movement.currency))
                continue
            bill = payment.bill.source
            so_far = returned.setdefault((bill.object_type, bill.object_id), Returned(payment.parts))
            excess = so_far.excess()
            events += [self._correction(payment, movement, share) for share in so_far.take(movement.amount)]
            if (more := so_far.excess() - excess) > 0:
                unplaced.append((ref, f"{movement.way.value}_exceeds_payment", str(more)))
        return events, unplaced

    def _correction(self, payment: Classified, movement: Movement, share: Share) -> RevenueEvent:
        bill, part = payment.bill, payment.parts[share.part]
        kind = (BACK if movement.amount > 0 else AGAIN)[movement.way]
        return RevenueEvent(
            event_key=self._key(movement.source, kind, movement.number * PARTS_OF_ONE + share.part),
            kind=kind,
            is_full=share.is_full,
            parent_event_key=self._key(bill.source, part.kind),
            **self._bill_columns(bill)
            | self._columns(movement.source, movement.at, movement.precision)
            | {"payment_ref": movement.payment or bill.payment},
            gross_minor=share.gross,
            tax_minor=share.gross - share.net,
            net_minor=share.net,
            off_provider_minor=-share.gross if movement.off_provider else None,
            cumulative_refunded_minor=share.gross_refunded,
            net_after_minor=share.net_left,
        )

    def credit(self, credit: Credit) -> RevenueEvent:
        """Balance given or taken: told, never uploaded."""
        kind = EventKind.CREDIT if credit.gross > 0 else EventKind.CREDIT_REVERSED
        return RevenueEvent(
            event_key=self._key(credit.source, kind),
            kind=kind,
            **self._columns(credit.source, credit.at, credit.precision),
            subscription_ref=credit.subscription,
            invoice_ref=credit.invoice,
            currency=credit.currency,
            exponent=credit.exponent,
            gross_minor=-credit.gross,
            tax_minor=credit.net - credit.gross,
            net_minor=-credit.net,
        )

    def failures(self, failures: Sequence[Failure]) -> Iterator[RevenueEvent]:
        """Bills nobody paid, each once: the first time it was seen."""
        for failure in sorted(failures, key=lambda failure: failure.at, reverse=True):
            kind = EventKind.UNCOLLECTIBLE if failure.uncollectible else EventKind.PAYMENT_FAILED
            yield RevenueEvent(
                event_key=self._key(failure.source, kind),
                kind=kind,
                **self._columns(failure.source, failure.at, Precision.SECOND),
                subscription_ref=failure.subscription,
                invoice_ref=failure.invoice,
                currency=failure.currency,
                exponent=failure.exponent,
                gross_minor=0,
                tax_minor=0,
                net_minor=0,
            )

    def change(self, change: Change) -> RevenueEvent:
        """What happened to a subscription. Of two alike the second they happened in tells them apart."""
        before, after = change.before, change.after
        first = before is None or change.kind in ONCE
        was, item = None if first else main_item(before), main_item(after)
        n = 0 if change.kind in ONCE else int(after.at.timestamp())
        return RevenueEvent(
            event_key=self._key(after.source, change.kind, n),
            kind=change.kind,
            **self._columns(after.source, after.at, after.precision),
            subscription_ref=after.source.object_id,
            currency=after.currency,
            exponent=after.exponent,
            gross_minor=0,
            tax_minor=0,
            net_minor=0,
            interval=item.interval if item else None,
            interval_count=item.interval_count if item else None,
            price_ref_before=was.price if was else None,
            price_ref_after=item.price if item else None,
            quantity_before=None if first else seats(before),
            quantity_after=seats(after),
            mrr_before_minor=None if first else mrr(before),
            mrr_after_minor=0 if change.kind is EventKind.CANCELLATION else mrr(after),
            is_trial=change.kind is EventKind.TRIAL_STARTED,
            reconstructed=after.reconstructed,
            click_ids=after.click_ids,
        )

    def free_start(
        self,
        subscription: str,
        states: Sequence[Standing],
        bills: Sequence[Payment],
        payments: Sequence[Classified],
    ) -> Iterator[RevenueEvent]:
        """The first period that cost nothing, unless that was a trial or money came before."""
        free = [
            bill
            for bill in bills
            if bill.subscription == subscription
            and bill.is_free
            and bill.wrong is None
            and not _of_trial(bill, states)
        ]
        first = min(free, key=lambda bill: (bill.paid_at, bill.source.object_id), default=None)
        paid = min(
            (payment.bill.paid_at for payment in payments if payment.bill.subscription == subscription),
            default=None,
        )
        if first is None or (paid is not None and paid < first.paid_at):
            return
        name = Source(object_type="subscription", object_id=subscription, record=first.source.record)
        yield RevenueEvent(
            event_key=self._key(name, EventKind.FREE_STARTED),
            kind=EventKind.FREE_STARTED,
            **self._bill_columns(first),
            gross_minor=0,
            tax_minor=0,
            net_minor=0,
        )

    def reactivations(self, payments: Sequence[Classified]) -> Iterator[RevenueEvent]:
        """A customer who had left pays for another subscription."""
        for payment in payments:
            bill = payment.bill
            if payment.parts[0].kind is EventKind.REACTIVATION_PAYMENT and bill.subscription:
                name = Source(
                    object_type="subscription", object_id=bill.subscription, record=bill.source.record
                )
                yield RevenueEvent(
                    event_key=self._key(name, EventKind.REACTIVATION),
                    kind=EventKind.REACTIVATION,
                    **self._bill_columns(bill),
                    gross_minor=0,
                    tax_minor=0,
                    net_minor=0,
                )


def _in_time(movement: Movement) -> tuple[datetime, str, int, bool]:
    """What goes and comes again at once goes first."""
    return movement.at, movement.source.object_id, movement.number, movement.amount < 0


def _of_trial(bill: Payment, states: Sequence[Standing]) -> bool:
    """Whether it costs nothing because of a trial. A cycle's bill comes when the trial is over.

    The one that starts a trial may be a second older than the subscription's own first record.
    """
    if bill.cause is Cause.CYCLE:
        return False
    so_far = [state for state in states if state.at <= bill.paid_at] or states[:1]
    return bool(so_far) and so_far[-1].status is Status.TRIALING
