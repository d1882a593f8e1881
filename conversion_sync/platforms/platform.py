"""The seam between delivery and a vendor: what an adapter is handed and what it answers.

An adapter knows one vendor's shapes, limits and codes. It does not retry, bisect, store or log:
delivery does, the same way for all. It never raises for anything the vendor answered; only for a
fault of ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, TypeVar

from conversion_sync.model.conversion import Outbound, Outcome
from conversion_sync.platforms.fields import FieldRule
from conversion_sync.platforms.oauth import OAuth
from conversion_sync.platforms.pace import EVERY, Breaker, Lane, Limits, Usage


class DedupPromise(StrEnum):
    """What a platform does with the same id sent twice, which decides what in-doubt rows may do."""

    NONE = "none"
    """Both copies may count: never send again unasked."""
    WITHIN_WINDOW = "within_window"
    """The second copy is dropped if it arrives within `dedup_window` of the first."""
    ALWAYS = "always"
    """The second copy overwrites or is refused as a duplicate, whenever it arrives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a code that asks to come back later is believed; without a bound until the row's deadline.

    A row is refused once all the bounds given are passed: it was answered so more than `tries` times in
    a row, `lasting` has passed since the first of them, `after_original` since what it corrects was sent.
    """

    tries: int | None = None
    lasting: timedelta | None = None
    after_original: timedelta | None = None
    delay: timedelta | None = None
    """The platform takes it no sooner than that; None where pauses grow from half a minute."""
    then: tuple[timedelta, ...] = ()
    """The pauses after that while it keeps answering so, the last of them for good."""
    next_day: bool = False
    """Whoever had all these pauses waits for the next UTC midnight: the quota is a day's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """A platform's facts, read from its `catalogue.toml`; see that file for sources.

    `network` names the clicks it earns from. Spans are timedeltas.
    """

    platform: str
    network: str
    api_version: str
    sunset: datetime | None
    batch_size: int
    click_window: timedelta
    max_event_age: timedelta
    max_click_age: timedelta | None
    """Oldest click at the moment of sending, where the platform measures from then."""
    deadline_margin: timedelta
    min_click_age: timedelta
    dedup: DedupPromise
    dedup_window: timedelta
    can_restate: bool
    can_retract: bool
    adjustment_window: timedelta
    final_click_kinds: tuple[str, ...] = ()
    """Kinds of click ids whose conversions the platform cannot correct."""
    confirms_later: bool
    first_status_after: timedelta
    isolation_requests: int
    """Most extra requests spent on finding the bad rows of one refused batch."""
    codes: Mapping[str, Outcome]
    """Vendor code (as text, `*` as the last character matches a prefix) to outcome class."""
    patience: Mapping[str, Patience] = field(default_factory=dict)
    """Vendor code, as in `codes`, to how long it is believed."""
    status_retention: timedelta = timedelta.max
    """How long a request taken in can be asked after."""
    status_gone: frozenset[str] = frozenset()
    """Codes by which the platform says that it does not know the request any more."""
    remedies: Mapping[str, str] = field(default_factory=dict)
    """Vendor code, as in `codes`, to what a person can do about rows it stands on, where that is known."""
    identifiers: Mapping[str, str] = field(default_factory=dict)
    """What this account is told of who a customer is: the platform's field to its value's rule."""
    resend_alone: frozenset[str] = frozenset()
    """Codes for a part of a request taken in, nobody says which: its rows go again one by one."""
    of_rows: frozenset[str] = frozenset()
    """Codes of refused requests that can only be some rows' fault, however many are refused alike."""
    too_large: frozenset[str] = frozenset()
    """Codes that blame the size of a request and no row of it."""
    renewable: frozenset[str] = frozenset()
    """Codes of a refused access token where another token may help."""
    said_in_words: Mapping[str, str] = field(default_factory=dict)
    """Words of a refusal that bears no code of its own, to the code they stand for."""
    clock_skew: timedelta = timedelta()
    """How far the platform's clock may be behind ours before a row's time is to blame."""
    fields: Mapping[str, FieldRule] = field(default_factory=dict)
    """What it takes in a field of a row, by the field's name."""
    oauth: OAuth | None = None
    """How the account's tokens are fetched and renewed; None where a configured one is all there is."""
    limits: Mapping[str, Limits] = field(default_factory=dict)
    """What may leave in a span of time, by bucket: a lane's name, or `every` for the lanes without."""
    quotas: Mapping[str, bool] = field(default_factory=dict)
    """Vendor codes, as in `codes`, that say a quota of the account is used up: nothing is asked meanwhile."""
    usage: Usage | None = None
    """How its own word on what is used of a quota slows requests; None where it says nothing."""
    breaker: Breaker = field(default_factory=Breaker)

    def bucket(self, lane: Lane) -> str:
        """What a request of this kind counts in."""
        return lane.value if lane.value in self.limits else EVERY

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules of `identifiers`, each once, sorted."""
        return tuple(sorted(set(self.identifiers.values())))


Fact = TypeVar("Fact")


def fact_of(facts: Mapping[str, Fact], code: str) -> Fact | None:
    """What is known of a vendor code: of the code itself, else of the longest prefix that matches."""
    if code in facts:
        return facts[code]
    for length in range(len(code), 0, -1):
        if (prefix := f"{code[:length]}*") in facts:
            return facts[prefix]
    return None


def outcome_of(codes: Mapping[str, Outcome], code: str) -> Outcome | None:
    """The class of a vendor code, None for a code nobody lists."""
    return fact_of(codes, code)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    """What the platform said about one row. `text` is redacted and at most 500 characters."""

    outcome: Outcome
    code: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendResult:
    """What became of one request.

    `outcome` holds for every row not in `rows` (keyed by index into the batch). With BAD_BATCH,
    `named` are the indexes the platform blamed, empty when it named none. `request_ref` is the
    vendor's id of the request, by which an ACCEPTED batch is asked after. `retry_after` is the
    platform's own delay, `used` the percentage it says is used of a quota. `remedy` says what a human
    must do when the outcome is HOLD.
    """

    outcome: Outcome
    code: str = ""
    text: str = ""
    remedy: str = ""
    rows: Mapping[int, RowResult] = field(default_factory=dict)
    named: Sequence[int] = ()
    request_ref: str | None = None
    retry_after: timedelta | None = None
    used: float | None = None
    http_status: int | None = None


class SettlementStatus(StrEnum):
    """How the platform finally answered for an ACCEPTED request."""

    PENDING = "pending"
    SETTLED = "settled"
    FAILED = "failed"
    PARTIAL = "partial"
    LATER = "later"
    HOLD = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """`counts` are rows per vendor reason; the platform names no row. `code`/`text` as in SendResult."""

    status: SettlementStatus
    counts: Mapping[str, int] = field(default_factory=dict)
    code: str = ""
    text: str = ""
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a preflight found wrong, in words. `blocking`: rows would be held or refused because of it;
    otherwise they would leave, and count otherwise than the configuration says.
    """

    text: str
    remedy: str
    blocking: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """How an account stands before anything is sent: `said` is what was seen, `findings` what is wrong."""

    said: str = ""
    findings: Sequence[Finding] = ()


