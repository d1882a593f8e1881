"""Which billing systems and accounts there are: their settings, and how to make their providers.

A billing system is a folder here that holds a `catalogue.toml`, with `settings.py` (`Account`) and
`adapter.py` (`adapter`) beside it; there is no list of them. Loads no vendor's package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib import import_module
from importlib.resources import files
from pkgutil import iter_modules

from conversion_sync import billing
from conversion_sync.billing.provider import BillingProvider
from conversion_sync.config.settings import BillingAccount, Settings

Key = tuple[str, str]
"""(provider, account)."""


@cache
def kinds() -> Mapping[str, type[BillingAccount]]:
    """What the accounts of every billing system there is hold, by its name."""
    return {
        module.name: import_module(f"{billing.__name__}.{module.name}.settings").Account
        for module in iter_modules(billing.__path__)
        if module.ispkg and files(f"{billing.__name__}.{module.name}").joinpath("catalogue.toml").is_file()
    }


def providers(settings: Settings) -> dict[Key, Callable[[], BillingProvider]]:
    """How to make the provider of every account. Calling one opens no socket."""
    return {
        (provider, name): partial(_provider, provider, name, account)
        for provider, name, account in settings.billing.items()
    }


def _provider(provider: str, name: str, account: BillingAccount) -> BillingProvider:
    module = import_module(f"{billing.__name__}.{provider}.adapter")
    made: BillingProvider = module.adapter(name, account)
    return made
