"""What LinkedIn's answers mean: the recorded bodies of the specification, and what else may come."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from conversion_sync.model.conversion import Outcome
from conversion_sync.platforms.linkedin.classify import REMEDY, classify
from conversion_sync.platforms.platform import RowResult, SendResult
from conversion_sync.platforms.verdict import remedy_of
from tests.unit.platforms.rows import excerpt, facts, reply

FACTS = facts("linkedin")
ROWS = 4
DONE, BAD, HELD, REFUSED = Outcome.DELIVERED, Outcome.BAD_BATCH, Outcome.HOLD, Outcome.REJECTED
LATER, DOUBT = Outcome.RETRY_LATER, Outcome.AMBIGUOUS


def elements(*statuses: object) -> dict[str, Any]:
    return {"elements": [{"status": status} for status in statuses]}


def refusal(status: int, message: str, **members: Any) -> dict[str, Any]:
    return {"message": message, "status": status, **members}


def test_an_answer_with_201_for_every_row_delivers_the_batch() -> None:
    assert classify(FACTS, reply(200, elements(*[201] * ROWS)), ROWS, excerpt) == SendResult(
        outcome=DONE, code="element_201", http_status=200
    )


def test_a_single_row_is_delivered_by_201_without_a_body() -> None:
    assert classify(FACTS, reply(201), 1, excerpt) == SendResult(
        outcome=DONE, code="http_201", http_status=201
    )


STATUSES = [
    (201, DONE),
    (200, DONE),
    (400, REFUSED),
    (404, REFUSED),
    (422, REFUSED),
    (401, HELD),
    (403, HELD),
    (429, LATER),
    (500, LATER),
    (503, LATER),
    (302, DOUBT),
    (0, DOUBT),
    (2, DOUBT),
    (4, DOUBT),
    (20100, DOUBT),
    (201.0, DOUBT),
    ("201", DOUBT),
    (None, DOUBT),
    (True, DOUBT),
    ({"code": 201}, DOUBT),
]


@pytest.mark.parametrize(("status", "outcome"), STATUSES)
def test_each_element_has_the_class_of_its_own_status(status: object, outcome: Outcome) -> None:
    found = classify(FACTS, reply(200, elements(201, 201, status, 201)), ROWS, excerpt)
    assert (found.outcome, found.code, found.named) == (DONE, "element_201", ())
    assert {index: row.outcome for index, row in found.rows.items()} == (
        {} if outcome is DONE else {2: outcome}
    )


def test_an_element_keeps_the_words_of_its_error() -> None:
    body = {"elements": [{"status": 422, "error": {"message": "no such rule of jane@example.com"}}]}
    assert classify(FACTS, reply(200, body), 1, excerpt).rows == {
        0: RowResult(outcome=REFUSED, code="element_422", text="no such rule of [redacted]")
    }


OLD = "Conversion time should be within 90 days and not exceed current time, indices"
METHOD = "Incorrect conversions information provided. Conversion's method should be CONVERSIONS_API, indices"
AMOUNT = "ERROR :: /conversionValue/amount :: 19.9 cannot be coerced to String"
MEMBER = "ERROR :: /foo :: unrecognized field found but not allowed"

BLAMED: list[tuple[int, str, dict[int, str]]] = [
    (400, f"{OLD} [0] (0-indexed).", {0: f"{OLD} [0] (0-indexed)."}),
    (400, f"{OLD} [1, 3] (0-indexed).", dict.fromkeys((1, 3), f"{OLD} [1, 3] (0-indexed).")),
    (400, f"{OLD} [] (0-indexed).", {}),
    (422, f"Index: 0, {AMOUNT}\n{MEMBER}\n", {0: f"{AMOUNT} {MEMBER}"}),
    (422, f"Index: 3, {AMOUNT}\nIndex: 1, {MEMBER}\n", {1: MEMBER, 3: AMOUNT}),
    (422, f"Index: 2, {AMOUNT}\nIndex: 2, {MEMBER}\n", {2: f"{AMOUNT} {MEMBER}"}),
    (422, f"Index: 4, {AMOUNT}\nIndex: 99999999999, {MEMBER}", {}),
    (422, f"Index: -1, {AMOUNT}", {}),
    (400, f"{OLD} [-1, 7, 3, 3] (0-indexed).", {}),
    (400, f"{OLD} [7, 3, 3] (0-indexed).", {3: f"{OLD} [7, 3, 3] (0-indexed)."}),
    (422, AMOUNT, {}),
    (400, "Invalid JSON in request body", {}),
]


@pytest.mark.parametrize(("status", "message", "texts"), BLAMED)
def test_a_refused_batch_names_the_rows_its_text_blames(
    status: int, message: str, texts: dict[int, str]
) -> None:
    code = f"http_{status}/CONVERSION_TIME" if message.startswith(OLD) else f"http_{status}"
    assert classify(FACTS, reply(status, refusal(status, message)), ROWS, excerpt) == SendResult(
        outcome=BAD,
        code=code,
        text=" ".join(message.split()),
        rows={index: RowResult(outcome=REFUSED, code=code, text=text) for index, text in texts.items()},
        named=tuple(sorted(texts)),
        http_status=status,
    )


def named(status: int, name: str, **members: Any) -> dict[str, Any]:
    return refusal(status, "what it says", code=name, **members)


REFUSALS = [
    (400, refusal(400, f"{METHOD} [0] (0-indexed)"), HELD, "http_400/CONVERSION_METHOD"),
    (400, named(400, "VERSION_MISSING"), HELD, "http_400/VERSION_MISSING"),
    (401, named(401, "INVALID_ACCESS_TOKEN", serviceErrorCode=65600), HELD, "http_401/INVALID_ACCESS_TOKEN"),
    (401, named(401, "REVOKED_ACCESS_TOKEN", serviceErrorCode=65601), HELD, "http_401/REVOKED_ACCESS_TOKEN"),
    (401, named(401, "EXPIRED_ACCESS_TOKEN", serviceErrorCode=65602), HELD, "http_401/EXPIRED_ACCESS_TOKEN"),
    (403, refusal(403, "No ad accounts found"), HELD, "http_403"),
    (403, named(403, "ACCESS_DENIED"), HELD, "http_403/ACCESS_DENIED"),
    (404, refusal(404, "Not Found"), HELD, "http_404"),
    (426, named(426, "NONEXISTENT_VERSION"), HELD, "http_426/NONEXISTENT_VERSION"),
    (429, named(429, "TOO_MANY_REQUESTS", serviceErrorCode=101), LATER, "http_429/TOO_MANY_REQUESTS"),
    (500, named(500, "INTERNAL_SERVER_ERROR"), DOUBT, "http_500/INTERNAL_SERVER_ERROR"),
    (503, refusal(503, "Unavailable"), LATER, "http_503"),
    (503, named(503, "SERVICE_UNAVAILABLE"), LATER, "http_503/SERVICE_UNAVAILABLE"),
    (502, named(502, "BAD_GATEWAY"), DOUBT, "http_502/BAD_GATEWAY"),
    (504, refusal(504, "Gateway Timeout"), DOUBT, "http_504"),
    (400, named(400, "A_NAME_OF_TOMORROW"), BAD, "http_400/A_NAME_OF_TOMORROW"),
    (409, named(409, "A_NAME_OF_TOMORROW"), BAD, "http_409/A_NAME_OF_TOMORROW"),
    (599, named(599, "A_NAME_OF_TOMORROW"), DOUBT, "http_599/A_NAME_OF_TOMORROW"),
    (400, named(400, "no name, a sentence"), BAD, "http_400"),
]


def test_each_refusal_a_human_must_mend_is_told_how() -> None:
    said = {code: remedy_of(FACTS, code, REMEDY) for _, _, outcome, code in REFUSALS if outcome is HELD}
    assert "LinkedIn-Version header" in said["http_400/VERSION_MISSING"]
    assert "method to Conversions API" in said["http_400/CONVERSION_METHOD"]
    assert "update this package" in said["http_426/NONEXISTENT_VERSION"]
    both = said["http_403"]
    assert ("conversion_rule_id does not exist" in both, "no role on its ad account" in both) == (True, True)
    assert said["http_403/ACCESS_DENIED"] == both


@pytest.mark.parametrize(("status", "body", "outcome", "code"), REFUSALS)
def test_every_listed_refusal_has_its_class(
    status: int, body: dict[str, Any], outcome: Outcome, code: str
) -> None:
    assert classify(FACTS, reply(status, body), ROWS, excerpt) == SendResult(
        outcome=outcome,
        code=code,
        text=body["message"],
        remedy=remedy_of(FACTS, code, REMEDY) if outcome is HELD else "",
        http_status=status,
    )


NONSENSE = [
    (200, "", DOUBT, "unreadable"),
    (200, "<html>Sign in</html>", DOUBT, "unreadable"),
    (200, "null", DOUBT, "unreadable"),
    (200, "[]", DOUBT, "unreadable"),
    (200, {}, DOUBT, "unreadable"),
    (200, {"elements": {"status": 201}}, DOUBT, "unreadable"),
    (200, refusal(200, "Welcome"), DOUBT, "unreadable"),
    (200, elements(), DOUBT, "count_mismatch"),
    (200, elements(*[201] * (ROWS - 1)), DOUBT, "count_mismatch"),
    (200, elements(*[201] * (ROWS + 1)), DOUBT, "count_mismatch"),
    (201, "", DOUBT, "count_mismatch"),
    (202, elements(*[201] * ROWS), DOUBT, "unreadable"),
    (302, refusal(302, "Moved"), HELD, "http_302"),
    (400, "Bad Request", BAD, "http_400"),
    (401, "", HELD, "http_401"),
    (403, "<html>", HELD, "http_403"),
    (404, "<html>", HELD, "http_404"),
    (413, "", BAD, "http_413"),
    (426, "", HELD, "http_426"),
    (429, "Slow down", LATER, "http_429"),
    (500, elements(*[201] * ROWS), DOUBT, "http_500"),
    (502, "<html>", DOUBT, "http_502"),
    (503, "", LATER, "http_503"),
    (504, "", DOUBT, "http_504"),
]


@pytest.mark.parametrize(("status", "body", "outcome", "code"), NONSENSE)
def test_an_answer_that_is_none_of_linkedins_delivers_nothing(
    status: int, body: Any, outcome: Outcome, code: str
) -> None:
    found = classify(FACTS, reply(status, body), ROWS, excerpt)
    assert (found.outcome, found.code, found.http_status) == (outcome, code, status)
    assert (found.rows, found.named) == ({}, ())
    assert bool(found.remedy) == (outcome is HELD)


@pytest.mark.parametrize("body", [{"elements": [None]}, {"elements": ["201"]}, {"elements": [[201]]}])
def test_an_element_that_is_none_leaves_its_row_in_doubt(body: dict[str, Any]) -> None:
    found = classify(FACTS, reply(200, body), 1, excerpt)
    assert {index: row.outcome for index, row in found.rows.items()} == {0: DOUBT}


@pytest.mark.parametrize(
    ("status", "delay"), [(429, timedelta(seconds=90)), (503, timedelta(seconds=90)), (401, None)]
)
@pytest.mark.parametrize("body", ["", refusal(0, "what it says"), named(0, "TOO_MANY_REQUESTS")])
def test_a_delay_belongs_to_answers_that_may_be_repeated_only(
    status: int, delay: timedelta | None, body: Any
) -> None:
    found = classify(FACTS, reply(status, body, {"retry-after": "90"}), ROWS, excerpt)
    assert found.retry_after == delay
