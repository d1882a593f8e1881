"""What a browser told is read as a click or a user, by our clock; nothing it says can fail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conversion_sync.clicks.collected import Identified, Message, read_message
from conversion_sync.model.click import Click, Consent, QuarantinedClick

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
GCLID = "Cj0KCQ" + "Ab_-" * 15
MINUTE = timedelta(minutes=1)


def stamp(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def message(kind: str = "click", **body: Any) -> Message:
    told = {"at": stamp(NOW), "sent_at": stamp(NOW), "ids": {"gclid": GCLID}} | body
    return Message(
        kind=kind, received_at=NOW, visitor_id="a-visitor", body=told, user_agent=None, ip_address=None
    )


def click(**body: Any) -> Click:
    (found,) = read_message(message(**body))
    assert isinstance(found, Click)
    return found


@pytest.mark.parametrize(
    ("at", "sent_at", "moment"),
    [
        (timedelta(), timedelta(), timedelta()),
        (-3 * MINUTE, 2 * MINUTE, -3 * MINUTE),
        (timedelta(days=-40), timedelta(), timedelta(days=-40)),
        (timedelta(hours=3), timedelta(hours=3, seconds=2), timedelta()),
        (timedelta(hours=2), timedelta(hours=3, seconds=2), timedelta(hours=-1)),
        (timedelta(days=-400), timedelta(days=-399, seconds=20), timedelta(days=-1)),
        (timedelta(days=1), timedelta(), timedelta()),
    ],
)
def test_a_browsers_clock_may_be_wrong(at: timedelta, sent_at: timedelta, moment: timedelta) -> None:
    assert click(at=stamp(NOW + at), sent_at=stamp(NOW + sent_at)).clicked_at == NOW + moment


@pytest.mark.parametrize("late", [2, 8, 25])
def test_a_copy_sent_later_by_a_wrong_clock_is_of_the_same_time(late: int) -> None:
    wrong = NOW - timedelta(hours=3)
    found = click(at=stamp(wrong - MINUTE), sent_at=stamp(wrong - timedelta(seconds=late)))
    assert found.clicked_at == NOW - MINUTE


@pytest.mark.parametrize(
    ("said", "user_data", "personalization"),
    [
        ({}, Consent.UNKNOWN, Consent.UNKNOWN),
        ({"ad_storage": "granted"}, Consent.UNKNOWN, Consent.UNKNOWN),
        ({"ad_storage": "granted", "ad_user_data": "denied"}, Consent.DENIED, Consent.UNKNOWN),
        ({"ad_user_data": "granted", "ad_personalization": "denied"}, Consent.GRANTED, Consent.DENIED),
        ({"ad_storage": "denied", "ad_user_data": "granted"}, Consent.DENIED, Consent.DENIED),
    ],
)
def test_consent_is_what_the_browser_said(said: Any, user_data: Consent, personalization: Consent) -> None:
    found = click(consent=said)
    assert (found.ad_user_data, found.ad_personalization) == (user_data, personalization)


def test_a_clicks_id_is_made_of_the_visitor_and_its_identifiers_alone() -> None:
    first, copy = click(), click(at=stamp(NOW - MINUTE), url="https://other.example/")
    other = click(ids={"gclid": GCLID.lower()})
    assert first.click_ref == copy.click_ref != other.click_ref
    assert other.click_ids == {"gclid": GCLID.lower()}


def test_a_kind_of_identifier_nobody_knows_is_left_out() -> None:
    assert click(ids={"gclid": GCLID, "another": "kind"}).click_ids == {"gclid": GCLID}


def test_a_user_is_linked_at_the_time_they_said_so() -> None:
    assert read_message(message("identify", user_id="u-1", at=stamp(NOW - MINUTE))) == [
        Identified(visitor_id="a-visitor", user_id="u-1", linked_at=NOW - MINUTE)
    ]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("click", {"ids": None}),
        ("click", {"ids": "gclid"}),
        ("click", {"at": "now"}),
        ("click", {"at": 10**30}),
        ("click", {"consent": "granted"}),
        ("click", {"utm": ["source"]}),
        ("identify", {}),
        ("identify", {"user_id": "u-1", "sent_at": None}),
    ],
)
def test_what_nobody_can_read_is_quarantined(kind: str, body: dict[str, Any]) -> None:
    (found,) = read_message(message(kind, **body))
    assert isinstance(found, QuarantinedClick)
    assert (found.source, found.reason) == ("collector", "unreadable_message")
    assert found.detail.startswith(f"a {kind} of a form the collector does not take")
