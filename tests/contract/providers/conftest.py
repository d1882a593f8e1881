"""The sandbox in a process of its own, and one account at each of its billing systems."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from conversion_sync.billing.provider import BillingProvider, RawRecord
from conversion_sync.model.windows import Window
from conversion_sync.sandbox.process import start
from tests.contract.platforms.running import Sandbox
from tests.contract.providers.cases import CASES, Case, Listed

Opened = Callable[..., "Account"]


@dataclass
class Account:
    """An account's adapter. Where it would wait it does not, and `waits` says for how long."""

    provider: BillingProvider
    waits: list[float] = field(default_factory=list)

    def pull(self, window: Window) -> list[RawRecord]:
        return [record for page in self.provider.pull(window) for record in page]


@dataclass(frozen=True)
class Told:
    """Everything the vendor lists, newest first, and a window around all of it."""

    items: list[Listed]
    window: Window

    @property
    def ids(self) -> list[str]:
        """Of everything, in order."""
        return sorted(item.id for item in self.items)

    def between(self, start: datetime, end: datetime) -> set[str]:
        """The ids of what was made or changed in [start, end)."""
        return {item.id for item in self.items if any(start <= at < end for at in item.moments)}


@pytest.fixture(scope="session")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """With a few invoices of more lines than one embeds, in both shapes."""
    folder = tmp_path_factory.mktemp("sandbox")
    with start(folder, seed=15, customers=150, days=20, history_days=8, rate_limits=False) as endpoints:
        yield Sandbox(endpoints, {})


@pytest.fixture
def sandbox(_running: Sandbox) -> Iterator[Sandbox]:
    yield _running
    _running.mend()


@pytest.fixture(scope="session", params=CASES, ids=[case.provider for case in CASES])
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.fixture(scope="session")
def told(_running: Sandbox, case: Case) -> Told:
    start, end = (datetime.fromisoformat(_running.endpoints[name]) for name in ("start", "end"))
    return Told(case.told(_running.endpoints), Window(start - timedelta(days=1), end + timedelta(days=1)))


@pytest.fixture
def opened(sandbox: Sandbox, case: Case) -> Iterator[Opened]:
    """Opens the adapter of an account, with settings changed at will."""
    made: list[Account] = []

    def open_one(name: str = "main", **changes: Any) -> Account:
        waits: list[float] = []
        settings = case.account(sandbox.endpoints) | changes
        made.append(Account(case.open(name, settings, waits.append), waits))
        return made[-1]

    yield open_one
    for account in made:
        account.provider.close()


@pytest.fixture
def account(opened: Opened) -> Account:
    return opened()
