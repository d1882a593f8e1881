"""Click ids that stand together in one column, by name: semi-structured data of warehouses, or an address."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, urlsplit

from conversion_sync.model.click import ClickIdKind

KINDS = frozenset(kind.value for kind in ClickIdKind)
LONGEST = 65_536
"""Characters that are looked at; an address that is longer was not made by a person."""


def ids_in(value: object) -> dict[str, object]:
    """The click ids of a value, by kind: an object, a list of pairs with `key` and `value`, JSON of either,
    or an address or query string. Of a name that stands there twice the first counts.

    Raises ValueError for what is none of these.
    """
    if isinstance(value, str):
        return _in_text(value.strip()[:LONGEST])
    if isinstance(value, Mapping):
        return {name: _plain(held) for name, held in value.items() if name in KINDS}
    if isinstance(value, Sequence) and all(isinstance(pair, Mapping) for pair in value):
        found: dict[str, object] = {}
        for pair in value:
            if pair.get("key") in KINDS:
                found.setdefault(pair["key"], _plain(pair.get("value")))
        return found
    raise ValueError(f"a {type(value).__name__}")


def _in_text(text: str) -> dict[str, object]:
    if text[:1] in ("{", "["):
        return ids_in(json.loads(text))
    query = urlsplit(text).query if "?" in text else text
    found: dict[str, object] = {}
    for name, value in parse_qsl(query, max_num_fields=1000):
        if name in KINDS:
            found.setdefault(name, value)
    return found


def _plain(held: object) -> object:
    """A value as it is, or the one of its typed parts that is filled in (`{"string_value": …}`)."""
    if isinstance(held, Mapping):
        return next((part for part in held.values() if part is not None), None)
    return held
