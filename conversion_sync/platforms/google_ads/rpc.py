"""Google's services over gRPC: the vendor's generated clients on one channel of our own.

Their own channels take TLS roots and credentials from the process's environment. On ours a call has the
account's token, its own bounded wait, and is made once. The modules take long to import, so that happens
with the first call. Source: specs/google_ads.md §1.5 (faults), §5.5 (details).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from conversion_sync.platforms.http import CONNECT_SECONDS, NOT_SENDABLE, READ_SECONDS, Lost
from conversion_sync.platforms.platform import SendResult, Tokens
from conversion_sync.platforms.tokens import NO_CREDENTIAL

CALL_SECONDS = CONNECT_SECONDS + READ_SECONDS
NOT_CONNECTED, NO_ANSWER = "not_connected", "no_answer"
UNAUTHENTICATED = "grpc_UNAUTHENTICATED"
NEVER_STOOD = ("failed to connect", "resolution failed", "resolver")
"""How gRPC words a connection that was never made: nothing has left."""
LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes; Google's own bound (specs/google_ads.md §2.4)."""
LARGEST_TRAILER = 4 * 1024 * 1024
"""Bytes. A refusal names every bad row of a batch in its trailer; gRPC takes 16 KiB unless told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A call without the answer it asked for.

    `code` is `grpc_STATUS`, `not_connected` or `no_answer`; `details` are the google.rpc messages of the
    status, `trailer` the metadata it came with.
    """

    code: str
    text: str
    details: Sequence[Any] = ()
    trailer: Mapping[str, str | bytes] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Rpc:
    """`endpoint` is host[:port]; `roots` are the PEM of the TLS roots to trust, None for the machine's.

    Connects with the first call.
    """

    endpoint: str
    tokens: Tokens = field(repr=False)
    roots: bytes | None = field(repr=False)
    _channel: Any = field(default=None, repr=False)

    def call(
        self,
        client: Callable[[Any], Any],
        method: str,
        request: Any,
        *,
        refused: Callable[[Failed], bool],
        metadata: Sequence[tuple[str, str]] = (),
    ) -> Any:
        """The answer, or how the call Failed; a SendResult where there is no token or nothing can leave.

        `client` makes the generated client of a channel. Where `refused` says that the token is at fault
        the call is made once again with another.
        """
        token = self.tokens.token()
        if isinstance(token, SendResult):
            return token
        answer = self._once(client, method, request, metadata, token)
        if isinstance(answer, Failed) and refused(answer):
            another = self.tokens.renewed(token)
            if isinstance(another, str):
                token, answer = another, self._once(client, method, request, metadata, another)
            elif another.code != NO_CREDENTIAL:
                return another
        if not isinstance(answer, Failed | SendResult):
            self.tokens.worked(token)
        return answer

    def close(self) -> None:
        """Releases the channel; the next call opens another."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _once(
        self,
        client: Callable[[Any], Any],
        method: str,
        request: Any,
        metadata: Sequence[tuple[str, str]],
        token: str,
    ) -> Any:
        from google.api_core.exceptions import GoogleAPICallError
        from google.protobuf.message import DecodeError

        try:
            return getattr(client(self._open()), method)(
                request=request,
                retry=None,
                timeout=CALL_SECONDS,
                metadata=[("authorization", f"Bearer {token}"), *metadata],
            )
        except (GoogleAPICallError, ValueError, DecodeError) as fault:
            failed = failure(fault)
            if isinstance(failed, Failed) and failed.code in {NOT_CONNECTED, NO_ANSWER}:
                self.close()  # gRPC would wait ever longer before it connects again
            return failed

    def _open(self) -> Any:
        import grpc

        if self._channel is None:
            self._channel = grpc.secure_channel(
                self.endpoint,
                grpc.ssl_channel_credentials(self.roots),
                options=[
                    ("grpc.max_receive_message_length", LARGEST_ANSWER),
                    ("grpc.max_metadata_size", LARGEST_TRAILER),
                    ("grpc.absolute_max_metadata_size", LARGEST_TRAILER),
                ],
            )
        return self._channel


def failure(fault: Any) -> Failed | SendResult:
    """What a call that raised says.

    The client raises ValueError or DecodeError for a request gRPC cannot carry, and for a refusal whose
    details it cannot read: that one has the refusal as its context.
    """
    import grpc

    causes = [*getattr(fault, "errors", ()), fault.__context__]
    call = next((cause for cause in causes if isinstance(cause, grpc.RpcError)), None)
    if call is None:
        # Its words may hold the secret: only the class is told.
        text = f"The request cannot be made: {type(fault).__name__}."
        return Lost(arrived=False, text=text, remedy=NOT_SENDABLE).result()
    trailer = dict(call.trailing_metadata() or ())
    status, text = call.code().name, call.details() or ""
    code = f"grpc_{status}"
    if status == "UNAVAILABLE" and not trailer:
        code = NOT_CONNECTED if any(each in text.lower() for each in NEVER_STOOD) else NO_ANSWER
    return Failed(code=code, text=text, details=getattr(fault, "details", ()), trailer=trailer)
