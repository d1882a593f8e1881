"""Normalise: from all stored records of a customer, that customer's book.

A customer is written as a whole, from everything ever stored about them, so the result does not
depend on the order or the number of times records came. Customers with news are on the `dirty`
list; those with records in the window are redone as well.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import Connection, Row

from conversion_sync.billing.provider import BillingProvider, RawRecord
from conversion_sync.model.identifier import Rule
from conversion_sync.model.revenue import (
    CustomerBook,
    RevenueEvent,
    Transport,
    customer_key,
    lane_of,
)
from conversion_sync.model.windows import Window
from conversion_sync.pipeline.billed_clicks import BilledClicks, links_of
from conversion_sync.pipeline.context import Account, Context
from conversion_sync.pipeline.report import RoomReport
from conversion_sync.platforms.contacts import identify
from conversion_sync.store.copy import copy_rows
from conversion_sync.store.locks import transaction_lock
from conversion_sync.store.partitions import ensure_months
from conversion_sync.store.queries import query

CUSTOMERS_AT_ONCE = 500
EVENT_FIELDS = tuple(field.name for field in fields(RevenueEvent))
EVENT_COLUMNS = (*EVENT_FIELDS, "lane", "customer_key", "content_hash", "transport")
PROVENANCE = frozenset({"source_event_id", "source_api_version"})
"""Which record tells a fact: another way to it is no other fact."""
LINK_COLUMNS = ("from_end", "from_id", "to_end", "to_id", "evidence", "source_ref", "linked_at")
IDENTIFIER_COLUMNS = ("customer_key", "rule", "value", "source_ref", "stated_at")
COUNTS = (
    "customers",
    "events",
    "changed",
    "retired",
    "links",
    "parked",
    "identifiers",
    "unidentified",
    "clicks",
    "clicks quarantined",
)
PARKED_COLUMNS = ("provider", "account", "source_ref", "reason", "detail", "customer_key")


def normalise(ctx: Context, window: Window) -> RoomReport:
    """Writes the books of all customers with news and of those with records in the window."""
    counts = dict.fromkeys(COUNTS, 0)
    for account, build in sorted(ctx.providers.items()):
        provider = build()
        try:
            for key, value in normalise_account(ctx, account, provider, window).items():
                counts[key] += value
        finally:
            provider.close()
    return RoomReport(room="revenue_events", counts=counts)


def normalise_account(
    ctx: Context, account: Account, provider: BillingProvider, window: Window | None
) -> dict[str, int]:
    """Writes the books of one account's customers with news, and of those with records in the window."""
    counts = dict.fromkeys(COUNTS, 0)
    rules = asked_rules(ctx)
    with ctx.engine.begin() as connection:
        transaction_lock(connection, "normalise", *account)
        prefix = f"{account[0]}:{account[1]}:"
        connection.execute(
            query("landing/keep_rules"),
            {"provider": account[0], "account": account[1], "prefix": prefix, "rules": sorted(rules)},
        )
        customers = list(
            connection.scalars(
                query("landing/take_dirty_customers"),
                {
                    "provider": account[0],
                    "account": account[1],
                    "prefix_length": len(prefix),
                    "prefix": prefix,
                    "window_start": window.start if window else None,
                    "window_end": window.end if window else None,
                },
            )
        )
        connection.execute(query("landing/book_work_tables"))
        billed = BilledClicks(connection, account, ctx.clock())
        for start in range(0, len(customers), CUSTOMERS_AT_ONCE):
            batch = customers[start : start + CUSTOMERS_AT_ONCE]
            books = list(_books(connection, account, provider, batch))
            # Every event's ledger month exists before the event does, so that a plan never lacks one.
            ensure_months(
                ctx.engine, "conversion", (event.occurred_at for book, _ in books for event in book.events)
            )
            written = _write(connection, account, batch, books) | _identify(
                connection, account, batch, books, rules
            )
            billed.stage([book for book, _ in books])
            for key, value in written.items():
                counts[key] += value
        for key, value in billed.land(ctx.engine).items():
            counts[key] += value
    return counts


