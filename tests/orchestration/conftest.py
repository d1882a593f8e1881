"""Definitions with rooms that answer as a test says, on a real instance."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest

from conversion_sync.config.settings import Settings
from conversion_sync.credentials.forecast import Standing
from conversion_sync.delivery.tally import Pause
from conversion_sync.model.expiry import Notice
from conversion_sync.model.revenue import Transport
from conversion_sync.model.windows import HOUR, Window
from conversion_sync.orchestration.build import build
from conversion_sync.orchestration.resources import PIPELINE
from conversion_sync.orchestration.rooms import Rooms
from conversion_sync.pipeline.configuration import settings_type
from conversion_sync.pipeline.context import Account, Context
from conversion_sync.pipeline.operate import operate_on
from conversion_sync.pipeline.report import DeliveryReport, FailureRow, HourReport, RoomReport
from conversion_sync.pipeline.settle import SettlementReport
from conversion_sync.reports.status import LawStatus

START = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="session")
def settings() -> Settings:
    return settings_type().model_validate(
        {
            "start": START,
            "billing": {},
            "platforms": {
                "meta": {"main": {"dataset_id": "1", "access_token": "t"}},
                "tiktok": {"main": {"pixel_code": "P", "access_token": "t"}},
            },
        }
    )


@pytest.fixture(scope="session")
def unused(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an instance nothing has run on: making one takes longer than most tests."""
    folder = tmp_path_factory.mktemp("unused")
    with instance_in(folder):
        return folder


