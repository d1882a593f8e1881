"""Which of Stripe's objects a span of time is read from."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from conversion_sync.model.windows import Window
from tests.contract.platforms.running import Sandbox
from tests.contract.providers.cases import CASES, Json
from tests.contract.providers.conftest import Account

STRIPE = [case for case in CASES if case.provider == "stripe"]
pytestmark = pytest.mark.parametrize("case", STRIPE, indirect=True, ids=["stripe"])


@pytest.fixture(scope="module")
def truth(_running: Sandbox) -> Json:
    known: Json = _running.read("truth")
    return known


def listed(account: Account, window: Window) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = {}
    for page in account.provider.objects(window):
        for record in page:
            found.setdefault(record.event_type, []).append(json.loads(record.body)["object"])
    return found


def within(rows: list[Json], at: str, window: Window) -> list[Json]:
    return [row for row in rows if row[at] and datetime.fromisoformat(row[at]) in window]


@pytest.mark.parametrize("days", [3, 24])
def test_a_span_has_what_was_paid_and_what_went_back_in_it(account: Account, truth: Json, days: int) -> None:
    end = datetime.fromisoformat(truth["end"])
    window = Window(end - timedelta(days=days), end - timedelta(days=1))
    found = listed(account, window)

    def names(kind: str) -> set[Any]:
        return {each["id"] for each in found.get(f"object.{kind}", [])}

    paid = within(truth["payments"], "paid_at", window)
    lost = within([row for row in truth["failures"] if row["kind"] == "uncollectible"], "at", window)
    assert names("invoice") == {row["invoice"] for row in (*paid, *lost)} - {None}
    assert names("payment_intent") == {row["payment_intent"] for row in paid if not row["invoice"]}
    back = within(truth["refunds"], "created_at", window)
    assert names("refund") == {
        row["refund"] for row in back if row["way"] == "refund" and not row["off_provider"]
    }
    assert {each["id"] for each in found.get("object.dispute", [])} >= {
        row["refund"] for row in back if row["way"] == "chargeback"
    }
    made = {each["id"] for each in truth["customers"] if datetime.fromisoformat(each["created_at"]) in window}
    assert {each["customer"] for each in found["object.subscription"]} >= made


def test_lines_and_payments_of_a_listed_invoice_are_all_there(account: Account, truth: Json) -> None:
    start, end = (datetime.fromisoformat(truth[name]) for name in ("start", "end"))
    invoices = listed(account, Window(start, end))["object.invoice"]
    assert {each["lines"]["has_more"] for each in invoices} == {False}
    assert max(len(each["lines"]["data"]) for each in invoices) == 13
    assert all(each["payments"]["data"] for each in invoices if each["amount_paid"])
