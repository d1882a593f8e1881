"""Google's OAuth token endpoint: a refresh token for an access token of an hour."""

from __future__ import annotations

from datetime import timedelta

from starlette.applications import Starlette
from starlette.routing import Route

from conversion_sync.sandbox import google_tokens
from conversion_sync.sandbox.exchange import Call, Reply, endpoint
from conversion_sync.sandbox.vendors import Vendors

LIFE = timedelta(hours=1)


def app(vendors: Vendors) -> Starlette:
    """`POST /token`. Outages and revoked grants come from the fault plan (vendor google_oauth)."""
    handler = endpoint(vendors, "google_oauth", token, lambda call: call.form.get("client_id", ""))
    return Starlette(routes=[Route("/token", handler, methods=["POST"])])


def token(vendors: Vendors, call: Call) -> Reply:
    """Answer a refresh. Source: specs/google_ads.md §1.4, §8.1."""
    form, known = call.form, vendors.credentials
    if form.get("grant_type") != "refresh_token":
        return _refusal(400, "unsupported_grant_type", "Invalid grant_type: " + form.get("grant_type", ""))
    if form.get("client_id") != known.google_client_id:
        return _refusal(401, "invalid_client", "The OAuth client was not found.")
    if form.get("client_secret") != known.google_client_secret:
        return _refusal(401, "invalid_client", "Unauthorized")
    if form.get("refresh_token") != known.google_refresh_token:
        return _refusal(400, "invalid_grant", "Token has been expired or revoked.")
    asked = tuple(form.get("scope", "").split()) or google_tokens.SCOPES
    unknown = [scope for scope in asked if scope not in google_tokens.SCOPES]
    if unknown:
        return _refusal(400, "invalid_scope", f"Some requested scopes were invalid. {{invalid={unknown}}}")
    return Reply(
        body={
            "access_token": google_tokens.issue(known, asked, vendors.clock.now() + LIFE),
            "expires_in": int(LIFE.total_seconds()) - 1,
            "scope": " ".join(asked),
            "token_type": "Bearer",
        }
    )


def _refusal(status: int, error: str, description: str) -> Reply:
    return Reply(status=status, body={"error": error, "error_description": description})