def _books(
    connection: Connection, account: Account, provider: BillingProvider, customers: Sequence[str]
) -> Iterator[tuple[CustomerBook, Transport]]:
    rows = connection.execute(
        query("landing/customer_records"),
        {"provider": account[0], "account": account[1], "customers": list(customers)},
    )
    for customer, group in itertools.groupby(rows, key=lambda row: row.resolved_customer):
        records = list(group)
        transport = Transport(min(row.transport for row in records))
        yield provider.normalise(customer_key(*account, customer), map(_record, records)), transport


def _record(row: Row[Any]) -> RawRecord:
    return RawRecord(
        event_id=row.event_id,
        event_type=row.event_type,
        created_at=row.created_at,
        livemode=row.livemode,
        api_version=row.api_version,
        customer_ref=row.customer_ref,
        invoice_ref=row.invoice_ref,
        payment_ref=row.payment_ref,
        body=row.body,
    )


def _write(
    connection: Connection,
    account: Account,
    customers: Sequence[str],
    books: Sequence[tuple[CustomerBook, Transport]],
) -> dict[str, int]:
    keys = [customer_key(*account, customer) for customer in customers]
    connection.execute(query("landing/empty_book_work_tables"))
    copy_rows(
        connection,
        "staged_revenue_event",
        EVENT_COLUMNS,
        [
            (
                *_values(event),
                lane_of(event.kind).value,
                book.customer_key,
                content_hash(event),
                transport.value,
            )
            for book, transport in books
            for event in book.events
        ],
    )
    copy_rows(
        connection,
        "staged_identity_link",
        LINK_COLUMNS,
        [
            tuple(_plain(getattr(link, column)) for column in LINK_COLUMNS)
            for book, _ in books
            for link in (*book.links, *links_of(book))
        ],
    )
    copy_rows(
        connection,
        "staged_parked_record",
        PARKED_COLUMNS,
        [
            (row.provider, row.provider_account, row.source_ref, row.reason, row.detail, book.customer_key)
            for book, _ in books
            for row in book.parked
        ],
    )
    changed = connection.scalar(query("landing/upsert_revenue_events"))
    retired = connection.scalar(query("landing/retire_revenue_events"), {"customers": keys})
    links = connection.scalar(query("landing/upsert_identity_links"))
    connection.execute(query("landing/replace_parked_records"), {"customers": keys})
    return {
        "customers": len(customers),
        "events": sum(len(book.events) for book, _ in books),
        "changed": int(changed or 0),
        "retired": int(retired or 0),
        "links": int(links or 0),
        "parked": sum(len(book.parked) for book, _ in books),
    }


def _identify(
    connection: Connection,
    account: Account,
    customers: Sequence[str],
    books: Sequence[tuple[CustomerBook, Transport]],
    rules: frozenset[Rule],
) -> dict[str, int]:
    """Writes who the customers are, under the rules that accounts send; what made nothing is only counted."""
    made = [(book.customer_key, identify(book.contacts, rules)) for book, _ in books]
    copy_rows(
        connection,
        "staged_identifier",
        IDENTIFIER_COLUMNS,
        [
            (customer, value.rule.value, value.value, value.source_ref, value.stated_at)
            for customer, found in made
            for value in found.values
        ],
    )
    keys = [customer_key(*account, customer) for customer in customers]
    connection.execute(query("landing/mark_changed_emails"), {"customers": keys})
    written = connection.scalar(query("landing/replace_identifiers"), {"customers": keys})
    return {
        "identifiers": int(written or 0),
        "unidentified": sum(sum(found.dropped.values()) for _, found in made),
    }


def asked_rules(ctx: Context) -> frozenset[Rule]:
    """The rules that any enabled ad account sends identifiers under, and the one that matches by e-mail."""
    sent = {Rule(rule) for facts in ctx.catalogues.values() for rule in facts.rules}
    return frozenset(sent | {Rule.EMAIL_PLAIN} if ctx.settings.identity.match_email else sent)


def content_hash(event: RevenueEvent) -> str:
    """A digest of what the event says, whichever record says it: only a difference there is a revision."""
    values = [_canonical(_plain(getattr(event, name))) for name in EVENT_FIELDS if name not in PROVENANCE]
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=datetime.isoformat).encode()).hexdigest()


def _values(event: RevenueEvent) -> tuple[object, ...]:
    return tuple(_canonical(_plain(getattr(event, name))) for name in EVENT_FIELDS)


def _plain(value: object) -> object:
    return value.value if isinstance(value, Enum) else value


def _canonical(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else value
