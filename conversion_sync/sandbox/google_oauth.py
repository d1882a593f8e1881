"""Google's consent and its OAuth token endpoint: a code or a refresh token for an access token of an hour."""

from __future__ import annotations

from functools import partial

from starlette.applications import Starlette
from starlette.routing import Route

from conversion_sync.sandbox import google_tokens
from conversion_sync.sandbox.exchange import Call, Reply, endpoint
from conversion_sync.sandbox.google_tokens import LIFE, VENDOR, ways
from conversion_sync.sandbox.grants import consent, epoch, redeem, refresh
from conversion_sync.sandbox.vendors import Vendors


def app(vendors: Vendors) -> Starlette:
    """`GET /auth` and `POST /token`. Outages and refusals come from the fault plan (vendor google_oauth)."""
    known = ways(vendors.credentials)
    agree = partial(consent, known, id_field="client_id", code_parameter="code")
    return Starlette(
        routes=[
            Route("/auth", endpoint(vendors, "google_oauth", agree, lambda _: "consent"), methods=["GET"]),
            Route("/token", endpoint(vendors, "google_oauth", token, _client), methods=["POST"]),
        ]
    )


def token(vendors: Vendors, call: Call) -> Reply:
    """Answer a refresh or a code. Source: specs/google_ads.md §1.4, §8.1."""
    form, known = call.form, vendors.credentials
    kind = form.get("grant_type", "")
    if kind not in {"refresh_token", "authorization_code"}:
        return _refusal(400, "unsupported_grant_type", f"Invalid grant_type: {kind}")
    if form.get("client_id") != known.google_client_id:
        return _refusal(401, "invalid_client", "The OAuth client was not found.")
    if form.get("client_secret") != known.google_client_secret:
        return _refusal(401, "invalid_client", "Unauthorized")
    by_code = kind == "authorization_code"
    if by_code:
        given = redeem(ways(known), vendors, form, "code")
    else:
        given = refresh(ways(known), vendors, form.get("refresh_token", ""))
    if given is None:
        return _refusal(400, "invalid_grant", "Token has been expired or revoked.")
    asked = tuple(form.get("scope", "").split()) or google_tokens.SCOPES
    unknown = [scope for scope in asked if scope not in google_tokens.SCOPES]
    if unknown:
        return _refusal(400, "invalid_scope", f"Some requested scopes were invalid. {{invalid={unknown}}}")
    ends = vendors.clock.now() + LIFE
    return Reply(
        body={
            "access_token": google_tokens.issue(known, asked, ends, epoch(vendors, VENDOR)),
            "expires_in": int(LIFE.total_seconds()) - 1,
            "scope": " ".join(asked),
            "token_type": "Bearer",
            **({"refresh_token": given.refresh} if by_code else {}),
        }
    )


def _client(call: Call) -> str:
    return call.form.get("client_id", "")


def _refusal(status: int, error: str, description: str) -> Reply:
    return Reply(status=status, body={"error": error, "error_description": description})
