"""Isolation finds the rows a platform refuses a whole request for, and lets the rest through."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from conversion_sync.delivery.books import Claimed
from conversion_sync.delivery.isolate import Findings, isolate
from conversion_sync.model.conversion import ConversionId, ConversionKind, Outbound, Outcome, Verb
from conversion_sync.platforms.platform import SendResult

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def claimed(number: int) -> Claimed:
    return Claimed(
        attempts=1,
        first_sent_at=NOW,
        batch_group="",
        in_doubt=False,
        row=Outbound(
            conversion_id=ConversionId(f"c{number}"),
            vendor_id=f"cs_c{number}",
            kind=ConversionKind.CONVERSION,
            verb=Verb.SEND,
            event_kind="first_payment",
            action="purchase",
            target={},
            value=None,
            occurred_at=NOW,
            click_id_kind="fbclid",
            click_id=f"click-{number}",
        ),
    )


class Vendor:
    """Refuses any request with a bad row; names the bad rows if it is that kind of vendor."""

    def __init__(self, bad: set[str], *, names: bool, code: str = "100") -> None:
        self.bad, self.names, self.code = bad, names, code
        self.taken: list[str] = []
        self.requests = 0

    def send(self, rows: Sequence[Claimed]) -> SendResult:
        self.requests += 1
        ids = [item.row.conversion_id for item in rows]
        faulty = [place for place, name in enumerate(ids) if name in self.bad]
        if faulty:
            named = faulty if self.names else ()
            return SendResult(outcome=Outcome.BAD_BATCH, code=self.code, text="bad", named=named)
        self.taken += ids
        return SendResult(outcome=Outcome.DELIVERED)


def run(vendor: Vendor, rows: Sequence[Claimed], budget: int = 60) -> Findings:
    return isolate(rows, vendor.send(rows), vendor.send, budget)


def by_outcome(found: Findings) -> dict[Outcome, set[str]]:
    sorted_rows: dict[Outcome, set[str]] = {}
    for rows, answer in found.answers:
        sorted_rows.setdefault(answer.outcome, set()).update(item.row.conversion_id for item in rows)
    return sorted_rows


@pytest.mark.parametrize("names", [True, False])
def test_one_bad_row_of_a_thousand_costs_one_row(names: bool) -> None:
    rows = [claimed(number) for number in range(1000)]
    vendor = Vendor({"c617"}, names=names)

    found = run(vendor, rows)

    assert by_outcome(found) == {
        Outcome.REJECTED: {"c617"},
        Outcome.DELIVERED: {f"c{number}" for number in range(1000)} - {"c617"},
    }
    assert sorted(vendor.taken) == sorted(f"c{number}" for number in range(1000) if number != 617)
    assert found.requests == (1 if names else 2 * 10)


@given(st.sets(st.integers(0, 39), min_size=1, max_size=6), st.booleans())
@example({0, 1, 2}, False)
@example({37, 38, 39}, False)
def test_every_row_gets_exactly_one_answer_and_good_rows_leave_once(bad: set[int], names: bool) -> None:
    rows = [claimed(number) for number in range(40)]
    vendor = Vendor({f"c{number}" for number in bad}, names=names)

    found = run(vendor, rows)

    answered = [item.row.conversion_id for group, _ in found.answers for item in group]
    assert sorted(answered) == sorted(item.row.conversion_id for item in rows)
    assert len(vendor.taken) == len(set(vendor.taken))
    assert by_outcome(found).get(Outcome.DELIVERED, set()) == set(vendor.taken)


def test_a_spent_budget_leaves_the_rest_for_later() -> None:
    rows = [claimed(number) for number in range(64)]
    vendor = Vendor({f"c{number}" for number in range(0, 64, 5)}, names=False)

    found = run(vendor, rows, budget=6)

    assert found.requests == 6
    left = by_outcome(found)[Outcome.RETRY_LATER]
    assert left
    assert not left & set(vendor.taken)


def test_rows_refused_one_by_one_alike_blame_the_request() -> None:
    rows = [claimed(number) for number in range(8)]
    vendor = Vendor({item.row.conversion_id for item in rows}, names=False)

    found = run(vendor, rows)

    assert by_outcome(found) == {Outcome.HOLD: {item.row.conversion_id for item in rows}}


def test_a_fault_on_the_way_keeps_its_own_answer() -> None:
    rows = [claimed(number) for number in range(4)]
    answers = iter([SendResult(outcome=Outcome.AMBIGUOUS), SendResult(outcome=Outcome.DELIVERED)])

    found = isolate(rows, SendResult(outcome=Outcome.BAD_BATCH), lambda _: next(answers), 60)

    assert {outcome: len(ids) for outcome, ids in by_outcome(found).items()} == {
        Outcome.AMBIGUOUS: 2,
        Outcome.DELIVERED: 2,
    }
