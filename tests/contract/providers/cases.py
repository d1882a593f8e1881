"""What tells one billing system from another in the suite all of them pass: one entry each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import requests

from conversion_sync.billing.provider import BillingProvider
from conversion_sync.billing.stripe.adapter import StripeProvider
from conversion_sync.billing.stripe.catalogue import catalogue
from conversion_sync.billing.stripe.settings import Account

Json = dict[str, Any]
Endpoints = Mapping[str, Any]
Sleep = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One billing system. `vendor` is the name the sandbox's faults and counters go by.

    `account` is its configuration, `open` its adapter with the way it waits, `told` everything the vendor
    lists, read without the product. `wrong` breaks the credential, which stands under `secret`; `at` asks
    another address. `requests` is how often one thing is asked for while it goes wrong, `longest_wait` the
    most seconds between two of those.
    """

    provider: str
    vendor: str
    account: Callable[[Endpoints], dict[str, Any]]
    open: Callable[[str, Mapping[str, Any], Sleep], BillingProvider]
    told: Callable[[Endpoints], list[Json]]
    wrong: Mapping[str, Any]
    at: Callable[[str], dict[str, Any]]
    secret: str
    page_size: int
    requests: int
    longest_wait: float


def stripe_account(endpoints: Endpoints) -> dict[str, Any]:
    return {"api_key": endpoints["credentials"]["stripe_key"], "api_base": endpoints["stripe"]}


def open_stripe(account: str, settings: Mapping[str, Any], sleep: Sleep) -> BillingProvider:
    return StripeProvider(account, Account.model_validate(settings), sleep)


def told_by_stripe(endpoints: Endpoints) -> list[Json]:
    wanted = {*catalogue().events.read, *catalogue().events.kept}
    return [event for event in _stripe_events(endpoints) if event["type"] in wanted]


def _stripe_events(endpoints: Endpoints) -> Iterator[Json]:
    cursor: dict[str, str] = {}
    key = endpoints["credentials"]["stripe_key"]
    with requests.Session() as session:
        while True:
            page = session.get(
                f"{endpoints['stripe']}/v1/events",
                params={"limit": "100", **cursor},
                headers={"Authorization": f"Bearer {key}"},
                timeout=10,
            ).json()
            yield from page["data"]
            if not page["has_more"]:
                return
            cursor = {"starting_after": page["data"][-1]["id"]}


CASES = [
    Case(
        provider="stripe",
        vendor="stripe",
        account=stripe_account,
        open=open_stripe,
        told=told_by_stripe,
        wrong={"api_key": "sk_live_canary0123456789"},
        at=lambda url: {"api_base": url},
        secret="api_key",
        page_size=100,
        requests=6,
        longest_wait=30,
    ),
]
