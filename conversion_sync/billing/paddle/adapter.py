"""One Paddle account behind the `BillingProvider` protocol."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from conversion_sync.billing.naming import Keys
from conversion_sync.billing.paddle.catalogue import catalogue
from conversion_sync.billing.paddle.normalise import book
from conversion_sync.billing.paddle.records import received
from conversion_sync.billing.paddle.settings import Account
from conversion_sync.billing.provider import RawRecord
from conversion_sync.model.revenue import CustomerBook, CustomerKey
from conversion_sync.model.windows import Window

if TYPE_CHECKING:
    from conversion_sync.billing.paddle.pull import Feed


class PaddleProvider:
    """Pulls events and objects of the account and writes customers' books. Nothing connects before `pull`."""

    provider = "paddle"

    def __init__(self, account: str, settings: Account, sleep: Callable[[float], None] = time.sleep) -> None:
        self.account = account
        self._sleep = sleep
        self._settings = settings
        self._livemode = urlsplit(settings.api_base).hostname not in catalogue().api.test_hosts
        self._keys = Keys(
            provider=self.provider,
            account=account,
            user_id=settings.user_id_custom_data,
            visitor_id=settings.visitor_id_custom_data,
        )

    def pull(self, window: Window) -> Iterator[Sequence[RawRecord]]:
        """Pages of events of the window, the overlap before it included."""
        overlap = timedelta(minutes=self._settings.overlap_minutes)
        yield from self._feed().events(Window(window.start - overlap, window.end))

    @property
    def retention(self) -> timedelta:
        """Paddle lists events for 90 days. Source: specs/billing.md §3.1."""
        return timedelta(days=catalogue().api.retention_days)

    @property
    def history_step(self) -> timedelta:
        """Transactions can be asked for any span; adjustments and subscriptions are walked anew for each."""
        return timedelta(days=catalogue().api.history_step_days)

    def objects(self, window: Window) -> Iterator[Sequence[RawRecord]]:
        """Transactions billed or changed in the window, adjustments and subscriptions, as they are now."""
        yield from self._feed().objects(window, lambda: datetime.now(UTC))

    def received(self, body: bytes, received_at: datetime) -> Sequence[RawRecord]:
        """The event in a webhook's body."""
        return [received(body, received_at, livemode=self._livemode)]

    def normalise(self, customer: CustomerKey, records: Iterable[RawRecord]) -> CustomerBook:
        """The customer's book."""
        return book(customer, records, self._keys)

    def close(self) -> None:
        """Connections belong to the feed and go with it."""

    def _feed(self) -> Feed:
        from conversion_sync.billing.paddle.client import PaddleLists
        from conversion_sync.billing.paddle.pull import Feed

        lists = PaddleLists(
            self.account,
            self._settings.api_key.get_secret_value(),
            self._settings.api_base,
            self._settings.requests_per_minute,
            catalogue(),
            self._sleep,
        )
        return Feed(lists, catalogue(), livemode=self._livemode)


adapter = PaddleProvider
