"""A person's decisions about rows as jobs: the run shows what it is about; `dry_run: false` takes it."""

import getpass
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum

import dagster as dg
from pydantic import Field

from conversion_sync.delivery.operate import Choice, Decision, Operator
from conversion_sync.errors import ConfigurationError, ConversionSyncError
from conversion_sync.model.money import plain_text
from conversion_sync.model.windows import moment
from conversion_sync.orchestration.failures import failure, scrubbed
from conversion_sync.orchestration.resources import PIPELINE
from conversion_sync.orchestration.rooms import Rooms
from conversion_sync.pipeline.operate import OperationReport

log = logging.getLogger(__name__)

REPLAY, RELEASE, SETTLE = "replay", "release", "settle"
HEAD = (
    "| ad account | state | reason | code | rows | value | left out because |\n|---|---|---|---|---|---|---|"
)


class Rows(dg.Config):
    """Which rows; what is not given chooses nothing out."""

    ids: list[str] = Field(default=[], description="Conversions, or their names at the platform (cs_…).")
    code: str | None = Field(default=None, description="Only rows the platform answered with this code.")
    platform: str | None = Field(default=None, description="Only this platform.")
    account: str | None = Field(default=None, description="Only this account.")
    start: str | None = Field(default=None, description="Events from this moment on: 2026-11-01T05, UTC.")
    end: str | None = Field(default=None, description="Events before this moment.")
    note: str = Field(default="", description="Kept with the attempts of each row.")
    dry_run: bool = Field(default=True, description="Only show what would be done.")


class Seen(Enum):
    """What a person saw at the platform."""

    delivered = "delivered"
    missing = "missing"


class Doubtful(dg.Config):
    """Rows a person looked up; they name each."""

    ids: list[str] = Field(description="The conversions you looked up, or their names there (cs_…).")
    found: Seen = Field(description="Whether the platform shows them.")
    note: str = Field(default="", description="What you saw; required for `missing`.")
    dry_run: bool = Field(default=True, description="Only show what would be done.")


def operation_jobs(rooms: Rooms) -> list[dg.JobDefinition]:
    """Replay, release and settle."""

    @dg.op(required_resource_keys={PIPELINE}, description="Sends refused rows again.")
    def replay_rows(context: dg.OpExecutionContext, config: Rows) -> None:
        _operate(context, rooms, Decision.REPLAYED, lambda: _choice(config), config)

    @dg.op(required_resource_keys={PIPELINE}, description="Lets held rows go.")
    def release_rows(context: dg.OpExecutionContext, config: Rows) -> None:
        _operate(context, rooms, Decision.RELEASED, lambda: _choice(config), config)

    @dg.op(required_resource_keys={PIPELINE}, description="Says what was found of rows in doubt.")
    def settle_rows(context: dg.OpExecutionContext, config: Doubtful) -> None:
        decision = Decision.FOUND if config.found is Seen.delivered else Decision.MISSING
        _operate(context, rooms, decision, lambda: Choice(ids=tuple(config.ids)), config)

    return [_job(REPLAY, replay_rows), _job(RELEASE, release_rows), _job(SETTLE, settle_rows)]


def _job(name: str, op: dg.OpDefinition) -> dg.JobDefinition:
    @dg.job(name=name, description=op.description, executor_def=dg.in_process_executor)
    def operation() -> None:
        op()

    return operation


def _operate(
    context: dg.OpExecutionContext,
    rooms: Rooms,
    decision: Decision,
    choice: Callable[[], Choice],
    config: Rows | Doubtful,
) -> None:
    by = Operator(name=getpass.getuser(), note=config.note, run_id=context.run.run_id)
    try:
        with scrubbed(log, f"the log of run {context.run.run_id}"):
            report = rooms.operate(context.resources.pipeline, decision, choice(), by, dry_run=config.dry_run)
    except ConversionSyncError as fault:
        raise failure(fault) from None
    context.log.info("%s", table(report))
    context.add_output_metadata(
        {
            "rows": dg.MetadataValue.md(table(report)),
            "would be decided about" if report.dry_run else "decided about": (
                report.can_go if report.dry_run else report.moved
            ),
            **report.stand,
        }
    )


def _choice(config: Rows) -> Choice:
    return Choice(
        ids=tuple(config.ids),
        code=config.code,
        platform=config.platform,
        account=config.account,
        start=_moment("start", config.start),
        end=_moment("end", config.end),
    )


def _moment(key: str, text: str | None) -> datetime | None:
    try:
        return None if text is None else moment(text)
    except ValueError as fault:
        raise ConfigurationError(f"{key}: {fault}", remedy="Correct the run's configuration.") from None


def table(report: OperationReport) -> str:
    """What a decision is about, as a Markdown table."""
    lines = [
        f"| {group.platform}:{group.account} | {group.state} | {group.reason} | {group.code or '-'} "
        f"| {group.rows} | {_worth(group.value)} | {group.barred or '-'} |"
        for group in report.groups
    ]
    lines += [f"| {name} | {stand} | | | | | left as it is |" for name, stand in report.strangers.items()]
    return "\n".join([HEAD, *lines])


def _worth(value: Mapping[str, Decimal]) -> str:
    return ", ".join(f"{plain_text(amount)} {currency}" for currency, amount in value.items()) or "-"
