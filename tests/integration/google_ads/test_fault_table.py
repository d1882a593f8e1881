"""Every error code Google has, answered for a real delivery: its row ends where the specification says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from conversion_sync.model.revenue import EventKind
from tests.integration.google_ads.account import Google, ended, send
from tests.integration.google_ads.fault_table import (
    AT_ONCE,
    CONVERSIONS,
    PROCESSING,
    RESTATEMENTS,
    RETRACTIONS,
    SPLITS,
    STATE,
    with_group,
)
from tests.integration.scripted import payments
from tests.integration.world import TINY, by_force, event, rooms, rows

UPLOAD, ADJUST = "UploadClickConversions", "UploadConversionAdjustments"
CONVERSION, ADJUSTMENT = "conversion_upload_error", "conversion_adjustment_upload_error"
TOO_MANY = f"{ADJUSTMENT}.TOO_MANY_ADJUSTMENTS_IN_REQUEST"


def expected(table: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {code: STATE[spec] for code, spec in table}


def found(engine: Engine, kind: str = "conversion") -> dict[str, str]:
    """The state each code led to."""
    return {code: state for state, _, code in ended(engine, kind).values() if code is not None}


def on_rows(codes: Iterable[str]) -> list[dict[str, object]]:
    return [{"index": index, "error": code} for index, code in enumerate(codes)]


def refund_all(engine: Engine, count: int, net: int) -> None:
    for number in range(count):
        event(
            engine,
            f"back{number}",
            EventKind.REFUND,
            timedelta(minutes=30),
            net=-net,
            parent=f"pay{number}",
            left=100 - net,
            refunded=net,
        )
    rooms(engine, window=TINY)


def one_by_one(engine: Engine, count: int, prefix: str = "pay") -> Iterable[str]:
    """Puts one event after the other back to where it may leave, and the others out of the way.

    What earlier answers did to the account's pace is forgotten.
    """
    for number in range(count):
        with engine.begin() as connection:
            connection.execute(text("truncate delivery_pace, delivery_breaker"))
            by_force(connection)
            connection.execute(text("update conversion set state = 'settled', reason = 'confirmed'"))
            connection.execute(
                text(
                    "update conversion set state = 'planned', reason = 'ready', in_doubt = false,"
                    " first_sent_at = null, attempts = 0 where event_key = :key"
                ),
                {"key": f"{prefix}{number}"},
            )
        yield f"{prefix}{number}"


def test_codes_on_click_conversions(engine: Engine, vendor: Google) -> None:
    table = expected(with_group(CONVERSION, CONVERSIONS))
    payments(engine, len(table))
    vendor.go_wrong("google_ads", UPLOAD, times=1, row_errors=on_rows(table))
    send(engine, vendor.adapter("click_upload"))
    assert found(engine) == table


@pytest.mark.parametrize(
    ("net", "codes"), [(100, RETRACTIONS), (40, RESTATEMENTS)], ids=["retract", "restate"]
)
def test_codes_on_adjustments(engine: Engine, vendor: Google, net: int, codes: Mapping[str, str]) -> None:
    table = expected(with_group(ADJUSTMENT, codes))
    payments(engine, len(table))
    adapter = vendor.adapter("click_upload")
    send(engine, adapter)
    refund_all(engine, len(table), net)
    vendor.go_wrong("google_ads", ADJUST, times=1, row_errors=on_rows(table))
    send(engine, adapter)
    assert found(engine, "adjustment") == table


def test_codes_on_a_whole_upload(engine: Engine, vendor: Google) -> None:
    table = expected((code, spec) for code, spec in with_group(CONVERSION, CONVERSIONS) if code not in SPLITS)
    payments(engine, len(table))
    adapter = vendor.adapter("click_upload")
    seen: dict[str, str] = {}
    for key, code in zip(one_by_one(engine, len(table)), table, strict=True):
        vendor.vendors.faults.clear()
        vendor.go_wrong("google_ads", UPLOAD, grpc_status="INVALID_ARGUMENT", grpc_error=code)
        send(engine, adapter)
        state, _, told = ended(engine)[key]
        assert told == code
        seen[code] = state
    assert seen == table


@pytest.mark.parametrize(
    ("net", "codes"), [(100, RETRACTIONS), (40, RESTATEMENTS)], ids=["retract", "restate"]
)
def test_codes_on_a_whole_upload_of_adjustments(
    engine: Engine, vendor: Google, net: int, codes: Mapping[str, str]
) -> None:
    table = expected((code, spec) for code, spec in with_group(ADJUSTMENT, codes) if code != TOO_MANY)
    payments(engine, len(table))
    adapter = vendor.adapter("click_upload")
    send(engine, adapter)
    refund_all(engine, len(table), net)
    seen: dict[str, str] = {}
    for key, code in zip(one_by_one(engine, len(table), "back"), table, strict=True):
        vendor.vendors.faults.clear()
        vendor.go_wrong("google_ads", ADJUST, grpc_status="INVALID_ARGUMENT", grpc_error=code)
        send(engine, adapter)
        state, _, told = ended(engine, "adjustment")[key]
        assert told == code
        seen[code] = state
    assert seen == table


def test_a_request_of_too_many_adjustments_is_split(engine: Engine, vendor: Google) -> None:
    payments(engine, 4)
    adapter = vendor.adapter("click_upload")
    send(engine, adapter)
    refund_all(engine, 4, 40)
    vendor.go_wrong("google_ads", ADJUST, times=1, grpc_status="INVALID_ARGUMENT", grpc_error=TOO_MANY)
    send(engine, adapter)
    assert {state for state, _, _ in ended(engine, "adjustment").values()} == {"settled"}


def test_codes_of_data_manager_while_it_processes(engine: Engine, vendor: Google) -> None:
    table = expected(PROCESSING.items())
    payments(engine, len(table))
    adapter = vendor.adapter("data_manager")
    seen: dict[str, str] = {}
    for key, code in zip(one_by_one(engine, len(table)), table, strict=True):
        vendor.vendors.faults.clear()
        vendor.go_wrong("data_manager", "IngestEvents", row_reason=code)
        send(engine, adapter)
        poll_now(engine)
        send(engine, adapter)
        state, _, told = ended(engine)[key]
        assert told == code
        seen[code] = state
    assert seen == table


def poll_now(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("update settlement_poll set next_poll_at = '2020-01-01'"))


@pytest.mark.parametrize("of_row", [True, False], ids=["row", "request"])
def test_codes_of_data_manager_at_once(engine: Engine, vendor: Google, of_row: bool) -> None:
    table = expected((code, spec) for code, (_, spec) in AT_ONCE.items() if code not in SPLITS)
    payments(engine, len(table))
    adapter = vendor.adapter("data_manager")
    seen: dict[str, str] = {}
    for key, code in zip(one_by_one(engine, len(table)), table, strict=True):
        vendor.vendors.faults.clear()
        vendor.go_wrong("data_manager", "IngestEvents", **refused(code, of_row))
        send(engine, adapter)
        state, _, told = ended(engine)[key]
        assert told == code
        seen[code] = state
    assert seen == table


@pytest.mark.parametrize("code", sorted(SPLITS))
def test_a_request_that_is_too_large_is_split(engine: Engine, vendor: Google, code: str) -> None:
    payments(engine, 4)
    if code in AT_ONCE:
        vendor.go_wrong("data_manager", "IngestEvents", times=1, **refused(code, of_row=False))
        send(engine, vendor.adapter("data_manager"))
    else:
        vendor.go_wrong("google_ads", UPLOAD, times=1, grpc_status="INVALID_ARGUMENT", grpc_error=code)
        send(engine, vendor.adapter("click_upload"))
    assert {state for (state,) in rows(engine, "select state from conversion")} <= {"accepted", "settled"}
    assert len(vendor.vendors.books.dump()) == 4


def refused(code: str, of_row: bool) -> dict[str, object]:
    """Data Manager's refusal: of the first event, or of the request."""
    status, _ = AT_ONCE[code]
    details: list[dict[str, object]] = [{"@type": "google.rpc.ErrorInfo", "reason": code}]
    if of_row:
        violation = {"field": "events.events[0].conversion_value", "reason": code, "description": "why"}
        details = [{"@type": "google.rpc.BadRequest", "fieldViolations": [violation]}]
    return {"grpc_status": status, "grpc_details": details}


