"""A receiver on a real socket, what a vendor would sign for it, and a look into its inbox."""

from __future__ import annotations

import hashlib
import hmac
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import uvicorn
from sqlalchemy import Engine, text

from conversion_sync.config.settings import Settings
from conversion_sync.pipeline.configuration import settings_type
from conversion_sync.receiver.app import app

SECRET = "whsec_test_secret_conversion_sync"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
STRIPE = "/webhooks/stripe/main"


def settings(**receiver: object) -> Settings:
    """One Stripe account with two secrets, as while they are rotated, and one without any."""
    account = {"api_key": "sk_test_1", "webhook_secrets": ["whsec_of_the_next_year", SECRET]}
    return settings_type().model_validate(
        {
            "start": "2026-01-01T00:00:00Z",
            "billing": {"stripe": {"main": account, "quiet": {"api_key": "sk_test_2"}}},
            "platforms": {},
            "receiver": receiver,
        }
    )


def signed(body: bytes, *, at: datetime = NOW, secret: str = SECRET) -> Mapping[str, str]:
    """The header Stripe sends with the body."""
    stamp = str(int(at.timestamp()))
    digest = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={stamp},v1={digest}"}


def free_port() -> socket.socket:
    """A socket that listens on a port nobody else has."""
    return socket.create_server(("127.0.0.1", 0))


@contextmanager
def serving(
    url: str,
    chosen: Settings,
    clock: Callable[[], datetime] = lambda: NOW,
    listener: socket.socket | None = None,
) -> Iterator[str]:
    """The application under uvicorn on a port of its own; gives its address."""
    listener = listener or free_port()
    server = uvicorn.Server(
        uvicorn.Config(app(chosen, url, clock), lifespan="on", log_level="error", proxy_headers=False)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.005)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def inbox(engine: Engine) -> list[tuple[Any, ...]]:
    """What is kept, in the order of arrival."""
    asked = "select provider, account, received_at, headers, body from webhook_inbox order by inbox_id"
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(asked))]
