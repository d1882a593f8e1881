"""From what billing knows of a customer to what platforms match by: normalised, hashed, each under its rule.

Pure. A value that a rule can make nothing of is dropped and counted, never guessed: a wrong hash matches
nobody, or somebody else. Whether a value is a hash already is not told by its look: what comes here is not.
Source: specs/meta_tiktok_linkedin_microsoft.md §1.2 (what others get wrong), §5; specs/google_ads.md §6.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import tomllib
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from types import MappingProxyType

from conversion_sync.model.identifier import CLEAR_RULES, HASH_OF_NOTHING, Rule

NOBODY: Mapping[str, str] = MappingProxyType({})
"""Nothing said of anybody."""
EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@.]+")
GMAIL = frozenset({"gmail.com", "googlemail.com"})
COUNTRY = re.compile(r"[a-z]{2}")
US, US_ZIP = "us", 5
SPACES = str.maketrans("\t\r\n", "   ")
UNSENDABLE = frozenset({"Cc", "Cs", "Co", "Cn"})
"""Unicode categories of what no text a person typed holds: controls, lone surrogates, unassigned."""

Given = str | None
Normalise = Callable[[str, Given], Given]
"""The normalised text of a given one, None where there is none; with the customer's country, lower case."""


def digest(text: Given) -> str | None:
    """SHA-256 of the text's UTF-8 as 64 lower-case hex digits. Nothing has no hash, nor has broken text."""
    if not text:
        return None
    try:
        return hashlib.sha256(text.encode()).hexdigest()
    except UnicodeEncodeError:
        return None


def normalised(rule: Rule, text: Given, country: Given = None) -> str | None:
    """What `rule` makes of a text before it is hashed; None where it makes nothing of it.

    `country` is an ISO 3166 alpha-2 code in any case: the default region of phones, and what tells a US
    state and zip code.
    """
    cleaned = _cleaned(text)
    if cleaned is None:
        return None
    return NORMALISE[rule](cleaned, _country(country, None) if country else None) or None


def value_of(rule: Rule, text: Given, country: Given = None) -> str | None:
    """The value a platform gets under `rule`, hashed unless the rule is a clear one; None for nothing."""
    made = normalised(rule, text, country)
    return made if rule in CLEAR_RULES else digest(made)


def email_hash(text: str) -> str | None:
    """What a visitor's e-mail is matched with a customer's by; None for what is no e-mail."""
    return value_of(Rule.EMAIL_PLAIN, text)


def filled(values: Mapping[str, str], fields: Mapping[str, str]) -> dict[str, str]:
    """What is known of a customer by the platform's own names: `fields` are its names, each with its rule."""
    return {name: values[rule] for name, rule in fields.items() if rule in values}


def value_fault(values: Mapping[str, str]) -> str | None:
    """Why these values, by rule, must not leave; None when they may. Says the rule, never the value."""
    for rule, value in values.items():
        if rule not in RULES:
            return f"The identifier {rule!r} is under no known rule."
        if rule in CLEAR:
            if not value or "@" in value or _cleaned(value) != value:
                return f"The identifier {rule} is empty or holds what it must not."
        elif not HASH.fullmatch(value):
            return f"The identifier {rule} is not a SHA-256 hash in lower-case hex digits."
        elif value == HASH_OF_NOTHING:
            return f"The identifier {rule} is the hash of nothing."
    return None


def _cleaned(text: Given) -> str | None:
    """The text composed, without invisible marks and outer white space; None for nothing and for no text."""
    if not isinstance(text, str):
        return None
    if text.isascii() and text.isprintable():
        return text.strip() or None
    composed = unicodedata.normalize("NFC", text.translate(SPACES)).strip()
    kept = "".join(letter for letter in composed if unicodedata.category(letter) != "Cf").strip()
    if any(unicodedata.category(letter) in UNSENDABLE for letter in kept):
        return None
    return kept or None


def _lower(text: str) -> str:
    """Lower case. The Turkish capital dotted i is an i: Python's own would leave its dot behind."""
    return text.replace("İ", "i").lower()


def _email(text: str, _: Given) -> Given:
    lower = _lower(text)
    return lower if EMAIL.fullmatch(lower) else None


def _email_canonical(text: str, country: Given) -> Given:
    plain = _email(text, country)
    return _without_alias(plain) if plain else None


