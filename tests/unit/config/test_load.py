"""Every mistake in a configuration ends in one message with its file, key and remedy, and no secret."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from conversion_sync import redaction
from conversion_sync.errors import ConfigurationError
from conversion_sync.platforms.registry import catalogues, settings_type
from conversion_sync.platforms.registry import load_settings as load

EXAMPLE = Path(__file__).parents[3] / "conversion-sync.example.yaml"
GOOD: dict[str, Any] = {
    "start": "2026-01-01T00:00:00Z",
    "billing": {"stripe": {"main": {"api_key": "env:T_STRIPE"}}},
    "clicks": {
        "web": {
            "url": "env:T_CLICKS",
            "table": "ad_clicks",
            "columns": {"click_ref": "id", "clicked_at": "ts", "visitor_id": "anon"},
        }
    },
    "platforms": {
        "meta": {"main": {"dataset_id": "123", "access_token": "env:T_META"}},
        "linkedin": {"main": {"access_token": "env:T_LINKEDIN"}},
    },
    "actions": {
        "purchase": {
            "kinds": ["first_payment"],
            "targets": {"meta": {"main": {"event_name": "Purchase"}}},
        }
    },
}
ENVIRONMENT = {"T_STRIPE": "sk_1", "T_CLICKS": "sqlite://", "T_META": "m-1", "T_LINKEDIN": "l-1"}
LITERAL = "sk_live_this_must_stay_unseen"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.delenv("CONVERSION_SYNC_CONFIG", raising=False)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    """The good configuration with values set at dotted paths; ABSENT removes one."""
    content = copy.deepcopy(GOOD)
    for path, value in changes.items():
        *parents, last = path.split(".")
        place = content
        for name in parents:
            place = place.setdefault(name, {})
        if value is ABSENT:
            del place[last]
        else:
            place[last] = value
    return content


ABSENT = object()


def written(folder: Path, content: object) -> Path:
    file = folder / "conversion_sync.yaml"
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return file


def refusal(file: Path | None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(file)
    return str(caught.value)


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


MISTAKES: list[tuple[str, dict[str, Any], str]] = [
    (
        "pattern",
        {"platforms.meta.main.dataset_id": "abc"},
        (
            "platforms.meta.main.dataset_id: Must be digits only, not 'abc'. "
            "Remedy: Write digits only, in quotes."
        ),
    ),
    (
        "number for text",
        {"platforms.meta.main.dataset_id": 123},
        (
            "platforms.meta.main.dataset_id: Input should be a valid string, not 123. "
            "Remedy: Put the value in quotes."
        ),
    ),
    (
        "misspelt key",
        {"platforms.meta.main.datset_id": "1"},
        "platforms.meta.main.datset_id: Unknown key. Remedy: Did you mean dataset_id?",
    ),
    (
        "key of nothing near",
        {"schedule.zzz": 1},
        (
            "schedule.zzz: Unknown key. Remedy: Remove it; the keys here are catch_up_hours, "
            "attempts_per_hour, "
            "reject_rows_red, reject_share_red."
        ),
    ),
    (
        "missing key",
        {"clicks.web.table": ABSENT},
        "clicks.web.table: The key is missing. Remedy: Add it; conversion-sync.example.yaml shows how.",
    ),
    (
        "account name",
        {"platforms.meta.Main": {"dataset_id": "1", "access_token": "env:T_META"}},
        (
            "platforms.meta.Main: The name cannot be used. Remedy: Use a known name; your own begin with a "
            "lower-case letter and hold a-z, 0-9 and _ only."
        ),
    ),
    (
        "half an hour",
        {"start": "2026-01-01T00:30:00Z"},
        (
            "start: Must be a whole hour, not '2026-01-01T00:30:00Z'. "
            "Remedy: Write one, for example 2026-01-01T00:00:00Z."
        ),
    ),
    (
        "ten digits with dashes",
        {
            "platforms.google_ads.main": {
                "customer_id": "123-456-7890",
                "client_id": "env:T_META",
                "client_secret": "env:T_META",
                "refresh_token": "env:T_META",
            }
        },
        (
            "platforms.google_ads.main.customer_id: Must be ten digits, not '123-456-7890'. "
            "Remedy: Write the ten digits without dashes, in quotes."
        ),
    ),
    (
        "currency by its name",
        {"actions.purchase.value": {"rule": "fixed", "amount": "5", "currency": "dollar"}},
        (
            "actions.purchase.value.currency: Must be an ISO 4217 code, not 'dollar'. "
            "Remedy: Write its three capital letters, for example USD."
        ),
    ),
    (
        "number out of its bounds",
        {"schedule.catch_up_hours": 0},
        (
            "schedule.catch_up_hours: Input should be greater than or equal to 1, not 0. "
            "Remedy: Write a number within that bound."
        ),
    ),
    (
        "word for a number",
        {"schedule.catch_up_hours": "many"},
        (
            "schedule.catch_up_hours: Input should be a valid integer, unable to parse string as an integer, "
            "not 'many'. Remedy: Write a whole number."
        ),
    ),
    (
        "word nobody knows",
        {"upload_mode": "alive"},
        (
            "upload_mode: Input should be 'dry_run', 'validate_only' or 'live', not 'alive'. "
            "Remedy: Write one of them."
        ),
    ),
    (
        "a token in place of a number",
        {"platforms.meta.main.dataset_id": "EAAB0123456789abcdefghijklmn"},
        (
            "platforms.meta.main.dataset_id: Must be digits only, not '[redacted]'. "
            "Remedy: Write digits only, in quotes."
        ),
    ),
    (
        "something long",
        {"platforms.meta.main.dataset_id": "x" * 100},
        ("platforms.meta.main.dataset_id: Must be digits only. Remedy: Write digits only, in quotes."),
    ),
    (
        "nobody's clicks",
        {"clicks.web.columns.visitor_id": ABSENT},
        (
            "clicks.web.columns: Neither visitor_id nor user_id is mapped, so no click could be tied to a "
            "customer. Remedy: Map visitor_id, user_id or both."
        ),
    ),
    (
        "time zone",
        {"clicks.web.time_zone": "Mars/Base"},
        (
            "clicks.web.time_zone: 'Mars/Base' is not a known time zone. "
            "Remedy: Write an IANA name such as UTC or Europe/Berlin."
        ),
    ),
    (
        "unknown account",
        {"actions.purchase.targets.meta": {"other": {"event_name": "Purchase"}}},
        (
            "actions.purchase.targets.meta.other: There is no account other under platforms.meta. "
            "Remedy: Write one of main, or add the account under platforms.meta."
        ),
    ),
    (
        "unknown platform account",
        {"actions.purchase.targets.tiktok": {"main": {"event": "Purchase"}}},
        (
            "actions.purchase.targets.tiktok.main: There is no account main under platforms.tiktok. "
            "Remedy: Add the account under platforms.tiktok, or remove the target."
        ),
    ),
    (
        "fixed",
        {"actions.purchase.value": {"rule": "fixed", "amount": "5"}},
        (
            "actions.purchase.value: The rule fixed needs amount and currency. "
            "Remedy: Write for example amount: 5.00 and currency: USD."
        ),
    ),
    (
        "multiple",
        {"actions.purchase.value": {"rule": "multiple"}},
        "actions.purchase.value: The rule multiple needs factor. Remedy: Write for example factor: 1.5.",
    ),
    (
        "correction",
        {"actions.purchase.kinds": ["first_payment", "refund"]},
        (
            "actions.purchase.kinds: refund cannot be mapped: it corrects the conversion of another payment. "
            "Remedy: Remove refund; corrections go to the payment's own action by themselves."
        ),
    ),
    (
        "mapped twice",
        {
            "actions.again": {
                "kinds": ["first_payment"],
                "targets": {"meta": {"main": {"event_name": "Again"}}},
            }
        },
        (
            "actions.purchase.kinds: first_payment is sent to meta.main by several actions: again, purchase. "
            "Remedy: Keep first_payment in one of them, or take meta.main out of the others' targets."
        ),
    ),
    (
        "identifier the platform cannot be told",
        {"platforms.linkedin.main.identifiers": ["email", "phone"]},
        (
            "platforms.linkedin.main.identifiers: linkedin cannot be told the phone of a customer. "
            "Remedy: Write of email, external_id what may be sent, or remove identifiers."
        ),
    ),
    (
        "renewals in another action's event",
        {
            "actions.renewal": {
                "kinds": ["renewal"],
                "targets": {"meta": {"main": {"event_name": "Purchase"}}},
            }
        },
        (
            "actions.renewal.targets.meta.main.event_name: Purchase would count renewals together with "
            "first_payment. Remedy: Report renewal by an action of its own, under an event_name no other "
            "kind uses."
        ),
    ),
    (
        "renewals with other kinds in one action",
        {"actions.purchase.kinds": ["first_payment", "renewal", "reactivation_payment"]},
        (
            "actions.purchase.targets.meta.main.event_name: Purchase would count renewals together with "
            "first_payment, reactivation_payment. Remedy: Report renewal by an action of its own, under an "
            "event_name no other kind uses."
        ),
    ),
    (
        "renewals as something a person did",
        {
            "actions.renewal": {
                "kinds": ["renewal"],
                "targets": {"meta": {"main": {"event_name": "Subscribe", "action_source": "website"}}},
            }
        },
        (
            "actions.renewal.targets.meta.main.action_source: A renewal is no Subscribe of this "
            "action_source: nobody bought anything on that day. Remedy: Write action_source: "
            "system_generated, or an event_name of its own such as Renewal."
        ),
    ),
    (
        "linkedin without a token",
        {"platforms.linkedin.main": {"client_id": "env:T_LINKEDIN"}},
        (
            "platforms.linkedin.main: There is no access_token, and client_secret to fetch one is missing. "
            "Remedy: Write access_token, or client_id and client_secret; then run conversion-sync connect, "
            "or write the refresh_token of a consent given elsewhere."
        ),
    ),
]


@pytest.mark.parametrize(("changes", "line"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES])
def test_each_mistake_is_one_line_with_its_remedy(
    tmp_path: Path, environment: pytest.MonkeyPatch, changes: dict[str, Any], line: str
) -> None:
    assert refusal(written(tmp_path, changed(changes))) == f"conversion_sync.yaml: {line}"


@pytest.mark.parametrize("source", ["system_generated", "website"])
def test_renewals_have_a_name_of_their_own_at_meta(
    tmp_path: Path, environment: pytest.MonkeyPatch, source: str
) -> None:
    name = "Subscribe" if source == "system_generated" else "Renewal"
    target = {"meta": {"main": {"event_name": name, "action_source": source}}}
    file = written(tmp_path, changed({"actions.renewal": {"kinds": ["renewal"], "targets": target}}))
    assert list(load(file).actions) == ["purchase", "renewal"]


def test_an_account_is_told_of_people_only_what_it_asks_for(
    tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    asked = load(written(tmp_path, changed({"platforms.meta.main.identifiers": ["email"]})))
    told = {name: facts.identifiers for (name, _), facts in catalogues(asked).items()}
    assert told == {"linkedin": {}, "meta": {"em": "email_plain"}}


def test_several_mistakes_come_together(tmp_path: Path, environment: pytest.MonkeyPatch) -> None:
    changes = {"billing.stripe.main.api_key": LITERAL, "platforms.meta.main.dataset_id": "abc"}
    file = written(tmp_path, changed(changes))
    assert refusal(file).splitlines() == [
        "conversion_sync.yaml has 2 problems:",
        (
            "conversion_sync.yaml: billing.stripe.main.api_key: A secret must not be written into the file. "
            "Remedy: write env:NAME, and set NAME in the environment."
        ),
        (
            "conversion_sync.yaml: platforms.meta.main.dataset_id: Must be digits only, not 'abc'. "
            "Remedy: Write digits only, in quotes. "
            f"Remedy: Correct each of them in {file}, "
            "then run again."
        ),
    ]


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
