"""Bad rows in a real delivery to every platform: each is refused by the name of its field, and alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from conversion_sync.config.settings import UploadMode
from conversion_sync.delivery.deliver import deliver
from conversion_sync.delivery.desk import Desk
from conversion_sync.model.conversion import Outbound
from conversion_sync.model.identifier import HASH_OF_NOTHING
from conversion_sync.model.money import Money
from conversion_sync.platforms.platform import Catalogue, Platform, Preflight, SendResult, Settlement
from tests.contract.platforms.cases import Case
from tests.contract.platforms.running import Opened, Sandbox, counts, row
from tests.integration.scripted import enable, payments
from tests.integration.world import EVERYTHING, NOW, rows

BAD: list[tuple[str, dict[str, Any]]] = [
    ("landing_url", {"landing_url": "https://shop.example/\udcff"}),
    ("user_agent", {"user_agent": "Mozilla\ud83d"}),
    ("click_id", {"click_id": "\ud800"}),
    ("ip_address", {"ip_address": "203.0.113.7\r\nX-Injected: 1"}),
    ("value", {"value": Money(float("nan"), "USD", 2)}),  # type: ignore[arg-type]
    ("value", {"value": Money(Decimal("1" * 40), "USD", 2)}),  # type: ignore[arg-type]
    ("value", {"value": Money(int("9" * 40), "USD", 2)}),
    ("value", {"value": Money(-1999, "USD", 2)}),
    ("currency", {"value": Money(1999, "dollars", 2)}),
    ("ad_user_data", {"ad_user_data": "maybe"}),
    ("occurred_at", {"occurred_at": datetime(1970, 1, 21, tzinfo=UTC)}),
    ("occurred_at", {"occurred_at": datetime(2026, 11, 19)}),  # noqa: DTZ001
    ("email_plain", {"identifiers": {"email_plain": HASH_OF_NOTHING}}),
    ("email_canonical", {"identifiers": {"email_canonical": "jane@example.com"}}),
    ("city_clear", {"identifiers": {"city_clear": "new\x00york"}}),
]
"""The field, and what is wrong in it; most of it could not come out of the ledger, and must not leave."""


@dataclass(frozen=True)
class Spoilt:
    """A platform's real adapter, for which some rows are read otherwise than they stand in the ledger."""

    adapter: Platform
    read: Mapping[str, Outbound]

    @property
    def catalogue(self) -> Catalogue:
        return self.adapter.catalogue

    def invalid(self, row: Outbound) -> str | None:
        return self.adapter.invalid(self.read[row.conversion_id])

    def send(self, batch: Sequence[Outbound], *, validate_only: bool) -> SendResult:
        return self.adapter.send(
            [self.read[each.conversion_id] for each in batch], validate_only=validate_only
        )

    def settlement(self, request_ref: str) -> Settlement:
        return self.adapter.settlement(request_ref)

    def preflight(self, targets: Mapping[str, Mapping[str, str]]) -> Preflight:
        return self.adapter.preflight(targets)

    def close(self) -> None:
        self.adapter.close()


@pytest.fixture
def planned(database) -> Engine:
    """A row for each bad thing, and one before and after them all."""
    engine = enable(database.engine, "meta")
    payments(engine, len(BAD) + 2)
    return engine


def test_bad_rows_are_refused_by_their_field_and_fail_no_neighbour(
    sandbox: Sandbox, case: Case, opened: Opened, planned: Engine
) -> None:
    ids = [name for (name,) in rows(planned, "select conversion_id from conversion order by deadline")]
    changes = [{}, *(change for _, change in BAD), {}]
    read = {
        name: row(sandbox, case, **change)._replace(conversion_id=name, vendor_id=f"cs_{name}")
        for name, change in zip(ids, changes, strict=True)
    }
    desk = Desk(engine=planned, platform="meta", account="main", run_id="run-1", targets={"purchase": {}})
    tally = deliver(desk, Spoilt(opened(case), read), EVERYTHING, UploadMode.LIVE, lambda: NOW)
    assert tally.stopped is None
    found = {
        name: (state, reason, text)
        for name, state, reason, text in rows(
            planned,
            "select conversion_id, state, reason, text from conversion join delivery_attempt "
            "using (conversion_id) where phase <> 'intent'",
        )
    }
    good, bad = [ids[0], ids[-1]], ids[1:-1]
    assert {found[name][0] for name in good} <= {"accepted", "settled"}
    assert counts(sandbox, *(read[name] for name in good)) == [1, 1]
    for name, (field, _) in zip(bad, BAD, strict=True):
        state, reason, text = found[name]
        names = {field, case.click_kind} if field == "click_id" else {field}
        named = any(each in text for each in names)
        assert (state, reason, named) == ("rejected", "invalid_row", True), text
        text.encode()
    assert counts(sandbox, *(read[name]._replace(click_id_kind=case.click_kind) for name in bad)) == [
        0
    ] * len(bad)
