"""Identify: which customers are one payer, which payer a visitor belongs to, and so whose a click is.

    dirty(merge) ──► customer_alias: customers that became another, chains followed to the end
    dirty(identify) ──► visitor_customer ──► touch, under the payer's canonical customer
    what contradicts itself ──► quarantined_identity, never guessed

Works on the customers and visitors whose clicks or evidence changed and on nobody else; whoever changes
hands makes the payments on both sides stale for attribution, and a payer that changed its own.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine

from conversion_sync.model.click import CLICK_ID_ARRAYS
from conversion_sync.store.locks import transaction_lock
from conversion_sync.store.queries import query

MERGE = (
    "analyse_customers",
    "keep_former_payers",
    "find_merges",
    "write_merges",
    "follow_merges",
    "settle_merges",
    "mark_changed_payers",
)


def identify(engine: Engine, *, match_email: bool = False) -> dict[str, int]:
    """Resolves the dirty customers and visitors; returns how many there were and how many it touched."""
    counts = dict.fromkeys(
        ("customers weighed", "visitors", "visitors linked", "customers touched", "identities quarantined"), 0
    )
    with engine.begin() as connection:
        transaction_lock(connection, "identify")
        connection.execute(query("identity/work_tables"))
        connection.execute(query("identity/keep_settings"), {"match_email": match_email})
        counts["customers weighed"] = _merge(connection, match_email)
        counts["visitors"] = connection.execute(query("identity/take_dirty_visitors")).rowcount
        if counts["visitors"]:
            connection.execute(query("identity/analyse_visitors"))
            linked = connection.scalar(query("identity/resolve_visitors"), {"match_email": match_email})
            connection.execute(query("identity/forget_visitors"))
            connection.execute(query("identity/assign_visitors"))
            touched = connection.execute(query("identity/move_touches"), CLICK_ID_ARRAYS).rowcount
            connection.execute(query("identity/mark_events_of_changed_customers"))
            counts |= {"visitors linked": int(linked or 0), "customers touched": touched}
        if counts["visitors"] or counts["customers weighed"]:
            disputed = connection.scalar(query("identity/write_disputes"))
            counts["identities quarantined"] = int(disputed or 0)
    return counts


def _merge(connection: Connection, match_email: bool) -> int:
    """Finds who became whom; what that changes is dirty for the steps after it."""
    customers = connection.execute(query("identity/take_dirty_customers")).rowcount
    if customers:
        for step in MERGE:
            values = {"match_email": match_email} if step == "find_merges" else {}
            connection.execute(query(f"identity/{step}"), values)
    return customers
