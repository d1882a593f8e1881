"""Every answer of Reddit's. Source: specs/meta_tiktok_linkedin_microsoft.md §4.2, §6, §6.4."""

from __future__ import annotations

from typing import Any

from conversion_sync.model.click import ClickIdKind
from conversion_sync.sandbox import reddit
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
        "pixel_id": known.reddit_pixel_id,
        "access_token": known.reddit_conversion_token,
        "base_url": url,
    }


VENDOR = Vendor(
    platform="reddit",
    app=reddit.app,
    click_kind=ClickIdKind.RDT_CID,
    settings=settings,
    target={"tracking_type": "PURCHASE"},
)


def error(status: int) -> dict[str, Any]:
    return {"status": status, "body": {"error": {"code": status, "message": "said"}}}


INVALID = {
    "status": 400,
    "body": {"message": "There were 1 invalid conversion events. None were processed.", "invalid_events": []},
}
CLASSES: dict[End, tuple[int, ...]] = {
    REFUSED: (400, 422),
    REVIEW: (409, 418),  # nobody listed them
    HELD: (401, 403, 404, 413),  # the last: too large even of one row
    WAITS: (429, 500, 503, 599),
    AGAIN: (502, 504),
}
OTHERS: dict[str, tuple[dict[str, Any], End]] = {
    "invalid": (INVALID, REFUSED),
    "processed": ({"status": 200, "body": {"data": {"message": "Done."}}}, DONE),
    "fewer": ({"status": 200, "body": {"data": {"message": "Successfully processed 7 events."}}}, AGAIN),
    "html_200": ({"status": 200, "body": "<html>"}, AGAIN),
    "html_401": ({"status": 401, "body": "Authorization Required"}, HELD),
    "html_500": ({"status": 500, "body": "<html>"}, WAITS),
    "cut_before": ({"close_before_reply": True}, AGAIN),
    "cut_after": ({"drop_reply": True}, AGAIN),
}
BY_ROW = {
    "found_first": Answer(says=INVALID, ends=(REFUSED, DONE), nth=(1, 3)),
    "found_second": Answer(says=INVALID, ends=(DONE, REFUSED), nth=(1, 2)),
    "found_nobody": Answer(says=error(400), ends=(DONE, DONE), nth=(1,)),
    "too_large": Answer(says=error(413), ends=(DONE, DONE), nth=(1,)),
}
ANSWERS = {
    **{f"http_{status}": always(error(status), end) for end, all_ in CLASSES.items() for status in all_},
    **{name: always(says, end) for name, (says, end) in OTHERS.items()},
    **BY_ROW,
}


def test_every_answer_ends_as_the_specification_says(table: Table) -> None:
    assert_table(table, beyond=-2)  # of the answer that only said so
