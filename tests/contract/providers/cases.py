"""What tells one billing system from another in the suite all of them pass: one entry each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests

from conversion_sync.billing.lemon_squeezy import settings as lemon_squeezy
from conversion_sync.billing.lemon_squeezy.adapter import LemonSqueezyProvider
from conversion_sync.billing.paddle import settings as paddle
from conversion_sync.billing.paddle.adapter import PaddleProvider
from conversion_sync.billing.paddle.catalogue import catalogue as paddle_facts
from conversion_sync.billing.provider import BillingProvider, RawRecord
from conversion_sync.billing.stripe.adapter import StripeProvider
from conversion_sync.billing.stripe.catalogue import catalogue
from conversion_sync.billing.stripe.settings import Account

Json = dict[str, Any]
Endpoints = Mapping[str, Any]
Sleep = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Listed:
    """Something the vendor lists: its record's id, when it was made and when it changed, what it says."""

    id: str
    moments: tuple[datetime, ...]
    said: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One billing system. `vendor` is the name the sandbox's faults and counters go by.

    `account` is its configuration, `open` its adapter with the way it waits. `told` is everything the vendor
    lists, newest first, read without the product; `same` holds a record to what was said. `wrong` breaks the
    credential, which stands under `secret`; `at` asks another address. `requests` is how often one thing is
    asked for while it goes wrong, `longest_wait` the most seconds between two of those.
    """

    provider: str
    vendor: str
    account: Callable[[Endpoints], dict[str, Any]]
    open: Callable[[str, Mapping[str, Any], Sleep], BillingProvider]
    told: Callable[[Endpoints], list[Listed]]
    same: Callable[[RawRecord, Json], None]
    wrong: Mapping[str, Any]
    at: Callable[[str], dict[str, Any]]
    secret: str
    page_size: int
    requests: int
    longest_wait: float


def stripe_account(endpoints: Endpoints) -> dict[str, Any]:
    return {
        "api_key": endpoints["credentials"]["stripe_key"],
        "api_base": endpoints["stripe"],
        "requests_per_second": 1000,
    }


def open_stripe(account: str, settings: Mapping[str, Any], sleep: Sleep) -> BillingProvider:
    return StripeProvider(account, Account.model_validate(settings), sleep)


def told_by_stripe(endpoints: Endpoints) -> list[Listed]:
    wanted = {*catalogue().events.read, *catalogue().events.kept}
    return [
        Listed(event["id"], (datetime.fromtimestamp(event["created"], UTC),), event)
        for event in _stripe_events(endpoints)
        if event["type"] in wanted
    ]


def same_stripe_event(record: RawRecord, event: Json) -> None:
    body = json.loads(record.body)
    facts = (record.event_type, record.created_at, record.livemode, record.api_version)
    created = datetime.fromtimestamp(event["created"], UTC)
    assert facts == (event["type"], created, event["livemode"], event["api_version"])
    lines = event["data"]["object"].get("lines")
    if lines and lines["has_more"]:
        # Completed lines are as the vendor lists them today, in today's shape.
        every = body["data"]["object"]["lines"]["data"]
        assert [(line["id"], line["amount"]) for line in every[: len(lines["data"])]] == [
            (line["id"], line["amount"]) for line in lines["data"]
        ]
        body["data"]["object"]["lines"] = lines
    assert body == event


def _stripe_events(endpoints: Endpoints) -> Iterator[Json]:
    cursor: dict[str, str] = {}
    key = endpoints["credentials"]["stripe_key"]
    with requests.Session() as session:
        while True:
            page = session.get(
                f"{endpoints['stripe']}/v1/events",
                params={"limit": "100", **cursor},
                headers={"Authorization": f"Bearer {key}"},
                timeout=60,
            ).json()
            yield from page["data"]
            if not page["has_more"]:
                return
            cursor = {"starting_after": page["data"][-1]["id"]}


def paddle_account(endpoints: Endpoints) -> dict[str, Any]:
    """Asks as often as it likes: the sandbox of these tests does not count."""
    return {
        "api_key": endpoints["credentials"]["paddle_key"],
        "api_base": endpoints["paddle"],
        "requests_per_minute": 1_000_000,
    }


def open_paddle(account: str, settings: Mapping[str, Any], sleep: Sleep) -> BillingProvider:
    return PaddleProvider(account, paddle.Account.model_validate(settings), sleep)


def told_by_paddle(endpoints: Endpoints) -> list[Listed]:
    link = f"{endpoints['paddle']}/events?per_page=200"
    found: list[Listed] = []
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {endpoints['credentials']['paddle_key']}"
        while True:
            answer = session.get(link, timeout=60).json()
            found += [
                Listed(event["event_id"], (datetime.fromisoformat(event["occurred_at"]),), event)
                for event in answer["data"]
                if event["event_type"] in paddle_facts().events.read
            ]
            if not answer["meta"]["pagination"]["has_more"]:
                return found
            link = answer["meta"]["pagination"]["next"]


def same_paddle_event(record: RawRecord, event: Json) -> None:
    told = datetime.fromisoformat(event["occurred_at"])
    assert (record.event_type, record.created_at, record.livemode) == (event["event_type"], told, True)
    assert json.loads(record.body) == event


def lemon_squeezy_account(endpoints: Endpoints) -> dict[str, Any]:
    """Looks for changes as far back as the sandbox's business goes, and waits for no minute to pass."""
    return {
        "api_key": endpoints["credentials"]["lemon_squeezy_key"],
        "api_base": endpoints["lemon_squeezy"],
        "requests_per_minute": 100_000,
        "update_days": 90,
    }


