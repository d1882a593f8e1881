"""Whether an account and its conversion actions are what uploads need, read by GAQL before anything is sent.

Source: specs/google_ads.md §2.7 (fields and enums), §2.5 (windows), §4.1 and §4.2 (what is refused),
§5.2 (the conversion customer).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from conversion_sync.platforms.google_ads.api import AdsApi
from conversion_sync.platforms.google_ads.classify import REMEDY, request_fault
from conversion_sync.platforms.http import CONNECT_SECONDS, READ_SECONDS
from conversion_sync.platforms.platform import Finding, Preflight
from conversion_sync.platforms.preflight import refused

SERVICE = "google_ads_service"
CUSTOMER = "SELECT customer.conversion_tracking_setting.google_ads_conversion_customer FROM customer"
ACTIONS = (
    "SELECT conversion_action.id, conversion_action.status, conversion_action.type,"
    " conversion_action.counting_type, conversion_action.click_through_lookback_window_days,"
    " conversion_action.value_settings.always_use_default_value"
    " FROM conversion_action WHERE conversion_action.id IN ({ids})"
)
UPLOADS, ENABLED, EVERY = "UPLOAD_CLICKS", "ENABLED", "MANY_PER_CLICK"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionFacts:
    """A conversion action as Google has it."""

    status: str
    type: str
    counting: str
    window_days: int
    default_value: bool


def preflight(api: AdsApi, targets: Mapping[str, Mapping[str, str]]) -> Preflight:
    """Fetches a token, then reads the conversion customer and every configured action."""
    from google.api_core.exceptions import GoogleAPICallError

    no_token = api.credential.refused()
    if no_token is not None:
        return Preflight(findings=[refused(no_token, REMEDY)])
    ids = {action: target["conversion_action_id"] for action, target in targets.items()}
    client = api.open(SERVICE, "GoogleAdsService")
    try:
        customers = _search(api, client, CUSTOMER)
        rows = _search(api, client, ACTIONS.format(ids=", ".join(sorted(set(ids.values()))))) if ids else []
    except GoogleAPICallError as fault:
        answer = request_fault(api.facts, api.faults(fault), api.excerpt)
        return Preflight(findings=[refused(answer, REMEDY)])
    finally:
        client.transport.close()
    keeper = next((_keeper(row) for row in customers), "")
    known = {str(row.conversion_action.id): _facts(row.conversion_action) for row in rows}
    found = [*customer_findings(api.account.customer_id, keeper)]
    for action, number in sorted(ids.items()):
        found.extend(action_findings(action, number, known.get(number), api.facts.click_window))
    return Preflight(said=f"the credential gets in, {len(ids)} conversion actions looked up", findings=found)


def customer_findings(customer: str, keeper: str) -> Iterator[Finding]:
    """Uploads are taken by the conversion customer alone, which may be a manager of the account."""
    if keeper and keeper != customer:
        yield Finding(
            text=f"Conversions of customer {customer} are kept by customer {keeper}.",
            remedy=f'Write customer_id: "{keeper}", and the conversion_action_ids of that customer.',
        )


def action_findings(
    action: str, number: str, facts: ActionFacts | None, window: timedelta
) -> Iterator[Finding]:
    """What is wrong with an action's conversion action. `window` is how old clicks may be, as configured."""
    place = f"conversion action {number} of action {action}"
    if facts is None:
        yield Finding(
            text=f"There is no {place} in this account.",
            remedy="Write the id that stands in the address of the conversion action's page in Google Ads.",
        )
        return
    if facts.type != UPLOADS:
        yield Finding(
            text=f"The {place} is of type {facts.type}, which takes no uploads of clicks.",
            remedy="Make a conversion action of the kind Import, from clicks, and name that.",
        )
    if facts.status != ENABLED:
        yield Finding(
            text=f"The {place} is {facts.status}.", remedy="Switch it on in Google Ads, or name another."
        )
    if facts.counting != EVERY:
        yield Finding(
            text=f"The {place} counts one conversion a click: later payments of a click do not count.",
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
            text=f"The {place} always counts its default value, not what is sent.",
            remedy="Let it use different values in Google Ads.",
            blocking=False,
        )


def _search(api: AdsApi, client: Any, query: str) -> Sequence[Any]:
    kind = api.module(f"services.types.{SERVICE}").SearchGoogleAdsRequest
    return list(
        client.search(
            request=kind(customer_id=api.account.customer_id, query=query),
            retry=None,
            timeout=CONNECT_SECONDS + READ_SECONDS,
            metadata=api.headers(),
        )
    )


def _keeper(row: Any) -> str:
    """The digits of `customers/1234567890`."""
    name: str = row.customer.conversion_tracking_setting.google_ads_conversion_customer
    return name.rpartition("/")[2]


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
