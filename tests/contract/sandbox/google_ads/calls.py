"""Calls of the simulated Google Ads API over TLS, rows for them, and what their answers say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from google.ads.googleads.v26.errors.types import errors
from google.ads.googleads.v26.services.types import conversion_adjustment_upload_service as adjustments
from google.ads.googleads.v26.services.types import conversion_upload_service as conversions
from google.ads.googleads.v26.services.types import google_ads_service as ads

from conversion_sync.sandbox.vendors import Vendors

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CUSTOMER = "1234567890"
ACTION = f"customers/{CUSTOMER}/conversionActions/700000001"
GCLID = "Cj0KCQiA-known-click-0001"
PACKAGE = "/google.ads.googleads.v26.services."
ADJUST = PACKAGE + "ConversionAdjustmentUploadService/UploadConversionAdjustments"
UPLOAD = PACKAGE + "ConversionUploadService/UploadClickConversions"
SEARCH = PACKAGE + "GoogleAdsService/Search"
MESSAGES = {
    ADJUST: (
        adjustments.UploadConversionAdjustmentsRequest.pb(),
        adjustments.UploadConversionAdjustmentsResponse.pb(),
    ),
    UPLOAD: (conversions.UploadClickConversionsRequest.pb(), conversions.UploadClickConversionsResponse.pb()),
    SEARCH: (ads.SearchGoogleAdsRequest.pb(), ads.SearchGoogleAdsResponse.pb()),
}
RETRACT, RESTATE = 2, 3
TRACKING = "customer.conversion_tracking_setting"


def written(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S+00:00")


def name_of(error: Any) -> str:
    """`NAME` of an error, whatever its group."""
    group = error.error_code.WhichOneof("error_code")
    field = error.error_code.DESCRIPTOR.fields_by_name[group]
    return str(field.enum_type.values_by_number[getattr(error.error_code, group)].name)


def failure_in(trailer: Any) -> Any:
    found = dict(trailer)["google.ads.googleads.v26.errors.googleadsfailure-bin"]
    return errors.GoogleAdsFailure.pb().FromString(found)


def faulty(response: Any) -> dict[int, str]:
    """Error name by row of a partial failure."""
    if not response.partial_failure_error.code:
        return {}
    box = errors.GoogleAdsFailure.pb()()
    assert response.partial_failure_error.details[0].Unpack(box)
    return {error.location.field_path_elements[0].index: name_of(error) for error in box.errors}


def retraction(**changes: Any) -> dict[str, Any]:
    row = {
        "order_id": "cs_0001",
        "conversion_action": ACTION,
        "adjustment_type": RETRACT,
        "adjustment_date_time": written(NOW - timedelta(hours=1)),
    }
    return {name: value for name, value in (row | changes).items() if value is not None}


def restatement(value: float | None = 5.0, **changes: Any) -> dict[str, Any]:
    restated = {"currency_code": "USD"} | ({} if value is None else {"adjusted_value": value})
    return retraction(**{"adjustment_type": RESTATE, "restatement_value": restated} | changes)


def booked(vendors: Vendors, vendor_id: str = "cs_0001") -> dict[str, Any]:
    (entry,) = [entry for entry in vendors.books.dump() if entry["vendor_id"] == vendor_id]
    return entry


def click_row(**changes: Any) -> dict[str, Any]:
    row = {
        "gclid": GCLID,
        "conversion_action": ACTION,
        "conversion_date_time": written(NOW - timedelta(hours=3)),
        "conversion_value": 7.5,
        "currency_code": "EUR",
        "order_id": "cs_0100",
    }
    return {name: value for name, value in (row | changes).items() if value is not None}


def errors_of(response: Any) -> list[tuple[str, int, int | None]]:
    """Group, number and row of every error of a partial failure."""
    box = errors.GoogleAdsFailure.pb()()
    assert response.partial_failure_error.details[0].Unpack(box)
    found = []
    for error in box.errors:
        group = error.error_code.WhichOneof("error_code")
        places = error.location.field_path_elements
        found.append((group, getattr(error.error_code, group), places[0].index if places else None))
    return found
