"""An account whose channel cannot be made claims no row: nothing it did not send is ever in doubt."""

from __future__ import annotations

from pathlib import Path

import pytest

from conversion_sync.errors import ConfigurationError
from conversion_sync.model.revenue import EventKind
from conversion_sync.model.windows import Window
from conversion_sync.pipeline.build import context
from conversion_sync.pipeline.configuration import settings_type
from conversion_sync.pipeline.deliver import deliver
from tests.conftest import Database
from tests.integration.scripted import enable
from tests.integration.world import HOUR, NOW, event, rooms, rows


def test_rows_stay_planned_when_the_roots_are_gone(database: Database, tmp_path: Path) -> None:
    engine = enable(database.engine, "google_ads")
    event(engine, "p", EventKind.FIRST_PAYMENT, HOUR, net=100)
    rooms(engine)
    account = {
        "customer_id": "1234567890",
        "client_id": "i",
        "client_secret": "s",
        "refresh_token": "r",
        "tls_roots": tmp_path / "gone.pem",
    }
    settings = settings_type().model_validate(
        {
            "start": NOW,
            "upload_mode": "live",
            "billing": {},
            "platforms": {"google_ads": {"main": account}},
        }
    )
    ctx = context(settings, engine, run_id="r", clock=lambda: NOW)
    with pytest.raises(ConfigurationError, match=r"gone\.pem cannot be read"):
        deliver(ctx, Window(NOW - HOUR, NOW + HOUR), "google_ads", "main")
    assert rows(engine, "select state, reason, attempts from conversion") == [("planned", "ready", 0)]
