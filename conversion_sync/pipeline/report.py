"""What each room says it did. Amounts are minor units by currency; times aware UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from conversion_sync.delivery.tally import Pause
from conversion_sync.model.expiry import Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomReport:
    """Counts by name, in the order they should be shown."""

    room: str
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRow:
    """One conversion that needs a look, as shown in run logs and metadata tables."""

    conversion_id: str
    state: str
    reason: str
    code: str
    text: str
    value: str
    occurred_at: datetime
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HourReport:
    """The ledger of one hour of revenue events at one ad account, as it stands now.

    `states` counts rows by (state, reason); `value_minor` sums settled and accepted rows' book value
    by (currency, exponent). `retryable_left` rows are due and should have left but did not.
    """

    hour: datetime
    rows: int
    states: Mapping[tuple[str, str], int]
    value_minor: Mapping[tuple[str, int], int]
    sent: int
    rejected: int
    retryable_left: int
    needs_human: int
    failures: tuple[FailureRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReport:
    """One delivery at one ad account.

    `outcomes` counts rows by outcome class in this delivery, `settlements` rows that were asked after;
    `requests` counts requests. `stopped` is empty, or says why the account stopped before it was done
    (credential refused, platform down) with `remedy` and the platform's own `retry_after` in seconds.
    `pause` is set while the account is left alone: nothing leaves, and nobody has to do anything.
    `refused` are rows a check without sending would refuse; those of `hours` stand among their failures.
    `endings` say how long what the account depends on still lasts.
    """

    platform: str
    account: str
    mode: str
    requests: int
    outcomes: Mapping[str, int]
    settlements: Mapping[str, int]
    hours: tuple[HourReport, ...]
    stopped: str = ""
    stop_is_transient: bool = False
    remedy: str = ""
    retry_after: float | None = None
    pause: Pause | None = None
    recovered_in_doubt: int = 0
    refused: tuple[FailureRow, ...] = ()
    endings: tuple[Notice, ...] = ()