class Tokens(Protocol):
    """Where an adapter gets its access token. Who keeps and renews it is not the adapter's business."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no text may show: the tokens known by now."""
        ...

    def token(self) -> str | SendResult:
        """A token that should be valid, or why there is none: nothing was sent then."""
        ...

    def renewed(self, refused: str) -> str | SendResult:
        """Another token after the platform refused this one, or why there is none."""
        ...

    def worked(self, token: str) -> None:
        """The platform took a request with this token: what it replaced is needed no more."""
        ...


class Platform(Protocol):
    """One ad account at one platform."""

    @property
    def catalogue(self) -> Catalogue:
        """The platform's facts, with this account's overrides applied."""
        ...

    def invalid(self, row: Outbound) -> str | None:
        """Why the platform would refuse this row, by the rules it documents; None when it is fine."""
        ...

    def send(self, batch: Sequence[Outbound], *, validate_only: bool) -> SendResult:
        """One request. All rows of a batch have the same `kind` (conversions or adjustments)."""
        ...

    def settlement(self, request_ref: str) -> Settlement:
        """Ask after an ACCEPTED request."""
        ...

    def preflight(self, targets: Mapping[str, Mapping[str, str]]) -> Preflight:
        """Ask, by reads alone, whether the credential gets in and each action's target is there and right.

        `targets` are what the actions are called at this account, by action.
        """
        ...

    def close(self) -> None:
        """Release sockets."""
        ...
