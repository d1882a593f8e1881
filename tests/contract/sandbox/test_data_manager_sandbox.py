from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
import requests
from google.ads import datamanager_v1 as dm
from google.ads.datamanager_v1.services.ingestion_service.transports import IngestionServiceGrpcTransport
from google.api_core import exceptions
from google.rpc import error_details_pb2 as rpc
from pydantic import ValidationError

from conversion_sync.sandbox import data_manager, google_oauth, google_rpc
from conversion_sync.sandbox.faults import Rule
from conversion_sync.sandbox.google_tokens import ADWORDS, DATA_MANAGER, issue
from conversion_sync.sandbox.vendors import Vendors

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
GCLID = "Cj0KCQiA-known-click-0001"
HASH = hashlib.sha256(b"jane@example.com").hexdigest()
Status = dm.RequestStatusPerDestination.RequestStatus


def _event(**changes: Any) -> dict[str, Any]:
    event = {
        "transaction_id": "cs_0001",
        "event_timestamp": NOW - timedelta(hours=1),
        "event_source": dm.EventSource.WEB,
        "ad_identifiers": {"gclid": GCLID},
        "currency": "USD",
        "conversion_value": 12.34,
    }
    return {name: value for name, value in (event | changes).items() if value is not None}


def _destination(**changes: Any) -> dict[str, Any]:
    destination = {
        "operating_account": {"account_type": "GOOGLE_ADS", "account_id": "1234567890"},
        "login_account": {"account_type": "GOOGLE_ADS", "account_id": "9876543210"},
        "product_destination_id": "700000001",
    }
    return destination | changes


INGEST = "/google.ads.datamanager.v1.IngestionService/IngestEvents"


@pytest.fixture
def channel(vendors: Vendors) -> Iterator[grpc.Channel]:
    server, port, ca = google_rpc.serve(vendors, "127.0.0.1", 0)
    with grpc.secure_channel(f"localhost:{port}", grpc.ssl_channel_credentials(ca)) as opened:
        yield opened
    server.stop(None).wait()


@pytest.fixture
def client(channel: grpc.Channel) -> dm.IngestionServiceClient:
    return dm.IngestionServiceClient(transport=IngestionServiceGrpcTransport(channel=channel))


@pytest.fixture
def signed(vendors: Vendors) -> list[tuple[str, str]]:
    token = issue(vendors.credentials, (DATA_MANAGER,), NOW + timedelta(hours=1))
    return [("authorization", f"Bearer {token}")]


@pytest.fixture
def send(client: dm.IngestionServiceClient, signed: list[tuple[str, str]]) -> Callable[..., Any]:
    def ingest(*events: dict[str, Any], metadata: Any = signed, **members: Any) -> Any:
        request = {"destinations": [_destination()], "events": list(events), "encoding": "HEX"} | members
        return client.ingest_events(
            request=dm.IngestEventsRequest(request), timeout=60, retry=None, metadata=metadata
        )

    return ingest


@pytest.fixture
def status(client: dm.IngestionServiceClient, signed: list[tuple[str, str]]) -> Callable[[str], Any]:
    def ask(request_id: str) -> Any:
        answer = client.retrieve_request_status(
            request=dm.RetrieveRequestStatusRequest(request_id=request_id), timeout=60, metadata=signed
        )
        (found,) = answer.request_status_per_destination
        return found

    return ask


def _counts(status: Any) -> dict[str, int]:
    prefix = "PROCESSING_ERROR_REASON_"
    return {
        count.reason.name.removeprefix(prefix): count.record_count for count in status.error_info.error_counts
    }


