"""Every way from state to state: the database allows these and no others, the product goes each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from conversion_sync.delivery.operate import Choice, Decision, Operator, decide
from conversion_sync.model.click import ClickIdKind, Consent
from conversion_sync.model.conversion import LEADS_TO, OPENS_IN, Outcome, State
from conversion_sync.model.revenue import EventKind
from conversion_sync.platforms.platform import (
    DedupPromise,
    SendResult,
    Settlement,
    SettlementStatus,
)
from tests.integration.scripted import DiedError, Scripted, enable, facts, payments, run, taken
from tests.integration.test_delivery_faults import LOST, TIKTOK
from tests.integration.test_operate import refusing, vendor_ids
from tests.integration.test_settlement import ask, confirming
from tests.integration.world import (
    DAY,
    HOUR,
    NOW,
    by_force,
    click,
    event,
    land,
    link,
    mark,
    rooms,
    rows,
)

WAYS = {(was, becomes) for was, all_of_them in LEADS_TO.items() for becomes in all_of_them}
LATER = SendResult(outcome=Outcome.RETRY_LATER, code="again", retry_after=HOUR)
HELD = SendResult(outcome=Outcome.HOLD, code="190")
COPIED = (
    "event_key, platform, account, action, kind, verb, event_kind, reason, book_minor, occurred_at, vendor_id"
)
LISTEN = """
create table went (was text, becomes text);
create function tell() returns trigger language plpgsql as $$
begin insert into went values (old.state, new.state); return null; end $$;
create trigger tell after update on conversion for each row when (old.state <> new.state)
execute function tell()
"""


class TestGuard:
    @pytest.fixture
    def engine(self, database) -> Engine:
        payments(enable(database.engine, "meta"), 1)
        return database.engine

    def test_a_row_goes_the_ways_of_the_table_and_no_other(self, engine) -> None:
        gone, said = set(), set()
        for was in State:
            for becomes in State:
                with engine.connect() as connection, connection.begin() as attempt:
                    by_force(connection)
                    connection.execute(text("update conversion set state = :state"), {"state": was.value})
                    connection.execute(text("set local session_replication_role = origin"))
                    try:
                        connection.execute(
                            text("update conversion set state = :state"), {"state": becomes.value}
                        )
                        gone.add((was, becomes))
                    except IntegrityError as fault:
                        said.add(str(fault.orig).split(" may ")[1].splitlines()[0])
                    attempt.rollback()
        assert gone == WAYS | {(state, state) for state in State}
        assert len(said) == len(State) ** 2 - len(gone)
        assert "not go from settled to planned" in said

    @pytest.mark.parametrize("state", State)
    def test_a_row_opens_where_planning_opens_it_and_what_left_is_never_deleted(self, engine, state) -> None:
        copied = (
            f"insert into conversion (conversion_id, state, {COPIED}) "
            f"select 'copy', cast(:state as text), {COPIED} from conversion"
        )
        for statement in (copied, "delete from conversion where state = :state"):
            with engine.connect() as connection, connection.begin() as attempt:
                by_force(connection)
                connection.execute(text("update conversion set state = :state"), {"state": state.value})
                connection.execute(text("set local session_replication_role = origin"))
                if state in OPENS_IN:
                    connection.execute(text(statement), {"state": state.value})
                else:
                    with pytest.raises(IntegrityError):
                        connection.execute(text(statement), {"state": state.value})
                attempt.rollback()

    def test_a_row_that_left_does_not_change_on_its_way_to_another_month(self, engine) -> None:
        run(engine, Scripted(taken))
        rows(engine, "select ensure_month('conversion', '2026-10-01')")
        with pytest.raises(IntegrityError), engine.begin() as connection:
            connection.execute(text("update conversion set state = 'planned', occurred_at = '2026-10-05'"))


@dataclass(frozen=True)
class Story:
    """What happens on books with `payments` planned payments at `platform`, and the ways it goes."""

    tell: Callable[[Engine], None]
    ways: tuple[tuple[State, State], ...]
    platform: str = "meta"
    payments: int = 1


def by_hand(engine: Engine, decision: Decision, now=NOW, **facts_of: object) -> None:
    names = tuple(vendor_ids(engine, "unknown")) or tuple(vendor_ids(engine, "rejected"))
    choice = Choice(ids=names) if names else Choice(account="main")
    decide(engine, decision, choice, {}, Operator(name="ana", note="looked"), now)


def deny(engine: Engine) -> None:
    land(engine, click("c", DAY, ClickIdKind.FBCLID, consent=Consent.DENIED))
    rooms(engine)


def refund_all(engine: Engine, key: str = "pay0") -> None:
    event(engine, "back", EventKind.REFUND, HOUR / 2, net=-100, parent=key, left=0, refunded=100)
    rooms(engine)


def retire(engine: Engine, key: str, now=NOW) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("update revenue_event set retired_at = now() where event_key = :key"), {"key": key}
        )
        mark(engine, key, connection=connection)
    rooms(engine, now)


def delivered(engine: Engine) -> None:
    run(engine, Scripted(taken))


def refused_then_replayed(engine: Engine) -> None:
    run(engine, Scripted(refusing))
    by_hand(engine, Decision.REPLAYED)


def confirmed(status: SettlementStatus, counts: dict[str, int], now=NOW + HOUR, **changes: object):
    def tell(engine: Engine) -> None:
        platform = confirming(**changes)
        run(engine, platform)
        platform.statuses["r1"] = Settlement(status=status, counts=counts, code=status.name)
        ask(engine, platform, now)

    return tell


def tried_later(engine: Engine) -> None:
    run(engine, Scripted(lambda _: LATER))


def died(engine: Engine) -> None:
    def die(_: object) -> SendResult:
        raise DiedError

    with pytest.raises(DiedError):
        run(engine, Scripted(die))
    run(engine, Scripted(taken))


def found(engine: Engine) -> None:
    run(engine, Scripted(lambda _: LOST))
    by_hand(engine, Decision.FOUND)


def missing(engine: Engine) -> None:
    run(engine, Scripted(lambda _: LOST))
    by_hand(engine, Decision.MISSING)


def held_then_released(engine: Engine) -> None:
    run(engine, Scripted(lambda _: HELD))
    by_hand(engine, Decision.RELEASED)


def held_then_denied(engine: Engine) -> None:
    run(engine, Scripted(lambda _: HELD))
    deny(engine)


def held_then_refunded(engine: Engine) -> None:
    run(engine, Scripted(lambda _: HELD))
    refund_all(engine)


def doubtful_for_too_long(engine: Engine) -> None:
    run(engine, Scripted(lambda _: LOST, facts(**TIKTOK)))
    run(engine, Scripted(taken, facts(**TIKTOK)), NOW + 3 * DAY)


def too_late(engine: Engine) -> None:
    run(engine, Scripted(taken), NOW + 7 * DAY)


def denied_then_granted(engine: Engine) -> None:
    deny(engine)
    land(engine, click("c", DAY, ClickIdKind.FBCLID))
    rooms(engine)


def refunded_and_back(engine: Engine) -> None:
    refund_all(engine)
    retire(engine, "back")


def refunded_and_back_too_late(engine: Engine) -> None:
    refund_all(engine)
    retire(engine, "back", NOW + 8 * DAY)


def denied_then_refunded(engine: Engine) -> None:
    deny(engine)
    refund_all(engine)


def sent_as_another_kind(engine: Engine) -> None:
    """The object of pay0 was sent; billing now says it was a renewal of a customer nobody knows yet."""
    delivered(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("update revenue_event set retired_at = now() where event_key = 'pay0'")
        connection.exec_driver_sql(
            "insert into plan_rule (platform, account, event_kind, action, value_rule) "
            "values ('meta', 'main', 'renewal', 'again', 'net_cash')"
        )
    event(engine, "new", EventKind.RENEWAL, HOUR, net=100, object_id="pay0", customer="stripe:main:cus_2")
    rooms(engine)


def reclassified_once_its_click_is_known(engine: Engine) -> None:
    sent_as_another_kind(engine)
    link(engine, "visitor", "v1", "customer", "stripe:main:cus_2")
    link(engine, "visitor", "v2", "customer", "stripe:main:cus_2")
    land(engine, click("c2", DAY, ClickIdKind.FBCLID, visitor="v2"))
    rooms(engine)


def reclassified_once_its_refund_is_gone(engine: Engine) -> None:
    link(engine, "visitor", "v2", "customer", "stripe:main:cus_2")
    land(engine, click("c2", DAY, ClickIdKind.FBCLID, visitor="v2"))
    sent_as_another_kind(engine)
    refund_all(engine, "new")
    retire(engine, "back")


S = State
STORIES = {
    "delivered": Story(delivered, ((S.PLANNED, S.IN_FLIGHT), (S.IN_FLIGHT, S.SETTLED))),
    "refused, replayed": Story(refused_then_replayed, ((S.IN_FLIGHT, S.REJECTED), (S.REJECTED, S.PLANNED))),
    "confirmed": Story(
        confirmed(SettlementStatus.SETTLED, {}),
        ((S.IN_FLIGHT, S.ACCEPTED), (S.ACCEPTED, S.SETTLED)),
        "google_ads",
    ),
    "confirmed as refused": Story(
        confirmed(SettlementStatus.FAILED, {"bad": 1}), ((S.ACCEPTED, S.REJECTED),), "google_ads"
    ),
    "confirmed in part": Story(
        confirmed(SettlementStatus.PARTIAL, {"bad": 1}), ((S.ACCEPTED, S.PLANNED),), "google_ads", 2
    ),
    "confirmed as held back": Story(
        confirmed(SettlementStatus.FAILED, {"terms": 1}), ((S.ACCEPTED, S.HELD),), "google_ads"
    ),
    "never confirmed": Story(
        confirmed(SettlementStatus.LATER, {}, NOW + 51 * DAY, dedup=DedupPromise.WITHIN_WINDOW),
        ((S.ACCEPTED, S.UNKNOWN),),
        "google_ads",
    ),
    "tried later": Story(tried_later, ((S.IN_FLIGHT, S.PLANNED),)),
    "died": Story(died, ((S.IN_FLIGHT, S.UNKNOWN),)),
    "found": Story(found, ((S.IN_FLIGHT, S.UNKNOWN), (S.UNKNOWN, S.SETTLED))),
    "missing": Story(missing, ((S.UNKNOWN, S.PLANNED),)),
    "held, released": Story(
        held_then_released, ((S.IN_FLIGHT, S.HELD), (S.PLANNED, S.HELD), (S.HELD, S.PLANNED)), payments=6
    ),
    "held, denied": Story(held_then_denied, ((S.HELD, S.SKIPPED),)),
    "held, refunded": Story(held_then_refunded, ((S.HELD, S.SUPERSEDED),)),
    "in doubt for too long": Story(doubtful_for_too_long, ((S.PLANNED, S.UNKNOWN),), "tiktok"),
    "too late": Story(too_late, ((S.PLANNED, S.SKIPPED),)),
    "denied, granted": Story(denied_then_granted, ((S.PLANNED, S.SKIPPED), (S.SKIPPED, S.PLANNED))),
    "refunded, and back": Story(refunded_and_back, ((S.PLANNED, S.SUPERSEDED), (S.SUPERSEDED, S.PLANNED))),
    "refunded, and back too late": Story(refunded_and_back_too_late, ((S.SUPERSEDED, S.SKIPPED),)),
    "denied, refunded": Story(denied_then_refunded, ((S.SKIPPED, S.SUPERSEDED),)),
    "reclassified with its click": Story(reclassified_once_its_click_is_known, ((S.SKIPPED, S.HELD),)),
    "reclassified without its refund": Story(reclassified_once_its_refund_is_gone, ((S.SUPERSEDED, S.HELD),)),
}


@pytest.mark.parametrize("name", STORIES)
def test_the_product_goes_this_way(database, name: str) -> None:
    story = STORIES[name]
    payments(enable(database.engine, story.platform), story.payments)
    with database.engine.begin() as connection:
        connection.exec_driver_sql(LISTEN)
    story.tell(database.engine)
    went = {(State(was), State(becomes)) for was, becomes in rows(database.engine, "select * from went")}
    assert set(story.ways) <= went <= WAYS


def test_every_way_of_the_table_is_gone_by_some_story() -> None:
    assert {way for story in STORIES.values() for way in story.ways} == WAYS
