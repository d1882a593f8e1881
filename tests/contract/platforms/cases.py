"""What tells one platform's account from another's in the suite all of them pass: one entry each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

Endpoints = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One platform. `vendor` is the name the sandbox's faults and counters go by.

    The books call `target` by the name `action`; the target `valueless` needs no value. `wrong` breaks the
    account's credential, `at` sends its conversions to another address, `tick` is how exact times arrive,
    `limited` is the vendor's own answer to too many requests. `foreign` names something of another account,
    as account settings and as a target, and `foreign_id` is its id; a platform that `tells` can be asked
    about both without sending anything.
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
    tick: timedelta
    limited: Mapping[str, Any]
    foreign: tuple[Mapping[str, Any], Mapping[str, str]]
    foreign_id: str
    tells: bool = True


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
        tick=SECOND,
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
        tick=SECOND,
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
        tick=MILLISECOND,
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
        tick=MILLISECOND,
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
        at=lambda url: {"data_manager_endpoint": url},
        target={"conversion_action_id": "700000001"},
        valueless={"conversion_action_id": "700000003"},
        action="700000001",
        tick=MICROSECOND,
        foreign=({}, {"conversion_action_id": "799999999"}),
        foreign_id="799999999",
        limited={
            "status": 429,
            "body": {
                "error": {
                    "code": 429,
                    "message": "Quota exceeded.",
                    "status": "RESOURCE_EXHAUSTED",
                    "details": [
                        {
                            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                            "reason": "RESOURCE_EXHAUSTED",
                            "domain": "datamanager.googleapis.com",
                        }
                    ],
                }
            },
        },
    ),
]
