"""The seam between the pipeline and a billing system.

A provider gives raw records: those of a span of time from its event feed, the objects themselves
where events are too old or were missed, and what its webhooks brought. From all raw records of one
customer it writes that customer's book: revenue events and identity links. Normalising is a pure
function of stored records: no API, no clock, any order, any number of times; which way a record came
makes no difference to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
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

    An object that was listed is a record too: its `event_id` is `object:<object id>:<digest of its
    body>`, so that the same state of it is kept once, its `event_type` is `object.<type>`, and
    `created_at` is when the object was made.
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

    @property
    def retention(self) -> timedelta:
        """How far back `pull` finds everything; what is older, or was missed, comes from `objects`."""
        ...

    @property
    def history_step(self) -> timedelta | None:
        """How much of the past to ask `objects` for at once; None where it is read whole each time."""
        ...

    def objects(self, window: Window) -> Iterator[Sequence[RawRecord]]:
        """Pages of the objects that money and subscriptions of the window are read from, as they are now.

        May hold more than the window's. Raises as `pull`.
        """
        ...

    def received(self, body: bytes, received_at: datetime) -> Sequence[RawRecord]:
        """The records in one webhook's body, whose signature was right; an event has the id `pull` gives it.

        `received_at` is for bodies that have no time of their own. Raises DataError where it is no record.
        """
        ...

    def normalise(self, customer: CustomerKey, records: Iterable[RawRecord]) -> CustomerBook:
        """The customer's book from all of its stored records, in any order."""
        ...

    def close(self) -> None:
        """Release sockets."""
        ...
