"""`POST /webhooks/<provider>/<account>`: raw bytes, who sent them, the disk, 200; what they say is unread."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from conversion_sync.billing.signatures import Verdict
from conversion_sync.billing.webhooks import Endpoint, endpoints
from conversion_sync.config.settings import Settings
from conversion_sync.receiver.bodies import Bodies, Refused
from conversion_sync.receiver.commit import Connection, GroupCommit, NotKept
from conversion_sync.receiver.tally import Tally
from conversion_sync.store.queries import driver_query

AWAY = {"Retry-After": "5"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One webhook as it came. `headers` are those that matter, as JSON; `received_at` aware."""

    provider: str
    account: str
    received_at: datetime
    headers: str = field(repr=False)
    body: bytes = field(repr=False)


def webhook_routes(
    settings: Settings,
    inbox: GroupCommit[Delivery],
    bodies: Bodies,
    tally: Tally,
    clock: Callable[[], datetime],
) -> list[Route]:
    """The route of all accounts that have a secret; any other is 404."""
    known = endpoints(settings)

    async def webhook(request: Request) -> Response:
        account = request.path_params["provider"], request.path_params["account"]
        endpoint = known.get(account)
        if endpoint is None:
            tally.count("webhooks", "404 no such account")
            return PlainTextResponse("no such webhook\n", 404)
        status, words = await answer(request, account, endpoint)
        tally.count(f"webhooks of {':'.join(account)}", f"{status} {words}".strip())
        if status == 200:
            return Response(status_code=200)
        return PlainTextResponse(f"{words}\n", status, headers=AWAY if status == 503 else None)

    async def answer(request: Request, account: tuple[str, str], endpoint: Endpoint) -> tuple[int, str]:
        """The status and the words for it."""
        try:
            async with bodies.read(request) as body:
                now = clock()
                verdict = endpoint.check(body, request.headers, now)
                if verdict is not Verdict.GENUINE:
                    return 400, f"the signature is {verdict.value}"
                kept = {name: request.headers[name] for name in endpoint.headers if name in request.headers}
                await inbox.keep(
                    Delivery(
                        provider=account[0],
                        account=account[1],
                        received_at=now,
                        headers=json.dumps(kept),
                        body=body,
                    )
                )
        except Refused as refused:
            return refused.status, refused.words
        except NotKept:
            return 503, "not kept; send it again"
        return 200, ""

    return [Route("/webhooks/{provider}/{account}", webhook, methods=["POST"])]


async def keep_deliveries(connection: Connection, deliveries: Sequence[Delivery]) -> None:
    """One statement, committed and on disk when it returns."""
    await connection.execute(
        # As text, an array of long bodies costs a hundred times as much.
        driver_query("receiver/keep_deliveries").replace("%(bodies)s", "%(bodies)b"),
        {
            "providers": [one.provider for one in deliveries],
            "accounts": [one.account for one in deliveries],
            "times": [one.received_at for one in deliveries],
            "headers": [one.headers for one in deliveries],
            "bodies": [one.body for one in deliveries],
        },
    )
