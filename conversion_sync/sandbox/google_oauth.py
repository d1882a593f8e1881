"""Google's consent and its OAuth token endpoint: a code or a refresh token for an access token of an hour."""

from __future__ import annotations

from starlette.applications import Starlette

from conversion_sync.sandbox import google_tokens
from conversion_sync.sandbox.exchange import Call, Reply
from conversion_sync.sandbox.google_tokens import LIFE, VENDOR, ways
from conversion_sync.sandbox.grants import epoch
from conversion_sync.sandbox.oauth import GRANTS, consent_route, exchanged, refused, token_route
from conversion_sync.sandbox.vendors import Vendors


def app(vendors: Vendors) -> Starlette:
    """`GET /auth` and `POST /token`. Outages and refusals come from the fault plan (vendor google_oauth)."""
    known = ways(vendors.credentials)
    return Starlette(
        routes=[
            consent_route(vendors, known, "/auth", lambda _: "consent"),
            token_route(vendors, known, "/token", _client, token),
        ]
    )


def token(vendors: Vendors, call: Call) -> Reply:
    """Answer a refresh or a code. Source: specs/google_ads.md §1.4, §8.1."""
    form, known = call.form, vendors.credentials
    kind = form.get("grant_type", "")
    if kind not in GRANTS:
        return refused(400, "unsupported_grant_type", f"Invalid grant_type: {kind}")
    if form.get("client_id") != known.google_client_id:
        return refused(401, "invalid_client", "The OAuth client was not found.")
    if form.get("client_secret") != known.google_client_secret:
        return refused(401, "invalid_client", "Unauthorized")
    given = exchanged(ways(known), vendors, form)
    if given is None:
        return refused(400, "invalid_grant", "Token has been expired or revoked.")
    asked = tuple(form.get("scope", "").split()) or google_tokens.SCOPES
    unknown = [scope for scope in asked if scope not in google_tokens.SCOPES]
    if unknown:
        return refused(400, "invalid_scope", f"Some requested scopes were invalid. {{invalid={unknown}}}")
    ends = vendors.clock.now() + LIFE
    return Reply(
        body={
            "access_token": google_tokens.issue(known, asked, ends, epoch(vendors, VENDOR)),
            "expires_in": int(LIFE.total_seconds()) - 1,
            "scope": " ".join(asked),
            "token_type": "Bearer",
            **({"refresh_token": given.refresh} if kind == "authorization_code" else {}),
        }
    )


def _client(call: Call) -> str:
    return call.form.get("client_id", "")
