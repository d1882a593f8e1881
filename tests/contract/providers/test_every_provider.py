"""What every billing system's adapter must do, against the sandbox's vendors over real sockets.

A billing system is an entry in `cases`.
"""

from __future__ import annotations

import json
import socket
import traceback
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from conversion_sync.billing.registry import kinds, providers
from conversion_sync.errors import ConversionSyncError, CredentialError, PermanentError, TransientError
from conversion_sync.model.windows import Window
from conversion_sync.pipeline.configuration import settings_type
from tests.contract.platforms.running import Sandbox
from tests.contract.providers.cases import CASES, Case, Json
from tests.contract.providers.conftest import Account, Opened, Told

SECOND = timedelta(seconds=1)


def names(account: Account, window: Window) -> list[str]:
    return [record.event_id for record in account.pull(window)]


def everything_once(account: Account, told: Told) -> bool:
    return sorted(names(account, told.window)) == told.ids


def test_every_billing_system_of_the_configuration_is_here() -> None:
    assert sorted(case.provider for case in CASES) == sorted(kinds())


def test_the_configuration_leads_to_every_account(sandbox: Sandbox, case: Case, told: Told) -> None:
    part = {name: case.account(sandbox.endpoints) for name in ("main", "second")}
    settings = settings_type().model_validate(
        {"start": "2026-01-01T00:00:00Z", "billing": {case.provider: part}, "platforms": {}}
    )
    made = {key: build() for key, build in providers(settings).items()}
    assert {key: (each.provider, each.account) for key, each in made.items()} == {
        (case.provider, "main"): (case.provider, "main"),
        (case.provider, "second"): (case.provider, "second"),
    }
    for each in made.values():
        pulled = [record.event_id for page in each.pull(told.window) for record in page]
        assert sorted(pulled) == told.ids
        each.close()


# -- what is read ----------------------------------------------------------------------------------------


def test_a_window_is_read_to_its_last_page_each_record_once(account: Account, told: Told, case: Case) -> None:
    pages = list(account.provider.pull(told.window))
    assert all(0 < len(page) <= case.page_size for page in pages)
    assert sorted(record.event_id for page in pages for record in page) == told.ids
    assert (len(pages) > 2, account.waits) == (True, [])


def test_a_record_is_what_the_vendor_said_and_when(account: Account, case: Case, told: Told) -> None:
    said = {item.id: item.said for item in told.items}
    for record in account.pull(told.window):
        case.same(record, said[record.event_id])


@pytest.mark.parametrize("minutes", [0, 15, 1440])
def test_a_window_is_half_open_to_the_second_and_reads_its_overlap_again(
    opened: Opened, told: Told, minutes: int
) -> None:
    middle = told.items[len(told.items) // 2]
    overlap, at = timedelta(minutes=minutes), middle.moments[0]
    for start, end in (
        (at + overlap, at + overlap + timedelta(hours=6)),
        (at + overlap + SECOND, at + overlap + timedelta(hours=6)),
        (at - timedelta(hours=6), at),
        (at - timedelta(hours=6), at + SECOND),
    ):
        found = names(opened(overlap_minutes=minutes), Window(start, end))
        assert (set(found), len(set(found))) == (told.between(start - overlap, end), len(found))
        assert (middle.id in found) == any(start - overlap <= each < end for each in middle.moments)


def test_windows_one_after_the_other_leave_nothing_out(opened: Opened, told: Told) -> None:
    once, again = opened(overlap_minutes=0), opened(overlap_minutes=90)
    days = list(told.window.days())
    found = [set(names(once, day)) for day in days]
    assert found == [told.between(day.start, day.end) for day in days]
    assert sorted(set().union(*found)) == told.ids
    overlapping = [set(names(again, day)) for day in days[-8:]]
    assert overlapping == [told.between(day.start - timedelta(minutes=90), day.end) for day in days[-8:]]
    assert any(before & after for before, after in pairwise(overlapping))


def test_an_empty_window_has_no_pages(account: Account, told: Told) -> None:
    end = told.window.start
    assert list(account.provider.pull(Window(end - timedelta(hours=1), end))) == []


def test_nothing_connects_before_something_is_pulled(opened: Opened, case: Case) -> None:
    account = opened(**case.at("http://127.0.0.1:1"))
    pages = account.provider.pull(Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)))
    account.provider.close()
    account.provider.close()
    assert (iter(pages) is pages, account.waits) == (True, [])


