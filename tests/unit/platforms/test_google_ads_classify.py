"""What Google's answers mean, from the shapes its documentation and client show."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from conversion_sync.model.conversion import Outbound, Outcome, Verb
from conversion_sync.platforms.google_ads.classify import (
    Fault,
    partial_failure,
    refusal,
    request_fault,
    settled,
    status_of,
)
from conversion_sync.platforms.http import Reply
from conversion_sync.platforms.platform import SendResult, Settlement, SettlementStatus
from tests.unit.platforms.rows import facts, row

FACTS = facts("google_ads")
RPC = "type.googleapis.com/google.rpc."


def batch(*verbs: str) -> list[Outbound]:
    return [row(verb=Verb(verb)) for verb in verbs]


SENT = batch("send", "send", "send")


def same(text: str) -> str:
    return text


def answer(status: int, *details: Mapping[str, Any], **headers: str) -> Reply:
    error = {"code": status, "message": "There was a problem.", "details": list(details)}
    return Reply(status=status, headers=headers, text=json.dumps({"error": error}))


def info(reason: str) -> dict[str, Any]:
    return {"@type": RPC + "ErrorInfo", "reason": reason, "domain": "datamanager.googleapis.com"}


def violations(*faults: tuple[str, str]) -> dict[str, Any]:
    listed = [{"field": place, "reason": reason, "description": "why"} for place, reason in faults]
    return {"@type": RPC + "BadRequest", "fieldViolations": listed}


def test_a_refused_batch_names_its_rows() -> None:
    reply = answer(
        400,
        info("INVALID_ARGUMENT"),
        violations(
            ("events.events[2].event_timestamp", "EVENT_TIME_INVALID"),
            ("events.events[0].currency", "INVALID_CURRENCY_CODE"),
            ("events.events[0].event_source", "REQUIRED_FIELD_MISSING"),
        ),
    )
    found = refusal(FACTS, reply, SENT, same)
    assert (found.outcome, found.named) == (Outcome.BAD_BATCH, (0, 2))
    assert {index: (row.outcome, row.code, row.text) for index, row in found.rows.items()} == {
        0: (Outcome.REJECTED, "INVALID_CURRENCY_CODE", "events.events[0].currency: why"),
        2: (Outcome.REJECTED, "EVENT_TIME_INVALID", "events.events[2].event_timestamp: why"),
    }


REFUSALS = [
    (answer(403, info("ACCESS_TOKEN_SCOPE_INSUFFICIENT")), Outcome.HOLD, "ACCESS_TOKEN_SCOPE_INSUFFICIENT"),
    (answer(401, info("CREDENTIALS_MISSING")), Outcome.HOLD, "CREDENTIALS_MISSING"),
    (
        answer(404, violations(("destinations[0].product_destination_id", "INVALID_CONVERSION_ACTION_ID"))),
        Outcome.HOLD,
        "INVALID_CONVERSION_ACTION_ID",
    ),
    (answer(429, info("RESOURCE_EXHAUSTED")), Outcome.RETRY_LATER, "RESOURCE_EXHAUSTED"),
    (answer(500, info("INTERNAL_ERROR")), Outcome.RETRY_LATER, "INTERNAL_ERROR"),
    (answer(400, info("A_REASON_OF_TOMORROW")), Outcome.BAD_BATCH, "A_REASON_OF_TOMORROW"),
    (answer(500, info("A_REASON_OF_TOMORROW")), Outcome.RETRY_LATER, "A_REASON_OF_TOMORROW"),
    (answer(400), Outcome.BAD_BATCH, "http_400"),
    (Reply(status=504, headers={}, text="<html>gateway</html>"), Outcome.AMBIGUOUS, "http_504"),
    (Reply(status=503, headers={}, text="[]"), Outcome.RETRY_LATER, "http_503"),
    (Reply(status=302, headers={}, text=""), Outcome.HOLD, "http_302"),
]


@pytest.mark.parametrize(("reply", "outcome", "code"), REFUSALS, ids=[row[2] for row in REFUSALS])
def test_each_refusal_has_its_class(reply: Reply, outcome: Outcome, code: str) -> None:
    found = refusal(FACTS, reply, SENT[:1], same)
    assert (found.outcome, found.code, found.named) == (outcome, code, ())
    assert bool(found.remedy) == (outcome is Outcome.HOLD)


RETRY_INFO = {"@type": f"{RPC}RetryInfo", "retryDelay": "12.5s"}
DAYS = "RESOURCE_EXHAUSTED/day"


def limited(by: str) -> dict[str, Any]:
    return info("RATE_LIMIT_EXCEEDED") | {"metadata": {"quota_limit": by}}


QUOTAS = [
    ((info("RESOURCE_EXHAUSTED"), RETRY_INFO), "RESOURCE_EXHAUSTED", 12.5),
    ((info("RESOURCE_EXHAUSTED"), RETRY_INFO | {"retryDelay": "soon"}), "RESOURCE_EXHAUSTED", None),
    ((limited("IngestPerMinutePerProject"),), "RATE_LIMIT_EXCEEDED", None),
    ((limited("IngestRequestsPerDayPerProject"),), DAYS, None),
    (
        (
            info("RESOURCE_EXHAUSTED"),
            {"@type": f"{RPC}QuotaFailure", "violations": [{"description": "Requests per day"}]},
        ),
        DAYS,
        None,
    ),
]


@pytest.mark.parametrize(("details", "code", "seconds"), QUOTAS)
def test_quota_details_say_whose_quota_it_is_and_when_to_come_back(
    details: tuple[dict[str, Any], ...], code: str, seconds: float | None
) -> None:
    found = refusal(FACTS, answer(429, *details), SENT, same)
    wait = None if seconds is None else timedelta(seconds=seconds)
    assert (found.outcome, found.code, found.retry_after) == (Outcome.RETRY_LATER, code, wait)


def test_a_quota_says_how_long_to_wait() -> None:
    reply = answer(429, info("RESOURCE_EXHAUSTED"), **{"retry-after": "7"})
    assert refusal(FACTS, reply, SENT[:1], same).retry_after == timedelta(seconds=7)


def test_an_index_outside_the_batch_names_nobody() -> None:
    reply = answer(400, violations(("events.events[9].currency", "INVALID_CURRENCY_CODE")))
    found = refusal(FACTS, reply, SENT[:2], same)
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


UPLOAD = "conversion_adjustment_upload_error"
ROWS = [
    ("restate", f"{UPLOAD}.CONVERSION_NOT_FOUND", Outcome.RETRY_LATER),
    ("retract", f"{UPLOAD}.CONVERSION_ALREADY_RETRACTED", Outcome.DELIVERED),
    ("restate", f"{UPLOAD}.CONVERSION_ALREADY_RETRACTED", Outcome.REJECTED),
    ("restate", f"{UPLOAD}.RESTATEMENT_ALREADY_EXISTS", Outcome.DELIVERED),
    ("restate", f"{UPLOAD}.CONVERSION_EXPIRED", Outcome.REJECTED),
    ("restate", f"{UPLOAD}.NO_CONVERSION_ACTION_FOUND", Outcome.HOLD),
    ("restate", f"{UPLOAD}.UNKNOWN", Outcome.RETRY_LATER),
    ("restate", f"{UPLOAD}.4711", Outcome.RETRY_LATER),
    ("restate", "unknown_group", Outcome.RETRY_LATER),
    ("restate", "internal_error.TRANSIENT_ERROR", Outcome.RETRY_LATER),
    ("restate", "field_error.REQUIRED", Outcome.REJECTED),
]


@pytest.mark.parametrize(("verb", "code", "outcome"), ROWS)
def test_each_row_error_has_its_class(verb: str, code: str, outcome: Outcome) -> None:
    found = partial_failure(FACTS, batch("restate", verb), [Fault(code, "why", 1)], same)
    assert found.outcome is Outcome.DELIVERED
    assert {index: (row.outcome, row.code) for index, row in found.rows.items()} == {1: (outcome, code)}


def test_of_several_errors_on_a_row_the_gravest_decides() -> None:
    faults = [
        Fault(f"{UPLOAD}.CONVERSION_NOT_FOUND", "later", 0),
        Fault(f"{UPLOAD}.CONVERSION_EXPIRED", "never", 0),
    ]
    assert partial_failure(FACTS, batch("restate"), faults, same).rows[0].text == "never"


def test_an_error_without_a_row_is_about_the_request() -> None:
    faults = [Fault("authorization_error.USER_PERMISSION_DENIED", "no access")]
    found = partial_failure(FACTS, batch("restate"), faults, same)
    assert (found.outcome, found.code, bool(found.remedy)) == (
        Outcome.HOLD,
        "authorization_error.USER_PERMISSION_DENIED",
        True,
    )


CALLS = [
    ([Fault("quota_error.RESOURCE_EXHAUSTED", "", retry_after=timedelta(seconds=9))], Outcome.RETRY_LATER),
    ([Fault("authentication_error.OAUTH_TOKEN_REVOKED", "")], Outcome.HOLD),
    ([Fault("authentication_error.OAUTH_TOKEN_EXPIRED", "")], Outcome.RETRY_LATER),
    ([Fault("oauth_plugin", "")], Outcome.HOLD),
    ([Fault("grpc_UNAVAILABLE", "")], Outcome.RETRY_LATER),
    ([Fault("grpc_DEADLINE_EXCEEDED", "")], Outcome.AMBIGUOUS),
    ([Fault("field_error.REQUIRED", "", 3)], Outcome.BAD_BATCH),
    ([Fault("a_group_of_tomorrow.X", "")], Outcome.BAD_BATCH),
]


@pytest.mark.parametrize(("faults", "outcome"), CALLS)
def test_each_failed_call_has_its_class(faults: list[Fault], outcome: Outcome) -> None:
    found = request_fault(FACTS, SENT, faults, same)
    assert (found.outcome, found.code) == (outcome, faults[0].code)
    assert found.retry_after == (faults[0].retry_after if outcome is Outcome.RETRY_LATER else None)


def test_a_good_answer_delivers_every_row() -> None:
    assert partial_failure(FACTS, batch("retract", "retract"), [], same) == SendResult(
        outcome=Outcome.DELIVERED, code="ok"
    )


NOT_LISTED = "not_allowlisted_error.CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE"


@pytest.mark.parametrize("on_rows", [True, False])
def test_a_project_off_the_allow_list_holds_every_row_and_names_the_setting(on_rows: bool) -> None:
    if on_rows:
        faults = [Fault(NOT_LISTED, "not allowlisted", index) for index in range(3)]
        found = partial_failure(FACTS, SENT, faults, same)
    else:
        found = request_fault(FACTS, SENT, [Fault(NOT_LISTED, "not allowlisted")], same)
    assert (found.outcome, found.code) == (Outcome.HOLD, NOT_LISTED)
    assert "upload_api: data_manager" in found.remedy
    assert {index: each.outcome for index, each in found.rows.items()} == dict.fromkeys(
        range(3), Outcome.HOLD
    )
    assert all("upload_api: data_manager" in each.text for each in found.rows.values())


def test_an_action_at_fault_holds_its_rows_alone_even_if_they_are_all_of_a_batch() -> None:
    code = "conversion_upload_error.NO_CONVERSION_ACTION_FOUND"
    found = partial_failure(FACTS, SENT, [Fault(code, "", index) for index in range(3)], same)
    assert (found.outcome, {each.outcome for each in found.rows.values()}) == (
        Outcome.DELIVERED,
        {Outcome.HOLD},
    )


def test_the_first_and_the_last_row_are_told_apart_from_those_between() -> None:
    code = "conversion_upload_error.EXPIRED_EVENT"
    found = partial_failure(FACTS, SENT, [Fault(code, "", 0), Fault(code, "", 2)], same)
    assert (found.outcome, sorted(found.rows)) == (Outcome.DELIVERED, [0, 2])


def test_errors_of_rows_beside_one_of_the_request_stay_with_their_rows() -> None:
    faults = [
        Fault("internal_error.INTERNAL_ERROR", "try again"),
        Fault("conversion_upload_error.EXPIRED_EVENT", "too old", 1),
    ]
    found = partial_failure(FACTS, SENT, faults, same)
    assert (found.outcome, found.code) == (Outcome.RETRY_LATER, "internal_error.INTERNAL_ERROR")
    assert {index: each.code for index, each in found.rows.items()} == {
        1: "conversion_upload_error.EXPIRED_EVENT"
    }


def test_a_duplicate_told_of_the_request_of_one_row_is_that_row_delivered() -> None:
    fault = Fault("conversion_upload_error.ORDER_ID_ALREADY_IN_USE", "in use")
    assert request_fault(FACTS, SENT[:1], [fault], same).outcome is Outcome.DELIVERED
    assert request_fault(FACTS, SENT, [fault], same).outcome is Outcome.BAD_BATCH


HASH = "509e933019bb285a134a9334b8bb679dff79d0ce023d529af4bd744d47b4fd8a"


def test_a_persons_click_is_in_no_text() -> None:
    clicked = [row(click_id_kind="gclid", click_id="EAIaIQobChMI", identifiers={"email_google": HASH}), *SENT]
    fault = Fault("conversion_upload_error.UNPARSEABLE_GCLID", f"could not decode EAIaIQobChMI, {HASH}", 0)
    texts = [
        partial_failure(FACTS, clicked, [fault], same).rows[0].text,
        request_fault(FACTS, clicked, [fault], same).text,
    ]
    assert ["EAIaIQobChMI" in text or HASH in text for text in texts] == [False, False]


def test_a_status_is_read_whatever_shape_it_has() -> None:
    assert [status_of(shape) for shape in (None, [], {}, {"requestStatusPerDestination": 1})] == [None] * 4
    document = {
        "requestStatusPerDestination": [
            {
                "requestStatus": "PARTIAL_SUCCESS",
                "errorInfo": {
                    "errorCounts": [
                        {"reason": "PROCESSING_ERROR_REASON_INVALID_GCLID", "recordCount": "3"},
                        {"reason": 17, "recordCount": 2},
                        {"recordCount": "many"},
                        "?",
                    ]
                },
            },
            "?",
        ]
    }
    found = status_of(document)
    assert found is not None
    assert (found.status, dict(found.counts)) == (
        SettlementStatus.PENDING,
        {"INVALID_GCLID": 3, "17": 2, "": 0},
    )


@pytest.mark.parametrize(
    ("field", "outcome"), [("user_identifiers", Outcome.DELIVERED), ("conversion_value", Outcome.REJECTED)]
)
def test_what_is_wrong_with_an_optional_part_of_a_row_google_has_does_not_matter(
    field: str, outcome: Outcome
) -> None:
    faults = [
        Fault("conversion_upload_error.INVALID_USER_IDENTIFIER", "", 0, field=field),
        Fault("conversion_upload_error.ORDER_ID_ALREADY_IN_USE", "", 0, field="order_id"),
    ]
    assert partial_failure(FACTS, SENT, faults, same).rows[0].outcome is outcome