def test_a_good_request_settles_and_is_booked(send: Any, status: Any, vendors: Vendors) -> None:
    answer = send(_event())
    found = status(answer.request_id)
    assert (found.request_status, found.events_ingestion_status.record_count) == (Status.SUCCESS, 1)
    assert found.destination.product_destination_id == "700000001"
    (entry,) = vendors.books.dump()
    assert (entry["platform"], entry["account"], entry["action"]) == (
        "google_ads",
        "1234567890",
        "700000001",
    )
    assert (entry["vendor_id"], entry["click_kind"], entry["click_id"]) == ("cs_0001", "gclid", GCLID)
    assert (entry["total"], entry["currency"], entry["counts"]) == ("12.34", "USD", 1)
    assert entry["occurred_at"] == "2026-11-20T11:00:00+00:00"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ad_identifiers": {"gclid": "Cj0KCQiA-never-seen-click"}}, "CLICK_NOT_FOUND"),
        ({"ad_identifiers": {"gclid": "cut off"}}, "INVALID_GCLID"),
        ({"ad_identifiers": {"gbraid": "?"}}, "INVALID_GBRAID"),
        ({"ad_identifiers": {"wbraid": "?"}}, "INVALID_WBRAID"),
        (
            {"ad_identifiers": {"gclid": GCLID, "wbraid": "ClgKCQ-known-wbraid-0005"}},
            "INVALID_AD_IDENTIFIERS",
        ),
        ({"ad_identifiers": {"gclid": "Cj0KCQiA-young-click-0002"}}, "TOO_RECENT_CLICK"),
        ({"ad_identifiers": {"gclid": "Cj0KCQiA-stale-click-0003"}}, "EVENT_TOO_OLD"),
        ({"event_timestamp": NOW - timedelta(days=11)}, "CONVERSION_PRECEDES_CLICK"),
        ({"consent": {"ad_user_data": "CONSENT_DENIED"}}, "DENIED_CONSENT"),
        (
            {"ad_identifiers": None, "user_data": {"user_identifiers": [{"email_address": HASH}]}},
            "CLICK_NOT_FOUND",
        ),
    ],
)
def test_rows_that_fail_are_counted_by_reason_and_not_booked(
    send: Any, status: Any, vendors: Vendors, changes: dict[str, Any], reason: str
) -> None:
    mixed = status(send(_event(), _event(transaction_id="cs_0002", **changes)).request_id)
    assert (mixed.request_status, _counts(mixed)) == (Status.PARTIAL_SUCCESS, {reason: 1})
    assert mixed.events_ingestion_status.record_count == 2
    alone = status(send(_event(transaction_id="cs_0003", **changes)).request_id)
    assert (alone.request_status, _counts(alone)) == (Status.FAILED, {reason: 1})
    assert [entry["vendor_id"] for entry in vendors.books.dump()] == ["cs_0001"]


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"event_timestamp": None}, "event_timestamp", "REQUIRED_FIELD_MISSING"),
        ({"event_source": None}, "event_source", "REQUIRED_FIELD_MISSING"),
        ({"ad_identifiers": None}, "ad_identifiers", "NO_IDENTIFIERS_PROVIDED"),
        ({"event_timestamp": NOW + timedelta(minutes=2)}, "event_timestamp", "EVENT_TIME_INVALID"),
        ({"transaction_id": "2"}, "transaction_id", "FIELD_VALUE_TOO_SHORT"),
        ({"transaction_id": "x" * 513}, "transaction_id", "FIELD_VALUE_TOO_LONG"),
        ({"currency": "XXQ"}, "currency", "INVALID_CURRENCY_CODE"),
        ({"conversion_value": -1.0}, "conversion_value", "INVALID_NUMBER_FORMAT"),
        (
            {"user_data": {"user_identifiers": [{"email_address": "jane@example.com"}]}},
            "user_data.user_identifiers[0].email_address",
            "INVALID_HEX_ENCODING",
        ),
        (
            {"user_data": {"user_identifiers": [{"phone_number": HASH[:-2]}]}},
            "user_data.user_identifiers[0].phone_number",
            "INVALID_SHA256_FORMAT",
        ),
        (
            {"user_data": {"user_identifiers": [{"email_address": HASH}] * 11}},
            "user_data.user_identifiers",
            "TOO_MANY_USER_IDENTIFIERS",
        ),
    ],
)
def test_one_bad_event_refuses_the_request_at_once(
    send: Any, vendors: Vendors, changes: dict[str, Any], field: str, reason: str
) -> None:
    with pytest.raises(exceptions.BadRequest) as raised:
        send(_event(), _event(**changes))
    error_info, bad_request, request_info = raised.value.details
    assert error_info == rpc.ErrorInfo(reason=reason, domain="datamanager.googleapis.com")
    (violation,) = bad_request.field_violations
    assert (violation.field, violation.reason) == (f"events.events[1].{field}", reason)
    assert request_info.request_id
    assert vendors.books.dump() == []


