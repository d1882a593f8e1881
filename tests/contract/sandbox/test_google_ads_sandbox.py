from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.ads.googleads.v26.errors.types import errors
from google.ads.googleads.v26.services.types import conversion_adjustment_upload_service as adjustments
from google.ads.googleads.v26.services.types import conversion_upload_service as conversions
from google.ads.googleads.v26.services.types import google_ads_service as ads

from conversion_sync.sandbox import google_ads, google_oauth
from conversion_sync.sandbox.entries import Conversion, Copies
from conversion_sync.sandbox.faults import Rule
from conversion_sync.sandbox.google_tokens import ADWORDS, DATA_MANAGER, issue
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


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S+00:00")


def _code(error: Any) -> str:
    """`NAME` of an error, whatever its group."""
    group = error.error_code.WhichOneof("error_code")
    field = error.error_code.DESCRIPTOR.fields_by_name[group]
    return str(field.enum_type.values_by_number[getattr(error.error_code, group)].name)


def _failure(trailer: Any) -> Any:
    found = dict(trailer)["google.ads.googleads.v26.errors.googleadsfailure-bin"]
    return errors.GoogleAdsFailure.pb().FromString(found)


def _rows(response: Any) -> dict[int, str]:
    """Error name by row of a partial failure."""
    if not response.partial_failure_error.code:
        return {}
    box = errors.GoogleAdsFailure.pb()()
    assert response.partial_failure_error.details[0].Unpack(box)
    return {error.location.field_path_elements[0].index: _code(error) for error in box.errors}


@pytest.fixture
def vendors(vendors: Vendors) -> Vendors:
    """With three conversions in the books: a day, 55 days and ten days old, the last without an order id."""
    for vendor_id, kind, click_id, days in (
        ("cs_0001", "gclid", GCLID, 1),
        ("cs_0055", "gclid", GCLID, 55),
        ("cs_0wbr", "wbraid", "ClgKCQ-known-wbraid-0005", 1),
        ("", "gclid", GCLID, 10),
    ):
        vendors.books.accept(
            Conversion(
                platform="google_ads",
                account=CUSTOMER,
                action="700000001",
                vendor_id=vendor_id,
                click_kind=kind,
                click_id=click_id,
                matched=True,
                value=Decimal("12.34"),
                currency="USD",
                occurred_at=NOW - timedelta(days=days),
                received_at=NOW - timedelta(days=days),
            ),
            Copies.OVERWRITES,
        )
    return vendors


def _connect(ca: bytes, port: int) -> Any:
    return grpc.secure_channel(f"localhost:{port}", grpc.ssl_channel_credentials(ca))


@pytest.fixture
def call(vendors: Vendors) -> Iterator[Callable[..., Any]]:
    """One call over TLS, of an allow-listed project, with good credentials unless told otherwise."""
    server, port, ca = google_ads.serve(vendors, "127.0.0.1", 0, allow_listed=True)
    with _connect(ca, port) as channel:

        def one(path: str, message: Any, **changes: str | None) -> Any:
            request, response = MESSAGES[path]
            token = issue(vendors.credentials, (ADWORDS,), NOW + timedelta(hours=1))
            metadata: dict[str, str | None] = {
                "authorization": f"Bearer {token}",
                "login-customer-id": "9876543210",
                "x-goog-request-params": f"customer_id={message.customer_id}",
            }
            metadata |= {name.replace("_", "-"): value for name, value in changes.items()}
            sent = [(name, value) for name, value in metadata.items() if value is not None]
            method = channel.unary_unary(
                path,
                request_serializer=request.SerializeToString,
                response_deserializer=response.FromString,
            )
            return method(message, metadata=sent, timeout=5)

        yield one
    server.stop(None).wait()


@pytest.fixture
def adjust(call: Callable[..., Any]) -> Callable[..., Any]:
    def send(*rows: dict[str, Any], **members: Any) -> Any:
        members = {"customer_id": CUSTOMER, "partial_failure": True} | members
        request = MESSAGES[ADJUST][0](**members)
        for row in rows:
            request.conversion_adjustments.add(**row)
        return call(ADJUST, request)

    return send


def _row(**changes: Any) -> dict[str, Any]:
    row = {
        "order_id": "cs_0001",
        "conversion_action": ACTION,
        "adjustment_type": RETRACT,
        "adjustment_date_time": _text(NOW - timedelta(hours=1)),
    }
    return {name: value for name, value in (row | changes).items() if value is not None}


