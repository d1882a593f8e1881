"""The running sandbox as these tests see it, rows for its vendors, and what its books say of them."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import requests

from conversion_sync.model.conversion import ConversionId, ConversionKind, Outbound, Outcome, Verb
from conversion_sync.model.money import Money
from conversion_sync.platforms.platform import Platform, SendResult, SettlementStatus
from tests.contract.platforms.cases import CASES, Case

Json = dict[str, Any]
Opened = Callable[..., Platform]
"""Opens the adapter of a case's account, with settings changed at will."""

TAKEN = {Outcome.DELIVERED, Outcome.ACCEPTED}

OLD_ENOUGH = timedelta(hours=12)
"""The age at which every platform takes a click's conversions."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The running sandbox, through its own interface. `clicks` are old enough, by the kind of their id."""

    endpoints: Mapping[str, Any]
    clicks: Mapping[str, Sequence[tuple[str, datetime]]]

    def read(self, path: str) -> Any:
        return requests.get(f"{self.endpoints['admin']}/{path}", timeout=60).json()

    def go_wrong(self, vendor: str, *, times: int | None = 1, path: str = "", **action: Any) -> None:
        rule = {"vendor": vendor, "path_contains": path, "times": times, "action": action}
        requests.post(f"{self.endpoints['admin']}/faults", json=[rule], timeout=60).raise_for_status()

    def stand(self, **standing: Any) -> None:
        """Changes how the account at Google Ads stands."""
        if standing:
            address = f"{self.endpoints['admin']}/google_ads"
            requests.post(address, json=standing, timeout=60).raise_for_status()

    def mend(self) -> None:
        """Nothing is wrong any more, and the books are empty: every look at them costs what is in them."""
        for place in ("faults", "google_ads", "ledger"):
            requests.delete(f"{self.endpoints['admin']}/{place}", timeout=60).raise_for_status()

    def booked(self, *names: str) -> list[Json]:
        """The entries of these names in the platforms' books."""
        return [entry for entry in self.read("ledger") if entry["vendor_id"] in names]

    def requests(self, vendor: str) -> int:
        counted = self.read("requests")["count"]
        return sum(number for name, number in counted.items() if name.split()[0] == vendor)


def old_clicks(truth: Json) -> Mapping[str, Sequence[tuple[str, datetime]]]:
    """The clicks the platforms know, with their times, by the kind of their id."""
    latest = datetime.fromisoformat(truth["end"]) - OLD_ENOUGH
    found: dict[str, list[tuple[str, datetime]]] = defaultdict(list)
    for click in truth["clicks"]:
        at = datetime.fromisoformat(click["at"])
        for kind, value in click["ids"].items():
            if at < latest:
                found[kind].append((value, at))
    return found


def row(sandbox: Sandbox, case: Case, nth: int = 0, **changes: Any) -> Outbound:
    """A purchase of 19.99 USD by a click the platform knows, minutes after it."""
    click_id, clicked_at = sandbox.clicks[case.click_kind][nth]
    name = uuid.uuid4().hex
    known: dict[str, Any] = {
        "conversion_id": ConversionId(name),
        "vendor_id": f"cs_{name}",
        "kind": ConversionKind.CONVERSION,
        "verb": Verb.SEND,
        "event_kind": "first_payment",
        "action": "purchase",
        "target": case.target,
        "value": Money(1999, "USD", 2),
        "occurred_at": clicked_at + timedelta(minutes=7, microseconds=654321),
        "click_id_kind": case.click_kind,
        "click_id": click_id,
        "clicked_at": clicked_at,
    }
    return Outbound(**(known | changes))


def rows(sandbox: Sandbox, case: Case, count: int) -> list[Outbound]:
    return [row(sandbox, case) for _ in range(count)]


def send(platform: Platform, *batch: Outbound) -> SendResult:
    return platform.send(batch, validate_only=False)


def assert_taken(platform: Platform, answer: SendResult) -> None:
    """The platform holds every row: at once, as a copy it has, or confirmed when asked after."""
    others = {place: row for place, row in answer.rows.items() if row.outcome is not Outcome.DELIVERED}
    assert (answer.outcome in TAKEN, others, answer.remedy) == (True, {}, ""), answer
    assert (answer.outcome is Outcome.ACCEPTED) == platform.catalogue.confirms_later
    if answer.request_ref is not None:
        assert platform.settlement(answer.request_ref).status is SettlementStatus.SETTLED


def counts(sandbox: Sandbox, *batch: Outbound) -> list[int]:
    """How often each row counts in the books; 0 where the platform does not have it."""
    named = {case.click_kind: case.name for case in CASES}
    names = [named[each.click_id_kind](each) if each.click_id_kind else each.vendor_id for each in batch]
    entries = {entry["vendor_id"]: entry["counts"] for entry in sandbox.booked(*names)}
    return [entries.get(name, 0) for name in names]
