"""Every code of TikTok's. Source: specs/meta_tiktok_linkedin_microsoft.md §2.3, §6.2."""

from __future__ import annotations

from typing import Any

from conversion_sync.model.click import ClickIdKind
from conversion_sync.sandbox import tiktok
from conversion_sync.sandbox.credentials import Credentials
from tests.contract.platforms.fault_table import (
    AGAIN,
    DONE,
    HELD,
    REFUSED,
    REVIEW,
    WAITS,
    Answer,
    End,
    Table,
    Vendor,
    always,
    assert_table,
)


def settings(known: Credentials, url: str) -> dict[str, Any]:
    return {
        "pixel_code": known.tiktok_pixel_code,
        "access_token": known.tiktok_access_token,
        "base_url": url,
    }


VENDOR = Vendor(
    platform="tiktok",
    app=tiktok.app,
    click_kind=ClickIdKind.TTCLID,
    settings=settings,
    target={"event": "Purchase"},
)


def code(number: int, message: str = "said") -> dict[str, Any]:
    return {"status": 200, "body": {"code": number, "message": message, "request_id": "R", "data": {}}}


CLASSES: dict[End, tuple[int, ...]] = {
    DONE: (0, 40050),
    REFUSED: (40000, 40002, 40062, 49999),  # the last nobody listed: 4xxxx
    HELD: (
        *(40001, 40003, 40006, 40007, 40008, 40051, 40063),
        *(40101, 40102, 40103, 40104, 40105, 40107, 40108, 40110, 40113, 40118, 40130, 40131),
        *(40200, 40201, 40202, 40300, 40301, 40309, 40400, 41000, 41001, 41002),
        40061,  # too large even of one row
    ),
    WAITS: (40100, 40132, 50000, 51010, 51012, 60001, 59999, 69999),  # the last two nobody listed
    AGAIN: (20001, 50002, 12345),
}
HTTP: dict[str, tuple[dict[str, Any], End]] = {
    "http_200_html": ({"status": 200, "body": "<html>"}, AGAIN),
    "http_400": ({"status": 400, "body": "Bad request"}, REVIEW),
    "http_401": ({"status": 401, "body": ""}, HELD),
    "http_429": ({"status": 429, "body": ""}, WAITS),
    "http_500": ({"status": 500, "body": ""}, WAITS),
    "http_502": ({"status": 502, "body": "<html>"}, AGAIN),
    "http_503": ({"status": 503, "body": ""}, WAITS),
    "http_504": ({"status": 504, "body": ""}, AGAIN),
    "cut_before": ({"close_before_reply": True}, AGAIN),
    "cut_after": ({"drop_reply": True}, AGAIN),
}
SECOND = code(40002, "Invalid value for data.1.event_id: not a valid string")
BY_ROW = {
    "of_the_second": Answer(says=SECOND, ends=(DONE, REFUSED), nth=(1,)),
    "of_the_first": Answer(says=code(40062, "PII not hashed: data.0.email"), ends=(REFUSED, DONE), nth=(1,)),
    # Halves go last first: the whole is refused, then the first row alone, or the second.
    "found_first": Answer(says=code(40002), ends=(REFUSED, DONE), nth=(1, 3)),
    "found_second": Answer(says=code(40000), ends=(DONE, REFUSED), nth=(1, 2)),
    "too_large": Answer(says=code(40061), ends=(DONE, DONE), nth=(1,)),
    "partly": Answer(says=code(20001), ends=(DONE, DONE), nth=(1,)),
}
ANSWERS = {
    **{f"code_{number}": always(code(number), end) for end, numbers in CLASSES.items() for number in numbers},
    **{name: always(says, end) for name, (says, end) in HTTP.items()},
    **BY_ROW,
}


def test_every_answer_ends_as_the_specification_says(table: Table) -> None:
    assert_table(table, beyond=-2 * len(CLASSES[DONE]))
