"""The type of the whole file: `Settings`, with the keys each vendor brings for its accounts and targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import GenericAlias
from typing import Any

from pydantic import Field, create_model

from conversion_sync.config.settings import (
    AccountSettings,
    Action,
    BillingAccount,
    ByVendor,
    Name,
    Part,
    Settings,
    TargetSettings,
)


@dataclass(frozen=True, slots=True)
class Kind:
    """What a platform's accounts and targets hold."""

    account: type[AccountSettings]
    target: type[TargetSettings]


def shape(kinds: Mapping[str, Kind], providers: Mapping[str, type[BillingAccount]]) -> type[Settings]:
    """The settings of a file that may name these platforms and billing systems, by their name."""
    billing = create_model("Billing", __base__=ByVendor[BillingAccount], **_entries(providers))
    platforms = create_model(
        "Platforms",
        __base__=ByVendor[AccountSettings],
        **_entries({name: kind.account for name, kind in kinds.items()}),
    )
    targets = create_model(
        "Targets",
        __base__=ByVendor[TargetSettings],
        **_entries({name: kind.target for name, kind in kinds.items()}),
    )
    action = create_model("Action", __base__=Action, targets=(targets, ...))
    return create_model(
        "Settings",
        __base__=Settings,
        billing=(billing, ...),
        platforms=(platforms, ...),
        **_entries({"actions": action}),
    )


def _entries(held: Mapping[str, type[Part]]) -> dict[str, Any]:
    """Fields that hold parts of these types by name."""
    return {
        name: (GenericAlias(Mapping, (Name, part)), Field(default_factory=dict))
        for name, part in held.items()
    }
