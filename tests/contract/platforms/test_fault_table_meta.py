"""Every code of Meta's. Source: specs/meta_tiktok_linkedin_microsoft.md §1.5, §6.1."""

from __future__ import annotations

from typing import Any

from conversion_sync.model.click import ClickIdKind
from conversion_sync.sandbox import meta
from conversion_sync.sandbox.credentials import Credentials
from tests.contract.platforms.fault_table import (
    DONE,
    HELD,
    REFUSED,
    REVIEW,
    UNKNOWN,
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
        "dataset_id": known.meta_dataset_id,
        "access_token": known.meta_access_token,
        "app_secret": known.meta_app_secret,
        "base_url": url,
    }


VENDOR = Vendor(
    platform="meta",
    app=meta.app,
    click_kind=ClickIdKind.FBCLID,
    settings=settings,
    target={"event_name": "Purchase", "action_source": "system_generated"},
)

Code = tuple[int, int | None]


def error(code: Code, status: int = 400, **members: Any) -> dict[str, Any]:
    known = {"message": "(#0) dit", "type": "OAuthException", "code": code[0], "fbtrace_id": "A"}
    subcode = {} if code[1] is None else {"error_subcode": code[1]}
    return {"status": status, "body": {"error": known | subcode | members}}


def plain(*codes: int) -> list[Code]:
    return [(code, None) for code in codes]


OF_100 = (2804001, 2804003, 2804007, 2804009, 2804010, 2804016, 2804017, 2804019, 2804048, 2804050)
CLASSES: dict[End, list[Code]] = {
    REFUSED: [*((100, subcode) for subcode in OF_100), (100, 99), (100, None)],
    REVIEW: [(987654, None), (987654, 3)],  # nobody listed them
    HELD: [
        *((100, 33), (100, 2804030), (190, None), (190, 460), (190, 463), (190, 467), (190, 1)),
        *plain(102, 104, 3, 10, 200, 250, 294, 299, 2635),
    ],
    WAITS: [
        *((4, 1504022), (4, 1504039), (4, None), (17, 2446079), (32, None), (341, None)),
        *((613, 1487742), (613, 5044001), (613, None)),
        *plain(80000, 80003, 80004, 80014, 368, 1, 2, 5000, -1, -3, 21009),
    ],
}
OTHERS: dict[str, tuple[dict[str, Any], End]] = {
    "transient": (error((100, None), is_transient=True), WAITS),
    "unknown_500": (error((987654, None), 500), WAITS),
    "unknown_429": (error((987654, None), 429), WAITS),
    "token_401": (error((190, None), 401), HELD),
    "http_400": ({"status": 400, "body": "Bad request"}, REVIEW),
    "http_429": ({"status": 429, "body": ""}, WAITS),
    "http_500_html": ({"status": 500, "body": "<html>"}, UNKNOWN),
    "http_502": ({"status": 502, "body": "<html>"}, UNKNOWN),
    "http_503": ({"status": 503, "body": "Service Unavailable"}, WAITS),
    "http_504": ({"status": 504, "body": ""}, UNKNOWN),
    "fewer": ({"status": 200, "body": {"events_received": 1, "messages": []}}, UNKNOWN),
    "no_count": ({"status": 200, "body": {"messages": []}}, UNKNOWN),
    "empty_200": ({"status": 200, "body": ""}, UNKNOWN),
    "error_at_200": (error((4, None), 200), WAITS),
    "error_as_text": ({"status": 400, "body": {"error": "said"}}, REVIEW),
    "cut_before": ({"close_before_reply": True}, UNKNOWN),
    "cut_after": ({"drop_reply": True}, UNKNOWN),
}
BY_ROW = {
    **{
        f"found_{subcode}": Answer(says=error((100, subcode)), ends=(REFUSED, DONE), nth=(1, 3))
        for subcode in OF_100
    },
    "found_second": Answer(says=error((100, None)), ends=(DONE, REFUSED), nth=(1, 2)),
    "found_nobody": Answer(says=error((100, None)), ends=(DONE, DONE), nth=(1,)),
    "found_unknown": Answer(says=error((987654, None)), ends=(REVIEW, DONE), nth=(1, 3)),
}


def named(code: Code) -> str:
    return f"code_{code[0]}_{code[1]}".replace("-", "minus")


ANSWERS = {
    **{named(code): always(error(code), end) for end, codes in CLASSES.items() for code in codes},
    **{name: always(says, end) for name, (says, end) in OTHERS.items()},
    **BY_ROW,
}


def test_every_answer_ends_as_the_specification_says(table: Table) -> None:
    assert_table(table, beyond=2)  # of the connection cut after they were taken in
