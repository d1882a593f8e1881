"""A visit with identifiers of several networks touches each of them, by the identifier each prefers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from conversion_sync.clicks.normalise import read_row
from conversion_sync.model.click import NETWORK_OF_CLICK_ID, Click, ClickIdKind, Consent, Network
from conversion_sync.model.revenue import EventKind
from conversion_sync.reports.explain import explain
from conversion_sync.store.queries import query
from tests.integration.world import (
    CUSTOMER,
    DAY,
    HOUR,
    MODELS,
    NOW,
    TINY,
    click,
    configure,
    event,
    land,
    ledger,
    link,
    rooms,
    rows,
)

SIGN_UP = {
    ClickIdKind.GCLID: "Cj0KCQ" + "g" * 50,
    ClickIdKind.FBC: "fb.1.1795000000000.IwAR" + "x" * 50,
    ClickIdKind.TTCLID: "E.C.P." + "t" * 50,
}
"""What the cookies of somebody hold who came by three ads before signing up."""


@pytest.fixture
def engine(database) -> Engine:
    engine = database.engine
    configure(engine, "google_ads", "meta", "tiktok", rules=(("first_payment", "purchase"),))
    link(engine, "visitor", "v1", "customer", CUSTOMER)
    return engine


def pay(engine: Engine) -> None:
    event(engine, "pay", EventKind.FIRST_PAYMENT, HOUR, net=1000)
    rooms(engine, window=TINY)


def touches(engine: Engine) -> list[tuple]:
    return rows(engine, "select network, click_id_kind, click_id from touch order by network")


def read(**columns: str) -> Click:
    row = {"click_ref": "7", "clicked_at": NOW - DAY, "visitor_id": "v1", **columns}
    (found,) = read_row("web", row, ZoneInfo("UTC"), NOW)
    assert isinstance(found, Click)
    return found


def test_each_platform_is_told_its_own_click_of_one_row(engine) -> None:
    land(engine, read(**{kind.value: value for kind, value in SIGN_UP.items()}))
    pay(engine)
    assert ledger(engine, "pay") == dict.fromkeys(
        ("google_ads", "meta", "tiktok"), ("planned", "ready", 1000)
    )
    found = rows(engine, "select conversion_id, occurred_at from conversion order by platform")
    times = [at for _, at in found]
    keys = {
        "conversion_ids": ",".join(key for key, _ in found),
        "earliest": min(times),
        "latest": max(times),
    }
    with engine.begin() as connection:
        sent = connection.execute(query("delivery/outbound"), keys).all()
    assert [(row.click_id_kind, row.click_id) for row in sent] == [
        ("gclid", SIGN_UP[ClickIdKind.GCLID]),
        ("fbc", SIGN_UP[ClickIdKind.FBC]),
        ("ttclid", SIGN_UP[ClickIdKind.TTCLID]),
    ]


@pytest.mark.parametrize("network", sorted(set(NETWORK_OF_CLICK_ID.values())))
def test_of_several_identifiers_of_a_network_the_preferred_one_is_its_touch(engine, network) -> None:
    kinds: Sequence[ClickIdKind] = [kind for kind, of in NETWORK_OF_CLICK_ID.items() if of is network]
    land(engine, click("c", DAY, ids={kind: f"id-{kind}" for kind in reversed(kinds)}))
    pay(engine)
    assert touches(engine) == [(network.value, kinds[0].value, f"id-{kinds[0]}")]


@pytest.mark.parametrize(("tag", "network"), [("facebook", "meta"), ("newsletter", "other"), ("", "direct")])
def test_a_visit_without_identifiers_touches_the_network_of_its_tags(engine, tag, network) -> None:
    land(engine, read(utm_source=tag))
    pay(engine)
    assert touches(engine) == [(network, None, None)]


def test_a_revised_row_loses_and_wins_networks(engine) -> None:
    both = click("c", DAY, ids={ClickIdKind.GCLID: "g", ClickIdKind.FBCLID: "f"})
    land(engine, both)
    pay(engine)
    land(engine, replace(both, click_ids={"fbclid": "f2", "ttclid": "t"}))
    rooms(engine, window=TINY)
    assert touches(engine) == [("meta", "fbclid", "f2"), ("tiktok", "ttclid", "t")]
    assert rows(engine, "select platform, reason, click_id from conversion order by platform") == [
        ("google_ads", "no_click", None),
        ("meta", "ready", "f2"),
        ("tiktok", "ready", "t"),
    ]
    land(engine, replace(both, click_ids={}, network=Network.OTHER))
    rooms(engine, window=TINY)
    assert touches(engine) == [("other", None, None)]
    assert {outcome[:2] for outcome in ledger(engine, "pay").values()} == {("skipped", "no_click")}


def test_a_refusal_holds_for_every_network_of_the_visit(engine) -> None:
    land(engine, click("c", DAY, ids=SIGN_UP, consent=Consent.DENIED))
    pay(engine)
    assert {outcome[:2] for outcome in ledger(engine, "pay").values()} == {("skipped", "no_consent")}


def test_networks_of_one_visit_share_its_credit_in_a_fixed_order(engine) -> None:
    land(engine, click("c", DAY, ids=SIGN_UP))
    pay(engine)
    shares = {
        model: rows(
            engine,
            "select position, network, credit_minor::int from credit where model = :model order by 1",
            model=model,
        )
        for model in MODELS
    }
    assert shares == {
        "last_non_direct": [(3, "tiktok", 1000)],
        "linear": [(1, "google", 334), (2, "meta", 333), (3, "tiktok", 333)],
        "position_based": [(1, "google", 400), (2, "meta", 200), (3, "tiktok", 400)],
        "time_decay": [(1, "google", 334), (2, "meta", 333), (3, "tiktok", 333)],
    }


def test_an_explanation_names_each_platforms_own_click(engine) -> None:
    land(engine, click("c", DAY, ids=SIGN_UP))
    pay(engine)
    [found] = explain(engine, "pay")
    assert [(visit["network"], visit["click_id"]) for visit in found.path] == [
        (network.value, SIGN_UP[kind])
        for network, kind in (
            (Network.GOOGLE, ClickIdKind.GCLID),
            (Network.META, ClickIdKind.FBC),
            (Network.TIKTOK, ClickIdKind.TTCLID),
        )
    ]
    assert {entry.row["platform"]: entry.row["click_id"] for entry in found.entries} == {
        "google_ads": SIGN_UP[ClickIdKind.GCLID],
        "meta": SIGN_UP[ClickIdKind.FBC],
        "tiktok": SIGN_UP[ClickIdKind.TTCLID],
    }
