"""What tells one platform's account from another's in the suite all of them pass: one entry each."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from conversion_sync.model.conversion import Outbound

Endpoints = Mapping[str, Any]
Action = dict[str, Any]
"""What shall go wrong, as the sandbox's fault plan words it."""


def vendor_id(row: Outbound) -> str:
    return row.vendor_id


def whole(tick: timedelta) -> Callable[[Outbound], datetime]:
    """The time of a row, cut to ticks."""
    start = datetime(1970, 1, 1, tzinfo=UTC)
    return lambda row: start + (row.occurred_at - start) // tick * tick


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One platform. `vendor` is the name the sandbox's faults and counters go by.

    The books call `target` by the name `action`; the target `valueless` needs no value. `wrong` breaks the
    account's credential, `at` sends its conversions to another address, `arrives` is the time that arrives,
    `name` is what the books call a row, `alone` says that a bad row fails alone. `limited` is the vendor's
    own answer to too many requests. `foreign` names something of another account, as account settings and
    as a target, and `foreign_id` is its id; a platform that `tells` can be asked about both without sending
    anything. A `route` is one of several ways to send; `standing` is what the sandbox's account must be for
    it, and `worded` says a fault of HTTP as a vendor does that does not speak it.
    """

    platform: str
    vendor: str
    click_kind: str
    account: Callable[[Endpoints], dict[str, Any]]
    wrong: Mapping[str, Any]
    at: Callable[[str], dict[str, Any]]
    target: Mapping[str, str]
    valueless: Mapping[str, str]
    action: str
    arrives: Callable[[Outbound], datetime]
    limited: Mapping[str, Any]
    foreign: tuple[Mapping[str, Any], Mapping[str, str]]
    foreign_id: str
    tells: bool = True
    name: Callable[[Outbound], str] = vendor_id
    alone: bool = False
    route: str = ""
    standing: Mapping[str, Any] = field(default_factory=dict)
    worded: Callable[[Action], Action] = dict
    http: bool = True

    @property
    def id(self) -> str:
        return f"{self.platform}-{self.route}" if self.route else self.platform


def base_url(url: str) -> dict[str, Any]:
    return {"base_url": url}


def meta(endpoints: Endpoints) -> dict[str, Any]:
    known = endpoints["credentials"]
    return {
        "dataset_id": known["meta_dataset_id"],
        "access_token": known["meta_access_token"],
        "app_secret": known["meta_app_secret"],
        "base_url": endpoints["meta"],
    }


def tiktok(endpoints: Endpoints) -> dict[str, Any]:
    known = endpoints["credentials"]
    return {
        "pixel_code": known["tiktok_pixel_code"],
        "access_token": known["tiktok_access_token"],
        "base_url": endpoints["tiktok"],
    }


def linkedin(endpoints: Endpoints) -> dict[str, Any]:
    known = endpoints["credentials"]
    return {
        "refresh_token": known["linkedin_refresh_token"],
        "client_id": known["linkedin_client_id"],
        "client_secret": known["linkedin_client_secret"],
        "token_uri": endpoints["linkedin_oauth"],
        "base_url": endpoints["linkedin"],
    }


def reddit(endpoints: Endpoints) -> dict[str, Any]:
    known = endpoints["credentials"]
    return {
        "pixel_id": known["reddit_pixel_id"],
        "access_token": known["reddit_conversion_token"],
        "base_url": endpoints["reddit"],
    }


def google_ads(endpoints: Endpoints) -> dict[str, Any]:
    known = endpoints["credentials"]
    return {
        "customer_id": known["google_customer_id"],
        "login_customer_id": known["google_login_customer_id"],
        "client_id": known["google_client_id"],
        "client_secret": known["google_client_secret"],
        "refresh_token": known["google_refresh_token"],
        "token_uri": endpoints["oauth"],
        "data_manager_endpoint": endpoints["data_manager"],
        "endpoint": endpoints["google_ads"],
        "tls_roots": endpoints["google_ads_ca"],
    }


def microsoft_ads(endpoints: Endpoints) -> dict[str, Any]:
    known = endpoints["credentials"]
    return {
        "customer_id": known["microsoft_customer_id"],
        "customer_account_id": known["microsoft_account_id"],
        "developer_token": known["microsoft_developer_token"],
        "access_token": known["microsoft_access_token"],
        "base_url": endpoints["microsoft"],
    }


def with_own_fraction(row: Outbound) -> datetime:
    """The row's second, with a fraction that its vendor id makes."""
    digits = int(hashlib.sha256(row.vendor_id.encode()).hexdigest()[:16], 16) % 1_000_000
    return row.occurred_at.replace(microsecond=digits)


GRPC: Mapping[int, Action] = {
    200: {"grpc_status": "INTERNAL"},
    302: {"grpc_status": "UNKNOWN"},
    429: {
        "grpc_status": "RESOURCE_EXHAUSTED",
        "grpc_error": "quota_error.RESOURCE_TEMPORARILY_EXHAUSTED",
        "grpc_retry_delay_seconds": 120,
    },
    500: {"grpc_status": "INTERNAL", "grpc_error": "internal_error.INTERNAL_ERROR"},
    502: {"grpc_status": "UNKNOWN"},
    503: {"grpc_status": "UNAVAILABLE"},
    504: {"grpc_status": "DEADLINE_EXCEEDED"},
}
"""What a gRPC client makes of the status, or Google says in its stead. A body nobody can read is INTERNAL."""


def google_rpc(kind: str, **members: Any) -> Action:
    return {"@type": f"google.rpc.{kind}", **members}


