"""What TikTok's answers mean, code by code, as the specification's table lists them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from conversion_sync.model.conversion import Outcome
from conversion_sync.platforms.platform import RowResult, SendResult
from conversion_sync.platforms.tiktok.classify import REMEDY, classify
from tests.unit.platforms.rows import excerpt, facts, reply

FACTS = facts("tiktok")
ROWS = 4
DONE, BAD, HELD = Outcome.DELIVERED, Outcome.BAD_BATCH, Outcome.HOLD
LATER, DOUBT = Outcome.RETRY_LATER, Outcome.AMBIGUOUS


def answer(code: object, message: object = "what it says", **members: Any) -> dict[str, Any]:
    return {"code": code, "message": message, "request_id": "2026R1", "data": {}, **members}


LISTED = [
    *((code, DONE) for code in (0, 40050)),
    *((code, BAD) for code in (40000, 40002, 40061, 40062)),
    *((code, HELD) for code in (40001, 40003, 40006, 40007, 40008, 40051, 40063, 40101)),
    *((code, HELD) for code in (40102, 40103, 40104, 40105, 40107, 40108, 40110)),
    *((code, HELD) for code in (40113, 40118, 40130, 40131, 40200, 40201, 40202)),
    *((code, HELD) for code in (40300, 40301, 40309, 40400, 41000, 41001, 41002)),
    *((code, LATER) for code in (40100, 40132, 50000, 51010, 51012, 60001)),
    *((code, DOUBT) for code in (20001, 50002)),
]


@pytest.mark.parametrize(("code", "outcome"), LISTED)
def test_every_listed_code_has_its_class_though_all_come_with_200(code: int, outcome: Outcome) -> None:
    assert classify(FACTS, reply(200, answer(code)), ROWS, excerpt) == SendResult(
        outcome=outcome,
        code=str(code),
        text="what it says (request_id 2026R1)",
        remedy=FACTS.remedies.get(str(code), REMEDY) if outcome is HELD else "",
        http_status=200,
    )


UNLISTED = [(40999, BAD), (49000, BAD), (50999, LATER), (69999, LATER), (30000, DOUBT), (-1, DOUBT)]


@pytest.mark.parametrize(("code", "outcome"), UNLISTED)
def test_an_unlisted_code_goes_by_its_family(code: int, outcome: Outcome) -> None:
    found = classify(FACTS, reply(200, answer(code)), ROWS, excerpt)
    assert (found.outcome, found.code) == (outcome, str(code))


NAMED = [
    ("Batch.0.properties.contents.0.content_id: Not a valid string", (0,)),
    ("Invalid value for data.2.event_id: not a valid string", (2,)),
    ("PII not hashed: data.1.user.email and data.3.user.phone and data.1.user.phone", (1, 3)),
    ("Invalid value for data.4.event_id: not a valid string", ()),
    ("Invalid value for data.99999999999999999999.event_id", ()),
    ("Invalid value for event_source: must be web, app or offline.", ()),
    ("metadata.1 and data.x", ()),
    ("Invalid value for data.-1.event_id and Batch.2.user and Batch.2.page and Batch.9.page", (2,)),
]


@pytest.mark.parametrize(("message", "indexes"), NAMED)
def test_a_refused_batch_names_the_rows_its_text_blames(message: str, indexes: tuple[int, ...]) -> None:
    text = f"{message} (request_id 2026R1)"
    assert classify(FACTS, reply(200, answer(40002, message)), ROWS, excerpt) == SendResult(
        outcome=BAD,
        code="40002",
        text=text,
        rows={index: RowResult(outcome=Outcome.REJECTED, code="40002", text=text) for index in indexes},
        named=indexes,
        http_status=200,
    )


def test_only_a_refused_batch_names_rows() -> None:
    found = classify(FACTS, reply(200, answer(40105, "data.1 is yours")), ROWS, excerpt)
    assert (found.outcome, found.rows, found.named) == (HELD, {}, ())


NONSENSE = [
    (200, "", DOUBT, "unreadable"),
    (200, "<html>Sign in</html>", DOUBT, "unreadable"),
    (200, "null", DOUBT, "unreadable"),
    (200, "[0]", DOUBT, "unreadable"),
    (200, "0", DOUBT, "unreadable"),
    (200, {}, DOUBT, "unreadable"),
    (200, {"message": "OK"}, DOUBT, "unreadable"),
    (200, answer("0"), DOUBT, "unreadable"),
    (200, answer(None), DOUBT, "unreadable"),
    (200, answer(False), DOUBT, "unreadable"),
    (200, answer(0.0), DOUBT, "unreadable"),
    (500, answer(0, "OK"), DOUBT, "unreadable"),
    (502, answer(0, "OK"), DOUBT, "unreadable"),
    (401, answer(0, "OK"), DOUBT, "unreadable"),
    (302, "", HELD, "http_302"),
    (400, "Bad Request", BAD, "http_400"),
    (401, "", HELD, "http_401"),
    (403, "<html>", HELD, "http_403"),
    (404, "<html>", HELD, "http_404"),
    (429, "Slow down", LATER, "http_429"),
    (500, "<html>", LATER, "http_500"),
    (502, "<html>", DOUBT, "http_502"),
    (503, "", LATER, "http_503"),
    (504, "", DOUBT, "http_504"),
]


@pytest.mark.parametrize(("status", "body", "outcome", "code"), NONSENSE)
def test_an_answer_that_is_none_of_tiktoks_delivers_nothing(
    status: int, body: Any, outcome: Outcome, code: str
) -> None:
    found = classify(FACTS, reply(status, body), ROWS, excerpt)
    assert (found.outcome, found.code, found.http_status) == (outcome, code, status)
    assert (found.rows, found.named) == ({}, ())
    assert bool(found.remedy) == (outcome is HELD)


@pytest.mark.parametrize(
    ("code", "delay"), [(40100, timedelta(seconds=90)), (40105, None), (40002, None), (0, None)]
)
def test_a_delay_belongs_to_answers_that_may_be_repeated_only(code: int, delay: timedelta | None) -> None:
    found = classify(FACTS, reply(200, answer(code), {"retry-after": "90"}), ROWS, excerpt)
    assert found.retry_after == delay


TEXTS = [
    ("user jane@example.com", "2026R1", "user [redacted] (request_id 2026R1)"),
    ("as it is", None, "as it is"),
    (["no text"], "2026R1", "(request_id 2026R1)"),
]


@pytest.mark.parametrize(("message", "request_id", "text"), TEXTS)
def test_the_vendors_words_are_kept_without_identifiers(message: Any, request_id: Any, text: str) -> None:
    found = classify(FACTS, reply(200, answer(40002, message, request_id=request_id)), ROWS, excerpt)
    assert found.text == text
