"""The shape of `conversion_sync.yaml`.

Secrets are written as `env:NAME` and resolved when the file is loaded; a literal secret is refused.
Every endpoint has the vendor's address as default and can be overridden. Accounts are keyed by a
name of the user's choice, which is part of every id the ledger makes: it must not change. What an
account and a target of each platform hold says the platform itself; `config.shape` puts it in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, ClassVar, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator

from conversion_sync.config.forms import Currency, told
from conversion_sync.config.pace import BreakerSettings, Bucket, LimitSettings
from conversion_sync.model.click import Network
from conversion_sync.model.identifier import Identifier
from conversion_sync.model.revenue import EventKind

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


def _aware_utc_hour(value: datetime) -> datetime:
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    value = value.astimezone(UTC)
    if value.minute or value.second or value.microsecond:
        raise told("must be a whole hour", "Write one, for example 2026-01-01T00:00:00Z.")
    return value


class Part(BaseModel):
    """Frozen; unknown keys are refused, so that a misspelt key is a message and not a silence."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with the configuration. `key` is the dotted path; no secret is in any part."""

    key: str
    problem: str
    remedy: str


class UploadMode(StrEnum):
    """What deliveries do: plan only, ask the platform to check only, or send."""

    DRY_RUN = "dry_run"
    VALIDATE_ONLY = "validate_only"
    LIVE = "live"


class Database(Part):
    """`url` is any PostgreSQL >= 15; without it an embedded server runs under the home folder.

    Dagster's storage is a second database in the same server: `dagster_database`.
    """

    url: SecretStr | None = None
    dagster_database: str = "dagster"


Secrets = tuple[SecretStr, ...]
"""Any of them is right: while one is replaced by the next, both are."""


class BillingAccount(Part):
    """What every billing account may set; a provider adds its own keys in its `settings.py`."""

    settle_lag_minutes: int = Field(default=10, ge=0, le=120)
    """How long after an hour its records are complete."""
    overlap_minutes: int = Field(default=15, ge=0, le=1440)
    """How much of the time before a window is read again with it."""
    history_from: datetime | None = None
    """The first day of the business, UTC: where its history begins. Without it everything is read."""

    @field_validator("history_from")
    @classmethod
    def _in_utc(cls, value: datetime | None) -> datetime | None:
        return value if value is None else value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC)

    webhook_secrets: Secrets = ()
    """Signing secrets of the account's webhooks; without one the receiver takes nothing for it."""


class ClickColumns(Part):
    """Our names on the left, the table's on the right. Absent ones are not read."""

    click_ref: str
    clicked_at: str
    ingested_at: str | None = None
    """When the row was written; with it, rows that arrive late are found by the hourly pull."""
    visitor_id: str | None = None
    user_id: str | None = None
    email: str | None = None
    """The visitor's e-mail, hashed when it is read and kept only so; `identity.match_email` matches by it."""
    email_sha256: str | None = None
    """The same as the SHA-256 of the trimmed, lower-case e-mail."""
    click_ids: str | None = None
    """A column that holds several click ids by name: an object, pairs of key and value, or an address."""
    gclid: str | None = None
    gbraid: str | None = None
    wbraid: str | None = None
    fbc: str | None = None
    fbclid: str | None = None
    ttclid: str | None = None
    li_fat_id: str | None = None
    msclkid: str | None = None
    rdt_cid: str | None = None
    epik: str | None = None
    sc_cid: str | None = None
    twclid: str | None = None
    utm_source: str | None = None
    campaign: str | None = None
    landing_url: str | None = None
    referrer: str | None = None
    user_agent: str | None = None
    ip_address: str | None = None
    ad_user_data: str | None = None
    ad_personalization: str | None = None


class ClickTable(Part):
    """`url` is any SQLAlchemy address; `time_zone` applies to columns without an offset."""

    url: SecretStr
    table: str | None = None
    """Schema-qualified if need be: `marketing.ad_clicks`."""
    query: str | None = None
    """A SELECT instead; `:window_start` and `:window_end` in it are the span that is read."""
    columns: ClickColumns
    time_zone: str = "UTC"
    overlap_minutes: int | None = Field(default=None, ge=0, le=43200)

    @property
    def overlap(self) -> timedelta:
        """How far before a window is read: for rows still being written, or all that come late.

        Without `ingested_at` a late row is only met by looking back.
        """
        if self.overlap_minutes is not None:
            return timedelta(minutes=self.overlap_minutes)
        return timedelta(minutes=15) if self.columns.ingested_at else timedelta(days=1)

    @property
    def named(self) -> str:
        """What a message calls the rows."""
        return self.table or "the query"


