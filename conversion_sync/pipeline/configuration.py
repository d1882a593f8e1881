"""The configuration as the whole product reads it: with the keys of every vendor there is."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from conversion_sync.billing import registry as billing
from conversion_sync.config.load import load
from conversion_sync.config.settings import Settings
from conversion_sync.config.shape import shape
from conversion_sync.platforms import registry as platforms


@cache
def settings_type() -> type[Settings]:
    """The type of a configuration that may name every vendor there is."""
    return shape(platforms.kinds(), billing.kinds())


def load_settings(path: Path | None = None) -> Settings:
    """The configuration, as `config.load` reads it. Raises ConfigurationError with every problem found."""
    return load(settings_type(), path)
