"""What is wrong with a row of UploadClickConversions, in the order Google looks: form, copies, click, people.

Source: specs/google_ads.md §2.2 to §2.7, §8.3.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from conversion_sync.sandbox.currencies import CURRENCIES
from conversion_sync.sandbox.data_manager_rows import WELL_FORMED, YOUNGEST_CLICK
from conversion_sync.sandbox.entries import Conversion, Entry, exact
from conversion_sync.sandbox.google_ads_adjustments import PLATFORM, action_id
from conversion_sync.sandbox.google_ads_failures import Fault
from conversion_sync.sandbox.google_ads_standing import ActionStanding, Standing, too_young
from conversion_sync.sandbox.google_ads_times import read_time
from conversion_sync.sandbox.vendors import Vendors

GROUP = "conversion_upload_error."
CLICK_FIELDS = ("gclid", "gbraid", "wbraid")
MOST_IDENTIFIERS = 5
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
SHA_256 = re.compile(r"[0-9a-f]{64}")
HASH_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@dataclass(frozen=True, slots=True)
class Twins:
    """How often each order id and each (click, time) occurs in the request, per action."""

    orders: Counter[tuple[str, str]]
    clicks: Counter[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A row whose conversion is here already: refused, and nothing of it changes."""

    entry: Entry
    fault: Fault


def twins_of(rows: Sequence[Any]) -> Twins:
    """The copies within one request."""
    return Twins(
        Counter((action_id(row.conversion_action), row.order_id) for row in rows if row.order_id),
        Counter(_click_and_time(row) for row in rows),
    )


def judged(
    vendors: Vendors, customer: str, row: Any, twins: Twins, now: datetime
) -> Conversion | Repeat | Fault:
    """What a row means, or its first fault."""
    at = read_time(row.conversion_date_time, "conversion_date_time", now)
    if isinstance(at, Fault):
        return at
    case = _Case(vendors, vendors.google_ads.now, customer, row, action_id(row.conversion_action), at, now)
    first = next(_form_faults(case, twins), None)
    found = first or _repeat(case) or next(_click_faults(case), None)
    return found or _conversion(case)


@dataclass(frozen=True, slots=True)
class _Case:
    """A row with what is looked up for it."""

    vendors: Vendors
    standing: Standing
    customer: str
    row: Any
    action: str
    at: datetime
    now: datetime

    @property
    def kept(self) -> ActionStanding:
        return self.standing.action(self.action)


def _form_faults(case: _Case, twins: Twins) -> Iterator[Fault]:
    yield from _action_faults(case)
    yield from _value_faults(case.row)
    yield from _combination_faults(case)
    yield from _attribution_faults(case)
    if case.row.user_identifiers:
        yield from _identifier_faults(case.row)
        yield from _terms_faults(case.standing)
    yield from _twin_faults(case, twins)


def _conversion(case: _Case) -> Conversion:
    row = case.row
    kind, click_id = _click_id(row)
    return Conversion(
        platform=PLATFORM,
        account=case.customer,
        action=case.action,
        vendor_id=row.order_id,
        click_kind=kind,
        click_id=click_id,
        matched=True,
        value=exact(row.conversion_value) if row.HasField("conversion_value") else None,
        currency=row.currency_code or None,
        occurred_at=case.at,
        received_at=case.now,
    )


def _bad(name: str, field: str = "") -> Fault:
    return Fault(GROUP + name, field, name.replace("_", " ").capitalize() + ".")


def _required(field: str) -> Fault:
    return Fault("field_error.REQUIRED", field, "The required field was not present.")


def _must_be_unset(field: str) -> Fault:
    return Fault("field_error.VALUE_MUST_BE_UNSET", field, "The field must be unset.")


def _click_id(row: Any) -> tuple[str, str]:
    for kind in CLICK_FIELDS:
        if getattr(row, kind):
            return kind, getattr(row, kind)
    return "", ""


def _click_and_time(row: Any) -> tuple[str, str, str]:
    return action_id(row.conversion_action), _click_id(row)[1], row.conversion_date_time


