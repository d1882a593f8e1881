"""What Google's account must be and agree to, told before anything is sent, and people beside the click."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conversion_sync.model.conversion import Outcome
from conversion_sync.platforms.platform import Platform
from tests.contract.platforms.cases import CASES, Case
from tests.contract.platforms.running import Opened, Sandbox, assert_taken, counts, row, send

SCOPE = "https://www.googleapis.com/auth/datamanager"

ROUTES = {case.route or "data_manager": case for case in CASES if case.platform == "google_ads"}
DATA_MANAGER, CLICK_UPLOAD = ROUTES["data_manager"], ROUTES["click_upload"]
WHO = {
    "email_google": hashlib.sha256(b"alexz@example.com").hexdigest(),
    "phone_e164": hashlib.sha256(b"+18005550100").hexdigest(),
}


@pytest.fixture(params=ROUTES.values(), ids=ROUTES)
def route(request: pytest.FixtureRequest) -> Case:
    case: Case = request.param
    return case


def told(platform: Platform, case: Case) -> list[tuple[bool, str]]:
    """What the preflight finds: whether it keeps rows from leaving, and what to do."""
    found = platform.preflight({"purchase": case.target})
    return [(each.blocking, each.remedy) for each in found.findings]


ACTION = "700000001"
STANDING: list[tuple[dict[str, Any], bool, str]] = [
    ({"conversion_customer": "5555555555"}, True, 'Write customer_id: "5555555555"'),
    ({"actions": {ACTION: {"type": "UPLOAD_CALLS"}}}, True, "Make a conversion action of the kind Import"),
    ({"actions": {ACTION: {"status": "HIDDEN"}}}, True, "Switch it on"),
    ({"actions": {ACTION: {"counting": "ONE_PER_CLICK"}}}, False, "Set Count to Every"),
    ({"actions": {ACTION: {"lookback_days": 30}}}, False, "Set click_window_days: 30"),
    ({"actions": {ACTION: {"always_default_value": True}}}, False, "Let it use different values"),
]


@pytest.mark.parametrize(("standing", "blocking", "remedy"), STANDING, ids=[str(s) for s, _, _ in STANDING])
def test_what_is_not_as_uploads_need_it_is_told(
    sandbox: Sandbox, opened: Opened, route: Case, standing: dict[str, Any], blocking: bool, remedy: str
) -> None:
    platform = opened(route)
    sandbox.stand(**standing)
    found = told(platform, route)
    assert (blocking, True) in [(each, words.startswith(remedy)) for each, words in found]


@pytest.mark.parametrize(
    ("standing", "remedy"),
    [({"terms_accepted": False}, "Accept them"), ({"leads_enabled": False}, "Switch them on")],
)
def test_what_people_need_of_an_account_matters_where_they_are_told_of(
    sandbox: Sandbox, opened: Opened, route: Case, standing: dict[str, Any], remedy: str
) -> None:
    platforms = [opened(route), opened(route, identifiers=["email", "phone"])]
    sandbox.stand(**standing)
    without, with_people = (told(platform, route) for platform in platforms)
    assert (without, [words.startswith(remedy) for _, words in with_people]) == ([], [True])


@pytest.mark.parametrize("on_rows", [False, True], ids=["request", "rows"])
def test_a_project_off_the_allow_list_is_told_before_anything_is_sent(
    sandbox: Sandbox, opened: Opened, on_rows: bool
) -> None:
    platform = opened(CLICK_UPLOAD)
    sandbox.stand(allow_listed=False, refuses_rows=on_rows)
    before = sandbox.read("ledger")
    [(blocking, remedy)] = told(platform, CLICK_UPLOAD)
    assert (blocking, "upload_api: data_manager" in remedy, sandbox.read("ledger")) == (True, True, before)


def test_a_consent_without_data_managers_scope_is_told_before_anything_is_sent(
    sandbox: Sandbox, opened: Opened
) -> None:
    info = {"@type": "google.rpc.ErrorInfo", "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}
    sandbox.go_wrong("data_manager", grpc_status="PERMISSION_DENIED", grpc_details=[info])
    [(blocking, remedy)] = told(opened(DATA_MANAGER), DATA_MANAGER)
    assert (blocking, SCOPE in remedy) == (True, True)


def test_people_are_told_of_beside_their_click(sandbox: Sandbox, opened: Opened, route: Case) -> None:
    platform = opened(route, identifiers=["email", "phone"])
    sent = row(sandbox, route, identifiers=WHO)
    assert platform.invalid(sent) is None
    assert_taken(platform, send(platform, sent))
    assert counts(sandbox, sent) == [1]


def test_people_hold_the_rows_of_an_account_that_has_not_agreed(
    sandbox: Sandbox, opened: Opened, route: Case
) -> None:
    platform = opened(route, identifiers=["email"])
    sandbox.stand(terms_accepted=False)
    sent = row(sandbox, route, identifiers=WHO)
    answer = send(platform, sent)
    assert Outcome.HOLD in {answer.outcome, *(each.outcome for each in answer.rows.values())}
    assert (bool(answer.remedy), counts(sandbox, sent)) == (True, [0])


def test_every_bad_row_of_a_full_batch_is_named(sandbox: Sandbox, opened: Opened) -> None:
    platform = opened(DATA_MANAGER)
    bad = row(sandbox, DATA_MANAGER, occurred_at=datetime.now(UTC) + timedelta(days=1))
    batch = [bad._replace(vendor_id=f"{bad.vendor_id}_{number}") for number in range(2000)]
    answer = send(platform, *batch)
    assert (answer.outcome, answer.named) == (Outcome.BAD_BATCH, tuple(range(2000)))
    assert {each.code for each in answer.rows.values()} == {"EVENT_TIME_INVALID"}
