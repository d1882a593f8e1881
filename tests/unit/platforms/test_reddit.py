"""Reddit: a row as its Conversions API takes it, and what its answers mean."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from conversion_sync.model.conversion import Outbound, Outcome, Verb
from conversion_sync.model.money import Money
from conversion_sync.platforms.platform import RowResult, SendResult
from conversion_sync.platforms.reddit.classify import REMEDY, classify
from conversion_sync.platforms.reddit.encode import invalid, request
from conversion_sync.platforms.reddit.settings import Target
from tests.unit.platforms.rows import excerpt, facts, reply, row

FACTS = facts("reddit")
EMAIL = "c4d25e9c90ff23e9145397bc6fbd5385ca5fbe78211222ccbecd0b369ebb19a6"
PHONE = "20b18ac9de7b3aad174961827d8e451c410af9aedfd1d699927f4b29b81aa1fa"
FIELDS = facts("reddit", identifiers=("email", "phone", "external_id")).identifiers
PURCHASE = {"tracking_type": "PURCHASE", "action_source": "WEBSITE"}


def sale(**changes: Any) -> Outbound:
    known = {"target": PURCHASE, "click_id_kind": "rdt_cid", "click_id": "4711AbC"}
    return row(**(known | changes))


def test_a_row_in_full() -> None:
    sent = sale(
        landing_url="https://visitor:pw@shop.example/pricing?rdt_cid=4711AbC#top",
        user_agent="Mozilla/5.0",
        ip_address="203.0.113.7",
        identifiers={"email_canonical": EMAIL, "phone_e164": PHONE, "email_plain": "another platform's"},
    )
    assert request([sent], FIELDS) == {
        "data": {
            "events": [
                {
                    "event_at": 1795080615250,
                    "action_source": "WEBSITE",
                    "type": {"tracking_type": "PURCHASE"},
                    "click_id": "4711AbC",
                    "event_source_url": "https://shop.example/pricing",
                    "metadata": {
                        "conversion_id": "cs_0123456789abcdef0123456789abcdef",
                        "currency": "USD",
                        "value": 19.99,
                    },
                    "user": {
                        "email": EMAIL,
                        "phone_number": PHONE,
                        "ip_address": hashlib.sha256(b"203.0.113.7").hexdigest(),
                        "user_agent": "Mozilla/5.0",
                    },
                }
            ]
        }
    }


def test_a_custom_event_without_a_value() -> None:
    target = {"tracking_type": "CUSTOM", "custom_event_name": "Renewal", "action_source": "OTHER"}
    [event] = request([sale(target=target, value=None)], {})["data"]["events"]
    assert event == {
        "event_at": 1795080615250,
        "action_source": "OTHER",
        "type": {"tracking_type": "CUSTOM", "custom_event_name": "Renewal"},
        "click_id": "4711AbC",
        "metadata": {"conversion_id": "cs_0123456789abcdef0123456789abcdef"},
    }


@pytest.mark.parametrize(
    ("moment", "milliseconds"),
    [
        (datetime(2026, 11, 19, 9, 30, 15, 999999, tzinfo=UTC), 1795080615999),
        (datetime(2026, 11, 19, 9, 30, 15, tzinfo=UTC), 1795080615000),
    ],
)
def test_times_are_whole_milliseconds_cut_never_rounded(moment: datetime, milliseconds: int) -> None:
    [event] = request([sale(occurred_at=moment)], {})["data"]["events"]
    assert event["event_at"] == milliseconds


@pytest.mark.parametrize(
    ("value", "sent"),
    [(Money(1999, "JPY", 0), 1999), (Money(12345, "KWD", 3), 12.345), (Money(0, "EUR", 2), 0)],
)
def test_values_are_major_units(value: Money, sent: float) -> None:
    [event] = request([sale(value=value)], {})["data"]["events"]
    assert (event["metadata"]["value"], event["metadata"]["currency"]) == (sent, value.currency)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({}, None),
        ({"value": None}, None),
        ({"click_ids": {"rdt_cid": "x"}, "click_id_kind": None, "click_id": None}, None),
        ({"verb": Verb.RETRACT}, "Reddit has no corrections."),
        ({"target": {}}, "The action has no tracking_type for this account."),
        ({"click_id_kind": "gclid"}, "The row has no rdt_cid."),
        ({"value": Money(-1, "USD", 2)}, "The value is negative."),
        (
            {"identifiers": {"email_canonical": hashlib.sha256(b"").hexdigest()}},
            "The identifier email_canonical is the hash of nothing.",
        ),
        ({"landing_url": "shop"}, "The landing URL is not an absolute http(s) address."),
    ],
)
def test_rules_are_checked_before_sending(changes: dict[str, Any], fault: str | None) -> None:
    assert invalid(sale(**changes)) == fault


@pytest.mark.parametrize(
    "target",
    [
        {"tracking_type": "Purchase"},
        {"tracking_type": "SEARCH"},
        {"tracking_type": "CUSTOM"},
        {"tracking_type": "PURCHASE", "custom_event_name": "Renewal"},
        {"tracking_type": "PURCHASE", "action_source": "website"},
    ],
)
def test_a_target_reddit_would_refuse_is_none(target: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Target(**target)


BATCH = [sale(vendor_id=f"cs_{number}") for number in range(3)]


def processed(count: int) -> dict[str, Any]:
    return {"data": {"message": f"Successfully processed {count} conversion events."}}


ANSWERS: list[tuple[int, Any, Outcome, str]] = [
    (200, processed(3), Outcome.DELIVERED, "ok"),
    (200, {"data": {"message": "Done."}}, Outcome.DELIVERED, "ok"),
    (200, processed(2), Outcome.AMBIGUOUS, "count_mismatch"),
    (200, {"data": {}}, Outcome.AMBIGUOUS, "unreadable"),
    (200, {"data": "Successfully processed 3 conversion events."}, Outcome.AMBIGUOUS, "unreadable"),
    (200, "<html>", Outcome.AMBIGUOUS, "unreadable"),
    (201, processed(3), Outcome.AMBIGUOUS, "unreadable"),
    (400, {"error": {"code": 400, "message": "missing action_source"}}, Outcome.BAD_BATCH, "http_400"),
    (400, "<html>", Outcome.BAD_BATCH, "http_400"),
    (400, {"invalid_events": "many"}, Outcome.BAD_BATCH, "http_400"),
    (401, "Authorization Required", Outcome.HOLD, "http_401"),
    (403, {"error": {"code": 403, "message": "no"}}, Outcome.HOLD, "http_403"),
    (404, {}, Outcome.HOLD, "http_404"),
    (413, "", Outcome.BAD_BATCH, "http_413"),
    (418, "", Outcome.BAD_BATCH, "http_418"),
    (422, {"error": {"code": 422, "message": "no"}}, Outcome.BAD_BATCH, "http_422"),
    (429, {"error": {"code": 429, "message": "slow down"}}, Outcome.RETRY_LATER, "http_429"),
    (500, "", Outcome.RETRY_LATER, "http_500"),
    (502, "<html>", Outcome.AMBIGUOUS, "http_502"),
    (503, {"error": {"message": "busy"}}, Outcome.RETRY_LATER, "http_503"),
    (504, "", Outcome.AMBIGUOUS, "http_504"),
    (302, "", Outcome.HOLD, "http_302"),
]


@pytest.mark.parametrize(("status", "body", "outcome", "code"), ANSWERS)
def test_each_answer_has_its_class(status: int, body: Any, outcome: Outcome, code: str) -> None:
    answer = classify(FACTS, reply(status, body), BATCH, excerpt)
    assert (answer.outcome, answer.code, answer.rows, answer.named) == (outcome, code, {}, ())
    assert bool(answer.remedy) == (outcome is Outcome.HOLD)


def told(name: Any, fault: Any = "event_at timestamp must be less than 168h0m0s old") -> dict[str, Any]:
    return {"error_message": fault, "event": {"click_id": "4711AbC", "metadata": {"conversion_id": name}}}


WORDS = "There were some invalid conversion events. None were processed."
OLD = RowResult(
    outcome=Outcome.REJECTED, code="invalid_events", text="event_at timestamp must be less than 168h0m0s old"
)
INVALID: list[tuple[list[Any], dict[int, RowResult]]] = [
    ([told("cs_1")], {1: OLD}),
    ([told("cs_2"), told("cs_0")], {0: OLD, 2: OLD}),
    ([told("cs_1"), told("cs_1", "a second fault")], {1: OLD}),
    ([told("cs_1", 7)], {1: RowResult(outcome=Outcome.REJECTED, code="invalid_events")}),
    ([told("of another request"), told(None), {}, None, "cs_1", {"event": []}], {}),
    ([], {}),
]


@pytest.mark.parametrize(("events", "rows"), INVALID)
def test_events_told_back_are_the_rows_with_their_conversion_ids(
    events: list[Any], rows: dict[int, RowResult]
) -> None:
    answer = classify(FACTS, reply(400, {"message": WORDS, "invalid_events": events}), BATCH, excerpt)
    assert answer == SendResult(
        outcome=Outcome.BAD_BATCH,
        code="invalid_events",
        text=WORDS,
        rows=rows,
        named=tuple(sorted(rows)),
        http_status=400,
    )


def test_what_a_human_must_do_is_said_for_each_refusal() -> None:
    said = [classify(FACTS, reply(status, {}), BATCH, excerpt).remedy for status in (401, 403, 404)]
    assert len({*said, REMEDY, ""}) == 5


def test_its_facts_are_the_specifications() -> None:
    assert (FACTS.batch_size, FACTS.max_event_age.days, FACTS.dedup.value, FACTS.dedup_window.days) == (
        1000,
        7,
        "within_window",
        2,
    )
    assert (FACTS.can_restate, FACTS.can_retract, FACTS.confirms_later) == (False, False, False)
