"""drt-core's Google and Meta destinations over its own engine, pointed at a local server.

Run by the interpreter it is installed for. Its records come from memory and its run keeps no state, the
least it can cost. Prints one JSON line.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

from drt.config.models import SyncConfig, SyncOptions
from drt.engine.sync import run_sync
from drt.sources.fake import FakeSource

FAST = {"requests_per_second": 1_000_000}


def meta(number: int) -> dict[str, Any]:
    return {
        "id": f"cs_{number:032x}",
        "at": int(time.time()) - 72_000 - number // 10,
        "url": f"https://shop.example/pricing?plan={number % 7}",
        "agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0",
        "ip": f"198.51.100.{number % 250}",
        "fbc": f"fb.1.{1764000000000 + number}.{number:064x}",
        "value": 10 + number % 90,
    }


def google(number: int) -> dict[str, Any]:
    return {
        "id": f"cs_{number:032x}",
        "gclid": f"{number:064x}",
        "conversion_time": "2026-11-24 10:11:12+00:00",
        "value": 10 + number % 90,
    }


DESTINATIONS: dict[str, tuple[Any, str, str, dict[str, Any]]] = {
    "meta": (
        meta,
        "drt.destinations.meta_conversions",
        "MetaConversionsDestination",
        {
            "type": "meta_conversions",
            "pixel_id": "1",
            "access_token": "t",
            "event_name": "Purchase",
            "event_time_field": "at",
            "event_id_field": "id",
            "event_source_url_field": "url",
            "client_user_agent_field": "agent",
            "client_ip_address_field": "ip",
            "fbc_field": "fbc",
            "value_field": "value",
        },
    ),
    "google_ads": (
        google,
        "drt.destinations.google_ads",
        "GoogleAdsDestination",
        {
            "type": "google_ads",
            "customer_id": "1234567890",
            "conversion_action": "customers/1234567890/conversionActions/1",
            "conversion_value_field": "value",
            "native_idempotency_key": "{{ row.id }}",
        },
    ),
}


def main() -> None:
    """platform, address, rows, rows in a batch (0: its own default)."""
    platform, url, rows, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    make, module, name, destination = DESTINATIONS[platform]
    loaded = importlib.import_module(module)
    setattr(loaded, "_BASE_URL", url)  # noqa: B010
    os.environ.pop("GOOGLE_ADS_DEVELOPER_TOKEN", None)
    options = {"rate_limit": FAST} | ({"batch_size": size} if size else {})
    sync = SyncConfig(
        name="bench", model="select 1", destination=destination, sync=SyncOptions.model_validate(options)
    )
    source = FakeSource(rows=[make(number) for number in range(rows)])
    cpu, began = time.process_time(), time.perf_counter()
    result = run_sync(sync, source, getattr(loaded, name)(), None, Path.cwd())
    found = {
        "rows": result.success,
        "failed": result.failed,
        "cpu": time.process_time() - cpu,
        "wall": time.perf_counter() - began,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
