"""Confirmations: a sensor that asks for small runs where a platform's answer is due, one job an ad account.

What is due, and when next, stands in the ledger (`settlement_poll`); the sensor keeps nothing. The runs
send nothing, so they go on whatever the uploads' schedule does.
"""

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import dagster as dg

from conversion_sync.config.settings import Settings
from conversion_sync.errors import ConversionSyncError, CredentialError
from conversion_sync.orchestration.catch_up import UNFINISHED
from conversion_sync.orchestration.failures import failure, scrubbed
from conversion_sync.orchestration.resources import PIPELINE
from conversion_sync.orchestration.rooms import Rooms
from conversion_sync.orchestration.schedules import sensor_status
from conversion_sync.pipeline.settle import SettlementReport

log = logging.getLogger(__name__)


def settle_name(platform: str, account: str) -> str:
    """`google_ads_main_confirmations`."""
    return f"{platform}_{account}_confirmations"


def settle_jobs(settings: Settings, rooms: Rooms) -> list[dg.JobDefinition]:
    """A job for every enabled account whose platform confirms later."""
    from conversion_sync.platforms.registry import catalogues

    return [
        _job(platform, account, rooms)
        for (platform, account), facts in catalogues(settings).items()
        if facts.confirms_later
    ]


def _job(platform: str, account: str, rooms: Rooms) -> dg.JobDefinition:
    name = settle_name(platform, account)

    @dg.op(
        name=f"ask_{platform}_{account}",
        pool=f"{platform}:{account}",
        required_resource_keys={PIPELINE},
        description="Asks after requests the platform took in; sends nothing.",
    )
    def ask(context: dg.OpExecutionContext) -> None:
        try:
            with scrubbed(log, f"the log of run {context.run.run_id}"):
                report = rooms.settle(context.resources.pipeline, platform, account)
        except ConversionSyncError as fault:
            raise failure(fault) from None
        context.log.info("%s:%s: %s", platform, account, said(report))
        context.add_output_metadata(metadata(report))
        if report.refused:
            raise failure(_refusal(report))

    @dg.job(
        name=name,
        description=f"What became of requests {platform} ({account}) took in.",
        executor_def=dg.in_process_executor,
    )
    def confirmations() -> None:
        ask()

    return confirmations


def _refusal(report: SettlementReport) -> CredentialError:
    """A person has to act: until then nothing that was taken in is confirmed."""
    return CredentialError(
        f"{report.platform}:{report.account} lets nobody ask what became of {report.awaited} requests: "
        f"{report.refused}",
        remedy="Mend the permission it names, or run conversion-sync connect "
        f"{report.platform} {report.account}; then the next run asks again.",
    )


def settlement_sensor(jobs: Sequence[dg.JobDefinition], settings: Settings) -> dg.SensorDefinition:
    """Asks for a run at each account with requests to ask after, one at a time."""

    @dg.sensor(
        name="confirmations",
        jobs=jobs,
        minimum_interval_seconds=300,
        default_status=sensor_status(),
        description="Asks after requests that platforms confirm later: after 30 minutes, then less often.",
    )
    def confirmations(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        from conversion_sync.store.open import open_database
        from conversion_sync.store.queries import query

        now = datetime.now(UTC)
        with (
            scrubbed(log, "the daemon's log"),
            open_database(settings) as database,
            database.engine.begin() as connection,
        ):
            due = connection.execute(query("delivery/accounts_with_polls"), {"now": now}).all()
        names = {job.name for job in jobs}
        asked = 0
        for account in due:
            name = settle_name(account.platform, account.account)
            if name not in names or context.instance.get_runs(
                dg.RunsFilter(job_name=name, statuses=UNFINISHED), limit=1
            ):
                continue
            asked += 1
            yield dg.RunRequest(run_key=f"{name}@{now.isoformat(timespec='seconds')}", job_name=name)
        if not asked:
            yield dg.SkipReason("No answer is due." if not due else "The answers due are being asked for.")

    return confirmations


def metadata(report: SettlementReport) -> dict[str, dg.MetadataValue | str | int]:
    """The run's numbers, as the UI shows them."""
    return {
        "requests asked after": report.requests,
        **{f"rows {what}": rows for what, rows in report.rows.items()},
        **{f"reason {reason}": rows for reason, rows in report.reasons.items()},
        "requests still awaited": report.awaited,
        **({"oldest": report.oldest.isoformat()} if report.oldest else {}),
    }


def said(report: SettlementReport) -> str:
    """The same in a line."""
    rows = ", ".join(f"{what} {count:,}" for what, count in report.rows.items()) or "no rows"
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in report.reasons.items())
    return f"{report.requests} requests asked after; {rows}{f' ({reasons})' if reasons else ''}"
