from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import Database
from tests.integration.receiver.serving import serving, settings


@pytest.fixture
def receiver(database: Database) -> Iterator[str]:
    """The address of a receiver on the test's own database."""
    with serving(database.url, settings(body_limit_bytes=10_000)) as address:
        yield address
