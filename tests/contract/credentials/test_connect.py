"""`conversion-sync connect` and `credentials` as processes, with a person who follows the address."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import yaml
from sqlalchemy import text

from conversion_sync.model.windows import floor_hour
from conversion_sync.sandbox.grants import fault_of
from conversion_sync.sandbox.tiktok_oauth import ways
from tests.contract.credentials.conftest import OTHER, VENDORS, Place

PATIENCE = 60


@dataclass(frozen=True, kw_only=True)
class Desk:
    """A configuration on disk, and the command that reads it."""

    folder: Path
    environment: dict[str, str]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "conversion_sync.cli", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=PATIENCE)
        return process.returncode, out, err

    @contextmanager
    def connecting(self, platform: str, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
        """The running command, and the address it printed."""
        process = self.start("connect", platform, "main", "--no-browser", *options)
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def desk(place: Place, tmp_path: Path) -> Desk:
    """Accounts that were never connected, all of them at the sandbox."""
    return desk_of(place, tmp_path)


def desk_of(place: Place, folder: Path, **changes: dict[str, Any]) -> Desk:
    environment = dict(os.environ) | {
        "T_DATABASE": place.engine.url.render_as_string(hide_password=False),
        "PYTHONPATH": str(Path.cwd()),
    }
    platforms: dict[str, Any] = {}
    for platform, vendor in VENDORS.items():
        account = OTHER[platform] | place.addresses(platform) | changes.get(platform, {})
        for name in ("client_id", "client_secret"):
            environment[f"T_{platform}_{name}"] = getattr(place.vendors.credentials, f"{vendor}_{name}")
            account[name] = f"env:T_{platform}_{name}"
        if "developer_token" in account:
            environment["T_DEVELOPER"] = account["developer_token"]
            account["developer_token"] = "env:T_DEVELOPER"
        platforms[platform] = {"main": account}
    content = {
        "start": floor_hour(place.vendors.clock.now()).isoformat(),
        "database": {"url": "env:T_DATABASE"},
        "billing": {},
        "platforms": platforms,
    }
    (folder / "conversion_sync.yaml").write_text(yaml.safe_dump(content))
    return Desk(folder=folder, environment=environment)


SAID = {
    "google_ads": r"a token until [\d: -]+ UTC, renewed by itself\.",
    "tiktok": r"a token until [\d: -]+ UTC, renewed by itself until [\d: -]+ UTC\.",
    "linkedin": r"a token until [\d: -]+ UTC, renewed by itself until [\d: -]+ UTC\.",
    "microsoft_ads": r"a token until [\d: -]+ UTC, renewed by itself until [\d: -]+ UTC\.",
}


@pytest.mark.parametrize("platform", sorted(VENDORS))
def test_a_consent_is_kept_and_used(place: Place, desk: Desk, platform: str) -> None:
    with desk.connecting(platform) as (process, address):
        page = requests.get(address, timeout=60)
        out, err = process.communicate(timeout=PATIENCE)
    assert (page.status_code, "Thank you" in page.text, process.returncode, err) == (200, True, 0, "")
    assert re.search(rf"{platform}:main is connected: {SAID[platform]}", out)
    tokens = place.tokens(platform, refresh_token=None)
    first = tokens.token()
    assert isinstance(first, str)
    assert isinstance(tokens.renewed(first), str)
    kept = tokens.store.read()
    assert kept is not None
    assert not any(secret in out for secret in (kept.secrets.access, kept.secrets.refresh, first))


def test_the_marketing_apis_consent_gives_a_token_without_an_end(place: Place, tmp_path: Path) -> None:
    legacy = {"oauth": "business_legacy", "authorise_uri": f"{place.url}/tiktok/portal/auth"}
    with desk_of(place, tmp_path, tiktok=legacy).connecting("tiktok") as (process, address):
        requests.get(address, timeout=60)
        out, _ = process.communicate(timeout=PATIENCE)
    assert "tiktok:main is connected: a token without an end, which cannot be renewed." in out
    token = place.tokens("tiktok", refresh_token=None).token()
    assert isinstance(token, str)
    place.later(days=4000)
    assert fault_of(ways(place.vendors.credentials), place.vendors, token) is None


def test_who_brings_another_state_is_sent_away_and_the_right_one_still_waited_for(
    place: Place, desk: Desk
) -> None:
    with desk.connecting("tiktok") as (process, address):
        back = parse_qs(urlsplit(address).query)["redirect_uri"][0]
        wrong = [requests.get(f"{back}{query}", timeout=60) for query in ("?code=c&state=x", "?code=c", "")]
        assert [page.status_code for page in wrong] == [400] * 3
        requests.get(address, timeout=60)
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert place.asked("tiktok") == 2


def test_a_person_who_says_no_is_told_and_nothing_is_stored(place: Place, desk: Desk) -> None:
    place.tell("google_ads", denies=True)
    with desk.connecting("google_ads") as (process, address):
        requests.get(address, timeout=60)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    assert "The platform refused: access_denied." in err
    with place.engine.connect() as connection:
        assert connection.execute(text("select count(*) from credential")).scalar_one() == 0


def test_a_code_the_platform_does_not_take_changes_nothing(place: Place, desk: Desk) -> None:
    refusal = {"error": "invalid_grant"}
    place.go_wrong("linkedin", path="accessToken", status=400, body=refusal)
    with desk.connecting("linkedin") as (process, address):
        requests.get(address, timeout=60)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    assert "linkedin:main is not connected: oauth_invalid_grant" in err
    assert "Run conversion-sync connect linkedin main" in err


def test_nobody_is_waited_for_for_ever(desk: Desk) -> None:
    code, _, err = desk.run("connect", "tiktok", "main", "--no-browser", "--timeout", "1")
    assert (code != 0, "Nobody consented within 1 seconds." in err) == (True, True)


@pytest.mark.parametrize(
    ("platform", "said"),
    [("meta", "There is no account main under platforms.meta."), ("nowhere", "There is no account main")],
)
def test_what_cannot_be_connected_is_told(desk: Desk, platform: str, said: str) -> None:
    code, _, err = desk.run("connect", platform, "main")
    assert (code != 0, said in err, "Traceback" in err) == (True, True, False)


def test_without_a_key_the_command_refuses_and_says_how_to_make_one(desk: Desk) -> None:
    del desk.environment["CONVERSION_SYNC_KEY"]
    for command in (("connect", "tiktok", "main"), ("credentials",), ("check",)):
        code, out, err = desk.run(*command)
        assert (code != 0, "Fernet.generate_key()" in out + err) == (True, True), command


def test_credentials_tells_days_left_and_what_breaks_next_and_no_token(place: Place, desk: Desk) -> None:
    for platform in ("tiktok", "linkedin", "google_ads"):
        tokens = place.tokens(platform)
        assert isinstance(tokens.token(), str)
    code, out, err = desk.run("credentials", "--json")
    found = {each["platform"]: each for each in json.loads(out)}
    assert (code, err) == (1, ""), "microsoft_ads is not connected"
    assert found["microsoft_ads"]["notices"][0]["text"] == "not connected: there is no token."
    assert (found["tiktok"]["urgency"], found["tiktok"]["access_days"]) == ("lasts", 1.0)
    assert 364 < found["linkedin"]["refresh_days"] <= 365
    assert found["google_ads"]["refresh_ends"] is None
    code, shown, _ = desk.run("credentials")
    assert "Run conversion-sync connect microsoft_ads main." in shown
    known = place.tokens("tiktok").store.read()
    assert known is not None
    for secret in (known.secrets.access, known.secrets.refresh, known.secrets.seed):
        assert secret not in out + shown


def test_credentials_warns_of_a_consent_that_ends(place: Place, desk: Desk) -> None:
    tokens = place.tokens("linkedin")
    place.vendors.clock.shift(timedelta(days=-340))
    assert isinstance(tokens.token(), str)
    _, out, _ = desk.run("credentials", "--json")
    found = {each["platform"]: each for each in json.loads(out)}["linkedin"]
    assert (found["urgency"], found["notices"][0]["remedy"]) == (
        "soon",
        "Run conversion-sync connect linkedin main before that day.",
    )
