"""A process that asks for a token when it is told to: `worker DATABASE BASE_URL REFRESH_TOKEN`."""

from __future__ import annotations

import sys

from conversion_sync.credentials.keys import keyring
from conversion_sync.credentials.source import stored_tokens
from conversion_sync.pipeline.context import utc_now
from conversion_sync.platforms.registry import kinds
from conversion_sync.sandbox.credentials import Credentials
from conversion_sync.store.engine import connect


def work(database: str, base_url: str) -> None:
    """Says that it is ready, waits for a line, and prints the token it got."""
    known = Credentials()
    account = kinds()["tiktok"].account(
        pixel_code=known.tiktok_pixel_code,
        client_id=known.tiktok_client_id,
        client_secret=known.tiktok_client_secret,
        refresh_token=known.tiktok_refresh_token,
        base_url=base_url,
    )
    tokens = stored_tokens(keyring(), connect(database), utc_now)("tiktok", "main", account)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    sys.stdout.write(f"{tokens.token()}\n")


if __name__ == "__main__":
    work(*sys.argv[1:])
