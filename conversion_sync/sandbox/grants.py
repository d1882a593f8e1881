"""What every vendor's OAuth shares: consents, codes, refresh tokens and access tokens, kept in the books.

How refresh tokens behave is the vendor's `Ways`, and may be changed while it runs: `rotate` gives out
another one and kills the former, `renew` gives out another and leaves the former alive, `keep` gives the
same back, `long_term` gives none and access tokens without an end. Refreshes are served one after the
other, so of two that use the same token under `rotate` the second loses.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode, urlsplit

from conversion_sync.sandbox.exchange import Call, Reply
from conversion_sync.sandbox.vendors import Vendors

TOPIC = "oauth"
MODES = ("rotate", "renew", "keep", "long_term")
CODE_LIFE = timedelta(minutes=10)
LOOPBACK = {"127.0.0.1", "localhost"}


class TokenFault(StrEnum):
    """Why an access token is refused."""

    MISSING = "missing"
    INVALID = "invalid"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """One vendor's application, and what its tokens are like.

    `seed` is a refresh token it was given before, `lasting` says that access tokens never end.
    """

    vendor: str
    client_id: str
    client_secret: str
    seed: str
    access_life: timedelta
    refresh_life: timedelta | None = None
    fixed_end: bool = False
    mode: str = "keep"
    prefix: str = ""
    lasting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a token endpoint gives out. A span is None where there is no end."""

    access: str
    access_life: timedelta | None
    refresh: str
    refresh_life: timedelta | None


def consent(ways: Ways, vendors: Vendors, call: Call, *, id_field: str, code_parameter: str) -> Reply:
    """The page a person is sent to. Nobody is asked here: they are sent back at once, with a code or a no."""
    query = call.query
    if query.get(id_field) != ways.client_id:
        return Reply(status=400, body="<html>Unknown application.</html>")
    back = query.get("redirect_uri", "")
    if urlsplit(back).scheme != "http" or urlsplit(back).hostname not in LOOPBACK:
        return Reply(status=400, body="<html>The redirect address is not registered.</html>")
    with vendors.books.noting(TOPIC, ways.vendor) as state:
        if state.get("denies"):
            return _sent_back(back, {"error": "access_denied", "state": query.get("state", "")})
        code = f"code-{secrets.token_urlsafe(16)}"
        state.setdefault("codes", {})[code] = {
            "redirect_uri": back,
            "challenge": query.get("code_challenge", ""),
            "ends": (vendors.clock.now() + CODE_LIFE).isoformat(),
        }
    return _sent_back(back, {code_parameter: code, "state": query.get("state", "")})


def redeem(ways: Ways, vendors: Vendors, asked: Mapping[str, Any], code_field: str) -> Given | None:
    """The tokens for a code, once; None for a code that is not good, or not of this consent."""
    now = vendors.clock.now()
    with vendors.books.noting(TOPIC, ways.vendor) as state:
        code = state.get("codes", {}).pop(str(asked.get(code_field, "")), None)
        if code is None or datetime.fromisoformat(code["ends"]) <= now:
            return None
        if code["redirect_uri"] != asked.get("redirect_uri", code["redirect_uri"]):
            return None
        verifier = hashlib.sha256(str(asked.get("code_verifier", "")).encode()).digest()
        if code["challenge"] and code["challenge"] != base64.urlsafe_b64encode(verifier).decode().rstrip("="):
            return None
        ends = None if ways.refresh_life is None else now + ways.refresh_life
        return _give(ways, state, now, _new_refresh(state, ends), ends)


