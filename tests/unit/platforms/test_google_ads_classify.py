"""What the failures of the Google Ads API mean, from the shapes its documentation and client show."""

from __future__ import annotations

from datetime import timedelta

import pytest

from conversion_sync.model.conversion import Outbound, Outcome, Verb
from conversion_sync.platforms.google_ads.classify import Fault, partial_failure, request_fault
from conversion_sync.platforms.platform import SendResult
from tests.unit.platforms.rows import facts, row

FACTS = facts("google_ads")


def batch(*verbs: str) -> list[Outbound]:
    return [row(verb=Verb(verb)) for verb in verbs]


SENT = batch("send", "send", "send")


def same(text: str) -> str:
    return text


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