class AccountSettings(Part):
    """What every ad account may set; a platform adds its own keys in its `settings.py`."""

    click_window_days: float | None = Field(default=None, gt=0)
    identifiers: tuple[Identifier, ...] = ()
    """What the account is told of who a customer is; by default nothing. Of those its platform takes."""
    takes: ClassVar[tuple[Identifier, ...]] = ()
    limits: Mapping[Bucket, LimitSettings] = Field(default_factory=dict)
    """By bucket; each replaces the platform's own number of the same name."""
    breaker: BreakerSettings = BreakerSettings()

    def findings(self) -> Iterator[Finding]:
        """Broken rules between the account's keys; `key` is one of them, or empty for the account itself."""
        return iter(())

    def target_findings(self, mapped: Mapping[str, Mapped]) -> Iterator[tuple[str, Finding]]:  # noqa: ARG002
        """Broken rules between what is mapped to the account, by action: which action, and its finding.

        `key` is a key of the action's target at this account.
        """
        return iter(())

    def route(self) -> str | None:
        """Which of the platform's ways to send the account takes, by its section in the catalogue."""
        return None

    def fixed_token(self) -> SecretStr | None:
        """The configured token that is used as it is; None where one has to be fetched."""
        return None


class OAuthSettings(AccountSettings):
    """An account whose tokens are fetched: after a person's consent, or from a refresh token given here.

    The addresses replace the platform's own.
    """

    needs_client_secret: ClassVar[bool] = True

    client_id: SecretStr | None = None
    client_secret: SecretStr | None = None
    refresh_token: SecretStr | None = None
    """The first one. What replaces it is kept in the database; another one here later begins anew."""
    authorise_uri: str | None = None
    token_uri: str | None = None
    refresh_uri: str | None = None

    def findings(self) -> Iterator[Finding]:
        """Halves of a credential."""
        known = {"client_id": self.client_id, "client_secret": self.client_secret}
        given = any(known.values()) or self.refresh_token is not None
        if self.fixed_token() is not None and not given:
            return
        missing = [name for name in self._client() if known[name] is None]
        if missing:
            may_be_fixed = "access_token" in type(self).model_fields and self.fixed_token() is None
            lacking = f"{' and '.join(missing)} to fetch one is missing."
            client = " and ".join(self._client())
            yield Finding(
                "",
                f"There is no access_token, and {lacking}" if may_be_fixed else f"A token: {lacking}",
                f"Write {'access_token, or ' if may_be_fixed else ''}{client}; then run "
                "conversion-sync connect, or write the refresh_token of a consent given elsewhere.",
            )

    def _client(self) -> tuple[str, ...]:
        return ("client_id", "client_secret") if self.needs_client_secret else ("client_id",)


class TargetSettings(Part):
    """What an action is called at one account; a platform adds its keys in its `settings.py`."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """An action as one account sees it: which kinds of events it reports there, and how it is called."""

    kinds: tuple[EventKind, ...]
    target: TargetSettings


Entry = TypeVar("Entry", bound=Part)


class ByVendor(Part, Generic[Entry]):
    """A key for each vendor of a kind, with entries by account. `config.shape` adds the vendors there are."""

    def __getitem__(self, vendor: str) -> Mapping[str, Entry]:
        """The entries of one vendor."""
        entries: Mapping[str, Entry] = getattr(self, vendor)
        return entries

    def items(self) -> list[tuple[str, str, Entry]]:
        """Every entry with its vendor and account, in a stable order."""
        return [
            (vendor, account, self[vendor][account])
            for vendor in sorted(type(self).model_fields)
            for account in sorted(self[vendor])
        ]


class ValueRule(Part):
    """What an action reports: cash without tax, cash with tax, a fixed amount, or a multiple of the net."""

    rule: Literal["net_cash", "gross", "fixed", "multiple"] = "net_cash"
    amount: Decimal | None = None
    """For `fixed`, in major units."""
    currency: Currency | None = None
    factor: Decimal | None = None
    """For `multiple`."""


class Action(Part):
    """Event kinds that are reported as one conversion action. A kind belongs to one action per account."""

    kinds: tuple[EventKind, ...] = Field(min_length=1)
    value: ValueRule = ValueRule()
    targets: ByVendor[TargetSettings]
    """Per platform, per account: what the action is called there."""


class Model(StrEnum):
    """Credit models for reporting; delivery always uses each platform's own last click."""

    LAST_NON_DIRECT = "last_non_direct"
    LINEAR = "linear"
    POSITION_BASED = "position_based"
    TIME_DECAY = "time_decay"