def _restate(value: float | None = 5.0, **changes: Any) -> dict[str, Any]:
    restated = {"currency_code": "USD"} | ({} if value is None else {"adjusted_value": value})
    return _row(**{"adjustment_type": RESTATE, "restatement_value": restated} | changes)


def _booked(vendors: Vendors, vendor_id: str = "cs_0001") -> dict[str, Any]:
    (entry,) = [entry for entry in vendors.books.dump() if entry["vendor_id"] == vendor_id]
    return entry


def test_a_retraction_takes_count_and_value_away(adjust: Any, vendors: Vendors) -> None:
    answer = adjust(_row(), job_id=7)
    assert (answer.job_id, answer.partial_failure_error.code) == (7, 0)
    (result,) = answer.results
    assert (result.order_id, result.conversion_action, result.adjustment_type) == ("cs_0001", ACTION, RETRACT)
    entry = _booked(vendors)
    assert (entry["retracted"], entry["counts"], entry["total"]) == (True, 0, "0")
    assert entry["adjustments"] == [
        {
            "at": "2026-11-20T11:00:00+00:00",
            "value": None,
            "currency": None,
            "received_at": "2026-11-20T12:00:00+00:00",
            "outcome": "applied",
        }
    ]


def test_a_restatement_sets_the_value(adjust: Any, vendors: Vendors) -> None:
    adjust(_restate(5.5))
    entry = _booked(vendors)
    assert (entry["counts"], entry["total"], entry["first_value"]) == (1, "5.5", "12.34")


PAIR = {"gclid": GCLID, "conversion_date_time": _text(NOW - timedelta(days=10))}


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (_row(order_id="cs_unknown"), "CONVERSION_NOT_FOUND"),
        (_row(order_id="cs_0wbr"), "CONVERSION_NOT_FOUND"),
        (_row(order_id="cs_0055"), "CONVERSION_EXPIRED"),
        (_row(order_id=None), "REQUIRED"),
        (_row(order_id=""), "TOO_SHORT"),
        (_row(gclid_date_time_pair=PAIR), "GCLID_DATE_TIME_PAIR_AND_ORDER_ID_BOTH_SET"),
        (
            _row(
                order_id=None,
                gclid_date_time_pair=PAIR | {"conversion_date_time": _text(NOW - timedelta(days=1))},
            ),
            "CONVERSION_NOT_FOUND",
        ),
        (_row(conversion_action=ACTION[:-1] + "9"), "NO_CONVERSION_ACTION_FOUND"),
        (_row(adjustment_date_time="2026-11-20T11:00:00Z"), "INVALID_STRING_DATE_TIME_SECONDS_WITH_OFFSET"),
        (_row(adjustment_date_time="2026-11-31 11:00:00+00:00"), "INVALID_FIELD_VALUES_IN_DATE_TIME"),
        (_row(adjustment_date_time="2026-11-20 12:02:00+00:00"), "LATER_THAN_MAXIMUM_DATE"),
        (_row(adjustment_date_time=None), "REQUIRED"),
        (_row(adjustment_date_time=_text(NOW - timedelta(days=1))), "ADJUSTMENT_PRECEDES_CONVERSION"),
        (_row(restatement_value={"adjusted_value": 1.0}), "VALUE_MUST_BE_UNSET"),
        (_restate(None), "REQUIRED"),
        (_restate(-1.0), "INVALID_VALUE"),
        (_row(adjustment_type=4), "CONVERSION_ACTION_NOT_ELIGIBLE_FOR_ENHANCEMENT"),
        (_row(adjustment_type=None), "REQUIRED"),
    ],
)
def test_a_bad_adjustment_fails_alone(adjust: Any, vendors: Vendors, row: dict[str, Any], code: str) -> None:
    answer = adjust(row, _restate(order_id="cs_0001", adjustment_date_time=_text(NOW)))
    assert _rows(answer) == {0: code}
    assert (answer.results[0].ByteSize(), answer.results[1].order_id) == (0, "cs_0001")
    assert _booked(vendors)["total"] == "5"


def test_a_conversion_without_order_id_is_found_by_click_and_time(adjust: Any, vendors: Vendors) -> None:
    assert _rows(adjust(_row(order_id=None, gclid_date_time_pair=PAIR))) == {}
    assert _booked(vendors, "unnamed-1")["retracted"] is True


