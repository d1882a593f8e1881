"""Tokens of every platform over their lives: renewed in time, kept in one place, lost to nobody."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from conversion_sync.credentials.keys import VARIABLE, keyring, new_key
from conversion_sync.credentials.store import Secrets
from conversion_sync.errors import ConfigurationError
from conversion_sync.model.conversion import Outcome
from conversion_sync.platforms.platform import SendResult
from conversion_sync.sandbox.grants import fault_of
from conversion_sync.sandbox.tiktok_oauth import ways
from tests.contract.credentials.conftest import VENDORS, Place

ALL = sorted(VENDORS)


def stored(place: Place) -> Secrets:
    kept = place.tokens("tiktok").store.read()
    assert kept is not None
    return kept.secrets


def token(answer: str | SendResult) -> str:
    assert isinstance(answer, str), answer
    return answer


def refusal(answer: str | SendResult) -> SendResult:
    assert isinstance(answer, SendResult)
    return answer


@pytest.mark.parametrize("platform", ALL)
def test_a_token_is_fetched_once_and_every_process_has_it(place: Place, platform: str) -> None:
    first = token(place.tokens(platform).token())
    assert [token(place.tokens(platform).token()) for _ in range(3)] == [first] * 3
    assert place.asked(platform) == 1


@pytest.mark.parametrize(
    ("platform", "early"),
    [
        ("tiktok", timedelta(hours=22)),
        ("google_ads", timedelta(minutes=45)),
        ("microsoft_ads", timedelta(minutes=45)),
        ("linkedin", timedelta(days=59)),
    ],
)
def test_a_token_is_renewed_when_little_of_its_life_is_left(
    place: Place, platform: str, early: timedelta
) -> None:
    tokens = place.tokens(platform)
    first = token(tokens.token())
    place.vendors.clock.shift(early - timedelta(minutes=2))
    assert tokens.token() == first
    place.vendors.clock.shift(timedelta(minutes=3))
    second = token(tokens.token())
    assert second != first
    assert token(place.tokens(platform).token()) == second
    assert place.asked(platform) == 2


def test_new_tokens_are_stored_before_anybody_has_them_and_the_former_stays_until_they_worked(
    place: Place,
) -> None:
    tokens = place.tokens("tiktok")
    first = token(tokens.token())
    seed = place.vendors.credentials.tiktok_refresh_token
    kept = stored(place)
    assert (kept.access, kept.previous, kept.refresh != seed) == (first, seed, True)
    tokens.worked("another token")
    assert stored(place).previous == seed
    tokens.worked(first)
    assert stored(place) == Secrets(access=first, refresh=kept.refresh, seed=seed)


def test_a_newer_pair_of_another_process_is_used_without_asking(place: Place) -> None:
    mine, other = place.tokens("tiktok"), place.tokens("tiktok")
    first = token(mine.token())
    token(other.token())
    place.later(hours=23)
    second = token(other.token())
    assert (second != first, place.asked("tiktok")) == (True, 2)
    assert (mine.token(), mine.renewed(first)) == (second, second)
    assert place.asked("tiktok") == 2


@pytest.mark.parametrize("platform", ALL)
def test_a_refused_token_is_replaced(place: Place, platform: str) -> None:
    tokens = place.tokens(platform)
    first = token(tokens.token())
    second = token(tokens.renewed(first))
    assert (second != first or platform == "google_ads", place.asked(platform)) == (True, 2)


@pytest.mark.parametrize("platform", ALL)
def test_what_was_revoked_holds_until_somebody_consents_and_says_so(place: Place, platform: str) -> None:
    tokens = place.tokens(platform)
    first = token(tokens.token())
    place.tell(platform, revoke=True)
    answer = refusal(tokens.renewed(first))
    assert (answer.outcome, answer.remedy) == (
        Outcome.HOLD,
        f"Run conversion-sync connect {platform} main to consent anew.",
    )
    row = place.row()
    assert (row["refused_code"], row["refused_at"] is not None) == (answer.code, True)


def test_a_refresh_token_that_was_replaced_by_one_that_does_not_work_is_tried_again(place: Place) -> None:
    tokens = place.tokens("tiktok")
    place.tell("tiktok", mode="renew")
    first = token(tokens.token())
    with place.vendors.books.noting("oauth", "tiktok") as state:
        del state["refresh"][stored(place).refresh]
    assert token(tokens.renewed(first)) != first


def test_while_a_token_lasts_an_early_renewal_that_fails_costs_nothing(place: Place) -> None:
    tokens = place.tokens("tiktok")
    first = token(tokens.token())
    place.later(hours=23)
    place.go_wrong("tiktok", status=503)
    assert (tokens.token(), tokens.token(), place.asked("tiktok")) == (first, first, 2)
    place.later(minutes=6)
    assert token(tokens.token()) != first


def test_a_refusal_while_the_token_lasts_is_on_record_and_the_token_is_used(place: Place) -> None:
    tokens = place.tokens("tiktok")
    first = token(tokens.token())
    place.later(hours=23)
    place.go_wrong("tiktok", status=200, body={"code": 40107, "message": "no", "data": {}})
    assert (tokens.token(), place.row()["refused_code"]) == (first, "40107")
    place.later(hours=2)
    assert token(tokens.token()) != first
    assert (place.row()["refused_code"], place.row()["refused_at"]) == ("", None)


@pytest.mark.parametrize(
    "action",
    [
        {"status": 503},
        {"status": 200, "body": "<html>Sign in</html>"},
        {"status": 200, "body": {"code": 50000, "message": "down", "data": {}}},
        {"close_before_reply": True},
    ],
)
def test_a_token_endpoint_that_is_down_is_waited_for(place: Place, action: dict[str, object]) -> None:
    place.go_wrong("tiktok", **action)
    tokens = place.tokens("tiktok")
    assert refusal(tokens.token()).outcome is Outcome.RETRY_LATER
    assert token(tokens.token())


def test_an_answer_that_was_lost_is_told_when_the_old_token_is_refused(place: Place) -> None:
    place.go_wrong("tiktok", drop_reply=True)
    tokens = place.tokens("tiktok")
    assert refusal(tokens.token()).outcome is Outcome.RETRY_LATER
    answer = refusal(tokens.token())
    assert (answer.outcome, answer.code) == (Outcome.HOLD, "40107")
    assert "was never answered; the token that came of it is lost." in answer.text


def test_an_answer_that_was_lost_costs_nothing_where_the_old_token_stays_good(place: Place) -> None:
    place.tell("tiktok", mode="renew")
    place.go_wrong("tiktok", drop_reply=True)
    tokens = place.tokens("tiktok")
    assert refusal(tokens.token()).outcome is Outcome.RETRY_LATER
    assert token(tokens.token())


def test_linkedins_year_does_not_grow_and_cuts_the_last_tokens_short(place: Place) -> None:
    tokens = place.tokens("linkedin")
    token(tokens.token())
    ends = place.row()["refresh_expires_at"]
    for _ in range(6):
        place.later(days=59, hours=12)
        token(tokens.token())
    row = place.row()
    assert row["refresh_expires_at"] == ends
    assert timedelta() <= ends - row["access_expires_at"] < timedelta(seconds=2)
    asked = place.asked("linkedin")
    place.vendors.clock.shift(ends - place.vendors.clock.now() - timedelta(hours=1))
    token(tokens.token())
    assert place.asked("linkedin") == asked, "another token would end with it"
    place.later(hours=2)
    assert refusal(tokens.token()).code == "oauth_invalid_grant"


def test_microsofts_newest_refresh_token_is_kept(place: Place) -> None:
    tokens = place.tokens("microsoft_ads")
    seen = set()
    for _ in range(3):
        token(tokens.token())
        kept = tokens.store.read()
        assert kept is not None
        seen.add(kept.secrets.refresh)
        place.later(minutes=50)
    assert len(seen) == 3


def test_a_long_term_token_does_not_end_and_is_held_once_refused(place: Place) -> None:
    place.tell("tiktok", mode="long_term")
    tokens = place.tokens("tiktok")
    first = token(tokens.token())
    with place.engine.begin() as connection:
        former = tokens.store.take(connection)
        assert former is not None
        tokens.store.reseal(connection, former, Secrets(access=first))
    lasting = place.tokens("tiktok", refresh_token=None)
    place.later(days=4000)
    assert (lasting.token(), place.asked("tiktok")) == (first, 1)
    assert refusal(lasting.renewed(first)).code == "oauth_ended"
    assert place.row()["refused_code"] == "oauth_ended"


def test_a_seed_is_used_once_and_another_one_wins_over_what_came_of_it(place: Place) -> None:
    first = token(place.tokens("tiktok").token())
    assert place.tokens("tiktok").token() == first
    place.go_wrong("tiktok", status=200, body={"code": 40107, "message": "no", "data": {}})
    answer = refusal(place.tokens("tiktok", refresh_token="another seed of somebody").token())
    assert answer.code == "40107"
    assert fault_of(ways(place.vendors.credentials), place.vendors, first) is None


def test_without_a_consent_or_a_seed_nothing_is_asked(place: Place) -> None:
    answer = refusal(place.tokens("tiktok", refresh_token=None).token())
    assert (answer.outcome, answer.code, place.asked("tiktok")) == (Outcome.HOLD, "oauth_not_connected", 0)


def test_the_database_never_sees_a_token(place: Place) -> None:
    for _ in range(2):
        tokens = place.tokens("tiktok")
        token(tokens.token())
        place.later(hours=23)
    with place.engine.connect() as connection:
        everything = str(connection.execute(text("select credential::text from credential")).all())
    kept = stored(place)
    assert not any(each in everything for each in (kept.access, kept.refresh, kept.previous, kept.seed))


def test_keys_are_changed_by_putting_the_new_one_first(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = new_key(), new_key()
    monkeypatch.setenv(VARIABLE, old)
    first = token(place.tokens("tiktok").token())
    monkeypatch.setenv(VARIABLE, f"{new}, {old}")
    assert place.tokens("tiktok").token() == first
    monkeypatch.setenv(VARIABLE, new)
    assert place.tokens("tiktok").token() == first
    monkeypatch.setenv(VARIABLE, old)
    answer = refusal(place.tokens("tiktok").token())
    assert (answer.outcome, answer.code) == (Outcome.HOLD, "oauth_key")
    assert answer.remedy.endswith("run conversion-sync connect tiktok main.")


@pytest.mark.parametrize("value", ["", " , ", "not a key"])
def test_without_a_key_nothing_starts_and_the_remedy_makes_one(value: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        keyring({VARIABLE: value})
    assert "Fernet.generate_key()" in refused.value.remedy
    assert "not a key" not in str(refused.value)
