"""The configuration as the queries read it: accounts with their platforms' facts, value rules, windows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal

from sqlalchemy import Engine

from conversion_sync.config.settings import Action, Settings
from conversion_sync.model.click import Network
from conversion_sync.model.money import half_even_minor
from conversion_sync.platforms.platform import Catalogue
from conversion_sync.store.copy import copy_rows
from conversion_sync.store.locks import transaction_lock
from conversion_sync.store.queries import query

DEFAULT_WINDOW = timedelta(days=90)
FIXED_EXPONENT = 6
"""Fixed amounts are kept in millionths, whatever the currency, so that none is rounded."""

ACCOUNT_COLUMNS = (
    "platform",
    "account",
    "network",
    "click_window_us",
    "max_event_age_us",
    "max_click_age_us",
    "deadline_margin_us",
    "min_click_age_us",
    "can_restate",
    "can_retract",
    "adjustment_window_us",
    "final_click_kinds",
)
RULE_COLUMNS = (
    "platform",
    "account",
    "event_kind",
    "action",
    "value_rule",
    "fixed_minor",
    "fixed_currency",
    "fixed_exponent",
    "factor",
)


def write_rules(engine: Engine, settings: Settings, catalogues: Mapping[tuple[str, str], Catalogue]) -> None:
    """Makes the rule tables equal to the configuration; writes only what differs."""
    with engine.begin() as connection:
        transaction_lock(connection, "rules")
        connection.execute(query("planning/rule_work_tables"))
        copy_rows(
            connection,
            "staged_account",
            ACCOUNT_COLUMNS,
            [_account_row(*account, facts) for account, facts in sorted(catalogues.items())],
        )
        copy_rows(
            connection,
            "staged_rule",
            RULE_COLUMNS,
            [row for name, action in sorted(settings.actions.items()) for row in _rule_rows(name, action)],
        )
        copy_rows(
            connection, "staged_window", ("network", "window_us"), _window_rows(settings, catalogues.values())
        )
        connection.execute(query("planning/write_rules"))


def _account_row(platform: str, account: str, facts: Catalogue) -> tuple[object, ...]:
    return (
        platform,
        account,
        facts.network,
        _us(facts.click_window),
        _us(facts.max_event_age),
        None if facts.max_click_age is None else _us(facts.max_click_age),
        _us(facts.deadline_margin),
        _us(facts.min_click_age),
        facts.can_restate,
        facts.can_retract,
        _us(facts.adjustment_window),
        list(facts.final_click_kinds),
    )


def _rule_rows(name: str, action: Action) -> Iterable[tuple[object, ...]]:
    rule = action.value
    fixed = None if rule.amount is None else half_even_minor(rule.amount, FIXED_EXPONENT)
    for platform, account, _ in action.targets.items():
        for kind in action.kinds:
            yield (
                platform,
                account,
                kind.value,
                name,
                rule.rule,
                fixed,
                rule.currency,
                None if fixed is None else FIXED_EXPONENT,
                rule.factor if rule.factor is None else Decimal(rule.factor),
            )


def _window_rows(settings: Settings, catalogues: Iterable[Catalogue]) -> list[tuple[str, int]]:
    """Reporting windows: the setting's, else the widest of the network's platforms, else 90 days."""
    platform_window: dict[str, timedelta] = {}
    for facts in catalogues:
        platform_window[facts.network] = max(
            facts.click_window, platform_window.get(facts.network, timedelta())
        )
    chosen = settings.attribution.window_days
    return [
        (
            network.value,
            _us(timedelta(days=chosen[network]))
            if network in chosen
            else _us(platform_window.get(network.value, DEFAULT_WINDOW)),
        )
        for network in Network
    ]


def _us(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
