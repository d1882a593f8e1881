"""Pulls Stripe's events for a window.

Types are asked for by name, at most twenty a request, so a window is read once for each chunk of the list:
unfiltered listing would also move every event type that has nothing to do with revenue.
Source: specs/billing.md §1.8.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial

from conversion_sync.billing.provider import RawRecord
from conversion_sync.billing.stripe.catalogue import StripeCatalogue
from conversion_sync.billing.stripe.client import Client
from conversion_sync.billing.stripe.lists import Question, ask_all, every_line
from conversion_sync.billing.stripe.records import record_of
from conversion_sync.model.windows import Window


def event_pages(
    client: Client, catalogue: StripeCatalogue, window: Window, overlap: timedelta
) -> Iterator[Sequence[RawRecord]]:
    """Pages of records created in [start - overlap, end), in any order. Raises as `Client.page`."""
    names = [*catalogue.events.read, *catalogue.events.kept]
    size = catalogue.api.types_per_request
    questions = [
        Question(
            path="/v1/events",
            low=int((window.start - overlap).timestamp()),
            high=int(window.end.timestamp()),
            filters={"types": names[first : first + size]},
        )
        for first in range(0, len(names), size)
    ]
    lines = partial(every_line, client)
    for _, rows in ask_all(client, questions):
        try:
            records = [record_of(row, lines) for row in rows]
        except (OSError, OverflowError, TypeError, ValueError):
            raise client.nonsense("/v1/events") from None
        yield records
