"""One measured process of `benchmarks.throughput`: the product, a bare client, or the building of bodies."""

from __future__ import annotations

import io
import json
import resource
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from sqlalchemy import Engine, text

from benchmarks.rpc_sink import answers
from benchmarks.throughput import SUBJECTS, Figures, Sinks, as_json
from conversion_sync.delivery.desk import Desk
from conversion_sync.delivery.rows import read
from conversion_sync.model.windows import Window, floor_hour
from conversion_sync.pipeline.build import context
from conversion_sync.pipeline.configuration import settings_type
from conversion_sync.pipeline.context import Context
from conversion_sync.pipeline.deliver import deliver, targets
from conversion_sync.store.copy import copy_rows
from conversion_sync.store.engine import connect

BUCKETS = ("every", "conversions", "corrections", "questions")
UNBOUND = {
    "requests_per_second": 1e6,
    "requests_per_minute": 1e8,
    "requests_per_day": 10**9,
    "conversions_per_day": 10**9,
}
"""The vendors' limits would be what is measured."""


def main() -> None:
    """Prints what it measured as one JSON line."""
    name, platform, sinks, database, rows = sys.argv[1:6]
    vendor = Sinks(**json.loads(sinks))
    engine = connect(database)
    work = {"product": product, "bare": bare, "build": build}[name]
    found = work(engine, context_of(engine, platform, vendor, database), platform, vendor, int(rows))
    engine.dispose()
    sys.stdout.write(as_json(found) + "\n")


def context_of(engine: Engine, platform: str, vendor: Sinks, database: str) -> Context:
    subject = SUBJECTS[platform]
    address = vendor.rpc if subject.rpc else vendor.url
    account = {**subject.account, subject.address: address, "limits": dict.fromkeys(BUCKETS, UNBOUND)}
    if subject.rpc:
        account["tls_roots"] = vendor.roots
    if "refresh_token" in account:
        account["token_uri"] = f"{vendor.url}/token"
    settings = settings_type().model_validate(
        {
            "start": "2026-01-01T00:00:00Z",
            "upload_mode": "live",
            "billing": {},
            "database": {"url": database},
            "platforms": {platform: {"main": account}},
            "actions": {
                "purchase": {
                    "kinds": ["first_payment"],
                    "targets": {platform: {"main": dict(subject.target)}},
                }
            },
        }
    )
    return context(settings, engine, run_id="benchmark")