def _action_faults(case: _Case) -> Iterator[Fault]:
    """Rules 17, 19 and 20."""
    row, kept = case.row, case.kept
    if case.standing.conversion_customer not in {None, case.customer}:
        yield _bad("UNAUTHORIZED_CUSTOMER")
    if not row.conversion_action:
        yield _required("conversion_action")
    known = {known for _, known in case.vendors.credentials.google_actions}
    if case.action not in known or kept.status == "REMOVED":
        yield _bad("NO_CONVERSION_ACTION_FOUND", "conversion_action")
    if kept.type != "UPLOAD_CLICKS":
        yield _bad("INVALID_CONVERSION_ACTION_TYPE", "conversion_action")
    if too_young(kept.created_at, case.now):
        yield _bad("TOO_RECENT_CONVERSION_ACTION", "conversion_action")
    if not _click_id(row)[0] and not row.user_identifiers:
        yield _required("gclid")


def _value_faults(row: Any) -> Iterator[Fault]:
    """Rules 31 (order ids) and 33."""
    if EMAIL.search(row.order_id):
        yield _bad("ORDER_ID_CONTAINS_PII", "order_id")
    if row.currency_code and row.currency_code not in CURRENCIES:
        yield Fault("currency_code_error.UNSUPPORTED", "currency_code", "Unknown currency.")
    if not math.isfinite(row.conversion_value) or row.conversion_value < 0:
        yield Fault("field_error.INVALID_VALUE", "conversion_value", "The value is not valid.")


def _combination_faults(case: _Case) -> Iterator[Fault]:
    """Rules 22, 23 and 34: what may not stand beside what."""
    row = case.row
    if row.gbraid and row.wbraid:
        yield _bad("GBRAID_WBRAID_BOTH_SET", "gbraid")
    if row.wbraid and (row.gclid or row.user_identifiers):
        yield _must_be_unset("wbraid")
    if case.standing.strict_identifiers and row.gclid and row.gbraid:
        yield _must_be_unset("gbraid")
    if (row.gbraid or row.wbraid) and case.kept.counting == "ONE_PER_CLICK":
        yield _bad("ONE_PER_CLICK_CONVERSION_ACTION_NOT_PERMITTED_WITH_BRAID", "conversion_action")
    yield from _variable_faults(case)
    yield from _session_faults(case)


def _variable_faults(case: _Case) -> Iterator[Fault]:
    """Rules 23 and 31: custom variables."""
    row = case.row
    if row.custom_variables and (row.gbraid or row.wbraid):
        yield _must_be_unset("custom_variables")
    for variable in row.custom_variables:
        if EMAIL.search(variable.value):
            yield _bad("CUSTOM_VARIABLE_VALUE_CONTAINS_PII", "custom_variables")
        if variable.conversion_custom_variable not in case.standing.enabled_variables:
            yield _bad("CUSTOM_VARIABLE_NOT_ENABLED", "custom_variables")


def _session_faults(case: _Case) -> Iterator[Fault]:
    row = case.row
    session = row.session_attributes_encoded or row.HasField("session_attributes_key_value_pairs")
    if (session or row.user_ip_address) and not case.standing.session_attributes_allowed:
        yield Fault("not_allowlisted_error.CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE", "user_ip_address")


def _attribution_faults(case: _Case) -> Iterator[Fault]:
    """Rule 32."""
    row = case.row
    external = row.HasField("external_attribution_data")
    if not case.kept.externally_attributed:
        if external:
            name = "EXTERNAL_ATTRIBUTION_DATA_SET_FOR_NON_EXTERNALLY_ATTRIBUTED_CONVERSION_ACTION"
            yield _bad(name, "external_attribution_data")
        return
    if not external:
        name = "EXTERNAL_ATTRIBUTION_DATA_NOT_SET_FOR_EXTERNALLY_ATTRIBUTED_CONVERSION_ACTION"
        yield _bad(name, "external_attribution_data")
    if row.order_id:
        yield _bad("ORDER_ID_NOT_PERMITTED_FOR_EXTERNALLY_ATTRIBUTED_CONVERSION_ACTION", "order_id")
    if row.user_identifiers:
        name = "EXTERNALLY_ATTRIBUTED_CONVERSION_ACTION_NOT_PERMITTED_WITH_USER_IDENTIFIER"
        yield _bad(name, "user_identifiers")


