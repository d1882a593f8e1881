"""The vendors' token endpoints on a socket, their clock in the test's hand, and accounts that use them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import uvicorn
from sqlalchemy import Engine, text
from starlette.applications import Starlette
from starlette.routing import Mount

from conversion_sync.credentials.keys import keyring
from conversion_sync.credentials.source import StoredTokens, stored_tokens
from conversion_sync.platforms.registry import kinds
from conversion_sync.sandbox import google_oauth, linkedin, meta, microsoft, reddit, tiktok
from conversion_sync.sandbox.books import Books
from conversion_sync.sandbox.clicks import AdClicks
from conversion_sync.sandbox.clock import Clock
from conversion_sync.sandbox.credentials import Credentials
from conversion_sync.sandbox.faults import Faults, Rule
from conversion_sync.sandbox.grants import change
from conversion_sync.sandbox.sockets import CuttableHttp
from conversion_sync.sandbox.vendors import Vendors

VENDORS = {"google_ads": "google", "tiktok": "tiktok", "linkedin": "linkedin", "microsoft_ads": "microsoft"}
OTHER = {
    "google_ads": {"customer_id": "1234567890"},
    "tiktok": {"pixel_code": "SANDBOXPIXEL01"},
    "linkedin": {},
    "microsoft_ads": {
        "customer_id": "250000001",
        "customer_account_id": "180000001",
        "developer_token": "sandbox-microsoft-developer-token",
    },
}


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where everything is: the vendors, their address, the database of the tokens."""

    vendors: Vendors
    url: str
    engine: Engine

    def account(self, platform: str, **changes: Any) -> Any:
        """The settings of an account at one of the vendors."""
        known, vendor = self.vendors.credentials, VENDORS[platform]
        given = {
            "client_id": getattr(known, f"{vendor}_client_id"),
            "client_secret": getattr(known, f"{vendor}_client_secret"),
            "refresh_token": getattr(known, f"{vendor}_refresh_token"),
        }
        return kinds()[platform].account(**given | OTHER[platform] | self.addresses(platform) | changes)

    def addresses(self, platform: str) -> dict[str, str]:
        """Where the account's platform answers."""
        match platform:
            case "tiktok":
                return {
                    "base_url": f"{self.url}/tiktok",
                    "authorise_uri": f"{self.url}/tiktok/v2/auth/authorize",
                }
            case "google_ads":
                base, paths = f"{self.url}/google", ("auth", "token")
            case "linkedin":
                base, paths = f"{self.url}/linkedin/oauth/v2", ("authorization", "accessToken")
            case _:
                base, paths = f"{self.url}/microsoft/common/oauth2/v2.0", ("authorize", "token")
        return {"authorise_uri": f"{base}/{paths[0]}", "token_uri": f"{base}/{paths[1]}"}

    def tokens(self, platform: str, **changes: Any) -> StoredTokens:
        """As a process that starts now has them."""
        of = stored_tokens(keyring(), self.engine, self.vendors.clock.now)
        made = of(platform, "main", self.account(platform, **changes))
        assert isinstance(made, StoredTokens)
        return made

    def later(self, **span: float) -> None:
        """Moves every clock."""
        self.vendors.clock.shift(timedelta(**span))

    def tell(self, platform: str, **wish: Any) -> None:
        """Changes how the vendor's tokens behave."""
        change(self.vendors, VENDORS[platform], wish)

    def go_wrong(self, platform: str, *, path: str = "", **action: Any) -> None:
        """One request to the vendor's consent or token endpoint."""
        rule = {"vendor": f"{VENDORS[platform]}_oauth", "path_contains": path, "action": action}
        self.vendors.faults.add(Rule.model_validate(rule))

    def asked(self, platform: str) -> int:
        """How often the vendor's consent and token endpoints were asked."""
        count = self.vendors.books.requests["count"]
        return sum(n for name, n in count.items() if name.startswith(f"{VENDORS[platform]}_oauth "))

    def row(self) -> dict[str, Any]:
        """The one account's row."""
        with self.engine.connect() as connection:
            return dict(connection.execute(text("select * from credential")).mappings().one())


@dataclass
class Socket:
    """A server whose application is changed from test to test."""

    app: Starlette | None = None
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def _listening() -> Iterator[Socket]:
    stage = Socket()
    server = uvicorn.Server(
        uvicorn.Config(stage, interface="asgi3", http=CuttableHttp, lifespan="off", log_level="error")
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [stage.listener]})
    thread.start()
    yield stage
    server.should_exit = True
    server.force_exit = True
    thread.join()


@pytest.fixture
def place(_listening: Socket, token_books: Engine) -> Place:
    """Nothing is stored yet, and the clocks run."""
    vendors = Vendors(Clock(), AdClicks(()), Credentials(), Books(), Faults(), settle_seconds=0)
    makers: dict[str, Callable[[Vendors], Starlette]] = {
        "google": google_oauth.app,
        "tiktok": tiktok.app,
        "linkedin": linkedin.app,
        "microsoft": microsoft.app,
        "meta": meta.app,
        "reddit": reddit.app,
    }
    _listening.app = Starlette(routes=[Mount(f"/{name}", make(vendors)) for name, make in makers.items()])
    with token_books.begin() as connection:
        connection.execute(text("truncate credential, credential_refresh"))
    url = f"http://127.0.0.1:{_listening.listener.getsockname()[1]}"
    return Place(vendors=vendors, url=url, engine=token_books)
