"""What the keys of a configuration must say together: one function for each rule between keys."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from zoneinfo import ZoneInfo

from conversion_sync.config.settings import AccountSettings, Action, Finding, Mapped, Settings
from conversion_sync.model.click import COLLECTOR
from conversion_sync.model.revenue import MONEY_KINDS, PAYMENT_KINDS

CORRECTIONS = MONEY_KINDS - PAYMENT_KINDS
"""Kinds that change the value of an earlier payment; they follow that payment's action by themselves."""

SHORTEST_WEBHOOK_SECRET = 6
"""Characters; the least that any provider lets one choose (specs/billing.md §7)."""


def findings(settings: Settings) -> list[Finding]:
    """Every broken rule between keys, in the order of the file; empty when the configuration can be used."""
    return [
        *_webhook_secrets(settings),
        *_clicks(settings),
        *_accounts(settings),
        *_actions(settings),
        *_kinds_mapped_twice(settings),
    ]


def _webhook_secrets(settings: Settings) -> Iterator[Finding]:
    for provider, name, account in settings.billing.items():
        for place, secret in enumerate(account.webhook_secrets):
            if len(secret.get_secret_value().strip()) < SHORTEST_WEBHOOK_SECRET:
                yield Finding(
                    f"billing.{provider}.{name}.webhook_secrets.{place}",
                    "It is too short for a signing secret: anybody could guess it.",
                    "Name the variable that holds the secret of the webhook.",
                )


def _clicks(settings: Settings) -> Iterator[Finding]:
    for name, table in settings.clicks.items():
        key = f"clicks.{name}"
        if name == COLLECTOR and settings.receiver.collector is not None:
            yield Finding(
                key, "The clicks of receiver.collector have this name.", "Give the click table another one."
            )
        if table.columns.visitor_id is None and table.columns.user_id is None:
            yield Finding(
                f"{key}.columns",
                "Neither visitor_id nor user_id is mapped, so no click could be tied to a customer.",
                "Map visitor_id, user_id or both.",
            )
        if (table.table is None) == (table.query is None):
            yield Finding(
                key,
                "There must be either a table or a query.",
                "Write table: with the name of a table or view, or query: with a SELECT.",
            )
        if table.query is not None and not _is_select(table.query):
            yield Finding(
                f"{key}.query",
                "It is not one SELECT.",
                "Write one statement that begins with SELECT or WITH; it is only read from.",
            )
        for column in ("email", "email_sha256"):
            if getattr(table.columns, column) is not None and not settings.identity.match_email:
                yield Finding(
                    f"{key}.columns.{column}",
                    "It is mapped, but e-mails are not matched.",
                    "Set identity.match_email: true, or remove the column.",
                )
        if not _is_time_zone(table.time_zone):
            yield Finding(
                f"{key}.time_zone",
                f"{table.time_zone!r} is not a known time zone.",
                "Write an IANA name such as UTC or Europe/Berlin.",
            )


def _is_select(query: str) -> bool:
    """Whether it may be one; the database decides, which is only asked to read from it."""
    return re.match(r"\s*(select|with)\b", query, re.IGNORECASE) is not None


def _is_time_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _accounts(settings: Settings) -> Iterator[Finding]:
    for platform, name, account in settings.platforms.items():
        for identifier in account.identifiers:
            if identifier not in account.takes:
                yield Finding(
                    f"platforms.{platform}.{name}.identifiers",
                    f"{platform} cannot be told the {identifier.value} of a customer.",
                    _identifiers_there_are(account),
                )
        for found in account.findings():
            key = ".".join(filter(None, ("platforms", platform, name, found.key)))
            yield replace(found, key=key)
        mapped = {
            action: Mapped(mapping.kinds, target)
            for action, mapping in settings.actions.items()
            if (target := mapping.targets[platform].get(name)) is not None
        }
        for action, found in account.target_findings(mapped):
            yield replace(found, key=f"actions.{action}.targets.{platform}.{name}.{found.key}")


def _identifiers_there_are(account: AccountSettings) -> str:
    if not account.takes:
        return "Remove identifiers."
    return f"Write of {', '.join(account.takes)} what may be sent, or remove identifiers."


def _actions(settings: Settings) -> Iterator[Finding]:
    enabled = set(settings.accounts())
    for name, action in settings.actions.items():
        for kind in action.kinds:
            if kind in CORRECTIONS:
                yield Finding(
                    f"actions.{name}.kinds",
                    f"{kind.value} cannot be mapped: it corrects the conversion of another payment.",
                    f"Remove {kind.value}; corrections go to the payment's own action by themselves.",
                )
        yield from _value_rule(name, action)
        for platform, account in _targets(action):
            if (platform, account) not in enabled:
                yield Finding(
                    f"actions.{name}.targets.{platform}.{account}",
                    f"There is no account {account} under platforms.{platform}.",
                    _accounts_there_are(platform, enabled),
                )


def _accounts_there_are(platform: str, enabled: set[tuple[str, str]]) -> str:
    known = sorted(account for of, account in enabled if of == platform)
    if not known:
        return f"Add the account under platforms.{platform}, or remove the target."
    return f"Write one of {', '.join(known)}, or add the account under platforms.{platform}."


def _value_rule(name: str, action: Action) -> Iterator[Finding]:
    value = action.value
    key = f"actions.{name}.value"
    if value.rule == "fixed" and (value.amount is None or value.currency is None):
        yield Finding(
            key,
            "The rule fixed needs amount and currency.",
            "Write for example amount: 5.00 and currency: USD.",
        )
    if value.rule == "multiple" and value.factor is None:
        yield Finding(key, "The rule multiple needs factor.", "Write for example factor: 1.5.")


def _kinds_mapped_twice(settings: Settings) -> Iterator[Finding]:
    users: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    for name, action in settings.actions.items():
        for platform, account in _targets(action):
            for kind in dict.fromkeys(action.kinds):
                users[platform, account, kind.value].append(name)
    for (platform, account, mapped), names in users.items():
        if len(names) > 1:
            yield Finding(
                f"actions.{names[-1]}.kinds",
                f"{mapped} is sent to {platform}.{account} by several actions: {', '.join(names)}.",
                f"Keep {mapped} in one of them, or take {platform}.{account} out of the others' targets.",
            )


def _targets(action: Action) -> list[tuple[str, str]]:
    return [(platform, account) for platform, account, _ in action.targets.items()]
