"""The ad clicks the vendors know: what each platform looks a conversion's identifier up in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AdClick:
    """A click on an ad. `kind` is gclid, gbraid, wbraid, fbclid, ttclid, li_fat_id, msclkid or rdt_cid."""

    kind: str
    value: str
    clicked_at: datetime
    campaign: str


class AdClicks:
    """All clicks by (kind, identifier)."""

    def __init__(self, clicks: Iterable[AdClick]) -> None:
        self._by_id = {(click.kind, click.value): click for click in clicks}

    def find(self, kind: str, value: str) -> AdClick | None:
        """The click, or None if no ad was ever clicked with this identifier."""
        return self._by_id.get((kind, value))
