"""A person's consent: the address they are sent to, and the tokens for the code they come back with.

Source: specs/meta_tiktok_linkedin_microsoft.md §2.4, §3.5; specs/google_ads.md §5.1 (scopes).
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlencode

from conversion_sync.config.settings import OAuthSettings, Settings
from conversion_sync.credentials.exchange import Client, Refusal
from conversion_sync.credentials.source import client_of
from conversion_sync.credentials.store import Store, Stored
from conversion_sync.errors import ConfigurationError, CredentialError, TransientError
from conversion_sync.model.conversion import Outcome
from conversion_sync.platforms.http import Wire
from conversion_sync.redaction import hide


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """One asking. `address` is where the person goes, `state` what they must bring back."""

    address: str = field(repr=False)
    redirect_uri: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)


def client_to_connect(settings: Settings, platform: str, name: str) -> Client:
    """The application somebody is to consent to. Raises ConfigurationError where there is none."""
    known = [f"{of} {account}" for of, account, _ in settings.platforms.items()]
    found = [one for of, account, one in settings.platforms.items() if (of, account) == (platform, name)]
    if not found:
        raise ConfigurationError(
            f"There is no account {name} under platforms.{platform}.",
            remedy=f"Name one of: {', '.join(known)}." if known else "Add it under `platforms`.",
        )
    [account] = found
    if account.fixed_token() is not None:
        raise ConfigurationError(
            f"platforms.{platform}.{name} has a configured access_token, which is used as it is.",
            remedy="Put another access_token there, or take it out to have tokens fetched.",
        )
    client = client_of(platform, name, account)
    if client is None:
        raise ConfigurationError(
            f"Tokens of {platform} are not fetched by consent.",
            remedy="Make one at the platform and put it into the configuration.",
        )
    return client


def ask(client: Client, redirect_uri: str) -> Consent:
    """The question to a person: with a state of its own, and PKCE where the platform takes it."""
    oauth, state = client.oauth, secrets.token_urlsafe(24)
    verifier = secrets.token_urlsafe(48) if oauth.pkce else ""
    query = {
        oauth.authorise_id_field: client.client_id,
        "response_type": "code",
        "redirect_uri": redirect_uri,
        "state": state,
        **oauth.authorise_parameters,
    }
    if oauth.scopes:
        query["scope"] = " ".join(oauth.scopes)
    if verifier:
        digest = hashlib.sha256(verifier.encode()).digest()
        query["code_challenge"] = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        query["code_challenge_method"] = "S256"
    hide(state, verifier)
    return Consent(
        address=f"{oauth.authorise_url}?{urlencode(query)}",
        redirect_uri=redirect_uri,
        state=state,
        verifier=verifier,
    )


def conclude(
    client: Client, consent: Consent, code: str, store: Store, settings: Settings, now: datetime
) -> Stored:
    """Exchanges the code and keeps the tokens in place of the account's former ones.

    Raises CredentialError when the platform refuses the code, TransientError when it does not answer.
    """
    platform, name = client.place
    account = settings.platforms[platform][name]
    seed = account.refresh_token if isinstance(account, OAuthSettings) else None
    wire = Wire(secrets=(client.client_id, client.client_secret, code, consent.verifier))
    try:
        issued = client.redeem(code, consent.redirect_uri, consent.verifier, wire, now)
    finally:
        wire.close()
    if isinstance(issued, Refusal):
        said = f"{platform}:{name} is not connected: {issued.result.code} {issued.result.text}".strip()
        if issued.result.outcome is Outcome.HOLD:
            raise CredentialError(said, remedy=f"Check client_id and client_secret. {client.remedy}")
        raise TransientError(said, remedy=f"{client.remedy} Nothing was changed.")
    with store.locked() as connection:
        return store.write(connection, issued, None, client.oauth, seed.get_secret_value() if seed else "")
