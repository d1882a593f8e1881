"""One delivery at work: what every step of it is handed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from conversion_sync.delivery.clerk import Clerk
from conversion_sync.delivery.desk import Desk
from conversion_sync.delivery.gate import Gate
from conversion_sync.delivery.tally import Tally
from conversion_sync.model.conversion import Outbound
from conversion_sync.model.windows import Window
from conversion_sync.platforms.platform import Platform


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """`backing_off` are the rows that wait because this delivery itself does, and for nothing else."""

    desk: Desk
    adapter: Platform
    window: Window
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    gate: Gate
    clerk: Clerk
    tally: Tally = field(default_factory=Tally)
    backing_off: list[Outbound] = field(default_factory=list)
