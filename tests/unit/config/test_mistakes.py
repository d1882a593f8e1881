"""Each mistake in a configuration is one line: file, key, what is wrong and what to write instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conversion_sync.pipeline.configuration import load_settings as load
from tests.unit.config.files import ABSENT, GOOD, LITERAL, changed, refusal, written

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
        {"clicks.web.url": ABSENT},
        "clicks.web.url: The key is missing. Remedy: Add it; conversion-sync.example.yaml shows how.",
    ),
    *(
        (
            f"{what} table and query",
            change,
            (
                "clicks.web: There must be either a table or a query. "
                "Remedy: Write table: with the name of a table or view, or query: with a SELECT."
            ),
        )
        for what, change in (
            ("both", {"clicks.web.query": "select 1"}),
            ("no", {"clicks.web.table": ABSENT}),
        )
    ),
    (
        "a query that writes",
        {"clicks.web.table": ABSENT, "clicks.web.query": "delete from ad_clicks"},
        (
            "clicks.web.query: It is not one SELECT. "
            "Remedy: Write one statement that begins with SELECT or WITH; it is only read from."
        ),
    ),
    (
        "an e-mail nobody matches",
        {"clicks.web.columns.email": "email"},
        (
            "clicks.web.columns.email: It is mapped, but e-mails are not matched. "
            "Remedy: Set identity.match_email: true, or remove the column."
        ),
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
        "an address where an origin belongs",
        {"receiver.collector.origins": ["https://www.example.com/"]},
        (
            "receiver.collector.origins.0: Is no origin as browsers send it, not 'https://www.example.com/'. "
            "Remedy: Write scheme and host in lower case, without a path: https://www.example.com."
        ),
    ),
    (
        "a network with a host in it",
        {"receiver.trusted_proxies": ["10.0.0.7/8"]},
        (
            "receiver.trusted_proxies.0: Is no address and no network, not '10.0.0.7/8'. "
            "Remedy: Write for example 10.0.0.7, or 10.0.0.0/8 without host bits."
        ),
    ),
    (
        "two sources of one name",
        {
            "clicks.collector": GOOD["clicks"]["web"],
            "receiver.collector": {"origins": ["https://www.example.com"]},
        },
        (
            "clicks.collector: The clicks of receiver.collector have this name. "
            "Remedy: Give the click table another one."
        ),
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
    (
        "a literal webhook secret",
        {"billing.stripe.main.webhook_secrets": ["env:T_STRIPE_WEBHOOK", LITERAL]},
        (
            "billing.stripe.main.webhook_secrets.1: A secret must not be written into the file. "
            "Remedy: write env:NAME, and set NAME in the environment."
        ),
    ),
    (
        "a webhook secret that is not set",
        {"billing.stripe.main.webhook_secrets": ["env:T_NONE"]},
        (
            "environment: These variables are not set: T_NONE (needed by "
            "billing.stripe.main.webhook_secrets.0). "
            "Remedy: Set T_NONE in the environment, then run again."
        ),
    ),
    (
        "a blank webhook secret",
        {"billing.stripe.main.webhook_secrets": ["env:T_BLANK"]},
        (
            "billing.stripe.main.webhook_secrets.0: It is too short for a signing secret: "
            "anybody could guess it. "
            "Remedy: Name the variable that holds the secret of the webhook."
        ),
    ),
    (
        "one webhook secret instead of a list",
        {"billing.stripe.main.webhook_secrets": LITERAL},
        (
            "billing.stripe.main.webhook_secrets: Input should be a valid tuple. "
            "Remedy: Write a list, for example [env:NAME]."
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