def test_the_history_of_restatements(adjust: Any) -> None:
    first, later = _text(NOW - timedelta(hours=2)), _text(NOW - timedelta(hours=1))
    assert _rows(adjust(_restate(adjustment_date_time=first))) == {}
    assert _rows(adjust(_restate(4.0, adjustment_date_time=later))) == {}
    assert _rows(adjust(_restate(3.0, adjustment_date_time=later))) == {0: "RESTATEMENT_ALREADY_EXISTS"}
    older = _text(NOW - timedelta(minutes=90))
    assert _rows(adjust(_restate(adjustment_date_time=older))) == {0: "MORE_RECENT_RESTATEMENT_FOUND"}


@pytest.mark.parametrize(("terminal", "counts"), [(_row(), 0), (_restate(0.0), 1)])
def test_after_a_terminal_state_a_restatement_is_accepted_and_ignored(
    adjust: Any, vendors: Vendors, terminal: dict[str, Any], counts: int
) -> None:
    adjust(terminal)
    assert _rows(adjust(_restate(9.0, adjustment_date_time=_text(NOW)))) == {}
    entry = _booked(vendors)
    assert (entry["counts"], entry["total"], entry["terminal"]) == (counts, "0", True)
    assert [kept["outcome"] for kept in entry["adjustments"]] == ["applied", "ignored"]


def test_a_second_retraction_is_told(adjust: Any) -> None:
    adjust(_row())
    again = _row(adjustment_date_time=_text(NOW))
    assert _rows(adjust(again)) == {0: "CONVERSION_ALREADY_RETRACTED"}


def test_both_copies_in_one_request_fail(adjust: Any, vendors: Vendors) -> None:
    answer = adjust(_row(), _row())
    assert _rows(answer) == dict.fromkeys((0, 1), "DUPLICATE_ADJUSTMENT_IN_REQUEST")
    assert answer.partial_failure_error.message.endswith("Multiple errors in 'details'.")
    assert _booked(vendors)["retracted"] is False


def test_validate_only_stores_nothing(adjust: Any, vendors: Vendors) -> None:
    answer = adjust(_row(), _row(order_id="cs_unknown"), validate_only=True)
    assert (_rows(answer), len(answer.results)) == ({1: "CONVERSION_NOT_FOUND"}, 0)
    assert _booked(vendors)["retracted"] is False


def test_an_early_adjustment_waits_for_its_conversion(vendors: Vendors) -> None:
    slow = Vendors(
        vendors.clock, vendors.clicks, vendors.credentials, vendors.books, vendors.faults, settle_seconds=60
    )
    request = MESSAGES[ADJUST][0](customer_id=CUSTOMER, partial_failure=True)
    request.conversion_adjustments.add(**_restate(order_id="cs_coming"))
    arrived = Conversion(
        platform="google_ads",
        account=CUSTOMER,
        action="700000001",
        vendor_id="cs_coming",
        click_kind="gclid",
        click_id=GCLID,
        matched=True,
        value=Decimal(9),
        currency="USD",
        occurred_at=NOW - timedelta(hours=2),
        received_at=NOW,
    )
    slow.books.accept(
        Conversion(**asdict(arrived) | {"vendor_id": "cs_other"}),
        Copies.OVERWRITES,
    )
    assert _rows(google_ads.upload_adjustments(slow, request, "R")) == {}
    slow.books.accept(arrived, Copies.OVERWRITES)
    assert _booked(slow, "cs_coming")["total"] == "5"


@pytest.mark.parametrize(
    ("members", "rows", "code"),
    [
        ({"partial_failure": False}, [_row()], "PARTIAL_FAILURE_MODE_REQUIRED"),
        ({"job_id": 0}, [_row()], "INVALID_JOB_ID"),
        ({"job_id": -1}, [_row()], "INVALID_JOB_ID"),
        ({}, [], "REQUIRED"),
        ({}, [_row()] * 2001, "TOO_MANY_ADJUSTMENTS_IN_REQUEST"),
        ({"customer_id": "123-456-7890"}, [_row()], "INVALID_CUSTOMER_ID"),
    ],
)
def test_a_fault_of_the_request_fails_the_call(
    adjust: Any, members: dict[str, Any], rows: list[dict[str, Any]], code: str
) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        adjust(*rows, **members)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    box = _failure(raised.value.trailing_metadata())
    assert [_code(error) for error in box.errors] == [code]
    assert dict(raised.value.trailing_metadata())["request-id"] == box.request_id
    assert dict(raised.value.initial_metadata())["request-id"] == box.request_id


