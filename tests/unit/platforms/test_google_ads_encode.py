"""Ledger rows as Google takes them: Data Manager's events, the Google Ads API's messages."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from conversion_sync.model.conversion import ConversionKind, Outbound, Verb
from conversion_sync.model.money import Money
from conversion_sync.platforms.google_ads.encode import identifiers, invalid
from conversion_sync.platforms.google_ads.events import ingestion
from conversion_sync.platforms.google_ads.messages import adjustment, apart, click_conversion
from tests.unit.platforms.rows import PAID_AT, facts, row

WEB, GRANTED, DENIED, RETRACTION, RESTATEMENT = 3, 2, 3, 2, 3
TARGET = {"conversion_action_id": "700000001"}
CLICK = {"click_id_kind": "gclid", "click_id": "EAIaIQobChMI"}


def conversion(**changes: Any) -> Outbound:
    return row(**{"target": TARGET, **CLICK, **changes})


def correction(**changes: Any) -> Outbound:
    return conversion(
        **{
            "kind": ConversionKind.ADJUSTMENT,
            "verb": Verb.RESTATE,
            "adjusted_at": datetime(2026, 11, 20, 10, 0, 1, 900000, tzinfo=UTC),
            **changes,
        }
    )


def ingested(*batch: Outbound, **changes: Any) -> dict[str, Any]:
    """The IngestEventsRequest of a batch as the vendor's own library shows it."""
    from google.ads.datamanager_v1.types import IngestEventsRequest
    from google.protobuf.json_format import MessageToDict

    known = {"fields": {}, "customer_id": "1234567890", "login_customer_id": None, "validate_only": False}
    message = ingestion(IngestEventsRequest.pb()(), batch, **(known | changes))
    shown: dict[str, Any] = MessageToDict(IngestEventsRequest.pb().FromString(message.SerializeToString()))
    return shown


def test_an_event_names_its_action_its_click_and_its_payment() -> None:
    granted = conversion(ad_user_data="granted", ad_personalization="denied")
    assert ingested(granted, login_customer_id="9999999999") == {
        "destinations": [
            {
                "reference": "700000001",
                "operatingAccount": {"accountType": "GOOGLE_ADS", "accountId": "1234567890"},
                "loginAccount": {"accountType": "GOOGLE_ADS", "accountId": "9999999999"},
                "productDestinationId": "700000001",
            }
        ],
        "events": [
            {
                "destinationReferences": ["700000001"],
                "transactionId": "cs_0123456789abcdef0123456789abcdef",
                "eventTimestamp": "2026-11-19T09:30:15.250Z",
                "eventSource": "WEB",
                "adIdentifiers": {"gclid": "EAIaIQobChMI"},
                "consent": {"adUserData": "CONSENT_GRANTED", "adPersonalization": "CONSENT_DENIED"},
                "conversionValue": 19.99,
                "currency": "USD",
            }
        ],
    }


@pytest.mark.parametrize(
    "moment",
    [
        PAID_AT.replace(microsecond=999999),
        PAID_AT.astimezone(timezone(timedelta(hours=9))),
        datetime(1969, 12, 31, 23, 59, 59, 250000, tzinfo=UTC),
    ],
)
def test_times_are_the_moments_they_were(moment: datetime) -> None:
    (event,) = ingested(conversion(occurred_at=moment))["events"]
    assert datetime.fromisoformat(event["eventTimestamp"]) == moment


def test_every_event_goes_to_its_own_action() -> None:
    other = conversion(target={"conversion_action_id": "700000002"})
    sent = ingested(conversion(), other, validate_only=True)
    assert sent["validateOnly"] is True
    assert [place["productDestinationId"] for place in sent["destinations"]] == ["700000001", "700000002"]
    assert [event["destinationReferences"] for event in sent["events"]] == [["700000001"], ["700000002"]]
    assert all("loginAccount" not in place for place in sent["destinations"])


@pytest.mark.parametrize(
    ("value", "amount", "currency"),
    [
        (Money(1999, "JPY", 0), 1999, "JPY"),
        (Money(12345, "KWD", 3), 12.345, "KWD"),
        (Money(0, "USD", 2), 0, "USD"),
        (None, None, None),
    ],
)
def test_values_are_in_major_units(value: Money | None, amount: float | None, currency: str | None) -> None:
    (event,) = ingested(conversion(value=value))["events"]
    assert (event.get("conversionValue"), event.get("currency")) == (amount, currency)