# -- faults that pass ------------------------------------------------------------------------------------

WAITED = [("7", 7.0), ("0", 0.0), ("0.5", 0.5), ("3600", None), ("-5", 0.0)]


@pytest.mark.parametrize(("said", "waited"), WAITED)
def test_a_limit_is_waited_for_as_long_as_the_vendor_says_within_reason(
    sandbox: Sandbox, case: Case, account: Account, told: Told, said: str, waited: float | None
) -> None:
    sandbox.go_wrong(case.vendor, status=429, headers={"Retry-After": said})
    assert everything_once(account, told)
    assert account.waits == [case.longest_wait if waited is None else waited]


@pytest.mark.parametrize("said", [None, "", "soon", "nan", "inf", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_a_limit_without_a_usable_delay_is_waited_for_all_the_same(
    sandbox: Sandbox, case: Case, account: Account, told: Told, said: str | None
) -> None:
    sandbox.go_wrong(case.vendor, status=429, headers={} if said is None else {"Retry-After": said})
    assert everything_once(account, told)
    assert len(account.waits) == 1
    assert 0 < account.waits[0] <= case.longest_wait


PASSING: list[Json] = [
    {"status": 500},
    {"status": 502, "body": "<html>Bad gateway</html>"},
    {"status": 503, "body": ""},
    {"status": 504, "after_accepting": True},
    {"status": 409},
    {"close_before_reply": True},
    {"drop_reply": True},
    {"status": 200, "body": ""},
    {"status": 200, "body": "<html>Sign in to the network</html>"},
    {"status": 200, "body": '{"object": "list", "data": [{"id": "evt'},
    {"status": 200, "body": "null"},
    {"status": 200, "body": '"OK"'},
    {"status": 200, "body": "[]"},
    {"status": 200, "body": "{}"},
    {"status": 200, "body": '{"data": [null], "has_more": false}'},
    {"status": 200, "body": '{"data": {}, "has_more": false}'},
    {"status": 200, "body": '{"data": ' + "[" * 20_000},
]


@pytest.mark.parametrize("action", PASSING, ids=[str(action)[:60] for action in PASSING])
def test_a_fault_that_passes_costs_one_wait_and_no_record(
    sandbox: Sandbox, case: Case, account: Account, told: Told, action: Json
) -> None:
    sandbox.go_wrong(case.vendor, **action)
    assert everything_once(account, told)
    assert len(account.waits) == 1


@pytest.mark.parametrize("action", PASSING, ids=[str(action)[:60] for action in PASSING])
def test_a_fault_that_stays_ends_after_a_known_number_of_requests(
    sandbox: Sandbox, case: Case, account: Account, told: Told, action: Json
) -> None:
    before = sandbox.requests(case.vendor)
    sandbox.go_wrong(case.vendor, times=None, **action)
    with pytest.raises(TransientError) as caught:
        account.pull(told.window)
    assert sandbox.requests(case.vendor) - before == case.requests
    assert len(account.waits) == case.requests - 1
    assert all(0 < wait <= case.longest_wait for wait in account.waits)
    assert ("main" in caught.value.message, bool(caught.value.remedy)) == (True, True)


def test_waits_grow_while_a_fault_stays(sandbox: Sandbox, case: Case, account: Account, told: Told) -> None:
    sandbox.go_wrong(case.vendor, times=None, status=503)
    with pytest.raises(TransientError):
        account.pull(told.window)
    assert account.waits[-1] > 4 * account.waits[0]


def test_a_fault_between_pages_leaves_no_gap_and_no_copy(
    sandbox: Sandbox, case: Case, account: Account, told: Told
) -> None:
    pages = account.provider.pull(told.window)
    found = [record.event_id for record in next(pages)]
    sandbox.go_wrong(case.vendor, times=2, status=500)
    found += [record.event_id for page in pages for record in page]
    assert sorted(found) == told.ids
    assert len(account.waits) == 2


def test_what_was_read_before_a_fault_that_stays_is_not_lost(
    sandbox: Sandbox, case: Case, account: Account, told: Told
) -> None:
    pages = account.provider.pull(told.window)
    first = next(pages)
    sandbox.go_wrong(case.vendor, times=None, close_before_reply=True)
    with pytest.raises(TransientError):
        next(pages)
    assert len(first) == case.page_size


def test_a_vendor_nobody_answers_for_may_answer_later(opened: Opened, case: Case, told: Told) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        account = opened(**case.at(f"http://127.0.0.1:{held.getsockname()[1]}"))
        with pytest.raises(TransientError):
            account.pull(told.window)
    assert len(account.waits) == case.requests - 1


# -- faults that stay ------------------------------------------------------------------------------------


def assert_tells_no_secret(fault: ConversionSyncError, *secrets: str) -> None:
    shown = "".join(traceback.format_exception(fault)) + repr(fault) + str(fault)
    assert [secret for secret in secrets if secret in shown] == []


def test_a_wrong_credential_is_a_humans_to_mend_and_is_told_by_its_place(
    sandbox: Sandbox, opened: Opened, case: Case, told: Told
) -> None:
    before = sandbox.requests(case.vendor)
    account = opened("second", **case.wrong)
    with pytest.raises(CredentialError) as caught:
        account.pull(told.window)
    assert (account.waits, sandbox.requests(case.vendor) - before) == ([], 1)
    assert f"billing.{case.provider}.second.{case.secret}" in caught.value.remedy
    assert_tells_no_secret(caught.value, *case.wrong.values())


ECHO = {"error": {"message": "Not for {secret} of jane@example.com", "type": "invalid_request_error"}}


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, CredentialError), (403, CredentialError), (400, PermanentError), (404, PermanentError)],
)
@pytest.mark.parametrize("form", [str, dict], ids=["text", "json"])
def test_a_refusal_is_not_repeated_and_what_it_echoes_is_hidden(
    sandbox: Sandbox, case: Case, account: Account, told: Told, status: int, kind: Any, form: type
) -> None:
    secret = case.account(sandbox.endpoints)[case.secret]
    echo = json.dumps(ECHO).replace("{secret}", secret)
    before = sandbox.requests(case.vendor)
    sandbox.go_wrong(case.vendor, status=status, body=echo if form is str else json.loads(echo))
    with pytest.raises(kind) as caught:
        account.pull(told.window)
    assert (type(caught.value), sandbox.requests(case.vendor) - before) == (kind, 1)
    assert (account.waits, bool(caught.value.remedy)) == ([], True)
    assert_tells_no_secret(caught.value, secret, "jane@example.com")


@pytest.mark.parametrize("key", ["sk_live_line\nbreak", "sk_live_ключ", ""])
def test_a_credential_that_cannot_be_sent_is_a_humans_to_mend(
    sandbox: Sandbox, opened: Opened, case: Case, told: Told, key: str
) -> None:
    before = sandbox.requests(case.vendor)
    account = opened(**{case.secret: key})
    with pytest.raises(CredentialError) as caught:
        account.pull(told.window)
    assert (account.waits, sandbox.requests(case.vendor) - before) == ([], 0)
    assert f"billing.{case.provider}.main.{case.secret}" in caught.value.remedy
    assert_tells_no_secret(caught.value, *([key] if key else []))
