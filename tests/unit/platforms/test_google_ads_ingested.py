"""What Data Manager's answers mean, from the messages its client reads, and what a call that raised says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.ads.datamanager_v1.types import RetrieveRequestStatusResponse
from google.api_core import exceptions
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2 as rpc

from conversion_sync.model.conversion import Outcome
from conversion_sync.platforms.google_ads.ingested import refusal, settled, status_of
from conversion_sync.platforms.google_ads.rpc import Failed, failure
from conversion_sync.platforms.platform import SendResult, Settlement, SettlementStatus
from tests.unit.platforms.rows import facts, row

FACTS = facts("google_ads")
SENT = [row(), row(), row()]


def same(text: str) -> str:
    return text


def answer(status: str, *details: Any) -> Failed:
    return Failed(code=f"grpc_{status}", text="There was a problem.", details=details)


def info(reason: str, **metadata: str) -> Any:
    return rpc.ErrorInfo(reason=reason, domain="datamanager.googleapis.com", metadata=metadata)


def violations(*faults: tuple[str, str]) -> Any:
    listed = [{"field": place, "reason": reason, "description": "why"} for place, reason in faults]
    return rpc.BadRequest(field_violations=listed)


def test_a_refused_batch_names_its_rows() -> None:
    failed = answer(
        "INVALID_ARGUMENT",
        info("INVALID_ARGUMENT"),
        violations(
            ("events.events[2].event_timestamp", "EVENT_TIME_INVALID"),
            ("events.events[0].currency", "INVALID_CURRENCY_CODE"),
            ("events.events[0].event_source", "REQUIRED_FIELD_MISSING"),
        ),
        rpc.RequestInfo(request_id="7"),
    )
    found = refusal(FACTS, failed, SENT, same)
    assert (found.outcome, found.named) == (Outcome.BAD_BATCH, (0, 2))
    assert {index: (row.outcome, row.code, row.text) for index, row in found.rows.items()} == {
        0: (Outcome.REJECTED, "INVALID_CURRENCY_CODE", "events.events[0].currency: why"),
        2: (Outcome.REJECTED, "EVENT_TIME_INVALID", "events.events[2].event_timestamp: why"),
    }


REFUSALS = [
    (
        answer("PERMISSION_DENIED", info("ACCESS_TOKEN_SCOPE_INSUFFICIENT")),
        Outcome.HOLD,
        "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
    ),
    (answer("UNAUTHENTICATED", info("CREDENTIALS_MISSING")), Outcome.HOLD, "CREDENTIALS_MISSING"),
    (
        answer(
            "NOT_FOUND",
            violations(("destinations[0].product_destination_id", "INVALID_CONVERSION_ACTION_ID")),
        ),
        Outcome.HOLD,
        "INVALID_CONVERSION_ACTION_ID",
    ),
    (
        answer("RESOURCE_EXHAUSTED", info("RESOURCE_EXHAUSTED")),
        Outcome.RETRY_LATER,
        "RESOURCE_EXHAUSTED",
    ),
    (answer("INTERNAL", info("INTERNAL_ERROR")), Outcome.RETRY_LATER, "INTERNAL_ERROR"),
    (
        answer("INVALID_ARGUMENT", info("A_REASON_OF_TOMORROW")),
        Outcome.BAD_BATCH,
        "A_REASON_OF_TOMORROW",
    ),
    (answer("UNAVAILABLE", info("A_REASON_OF_TOMORROW")), Outcome.RETRY_LATER, "A_REASON_OF_TOMORROW"),
    (answer("INTERNAL", info("A_REASON_OF_TOMORROW")), Outcome.AMBIGUOUS, "A_REASON_OF_TOMORROW"),
    (answer("INVALID_ARGUMENT", info("<html>")), Outcome.BAD_BATCH, "grpc_INVALID_ARGUMENT"),
    (answer("OUT_OF_RANGE"), Outcome.BAD_BATCH, "grpc_OUT_OF_RANGE"),
    (answer("DEADLINE_EXCEEDED"), Outcome.AMBIGUOUS, "grpc_DEADLINE_EXCEEDED"),
    (answer("UNAVAILABLE"), Outcome.RETRY_LATER, "grpc_UNAVAILABLE"),
    (answer("RESOURCE_EXHAUSTED"), Outcome.RETRY_LATER, "grpc_RESOURCE_EXHAUSTED"),
    (answer("UNAUTHENTICATED"), Outcome.HOLD, "grpc_UNAUTHENTICATED"),
    (answer("PERMISSION_DENIED"), Outcome.HOLD, "grpc_PERMISSION_DENIED"),
    (answer("NOT_FOUND"), Outcome.HOLD, "grpc_NOT_FOUND"),
    (Failed(code="no_answer", text="Socket closed"), Outcome.AMBIGUOUS, "no_answer"),
    (Failed(code="not_connected", text="failed to connect"), Outcome.RETRY_LATER, "not_connected"),
]


@pytest.mark.parametrize(
    ("failed", "outcome", "code"), REFUSALS, ids=[f"{failed.code}-{code}" for failed, _, code in REFUSALS]
)
def test_each_refusal_has_its_class(failed: Failed, outcome: Outcome, code: str) -> None:
    found = refusal(FACTS, failed, SENT[:1], same)
    assert (found.outcome, found.code, found.named) == (outcome, code, ())
    assert bool(found.remedy) == (outcome is Outcome.HOLD)


DAYS = "RESOURCE_EXHAUSTED/day"
RETRY_INFO = rpc.RetryInfo(retry_delay={"seconds": 12, "nanos": 500_000_000})

QUOTAS = [
    ((info("RESOURCE_EXHAUSTED"), RETRY_INFO), "RESOURCE_EXHAUSTED", 12.5),
    ((RETRY_INFO,), "grpc_RESOURCE_EXHAUSTED", 12.5),
    (
        (info("RESOURCE_EXHAUSTED"), rpc.RetryInfo(retry_delay={"seconds": 10**12})),
        "RESOURCE_EXHAUSTED",
        86_400,
    ),
    ((info("RATE_LIMIT_EXCEEDED", quota_limit="IngestPerMinutePerProject"),), "RATE_LIMIT_EXCEEDED", None),
    ((info("RATE_LIMIT_EXCEEDED", quota_limit="IngestRequestsPerDayPerProject"),), DAYS, None),
    (
        (
            info("RESOURCE_EXHAUSTED"),
            rpc.QuotaFailure(violations=[{"description": "Requests per day"}]),
        ),
        DAYS,
        None,
    ),
    ((rpc.QuotaFailure(violations=[{"quota_id": "RequestsPerDay"}]),), DAYS, None),
]


@pytest.mark.parametrize(("details", "code", "seconds"), QUOTAS)
def test_quota_details_say_whose_quota_it_is_and_when_to_come_back(
    details: tuple[Any, ...], code: str, seconds: float | None
) -> None:
    found = refusal(FACTS, answer("RESOURCE_EXHAUSTED", *details), SENT, same)
    wait = None if seconds is None else timedelta(seconds=seconds)
    assert (found.outcome, found.code, found.retry_after) == (Outcome.RETRY_LATER, code, wait)


def test_an_index_outside_the_batch_names_nobody() -> None:
    failed = answer("INVALID_ARGUMENT", violations(("events.events[9].currency", "INVALID_CURRENCY_CODE")))
    found = refusal(FACTS, failed, SENT[:2], same)
    assert (found.outcome, found.named, found.rows) == (Outcome.BAD_BATCH, (), {})


STATUSES = [
    (["SUCCESS"], SettlementStatus.SETTLED),
    (["SUCCESS", "SUCCESS"], SettlementStatus.SETTLED),
    (["FAILED"], SettlementStatus.FAILED),
    (["PARTIAL_SUCCESS"], SettlementStatus.PARTIAL),
    (["SUCCESS", "FAILED"], SettlementStatus.PARTIAL),
    (["PROCESSING"], SettlementStatus.PENDING),
    (["SUCCESS", "PROCESSING"], SettlementStatus.PENDING),
    (["17"], SettlementStatus.PENDING),
    ([], SettlementStatus.PENDING),
]


@pytest.mark.parametrize(("statuses", "expected"), STATUSES)
def test_a_request_is_as_far_as_its_slowest_destination(
    statuses: list[str], expected: SettlementStatus
) -> None:
    code = ",".join(sorted(set(statuses)))
    assert settled(statuses, {"INVALID_GCLID": 2}) == Settlement(
        status=expected, counts={"INVALID_GCLID": 2}, code=code
    )


def test_a_status_is_read_by_the_names_of_its_reasons_and_the_numbers_of_those_to_come() -> None:
    message = RetrieveRequestStatusResponse.pb()()
    assert status_of(message) is None
    place = message.request_status_per_destination.add(request_status=4)
    for reason, count in ((10, 3), (4711, 2), (0, 1)):
        place.error_info.error_counts.add(reason=reason, record_count=count)
    message.request_status_per_destination.add(request_status=99)
    known = place.error_info.error_counts[0].DESCRIPTOR.fields_by_name["reason"].enum_type.values_by_number
    names = {number: known[number].name.removeprefix("PROCESSING_ERROR_REASON_") for number in (10, 0)}
    found = status_of(message)
    assert found is not None
    assert (found.status, found.code) == (SettlementStatus.PENDING, "99,PARTIAL_SUCCESS")
    assert dict(found.counts) == {names[10]: 3, "4711": 2, names[0]: 1}


class Ended(grpc.RpcError):  # type: ignore[misc]
    """A call as gRPC ends it."""

    def __init__(self, status: str, text: str, *trailer: tuple[str, bytes]) -> None:
        super().__init__(text)
        self._told = (grpc.StatusCode[status], text, trailer)

    def code(self) -> Any:
        return self._told[0]

    def details(self) -> str:
        return str(self._told[1])

    def trailing_metadata(self) -> Any:
        return self._told[2]


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (Ended("UNAVAILABLE", "Socket closed"), "no_answer"),
        (Ended("UNAVAILABLE", "failed to connect to all addresses"), "not_connected"),
        (Ended("UNAVAILABLE", "DNS resolution failed for nowhere"), "not_connected"),
        (Ended("UNAVAILABLE", "failed to connect", ("request-id", b"1")), "grpc_UNAVAILABLE"),
        (Ended("INTERNAL", "Exception deserializing response!"), "grpc_INTERNAL"),
    ],
)
def test_a_call_that_raised_says_whether_the_request_may_have_arrived(call: Any, code: str) -> None:
    found = failure(exceptions.from_grpc_error(call))
    assert isinstance(found, Failed)
    assert (found.code, found.text) == (code, call.details())


@pytest.mark.parametrize("kind", [DecodeError, ValueError])
def test_a_refusal_whose_details_cannot_be_read_has_its_status(kind: type[Exception]) -> None:
    raised = kind("no such message")
    raised.__context__ = Ended("PERMISSION_DENIED", "No.", ("grpc-status-details-bin", b"?"))
    found = failure(raised)
    assert isinstance(found, Failed)
    assert (found.code, found.text, found.details) == ("grpc_PERMISSION_DENIED", "No.", ())


def test_a_request_grpc_cannot_carry_waits_for_a_person_and_tells_no_secret() -> None:
    found = failure(ValueError("metadata was invalid: Bearer canary"))
    assert isinstance(found, SendResult)
    assert (found.outcome, found.code) == (Outcome.HOLD, "not_sendable")
    assert "canary" not in found.text + found.remedy
