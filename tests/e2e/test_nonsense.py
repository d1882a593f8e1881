"""A platform that answers nonsense: told once with its remedy, and nothing is lost or counts twice."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from collections.abc import Iterator

import pytest

from conversion_sync.model.conversion import REASONS, Reason
from conversion_sync.reports.laws import conservation
from conversion_sync.store.embedded import EmbeddedServer
from tests.e2e.business import LOOK, SIZE, Json, business, days_ago, heading, meant, received
from tests.e2e.world import Company, World, living, recent_midnight

pytestmark = pytest.mark.slow

NONSENSE: dict[str, tuple[str, dict[str, str]]] = {
    "html": ("<html><body>It works</body></html>", {}),
    "empty": ("", {}),
    "truncated": ('{"events_received": 1, "code": 0, "elem', {}),
    "wrong shape": (
        '{"events_received": [], "code": {}, "elements": 1, "requestId": ""}',
        {"meta": "count_mismatch COUNT events were sent, Meta says it received []"},
    ),
}
"""What every platform answers once, and how a platform's rows tell it if not by its words."""
PATHS = {
    "meta": "/events",
    "tiktok": "/event/",
    "linkedin": "conversionEvents",
    "data_manager": "IngestEvents",
}
OVER_GRPC: dict[str, Json] = {"data_manager": {"status": None}}
"""It has no HTTP status: the words are the bytes of its message."""
IN_DOUBT = ("linkedin", "meta")
"""They promise nothing about copies: what may have arrived is never sent again."""
SURE = ("google_ads", "microsoft_ads", "tiktok")
IN_PEACE = "microsoft_ads"
"""So small here that on some days there is nothing to answer."""


@pytest.fixture(scope="module")
def world(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Each test takes a day of its own, so that one's conversions are not in another's books."""
    end = ("--end", recent_midnight().isoformat())
    with living(tmp_path_factory.mktemp("nonsense"), server, *SIZE, *end) as world:
        yield world


def go_wrong(world: World, rules: list[Json]) -> None:
    """Adds rules to the sandbox's fault plan."""
    request = urllib.request.Request(
        world.endpoints["admin"] + "/faults",
        data=json.dumps(rules).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request):
        return


def in_rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def doubts(kind: str, counts: dict[str, int]) -> str:
    """The lines of a sync about rows that wait for a person."""
    body, words = NONSENSE[kind]
    return "".join(
        f"    {platform}_main_uploads: {in_rows(counts[platform])} waiting for a person. The platform said: "
        + words.get(platform, f"unreadable {body}").replace("COUNT", str(counts[platform])).strip()
        + f". Remedy: {REASONS[Reason.MAY_HAVE_ARRIVED].remedy}\n"
        for platform in IN_DOUBT
    )


@pytest.mark.parametrize(("ago", "kind"), list(enumerate(NONSENSE, start=2)), ids=NONSENSE)
def test_an_answer_that_makes_no_sense_is_told_and_sent_again_only_where_a_copy_cannot_count(
    world: World, server: EmbeddedServer, ago: int, kind: str
) -> None:
    window = days_ago(world, ago)
    rows = meant(world, server, window)
    counts = {platform: len(rows[platform]) for platform in (*IN_DOUBT, *SURE) if platform != IN_PEACE}
    assert min(counts.values()) > 0
    action = {"status": 200, "body": NONSENSE[kind][0]}
    go_wrong(
        world,
        [
            {"vendor": vendor, "path_contains": path, "action": action | OVER_GRPC.get(vendor, {})}
            for vendor, path in PATHS.items()
        ],
    )
    before = received(world)
    with business(world, server) as mine:
        said = mine.sync(window)
        assert world.ask("/faults") == {"faults": []}, said
        assert (said.code, said.out) == (1, heading(window, "✗") + doubts(kind, counts) + LOOK)
        states = {
            row: "settled" if platform in SURE else "unknown" for platform in rows for row in rows[platform]
        }
        assert mine.states() == states
        sent = {vendor for platform in SURE for vendor in rows.get(platform, {}).values()}
        assert received(world) - before == Counter(sent)

        books, asked = world.ask("/ledger"), world.requests()
        again = Company(world, mine.engine)
        again.prepare(window)
        again.deliver(window)
        assert (mine.states(), world.ask("/ledger"), world.requests()) == (states, books, asked)
        assert conservation(mine.engine) == 0