CLASSLESS = [
    ({"grpc_status": "UNAVAILABLE"}, ("planned", "waits_retry")),
    ({"grpc_status": "RESOURCE_EXHAUSTED"}, ("planned", "waits_retry")),
    ({"grpc_status": "UNAUTHENTICATED"}, ("held", "credential_or_configuration")),
    ({"grpc_status": "PERMISSION_DENIED"}, ("held", "credential_or_configuration")),
    ({"grpc_status": "UNIMPLEMENTED"}, ("held", "credential_or_configuration")),
    ({"grpc_status": "DEADLINE_EXCEEDED"}, ("planned", "resend_in_doubt")),
    ({"grpc_status": "INTERNAL"}, ("planned", "resend_in_doubt")),
    ({"grpc_status": "UNKNOWN"}, ("planned", "resend_in_doubt")),
    ({"close_before_reply": True}, ("planned", "resend_in_doubt")),
    ({"row_errors": [{"error": "internal_error.INTERNAL_ERROR"}]}, ("planned", "waits_retry")),
]


@pytest.mark.parametrize(("action", "end"), CLASSLESS, ids=[str(action) for action, _ in CLASSLESS])
def test_an_upload_that_failed_without_a_row(
    engine: Engine, vendor: Google, action: dict[str, object], end: tuple[str, str]
) -> None:
    payments(engine, 1)
    vendor.go_wrong("google_ads", UPLOAD, **action)
    send(engine, vendor.adapter("click_upload"))
    assert rows(engine, "select state, reason from conversion") == [end]
