"""One Stripe account behind the `BillingProvider` protocol."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from conversion_sync.billing.naming import Keys
from conversion_sync.billing.provider import RawRecord
from conversion_sync.billing.stripe.catalogue import catalogue
from conversion_sync.billing.stripe.normalise import book
from conversion_sync.billing.stripe.records import received
from conversion_sync.billing.stripe.settings import Account
from conversion_sync.model.revenue import CustomerBook, CustomerKey
from conversion_sync.model.windows import Window

if TYPE_CHECKING:
    from conversion_sync.billing.stripe.client import Client


class StripeProvider:
    """Pulls events of the account and writes customers' books. Nothing connects before `pull`."""

    provider = "stripe"

    def __init__(
        self,
        account: str,
        settings: Account,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.account = account
        self._sleep, self._clock = sleep, clock or _now
        self._settings = settings
        self._keys = Keys(
            provider=self.provider,
            account=account,
            user_id=settings.user_id_metadata,
            visitor_id=settings.visitor_id_metadata,
        )

    def pull(self, window: Window) -> Iterator[Sequence[RawRecord]]:
        """Pages of events of the window, the overlap before it included."""
        from conversion_sync.billing.stripe.pull import event_pages

        overlap = timedelta(minutes=self._settings.overlap_minutes)
        yield from event_pages(self._client(), catalogue(), window, overlap)

    def objects(self, window: Window) -> Iterator[Sequence[RawRecord]]:
        """Pages of the objects of the window."""
        from conversion_sync.billing.stripe.objects import object_pages

        yield from object_pages(self._client(), catalogue(), window, self._clock())

    @property
    def retention(self) -> timedelta:
        """Stripe lists events for 30 days. Source: specs/billing.md §1.8."""
        return timedelta(days=catalogue().api.retention_days)

    @property
    def history_step(self) -> timedelta:
        """Lists can be asked for any span; one of this length is many pages for a busy account."""
        return timedelta(days=catalogue().api.retention_days)

    def received(self, body: bytes, received_at: datetime) -> Sequence[RawRecord]:  # noqa: ARG002 - events have a time
        """The event in a webhook's body. Stripe is asked only for the lines an invoice comes without."""
        from conversion_sync.billing.stripe.lists import every_line

        return [received(body, lambda invoice: every_line(self._client(), invoice))]

    def normalise(self, customer: CustomerKey, records: Iterable[RawRecord]) -> CustomerBook:
        """The customer's book."""
        return book(customer, records, self._keys)

    def close(self) -> None:
        """Connections belong to a client and go with it."""

    def _client(self) -> Client:
        from conversion_sync.billing.stripe.client import Client

        return Client(
            self.account,
            self._settings.api_key.get_secret_value(),
            self._settings.api_base,
            catalogue(),
            self._sleep,
            self._settings.requests_per_second,
        )


def _now() -> datetime:
    return datetime.now(UTC)


adapter = StripeProvider
