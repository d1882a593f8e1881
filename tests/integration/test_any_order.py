"""Whatever happens in whatever order, the books hold: nothing counts twice, nothing is lost.

The platform here keeps what arrived and counts it by its promise about copies; the person who decides says
truly what they see there. Which ways rows may go the database guards itself.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from conversion_sync.delivery.operate import Choice, Decision, Operator, decide
from conversion_sync.model.click import Consent
from conversion_sync.model.conversion import ConversionKind, Outbound, Outcome
from conversion_sync.model.revenue import EventKind
from conversion_sync.platforms.platform import (
    Catalogue,
    DedupPromise,
    RowResult,
    SendResult,
    Settlement,
    SettlementStatus,
)
from conversion_sync.reports.laws import chain_breaks, conservation
from conversion_sync.reports.reconciliation import reconcile
from conversion_sync.store.embedded import EmbeddedServer
from conversion_sync.store.engine import connect
from tests.conftest import TEMPLATE
from tests.integration.scripted import KINDS, DiedError, Scripted, enable, facts, run
from tests.integration.test_settlement import ask, confirming
from tests.integration.world import DAY, HOUR, NOW, TINY, click, event, land, rooms, rows

BAD = RowResult(outcome=Outcome.REJECTED, code="bad", text="no")
SOON = timedelta(minutes=5)
PLATFORMS = {
    "meta": DedupPromise.NONE,
    "tiktok": DedupPromise.WITHIN_WINDOW,
    "google_ads": DedupPromise.ALWAYS,
}
FAULTS = (
    "none",
    "refused",
    "later",
    "held",
    "lost on the way",
    "lost on the way back",
    "died before",
    "died after",
)


class AnyOrder(RuleBasedStateMachine):
    """Books of one account, what its platform holds, and the time."""

    server: EmbeddedServer

    @initialize(platform=st.sampled_from(sorted(PLATFORMS)))
    def begin(self, platform: str) -> None:
        name = f"any_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.server.url("postgres"), autocommit=True) as admin:
            admin.execute(f"create database {name} template {TEMPLATE}")
        self.name, self.engine = name, connect(self.server.url(name))
        enable(self.engine, platform)
        self.account, self.now = platform, NOW
        self.payments, self.refunded = 0, set[str]()
        self.arrived: dict[str, list[datetime]] = {}
        self.corrected: dict[str, list[datetime]] = {}
        self.fault = "none"
        self.platform = self._platform()
        self.pay()
        self.pay()

    def _platform(self) -> Scripted:
        if self.account == "google_ads":
            platform = confirming()
            platform.settlement = lambda _: Settlement(status=SettlementStatus.SETTLED)  # type: ignore[method-assign]
        else:
            platform = Scripted(self._answer, self._facts())
        self.accepts = platform.script
        platform.script = self._answer
        return platform

    def _facts(self) -> Catalogue:
        return facts(platform=self.account, network=self.account, dedup=PLATFORMS[self.account])

    def _answer(self, batch: Sequence[Outbound]) -> SendResult:
        fault, self.fault = self.fault, "none"
        if fault == "refused":
            return SendResult(outcome=Outcome.DELIVERED, rows=dict.fromkeys(range(len(batch)), BAD))
        if fault == "later":
            return SendResult(outcome=Outcome.RETRY_LATER, code="again", retry_after=SOON)
        if fault == "held":
            return SendResult(outcome=Outcome.HOLD, code="190")
        if fault == "died before":
            raise DiedError
        if fault != "lost on the way":
            for row in batch:
                self._take_in(row)
        if fault.startswith("lost"):
            return SendResult(outcome=Outcome.AMBIGUOUS, code="no_answer", retry_after=SOON)
        if fault == "died after":
            raise DiedError
        return self.accepts(batch) if self.account == "google_ads" else SendResult(outcome=Outcome.DELIVERED)

    def _take_in(self, row: Outbound) -> None:
        if row.kind is ConversionKind.ADJUSTMENT:
            assert row.vendor_id in self.arrived, "a correction of what never arrived"
            assert row.adjusted_at is not None
            self.corrected.setdefault(row.vendor_id, []).append(row.adjusted_at)
        else:
            self.arrived.setdefault(row.vendor_id, []).append(self.now)

    def _counted(self, copies: Sequence[datetime]) -> int:
        match PLATFORMS[self.account]:
            case DedupPromise.NONE:
                return len(copies)
            case DedupPromise.ALWAYS:
                return 1
        count, first = 0, None
        for at in copies:
            if first is None or at - first > 2 * DAY:
                count, first = count + 1, at
        return count

    @rule()
    def pay(self) -> None:
        event(self.engine, f"pay{self.payments}", EventKind.FIRST_PAYMENT, NOW - self.now + HOUR, net=100)
        self.payments += 1
        rooms(self.engine, self.now, TINY)

    @precondition(lambda self: len(self.refunded) < self.payments)
    @rule(part=st.sampled_from([40, 100]), data=st.data())
    def refund(self, part: int, data: st.DataObject) -> None:
        left = sorted({f"pay{number}" for number in range(self.payments)} - self.refunded)
        key = data.draw(st.sampled_from(left))
        self.refunded.add(key)
        event(
            self.engine,
            f"back-{key}",
            EventKind.REFUND,
            NOW - self.now,
            net=-part,
            parent=key,
            left=100 - part,
            refunded=part,
        )
        rooms(self.engine, self.now, TINY)

    @rule()
    def an_hour_later(self) -> None:
        """A delivery that goes well."""
        self.now += HOUR
        run(self.engine, self.platform, self.now)

    @rule(fault=st.sampled_from(FAULTS))
    def deliver(self, fault: str) -> None:
        self.now += HOUR
        self.fault = fault
        with suppress(DiedError):
            run(self.engine, self.platform, self.now)
        self.fault = "none"

    @rule(hours=st.sampled_from([1, 7, 47, 60]))
    def wait(self, hours: int) -> None:
        self.now += hours * HOUR

    @rule(consent=st.sampled_from([Consent.GRANTED, Consent.DENIED]))
    def ask_visitor(self, consent: Consent) -> None:
        land(self.engine, click("c", DAY, KINDS[self.account], consent=consent))
        rooms(self.engine, self.now, TINY)

    @precondition(lambda self: self.account == "google_ads")
    @rule()
    def confirm(self) -> None:
        ask(self.engine, self.platform, self.now)

    @rule(decision=st.sampled_from([Decision.REPLAYED, Decision.REPLAYED, Decision.RELEASED]))
    def decide_about_all(self, decision: Decision) -> None:
        self._decide(decision, Choice(account="main"))
        run(self.engine, self.platform, self.now)

    @rule()
    def settle(self) -> None:
        doubtful = rows(
            self.engine,
            "select conversion_id, vendor_id from conversion where state in ('unknown', 'rejected')",
        )
        there = tuple(name for name, vendor_id in doubtful if vendor_id in self.arrived)
        missing = tuple(name for name, vendor_id in doubtful if vendor_id not in self.arrived)
        if there:
            self._decide(Decision.FOUND, Choice(ids=there))
        if missing:
            self._decide(Decision.MISSING, Choice(ids=missing))

    def _decide(self, decision: Decision, choice: Choice) -> None:
        known = {(self.account, "main"): self.platform.catalogue}
        decide(self.engine, decision, choice, known, Operator(name="ana", note="looked"), self.now)

    @invariant()
    def no_copy_counts_twice(self) -> None:
        assert {
            name: self._counted(copies) for name, copies in self.arrived.items() if self._counted(copies) > 1
        } == {}

    @invariant()
    def corrections_follow_each_other_in_time(self) -> None:
        for times in self.corrected.values():
            assert times == sorted(times)

    @invariant()
    def what_is_settled_is_at_the_platform(self) -> None:
        settled = rows(
            self.engine,
            "select vendor_id from conversion where state in ('settled', 'accepted') and kind = 'conversion'",
        )
        assert {name for (name,) in settled} <= self.arrived.keys()

    @invariant()
    def what_arrived_is_on_the_books(self) -> None:
        lost = rows(
            self.engine,
            "select vendor_id from conversion where kind = 'conversion' and vendor_id = any(:names)"
            " and state in ('skipped', 'superseded')",
            names=list(self.arrived),
        )
        assert lost == []

    @invariant()
    def the_laws_hold(self) -> None:
        assert conservation(self.engine) == 0
        assert chain_breaks(self.engine) == []
        assert [line for line in reconcile(self.engine) if line.residual_minor] == []

    def teardown(self) -> None:
        self.engine.dispose()
        with psycopg.connect(self.server.url("postgres"), autocommit=True) as admin:
            admin.execute(f"drop database {self.name} with (force)")


def test_the_books_hold_in_any_order(server: EmbeddedServer) -> None:
    machine = type("OnThisServer", (AnyOrder,), {"server": server})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=12,
            stateful_step_count=16,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("platform", sorted(PLATFORMS))
def test_no_fault_and_no_replay_makes_a_second_copy_count(server: EmbeddedServer, platform: str) -> None:
    machine = type("OnThisServer", (AnyOrder,), {"server": server})()
    machine.begin(platform)
    try:
        for fault in FAULTS:
            machine.pay()
            machine.deliver(fault)
            machine.decide_about_all(Decision.REPLAYED)
            machine.an_hour_later()
            machine.no_copy_counts_twice()
        machine.the_laws_hold()
        machine.what_is_settled_is_at_the_platform()
        machine.what_arrived_is_on_the_books()
        assert machine.arrived
    finally:
        machine.teardown()
