"""Whether an account and its conversion actions are what uploads need, found out before anything is sent.

By GAQL: the conversion customer, its terms, its actions. What no query tells (the scope of the consent for
Data Manager, a place on the allow-list) a made-up row tells that is checked and never stored.
Source: specs/google_ads.md §2.7 (fields and enums), §2.5 (windows), §4.1 and §4.2 (what is refused),
§5.2 (the conversion customer), §5.8 (the probe).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from conversion_sync.model.conversion import ConversionId, ConversionKind, Outbound, Outcome, Verb
from conversion_sync.platforms.google_ads.api import AdsApi, Refusal
from conversion_sync.platforms.google_ads.classify import REMEDY, request_fault
from conversion_sync.platforms.google_ads.settings import UploadApi
from conversion_sync.platforms.platform import Finding, Preflight, SendResult
from conversion_sync.platforms.preflight import refused

MODULE, SERVICE = "google_ads_service", "GoogleAdsService"
CUSTOMER = (
    "SELECT customer.conversion_tracking_setting.google_ads_conversion_customer,"
    " customer.conversion_tracking_setting.accepted_customer_data_terms,"
    " customer.conversion_tracking_setting.conversion_tracking_status,"
    " customer.conversion_tracking_setting.effective_enablement_setting FROM customer"
)
ACTIONS = (
    "SELECT conversion_action.id, conversion_action.status, conversion_action.type,"
    " conversion_action.counting_type, conversion_action.click_through_lookback_window_days,"
    " conversion_action.value_settings.always_use_default_value"
    " FROM conversion_action WHERE conversion_action.id IN ({ids})"
)
UPLOADS, WEBSITE, ENABLED, EVERY = "UPLOAD_CLICKS", "WEBPAGE", "ENABLED", "MANY_PER_CLICK"
NOT_TRACKED, ON = "NOT_CONVERSION_TRACKED", "ON"
PROBE_CLICK = "conversion-sync-checks-its-access"
PROBE_AGE = timedelta(hours=7)
"""Beyond the age below which Google takes no click."""

Check = Callable[..., SendResult]
"""Sends a batch by the account's route; `validate_only` as a keyword."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerFacts:
    """The conversion tracking of a customer as Google has it. `keeper` are digits, "" where unsaid."""

    keeper: str
    tracked: bool
    terms_accepted: bool
    leads_enabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionFacts:
    """A conversion action as Google has it."""

    status: str
    type: str
    counting: str
    window_days: int
    default_value: bool


def preflight(api: AdsApi, targets: Mapping[str, Mapping[str, str]], check: Check) -> Preflight:
    """Reads the conversion customer and every configured action, then has one made-up row checked."""
    ids = {action: target["conversion_action_id"] for action, target in targets.items()}
    customers = _search(api, CUSTOMER)
    if isinstance(customers, SendResult):
        return Preflight(findings=[refused(customers, REMEDY)])
    rows = _search(api, ACTIONS.format(ids=", ".join(sorted(set(ids.values()))))) if ids else []
    if isinstance(rows, SendResult):
        return Preflight(findings=[refused(rows, REMEDY)])
    route = api.account.upload_api
    known = {str(row.conversion_action.id): _facts(row.conversion_action) for row in rows}
    findings: list[Finding] = []
    for row in customers:
        findings.extend(
            customer_findings(
                api.account.customer_id, _customer(row), sends_identifiers=bool(api.facts.identifiers)
            )
        )
    for action, number in sorted(ids.items()):
        findings.extend(action_findings(action, number, known.get(number), api.facts.click_window, route))
    said, probed = probe(check, sorted(number for number in ids.values() if number in known), route)
    return Preflight(
        said=f"the credential gets in, {len(ids)} conversion actions looked up, {said}",
        findings=[*findings, *probed],
    )


def probe(check: Check, actions: Sequence[str], route: UploadApi) -> tuple[str, list[Finding]]:
    """Whether the route is open to this account: what was done, and what is wrong."""
    if not actions:
        return f"{route.value} not tried: that takes a conversion action", []
    answer = check([_made_up(actions[0], datetime.now(UTC))], validate_only=True)
    held = next((row for row in answer.rows.values() if row.outcome is Outcome.HOLD), None)
    if answer.outcome in (Outcome.HOLD, Outcome.RETRY_LATER, Outcome.AMBIGUOUS):
        return f"{route.value} tried", [refused(answer, REMEDY)]
    if held is not None:
        remedy = answer.remedy or REMEDY
        return f"{route.value} tried", [Finding(text=f"{held.code} {held.text}", remedy=remedy)]
    return f"{route.value} open", []


