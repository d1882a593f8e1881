"""Ways in which a vendor is away, over real sockets: its port is closed, it hangs, it says 429."""

from __future__ import annotations

import pytest
import requests

from conversion_sync.model.conversion import Outcome
from conversion_sync.platforms import http
from tests.contract.platforms.cases import CASES, Case
from tests.contract.platforms.running import Opened, Sandbox, assert_taken, counts, row, send

PLAIN = ("meta", "tiktok", "linkedin", "reddit", "microsoft")
"""Vendors that are spoken to over the product's own connection."""


@pytest.fixture(params=[case for case in CASES if case.vendor in PLAIN], ids=lambda case: case.vendor)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "READ_SECONDS", 0.5)


def test_a_closed_port_is_not_connected_and_costs_nothing(
    sandbox: Sandbox, opened: Opened, case: Case
) -> None:
    platform, sent = opened(case), row(sandbox, case)
    sandbox.go_wrong(case.vendor, refuse=True)
    answer = send(platform, sent)
    assert answer.outcome is Outcome.RETRY_LATER
    assert answer.code in ("not_connected", "oauth_unavailable"), "LinkedIn's tokens come by the same port"
    sandbox.mend()
    assert_taken(platform, send(platform, sent))
    assert counts(sandbox, sent) == [1]


def test_a_port_is_closed_as_long_as_the_sandboxs_clock_says(sandbox: Sandbox, opened: Opened) -> None:
    case = next(case for case in CASES if case.vendor == "tiktok")
    admin, platform = sandbox.endpoints["admin"], opened(case)
    rule = {"vendor": "tiktok", "seconds": 3600, "action": {"refuse": True}}
    requests.post(f"{admin}/faults", json=[rule], timeout=60).raise_for_status()
    assert send(platform, row(sandbox, case)).code == "not_connected"
    try:
        requests.post(f"{admin}/clock", json={"shift_seconds": 3601}, timeout=60).raise_for_status()
        assert send(platform, row(sandbox, case)).outcome is Outcome.DELIVERED
    finally:
        requests.post(f"{admin}/clock", json={"run": True}, timeout=60).raise_for_status()


def test_a_vendor_that_hangs_may_have_taken_the_request(sandbox: Sandbox, opened: Opened, case: Case) -> None:
    sent = row(sandbox, case)
    sandbox.go_wrong(case.vendor, hang=True)
    answer = send(opened(case), sent)
    assert (answer.outcome, answer.code) == (Outcome.AMBIGUOUS, "no_answer")
    assert counts(sandbox, sent) == [0]


@pytest.mark.parametrize("told", [{}, {"Retry-After": "7"}], ids=["without", "with Retry-After"])
def test_a_storm_of_429_ends_as_planned(
    sandbox: Sandbox, opened: Opened, case: Case, told: dict[str, str]
) -> None:
    platform, sent = opened(case), row(sandbox, case)
    sandbox.go_wrong(case.vendor, times=3, status=429, body="slow down", headers=told)
    answers = [send(platform, sent) for _ in range(3)]
    assert {answer.outcome for answer in answers} == {Outcome.RETRY_LATER}
    assert {answer.retry_after is None for answer in answers} == {not told}
    assert_taken(platform, send(platform, sent))
