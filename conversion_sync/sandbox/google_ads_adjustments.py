"""ConversionAdjustmentUploadService: retractions and restatements of what is in the books.

Source: specs/google_ads.md §3.1 to §3.3, §8.4.
"""

from __future__ import annotations

import math
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from conversion_sync.sandbox.currencies import CURRENCIES
from conversion_sync.sandbox.entries import Adjustment, Entry, exact
from conversion_sync.sandbox.faults import RowError
from conversion_sync.sandbox.google_ads_failures import (
    Fault,
    invalid,
    partial_failure,
    planned_faults,
    row_failures,
)
from conversion_sync.sandbox.google_ads_standing import too_young
from conversion_sync.sandbox.google_ads_times import read_time
from conversion_sync.sandbox.vendors import Vendors

PLATFORM = "google_ads"
ROWS = "conversion_adjustments"
GROUP = "conversion_adjustment_upload_error."
MOST_ROWS, MOST_ADJUSTMENTS = 2000, 50
RETRACTION, RESTATEMENT = 2, 3
ADJUSTABLE = frozenset({"SALESFORCE", "UPLOAD_CLICKS", "WEBPAGE"})
OLDEST = timedelta(days=54)
PENDING_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Target:
    """A good row: what it adjusts, or nothing known yet under the order id."""

    entry: Entry | None
    action: str
    order_id: str
    adjustment: Adjustment


def upload_adjustments(
    vendors: Vendors, request: Any, request_id: str, planned: Sequence[RowError] = ()
) -> Any:
    """Apply each row on its own. Raises CallFault for faults of the whole request."""
    from google.ads.googleads.v26.services.types import conversion_adjustment_upload_service as service

    check_request(request, ROWS, MOST_ROWS, GROUP + "TOO_MANY_ADJUSTMENTS_IN_REQUEST", GROUP)
    now = vendors.clock.now()
    rows = request.conversion_adjustments
    response = service.UploadConversionAdjustmentsResponse.pb()(job_id=request.job_id or new_job_id())
    repeated = Counter(_sameness(row) for row in rows)
    told = planned_faults(planned, len(rows))
    faults: list[list[Fault]] = []
    for index, row in enumerate(rows):
        target = (
            _bad("DUPLICATE_ADJUSTMENT_IN_REQUEST")
            if repeated[_sameness(row)] > 1
            else _target(vendors, request.customer_id, row, now)
        )
        own = [*told.of_row.get(index, ()), *([target] if isinstance(target, Fault) else [])]
        faults.append(own)
        if request.validate_only:
            continue
        result = response.results.add()
        if isinstance(target, Target) and not own and not told.of_request:
            _apply(vendors, request.customer_id, target)
            result.order_id, result.conversion_action = row.order_id, row.conversion_action
            result.adjustment_date_time, result.adjustment_type = (
                row.adjustment_date_time,
                row.adjustment_type,
            )
            result.gclid_date_time_pair.CopyFrom(row.gclid_date_time_pair)
    box = row_failures(ROWS, faults, request_id, told.of_request)
    if box is not None:
        response.partial_failure_error.CopyFrom(partial_failure(box))
    return response


def check_request(request: Any, rows: str, most: int, too_many: str, group: str) -> None:
    """What both upload services ask of a whole request. Raises CallFault. Source: §8.2 rules 12 to 14."""
    if not request.partial_failure:
        raise invalid("partial_failure_error.PARTIAL_FAILURE_MODE_REQUIRED", "partial_failure")
    size = len(getattr(request, rows))
    if size > most:
        raise invalid(too_many, rows, "Too many rows in the request.")
    if size == 0:
        raise invalid("field_error.REQUIRED", rows, "The required field was not present.")
    if request.HasField("job_id") and not 0 < request.job_id < 2**31:
        raise invalid(group + "INVALID_JOB_ID", "job_id")


def new_job_id() -> int:
    """As the server picks them: 2^31 to 2^63 - 1."""
    return 2**31 + secrets.randbelow(2**63 - 2**31)


def action_id(resource_name: str) -> str:
    """The id in `customers/…/conversionActions/<id>`; "" when the name has another form."""
    parts = resource_name.split("/")
    return parts[3] if len(parts) == 4 and parts[2] == "conversionActions" else ""


def _sameness(row: Any) -> tuple[Any, ...]:
    pair = row.gclid_date_time_pair
    return (
        row.conversion_action,
        row.order_id,
        pair.gclid,
        pair.conversion_date_time,
        row.adjustment_type,
        row.adjustment_date_time,
    )


def _bad(name: str, field: str = "") -> Fault:
    return Fault(GROUP + name, field, name.replace("_", " ").capitalize() + ".")


def _target(vendors: Vendors, customer: str, row: Any, now: datetime) -> Target | Fault:
    """What a row means, or its first fault."""
    action = action_id(row.conversion_action)
    fault = next(_action_faults(vendors, action, row, now), None) or _key_fault(row) or _value_fault(row)
    if fault:
        return fault
    at = read_time(row.adjustment_date_time, "adjustment_date_time", now)
    if isinstance(at, Fault):
        return at
    entry = _original(vendors, customer, action, row, now)
    if isinstance(entry, Fault):
        return entry
    fault = _history_fault(entry, row, at, now) if entry else None
    return fault or Target(entry, action, row.order_id, _adjustment(row, at, now))