def test_all_bad_events_are_listed_together(send: Any) -> None:
    with pytest.raises(exceptions.BadRequest) as raised:
        send(_event(currency="XXQ"), _event(), _event(event_source=None))
    assert raised.value.reason == "INVALID_ARGUMENT"
    fields = [violation.field for violation in raised.value.details[1].field_violations]
    assert fields == ["events.events[0].currency", "events.events[2].event_source"]


@pytest.mark.parametrize(
    ("members", "error", "reason"),
    [
        ({"destinations": []}, exceptions.BadRequest, "REQUIRED_FIELD_MISSING"),
        ({"destinations": [_destination()] * 11}, exceptions.BadRequest, "TOO_MANY_DESTINATIONS"),
        ({"events": []}, exceptions.BadRequest, "REQUIRED_FIELD_MISSING"),
        ({"events": [_event()] * 2001}, exceptions.BadRequest, "TOO_MANY_EVENTS"),
        (
            {"destinations": [_destination(product_destination_id="1")]},
            exceptions.NotFound,
            "INVALID_CONVERSION_ACTION_ID",
        ),
        (
            {
                "destinations": [
                    _destination(operating_account={"account_type": "GOOGLE_ADS", "account_id": "1"})
                ]
            },
            exceptions.Forbidden,
            "PERMISSION_DENIED",
        ),
        (
            {"destinations": [_destination(login_account={"account_type": "GOOGLE_ADS", "account_id": "1"})]},
            exceptions.BadRequest,
            "OPERATING_ACCOUNT_LOGIN_ACCOUNT_MISMATCH",
        ),
        (
            {
                "destinations": [
                    _destination(
                        operating_account={"account_type": "DATA_PARTNER", "account_id": "1234567890"}
                    )
                ]
            },
            exceptions.BadRequest,
            "DESTINATION_ACCOUNT_TYPE_MISMATCH",
        ),
        (
            {
                "encoding": None,
                "events": [_event(user_data={"user_identifiers": [{"email_address": HASH}]})],
            },
            exceptions.BadRequest,
            "REQUIRED_FIELD_MISSING",
        ),
    ],
)
def test_request_level_faults(
    send: Any, members: dict[str, Any], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error) as raised:
        send(_event(), **members)
    assert raised.value.reason == reason  # type: ignore[attr-defined]


PERSON = {"user_data": {"user_identifiers": [{"email_address": HASH}]}}
STANDING: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"conversion_customer": "5555555555"}, {}, "OPERATING_ACCOUNT_LOGIN_ACCOUNT_MISMATCH"),
    ({"actions": {"700000001": {"status": "REMOVED"}}}, {}, "INVALID_CONVERSION_ACTION_ID"),
    ({"actions": {"700000001": {"type": "UPLOAD_CALLS"}}}, {}, "INVALID_CONVERSION_ACTION_TYPE"),
    (
        {"actions": {"700000001": {"created_at": (NOW - timedelta(hours=5)).isoformat()}}},
        {},
        "CONVERSION_ACTION_TOO_RECENTLY_CREATED",
    ),
    ({"terms_accepted": False}, PERSON, "DESTINATION_ACCOUNT_ENHANCED_CONVERSIONS_TERMS_NOT_SIGNED"),
    ({"leads_enabled": False}, PERSON, "DESTINATION_ACCOUNT_NOT_ENABLED_ENHANCED_CONVERSIONS_FOR_LEADS"),
    ({"policy_prohibits": True}, PERSON, "DESTINATION_ACCOUNT_DATA_POLICY_PROHIBITS_ENHANCED_CONVERSIONS"),
]


@pytest.mark.parametrize(("standing", "changes", "reason"), STANDING, ids=[why for *_, why in STANDING])
def test_how_the_account_stands_decides_about_a_request(
    send: Any, vendors: Vendors, standing: dict[str, Any], changes: dict[str, Any], reason: str
) -> None:
    vendors.google_ads.change(**standing)
    with pytest.raises(exceptions.ClientError) as raised:
        send(_event(**changes))
    assert (raised.value.reason, vendors.books.dump()) == (reason, [])


