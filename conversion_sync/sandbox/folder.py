"""What a sandbox's folder holds as JSON: where everything answers, and what its world is drawn from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from conversion_sync.sandbox.business import HISTORY_DAYS

Json = dict[str, Any]
ENDPOINTS = "endpoints.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What the business is drawn from, see `generate`."""

    seed: int = 7
    customers: int = 300
    days: int = 14
    history_days: int = HISTORY_DAYS
    end: datetime


def remembered(folder: Path, wanted: World) -> World:
    """The world this folder already holds, or the wanted one, which it then remembers."""
    file = folder / "world.json"
    known = read(file)
    if known:
        facts = {item.name: known[item.name] for item in fields(World) if item.name in known}
        return World(**facts | {"end": datetime.fromisoformat(known["end"])})
    folder.mkdir(parents=True, exist_ok=True)
    write(file, asdict(wanted) | {"end": wanted.end.astimezone(UTC).isoformat()})
    return wanted


def read(path: Path) -> Json:
    """The file's content; nothing where there is none yet."""
    return dict(json.loads(path.read_text())) if path.exists() else {}


def write(path: Path, content: Mapping[str, Any]) -> None:
    """The file with this content, never half of it."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(content, indent=1))
    fresh.replace(path)
