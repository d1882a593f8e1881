"""A year at each billing system, whichever way its records come: the cash of every month, to the unit.

The year is lived through: the vendor's clock goes on step by step, and its lists forget what they forget.
Lists of Lemon Squeezy date what came late or in parts by its last change, so without its webhooks the sums
of the year are compared, not the months; and no webhook of it tells of a fraud.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import text

from conversion_sync.billing.registry import providers
from conversion_sync.model.windows import Window
from conversion_sync.pipeline.configuration import settings_type
from conversion_sync.pipeline.context import Context
from conversion_sync.pipeline.history import backfill, read_pasts
from conversion_sync.pipeline.inbox import land_webhooks
from conversion_sync.pipeline.normalise import normalise
from conversion_sync.pipeline.pull import pull_billing
from conversion_sync.sandbox.process import start
from tests.conftest import Database
from tests.contract.providers.cases import CASES, Case
from tests.integration.world import rows

pytestmark = pytest.mark.slow

Json = dict[str, Any]
Cash = Counter[tuple[str, str]]
"""Net minor units by month and currency."""
END = datetime(2026, 11, 1, tzinfo=UTC)
STEP = timedelta(days=5)
"""Shorter than the shortest memory of a vendor."""
UNTOLD = "chargeback"
"""What Lemon Squeezy tells in no webhook: that an order was a fraud."""
CASH = """
select to_char(occurred_at at time zone 'UTC', 'YYYY-MM'), currency, sum(net_minor)::bigint
from revenue_event
where retired_at is null and livemode and lane = 'money' and kind not in ('credit', 'credit_reversed')
group by 1, 2
"""


@pytest.fixture(scope="module")
def endpoints(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Json]:
    folder = tmp_path_factory.mktemp("year")
    with start(folder, seed=11, customers=24, days=365, history_days=0, end=END, rate_limits=False) as found:
        yield found


@dataclass
class Year:
    """The company at one billing system, and the product that reads it at a moment of the year."""

    case: Case
    endpoints: Json
    ctx: Context
    now: list[datetime]

    def at(self, moment: datetime) -> None:
        """It is that moment, at the vendor and here."""
        self.now[:] = [moment]
        address = f"{self.endpoints['admin']}/clock"
        requests.post(address, json={"freeze": moment.isoformat()}, timeout=10).raise_for_status()

    def told(self, path: str) -> Any:
        return requests.get(f"{self.endpoints['admin']}/{path}", timeout=10).json()

    def steps(self, length: timedelta = STEP) -> Iterator[Window]:
        """The year in steps, each at its end with what the vendor has by then."""
        begin = datetime.fromisoformat(self.endpoints["start"])
        while begin < END:
            step = Window(begin, min(begin + length, END + timedelta(hours=1)))
            self.at(step.end + timedelta(minutes=10))
            yield step
            begin = step.end

    def webhooks(self) -> list[bytes]:
        """Everything the vendor sent in the year, in order."""
        if self.case.provider == "lemon_squeezy":
            self.at(END + timedelta(hours=1))
            sent = self.told("webhooks/lemon_squeezy")
            return [json.dumps(one["body"]).encode() for one in sent]
        bodies: dict[str, bytes] = {}
        for _ in self.steps(5 * STEP):
            for item in self.case.told(self.endpoints):
                bodies.setdefault(item.id, json.dumps(item.said).encode())
        return list(bodies.values())

    def receive(self, bodies: list[bytes]) -> None:
        with self.ctx.engine.begin() as connection:
            connection.execute(
                text(
                    "insert into webhook_inbox (provider, account, received_at, headers, body)"
                    " values (:provider, 'main', :now, '{}', :body)"
                ),
                [{"provider": self.case.provider, "now": END, "body": body} for body in bodies],
            )
        land_webhooks(self.ctx)

    def pull(self) -> None:
        for step in self.steps():
            pull_billing(self.ctx, step)

    def whole(self) -> Window:
        return Window(datetime.fromisoformat(self.endpoints["start"]), END + timedelta(hours=1))

    def books(self) -> Cash:
        normalise(self.ctx, Window(END, END + timedelta(hours=1)))
        assert rows(self.ctx.engine, "select reason, detail from parked_record") == []
        found: Cash = Counter()
        found.update({(month, currency): net for month, currency, net in rows(self.ctx.engine, CASH)})
        return found

    def happened(self, *, by_webhook: bool = False) -> Cash:
        """The company's own books; `by_webhook`, as far as webhooks tell."""
        name = self.case.provider
        truth = self.told("truth" if name == "stripe" else f"truth/{name}")
        own: Cash = Counter()
        if name == "stripe":
            for month, by in truth["net_by_month"].items():
                own.update({(month, currency): net for currency, net in by.items()})
            return own
        back = truth["returns"] if name == "lemon_squeezy" else truth["refunds"]
        back = [one for one in back if one.get("status", "approved") == "approved"]
        if name == "lemon_squeezy" and by_webhook:
            back = [one for one in back if one["kind"] != UNTOLD]
        for each in truth["payments"] + back:
            at = each.get("at") or each.get("paid_at") or each["created_at"]
            if each.get("livemode", True):
                own[at[:7], each["currency"]] += each["net"]
        return own


@pytest.fixture(params=CASES, ids=[case.provider for case in CASES])
def year(request: pytest.FixtureRequest, endpoints: Json, database: Database) -> Year:
    case: Case = request.param
    account = case.account(endpoints) | {"overlap_minutes": 15}
    settings = settings_type().model_validate(
        {"start": endpoints["start"], "billing": {case.provider: {"main": account}}, "platforms": {}}
    )
    now = [END + timedelta(hours=1)]
    ctx = Context(
        settings=settings,
        engine=database.engine,
        providers=providers(settings),
        click_sources={},
        platforms={},
        catalogues={},
        clock=lambda: now[0],
        sleep=lambda _: None,
    )
    made = Year(case, endpoints, ctx, now)
    made.at(now[0])
    return made


def pulled(year: Year) -> None:
    year.pull()


def received(year: Year) -> None:
    year.receive(year.webhooks())


def pulled_and_received(year: Year) -> None:
    received(year)
    pulled(year)


def listed(year: Year) -> None:
    read_pasts(year.ctx, Window(END, END + timedelta(hours=1)))


def received_in_part(year: Year) -> None:
    """A tenth is lost, a tenth comes twice, none in order; what was lost is mended from objects."""
    chance = random.Random(20261101)
    bodies = [body for body in year.webhooks() if chance.random() >= 0.1]
    bodies += [body for body in bodies if chance.random() < 0.1]
    chance.shuffle(bodies)
    year.receive(bodies)
    year.at(END + timedelta(hours=1))
    backfill(year.ctx, year.whole())


WAYS: list[Callable[[Year], None]] = [pulled, received, pulled_and_received, listed, received_in_part]


def sums(cash: Cash) -> dict[str, int]:
    found: Counter[str] = Counter()
    for (_, currency), net in cash.items():
        found[currency] += net
    return dict(found)


@pytest.mark.parametrize("way", WAYS, ids=[way.__name__ for way in WAYS])
def test_the_cash_of_every_month_and_currency_is_the_companys(
    year: Year, way: Callable[[Year], None]
) -> None:
    way(year)
    ours, own = year.books(), year.happened(by_webhook=way is received)
    assert len({currency for _, currency in own}) >= 5
    assert len({month for month, _ in own}) >= 12
    if year.case.provider == "lemon_squeezy" and way in (pulled, listed, received_in_part):
        assert sums(ours) == sums(own)
    else:
        assert {key: net for key, net in ours.items() if net} == {key: net for key, net in own.items() if net}
