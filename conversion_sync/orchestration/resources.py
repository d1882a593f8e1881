"""The pipeline's context as a resource: the database opened once a run, closed when the run ends."""

import logging
from collections.abc import Iterator

import dagster as dg

from conversion_sync.config.settings import Settings
from conversion_sync.orchestration.failures import scrubbed
from conversion_sync.pipeline.context import Context

log = logging.getLogger(__name__)

PIPELINE = "pipeline"


def pipeline(settings: Settings) -> dg.ResourceDefinition:
    """Opens the configured database for the length of a run."""

    @dg.resource(description="Settings, database and vendors of a run.")
    def opened(context: dg.InitResourceContext) -> Iterator[Context]:
        from conversion_sync.pipeline.build import context as build_context
        from conversion_sync.store.open import open_database

        run_id = context.run.run_id if context.run else "local"
        with scrubbed(log, f"the log of run {run_id}"), open_database(settings) as database:
            yield build_context(settings, database.engine, run_id=run_id)

    return opened
