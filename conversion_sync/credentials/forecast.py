"""How long each account's access lasts, what was said against it, and what breaks next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from conversion_sync.config.settings import AccountSettings, Settings
from conversion_sync.credentials.keys import Keyring
from conversion_sync.credentials.source import client_of, keys_of
from conversion_sync.credentials.store import Store
from conversion_sync.errors import ConfigurationError
from conversion_sync.model.expiry import Expiry, Notice, Urgency, notice
from conversion_sync.platforms.catalogue import catalogue_of, version_expiry
from conversion_sync.platforms.oauth import OAuth
from conversion_sync.platforms.platform import Catalogue
from conversion_sync.store.queries import query

Key = tuple[str, str]
CONFIGURED, FETCHED = "configured", "fetched"
URGENCIES = list(Urgency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One ad account's access. Times are UTC; a token without an end has none.

    `token` is `configured` or `fetched`. `notices` are the ends it depends on and what was refused, the
    most urgent first. Holds no token.
    """

    platform: str
    account: str
    token: str
    access_ends: datetime | None
    access_days: float | None
    refresh_ends: datetime | None
    refresh_days: float | None
    connected_at: datetime | None
    refreshed_at: datetime | None
    refused_at: datetime | None
    refused: str
    held_rows: int
    next_end: datetime | None
    """When something ends that only a person can mend, if nothing is refused before."""
    notices: tuple[Notice, ...]

    @property
    def urgency(self) -> Urgency:
        """Of the most urgent notice."""
        return self.notices[0].urgency if self.notices else Urgency.LASTS


def standings(settings: Settings, engine: Engine, now: datetime) -> list[Standing]:
    """Every account, in a stable order. Raises ConfigurationError when a key is needed and missing."""
    keys = keys_of(settings)
    with engine.connect() as connection:
        stored = {(row["platform"], row["account"]): row for row in _rows(connection, "standings")}
        held = {(row["platform"], row["account"]): row for row in _rows(connection, "held")}
    return [
        _standing(
            (platform, name),
            account,
            stored.get((platform, name)),
            held.get((platform, name)),
            _unreadable(engine, keys, (platform, name)),
            now,
        )
        for platform, name, account in settings.platforms.items()
    ]


def endings(
    engine: Engine, facts: Catalogue, key: Key, account: AccountSettings, now: datetime
) -> tuple[Notice, ...]:
    """What one account depends on that ends by itself: the version of the interface, and its consent."""
    with engine.connect() as connection:
        stored = {(row["platform"], row["account"]): row for row in _rows(connection, "standings")}
    row = stored.get(key) if account.fixed_token() is None else None
    return tuple(notice(each, now) for each in _expiries(facts, key, row))


def _rows(connection: Any, name: str) -> list[Mapping[str, Any]]:
    return list(connection.execute(query(f"credentials/{name}")).mappings())


def _unreadable(engine: Engine, keys: Keyring | None, key: Key) -> ConfigurationError | None:
    if keys is None:
        return None
    try:
        Store(engine=engine, keyring=keys, platform=key[0], account=key[1]).read()
    except ConfigurationError as fault:
        return fault
    return None


def _standing(
    key: Key,
    account: AccountSettings,
    row: Mapping[str, Any] | None,
    held: Mapping[str, Any] | None,
    unreadable: ConfigurationError | None,
    now: datetime,
) -> Standing:
    fixed = account.fixed_token() is not None or client_of(*key, account) is None
    facts, row = catalogue_of(key[0], account), None if fixed else row
    expiries = _expiries(facts, key, row)
    found = [notice(each, now) for each in expiries]
    if unreadable is not None and not fixed:
        found.append(Notice(urgency=Urgency.NOW, text=unreadable.message, remedy=unreadable.remedy))
    found += _refusals(key, row, held, fixed=fixed)
    found.sort(key=lambda each: -URGENCIES.index(each.urgency))
    known = row or {}
    return Standing(
        platform=key[0],
        account=key[1],
        token=CONFIGURED if fixed else FETCHED,
        access_ends=known.get("access_expires_at"),
        access_days=_days(known.get("access_expires_at"), now),
        refresh_ends=known.get("refresh_expires_at"),
        refresh_days=_days(known.get("refresh_expires_at"), now),
        connected_at=known.get("connected_at"),
        refreshed_at=known.get("refreshed_at"),
        refused_at=known.get("refused_at") or (held["at"] if held else None),
        refused=_words(known.get("refused_code"), known.get("refused_text")) or _words_of(held),
        held_rows=held["entries"] if held else 0,
        next_end=min((each.ends for each in expiries if each.ends is not None), default=None),
        notices=tuple(found),
    )


def _expiries(facts: Catalogue, key: Key, row: Mapping[str, Any] | None) -> Iterator[Expiry] | list[Expiry]:
    found = [version_expiry(facts)]
    if row is None or facts.oauth is None:
        return found
    if row["renewable"]:
        found.append(_expiry("the consent", row["refresh_expires_at"], facts.oauth, key))
    elif row["access_expires_at"] is not None:
        found.append(_expiry("the token", row["access_expires_at"], facts.oauth, key))
    return found


def _expiry(what: str, ends: datetime | None, oauth: OAuth, key: Key) -> Expiry:
    return Expiry(
        what=what,
        ends=ends,
        remedy=f"Run conversion-sync connect {' '.join(key)} before that day.",
        soon=timedelta(days=oauth.warn_days),
        now=timedelta(days=oauth.alarm_days),
    )


def _refusals(
    key: Key, row: Mapping[str, Any] | None, held: Mapping[str, Any] | None, *, fixed: bool
) -> Iterator[Notice]:
    """What does not work already."""
    again = f"Run conversion-sync connect {' '.join(key)}."
    if not fixed and row is None:
        yield Notice(urgency=Urgency.NOW, text="not connected: there is no token.", remedy=again)
    if row is not None and row["refused_at"] is not None:
        said = _words(row["refused_code"], row["refused_text"])
        yield Notice(
            urgency=Urgency.NOW,
            text=f"refused on {row['refused_at']:%Y-%m-%d %H:%M} UTC: {said}",
            remedy=again,
        )
    elif row is not None and row["unanswered_since"] is not None:
        yield Notice(
            urgency=Urgency.SOON,
            text=f"a refresh of {row['unanswered_since']:%Y-%m-%d %H:%M} UTC was never answered.",
            remedy=f"The next delivery tries again; if it is refused: {again}",
        )
    if held is not None:
        yield Notice(
            urgency=Urgency.NOW,
            text=f"{held['entries']} rows are held: {_words_of(held)}".rstrip(": "),
            remedy="Mend the token, permission or setting the words name; the next delivery sends the rows.",
        )


def _words(code: str | None, text: str | None) -> str:
    return f"{code or ''} {text or ''}".strip()


def _words_of(held: Mapping[str, Any] | None) -> str:
    return _words(held["code"], held["text"]) if held else ""


def _days(ends: datetime | None, now: datetime) -> float | None:
    return None if ends is None else round((ends - now) / timedelta(days=1), 2)
