"""The pipeline's context as a resource: the database opened once a run, closed when the run ends."""

from collections.abc import Iterator

import dagster as dg

from conversion_sync.config.settings import Settings
from conversion_sync.pipeline.context import Context

PIPELINE = "pipeline"


def pipeline(settings: Settings) -> dg.ResourceDefinition:
    """Opens the configured database for the length of a run."""

    @dg.resource(description="Settings, database and vendors of a run.")
    def opened(context: dg.InitResourceContext) -> Iterator[Context]:
        from conversion_sync.pipeline.build import context as build_context
        from conversion_sync.store.open import open_database

        with open_database(settings) as database:
            yield build_context(settings, database.engine, run_id=context.run_id or "local")

    return opened
