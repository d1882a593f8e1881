"""The daily check of the ledger's laws: a job of one op, whose run is red when a law is broken."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg

from conversion_sync.errors import ConversionSyncError
from conversion_sync.orchestration.failures import failure, scrubbed
from conversion_sync.orchestration.resources import PIPELINE
from conversion_sync.orchestration.rooms import Rooms
from conversion_sync.reports.status import RECENT, LawStatus

CHECK_LAWS = "check_laws"
EVERY_DAY = "37 4 * * *"
REMEDY = "Keep the database as it is and report it with: conversion-sync status --full --json"

log = logging.getLogger(__name__)


def laws_job(rooms: Rooms) -> dg.JobDefinition:
    """Reads the laws over the last week, as `conversion-sync status` does."""

    @dg.op(required_resource_keys={PIPELINE}, description="Fails when a law of the ledger is broken.")
    def laws(context: dg.OpExecutionContext) -> None:
        try:
            with scrubbed(log, f"the log of run {context.run.run_id}"):
                found = rooms.laws(context.resources.pipeline.engine, datetime.now(UTC) - RECENT)
        except ConversionSyncError as fault:
            raise failure(fault) from None
        context.log.info("%s", table(found))
        broken = [law for law in found if law.broken]
        if broken:
            said = "; ".join(f"{law.law} ({law.detail})" for law in broken)
            raise dg.Failure(
                description=f"Broken: {said}. Remedy: {REMEDY}",
                metadata={"laws": dg.MetadataValue.md(table(found))},
                allow_retries=False,
            )

    @dg.job(
        name=CHECK_LAWS,
        description="The laws of the ledger, over the last week.",
        executor_def=dg.in_process_executor,
    )
    def check_laws() -> None:
        laws()

    return check_laws


def laws_schedule(job: dg.JobDefinition, status: dg.DefaultScheduleStatus) -> dg.ScheduleDefinition:
    """Once a day."""
    return dg.ScheduleDefinition(
        name="laws",
        job=job,
        cron_schedule=EVERY_DAY,
        execution_timezone="UTC",
        default_status=status,
        description="Checks once a day that the ledger's laws hold.",
    )


def table(found: Sequence[LawStatus]) -> str:
    """The laws as a Markdown table."""
    lines = [f"| {law.law} | {'broken' if law.broken else 'holds'} | {law.detail or '-'} |" for law in found]
    return "\n".join(["| law | | |", "|---|---|---|", *lines])
