"""Google's gRPC services over TLS, on one port: the Google Ads API and Data Manager."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from conversion_sync.sandbox import data_manager, google_ads
from conversion_sync.sandbox.google_ads_tls import make_tls
from conversion_sync.sandbox.vendors import Vendors

if TYPE_CHECKING:
    import grpc

LARGEST_MESSAGE = 64 << 20
CALLERS = 16


def serve(vendors: Vendors, host: str, port: int) -> tuple[grpc.Server, int, bytes]:
    """Start the server; port 0 picks a free one. Returns it, its port and the PEM of the CA to trust."""
    import grpc

    tls = make_tls()
    server = grpc.server(
        ThreadPoolExecutor(CALLERS, thread_name_prefix="google"),
        options=[("grpc.max_receive_message_length", LARGEST_MESSAGE), ("grpc.so_reuseport", 0)],
    )
    services = google_ads.services(vendors) | data_manager.services(vendors)
    server.add_generic_rpc_handlers(
        tuple(grpc.method_handlers_generic_handler(service, names) for service, names in services.items())
    )
    credentials = grpc.ssl_server_credentials([(tls.key, tls.chain)])
    bound = server.add_secure_port(f"{host}:{port}", credentials)
    server.start()
    return server, bound, tls.ca
