"""Billing objects read again as jobs: a span a person names, and regularly what events may have missed.

Source: specs/billing.md §0 (4): 4 days every day, 35 days every week.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import dagster as dg
from pydantic import Field

from conversion_sync.errors import ConfigurationError, ConversionSyncError
from conversion_sync.model.revenue import Transport
from conversion_sync.model.windows import Window, moment
from conversion_sync.orchestration.failures import failure, scrubbed
from conversion_sync.orchestration.resources import PIPELINE
from conversion_sync.orchestration.rooms import Rooms
from conversion_sync.pipeline.context import Account
from conversion_sync.pipeline.report import RoomReport

log = logging.getLogger(__name__)

BACKFILL, RECONCILE, RENORMALISE = "backfill_billing", "reconcile_billing", "renormalise"
EVERY_DAY, DAYS = "23 3 * * *", 4
EVERY_WEEK, WEEKS_DAYS = "53 3 * * 0", 35


class Past(dg.Config):
    """A span of time, and whose."""

    start: str = Field(description="From this moment on: 2025-01-01, UTC.")
    end: str = Field(description="Before this moment.")
    account: str | None = Field(default=None, description="Only this billing account: stripe:main.")


class Recent(dg.Config):
    """How much of the past."""

    days: int = Field(default=DAYS, ge=1, description="So many days until now.")


class Books(dg.Config):
    """Whose books."""

    account: str | None = Field(default=None, description="Only this billing account: stripe:main.")


def backfill_jobs(rooms: Rooms) -> dict[str, dg.JobDefinition]:
    """Backfill, reconcile and renormalise, by name."""

    @dg.op(required_resource_keys={PIPELINE}, description="Reads the billing objects of a span again.")
    def read_past(context: dg.OpExecutionContext, config: Past) -> None:
        def run() -> RoomReport:
            window, account = span(config.start, config.end), account_named(config.account)
            return rooms.backfill(context.resources.pipeline, window, Transport.BACKFILL, account)

        _report(context, run)

    @dg.op(required_resource_keys={PIPELINE}, description="Reads what events may have missed.")
    def read_recent(context: dg.OpExecutionContext, config: Recent) -> None:
        now = datetime.now(UTC)
        window = Window(now - timedelta(days=config.days), now)
        _report(context, lambda: rooms.backfill(context.resources.pipeline, window, Transport.OBJECTS, None))

    @dg.op(required_resource_keys={PIPELINE}, description="Writes every book anew from stored records.")
    def write_books(context: dg.OpExecutionContext, config: Books) -> None:
        _report(context, lambda: rooms.renormalise(context.resources.pipeline, account_named(config.account)))

    return {
        name: _job(name, op)
        for name, op in {BACKFILL: read_past, RECONCILE: read_recent, RENORMALISE: write_books}.items()
    }


def reconcile_schedules(
    job: dg.JobDefinition, status: dg.DefaultScheduleStatus
) -> list[dg.ScheduleDefinition]:
    """Every day and, further back, every week."""
    return [
        dg.ScheduleDefinition(
            name=name,
            job=job,
            cron_schedule=cron,
            execution_timezone="UTC",
            run_config={"ops": {"read_recent": {"config": {"days": days}}}},
            default_status=status,
            description=f"Reads the billing objects of {days} days again and mends what events missed.",
        )
        for name, cron, days in (
            ("reconcile_daily", EVERY_DAY, DAYS),
            ("reconcile_weekly", EVERY_WEEK, WEEKS_DAYS),
        )
    ]


def span(start: str, end: str) -> Window:
    """A span as a person writes it. Raises ConfigurationError."""
    try:
        return Window(moment(start), moment(end))
    except ValueError as fault:
        raise ConfigurationError(f"{fault}", remedy="Correct `start` and `end`.") from None


def account_named(text: str | None) -> Account | None:
    """`stripe:main` as a provider and a name. Raises ConfigurationError."""
    if text is None:
        return None
    provider, between, name = text.partition(":")
    if not (provider and between and name):
        raise ConfigurationError(
            f"{text!r} is no billing account.", remedy="Write provider and name, as in stripe:main."
        )
    return provider, name


def _job(name: str, op: dg.OpDefinition) -> dg.JobDefinition:
    @dg.job(name=name, description=op.description, executor_def=dg.in_process_executor)
    def job() -> None:
        op()

    return job


def _report(context: dg.OpExecutionContext, run: Callable[[], RoomReport]) -> None:
    try:
        with scrubbed(log, f"the log of run {context.run.run_id}"):
            report = run()
    except ConversionSyncError as fault:
        raise failure(fault) from None
    counts = dict(report.counts)
    context.log.info("%s: %s", report.room, ", ".join(f"{name} {count:,}" for name, count in counts.items()))
    repaired = {name: count for name, count in counts.items() if name.endswith(" repaired") and count}
    if repaired:
        context.log.warning(
            "Events had missed some of it: %s. The next sync attributes and plans what was mended.",
            ", ".join(f"{name} {count:,}" for name, count in repaired.items()),
        )
    context.add_output_metadata({name.replace(":", " "): count for name, count in counts.items()})
