"""Webhooks: a sensor that asks for a small run when the receiver kept some, and the job that lands them.

Landing makes them raw records; the next hour's run makes books of them, whichever hour they are of. Every
hourly run lands what waits too: this one keeps the inbox short, and tells within minutes when nobody can
read what a provider sends, while it may still be asked to send it again.
"""

import logging
from datetime import UTC, datetime

import dagster as dg

from conversion_sync.config.settings import Settings
from conversion_sync.errors import ConversionSyncError, DataError
from conversion_sync.orchestration.catch_up import UNFINISHED
from conversion_sync.orchestration.failures import failure, scrubbed
from conversion_sync.orchestration.resources import PIPELINE
from conversion_sync.orchestration.rooms import Rooms
from conversion_sync.orchestration.schedules import sensor_status

LAND_WEBHOOKS = "land_webhooks"
SENSOR = "webhooks"
EVERY = 60
"""Seconds."""

log = logging.getLogger(__name__)


def webhooks_job(rooms: Rooms) -> dg.JobDefinition:
    """Lands what waits; red when something was parked."""

    @dg.op(
        name="land",
        required_resource_keys={PIPELINE},
        description="Lands webhooks that the receiver kept; fails when nobody can read one.",
    )
    def land(context: dg.OpExecutionContext) -> None:
        try:
            with scrubbed(log, f"the log of run {context.run.run_id}"):
                report = rooms.land_webhooks(context.resources.pipeline)
        except ConversionSyncError as fault:
            raise failure(fault) from None
        told = ", ".join(f"{name} {count:,}" for name, count in report.counts.items()) or "none"
        context.log.info("%s: %s", report.room, told)
        context.add_output_metadata({name.replace(":", " "): count for name, count in report.counts.items()})
        parked = sum(count for name, count in report.counts.items() if name.endswith(" parked"))
        if parked:
            raise failure(
                DataError(
                    f"{parked} webhooks could not be read.",
                    remedy="conversion-sync status says why; their bodies are kept, and the next release of "
                    "this product tries them again.",
                )
            )

    @dg.job(
        name=LAND_WEBHOOKS,
        description="Webhooks that the receiver kept, made raw records of.",
        executor_def=dg.in_process_executor,
    )
    def land_webhooks() -> None:
        land()

    return land_webhooks


def webhooks_sensor(settings: Settings, job: dg.JobDefinition) -> dg.SensorDefinition:
    """Asks for a run when webhooks of a configured account wait, one at a time."""
    accounts = {(provider, account) for provider, account, _ in settings.billing.items()}

    @dg.sensor(
        name=SENSOR,
        job=job,
        minimum_interval_seconds=EVERY,
        default_status=sensor_status(),
        description="Lands webhooks within minutes of their arrival.",
    )
    def webhooks(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        from conversion_sync.store.open import open_database
        from conversion_sync.store.queries import query

        with (
            scrubbed(log, "the daemon's log"),
            open_database(settings) as database,
            database.engine.begin() as connection,
        ):
            found = connection.execute(query("receiver/deliveries_waiting")).all()
        if not any(row.waiting for row in found if (row.provider, row.account) in accounts):
            return dg.SkipReason("No webhook waits.")
        if context.instance.get_runs(dg.RunsFilter(job_name=job.name, statuses=UNFINISHED), limit=1):
            return dg.SkipReason("A run lands them already.")
        return dg.RunRequest(run_key=datetime.now(UTC).isoformat(timespec="seconds"))

    return webhooks
