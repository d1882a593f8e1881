"""What a Meta account and its targets hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import SecretStr

from conversion_sync.config.forms import Digits
from conversion_sync.config.settings import AccountSettings, Finding, Mapped, TargetSettings
from conversion_sync.model.revenue import EventKind

AUTOMATIC = "system_generated"
"""The action source of renewals that nobody asked for on the day."""
BOUGHT = frozenset({"Purchase", "Subscribe"})
"""Standard names of something a person did."""


class Account(AccountSettings):
    """A dataset and the token of a system user that may use it."""

    dataset_id: Digits
    access_token: SecretStr
    app_secret: SecretStr | None = None
    base_url: str = "https://graph.facebook.com"
    test_event_code: str | None = None

    def fixed_token(self) -> SecretStr | None:
        """The system user's token, which does not expire."""
        return self.access_token

    def target_findings(self, mapped: Mapping[str, Mapped]) -> Iterator[tuple[str, Finding]]:
        """Renewals that would swell another event. Source: specs/meta_tiktok_linkedin_microsoft.md §1.3."""
        users = {
            name: {kind for each in mapped.values() if _name(each) == name for kind in each.kinds}
            for name in map(_name, mapped.values())
        }
        for action, each in mapped.items():
            if EventKind.RENEWAL not in each.kinds:
                continue
            name = _name(each)
            others = sorted(users[name] - {EventKind.RENEWAL})
            if others:
                yield (
                    action,
                    Finding(
                        "event_name",
                        f"{name} would count renewals together with {', '.join(others)}.",
                        "Report renewal by an action of its own, under an event_name no other kind uses.",
                    ),
                )
            elif name in BOUGHT and each.target.model_dump()["action_source"] != AUTOMATIC:
                yield (
                    action,
                    Finding(
                        "action_source",
                        f"A renewal is no {name} of this action_source: nobody bought anything on that day.",
                        f"Write action_source: {AUTOMATIC}, or an event_name of its own such as Renewal.",
                    ),
                )


class Target(TargetSettings):
    """The event's name, and where it happened in Meta's words."""

    event_name: str
    action_source: Literal["website", "system_generated", "app", "email", "phone_call", "chat", "other"] = (
        "system_generated"
    )


def _name(mapped: Mapped) -> str:
    name: str = mapped.target.model_dump()["event_name"]
    return name
