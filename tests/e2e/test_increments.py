"""Hour by hour, day by day or all at once, as plain steps or as Dagster runs: the same tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from conversion_sync.config.settings import UploadMode
from conversion_sync.model.windows import HOUR, Window
from conversion_sync.orchestration.build import build
from conversion_sync.orchestration.jobs import HOURLY_SYNC
from conversion_sync.orchestration.partitions import key_of, range_tags
from conversion_sync.orchestration.resources import PIPELINE
from conversion_sync.orchestration.run import QUIET
from conversion_sync.pipeline.context import Context
from conversion_sync.reports.status import check_laws
from conversion_sync.store.embedded import EmbeddedServer
from conversion_sync.store.engine import connect
from tests.e2e.conftest import END, Tables, differing
from tests.e2e.expected import expected
from tests.e2e.world import PLATFORMS, WORTHS, Company, World, fresh_database, living, prompt, tables

pytestmark = pytest.mark.slow
LEAST = {"microsoft_ads": 5}
"""Conversions, of the one platform with few clicks."""
SIZE = ("--customers", "400", "--days", "5", "--history-days", "2", "--end", END)
MOMENTS = {
    "*": ("observed_at", "ingested_at", "quarantined_at", "parked_at", "planned_at", "changed_at"),
    "pull": (),
    "billing_history": (),
    "dirty": (),
}
"""When we looked and how often; all else must be equal."""


@pytest.fixture(scope="module")
def world(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with living(tmp_path_factory.mktemp("increments"), server, *SIZE) as world:
        yield world


@contextmanager
def company(world: World, server: EmbeddedServer, mode: UploadMode) -> Iterator[Company]:
    with fresh_database(server) as url:
        engine = connect(url)
        yield Company(world, engine, mode)
        engine.dispose()


def planned(
    world: World, server: EmbeddedServer, spans: Sequence[Window], step: Callable[[Company, Window], None]
) -> Tables:
    """What is planned after all steps, looked at when the business has ended."""
    with company(world, server, UploadMode.DRY_RUN) as found:
        found.now = world.window.end + timedelta(minutes=10)
        world.stop_clock(found.now)
        for span in spans:
            step(found, span)
        return tables(found.engine, MOMENTS)


@pytest.fixture(scope="module")
def at_once(world: World, server: EmbeddedServer) -> Tables:
    return planned(world, server, [world.window], Company.prepare)


def test_days_give_the_tables_of_one_range(world: World, server: EmbeddedServer, at_once: Tables) -> None:
    assert differing(planned(world, server, list(world.window.days()), Company.prepare), at_once) == {}


def test_hours_give_the_tables_of_one_range(world: World, server: EmbeddedServer, at_once: Tables) -> None:
    assert differing(planned(world, server, list(world.window.hours()), Company.prepare), at_once) == {}


def test_dagster_runs_of_hours_and_of_a_range_give_them_too(
    world: World, server: EmbeddedServer, at_once: Tables, tmp_path: Path
) -> None:
    """The last four hours as runs of their own, the day before as a range run, the rest by the steps."""
    *others, day, last = (
        *Window(world.window.start, world.window.end - 28 * HOUR).days(),
        Window(world.window.end - 28 * HOUR, world.window.end - 4 * HOUR),
        Window(world.window.end - 4 * HOUR, world.window.end),
    )
    with dg.DagsterInstance.local_temp(
        str(tmp_path), overrides={"telemetry": {"enabled": False}}
    ) as instance:

        def step(company: Company, span: Window) -> None:
            if span in others:
                company.prepare(span)
            else:
                run(company, span, instance)

        found = planned(world, server, [*others, day, *last.hours()], step)
    assert differing(found, at_once) == {}


def run(company: Company, span: Window, instance: dg.DagsterInstance) -> None:
    """The job of the schedule, at the test's time of day."""

    @dg.resource
    def pipeline(context: dg.InitResourceContext) -> Context:
        return company.context(context.run.run_id if context.run else "")

    job = build(company.settings, resources={PIPELINE: pipeline}).resolve_job_def(HOURLY_SYNC)
    single = span.end - span.start == HOUR
    result = job.execute_in_process(
        run_config=QUIET,
        instance=instance,
        partition_key=key_of(span.start) if single else None,
        tags={} if single else range_tags(span),
    )
    assert result.success


def test_hour_by_hour_every_platforms_books_are_what_the_business_implies(
    world: World, server: EmbeddedServer
) -> None:
    hours = list(world.window.hours())
    deliveries = prompt(hours)
    with company(world, server, UploadMode.LIVE) as found:
        for hour, delivery in zip(hours, deliveries, strict=True):
            for report in found.run(hour, delivery.now):
                assert not report.stopped, report.stopped
        assert [law for law in check_laws(found.engine, None) if law.broken] == []
    wanted = expected(world.ask("/truth"), PLATFORMS, WORTHS, deliveries)
    for name, books in world.books().items():
        assert books - wanted[name] == Counter(), "sent and not due"
        assert wanted[name] - books == Counter(), "due and not sent"
        assert books.total() > LEAST.get(name, 20)
