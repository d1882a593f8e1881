"""Which billing accounts take webhooks, and how each provider's are checked.

A provider is in it by its `signature` module and the section `[webhook]` of its `catalogue.toml`; an account
by its `webhook_secrets`.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

from conversion_sync.billing.signatures import Verdict
from conversion_sync.config.settings import Settings


class Webhook(BaseModel):
    """The section of a provider's catalogue."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tolerance_seconds: float
    headers: tuple[str, ...] = ()
    """Kept beside the body; lower case."""
    secret_prefix: str = ""
    """What every signing secret begins with."""
    alone: str = ""
    """What no interface of the provider returns, so that webhooks alone bring it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One account's webhooks: the check of body, headers and moment, and which headers are kept."""

    check: Callable[[bytes, Mapping[str, str], datetime], Verdict]
    headers: tuple[str, ...]


def endpoints(settings: Settings) -> Mapping[tuple[str, str], Endpoint]:
    """By (provider, account): every account with a secret."""
    return {
        (provider, account): _endpoint(provider, [one.get_secret_value() for one in part.webhook_secrets])
        for provider, account, part in settings.billing.items()
        if part.webhook_secrets
    }


@functools.cache
def webhook_facts(provider: str) -> Webhook:
    """What the provider's catalogue says of its webhooks."""
    text = (files(f"conversion_sync.billing.{provider}") / "catalogue.toml").read_text(encoding="utf-8")
    return Webhook.model_validate(tomllib.loads(text)["webhook"])


def _endpoint(provider: str, secrets: Sequence[str]) -> Endpoint:
    facts = webhook_facts(provider)
    verify = import_module(f"conversion_sync.billing.{provider}.signature").verify
    tolerance = timedelta(seconds=facts.tolerance_seconds)

    def check(body: bytes, headers: Mapping[str, str], now: datetime) -> Verdict:
        verdict: Verdict = verify(body, headers, secrets, now, tolerance)
        return verdict

    return Endpoint(check=check, headers=facts.headers)
