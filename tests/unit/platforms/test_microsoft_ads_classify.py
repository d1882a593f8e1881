"""What Microsoft's answers mean, code by code, as the specification's table lists them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from conversion_sync.model.conversion import Outcome
from conversion_sync.platforms.microsoft_ads.classify import REMEDY, classify, expired
from conversion_sync.platforms.platform import RowResult, SendResult
from tests.unit.platforms.rows import PAID_AT, excerpt, facts, reply, row

FACTS = facts("microsoft_ads")
BATCH = [row() for _ in range(4)]
LATER_THAN_ALL = PAID_AT + timedelta(days=1)
DONE, BAD, HELD, REFUSED = Outcome.DELIVERED, Outcome.BAD_BATCH, Outcome.HOLD, Outcome.REJECTED
LATER, DOUBT = Outcome.RETRY_LATER, Outcome.AMBIGUOUS


def of_row(index: object, code: object, **members: Any) -> dict[str, Any]:
    return {"Index": index, "Code": code, "ErrorCode": "Symbol", "Message": "what it says", **members}


def partial(*errors: Any) -> dict[str, Any]:
    return {"PartialErrors": list(errors)}


def account_fault(code: object) -> dict[str, Any]:
    error = {"Code": code, "ErrorCode": "Symbol", "Message": "what it says", "Detail": None}
    return {"TrackingId": "2026-R1", "Type": "AdApiFaultDetail", "Errors": [error]}


def list_fault(code: object, *batch: Any) -> dict[str, Any]:
    error = {"Code": code, "ErrorCode": "Symbol", "Message": "what it says", "Details": None}
    return {
        "TrackingId": "2026-R1",
        "Type": "ApiFaultDetail",
        "OperationErrors": [error] if code is not None else [],
        "BatchErrors": list(batch),
    }


def read(status: int, body: Any, headers: dict[str, str] | None = None, batch: Any = BATCH) -> SendResult:
    return classify(FACTS, reply(status, body, headers), batch, excerpt, LATER_THAN_ALL)


@pytest.mark.parametrize("errors", [[], None])
def test_an_answer_without_errors_delivers_every_row(errors: Any) -> None:
    assert read(200, {"PartialErrors": errors}) == SendResult(outcome=DONE, code="ok", http_status=200)


ROW_CODES = [
    *((code, REFUSED) for code in (5603, 5604, 5607, 5608, 5609, 5610, 5611, 5616, 5617)),
    *((code, REFUSED) for code in range(5618, 5627)),
    *((code, HELD) for code in (105, 106, 109, 5605, 5606, 5613, 5627)),
    *((code, LATER) for code in (0, 117, 207, 5612, 5615)),
    *((code, BAD) for code in (5600, 5601, 5602)),
    *((code, REFUSED) for code in (9999, 5628, -1)),
]


@pytest.mark.parametrize(("code", "outcome"), ROW_CODES)
def test_every_code_of_a_row_has_its_class_and_the_others_are_taken(code: int, outcome: Outcome) -> None:
    assert read(200, partial(of_row(2, code))) == SendResult(
        outcome=DONE,
        code="ok",
        rows={2: RowResult(outcome=outcome, code=str(code), text="Symbol what it says")},
        remedy=FACTS.remedies.get(str(code), REMEDY) if outcome is HELD else "",
        http_status=200,
    )


def test_errors_go_to_the_first_and_the_last_row_and_the_hardest_decides() -> None:
    found = read(
        200, partial(of_row(0, 5612), of_row(3, 5604), of_row(0, 5610), of_row(3, 5606), of_row(3, 0))
    )
    assert {index: (each.outcome, each.code) for index, each in found.rows.items()} == {
        0: (REFUSED, "5610"),
        3: (HELD, "5606"),
    }
    assert found.remedy == FACTS.remedies["5606"]


FUTURE = [
    (timedelta(minutes=6), REFUSED, "5614"),
    (timedelta(minutes=4), LATER, "5614/skew"),
    (timedelta(days=-1), LATER, "5614/skew"),
]


@pytest.mark.parametrize(("ahead", "outcome", "code"), FUTURE)
def test_a_time_in_the_future_by_the_vendors_clock_alone_goes_once_more(
    ahead: timedelta, outcome: Outcome, code: str
) -> None:
    answer = classify(FACTS, reply(200, partial(of_row(0, 5614))), BATCH, excerpt, PAID_AT - ahead)
    assert (answer.rows[0].outcome, answer.rows[0].code) == (outcome, code)


PLACES: list[Any] = [None, -1, 4, "0", True, 0.0]


@pytest.mark.parametrize("index", PLACES)
def test_an_error_that_names_no_row_leaves_the_unnamed_in_doubt_one_by_one(index: Any) -> None:
    found = read(200, partial(of_row(index, 5604), of_row(1, 5603)))
    assert (found.outcome, found.code, found.text) == (DOUBT, "unplaced", "5604 Symbol what it says")
    assert {place: each.code for place, each in found.rows.items()} == {1: "5603"}
    assert "unplaced" in FACTS.resend_alone


def test_an_error_without_an_index_is_the_only_rows() -> None:
    found = read(200, partial(of_row(None, 5604)), batch=BATCH[:1])
    assert (found.outcome, found.rows[0].outcome, found.rows[0].code) == (DONE, REFUSED, "5604")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"Index": 0, "ErrorCode": "Symbol"}, "Symbol"),
        ({"Index": 0}, "no_code"),
        ({"Index": 0, "Code": "5604"}, "no_code"),
        ({"Index": 0, "Code": True, "ErrorCode": 7}, "no_code"),
    ],
)
def test_an_error_without_a_number_refuses_its_row_for_a_person_to_look(error: Any, code: str) -> None:
    found = read(200, partial(error))
    assert (found.rows[0].outcome, found.rows[0].code) == (REFUSED, code)


def test_an_error_that_is_none_is_nobodys() -> None:
    assert (read(200, partial("no")).outcome, read(200, partial(None)).code) == (DOUBT, "unplaced")


REQUEST_CODES = [
    *((code, HELD) for code in (105, 106, 109, 5605, 5606, 5613, 5627)),
    *((code, LATER) for code in (0, 117, 207, 5612, 5615)),
    *((code, BAD) for code in (5600, 5601, 5602, 5603, 5604, *range(5607, 5612), 5614, *range(5616, 5627))),
]


@pytest.mark.parametrize("shape", [account_fault, list_fault])
@pytest.mark.parametrize(("code", "outcome"), REQUEST_CODES)
@pytest.mark.parametrize("status", [400, 401, 429, 500, 200])
def test_every_code_of_a_request_has_its_class_whatever_the_status(
    shape: Any, code: int, outcome: Outcome, status: int
) -> None:
    assert read(status, shape(code)) == SendResult(
        outcome=outcome,
        code=str(code),
        text="Symbol what it says (TrackingId 2026-R1)",
        remedy=FACTS.remedies.get(str(code), REMEDY) if outcome is HELD else "",
        http_status=status,
    )


def test_a_refused_list_names_its_rows() -> None:
    faults = [of_row(1, 5602), of_row(3, 5602), of_row(9, 5602)]
    found = read(400, list_fault(None, *faults))
    refused = RowResult(outcome=REFUSED, code="5602", text="Symbol what it says")
    assert (found.outcome, found.code, found.named) == (BAD, "5602", (1, 3))
    assert found.rows == {1: refused, 3: refused}


UNKNOWN = [
    (400, account_fault(9876), LATER, "9876"),
    (400, list_fault(9876), BAD, "9876"),
    (500, list_fault(9876), LATER, "9876"),
    (400, account_fault(None), LATER, "Symbol"),
    (400, {"Errors": [], "BatchErrors": []}, BAD, "http_400"),
    (200, {"Errors": []}, DOUBT, "unreadable"),
]


@pytest.mark.parametrize(("status", "body", "outcome", "code"), UNKNOWN)
def test_an_unlisted_code_goes_by_where_it_stands_and_by_its_status(
    status: int, body: Any, outcome: Outcome, code: str
) -> None:
    found = read(status, body)
    assert (found.outcome, found.code) == (outcome, code)


NONSENSE = [
    (200, "", DOUBT, "unreadable"),
    (200, "<html>Sign in</html>", DOUBT, "unreadable"),
    (200, "null", DOUBT, "unreadable"),
    (200, {}, DOUBT, "unreadable"),
    (200, {"PartialErrors": "none"}, DOUBT, "unreadable"),
    (200, {"PartialErrors": {}}, DOUBT, "unreadable"),
    (500, partial(), LATER, "http_500"),
    (502, partial(), DOUBT, "http_502"),
    (302, partial(), HELD, "http_302"),
    (400, "Bad Request", BAD, "http_400"),
    (401, "", HELD, "http_401"),
    (403, "<html>", HELD, "http_403"),
    (404, "<html>", HELD, "http_404"),
    (413, "", BAD, "http_413"),
    (429, "Slow down", LATER, "http_429"),
    (503, "", LATER, "http_503"),
    (504, "", DOUBT, "http_504"),
]


@pytest.mark.parametrize(("status", "body", "outcome", "code"), NONSENSE)
def test_an_answer_that_is_none_of_microsofts_delivers_nothing(
    status: int, body: Any, outcome: Outcome, code: str
) -> None:
    found = read(status, body)
    assert (found.outcome, found.code, found.http_status) == (outcome, code, status)
    assert (found.rows, found.named, bool(found.remedy)) == ({}, (), outcome is HELD)


@pytest.mark.parametrize(
    ("code", "delay"), [(117, timedelta(seconds=90)), (105, None), (5600, None), (0, timedelta(seconds=90))]
)
def test_a_delay_belongs_to_answers_that_may_be_repeated_only(code: int, delay: timedelta | None) -> None:
    assert read(429, account_fault(code), {"retry-after": "90"}).retry_after == delay


EXPIRED = [
    (account_fault(109), True),
    (list_fault(109), True),
    (account_fault(105), False),
    (partial(of_row(0, 109)), False),
    ("", False),
]


@pytest.mark.parametrize(("body", "over"), EXPIRED)
def test_a_token_that_is_over_is_told_by_its_code(body: Any, over: bool) -> None:
    assert expired(FACTS, reply(401, body)) is over


def test_the_vendors_words_are_kept_without_identifiers() -> None:
    error = of_row(0, 5604, Message="click of jane@example.com", FieldPath="MicrosoftClickId", Details="d")
    assert read(200, partial(error)).rows[0].text == "Symbol click of [redacted] MicrosoftClickId d"
