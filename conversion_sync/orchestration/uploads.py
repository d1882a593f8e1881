"""One upload asset an ad account, from one factory; what each hour shows is decided by `verdict`."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import dagster as dg

from conversion_sync.config.settings import Schedule, Settings
from conversion_sync.delivery.tally import Pause
from conversion_sync.model.conversion import Outcome
from conversion_sync.model.expiry import Notice, Urgency
from conversion_sync.model.money import decimal_amount, plain_text
from conversion_sync.orchestration.assets import BACKFILL
from conversion_sync.orchestration.failures import in_words, mark_for_good, retry
from conversion_sync.orchestration.partitions import key_of, window_of
from conversion_sync.orchestration.resources import PIPELINE
from conversion_sync.orchestration.rooms import Rooms
from conversion_sync.orchestration.verdict import Colour, Verdict, summary, table, verdict
from conversion_sync.pipeline.report import DeliveryReport, HourReport

ACCEPTED = "every_conversion_accepted"
LASTING = "nothing_ends_soon"
WAITING, DOUBTED = "waiting for a person", "sent in doubt"
"""Rows, in the check's metadata: of these hours, and by this run."""
MOST_ROWS = 50

Yielded = dg.MaterializeResult[None] | dg.AssetCheckResult


def asset_name(platform: str, account: str) -> str:
    """`google_ads_main_uploads`."""
    return f"{platform}_{account}_uploads"


def upload_assets(
    settings: Settings, rooms: Rooms, partitions: dg.PartitionsDefinition[str]
) -> list[dg.AssetsDefinition]:
    """One asset for every enabled ad account."""
    return [
        _upload(platform, account, settings.schedule, rooms, partitions)
        for platform, account in settings.accounts()
    ]


def _upload(
    platform: str,
    account: str,
    limits: Schedule,
    rooms: Rooms,
    partitions: dg.PartitionsDefinition[str],
) -> dg.AssetsDefinition:
    name = asset_name(platform, account)

    @dg.asset(
        name=name,
        group_name="uploads",
        deps=["conversions"],
        description=f"Conversions and corrections at {platform} ({account}); books before and after.",
        partitions_def=partitions,
        backfill_policy=BACKFILL,
        pool=f"{platform}:{account}",
        required_resource_keys={PIPELINE},
        kinds={platform.replace("_", "")[:20]},
        check_specs=[
            dg.AssetCheckSpec(
                ACCEPTED,
                asset=name,
                description="Everything that was due left, and nothing was refused.",
                partitions_def=partitions,
            ),
            dg.AssetCheckSpec(
                LASTING,
                asset=name,
                description="What the account depends on lasts: the API's version, its credential.",
                partitions_def=partitions,
            ),
        ],
    )
    def uploads(context: dg.AssetExecutionContext) -> Iterator[Yielded]:
        with in_words(context):
            report = rooms.deliver(context.resources.pipeline, window_of(context), platform, account)
        yield _lasting(report.endings)
        verdicts = [(hour, verdict(hour, limits, report.pause)) for hour in report.hours]
        _log(context, report, verdicts)
        _retry_if_down(context, report, verdicts)
        yield from _show(context, report, verdicts)

    return uploads


def _lasting(endings: Sequence[Notice]) -> dg.AssetCheckResult:
    """A warning while there is time to act, a failed check once it is short."""
    near = [end for end in endings if end.urgency is not Urgency.LASTS]
    urgent = any(end.urgency is Urgency.NOW for end in near)
    return dg.AssetCheckResult(
        check_name=LASTING,
        passed=not near,
        severity=dg.AssetCheckSeverity.ERROR if urgent else dg.AssetCheckSeverity.WARN,
        description=" ".join(f"{end.text} {end.remedy}" for end in near) or None,
    )


def _log(
    context: dg.AssetExecutionContext, report: DeliveryReport, verdicts: Sequence[tuple[HourReport, Verdict]]
) -> None:
    said = (
        ", ".join(f"{outcome} {count:,}" for outcome, count in sorted(report.outcomes.items()))
        or "nothing due"
    )
    place = f"{report.platform}:{report.account}"
    context.log.info("%s (%s): %d requests; %s", place, report.mode, report.requests, said)
    if report.pause is not None:
        context.log.warning("%s is left alone. %s", place, report.pause.sentence)
    elif report.stopped:
        remedy = report.remedy or "none needed: the rest goes out with the next run."
        context.log.error("%s stopped: %s Remedy: %s", place, report.stopped, remedy)
    for hour, found in verdicts:
        if found.colour is Colour.RED:
            context.log.error("%s: %s\n%s", key_of(hour.hour), found.sentence, table(hour.failures))
        elif found.colour is Colour.WARN:
            context.log.warning("%s: %s\n%s", key_of(hour.hour), found.sentence, table(hour.failures))


