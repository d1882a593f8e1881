"""The token store: one row an account, its secrets sealed; SQL in `sql/credentials`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, Row

from conversion_sync.credentials.keys import Keyring
from conversion_sync.errors import ConfigurationError
from conversion_sync.platforms.oauth import OAuth
from conversion_sync.redaction import hide
from conversion_sync.store.queries import query

ROUNDING = timedelta(minutes=1)
"""A fixed end that is told anew as a life in seconds seems to move by less."""
UNREADABLE = "The stored tokens were sealed by another key than those of CONVERSION_SYNC_KEY."
UNREADABLE_REMEDY = (
    "Add the former key to CONVERSION_SYNC_KEY, after a comma; if it is lost, run "
    "conversion-sync connect {0} {1}."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What is sealed. `previous` is a refresh token that was replaced by one not yet proven.

    `seed` is the configured refresh token this row began with, or was connected in spite of.
    """

    access: str = field(default="", repr=False)
    refresh: str = field(default="", repr=False)
    previous: str = field(default="", repr=False)
    seed: str = field(default="", repr=False)

    def hidden(self) -> Secrets:
        """Itself, after making its values unspeakable in this process."""
        hide(self.access, self.refresh, self.previous, self.seed)
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An account's tokens. An access token without an end does not end."""

    sealed: str = field(repr=False)
    secrets: Secrets
    obtained_at: datetime | None
    access_expires_at: datetime | None
    refresh_expires_at: datetime | None
    refused_at: datetime | None

    def usable(self, now: datetime, refused: str | None) -> bool:
        """Whether the access token may be sent: there is one, it lasts, and it is not the refused one."""
        token = self.secrets.access
        lasts = self.access_expires_at is None or now < self.access_expires_at
        return bool(token) and token != refused and lasts

    def due(self, oauth: OAuth, now: datetime) -> bool:
        """Whether to renew it although it still lasts."""
        ends, began = self.access_expires_at, self.obtained_at
        if ends is None or began is None or not self.secrets.refresh:
            return False
        last = self.refresh_expires_at
        if oauth.fixed_end and last is not None and ends >= last - ROUNDING:
            return False  # another one would end with the refresh token as well
        return now >= ends - min(oauth.early, (ends - began) / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """Tokens as a platform just gave them out. `refresh` is empty where it gave none."""

    access: str = field(repr=False)
    refresh: str = field(default="", repr=False)
    at: datetime
    access_life: timedelta | None
    refresh_life: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """One account's row."""

    engine: Engine = field(repr=False)
    keyring: Keyring = field(repr=False)
    platform: str
    account: str

    @property
    def key(self) -> dict[str, str]:
        """As the queries name it."""
        return {"platform": self.platform, "account": self.account}

    def read(self) -> Stored | None:
        """The tokens as they are. Raises ConfigurationError when the keys do not open them."""
        with self.engine.connect() as connection:
            row = connection.execute(query("credentials/read"), self.key).one_or_none()
        return None if row is None else self._stored(row)

    @contextmanager
    def locked(self) -> Iterator[Connection]:
        """A transaction that will hold the row once `take` was called; its end gives it free."""
        with self.engine.begin() as connection:
            yield connection

    def take(self, connection: Connection) -> Stored | None:
        """The tokens, locked. Raises ConfigurationError when the keys do not open them."""
        row = connection.execute(query("credentials/lock"), self.key).one_or_none()
        if row is None:
            return None
        stored = self._stored(row)
        if not self.keyring.by_newest(stored.sealed):
            stored = self.reseal(connection, stored, stored.secrets)
        return stored

    def keep_seed(self, seed: str, now: datetime) -> None:
        """Makes the row of a configured refresh token, if there is none."""
        sealed = self._seal(Secrets(refresh=seed, seed=seed))
        with self.engine.begin() as connection:
            connection.execute(query("credentials/keep_seed"), {**self.key, "sealed": sealed, "now": now})

    def begin_anew(self, connection: Connection, seed: str, now: datetime) -> None:
        """Gives up what came of a former seed, and what is not known of its last refresh."""
        sealed = self._seal(Secrets(refresh=seed, seed=seed))
        connection.execute(query("credentials/begin_anew"), {**self.key, "sealed": sealed, "now": now})
        connection.execute(query("credentials/refresh_ended"), self.key)

    def write(
        self, connection: Connection, issued: Issued, former: Stored | None, oauth: OAuth, seed: str
    ) -> Stored:
        """Keeps new tokens. `former` are those they come of; None after a consent."""
        held = former.secrets if former else Secrets(seed=seed)
        secrets = Secrets(
            access=issued.access,
            refresh=issued.refresh or held.refresh,
            previous=held.refresh if issued.refresh not in {"", held.refresh} else held.previous,
            seed=held.seed,
        )
        access_ends = None if issued.access_life is None else issued.at + issued.access_life
        refresh_ends = _refresh_end(issued, former, oauth)
        if access_ends is not None and oauth.fixed_end and refresh_ends is not None:
            access_ends = min(access_ends, refresh_ends)
        written = Stored(
            sealed=self._seal(secrets),
            secrets=secrets.hidden(),
            obtained_at=issued.at,
            access_expires_at=access_ends,
            refresh_expires_at=refresh_ends if secrets.refresh else None,
            refused_at=None,
        )
        connection.execute(
            query("credentials/write"),
            {
                **self.key,
                "sealed": written.sealed,
                "obtained_at": written.obtained_at,
                "access_expires_at": written.access_expires_at,
                "refresh_expires_at": written.refresh_expires_at,
                "renewable": bool(secrets.refresh),
                "connected_at": None if former else issued.at,
                "refreshed_at": issued.at if former else None,
            },
        )
        connection.execute(query("credentials/refresh_ended"), self.key)
        return written

    def forget_previous(self, stored: Stored) -> Stored:
        """The new tokens work: the refresh token they replaced is needed no more."""
        with self.engine.begin() as connection:
            return self.reseal(connection, stored, replace(stored.secrets, previous=""))

    def reseal(self, connection: Connection, stored: Stored, secrets: Secrets) -> Stored:
        """Writes the secrets in place of those read, unless somebody else replaced them since."""
        sealed = self._seal(secrets)
        connection.execute(
            query("credentials/reseal"), {**self.key, "former": stored.sealed, "sealed": sealed}
        )
        return replace(stored, sealed=sealed, secrets=secrets)

    def refuse(self, connection: Connection, code: str, text: str, now: datetime) -> None:
        """Keeps what the platform said against the tokens."""
        connection.execute(query("credentials/refuse"), {**self.key, "now": now, "code": code, "text": text})

    def refresh_begins(self, now: datetime) -> datetime | None:
        """Writes that a refresh leaves, committed at once; returns when an unanswered one before it left."""
        with self.engine.begin() as connection:
            unanswered: datetime | None = connection.scalar(query("credentials/refresh_unanswered"), self.key)
            connection.execute(query("credentials/refresh_begun"), {**self.key, "now": unanswered or now})
        return unanswered

    def refresh_ended(self) -> None:
        """The refresh was answered, or certainly never left."""
        with self.engine.begin() as connection:
            connection.execute(query("credentials/refresh_ended"), self.key)

    def _stored(self, row: Row[tuple[object, ...]]) -> Stored:
        text = self.keyring.open(row.sealed)
        if text is None:
            raise ConfigurationError(UNREADABLE, remedy=UNREADABLE_REMEDY.format(self.platform, self.account))
        return Stored(
            sealed=row.sealed,
            secrets=Secrets(**json.loads(text)).hidden(),
            obtained_at=row.obtained_at,
            access_expires_at=row.access_expires_at,
            refresh_expires_at=row.refresh_expires_at,
            refused_at=row.refused_at,
        )

    def _seal(self, secrets: Secrets) -> str:
        return self.keyring.seal(json.dumps(asdict(secrets)))


def _refresh_end(issued: Issued, former: Stored | None, oauth: OAuth) -> datetime | None:
    """When the refresh token ends: by what the platform said, else by what is known of it."""
    known = former.refresh_expires_at if former else None
    told = None if issued.refresh_life is None else issued.at + issued.refresh_life
    if oauth.fixed_end and known is not None:
        moved = told is not None and told < known - ROUNDING
        return told if moved else known
    if told is not None:
        return told
    if not issued.refresh and former is not None:
        return known
    return None if oauth.refresh_days is None else issued.at + timedelta(days=oauth.refresh_days)
