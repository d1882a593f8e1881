"""What an event costs to write by each way Meta's SDK offers: `python -m benchmarks.meta_events`.

All ways end where the body of a request is ready to be sent; the rows and their meaning are the same. The
floor is our wire form written by `json.dumps`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from requests.adapters import BaseAdapter

from conversion_sync.model.conversion import ConversionId, ConversionKind, Outbound, Verb
from conversion_sync.model.identifier import Contact, Rule
from conversion_sync.model.money import Money
from conversion_sync.platforms.contacts import identify
from conversion_sync.platforms.meta.encode import event, invalid
from conversion_sync.platforms.meta.sdk import Ready, body
from tests.contract.platforms.meta_sdk import FIELDS, typed

ROWS, TIMES = 1000, 5
START = datetime(2026, 11, 20, 12, tzinfo=UTC)
AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36"


def meta_figures() -> dict[str, float]:
    """Rows a CPU-second, the best of several tries, and how many times ours the SDK's own objects cost."""
    rows = [outbound(number) for number in range(ROWS)]
    ways: dict[str, Callable[[Sequence[Outbound]], object]] = {
        "meta: rows checked / CPU-s": lambda batch: [invalid(row) for row in batch],
        "meta: customers hashed / CPU-s": lambda batch: [people(number) for number in range(len(batch))],
        "meta: events written / CPU-s, by json.dumps alone": plain,
        "meta: events written / CPU-s, EventRequest and ready events (ours)": ready,
        "meta: events written / CPU-s, EventRequest and its own objects": objects,
        "meta: events written / CPU-s, FacebookAdsApi instance and ready events": instance(),
    }
    figures = {name: ROWS / best(lambda way=way: way(rows)) for name, way in ways.items()}
    ours, sdk = (figures[name] for name in list(ways)[3:5])
    return {**figures, "meta: what the SDK's own objects cost, times ours": ours / sdk}


def outbound(number: int) -> Outbound:
    """A purchase on the site with five identifiers."""
    click = f"IwAR{number:057d}"
    return Outbound(
        conversion_id=ConversionId(f"{number:032x}"),
        vendor_id=f"cs_{number:032x}",
        kind=ConversionKind.CONVERSION,
        verb=Verb.SEND,
        event_kind="first_payment",
        action="purchase",
        target={"event_name": "Purchase", "action_source": "website"},
        value=Money(1999 + number, "USD", 2),
        occurred_at=START + timedelta(seconds=number),
        click_id_kind="fbclid",
        click_id=click,
        clicked_at=START,
        landing_url=f"https://app.example.com/pricing?utm_source=facebook&fbclid={click}",
        user_agent=AGENT,
        ip_address="203.0.113.7",
        identifiers={made.rule.value: made.value for made in people(number)},
    )


def people(number: int) -> Sequence[Any]:
    """What is kept of a customer with an e-mail, a name and a postal code."""
    contact = Contact(
        of="customer",
        source_ref="evt",
        stated_at=START,
        email=f"person{number}@example.com",
        name="Jane Doe",
        postal_code=f"{number:05d}",
        country="US",
    )
    rules = [Rule.EMAIL_PLAIN, Rule.FIRST_NAME_BARE, Rule.LAST_NAME_BARE, Rule.ZIP_META, Rule.COUNTRY_HASHED]
    return identify([contact], rules).values


def plain(batch: Sequence[Outbound]) -> bytes:
    """No SDK at all."""
    document = {"data": [event(row, FIELDS) for row in batch]}
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def ready(batch: Sequence[Outbound]) -> bytes:
    """The SDK's request class over events as they stand on the wire."""
    return requested([Ready(event(row, FIELDS)) for row in batch])


def objects(batch: Sequence[Outbound]) -> bytes:
    """The SDK's request class over the SDK's own objects."""
    return requested([typed(event(row, FIELDS)) for row in batch])


def requested(events: Sequence[Any]) -> bytes:
    """The body `EventRequest` hands to an HTTP client of ours."""
    from facebook_business.adobjects.serverside.event_request import EventRequest

    kept = Kept()
    EventRequest(
        pixel_id="1", events=events, http_client=kept, access_token="token", appsecret="secret"
    ).execute()
    return body(kept.params).encode()


class Kept:
    """An HTTP client that only keeps what it is handed."""

    params: Mapping[str, Any]

    def execute(self, params: Mapping[str, Any], **_: object) -> None:
        self.params = params


class Stub(BaseAdapter):
    """The end of the line for the SDK's own session: the body is ready, nothing is sent."""

    def send(self, request: requests.PreparedRequest, **_: object) -> requests.Response:  # type: ignore[override]
        answer = requests.Response()
        answer.status_code, answer.request, answer.url = 200, request, request.url or ""
        answer._content = b'{"events_received":1000,"messages":[],"fbtrace_id":"A"}'  # noqa: SLF001
        return answer

    def close(self) -> None:
        """Nothing is open."""


def instance() -> Callable[[Sequence[Outbound]], object]:
    """An explicit `FacebookAdsApi`: a form of doubly quoted JSON, the token in the address."""
    from facebook_business.api import FacebookAdsApi, FacebookSession

    session = FacebookSession(access_token="token", app_secret="secret", timeout=(5, 60))
    session.requests.mount("https://", Stub())
    api = FacebookAdsApi(session, api_version="v26.0")

    def call(batch: Sequence[Outbound]) -> object:
        data = [json.dumps(event(row, FIELDS)) for row in batch]
        return api.call("POST", ("1", "events"), params={"data": data})

    return call


def best(work: Callable[[], object]) -> float:
    """CPU-seconds of the quickest of several tries."""
    spent = []
    for _ in range(TIMES):
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    return min(spent)


if __name__ == "__main__":
    for figure, found in meta_figures().items():
        sys.stdout.write(
            f"| {figure} | {found:,.3g} |\n" if found < 100 else f"| {figure} | {found:,.0f} |\n"
        )
