"""One Paddle account's lists, a page at a time, as plain JSON.

`paddle-python-sdk` gives the key, the version and the address; the rest of it is left aside, because (§3.4)
its objects demote what they do not know and print it, its pager follows a link with the key to any host, its
retries hide what was refused, and its error parser breaks at a delay that is no whole number. So answers are
looked at before the SDK sees them, retries are ours, and a link to the next page is followed only where this
account's API is.

Source: specs/billing.md §3.1, §3.4.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from logging import CRITICAL, Logger
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from conversion_sync.billing.asking import delay, patiently
from conversion_sync.billing.limiter import shared
from conversion_sync.billing.paddle.catalogue import PaddleCatalogue
from conversion_sync.errors import ConversionSyncError, CredentialError, PermanentError, TransientError
from conversion_sync.redaction import excerpt

if TYPE_CHECKING:
    from paddle_billing import Client
    from requests import Response

Json = dict[str, Any]
MINUTE = 60.0


class Page:
    """The rows of one answer, where the next page is, and how many are estimated with and after it."""

    __slots__ = ("left", "next", "rows")

    def __init__(self, rows: list[Json], following: str | None, left: int | None) -> None:
        self.rows, self.next, self.left = rows, following, left


class PaddleLists:
    """Asks for pages. Threads share it; each has a connection of its own."""

    def __init__(
        self,
        account: str,
        api_key: str,
        api_base: str,
        requests_per_minute: int,
        catalogue: PaddleCatalogue,
        sleep: Callable[[float], None],
    ) -> None:
        self._account, self._secret, self._base = account, api_key, api_base
        self._catalogue, self._sleep = catalogue, sleep
        self._home = urlsplit(api_base)[:2]
        self._mine = threading.local()
        # Paddle counts by address: every account of this process shares what this machine may ask.
        self._limiter = shared(("paddle", self._home, requests_per_minute), requests_per_minute, MINUTE)
        if not (api_key.isascii() and api_key.isprintable() and api_key):
            # A request with it never leaves, which would look like a network that is down.
            raise self._bad_key("has a key that cannot be sent")

    def pages(self, path: str, query: Mapping[str, str], key: str = "id") -> Iterator[Page]:
        """Every page of a list, each with rows; `key` is what names a row. Never an endless one."""
        address, parameters = path, dict(query)
        while True:
            page = self.page(address, parameters, key)
            if page.rows:
                yield page
            if page.next is None:
                return
            address, parameters = page.next, {}

    def page(self, address: str, query: Mapping[str, str], key: str = "id") -> Page:
        """One page; passing faults are waited for, as long as the catalogue says.

        Raises CredentialError, TransientError when faults do not pass, PermanentError otherwise.
        """
        return patiently(self._catalogue.retry, self._sleep, partial(self._ask, address, dict(query), key))

    def _ask(self, address: str, query: dict[str, str], key: str) -> Page:
        import requests

        self._limiter.wait()
        try:
            answer = self._client().get_raw(address, query or None)
            body = json.loads(answer.content, parse_constant=_no_number)
        except ConversionSyncError:
            raise
        except requests.RequestException:
            raise self._unanswered("no connection", None) from None
        except (RecursionError, TypeError, UnicodeError, ValueError):
            raise self._nonsense() from None
        return self._page(body, address, key)

    def _page(self, body: Any, address: str, key: str) -> Page:
        rows = body.get("data") if isinstance(body, dict) else None
        meta = body.get("meta") if isinstance(body, dict) else None
        paging = meta.get("pagination") if isinstance(meta, dict) else None
        if not isinstance(rows, list) or not _are_named(rows, key) or not isinstance(paging, dict):
            raise self._nonsense()
        total = paging.get("estimated_total")
        left = total if isinstance(total, int) and not isinstance(total, bool) else None
        match paging.get("has_more"), paging.get("next"):
            case False, _:
                return Page(rows, None, left)
            case True, str(following) if rows and following != address:
                return Page(rows, self._at_home(following), left)
        raise self._nonsense()

    def _at_home(self, link: str) -> str:
        """The link, if it leads to where this account's API is: the key goes with it."""
        if urlsplit(link)[:2] != self._home:
            raise PermanentError(
                f"Paddle ({self._account}) named a next page at another address.",
                remedy=f"Set `billing.paddle.{self._account}.api_base` to the address Paddle answers from.",
            )
        return link

    def _client(self) -> Client:
        """This thread's client."""
        found: Client | None = getattr(self._mine, "client", None)
        if found is None:
            found = self._mine.client = self._connect()
        return found

    def _connect(self) -> Client:
        from paddle_billing import Client, Options
        from requests.adapters import HTTPAdapter

        api = self._catalogue.api
        client = Client(
            self._secret,
            options=Options(environment=SimpleNamespace(base_url=self._base)),
            logger=Logger(  # noqa: LOG001 - one nobody hears: it would log answers
                "paddle_billing", CRITICAL + 1
            ),
            timeout=(api.connect_timeout_seconds, api.read_timeout_seconds),
        )
        # Without the SDK's retries, and with our look at every answer before the SDK's.
        client.client.mount("https://", HTTPAdapter())
        client.client.hooks["response"] = [self._look]
        return client

    def _look(self, answer: Response, *_: object, **__: object) -> None:
        """Raises for every answer but a page, as one of our family."""
        if answer.status_code == 200:
            return
        with answer:
            status, after = answer.status_code, delay(answer.headers.get("Retry-After"))
            if status in (401, 403):
                raise self._bad_key(f"refused the key ({status})")
            if status < 400 or status in (408, 409, 425, 429) or status >= 500:
                raise self._unanswered(str(status), after)
            raise PermanentError(
                f"Paddle ({self._account}) refused the request ({status}): "
                f"{excerpt(_detail(answer.content), self._secret)}",
                remedy="Check `api_base`; if it is right, report this message.",
            )

    def _unanswered(self, why: str, after: float | None) -> TransientError:
        return TransientError(
            f"Paddle ({self._account}) could not answer ({why}).",
            remedy="Run again: what was read is kept; if it stays so, check `api_base` and the network.",
            retry_after=after,
        )

    def _nonsense(self) -> TransientError:
        return TransientError(
            f"Paddle ({self._account}) answered with something that is not a page.",
            remedy="Run again; if it stays so, check `api_base`.",
        )

    def _bad_key(self, what: str) -> CredentialError:
        return CredentialError(
            f"Paddle ({self._account}) {what}.",
            remedy=f"Put a valid key in `billing.paddle.{self._account}.api_key`; it must be allowed to read "
            "notifications, transactions, adjustments, subscriptions, customers and addresses.",
        )


def _are_named(rows: list[Any], key: str) -> bool:
    return all(isinstance(row, dict) and isinstance(row.get(key), str) for row in rows)


def _detail(content: bytes) -> str:
    """What Paddle says was wrong: nothing of the request."""
    try:
        error = json.loads(content)["error"]
        said = [error["detail"], *(f"{each['field']} {each['message']}" for each in error.get("errors", []))]
        return f"{error['code']}: {'; '.join(map(str, said))}"
    except (KeyError, RecursionError, TypeError, ValueError, AttributeError):
        return content[:400].decode("utf-8", "replace")


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no JSON")
