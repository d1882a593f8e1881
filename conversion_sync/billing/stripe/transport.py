"""Stripe's own client with the bodies of its good answers left unread.

The client reads every answer into a tree of ordered dictionaries, which costs more than everything else of a
pull together (specs/billing.md §1.10). Authentication, connections and typed errors are still its own. Loads
Stripe's package: imported where something is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import stripe
from requests.structures import CaseInsensitiveDict

EMPTY = b"{}"
"""What the client reads in place of an answer."""


class Unread(CaseInsensitiveDict[str]):
    """An answer's headers, and its body as it came."""

    content: bytes = b""


class Transport(stripe.RequestsClient):
    """The client's transport. It is the client's own way to be given another one (`http_client`)."""

    def request(  # type: ignore[override] # as its own subclasses have it
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """As the client asks; the body of a 200 stands in the headers."""
        content, status, said = super().request(method, url, headers, post_data)
        if status != 200:
            return content, status, said
        unread = Unread(said)
        unread.content = content
        return EMPTY, status, unread


def connect(api_key: str, api_base: str, version: str, timeout: tuple[float, float]) -> stripe.StripeClient:
    """A client that tells nobody about itself, and leaves waiting to us."""
    stripe.enable_telemetry = False
    return stripe.StripeClient(
        api_key,
        base_addresses={"api": api_base},
        http_client=Transport(timeout=timeout),
        max_network_retries=0,
        stripe_version=version,
    )