def _identifier_faults(row: Any) -> Iterator[Fault]:
    """Rule 29."""
    if len(row.user_identifiers) > MOST_IDENTIFIERS:
        yield Fault("collection_size_error.TOO_MANY", "user_identifiers", "Too many.")
    for identifier in row.user_identifiers:
        kind = identifier.WhichOneof("identifier")
        if kind not in {"hashed_email", "hashed_phone_number"}:
            yield _bad("UNSUPPORTED_USER_IDENTIFIER", "user_identifiers")
        elif getattr(identifier, kind) == HASH_OF_NOTHING or not SHA_256.fullmatch(getattr(identifier, kind)):
            yield _bad("INVALID_USER_IDENTIFIER", "user_identifiers")


def _terms_faults(standing: Standing) -> Iterator[Fault]:
    """Rule 30."""
    if not standing.terms_accepted:
        yield _bad("CUSTOMER_NOT_ACCEPTED_CUSTOMER_DATA_TERMS")
    if not standing.leads_enabled:
        yield _bad("CUSTOMER_NOT_ENABLED_ENHANCED_CONVERSIONS_FOR_LEADS")
    if standing.policy_prohibits:
        yield _bad("CUSTOMER_DATA_POLICY_PROHIBITS_ENHANCED_CONVERSIONS")


def _twin_faults(case: _Case, twins: Twins) -> Iterator[Fault]:
    if case.row.order_id and twins.orders[case.action, case.row.order_id] > 1:
        yield _bad("DUPLICATE_ORDER_ID", "order_id")
    if _by_click(case) and twins.clicks[_click_and_time(case.row)] > 1:
        yield _bad("DUPLICATE_CLICK_CONVERSION_IN_REQUEST")


def _repeat(case: _Case) -> Repeat | None:
    """Rule 28: an order id already used, else the same click, time and action."""
    books, row = case.vendors.books, case.row
    if not books.drops_copies(PLATFORM):
        return None
    entry = books.find(PLATFORM, case.customer, case.action, row.order_id) if row.order_id else None
    if entry is not None:
        return Repeat(entry, _bad("ORDER_ID_ALREADY_IN_USE", "order_id"))
    if _by_click(case):
        for entry in books.of_click(PLATFORM, case.customer, case.action, _click_id(row)[1]):
            if entry.first.occurred_at == case.at:
                return Repeat(entry, _bad("CLICK_CONVERSION_ALREADY_EXISTS"))
    return None


def _by_click(case: _Case) -> bool:
    """Whether click and time tell copies apart, which Google leaves open for rows with an order id (§2.6)."""
    return not case.row.order_id or case.standing.strict_copies


def _click_faults(case: _Case) -> Iterator[Fault]:
    """Rules 21 and 24 to 27."""
    kind, value = _click_id(case.row)
    if not kind:
        yield _bad("CLICK_NOT_FOUND")
        return
    if value in case.standing.foreign_clicks:
        yield _bad("INVALID_CUSTOMER_FOR_CLICK", kind)
    click = case.vendors.clicks.find(kind, value)
    if click is None:
        known_form = WELL_FORMED.fullmatch(value)
        yield _bad("EVENT_NOT_FOUND" if known_form else f"UNPARSEABLE_{kind.upper()}", kind)
    else:
        yield from _age_faults(case, kind, click.clicked_at)


def _age_faults(case: _Case, kind: str, clicked_at: datetime) -> Iterator[Fault]:
    since = case.standing.tracking_since
    if since is not None and clicked_at < since:
        yield _bad("CONVERSION_TRACKING_NOT_ENABLED_AT_IMPRESSION_TIME", kind)
    if case.now - clicked_at < YOUNGEST_CLICK:
        yield _bad("TOO_RECENT_EVENT", kind)
    if case.at < clicked_at.replace(microsecond=0):
        yield _bad("CONVERSION_PRECEDES_EVENT", "conversion_date_time")
    if case.at - clicked_at > timedelta(days=case.kept.lookback_days):
        yield _bad("EXPIRED_EVENT", kind)
