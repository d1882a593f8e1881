"""What a change of `upload_api` does to what is held, and what each route says when it is closed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine, text

from conversion_sync.platforms.google_ads import classify, rpc
from conversion_sync.sandbox.google_tokens import ADWORDS
from tests.integration.google_ads.account import Google, ended, send
from tests.integration.scripted import payments, states
from tests.integration.world import HOUR, NOW, rows

HELD = ("held", "credential_or_configuration")
NOT_LISTED = "not_allowlisted_error.CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE"


def told(engine: Engine) -> set[str]:
    return {text for (text,) in rows(engine, "select text from delivery_attempt where outcome = 'hold'")}


def first_answer(engine: Engine) -> tuple[str, str]:
    answers = rows(
        engine, "select outcome, code from delivery_attempt where phase = 'outcome' order by attempt_id"
    )
    return answers[0]


def poll_now(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("update settlement_poll set next_poll_at = '2020-01-01'"))


@pytest.mark.parametrize("on_rows", [False, True], ids=["request", "rows"])
def test_a_project_off_the_allow_list_loses_nothing_and_is_told_what_to_set(
    engine: Engine, vendor: Google, on_rows: bool
) -> None:
    vendor.vendors.google_ads.change(allow_listed=False, refuses_rows=on_rows)
    payments(engine, 5)
    tally = send(engine, vendor.adapter("click_upload"))
    assert states(engine) == {HELD: 5}
    assert tally.stopped is not None
    assert tally.stopped.code == NOT_LISTED
    assert "platforms.google_ads.<account>.upload_api: data_manager" in tally.stopped.remedy
    assert all("upload_api: data_manager" in words for words in told(engine))
    assert rows(engine, "select distinct attempts from conversion") == [(0,)]

    send(engine, vendor.adapter("data_manager"))
    poll_now(engine)
    send(engine, vendor.adapter("data_manager"))
    assert states(engine) == {("settled", "confirmed"): 5}
    assert [entry["times_received"] for entry in vendor.vendors.books.dump()] == [1] * 5


def test_only_the_first_batch_of_a_closed_route_is_sent(
    engine: Engine, vendor: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor.vendors.google_ads.change(allow_listed=False)
    payments(engine, 5)
    adapter = vendor.adapter("click_upload")
    monkeypatch.setattr(adapter, "_facts", replace(adapter.catalogue, batch_size=2))
    assert (send(engine, adapter).requests, states(engine)) == (1, {HELD: 5})


def test_a_consent_without_data_managers_scope_holds_and_names_the_scope(
    engine: Engine, vendor: Google
) -> None:
    payments(engine, 3)
    send(engine, vendor.adapter("data_manager", scopes=(ADWORDS,)))
    assert states(engine) == {HELD: 3}
    assert all("auth/datamanager" in words for words in told(engine))
    send(engine, vendor.adapter("click_upload", scopes=(ADWORDS,)))
    assert states(engine) == {("settled", "confirmed"): 3}


def test_what_data_manager_took_in_is_still_asked_after_when_the_route_has_changed(
    engine: Engine, vendor: Google
) -> None:
    payments(engine, 2)
    send(engine, vendor.adapter("data_manager"))
    assert states(engine) == {("accepted", "awaiting_confirmation"): 2}
    poll_now(engine)
    send(engine, vendor.adapter("click_upload"))
    assert states(engine) == {("settled", "confirmed"): 2}


@pytest.mark.parametrize(
    ("first", "then"), [("data_manager", "click_upload"), ("click_upload", "data_manager")]
)
def test_a_row_in_doubt_on_one_route_counts_once_when_the_other_sends_it_again(
    engine: Engine, vendor: Google, first: str, then: str
) -> None:
    payments(engine, 1)
    name = "google_ads" if first == "click_upload" else "data_manager"
    vendor.go_wrong(name, drop_reply=True)
    send(engine, vendor.adapter(first))
    assert states(engine) == {("planned", "resend_in_doubt"): 1}
    vendor.vendors.faults.clear()
    send(engine, vendor.adapter(then), NOW + HOUR)
    poll_now(engine)
    send(engine, vendor.adapter(then), NOW + HOUR)
    assert states(engine) == {("settled", "confirmed"): 1}
    [entry] = vendor.vendors.books.dump()
    assert (entry["counts"], entry["total"]) == (1, "1")


def test_clicks_of_another_account_are_the_accounts_fault_when_most_are(
    engine: Engine, vendor: Google
) -> None:
    vendor.vendors.google_ads.change(foreign_clicks=["id-c"])
    payments(engine, classify.FEWEST_TO_BLAME)
    send(engine, vendor.adapter("click_upload"))
    assert states(engine) == {HELD: classify.FEWEST_TO_BLAME}
    assert all("customer_id" in words for words in told(engine))


def test_of_a_few_clicks_of_another_account_each_is_refused(engine: Engine, vendor: Google) -> None:
    vendor.vendors.google_ads.change(foreign_clicks=["id-c"])
    payments(engine, classify.FEWEST_TO_BLAME - 1)
    send(engine, vendor.adapter("click_upload"))
    assert states(engine) == {("rejected", "platform_refused"): classify.FEWEST_TO_BLAME - 1}


def test_an_upload_that_hangs_ends_in_doubt_within_its_timeout(
    engine: Engine, vendor: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc, "CALL_SECONDS", 0.3)
    payments(engine, 1)
    vendor.go_wrong("google_ads", times=1, delay_seconds=3, after_accepting=True)
    send(engine, vendor.adapter("click_upload"))
    codes = rows(
        engine, "select outcome, code from delivery_attempt where phase = 'outcome' order by attempt_id"
    )
    assert codes[0] == ("ambiguous", "grpc_DEADLINE_EXCEEDED")
    assert [entry["counts"] for entry in vendor.vendors.books.dump()] == [1]


def test_an_ingestion_that_hangs_ends_in_doubt_within_its_timeout(
    engine: Engine, vendor: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc, "CALL_SECONDS", 0.3)
    payments(engine, 1)
    vendor.go_wrong("data_manager", times=1, delay_seconds=3, after_accepting=True)
    send(engine, vendor.adapter("data_manager"))
    codes = rows(
        engine, "select outcome, code from delivery_attempt where phase = 'outcome' order by attempt_id"
    )
    assert codes[0] == ("ambiguous", "grpc_DEADLINE_EXCEEDED")
    assert [entry["counts"] for entry in vendor.vendors.books.dump()] == [1]


def test_every_row_of_an_answer_goes_its_own_way(engine: Engine, vendor: Google) -> None:
    payments(engine, 5)
    errors = [
        {"index": 0, "error": "conversion_upload_error.EXPIRED_EVENT"},
        {"index": -1, "error": "internal_error.INTERNAL_ERROR"},
        {"index": -1, "error": "conversion_upload_error.NO_CONVERSION_ACTION_FOUND"},
        {"index": 2, "error": "conversion_upload_error.4711"},
    ]
    vendor.go_wrong("google_ads", times=1, row_errors=errors)
    send(engine, vendor.adapter("click_upload"))
    assert sorted(ended(engine).values()) == [
        ("held", "credential_or_configuration", "conversion_upload_error.NO_CONVERSION_ACTION_FOUND"),
        ("planned", "waits_retry", "conversion_upload_error.4711"),
        ("rejected", "platform_refused", "conversion_upload_error.EXPIRED_EVENT"),
        ("settled", "confirmed", "ok"),
        ("settled", "confirmed", "ok"),
    ]
    assert len(vendor.vendors.books.dump()) == 2


def test_two_orders_of_one_click_in_one_second_both_count(engine: Engine, vendor: Google) -> None:
    vendor.vendors.google_ads.change(strict_copies=True)
    payments(engine, 3)
    with engine.begin() as connection:
        connection.execute(text("update conversion set occurred_at = :at"), {"at": NOW - HOUR})
    send(engine, vendor.adapter("click_upload"))
    assert states(engine) == {("settled", "confirmed"): 3}
    times = sorted(entry["occurred_at"][11:19] for entry in vendor.vendors.books.dump())
    assert times == ["11:00:00", "11:00:01", "11:00:02"]
