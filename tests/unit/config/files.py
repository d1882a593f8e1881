"""Configurations as files: a good one, changes to it, and what is said against it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from conversion_sync.errors import ConfigurationError
from conversion_sync.pipeline.configuration import load_settings

GOOD: dict[str, Any] = {
    "start": "2026-01-01T00:00:00Z",
    "billing": {"stripe": {"main": {"api_key": "env:T_STRIPE"}}},
    "clicks": {
        "web": {
            "url": "env:T_CLICKS",
            "table": "ad_clicks",
            "columns": {"click_ref": "id", "clicked_at": "ts", "visitor_id": "anon"},
        }
    },
    "platforms": {
        "meta": {"main": {"dataset_id": "123", "access_token": "env:T_META"}},
        "linkedin": {"main": {"access_token": "env:T_LINKEDIN"}},
    },
    "actions": {
        "purchase": {
            "kinds": ["first_payment"],
            "targets": {"meta": {"main": {"event_name": "Purchase"}}},
        }
    },
}
ENVIRONMENT = {
    "T_STRIPE": "sk_1",
    "T_STRIPE_WEBHOOK": "whsec_1",
    "T_BLANK": "        ",
    "T_CLICKS": "sqlite://",
    "T_META": "m-1",
    "T_LINKEDIN": "l-1",
}
LITERAL = "sk_live_this_must_stay_unseen"
ABSENT = object()


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    """The good configuration with values set at dotted paths; ABSENT removes one."""
    content = copy.deepcopy(GOOD)
    for path, value in changes.items():
        *parents, last = path.split(".")
        place = content
        for name in parents:
            place = place.setdefault(name, {})
        if value is ABSENT:
            del place[last]
        else:
            place[last] = value
    return content


def written(folder: Path, content: object) -> Path:
    file = folder / "conversion_sync.yaml"
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return file


def refusal(file: Path | None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(file)
    return str(caught.value)
