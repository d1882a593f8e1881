"""The address on this machine a person is sent back to after a consent; serves until they came."""

from __future__ import annotations

import hmac
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

from conversion_sync.errors import ConfigurationError, CredentialError
from conversion_sync.redaction import excerpt, hide

HOST = "127.0.0.1"
PAGE = "<!doctype html><meta charset=utf-8><title>conversion-sync</title><p>{}</p>"
DONE = "Thank you. You may close this page; the terminal says what came of it."
REFUSED = "The platform said no; the terminal says why."
FOREIGN = "This is no answer to the question that was asked here."


@dataclass(slots=True)
class _Answer:
    """What somebody came back with."""

    state: str = field(repr=False)
    code_parameter: str
    code: str = field(default="", repr=False)
    refused: str = ""


class Loopback:
    """Listens at 127.0.0.1; a port of 0 is any free one. Raises ConfigurationError for one that is taken."""

    def __init__(self, port: int = 0) -> None:
        try:
            self._server = HTTPServer((HOST, port), _Handler)
        except OSError as fault:
            raise ConfigurationError(
                f"Port {port} of {HOST} cannot be used: {fault.strerror}.",
                remedy="Name another with --port, or leave it out for any free one.",
            ) from None

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def code(self, state: str, code_parameter: str, seconds: float) -> str:
        """The authorisation code, once somebody brings one with this very state; others are sent away.

        Raises CredentialError when the platform sent a refusal, or nobody came in time.
        """
        answer = _Answer(state, code_parameter)
        self._server.answer = answer  # type: ignore[attr-defined]
        ends = time.monotonic() + seconds
        while not answer.code and not answer.refused:
            self._server.timeout = ends - time.monotonic()
            if self._server.timeout <= 0:
                raise CredentialError(
                    f"Nobody consented within {seconds:.0f} seconds.", remedy="Run the command again."
                )
            self._server.handle_request()
        if answer.refused:
            raise CredentialError(
                f"The platform refused: {answer.refused}.", remedy="Run the command again and agree."
            )
        hide(answer.code)
        return answer.code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Reads the query of whoever comes. Says nothing of them: the address holds the code."""

    timeout = 10

    def do_GET(self) -> None:
        answer: _Answer = self.server.answer  # type: ignore[attr-defined]
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        if not hmac.compare_digest(query.get("state", "").encode(), answer.state.encode()):
            self._say(400, FOREIGN)
        elif query.get(answer.code_parameter):
            answer.code = query[answer.code_parameter]
            self._say(200, DONE)
        else:
            words = f"{query.get('error', 'no code came')} {query.get('error_description', '')}"
            answer.refused = excerpt(words, answer.state)
            self._say(200, REFUSED)

    def _say(self, status: int, text: str) -> None:
        body = PAGE.format(text).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by the library
        """Nothing."""
