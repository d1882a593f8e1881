"""The alarm about access: a sensor that looks every quarter of an hour, and the job it asks for.

The job's run is red while something is refused or ends within its warning margin, and says what to do.
"""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg

from conversion_sync.config.settings import Settings
from conversion_sync.credentials.forecast import Standing
from conversion_sync.errors import ConversionSyncError
from conversion_sync.model.expiry import Notice, Urgency
from conversion_sync.orchestration.failures import failure, scrubbed
from conversion_sync.orchestration.resources import PIPELINE
from conversion_sync.orchestration.rooms import Rooms
from conversion_sync.orchestration.schedules import sensor_status
from conversion_sync.redaction import redact

CHECK_CREDENTIALS = "check_credentials"
SENSOR = "credentials"
EVERY = 900
"""Seconds."""
WELL = "well"

log = logging.getLogger(__name__)


def credentials_job(settings: Settings, rooms: Rooms) -> dg.JobDefinition:
    """How every account's access stands, as `conversion-sync credentials` shows it."""

    @dg.op(
        required_resource_keys={PIPELINE},
        description="Fails when access to an ad account is refused, or ends soon.",
    )
    def credentials(context: dg.OpExecutionContext) -> None:
        try:
            with scrubbed(log, f"the log of run {context.run.run_id}"):
                engine = context.resources.pipeline.engine
                found = rooms.credentials(settings, engine, datetime.now(UTC))
        except ConversionSyncError as fault:
            raise failure(fault) from None
        context.log.info("%s", table(found))
        told = [f"{_place(one)}: {end.text} Remedy: {end.remedy}" for one, end in _urgent(found)]
        if told:
            raise dg.Failure(
                description=redact(" ".join(told)),
                metadata={"credentials": dg.MetadataValue.md(table(found))},
                allow_retries=False,
            )

    @dg.job(
        name=CHECK_CREDENTIALS,
        description="Access to every ad account: tokens, consents, versions of the interfaces.",
        executor_def=dg.in_process_executor,
    )
    def check_credentials() -> None:
        credentials()

    return check_credentials


def credentials_sensor(settings: Settings, rooms: Rooms, job: dg.JobDefinition) -> dg.SensorDefinition:
    """Asks for the job when something new is wrong, daily while it stays so, and when all is well again."""

    @dg.sensor(
        name=SENSOR,
        job=job,
        minimum_interval_seconds=EVERY,
        default_status=sensor_status(),
        description="Alerts when access to an ad account is refused or ends soon.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        from conversion_sync.store.open import open_database

        now = datetime.now(UTC)
        with scrubbed(log, "the daemon's log"), open_database(settings) as database:
            found = rooms.credentials(settings, database.engine, now)
        troubles = sorted({f"{_place(one)} {end.urgency.value}" for one, end in _urgent(found)})
        asking = f"{', '.join(troubles)} @{now:%Y-%m-%d}" if troubles else WELL
        before = context.cursor or WELL
        if asking == before:
            return dg.SkipReason(
                f"Told today already: {asking}." if troubles else "Nothing is refused or ends soon."
            )
        context.update_cursor(asking)
        return dg.RunRequest(run_key=f"{asking} {now.isoformat(timespec='seconds')}")

    return sensor


def table(found: Sequence[Standing]) -> str:
    """The accounts as a Markdown table."""
    lines = [
        f"| {_place(one)} | {end.urgency.value} | {end.text} | {end.remedy or '-'} |"
        for one in found
        for end in one.notices
    ]
    return redact("\n".join(["| ad account | | | what to do |", "|---|---|---|---|", *lines]))


def _urgent(found: Sequence[Standing]) -> list[tuple[Standing, Notice]]:
    return [(one, end) for one in found for end in one.notices if end.urgency is not Urgency.LASTS]


def _place(one: Standing) -> str:
    return f"{one.platform}:{one.account}"
