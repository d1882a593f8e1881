"""One Stripe account's lists: a page at a time, within its limits, patiently, its rows as they came.

The official client is used for authentication, connections and typed errors; its objects are not built, and
its retries are off: it ignores `Retry-After` and never waits for a 429.
Source: specs/billing.md §1.10 (limits, retries, the client's behaviour).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from conversion_sync.billing.asking import delay, patiently
from conversion_sync.billing.limiter import Limiter, shared
from conversion_sync.billing.stripe.catalogue import StripeCatalogue
from conversion_sync.billing.stripe.records import repaired
from conversion_sync.errors import ConversionSyncError, CredentialError, PermanentError, TransientError
from conversion_sync.redaction import excerpt

if TYPE_CHECKING:
    from stripe import StripeClient

TEST_KEYS = ("sk_test_", "rk_test_")


class Page(msgspec.Struct):
    """A page of a list: its rows unread."""

    data: list[msgspec.Raw]
    has_more: bool | None = False


class Row(msgspec.Struct):
    """What every row of a list has."""

    id: str


class Client:
    """Reads lists of one account. Thread-safe: each thread has a connection of its own."""

    def __init__(
        self,
        account: str,
        api_key: str,
        api_base: str,
        catalogue: StripeCatalogue,
        sleep: Callable[[float], None],
        requests_per_second: int | None = None,
    ) -> None:
        self._account, self._catalogue, self._sleep = account, catalogue, sleep
        self._secret, self._base = api_key, api_base
        limits = catalogue.limits
        self._per_endpoint = requests_per_second or limits.endpoint_per_second
        is_test = api_key.startswith(TEST_KEYS)
        self._per_account = max(
            self._per_endpoint, limits.test_per_second if is_test else limits.account_per_second
        )
        self._sdk = self._connect()

    @property
    def page_limit(self) -> int:
        """Rows of a page."""
        return self._catalogue.api.page_limit

    @property
    def threads(self) -> int:
        """How many lists are read at a time."""
        return self._catalogue.limits.threads

    def page(self, path: str, endpoint: str, parameters: Mapping[str, Any]) -> Page:
        """One page; passing faults are waited for as long as the catalogue says. `endpoint` has the limit.

        Raises CredentialError, TransientError when faults do not pass, PermanentError otherwise.
        """
        limiters = (
            self._limiter("every", self._per_account),
            self._limiter(endpoint, self._per_endpoint),
        )

        def ask() -> Page:
            for limiter in limiters:
                limiter.wait()
            return self._ask(path, parameters)

        return patiently(self._catalogue.retry, self._sleep, ask)

    def _limiter(self, name: str, per_second: int) -> Limiter:
        return shared(("stripe", self._base, self._account, name), per_second, 1.0)

    def _ask(self, path: str, parameters: Mapping[str, Any]) -> Page:
        import stripe

        try:
            answer = self._sdk.raw_request("get", path, limit=self.page_limit, **parameters)
            page = _page(answer.headers.content)
        except stripe.StripeError as fault:
            raise self._family(fault) from None
        except (AttributeError, RecursionError, TypeError, ValueError):
            # Bodies that are no text or no page, and errors the client stumbles over.
            raise self.nonsense(path) from None
        return page

    def nonsense(self, path: str) -> TransientError:
        """What is raised where an answer makes no sense: another one may."""
        return TransientError(
            f"Stripe ({self._account}) answered {path} with something that is not a list.",
            remedy="Run again; if it stays so, check `api_base`.",
        )

    def _connect(self) -> StripeClient:
        from conversion_sync.billing.stripe.transport import connect

        if not (self._secret.isascii() and self._secret.isprintable() and self._secret):
            # A request with it never leaves, which would look like a network that is down.
            raise self._bad_key("has a key that cannot be sent")
        api = self._catalogue.api
        timeout = (api.connect_timeout_seconds, api.read_timeout_seconds)
        return connect(self._secret, self._base, api.version, timeout)

    def _bad_key(self, what: str) -> CredentialError:
        return CredentialError(
            f"Stripe ({self._account}) {what}.",
            remedy=f"Put a valid key in `billing.stripe.{self._account}.api_key`; "
            "it must be allowed to read events, invoices and what is listed in docs/billing.md.",
        )

    def _family(self, fault: Any) -> ConversionSyncError:
        """Stripe's exceptions as ours. Nothing of a request is in the message."""
        status = fault.http_status
        place = f"Stripe ({self._account})"
        if status in (401, 403):
            return self._bad_key(f"refused the key ({status})")
        if status in (None, 200, 409, 429) or status >= 500:
            return TransientError(
                f"{place} could not answer ({status or 'no connection'}).",
                remedy="Run again: what was read is kept; if it stays so, check `api_base` and the network.",
                retry_after=delay((fault.headers or {}).get("Retry-After")),
            )
        return PermanentError(
            f"{place} refused the request ({status}): {excerpt(fault.user_message or '', self._secret)}",
            remedy=f"Events are listed for {self._catalogue.api.retention_days} days only; "
            "start later, or report this message.",
        )


def _page(content: bytes) -> Page:
    """The page in a body. Raises ValueError or RecursionError where there is none."""
    try:
        page = PAGES.decode(content)
    except msgspec.DecodeError:
        page = PAGES.decode(repaired(content))
    for row in page.data:
        ROWS.decode(row)
    return page


PAGES = msgspec.json.Decoder(Page)
ROWS = msgspec.json.Decoder(Row)
