"""LinkedIn's schema for one conversion event: every fault is a line, a path and what is wrong there.

Source: specs/meta_tiktok_linkedin_microsoft.md §3.2, §3.3, §7.3 rule 4.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

RULE_URN = "urn:lla:llaPartnerConversion:"
ID_TYPES = frozenset(
    {
        "SHA256_EMAIL",
        "LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID",
        "ACXIOM_ID",
        "PLAINTEXT_IP_ADDRESS",
        "GOOGLE_AID",
    }
)
REQUIRED = "field is required but not found and has no default value"
UNKNOWN = "unrecognized field found but not allowed"

Schema = Mapping[str, tuple[type, bool]]
"""Member name to its type and whether it must be there."""

ELEMENT: Schema = {
    "conversion": (str, True),
    "conversionHappenedAt": (int, True),
    "conversionValue": (dict, False),
    "eventId": (str, False),
    "user": (dict, True),
}
VALUE: Schema = {"currencyCode": (str, True), "amount": (str, True)}
USER: Schema = {
    "userIds": (list, True),
    "userInfo": (dict, False),
    "externalIds": (list, False),
    "lead": (str, False),
}
USER_ID: Schema = {"idType": (str, True), "idValue": (str, True)}
USER_INFO: Schema = {
    "firstName": (str, True),
    "lastName": (str, True),
    "title": (str, False),
    "companyName": (str, False),
    "countryCode": (str, False),
}
TYPE_NAMES = {str: "String", int: "Long", dict: "record", list: "array"}
HASH_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def element_faults(element: Any) -> list[str]:
    """Every fault of one event, empty when it is good."""
    if not isinstance(element, dict):
        return ["/ :: not a record"]
    faults = list(_record("", element, ELEMENT))
    faults += _urn(element.get("conversion"))
    if isinstance(element.get("conversionValue"), dict):
        faults += _money(element["conversionValue"])
    if isinstance(element.get("user"), dict):
        faults += _user(element["user"])
    return faults


def _record(path: str, record: Mapping[str, Any], schema: Schema) -> Iterator[str]:
    for name in record:
        if name not in schema:
            yield f"{path}/{name} :: {UNKNOWN}"
    for name, (kind, required) in schema.items():
        if name not in record:
            if required:
                yield f"{path}/{name} :: {REQUIRED}"
        elif not isinstance(record[name], kind) or isinstance(record[name], bool):
            yield f"{path}/{name} :: {record[name]} cannot be coerced to {TYPE_NAMES[kind]}"


def _urn(urn: Any) -> Iterator[str]:
    if isinstance(urn, str) and not urn.startswith(RULE_URN):
        yield "/conversion :: Invalid Urn format. Invalid prefix."


def _money(money: Mapping[str, Any]) -> Iterator[str]:
    yield from _record("/conversionValue", money, VALUE)
    amount = money.get("amount")
    if isinstance(amount, str) and not _decimal(amount):
        yield f'/conversionValue/amount :: "{amount}" is not a decimal number'


def _user(user: Mapping[str, Any]) -> Iterator[str]:
    yield from _record("/user", user, USER)
    if isinstance(user.get("userInfo"), dict):
        yield from _record("/user/userInfo", user["userInfo"], USER_INFO)
    user_ids, external_ids = user.get("userIds"), user.get("externalIds")
    if user_ids == [] and not user.get("userInfo"):
        yield "/user/userIds :: must not be empty without userInfo"
    if isinstance(external_ids, list) and len(external_ids) > 1:
        yield "/user/externalIds :: at most 1 is allowed"
    if "@" in str(external_ids):
        yield "/user/externalIds :: an address must be hashed"
    for place, user_id in enumerate(user_ids if isinstance(user_ids, list) else []):
        yield from _user_id(f"/user/userIds/{place}", user_id)


def _user_id(path: str, user_id: Any) -> Iterator[str]:
    if not isinstance(user_id, dict):
        yield f"{path} :: {user_id} cannot be coerced to record"
        return
    yield from _record(path, user_id, USER_ID)
    kind, value = user_id.get("idType"), user_id.get("idValue")
    if isinstance(kind, str) and kind not in ID_TYPES:
        yield f'{path}/idType :: "{kind}" is not an enum symbol'
    is_hash = re.fullmatch(r"[0-9a-f]{64}", str(value)) and value != HASH_OF_NOTHING
    if kind == "SHA256_EMAIL" and not is_hash:
        yield f"{path}/idValue :: not a SHA-256 hash"


def _decimal(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False
