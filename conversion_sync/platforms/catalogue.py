"""A platform's facts as one frozen object: its `catalogue.toml`, with an account's own settings on top."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from conversion_sync.config.pace import BreakerSettings, Bucket, LimitSettings
from conversion_sync.config.settings import AccountSettings
from conversion_sync.model.click import Network
from conversion_sync.model.conversion import Outcome
from conversion_sync.model.expiry import Expiry
from conversion_sync.model.identifier import Identifier, Rule
from conversion_sync.platforms.fields import FieldKeys, rules_of
from conversion_sync.platforms.oauth import OAuthFile, oauth_of
from conversion_sync.platforms.pace import UsageKeys, breaker_of, limits_of, own_pace, usage_of
from conversion_sync.platforms.patience import Retries, patience_of
from conversion_sync.platforms.platform import Catalogue, DedupPromise, outcome_of

OVERRIDES = {"batch_size", "click_window_days", "max_event_age_days", "first_status_after_minutes"}
"""Account settings that replace the platform's own number of the same name."""

VERSION_TOLD, VERSION_FAILS = timedelta(days=60), timedelta(days=14)
"""How long before an API version ends it is told, and a failed check."""

Span = Annotated[float, Field(ge=0)]


class CodeRange(BaseModel):
    """Numeric codes `first` to `last`, both included, each with any suffix after a slash."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: int
    last: int
    outcome: Outcome


class CatalogueFile(BaseModel):
    """The shape of `catalogue.toml`. A code is listed once; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    platform: str
    network: Network
    api_version: str
    sunset: AwareDatetime | None = None
    batch_size: int = Field(gt=0)
    click_window_days: Span
    max_event_age_days: Span
    max_click_age_days: Span | None = None
    deadline_margin_minutes: Span
    min_click_age_minutes: Span = 0
    dedup: DedupPromise
    dedup_window_hours: Span = 0
    can_restate: bool = False
    can_retract: bool = False
    adjustment_window_days: Span = 0
    final_click_kinds: tuple[str, ...] = ()
    confirms_later: bool = False
    first_status_after_minutes: Span = 0
    status_retention_days: Span | None = None
    status_gone: tuple[str, ...] = ()
    isolation_requests: int = Field(ge=0)
    codes: Mapping[Outcome, tuple[str, ...]]
    code_ranges: tuple[CodeRange, ...] = ()
    retries: tuple[Retries, ...] = ()
    remedies: Mapping[str, str] = {}
    resend_alone: tuple[str, ...] = ()
    of_rows: tuple[str, ...] = ()
    too_large: tuple[str, ...] = ()
    renewable: tuple[str, ...] = ()
    said_in_words: Mapping[str, str] = {}
    clock_skew_minutes: Span = 0
    fields: Mapping[str, FieldKeys] = {}
    oauth: OAuthFile | None = None
    limits: Mapping[Bucket, LimitSettings] = {}
    quotas: tuple[str, ...] = ()
    usage: UsageKeys | None = None
    breaker: BreakerSettings = BreakerSettings()
    identifiers: Mapping[Identifier, Mapping[str, Rule]] = Field(default_factory=dict)
    """By what an account may be told of a customer: the platform's fields, each with its value's rule."""

    @model_validator(mode="after")
    def _each_code_once(self) -> Self:
        listed = [code for codes in self.codes.values() for code in codes]
        twice = sorted({code for code in listed if listed.count(code) > 1})
        if twice:
            raise ValueError(f"codes listed twice: {', '.join(twice)}")
        return self

    @model_validator(mode="after")
    def _statuses_do_not_last_for_ever(self) -> Self:
        if self.confirms_later and self.status_retention_days is None:
            raise ValueError("confirms_later needs status_retention_days")
        return self

    @model_validator(mode="after")
    def _remedies_and_words_are_of_codes_it_knows(self) -> Self:
        known = _codes(self)
        for of, codes in (("remedies", self.remedies), ("words", self.said_in_words.values())):
            others = sorted(code for code in codes if outcome_of(known, code.removesuffix("*")) is None)
            if others:
                raise ValueError(f"{of} for codes that are not listed: {', '.join(others)}")
        return self

    @model_validator(mode="after")
    def _another_token_may_help_where_the_credential_is_refused(self) -> Self:
        self._check_class(self.renewable, Outcome.HOLD)
        return self

    @model_validator(mode="after")
    def _retries_are_of_codes_that_ask_for_it(self) -> Self:
        listed = [code for retries in self.retries for code in retries.codes]
        twice = sorted({code for code in listed if listed.count(code) > 1})
        if twice:
            raise ValueError(f"retries listed twice: {', '.join(twice)}")
        self._check_class(listed, Outcome.RETRY_LATER)
        return self

    @model_validator(mode="after")
    def _quotas_are_of_codes_that_say_how_soon(self) -> Self:
        self._check_class(self.quotas, Outcome.RETRY_LATER)
        told = {code for retries in self.retries for code in retries.codes if retries.pauses}
        if others := sorted(set(self.quotas) - told):
            raise ValueError(f"quotas without a delay in retries: {', '.join(others)}")
        return self

    @model_validator(mode="after")
    def _rows_sent_again_alone_cannot_count_twice(self) -> Self:
        self._check_class(self.resend_alone, Outcome.AMBIGUOUS)
        if self.resend_alone and self.dedup is DedupPromise.NONE:
            raise ValueError("resend_alone needs a platform that drops duplicates")
        return self

    @model_validator(mode="after")
    def _refusals_that_say_more_are_refusals(self) -> Self:
        self._check_class((*self.of_rows, *self.too_large), Outcome.BAD_BATCH)
        return self

    def _check_class(self, listed: Iterable[str], wanted: Outcome) -> None:
        known = _codes(self)
        others = sorted(code for code in listed if outcome_of(known, code) is not wanted)
        if others:
            raise ValueError(f"not {wanted.value}: {', '.join(others)}")


