"""The vendor's request class with our wire form and our connection.

Of the SDK only `EventRequest` is used: its default API is global, its exceptions carry tokens, it takes any
JSON for success. It asks of an event nothing but `normalize`, so it is handed what `encode` made, once: the
SDK's own event objects cost several times as much and say the same, which a test holds. How much is in
docs/performance.md. Source: specs/meta_tiktok_linkedin_microsoft.md §1.2.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from conversion_sync.platforms.http import Bearer, Lost, Reply, Wire


@dataclass(frozen=True, slots=True)
class Ready:
    """An event as it stands on the wire."""

    wire: Mapping[str, Any]

    def normalize(self) -> Mapping[str, Any]:
        """What `EventRequest` writes as JSON."""
        return self.wire


@dataclass(frozen=True, slots=True)
class Client:
    """What `EventRequest` calls instead of opening a connection itself.

    The token travels in a header, never in the address, and the events as JSON instead of texts in JSON.
    """

    wire: Wire
    base_url: str
    api_version: str

    def execute(
        self,
        url: str,
        method: object,  # noqa: ARG002
        request_options: object,  # noqa: ARG002
        headers: object,  # noqa: ARG002
        params: Mapping[str, Any],
    ) -> Reply | Lost:
        """POSTs to this account's own origin and the version of the catalogue."""
        _, dataset, edge = url.rsplit("/", 2)
        address = "/".join((self.base_url.rstrip("/"), self.api_version, dataset, edge))
        return self.wire.post_text(address, body(params), auth=Bearer(params["access_token"]))


def body(params: Mapping[str, Any]) -> str:
    """The request as one JSON object: the events are texts already, and the token is left out."""
    others = {name: value for name, value in params.items() if name not in {"access_token", "data"}}
    rest = json.dumps(others)[1:]
    return f'{{"data":[{",".join(params["data"])}]{"," if others else ""}{rest}'


def post(
    client: Client,
    dataset: str,
    events: Iterable[Mapping[str, Any]],
    *,
    token: str,
    app_secret: str | None,
    test_event_code: str | None,
) -> Reply | Lost:
    """One request; with an app secret the SDK adds `appsecret_proof`."""
    from facebook_business.adobjects.serverside.event_request import EventRequest

    request = EventRequest(
        pixel_id=dataset,
        events=[Ready(wire) for wire in events],
        test_event_code=test_event_code,
        http_client=client,
        access_token=token,
        appsecret=app_secret,
    )
    answer: Reply | Lost = request.execute()
    return answer