class Attribution(Part):
    models: tuple[Model, ...] = tuple(Model)
    half_life_days: float = Field(default=7, gt=0)
    window_days: Mapping[Network, float] = Field(default_factory=dict)
    """How far back each network's clicks count for reporting credit; platforms' own windows by default."""


class Identity(Part):
    match_email: bool = False
    """Whether visitors and customers are matched by hashed e-mail where nothing else says who they are."""


class Schedule(Part):
    catch_up_hours: int = Field(default=72, ge=1, le=720)
    attempts_per_hour: int = Field(default=3, ge=1, le=20)
    reject_rows_red: int = Field(default=5, ge=1)
    """An hour with fewer refused rows than this is not red for them."""
    reject_share_red: float = Field(default=0.2, ge=0, le=1)
    """An hour with a larger share of refused rows than this is red."""


def _origin(value: str) -> str:
    if re.fullmatch(r"https?://[a-z0-9.-]+(:[0-9]+)?", value) is None:
        raise told(
            "is no origin as browsers send it",
            "Write scheme and host in lower case, without a path: https://www.example.com.",
        )
    return value


def _network(value: str) -> str:
    try:
        return str(ip_network(value))
    except ValueError:
        raise told(
            "is no address and no network", "Write for example 10.0.0.7, or 10.0.0.0/8 without host bits."
        ) from None


class Collector(Part):
    """Whose browsers may tell the receiver of clicks, and how much."""

    origins: tuple[Annotated[str, AfterValidator(_origin)], ...]
    """The sites' own, as browsers send them; another one's requests are refused (403)."""
    requests_per_minute: int = Field(default=120, ge=1, le=100_000)
    """Of one address, evenly or at once; more are refused (429)."""
    body_limit_bytes: int = Field(default=65_536, ge=1_000, le=1_000_000)


class Receiver(Part):
    """Where `conversion-sync receiver` listens; TLS ends at the proxy before it."""

    host: str = "127.0.0.1"
    port: int = Field(default=8321, ge=1, le=65535)
    body_limit_bytes: int = Field(default=1_000_000, ge=1_000, le=50_000_000)
    """A larger request is refused (413) without being read to its end."""
    trusted_proxies: tuple[Annotated[str, AfterValidator(_network)], ...] = ()
    """Whose X-Forwarded-For is believed: addresses or networks of the proxies before the receiver."""
    collector: Collector | None = None
    """Without it the receiver takes no clicks."""


class Settings(Part):
    """The whole file."""

    start: Annotated[datetime, AfterValidator(_aware_utc_hour)]
    """The first hour that is synced."""
    upload_mode: UploadMode = UploadMode.DRY_RUN
    home: Path = Path(".conversion_sync")
    database: Database = Database()
    billing: ByVendor[BillingAccount]
    clicks: Mapping[Name, ClickTable] = Field(default_factory=dict)
    platforms: ByVendor[AccountSettings]
    actions: Mapping[Name, Action] = Field(default_factory=dict)
    attribution: Attribution = Attribution()
    identity: Identity = Identity()
    schedule: Schedule = Schedule()
    receiver: Receiver = Receiver()

    @property
    def settle_lag(self) -> timedelta:
        """How long after an hour its events are complete at every billing account."""
        lags = [account.settle_lag_minutes for _, _, account in self.billing.items()]
        return timedelta(minutes=max(lags, default=0))

    def accounts(self) -> list[tuple[str, str]]:
        """Every enabled (platform, account), in a stable order."""
        return [(platform, account) for platform, account, _ in self.platforms.items()]
