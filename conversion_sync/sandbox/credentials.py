"""The accounts and secrets that exist in the sandbox's vendors. Not secrets of anybody."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """One account at each vendor; conversion actions and rules by the name of what they count."""

    stripe_key: str = "sk_live_sandbox_0001"
    paddle_key: str = "pdl_live_apikey_sandbox_0001"
    lemon_squeezy_key: str = "sandbox-lemon-squeezy-key"
    google_client_id: str = "sandbox.apps.example"
    google_client_secret: str = "sandbox-google-client-secret"
    google_refresh_token: str = "sandbox-google-refresh-token"
    google_customer_id: str = "1234567890"
    google_login_customer_id: str = "9876543210"
    google_actions: tuple[tuple[str, str], ...] = (
        ("purchase", "700000001"),
        ("renewal", "700000002"),
        ("trial", "700000003"),
        ("upgrade", "700000004"),
    )
    meta_dataset_id: str = "880000000000001"
    meta_access_token: str = "sandbox-meta-access-token"
    meta_app_secret: str = "sandbox-meta-app-secret"
    tiktok_pixel_code: str = "SANDBOXPIXEL01"
    tiktok_access_token: str = "sandbox-tiktok-access-token"
    tiktok_client_id: str = "sandbox-tiktok-app"
    tiktok_client_secret: str = "sandbox-tiktok-app-secret"
    tiktok_refresh_token: str = "sandbox-tiktok-refresh-token"
    linkedin_client_id: str = "sandbox-linkedin-client"
    linkedin_client_secret: str = "sandbox-linkedin-client-secret"
    linkedin_refresh_token: str = "sandbox-linkedin-refresh-token"
    linkedin_rules: tuple[tuple[str, str], ...] = (
        ("purchase", "900001"),
        ("renewal", "900002"),
        ("trial", "900003"),
        ("upgrade", "900004"),
    )
    linkedin_tag_rule: str = "900099"
    """A rule whose conversions the Insight Tag sends."""
    reddit_pixel_id: str = "a2_sandboxpixel"
    reddit_conversion_token: str = "sandbox-reddit-conversion-token"
    microsoft_customer_id: str = "250000001"
    microsoft_account_id: str = "180000001"
    microsoft_developer_token: str = "sandbox-microsoft-developer-token"
    microsoft_access_token: str = "sandbox-microsoft-access-token"
    microsoft_client_id: str = "sandbox-microsoft-client"
    microsoft_client_secret: str = "sandbox-microsoft-client-secret"
    microsoft_refresh_token: str = "sandbox-microsoft-refresh-token"
    microsoft_goals: tuple[tuple[str, str], ...] = (
        ("purchase", "Offline purchase"),
        ("renewal", "Offline renewal"),
        ("trial", "Offline trial"),
        ("upgrade", "Offline upgrade"),
    )
