"""The sandbox in a process of its own, and one ad account at each of its platforms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from conversion_sync.pipeline.configuration import settings_type
from conversion_sync.platforms.platform import Platform
from conversion_sync.platforms.registry import TokensOf, factories
from conversion_sync.sandbox.process import start
from tests.conftest import Database
from tests.contract.platforms.cases import CASES, Case
from tests.contract.platforms.fault_table import Table
from tests.contract.platforms.running import Opened, Sandbox, old_clicks
from tests.contract.sandbox.conftest import Stage


@pytest.fixture(scope="session")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with start(tmp_path_factory.mktemp("sandbox"), customers=60, days=4, history_days=0) as endpoints:
        truth = requests.get(f"{endpoints['admin']}/truth", timeout=60).json()
        yield Sandbox(endpoints, old_clicks(truth))


@pytest.fixture
def sandbox(_running: Sandbox) -> Iterator[Sandbox]:
    yield _running
    _running.mend()


@pytest.fixture(params=CASES, ids=[case.id for case in CASES])
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.fixture
def opened(sandbox: Sandbox, tokens: TokensOf) -> Iterator[Opened]:
    """Opens the adapter of a case's account, with settings changed at will."""
    made: list[Platform] = []

    def open_one(case: Case, **changes: Any) -> Platform:
        sandbox.stand(**case.standing)
        account = case.account(sandbox.endpoints) | changes
        settings = settings_type().model_validate(
            {
                "start": "2026-01-01T00:00:00Z",
                "billing": {},
                "platforms": {case.platform: {"main": account}},
            }
        )
        made.append(factories(settings, tokens)[case.platform, "main"]())
        return made[-1]

    yield open_one
    for platform in made:
        platform.close()


@pytest.fixture
def platform(opened: Opened, case: Case) -> Platform:
    return opened(case)


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


@pytest.fixture
def table(request: pytest.FixtureRequest, database: Database, stage: Stage) -> Table:
    """The world of a module's `VENDOR` and its `ANSWERS`."""
    return Table(request.module.VENDOR, request.module.ANSWERS, database.engine, stage)