def _email_google(text: str, country: Given) -> Given:
    plain = _email("".join(text.split()), country)
    if plain and plain.rpartition("@")[2] in GMAIL:
        return _without_alias(plain)
    return plain


def _without_alias(email: str) -> Given:
    local, _, domain = email.rpartition("@")
    kept = local.partition("+")[0].replace(".", "")
    return f"{kept}@{domain}" if kept else None


def _phone(text: str, country: Given) -> Given:
    """`+`, country code and number. Without a country code in front it is read as one of `country`."""
    import phonenumbers

    written = f"+{text[2:]}" if text.startswith("00") else text
    try:
        number = phonenumbers.parse(written, country.upper() if country else None)
    except phonenumbers.NumberParseException:
        return None
    likely = phonenumbers.is_possible_number_with_reason(number)
    if likely != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _phone_digits(text: str, country: Given) -> Given:
    number = _phone(text, country)
    return number.removeprefix("+") if number else None


def _name(text: str, _: Given) -> str:
    return _lower(text)


def _name_bare(text: str, _: Given) -> str:
    if text.isascii() and text.isalpha():
        return text.lower()
    letters = (letter for letter in _lower(text) if unicodedata.category(letter)[0] not in "PS")
    return " ".join("".join(letters).split())


def _bare(text: str, _: Given) -> str:
    """Letters, digits and the marks that belong to letters."""
    if text.isascii() and text.isalnum():
        return text.lower()
    return "".join(letter for letter in _lower(text) if unicodedata.category(letter)[0] in "LNM")


def _state(text: str, country: Given) -> str:
    bare = _bare(text, country)
    return regions()["us_states"].get(bare, bare) if country == US else bare


def _zip(text: str, country: Given) -> str:
    return _bare(unicodedata.normalize("NFKC", text), country)


def _zip_meta(text: str, country: Given) -> str:
    bare = _zip(text, country)
    return bare[:US_ZIP] if country == US else bare


def _as_written(text: str, _: Given) -> str:
    return text


@lru_cache(maxsize=1024)
def _country(text: str, _: Given) -> Given:
    lower = _lower(text.strip())
    code = regions()["countries"].get(lower, lower)
    return code if COUNTRY.fullmatch(code) else None


def _region(text: str, country: Given) -> Given:
    code = _country(text, country)
    return code.upper() if code else None


def _ip(text: str, _: Given) -> Given:
    try:
        return ipaddress.ip_address(text).compressed
    except ValueError:
        return None


@cache
def regions() -> Mapping[str, Mapping[str, str]]:
    """How places and titles are written, from `regions.toml`."""
    read = tomllib.loads((files(__package__) / "regions.toml").read_text(encoding="utf-8"))
    return MappingProxyType({**read, "titles": dict.fromkeys(read["names"]["titles"], "")})


NORMALISE: Mapping[Rule, Normalise] = MappingProxyType(
    {
        Rule.EMAIL_PLAIN: _email,
        Rule.EMAIL_CANONICAL: _email_canonical,
        Rule.EMAIL_GOOGLE: _email_google,
        Rule.PHONE_DIGITS: _phone_digits,
        Rule.PHONE_E164: _phone,
        Rule.FIRST_NAME_PLAIN: _name,
        Rule.LAST_NAME_PLAIN: _name,
        Rule.FIRST_NAME_BARE: _name_bare,
        Rule.LAST_NAME_BARE: _name_bare,
        Rule.CITY_BARE: _bare,
        Rule.CITY_CLEAR: _bare,
        Rule.STATE_BARE: _state,
        Rule.STATE_CLEAR: _state,
        Rule.ZIP_META: _zip_meta,
        Rule.ZIP_BARE: _zip,
        Rule.ZIP_CLEAR: _as_written,
        Rule.COUNTRY_HASHED: _country,
        Rule.COUNTRY_CLEAR: _country,
        Rule.REGION_CLEAR: _region,
        Rule.EXTERNAL_ID_HASHED: _as_written,
        Rule.EXTERNAL_ID_CLEAR: _as_written,
        Rule.IP_HASHED: _ip,
    }
)
"""Every rule's way from a cleaned text to the one that is hashed or sent."""

RULES: frozenset[str] = frozenset(rule.value for rule in Rule)
CLEAR: frozenset[str] = frozenset(rule.value for rule in CLEAR_RULES)
HASH = re.compile(r"[0-9a-f]{64}")