EXHAUSTED = [
    google_rpc("ErrorInfo", reason="RESOURCE_EXHAUSTED", domain="datamanager.googleapis.com"),
    google_rpc("RetryInfo", retryDelay="120s"),
]
DATA_MANAGER: Mapping[int, Action] = {
    **GRPC,
    429: {"grpc_status": "RESOURCE_EXHAUSTED", "grpc_details": EXHAUSTED},
    500: {"grpc_status": "INTERNAL", "grpc_details": [google_rpc("ErrorInfo", reason="INTERNAL_ERROR")]},
}


def over_grpc(statuses: Mapping[int, Action]) -> Callable[[Action], Action]:
    def worded(action: Action) -> Action:
        kept = {name: value for name, value in action.items() if name not in {"status", "body", "headers"}}
        return kept | statuses[action["status"]] if "status" in action else kept

    return worded


SECOND, MILLISECOND, MICROSECOND = (
    timedelta(seconds=1),
    timedelta(milliseconds=1),
    timedelta(microseconds=1),
)

CASES = [
    Case(
        platform="meta",
        vendor="meta",
        click_kind="fbclid",
        account=meta,
        wrong={"access_token": "a token of nobody"},
        at=base_url,
        target={"event_name": "Purchase"},
        valueless={"event_name": "StartTrial"},
        action="Purchase",
        arrives=whole(SECOND),
        foreign=({"dataset_id": "990000000000009"}, {}),
        foreign_id="990000000000009",
        limited={
            "status": 400,
            "body": {
                "error": {
                    "message": "(#4) Application request limit reached",
                    "type": "OAuthException",
                    "is_transient": True,
                    "code": 4,
                    "fbtrace_id": "A4",
                }
            },
        },
    ),
    Case(
        platform="tiktok",
        vendor="tiktok",
        click_kind="ttclid",
        account=tiktok,
        wrong={"access_token": "a token of nobody"},
        at=base_url,
        target={"event": "Purchase"},
        valueless={"event": "StartTrial"},
        action="Purchase",
        arrives=whole(SECOND),
        foreign=({"pixel_code": "PIXELOFANOTHER"}, {}),
        foreign_id="PIXELOFANOTHER",
        tells=False,
        limited={
            "status": 200,
            "body": {
                "code": 40100,
                "message": "Too many requests. Please retry in some time.",
                "request_id": "2026R1",
            },
        },
    ),
    Case(
        platform="linkedin",
        vendor="linkedin",
        click_kind="li_fat_id",
        account=linkedin,
        wrong={"refresh_token": "a token of nobody"},
        at=base_url,
        target={"conversion_rule_id": "900001"},
        valueless={"conversion_rule_id": "900003"},
        action="900001",
        arrives=whole(MILLISECOND),
        foreign=({}, {"conversion_rule_id": "999999"}),
        foreign_id="999999",
        limited={
            "status": 429,
            "body": {
                "status": 429,
                "code": "TOO_MANY_REQUESTS",
                "serviceErrorCode": 101,
                "message": "Resource level throttle limit for calls to this resource is reached.",
            },
        },
    ),
    Case(
        platform="reddit",
        vendor="reddit",
        click_kind="rdt_cid",
        account=reddit,
        wrong={"access_token": "a token of nobody"},
        at=base_url,
        target={"tracking_type": "PURCHASE"},
        valueless={"tracking_type": "SIGN_UP"},
        action="PURCHASE",
        arrives=whole(MILLISECOND),
        foreign=({"pixel_id": "a2_ofanother"}, {}),
        foreign_id="a2_ofanother",
        tells=False,
        limited={"status": 429, "body": {"error": {"code": 429, "message": "Too many requests"}}},
    ),
    Case(
        platform="google_ads",
        vendor="data_manager",
        click_kind="gclid",
        account=google_ads,
        wrong={"refresh_token": "a token of nobody"},
        at=lambda url: {"data_manager_endpoint": url.removeprefix("http://")},
        target={"conversion_action_id": "700000001"},
        valueless={"conversion_action_id": "700000003"},
        action="700000001",
        arrives=whole(MICROSECOND),
        foreign=({}, {"conversion_action_id": "799999999"}),
        foreign_id="799999999",
        limited={"status": 429},
        worded=over_grpc(DATA_MANAGER),
        http=False,
    ),
    Case(
        platform="google_ads",
        route="click_upload",
        vendor="google_ads",
        click_kind="gclid",
        account=lambda endpoints: google_ads(endpoints) | {"upload_api": "click_upload"},
        wrong={"refresh_token": "a token of nobody"},
        at=lambda url: {"endpoint": url.removeprefix("http://")},
        target={"conversion_action_id": "700000001"},
        valueless={"conversion_action_id": "700000003"},
        action="700000001",
        arrives=whole(SECOND),
        foreign=({}, {"conversion_action_id": "799999999"}),
        foreign_id="799999999",
        limited={"status": 429},
        alone=True,
        standing={"allow_listed": True},
        worded=over_grpc(GRPC),
        http=False,
    ),
    Case(
        platform="microsoft_ads",
        vendor="microsoft",
        click_kind="msclkid",
        account=microsoft_ads,
        wrong={"access_token": "a token of nobody"},
        at=base_url,
        target={"conversion_name": "Offline purchase"},
        valueless={"conversion_name": "Offline trial"},
        action="Offline purchase",
        arrives=with_own_fraction,
        name=lambda row: f"{row.click_id} {with_own_fraction(row).isoformat()}",
        alone=True,
        foreign=({}, {"conversion_name": "A goal of another account"}),
        foreign_id="A goal of another account",
        limited={
            "status": 429,
            "body": {
                "TrackingId": "2026-R1",
                "Type": "AdApiFaultDetail",
                "Errors": [
                    {"Code": 117, "ErrorCode": "CallRateExceeded", "Message": "Wait.", "Detail": None}
                ],
            },
        },
    ),
]
