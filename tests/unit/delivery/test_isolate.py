"""Isolation finds the rows a platform refuses a whole request for, and lets the rest through."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from conversion_sync.delivery.isolate import Answer, isolate
from conversion_sync.delivery.rows import Claimed
from conversion_sync.delivery.verdicts import NOT_TRIED
from conversion_sync.model.conversion import ConversionId, ConversionKind, Outbound, Outcome, Verb
from conversion_sync.platforms.platform import RowResult, SendResult
from tests.integration.scripted import facts

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
            return self.refusal(faulty, len(ids))
        self.taken += ids
        return SendResult(outcome=Outcome.DELIVERED)

    def refusal(self, faulty: Sequence[int], rows: int) -> SendResult:
        named = faulty if self.names else ()
        return SendResult(outcome=Outcome.BAD_BATCH, code=self.code, text="bad", named=named)


def run(vendor: Vendor, rows: Sequence[Claimed], budget: int = 60, **more: object) -> list[Answer]:
    return list(isolate(rows, vendor.send(rows), vendor.send, facts(isolation_requests=budget, **more)))


def by_outcome(found: Sequence[Answer]) -> dict[Outcome, set[str]]:
    sorted_rows: dict[Outcome, set[str]] = {}
    for rows, answer in found:
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
    assert vendor.requests - 1 == (1 if names else 16)


@given(st.sets(st.integers(0, 39), min_size=1, max_size=6), st.booleans())
@example({0, 1, 2}, False)
@example({37, 38, 39}, False)
def test_every_row_gets_exactly_one_answer_and_good_rows_leave_once(bad: set[int], names: bool) -> None:
    rows = [claimed(number) for number in range(40)]
    vendor = Vendor({f"c{number}" for number in bad}, names=names)

    found = run(vendor, rows)

    answered = [item.row.conversion_id for group, _ in found for item in group]
    assert sorted(answered) == sorted(item.row.conversion_id for item in rows)
    assert len(vendor.taken) == len(set(vendor.taken))
    assert by_outcome(found).get(Outcome.DELIVERED, set()) == set(vendor.taken)


def test_a_spent_budget_leaves_the_rest_for_later() -> None:
    rows = [claimed(number) for number in range(64)]
    vendor = Vendor({f"c{number}" for number in range(0, 64, 5)}, names=False)

    found = run(vendor, rows, budget=6)

    assert vendor.requests - 1 == 6
    left = by_outcome(found)[Outcome.RETRY_LATER]
    assert left
    assert not left & set(vendor.taken)


def test_rows_refused_one_by_one_alike_blame_the_request() -> None:
    rows = [claimed(number) for number in range(8)]
    vendor = Vendor({item.row.conversion_id for item in rows}, names=False)

    found = run(vendor, rows)

    assert by_outcome(found) == {Outcome.HOLD: {item.row.conversion_id for item in rows}}


STOPPING = [Outcome.HOLD, Outcome.RETRY_LATER, Outcome.AMBIGUOUS]


@pytest.mark.parametrize("fault", STOPPING)
def test_an_answer_about_the_platform_ends_the_search_and_the_rest_certainly_did_not_arrive(
    fault: Outcome,
) -> None:
    rows = [claimed(number) for number in range(8)]
    bad = SendResult(outcome=Outcome.BAD_BATCH, code="100")
    answers = iter([bad, bad, SendResult(outcome=fault, code="down")])

    found = list(isolate(rows, bad, lambda _: next(answers), facts()))

    assert [(len(group), answer.outcome, answer.code) for group, answer in found] == [
        (2, fault, "down"),
        (4, Outcome.RETRY_LATER, NOT_TRIED),
        (2, Outcome.RETRY_LATER, NOT_TRIED),
    ]


def test_an_answer_is_handed_out_before_the_next_request_leaves() -> None:
    rows = [claimed(number) for number in range(16)]
    vendor = Vendor({"c3"}, names=False)
    recorded: set[str] = set()
    unrecorded: list[set[str]] = []

    def send(group: Sequence[Claimed]) -> SendResult:
        unrecorded.append(set(vendor.taken) - recorded)
        return vendor.send(group)

    for group, _ in isolate(rows, vendor.send(rows), send, facts()):
        recorded.update(item.row.conversion_id for item in group)

    assert unrecorded == [set()] * 6
    assert recorded == {f"c{number}" for number in range(16)}


def test_refusals_that_may_be_the_requests_wait_until_a_row_is_taken_in() -> None:
    vendor = Vendor({"c0", "c1", "c2"}, names=False)

    found = run(vendor, [claimed(number) for number in range(4)])

    assert [(group[0].row.conversion_id, answer.outcome) for group, answer in found] == [
        ("c3", Outcome.DELIVERED),
        ("c0", Outcome.REJECTED),
        ("c1", Outcome.REJECTED),
        ("c2", Outcome.REJECTED),
    ]


STYLES = ["nameless", "all", "first", "a few", "nonsense", "by row"]


class Moody(Vendor):
    """Names bad rows in a way of its own."""

    def __init__(self, bad: set[str], style: str) -> None:
        super().__init__(bad, names=True)
        self.style = style

    def refusal(self, faulty: Sequence[int], rows: int) -> SendResult:
        named = {
            "nameless": [],
            "all": faulty,
            "first": faulty[:1],
            "a few": [*faulty[:2], *faulty[:1]],
            "nonsense": [-1, rows, rows + 7],
            "by row": faulty,
        }[self.style]
        texts = {index: RowResult(outcome=Outcome.REJECTED, code=f"row{index % 2}") for index in faulty}
        return SendResult(
            outcome=Outcome.BAD_BATCH,
            code=self.code,
            named=named,
            rows=texts if self.style == "by row" else {},
        )


BADS = st.integers(1, 60).flatmap(
    lambda count: st.tuples(st.just(count), st.sets(st.integers(0, count - 1), min_size=1))
)


@given(BADS, st.sampled_from(STYLES))
def test_good_rows_leave_once_bad_ones_are_refused_and_none_is_lost(
    world: tuple[int, set[int]], style: str
) -> None:
    count, bad = world
    rows = [claimed(number) for number in range(count)]
    vendor = Moody({f"c{number}" for number in bad}, style)

    found = run(vendor, rows, budget=1000, of_rows=frozenset({"100"}))

    everybody = {item.row.conversion_id for item in rows}
    good = everybody - vendor.bad
    assert sorted(vendor.taken) == sorted(good)
    wanted = {Outcome.REJECTED: vendor.bad, Outcome.DELIVERED: good}
    assert by_outcome(found) == {outcome: names for outcome, names in wanted.items() if names}
    assert sum(len(group) for group, _ in found) == count
    per_row = 1 if style in {"all", "first", "a few", "by row"} else 2 * (math.log2(count / len(bad)) + 1)
    assert vendor.requests - 1 <= len(bad) * per_row + 1


@given(BADS, st.sampled_from(STYLES), st.integers(0, 20))
def test_what_a_budget_leaves_untried_stays_planned_and_the_rest_is_right(
    world: tuple[int, set[int]], style: str, budget: int
) -> None:
    count, bad = world
    rows = [claimed(number) for number in range(count)]
    vendor = Moody({f"c{number}" for number in bad}, style)

    found = run(vendor, rows, budget=budget, of_rows=frozenset({"100"}))

    sorted_rows = by_outcome(found)
    assert vendor.requests - 1 <= budget
    assert sorted_rows.get(Outcome.DELIVERED, set()) == set(vendor.taken)
    assert sorted_rows.get(Outcome.REJECTED, set()) <= vendor.bad
    assert set(sorted_rows) <= {Outcome.DELIVERED, Outcome.REJECTED, Outcome.RETRY_LATER}
    assert sorted(item.row.conversion_id for group, _ in found for item in group) == sorted(
        item.row.conversion_id for item in rows
    )


@given(BADS, st.sampled_from(STYLES))
def test_a_code_that_may_be_the_requests_holds_rows_only_while_nothing_was_taken(
    world: tuple[int, set[int]], style: str
) -> None:
    count, bad = world
    rows = [claimed(number) for number in range(count)]
    vendor = Moody({f"c{number}" for number in bad}, style)

    found = by_outcome(run(vendor, rows, budget=1000))

    assert sorted(vendor.taken) == sorted(found.get(Outcome.DELIVERED, set()))
    assert found.get(Outcome.REJECTED, set()) <= vendor.bad
    if Outcome.HOLD in found:
        assert not vendor.taken
        assert len(bad) >= 3
        assert found == {Outcome.HOLD: {item.row.conversion_id for item in rows}}
    else:
        assert found.get(Outcome.REJECTED, set()) == vendor.bad


def test_a_vendor_that_names_whoever_is_first_cannot_have_a_whole_batch_refused_row_by_row() -> None:
    rows = [claimed(number) for number in range(100)]
    vendor = Moody({item.row.conversion_id for item in rows}, "first")

    found = run(vendor, rows)

    assert by_outcome(found) == {Outcome.HOLD: {item.row.conversion_id for item in rows}}
    assert vendor.requests < 25


def test_rows_named_together_for_what_only_rows_can_be_at_fault_need_no_further_request() -> None:
    rows = [claimed(number) for number in range(5)]
    vendor = Moody({item.row.conversion_id for item in rows}, "all")

    found = run(vendor, rows, of_rows=frozenset({"100"}))

    assert by_outcome(found) == {Outcome.REJECTED: vendor.bad}
    assert vendor.requests == 1


class Small(Vendor):
    """Takes so many rows in a request, and no more."""

    def __init__(self, most: int) -> None:
        super().__init__(set(), names=False, code="too many")
        self.most = most

    def send(self, rows: Sequence[Claimed]) -> SendResult:
        if len(rows) <= self.most:
            return super().send(rows)
        self.requests += 1
        return self.refusal([], len(rows))


def test_a_request_too_large_is_halved_until_it_fits() -> None:
    rows = [claimed(number) for number in range(100)]
    vendor = Small(most=40)

    found = run(vendor, rows, too_large=frozenset({"too many"}))

    assert by_outcome(found) == {Outcome.DELIVERED: {item.row.conversion_id for item in rows}}
    assert (vendor.requests - 1, len(vendor.taken)) == (6, 100)


def test_a_single_row_too_large_is_the_accounts_matter() -> None:
    rows = [claimed(number) for number in range(2)]
    found = run(Small(most=0), rows, too_large=frozenset({"too many"}))
    assert by_outcome(found) == {Outcome.HOLD: {"c0", "c1"}}