@pytest.mark.parametrize(
    ("standing", "changes", "reason"),
    [
        ({"foreign_clicks": [GCLID]}, {}, "INVALID_OPERATING_ACCOUNT_FOR_CLICK"),
        (
            {"actions": {"700000001": {"counting": "ONE_PER_CLICK"}}},
            {"ad_identifiers": {"gbraid": "0AAAAA-known-gbraid-0004"}},
            "ONE_PER_CLICK_CONVERSION_ACTION_NOT_PERMITTED_WITH_BRAID",
        ),
    ],
)
def test_how_the_account_stands_decides_about_a_row(
    send: Any,
    status: Any,
    vendors: Vendors,
    standing: dict[str, Any],
    changes: dict[str, Any],
    reason: str,
) -> None:
    vendors.google_ads.change(**standing)
    assert _counts(status(send(_event(**changes)).request_id)) == {reason: 1}


def test_base64_hashes_are_understood(send: Any) -> None:
    text = base64.b64encode(bytes.fromhex(HASH)).decode()
    event = _event(user_data={"user_identifiers": [{"email_address": text}]})
    assert send(event, encoding="BASE64").request_id


def test_the_same_transaction_overwrites_value_and_counts_once(
    send: Any, status: Any, vendors: Vendors
) -> None:
    send(_event())
    later = _event(
        conversion_value=5.0, event_timestamp=NOW, ad_identifiers={"gclid": "Cj0KCQiA-young-click-0002"}
    )
    assert status(send(later).request_id).request_status == Status.SUCCESS
    (entry,) = vendors.books.dump()
    assert (entry["times_received"], entry["counts"], entry["total"], entry["first_value"]) == (
        2,
        1,
        "5",
        "12.34",
    )
    assert (entry["click_id"], entry["occurred_at"]) == (GCLID, "2026-11-20T11:00:00+00:00")


def test_an_unknown_transaction_counts_even_at_zero(send: Any, vendors: Vendors) -> None:
    send(_event(conversion_value=0.0))
    assert vendors.books.totals() == [
        {
            "platform": "google_ads",
            "action": "700000001",
            "currency": "USD",
            "count": 1,
            "value": "0",
        }
    ]


def test_settlement_takes_its_time_on_the_sandbox_clock(vendors: Vendors, send: Any) -> None:
    asked = dm.RetrieveRequestStatusRequest.pb()(request_id=send(_event()).request_id)
    slow = replace(vendors, settle_seconds=1800)

    def shown() -> Any:
        [found] = data_manager.status(slow, asked, None).request_status_per_destination
        return found.request_status

    assert shown() == Status.PROCESSING
    vendors.clock.shift(timedelta(seconds=1799))
    assert shown() == Status.PROCESSING
    vendors.clock.shift(timedelta(seconds=1))
    assert shown() == Status.SUCCESS
    vendors.clock.shift(timedelta(days=50))
    with pytest.raises(data_manager.CallFault) as raised:
        shown()
    assert raised.value.details[0]["reason"] == "REQUEST_TOO_OLD"


def test_validate_only_checks_and_stores_nothing(send: Any, status: Any, vendors: Vendors) -> None:
    answer = send(_event(), validate_only=True)
    with pytest.raises(exceptions.BadRequest) as raised:
        status(answer.request_id)
    assert raised.value.reason == "INVALID_REQUEST_ID"
    assert vendors.books.dump() == []


def test_a_token_without_the_scope_is_forbidden(send: Any, vendors: Vendors) -> None:
    token = issue(vendors.credentials, (ADWORDS,), NOW + timedelta(hours=1))
    with pytest.raises(exceptions.PermissionDenied) as raised:
        send(_event(), metadata=[("authorization", f"Bearer {token}")])
    assert raised.value.reason == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ([], "CREDENTIALS_MISSING"),
        ([("authorization", "Bearer wrong")], "ACCESS_TOKEN_TYPE_UNSUPPORTED"),
    ],
)
def test_a_bad_token_is_unauthenticated(send: Any, metadata: list[tuple[str, str]], reason: str) -> None:
    with pytest.raises(exceptions.Unauthenticated) as raised:
        send(_event(), metadata=metadata)
    assert raised.value.reason == reason


