"""What tells an ad platform who a customer is, and under which rule a value was made of it.

A platform matches people only by values made exactly its way, so every stored value carries its rule.
Source: specs/meta_tiktok_linkedin_microsoft.md §5.1, specs/google_ads.md §6.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

HASH_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""SHA-256 of the empty text: whoever sends it links every customer without a value to every other."""


class Identifier(StrEnum):
    """What an ad account may be told of a customer; the words of `identifiers` in the configuration."""

    EMAIL = "email"
    PHONE = "phone"
    NAME = "name"
    ADDRESS = "address"
    EXTERNAL_ID = "external_id"


class Rule(StrEnum):
    """How a value is made. A rule never changes its meaning: a changed one gets a new name, for it changes
    every hash.
    """

    EMAIL_PLAIN = "email_plain"
    """Trimmed, lower case; hashed."""
    EMAIL_CANONICAL = "email_canonical"
    """Plain, without dots and `+alias` before the `@`; hashed."""
    EMAIL_GOOGLE = "email_google"
    """Without any white space, lower case; at Gmail without dots and `+suffix`; hashed."""
    PHONE_DIGITS = "phone_digits"
    """Country code and number, digits only; hashed."""
    PHONE_E164 = "phone_e164"
    """The same with a leading `+`; hashed."""
    FIRST_NAME_PLAIN = "first_name_plain"
    """Trimmed, lower case; hashed."""
    LAST_NAME_PLAIN = "last_name_plain"
    FIRST_NAME_BARE = "first_name_bare"
    """Plain, without punctuation, white space collapsed; hashed."""
    LAST_NAME_BARE = "last_name_bare"
    CITY_BARE = "city_bare"
    """Letters and digits only, lower case; hashed."""
    CITY_CLEAR = "city_clear"
    """The same, not hashed."""
    STATE_BARE = "state_bare"
    """In the US its two letters, else letters and digits only; lower case; hashed."""
    STATE_CLEAR = "state_clear"
    """The same, not hashed."""
    ZIP_META = "zip_meta"
    """Letters and digits only, lower case, in the US the first five; hashed."""
    ZIP_BARE = "zip_bare"
    """Letters and digits only, lower case; hashed."""
    ZIP_CLEAR = "zip_clear"
    """As it is written, trimmed; not hashed."""
    COUNTRY_HASHED = "country_hashed"
    """ISO 3166 alpha-2, lower case; hashed."""
    COUNTRY_CLEAR = "country_clear"
    """The same, not hashed."""
    REGION_CLEAR = "region_clear"
    """ISO 3166 alpha-2, upper case; not hashed."""
    EXTERNAL_ID_HASHED = "external_id_hashed"
    """Trimmed, case kept; hashed."""
    EXTERNAL_ID_CLEAR = "external_id_clear"
    """The same, not hashed."""
    IP_HASHED = "ip_hashed"
    """The address in its canonical form; hashed. Made of the click when it is sent, never stored."""


CLEAR_RULES = frozenset(
    {
        Rule.CITY_CLEAR,
        Rule.STATE_CLEAR,
        Rule.ZIP_CLEAR,
        Rule.COUNTRY_CLEAR,
        Rule.REGION_CLEAR,
        Rule.EXTERNAL_ID_CLEAR,
    }
)
"""Rules whose values are not hashes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """What one billing record says of a customer, as written there. Lives in memory only: never stored,
    never logged. `of` is the kind of object that says it, `source_ref` the record, `stated_at` its UTC time.
    """

    of: str
    source_ref: str
    stated_at: datetime
    email: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)
    city: str | None = field(default=None, repr=False)
    state: str | None = field(default=None, repr=False)
    postal_code: str | None = field(default=None, repr=False)
    country: str | None = field(default=None, repr=False)
    external_id: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """A value under its rule, with the record it was made of."""

    rule: Rule
    value: str = field(repr=False)
    source_ref: str
    stated_at: datetime
