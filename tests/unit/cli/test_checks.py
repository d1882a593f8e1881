"""The checks that need nobody's answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from conversion_sync.cli.checks import Line, attempt, collector, ending, webhooks
from conversion_sync.cli.main import application
from conversion_sync.cli.sync import span
from conversion_sync.errors import ConfigurationError, CredentialError, TransientError
from conversion_sync.model.expiry import notice
from conversion_sync.pipeline.configuration import settings_type
from conversion_sync.platforms.catalogue import version_expiry
from tests.integration.scripted import facts

NOW = datetime(2026, 11, 20, 12, 34, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("ends", "level"),
    [
        (None, "ok"),
        (NOW + 61 * DAY, "ok"),
        (NOW + 60 * DAY, "warn"),
        (NOW + 15 * DAY, "warn"),
        (NOW + 14 * DAY, "error"),
        (NOW, "error"),
        (NOW - DAY, "error"),
    ],
)
def test_an_api_version_is_told_sixty_days_before_it_ends_and_fails_a_fortnight_before(
    ends: datetime | None, level: str
) -> None:
    version = version_expiry(facts(sunset=ends))
    assert ending("meta:main", notice(version, NOW)).level == level


@pytest.mark.parametrize(
    ("secrets", "expected"),
    [
        ([], []),
        (["whsec_one", "whsec_two"], [("ok", "taken at /webhooks/stripe/main")]),
        (
            ["whsec_one", "sk_live_123456"],
            [
                (
                    "error",
                    (
                        "a signing secret is empty, or does not begin with whsec_: "
                        "no webhook would be taken for genuine."
                    ),
                )
            ],
        ),
    ],
)
def test_check_says_whose_webhooks_are_taken(secrets: list[str], expected: list[tuple[str, str]]) -> None:
    billing = {"stripe": {"main": {"api_key": "sk_1", "webhook_secrets": secrets}}}
    settings = settings_type().model_validate(
        {"start": "2026-01-01T00:00:00Z", "billing": billing, "platforms": {}}
    )
    assert [(line.level, line.detail) for line in webhooks(settings)] == expected


def test_a_check_that_fails_says_what_to_do() -> None:
    def refused() -> str:
        raise CredentialError("The key is refused.", remedy="Make a new one.")

    def down() -> str:
        raise TransientError("It is down.", remedy="Try again.")

    assert attempt("a", lambda: "fine") == Line(level="ok", what="a", detail="fine")
    assert attempt("a", refused) == Line(
        level="error", what="a", detail="The key is refused.", remedy="Make a new one."
    )
    assert attempt("a", down) == Line(level="error", what="a", detail="It is down.", remedy="Try again.")


HOUR = NOW.replace(minute=0)
FIRST = HOUR - 10 * DAY


@pytest.mark.parametrize(
    ("start", "end", "window"),
    [
        (None, None, (HOUR - DAY, HOUR)),
        (HOUR - 20 * DAY, None, (FIRST, HOUR)),
        (HOUR - 2 * DAY, HOUR - DAY, (HOUR - 2 * DAY, HOUR - DAY)),
        (None, HOUR + DAY, (HOUR - DAY, HOUR)),
        (HOUR - DAY + timedelta(minutes=5), None, (HOUR - DAY, HOUR)),
    ],
)
def test_a_sync_takes_whole_hours_between_the_first_and_the_last_full_one(
    start: datetime | None, end: datetime | None, window: tuple[datetime, datetime]
) -> None:
    found = span(FIRST, start, end, NOW)
    assert (found.start, found.end) == window


def test_a_sync_of_no_hour_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="There is no full hour"):
        span(FIRST, HOUR, HOUR, NOW)


def test_an_hour_that_has_not_settled_is_not_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "k")
    file = tmp_path / "conversion_sync.yaml"
    file.write_text(
        "start: 2026-01-01T00:00:00Z\n"
        "billing: {stripe: {main: {api_key: env:KEY, settle_lag_minutes: 120}}}\n"
        "platforms: {}\n"
    )
    last_full_hour = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:00")
    command = ["--config", str(file), "sync", "--from", last_full_hour]
    result = CliRunner().invoke(application(), command)
    assert isinstance(result.exception, ConfigurationError)
    assert "There is no full hour" in result.exception.message
    assert "`settle_lag_minutes` after its end" in result.exception.remedy
    assert not (tmp_path / ".conversion_sync").exists()


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (None, []),
        ({"origins": []}, [("warn", "no origin is named: clicks are taken from nobody.")]),
        (
            {"origins": ["https://www.example.com"]},
            [("ok", "clicks are taken at /v1/click from https://www.example.com")],
        ),
    ],
)
def test_check_says_whose_clicks_are_taken(
    chosen: dict[str, list[str]] | None, expected: list[tuple[str, str]]
) -> None:
    settings = settings_type().model_validate(
        {"start": "2026-01-01T00:00:00Z", "billing": {}, "platforms": {}, "receiver": {"collector": chosen}}
    )
    assert [(line.level, line.detail) for line in collector(settings)] == expected
