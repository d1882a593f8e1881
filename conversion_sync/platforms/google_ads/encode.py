"""What both of Google's APIs ask of a ledger row, and the parts of it they word alike.

A conversion's order id at the Google Ads API and its transaction id at Data Manager are the same; a
correction names its conversion by it alone. Source: specs/google_ads.md §2.3 (identifiers), §3 (corrections).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from conversion_sync.model.conversion import ConversionKind, Outbound, Verb
from conversion_sync.platforms.amounts import money_fault
from conversion_sync.platforms.checks import unsound
from conversion_sync.platforms.identifiers import filled

CLICK_KINDS = ("gclid", "gbraid", "wbraid")
ACTION_ID = re.compile(r"[0-9]+")
SHORTEST_TRANSACTION_ID = 4
CORRECTIONS = frozenset({Verb.RESTATE, Verb.RETRACT})


def action_id(row: Outbound) -> str:
    """The number of the row's conversion action; "" where the configuration gives none."""
    return row.target.get("conversion_action_id", "")


def identifiers(row: Outbound) -> Mapping[str, str]:
    """The click's ids that may travel together: gclid with gbraid, else one alone."""
    known = {kind: value for kind in CLICK_KINDS if (value := row.click_ids.get(kind))}
    if row.click_id and row.click_id_kind in CLICK_KINDS:
        known.setdefault(row.click_id_kind, row.click_id)
    if "wbraid" in known and len(known) > 1:
        del known["wbraid"]
    return known


def people(row: Outbound, fields: Mapping[str, str], clicked: Mapping[str, str]) -> dict[str, str]:
    """Who the customer is, by the API's names (`fields`): beside a gclid or alone, never beside others."""
    if not fields or not row.identifiers or (clicked and "gclid" not in clicked):
        return {}
    return filled(row.identifiers, fields)


def invalid(row: Outbound, fields: Mapping[str, str]) -> str | None:
    """Why Google would refuse the row; None when it is fine. `fields` are its names for who a customer is."""
    if not ACTION_ID.fullmatch(action_id(row)):
        return "The action has no numeric conversion_action_id for this account."
    if len(row.vendor_id) < SHORTEST_TRANSACTION_ID:
        return "The transaction id is too short."
    known = identifiers(row)
    if not known and not people(row, fields, known):
        return "The row has neither gclid nor gbraid nor wbraid."
    if row.kind is ConversionKind.ADJUSTMENT:
        return unsound(row) or _invalid_adjustment(row, known)
    return unsound(row) or money_fault(row.value)


def _invalid_adjustment(row: Outbound, known: Mapping[str, str]) -> str | None:
    if row.verb not in CORRECTIONS:
        return f"A correction cannot {row.verb.value}."
    if known.keys() == {"wbraid"}:
        return "Google cannot correct conversions of wbraid clicks."
    if row.adjusted_at is None:
        return "The correction has no time at which it takes effect."
    if row.verb is Verb.RESTATE and (row.value is None or row.value.minor <= 0):
        return "A restatement needs a value above zero; to nothing it is a retraction."
    return money_fault(row.value)
