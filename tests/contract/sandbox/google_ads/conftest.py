"""The simulated Google Ads API on a socket, with a few conversions in its books."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import grpc
import pytest

from conversion_sync.sandbox import google_rpc
from conversion_sync.sandbox.entries import Conversion, Copies
from conversion_sync.sandbox.google_tokens import ADWORDS, issue
from conversion_sync.sandbox.vendors import Vendors
from tests.contract.sandbox.google_ads.calls import (
    ADJUST,
    CUSTOMER,
    GCLID,
    MESSAGES,
    NOW,
    UPLOAD,
)


@pytest.fixture
def vendors(vendors: Vendors) -> Vendors:
    """With three conversions in the books: a day, 55 days and ten days old, the last without an order id."""
    for vendor_id, kind, click_id, days in (
        ("cs_0001", "gclid", GCLID, 1),
        ("cs_0055", "gclid", GCLID, 55),
        ("cs_0wbr", "wbraid", "ClgKCQ-known-wbraid-0005", 1),
        ("", "gclid", GCLID, 10),
    ):
        vendors.books.accept(
            Conversion(
                platform="google_ads",
                account=CUSTOMER,
                action="700000001",
                vendor_id=vendor_id,
                click_kind=kind,
                click_id=click_id,
                matched=True,
                value=Decimal("12.34"),
                currency="USD",
                occurred_at=NOW - timedelta(days=days),
                received_at=NOW - timedelta(days=days),
            ),
            Copies.OVERWRITES,
        )
    return vendors


def _connect(ca: bytes, port: int) -> Any:
    return grpc.secure_channel(f"localhost:{port}", grpc.ssl_channel_credentials(ca))


@pytest.fixture
def call(vendors: Vendors) -> Iterator[Callable[..., Any]]:
    """One call over TLS, of an allow-listed project, with good credentials unless told otherwise."""
    vendors.google_ads.change(allow_listed=True)
    server, port, ca = google_rpc.serve(vendors, "127.0.0.1", 0)
    with _connect(ca, port) as channel:

        def one(path: str, message: Any, **changes: str | None) -> Any:
            request, response = MESSAGES[path]
            token = issue(vendors.credentials, (ADWORDS,), NOW + timedelta(hours=1))
            metadata: dict[str, str | None] = {
                "authorization": f"Bearer {token}",
                "login-customer-id": "9876543210",
                "x-goog-request-params": f"customer_id={message.customer_id}",
            }
            metadata |= {name.replace("_", "-"): value for name, value in changes.items()}
            sent = [(name, value) for name, value in metadata.items() if value is not None]
            method = channel.unary_unary(
                path,
                request_serializer=request.SerializeToString,
                response_deserializer=response.FromString,
            )
            return method(message, metadata=sent, timeout=60)

        yield one
    server.stop(None).wait()


@pytest.fixture
def adjust(call: Callable[..., Any]) -> Callable[..., Any]:
    def send(*rows: dict[str, Any], **members: Any) -> Any:
        members = {"customer_id": CUSTOMER, "partial_failure": True} | members
        request = MESSAGES[ADJUST][0](**members)
        for row in rows:
            request.conversion_adjustments.add(**row)
        return call(ADJUST, request)

    return send


@pytest.fixture
def upload(call: Callable[..., Any]) -> Callable[..., Any]:
    def send(*rows: dict[str, Any], **members: Any) -> Any:
        members = {"customer_id": CUSTOMER, "partial_failure": True} | members
        request = MESSAGES[UPLOAD][0](**members)
        for row in rows:
            request.conversions.add(**row)
        return call(UPLOAD, request)

    return send
