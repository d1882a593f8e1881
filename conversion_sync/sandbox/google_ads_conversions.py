"""ConversionUploadService.UploadClickConversions: closed to new projects, row by row for the others.

Source: specs/google_ads.md §0, §2, §8.2, §8.3.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from conversion_sync.sandbox.currencies import CURRENCIES
from conversion_sync.sandbox.data_manager_rows import WELL_FORMED, YOUNGEST_CLICK
from conversion_sync.sandbox.entries import Conversion, Copies, exact
from conversion_sync.sandbox.google_ads_adjustments import PLATFORM, action_id, check_request, new_job_id
from conversion_sync.sandbox.google_ads_failures import (
    CallFault,
    Fault,
    partial_failure,
    row_failures,
)
from conversion_sync.sandbox.google_ads_times import read_time
from conversion_sync.sandbox.vendors import Vendors

ROWS = "conversions"
GROUP = "conversion_upload_error."
MOST_ROWS = 2000
LOOKBACK = timedelta(days=90)
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(frozen=True, slots=True)
class Twins:
    """How often each order id and each (click, time) occurs in the request, per action."""

    orders: Counter[tuple[str, str]]
    clicks: Counter[tuple[str, str, str]]


def upload_clicks(vendors: Vendors, request: Any, request_id: str, *, allow_listed: bool) -> Any:
    """Take each good row in. Raises CallFault for faults of the whole request."""
    from google.ads.googleads.v26.services.types import conversion_upload_service as service

    if not allow_listed:
        code = "not_allowlisted_error.CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE"
        raise CallFault("PERMISSION_DENIED", Fault(code, "", "The customer is not allowlisted."))
    check_request(request, ROWS, MOST_ROWS, GROUP + "TOO_MANY_CONVERSIONS_IN_REQUEST", GROUP)
    now = vendors.clock.now()
    rows = request.conversions
    twins = Twins(
        Counter((action_id(row.conversion_action), row.order_id) for row in rows if row.order_id),
        Counter(
            (action_id(row.conversion_action), _click_id(row)[1], row.conversion_date_time) for row in rows
        ),
    )
    response = service.UploadClickConversionsResponse.pb()(job_id=request.job_id or new_job_id())
    faults: list[list[Fault]] = []
    for row in rows:
        conversion = _conversion(vendors, request.customer_id, row, twins, now)
        faults.append([conversion] if isinstance(conversion, Fault) else [])
        if request.validate_only:
            continue
        result = response.results.add()
        if isinstance(conversion, Conversion):
            vendors.books.accept(conversion, Copies.OVERWRITES)
            result.gclid, result.gbraid, result.wbraid = row.gclid, row.gbraid, row.wbraid
            result.conversion_action = row.conversion_action
            result.conversion_date_time = row.conversion_date_time
    box = row_failures(ROWS, faults, request_id)
    if box is not None:
        response.partial_failure_error.CopyFrom(partial_failure(box))
    return response


def _bad(name: str, field: str = "") -> Fault:
    return Fault(GROUP + name, field, name.replace("_", " ").capitalize() + ".")


def _click_id(row: Any) -> tuple[str, str]:
    for kind in ("gclid", "gbraid", "wbraid"):
        if getattr(row, kind):
            return kind, getattr(row, kind)
    return "", ""


def _click_and_time(row: Any) -> tuple[str, str, str]:
    return action_id(row.conversion_action), _click_id(row)[1], row.conversion_date_time


def _conversion(vendors: Vendors, customer: str, row: Any, twins: Twins, now: datetime) -> Conversion | Fault:
    """What a row means, or its first fault."""
    action = action_id(row.conversion_action)
    at = read_time(row.conversion_date_time, "conversion_date_time", now)
    if isinstance(at, Fault):
        return at
    fault = (
        _form_fault(vendors, row, action)
        or _duplicate_fault(vendors, customer, action, row, twins)
        or _click_fault(vendors, row, at, now)
    )
    if fault:
        return fault
    kind, click_id = _click_id(row)
    return Conversion(
        platform=PLATFORM,
        account=customer,
        action=action,
        vendor_id=row.order_id,
        click_kind=kind,
        click_id=click_id,
        matched=True,
        value=exact(row.conversion_value) if row.HasField("conversion_value") else None,
        currency=row.currency_code or None,
        occurred_at=at,
        received_at=now,
    )


def _form_fault(vendors: Vendors, row: Any, action: str) -> Fault | None:
    """Faults of the row alone, in the order of §8.3."""
    if not row.conversion_action:
        return Fault("field_error.REQUIRED", "conversion_action", "The required field was not present.")
    if action not in {known for _, known in vendors.credentials.google_actions}:
        return _bad("NO_CONVERSION_ACTION_FOUND", "conversion_action")
    if not _click_id(row)[0] and not row.user_identifiers:
        return Fault("field_error.REQUIRED", "gclid", "The required field was not present.")
    if EMAIL.search(row.order_id):
        return _bad("ORDER_ID_CONTAINS_PII", "order_id")
    return _value_fault(row) or _identifier_fault(row)


def _value_fault(row: Any) -> Fault | None:
    if row.currency_code and row.currency_code not in CURRENCIES:
        return Fault("currency_code_error.UNSUPPORTED", "currency_code", "Unknown currency.")
    if not math.isfinite(row.conversion_value) or row.conversion_value < 0:
        return Fault("field_error.INVALID_VALUE", "conversion_value", "The value is not valid.")
    return None


def _identifier_fault(row: Any) -> Fault | None:
    if row.gbraid and row.wbraid:
        return _bad("GBRAID_WBRAID_BOTH_SET", "gbraid")
    if row.wbraid and (row.gclid or row.user_identifiers):
        return Fault("field_error.VALUE_MUST_BE_UNSET", "wbraid", "The field must be unset.")
    if len(row.user_identifiers) > 5:
        return Fault("collection_size_error.TOO_MANY", "user_identifiers", "Too many.")
    for identifier in row.user_identifiers:
        kind = identifier.WhichOneof("identifier")
        if kind not in {"hashed_email", "hashed_phone_number"}:
            return _bad("UNSUPPORTED_USER_IDENTIFIER", "user_identifiers")
        if not re.fullmatch(r"[0-9a-f]{64}", getattr(identifier, kind)):
            return _bad("INVALID_USER_IDENTIFIER", "user_identifiers")
    return None


def _duplicate_fault(vendors: Vendors, customer: str, action: str, row: Any, twins: Twins) -> Fault | None:
    """Source: §2.6, §8.3 rule 28."""
    if row.order_id:
        if twins.orders[action, row.order_id] > 1:
            return _bad("DUPLICATE_ORDER_ID", "order_id")
        if vendors.books.find(PLATFORM, customer, action, row.order_id):
            return _bad("ORDER_ID_ALREADY_IN_USE", "order_id")
        return None
    click_id = _click_id(row)[1]
    if twins.clicks[_click_and_time(row)] > 1:
        return _bad("DUPLICATE_CLICK_CONVERSION_IN_REQUEST")
    at = datetime.fromisoformat(row.conversion_date_time)
    same = vendors.books.of_click(PLATFORM, customer, action, click_id)
    if any(entry.first.occurred_at == at for entry in same):
        return _bad("CLICK_CONVERSION_ALREADY_EXISTS")
    return None


def _click_fault(vendors: Vendors, row: Any, at: datetime, now: datetime) -> Fault | None:
    kind, value = _click_id(row)
    if not kind:
        return _bad("CLICK_NOT_FOUND")
    click = vendors.clicks.find(kind, value)
    if click is None:
        known_form = WELL_FORMED.fullmatch(value)
        return _bad("EVENT_NOT_FOUND" if known_form else f"UNPARSEABLE_{kind.upper()}", kind)
    if now - click.clicked_at < YOUNGEST_CLICK:
        return _bad("TOO_RECENT_EVENT", kind)
    if at < click.clicked_at:
        return _bad("CONVERSION_PRECEDES_EVENT", "conversion_date_time")
    if at - click.clicked_at > LOOKBACK:
        return _bad("EXPIRED_EVENT", kind)
    return None
