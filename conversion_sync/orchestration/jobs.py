"""The jobs people schedule and backfill: the whole hour, and what is due of earlier ones.

Their partitions are those of their assets.
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

HOURLY_SYNC = "hourly_sync"
DELIVER_DUE = "deliver_due"


def hourly_sync(assets: Sequence[dg.AssetsDefinition]) -> UnresolvedAssetJobDefinition:
    """Pull, normalise, attribute, plan and deliver one hour at every account."""
    return dg.define_asset_job(
        HOURLY_SYNC,
        selection=dg.AssetSelection.assets(*(asset.key for asset in assets)),
        description="One hour of the main job: sources, books, uploads.",
        executor_def=dg.in_process_executor,
    )


def deliver_due(uploads: Sequence[dg.AssetsDefinition]) -> UnresolvedAssetJobDefinition:
    """Deliver what became due since: fresh clicks that aged, retries, confirmations, corrections."""
    return dg.define_asset_job(
        DELIVER_DUE,
        selection=dg.AssetSelection.assets(*(asset.key for asset in uploads)),
        description="Delivers rows of earlier hours that became due.",
        executor_def=dg.in_process_executor,
    )