def test_a_token_that_ran_out_is_told_as_such(send: Any, vendors: Vendors) -> None:
    token = issue(vendors.credentials, (DATA_MANAGER,), NOW - timedelta(seconds=1))
    with pytest.raises(exceptions.Unauthenticated) as raised:
        send(_event(), metadata=[("authorization", f"Bearer {token}")])
    assert raised.value.reason == "ACCESS_TOKEN_EXPIRED"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"{}", b"<html>", b"\x0a\x7f"])
def test_nonsense_is_refused(
    channel: grpc.Channel, signed: list[tuple[str, str]], vendors: Vendors, body: bytes
) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        channel.unary_unary(INGEST)(body, metadata=signed, timeout=60)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert vendors.books.dump() == []


@pytest.mark.parametrize(("cut", "received"), [("drop_reply", 2), ("close_before_reply", 1)])
def test_a_lost_call_and_a_resend_leave_one_conversion(
    send: Any, vendors: Vendors, cut: str, received: int
) -> None:
    vendors.faults.add(Rule.model_validate({"vendor": "data_manager", "action": {cut: True}}))
    with pytest.raises(exceptions.ServiceUnavailable) as raised:
        send(_event())
    assert raised.value.errors[0].trailing_metadata() == ()
    send(_event())
    (entry,) = vendors.books.dump()
    assert (entry["times_received"], entry["counts"], entry["total"]) == (received, 1, "12.34")
    assert vendors.books.requests["count"][f"data_manager {INGEST}"] == 2


@pytest.mark.parametrize("taken", [False, True])
def test_a_planned_status_comes_with_its_details(send: Any, vendors: Vendors, taken: bool) -> None:
    action = {
        "grpc_status": "RESOURCE_EXHAUSTED",
        "grpc_details": [{"@type": "google.rpc.RetryInfo", "retryDelay": "7s"}],
        "after_accepting": taken,
    }
    vendors.faults.add(Rule.model_validate({"vendor": "data_manager", "action": action}))
    with pytest.raises(exceptions.ResourceExhausted) as raised:
        send(_event())
    assert raised.value.details == [rpc.RetryInfo(retry_delay={"seconds": 7})]
    assert len(vendors.books.dump()) == taken


def test_a_call_that_hangs_ends_with_its_caller(
    client: dm.IngestionServiceClient, signed: Any, vendors: Vendors
) -> None:
    vendors.faults.add(Rule.model_validate({"vendor": "data_manager", "action": {"hang": True}}))
    request = dm.IngestEventsRequest(destinations=[_destination()], events=[_event()])
    with pytest.raises(exceptions.DeadlineExceeded):
        client.ingest_events(request=request, timeout=0.3, retry=None, metadata=signed)
    assert vendors.books.dump() == []


def test_a_planned_body_is_the_answer(send: Any, vendors: Vendors) -> None:
    vendors.faults.add(Rule.model_validate({"vendor": "data_manager", "action": {"body": "<html>"}}))
    with pytest.raises(exceptions.InternalServerError, match="deserializing"):
        send(_event())
    assert vendors.books.dump() == []


@pytest.mark.parametrize("action", [{"status": 503}, {"refuse": True}])
def test_a_plan_in_the_words_of_http_is_refused(action: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="grpc_status, not status"):
        Rule.model_validate({"vendor": "data_manager", "action": action})


def test_a_planned_processing_error_fails_every_row(send: Any, status: Any, vendors: Vendors) -> None:
    rule = {"vendor": "data_manager", "action": {"row_reason": "INTERNAL_ERROR"}}
    vendors.faults.add(Rule.model_validate(rule))
    found = status(send(_event()).request_id)
    assert (found.request_status, _counts(found)) == (Status.FAILED, {"INTERNAL_ERROR": 1})
    assert vendors.books.dump() == []


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"refresh_token": "wrong"}, 400, "invalid_grant"),
        ({"client_id": "wrong"}, 401, "invalid_client"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"scope": "openid"}, 400, "invalid_scope"),
    ],
)
def test_the_token_endpoint_refuses(
    serve: Callable[..., str], vendors: Vendors, changes: dict[str, str], status: int, error: str
) -> None:
    form = {
        "grant_type": "refresh_token",
        "refresh_token": vendors.credentials.google_refresh_token,
        "client_id": vendors.credentials.google_client_id,
        "client_secret": vendors.credentials.google_client_secret,
    }
    answer = requests.post(f"{serve(google_oauth.app(vendors))}/token", data=form | changes, timeout=60)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
