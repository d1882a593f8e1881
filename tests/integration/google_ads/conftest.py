"""The simulated Google for the length of a module, in order again before each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from conversion_sync.sandbox.books import Books
from tests.conftest import Database
from tests.integration.google_ads.account import Google, google
from tests.integration.scripted import enable


@pytest.fixture(scope="session")
def _google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Google]:
    with google(tmp_path_factory.mktemp("google")) as running:
        yield running


@pytest.fixture
def vendor(_google: Google) -> Google:
    _google.vendors.faults.clear()
    _google.vendors.google_ads.reset()
    _google.vendors.google_ads.change(allow_listed=True)
    _google.vendors.books.__dict__.update(Books().__dict__)
    return _google


@pytest.fixture
def engine(database: Database) -> Engine:
    return enable(database.engine, "google_ads")
