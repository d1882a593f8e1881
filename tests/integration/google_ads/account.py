"""One Google Ads account at the simulated vendor, both frozen at the same moment, delivered to for real."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from conversion_sync.config.settings import UploadMode
from conversion_sync.delivery.deliver import deliver
from conversion_sync.delivery.desk import Desk
from conversion_sync.delivery.tally import Tally
from conversion_sync.platforms.catalogue import catalogue_of
from conversion_sync.platforms.google_ads.adapter import GoogleAdsAdapter
from conversion_sync.platforms.google_ads.settings import Account
from conversion_sync.platforms.tokens import FixedToken
from conversion_sync.sandbox import google_rpc
from conversion_sync.sandbox.books import Books
from conversion_sync.sandbox.clicks import AdClick, AdClicks
from conversion_sync.sandbox.clock import Clock
from conversion_sync.sandbox.credentials import Credentials
from conversion_sync.sandbox.faults import Faults, Rule
from conversion_sync.sandbox.google_tokens import SCOPES, issue
from conversion_sync.sandbox.vendors import Vendors
from tests.integration.world import DAY, NOW, TINY, rows

CUSTOMER_ID = "1234567890"
TARGETS = {"purchase": {"conversion_action_id": "700000001"}}


@dataclass(frozen=True, slots=True)
class Google:
    """The vendor and where it answers."""

    vendors: Vendors
    endpoint: str
    roots: Path

    def go_wrong(self, vendor: str, path: str = "", *, times: int | None = None, **action: Any) -> None:
        rule = {"vendor": vendor, "path_contains": path, "times": times, "action": action}
        self.vendors.faults.add(Rule.model_validate(rule))

    def adapter(self, upload_api: str, scopes: tuple[str, ...] = SCOPES) -> GoogleAdsAdapter:
        account = Account.model_validate(
            {
                "customer_id": CUSTOMER_ID,
                "login_customer_id": "9876543210",
                "client_id": "c",
                "client_secret": "s",
                "refresh_token": "r",
                "upload_api": upload_api,
                "data_manager_endpoint": self.endpoint,
                "endpoint": self.endpoint,
                "tls_roots": self.roots,
            }
        )
        token = issue(self.vendors.credentials, scopes, NOW + 60 * DAY)
        return GoogleAdsAdapter(account, catalogue_of("google_ads", account), FixedToken(token))


@contextmanager
def google(folder: Path) -> Iterator[Google]:
    """The vendor on sockets, with the click of `enable` in its books and the account on the allow-list."""
    clock = Clock()
    clock.freeze(NOW)
    clicks = AdClicks([AdClick(kind="gclid", value="id-c", clicked_at=NOW - DAY, campaign="brand")])
    vendors = Vendors(clock, clicks, Credentials(), Books(), Faults(), settle_seconds=0)
    vendors.google_ads.change(allow_listed=True)
    rpc, port, ca = google_rpc.serve(vendors, "127.0.0.1", 0)
    roots = folder / "roots.pem"
    roots.write_bytes(ca)
    yield Google(vendors, f"localhost:{port}", roots)
    rpc.stop(None).wait()


def send(engine: Engine, adapter: GoogleAdsAdapter, now: datetime = NOW) -> Tally:
    """One delivery of all that is due, without its pauses."""
    desk = Desk(engine=engine, platform="google_ads", account="main", run_id="run-1", targets=TARGETS)
    return deliver(desk, adapter, TINY, UploadMode.LIVE, lambda: now, sleep=lambda _: None)


def ended(engine: Engine, kind: str = "conversion") -> Mapping[str, tuple[str, str, str | None]]:
    """State, reason and last code of every row that was answered, by its event."""
    found = rows(
        engine,
        "select entry.event_key, entry.state, entry.reason, last.code from conversion as entry "
        "join lateral (select code from delivery_attempt as told "
        "where told.conversion_id = entry.conversion_id and told.outcome is not null "
        "order by told.attempt_id desc limit 1) as last on true where entry.kind = :kind",
        kind=kind,
    )
    return {key: (state, reason, code) for key, state, reason, code in found}
