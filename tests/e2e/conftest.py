"""The businesses the end-to-end tests run the product for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from conversion_sync.store.embedded import EmbeddedServer
from conversion_sync.store.engine import connect
from tests.e2e.world import Company, World, fresh_database, living

END = "2026-11-20T06:00:00+00:00"
"""Fixed, so that every run is the same; vendors' clocks are stopped where a test needs them."""
Tables = Mapping[str, Sequence[str]]
"""The rows of every table as sorted text."""
SIZE = ("--customers", "2000", "--days", "60", "--end", END)


@dataclass(frozen=True, kw_only=True)
class Life:
    """A company, the business it syncs, and what is true of it."""

    company: Company
    world: World
    truth: dict[str, Any]


@pytest.fixture(scope="module")
def sixty_days(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """Two thousand customers in sixty days and the fortnight before; nothing is synced yet."""
    folder = tmp_path_factory.mktemp("sixty_days")
    with living(folder, server, *SIZE) as world, fresh_database(server) as url:
        engine = connect(url)
        yield Life(company=Company(world, engine), world=world, truth=world.ask("/truth"))
        engine.dispose()


def differing(left: Tables, right: Tables) -> dict[str, tuple[Counter[str], Counter[str]]]:
    """The rows that are in one of them only, by table."""
    assert left.keys() == right.keys()
    return {
        name: (Counter(left[name]) - Counter(right[name]), Counter(right[name]) - Counter(left[name]))
        for name in left
        if left[name] != right[name]
    }