def _made_up(action: str, now: datetime) -> Outbound:
    """A conversion of a click nobody made."""
    return Outbound(
        conversion_id=ConversionId("check"),
        vendor_id="cs_check_of_access",
        kind=ConversionKind.CONVERSION,
        verb=Verb.SEND,
        event_kind="check",
        action="check",
        target={"conversion_action_id": action},
        value=None,
        occurred_at=now - PROBE_AGE,
        click_id_kind="gclid",
        click_id=PROBE_CLICK,
    )


def customer_findings(
    customer: str, facts: CustomerFacts, *, sends_identifiers: bool = False
) -> Iterator[Finding]:
    """Uploads are taken by the conversion customer alone, which may be a manager of the account.

    What people's identifiers need matters only where they are sent.
    """
    if facts.keeper and facts.keeper != customer:
        yield Finding(
            text=f"Conversions of customer {customer} are kept by customer {facts.keeper}.",
            remedy=f'Write customer_id: "{facts.keeper}", and the conversion_action_ids of that customer.',
        )
    if not facts.tracked:
        yield Finding(
            text=f"Customer {customer} does not track conversions.",
            remedy="Make a conversion action in Google Ads; that switches it on.",
        )
    if sends_identifiers and not facts.terms_accepted:
        yield Finding(
            text=f"Customer {customer} has not accepted the customer data terms.",
            remedy="Accept them in Google Ads under Goals, Settings, Customer data terms.",
        )
    if sends_identifiers and not facts.leads_enabled:
        yield Finding(
            text=f"Customer {customer} has not switched on enhanced conversions for leads.",
            remedy="Switch them on in Google Ads under Goals, Settings.",
        )


def action_findings(
    action: str, number: str, facts: ActionFacts | None, window: timedelta, route: UploadApi
) -> Iterator[Finding]:
    """What is wrong with an action's conversion action. `window` is how old clicks may be, as configured."""
    place = f"conversion action {number} of action {action}"
    if facts is None:
        yield Finding(
            text=f"There is no {place} in this account.",
            remedy="Write the id that stands in the address of the conversion action's page in Google Ads.",
        )
        return
    yield from _type_findings(place, facts.type, route)
    if facts.status != ENABLED:
        yield Finding(
            text=f"The {place} is {facts.status}.", remedy="Switch it on in Google Ads, or name another."
        )
    if facts.counting != EVERY:
        yield Finding(
            text=f"The {place} counts one conversion a click: later payments of a click do not count,"
            " and clicks with a gbraid or wbraid are refused.",
            remedy="Set Count to Every in Google Ads, unless one a click is what you want.",
            blocking=False,
        )
    if timedelta(days=facts.window_days) < window:
        yield Finding(
            text=f"The {place} takes clicks of {facts.window_days} days; older ones would be refused.",
            remedy=f"Set click_window_days: {facts.window_days}, or widen the window in Google Ads.",
            blocking=False,
        )
    if facts.default_value:
        yield Finding(
            text=f"The {place} always counts its default value, not what is sent,"
            " and takes no new value after a refund.",
            remedy="Let it use different values in Google Ads.",
            blocking=False,
        )


def _type_findings(place: str, kind: str, route: UploadApi) -> Iterator[Finding]:
    if kind == UPLOADS:
        return
    if kind == WEBSITE and route is UploadApi.DATA_MANAGER:
        yield Finding(
            text=f"The {place} is of type {kind}: what is sent adds to what the site's own tag reports.",
            remedy="Name a conversion action of the kind Import, from clicks, unless that is what you want.",
            blocking=False,
        )
        return
    yield Finding(
        text=f"The {place} is of type {kind}, which takes no uploads of clicks.",
        remedy="Make a conversion action of the kind Import, from clicks, and name that.",
    )


def _search(api: AdsApi, query: str) -> list[Any] | SendResult:
    kind = api.module(f"services.types.{MODULE}").SearchGoogleAdsRequest
    answer = api.call(MODULE, SERVICE, "search", kind(customer_id=api.account.customer_id, query=query))
    if isinstance(answer, SendResult):
        return answer
    if isinstance(answer, Refusal):
        return request_fault(api.facts, (), answer.faults, api.excerpt)
    return list(answer)


def _customer(row: Any) -> CustomerFacts:
    setting = row.customer.conversion_tracking_setting
    return CustomerFacts(
        keeper=setting.google_ads_conversion_customer.rpartition("/")[2],
        tracked=_name(setting.conversion_tracking_status) != NOT_TRACKED,
        terms_accepted=bool(setting.accepted_customer_data_terms),
        leads_enabled=_name(setting.effective_enablement_setting) == ON,
    )


def _facts(found: Any) -> ActionFacts:
    return ActionFacts(
        status=_name(found.status),
        type=_name(found.type_),
        counting=_name(found.counting_type),
        window_days=int(found.click_through_lookback_window_days),
        default_value=bool(found.value_settings.always_use_default_value),
    )


def _name(value: Any) -> str:
    return value.name if hasattr(value, "name") else str(int(value))