def test_consent_that_nobody_stated_is_not_sent() -> None:
    (event,) = ingested(conversion())["events"]
    assert "consent" not in event


CLICKS = [
    ({"gclid": "a", "gbraid": "b"}, {"gclid": "a", "gbraid": "b"}),
    ({"gclid": "a", "wbraid": "c"}, {"gclid": "a"}),
    ({"gbraid": "b", "wbraid": "c"}, {"gbraid": "b"}),
    ({"wbraid": "c"}, {"wbraid": "c"}),
    ({"gclid": "", "fbclid": "x"}, {}),
]


@pytest.mark.parametrize(("known", "sent"), CLICKS)
def test_click_ids_that_may_not_travel_together_do_not(known: dict[str, str], sent: dict[str, str]) -> None:
    assert identifiers(row(click_id_kind=None, click_id=None, click_ids=known)) == sent


def test_a_restatement_carries_the_new_value_and_a_retraction_none() -> None:
    key = {
        "order_id": "cs_0123456789abcdef0123456789abcdef",
        "conversion_action": "customers/1234567890/conversionActions/700000001",
        "adjustment_date_time": "2026-11-20 10:00:01+00:00",
    }
    assert adjustment(correction(value=Money(500, "USD", 2)), "1234567890", {}) == {
        **key,
        "adjustment_type": RESTATEMENT,
        "restatement_value": {"adjusted_value": 5, "currency_code": "USD"},
    }
    assert adjustment(correction(verb=Verb.RETRACT, value=None), "1234567890", {}) == {
        **key,
        "adjustment_type": RETRACTION,
    }


def test_a_click_conversion_names_its_action_its_click_and_its_payment() -> None:
    granted = conversion(ad_user_data="granted", ad_personalization="denied")
    assert click_conversion(granted, "1234567890", {}) == {
        "gclid": "EAIaIQobChMI",
        "conversion_action": "customers/1234567890/conversionActions/700000001",
        "conversion_date_time": "2026-11-19 09:30:15+00:00",
        "conversion_environment": WEB,
        "order_id": "cs_0123456789abcdef0123456789abcdef",
        "conversion_value": 19.99,
        "currency_code": "USD",
        "consent": {"ad_user_data": GRANTED, "ad_personalization": DENIED},
    }


def test_what_nobody_stated_is_not_sent() -> None:
    sent = click_conversion(conversion(value=None), "1234567890", {})
    assert sent.keys() == {
        "gclid",
        "conversion_action",
        "conversion_date_time",
        "conversion_environment",
        "order_id",
    }


def test_the_numbers_of_enums_are_the_vendors() -> None:
    from google.ads.googleads.v26.services.types import conversion_adjustment_upload_service as adjustments
    from google.ads.googleads.v26.services.types import conversion_upload_service as conversions

    sent = conversions.ClickConversion.pb()(
        **click_conversion(conversion(ad_user_data="granted", ad_personalization="denied"), "1", {})
    )
    assert (named(sent, "conversion_environment"), named(sent.consent, "ad_user_data")) == ("WEB", "GRANTED")
    assert named(sent.consent, "ad_personalization") == "DENIED"
    for verb, name in ((Verb.RESTATE, "RESTATEMENT"), (Verb.RETRACT, "RETRACTION")):
        told = adjustments.ConversionAdjustment.pb()(**adjustment(correction(verb=verb), "1", {}))
        assert named(told, "adjustment_type") == name


def named(message: Any, field: str) -> str:
    enum = message.DESCRIPTOR.fields_by_name[field].enum_type
    return str(enum.values_by_number[getattr(message, field)].name)


FAULTS = [
    (conversion(), None),
    (conversion(value=None), None),
    (correction(), None),
    (correction(verb=Verb.RETRACT, value=None), None),
    (conversion(target={}), "The action has no numeric conversion_action_id for this account."),
    (conversion(vendor_id="cs1"), "The transaction id is too short."),
    (
        conversion(click_id_kind="fbclid", click_id="x"),
        "The row has neither gclid nor gbraid nor wbraid.",
    ),
    (conversion(value=Money(-1, "USD", 2)), "The value is negative."),
    (conversion(value=Money(1, "usd", 2)), "The currency 'usd' is no ISO 4217 code."),
    (correction(verb=Verb.SEND), "A correction cannot send."),
    (
        correction(click_id_kind="wbraid", click_id="w"),
        "Google cannot correct conversions of wbraid clicks.",
    ),
    (correction(adjusted_at=None), "The correction has no time at which it takes effect."),
    (
        correction(value=Money(0, "USD", 2)),
        "A restatement needs a value above zero; to nothing it is a retraction.",
    ),
]