@pytest.mark.parametrize(
    ("metadata", "customer", "status", "code"),
    [
        ({"authorization": None}, CUSTOMER, "UNAUTHENTICATED", "OAUTH_TOKEN_INVALID"),
        ({"authorization": "Bearer wrong"}, CUSTOMER, "UNAUTHENTICATED", "OAUTH_TOKEN_INVALID"),
        ({"authorization": "expired"}, CUSTOMER, "UNAUTHENTICATED", "OAUTH_TOKEN_EXPIRED"),
        ({"authorization": "scope"}, CUSTOMER, "PERMISSION_DENIED", "ACTION_NOT_PERMITTED"),
        ({}, "1111111111", "UNAUTHENTICATED", "CUSTOMER_NOT_FOUND"),
        ({"login_customer_id": "1111111111"}, CUSTOMER, "PERMISSION_DENIED", "USER_PERMISSION_DENIED"),
        ({"login_customer_id": "1"}, CUSTOMER, "INVALID_ARGUMENT", "INVALID_LOGIN_CUSTOMER_ID"),
        (
            {"x_goog_request_params": "customer_id=1"},
            CUSTOMER,
            "INVALID_ARGUMENT",
            "INVALID_CUSTOMER_ID",
        ),
    ],
)
def test_transport_and_authentication(
    call: Any, vendors: Vendors, metadata: dict[str, str | None], customer: str, status: str, code: str
) -> None:
    made = {
        "expired": issue(vendors.credentials, (ADWORDS,), NOW),
        "scope": issue(vendors.credentials, (DATA_MANAGER,), NOW + timedelta(hours=1)),
    }
    asked = metadata.get("authorization")
    if asked in made:
        metadata = {"authorization": f"Bearer {made[asked]}"}
    with pytest.raises(grpc.RpcError) as raised:
        call(
            SEARCH,
            MESSAGES[SEARCH][0](customer_id=customer, query="SELECT customer.id FROM customer"),
            **metadata,
        )
    assert raised.value.code() is grpc.StatusCode[status]
    assert _code(_failure(raised.value.trailing_metadata()).errors[0]) == code


def _click(**changes: Any) -> dict[str, Any]:
    row = {
        "gclid": GCLID,
        "conversion_action": ACTION,
        "conversion_date_time": _text(NOW - timedelta(hours=3)),
        "conversion_value": 7.5,
        "currency_code": "EUR",
        "order_id": "cs_0100",
    }
    return {name: value for name, value in (row | changes).items() if value is not None}


@pytest.fixture
def upload(call: Callable[..., Any]) -> Callable[..., Any]:
    def send(*rows: dict[str, Any]) -> Any:
        request = MESSAGES[UPLOAD][0](customer_id=CUSTOMER, partial_failure=True)
        for row in rows:
            request.conversions.add(**row)
        return call(UPLOAD, request)

    return send


HASHED = [{"hashed_email": "a" * 64}]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (_click(gclid="Cj0KCQiA-never-seen-click"), "EVENT_NOT_FOUND"),
        (_click(gclid="cut off"), "UNPARSEABLE_GCLID"),
        (_click(gclid=None, gbraid="?"), "UNPARSEABLE_GBRAID"),
        (_click(gclid="Cj0KCQiA-young-click-0002"), "TOO_RECENT_EVENT"),
        (_click(gclid="Cj0KCQiA-stale-click-0003"), "EXPIRED_EVENT"),
        (_click(conversion_date_time=_text(NOW - timedelta(days=11))), "CONVERSION_PRECEDES_EVENT"),
        (_click(conversion_date_time="yesterday"), "INVALID_STRING_DATE_TIME_SECONDS_WITH_OFFSET"),
        (_click(gclid=None), "REQUIRED"),
        (_click(conversion_action=None), "REQUIRED"),
        (_click(conversion_action=ACTION[:-1] + "9"), "NO_CONVERSION_ACTION_FOUND"),
        (_click(currency_code="XXQ"), "UNSUPPORTED"),
        (_click(order_id="jane@example.com"), "ORDER_ID_CONTAINS_PII"),
        (_click(order_id="cs_0001"), "ORDER_ID_ALREADY_IN_USE"),
        (
            _click(order_id=None, conversion_date_time=_text(NOW - timedelta(days=10))),
            "CLICK_CONVERSION_ALREADY_EXISTS",
        ),
        (_click(gclid=None, gbraid="a", wbraid="b"), "GBRAID_WBRAID_BOTH_SET"),
        (_click(wbraid="b"), "VALUE_MUST_BE_UNSET"),
        (_click(user_identifiers=[{"hashed_email": "jane@example.com"}]), "INVALID_USER_IDENTIFIER"),
        (_click(user_identifiers=[{"mobile_id": "x"}]), "UNSUPPORTED_USER_IDENTIFIER"),
        (_click(user_identifiers=HASHED * 6), "TOO_MANY"),
        (_click(gclid=None, user_identifiers=HASHED), "CLICK_NOT_FOUND"),
    ],
)
def test_a_bad_click_conversion_fails_alone(
    upload: Any, vendors: Vendors, row: dict[str, Any], code: str
) -> None:
    answer = upload(_click(order_id="cs_0200"), row)
    assert _rows(answer) == {1: code}
    assert (answer.results[0].gclid, answer.results[1].ByteSize()) == (GCLID, 0)
    assert (_booked(vendors, "cs_0200")["total"], _booked(vendors, "cs_0200")["currency"]) == ("7.5", "EUR")


