"""A row of a click table becomes a click, or is quarantined with the reason a person can act on."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from ipaddress import ip_address
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from conversion_sync.clicks.normalise import read_row
from conversion_sync.model.click import Click, ClickIdKind, Consent, Network, QuarantinedClick
from conversion_sync.platforms.identifiers import email_hash

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
GCLID = "Cj0KCQ" + "x" * 60
MSCLKID = "0123456789abcdef0123456789ABCDEF"
SOUND = {
    "gclid": GCLID,
    "gbraid": "0AAAAAo_x-y",
    "wbraid": "CjoKCQjw_x-Y",
    "fbc": "fb.1.1717236000000.IwAR1_x-Y.AQMBAQMBA",
    "msclkid": MSCLKID,
}
GREENWICH = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")


def read(zone: ZoneInfo = GREENWICH, **changes: Any) -> Click | QuarantinedClick:
    row = {"click_ref": 7, "clicked_at": NOW, "visitor_id": "anon-1", "user_id": None} | changes
    (found,) = read_row("web", row, zone, NOW)
    return found


def click(**changes: Any) -> Click:
    result = read(**changes)
    assert isinstance(result, Click)
    return result


def test_a_whole_row_becomes_a_click() -> None:
    assert click(
        user_id="u-1",
        gclid=GCLID,
        fbclid="IwAR1",
        utm_source="tiktok",
        campaign=" spring ",
        landing_url="https://example.com/",
        referrer="",
        user_agent="Mozilla",
        ip_address=ip_address("192.0.2.1"),
        ad_user_data="GRANTED",
        ad_personalization=False,
    ) == Click(
        source="web",
        click_ref="7",
        clicked_at=NOW,
        visitor_id="anon-1",
        user_id="u-1",
        network=None,
        click_ids={"gclid": GCLID, "fbclid": "IwAR1"},
        campaign="spring",
        landing_url="https://example.com/",
        referrer=None,
        user_agent="Mozilla",
        ip_address="192.0.2.1",
        ad_user_data=Consent.GRANTED,
        ad_personalization=Consent.DENIED,
    )


def test_every_identifier_of_a_row_is_kept_and_none_speaks_for_the_others() -> None:
    ids = {kind.value: SOUND.get(kind.value, f"{kind.value}-Kept_as.it~is") for kind in ClickIdKind}
    found = click(**ids, utm_source="google")
    assert (found.network, found.click_ids) == (None, ids)


@pytest.mark.parametrize(
    ("tag", "network"),
    [
        ("google", Network.GOOGLE),
        (" Facebook ", Network.META),
        ("fb", Network.META),
        ("instagram", Network.META),
        ("ig", Network.META),
        ("tiktok", Network.TIKTOK),
        ("linkedin", Network.LINKEDIN),
        ("bing", Network.MICROSOFT),
        ("microsoft", Network.MICROSOFT),
        ("newsletter", Network.OTHER),
        ("", Network.DIRECT),
        (None, Network.DIRECT),
    ],
)
def test_without_an_identifier_the_tag_names_the_network(tag: str | None, network: Network) -> None:
    found = click(utm_source=tag)
    assert (found.network, found.click_ids) == (network, {})


@pytest.mark.parametrize(
    ("said", "consent"),
    [
        *[(said, Consent.GRANTED) for said in ("granted", "True", True, 1, "1", "yes")],
        *[(said, Consent.DENIED) for said in ("denied", "FALSE", False, 0, "0", "no")],
        *[(said, Consent.UNKNOWN) for said in (None, "", "maybe", 2)],
    ],
)
def test_consent_is_read_as_people_store_it(said: object, consent: Consent) -> None:
    assert click(ad_user_data=said).ad_user_data is consent


@pytest.mark.parametrize(
    ("stored", "moment"),
    [
        (datetime.fromisoformat("2026-01-15T12:00"), datetime(2026, 1, 15, 11, tzinfo=UTC)),
        ("2026-01-15 12:00:00.5", datetime(2026, 1, 15, 11, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-01-15T12:00:00+00:00", datetime(2026, 1, 15, 12, tzinfo=UTC)),
        (
            datetime(2026, 1, 15, 12, tzinfo=timezone(timedelta(hours=5))),
            datetime(2026, 1, 15, 7, tzinfo=UTC),
        ),
        (datetime.fromisoformat("2025-10-26T02:30"), datetime(2025, 10, 26, 0, 30, tzinfo=UTC)),
        (
            datetime.fromisoformat("2025-10-26T02:30").replace(fold=1),
            datetime(2025, 10, 26, 0, 30, tzinfo=UTC),
        ),
    ],
)
def test_a_time_without_offset_is_in_the_declared_zone(stored: object, moment: datetime) -> None:
    assert click(zone=BERLIN, clicked_at=stored).clicked_at == moment


def test_a_user_without_a_visitor_is_a_visitor_of_their_own() -> None:
    found = click(visitor_id=" ", user_id="u-1")
    assert (found.visitor_id, found.user_id) == ("user:u-1", "u-1")


def test_one_day_ahead_is_a_clock_gone_wrong_and_still_a_click() -> None:
    assert click(clicked_at=NOW + timedelta(days=1)).clicked_at == NOW + timedelta(days=1)


@pytest.mark.parametrize(
    ("changes", "reason", "detail"),
    [
        ({"clicked_at": None}, "no_time", "the time is empty"),
        (
            {"clicked_at": NOW + timedelta(days=1, seconds=1)},
            "time_in_future",
            "clicked at 2026-06-02 12:00:01+00:00, seen at 2026-06-01 12:00:00+00:00",
        ),
        (
            {"clicked_at": NOW, "ingested_at": NOW - timedelta(days=2)},
            "time_in_future",
            "clicked at 2026-06-01 12:00:00+00:00, seen at 2026-05-30 12:00:00+00:00",
        ),
        ({"visitor_id": None}, "no_visitor_or_user", "neither is filled in"),
        ({"visitor_id": "undefined", "user_id": "NaN"}, "no_visitor_or_user", "neither is filled in"),
        ({"gclid": "Cj0KCQ"}, "truncated_gclid", "6 characters, at least 20 are expected"),
        ({"clicked_at": "yesterday"}, "unreadable_value", "clicked_at holds text that is no time"),
        ({"clicked_at": "infinity"}, "unreadable_value", "clicked_at holds text that is no time"),
        ({"clicked_at": 1_780_000_000}, "unreadable_value", "clicked_at holds a int, not a time"),
        ({"visitor_id": b"\x00\x01"}, "unreadable_value", "visitor_id holds a bytes, not text"),
    ],
)
def test_an_unusable_row_says_why(changes: dict[str, Any], reason: str, detail: str) -> None:
    assert read(**changes) == QuarantinedClick(source="web", click_ref="7", reason=reason, detail=detail)


def test_rows_without_an_id_are_told_apart_and_stay_the_same_row() -> None:
    first, again, other = (read(click_ref=None, visitor_id=name) for name in ("a", "a", "b"))
    assert isinstance(first, QuarantinedClick)
    assert first.reason == "no_click_ref"
    assert first == again
    assert first.click_ref != other.click_ref


TWO = {"gclid": GCLID, "ttclid": "E.C.P.t"}


@pytest.mark.parametrize(
    ("stored", "ids"),
    [
        (TWO | {"page": "/", "depth": 7}, TWO),
        (json.dumps(TWO), TWO),
        (
            [{"key": name, "value": {"int_value": None, "string_value": held}} for name, held in TWO.items()],
            TWO,
        ),
        (json.dumps([{"key": "gclid", "value": GCLID}]), {"gclid": GCLID}),
        (f"https://shop.example/a?utm_source=x&gclid={GCLID}&ttclid=E.C.P.t#top", TWO),
        (f"?gclid={GCLID}&gclid=second-{GCLID}", {"gclid": GCLID}),
        ("https://shop.example/", {}),
        ("", {}),
        (None, {}),
    ],
)
def test_several_ids_stand_together_in_one_column(stored: object, ids: dict[str, str]) -> None:
    assert click(click_ids=stored).click_ids == ids


def test_an_id_with_a_column_of_its_own_comes_first() -> None:
    other = GCLID[::-1]
    assert click(click_ids={"gclid": other}, gclid=GCLID).click_ids == {"gclid": GCLID}
    assert click(click_ids={"gclid": other}, gclid=" ").click_ids == {"gclid": other}


@pytest.mark.parametrize("stored", ["{", '["gclid"]', 7, b"x", "[1]"])
def test_a_column_that_holds_no_ids_by_name_is_unreadable(stored: object) -> None:
    found = read(click_ids=stored)
    assert isinstance(found, QuarantinedClick)
    assert (found.reason, found.detail) == (
        "unreadable_value",
        "click_ids holds neither an object, nor pairs, nor an address",
    )


HASHED = hashlib.sha256(b"ann@example.com").hexdigest()


@pytest.mark.parametrize(
    ("columns", "email", "reasons"),
    [
        ({"email": " Ann@Example.com "}, HASHED, []),
        ({"email_sha256": HASHED.upper()}, HASHED, []),
        ({"email": "no e-mail"}, None, ["impossible_email"]),
        ({"email_sha256": "ann@example.com"}, None, ["impossible_email_sha256"]),
        ({"email_sha256": hashlib.sha256(b"").hexdigest()}, None, ["impossible_email_sha256"]),
        ({"email": None, "email_sha256": ""}, None, []),
    ],
)
def test_an_email_is_kept_as_its_hash_alone(
    columns: dict[str, str | None], email: str | None, reasons: list[str]
) -> None:
    row = {"click_ref": 7, "clicked_at": NOW, "visitor_id": "anon-1"} | columns
    found, *bad = read_row("web", row, GREENWICH, NOW, email_hash)
    assert isinstance(found, Click)
    assert found.email_sha256 == email
    assert [one.reason for one in bad if isinstance(one, QuarantinedClick)] == reasons
    assert "example.com" not in repr((found, bad))


def test_no_email_is_read_unless_it_is_asked_for() -> None:
    assert click(email="ann@example.com", email_sha256=HASHED).email_sha256 is None
