"""The Dagster instance of a home folder: its dagster.yaml, its environment, and runs whose process died."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import dagster as dg

from conversion_sync.store.embedded_place import unusable_home

URL_VARIABLE = "CONVERSION_SYNC_DAGSTER_URL"
HOST_TAG, PID_TAG = "conversion_sync/host", "conversion_sync/pid"
ALIVE = (
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)


def write_instance(home: Path) -> Path:
    """Makes the instance's folder and, if it has none, its dagster.yaml; returns the folder.

    Raises ConfigurationError when the home folder cannot be used.
    """
    folder = home / "dagster"
    file = folder / "dagster.yaml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            template = files("conversion_sync.orchestration") / "dagster.yaml"
            file.write_text(template.read_text(encoding="utf-8"), encoding="utf-8")
    except OSError as fault:
        raise unusable_home(home, fault) from None
    return folder


def environment(folder: Path, dagster_url: str) -> dict[str, str]:
    """What a process needs to find the instance."""
    return {"DAGSTER_HOME": str(folder), URL_VARIABLE: dagster_url}


@contextmanager
def opened(folder: Path, dagster_url: str) -> Iterator[dg.DagsterInstance]:
    """The instance, for the length of the block."""
    os.environ.update(environment(folder, dagster_url))
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        yield instance


def process_tags() -> dict[str, str]:
    """Marks a run as carried out by this very process."""
    return {HOST_TAG: socket.gethostname(), PID_TAG: str(os.getpid())}


def reconcile_orphans(instance: dg.DagsterInstance) -> int:
    """Fails runs of this host whose process no longer exists, and frees their pools; returns how many.

    Without it a run whose process was killed stays "started" for as long as the runtime cap, and the
    next run waits for its place at the ad account until a daemon looks (specs/dagster.md §3.5).
    """
    found = 0
    for run in instance.get_runs(dg.RunsFilter(statuses=list(ALIVE))):
        pid = _pid(instance, run)
        if pid is not None and not Path(f"/proc/{pid}").exists():
            instance.report_run_failed(run, "The run's process is gone; what it sent is in the ledger.")
            found += 1
    _free_pools(instance)
    return found


def _free_pools(instance: dg.DagsterInstance) -> None:
    """Takes back the places of runs that ended, also of those an earlier reconciliation failed."""
    storage = instance.event_log_storage
    for run_id in storage.get_concurrency_run_ids():
        run = instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            storage.free_concurrency_slots_for_run(run_id)


def _pid(instance: dg.DagsterInstance, run: dg.DagsterRun) -> int | None:
    """The process that carries out a run on this host, if that is known."""
    if run.tags.get(HOST_TAG) == socket.gethostname():
        return int(run.tags[PID_TAG])
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
        event = entry.dagster_event
        metadata = event.engine_event_data.metadata if event else {}
        if "pid" in metadata:
            return int(str(metadata["pid"].value))
    return None