def catalogue_of(platform: str, account: AccountSettings) -> Catalogue:
    """The facts of `platform` with the account's overrides. Raises ValidationError for a bad file.

    A file may have sections `routes.<name>` with the facts that differ between ways to send; of these the
    account's own counts.
    """
    own = account.model_dump(include=OVERRIDES, exclude_none=True)
    shared = dict(_read(platform))
    routes = shared.pop("routes", {})
    route = account.route()
    known = {**shared, **(routes[route] if route else {}), **own}
    facts = CatalogueFile.model_validate({**known, **own_pace(known, account)})
    return _frozen(facts, account)


def identifiers_of(platform: str) -> tuple[Identifier, ...]:
    """What the platform can be told of who a customer is, on any route."""
    shared = _read(platform)
    routes = [shared, *shared.get("routes", {}).values()]
    named = dict.fromkeys(name for route in routes for name in route.get("identifiers", ()))
    return tuple(Identifier(name) for name in named)


def version_expiry(facts: Catalogue) -> Expiry:
    """How long the vendor answers the API version this release speaks.

    Source: specs/meta_tiktok_linkedin_microsoft.md §3.1 (the notice), §9.11.
    """
    return Expiry(
        what=f"API {facts.api_version}",
        ends=facts.sunset,
        remedy="Upgrade conversion-sync before that day.",
        soon=VERSION_TOLD,
        now=VERSION_FAILS,
    )


@cache
def _read(platform: str) -> Mapping[str, Any]:
    text = (files(f"{__package__}.{platform}") / "catalogue.toml").read_text(encoding="utf-8")
    return MappingProxyType(tomllib.loads(text))


def _frozen(facts: CatalogueFile, account: AccountSettings) -> Catalogue:
    return Catalogue(
        platform=facts.platform,
        network=facts.network.value,
        api_version=facts.api_version,
        sunset=facts.sunset,
        batch_size=facts.batch_size,
        click_window=timedelta(days=facts.click_window_days),
        max_event_age=timedelta(days=facts.max_event_age_days),
        max_click_age=None if facts.max_click_age_days is None else timedelta(days=facts.max_click_age_days),
        deadline_margin=timedelta(minutes=facts.deadline_margin_minutes),
        min_click_age=timedelta(minutes=facts.min_click_age_minutes),
        dedup=facts.dedup,
        dedup_window=timedelta(hours=facts.dedup_window_hours),
        can_restate=facts.can_restate,
        can_retract=facts.can_retract,
        adjustment_window=timedelta(days=facts.adjustment_window_days),
        final_click_kinds=facts.final_click_kinds,
        confirms_later=facts.confirms_later,
        first_status_after=timedelta(minutes=facts.first_status_after_minutes),
        status_retention=(
            timedelta.max
            if facts.status_retention_days is None
            else timedelta(days=facts.status_retention_days)
        ),
        status_gone=frozenset(facts.status_gone),
        isolation_requests=facts.isolation_requests,
        codes=_codes(facts),
        patience=patience_of(facts.retries),
        remedies=MappingProxyType(dict(facts.remedies)),
        resend_alone=frozenset(facts.resend_alone),
        of_rows=frozenset(facts.of_rows),
        identifiers=_told(facts, account.identifiers),
        too_large=frozenset(facts.too_large),
        renewable=frozenset(facts.renewable),
        said_in_words=MappingProxyType(dict(facts.said_in_words)),
        clock_skew=timedelta(minutes=facts.clock_skew_minutes),
        fields=rules_of(facts.fields),
        oauth=oauth_of(facts.oauth, account),
        limits=limits_of(facts.limits),
        quotas=MappingProxyType(dict.fromkeys(facts.quotas, True)),
        usage=usage_of(facts.usage),
        breaker=breaker_of(facts.breaker),
    )


def _told(facts: CatalogueFile, asked: Iterable[Identifier]) -> Mapping[str, str]:
    fields = (facts.identifiers.get(identifier, {}) for identifier in asked)
    return MappingProxyType({name: rule.value for each in fields for name, rule in each.items()})


def _codes(facts: CatalogueFile) -> Mapping[str, Outcome]:
    codes: dict[str, Outcome] = {}
    for span in facts.code_ranges:
        for number in range(span.first, span.last + 1):
            codes[str(number)] = codes[f"{number}/*"] = span.outcome
    for outcome, listed in facts.codes.items():
        codes.update(dict.fromkeys(listed, outcome))
    return MappingProxyType(codes)
