"""The seam between the pipeline and a billing system.

A provider pulls raw records for a span of time and, from all raw records of one customer, writes
that customer's book: revenue events and identity links. Normalising is a pure function of stored
records: no API, no clock, any order, any number of times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from conversion_sync.model.revenue import CustomerBook, CustomerKey
from conversion_sync.model.windows import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRecord:
    """One provider record as received. `body` is its JSON text, unchanged; `created_at` aware UTC.

    `customer_ref`, `payment_ref`, `invoice_ref` are what the record itself says, and serve to group
    records by customer. Records that name no customer are resolved through records that share their
    `payment_ref` or `invoice_ref`. A payment reference is a PaymentIntent id, or a charge id where
    there is none; a record that knows both the invoice and the payment links the two.
    """

    event_id: str
    event_type: str
    created_at: datetime
    livemode: bool
    api_version: str | None
    customer_ref: str | None
    invoice_ref: str | None
    payment_ref: str | None
    body: str


class BillingProvider(Protocol):
    """One account at one billing system."""

    @property
    def provider(self) -> str:
        """`stripe`, …"""
        ...

    @property
    def account(self) -> str:
        """The account's name in the configuration."""
        ...

    def pull(self, window: Window) -> Iterator[Sequence[RawRecord]]:
        """Pages of records created in the window, the overlap before it included.

        Raises CredentialError, TransientError (after its own bounded retries) or PermanentError.
        """
        ...

    def normalise(self, customer: CustomerKey, records: Iterable[RawRecord]) -> CustomerBook:
        """The customer's book from all of its stored records, in any order."""
        ...

    def close(self) -> None:
        """Release sockets."""
        ...
