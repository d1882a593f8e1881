"""Transactions as bills: the cash taken, what of it is no tax, what was not paid, what became credit.

Cash is what was captured, at most the grand total: credit before payment and part payments lower it. A later
revision of a completed transaction restates it, and so does an adjustment that gives back nothing but tax.
Source: specs/billing.md §3.2, §3.3, §6.3, §6.4 rows 4-6, 12, 32-36, 38, 39, 44.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from fractions import Fraction

from conversion_sync.billing.facts import Cause, Credit, Failure, Payment, Source
from conversion_sync.billing.naming import click_ids
from conversion_sync.billing.paddle.catalogue import PaddleCatalogue
from conversion_sync.billing.paddle.shapes import Attempt, Seen, Totals, Transaction
from conversion_sync.model.money import round_half_even
from conversion_sync.model.revenue import Precision


class Bill:
    """One transaction in all its states, oldest first, and what the customer's other records say of it."""

    def __init__(self, states: Sequence[Transaction], vocabulary: PaddleCatalogue) -> None:
        self._states, self._vocabulary = states, vocabulary
        self._done = [state for state in states if state.status in vocabulary.transaction.done]
        self.latest = (self._done or states)[-1]

    @property
    def id(self) -> str:
        """The transaction."""
        return self.latest.id

    def unknown(self) -> Iterator[tuple[str, str, str]]:
        """Words nobody knows: what is not made of them is told."""
        for state in self._states:
            if not self._vocabulary.transaction.knows(state.status):
                yield self.id, "unknown_transaction_status", state.status
        attempts = self._vocabulary.attempt
        for attempt in self.latest.attempts:
            if attempt.status not in attempts.taken | attempts.failed | attempts.open:
                yield self.id, "unknown_payment_status", attempt.status
        if self._done and self.latest.totals is None:
            yield self.id, "no_totals", self.latest.status

    def subscription(self, begun: Mapping[str, str]) -> str | None:
        """The subscription it is for; what began one may name it late."""
        named = (state.subscription for state in reversed(self._states) if state.subscription)
        return next(named, None) or begun.get(self.id)

    def custom_data(self) -> dict[str, str]:
        """What the company left with it, the latest word of each."""
        return {key: value for state in self._states for key, value in state.custom_data.items()}

    def source(self, states: Sequence[Transaction]) -> Source:
        """Told by an event where there is one, the first of these states: later copies change nothing."""
        first: Seen = min(
            (state.seen for state in states), key=lambda seen: (seen.listed, seen.at, seen.record)
        )
        return Source(
            object_type="transaction", object_id=self.id, record=first.record, livemode=first.livemode
        )

    def payment(
        self,
        *,
        subscription: str | None,
        country: str | None,
        trialed: bool,
        tax_back: int,
        named: Mapping[str, str],
    ) -> Payment | None:
        """The bill, where it was paid or cost nothing. `named` is what its subscription is known by."""
        bill, totals = self.latest, self.latest.totals
        if not self._done or totals is None:
            return None
        cause = self._vocabulary.origin.of(bill.origin)
        gross, net = self._cash(totals)
        if bill.origin in self._vocabulary.origin.nothing and gross == 0:
            return None
        paid_at, precision = self._paid_at()
        checkout = bill.origin in self._vocabulary.origin.checkout
        return Payment(
            source=self.source(self._done),
            subscription=subscription,
            invoice=self.id,
            payment=None,
            currency=bill.currency,
            exponent=self._vocabulary.exponents.of(bill.currency) or 0,
            paid_at=paid_at,
            precision=precision,
            cause=cause or Cause.OTHER,
            gross=max(gross - tax_back, net),
            net=net,
            is_free=totals.total == 0 and totals.credit == 0 and gross == 0,
            is_trial=gross > 0 and checkout and bill.sells_trial and trialed,
            discount=totals.discount,
            credit_applied=totals.credit or None,
            off_provider=self._off_provider(),
            country=country,
            lines=bill.lines,
            click_ids=click_ids({**named, **self.custom_data()}),
            wrong=self._wrong(totals, cause),
        )

    def _taken(self) -> list[Attempt]:
        return [each for each in self.latest.attempts if each.status in self._vocabulary.attempt.taken]

    def _cash(self, totals: Totals) -> tuple[int, int]:
        """Gross and net; of a part that was paid, its share without tax."""
        grand = max(totals.grand_total, 0)
        taken = self._taken()
        gross = min(sum(each.amount for each in taken), grand) if taken else grand
        gross = max(gross, 0)
        if gross == 0:
            return 0, 0
        if totals.grand_total_tax is not None:
            return gross, round_half_even(Fraction(gross * (grand - totals.grand_total_tax), grand))
        if totals.total <= 0:
            return gross, gross
        return gross, round_half_even(Fraction(gross * (totals.total - totals.tax), totals.total))

    def _paid_at(self) -> tuple[datetime, Precision]:
        """When money was captured; else when it was first seen done, or billed where it cost nothing."""
        captured = [each.captured_at or each.created_at for each in self._taken()]
        if captured:
            return max(captured), Precision.EXACT
        bill, totals = self.latest, self.latest.totals
        if totals is not None and totals.grand_total == 0:
            return bill.billed_at or bill.created_at, Precision.EXACT
        return min(state.updated_at for state in self._done), Precision.APPROXIMATED

    def _off_provider(self) -> int | None:
        elsewhere = self._vocabulary.attempt.off_provider
        return sum(each.amount for each in self._taken() if each.method in elsewhere) or None

    def _wrong(self, totals: Totals, cause: Cause | None) -> tuple[str, str] | None:
        if self._vocabulary.exponents.of(self.latest.currency) is None:
            return "unknown_currency", self.latest.currency
        if totals.grand_total < 0:
            return "negative_amount", str(totals.grand_total)
        if totals.grand_total_tax is not None and not 0 <= totals.grand_total_tax <= totals.grand_total:
            return "tax_exceeds_total", str(totals.grand_total_tax)
        if cause is None:
            return "unknown_origin", self.latest.origin
        return None

    def credit(self, subscription: str | None) -> Credit | None:
        """What a change left over for the customer's balance."""
        totals, exponent = self.latest.totals, self._vocabulary.exponents.of(self.latest.currency)
        if not self._done or totals is None or totals.credit_to_balance <= 0 or exponent is None:
            return None
        gross = totals.credit_to_balance
        net = (
            round_half_even(Fraction(gross * (totals.total - totals.tax), totals.total))
            if totals.total
            else gross
        )
        at, precision = self._paid_at()
        return Credit(
            source=self.source(self._done),
            subscription=subscription,
            invoice=self.id,
            gross=gross,
            net=net,
            currency=self.latest.currency,
            exponent=exponent,
            at=at,
            precision=precision,
        )

    def failures(self, subscription: str | None) -> Iterator[Failure]:
        """A try that failed, or a bill that is late; and one given up after it was issued."""
        exponent = self._vocabulary.exponents.of(self.latest.currency)
        if exponent is None:
            return
        words = self._vocabulary
        failed = [
            each.created_at
            for state in self._states
            for each in state.attempts
            if each.status in words.attempt.failed
        ]
        late = [state.updated_at for state in self._states if state.status in words.transaction.late]
        given_up = [
            state.updated_at
            for state in self._states
            if state.status in words.transaction.void and state.billed_at is not None and not self._done
        ]
        for times, is_over in (
            ([min(failed or late)] if failed or late else [], False),
            (given_up[:1], True),
        ):
            for at in times:
                yield Failure(
                    source=self.source(self._states),
                    subscription=subscription,
                    invoice=self.id,
                    currency=self.latest.currency,
                    exponent=exponent,
                    at=at,
                    uncollectible=is_over,
                )