def open_lemon_squeezy(account: str, settings: Mapping[str, Any], sleep: Sleep) -> BillingProvider:
    return LemonSqueezyProvider(account, lemon_squeezy.Account.model_validate(settings), sleep)


def told_by_lemon_squeezy(endpoints: Endpoints) -> list[Listed]:
    names = ("customers", "orders", "subscriptions", "subscription-invoices")
    return [_lemon(row) for name in names for row in lemon_squeezy_rows(endpoints, name)]


def lemon_squeezy_rows(endpoints: Endpoints, name: str) -> Iterator[Json]:
    """All rows of a list, without what is new each time."""
    media = "application/vnd.api+json"
    key = endpoints["credentials"]["lemon_squeezy_key"]
    headers = {"Accept": media, "Content-Type": media, "Authorization": f"Bearer {key}"}
    number = last = 1
    with requests.Session() as session:
        while number <= last:
            page = session.get(
                f"{endpoints['lemon_squeezy']}/v1/{name}",
                params={"page[number]": str(number), "page[size]": "100"},
                headers=headers,
                timeout=60,
            ).json()
            yield from page["data"]
            number, last = number + 1, page["meta"]["page"]["lastPage"]


def _lemon(row: Json) -> Listed:
    of = {key: value for key, value in row["attributes"].items() if key != "urls"}
    said = {"type": row["type"], "id": row["id"], "attributes": of}
    digest = hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    moments = tuple(datetime.fromisoformat(of[name]) for name in ("created_at", "updated_at"))
    return Listed(f"object:{row['type']}:{row['id']}:{digest[:16]}", moments, said)


def same_lemon_squeezy_row(record: RawRecord, said: Json) -> None:
    of = said["attributes"]
    facts = (record.event_type, record.created_at, record.livemode, record.api_version)
    created = datetime.fromisoformat(of["created_at"])
    assert facts == (f"object.{said['type']}", created, not of["test_mode"], None)
    owner = said["id"] if said["type"] == "customers" else str(of["customer_id"])
    assert (record.customer_ref, json.loads(record.body)["object"]) == (owner, said)


CASES = [
    Case(
        provider="lemon_squeezy",
        vendor="lemon_squeezy",
        account=lemon_squeezy_account,
        open=open_lemon_squeezy,
        told=told_by_lemon_squeezy,
        same=same_lemon_squeezy_row,
        wrong={"api_key": "lemon_canary_0123456789"},
        at=lambda url: {"api_base": url},
        secret="api_key",
        page_size=100,
        requests=6,
        longest_wait=30,
    ),
    Case(
        provider="stripe",
        vendor="stripe",
        account=stripe_account,
        open=open_stripe,
        told=told_by_stripe,
        same=same_stripe_event,
        wrong={"api_key": "sk_live_canary0123456789"},
        at=lambda url: {"api_base": url},
        secret="api_key",
        page_size=100,
        requests=6,
        longest_wait=30,
    ),
    Case(
        provider="paddle",
        vendor="paddle",
        account=paddle_account,
        open=open_paddle,
        told=told_by_paddle,
        same=same_paddle_event,
        wrong={"api_key": "pdl_live_apikey_canary0123456789"},
        at=lambda url: {"api_base": url},
        secret="api_key",
        page_size=200,
        requests=6,
        longest_wait=30,
    ),
]
