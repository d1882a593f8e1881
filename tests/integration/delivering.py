"""`python -m tests.integration.delivering DATABASE_URL TIKTOK_URL PIXEL TOKEN`: one delivery."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime

from conversion_sync.config.settings import UploadMode
from conversion_sync.delivery.deliver import deliver
from conversion_sync.delivery.desk import Desk
from conversion_sync.platforms.catalogue import catalogue_of
from conversion_sync.platforms.registry import fixed_tokens
from conversion_sync.platforms.tiktok.adapter import TikTokAdapter
from conversion_sync.platforms.tiktok.settings import Account
from conversion_sync.store.engine import connect
from tests.integration.world import EVERYTHING

BATCH = 5
A_SECOND = 4
"""Requests, by the account's own limit."""


def main(database: str, url: str, pixel: str, token: str) -> None:
    account = Account.model_validate(
        {
            "pixel_code": pixel,
            "access_token": token,
            "base_url": url,
            "limits": {"every": {"requests_per_second": A_SECOND}},
        }
    )
    facts = replace(catalogue_of("tiktok", account), batch_size=BATCH)
    adapter = TikTokAdapter(account, facts, fixed_tokens("tiktok", "main", account))
    desk = Desk(
        engine=connect(database),
        platform="tiktok",
        account="main",
        run_id=f"process {sys.argv[0]}",
        targets={"purchase": {"event": "Purchase"}},
    )
    deliver(desk, adapter, EVERYTHING, UploadMode.LIVE, lambda: datetime.now(UTC))


if __name__ == "__main__":
    main(*sys.argv[1:])
