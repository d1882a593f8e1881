"""Every answer of LinkedIn's. Source: specs/meta_tiktok_linkedin_microsoft.md §3.3, §6.3."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from conversion_sync.model.click import ClickIdKind
from conversion_sync.sandbox import linkedin
from conversion_sync.sandbox.credentials import Credentials
from conversion_sync.sandbox.linkedin_oauth import issue
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
from tests.integration.world import NOW


def settings(known: Credentials, url: str) -> dict[str, Any]:
    return {"access_token": issue(known, NOW + timedelta(days=30)), "base_url": url}


VENDOR = Vendor(
    platform="linkedin",
    app=linkedin.app,
    click_kind=ClickIdKind.LI_FAT_ID,
    settings=settings,
    target={"conversion_rule_id": "900001"},
)


def said(status: int, message: str = "said", **members: Any) -> dict[str, Any]:
    return {"status": status, "body": {"message": message, "status": status, **members}}


def elements(*statuses: Any) -> dict[str, Any]:
    return {"status": 200, "body": {"elements": [{"status": status} for status in statuses]}}


TIME = "Conversion time should be within 90 days and not exceed current time, indices"
METHOD = "Incorrect conversions information provided. Conversion's method should be CONVERSIONS_API, indices"
AMOUNT = "ERROR :: /conversionValue/amount :: 19.9 cannot be coerced to String"
MEMBER = "ERROR :: /foo :: unrecognized field found but not allowed"

OF_REQUESTS: dict[str, tuple[dict[str, Any], End]] = {
    "time_of_both": (said(400, f"{TIME} [0, 1] (0-indexed)."), REFUSED),
    "schema_of_both": (said(422, f"Index: 0, {AMOUNT}\n{MEMBER}\nIndex: 1, {AMOUNT}\n"), REFUSED),
    "schema_without_index": (said(422, AMOUNT), REFUSED),
    "json": (said(400, "Invalid JSON in request body"), REFUSED),
    "method": (said(400, f"{METHOD} [0] (0-indexed)"), HELD),
    "version_missing": (said(400, code="VERSION_MISSING"), HELD),
    "invalid_token": (said(401, code="INVALID_ACCESS_TOKEN", serviceErrorCode=65600), HELD),
    "revoked_token": (said(401, code="REVOKED_ACCESS_TOKEN", serviceErrorCode=65601), HELD),
    "expired_token": (said(401, code="EXPIRED_ACCESS_TOKEN", serviceErrorCode=65602), HELD),
    "no_account": (said(403, "No ad accounts found"), HELD),
    "not_found": (said(404), HELD),
    "too_large": (said(413), HELD),  # even of one row
    "version_dead": (said(426, code="NONEXISTENT_VERSION"), HELD),
    "limited": (said(429, code="TOO_MANY_REQUESTS", serviceErrorCode=101), WAITS),
    "unavailable": (said(503), WAITS),
    # Nothing promises that a copy is dropped, so what may have arrived is a person's (§10).
    "broken": (said(500), UNKNOWN),
    "bad_gateway": ({"status": 502, "body": "<html>"}, UNKNOWN),
    "gateway_timeout": ({"status": 504, "body": ""}, UNKNOWN),
    "html_200": ({"status": 200, "body": "<html>"}, UNKNOWN),
    "one_created": ({"status": 201, "body": ""}, UNKNOWN),
    "element_missing": (elements(201), UNKNOWN),
    "element_too_many": (elements(201, 201, 201), UNKNOWN),
    "unlisted": (said(409), REVIEW),
    "cut_before": ({"close_before_reply": True}, UNKNOWN),
    "cut_after": ({"drop_reply": True}, UNKNOWN),
}
ELEMENTS: dict[Any, End] = {
    201: DONE,
    **dict.fromkeys((400, 404, 409, 422), REFUSED),
    # A rule's account or a token is a person's to mend, also where an element says so.
    **dict.fromkeys((401, 403), HELD),
    **dict.fromkeys((429, 500, 503), WAITS),
    **dict.fromkeys((None, "201", 99, 302), UNKNOWN),
}
BY_ROW = {
    **{
        f"element_{number}": Answer(says=elements(201, status), ends=(DONE, end), nth=(1,))
        for number, (status, end) in enumerate(ELEMENTS.items())
    },
    **{
        f"first_{number}": Answer(says=elements(status, 201), ends=(end, DONE), nth=(1,))
        for number, (status, end) in enumerate(ELEMENTS.items())
    },
    "time_of_the_second": Answer(says=said(400, f"{TIME} [1] (0-indexed)."), ends=(DONE, REFUSED), nth=(1,)),
    "schema_of_the_first": Answer(says=said(422, f"Index: 0, {AMOUNT}"), ends=(REFUSED, DONE), nth=(1,)),
    "of_nobody_here": Answer(says=said(422, f"Index: 7, {AMOUNT}"), ends=(DONE, DONE), nth=(1,)),
    "found_first": Answer(says=said(422, AMOUNT), ends=(REFUSED, DONE), nth=(1, 3)),
    "found_second": Answer(says=said(422, AMOUNT), ends=(DONE, REFUSED), nth=(1, 2)),
}
ANSWERS = {**{name: always(says, end) for name, (says, end) in OF_REQUESTS.items()}, **BY_ROW}


def test_every_answer_ends_as_the_specification_says(table: Table) -> None:
    told = sum(says.count(DONE) for says in (answer.ends for answer in BY_ROW.values()))
    really = 2 + 4  # named rows and halves: the others of a batch went again and were taken in
    assert_table(table, beyond=2 - (told - really))
