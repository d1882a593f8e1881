"""One Lemon Squeezy account behind the `BillingProvider` protocol."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from conversion_sync.billing.lemon_squeezy.catalogue import catalogue
from conversion_sync.billing.lemon_squeezy.normalise import book
from conversion_sync.billing.lemon_squeezy.records import received
from conversion_sync.billing.lemon_squeezy.settings import Account
from conversion_sync.billing.limiter import shared
from conversion_sync.billing.naming import Keys
from conversion_sync.billing.provider import RawRecord
from conversion_sync.model.revenue import CustomerBook, CustomerKey
from conversion_sync.model.windows import Window

if TYPE_CHECKING:
    from conversion_sync.billing.lemon_squeezy.pages import Lists
    from conversion_sync.billing.lemon_squeezy.pull import Reader

MINUTE = 60.0


class LemonSqueezyProvider:
    """Reads the account's lists and writes customers' books. Nothing connects before `pull`."""

    provider = "lemon_squeezy"

    def __init__(
        self,
        account: str,
        settings: Account,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.account = account
        self._settings, self._sleep, self._now = settings, sleep, now
        self._keys = Keys(
            provider=self.provider,
            account=account,
            user_id=settings.user_id_custom_data,
            visitor_id=settings.visitor_id_custom_data,
        )

    def pull(self, window: Window) -> Iterator[Sequence[RawRecord]]:
        """Pages of rows made or changed in the window and the overlap before it, as far as lists tell."""
        days = self._settings.update_days
        overlap = timedelta(minutes=self._settings.overlap_minutes)
        with closing(self._lists()) as lists:
            yield from self._reader(lists).pull(
                window, overlap, catalogue().api.update_days if days is None else days
            )

    @property
    def retention(self) -> timedelta:
        """Lists hold everything, but show of each row only what it is now. Source: specs/billing.md §4.2."""
        return timedelta(days=catalogue().api.retention_days)

    @property
    def history_step(self) -> None:
        """Lists cannot be asked for a span: each reading of the past reads all of it."""
        return

    def objects(self, window: Window) -> Iterator[Sequence[RawRecord]]:
        """Pages of every row of the window, and of those that changed since it began."""
        with closing(self._lists()) as lists:
            yield from self._reader(lists).crawl(window)

    def received(self, body: bytes, received_at: datetime) -> Sequence[RawRecord]:
        """The webhook's object, and the webhook."""
        return received(body, received_at)

    def normalise(self, customer: CustomerKey, records: Iterable[RawRecord]) -> CustomerBook:
        """The customer's book."""
        return book(customer, records, self._keys)

    def close(self) -> None:
        """Connections belong to a reading and go with it."""

    def _reader(self, lists: Lists) -> Reader:
        from conversion_sync.billing.lemon_squeezy.pull import Reader

        return Reader(lists=lists, catalogue=catalogue(), now=self._now, store=self._settings.store_id)

    def _lists(self) -> Lists:
        from conversion_sync.billing.lemon_squeezy.pages import Lists

        calls = self._settings.requests_per_minute or catalogue().api.calls_per_minute
        return Lists(
            self.account,
            self._settings.api_key.get_secret_value(),
            self._settings.api_base,
            catalogue(),
            shared((self.provider, self._settings.api_base), calls, MINUTE),
            self._sleep,
        )


adapter = LemonSqueezyProvider
