"""The receiver's process: uvicorn around the application, until told to stop."""

from __future__ import annotations

import logging
import signal

from conversion_sync.config.settings import Settings
from conversion_sync.store.open import open_database

GRACE = 20
"""Seconds that requests under way get when the process is told to stop."""
CONNECTIONS = 2000
"""More at once are answered 503."""


def serve(settings: Settings, host: str, port: int) -> None:
    """Answers until SIGTERM or SIGINT; then finishes what it has taken. Raises ConfigurationError."""
    import uvicorn

    from conversion_sync.receiver.app import app

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    for told in ("conversion_sync", "uvicorn"):
        logging.getLogger(told).setLevel(logging.INFO)
    with open_database(settings) as database:
        server = uvicorn.Server(
            uvicorn.Config(
                app(settings, database.url, revive=database.server.start if database.server else None),
                host=host,
                port=port,
                lifespan="on",
                access_log=False,  # it has addresses and queries in it
                log_config=None,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=CONNECTIONS,
                timeout_graceful_shutdown=GRACE,
            )
        )
        # uvicorn stops by itself and then raises the signal again: by then everything is done.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        server.run()