@pytest.mark.parametrize(
    ("order_id", "code"),
    [("cs_0100", "DUPLICATE_ORDER_ID"), (None, "DUPLICATE_CLICK_CONVERSION_IN_REQUEST")],
)
def test_twins_in_one_request_both_fail(upload: Any, order_id: str | None, code: str) -> None:
    row = _click(order_id=order_id)
    assert _rows(upload(row, row)) == {0: code, 1: code}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("SELECT customer.no_such_field FROM customer", "UNRECOGNIZED_FIELD"),
        (
            f"SELECT {TRACKING}.enhanced_conversions_for_leads_enabled FROM customer",
            "UNRECOGNIZED_FIELD",
        ),
        ("SELECT campaign.id FROM campaign", "BAD_RESOURCE_TYPE_IN_FROM_CLAUSE"),
        ("customer", "UNEXPECTED_INPUT"),
    ],
)
def test_a_query_that_v26_does_not_understand(call: Any, query: str, code: str) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        call(SEARCH, MESSAGES[SEARCH][0](customer_id=CUSTOMER, query=query))
    assert _code(_failure(raised.value.trailing_metadata()).errors[0]) == code


def test_a_dropped_reply_leaves_the_adjustment_applied(adjust: Any, vendors: Vendors) -> None:
    vendors.faults.add(Rule.model_validate({"vendor": "google_ads", "action": {"drop_reply": True}}))
    with pytest.raises(grpc.RpcError) as raised:
        adjust(_row())
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
    assert _booked(vendors)["retracted"] is True
    again = _row(adjustment_date_time=_text(NOW))
    assert _rows(adjust(again)) == {0: "CONVERSION_ALREADY_RETRACTED"}


def test_the_unmodified_official_client(vendors: Vendors, serve: Callable[..., str], tmp_path: Path) -> None:
    token_uri = serve(google_oauth.app(vendors)) + "/token"
    server, port, ca = google_ads.serve(vendors, "127.0.0.1", 0)
    roots = tmp_path / "roots.pem"
    roots.write_bytes(ca)
    action = {
        "grpc_status": "RESOURCE_EXHAUSTED",
        "grpc_error": "quota_error.RESOURCE_TEMPORARILY_EXHAUSTED",
        "grpc_retry_delay_seconds": 30,
    }
    rule = {"vendor": "google_ads", "path_contains": "UploadClickConversions", "nth": 2, "action": action}
    vendors.faults.add(Rule.model_validate(rule))
    program = Path(__file__).with_name("official_google_ads_client.py")
    known = json.dumps({k: v for k, v in asdict(vendors.credentials).items() if isinstance(v, str)})
    done = subprocess.run(
        [sys.executable, str(program), f"localhost:{port}", token_uri, known],
        env={**os.environ, "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(roots)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    server.stop(None).wait()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "adjust": {
            "results": ["cs_0001", ""],
            "code": 3,
            "message": "Conversion not found., at conversion_adjustments[1]",
            "job": True,
            "errors": [[5, "conversion_adjustments", 1]],
        },
        "upload": {"group": "not_allowlisted_error", "number": 2, "request_id": True},
        "quota": {"number": 4, "delay": 30},
        "search": {
            "customer": "customers/1234567890",
            "terms": True,
            "enablement": 3,
            "actions": [[700000001, 7, 3, 90], [700000003, 7, 3, 90]],
            "streamed": 4,
        },
    }
    assert _booked(vendors)["retracted"] is True
