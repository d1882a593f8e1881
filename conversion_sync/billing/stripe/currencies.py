"""What Stripe calls a currency."""

from __future__ import annotations

import re

CURRENCY = re.compile(r"[A-Z]{3}")


def wrong_currency(code: str) -> tuple[str, str] | None:
    """Why nobody would guess about money in it (reason, detail); None for a code that can be one."""
    return None if CURRENCY.fullmatch(code) else ("unknown_currency", code[:20])
