"""Identifiers normalised and hashed: every published vector, wrong ones too, and what must never leave."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversion_sync.model.identifier import CLEAR_RULES, HASH_OF_NOTHING, Rule
from conversion_sync.platforms.identifiers import (
    digest,
    filled,
    normalised,
    value_fault,
    value_of,
)

SHA_256 = re.compile(r"[0-9a-f]{64}")
HASHED = sorted(set(Rule) - CLEAR_RULES)

VECTORS = {
    "john_smith@gmail.com": "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f",
    "16505551212": "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176",
    "+16505551212": "1e231c66011e7a2d867a9cfae267a6aff103cf4913640b6e71a99850fc0ffbc8",
    "mary": "6915771be1c5aa0c886870b6951b03d7eafc121fea0e80a5ea83beb7c449f4ec",
    "valéry": "08e1996b5dd49e62a4b4c010d44e4345592a863bb9f8e3976219bac29417149c",
    "정": "8fa8cd9c440be61d0151429310034083132b35975c4bea67fdd74158eb51db14",
    "19970216": "01acdbf6ec7b4f478a225f1a246e5d6767eeab1a7ffa17f025265b5b94f40f0c",
    "us": "79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a904621",
    "f": "252f10c83610ebca1a059c0bae8255eba2f95be4d1d7bcfa89d7248a82d9f111",
    "m": "62c66a7a5dd70c3146618063c344e531e6d4b59e379808443ce962b3abd63c5a",
    "ca": "6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a31126",
    "paris": "1670f2e42fefa5044d59a65349e47c566009488fc57d7b4376dd5787b59e3c57",
    "newyork": "350c754ba4d38897693aa077ef43072a859d23f613443133fecbbd90a3512ca5",
    "m11ae": "1dc694c2070e697769fb959b50671d76cafd430d8ca191fbdd0affcaea344ac5",
    "person@example.com": "542d240129883c019e106e3b1b2d3f3cb3537c43c425364de8e951d5a3083345",
    "448444124653": "dc008fda46e2e64002cf2f82a4906236282d431c4f75e5b60bfe79fc48546383",
    "bugsbunny@warnerbros.com": "67e28cdcc3e845d3a4da05ca9fe5ddb7320a83b4cc2167f0555a3b04f63511e3",
    "+12345678901234": "00a63bd0437d6ca0fa7b95c00ab2e7c020faa71440e5246750d6b517689e6777",
    "5105550011": "cf9b0227ee02d8f8f9dbb6060fa2941bb667efc71f6ee2e6ee17b40121a5f4a6",
    "15105550011": "d4b7c9f6b02e092351ed7ae8ee8efa8165a96070e1db113c178ce091e3f26387",
    "jane.doe+ads@example.com": "edcd734b50394ce7a26ff7fe1408eeac189753375b54286c93049c72767a7b40",
    "janedoe@example.com": "c4d25e9c90ff23e9145397bc6fbd5385ca5fbe78211222ccbecd0b369ebb19a6",
    "447911123456": "40b5c38342a9c584ec707e8679b003f8c779c6aaa138c976ef94e049cc05208f",
    "+447911123456": "20b18ac9de7b3aad174961827d8e451c410af9aedfd1d699927f4b29b81aa1fa",
    "obrien": "b4cb6cb33fe4b865868de825023a1e2790dc12ac01ecc8d7c5afe8254071c8ba",
    "o'brien": "65b87174be3b1b122e2b0929f0b84888637d31a4a83bb96a860bcff411f5e668",
    "94035": "1794327a4d443904421f5ca1f3d72d0a62ba2f0770d80755ec2220fc0efb052e",
    "alexz@example.com": "509e933019bb285a134a9334b8bb679dff79d0ce023d529af4bd744d47b4fd8a",
    "+18005550100": "fb4f73a6ec5fdb7077d564cdd22c3554b43ce49168550c3b12c547b78c517b30",
    "givenname": "128a07bfe2df877c52076e60d7774cf5baaa046c5a6c48daf30ff43ecca2f814",
    "familyname": "77762c287e61ce065bee5c15464012c6fbe088398b8057627d5577249430d574",
    "cloudysanfrancisco@gmail.com": "223ebda6f6889b1494551ba902d9d381daf2f642bae055888e96343d53e9f9c4",
    "user.name+nyc@example.com": "f109a2a632fbcea5fc82049f50beed3d8621bf9034399f437fb622222acccdac",
}
"""Published or recomputed digests by the text they are of (both specs), wrong texts included."""

BASE64 = {
    "alexz@example.com": "UJ6TMBm7KFoTSpM0uLtnnf950M4CPVKa9L10TUe0/Yo=",
    "+18005550100": "+09zpuxf23B31WTN0iw1VLQ85JFoVQw7EsVHt4xRezA=",
    "givenname": "EooHv+Lfh3xSB25g13dM9bqqBGxabEja8w/0Psyi+BQ=",
    "familyname": "d3YsKH5hzgZb7lwVRkASxvvgiDmLgFdifVV3JJQw1XQ=",
    "cloudysanfrancisco@gmail.com": "Ij69pvaImxSUVRupAtnTgdry9kK64FWIjpY0PVPp+cQ=",
    "user.name+nyc@example.com": "8QmipjL7zqX8ggSfUL7tPYYhv5A0OZ9Df7YiIirMzaw=",
}


@pytest.mark.parametrize(("text", "expected"), VECTORS.items())
def test_a_text_has_the_digest_the_vendors_publish(text: str, expected: str) -> None:
    assert digest(text) == expected


@pytest.mark.parametrize(("text", "expected"), BASE64.items())
def test_the_digests_are_the_bytes_google_publishes(text: str, expected: str) -> None:
    assert base64.b64encode(bytes.fromhex(digest(text) or "")).decode() == expected


EMAILS: list[tuple[str, str | None, str | None, str | None]] = [
    # as given, plain, canonical, Google's
    ("John_Smith@Gmail.com ", "john_smith@gmail.com", "john_smith@gmail.com", "john_smith@gmail.com"),
    (
        " Jane.Doe+ads@Example.com ",
        "jane.doe+ads@example.com",
        "janedoe@example.com",
        "jane.doe+ads@example.com",
    ),
    (
        "cloudy.sanfrancisco+shopping@gmail.com",
        "cloudy.sanfrancisco+shopping@gmail.com",
        "cloudysanfrancisco@gmail.com",
        "cloudysanfrancisco@gmail.com",
    ),
    ("a.b.c+x@googlemail.com", "a.b.c+x@googlemail.com", "abc@googlemail.com", "abc@googlemail.com"),
    (
        "user.name+NYC@Example.com",
        "user.name+nyc@example.com",
        "username@example.com",
        "user.name+nyc@example.com",
    ),
    (
        "a.b@gmail.com.evil.example",
        "a.b@gmail.com.evil.example",
        "ab@gmail.com.evil.example",
        "a.b@gmail.com.evil.example",
    ),
    ("Person@Example.com", "person@example.com", "person@example.com", "person@example.com"),
    (
        "bugsbunny@warnerbros.com\t",
        "bugsbunny@warnerbros.com",
        "bugsbunny@warnerbros.com",
        "bugsbunny@warnerbros.com",
    ),
    ("jane doe@example.com", None, None, "janedoe@example.com"),
    ("\u200bjane@example.com\ufeff", "jane@example.com", "jane@example.com", "jane@example.com"),
    ("+alias@example.com", "+alias@example.com", None, "+alias@example.com"),
    ("...@gmail.com", "...@gmail.com", None, None),
]


@pytest.mark.parametrize(("text", "plain", "canonical", "google"), EMAILS)
def test_an_e_mail_is_normalised_three_ways(
    text: str, plain: str | None, canonical: str | None, google: str | None
) -> None:
    rules = (Rule.EMAIL_PLAIN, Rule.EMAIL_CANONICAL, Rule.EMAIL_GOOGLE)
    assert [normalised(rule, text) for rule in rules] == [plain, canonical, google]


BROKEN = [
    "",
    " ",
    "jane",
    "jane@",
    "@example.com",
    "jane@example",
    "a@b@c.d",
    "jane@example.com.",
    "\x00@a.b",
    "ja\x07ne@example.com",
    "\ud800@example.com",
    "jane@exam\udfffple.com",
    "\u200b",
    "null",
    HASH_OF_NOTHING,
]


@pytest.mark.parametrize("text", BROKEN, ids=ascii)
@pytest.mark.parametrize("rule", [Rule.EMAIL_PLAIN, Rule.EMAIL_CANONICAL, Rule.EMAIL_GOOGLE])
def test_what_is_no_e_mail_has_no_hash(rule: Rule, text: str) -> None:
    assert value_of(rule, text) is None


PHONES: list[tuple[str, str | None, str | None]] = [
    ("+44 (0)7911 123456", None, "+447911123456"),
    ("07911 123456", "GB", "+447911123456"),
    ("07911123456", "gb", "+447911123456"),
    ("0044 7911 123456", None, "+447911123456"),
    ("0044 7911 123456", "US", "+447911123456"),
    ("+44 844 412 4653", None, "+448444124653"),
    ("(650) 555-1212", "US", "+16505551212"),
    ("510 555 0011", "US", "+15105550011"),
    ("510.555.0011 x12", "US", "+15105550011"),
    ("٠٧٩١١١٢٣٤٥٦", "GB", "+447911123456"),
    ("+1 800 555 0100", None, "+18005550100"),
    ("06 698 12345", "IT", "+390669812345"),
    ("07911 123456", None, None),
    ("5105550011", None, None),
    ("07911 123456", "ZZ", None),
    ("12345", "US", None),
    ("+12345678901234", None, None),
    ("call me", "US", None),
    ("+", "US", None),
    ("0000000", None, None),
]


@pytest.mark.parametrize(("text", "country", "expected"), PHONES)
def test_a_phone_is_read_in_the_country_it_is_billed_in(
    text: str, country: str | None, expected: str | None
) -> None:
    assert normalised(Rule.PHONE_E164, text, country) == expected
    digits = expected.removeprefix("+") if expected else None
    assert normalised(Rule.PHONE_DIGITS, text, country) == digits


OTHERS: list[tuple[Rule, str, str | None, str | None]] = [
    (Rule.LAST_NAME_BARE, "O'Brien", None, "obrien"),
    (Rule.LAST_NAME_BARE, "O\u2019Brien", None, "obrien"),
    (Rule.LAST_NAME_PLAIN, "O'Brien ", None, "o'brien"),
    (Rule.FIRST_NAME_BARE, "Jo-Ann", None, "joann"),
    (Rule.FIRST_NAME_BARE, "Mary", None, "mary"),
    (Rule.FIRST_NAME_BARE, "VALÉRY", None, "valéry"),
    (Rule.FIRST_NAME_BARE, "VALE\u0301RY", None, "valéry"),
    (Rule.FIRST_NAME_BARE, "정", None, "정"),
    (Rule.FIRST_NAME_BARE, "Anna  Maria", None, "anna maria"),
    (Rule.FIRST_NAME_PLAIN, "Anna Maria", None, "anna maria"),
    (Rule.FIRST_NAME_BARE, "İpek", None, "ipek"),
    (Rule.FIRST_NAME_PLAIN, " Givenname ", None, "givenname"),
    (Rule.LAST_NAME_PLAIN, "FamilyName", None, "familyname"),
    (Rule.FIRST_NAME_BARE, "...", None, None),
    (Rule.CITY_BARE, "Paris", "FR", "paris"),
    (Rule.CITY_BARE, "New York", "US", "newyork"),
    (Rule.CITY_BARE, "Saint-Étienne", "FR", "saintétienne"),
    (Rule.CITY_CLEAR, "St. Gallen", "CH", "stgallen"),
    (Rule.STATE_BARE, "California", "US", "ca"),
    (Rule.STATE_BARE, "CA", "us", "ca"),
    (Rule.STATE_BARE, "New York", "US", "ny"),
    (Rule.STATE_BARE, "Georgia", "GE", "georgia"),
    (Rule.STATE_BARE, "Nordrhein-Westfalen", "DE", "nordrheinwestfalen"),
    (Rule.STATE_CLEAR, "British Columbia", "CA", "britishcolumbia"),
    (Rule.ZIP_META, "94035-1234", "US", "94035"),
    (Rule.ZIP_META, "94035", "US", "94035"),
    (Rule.ZIP_META, "M1 1AE", "GB", "m11ae"),
    (Rule.ZIP_META, "00-950", "PL", "00950"),
    (Rule.ZIP_META, "100-0001", "JP", "1000001"),
    (Rule.ZIP_META, "\uff11\uff10\uff10\uff0d\uff10\uff10\uff10\uff11", "JP", "1000001"),
    (Rule.ZIP_META, "94035-1234", None, "940351234"),
    (Rule.ZIP_BARE, "94035-1234", "US", "940351234"),
    (Rule.ZIP_CLEAR, " M1 1AE ", "GB", "M1 1AE"),
    (Rule.COUNTRY_HASHED, "US", None, "us"),
    (Rule.COUNTRY_HASHED, "uk", None, "gb"),
    (Rule.COUNTRY_HASHED, "USA", None, "us"),
    (Rule.COUNTRY_HASHED, "XK", None, "xk"),
    (Rule.COUNTRY_HASHED, "Germany", None, None),
    (Rule.COUNTRY_CLEAR, "DE", None, "de"),
    (Rule.REGION_CLEAR, "uk", None, "GB"),
    (Rule.EXTERNAL_ID_HASHED, " User_7 ", None, "User_7"),
    (Rule.EXTERNAL_ID_CLEAR, " User_7 ", None, "User_7"),
    (Rule.IP_HASHED, "2001:DB8::0:7334", None, "2001:db8::7334"),
    (Rule.IP_HASHED, "203.0.113.7", None, "203.0.113.7"),
    (Rule.IP_HASHED, "nowhere", None, None),
]


@pytest.mark.parametrize(("rule", "text", "country", "expected"), OTHERS)
def test_other_values_are_normalised_as_their_rule_says(
    rule: Rule, text: str, country: str | None, expected: str | None
) -> None:
    assert normalised(rule, text, country) == expected


WRONG_ELSEWHERE = [
    (Rule.PHONE_DIGITS, "510 555 0011", "US", "5105550011"),
    (Rule.PHONE_DIGITS, "+44 (0)7911 123456", "GB", "4407911123456"),
    (Rule.LAST_NAME_BARE, "O'Brien", None, "o'brien"),
    (
        Rule.EMAIL_GOOGLE,
        "cloudy.sanfrancisco+shopping@gmail.com",
        None,
        "cloudysanfrancisco+shopping@gmail.com",
    ),
    (Rule.EMAIL_GOOGLE, "user.name+NYC@Example.com", None, "usernamenyc@example.com"),
    (Rule.ZIP_META, "00-950", "PL", "00"),
    (Rule.PHONE_E164, "12345678901234", "US", "+12345678901234"),
]


@pytest.mark.parametrize(("rule", "text", "country", "wrong"), WRONG_ELSEWHERE)
def test_what_others_hash_in_error_is_not_hashed_here(
    rule: Rule, text: str, country: str | None, wrong: str
) -> None:
    assert value_of(rule, text, country) != digest(wrong)


@pytest.mark.parametrize("looks_hashed", ["0" * 32, "a" * 64, "D41D8CD98F00B204E9800998ECF8427E"])
def test_a_value_that_looks_like_a_hash_is_hashed_all_the_same(looks_hashed: str) -> None:
    assert value_of(Rule.EXTERNAL_ID_HASHED, looks_hashed) == digest(looks_hashed)


def test_nothing_has_no_hash() -> None:
    assert [digest(nothing) for nothing in ("", None, "\ud800")] == [None, None, None]


@given(st.sampled_from(Rule), st.text(), st.sampled_from([None, "US", "gb", "ZZ", "", "Germany"]))
def test_no_text_makes_a_value_that_must_not_leave(rule: Rule, text: str, country: str | None) -> None:
    value = value_of(rule, text, country)
    if value is None:
        return
    assert value != HASH_OF_NOTHING
    assert rule in CLEAR_RULES or SHA_256.fullmatch(value)
    fault = value_fault({rule: value})
    assert fault is None or (rule in CLEAR_RULES and "@" in value)


@given(st.sampled_from(Rule), st.text(max_size=30), st.sampled_from([None, "US", "PL"]))
def test_normalising_what_is_normal_changes_nothing(rule: Rule, text: str, country: str | None) -> None:
    made = normalised(rule, text, country)
    if made is not None and rule is not Rule.PHONE_DIGITS:
        assert normalised(rule, made, country) == made


FAULTY = [
    ({"email_plain": "jane@example.com"}, "email_plain is not a SHA-256 hash"),
    ({"email_plain": "A" * 64}, "email_plain is not a SHA-256 hash"),
    ({"phone_e164": "a" * 63}, "phone_e164 is not a SHA-256 hash"),
    ({"phone_e164": f"{'a' * 64}\n"}, "phone_e164 is not a SHA-256 hash"),
    ({"email_google": HASH_OF_NOTHING}, "email_google is the hash of nothing"),
    ({"email_plain": "a" * 64, "city_clear": ""}, "city_clear is empty"),
    ({"city_clear": "jane@example.com"}, "city_clear is empty or holds what it must not"),
    ({"city_clear": "par\x00is"}, "city_clear is empty or holds what it must not"),
    ({"external_id_clear": "\ud800"}, "external_id_clear is empty or holds what it must not"),
    ({"shoe_size": "a" * 64}, "'shoe_size' is under no known rule"),
]


@pytest.mark.parametrize(("values", "words"), FAULTY)
def test_a_value_that_must_not_leave_is_named_by_its_rule_alone(
    values: Mapping[str, str], words: str
) -> None:
    fault = value_fault(values) or ""
    assert words in fault
    assert not [value for value in values.values() if len(value) > 5 and value in fault]


def test_values_go_out_under_the_platforms_names() -> None:
    known = {"email_plain": "a" * 64, "phone_e164": "b" * 64}
    assert filled(known, {"em": "email_plain", "ph": "phone_digits"}) == {"em": "a" * 64}