def _action_faults(vendors: Vendors, action: str, row: Any, now: datetime) -> Iterator[Fault]:
    kept = vendors.google_ads.now.action(action)
    if action not in {known for _, known in vendors.credentials.google_actions} or kept.status == "REMOVED":
        yield _bad("NO_CONVERSION_ACTION_FOUND", "conversion_action")
    if kept.type not in ADJUSTABLE:
        yield _bad("INVALID_CONVERSION_ACTION_TYPE", "conversion_action")
    if too_young(kept.created_at, now):
        yield _bad("TOO_RECENT_CONVERSION_ACTION", "conversion_action")
    if kept.always_default_value and row.adjustment_type == RESTATEMENT:
        name = "CANNOT_RESTATE_CONVERSION_ACTION_THAT_ALWAYS_USES_DEFAULT_CONVERSION_VALUE"
        yield _bad(name, "restatement_value")


def _adjustment(row: Any, at: datetime, now: datetime) -> Adjustment:
    restated = row.restatement_value
    return Adjustment(
        at=at,
        value=None if row.adjustment_type == RETRACTION else exact(restated.adjusted_value),
        currency=restated.currency_code or None,
        received_at=now,
    )


def _key_fault(row: Any) -> Fault | None:
    pair = row.HasField("gclid_date_time_pair")
    if row.HasField("order_id") and not row.order_id:
        return Fault("string_length_error.TOO_SHORT", "order_id", "Too short.")
    if pair and row.order_id:
        return _bad("GCLID_DATE_TIME_PAIR_AND_ORDER_ID_BOTH_SET")
    if not pair and not row.order_id:
        return Fault("field_error.REQUIRED", "order_id", "The required field was not present.")
    return None


def _value_fault(row: Any) -> Fault | None:
    has_value = row.HasField("restatement_value")
    if row.adjustment_type == RETRACTION:
        text = "A retraction takes no value."
        return Fault("field_error.VALUE_MUST_BE_UNSET", "restatement_value", text) if has_value else None
    if row.adjustment_type in {0, 1}:
        return Fault("field_error.REQUIRED", "adjustment_type", "The required field was not present.")
    if row.adjustment_type != RESTATEMENT:
        return _bad("CONVERSION_ACTION_NOT_ELIGIBLE_FOR_ENHANCEMENT")
    return _restated_fault(row.restatement_value, has_value)


def _restated_fault(restated: Any, has_value: bool) -> Fault | None:
    if not has_value or not restated.HasField("adjusted_value"):
        return Fault("field_error.REQUIRED", "restatement_value", "The required field was not present.")
    if not math.isfinite(restated.adjusted_value) or restated.adjusted_value < 0:
        return Fault("field_error.INVALID_VALUE", "restatement_value", "The value is not valid.")
    if restated.currency_code and restated.currency_code not in CURRENCIES:
        return Fault("currency_code_error.UNSUPPORTED", "restatement_value", "Unknown currency.")
    return None


def _original(vendors: Vendors, customer: str, action: str, row: Any, now: datetime) -> Entry | Fault | None:
    """The conversion a row names; None when one may still come; the fault otherwise. Source: §8.4 rule 39."""
    if not row.order_id:
        return _by_pair(vendors, customer, action, row.gclid_date_time_pair, now)
    entry = vendors.books.find(PLATFORM, customer, action, row.order_id)
    if entry is not None:
        braid = entry.first.click_kind == "wbraid"
        return _bad("CONVERSION_NOT_FOUND") if braid else entry
    latest = vendors.books.last_received(PLATFORM, customer)
    if vendors.settle_seconds > 0 and latest is not None and now - latest < PENDING_FOR:
        return None
    return _bad("CONVERSION_NOT_FOUND")


def _by_pair(vendors: Vendors, customer: str, action: str, pair: Any, now: datetime) -> Entry | Fault:
    """A conversion that was uploaded with an order id answers to that id only."""
    at = read_time(pair.conversion_date_time, "gclid_date_time_pair", now)
    if isinstance(at, Fault):
        return at
    for entry in vendors.books.of_click(PLATFORM, customer, action, pair.gclid):
        if not entry.first.vendor_id and entry.first.occurred_at == at:
            return entry
    return _bad("CONVERSION_NOT_FOUND")


def _history_fault(entry: Entry, row: Any, at: datetime, now: datetime) -> Fault | None:
    """What the conversion's time and earlier adjustments forbid. Source: §3.2, §3.3, §8.4 rules 40 to 42."""
    if at <= entry.first.occurred_at:
        return _bad("ADJUSTMENT_PRECEDES_CONVERSION", "adjustment_date_time")
    if now - entry.first.occurred_at > OLDEST:
        return _bad("CONVERSION_EXPIRED")
    if row.adjustment_type == RETRACTION:
        return _bad("CONVERSION_ALREADY_RETRACTED") if entry.retracted else None
    if entry.terminal:
        return None
    latest = max((kept.at for kept in entry.adjustments), default=None)
    if latest is not None and at <= latest:
        same = any(kept.at == at for kept in entry.adjustments)
        return _bad("RESTATEMENT_ALREADY_EXISTS" if same else "MORE_RECENT_RESTATEMENT_FOUND")
    return _bad("TOO_MANY_ADJUSTMENTS") if len(entry.adjustments) >= MOST_ADJUSTMENTS else None


def _apply(vendors: Vendors, customer: str, target: Target) -> None:
    if target.entry is not None:
        vendors.books.adjust(target.entry, target.adjustment)
    else:
        key = (PLATFORM, customer, target.action, target.order_id)
        vendors.books.adjust_later(key, target.adjustment)
