"""Click ids in billing objects become clicks of their customer, judged as the rows of a click table are.

Their source is `billing_metadata:<provider>:<account>`, their visitor `customer:<key>`, whom a link of the
same evidence makes the customer's. A customer's are replaced as a whole, like the rest of the book.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from conversion_sync.clicks.normalise import read_row
from conversion_sync.clicks.source import ClickPage
from conversion_sync.model.click import Click, QuarantinedClick
from conversion_sync.model.revenue import BilledClick, CustomerBook, CustomerKey, IdentityLink, LinkEnd
from conversion_sync.pipeline.context import Account
from conversion_sync.pipeline.land_clicks import stage
from conversion_sync.store.copy import copy_rows
from conversion_sync.store.partitions import ensure_months
from conversion_sync.store.queries import query

UTC = ZoneInfo("UTC")
EVIDENCE = "billing_metadata:click_id"


def visitor_of(customer: CustomerKey) -> str:
    """The visitor a customer's billed clicks are of: no browser is called so."""
    return f"customer:{customer}"


def links_of(book: CustomerBook) -> Iterator[IdentityLink]:
    """That the visitor of these clicks is the customer."""
    for first in book.clicks[:1]:
        yield IdentityLink(
            from_end=LinkEnd.VISITOR,
            from_id=visitor_of(book.customer_key),
            to_end=LinkEnd.CUSTOMER,
            to_id=book.customer_key,
            evidence=EVIDENCE,
            source_ref=first.source_ref,
            linked_at=first.clicked_at,
        )


def read(
    source: str, customer: CustomerKey, billed: BilledClick, now: datetime
) -> list[Click | QuarantinedClick]:
    """The click, or why it is none; an object may hold several, told apart by their ids."""
    ids = "\x1f".join(f"{kind}={value}" for kind, value in sorted(billed.click_ids.items()))
    digest = hashlib.sha256(ids.encode(errors="replace")).hexdigest()[:8]
    row = {
        "click_ref": f"{billed.source_ref}:{digest}",
        "clicked_at": billed.clicked_at,
        "visitor_id": visitor_of(customer),
        "ad_user_data": billed.ad_user_data,
        "ad_personalization": billed.ad_personalization,
        **billed.click_ids,
    }
    return read_row(source, row, UTC, now)


class BilledClicks:
    """Those of one account's customers, staged with their books and landed once all are staged.

    Only then is table `click` touched: a month that is missing is made by another connection, which would
    wait for this one.
    """

    def __init__(self, connection: Connection, account: Account, now: datetime) -> None:
        self._connection, self._now, self._refused = connection, now, 0
        self._source = ":".join(("billing_metadata", *account))
        connection.execute(query("landing/billed_work_tables"))

    def stage(self, books: Sequence[CustomerBook]) -> None:
        """The clicks in these books, and that nothing else is left of these customers'."""
        found = [
            one
            for book in books
            for billed in book.clicks
            for one in read(self._source, book.customer_key, billed, self._now)
        ]
        page = ClickPage(
            clicks=[one for one in found if isinstance(one, Click)],
            quarantined=[one for one in found if isinstance(one, QuarantinedClick)],
        )
        self._refused += len(page.quarantined)
        visitors = [(visitor_of(book.customer_key),) for book in books]
        stage(self._connection, page)
        copy_rows(self._connection, "billed_visitor", ("visitor_id",), visitors)

    def land(self, engine: Engine) -> dict[str, int]:
        """Replaces the staged customers' clicks; returns how many changed and how many cannot be used."""
        stage(self._connection, ClickPage(clicks=(), quarantined=()))
        self._connection.execute(query("landing/analyse_clicks"))
        ensure_months(engine, "click", self._connection.scalars(query("landing/months_of_clicks")))
        at = {"source": self._source}
        gone = self._connection.scalar(query("landing/retire_billed_clicks"), at)
        landed = self._connection.execute(query("landing/land_clicks"), {"window_start": self._now}).one()
        self._connection.execute(query("landing/quarantine_clicks"))
        return {"clicks": int(landed.rows_new) + int(gone or 0), "clicks quarantined": self._refused}
