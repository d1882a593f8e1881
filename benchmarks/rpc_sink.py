"""Data Manager that says yes: answers every gRPC call with bytes that are ready, over TLS, and reads nothing.

In a process of its own, as the HTTP sink is.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from conversion_sync.sandbox.google_ads_tls import make_tls

SERVICE = "google.ads.datamanager.v1.IngestionService"
INGEST = f"/{SERVICE}/IngestEvents"
SUCCESS = 1


def answers() -> dict[str, bytes]:
    """The answer of each method, ready to be sent."""
    from google.ads.datamanager_v1.types import IngestEventsResponse, RetrieveRequestStatusResponse

    status = RetrieveRequestStatusResponse.pb()()
    status.request_status_per_destination.add(request_status=SUCCESS)
    return {
        "IngestEvents": IngestEventsResponse.pb()(request_id="request").SerializeToString(),
        "RetrieveRequestStatus": status.SerializeToString(),
    }


def _serve(ready: Connection) -> None:
    import grpc

    tls = make_tls()
    server = grpc.server(
        ThreadPoolExecutor(2), options=[("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)]
    )

    def handler(said: bytes) -> Any:
        return grpc.unary_unary_rpc_method_handler(lambda *_: said)

    handlers = {name: handler(said) for name, said in answers().items()}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(tls.key, tls.chain)]))
    server.start()
    ready.send((f"localhost:{port}", tls.ca))
    server.wait_for_termination()


@contextmanager
def rpc_sink() -> Iterator[tuple[str, bytes]]:
    """The host:port of a running sink, and the PEM of the root to trust."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()
