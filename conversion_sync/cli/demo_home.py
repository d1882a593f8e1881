"""The demo's home: an embedded PostgreSQL, the sandbox on it, and a configuration that leads to both.

The configuration is written like anybody's: secrets by name only, their values in a file of their
own that only its owner can read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from conversion_sync.config.settings import Settings
from conversion_sync.errors import ConfigurationError, PermanentError
from conversion_sync.model.windows import Window

CLICK_DATABASE = "sandbox"
SIZE = ("--customers", "300", "--days", "14")
SECRETS = "secrets.env"
HEADER = """\
# Written by `conversion-sync demo`: every endpoint is the sandbox's. Leave the endpoints out and fill in
# your own accounts, and this is a configuration for real use; docs/configuration.md has every key.
"""
CLICK_COLUMNS = {
    "click_ref": "id",
    "clicked_at": "ts",
    "ingested_at": "written_at",
    "visitor_id": "anon_id",
    "user_id": "user_id",
    "gclid": "gclid",
    "gbraid": "gbraid",
    "wbraid": "wbraid",
    "fbclid": "fbclid",
    "ttclid": "ttclid",
    "li_fat_id": "li_fat_id",
    "msclkid": "msclkid",
    "utm_source": "utm_source",
    "campaign": "utm_campaign",
    "landing_url": "page_url",
    "referrer": "referrer",
    "user_agent": "ua",
    "ip_address": "ip",
    "ad_user_data": "consent_ad_user_data",
    "ad_personalization": "consent_ad_personalization",
}
ACTIONS: dict[str, dict[str, Any]] = {
    "purchase": {"kinds": ["first_payment"], "meta": "Purchase", "tiktok": "Purchase"},
    "renewal": {"kinds": ["renewal"], "meta": "RecurringSubscriptionPayment", "tiktok": "Subscribe"},
    "upgrade": {"kinds": ["expansion_payment"], "meta": "Upgrade", "tiktok": "Upgrade"},
    "trial": {
        "kinds": ["trial_started"],
        "meta": "StartTrial",
        "tiktok": "StartTrial",
        "value": {"rule": "fixed", "amount": "5.00", "currency": "USD"},
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoWorld:
    """A running sandbox and the settings that lead to it. `window` is the time its business lived in."""

    settings: Settings
    admin: str
    window: Window
    is_new: bool


@contextmanager
def demo_world(home: Path, size: Sequence[str] = SIZE) -> Iterator[DemoWorld]:
    """Starts the database and the sandbox for the length of the block; the same world each time.

    `size` are the sandbox's options for a business of another size.
    """
    from conversion_sync.pipeline.configuration import load_settings
    from conversion_sync.sandbox.process import running
    from conversion_sync.store.embedded import EmbeddedServer

    home.mkdir(mode=0o755, parents=True, exist_ok=True)
    is_new = not (home / "sandbox" / "world.json").exists()
    with EmbeddedServer(home) as server:
        server.ensure_database(CLICK_DATABASE)
        clicks = server.url(CLICK_DATABASE)
        try:
            with running(home / "sandbox", ["--database-url", clicks, *size]) as endpoints:
                path = write_home(home, endpoints, clicks)
                use_secrets(home)
                window = Window(
                    datetime.fromisoformat(endpoints["start"]), datetime.fromisoformat(endpoints["end"])
                )
                yield DemoWorld(
                    settings=load_settings(path), admin=endpoints["admin"], window=window, is_new=is_new
                )
        except RuntimeError as fault:
            if "sandbox" not in str(fault):
                raise
            raise PermanentError(
                "The sandbox did not come up.",
                remedy=f"Read {home / 'sandbox' / 'sandbox.log'}; to start afresh remove {home}.",
            ) from fault


def write_home(home: Path, endpoints: Mapping[str, Any], clicks: str) -> Path:
    """Writes the configuration and its secrets; returns the configuration's path."""
    import yaml

    from conversion_sync.credentials.keys import VARIABLE, new_key

    content, secrets = configuration(home, endpoints, clicks)
    path = home / "conversion_sync.yaml"
    path.write_text(HEADER + yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
    secrets[VARIABLE] = _kept(home).get(VARIABLE) or new_key()
    lines = "".join(f"{name}={value}\n" for name, value in secrets.items())
    fresh = home / f"{SECRETS}.new"
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(lines)
    fresh.replace(home / SECRETS)
    return path


def use_secrets(home: Path) -> None:
    """Puts the demo's secrets into this process's environment.

    Raises ConfigurationError when the demo was never run here.
    """
    kept = _kept(home)
    if not kept:
        raise ConfigurationError("The demo was never run here.", remedy="Run: make demo")
    os.environ.update(kept)


def _kept(home: Path) -> dict[str, str]:
    """The secrets an earlier run wrote; the key among them stays, for what it sealed."""
    file = home / SECRETS
    lines = file.read_text().splitlines() if file.exists() else []
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def configuration(
    home: Path, endpoints: Mapping[str, Any], clicks: str
) -> tuple[dict[str, Any], dict[str, str]]:
    """The demo's configuration as plain data, and the secrets it names."""
    known = endpoints["credentials"]
    secrets: dict[str, str] = {"CS_DEMO_CLICKS_URL": clicks}

    def secret(name: str) -> str:
        variable = f"CS_DEMO_{name.upper()}"
        secrets[variable] = known[name]
        return f"env:{variable}"

    content = {
        "start": endpoints["start"],
        "upload_mode": "live",
        "home": str(home.resolve()),
        "billing": {
            "stripe": {
                "main": {
                    "api_key": secret("stripe_key"),
                    "api_base": endpoints["stripe"],
                    "settle_lag_minutes": 0,
                }
            }
        },
        "clicks": {
            "web": {
                "url": "env:CS_DEMO_CLICKS_URL",
                "table": endpoints["clicks_table"],
                "columns": CLICK_COLUMNS,
            }
        },
        "platforms": {
            "google_ads": {
                "main": {
                    "customer_id": known["google_customer_id"],
                    "login_customer_id": known["google_login_customer_id"],
                    "client_id": secret("google_client_id"),
                    "client_secret": secret("google_client_secret"),
                    "refresh_token": secret("google_refresh_token"),
                    "token_uri": endpoints["oauth"],
                    "data_manager_endpoint": endpoints["data_manager"],
                    "endpoint": endpoints["google_ads"],
                    "tls_roots": endpoints["google_ads_ca"],
                    "first_status_after_minutes": 0,
                }
            },
            "meta": {
                "main": {
                    "dataset_id": known["meta_dataset_id"],
                    "access_token": secret("meta_access_token"),
                    "app_secret": secret("meta_app_secret"),
                    "base_url": endpoints["meta"],
                }
            },
            "tiktok": {
                "main": {
                    "pixel_code": known["tiktok_pixel_code"],
                    "access_token": secret("tiktok_access_token"),
                    "base_url": endpoints["tiktok"],
                }
            },
            "linkedin": {
                "main": {
                    "refresh_token": secret("linkedin_refresh_token"),
                    "client_id": secret("linkedin_client_id"),
                    "client_secret": secret("linkedin_client_secret"),
                    "token_uri": endpoints["linkedin_oauth"],
                    "base_url": endpoints["linkedin"],
                }
            },
            "microsoft_ads": {
                "main": {
                    "customer_id": known["microsoft_customer_id"],
                    "customer_account_id": known["microsoft_account_id"],
                    "developer_token": secret("microsoft_developer_token"),
                    "access_token": secret("microsoft_access_token"),
                    "base_url": endpoints["microsoft"],
                }
            },
        },
        "actions": {name: _action(name, facts, known) for name, facts in ACTIONS.items()},
    }
    return content, secrets


def _action(name: str, facts: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    google, linkedin = dict(known["google_actions"]), dict(known["linkedin_rules"])
    microsoft = dict(known["microsoft_goals"])
    return {
        "kinds": facts["kinds"],
        **({"value": facts["value"]} if "value" in facts else {}),
        "targets": {
            "google_ads": {"main": {"conversion_action_id": google[name]}},
            "meta": {"main": {"event_name": facts["meta"]}},
            "tiktok": {"main": {"event": facts["tiktok"]}},
            "linkedin": {"main": {"conversion_rule_id": linkedin[name]}},
            "microsoft_ads": {"main": {"conversion_name": microsoft[name]}},
        },
    }
