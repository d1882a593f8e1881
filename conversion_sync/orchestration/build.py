"""Assembles the definitions from the settings; tests hand in other rooms."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import dagster as dg

from conversion_sync.config.settings import Settings
from conversion_sync.orchestration.assets import room_assets
from conversion_sync.orchestration.backfills import RECONCILE, backfill_jobs, reconcile_schedules
from conversion_sync.orchestration.credentials import credentials_job, credentials_sensor
from conversion_sync.orchestration.jobs import deliver_due, hourly_sync
from conversion_sync.orchestration.laws import laws_job, laws_schedule
from conversion_sync.orchestration.operations import operation_jobs
from conversion_sync.orchestration.partitions import hours
from conversion_sync.orchestration.resources import PIPELINE, pipeline
from conversion_sync.orchestration.rooms import Rooms, real_rooms
from conversion_sync.orchestration.schedules import default_status, due_sensor, hourly_schedule
from conversion_sync.orchestration.settlement import settle_jobs, settlement_sensor
from conversion_sync.orchestration.uploads import upload_assets
from conversion_sync.orchestration.webhooks import webhooks_job, webhooks_sensor


def build(
    settings: Settings,
    rooms: Rooms | None = None,
    resources: Mapping[str, dg.ResourceDefinition] | None = None,
) -> dg.Definitions:
    """Everything the code location offers."""
    # Dagster copies sensors of jobs when it resolves the definitions, and warns of its own copying.
    warnings.filterwarnings("ignore", "Parameter `owners` of initializer `SensorDefinition", dg.BetaWarning)
    partitions = hours(settings)
    rooms = rooms or real_rooms()
    assets, uploads = _all_assets(settings, rooms, partitions)
    sync = hourly_sync(assets)
    due = deliver_due(uploads)
    laws = laws_job(rooms)
    confirmations = settle_jobs(settings, rooms)
    credentials = credentials_job(settings, rooms)
    backfills = backfill_jobs(rooms)
    webhooks = webhooks_job(rooms)
    sensors = [
        due_sensor(settings, due),
        credentials_sensor(settings, rooms, credentials),
        webhooks_sensor(settings, webhooks),
    ]
    if confirmations:
        sensors.append(settlement_sensor(confirmations, settings))
    return dg.Definitions(
        assets=assets,
        jobs=[
            sync,
            due,
            laws,
            credentials,
            webhooks,
            *confirmations,
            *operation_jobs(rooms),
            *backfills.values(),
        ],
        schedules=[
            hourly_schedule(settings, sync, assets),
            laws_schedule(laws, default_status()),
            *reconcile_schedules(backfills[RECONCILE], default_status()),
        ],
        sensors=sensors,
        resources=resources or {PIPELINE: pipeline(settings)},
        executor=dg.in_process_executor,
    )


def _all_assets(
    settings: Settings, rooms: Rooms, partitions: dg.PartitionsDefinition[str]
) -> tuple[list[dg.AssetsDefinition], list[dg.AssetsDefinition]]:
    """All assets, and the uploads among them.

    Dagster calls range backfills beta and partitioned checks a preview; both are pinned by the lock
    and held by tests, so its warnings would only repeat themselves.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        warnings.simplefilter("ignore", dg.PreviewWarning)
        uploads = upload_assets(settings, rooms, partitions)
        return [*room_assets(rooms, partitions), *uploads], uploads
