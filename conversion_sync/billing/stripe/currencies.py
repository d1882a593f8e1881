"""What Stripe calls a currency."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from conversion_sync.billing.stripe.seen import word

CURRENCY = re.compile(r"[A-Z]{3}")


def currency_of(thing: Mapping[str, Any]) -> str:
    """The code an object names. Raises KeyError or TypeError where it names none."""
    code = thing["currency"]
    if not isinstance(code, str):
        raise TypeError("no currency")
    return code.upper()


def wrong_currency(code: str) -> tuple[str, str] | None:
    """Why nobody would guess about money in it (reason, detail); None for a code that can be one."""
    return None if CURRENCY.fullmatch(code) else ("unknown_currency", word(code))
