"""Identify: which customer each visitor belongs to, and so which clicks are whose touches.

Works on the visitors whose clicks or links changed and on nobody else; whoever changes hands makes
the payments on both sides stale for attribution.
"""

from __future__ import annotations

from sqlalchemy import Engine

from conversion_sync.model.click import NETWORK_OF_CLICK_ID
from conversion_sync.store.locks import transaction_lock
from conversion_sync.store.queries import query

IDENTIFIERS = {
    "kinds": [kind.value for kind in NETWORK_OF_CLICK_ID],
    "networks": [network.value for network in NETWORK_OF_CLICK_ID.values()],
}


def identify(engine: Engine) -> dict[str, int]:
    """Resolves the dirty visitors; returns how many there were and how many customers it touched."""
    with engine.begin() as connection:
        transaction_lock(connection, "identify")
        connection.execute(query("identity/work_tables"))
        visitors = connection.execute(query("identity/take_dirty_visitors")).rowcount
        if visitors:
            connection.execute(query("identity/analyse_visitors"))
            linked = connection.execute(query("identity/resolve_visitors")).rowcount
            connection.execute(query("identity/forget_visitors"))
            connection.execute(query("identity/assign_visitors"))
            customers = connection.execute(query("identity/move_touches"), IDENTIFIERS).rowcount
            connection.execute(query("identity/mark_events_of_changed_customers"))
        else:
            linked = customers = 0
    return {"visitors": visitors, "visitors linked": linked, "customers touched": customers}
