"""The environment of a good configuration."""

from __future__ import annotations

import pytest

from tests.unit.config.files import ENVIRONMENT


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.delenv("CONVERSION_SYNC_CONFIG", raising=False)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return monkeypatch
