"""HTTP as every adapter speaks it: one session, bounded in time and size, no retries, and faults as outcomes.

What matters is whether the request may have arrived: a connection that never stood is safe to try
again, one that broke after the request left is not. Source: specs/meta_tiktok_linkedin_microsoft.md §6.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from requests.auth import AuthBase
from urllib3.exceptions import (
    ConnectTimeoutError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    SSLError,
)

from conversion_sync.model.conversion import Outcome
from conversion_sync.platforms.bounded import Bounded
from conversion_sync.platforms.platform import SendResult, Tokens
from conversion_sync.redaction import excerpt

CONNECT_SECONDS, READ_SECONDS = 5, 60
"""For a connection, and for the next byte of an answer."""
EXCHANGE_SECONDS = 120
"""For all of a request and its answer, however steadily its bytes come."""
LONGEST_ANSWER = 8 * 2**20
"""Bytes of an answer, unpacked. The longest are LinkedIn's: 5000 elements, 1.6 KB for each."""
LONGEST_DELAY = timedelta(days=1)
PART = 2**16
"""Bytes read at once."""
NOT_SENDABLE = "Check the account's address, and its secrets for line breaks and characters outside ASCII."

BEFORE_SENDING = (ConnectTimeoutError, NameResolutionError, NewConnectionError)
"""What urllib3 raises while the connection is being made: nothing of the request has left."""

TUNNEL = "Tunnel connection failed"
"""What http.client says when a proxy would not open the way to the vendor."""

