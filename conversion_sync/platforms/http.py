"""HTTP as every adapter speaks it: one session, bounded waits, no retries, and faults as outcomes.

What matters is whether the request may have arrived: a connection that never stood is safe to try
again, one that broke after the request left is not. Source: specs/meta_tiktok_linkedin_microsoft.md §6.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

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
from conversion_sync.platforms.platform import SendResult
from conversion_sync.redaction import excerpt

CONNECT_SECONDS, READ_SECONDS = 5, 60
LONGEST_DELAY = timedelta(days=1)

BEFORE_SENDING = (ConnectTimeoutError, NameResolutionError, NewConnectionError, ProxyError)
"""What urllib3 raises while the connection is being made: nothing of the request has left."""

HANDSHAKE = ("CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER", "HANDSHAKE")
"""What a TLS error says when the connection never stood; the same class is raised while reading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer that was read to its end. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    text: str

    def document(self) -> object:
        """The JSON value of the body, None when it is none."""
        return parsed(self.text)

    @property
    def retry_after(self) -> timedelta | None:
        """The vendor's own delay."""
        return retry_after(self.headers.get("retry-after", ""), datetime.now(UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """No answer. `arrived` says whether the request may have reached the vendor."""

    arrived: bool
    text: str

    def result(self) -> SendResult:
        """As a batch's outcome."""
        return SendResult(
            outcome=Outcome.AMBIGUOUS if self.arrived else Outcome.RETRY_LATER,
            code="no_answer" if self.arrived else "not_connected",
            text=self.text,
        )


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
    """One adapter's session. `secrets` are hidden in every text it hands out."""

    secrets: tuple[str, ...]
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        # A kept connection that the vendor just closed looks like a request that was lost on its way.
        self.session.headers["Connection"] = "close"

    def post_json(
        self, url: str, body: object, *, auth: AuthBase, headers: Mapping[str, str] | None = None
    ) -> Reply | Lost:
        """POSTs a JSON document. Raises ValueError for a number JSON cannot hold."""
        data = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        sent = {"Content-Type": "application/json", **(headers or {})}
        return self._exchange(lambda: self._post(url, data, auth, sent))

    def post_form(self, url: str, form: Mapping[str, str]) -> Reply | Lost:
        """POSTs a form without credentials in its headers."""
        return self._exchange(lambda: self._post(url, dict(form), Headers({}), {}))

    def excerpt(self, text: str) -> str:
        """Vendor text, scrubbed and short enough to keep."""
        return excerpt(text, *self.secrets)

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
            allow_redirects=False,
        )

    def _exchange(self, call: Callable[[], requests.Response]) -> Reply | Lost:
        try:
            response = call()
        except requests.RequestException as fault:
            return Lost(
                arrived=may_have_arrived(fault), text=self.excerpt(f"{type(fault).__name__}: {fault}")
            )
        return Reply(
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            text=response.content.decode("utf-8", "replace"),
        )


def may_have_arrived(fault: requests.RequestException) -> bool:
    """Whether a failed exchange may have reached the vendor; in doubt it may."""
    if isinstance(fault, requests.ConnectTimeout | requests.exceptions.InvalidURL | ValueError):
        return False
    cause = fault.args[0] if fault.args else None
    if isinstance(cause, MaxRetryError):
        cause = cause.reason
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
        except ValueError:
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = (moment - now).total_seconds()
    if not math.isfinite(seconds):
        return None
    return min(
        max(timedelta(seconds=min(seconds, LONGEST_DELAY.total_seconds())), timedelta()), LONGEST_DELAY
    )


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
