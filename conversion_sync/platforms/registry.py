"""Which platforms and ad accounts there are: their settings, their facts, and how to make their adapters.

A platform is a folder here that holds a `catalogue.toml`, with `settings.py` (`Account`, `Target`) and
`adapter.py` (`adapter`) beside it; there is no list of them. Loads no vendor's package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib import import_module
from importlib.resources import files
from pkgutil import iter_modules

from pydantic import create_model

from conversion_sync import platforms
from conversion_sync.config.settings import AccountSettings, Settings
from conversion_sync.config.shape import Kind
from conversion_sync.model.identifier import Identifier
from conversion_sync.platforms.catalogue import catalogue_of, identifiers_of
from conversion_sync.platforms.platform import Catalogue, Platform, Tokens
from conversion_sync.platforms.tokens import FixedToken

Key = tuple[str, str]
"""(platform, account)."""
TokensOf = Callable[[str, str, AccountSettings], Tokens]
"""Hands out the tokens of an account: its platform, its name, its settings."""


@cache
def kinds() -> Mapping[str, Kind]:
    """Every platform there is, by name."""
    found: dict[str, Kind] = {}
    for module in iter_modules(platforms.__path__):
        name = f"{platforms.__name__}.{module.name}"
        if module.ispkg and files(name).joinpath("catalogue.toml").is_file():
            settings = import_module(f"{name}.settings")
            account = _taking(settings.Account, identifiers_of(module.name))
            found[module.name] = Kind(account, settings.Target)
    return found


def _taking(account: type[AccountSettings], taken: tuple[Identifier, ...]) -> type[AccountSettings]:
    """The account's settings, which know what of a customer their platform takes."""
    made = create_model(account.__name__, __base__=account)
    made.takes = taken
    return made


def catalogues(settings: Settings) -> dict[Key, Catalogue]:
    """The facts of every enabled account."""
    return {
        (platform, name): catalogue_of(platform, account)
        for platform, name, account in settings.platforms.items()
    }


def fixed_tokens(platform: str, name: str, account: AccountSettings) -> Tokens:  # noqa: ARG001
    """The token the configuration gives, if it does."""
    token = account.fixed_token()
    return FixedToken(token.get_secret_value() if token else "")


def factories(settings: Settings, tokens: TokensOf = fixed_tokens) -> dict[Key, Callable[[], Platform]]:
    """How to make the adapter of every enabled account. Calling one opens no socket."""
    return {
        (platform, name): partial(adapter_of, platform, name, account, tokens)
        for platform, name, account in settings.platforms.items()
    }


def adapter_of(platform: str, name: str, account: AccountSettings, tokens: TokensOf) -> Platform:
    """One account's adapter."""
    module = import_module(f"{platforms.__name__}.{platform}.adapter")
    made: Platform = module.adapter(account, catalogue_of(platform, account), tokens(platform, name, account))
    return made
