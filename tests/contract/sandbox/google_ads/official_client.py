"""The unmodified official client against the sandbox, in a process of its own: gRPC reads its roots once.

Arguments: endpoint, token address, credentials as JSON. Prints what it saw as JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from google.ads.googleads.client import GoogleAdsClient
from google.ads.googleads.errors import GoogleAdsException
from google.api_core import exceptions
from google.oauth2.credentials import Credentials

ACTION = "customers/1234567890/conversionActions/700000001"


def _client(endpoint: str, token_uri: str, known: dict[str, str]) -> Any:
    credentials = Credentials(
        token=None,
        refresh_token=known["google_refresh_token"],
        client_id=known["google_client_id"],
        client_secret=known["google_client_secret"],
        token_uri=token_uri,
    )
    return GoogleAdsClient(
        credentials,
        login_customer_id=known["google_login_customer_id"],
        endpoint=endpoint,
        version="v26",
        use_proto_plus=False,
    )


def _adjust(client: Any) -> dict[str, Any]:
    request = client.get_type("UploadConversionAdjustmentsRequest")
    request.customer_id, request.partial_failure = "1234567890", True
    for order_id in ("cs_0001", "cs_unknown"):
        request.conversion_adjustments.add(
            order_id=order_id,
            conversion_action=ACTION,
            adjustment_type=2,
            adjustment_date_time="2026-11-20 11:30:00+00:00",
        )
    service = client.get_service("ConversionAdjustmentUploadService")
    answer = service.upload_conversion_adjustments(request=request, timeout=60)
    box = client.get_type("GoogleAdsFailure")
    answer.partial_failure_error.details[0].Unpack(box)
    return {
        "results": [result.order_id for result in answer.results],
        "code": answer.partial_failure_error.code,
        "message": answer.partial_failure_error.message,
        "job": answer.job_id >= 2**31,
        "errors": [
            [error.error_code.conversion_adjustment_upload_error, element.field_name, element.index]
            for error in box.errors
            for element in error.location.field_path_elements
        ],
    }


def _upload(client: Any) -> dict[str, Any]:
    request = client.get_type("UploadClickConversionsRequest")
    request.customer_id, request.partial_failure = "1234567890", True
    request.conversions.add(gclid="x", conversion_action=ACTION)
    try:
        client.get_service("ConversionUploadService").upload_click_conversions(request=request, timeout=60)
    except GoogleAdsException as refused:
        code = type(refused.failure).pb(refused.failure).errors[0].error_code
        return {
            "group": code.WhichOneof("error_code"),
            "number": code.not_allowlisted_error,
            "request_id": refused.request_id == refused.failure.request_id,
        }
    return {}


def _quota(client: Any) -> dict[str, Any]:
    request = client.get_type("UploadClickConversionsRequest")
    request.customer_id, request.partial_failure = "1234567890", True
    try:
        client.get_service("ConversionUploadService").upload_click_conversions(request=request, timeout=60)
    except exceptions.ResourceExhausted as refused:
        trailer = dict(refused.errors[0].trailing_metadata())
        box = client.get_type("GoogleAdsFailure")
        box.ParseFromString(trailer["google.ads.googleads.v26.errors.googleadsfailure-bin"])
        error = box.errors[0]
        return {
            "number": error.error_code.quota_error,
            "delay": error.details.quota_error_details.retry_delay.seconds,
        }
    return {}


def _search(client: Any) -> dict[str, Any]:
    service = client.get_service("GoogleAdsService")
    setting = "customer.conversion_tracking_setting"
    (customer,) = service.search(
        customer_id="1234567890",
        query=f"SELECT {setting}.google_ads_conversion_customer, {setting}.accepted_customer_data_terms, "
        f"{setting}.effective_enablement_setting FROM customer",
    )
    actions = service.search(
        customer_id="1234567890",
        query="SELECT conversion_action.id, conversion_action.type, conversion_action.counting_type, "
        "conversion_action.click_through_lookback_window_days FROM conversion_action "
        "WHERE conversion_action.type = 'UPLOAD_CLICKS' AND conversion_action.id IN (700000001, 700000003)",
    )
    found = customer.customer.conversion_tracking_setting
    return {
        "customer": found.google_ads_conversion_customer,
        "terms": found.accepted_customer_data_terms,
        "enablement": found.effective_enablement_setting,
        "actions": [
            [
                row.conversion_action.id,
                row.conversion_action.type_,
                row.conversion_action.counting_type,
                row.conversion_action.click_through_lookback_window_days,
            ]
            for row in actions
        ],
        "streamed": sum(
            len(batch.results)
            for batch in service.search_stream(
                customer_id="1234567890", query="SELECT conversion_action.id FROM conversion_action"
            )
        ),
    }


def main() -> None:
    client = _client(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
    sys.stdout.write(
        json.dumps(
            {
                "adjust": _adjust(client),
                "upload": _upload(client),
                "quota": _quota(client),
                "search": _search(client),
            }
        )
    )


if __name__ == "__main__":
    main()
