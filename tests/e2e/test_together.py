"""Two syncs of the same days at the same time: the books are those of one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from conversion_sync.reports.status import check_laws
from conversion_sync.store.embedded import EmbeddedServer
from tests.e2e.command import commanded, finished
from tests.e2e.expected import Delivery, expected
from tests.e2e.world import PLATFORMS, WORTHS, living, recent_midnight

pytestmark = pytest.mark.slow


def test_two_syncs_at_once_send_everything_once(
    server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    size = (
        "--customers",
        "300",
        "--days",
        "3",
        "--history-days",
        "0",
        "--end",
        recent_midnight().isoformat(),
    )
    with living(tmp_path_factory.mktemp("together"), server, *size) as world:
        with commanded(world, server) as command:
            both = [command.start_sync(world.window) for _ in range(2)]
            for process in both:
                ended = finished(process)
                assert ended.returncode == 0, ended.stdout + ended.stderr
            laws = check_laws(command.engine, None)
        days = [Delivery(reads_until=day.end, now=datetime.now(UTC)) for day in world.window.days()]
        assert world.books() == expected(world.ask("/truth"), PLATFORMS, WORTHS, days)
        assert [law for law in laws if law.broken] == []
        highest = world.ask("/requests")["highest_concurrency"]
        uploads = {
            lane: most for lane, most in highest.items() if not lane.startswith(("stripe", "google_oauth"))
        }
        assert set(uploads.values()) == {1}, "one writer an ad account"
