"""A platform's token endpoint: a code or a refresh token for an access token, or why there is none.

The same for every platform; what differs is in its `[oauth]` section.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from conversion_sync.credentials.store import Issued
from conversion_sync.model.conversion import Outcome
from conversion_sync.platforms.http import NOT_SENDABLE, Headers, Reply, Wire, members
from conversion_sync.platforms.oauth import OAuth
from conversion_sync.platforms.platform import Catalogue, SendResult, outcome_of
from conversion_sync.platforms.verdict import FIRST_REDIRECT, FIRST_SERVER_ERROR
from conversion_sync.redaction import hide

UNAVAILABLE = "oauth_unavailable"
TOO_MANY = 429
PASSING = (Outcome.RETRY_LATER, Outcome.AMBIGUOUS)
ERROR_NAME = re.compile(r"[a-z0-9_.-]{1,40}")
DEFAULT_LIFE = timedelta(minutes=5)
"""Of an access token whose life the platform tells in no way that can be read: renewed soon, if it can be."""
LONGEST_LIFE = 10 * 365 * 86400
"""Seconds; what is longer is no life but a mistake."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there are no tokens. `unheard`: the platform may have given some out all the same."""

    result: SendResult
    unheard: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """The application a person consents to, and the way to its platform. `place` is platform and account."""

    oauth: OAuth
    facts: Catalogue
    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    place: tuple[str, str]

    @property
    def remedy(self) -> str:
        """What a person does where the platform refuses."""
        return f"Run conversion-sync connect {' '.join(self.place)} to consent anew."

    def redeem(
        self, code: str, redirect_uri: str, verifier: str, wire: Wire, now: datetime
    ) -> Issued | Refusal:
        """The tokens for an authorisation code."""
        hide(code, verifier)
        asked = {
            "grant_type": "authorization_code",
            self.oauth.code_field: code,
            "redirect_uri": redirect_uri,
        }
        if verifier:
            asked["code_verifier"] = verifier
        return self._ask(self.oauth.token_url, asked, wire, now)

    def refresh(self, token: str, wire: Wire, now: datetime) -> Issued | Refusal:
        """New tokens for a refresh token."""
        asked = {"grant_type": "refresh_token", "refresh_token": token}
        return self._ask(self.oauth.refresh_at, asked, wire, now)

    def _ask(self, address: str, asked: Mapping[str, str], wire: Wire, now: datetime) -> Issued | Refusal:
        body = {self.oauth.id_field: self.client_id, **asked}
        if self.client_secret:
            body[self.oauth.secret_field] = self.client_secret
        if self.oauth.body == "json":
            answer = wire.post_json(address, body, auth=Headers({}))
        else:
            answer = wire.post_form(address, body)
        if isinstance(answer, Reply):
            return self._read(answer, wire, now, renewable="refresh_token" in asked)
        if answer.remedy:
            return Refusal(answer.result())
        return Refusal(_unavailable(answer.text, None), unheard=answer.arrived)

    def _read(self, answer: Reply, wire: Wire, now: datetime, *, renewable: bool) -> Issued | Refusal:
        document = members(answer.document())
        tokens = members(document.get(self.oauth.envelope)) if self.oauth.envelope else document
        good = answer.status < FIRST_REDIRECT and (not self.oauth.envelope or document.get("code") == 0)
        access, refresh = tokens.get("access_token"), tokens.get("refresh_token")
        if not (good and isinstance(access, str) and access):
            return self._refusal(answer, document, wire.excerpt(answer.text), good=good)
        refresh = refresh if isinstance(refresh, str) else ""
        hide(access, refresh)
        if not all(_sendable(token) for token in (access, refresh)):
            text = "The platform gave out a token no request can carry."
            return Refusal(
                SendResult(outcome=Outcome.HOLD, code="not_sendable", text=text, remedy=NOT_SENDABLE)
            )
        told = tokens.get("expires_in")
        life = _seconds(told)
        if life is None and told is not None and (refresh or renewable):
            life = DEFAULT_LIFE
        elif life is None and self.oauth.access_minutes is not None:
            life = timedelta(minutes=self.oauth.access_minutes)
        return Issued(
            access=access,
            refresh=refresh,
            at=now,
            access_life=life,
            refresh_life=_seconds(tokens.get("refresh_token_expires_in")),
        )

    def _refusal(self, answer: Reply, document: Mapping[str, object], text: str, *, good: bool) -> Refusal:
        """OAuth's own errors and the platform's codes are for a person, anything else passes."""
        named = document.get("code" if self.oauth.envelope else "error")
        passing = good or answer.status >= FIRST_SERVER_ERROR or answer.status == TOO_MANY
        if self.oauth.envelope:
            known = isinstance(named, int) and not isinstance(named, bool)
            code = str(named)
            passing = passing or outcome_of(self.facts.codes, code) in PASSING
        else:
            known = isinstance(named, str)
            # What is no error's name may be anything, a token too; it stands in the text alone, scrubbed.
            code = f"oauth_{named}" if ERROR_NAME.fullmatch(str(named)) else "oauth_error"
        if passing or not known:
            return Refusal(
                _unavailable(text, answer), unheard=good or answer.status >= FIRST_SERVER_ERROR or not known
            )
        return Refusal(
            SendResult(
                outcome=Outcome.HOLD, code=code, text=text, remedy=self.remedy, http_status=answer.status
            )
        )


def _unavailable(text: str, answer: Reply | None) -> SendResult:
    return SendResult(
        outcome=Outcome.RETRY_LATER,
        code=UNAVAILABLE,
        text=text,
        http_status=answer.status if answer else None,
        retry_after=answer.retry_after if answer else None,
    )


def _sendable(token: str) -> bool:
    return token.isascii() and token.isprintable() and " " not in token


def _seconds(value: object) -> timedelta | None:
    """A life as platforms tell it, in seconds, as a number or a text; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        told = float(value)
    except (ValueError, OverflowError):
        return None
    if math.isnan(told) or told < 1:
        return None
    return timedelta(seconds=int(min(told, LONGEST_LIFE)))
