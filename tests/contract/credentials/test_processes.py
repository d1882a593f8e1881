"""Several processes that want a token at once, and one that dies while it fetches it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from conversion_sync.model.conversion import Outcome
from conversion_sync.platforms.platform import SendResult
from conversion_sync.sandbox.grants import fault_of
from conversion_sync.sandbox.tiktok_oauth import ways
from tests.contract.credentials.conftest import Place

PATIENCE = 60.0


@contextmanager
def worker(place: Place) -> Iterator[subprocess.Popen[str]]:
    """A process that is ready to ask."""
    database = place.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.contract.credentials.worker", database, f"{place.url}/tiktok"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.wait()


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def until(happened: object) -> None:
    """Waits for something another process brings about."""
    assert callable(happened)
    ends = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_two_refreshes_of_one_token_at_once_are_one_too_many_for_the_vendor(place: Place) -> None:
    known, codes = place.vendors.credentials, []

    def refresh() -> None:
        asked = {
            "client_id": known.tiktok_client_id,
            "client_secret": known.tiktok_client_secret,
            "grant_type": "refresh_token",
            "refresh_token": known.tiktok_refresh_token,
        }
        address = f"{place.url}/tiktok/open_api/v1.3/tt_user/oauth2/refresh_token/"
        codes.append(requests.post(address, json=asked, timeout=60).json()["code"])

    both = [threading.Thread(target=refresh) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert sorted(codes) == [0, 40107]


def test_two_processes_refresh_once_and_both_have_the_token(place: Place) -> None:
    place.go_wrong("tiktok", delay_seconds=1)
    with worker(place) as first, worker(place) as second:
        go(first)
        until(lambda: place.asked("tiktok") == 1)
        go(second)
        said = [process.communicate(timeout=PATIENCE)[0].strip() for process in (first, second)]
    assert said[0] == said[1]
    assert (fault_of(ways(place.vendors.credentials), place.vendors, said[0]), place.asked("tiktok")) == (
        None,
        1,
    )


def killed_before_it_stored_the_answer(place: Place) -> None:
    """The vendor has given out another pair; nobody ever heard of it."""
    place.go_wrong("tiktok", after_accepting=True, delay_seconds=30)
    with worker(place) as process:
        go(process)
        until(lambda: (place.vendors.books.noted("oauth", "tiktok") or {}).get("issued") == 1)


def test_a_process_that_dies_with_the_answer_leaves_a_message_that_says_so(place: Place) -> None:
    killed_before_it_stored_the_answer(place)
    answer = place.tokens("tiktok").token()
    assert isinstance(answer, SendResult)
    assert (answer.outcome, answer.code) == (Outcome.HOLD, "40107")
    assert "was never answered" in answer.text
    assert answer.remedy == "Run conversion-sync connect tiktok main to consent anew."


def test_a_process_that_dies_with_the_answer_costs_nothing_where_the_old_token_is_good(place: Place) -> None:
    place.tell("tiktok", mode="renew")
    killed_before_it_stored_the_answer(place)
    assert isinstance(place.tokens("tiktok").token(), str)


def test_a_process_that_dies_holds_up_nobody(place: Place) -> None:
    place.tell("tiktok", mode="renew")
    place.go_wrong("tiktok", delay_seconds=30)
    with worker(place) as process:
        go(process)
        until(lambda: place.asked("tiktok") == 1)
    assert isinstance(place.tokens("tiktok").token(), str)
