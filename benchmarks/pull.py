"""What a pull costs beside a bare loop: `python -m benchmarks.pull [--events 100000 1000000]`.

A server in a process of its own answers Stripe's event list with pages made on the fly: `invoice.paid` events
of some 7 KB, newest first. Each subject reads all of them in a process of its own: the product's pull to raw
records, and `requests` with `json.loads`, page by page. Landing is measured elsewhere.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from urllib.parse import parse_qs, urlsplit

import requests

from benchmarks.sink import HEAD

START = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp())
SPAN = 86_400
"""The events lie evenly in a day."""
PAGE = 100
ID = "evt_%015d"


def event(number: int, created: int) -> str:
    """An event of the usual size."""
    line = {
        "id": f"il_{number}",
        "object": "line_item",
        "amount": 2900,
        "currency": "usd",
        "description": "Subscription to a product with a name of the usual length",
        "discount_amounts": [],
        "livemode": True,
        "metadata": {"cs_user_id": f"user_{number}"},
        "parent": {"subscription_item_details": {"proration": False, "subscription": f"sub_{number}"}},
        "period": {"start": created, "end": created + 2_592_000},
        "pricing": {"price_details": {"price": "price_month", "product": "prod_1"}, "type": "price_details"},
        "quantity": 1,
        "taxes": [],
    }
    invoice = {
        "id": f"in_{number}",
        "object": "invoice",
        "amount_paid": 2900,
        "currency": "usd",
        "customer": f"cus_{number % 5000}",
        "customer_email": f"person{number}@example.com",
        "lines": {"object": "list", "data": [line] * 8, "has_more": False},
        "parent": {
            "subscription_details": {"subscription": f"sub_{number}", "metadata": {"cs_user_id": "u"}}
        },
        "status": "paid",
        "status_transitions": {"paid_at": created},
        "total": 2900,
        "total_excluding_tax": 2900,
        "footer": "x" * 2600,
    }
    return json.dumps(
        {
            "id": ID % number,
            "object": "event",
            "api_version": "2026-10-28.endive",
            "created": created,
            "data": {"object": invoice},
            "livemode": True,
            "type": "invoice.paid",
        }
    )


MARK, TIME = 987_654_321, 1_987_654_321
PIECES = event(MARK, TIME).replace(ID % MARK, "\0").replace(str(TIME), "\1").replace(str(MARK), "\2")


def page(query: dict[str, list[str]], every: int) -> bytes:
    """A page of the list as it is asked for; every second chunk of types has nothing."""
    if "invoice.paid" not in {value for key, (value, *_) in query.items() if key.startswith("types")}:
        return b'{"object":"list","data":[],"has_more":false}'
    low, high = (int(query[f"created[{bound}]"][0]) for bound in ("gte", "lt"))
    first = max(0, -(-(low - START) * every // SPAN))
    last = min(every, -(-(high - START) * every // SPAN))
    if after := query.get("starting_after"):
        last = min(last, int(after[0][4:]))
    begin = max(first, last - PAGE)
    rows = (
        PIECES.replace("\0", ID % number)
        .replace("\1", str(START + number * SPAN // every))
        .replace("\2", str(number))
        for number in range(last - 1, begin - 1, -1)
    )
    more = "true" if begin > first else "false"
    return f'{{"object":"list","data":[{",".join(rows)}],"has_more":{more}}}'.encode()


class Vendor(asyncio.Protocol):
    """One connection: GETs, one after the other."""

    def __init__(self, every: int) -> None:
        self._every, self._seen = every, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._seen += data
        while b"\r\n\r\n" in self._seen:
            head, self._seen = self._seen.split(b"\r\n\r\n", 1)
            target = head.split(b" ", 2)[1].decode()
            body = page(parse_qs(urlsplit(target).query), self._every)
            self._transport.write(HEAD % len(body) + body)


def _serve(ready: Connection, every: int) -> None:
    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: Vendor(every), "127.0.0.1", 0)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


@contextmanager
def vendor(every: int) -> Iterator[str]:
    """The address of a running list of so many events."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(theirs, every), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def product(url: str) -> int:
    """The pull as a run makes it, up to raw records."""
    from conversion_sync.billing.stripe.adapter import StripeProvider
    from conversion_sync.billing.stripe.settings import Account
    from conversion_sync.model.windows import Window

    account = {"api_key": "sk_live_benchmark", "api_base": url, "requests_per_second": 1000}
    provider = StripeProvider("main", Account.model_validate({**account, "overlap_minutes": 0}))
    start = datetime.fromtimestamp(START, UTC)
    window = Window(start, start + timedelta(seconds=SPAN))
    return sum(len(records) for records in provider.pull(window))


def bare(url: str) -> int:
    """`requests` and `json.loads`."""
    session, read = requests.Session(), 0
    asked = {"created[gte]": START, "created[lt]": START + SPAN, "limit": PAGE, "types[0]": "invoice.paid"}
    more = True
    while more:
        answer = session.get(f"{url}/v1/events", params=asked, timeout=30)
        found = json.loads(answer.content)
        read += len(found["data"])
        more = found["has_more"]
        asked["starting_after"] = found["data"][-1]["id"]
    return read


SUBJECTS = {"product": product, "bare": bare}


def measure(name: str, url: str) -> None:
    """Prints one subject's figures as a line of JSON."""
    cpu, began = time.process_time(), time.perf_counter()
    read = SUBJECTS[name](url)
    figures = {
        "events": read,
        "cpu": time.process_time() - cpu,
        "wall": time.perf_counter() - began,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    sys.stdout.write(json.dumps(figures) + "\n")


def run(every: int, subjects: list[str]) -> dict[str, dict[str, float]]:
    """Both subjects on the same server, one after the other."""
    found = {}
    with vendor(every) as url:
        for name in subjects:
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.pull", "--subject", name, "--url", url],
                capture_output=True,
                text=True,
                check=True,
            )
            found[name] = json.loads(done.stdout)
            if found[name]["events"] != every:
                raise RuntimeError(f"{name} read {found[name]['events']} of {every} events")
    return found


def main() -> None:
    """Prints events per CPU second of both, and memory for each size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, nargs="+", default=[20_000, 200_000])
    parser.add_argument("--only", choices=SUBJECTS, help="measure one of them")
    parser.add_argument("--subject", choices=SUBJECTS, help=argparse.SUPPRESS)
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.subject:
        measure(options.subject, options.url)
        return
    size = len(event(1, START))
    sys.stdout.write(f"Events of {size:,} bytes\n")
    for every in options.events:
        found = run(every, [options.only] if options.only else list(SUBJECTS))
        for name, figures in found.items():
            sys.stdout.write(
                f"{every:>9,} {name:8} {figures['events'] / figures['cpu']:>8,.0f} events/CPU s"
                f" {figures['cpu'] / every * 1000:.3f} ms each, {figures['wall']:.0f} s,"
                f" peak {figures['peak']:.0f} MB\n"
            )
        if options.only:
            continue
        ratio = found["bare"]["cpu"] / found["product"]["cpu"]
        sys.stdout.write(
            f"{every:>9,} the product reads {ratio:.0%} of the bare loop's events per CPU second\n"
        )


if __name__ == "__main__":
    main()
