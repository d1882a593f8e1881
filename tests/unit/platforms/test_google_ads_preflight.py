"""What a conversion action and its customer must be, in tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from conversion_sync.model.conversion import Outbound, Outcome
from conversion_sync.platforms.google_ads.classify import REMEDY
from conversion_sync.platforms.google_ads.encode import invalid
from conversion_sync.platforms.google_ads.preflight import (
    ActionFacts,
    CustomerFacts,
    action_findings,
    customer_findings,
    probe,
)
from conversion_sync.platforms.google_ads.settings import UploadApi
from conversion_sync.platforms.platform import RowResult, SendResult
from conversion_sync.platforms.preflight import AGAIN

DAY = timedelta(days=1)
RIGHT = ActionFacts(
    status="ENABLED", type="UPLOAD_CLICKS", counting="MANY_PER_CLICK", window_days=90, default_value=False
)
ONE = "later payments of a click do not count, and clicks with a gbraid or wbraid are refused"
WRONG = [
    (RIGHT, 90 * DAY, []),
    (replace(RIGHT, window_days=30), 30 * DAY, []),
    (
        replace(RIGHT, type="UPLOAD_CALLS"),
        90 * DAY,
        [(True, "is of type UPLOAD_CALLS, which takes no uploads of clicks")],
    ),
    (replace(RIGHT, status="REMOVED"), 90 * DAY, [(True, "is REMOVED")]),
    (
        replace(RIGHT, counting="ONE_PER_CLICK"),
        90 * DAY,
        [(False, f"counts one conversion a click: {ONE}")],
    ),
    (
        replace(RIGHT, window_days=30),
        90 * DAY,
        [(False, "takes clicks of 30 days; older ones would be refused")],
    ),
    (
        replace(RIGHT, default_value=True),
        90 * DAY,
        [
            (
                False,
                "always counts its default value, not what is sent, and takes no new value after a refund",
            )
        ],
    ),
    (
        replace(RIGHT, type="UPLOAD_CALLS", status="HIDDEN"),
        90 * DAY,
        [(True, "is of type UPLOAD_CALLS, which takes no uploads of clicks"), (True, "is HIDDEN")],
    ),
]


@pytest.mark.parametrize(("facts", "window", "expected"), WRONG)
def test_a_conversion_action_that_is_not_what_uploads_need_is_told(
    facts: ActionFacts, window: timedelta, expected: list[tuple[bool, str]]
) -> None:
    found = list(action_findings("purchase", "7", facts, window, UploadApi.DATA_MANAGER))
    assert [(each.blocking, each.text) for each in found] == [
        (blocking, f"The conversion action 7 of action purchase {said}.") for blocking, said in expected
    ]
    assert all(each.remedy.endswith(".") for each in found)


def test_a_conversion_action_that_is_not_there_is_told() -> None:
    [found] = action_findings("purchase", "7", None, 90 * DAY, UploadApi.DATA_MANAGER)
    assert (found.blocking, found.text) == (
        True,
        "There is no conversion action 7 of action purchase in this account.",
    )


def test_the_remedy_of_a_narrow_window_names_the_setting() -> None:
    [found] = action_findings(
        "purchase", "7", replace(RIGHT, window_days=30), 90 * DAY, UploadApi.CLICK_UPLOAD
    )
    assert "click_window_days: 30" in found.remedy


@pytest.mark.parametrize(
    ("route", "blocking"), [(UploadApi.DATA_MANAGER, False), (UploadApi.CLICK_UPLOAD, True)]
)
def test_an_action_of_the_websites_tag_is_for_one_route_alone(route: UploadApi, blocking: bool) -> None:
    [found] = action_findings("purchase", "7", replace(RIGHT, type="WEBPAGE"), 90 * DAY, route)
    assert (found.blocking, "is of type WEBPAGE" in found.text) == (blocking, True)


CUSTOMER = CustomerFacts(keeper="1234567890", tracked=True, terms_accepted=True, leads_enabled=True)
CUSTOMERS = [
    (CUSTOMER, True, []),
    (replace(CUSTOMER, keeper=""), True, []),
    (replace(CUSTOMER, keeper="9999999999"), False, ['Write customer_id: "9999999999"']),
    (replace(CUSTOMER, tracked=False), False, ["Make a conversion action"]),
    (replace(CUSTOMER, terms_accepted=False), True, ["Accept them"]),
    (replace(CUSTOMER, leads_enabled=False), True, ["Switch them on"]),
    (replace(CUSTOMER, terms_accepted=False, leads_enabled=False), False, []),
]


@pytest.mark.parametrize(("facts", "identifiers", "remedies"), CUSTOMERS)
def test_a_customer_that_is_not_what_uploads_need_is_told(
    facts: CustomerFacts, identifiers: bool, remedies: list[str]
) -> None:
    found = list(customer_findings("1234567890", facts, sends_identifiers=identifiers))
    assert [each.remedy.startswith(words) for each, words in zip(found, remedies, strict=True)] == [
        True for _ in remedies
    ]
    assert all(each.blocking for each in found)


class TestProbe:
    def test_it_needs_a_conversion_action(self) -> None:
        def never(*_: object, **__: object) -> SendResult:
            raise AssertionError

        said, found = probe(never, [], UploadApi.CLICK_UPLOAD)
        assert (said, found) == ("click_upload not tried: that takes a conversion action", [])

    @pytest.mark.parametrize(
        ("answer", "said", "remedy"),
        [
            (SendResult(outcome=Outcome.DELIVERED), "click_upload open", None),
            (SendResult(outcome=Outcome.BAD_BATCH, code="INVALID_GCLID"), "click_upload open", None),
            (
                SendResult(outcome=Outcome.DELIVERED, rows={0: RowResult(outcome=Outcome.REJECTED)}),
                "click_upload open",
                None,
            ),
            (
                SendResult(outcome=Outcome.HOLD, code="x", remedy="Do this."),
                "click_upload tried",
                "Do this.",
            ),
            (SendResult(outcome=Outcome.RETRY_LATER, code="x"), "click_upload tried", AGAIN),
            (
                SendResult(
                    outcome=Outcome.DELIVERED,
                    rows={0: RowResult(outcome=Outcome.HOLD, code="conversion_upload_error.X")},
                ),
                "click_upload tried",
                REMEDY,
            ),
        ],
    )
    def test_only_a_refusal_of_the_account_is_a_finding(
        self, answer: SendResult, said: str, remedy: str | None
    ) -> None:
        sent: list[Outbound] = []

        def check(batch: Sequence[Outbound], *, validate_only: bool) -> SendResult:
            assert validate_only
            sent.extend(batch)
            return answer

        told, found = probe(check, ["7", "8"], UploadApi.CLICK_UPLOAD)
        assert (told, [each.remedy for each in found]) == (said, [] if remedy is None else [remedy])
        assert [invalid(row, {}) for row in sent] == [None]
