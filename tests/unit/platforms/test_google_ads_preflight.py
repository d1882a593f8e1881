"""What a conversion action and its customer must be, in tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from conversion_sync.platforms.google_ads.preflight import (
    ActionFacts,
    action_findings,
    customer_findings,
)

DAY = timedelta(days=1)
RIGHT = ActionFacts(
    status="ENABLED", type="UPLOAD_CLICKS", counting="MANY_PER_CLICK", window_days=90, default_value=False
)
WRONG = [
    (RIGHT, 90 * DAY, []),
    (replace(RIGHT, window_days=30), 30 * DAY, []),
    (
        replace(RIGHT, type="WEBPAGE"),
        90 * DAY,
        [(True, "is of type WEBPAGE, which takes no uploads of clicks")],
    ),
    (replace(RIGHT, status="REMOVED"), 90 * DAY, [(True, "is REMOVED")]),
    (
        replace(RIGHT, counting="ONE_PER_CLICK"),
        90 * DAY,
        [(False, "counts one conversion a click: later payments of a click do not count")],
    ),
    (
        replace(RIGHT, window_days=30),
        90 * DAY,
        [(False, "takes clicks of 30 days; older ones would be refused")],
    ),
    (
        replace(RIGHT, default_value=True),
        90 * DAY,
        [(False, "always counts its default value, not what is sent")],
    ),
    (
        replace(RIGHT, type="WEBPAGE", status="HIDDEN"),
        90 * DAY,
        [(True, "is of type WEBPAGE, which takes no uploads of clicks"), (True, "is HIDDEN")],
    ),
]


@pytest.mark.parametrize(("facts", "window", "expected"), WRONG)
def test_a_conversion_action_that_is_not_what_uploads_need_is_told(
    facts: ActionFacts, window: timedelta, expected: list[tuple[bool, str]]
) -> None:
    found = list(action_findings("purchase", "7", facts, window))
    assert [(each.blocking, each.text) for each in found] == [
        (blocking, f"The conversion action 7 of action purchase {said}.") for blocking, said in expected
    ]
    assert all(each.remedy.endswith(".") for each in found)


def test_a_conversion_action_that_is_not_there_is_told() -> None:
    [found] = action_findings("purchase", "7", None, 90 * DAY)
    assert (found.blocking, found.text) == (
        True,
        "There is no conversion action 7 of action purchase in this account.",
    )


def test_the_remedy_of_a_narrow_window_names_the_setting() -> None:
    [found] = action_findings("purchase", "7", replace(RIGHT, window_days=30), 90 * DAY)
    assert "click_window_days: 30" in found.remedy


@pytest.mark.parametrize(("keeper", "named"), [("", False), ("1234567890", False), ("9999999999", True)])
def test_a_customer_whose_conversions_another_keeps_is_told(keeper: str, named: bool) -> None:
    found = list(customer_findings("1234567890", keeper))
    assert ['customer_id: "9999999999"' in each.remedy for each in found] == ([True] if named else [])
