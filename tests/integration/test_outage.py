"""One platform is away for thirty days: the others go on; on its return nothing is lost or sent too late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Engine

from conversion_sync.config.settings import UploadMode
from conversion_sync.delivery.deliver import deliver
from conversion_sync.delivery.desk import Desk
from conversion_sync.delivery.tally import Tally
from conversion_sync.model.conversion import Outbound, Outcome
from conversion_sync.model.revenue import EventKind
from conversion_sync.platforms.platform import DedupPromise, SendResult
from conversion_sync.reports.laws import conservation
from tests.integration.scripted import KINDS, Scripted, facts, taken
from tests.integration.world import (
    CUSTOMER,
    DAY,
    EVERYTHING,
    HOUR,
    NOW,
    TINY,
    click,
    configure,
    event,
    land,
    link,
    rooms,
    rows,
)

NETWORKS = {"google_ads": "google", "meta": "meta", "tiktok": "tiktok"}
AWAY = "tiktok"
OUTAGE, A_DAY = 30, 4
GONE = SendResult(outcome=Outcome.RETRY_LATER, code="not_connected", text="connection refused")


@dataclass(slots=True)
class Business:
    """Three platforms and a business that goes on day by day; nothing but its clock moves time."""

    engine: Engine
    now: datetime = NOW
    paid: int = 0
    platforms: dict[str, Scripted] = field(default_factory=dict)

    def begin(self) -> None:
        configure(self.engine, *NETWORKS, rules=(("first_payment", "purchase"),))
        link(self.engine, "visitor", "v1", "customer", CUSTOMER)
        for name, network in NETWORKS.items():
            codes = {GONE.code: Outcome.RETRY_LATER}
            dedup = DedupPromise.WITHIN_WINDOW if name == AWAY else DedupPromise.NONE
            known = facts(platform=name, network=network, dedup=dedup, batch_size=5, codes=codes)
            self.platforms[name] = Scripted(taken, known)

    def a_day(self) -> dict[str, Tally]:
        """A visit by ads of all three, payments, and a delivery at each platform."""
        ids = {kind: f"{kind}-{self.now}" for kind in KINDS.values()}
        land(self.engine, click(f"c{self.paid}", NOW - self.now + DAY, ids=ids))
        for minute in range(A_DAY):
            ago = NOW - self.now + minute * timedelta(minutes=1) + HOUR
            event(self.engine, f"pay{self.paid}", EventKind.FIRST_PAYMENT, ago, net=100)
            self.paid += 1
        rooms(self.engine, self.now, TINY)
        told = {name: self.deliver(name) for name in NETWORKS}
        self.now += DAY
        return told

    def deliver(self, name: str) -> Tally:
        targets = {"purchase": {"event_name": "Purchase"}}
        desk = Desk(engine=self.engine, platform=name, account="main", run_id="r", targets=targets)
        return deliver(desk, self.platforms[name], EVERYTHING, UploadMode.LIVE, lambda: self.now, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def accounts_for_everything(self) -> bool:
        """Events by platforms = rows over all states, one for each pair."""
        [(entries,)] = rows(self.engine, "select count(*)::int from conversion where reason <> 'replanned'")
        return conservation(self.engine, None) == 0 and entries == self.paid * len(NETWORKS)

    def states(self, name: str) -> dict[tuple[str, str], int]:
        found = rows(
            self.engine,
            "select state, reason, count(*)::int from conversion where platform = :name group by 1, 2",
            name=name,
        )
        return {(state, reason): count for state, reason, count in found}


def test_thirty_days_without_one_platform(database) -> None:
    business = Business(database.engine)
    business.begin()
    for _ in range(2):
        business.a_day()
    before = business.paid
    away = business.platforms[AWAY]
    away.script = lambda _: GONE
    asked, ends = len(away.requests), business.now + OUTAGE * DAY
    while business.now < ends:
        told = business.a_day()
        assert business.accounts_for_everything()
        for name in ("google_ads", "meta"):
            assert told[name].stopped is None
            assert business.states(name) == {("settled", "confirmed"): business.paid}
        assert told[AWAY].stopped is not None
    assert len(away.requests) - asked <= OUTAGE + 4, "it is tried, not hammered"

    in_time = rows(
        business.engine,
        "select vendor_id from conversion where platform = :name and state = 'planned' and deadline > :now "
        "order by deadline, conversion_id",
        name=AWAY,
        now=business.now,
    )
    away.requests.clear()
    away.script = taken
    tally = business.deliver(AWAY)
    assert (tally.stopped, tally.pause) == (None, None)
    assert away.sent == [name for (name,) in in_time], "what ends first leaves first"
    assert 24 <= len(in_time) <= 28, "seven days of four payments a day"
    assert business.accounts_for_everything()
    assert business.states(AWAY) == {
        ("settled", "confirmed"): before + len(in_time),
        ("skipped", "event_too_old"): business.paid - before - len(in_time),
    }
    for name in ("google_ads", "meta"):
        sent = business.platforms[name].sent
        assert len(sent) == len(set(sent)) == business.paid


def test_what_was_tried_in_vain_has_used_no_more_attempts_than_tries(database) -> None:
    business = Business(database.engine)
    business.begin()
    away = business.platforms[AWAY]
    away.script = lambda _: GONE
    for _ in range(4):
        business.a_day()
    tried: list[Sequence[Outbound]] = away.requests
    [(attempts,)] = rows(
        business.engine, "select sum(attempts)::int from conversion where platform = :name", name=AWAY
    )
    assert attempts == sum(len(request) for request in tried)
    business.now = NOW + 5 * DAY
    for _ in range(30):
        business.deliver(AWAY)
    assert rows(
        business.engine, "select sum(attempts)::int from conversion where platform = :name", name=AWAY
    ) == [(attempts + len(away.requests[-1]),)], "one try, and deliveries that left it alone"