HANDSHAKE = ("CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER", "HANDSHAKE")
"""What a TLS error says when the connection never stood; the same class is raised while reading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer that was read to its end. Header names are lower-case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    text: str = field(repr=False)

    def document(self) -> object:
        """The JSON value of the body, None when it is none."""
        return parsed(self.text)

    @property
    def retry_after(self) -> timedelta | None:
        """The vendor's own delay."""
        return retry_after(self.headers.get("retry-after", ""), datetime.now(UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """No answer. `arrived` says whether the request may have reached the vendor.

    `remedy` says what a human must do where no such request can ever leave. `too_long`: there was an answer,
    which nobody can read.
    """

    arrived: bool
    text: str
    remedy: str = ""
    too_long: bool = False

    def result(self) -> SendResult:
        """As a batch's outcome."""
        if self.remedy:
            return SendResult(outcome=Outcome.HOLD, code="not_sendable", text=self.text, remedy=self.remedy)
        if not self.arrived:
            return SendResult(outcome=Outcome.RETRY_LATER, code="not_connected", text=self.text)
        code = "unreadable" if self.too_long else "no_answer"
        return SendResult(outcome=Outcome.AMBIGUOUS, code=code, text=self.text)


class NoRedirects(requests.Session):
    """A session to which a redirect is an answer: `requests` reads all of one, even if it may not follow."""

    def __init__(self) -> None:
        super().__init__()
        self._found: tuple[object, Any] = (None, None)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere."""

    def merge_environment_settings(self, url: Any, *own: Any) -> Any:
        """Proxies and roots by the environment, which is searched again only for another address."""
        if self._found[0] != (url, *own):
            before = (url, *copy.deepcopy(own))
            self._found = (before, super().merge_environment_settings(url, *own))
        return self._found[1]


class Bearer(AuthBase):
    """`Authorization: Bearer`. As an auth object, so that a .netrc file can never replace it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Signs the request."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Headers(AuthBase):
    """Headers that hold a secret, or none at all."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Signs the request."""
        request.headers.update(self._headers)
        return request


@dataclass(slots=True)
class Wire:
    """One adapter's session. `secrets` and `tokens` are hidden in every text it hands out."""

    tokens: Tokens | None = field(default=None, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    session: requests.Session = field(default_factory=NoRedirects)
    _transport: Bounded = field(default_factory=Bounded, init=False, repr=False)

    def __post_init__(self) -> None:
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, self._transport)
        # A kept connection that the vendor just closed looks like a request that was lost on its way.
        self.session.headers["Connection"] = "close"

    def post_json(
        self, url: str, body: object, *, auth: AuthBase, headers: Mapping[str, str] | None = None
    ) -> Reply | Lost:
        """POSTs a JSON document. Raises ValueError for a number JSON cannot hold."""
        text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return self.post_text(url, text, auth=auth, headers=headers)

    def post_text(
        self, url: str, text: str, *, auth: AuthBase, headers: Mapping[str, str] | None = None
    ) -> Reply | Lost:
        """POSTs a JSON document that is written already."""
        data = text.encode()
        sent = {"Content-Type": "application/json", **(headers or {})}
        return self._exchange(lambda: self._post(url, data, auth, sent))

    def post_form(self, url: str, form: Mapping[str, str]) -> Reply | Lost:
        """POSTs a form without credentials in its headers."""
        return self._exchange(lambda: self._post(url, dict(form), Headers({}), {}))

    def get(
        self,
        url: str,
        *,
        auth: AuthBase,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply | Lost:
        """GETs a resource."""
        return self._exchange(
            lambda: self.session.get(
                url,
                params=dict(query or {}),
                auth=auth,
                headers=dict(headers or {}),
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                stream=True,
            )
        )

    def excerpt(self, text: str) -> str:
        """Vendor text, scrubbed and short enough to keep."""
        return excerpt(text, *self.secrets, *(self.tokens.secrets if self.tokens else ()))

    def close(self) -> None:
        """Releases the sockets."""
        self.session.close()

    def _post(
        self, url: str, data: bytes | dict[str, str], auth: AuthBase, headers: Mapping[str, str]
    ) -> requests.Response:
        return self.session.post(
            url,
            data=data,
            auth=auth,
            headers=dict(headers),
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            stream=True,
        )

    def _exchange(self, call: Callable[[], requests.Response]) -> Reply | Lost:
        try:
            with self._transport.within(EXCHANGE_SECONDS), call() as response:
                body = _whole(response)
        except (requests.RequestException, ValueError) as fault:
            return self._lost(fault)
        finally:
            # Not every vendor says that it closes, and the connection would be kept for the next request.
            self.session.close()
        if self._transport.over:
            return Lost(arrived=True, text=f"The answer was not there after {EXCHANGE_SECONDS} seconds.")
        if body is None:
            text = f"The answer, of status {response.status_code}, is longer than {LONGEST_ANSWER} bytes."
            return Lost(arrived=True, text=text, too_long=True)
        return Reply(
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            text=body.decode("utf-8", "replace"),
        )

    def _lost(self, fault: requests.RequestException | ValueError) -> Lost:
        name = type(fault).__name__
        if isinstance(fault, ValueError) and not may_have_arrived(fault):
            # Its words may hold the secret in a form that hides from redaction: only the class is told.
            return Lost(arrived=False, text=f"The request cannot be made: {name}.", remedy=NOT_SENDABLE)
        return Lost(arrived=may_have_arrived(fault), text=self.excerpt(f"{name}: {fault}"))


def _whole(response: requests.Response) -> bytes | None:
    """The body, unpacked; None when it is longer than any answer."""
    body = bytearray()
    for part in response.iter_content(PART):
        body += part
        if len(body) > LONGEST_ANSWER:
            return None
    return bytes(body)


def may_have_arrived(fault: requests.RequestException | ValueError) -> bool:
    """Whether a failed exchange may have reached the vendor; in doubt it may."""
    if isinstance(fault, requests.exceptions.InvalidHeader):
        return True  # a header of the answer: the request's own are checked by http.client
    if isinstance(fault, requests.ConnectTimeout | ValueError):
        return False
    cause = fault.args[0] if fault.args else None
    if isinstance(cause, MaxRetryError):
        cause = cause.reason
    if isinstance(cause, ProxyError):
        # urllib3 says "unable to connect to proxy" of any break behind one, also after sending.
        cause = cause.original_error
        if TUNNEL in str(cause):
            return False
    if isinstance(cause, SSLError):
        return not any(word in str(cause).upper() for word in HANDSHAKE)
    return not isinstance(cause, BEFORE_SENDING)


def retry_after(text: str, now: datetime) -> timedelta | None:
    """The delay a `Retry-After` header asks for, in seconds or as an HTTP date; None when it says nothing."""
    text = text.strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = (moment - now).total_seconds()
    if not math.isfinite(seconds):
        return None
    return timedelta(seconds=min(max(seconds, 0.0), LONGEST_DELAY.total_seconds()))


def parsed(text: str) -> object:
    """The JSON value of a text, None when it is none."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value


def members(value: object) -> Mapping[str, object]:
    """The value if it is a JSON object, else an empty one: answers may have any shape."""
    return value if isinstance(value, dict) else {}
