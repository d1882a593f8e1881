"""ConversionUploadService.UploadClickConversions: closed to new projects, row by row for the others.

Source: specs/google_ads.md §0, §2, §8.2; the rules of rows are in google_ads_click_rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from conversion_sync.sandbox.entries import Conversion, Copies
from conversion_sync.sandbox.faults import RowError
from conversion_sync.sandbox.google_ads_adjustments import check_request, new_job_id
from conversion_sync.sandbox.google_ads_click_rules import GROUP, Repeat, judged, twins_of
from conversion_sync.sandbox.google_ads_failures import (
    CallFault,
    Fault,
    partial_failure,
    planned_faults,
    row_failures,
)
from conversion_sync.sandbox.vendors import Vendors

ROWS = "conversions"
MOST_ROWS = 2000
NOT_LISTED = Fault(
    "not_allowlisted_error.CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE",
    "",
    "The customer is not allowlisted for accessing this feature.",
)


def upload_clicks(vendors: Vendors, request: Any, request_id: str, planned: Sequence[RowError] = ()) -> Any:
    """Take each good row in. Raises CallFault for faults of the whole request."""
    from google.ads.googleads.v26.services.types import conversion_upload_service as service

    standing = vendors.google_ads.now
    if not standing.allow_listed and not standing.refuses_rows:
        raise CallFault("PERMISSION_DENIED", NOT_LISTED)
    check_request(request, ROWS, MOST_ROWS, GROUP + "TOO_MANY_CONVERSIONS_IN_REQUEST", GROUP)
    now = vendors.clock.now()
    rows = request.conversions
    twins = twins_of(rows)
    told = planned_faults(planned, len(rows))
    response = service.UploadClickConversionsResponse.pb()(job_id=request.job_id or new_job_id())
    faults: list[list[Fault]] = []
    for index, row in enumerate(rows):
        found: Conversion | Repeat | Fault = (
            judged(vendors, request.customer_id, row, twins, now) if standing.allow_listed else NOT_LISTED
        )
        own = [*told.of_row.get(index, ()), *_faults(found)]
        faults.append(own)
        if request.validate_only:
            continue
        result = response.results.add()
        if isinstance(found, Repeat):
            vendors.books.refuse_copy(found.entry)
        if isinstance(found, Conversion) and not own and not told.of_request:
            vendors.books.accept(found, Copies.OVERWRITES)
            _echo(row, result)
    box = row_failures(ROWS, faults, request_id, told.of_request)
    if box is not None:
        response.partial_failure_error.CopyFrom(partial_failure(box))
    return response


def _faults(found: Conversion | Repeat | Fault) -> list[Fault]:
    if isinstance(found, Repeat):
        return [found.fault]
    return [found] if isinstance(found, Fault) else []


def _echo(row: Any, result: Any) -> None:
    """What the answer says of a row that was taken in."""
    result.gclid, result.gbraid, result.wbraid = row.gclid, row.gbraid, row.wbraid
    result.conversion_action = row.conversion_action
    result.conversion_date_time = row.conversion_date_time