@pytest.mark.parametrize(("candidate", "fault"), FAULTS)
def test_rows_google_would_refuse_are_found_here(candidate: Outbound, fault: str | None) -> None:
    assert invalid(candidate, {}) == fault


def hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


WHO = {
    "email_google": hashed("alexz@example.com"),
    "phone_e164": hashed("+18005550100"),
    "first_name_plain": hashed("givenname"),
    "last_name_plain": hashed("familyname"),
    "region_clear": "US",
    "zip_clear": "94045",
}
ASKED = ["email", "phone", "name", "address"]
BY_EVENT = facts("google_ads", identifiers=ASKED).identifiers
BY_UPLOAD = facts("google_ads", identifiers=ASKED, upload_api="click_upload").identifiers


def test_an_event_says_who_the_customer_is_and_an_address_whole_or_not_at_all() -> None:
    document = ingested(conversion(identifiers=WHO), fields=BY_EVENT)
    address = {
        "givenName": WHO["first_name_plain"],
        "familyName": WHO["last_name_plain"],
        "regionCode": "US",
        "postalCode": "94045",
    }
    assert document["encoding"] == "HEX"
    assert document["events"][0]["userData"] == {
        "userIdentifiers": [
            {"emailAddress": WHO["email_google"]},
            {"phoneNumber": WHO["phone_e164"]},
            {"address": address},
        ]
    }
    parts = {rule: value for rule, value in WHO.items() if rule != "zip_clear"}
    [event] = ingested(conversion(identifiers=parts), fields=BY_EVENT)["events"]
    assert [list(told) for told in event["userData"]["userIdentifiers"]] == [
        ["emailAddress"],
        ["phoneNumber"],
    ]


def test_an_upload_says_it_by_e_mail_and_phone_alone() -> None:
    sent = click_conversion(conversion(identifiers=WHO), "1", BY_UPLOAD)
    assert sent["user_identifiers"] == [
        {"hashed_email": WHO["email_google"], "user_identifier_source": 2},
        {"hashed_phone_number": WHO["phone_e164"], "user_identifier_source": 2},
    ]


def test_the_messages_with_people_are_the_vendors() -> None:
    from google.ads.googleads.v26.services.types import conversion_upload_service as conversions

    sent = conversions.ClickConversion.pb()(**click_conversion(conversion(identifiers=WHO), "1", BY_UPLOAD))
    assert named(sent.user_identifiers[0], "user_identifier_source") == "FIRST_PARTY"


@pytest.mark.parametrize(
    ("click", "told"),
    [
        ({"gclid": "a"}, True),
        ({"gclid": "a", "gbraid": "b"}, True),
        ({}, True),
        ({"gbraid": "b"}, False),
        ({"wbraid": "c"}, False),
    ],
)
def test_people_are_told_of_beside_a_gclid_or_alone(click: dict[str, str], told: bool) -> None:
    sent = conversion(click_id_kind=None, click_id=None, click_ids=click, identifiers=WHO)
    [event] = ingested(sent, fields=BY_EVENT)["events"]
    assert ("userData" in event, "user_identifiers" in click_conversion(sent, "1", BY_UPLOAD)) == (told, told)
    assert ("adIdentifiers" in event, invalid(sent, BY_EVENT)) == (bool(click), None)


def test_what_is_no_hash_never_leaves() -> None:
    sent = conversion(identifiers={"email_google": "alexz@example.com"})
    fault = "The identifier email_google is not a SHA-256 hash in lower-case hex digits."
    assert invalid(sent, BY_EVENT) == invalid(sent, {}) == fault


def test_orders_of_one_click_in_one_second_are_sent_apart_in_the_same_order() -> None:
    def at(name: str, seconds: float, **changes: Any) -> Outbound:
        return conversion(vendor_id=name, occurred_at=PAID_AT + timedelta(seconds=seconds), **changes)

    batch = [at("b", 0.5), at("a", 0.25), at("c", 1), at("other click", 0, click_id="x"), at("d", 9)]
    sent = apart(batch)
    assert [row.vendor_id for row in sent] == [row.vendor_id for row in batch]
    moved = [
        (now.occurred_at - was.occurred_at).total_seconds() for was, now in zip(batch, sent, strict=True)
    ]
    assert moved == [1, 0, 1, 0, 0]
    alone = [batch[0], batch[4]]
    assert apart(alone) is alone