def timed(rows: int, work: Callable[[], object]) -> Figures:
    cpu, began = time.process_time(), time.perf_counter()
    work()
    return Figures(
        rows=rows,
        cpu=time.process_time() - cpu,
        wall=time.perf_counter() - began,
        peak=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def product(engine: Engine, ctx: Context, platform: str, vendor: Sinks, rows: int) -> Figures:  # noqa: ARG001
    """The delivery a run makes, with its books."""
    now = datetime.now(UTC)
    window = Window(floor_hour(now - timedelta(days=2)), floor_hour(now + timedelta(hours=1)))
    reports: list[Any] = []
    found = timed(rows, lambda: reports.append(deliver(ctx, window, platform, "main")))
    taken = sum(reports[0].outcomes.get(outcome, 0) for outcome in ("delivered", "accepted"))
    if taken != rows:
        raise RuntimeError(f"{taken} of {rows} were taken: {reports[0]}")
    return found


def build(engine: Engine, ctx: Context, platform: str, vendor: Sinks, rows: int) -> Figures:  # noqa: ARG001
    """Ledger rows to the bytes of requests, by the adapter itself; its connection answers at once."""
    batch_size = ctx.catalogues[platform, "main"].batch_size
    adapter = ctx.platforms[platform, "main"]()
    few = min(rows, 50_000)
    batches = [[item.row for item in batch] for batch in claimed(engine, ctx, platform, few, batch_size)]
    adapter.send(batches[0], validate_only=False)  # opens what is opened once
    if SUBJECTS[platform].rpc:
        adapter.close()
        sent = muted_calls()
        adapter.send(batches[0], validate_only=False)
    else:
        sent = muted()
    sent.clear()

    def work() -> None:
        for batch in batches:
            if any(adapter.invalid(row) for row in batch):
                raise RuntimeError("the benchmark's own rows are refused")
            adapter.send(batch, validate_only=False)

    found = timed(sum(map(len, batches)), work)
    adapter.close()
    if not sent:
        raise RuntimeError("no request was made")
    return found


def muted() -> list[int]:
    """From now on no request leaves this process: each is counted by its bytes and gets an empty answer."""
    sent: list[int] = []

    def send(
        self: HTTPAdapter,  # noqa: ARG001
        request: requests.PreparedRequest,
        **options: object,  # noqa: ARG001
    ) -> requests.Response:
        sent.append(len(request.body or b""))
        answer = requests.Response()
        answer.status_code, answer.raw, answer.request = 200, io.BytesIO(b"{}"), request
        answer.url = request.url or ""
        return answer

    HTTPAdapter.send = send  # type: ignore[method-assign, assignment]
    return sent


def muted_calls() -> list[int]:
    """The same of gRPC: every channel made from now on answers each message, by its bytes, at once."""
    import grpc

    sent: list[int] = []
    said = answers()["IngestEvents"]

    class Call:
        def code(self) -> Any:
            return grpc.StatusCode.OK

    class Method(grpc.UnaryUnaryMultiCallable):  # type: ignore[misc]
        def __init__(self, write: Callable[[Any], bytes], read: Callable[[bytes], Any]) -> None:
            self._write, self._read = write, read

        def with_call(self, request: Any, **_: object) -> tuple[Any, Call]:
            sent.append(len(self._write(request)))
            return self._read(said), Call()

        def __call__(self, request: Any, **_: object) -> Any:
            return self.with_call(request)[0]

        def future(self, *_: object, **__: object) -> Any:
            raise NotImplementedError

    class Channel(grpc.Channel):  # type: ignore[misc]
        def unary_unary(self, path: str, request_serializer: Any, response_deserializer: Any, *_: Any) -> Any:  # noqa: ARG002
            return Method(request_serializer, response_deserializer)

        def close(self) -> None:
            """Nothing is open."""

        def _none(self, *_: object, **__: object) -> Any:
            raise NotImplementedError

        subscribe = unsubscribe = unary_stream = stream_unary = stream_stream = __enter__ = __exit__ = _none

    grpc.secure_channel = lambda *_, **__: Channel()
    return sent


def claimed(engine: Engine, ctx: Context, platform: str, rows: int, size: int) -> list[list[Any]]:
    """The rows as delivery reads them."""
    desk = Desk(
        engine=engine,
        platform=platform,
        account="main",
        run_id="benchmark",
        targets=targets(ctx.settings, platform, "main"),
    )
    with engine.begin() as connection:
        keys = connection.execute(
            text("select conversion_id, occurred_at from conversion order by deadline limit :rows"),
            {"rows": rows},
        ).all()
        return [read(connection, desk, keys[start : start + size]) for start in range(0, len(keys), size)]


def bare(engine: Engine, ctx: Context, platform: str, vendor: Sinks, rows: int) -> Figures:
    """Bodies that are ready, and the rows the product wrote, copied batch by batch as they were."""
    size = ctx.catalogues[platform, "main"].batch_size
    columns, ledger = table(engine, "conversion", "deadline, conversion_id", leave="queue")
    named, lines = table(engine, "delivery_attempt", "attempt_id", leave="attempt_id")
    phase = named.index("phase")
    intents = [row for row in lines if row[phase] == "intent"]
    outcomes = [row for row in lines if row[phase] == "outcome"]
    with engine.begin() as connection:
        connection.execute(text("truncate conversion, delivery_attempt"))
        # Rows that arrive in their last state are what the ledger refuses, and what a bare client writes.
        connection.execute(text("alter table conversion disable trigger user"))
    post = poster(SUBJECTS[platform].path, vendor, size, rpc=SUBJECTS[platform].rpc)

    def work() -> None:
        for start in range(0, rows, size):
            end = start + size
            with engine.begin() as connection:
                copy_rows(connection, "delivery_attempt", named, intents[start:end])
            post()
            with engine.begin() as connection:
                copy_rows(connection, "conversion", columns, ledger[start:end])
                copy_rows(connection, "delivery_attempt", named, outcomes[start:end])

    return timed(rows, work)


def poster(path: str, vendor: Sinks, size: int, *, rpc: bool) -> Callable[[], object]:
    """Sends a body that is ready, as large as a batch, and waits for the answer."""
    body = json.dumps([{"event_id": "x", "eventId": "x", "filler": "x" * 320}] * size).encode()
    if rpc:
        import grpc

        roots = grpc.ssl_channel_credentials(Path(vendor.roots).read_bytes())
        method = grpc.secure_channel(vendor.rpc, roots).unary_unary(path)
        return lambda: method(body, timeout=60)
    session = requests.Session()

    def post() -> None:
        session.post(
            vendor.url + path,
            data=body,
            headers={"Content-Type": "application/json"},
            timeout=60,
        ).raise_for_status()

    return post


def table(engine: Engine, name: str, order: str, leave: str = "") -> tuple[list[str], list[tuple[Any, ...]]]:
    """The columns and rows of a table."""
    with engine.connect() as connection:
        found = connection.execute(text(f"select * from {name} order by {order}"))
        names = list(found.keys())
        kept = [place for place, column in enumerate(names) if column != leave]
        return [names[place] for place in kept], [tuple(row[place] for place in kept) for row in found]


if __name__ == "__main__":
    main()
