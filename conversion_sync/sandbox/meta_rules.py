"""What Meta holds against one event; the first fault answers for the whole request.

Titles and texts are French on purpose: they come in the language of the token's owner, so that nobody
may read meaning out of them. Source: specs/meta_tiktok_linkedin_microsoft.md §1.3, §7.1 rules 6 and 7.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from conversion_sync.sandbox.currencies import CURRENCIES

AGE, STORE_AGE, SKEW = timedelta(days=7), timedelta(days=62), timedelta(seconds=60)
SOURCES = frozenset(
    {
        "email",
        "website",
        "app",
        "phone_call",
        "chat",
        "physical_store",
        "system_generated",
        "business_messaging",
        "other",
    }
)
HASHED = ("em", "ph", "ge", "db", "ln", "fn", "ct", "st", "zp", "country")
HASH = re.compile(r"[0-9a-f]{64}")
HASH_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
NO_HASH = re.compile(rf"{HASH_OF_NOTHING}|(?=.*[A-F])[0-9A-F]{{64}}")
"""What is meant for a hash and matches nobody, or everybody (§7, strict mode)."""
TOO_LITTLE = (
    frozenset({"ct", "country", "st", "zp", "ge", "client_user_agent"}),
    frozenset({"db", "client_user_agent"}),
    frozenset({"fn", "ge"}),
    frozenset({"ln", "ge"}),
)


@dataclass(frozen=True, slots=True)
class Fault:
    """A subcode of code 100 (0 for none) with the title and text shown to the user."""

    subcode: int
    title: str
    text: str


OLD = Fault(
    2804003,
    "Horodatage de l'événement trop ancien",
    "L'horodatage de cet événement est trop ancien. Envoyez des événements des 7 derniers jours.",
)
FUTURE = Fault(0, "Horodatage non valide", "L'horodatage de l'événement se situe dans le futur.")
NO_VALUE = Fault(2804009, "Valeur manquante", "Un événement d'achat doit comporter une valeur.")
NO_CURRENCY = Fault(2804010, "Devise manquante", "Un événement d'achat doit comporter une devise.")
UNHASHED = Fault(
    2804016,
    "Paramètre utilisateur non haché",
    "Les informations du client doivent être hachées en SHA-256 avant l'envoi.",
)
TOO_FEW = Fault(
    2804050,
    "Informations client insuffisantes",
    "Les paramètres d'information client ne permettent pas de trouver une personne.",
)


def event_fault(event: Mapping[str, Any], now: datetime) -> Fault | None:
    """The first fault of an event, or None."""
    return next(_faults(event, now), None)


def _faults(event: Mapping[str, Any], now: datetime) -> Iterator[Fault]:
    yield from _required(event)
    yield from _time(event["event_time"], event["action_source"], now)
    yield from _user_data(event["user_data"])
    yield from _money(event["event_name"], event.get("custom_data") or {})


def _required(event: Mapping[str, Any]) -> Iterator[Fault]:
    name, at, source = event.get("event_name"), event.get("event_time"), event.get("action_source")
    if not isinstance(name, str) or not name:
        yield _parameter("event_name")
    if not isinstance(at, int) or isinstance(at, bool) or at <= 0:
        yield _parameter("event_time")
    if source not in SOURCES:
        yield _parameter("action_source")
    if not isinstance(event.get("user_data"), dict):
        yield _parameter("user_data")
    if not isinstance(event.get("custom_data") or {}, dict):
        yield _parameter("custom_data")


def _time(seconds: int, source: str, now: datetime) -> Iterator[Fault]:
    if seconds > (now + SKEW).timestamp():
        yield FUTURE
        return
    limit = STORE_AGE if source == "physical_store" else AGE
    if now - datetime.fromtimestamp(seconds, UTC) > limit:
        yield OLD


def _user_data(user: Mapping[str, Any]) -> Iterator[Fault]:
    for name in HASHED:
        for value in _values(user.get(name)):
            if not isinstance(value, str) or not HASH.fullmatch(value) or value == HASH_OF_NOTHING:
                yield UNHASHED
    others = (value for name, item in user.items() if name not in HASHED for value in _values(item))
    if any(isinstance(value, str) and ("@" in value or NO_HASH.fullmatch(value)) for value in others):
        yield UNHASHED
    given = {name for name, item in user.items() if _values(item)}
    if any(given <= few for few in TOO_LITTLE):
        yield TOO_FEW


def _money(name: str, custom: Mapping[str, Any]) -> Iterator[Fault]:
    value, currency = custom.get("value"), custom.get("currency")
    if name == "Purchase" and value is None:
        yield NO_VALUE
    if name == "Purchase" and not currency:
        yield NO_CURRENCY
    if value is not None and not _amount(value):
        yield _parameter("custom_data[value]")
    if currency and str(currency).upper() not in CURRENCIES:
        yield _parameter("custom_data[currency]")


def _amount(value: Any) -> bool:
    """Whether it is a finite number, not negative."""
    if isinstance(value, bool):
        return False
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return False
    return number.is_finite() and number >= 0


def _values(item: Any) -> list[Any]:
    if item is None or item in ("", []):
        return []
    return item if isinstance(item, list) else [item]


def _parameter(name: str) -> Fault:
    return Fault(0, "Paramètre non valide", f"Le paramètre {name} n'est pas valide.")
