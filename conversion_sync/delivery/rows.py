"""Rows of the ledger as they are sent: read with the click they are sent for and who the customer is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from conversion_sync.delivery.desk import Desk, Keyed, keys
from conversion_sync.model.conversion import ConversionId, ConversionKind, Outbound, Verb
from conversion_sync.model.money import Money
from conversion_sync.platforms.identifiers import NOBODY
from conversion_sync.store.queries import query

KINDS = {kind.value: kind for kind in ConversionKind}
VERBS = {verb.value: verb for verb in Verb}


class Claimed(NamedTuple):
    """A row in flight, with what deciding about it needs."""

    row: Outbound
    attempts: int
    first_sent_at: datetime
    batch_group: str
    in_doubt: bool
    """An earlier copy of it may have arrived."""
    batch_id: str = ""
    """Of the claim that put it in flight."""
    later_code: str | None = None
    """Why it last had to wait, which happened `later_tries` times in a row since `later_since`."""
    later_tries: int = 0
    later_since: datetime | None = None
    original_sent_at: datetime | None = None
    """When the conversion a correction corrects was sent."""


def read(connection: Connection, desk: Desk, rows: Sequence[Keyed]) -> list[Claimed]:
    """Ledger rows as adapters see them, in the order they are named."""
    if not rows:
        return []
    found = connection.execute(query("delivery/outbound"), keys(rows)).all()
    people = _people(connection, desk, rows)
    return [_claimed(desk, people.get(row.conversion_id, NOBODY), *row) for row in found]


def _people(connection: Connection, desk: Desk, rows: Sequence[Keyed]) -> Mapping[str, Mapping[str, str]]:
    """Who the customers of rows are, by conversion id, as far as the account may be told."""
    if not desk.rules:
        return {}
    wanted = {**keys(rows), "rules": list(desk.rules)}
    found = connection.execute(query("delivery/identifiers"), wanted)
    return {row.conversion_id: row.identifiers for row in found}


def _claimed(  # noqa: PLR0917
    desk: Desk,
    identifiers: Mapping[str, str],
    conversion_id: str,
    vendor_id: str,
    kind: str,
    verb: str,
    event_kind: str,
    action: str,
    value_minor: int | None,
    currency: str,
    exponent: int,
    occurred_at: datetime,
    click_id_kind: str | None,
    click_id: str | None,
    clicked_at: datetime | None,
    adjusted_at: datetime | None,
    attempts: int,
    first_sent_at: datetime,
    batch_group: str,
    batch_id: str,
    in_doubt: bool,
    later_code: str | None,
    later_tries: int,
    later_since: datetime | None,
    original_sent_at: datetime | None,
    original_at: datetime | None,
    sent_target: dict[str, str] | None,
    other_click_ids: dict[str, str] | None,
    landing_url: str | None,
    user_agent: str | None,
    ip_address: str | None,
    ad_user_data: str,
    ad_personalization: str,
) -> Claimed:
    """A row of sql/delivery/outbound.sql, its columns in their order, with who the customer is."""
    only = {click_id_kind: click_id} if click_id_kind and click_id else {}
    return Claimed(
        attempts=attempts,
        first_sent_at=first_sent_at,
        batch_group=batch_group,
        batch_id=batch_id,
        in_doubt=in_doubt,
        later_code=later_code,
        later_tries=later_tries,
        later_since=later_since,
        original_sent_at=original_sent_at,
        row=Outbound(
            conversion_id=ConversionId(conversion_id),
            vendor_id=vendor_id,
            kind=KINDS[kind],
            verb=VERBS[verb],
            event_kind=event_kind,
            action=action,
            target=sent_target or desk.targets.get(action, {}),
            value=None if value_minor is None else Money(value_minor, currency, exponent),
            occurred_at=occurred_at,
            click_id_kind=click_id_kind,
            click_id=click_id,
            click_ids=only if other_click_ids is None else other_click_ids,
            clicked_at=clicked_at,
            landing_url=landing_url,
            user_agent=user_agent,
            ip_address=ip_address,
            identifiers=identifiers,
            ad_user_data=ad_user_data,
            ad_personalization=ad_personalization,
            adjusted_at=adjusted_at,
            original_at=original_at,
        ),
    )
