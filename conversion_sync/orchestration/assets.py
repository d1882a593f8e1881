"""The rooms before delivery as assets, one each, named like the tables they write."""

from collections.abc import Iterator

import dagster as dg

from conversion_sync.orchestration.failures import in_words
from conversion_sync.orchestration.partitions import window_of
from conversion_sync.orchestration.resources import PIPELINE
from conversion_sync.orchestration.rooms import Room, Rooms

BACKFILL = dg.BackfillPolicy.multi_run(max_partitions_per_run=24)
ACCOUNTED = "every_event_accounted_for"


def room_assets(rooms: Rooms, partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """Sources, books, attribution and plan."""
    return [
        _room(
            "billing_events",
            "sources",
            [],
            "Records of the billing systems, as they came.",
            rooms.pull_billing,
            partitions,
        ),
        _room(
            "clicks",
            "sources",
            [],
            "Visits of the click tables; unusable rows in quarantine.",
            rooms.pull_clicks,
            partitions,
        ),
        _room(
            "revenue_events",
            "books",
            ["billing_events"],
            "What the records mean: payments, refunds, trials.",
            rooms.normalise,
            partitions,
        ),
        _room(
            "attribution",
            "books",
            ["revenue_events", "clicks"],
            "Who is whom, which click earned which payment, credit by model.",
            rooms.attribute,
            partitions,
        ),
        _planned(rooms, partitions),
    ]


def _room(
    name: str,
    group: str,
    deps: list[str],
    description: str,
    room: Room,
    partitions: dg.PartitionsDefinition[str],
) -> dg.AssetsDefinition:
    @dg.asset(
        name=name,
        group_name=group,
        deps=deps,
        description=description,
        partitions_def=partitions,
        backfill_policy=BACKFILL,
        required_resource_keys={PIPELINE},
        kinds={"postgres"},
    )
    def asset(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(metadata=_run(context, room))

    return asset


def _planned(rooms: Rooms, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    @dg.asset(
        name="conversions",
        group_name="books",
        deps=["attribution"],
        description="The ledger: a row, a state and a reason for every event at every ad account.",
        partitions_def=partitions,
        backfill_policy=BACKFILL,
        required_resource_keys={PIPELINE},
        kinds={"postgres"},
        check_specs=[
            dg.AssetCheckSpec(
                ACCOUNTED,
                asset="conversions",
                description="Every event has exactly one row at every account.",
                partitions_def=partitions,
            )
        ],
    )
    def conversions(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        metadata = _run(context, rooms.plan)
        with in_words(context):
            missing = rooms.unaccounted(context.resources.pipeline.engine, window_of(context))
        yield dg.MaterializeResult(metadata=metadata)
        yield dg.AssetCheckResult(
            check_name=ACCOUNTED,
            passed=missing == 0,
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={"unaccounted": missing},
        )

    return conversions


def _run(context: dg.AssetExecutionContext, room: Room) -> dict[str, int]:
    with in_words(context):
        report = room(context.resources.pipeline, window_of(context))
    counts = dict(report.counts)
    told = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    context.log.info("%s: %s", report.room, told)
    return {name.replace(":", " "): count for name, count in counts.items()}
