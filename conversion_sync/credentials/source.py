"""Where adapters get their tokens: stored ones, renewed by whoever comes first while the others wait.

A renewal holds the account's row. New tokens are committed before anybody uses them, and the refresh
token they replaced stays until the new ones have worked once, so that neither a crash nor a lost answer
leaves an account without any. Source: specs/meta_tiktok_linkedin_microsoft.md §2.4, §9.12.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine

from conversion_sync.config.settings import AccountSettings, OAuthSettings, Settings
from conversion_sync.credentials.exchange import Client, Refusal
from conversion_sync.credentials.keys import Keyring, keyring
from conversion_sync.credentials.store import Store, Stored
from conversion_sync.errors import ConfigurationError
from conversion_sync.model.conversion import Outcome
from conversion_sync.platforms.catalogue import catalogue_of
from conversion_sync.platforms.http import Wire
from conversion_sync.platforms.platform import SendResult, Tokens
from conversion_sync.platforms.registry import TokensOf, fixed_tokens

NOT_CONNECTED = "oauth_not_connected"
ENDED = "oauth_ended"
PAUSE = timedelta(minutes=5)
"""An early renewal that failed is tried again after that long, while the token still lasts."""


@dataclass(slots=True)
class StoredTokens:
    """One account's tokens. `seed` is its configured refresh token."""

    store: Store
    client: Client
    seed: str = field(repr=False)
    clock: Callable[[], datetime] = field(repr=False)
    wire: Wire = field(default_factory=Wire, repr=False)
    _known: Stored | None = field(default=None, repr=False)
    _again_at: datetime | None = None

    def __post_init__(self) -> None:
        self.wire.secrets = (self.seed, self.client.client_id, self.client.client_secret)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Everything this account is known by."""
        held = self._known.secrets if self._known else None
        tokens = (held.access, held.refresh, held.previous) if held else ()
        return tuple(one for one in (*self.wire.secrets, *tokens) if one)

    def token(self) -> str | SendResult:
        """The access token, renewed where it has little life left."""
        now = self.clock()
        known = self._known
        if known is None or not known.usable(now, None):
            return self._told(None, now)
        paused = self._again_at is not None and now < self._again_at
        if known.due(self.client.oauth, now) and not paused:
            return self._told(None, now)
        return known.secrets.access

    def renewed(self, refused: str) -> str | SendResult:
        """Another token than the refused one: somebody's newer one, or a new one."""
        return self._told(refused, self.clock())

    def worked(self, token: str) -> None:
        """Forgets the refresh token this one's renewal replaced."""
        known = self._known
        if known is not None and known.secrets.previous and known.secrets.access == token:
            self._known = self.store.forget_previous(known)

    def _told(self, refused: str | None, now: datetime) -> str | SendResult:
        try:
            return self._stored(refused, now)
        except ConfigurationError as fault:
            return SendResult(outcome=Outcome.HOLD, code="oauth_key", text=fault.message, remedy=fault.remedy)

    def _stored(self, refused: str | None, now: datetime) -> str | SendResult:
        if self.seed:
            self.store.keep_seed(self.seed, now)
        with self.store.locked() as connection:
            stored = self.store.take(connection)
            if stored is not None and self.seed not in {"", stored.secrets.seed}:
                self.store.begin_anew(connection, self.seed, now)
                stored = self.store.take(connection)
            if stored is None:
                return self._hold(NOT_CONNECTED, "Nobody has consented yet: there is no token.")
            self._known = stored
            usable = stored.usable(now, refused)
            if usable and not stored.due(self.client.oauth, now):
                return stored.secrets.access
            answer = self._renew(connection, stored, refused, now)
        if isinstance(answer, SendResult) and usable:
            self._again_at = now + PAUSE
            return stored.secrets.access
        return answer

    def _renew(
        self, connection: Connection, stored: Stored, refused: str | None, now: datetime
    ) -> str | SendResult:
        held = stored.secrets
        if not held.refresh:
            said = "The platform refused the token." if refused else "The token has ended."
            answer = self._hold(ENDED, f"{said} It came without a refresh token.")
            self.store.refuse(connection, answer.code, answer.text, now)
            return answer
        unanswered = self.store.refresh_begins(now)
        issued = self.client.refresh(held.refresh, self.wire, now)
        if isinstance(issued, Refusal) and issued.result.outcome is Outcome.HOLD and held.previous:
            first, issued = issued, self.client.refresh(held.previous, self.wire, now)
            if isinstance(issued, Refusal) and issued.result.outcome is Outcome.HOLD:
                issued = first
        if isinstance(issued, Refusal):
            if not issued.unheard:
                self.store.refresh_ended()
            if issued.result.outcome is Outcome.HOLD:
                result = _explained(issued.result, unanswered)
                self.store.refuse(connection, result.code, result.text, now)
                return result
            return issued.result
        self._known = self.store.write(connection, issued, stored, self.client.oauth, self.seed)
        self._again_at = None
        return issued.access

    def _hold(self, code: str, text: str) -> SendResult:
        return SendResult(outcome=Outcome.HOLD, code=code, text=text, remedy=self.client.remedy)


