"""Which release of the product this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def release() -> str:
    """The installed package's version; `unreleased` where none is installed."""
    try:
        return version("conversion-sync")
    except PackageNotFoundError:
        return "unreleased"
