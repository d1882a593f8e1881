"""What Meta's answers mean, code by code, as the specification's table lists them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from conversion_sync.model.conversion import Outcome
from conversion_sync.platforms.http import Reply
from conversion_sync.platforms.meta.classify import REMEDY, classify
from conversion_sync.platforms.platform import SendResult
from conversion_sync.platforms.verdict import remedy_of
from tests.unit.platforms.rows import excerpt, facts, reply

FACTS = facts("meta")
ROWS = 3
OK = {"events_received": ROWS, "messages": [], "fbtrace_id": "A1"}


def error(code: object, subcode: int | None = None, **members: Any) -> dict[str, Any]:
    """An error in the language of the token's owner, as Meta words it."""
    known: dict[str, Any] = {
        "message": "Paramètre non valide",
        "type": "OAuthException",
        "code": code,
        "is_transient": False,
        "error_user_title": "Horodatage trop ancien",
        "fbtrace_id": "A2",
    }
    if subcode is not None:
        known["error_subcode"] = subcode
    return {"error": known | members}


def test_an_answer_that_counts_every_row_delivers_the_batch() -> None:
    assert classify(FACTS, reply(200, OK), ROWS, excerpt) == SendResult(
        outcome=Outcome.DELIVERED, code="ok", http_status=200
    )


BAD, HELD, LATER, DOUBT = Outcome.BAD_BATCH, Outcome.HOLD, Outcome.RETRY_LATER, Outcome.AMBIGUOUS

LISTED: list[tuple[int, int | None, Outcome]] = [
    *((100, subcode, BAD) for subcode in (None, 2804003, 2804009, 2804010, 2804016, 2804050)),
    *((100, subcode, BAD) for subcode in (2804001, 2804007, 2804017, 2804019, 2804048)),
    (100, 1487056, BAD),
    (100, 33, HELD),
    (100, 2804030, HELD),
    *((190, subcode, HELD) for subcode in (None, 460, 463, 467)),
    *((code, None, HELD) for code in (3, 10, 102, 104, 200, 278, 294, 299, 2635)),
    (200, 1870034, HELD),
    (4, None, LATER),
    (4, 1504022, LATER),
    (4, 1504039, LATER),
    (17, 2446079, LATER),
    (613, 1487742, LATER),
    (613, 5044001, LATER),
    *((code, None, LATER) for code in (1, 2, 17, 32, 341, 368, 613, 5000, 21009)),
    *((code, None, LATER) for code in (80000, 80003, 80004, 80014)),
    *((code, None, LATER) for code in (-1, -3)),
]


@pytest.mark.parametrize(("code", "subcode", "outcome"), LISTED)
def test_every_listed_code_has_its_class(code: int, subcode: int | None, outcome: Outcome) -> None:
    name = f"{code}/{subcode}" if subcode else str(code)
    assert classify(FACTS, reply(400, error(code, subcode)), ROWS, excerpt) == SendResult(
        outcome=outcome,
        code=name,
        text="Paramètre non valide (fbtrace_id A2)",
        remedy=remedy_of(FACTS, name, REMEDY) if outcome is HELD else "",
        http_status=400,
    )


UNLISTED = [
    (400, error(9999), BAD, "9999"),
    (400, error(9999, 77), BAD, "9999/77"),
    (403, error(300), BAD, "300"),
    (429, error(9999), LATER, "9999"),
    (500, error(9999), LATER, "9999"),
    (503, error(80015), LATER, "80015"),
    (502, error(9999), DOUBT, "9999"),
    (504, error(9999), DOUBT, "9999"),
    (400, error(9999, is_transient=True), LATER, "9999"),
    (500, error(2, is_transient=True), LATER, "2"),
    (503, error(1), LATER, "1"),
    (502, error(2, is_transient=True), DOUBT, "2"),
    (504, error(1), DOUBT, "1"),
    (504, error(4, is_transient=True), DOUBT, "4"),
    (400, error(100, 2804003, is_transient=True), LATER, "100/2804003"),
    (400, error(100, is_transient="true"), BAD, "100"),
]


@pytest.mark.parametrize(("status", "body", "outcome", "code"), UNLISTED)
def test_an_unlisted_code_goes_by_transience_then_by_status(
    status: int, body: Mapping[str, Any], outcome: Outcome, code: str
) -> None:
    found = classify(FACTS, reply(status, body), ROWS, excerpt)
    assert (found.outcome, found.code, found.http_status) == (outcome, code, status)