def _retry_if_down(
    context: dg.AssetExecutionContext, report: DeliveryReport, verdicts: Sequence[tuple[HourReport, Verdict]]
) -> None:
    """A platform that is down for a moment is asked again by this very step, with its own delay.

    One that is left alone for longer spends no tries: the `due` sensor asks for a run when its pause ends.
    """
    late = any(hour.retryable_left for hour, _ in verdicts)
    again = retry(context, report.retry_after) if report.stop_is_transient and late else None
    if again is not None:
        raise again


def _show(
    context: dg.AssetExecutionContext, report: DeliveryReport, verdicts: Sequence[tuple[HourReport, Verdict]]
) -> Iterator[Yielded]:
    """Good hours are materialized; the check is told before a failure, so that it shows with the hour."""
    worst = max((found for _, found in verdicts), key=lambda found: list(Colour).index(found.colour))
    failures = [row for hour, found in verdicts if found.colour is not Colour.GREEN for row in hour.failures]
    failures = failures[:MOST_ROWS]
    yield dg.AssetCheckResult(
        check_name=ACCEPTED,
        passed=worst.colour is Colour.GREEN,
        severity=dg.AssetCheckSeverity.ERROR if worst.colour is Colour.RED else dg.AssetCheckSeverity.WARN,
        description=_described(report, worst) or None,
        metadata={
            "refused": sum(hour.rejected for hour, _ in verdicts),
            WAITING: sum(hour.needs_human for hour, _ in verdicts),
            DOUBTED: report.outcomes.get(Outcome.AMBIGUOUS.value, 0),
            "not sent": sum(hour.retryable_left for hour, _ in verdicts),
            **_pause(report.pause),
            **({"rows": dg.MetadataValue.md(table(failures))} if failures else {}),
        },
    )
    good = [hour for hour, found in verdicts if found.colour is not Colour.RED]
    if worst.colour is not Colour.RED:
        for hour in good:
            context.add_asset_metadata(_metadata(report, hour), partition_key=key_of(hour.hour))
        yield dg.MaterializeResult()
        return
    for hour in good:
        context.log_event(
            dg.AssetMaterialization(
                asset_key=context.asset_key, partition=key_of(hour.hour), metadata=_metadata(report, hour)
            )
        )
    for_good = [key_of(hour.hour) for hour, found in verdicts if found.for_good]
    if for_good:
        mark_for_good(context, for_good)
    raise dg.Failure(
        description=worst.sentence
        if report.pause is not None
        else f"{worst.sentence} {report.stopped} {report.remedy}".strip(),
        metadata={
            **_pause(report.pause),
            "rows": dg.MetadataValue.md(table(failures)),
            "look": f"conversion-sync ledger --platform {report.platform} --state planned",
            "failed hours": ", ".join(key_of(h.hour) for h, found in verdicts if found.colour is Colour.RED),
        },
        allow_retries=False,
    )


def _described(report: DeliveryReport, worst: Verdict) -> str:
    """What the check says: of the worst hour, of rows a person should look at, of an account left alone."""
    if worst.colour is Colour.RED:
        return worst.sentence
    said = summary(report.hours)
    return f"{said} {report.pause.sentence}".strip() if report.pause is not None else said


def _pause(pause: Pause | None) -> dict[str, str]:
    """Why the account is left alone, as the UI shows it."""
    if pause is None:
        return {}
    return {
        "left alone because": f"{pause.what.replace('_', ' ')}: {pause.why}",
        "left alone since": pause.since.isoformat(timespec="seconds"),
        "goes on at": pause.until.isoformat(timespec="seconds"),
    }


def _metadata(report: DeliveryReport, hour: HourReport) -> dict[str, Any]:
    """One hour's numbers: rows by state and reason, value held, and the rows that need a look."""
    states = {
        f"{state} {reason}".replace("_", " "): count for (state, reason), count in sorted(hour.states.items())
    }
    held: dict[str, Decimal] = {}
    for (currency, exponent), minor in sorted(hour.value_minor.items()):
        held[currency] = held.get(currency, Decimal(0)) + decimal_amount(minor, exponent)
    return {
        "rows": hour.rows,
        "sent": hour.sent,
        "refused": hour.rejected,
        **states,
        **{f"value {currency}": plain_text(amount) for currency, amount in held.items()},
        **({"failures": dg.MetadataValue.md(table(hour.failures))} if hour.failures else {}),
        "look": f"conversion-sync ledger --platform {report.platform} --from {hour.hour:%Y-%m-%dT%H:%M}Z",
    }