def _explained(result: SendResult, unanswered: datetime | None) -> SendResult:
    """The refusal, with what explains it: a refresh whose answer never came may have replaced the token."""
    if unanswered is None:
        return result
    text = (
        f"{result.text} A refresh of {unanswered:%Y-%m-%d %H:%M} UTC was never answered; the token that came "
        "of it is lost."
    )
    return SendResult(
        outcome=result.outcome,
        code=result.code,
        text=text,
        remedy=result.remedy,
        http_status=result.http_status,
    )


def needs_store(platform: str, account: AccountSettings) -> bool:
    """Whether the account's tokens are fetched and kept."""
    return account.fixed_token() is None and catalogue_of(platform, account).oauth is not None


def client_of(platform: str, name: str, account: AccountSettings) -> Client | None:
    """The application of an account, None where nothing is fetched for it."""
    facts = catalogue_of(platform, account)
    if facts.oauth is None or not isinstance(account, OAuthSettings) or account.client_id is None:
        return None
    secret = account.client_secret
    return Client(
        oauth=facts.oauth,
        facts=facts,
        client_id=account.client_id.get_secret_value(),
        client_secret=secret.get_secret_value() if secret else "",
        place=(platform, name),
    )


def keys_of(settings: Settings) -> Keyring | None:
    """The keys, where an account needs them. Raises ConfigurationError when they are not there."""
    needing = any(needs_store(platform, account) for platform, _, account in settings.platforms.items())
    return keyring() if needing else None


def token_source(settings: Settings, engine: Engine, clock: Callable[[], datetime]) -> TokensOf:
    """Hands out every account's tokens. Raises ConfigurationError when one needs a key and there is none."""
    keys = keys_of(settings)
    return fixed_tokens if keys is None else stored_tokens(keys, engine, clock)


def stored_tokens(keys: Keyring, engine: Engine, clock: Callable[[], datetime]) -> TokensOf:
    """Hands out configured tokens, and where there are none those of the store."""

    def tokens(platform: str, name: str, account: AccountSettings) -> Tokens:
        client = None if account.fixed_token() else client_of(platform, name, account)
        if client is None:
            return fixed_tokens(platform, name, account)
        seed = account.refresh_token if isinstance(account, OAuthSettings) else None
        return StoredTokens(
            store=Store(engine=engine, keyring=keys, platform=platform, account=name),
            client=client,
            seed=seed.get_secret_value() if seed else "",
            clock=clock,
        )

    return tokens


def reseal(settings: Settings, engine: Engine) -> None:
    """Seals what is stored with the newest key. What no key opens stays as it is."""
    keys = keys_of(settings)
    for platform, name, account in settings.platforms.items():
        if keys is None or not needs_store(platform, account):
            continue
        store = Store(engine=engine, keyring=keys, platform=platform, account=name)
        with suppress(ConfigurationError), store.locked() as connection:
            store.take(connection)
