"""Builds the context of a run from the settings: every vendor behind a factory, nothing connected yet."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine

from conversion_sync.billing.registry import providers
from conversion_sync.clicks.registry import sources
from conversion_sync.config.settings import Settings
from conversion_sync.credentials.source import token_source
from conversion_sync.pipeline.context import Context, utc_now
from conversion_sync.platforms.identifiers import email_hash
from conversion_sync.platforms.registry import catalogues, factories


def context(
    settings: Settings, engine: Engine, *, run_id: str, clock: Callable[[], datetime] = utc_now
) -> Context:
    """The context of one run. Raises ConfigurationError when tokens are to be kept and no key is there."""
    return Context(
        settings=settings,
        engine=engine,
        providers=providers(settings),
        click_sources=sources(settings, hash_email=email_hash),
        platforms=factories(settings, token_source(settings, engine, clock)),
        catalogues=catalogues(settings),
        clock=clock,
        run_id=run_id,
    )