@pytest.fixture
def instance(unused: Path, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with instance_in(shutil.copytree(unused, tmp_path, dirs_exist_ok=True)) as instance:
        yield instance


def instance_in(folder: Path) -> dg.DagsterInstance:
    """The instance that lives in a folder."""
    return dg.DagsterInstance.local_temp(str(folder), overrides={"telemetry": {"enabled": False}})


def hour_report(hour: datetime, **counts: int) -> HourReport:
    """An hour with so many rows of each state; `left` rows should have left.

    `held` rows wait for a credential, `undecided` ones are held for a person's decision.
    """
    left, undecided = counts.pop("left", 0), counts.pop("undecided", 0)
    reasons = {"held": "credential_or_configuration"}
    states = {(state, reasons.get(state, "reason")): count for state, count in counts.items()}
    if undecided:
        states["held", "reclassified"] = undecided
    if left:
        states["planned", "waits_retry"] = left
    row = FailureRow(
        conversion_id="c1",
        state="rejected",
        reason="platform_refused",
        code="100",
        text="Invalid parameter",
        value="19.9 USD",
        occurred_at=hour,
        remedy="See the code.",
    )
    bad = left or undecided or any(counts.get(state) for state in ("rejected", "held", "unknown"))
    return HourReport(
        hour=hour,
        rows=sum(states.values()),
        states=states,
        value_minor={("USD", 2): 100 * counts.get("settled", 0)},
        sent=counts.get("settled", 0) + counts.get("accepted", 0),
        rejected=counts.get("rejected", 0),
        retryable_left=left,
        needs_human=counts.get("held", 0) + counts.get("unknown", 0) + undecided,
        failures=(row,) if bad else (),
    )


@dataclass
class Script:
    """What the rooms do: `hours` gives an hour's books per account, `fault` is raised by every room.

    `faults` is how often it is raised before the rooms work; None is for ever.
    """

    hours: Callable[[datetime], dict[str, int]] = lambda _: {"settled": 2}
    only: str = "meta"
    fault: Exception | None = None
    faults: int | None = None
    stopped: str = ""
    transient: bool = False
    retry_after: float | None = None
    pause: Pause | None = None
    laws: tuple[LawStatus, ...] = ()
    credentials: tuple[Standing, ...] = ()
    endings: tuple[Notice, ...] = ()
    webhooks: Mapping[str, int] = field(default_factory=dict)
    windows: list[tuple[str, Window]] = field(default_factory=list)

    def rooms(self) -> Rooms:
        def room(name: str) -> Callable[[Context, Window], RoomReport]:
            def run(_: Context, window: Window) -> RoomReport:
                self.windows.append((name, window))
                if self.fault is not None and self.faults != 0:
                    self.faults = None if self.faults is None else self.faults - 1
                    raise self.fault
                return RoomReport(room=name, counts={"rows": 1})

            return run

        return Rooms(
            pull_billing=room("billing_events"),
            pull_clicks=room("clicks"),
            normalise=room("revenue_events"),
            attribute=room("attribution"),
            plan=room("conversions"),
            land_webhooks=lambda _: RoomReport(room="webhooks", counts=self.webhooks),
            deliver=self.deliver,
            unaccounted=lambda *_: 0,
            settle=lambda _, platform, account: SettlementReport(
                platform=platform,
                account=account,
                requests=0,
                rows={},
                reasons={},
                awaited=0,
                oldest=None,
                next_poll_at=None,
            ),
            operate=operate_on,
            laws=lambda *_: self.laws,
            backfill=self.backfill,
            renormalise=lambda *_: RoomReport(room="renormalise", counts={"stripe:main changed": 0}),
            credentials=lambda *_: self.credentials,
        )

    def backfill(
        self, _: Context, window: Window, transport: Transport, account: Account | None
    ) -> RoomReport:
        self.windows.append((f"{transport.value} of {account}", window))
        if self.fault is not None:
            raise self.fault
        return RoomReport(room="backfill", counts={"stripe:main objects": 9, "stripe:main repaired": 2})

    def deliver(self, _: Context, window: Window, platform: str, account: str) -> DeliveryReport:
        self.windows.append((platform, window))
        mine = platform == self.only
        return DeliveryReport(
            platform=platform,
            account=account,
            mode="live",
            requests=1,
            outcomes={"delivered": 2},
            settlements={},
            hours=tuple(
                hour_report(hour.start, **(self.hours(hour.start) if mine else {"settled": 1}))
                for hour in window.hours()
            ),
            stopped=self.stopped if mine else "",
            stop_is_transient=self.transient and mine,
            retry_after=self.retry_after,
            pause=self.pause if mine else None,
            endings=self.endings,
        )


def definitions(settings: Settings, script: Script) -> dg.Definitions:
    """The real definitions around the script."""

    @dg.resource
    def nothing(_: dg.InitResourceContext) -> SimpleNamespace:
        return SimpleNamespace(engine=None)

    return build(settings, script.rooms(), {PIPELINE: nothing})


def run(
    settings: Settings, script: Script, instance: dg.DagsterInstance, window: Window
) -> dg.ExecuteInProcessResult:
    """One run of everything for a window."""
    from conversion_sync.orchestration.partitions import key_of, range_tags

    defs = definitions(settings, script)
    single = window.end - window.start == HOUR
    return dg.materialize(
        [asset for asset in defs.assets or () if isinstance(asset, dg.AssetsDefinition)],
        resources=defs.resources,
        instance=instance,
        partition_key=key_of(window.start) if single else None,
        tags={} if single else range_tags(window),
        raise_on_error=False,
    )


def colours(
    settings: Settings, script: Script, instance: dg.DagsterInstance, asset: str
) -> dict[str, Sequence[str]]:
    """Materialized and failed hours of an asset, as the UI's grid shows them."""
    from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value

    partitions = dg.HourlyPartitionsDefinition(settings.start.strftime("%Y-%m-%d-%H:%M"), timezone="UTC")
    value = get_and_update_asset_status_cache_value(instance, dg.AssetKey(asset), partitions)
    assert value is not None
    return {
        "green": sorted(value.deserialize_materialized_partition_subsets(partitions).get_partition_keys()),
        "red": sorted(value.deserialize_failed_partition_subsets(partitions).get_partition_keys()),
    }


def window(start_hour: int, hours: int = 1) -> Window:
    """Hours of the first day."""
    start = START + start_hour * HOUR
    return Window(start, start + timedelta(hours=hours))
