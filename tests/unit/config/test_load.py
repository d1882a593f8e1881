"""A configuration becomes settings; what cannot be read is one message with its remedy, and no secret."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from conversion_sync import redaction
from conversion_sync.pipeline.configuration import load_settings as load
from conversion_sync.pipeline.configuration import settings_type
from conversion_sync.platforms.registry import catalogues
from tests.unit.config.files import GOOD, LITERAL, changed, refusal, written

EXAMPLE = Path(__file__).parents[3] / "conversion-sync.example.yaml"


def test_the_example_loads_and_uses_every_part(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [
        line.split("env:")[1].split()[0] for line in EXAMPLE.read_text().splitlines() if ": env:" in line
    ]
    for name in names:
        monkeypatch.setenv(name, f"value of {name}")
    settings = load(EXAMPLE)
    assert settings.accounts() == [
        ("google_ads", "main"),
        ("linkedin", "main"),
        ("meta", "main"),
        ("microsoft_ads", "main"),
        ("reddit", "main"),
        ("tiktok", "main"),
    ]
    assert settings.billing.stripe["main"].api_key == SecretStr("value of STRIPE_API_KEY")
    assert list(settings.actions) == ["purchase", "renewal", "trial"]


def test_the_example_names_every_key_there_is() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    named = {line.lstrip(" #").split(":")[0] for line in text.splitlines() if ":" in line}
    named |= {word.strip("{[ ").rsplit("{", 1)[-1] for word in text.replace(",", ":").split(":")}

    def keys(schema: dict[str, Any]) -> set[str]:
        parts = [schema, *schema.get("$defs", {}).values()]
        return {key for part in parts for key in part.get("properties", {})}

    assert keys(settings_type().model_json_schema()) - named == set()


def test_a_good_file_becomes_settings(tmp_path: Path, environment: pytest.MonkeyPatch) -> None:
    settings = load(written(tmp_path, GOOD))
    assert settings.start == datetime(2026, 1, 1, tzinfo=UTC)
    assert settings.platforms["meta"]["main"].access_token == SecretStr("m-1")
    assert settings.home == tmp_path / ".conversion_sync"


@pytest.mark.parametrize(
    ("home", "expected"), [("data", "{folder}/data"), ("/var/lib/cs", "/var/lib/cs")], ids=str
)
def test_a_relative_home_is_relative_to_the_file(
    tmp_path: Path, environment: pytest.MonkeyPatch, home: str, expected: str
) -> None:
    settings = load(written(tmp_path, changed({"home": home})))
    assert settings.home == Path(expected.format(folder=tmp_path))


def test_the_variable_names_the_file(tmp_path: Path, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("CONVERSION_SYNC_CONFIG", str(written(tmp_path, GOOD)))
    assert load().platforms["meta"]["main"].dataset_id == "123"


def test_no_file_says_how_to_make_one(tmp_path: Path, environment: pytest.MonkeyPatch) -> None:
    environment.chdir(tmp_path)
    assert refusal(None) == (
        "There is no configuration: conversion_sync.yaml does not exist. Remedy: Copy "
        "conversion-sync.example.yaml to conversion_sync.yaml and fill it in, or name your file with "
        "CONVERSION_SYNC_CONFIG."
    )


def test_all_missing_variables_are_listed_at_once(tmp_path: Path, environment: pytest.MonkeyPatch) -> None:
    environment.delenv("T_STRIPE")
    environment.setenv("T_META", "")
    assert refusal(written(tmp_path, GOOD)) == (
        "conversion_sync.yaml: environment: These variables are not set: T_META (needed by "
        "platforms.meta.main.access_token); T_STRIPE (needed by billing.stripe.main.api_key). "
        "Remedy: Set T_META, T_STRIPE in the environment, then run again."
    )


@pytest.mark.parametrize(
    "key",
    ["billing.stripe.main.api_key", "clicks.web.url", "platforms.meta.main.app_secret", "database.url"],
)
def test_a_literal_secret_is_refused_and_not_shown(
    tmp_path: Path, environment: pytest.MonkeyPatch, key: str
) -> None:
    message = refusal(written(tmp_path, changed({key: LITERAL})))
    assert message == (
        f"conversion_sync.yaml: {key}: A secret must not be written into the file. "
        "Remedy: write env:NAME, and set NAME in the environment."
    )


def test_an_account_is_told_of_people_only_what_it_asks_for(
    tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    asked = load(written(tmp_path, changed({"platforms.meta.main.identifiers": ["email"]})))
    told = {name: facts.identifiers for (name, _), facts in catalogues(asked).items()}
    assert told == {"linkedin": {}, "meta": {"em": "email_plain"}}


def test_broken_yaml_names_the_place_and_quotes_nothing(
    tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, f"billing:\n  key: {LITERAL}: [\n")
    message = refusal(file)
    assert message.startswith(f"{file} is not valid YAML: line 2, column ")
    assert LITERAL not in message


def test_an_empty_file_is_no_configuration(tmp_path: Path, environment: pytest.MonkeyPatch) -> None:
    file = written(tmp_path, "")
    assert refusal(file) == (
        f"{file} holds no configuration. Remedy: Write keys and values, as conversion-sync.example.yaml does."
    )


ROOTS_REMEDY = "Name a PEM file with the certificates to trust, or remove tls_roots to trust this machine's."
BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file or directory."),
        (b"", "holds no PEM certificate."),
        (b"these are no roots\n", "holds no PEM certificate."),
        (f"{BEGIN}\nbm90IGEgY2VydGlmaWNhdGU=\n{END}\n".encode(), "holds no PEM certificate."),
        (b"\x30\x82\xff\xfe", "is no PEM file."),
    ],
    ids=["missing", "empty", "text", "no certificate", "binary"],
)
def test_tls_roots_that_cannot_serve_are_one_message(
    tmp_path: Path, environment: pytest.MonkeyPatch, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "roots.pem").write_bytes(content)
    secrets = dict.fromkeys(("client_id", "client_secret", "refresh_token"), "env:T_META")
    account = {"customer_id": "1234567890", "tls_roots": "roots.pem", **secrets}
    file = written(tmp_path, changed({"platforms.google_ads.main": account}))
    assert refusal(file) == (
        f"conversion_sync.yaml: platforms.google_ads.main.tls_roots: {tmp_path / 'roots.pem'} {said} "
        f"Remedy: {ROOTS_REMEDY}"
    )


def test_the_secrets_of_a_configuration_are_unspeakable_from_then_on(
    tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    environment.setattr(redaction, "_configured", set())
    environment.setenv("T_LINKEDIN", "words like any others")
    load(written(tmp_path, changed({})))
    assert redaction.redact("refused: words like any others") == "refused: [redacted]"