NONSENSE = [
    (200, "", DOUBT, "unreadable"),
    (200, "<html>Sign in</html>", DOUBT, "unreadable"),
    (200, "null", DOUBT, "unreadable"),
    (200, "[]", DOUBT, "unreadable"),
    (200, "{}", DOUBT, "unreadable"),
    (200, '"ok"', DOUBT, "unreadable"),
    (200, "[" * 100_000, DOUBT, "unreadable"),
    (200, {"error": "Sign in"}, DOUBT, "unreadable"),
    (200, {"error": None, "events_received": ROWS}, DOUBT, "unreadable"),
    (200, error("100"), DOUBT, "unreadable"),
    (200, error(True), DOUBT, "unreadable"),
    (200, {"events_received": ROWS - 1}, DOUBT, "count_mismatch"),
    (200, {"events_received": ROWS + 1}, DOUBT, "count_mismatch"),
    (200, {"events_received": str(ROWS)}, DOUBT, "count_mismatch"),
    (200, {"events_received": None}, DOUBT, "count_mismatch"),
    (200, error(190), HELD, "190"),
    (302, "", HELD, "http_302"),
    (400, "Bad Request", BAD, "http_400"),
    (401, "", HELD, "http_401"),
    (403, "<html>", HELD, "http_403"),
    (404, "<html>", HELD, "http_404"),
    (429, "Slow down", LATER, "http_429"),
    (500, "<html>", DOUBT, "http_500"),
    (500, OK, DOUBT, "http_500"),
    (520, "<html>", DOUBT, "http_520"),
    (502, "<html>", DOUBT, "http_502"),
    (503, "Service Unavailable", LATER, "http_503"),
    (504, "", DOUBT, "http_504"),
]


@pytest.mark.parametrize(("status", "body", "outcome", "code"), NONSENSE)
def test_an_answer_that_is_none_of_metas_delivers_nothing(
    status: int, body: Any, outcome: Outcome, code: str
) -> None:
    found = classify(FACTS, reply(status, body), ROWS, excerpt)
    assert (found.outcome, found.code, found.http_status) == (outcome, code, status)
    assert (found.rows, found.named) == ({}, ())
    assert bool(found.remedy) == (outcome is HELD)


def test_true_is_not_a_count_of_one() -> None:
    found = classify(FACTS, reply(200, {"events_received": True}), 1, excerpt)
    assert (found.outcome, found.code) == (DOUBT, "count_mismatch")


@pytest.mark.parametrize(
    ("headers", "used"),
    [
        ({}, None),
        ({"x-app-usage": '{"call_count": 28, "total_time": 25, "total_cputime": 31}'}, 31.0),
        (
            {
                "x-app-usage": '{"call_count": 28}',
                "x-business-use-case-usage": '{"1": [{"call_count": 96, "total_time": true}], "2": [7]}',
            },
            96.0,
        ),
        ({"x-app-usage": "[]", "x-business-use-case-usage": '{"1": {"call_count": 5}}'}, None),
        ({"x-app-usage": '{"call_count": "much"}'}, None),
    ],
)
def test_success_says_what_is_used_of_the_quota(headers: dict[str, str], used: float | None) -> None:
    found = classify(FACTS, reply(200, {"events_received": ROWS}, headers), ROWS, excerpt)
    assert (found.outcome, found.used, found.retry_after) == (Outcome.DELIVERED, used, None)


def test_success_may_come_with_the_time_until_more_is_taken() -> None:
    headers = {"x-business-use-case-usage": USAGE % 19}
    found = classify(FACTS, reply(200, {"events_received": ROWS}, headers), ROWS, excerpt)
    assert (found.outcome, found.retry_after) == (Outcome.DELIVERED, timedelta(minutes=19))


USAGE = '{"880000000000001": [{"type": "ads", "estimated_time_to_regain_access": %s}, {"x": 1}], "b": 1}'
DELAYS: list[tuple[dict[str, str], timedelta | None]] = [
    ({}, None),
    ({"retry-after": "90"}, timedelta(seconds=90)),
    ({"x-business-use-case-usage": USAGE % 19}, timedelta(minutes=19)),
    ({"retry-after": "90", "x-business-use-case-usage": USAGE % 19}, timedelta(seconds=90)),
    ({"x-business-use-case-usage": USAGE % 0}, None),
    ({"x-business-use-case-usage": USAGE % 100_000}, None),
    ({"x-business-use-case-usage": USAGE % '"soon"'}, None),
    ({"x-business-use-case-usage": "no JSON"}, None),
]


@pytest.mark.parametrize(("headers", "delay"), DELAYS)
def test_a_limit_says_how_long_to_wait(headers: dict[str, str], delay: timedelta | None) -> None:
    assert classify(FACTS, reply(400, error(80004), headers), ROWS, excerpt).retry_after == delay


def test_a_delay_belongs_to_answers_that_may_be_repeated_only() -> None:
    headers = {"retry-after": "90"}
    assert classify(FACTS, reply(401, error(190), headers), ROWS, excerpt).retry_after is None


TEXTS: list[tuple[dict[str, Any], str]] = [
    ({"error_user_msg": "Envoyez plus tôt."}, "Paramètre non valide. Envoyez plus tôt (fbtrace_id A2)"),
    ({"fbtrace_id": None}, "Paramètre non valide"),
    ({"message": "em jane@example.com"}, "em [redacted] (fbtrace_id A2)"),
]


@pytest.mark.parametrize(("members", "text"), TEXTS)
def test_the_vendors_words_are_kept_without_identifiers(members: dict[str, Any], text: str) -> None:
    assert classify(FACTS, reply(400, error(100, **members)), ROWS, excerpt).text == text


def test_an_error_without_words_keeps_the_body() -> None:
    answer: Reply = reply(400, {"error": {"code": 100}})
    assert classify(FACTS, answer, ROWS, excerpt).text == '{"error": {"code": 100}}'
