"""Sixty days of a business of two thousand customers: what every platform holds is what the truth implies."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest

from tests.e2e.conftest import Life, differing
from tests.e2e.expected import Booked, expected, totals
from tests.e2e.world import PLATFORMS, WORTHS, prompt, tables

pytestmark = pytest.mark.slow
WORK = {"pull": (), "dirty": ()}
"""The log of pulls grows with every pull, the list of what is to be done shrinks; nothing else may change."""


@pytest.fixture(scope="module")
def synced(sixty_days: Life) -> Life:
    """Every day synced soon after it ended, and everything due was delivered."""
    days = list(sixty_days.world.window.days())
    for delivery, day in zip(prompt(days), days, strict=True):
        for report in sixty_days.company.run(day, delivery.now):
            assert not report.stopped, report.stopped
    return sixty_days


@pytest.fixture(scope="module")
def wanted(sixty_days: Life) -> dict[str, Counter[Booked]]:
    return expected(sixty_days.truth, PLATFORMS, WORTHS, prompt(sixty_days.world.window.days()))


@pytest.mark.parametrize("platform", [platform.name for platform in PLATFORMS])
def test_each_platforms_books_are_what_the_business_implies(
    synced: Life, wanted: dict[str, Counter[Booked]], platform: str
) -> None:
    books = synced.world.books()[platform]
    assert books - wanted[platform] == Counter(), "sent and not due"
    assert wanted[platform] - books == Counter(), "due and not sent"
    assert books.total() > (300 if platform != "microsoft_ads" else 100)


def test_what_the_platforms_report_adds_up_to_the_cent(
    synced: Life, wanted: dict[str, Counter[Booked]]
) -> None:
    reported = [entry | {"value": Decimal(entry["value"])} for entry in synced.world.ask("/ledger/totals")]
    assert reported == totals(wanted)


def test_the_business_has_every_case_that_could_go_wrong(wanted: dict[str, Counter[Booked]]) -> None:
    google = list(wanted["google_ads"])
    assert {booked.click_kind for booked in google} == {"gclid", "gbraid", "wbraid"}
    assert {booked.currency for booked in google} == {"USD", "EUR", "JPY", "KWD", "ISK", "UGX"}
    assert any(len(booked.corrections) > 1 for booked in google), "several corrections of one conversion"
    assert any(booked.corrections and booked.counts == 0 for booked in google), "a retraction"
    assert any(booked.corrections and booked.counts == 1 for booked in google), "a restatement"


def test_a_second_full_sync_sends_nothing_and_changes_nothing(synced: Life) -> None:
    company, world = synced.company, synced.world
    before, books, requests = tables(company.engine, WORK), world.ask("/ledger"), world.requests()
    company.run(world.window, company.now)
    assert world.requests() == requests
    assert world.ask("/ledger") == books
    assert differing(tables(company.engine, WORK), before) == {}
    assert tables(company.engine, {"pull": ()})["dirty"] == []
