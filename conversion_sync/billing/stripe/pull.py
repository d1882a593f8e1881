"""Pulls Stripe's events for a window, newest first, page by page, as plain dicts.

Source: specs/billing.md §1.8 (listing), §1.10 (limits, retries, the SDK's behaviour). The official client
is used for authentication, connections and typed errors; its objects are not built, and its retries are
off: it ignores `Retry-After` and never waits for a 429, so waiting is done here.

Types are asked for by name, at most twenty a request, so a window is read once for each chunk of the list:
unfiltered listing would also move every event type that has nothing to do with revenue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from conversion_sync.billing.asking import delay, patiently
from conversion_sync.billing.provider import RawRecord
from conversion_sync.billing.stripe.catalogue import StripeCatalogue
from conversion_sync.billing.stripe.records import lacks_lines, record_of
from conversion_sync.errors import ConversionSyncError, CredentialError, PermanentError, TransientError
from conversion_sync.model.windows import Window
from conversion_sync.redaction import excerpt

if TYPE_CHECKING:
    from stripe import StripeClient

Json = dict[str, Any]


class EventFeed:
    """The event list of one Stripe account."""

    def __init__(
        self,
        account: str,
        api_key: str,
        api_base: str,
        catalogue: StripeCatalogue,
        sleep: Callable[[float], None],
    ) -> None:
        self._account, self._catalogue, self._sleep = account, catalogue, sleep
        self._secret = api_key
        self._client = self._connect(api_base)

    def pages(self, window: Window, overlap: timedelta) -> Iterator[Sequence[RawRecord]]:
        """Pages of records created in [start - overlap, end).

        Raises CredentialError, TransientError when faults do not pass, PermanentError otherwise.
        """
        span = {
            "created": {
                "gte": int((window.start - overlap).timestamp()),
                "lt": int(window.end.timestamp()),
            }
        }
        names = [*self._catalogue.events.read, *self._catalogue.events.kept]
        size = self._catalogue.api.types_per_request
        for first in range(0, len(names), size):
            yield from self._pages(span | {"types": names[first : first + size]})

    def _pages(self, query: Mapping[str, Any]) -> Iterator[Sequence[RawRecord]]:
        cursor: str | None = None
        while True:
            parameters = dict(query) | {"limit": self._catalogue.api.page_limit}
            if cursor is not None:
                parameters["starting_after"] = cursor
            page = self._list("/v1/events", parameters)
            events = page["data"]
            if events:
                yield [self._record(event) for event in events]
                cursor = str(events[-1]["id"])
            if not events or not page.get("has_more"):
                return

    def _record(self, event: Json) -> RawRecord:
        thing = event["data"]["object"]
        if lacks_lines(thing):
            self.complete_lines(thing)
        return record_of(event)

    def complete_lines(self, thing: Json) -> None:
        """An invoice embeds its first ten lines; the stored record gets all: reading it needs no API.

        Raises as `pages`.
        """
        every: list[Json] = []
        cursor: str | None = None
        more = True
        while more:
            parameters: Json = {"limit": self._catalogue.api.page_limit}
            if cursor is not None:
                parameters["starting_after"] = cursor
            page = self._list(f"/v1/invoices/{thing['id']}/lines", parameters)
            every += page["data"]
            more = bool(page.get("has_more") and page["data"])
            cursor = str(every[-1]["id"]) if every else None
        thing["lines"] |= {"data": every, "has_more": False}

    def _list(self, path: str, parameters: Json) -> Json:
        """One list request; passing faults are waited for, as long as the catalogue says."""
        return patiently(self._catalogue.retry, self._sleep, lambda: self._ask(path, parameters))

    def _ask(self, path: str, parameters: Json) -> Json:
        import stripe

        try:
            answer = self._client.raw_request("get", path, **parameters).data
        except stripe.StripeError as fault:
            raise self._family(fault) from None
        except (AttributeError, TypeError, ValueError):
            # The client stumbles over bodies that are no text and over errors of another shape.
            raise self._nonsense(path) from None
        if not isinstance(answer, dict) or not _is_page(answer.get("data")):
            raise self._nonsense(path)
        return answer

    def _nonsense(self, path: str) -> TransientError:
        return TransientError(
            f"Stripe ({self._account}) answered {path} with something that is not a list.",
            remedy="Run again; if it stays so, check `api_base`.",
        )

    def _connect(self, api_base: str) -> StripeClient:
        import stripe

        stripe.enable_telemetry = False
        api = self._catalogue.api
        if not (self._secret.isascii() and self._secret.isprintable() and self._secret):
            # A request with it never leaves, which would look like a network that is down.
            raise self._bad_key("has a key that cannot be sent")
        return stripe.StripeClient(
            self._secret,
            base_addresses={"api": api_base},
            http_client=stripe.RequestsClient(
                timeout=(api.connect_timeout_seconds, api.read_timeout_seconds)
            ),
            max_network_retries=0,
            stripe_version=api.version,
        )

    def _bad_key(self, what: str) -> CredentialError:
        return CredentialError(
            f"Stripe ({self._account}) {what}.",
            remedy=f"Put a valid key in `billing.stripe.{self._account}.api_key`; "
            "it must be allowed to read events and invoices.",
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


def _is_page(rows: object) -> bool:
    return isinstance(rows, list) and all(isinstance(row, dict) and "id" in row for row in rows)
