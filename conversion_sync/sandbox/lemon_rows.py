"""What Lemon Squeezy keeps: rows that are overwritten, each with every state it ever had.

A row shows its last state; nothing tells what it was before but the webhook that went out then.
Source: specs/billing.md §4.1, §4.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A row from a moment on. `told` are the webhooks that go out then, in their order."""

    at: datetime
    attributes: Json
    told: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One object. `states` are in order of time, the first is its creation.

    `links` makes the pre-signed addresses, which are new each time; `custom` is what the checkout was
    given and only webhooks tell.
    """

    type: str
    id: int
    states: Sequence[State]
    related: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    custom: Mapping[str, str] = field(default_factory=dict)

    @property
    def created_at(self) -> datetime:
        """When it was made."""
        return self.states[0].at

    def at(self, moment: datetime) -> Json | None:
        """Its attributes as of a moment; None where it does not exist yet."""
        known = [state for state in self.states if state.at <= moment]
        return None if not known else {**known[-1].attributes, **self._times(known[-1])}

    def _times(self, state: State) -> Json:
        return {"created_at": stamp(self.created_at), "updated_at": stamp(state.at)}

    def resource(self, moment: datetime, base: str, seen: datetime) -> Json:
        """The JSON:API resource as of `moment`, whose pre-signed addresses are made at `seen`."""
        place = f"{base}/v1/{self.type}/{self.id}"
        attributes = self.at(moment) or {}
        if self.links:
            attributes["urls"] = {name: _signed(link, seen, self.id) for name, link in self.links.items()}
        return {
            "type": self.type,
            "id": str(self.id),
            "attributes": attributes,
            "relationships": {
                name: {"links": {"related": f"{place}/{name}", "self": f"{place}/relationships/{name}"}}
                for name in self.related
            },
            "links": {"self": place},
        }


class Table:
    """All rows of a type, newest first."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = sorted(rows, key=lambda row: (row.created_at, row.id), reverse=True)
        self._by_id = {row.id: row for row in rows}

    def find(self, name: str) -> Row | None:
        """The row of this id."""
        return self._by_id.get(int(name)) if name.isdecimal() else None

    def seen(self, moment: datetime, wanted: Callable[[Json], bool] | None) -> list[Row]:
        """The rows that exist by then and look as wanted."""
        made = [row for row in self.rows if row.created_at <= moment]
        return made if wanted is None else [row for row in made if wanted(row.at(moment) or {})]


def stamp(moment: datetime | None) -> str | None:
    """A time as the API writes it."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _signed(link: str, seen: datetime, name: int) -> str:
    expires = int(seen.timestamp()) + 86400
    return f"{link}?expires={expires}&signature={(name * 7919 + expires) % 16**12:012x}"
