"""One Lemon Squeezy list, page by page, over plain `requests`: there is no package of the vendor's.

Pages are numbers, so a row that is made while a list is walked pushes the others on: they come again, which
does no harm. Pages asked for ahead are the trap: one that was answered before a row came in, read after one
that was answered later, lacks the row between them. So each is held to the `total` of the one before it and
asked for again where that is larger. Source: specs/billing.md §4.1.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import requests

from conversion_sync.billing.asking import delay, patiently
from conversion_sync.billing.lemon_squeezy.catalogue import LemonCatalogue
from conversion_sync.billing.lemon_squeezy.records import Json, is_resource
from conversion_sync.billing.limiter import Limiter
from conversion_sync.errors import ConversionSyncError, CredentialError, PermanentError, TransientError
from conversion_sync.redaction import excerpt

MEDIA = "application/vnd.api+json"


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, how many there are in all, and the number of the last page."""

    rows: list[Json]
    total: int
    last: int


class Lists:
    """The lists of one Lemon Squeezy account. Thread-safe."""

    def __init__(
        self,
        account: str,
        api_key: str,
        api_base: str,
        catalogue: LemonCatalogue,
        limiter: Limiter,
        sleep: Callable[[float], None],
    ) -> None:
        self._account, self._catalogue, self._limiter, self._sleep = account, catalogue, limiter, sleep
        self._base, self._secret = api_base.rstrip("/"), api_key
        self._own = threading.local()
        self._sessions: list[requests.Session] = []
        if not (api_key.isascii() and api_key.isprintable() and api_key.strip()):
            # A request with it never leaves, which would look like a network that is down.
            raise self._bad_key("has a key that cannot be sent")

    def close(self) -> None:
        """Release sockets."""
        for session in self._sessions:
            session.close()

    def pages(
        self, name: str, filters: Mapping[str, str], enough: Callable[[Json], bool]
    ) -> Iterator[list[Json]]:
        """Pages of a list, newest row first, up to the one whose last row is `enough`; a row may come twice.

        Raises CredentialError, TransientError when faults do not pass, PermanentError otherwise.
        """
        before = self._page(name, filters, 1)
        if before.rows:
            yield before.rows
        if before.last < 2 or not before.rows or enough(before.rows[-1]):
            return
        threads = self._catalogue.api.threads
        with ThreadPoolExecutor(threads, "list") as pool:
            ahead: deque[Future[Page]] = deque()
            number = asked = 1
            try:
                while number < before.last:
                    while len(ahead) < threads and asked < before.last:
                        asked += 1
                        ahead.append(pool.submit(self._page, name, filters, asked))
                    number += 1
                    page = ahead.popleft().result()
                    if page.total < before.total:
                        page = self._page(name, filters, number)
                    if page.total < before.total:
                        # Rows have left the list, so what was on this page may be on the one before.
                        yield self._page(name, filters, number - 1).rows
                    if not page.rows:
                        return
                    yield page.rows
                    if enough(page.rows[-1]):
                        return
                    before = page
            finally:
                for waiting in ahead:
                    waiting.cancel()

    def _page(self, name: str, filters: Mapping[str, str], number: int) -> Page:
        query = {f"filter[{key}]": value for key, value in filters.items()} | {
            "page[number]": str(number),
            "page[size]": str(self._catalogue.api.page_limit),
        }
        return patiently(self._catalogue.retry, self._sleep, lambda: self._ask(f"/v1/{name}", query))

    def _ask(self, path: str, query: Mapping[str, str]) -> Page:
        api = self._catalogue.api
        self._limiter.wait()
        try:
            answer = self._session().get(
                self._base + path,
                params=query,
                timeout=(api.connect_timeout_seconds, api.read_timeout_seconds),
                allow_redirects=False,
            )
        except requests.RequestException as fault:
            raise self._away(type(fault).__name__) from None
        if answer.status_code != 200:
            raise self._refused(answer)
        page = _page_of(answer.content)
        if page is None:
            raise TransientError(
                f"Lemon Squeezy ({self._account}) answered {path} with something that is not a list.",
                remedy="Run again; if it stays so, check `api_base`.",
            )
        return page

    def _session(self) -> requests.Session:
        """This thread's."""
        if not hasattr(self._own, "session"):
            session = requests.Session()
            session.trust_env = False
            session.headers.update(
                {"Accept": MEDIA, "Content-Type": MEDIA, "Authorization": f"Bearer {self._secret}"}
            )
            self._own.session = session
            self._sessions.append(session)
        made: requests.Session = self._own.session
        return made

    def _refused(self, answer: requests.Response) -> ConversionSyncError:
        """A refusal as one of our errors. Nothing of the request is in the message."""
        status = answer.status_code
        if status in (401, 403):
            return self._bad_key(f"refused the key ({status})")
        if status in (409, 429) or status >= 500:
            return self._away(str(status), delay(answer.headers.get("Retry-After")))
        return PermanentError(
            f"Lemon Squeezy ({self._account}) refused the request ({status}): "
            f"{excerpt(_detail(answer.content), self._secret)}",
            remedy="Check `api_base` and `store_id`, or report this message.",
        )

    def _away(self, why: str, retry_after: float | None = None) -> TransientError:
        return TransientError(
            f"Lemon Squeezy ({self._account}) could not answer ({why}).",
            remedy="Run again: what was read is kept; if it stays so, check `api_base` and the network.",
            retry_after=retry_after,
        )

    def _bad_key(self, what: str) -> CredentialError:
        return CredentialError(
            f"Lemon Squeezy ({self._account}) {what}.",
            remedy=f"Put a valid key in `billing.lemon_squeezy.{self._account}.api_key`; keys end after a "
            "year, and test mode has its own.",
        )


def _page_of(content: bytes) -> Page | None:
    try:
        body = json.loads(content)
        rows, page = body["data"], body["meta"]["page"]
        total, last = page["total"], page["lastPage"]
    except (KeyError, RecursionError, TypeError, ValueError):
        return None
    sound = isinstance(rows, list) and all(map(is_resource, rows)) and type(total) is type(last) is int
    return Page(rows, total, last) if sound else None


def _detail(content: bytes) -> str:
    """What the first error object says, else the text."""
    try:
        first: Any = json.loads(content)["errors"][0]
        return str(first.get("detail") or first.get("title"))
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError):
        return content[:5000].decode("utf-8", "replace")
