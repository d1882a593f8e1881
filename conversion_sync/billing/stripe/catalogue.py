"""Stripe's facts as one frozen object, read from `catalogue.toml`."""

from __future__ import annotations

import functools
import tomllib
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

from conversion_sync.billing.asking import Retry
from conversion_sync.billing.vocabulary import Exponents, SubscriptionStatuses
from conversion_sync.billing.webhooks import Webhook


class Part(BaseModel):
    """Frozen; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Api(Part):
    """The interface's limits."""

    version: str
    page_limit: int
    types_per_request: int
    retention_days: int
    connect_timeout_seconds: float
    read_timeout_seconds: float
    invoice_margin_days: int


class Limits(Part):
    """How often the interface may be asked, and how many lists are read at a time."""

    endpoint_per_second: int
    account_per_second: int
    test_per_second: int
    threads: int


class Events(Part):
    """Which event types are pulled."""

    read: tuple[str, ...]
    kept: tuple[str, ...]


class BillingReasons(Part):
    """Why an invoice was made."""

    cycle: frozenset[str]
    change: frozenset[str]
    usage: frozenset[str]
    other: frozenset[str]

    def knows(self, reason: str) -> bool:
        """Whether the vocabulary has it."""
        return reason in self.cycle | self.change | self.usage | self.other


class RefundStatuses(Part):
    """Where a refund stands."""

    done: frozenset[str]
    undone: frozenset[str]
    waiting: frozenset[str]


class Words(Part):
    """A vocabulary of which only membership matters."""

    known: frozenset[str]

    def knows(self, word: str) -> bool:
        """Whether the vocabulary has it."""
        return word in self.known


class StripeCatalogue(Part):
    """The whole file."""

    api: Api
    limits: Limits
    retry: Retry
    events: Events
    webhook: Webhook
    exponents: Exponents
    invoice: BillingReasons
    subscription: SubscriptionStatuses
    invoice_status: Words
    refund: RefundStatuses
    dispute: Words
    credit_note: Words


@functools.cache
def catalogue() -> StripeCatalogue:
    """Stripe's facts."""
    text = (files(__package__) / "catalogue.toml").read_text(encoding="utf-8")
    return StripeCatalogue.model_validate(tomllib.loads(text))
