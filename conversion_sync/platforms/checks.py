"""What no platform takes in a row, whatever its own rules: every encoder's `invalid` asks this first.

Each answer names the field and says nothing of what stands in it: that may be a person's.
Source: specs/meta_tiktok_linkedin_microsoft.md §7 (strict mode), §9.6 (times).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from conversion_sync.model.click import ClickIdKind, Consent
from conversion_sync.model.conversion import Outbound
from conversion_sync.platforms.identifiers import value_fault

BROKEN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Control characters, halves of a surrogate pair, and what is no character."""
EARLIEST, LATEST = datetime.fromtimestamp(10**9, UTC), datetime.fromtimestamp(4 * 10**9, UTC)
"""Between these seconds and milliseconds cannot be taken for each other."""
CONSENTS = frozenset(consent.value for consent in Consent)
KINDS = frozenset(kind.value for kind in ClickIdKind)


def unsound(row: Outbound) -> str | None:
    """Why the row cannot leave for any platform; None when it can."""
    if not _plainly_sound(row):
        for name, text in _texts(row):
            if not isinstance(text, str):
                return f"The {name} is no text."
            if BROKEN.search(text):
                return f"The {name} holds a control character or a broken one."
    return _time_fault(row) or _word_fault(row) or (value_fault(row.identifiers) if row.identifiers else None)


def _plainly_sound(row: Outbound) -> bool:
    """Whether every text of the row is one, of printable characters: one look at all of them together."""
    own = (row.vendor_id, row.click_id, row.landing_url, row.user_agent, row.ip_address)
    try:
        return "".join(filter(None, (*own, *row.click_ids.values(), *row.target.values()))).isprintable()
    except TypeError:
        return False


def _texts(row: Outbound) -> list[tuple[str, object]]:
    texts = [
        ("vendor_id", row.vendor_id),
        ("click_id", row.click_id),
        ("landing_url", row.landing_url),
        ("user_agent", row.user_agent),
        ("ip_address", row.ip_address),
        *row.click_ids.items(),
        *row.target.items(),
    ]
    return [(name, text) for name, text in texts if text is not None]


def _time_fault(row: Outbound) -> str | None:
    for name in ("occurred_at", "clicked_at", "adjusted_at", "original_at"):
        moment = getattr(row, name)
        if moment is None:
            continue
        if moment.tzinfo is None:
            return f"The {name} has no time zone."
        if not EARLIEST <= moment < LATEST:
            return f"The {name} is no time a payment can have."
    return None


def _word_fault(row: Outbound) -> str | None:
    if row.ad_user_data not in CONSENTS:
        return f"The ad_user_data is none of {', '.join(sorted(CONSENTS))}."
    if row.ad_personalization not in CONSENTS:
        return f"The ad_personalization is none of {', '.join(sorted(CONSENTS))}."
    if row.click_id_kind is not None and row.click_id_kind not in KINDS:
        return "The click_id_kind is none we know."
    return None