def refresh(ways: Ways, vendors: Vendors, token: str) -> Given | None:
    """New tokens for a refresh token; None for one that is not good, or not good any more."""
    now = vendors.clock.now()
    with vendors.books.noting(TOPIC, ways.vendor) as state:
        known = state.setdefault("refresh", {})
        if token == ways.seed and token not in known and not state.get("epoch"):
            seeded = None if ways.refresh_life is None else (now + ways.refresh_life).isoformat()
            known[token] = {"ends": seeded, "alive": True}
        found = known.get(token)
        ends = datetime.fromisoformat(found["ends"]) if found and found["ends"] else None
        if not found or not found["alive"] or (ends is not None and ends <= now):
            return None
        mode = state.get("mode", ways.mode)
        if not ways.fixed_end and ways.refresh_life is not None:
            ends = now + ways.refresh_life
        if mode in {"rotate", "renew"}:
            found["alive"] = mode == "renew"
            token = _new_refresh(state, ends)
        return _give(ways, state, now, token, ends)


def fault_of(ways: Ways, vendors: Vendors, token: str | None) -> TokenFault | None:
    """Why an access token of `refresh` or `redeem` is refused, None for a good one."""
    if not token:
        return TokenFault.MISSING
    claim, _, signature = token.removeprefix(ways.prefix).rpartition(".")
    signed_in = epoch_of(ways, vendors, claim, signature)
    if signed_in is None:
        return TokenFault.INVALID
    if signed_in < epoch(vendors, ways.vendor):
        return TokenFault.REVOKED
    ends = claim.partition(".")[0]
    if ends != "0" and datetime.fromtimestamp(int(ends), UTC) <= vendors.clock.now():
        return TokenFault.EXPIRED
    return None


def epoch(vendors: Vendors, vendor: str) -> int:
    """How often everything this vendor gave out was revoked."""
    return int((vendors.books.noted(TOPIC, vendor) or {}).get("epoch", 0))


def epoch_of(ways: Ways, vendors: Vendors, claim: str, signature: str) -> int | None:
    """In which epoch a claim was signed, None if it never was."""
    for number in range(epoch(vendors, ways.vendor), -1, -1):
        if hmac.compare_digest(signature, sign(ways.client_secret, claim, number)):
            return number
    return None


def sign(client_secret: str, claim: str, number: int) -> str:
    """The claim's signature, so that a restarted sandbox still knows its tokens."""
    text = claim if not number else f"{claim}.{number}"
    return hmac.new(client_secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def change(vendors: Vendors, vendor: str, wish: Mapping[str, Any]) -> Mapping[str, Any]:
    """`revoke` everything given out, another `mode`, `denies` every consent. Raises ValueError."""
    unknown = set(wish) - {"revoke", "mode", "denies"}
    if unknown or wish.get("mode", MODES[0]) not in MODES:
        raise ValueError(f"unknown: {sorted(unknown) or wish['mode']}")
    with vendors.books.noting(TOPIC, vendor) as state:
        if wish.get("revoke"):
            state["epoch"] = state.get("epoch", 0) + 1
            state["codes"], state["refresh"] = {}, {}
        state |= {name: wish[name] for name in ("mode", "denies") if name in wish}
        return {name: state.get(name) for name in ("epoch", "mode", "denies")}


def _give(ways: Ways, state: dict[str, Any], now: datetime, token: str, ends: datetime | None) -> Given:
    lasting = ways.lasting or state.get("mode", ways.mode) == "long_term"
    life = ways.access_life
    if ways.fixed_end and ends is not None:
        life = min(life, ends - now)
    state["issued"] = state.get("issued", 0) + 1
    until = 0 if lasting else int((now + life).timestamp())
    claim = f"{until}.{state['issued']}"
    access = f"{ways.prefix}{claim}.{sign(ways.client_secret, claim, state.get('epoch', 0))}"
    if lasting:
        return Given(access=access, access_life=None, refresh="", refresh_life=None)
    return Given(
        access=access,
        access_life=life,
        refresh=token,
        refresh_life=None if ends is None else ends - now,
    )


def _new_refresh(state: dict[str, Any], ends: datetime | None) -> str:
    token = f"refresh-{secrets.token_urlsafe(24)}"
    known = state.setdefault("refresh", {})
    known[token] = {"ends": ends.isoformat() if ends else None, "alive": True}
    return token


def _sent_back(address: str, answer: Mapping[str, str]) -> Reply:
    return Reply(status=302, headers={"Location": f"{address}?{urlencode(answer)}"})
